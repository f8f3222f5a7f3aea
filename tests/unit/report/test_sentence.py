"""What the report says in plain words, and what it never says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.report.statistics import (
    Comparison,
    Interval,
    Mean,
    Proportion,
    SampleRatio,
    goal_sentence,
    sentence,
)
from tests.unit.report.single import compare_means, compare_proportions, sample_ratio

AS_PLANNED = sample_ratio({"holdout": 5_000, "soft_ask": 5_010}, {"holdout": 1, "soft_ask": 1})
OFF = sample_ratio({"holdout": 4_600, "soft_ask": 5_400}, {"holdout": 1, "soft_ask": 1})


def say(
    comparison: Comparison | None,
    missing_users: int | None = None,
    ratio: SampleRatio | None = AS_PLANNED,
) -> str:
    return sentence("holdout", "soft_ask", comparison, ratio, missing_users)


def rates(control: int, treatment: int, users: int = 3_000) -> Comparison | None:
    return compare_proportions(Proportion(control, users), Proportion(treatment, users))


def between(
    sequential: Interval, lift: float | None = None, lift_sequential: Interval | None = None
) -> Comparison:
    """A comparison of which only this matters; the fixed interval leaves out 0."""
    return Comparison(
        difference=(sequential.low + sequential.high) / 2,
        interval=Interval(0.001, 0.002),
        sequential=sequential,
        lift=lift,
        lift_interval=lift_sequential,
        lift_sequential=lift_sequential,
        p_value=0.01,
    )


def test_more_is_told_with_its_range_and_its_lift() -> None:
    assert say(rates(300, 420), missing_users=0) == (
        "soft_ask: 4.0 more of 100 users than holdout (between 1.5 and 6.5; 40.0 % more, between "
        "9.8 and 70.2 %), on whatever day this is read."
    )


def test_fewer_is_told_as_plainly() -> None:
    assert say(rates(420, 300)) == (
        "soft_ask: 4.0 fewer of 100 users than holdout (between 1.5 and 6.5; 28.6 % fewer, between "
        "13.2 and 44.0 %), on whatever day this is read."
    )


def test_numbers_per_user_are_told_as_rates_are() -> None:
    compared = compare_means(Mean(100, 200, 300), Mean(33_000, 630_000, 3_000))

    told = goal_sentence("holdout", "soft_ask", compared, AS_PLANNED)
    assert told.startswith(
        "soft_ask: 1,066.7 more goal events per 100 users than holdout (between 1,012.5 and"
    )
    assert goal_sentence("holdout", "soft_ask", None, AS_PLANNED) == (
        "Too little has happened yet to compare soft_ask and holdout."
    )


def test_without_a_lift_the_difference_alone_is_told() -> None:
    compared = compare_proportions(Proportion(0, 300), Proportion(210, 3_000))

    assert say(compared) == (
        "soft_ask: 7.0 more of 100 users than holdout (between 5.3 and 8.7), "
        "on whatever day this is read."
    )


def test_a_lift_that_is_not_sure_is_not_told() -> None:
    compared = between(Interval(0.01, 0.05), 0.3, Interval(-0.1, 0.7))

    assert "%" not in say(compared)
    assert say(compared).startswith(
        "soft_ask: 3.0 more of 100 users than holdout (between 1.0 and 5.0), on"
    )


def test_what_only_the_fixed_interval_allows_is_not_claimed() -> None:
    assert say(between(Interval(-0.01, 0.05)), missing_users=1_200) == (
        "No difference between soft_ask and holdout can be claimed: soft_ask may have anything "
        "from 1.0 fewer to 5.0 more of 100 users. Users still needed: 1,200."
    )


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.05), (-0.05, 0.0)])
def test_an_interval_that_touches_nothing_at_all_claims_nothing(low: float, high: float) -> None:
    assert say(between(Interval(low, high))).startswith("No difference")


def test_once_the_users_are_in_none_are_asked_for() -> None:
    assert say(rates(300, 310), missing_users=0).endswith(
        "from 2.0 fewer to 2.7 more of 100 users. The users planned for are in."
    )


def test_too_little_to_compare_is_said() -> None:
    assert say(None, missing_users=7_677) == (
        "Too little has happened yet to compare soft_ask and holdout. Users still needed: 7,677."
    )
    assert say(None) == (
        "Too little has happened yet to compare soft_ask and holdout. Too few yet to plan."
    )


@pytest.mark.parametrize("compared", [None, rates(300, 420), rates(300, 310)])
def test_a_sample_ratio_that_is_off_is_said_first_and_alone(compared: Comparison | None) -> None:
    assert say(compared, 1_200, OFF) == (
        "Do not compare soft_ask and holdout: the users did not fall into the arms as planned, "
        "and chance does that less than once in 1,000 times. Find out why first."
    )


def test_a_sample_ratio_that_was_not_tested_hinders_nothing() -> None:
    assert say(rates(300, 420), ratio=None) == say(rates(300, 420))


def test_small_numbers_keep_the_digits_that_count() -> None:
    compared = between(Interval(0.0000102, 0.000456))

    assert "0.023 more of 100 users than holdout (between 0.0010 and 0.046)" in say(compared)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison | None:
    users = draw(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)))
    control, treatment = (Proportion(draw(st.integers(0, count)), count) for count in users)
    return compare_proportions(control, treatment)


@given(comparisons(), st.none() | st.integers(-5, 10**6))
def test_no_sentence_claims_more_than_the_sequential_interval(
    compared: Comparison | None, missing_users: int | None
) -> None:
    text = say(compared, missing_users)
    claimed = text.startswith("soft_ask: ")
    first_word = next((word for word in text.split() if word in {"more", "fewer"}), None)

    if compared is None:
        assert text.startswith("Too little")
        return
    assert claimed == (not compared.sequential.low <= 0 <= compared.sequential.high)
    if claimed:
        assert first_word == ("more" if compared.sequential.low > 0 else "fewer")
    assert not {"nan", "inf", "None"} & set(text.replace("%", " ").replace(";", " ").split())


def test_what_was_done_is_told_with_the_claim_and_not_with_the_doubt() -> None:
    did = "got the permission"

    told = sentence("holdout", "soft_ask", rates(300, 420), AS_PLANNED, None, did)
    assert told.startswith("soft_ask: 4.0 more of 100 users got the permission than holdout (")
    assert did not in sentence("holdout", "soft_ask", rates(300, 310), AS_PLANNED, None, did)
