"""What is imported of users, in any order, beside what the app tells itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cli.campaigns import read_package
from functions.core.attributes import MAX_ATTRIBUTES
from functions.core.compiling import compile_package
from functions.core.decision import decide, new_profile
from functions.core.known import Known, adopt, lacks_room
from functions.core.model import (
    DAY,
    Attribute,
    Device,
    Message,
    Profile,
    Progress,
    PushStatus,
    Snapshot,
    User,
)
from functions.core.permission import status_on
from functions.core.reason import Reason

PACKAGE = read_package(Path(__file__).parents[3] / "campaigns")
CAMPAIGNS = compile_package(PACKAGE)
CAMPAIGN = "push-softask"
STATUS = "push_permission_status"
NOW = 1_790_000_000_000
USER = User("user", "u1")
NEW = new_profile(USER, NOW)

GRANTED, DENIED, UNKNOWN = PushStatus.GRANTED, PushStatus.DENIED, PushStatus.UNKNOWN


@dataclass(frozen=True)
class Row:
    """A row's values, as a test writes them."""

    push_status: PushStatus | None = None
    declined_at: int | None = None
    asked_at: int | None = None
    at: int | None = None

    def known(self) -> Known:
        return Known(
            user=USER,
            push_status=self.push_status,
            declined_at=self.declined_at,
            asked_at=self.asked_at,
            at=self.at,
        )


def adopted(profile: Profile, *rows: Row, now: int = NOW) -> Profile:
    return reduce(lambda known, row: adopt(known, row.known(), CAMPAIGNS, now), rows, profile)


def told(profile: Profile, traits: Mapping[str, str], at: int = NOW) -> Profile:
    message = Message(
        id=f"m{at}", content=b"", kind="identify", user=USER, at=at, traits=traits, device="d1"
    )
    return decide(profile, message, CAMPAIGNS, NOW).profile


def value_moment(profile: Profile, at: int) -> Reason:
    message = Message(
        id=f"v{at}",
        content=b"",
        kind="track",
        user=USER,
        at=at,
        event="ValueMomentReached",
        device="d1",
        platform="ios",
    )
    return decide(profile, message, CAMPAIGNS, at).reason


def status(profile: Profile) -> PushStatus:
    return status_on(profile, "d1")


# --- the permission ---


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (GRANTED, Reason.ALREADY_GRANTED),
        (DENIED, Reason.PERMISSION_DENIED),
        (UNKNOWN, Reason.OFFER_GRANTED),
    ],
)
def test_an_imported_answer_is_not_asked_for_again(known: PushStatus, reason: Reason) -> None:
    assert value_moment(adopted(NEW, Row(known)), NOW) is reason


def test_what_the_app_told_stays() -> None:
    profile = told(NEW, {STATUS: "unknown"}, at=NOW - DAY)

    assert adopted(profile, Row(GRANTED, at=NOW)) is profile


def test_what_the_app_tells_late_beats_an_import_that_is_younger() -> None:
    profile = adopted(NEW, Row(GRANTED, at=NOW))

    assert status(told(profile, {STATUS: "unknown"}, at=NOW - DAY)) is UNKNOWN


def test_a_device_that_told_its_status_is_believed() -> None:
    device = Device(push=Snapshot(status="notDetermined"), push_at=NOW)
    profile = replace(NEW, devices={"d1": device})

    assert adopted(profile, Row(GRANTED)) is profile


def test_a_device_that_told_no_status_hides_nothing() -> None:
    profile = replace(NEW, devices={"d1": Device(push=Snapshot(last_asked_at=NOW), push_at=NOW)})

    assert status(adopted(profile, Row(GRANTED))) is GRANTED


def test_a_newer_import_corrects_an_older_one() -> None:
    older, newer = Row(GRANTED, at=NOW - DAY), Row(DENIED, at=NOW)

    assert status(adopted(NEW, older, newer)) is DENIED
    assert status(adopted(NEW, newer, older)) is DENIED


def test_of_rows_of_one_date_the_grant_counts() -> None:
    assert status(adopted(NEW, Row(DENIED), Row(GRANTED), Row(UNKNOWN))) is GRANTED


def test_a_full_profile_keeps_its_attributes_and_says_so() -> None:
    full = replace(NEW, attributes={f"a{i}": Attribute(i, NOW) for i in range(MAX_ATTRIBUTES)})
    row = Row(GRANTED, declined_at=NOW)
    profile = adopted(full, row)

    assert profile.attributes == full.attributes
    assert profile.declined_at == NOW
    assert lacks_room(profile, row.known())
    assert not lacks_room(adopted(NEW, row), row.known())


# --- declines and popups ---


def test_an_imported_decline_opens_the_window_in_every_campaign() -> None:
    profile = adopted(NEW, Row(declined_at=NOW - 4 * DAY))

    assert profile.declined_at == NOW - 4 * DAY
    assert profile.progress[CAMPAIGN].retry_at == NOW + 10 * DAY
    assert profile.progress[CAMPAIGN].window
    assert value_moment(profile, NOW) is Reason.IN_RETRY_WINDOW
    assert value_moment(profile, NOW + 10 * DAY) is Reason.OFFER_GRANTED


