"""Each figure beside SciPy or statsmodels, beside a case worked by hand, and at its edges."""

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import proportion as reference
from statsmodels.stats.power import NormalIndPower, normal_sample_size_one_tail

from cli.report import statistics
from cli.report.statistics import (
    Comparison,
    Interval,
    Mean,
    Proportion,
    SampleRatio,
    rate_interval,
    users_needed,
    users_needed_always,
)
from tests.unit.report.single import compare_means, compare_proportions, sample_ratio

CLOSE = 1e-9

ARMS = [
    (Proportion(30, 200), Proportion(50, 200)),
    (Proportion(120, 1_000), Proportion(1_310, 9_000)),
    (Proportion(70, 9_000), Proportion(30, 11_000)),
    (Proportion(480_000, 1_000_000), Proportion(481_000, 1_000_000)),
    (Proportion(95, 100), Proportion(880, 1_000)),
]


def approx(value: float) -> object:
    return pytest.approx(value, abs=CLOSE, rel=CLOSE)


def said(comparison: Comparison | None) -> Comparison:
    assert comparison is not None
    return comparison


def close(interval: Interval | None, low: float, high: float) -> bool:
    assert interval is not None
    return bool(interval.low == approx(low) and interval.high == approx(high))


def goals(counts: list[int]) -> Mean:
    return Mean(sum(counts), sum(count**2 for count in counts), len(counts))


SKEWED = np.random.default_rng(5)
GOALS = [
    (
        [int(count) for count in SKEWED.geometric(0.4, users) - 1],
        [int(count) for count in SKEWED.geometric(0.35, 2 * users) - 1],
    )
    for users in (100, 177, 5_000)
]
GOALS.append(([0] * 300, [0, 1, 5] * 200))


# Beside the references


@pytest.mark.parametrize(
    ("successes", "users"), [(0, 1), (1, 1), (0, 50), (50, 50), (7, 31), (12_345, 200_000)]
)
def test_a_rates_interval_is_wilsons(successes: int, users: int) -> None:
    low, high = reference.proportion_confint(successes, users, method="wilson")

    assert close(rate_interval(Proportion(successes, users)), low, high)


@pytest.mark.parametrize(("control", "treatment"), ARMS)
@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.2])
def test_two_rates_are_compared_as_by_statsmodels(
    control: Proportion, treatment: Proportion, alpha: float
) -> None:
    arms = (treatment.successes, treatment.users, control.successes, control.users)
    low, high = reference.confint_proportions_2indep(*arms, method="wald", alpha=alpha)
    tested = reference.test_proportions_2indep(*arms, method="wald")

    comparison = said(compare_proportions(control, treatment, alpha))

    assert comparison.difference == approx(tested.diff)
    assert close(comparison.interval, low, high)
    assert comparison.p_value == approx(tested.pvalue)


@pytest.mark.parametrize(("control", "treatment"), GOALS)
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_two_means_are_compared_as_by_scipys_welch_test(
    control: list[int], treatment: list[int], alpha: float
) -> None:
    tested = stats.ttest_ind(treatment, control, equal_var=False)
    bounds = tested.confidence_interval(1 - alpha)

    comparison = said(compare_means(goals(control), goals(treatment), alpha))

    assert comparison.difference == approx(float(np.mean(treatment) - np.mean(control)))
    assert close(comparison.interval, float(bounds.low), float(bounds.high))
    assert comparison.p_value == approx(float(tested.pvalue))


@pytest.mark.parametrize(("control", "treatment"), GOALS)
def test_a_variance_is_that_of_the_sample(control: list[int], treatment: list[int]) -> None:
    for counts in (control, treatment):
        assert goals(counts).variance == approx(float(np.var(counts, ddof=1)))


@pytest.mark.parametrize(
    ("observed", "shares"),
    [
        ((5_000, 5_100), (50, 50)),
        ((480, 4_700), (0.1, 0.9)),
        ((1_000, 990, 2_950), (1, 1, 3)),
        ((9_000, 11_000), (0.5, 0.5)),
    ],
)
def test_a_sample_ratio_is_tested_as_by_scipy(
    observed: tuple[int, ...], shares: tuple[float, ...]
) -> None:
    expected = [sum(observed) * share / sum(shares) for share in shares]
    tested = stats.chisquare(observed, expected)

    ratio = sample_ratio(
        {str(arm): count for arm, count in enumerate(observed)},
        {str(arm): share for arm, share in enumerate(shares)},
    )

    assert ratio is not None
    assert ratio.p_value == approx(float(tested.pvalue))
    assert list(ratio.expected.values()) == pytest.approx(expected)
    assert ratio.is_mismatch == (tested.pvalue < 0.001)


