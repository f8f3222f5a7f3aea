"""What each kind of fact adds, to which cell; worked out by hand."""

import pytest
from msgspec.structs import replace

from functions.core import offers
from functions.core.figures import (
    FIRST_SHOWS,
    NAMES,
    Cell,
    figures,
    first_show_bucket,
)
from functions.core.model import DAY, HOUR, MINUTE, Cohort, Fact, FactKind, User
from functions.core.offers import Grant

EXPOSED, GRANTED, HAPPENED = 20_000, 20_003, 20_010
"""Days since the epoch."""

OFFER = offers.make_id(Grant(GRANTED * DAY << 16, 2, 7, User("user", "u1")), "push")
COHORT = Cohort(EXPOSED * DAY + HOUR, 6, "web")

FACT = Fact(
    id="any",
    kind=FactKind.SHOWN,
    at=HAPPENED * DAY + DAY - 1,
    campaign="push",
    version=7,
    attempt=2,
    arm="soft_ask",
    variant="warm",
    platform="ios",
)

ON_ITS_DAY = Cell("push", HAPPENED, 7, "soft_ask", "warm", 2, "ios")
ON_THE_OFFERS_DAY = Cell("push", GRANTED, 7, "soft_ask", "warm", 2, "ios")
ON_THE_EXPOSURES_DAY = Cell("push", EXPOSED, 6, "soft_ask", "warm", 0, "web")

HAPPENING = {
    *("offered", "shown", "approved", "declined", "dismissed", "suppressed"),
    *("granted", "denied", "prompted", "re_eligible", "exhausted"),
}


def added(fact: Fact) -> dict[tuple[Cell, str], int]:
    found = figures(fact)
    told = {(figure.cell, figure.name): figure.amount for figure in found}
    assert len(told) == len(found)
    assert {name for _, name in told} <= set(NAMES)
    return told


@pytest.mark.parametrize("kind", FactKind)
def test_what_happens_is_counted_on_its_day_under_its_attempt(kind: FactKind) -> None:
    one = {(ON_ITS_DAY, kind.value): 1} if kind.value in HAPPENING else {}
    assert added(replace(FACT, kind=kind)) == one


def test_a_prompt_that_no_approval_led_to_is_counted_beside() -> None:
    prompted = replace(FACT, kind=FactKind.PROMPTED, unasked=True, campaign="", attempt=0)
    cell = Cell("", HAPPENED, 7, "soft_ask", "warm", 0, "ios")
    assert added(prompted) == {(cell, "prompted"): 1, (cell, "unasked"): 1}


@pytest.mark.parametrize(
    ("kind", "first", "name"),
    [
        (FactKind.SHOWN, False, "seen"),
        (FactKind.SUPPRESSED, False, "released"),
        (FactKind.APPROVED, True, "answered"),
        (FactKind.DECLINED, True, "answered"),
        (FactKind.DISMISSED, True, "answered"),
        (FactKind.DECLINED, False, None),
        (FactKind.OFFERED, False, None),
        (FactKind.GRANTED, False, None),
    ],
)
def test_what_became_of_an_offer_is_counted_on_the_day_of_its_grant(
    kind: FactKind, first: bool, name: str | None
) -> None:
    told = added(replace(FACT, kind=kind, offer_id=OFFER, first=first))
    of_offer = {} if name is None else {(ON_THE_OFFERS_DAY, name): 1}
    assert told == {(ON_ITS_DAY, kind.value): 1, **of_offer}


@pytest.mark.parametrize("kind", [FactKind.EXPOSED, FactKind.HELD_OUT, FactKind.OPTED_IN])
def test_what_is_told_once_a_user_is_counted_on_the_day_of_the_exposure(kind: FactKind) -> None:
    assert added(replace(FACT, kind=kind, cohort=COHORT)) == {(ON_THE_EXPOSURES_DAY, kind.value): 1}


def test_only_the_first_show_of_a_user_says_how_long_it_took() -> None:
    again = replace(FACT, cohort=COHORT)
    assert added(again) == {(ON_ITS_DAY, "shown"): 1}
    assert added(replace(again, after=2 * HOUR)) == {
        (ON_ITS_DAY, "shown"): 1,
        (ON_THE_EXPOSURES_DAY, "shown_users"): 1,
        (ON_THE_EXPOSURES_DAY, "first_show_4"): 1,
    }


@pytest.mark.parametrize(
    ("after", "bucket"),
    [
        (0, 0),
        (MINUTE - 1, 0),
        (MINUTE, 1),
        (HOUR - 1, 3),
        (HOUR, 4),
        (7 * DAY, 8),
        (30 * DAY - 1, 8),
        (30 * DAY, 9),
        (400 * DAY, 9),
    ],
)
def test_spans_to_the_first_show_are_told_apart_at_their_bounds(after: int, bucket: int) -> None:
    assert first_show_bucket(after) == bucket
    assert f"first_show_{bucket}" in NAMES
    assert bucket <= len(FIRST_SHOWS)


@pytest.mark.parametrize(
    ("after", "name"),
    [
        (0, "converted_0"),
        (DAY - 1, "converted_0"),
        (7 * DAY, "converted_7"),
        (30 * DAY - 1, "converted_29"),
        (30 * DAY, None),
        (None, None),
    ],
)
def test_a_conversion_counts_by_the_days_since_the_exposure(
    after: int | None, name: str | None
) -> None:
    converted = replace(FACT, kind=FactKind.CONVERTED, cohort=COHORT, after=after)
    assert added(converted) == ({} if name is None else {(ON_THE_EXPOSURES_DAY, name): 1})


def test_goals_add_up_to_their_number_its_square_and_the_users_who_had_one() -> None:
    goal = replace(FACT, kind=FactKind.GOAL, cohort=COHORT)
    sums: dict[str, int] = {}
    for ordinal in range(1, 6):
        for (cell, name), amount in added(replace(goal, ordinal=ordinal)).items():
            assert cell == ON_THE_EXPOSURES_DAY
            sums[name] = sums.get(name, 0) + amount
    assert sums == {"goals": 5, "goal_squares": 25, "goal_users": 1}


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        ("ios", "ios"),
        ("android", "android"),
        ("web", "web"),
        ("tvos", "other"),
        ("other", "other"),
        ("", ""),
    ],
)
def test_few_platforms_are_told_apart(told: str, counted: str) -> None:
    exposed = replace(FACT, kind=FactKind.EXPOSED, cohort=replace(COHORT, platform=told))
    for fact in (replace(FACT, platform=told), exposed):
        [(cell, _)] = added(fact)
        assert cell.platform == counted


def test_names_are_each_said_once() -> None:
    assert len(NAMES) == len(set(NAMES))
