"""What every merge must do, whatever was lived before it."""

from typing import Any

from hypothesis import given
from msgspec.structs import replace

from functions.core import frequency, permission
from functions.core.compiled import Campaigns
from functions.core.frequency import SEEN_KEPT
from functions.core.merge import merge
from functions.core.model import Profile, Progress, PushStatus
from functions.store import codec
from tests.unit.core.lives import (
    ANONYMOUS,
    any_sets,
    asking_sets,
    compared,
    lived,
    shared_lives,
)
from tests.unit.core.random_profiles import profiles
from tests.unit.core.scene import START, USER

NOBODY = Progress()

Steps = list[tuple[int, tuple[Any, ...]]]


@given(campaigns=any_sets, life=shared_lives(2))
def test_row_40_a_merge_forgets_nothing_that_was_asked_or_answered(
    campaigns: Campaigns, life: Steps
) -> None:
    own, theirs = lived(campaigns, (USER, ANONYMOUS[0]), life)
    now = own.now

    merged = merge(own.profile, theirs.profile, campaigns, now)

    assert merged.aliases == {"a1": theirs.profile.seen_at}
    assert merged.progress.keys() == own.profile.progress.keys() | theirs.profile.progress.keys()
    for campaign_id, progress in merged.progress.items():
        parts = [each.profile.progress.get(campaign_id, NOBODY) for each in (own, theirs)]
        assert_nothing_is_forgotten(progress, parts)
        assert_exhaustion_holds(campaigns, campaign_id, progress, parts)
    assert_one_popup(merged, [own.profile, theirs.profile], now)
    assert codec.decode(codec.encode(merged, {})) == (merged, {})


def assert_nothing_is_forgotten(merged: Progress, parts: list[Progress]) -> None:
    attempts = [each.attempts for each in parts]
    assert max(attempts) <= merged.attempts <= sum(attempts)
    assert merged.spent >= max(each.spent for each in parts)
    assert (merged.declined_at or 0) == max(each.declined_at or 0 for each in parts)
    assert {each.serial for each in merged.seen} == {s.serial for each in parts for s in each.seen}
    exposures = [each.exposed_at for each in parts if each.exposed_at is not None]
    assert merged.exposed_at == min(exposures, default=None)
    assert merged.granted == max(each.granted for each in parts)


def assert_exhaustion_holds(
    campaigns: Campaigns, campaign_id: str, merged: Progress, parts: list[Progress]
) -> None:
    campaign = campaigns.seen_by(USER).by_id[campaign_id]
    is_over = [campaign.attempt(each.spent + 1) is None for each in parts]
    assert not any(is_over) or campaign.attempt(merged.spent + 1) is None


def assert_one_popup(merged: Profile, parts: list[Profile], now: int) -> None:
    open_now = list(frequency.open_offers(merged, now))
    on_screen = [each for each in merged.progress.values() if frequency.is_on_screen(each, now)]
    assert len(open_now) <= 1
    assert not (open_now and on_screen)
    before = [offer for part in parts for offer in frequency.open_offers(part, now)]
    assert all(offer in before for offer in open_now)


@given(campaigns=any_sets, life=shared_lives(2))
def test_row_40_what_is_merged_already_is_not_merged_again(
    campaigns: Campaigns, life: Steps
) -> None:
    own, theirs = lived(campaigns, (USER, ANONYMOUS[0]), life)

    once = merge(own.profile, theirs.profile, campaigns, own.now)

    assert merge(once, theirs.profile, campaigns, own.now) is once


@given(campaigns=any_sets, life=shared_lives(3))
def test_row_40_two_anonymous_profiles_merge_alike_in_either_order(
    campaigns: Campaigns, life: Steps
) -> None:
    lives = lived(campaigns, (USER, *ANONYMOUS), life)
    own, one, other = (each.profile for each in lives)
    now = lives[0].now

    first = merge(merge(own, one, campaigns, now), other, campaigns, now)
    second = merge(merge(own, other, campaigns, now), one, campaigns, now)

    if any(is_granted_somewhere(each) for each in (own, one, other)):
        # The row of a window that a grant ended is not brought back by a newer snapshot.
        first, second = (without_rows(each) for each in (first, second))
    assert compared(first, now) == compared(second, now)
    assert first.recent == second.recent


def is_granted_somewhere(profile: Profile) -> bool:
    return any(
        permission.status_on(profile, device) is PushStatus.GRANTED for device in profile.devices
    )


def without_rows(profile: Profile) -> Profile:
    rowless = {id_: replace(each, window=False) for id_, each in profile.progress.items()}
    return replace(profile, progress=rowless)


@given(campaigns=any_sets, life=shared_lives(2))
def test_row_40_it_does_not_matter_which_of_the_two_lives_was_anonymous(
    campaigns: Campaigns, life: Steps
) -> None:
    own, theirs = lived(campaigns, (USER, ANONYMOUS[0]), life)
    swapped = replace(theirs.profile, user=USER), replace(own.profile, user=ANONYMOUS[0])

    one = merge(own.profile, theirs.profile, campaigns, own.now)
    other = merge(*swapped, campaigns, own.now)

    assert compared(one, own.now) == compared(replace(other, aliases=one.aliases), own.now)
    assert one.recent == other.recent


@given(campaigns=any_sets, life=shared_lives(2))
def test_row_40_an_anonymous_profile_in_which_nothing_happened_changes_nothing(
    campaigns: Campaigns, life: Steps
) -> None:
    own, _ = lived(campaigns, (USER, ANONYMOUS[0]), life)
    empty = Profile(user=ANONYMOUS[0], first_seen_at=own.now, seen_at=own.now)

    merged = merge(own.profile, empty, campaigns, own.now)

    before = replace(own.profile, aliases={"a1": own.now})
    assert compared(merged, own.now) == compared(before, own.now)


@given(campaigns=asking_sets(), own=profiles(USER), theirs=profiles(ANONYMOUS[0]))
def test_row_40_whatever_is_stored_a_merge_forgets_nothing_and_knows_no_sides(
    campaigns: Campaigns, own: Profile, theirs: Profile
) -> None:
    merged = merge(own, theirs, campaigns, START)

    for campaign_id, progress in merged.progress.items():
        parts = [each.progress.get(campaign_id, NOBODY) for each in (own, theirs)]
        serials = sorted(seen.serial for part in parts for seen in part.seen)
        assert [seen.serial for seen in progress.seen] == serials[-SEEN_KEPT:]
        assert max(p.attempts for p in parts) <= progress.attempts <= sum(p.attempts for p in parts)
        assert progress.spent >= max(part.spent for part in parts)
        assert_exhaustion_holds(campaigns, campaign_id, progress, parts)
    assert len(list(frequency.open_offers(merged, START))) <= 1
    assert codec.decode(codec.encode(merged, {})) == (merged, {})
    swapped = replace(theirs, user=USER), replace(own, user=ANONYMOUS[0])
    other = replace(merge(*swapped, campaigns, START), aliases=merged.aliases)
    assert compared(other, START) == compared(merged, START)


@given(
    campaigns=asking_sets(),
    own=profiles(USER),
    one=profiles(ANONYMOUS[0]),
    other=profiles(ANONYMOUS[1]),
)
def test_row_40_whatever_is_stored_two_anonymous_profiles_merge_alike_in_either_order(
    campaigns: Campaigns, own: Profile, one: Profile, other: Profile
) -> None:
    first = merge(merge(own, one, campaigns, START), other, campaigns, START)
    second = merge(merge(own, other, campaigns, START), one, campaigns, START)

    assert compared(first, START) == compared(second, START)