@pytest.mark.parametrize(
    "groups",
    [
        [((600, 400), (1, 1)), ((400, 600), (1, 1))],
        [((500, 510), (1, 1)), ((95, 905), (1, 9)), ((330, 340, 335), (1, 1, 1))],
    ],
)
def test_sample_ratios_of_several_weights_are_summed_as_scipy_s_distances(
    groups: list[tuple[tuple[int, ...], tuple[int, ...]]],
) -> None:
    tested = [
        stats.chisquare(came, [sum(came) * share / sum(shares) for share in shares])
        for came, shares in groups
    ]
    degrees = sum(len(shares) - 1 for _, shares in groups)
    p_value = float(stats.chi2.sf(sum(each.statistic for each in tested), degrees))

    ratio = statistics.sample_ratio(
        [
            (dict(zip("abc", came, strict=False)), dict(zip("abc", shares, strict=False)))
            for came, shares in groups
        ]
    )

    assert ratio is not None
    assert ratio.p_value == approx(p_value)
    assert ratio.is_mismatch == (p_value < 0.001)


def test_groups_too_small_to_be_tested_are_expected_and_in_no_sum() -> None:
    small, large = ({"a": 9, "b": 1}, {"a": 1, "b": 1}), ({"a": 60, "b": 40}, {"a": 1, "b": 1})

    ratio, alone = statistics.sample_ratio([small, large]), statistics.sample_ratio([large])

    assert ratio is not None
    assert alone is not None
    assert ratio.p_value == alone.p_value
    assert ratio.expected == {"a": 55, "b": 55}
    assert statistics.sample_ratio([small]) is None


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5, 0.7])
@pytest.mark.parametrize("detectable", [0.005, 0.02, -0.01])
@pytest.mark.parametrize(("power", "alpha", "share"), [(0.8, 0.05, 0.5), (0.9, 0.01, 0.8)])
def test_users_needed_are_those_of_statsmodels(
    rate: float, detectable: float, power: float, alpha: float, share: float
) -> None:
    other = rate + detectable
    spread = math.sqrt(rate * (1 - rate) / (1 - share) + other * (1 - other) / share)
    users = normal_sample_size_one_tail(abs(detectable), power, alpha / 2, spread, spread)

    assert users_needed(rate, detectable, power, alpha, share) == math.ceil(users)


def test_users_needed_have_the_power_that_was_asked_for() -> None:
    users = users_needed(0.1, 0.02, power=0.8)
    spread = math.sqrt((0.1 * 0.9 + 0.12 * 0.88) / 2)

    power = NormalIndPower().power(0.02 / spread, users / 2, 0.05)

    assert power == pytest.approx(0.8, abs=1e-4)


# Worked by hand


def test_two_rates_worked_by_hand() -> None:
    # 15 % and 25 % of 200: variances 0.15·0.85/200 = 0.0006375 and 0.25·0.75/200 = 0.0009375,
    # together 0.001575, whose root is 0.0396862697 (rounded).
    error = 0.039686269665968863
    # ρ² = (5.9914645471 + ln 6.9914645471) / 5000, of 400 users.
    rho = math.sqrt((5.991464547107982 + 1.9446902149) / 5_000)
    grown = 400 * rho**2 + 1
    half = (
        error
        * math.sqrt(400)
        * math.sqrt(2 * grown * math.log(math.sqrt(grown) / 0.05) / (400 * rho) ** 2)
    )
    # The lift's variance: 0.0009375/0.15² + 0.0006375·0.25²/0.15⁴ = 0.0416667 + 0.0787037.
    lift_error = math.sqrt(0.041666666666666664 + 0.078703703703703703)

    comparison = said(compare_proportions(Proportion(30, 200), Proportion(50, 200)))

    assert comparison.difference == approx(0.1)
    assert close(comparison.interval, 0.1 - 1.959963984540054 * error, 0.177783659)
    assert comparison.sequential.high == pytest.approx(0.1 + half, abs=1e-8)
    assert comparison.lift == approx(2 / 3)
    assert close(
        comparison.lift_interval,
        2 / 3 - 1.959963984540054 * lift_error,
        2 / 3 + 1.959963984540054 * lift_error,
    )
    assert comparison.p_value == pytest.approx(0.011743, abs=1e-6)


