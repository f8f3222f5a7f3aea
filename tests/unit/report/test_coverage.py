"""What an interval promises, played 1,000 times with known rates.

The seeds are fixed. A bound is what a binomial of the promised rate stays within in 999 of 1,000
such plays, so that a mistake of a few percent fails.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy import stats

from cli.report import statistics
from cli.report.statistics import (
    Comparison,
    Interval,
    Mean,
    Proportion,
    rate_interval,
    users_needed_always,
)
from tests.unit.report.single import compare_means, compare_proportions, sample_ratio

REPETITIONS = 1_000
DAYS = 30
ALPHA = 0.05

Days = list[Comparison | None]
"""One experiment, read once a day."""


def covers(interval: Interval | None, truth: float) -> bool:
    assert interval is not None
    return interval.low <= truth <= interval.high


def is_claimed(interval: Interval) -> bool:
    return not covers(interval, 0)


def usual(rate: float) -> tuple[float, float]:
    """How often of `REPETITIONS` something of this rate happens."""
    low, high = stats.binom.interval(0.999, REPETITIONS, rate)
    return float(low), float(high)


def rates(users: tuple[int, int], of: tuple[float, float], seed: int) -> Iterator[Comparison]:
    chance = np.random.default_rng(seed)
    drawn = [
        chance.binomial(count, rate, REPETITIONS) for count, rate in zip(users, of, strict=True)
    ]
    for control, treatment in zip(*drawn, strict=True):
        comparison = compare_proportions(
            Proportion(int(control), users[0]), Proportion(int(treatment), users[1]), ALPHA
        )
        assert comparison is not None
        yield comparison


def goals(users: tuple[int, int], of: tuple[float, float], seed: int) -> Iterator[Comparison]:
    """Numbers of goals whose variance exceeds their mean, and which most users have none of."""
    chance = np.random.default_rng(seed)
    for _ in range(REPETITIONS):
        arms = [
            chance.negative_binomial(1, 1 / (1 + mean), count)
            for count, mean in zip(users, of, strict=True)
        ]
        control, treatment = (Mean(int(a.sum()), int((a * a).sum()), len(a)) for a in arms)
        comparison = compare_means(control, treatment, ALPHA)
        assert comparison is not None
        yield comparison


def daily_rates(users: tuple[int, int], of: tuple[float, float], seed: int) -> Iterator[Days]:
    """users: that fall into each arm on one day."""
    chance = np.random.default_rng(seed)
    drawn = [
        chance.binomial(count, rate, (REPETITIONS, DAYS)).cumsum(axis=1)
        for count, rate in zip(users, of, strict=True)
    ]
    for control, treatment in zip(*drawn, strict=True):
        yield [
            compare_proportions(
                Proportion(int(control[day]), users[0] * (day + 1)),
                Proportion(int(treatment[day]), users[1] * (day + 1)),
                ALPHA,
            )
            for day in range(DAYS)
        ]


def daily_goals(users: tuple[int, int], of: tuple[float, float], seed: int) -> Iterator[Days]:
    chance = np.random.default_rng(seed)
    for _ in range(REPETITIONS):
        arms = [
            chance.negative_binomial(1, 1 / (1 + mean), (DAYS, count))
            for count, mean in zip(users, of, strict=True)
        ]
        totals = [arm.sum(axis=1).cumsum() for arm in arms]
        squares = [(arm * arm).sum(axis=1).cumsum() for arm in arms]
        yield [
            compare_means(
                Mean(int(totals[0][day]), int(squares[0][day]), users[0] * (day + 1)),
                Mean(int(totals[1][day]), int(squares[1][day]), users[1] * (day + 1)),
                ALPHA,
            )
            for day in range(DAYS)
        ]


Play = Callable[[tuple[int, int], tuple[float, float], int], Iterator[Comparison]]
DailyPlay = Callable[[tuple[int, int], tuple[float, float], int], Iterator[Days]]

SETTINGS = [
    (rates, (2_000, 2_000), (0.10, 0.13)),
    (rates, (1_000, 9_000), (0.30, 0.30)),
    (rates, (20_000, 20_000), (0.02, 0.024)),
    (rates, (600, 600), (0.85, 0.80)),
    (goals, (1_000, 3_000), (0.5, 0.6)),
    (goals, (2_000, 2_000), (3.0, 3.0)),
]


@pytest.mark.parametrize(("users", "rate"), [(150, 0.1), (2_000, 0.02), (500, 0.5), (800, 0.97)])
def test_a_rates_interval_covers_it_95_times_of_100(users: int, rate: float) -> None:
    """Counted exactly, over every number of successes: Wilson's is never far from 95 %."""
    covered = sum(
        float(stats.binom.pmf(successes, users, rate))
        for successes in range(users + 1)
        if covers(rate_interval(Proportion(successes, users)), rate)
    )

    assert covered == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(("play", "users", "of"), SETTINGS)
