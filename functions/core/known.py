"""What the system in use before knew of a user, so that nobody is asked again who answered there.

Rows come in any order, twice, and beside the app's own reports: every order ends alike, a repeated
row changes nothing, and no window, floor or decline is ever shortened.
"""

import msgspec
from msgspec.structs import replace

from functions.core import attributes, frequency, permission
from functions.core.audience import PUSH_STATUS
from functions.core.compiled import Campaigns
from functions.core.model import Attribute, Profile, Progress, PushStatus, User

BEFORE_ANY_MESSAGE = 10**13
"""Imported attributes are dated so much earlier: whatever the app tells, however late it arrives,
is newer, while imports still compare with each other."""

_STRENGTH = {PushStatus.UNKNOWN: 0, PushStatus.DENIED: 1, PushStatus.GRANTED: 2}
"""Among rows of one date, such as one a device, the answer that closes more."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    declined_at, asked_at: the latest decline, and the latest popup that was shown.
    at: when the other system knew it; decides between imports alone.
    """

    user: User
    push_status: PushStatus | None = None
    declined_at: int | None = None
    asked_at: int | None = None
    at: int | None = None


def adopt(profile: Profile, known: Known, campaigns: Campaigns, now: int) -> Profile:
    """The profile with what is known; the same object when that changes nothing.

    What the app itself told of the permission always wins. Dates ahead of now count as now.
    """
    declined_at = _later(profile.declined_at, known.declined_at, now)
    adopted = replace(
        profile,
        attributes={**profile.attributes, **_status(profile, known, now)},
        declined_at=declined_at,
        asked_at=_later(profile.asked_at, known.asked_at, now),
        progress=_declined(profile, declined_at, campaigns),
    )
    is_test = campaigns.is_test(profile.user)
    adopted = replace(adopted, progress=_with_windows(profile, adopted, now, is_test=is_test))
    return profile if adopted == profile else adopted


def lacks_room(profile: Profile, known: Known) -> bool:
    """Whether the status could not be kept beside the attributes that fill the profile."""
    if known.push_status is None or PUSH_STATUS in profile.attributes:
        return False
    return not _is_told_by_a_device(profile)


def _status(profile: Profile, known: Known, now: int) -> dict[str, Attribute]:
    """The status as an attribute, where it is better than what is there."""
    status, before = known.push_status, profile.attributes.get(PUSH_STATUS)
    if status is None or _is_told_by_a_device(profile):
        return {}
    imported = Attribute(status.value, min(known.at or 0, now) - BEFORE_ANY_MESSAGE)
    if before is not None and _rank(before) >= _rank(imported):
        return {}
    added = {PUSH_STATUS: imported}
    return {} if attributes.exceed_caps({**profile.attributes, **added}) else added


def _is_told_by_a_device(profile: Profile) -> bool:
    return any(device.push.status is not None for device in profile.devices.values())


def _rank(attribute: Attribute) -> tuple[int, int]:
    return attribute.at, _STRENGTH[permission.read_status(attribute.value)]


def _later(before: int | None, told: int | None, now: int) -> int | None:
    if told is None:
        return before
    return max(min(told, now), before or 0)


def _declined(
    profile: Profile, declined_at: int | None, campaigns: Campaigns
) -> dict[str, Progress]:
    """A decline holds for every campaign that asks for the permission."""
    progress = dict(profile.progress)
    if declined_at is None or declined_at == profile.declined_at:
        return progress
    for campaign in campaigns.by_id.values():
        if campaign.hears_told_declines:
            before = progress.get(campaign.id) or Progress()
            progress[campaign.id] = frequency.decline(before, campaign, declined_at)
    return progress


def _with_windows(
    before: Profile, after: Profile, now: int, *, is_test: bool
) -> dict[str, Progress]:
    """Which windows have a row: none for a test user or one who granted, and no new one that is
    over already.

    Else thousands would become re-eligible with the first sweep after they moved in.
    """
    return {
        campaign: _with_window(
            before.progress.get(campaign) or Progress(),
            progress,
            was_granted=is_test or permission.is_granted_where_asked(before, progress),
            is_granted=is_test or permission.is_granted_where_asked(after, progress),
            now=now,
        )
        for campaign, progress in after.progress.items()
    }


def _with_window(
    before: Progress, after: Progress, *, was_granted: bool, is_granted: bool, now: int
) -> Progress:
    if after.retry_at is None or (after == before and was_granted == is_granted):
        return after
    is_running = after.retry_at > now
    return replace(after, window=not is_granted if is_running else before.window)