def test_the_sequential_interval_is_that_of_growthbook() -> None:
    # Its formula as it stands in gbstats, with s2 = n · SE² and n the users of both arms.
    users, alpha = 6_000, 0.05
    variance = 0.1 * 0.9 / 3_000 + 0.14 * 0.86 / 3_000
    rho = math.sqrt((-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / 5_000)
    half = math.sqrt(variance * users) * math.sqrt(
        2
        * (users * rho**2 + 1)
        * math.log(math.sqrt(users * rho**2 + 1) / alpha)
        / (users * rho) ** 2
    )

    comparison = said(compare_proportions(Proportion(300, 3_000), Proportion(420, 3_000)))

    assert close(comparison.sequential, 0.04 - half, 0.04 + half)


def test_two_means_worked_by_hand() -> None:
    # 50 of 100 users with one goal: mean 0.5, variance 25/99; 100 of 200 with two: 1, 200/199.
    error = math.sqrt(25 / 99 / 100 + 200 / 199 / 200)
    lift_error = math.sqrt((200 / 199 / 200) / 0.25 + 4 * (25 / 99 / 100) / 0.25)
    degrees = error**4 / ((25 / 99 / 100) ** 2 / 99 + (200 / 199 / 200) ** 2 / 199)

    comparison = said(compare_means(Mean(50, 50, 100), Mean(200, 400, 200)))

    assert comparison.difference == approx(0.5)
    assert comparison.lift == approx(1.0)
    once = float(stats.t.ppf(0.975, degrees))
    assert close(comparison.interval, 0.5 - once * error, 0.5 + once * error)
    assert close(comparison.lift_interval, 1 - once * lift_error, 1 + once * lift_error)


def test_a_sample_ratio_worked_by_hand() -> None:
    # 400²/10000 twice is 32, and χ² with one degree exceeds it with P(|z| > √32) = 1.5e-8.
    ratio = sample_ratio({"a": 9_600, "b": 10_400}, {"a": 50, "b": 50})

    assert ratio is not None
    assert ratio.p_value == approx(math.erfc(math.sqrt(32 / 2)))
    assert ratio.is_mismatch


def test_users_needed_worked_by_hand() -> None:
    # (1.959964 + 0.841621)² · 2 · (0.1·0.9 + 0.12·0.88) / 0.02² = 7.848880 · 978 = 7676.2
    assert users_needed(0.1, 0.02) == 7_677


# At the edges


def test_nobody_has_no_rate_and_no_mean() -> None:
    assert Proportion(0, 0).rate is None
    assert rate_interval(Proportion(0, 0)) is None
    assert Mean(0, 0, 0).mean is None
    assert Mean(3, 9, 1).variance is None


def test_successes_whose_users_are_not_counted_yet_have_no_interval() -> None:
    """As while a record with the exposure waits for its replay."""
    assert rate_interval(Proportion(1_001, 1_000)) is None


def test_a_rates_interval_ends_exactly_at_none_and_at_all() -> None:
    none, all_ = rate_interval(Proportion(0, 40)), rate_interval(Proportion(40, 40))

    assert none is not None
    assert all_ is not None
    assert (none.low, all_.high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        (Proportion(0, 0), Proportion(0, 0)),
        (Proportion(0, 0), Proportion(500, 1_000)),
        (Proportion(0, 10_000), Proportion(0, 10_000)),
        (Proportion(10_000, 10_000), Proportion(10_000, 10_000)),
        (Proportion(1, 4), Proportion(500, 1_000)),
        (Proportion(9, 1_000), Proportion(10, 1_000)),
        (Proportion(1_001, 1_000), Proportion(500, 1_000)),
    ],
)
def test_rates_of_which_too_little_is_known_are_not_compared(
    control: Proportion, treatment: Proportion
) -> None:
    assert compare_proportions(control, treatment) is None
    assert compare_proportions(treatment, control) is None


def test_rates_are_compared_from_ten_expected_outcomes_on() -> None:
    assert compare_proportions(Proportion(8, 1_000), Proportion(12, 1_000)) is not None
    assert compare_proportions(Proportion(992, 1_000), Proportion(988, 1_000)) is not None


def test_means_are_compared_once_thirty_users_would_carry_each_arms_total() -> None:
    # 60 users of 4 goals each: 240² / 960 = 60 of 2,000 users, so 30 of each 1,000.
    assert compare_means(Mean(80, 320, 1_000), Mean(160, 640, 1_000)) is not None
    assert compare_means(Mean(80, 320, 1_000), Mean(160, 641, 1_000)) is None