def test_intervals_cover_the_truth_at_their_stated_rate(
    play: Play, users: tuple[int, int], of: tuple[float, float]
) -> None:
    played = list(play(users, of, 1))
    low, high = usual(1 - ALPHA)

    differences = sum(covers(each.interval, of[1] - of[0]) for each in played)
    lifts = sum(covers(each.lift_interval, of[1] / of[0] - 1) for each in played)

    assert low <= differences <= high
    assert low <= lifts <= high


@pytest.mark.parametrize(("play", "users", "of"), SETTINGS)
def test_sequential_intervals_cover_the_truth_at_least_as_often(
    play: Play, users: tuple[int, int], of: tuple[float, float]
) -> None:
    played = list(play(users, of, 2))
    low, _ = usual(1 - ALPHA)

    assert sum(covers(each.sequential, of[1] - of[0]) for each in played) >= low
    assert sum(covers(each.lift_sequential, of[1] / of[0] - 1) for each in played) >= low


def test_an_interval_is_right_from_the_first_comparison_on() -> None:
    """Every outcome of two arms of 100 users, weighed: no repetition, no chance."""
    for rate in (0.1, 0.3, 0.5, 0.85):
        weights = [float(stats.binom.pmf(successes, 100, rate)) for successes in range(101)]
        compared = [
            (weights[control] * weights[treatment], covers(comparison.interval, 0))
            for control in range(101)
            for treatment in range(101)
            if (
                comparison := compare_proportions(
                    Proportion(control, 100), Proportion(treatment, 100)
                )
            )
        ]
        covered = sum(weight for weight, is_covered in compared if is_covered)

        assert covered / sum(weight for weight, _ in compared) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(
    ("play", "users", "of"),
    [
        (daily_rates, (100, 100), (0.1, 0.1)),
        (daily_rates, (100, 900), (0.03, 0.03)),
        (daily_rates, (20, 20), (0.3, 0.3)),
        (daily_rates, (5_000, 5_000), (0.4, 0.4)),
        (daily_rates, (50, 950), (0.9, 0.9)),
        (daily_goals, (100, 300), (0.5, 0.5)),
        (daily_goals, (20, 180), (1.0, 1.0)),
    ],
)
def test_a_daily_look_at_equal_arms_claims_no_more_than_alpha(
    play: DailyPlay, users: tuple[int, int], of: tuple[float, float]
) -> None:
    """The fixed interval, read daily, shows why there is another."""
    played = [[day for day in days if day] for days in play(users, of, 3)]

    always = sum(any(is_claimed(day.sequential) for day in days) for days in played)
    once = sum(any(is_claimed(day.interval) for day in days) for days in played)
    lifts = sum(
        any(is_claimed(day.lift_sequential) for day in days if day.lift_sequential)
        for days in played
    )

    assert always <= ALPHA * REPETITIONS
    assert lifts <= ALPHA * REPETITIONS
    assert once > 3 * ALPHA * REPETITIONS


Weeks = list[tuple[int, int, float]]
"""Of ten days each: users of a day in control and treatment, and the rate of both."""


