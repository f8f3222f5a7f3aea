"""All that is held of one user: exported, and deleted."""

from collections.abc import Iterator, Mapping
from itertools import islice

from functions.core.model import SECOND, Profile, User
from functions.core.moments import format_time
from functions.store import erasure, ledger, windows
from functions.store.erasure import Found, Plan
from functions.store.ledger import FactItem
from functions.store.profiles import TOMBSTONE_KEPT, ProfileItem, key_of
from functions.store.retry import Retry
from functions.store.windows import WindowItem
from functions.wire.users import (
    CohortRow,
    DeletedBody,
    DeletedCounts,
    FactRow,
    Place,
    UserAnswer,
    UserDeletedAnswer,
    WindowRow,
    write_place,
    write_profile,
)

MOST_FACTS = 1_000
"""In one answer: with the longest ids some 2 MB, beside a profile of 400 KB; a Lambda sends 6."""

_Keys = Mapping[str, str | None]
"""The user's own key first, then those of the anonymous ids that became the user, with the ids."""


def export(user: User, after: Place | None, now: int) -> UserAnswer:
    """What is held of the user, in every table; facts from behind a place on, if one is given."""
    found = erasure.find(user, now)
    if found.deleted_at is not None:
        return _deleted(user, found.key, found.deleted_at)
    profile, surplus = found.profile()
    keys = _keys(user, found, profile)
    open_ = [_window(item, id_) for key, id_ in keys.items() for item in windows.of(key)]
    some = list(islice(_facts(keys, after), MOST_FACTS + 1))
    facts = sorted(some[:MOST_FACTS], key=lambda item: item.at)
    last = some[MOST_FACTS - 1] if len(some) > MOST_FACTS else None
    return UserAnswer(
        id=user.id,
        kind=user.kind,
        became_user_id=_became(user, profile.user if profile else None),
        user_key=found.key,
        is_known=bool(profile or open_ or some),
        retain_until=_retain_until(found.item),
        profile=write_profile(profile, surplus) if profile else None,
        windows=tuple(open_),
        facts=tuple(_fact(item, keys[item.user_key]) for item in facts),
        next=write_place(Place(last.user_key, last.fact_id)) if last else None,
    )


class Eraser:
    """retry: what to do while events of the same user are written."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry

    def delete(self, user: User, now: int) -> UserDeletedAnswer:
        """Deletes the user, or finishes what a killed call left. Raises `Unavailable`."""
        plans: list[Plan] = []
        closed: list[int] = []

        def attempt() -> None:
            plans.append(erasure.plan(user, now))
            closed.extend(windows.remove_all(key) for key in plans[-1].keys)
            erasure.carry_out(plans[-1])

        self._retry.until_written(attempt)
        found, made = plans[0], plans[-1]
        return UserDeletedAnswer(
            id=user.id,
            kind=user.kind,
            became_user_id=_became(user, found.user),
            user_key=made.keys[0],
            deleted_at=format_time(made.deletion.at),
            late_events_refused_until=format_time(made.deletion.until),
            deleted=DeletedCounts(
                profiles=found.profiles,
                anonymous_ids=found.redirects,
                windows=sum(closed),
                facts=sum(ledger.forget(key) for key in made.keys),
            ),
        )


def _deleted(user: User, key: str, at: int) -> UserAnswer:
    """Since when, until when, and nothing else."""
    until = format_time(at + TOMBSTONE_KEPT)
    return UserAnswer(
        id=user.id,
        kind=user.kind,
        user_key=key,
        deleted=DeletedBody(at=format_time(at), late_events_refused_until=until),
    )


def _became(asked: User, found: User | None) -> str | None:
    return None if found is None or found == asked else found.id


def _keys(asked: User, found: Found, profile: Profile | None) -> _Keys:
    ids = dict.fromkeys(profile.aliases if profile else ())
    if found.asked != found.key:
        ids[asked.id] = None  # forgotten among too many, and still theirs
    keys = {key_of(User("anonymous", id_)): id_ for id_ in ids}
    return {found.key: None, **{key: keys[key] for key in sorted(keys)}}


def _facts(keys: _Keys, after: Place | None) -> Iterator[FactItem]:
    """Key by key, in an order that holds while somebody reads on from a place."""
    for key in keys if after is None else _from(after.user_key, keys):
        behind = after.fact_id if after is not None and after.user_key == key else None
        yield from ledger.facts(key, behind)


def _from(first: str, keys: _Keys) -> list[str]:
    users_key, *others = keys
    if first == users_key:
        return [users_key, *others]
    return [key for key in others if key >= first]


def _window(item: WindowItem, anonymous_id: str | None) -> WindowRow:
    return WindowRow(
        campaign=item.campaign,
        due_at=format_time(int(item.due_at) * SECOND),
        window=item.window,
        version=_whole(item.version),
        arm=item.arm,
        variant=item.variant,
        anonymous_id=anonymous_id,
    )


def _fact(item: FactItem, anonymous_id: str | None) -> FactRow:
    return FactRow(
        id=item.fact_id,
        kind=item.kind,
        at=format_time(int(item.at)),
        campaign=item.campaign,
        version=_whole(item.version),
        attempt=_whole(item.attempt),
        arm=item.arm,
        variant=item.variant,
        platform=item.platform,
        offer_id=item.offer_id,
        cohort=_cohort(item),
        after_milliseconds=_whole(item.after),
        ordinal=_whole(item.ordinal),
        first=bool(item.first),
        unasked=bool(item.unasked),
        anonymous_id=anonymous_id,
    )


def _cohort(item: FactItem) -> CohortRow | None:
    if item.cohort_at is None:
        return None
    return CohortRow(
        at=format_time(int(item.cohort_at)),
        version=int(item.cohort_version or 0),
        platform=item.cohort_platform,
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _retain_until(item: ProfileItem | None) -> str | None:
    if item is None or item.body is None or item.retain_until is None:
        return None
    return format_time(int(item.retain_until.timestamp()) * SECOND)