def test_a_control_without_successes_has_no_lift_and_is_not_taken_for_certain() -> None:
    # The holdout of a net opt-in rate: nobody can approve what nobody saw.
    comparison = said(compare_proportions(Proportion(0, 100), Proportion(200, 900)))
    certain = 1.959963984540054 * math.sqrt(2 / 9 * 7 / 9 / 900)

    assert (comparison.lift, comparison.lift_interval, comparison.lift_sequential) == (None,) * 3
    assert comparison.interval.high - comparison.difference > 1.1 * certain


def test_none_against_all_still_has_an_interval() -> None:
    comparison = said(compare_proportions(Proportion(0, 20), Proportion(20, 20)))

    assert comparison.difference == comparison.interval.high == 1.0
    assert 0.8 < comparison.interval.low < 1.0
    assert comparison.p_value < 1e-6


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        (Mean(0, 0, 0), Mean(0, 0, 0)),
        (Mean(29, 29, 29), Mean(500, 900, 1_000)),
        (Mean(500, 100_000, 1_000), Mean(600, 150_000, 1_000)),
        (Mean(0, 0, 1_000), Mean(0, 0, 1_000)),
        (Mean(1_000, 1_000, 1_000), Mean(2_000, 4_000, 1_000)),
        (Mean(1_000, 10, 1_000), Mean(500, 900, 1_000)),
    ],
)
def test_means_of_which_too_little_is_known_are_not_compared(
    control: Mean, treatment: Mean
) -> None:
    assert compare_means(control, treatment) is None
    assert compare_means(treatment, control) is None


def test_a_control_without_goals_has_no_lift() -> None:
    comparison = said(compare_means(Mean(0, 0, 500), Mean(300, 700, 500)))

    assert comparison.lift is None
    assert comparison.difference == approx(0.6)


@pytest.mark.parametrize(
    ("observed", "shares"),
    [
        ({}, {"a": 50, "b": 50}),
        ({"a": 100}, {"a": 100}),
        ({"a": 100}, {}),
        ({"a": 9, "b": 10}, {"a": 50, "b": 50}),
        ({"a": 400, "b": 1}, {"a": 99, "b": 1}),
    ],
)
def test_a_sample_ratio_of_too_few_users_or_arms_is_not_tested(
    observed: dict[str, int], shares: dict[str, float]
) -> None:
    assert sample_ratio(observed, shares) is None


def test_users_in_an_arm_without_a_share_are_a_mismatch() -> None:
    expected = {"a": 100.5, "b": 100.5}

    ratio = sample_ratio({"a": 100, "b": 100, "c": 1}, {"a": 1, "b": 1, "c": 0})

    assert ratio == SampleRatio(0.0, True, expected)


def test_an_arm_that_nobody_fell_into_is_a_mismatch() -> None:
    ratio = sample_ratio({"a": 100}, {"a": 50, "b": 50})

    assert ratio is not None
    assert ratio.is_mismatch


def test_a_difference_beyond_what_a_rate_can_be_is_looked_for_below_it() -> None:
    assert users_needed(0.99, 0.02) == users_needed(0.99, -0.02)
    assert users_needed(0.0, -0.02) == users_needed(0.0, 0.02)


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda: users_needed(0.1, 0.0),
        lambda: users_needed(0.5, 0.7),
        lambda: users_needed(1.1, -0.2),
        lambda: users_needed(0.1, 0.02, share=1.0),
        lambda: users_needed(0.1, 0.02, power=1.0),
        lambda: users_needed(0.1, 0.02, alpha=0.0),
    ],
)
def test_what_cannot_be_looked_for_is_an_error(nonsense: Callable[[], int]) -> None:
    with pytest.raises(ValueError, match=r"parts of 1|no rate differs"):
        nonsense()