def daily_strata(weeks: Weeks, seed: int) -> Iterator[Days]:
    """Weights and rates that change, with arms that never differ."""
    chance = np.random.default_rng(seed)
    drawn = [
        [chance.binomial(count, rate, (REPETITIONS, 10)).cumsum(axis=1) for count in counts]
        for *counts, rate in weeks
    ]
    for played in range(REPETITIONS):
        over: list[tuple[Proportion, Proportion]] = []
        looks: Days = []
        for (control, treatment, _), sides in zip(weeks, drawn, strict=True):
            for day in range(10):
                now = [
                    Proportion(int(side[played][day]), count * (day + 1))
                    for side, count in zip(sides, (control, treatment), strict=True)
                ]
                looks.append(statistics.compare_proportions([*over, (now[0], now[1])], ALPHA))
            over.append((now[0], now[1]))
        yield looks


@pytest.mark.parametrize(
    "weeks",
    [
        [(50, 950, 0.1), (500, 500, 0.2)],
        [(500, 500, 0.2), (50, 950, 0.1)],
        [(20, 80, 0.4), (50, 50, 0.05), (5, 95, 0.3)],
        [(10, 990, 0.02), (1, 999, 0.5), (100, 900, 0.1)],
        [(100, 100, 0.02), (1000, 1000, 0.5)],
    ],
)
def test_weights_and_rates_that_change_make_no_claims(weeks: Weeks) -> None:
    played = [[day for day in days if day] for days in daily_strata(weeks, 8)]

    claimed = sum(any(is_claimed(day.sequential) for day in days) for days in played)
    last = sum(covers(days[-1].interval, 0) for days in played)

    low, high = usual(1 - ALPHA)
    assert claimed <= ALPHA * REPETITIONS
    assert low <= last <= high


@pytest.mark.parametrize(("rate", "detectable", "share"), [(0.1, 0.04, 0.5), (0.3, 0.06, 0.8)])
def test_the_users_needed_always_show_the_difference_by_then(
    rate: float, detectable: float, share: float
) -> None:
    users = users_needed_always(rate, detectable, share=share)
    daily = (round(users * (1 - share) / DAYS), round(users * share / DAYS))

    played = list(daily_rates(daily, (rate, rate + detectable), 9))

    at_last = sum(is_claimed(days[-1].sequential) for days in played if days[-1])
    low, high = usual(0.8)
    assert low <= at_last <= high
    assert sum(any(is_claimed(day.sequential) for day in days if day) for days in played) >= low


def test_a_true_difference_is_covered_on_all_days_at_once() -> None:
    played = daily_rates((100, 100), (0.10, 0.16), 4)
    low, _ = usual(1 - ALPHA)

    held = sum(all(covers(day.sequential, 0.06) for day in days if day) for days in played)

    assert held >= low


def test_a_true_difference_is_found_in_time() -> None:
    """Of six points, with twice the users that one reading would have needed (about 1,000)."""
    played = list(daily_rates((100, 100), (0.10, 0.16), 5))

    found = sum(any(is_claimed(day.sequential) for day in days if day) for days in played)

    assert found > 0.9 * REPETITIONS


def test_arms_that_were_filled_as_planned_are_no_mismatch_on_any_day() -> None:
    chance = np.random.default_rng(6)
    shares = {"holdout": 10.0, "soft_ask": 90.0}
    alarms = 0
    for holdout in chance.binomial(300, 0.1, (REPETITIONS, DAYS)).cumsum(axis=1):
        looks = [
            sample_ratio(
                {"holdout": int(holdout[day]), "soft_ask": 300 * (day + 1) - int(holdout[day])},
                shares,
            )
            for day in range(DAYS)
        ]
        alarms += any(look.is_mismatch for look in looks if look)

    assert alarms <= 0.02 * REPETITIONS


def test_an_arm_that_loses_users_is_a_mismatch() -> None:
    chance = np.random.default_rng(7)
    found = 0
    for holdout in chance.binomial(20_000, 0.088, REPETITIONS):
        ratio = sample_ratio(
            {"holdout": int(holdout), "soft_ask": 20_000 - int(holdout)},
            {"holdout": 10, "soft_ask": 90},
        )
        found += ratio is not None and ratio.is_mismatch

    assert found > 0.95 * REPETITIONS