def test_an_imported_decline_spends_the_first_attempt() -> None:
    assert adopted(NEW, Row(declined_at=NOW - 99 * DAY)).progress[CAMPAIGN].spent == 1


def test_a_window_that_is_over_already_makes_nobody_re_eligible() -> None:
    progress = adopted(NEW, Row(declined_at=NOW - 14 * DAY)).progress[CAMPAIGN]

    assert progress.retry_at == NOW
    assert not progress.window


def test_a_user_who_granted_waits_for_no_window() -> None:
    declined, granted = Row(declined_at=NOW), Row(GRANTED)

    assert not adopted(NEW, declined, granted).progress[CAMPAIGN].window
    assert not adopted(NEW, granted, declined).progress[CAMPAIGN].window


def test_a_window_of_which_nothing_is_said_stays_as_it_is() -> None:
    closed = Progress(declined_at=NOW, retry_at=NOW + 14 * DAY)
    profile = replace(NEW, progress={CAMPAIGN: closed})

    assert adopted(profile, Row(asked_at=NOW)).progress == {CAMPAIGN: closed}


def test_a_popup_that_asks_for_something_else_hears_of_no_decline() -> None:
    popup = replace(PACKAGE.campaigns[0], id="rate-us", kind="popup")
    campaigns = compile_package(replace(PACKAGE, campaigns=(*PACKAGE.campaigns, popup)))
    row = Row(declined_at=NOW).known()

    assert set(adopt(NEW, row, campaigns, NOW).progress) == {CAMPAIGN}


def test_an_imported_popup_holds_the_next_one_back() -> None:
    profile = adopted(NEW, Row(asked_at=NOW - 4 * DAY))

    assert profile.asked_at == NOW - 4 * DAY
    assert value_moment(profile, NOW) is Reason.IN_RETRY_WINDOW
    assert value_moment(profile, NOW + 10 * DAY) is Reason.OFFER_GRANTED


def test_a_date_ahead_of_now_counts_as_now() -> None:
    profile = adopted(NEW, Row(declined_at=NOW + DAY, asked_at=NOW + DAY, at=NOW + DAY))

    assert (profile.declined_at, profile.asked_at) == (NOW, NOW)


def test_a_row_that_says_nothing_changes_nothing() -> None:
    assert adopted(NEW, Row()) is NEW


def test_an_import_is_no_sign_of_life() -> None:
    profile = adopted(NEW, Row(GRANTED, NOW, NOW), now=NOW + 9 * DAY)

    assert (profile.first_seen_at, profile.seen_at) == (NOW, NOW)


# --- any rows, in any order, on any profile ---

dates = st.none() | st.integers(NOW - 40 * DAY, NOW + 2 * DAY)
rows = st.builds(
    Row,
    push_status=st.none() | st.sampled_from(PushStatus),
    declined_at=dates,
    asked_at=dates,
    at=st.none() | st.integers(NOW - 3, NOW + 3),
)
profiles = st.sampled_from(
    [
        NEW,
        told(NEW, {STATUS: "denied"}),
        told(NEW, {STATUS: "unknown"}),
        adopted(NEW, Row(declined_at=NOW - 3 * DAY)),
        adopted(NEW, Row(DENIED, at=NOW - 2)),
        replace(NEW, progress={CAMPAIGN: Progress(declined_at=1, retry_at=2, window=True)}),
        replace(NEW, devices={"": Device(push=Snapshot(status="denied"), push_at=NOW)}),
    ]
)


@given(profiles, st.lists(rows, max_size=5), st.randoms(use_true_random=False))
def test_every_order_of_rows_ends_alike(
    profile: Profile, several: list[Row], chance: Random
) -> None:
    shuffled = chance.sample(several, len(several))

    assert adopted(profile, *shuffled) == adopted(profile, *several)


@given(profiles, st.lists(rows, max_size=5))
def test_a_repeated_import_changes_nothing(profile: Profile, several: list[Row]) -> None:
    once = adopted(profile, *several)

    assert adopted(once, *several) is once


@given(profiles, rows)
def test_nothing_is_ever_shortened(profile: Profile, row: Row) -> None:
    after = adopted(profile, row)

    assert (after.declined_at or 0) >= (profile.declined_at or 0)
    assert (after.asked_at or 0) >= (profile.asked_at or 0)
    for campaign, progress in profile.progress.items():
        assert (after.progress[campaign].retry_at or 0) >= (progress.retry_at or 0)
        assert after.progress[campaign].spent >= progress.spent


@given(profiles, rows)
def test_an_import_never_undoes_what_the_app_told(profile: Profile, row: Row) -> None:
    after = adopted(profile, row)
    own = {name: each for name, each in profile.attributes.items() if each.at >= 0}

    assert {name: after.attributes[name] for name in own} == own
    assert after.devices == profile.devices