def test_the_users_needed_are_enough_to_be_compared_at_all() -> None:
    users = users_needed(0.0, 0.02)

    assert users == 2_000
    half = users // 2
    assert compare_proportions(Proportion(0, half), Proportion(half // 50, half)) is not None


def test_no_other_command_waits_for_scipy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, cli.main; sys.exit('scipy' in sys.modules)"],
        check=False,
    )

    assert done.returncode == 0


# Whatever the figures


@st.composite
def proportions(draw: st.DrawFn) -> Proportion:
    users = draw(st.integers(0, 10**7))
    return Proportion(draw(st.integers(0, users)), users)


@st.composite
def means(draw: st.DrawFn) -> Mean:
    """Any numbers that a ledger could hold, even those that contradict each other."""
    total = draw(st.integers(0, 10**8))
    return Mean(total, draw(st.integers(total, 10**10)), draw(st.integers(0, 10**6)))


ALPHAS = st.floats(1e-4, 0.3)


def numbers(comparison: Comparison) -> list[float]:
    intervals = [
        comparison.interval,
        comparison.sequential,
        *(
            interval
            for interval in (comparison.lift_interval, comparison.lift_sequential)
            if interval
        ),
    ]
    return [
        comparison.difference,
        comparison.p_value,
        comparison.lift or 0.0,
        *(bound for interval in intervals for bound in (interval.low, interval.high)),
    ]


@given(proportions())
def test_a_rate_lies_within_its_interval_and_that_within_0_and_1(proportion: Proportion) -> None:
    assume(proportion.users)
    rate, interval = proportion.rate, rate_interval(proportion)

    assert rate is not None
    assert interval is not None
    assert 0 <= interval.low < interval.high <= 1
    assert interval.low <= rate + 1e-12
    assert interval.high >= rate - 1e-12


@given(proportions(), st.integers(2, 1_000))
def test_more_users_at_the_same_rate_narrow_its_interval(
    proportion: Proportion, times: int
) -> None:
    assume(proportion.users)
    some = rate_interval(proportion)
    many = rate_interval(Proportion(proportion.successes * times, proportion.users * times))

    assert some is not None
    assert many is not None
    assert many.high - many.low < some.high - some.low


@given(st.one_of(st.tuples(proportions(), proportions()), st.tuples(means(), means())), ALPHAS)
def test_a_comparison_is_silent_or_whole(
    arms: tuple[Proportion, Proportion] | tuple[Mean, Mean], alpha: float
) -> None:
    comparison = compare(arms[0], arms[1], alpha)
    assume(comparison is not None)
    assert comparison is not None

    assert all(math.isfinite(number) for number in numbers(comparison))
    assert 0 <= comparison.p_value <= 1
    assert within(comparison.interval, comparison.sequential)
    assert comparison.interval.low <= comparison.difference <= comparison.interval.high
    assert (comparison.lift is None) == (comparison.lift_interval is None)
    if comparison.lift_interval and comparison.lift_sequential:
        assert within(comparison.lift_interval, comparison.lift_sequential)
        assert comparison.lift_sequential.low >= -1


@given(st.one_of(st.tuples(proportions(), proportions()), st.tuples(means(), means())), ALPHAS)
def test_exchanged_arms_differ_the_other_way(
    arms: tuple[Proportion, Proportion] | tuple[Mean, Mean], alpha: float
) -> None:
    there, back = compare(arms[0], arms[1], alpha), compare(arms[1], arms[0], alpha)

    assert (there is None) == (back is None)
    if there is None or back is None:
        return
    assert there.difference == -back.difference
    assert there.interval == Interval(-back.interval.high, -back.interval.low)
    assert there.sequential == Interval(-back.sequential.high, -back.sequential.low)
    assert there.p_value == back.p_value


def test_no_interval_holds_what_cannot_be() -> None:
    """Rates differ by 1 at most, and nothing falls by more than all of it."""
    comparison = said(compare_proportions(Proportion(20, 30), Proportion(10, 30)))

    assert comparison.lift_sequential is not None
    assert comparison.sequential.low == comparison.lift_sequential.low == -1.0


@given(proportions(), proportions())
def test_the_p_value_says_what_the_interval_says(
    control: Proportion, treatment: Proportion
) -> None:
    comparison = compare_proportions(control, treatment)
    assume(comparison is not None)
    assert comparison is not None
    assume(abs(comparison.p_value - 0.05) > 1e-9)

    excluded = not comparison.interval.low <= 0 <= comparison.interval.high

    assert excluded == (comparison.p_value < 0.05)


@given(proportions(), proportions(), st.integers(2, 100))
def test_more_users_at_the_same_rates_narrow_both_intervals(
    control: Proportion, treatment: Proportion, times: int
) -> None:
    some = compare_proportions(control, treatment)
    assume(some is not None)
    many = compare_proportions(
        Proportion(control.successes * times, control.users * times),
        Proportion(treatment.successes * times, treatment.users * times),
    )

    assert some is not None
    assert many is not None
    assert width(many.interval) < width(some.interval)
    assert width(many.sequential) < width(some.sequential) or width(some.sequential) == 2
    assert many.p_value <= some.p_value


@given(proportions(), proportions())
def test_more_certainty_widens_both_intervals(control: Proportion, treatment: Proportion) -> None:
    usual = compare_proportions(control, treatment, 0.05)
    assume(usual is not None)
    surer = compare_proportions(control, treatment, 0.01)

    assert usual is not None
    assert surer is not None
    assert within(usual.interval, surer.interval)
    assert within(usual.sequential, surer.sequential)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 10**7)),
    st.dictionaries(st.sampled_from("abcd"), st.floats(0, 100)),
)
def test_a_sample_ratio_is_silent_or_whole(
    observed: dict[str, int], shares: dict[str, float]
) -> None:
    ratio = sample_ratio(observed, shares)
    assume(ratio is not None)
    assert ratio is not None

    assert 0 <= ratio.p_value <= 1
    assert ratio.is_mismatch == (ratio.p_value < 0.001)
    assert sum(ratio.expected.values()) == pytest.approx(sum(observed.values()))


