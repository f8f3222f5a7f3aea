"""An anonymous profile into a known one: nothing that either was asked or answered is forgotten.

Anonymous ids may be merged in any order, and each twice: every way ends alike. What is merged was
counted already, user by user: a merge makes no facts of its own, and if it leaves no attempt, that
is no refusal by which the user was exhausted.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from functions.core import attributes, devices, frequency, history, permission, recent, ways
from functions.core.compiled import Campaigns
from functions.core.model import Offer, Profile, Progress
from functions.core.moments import later

ALIASES_KEPT = 1_000

T = TypeVar("T")


def merge(known: Profile, anonymous: Profile, campaigns: Campaigns, now: int) -> Profile:
    """The known user with both states; the same profile again if it is part of it already.

    A trait that one of them unset is not remembered as unset: the other's value stays.
    """
    if anonymous.user.id in known.aliases:
        return known
    merged = Profile(
        user=known.user,
        first_seen_at=min(known.first_seen_at, anonymous.first_seen_at),
        seen_at=max(known.seen_at, anonymous.seen_at),
        attributes=attributes.united(known.attributes, anonymous.attributes),
        devices=_by_key(known.devices, anonymous.devices, devices.united),
        events=_by_key(known.events, anonymous.events, history.united),
        progress=_progress(known, anonymous, campaigns, now),
        aliases=_aliases(known, anonymous),
        session_at=max(known.session_at, anonymous.session_at),
        declined_at=later(known.declined_at, anonymous.declined_at),
        asked_at=later(known.asked_at, anonymous.asked_at),
        recent=recent.united(known.recent, anonymous.recent, now),
    )
    offered = {offer.device for offer in frequency.open_offers(merged, now)}
    return replace(
        merged,
        devices=devices.capped(merged.devices, offered),
        progress=_with_windows(known, anonymous, merged, campaigns, now),
    )


def _by_key(
    one: Mapping[str, T], other: Mapping[str, T], unite: Callable[[T, T], T]
) -> dict[str, T]:
    both = {key: unite(one[key], other[key]) for key in one.keys() & other.keys()}
    return {**one, **other, **both}


def _aliases(known: Profile, anonymous: Profile) -> dict[str, int]:
    aliases = {**known.aliases, anonymous.user.id: anonymous.seen_at}
    by_time = sorted(aliases.items(), key=lambda each: (each[1], each[0]))
    return dict(by_time[-ALIASES_KEPT:])


# --- offers and windows ---


def _progress(
    known: Profile, anonymous: Profile, campaigns: Campaigns, now: int
) -> dict[str, Progress]:
    standing = _standing_offer(known, anonymous, now)
    one, other = (_with_one_offer(each, standing, now) for each in (known, anonymous))
    both = {
        campaign: ways.united(one[campaign], other[campaign], campaigns.by_id.get(campaign))
        for campaign in one.keys() & other.keys()
    }
    return {**one, **other, **both}


def _standing_offer(known: Profile, anonymous: Profile, now: int) -> Offer | None:
    """The newest open one whose grant could not have reckoned with more than it did."""
    offers = [
        offer
        for part, other in ((known, anonymous), (anonymous, known))
        for offer in frequency.open_offers(part, now)
        if not _was_asked(other)
    ]
    return max(offers, key=lambda offer: offer.serial, default=None)


def _was_asked(profile: Profile) -> bool:
    """Whether the user saw a popup or declined one, here or in the system in use before."""
    if profile.declined_at is not None or profile.asked_at is not None:
        return True
    return any(ways.was_asked(each) for each in profile.progress.values())


def _with_one_offer(profile: Profile, standing: Offer | None, now: int) -> dict[str, Progress]:
    """The profile's progress, every other open offer withdrawn."""
    progress = dict(profile.progress)
    for campaign, each in profile.progress.items():
        if frequency.open_offer(each, now) not in (None, standing):
            progress[campaign] = frequency.withdraw(each)
    return progress


def _with_windows(
    known: Profile, anonymous: Profile, merged: Profile, campaigns: Campaigns, now: int
) -> dict[str, Progress]:
    """Which windows have a row: running ones that had one, and the user's own while it is due."""
    progress = dict(merged.progress)
    for campaign, each in merged.progress.items():
        own = known.progress.get(campaign) or Progress()
        theirs = anonymous.progress.get(campaign) or Progress()
        had_one = any(part.window and _is_running(part, now) for part in (own, theirs))
        is_due = own.window and own.retry_at == each.retry_at
        has_one = is_due or (had_one and _is_running(each, now))
        window = has_one and not _is_closed(merged, campaign, campaigns)
        progress[campaign] = replace(each, window=window)
    return progress


def _is_running(progress: Progress, now: int) -> bool:
    return progress.retry_at is not None and progress.retry_at > now


def _is_closed(profile: Profile, campaign_id: str, campaigns: Campaigns) -> bool:
    """A test user has no rows, nor has who was granted on the device that was asked."""
    if campaigns.is_test(profile.user):
        return True
    campaign = campaigns.by_id.get(campaign_id)
    if campaign is not None and campaign.kind == "popup":
        return False
    return permission.is_granted_where_asked(profile, profile.progress[campaign_id])