@given(st.floats(0.15, 0.85), st.floats(0.001, 0.1), st.floats(0.05, 0.95), st.floats(0.5, 0.98))
def test_smaller_differences_and_more_power_need_more_users(
    rate: float, detectable: float, share: float, power: float
) -> None:
    users = users_needed(rate, detectable, power, share=share)

    assert users_needed(rate, detectable / 2, power, share=share) >= users
    assert users_needed(rate, detectable, power + 0.01, share=share) >= users


def compare(
    control: Proportion | Mean, treatment: Proportion | Mean, alpha: float
) -> Comparison | None:
    if isinstance(control, Proportion) and isinstance(treatment, Proportion):
        return compare_proportions(control, treatment, alpha)
    assert isinstance(control, Mean)
    assert isinstance(treatment, Mean)
    return compare_means(control, treatment, alpha)


def within(inner: Interval, outer: Interval) -> bool:
    return outer.low <= inner.low <= inner.high <= outer.high


def width(interval: Interval) -> float:
    return interval.high - interval.low


# --- strata ---


def test_strata_worked_by_hand() -> None:
    """Differences of 0.1 and 0.3 at weights of 50·50/100 = 25 and 100·300/400 = 75."""
    strata = [
        (Proportion(10, 50), Proportion(15, 50)),
        (Proportion(20, 100), Proportion(150, 300)),
    ]

    found = statistics.compare_proportions(strata)

    variance = 0.25**2 * (0.2 * 0.8 / 50 + 0.3 * 0.7 / 50) + 0.75**2 * (
        0.2 * 0.8 / 100 + 0.5 * 0.5 / 300
    )
    assert found
    assert found.difference == pytest.approx(0.25 * 0.1 + 0.75 * 0.3, abs=1e-12)
    assert found.lift == pytest.approx(0.25 / 0.2, abs=1e-12)
    half = (found.interval.high - found.interval.low) / 2
    assert half == pytest.approx(1.959963984540054 * math.sqrt(variance), abs=1e-9)


def test_strata_of_means_weigh_as_those_of_rates_do() -> None:
    strata = [
        (Mean(100, 200, 100), Mean(150, 300, 100)),
        (Mean(600, 1500, 300), Mean(900, 3000, 300)),
    ]

    found = statistics.compare_means(strata)

    assert found
    assert found.difference == pytest.approx(0.25 * 0.5 + 0.75 * 1.0, abs=1e-12)


def test_without_strata_or_with_an_empty_arm_nothing_is_said() -> None:
    assert statistics.compare_proportions([]) is None
    assert statistics.compare_means([]) is None
    full = (Proportion(100, 500), Proportion(150, 500))
    assert statistics.compare_proportions([full, (Proportion(0, 0), Proportion(5, 9))]) is None


def test_a_control_that_is_large_only_where_nothing_happens_says_nothing() -> None:
    """Of its 10 successes it expects three: the pooled rate would promise 230."""
    strata = [
        (Proportion(3, 5), Proportion(5_000, 10_000)),
        (Proportion(0, 500), Proportion(1, 500)),
    ]

    assert statistics.compare_proportions(strata) is None


@pytest.mark.parametrize(("rate", "share"), [(0.1, 0.5), (0.02, 0.9), (0.6, 0.2)])
def test_a_sequential_plan_takes_more_users_and_not_three_times_as_many(
    rate: float, share: float
) -> None:
    once = users_needed(rate, 0.02, share=share)

    assert 1.3 * once < users_needed_always(rate, 0.02, share=share) < 3 * once
