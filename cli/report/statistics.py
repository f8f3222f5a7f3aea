"""What the report's figures allow to be said. The formulas and their sources: docs/statistics.md.

Nothing here is NaN or infinite: what cannot be said is None. SciPy takes half a second to load, so
that only `softask report` imports this module; `scipy.stats` would take two.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec
from scipy.special import chdtrc, ndtri, stdtr, stdtrit

FEWEST_OUTCOMES = 10
"""Successes, and failures, that each arm must expect if the arms do not differ.

With 5, as Cochran has it, a small holdout read daily raises more false alarms than alpha allows.
"""

FEWEST_CARRIERS = 30
"""Users who would carry an arm's total in equal parts, total² ÷ squares: fewer where a few users
have most of it, and the mean's own distribution is as skewed.
"""

TUNED_FOR = 5000
"""Users of both arms at which the sequential interval is narrowest beside the fixed one."""

MISMATCH = 0.001
"""Chances below this are a sample ratio mismatch: rare enough for a report that is read daily."""


class Interval(msgspec.Struct, frozen=True):
    low: float
    high: float


class Proportion(msgspec.Struct, frozen=True):
    """Users of an arm, and those of them with whom it succeeded.

    More successes than users are counted while an exposure waits for its replay: then nothing is
    said about them.
    """

    successes: int
    users: int

    @property
    def rate(self) -> float | None:
        return self.successes / self.users if self.users else None

    def __add__(self, other: "Proportion") -> "Proportion":
        return Proportion(self.successes + other.successes, self.users + other.users)


class Mean(msgspec.Struct, frozen=True):
    """A number per user of an arm: its total over the users, and the total of its squares."""

    total: int
    squares: int
    users: int

    def __add__(self, other: "Mean") -> "Mean":
        return Mean(
            self.total + other.total, self.squares + other.squares, self.users + other.users
        )

    @property
    def mean(self) -> float | None:
        return self.total / self.users if self.users else None

    @property
    def variance(self) -> float | None:
        """Of the sample. None for fewer than two users, or sums that contradict each other."""
        # In whole numbers: the difference of large squares keeps every digit.
        spread = self.users * self.squares - self.total**2
        if self.users < 2 or spread < 0:
            return None
        return spread / (self.users * (self.users - 1))


class Comparison(msgspec.Struct, frozen=True):
    """The treatment beside the control.

    difference   treatment minus control, per user
    interval     holds the true difference in 95 of 100 experiments that are read once, on a day
                 that was set beforehand
    sequential   holds it in 95 of 100 experiments on all days at once, however often it is read
    lift         difference ÷ control, with both intervals; None where the control is 0
    p_value      two-sided, for one reading: below alpha where `interval` leaves out 0
    """

    difference: float
    interval: Interval
    sequential: Interval
    lift: float | None
    lift_interval: Interval | None
    lift_sequential: Interval | None
    p_value: float


class SampleRatio(msgspec.Struct, frozen=True):
    """Whether the users fell into the arms as planned. expected: users of each arm."""

    p_value: float
    is_mismatch: bool
    expected: Mapping[str, float]


class _Estimate(msgspec.Struct, frozen=True):
    """variance: of the estimate. degrees: of freedom of that variance; infinite for a rate."""

    value: float
    variance: float
    users: int
    degrees: float


def rate_interval(proportion: Proportion) -> Interval | None:
    """Wilson's 95 % interval, always within [0, 1]; None without users."""
    successes, users = proportion.successes, proportion.users
    if not 0 <= successes <= users or not users:
        return None
    z = float(ndtri(0.975))
    centre = (successes + z**2 / 2) / (users + z**2)
    margin = z / (users + z**2) * math.sqrt(successes * (users - successes) / users + z**2 / 4)
    return Interval(
        # Exact at the ends, where rounding would leave 7e-18.
        max(0.0, centre - margin) if successes else 0.0,
        min(1.0, centre + margin) if successes < users else 1.0,
    )


def compare_proportions(
    strata: Sequence[tuple[Proportion, Proportion]], alpha: float = 0.05
) -> Comparison | None:
    """The difference of two rates, by the normal approximation with unpooled variances.

    strata: control and treatment, of users who were dealt in the same proportions; each stratum's
    difference weighs n_C·n_T ÷ (n_C + n_T), whatever came of it. None without a stratum in which
    each arm has a user, and until each arm has the users to expect `FEWEST_OUTCOMES` successes and
    as many failures under its strata's rates of both arms together: below that the approximation,
    and so the intervals, are wrong.
    """
    if not _has_outcomes(strata):
        return None
    control, treatment = (_rates(arms, strata) for arms in zip(*strata, strict=True))
    return _compare(control, treatment, alpha, widest=1.0)


def compare_means(strata: Sequence[tuple[Mean, Mean]], alpha: float = 0.05) -> Comparison | None:
    """The difference of two means of numbers that are never negative, by Welch's t.

    strata: as for `compare_proportions`. None until each arm has the users to expect
    `FEWEST_CARRIERS` if the arms do not differ: below that a mean is not normal yet. None as well
    while neither arm has users who differ.
    """
    if not _has_carriers(strata):
        return None
    before, after = (_means(arms, strata) for arms in zip(*strata, strict=True))
    if before is None or after is None or before.variance + after.variance == 0:
        return None
    return _compare(before, after, alpha, widest=math.inf)


def sample_ratio(
    strata: Sequence[tuple[Mapping[str, int], Mapping[str, float]]],
) -> SampleRatio | None:
    """Pearson's χ² of the users in each arm against the arms' shares, which need not sum to 1.

    strata: users and shares, of users who were dealt in the same proportions; their distances and
    degrees of freedom are summed, so that a surplus in one does not hide what another lacks. A user
    in an arm without a share is a mismatch. None without a stratum that has two arms to compare,
    each of which expects `FEWEST_OUTCOMES` users; others are in no sum, but expected.
    """
    known = [found for observed, shares in strata if (found := _expected(observed, shares))]
    expected: dict[str, float] = {}
    for _, due in known:
        for arm, users in due.items():
            expected[arm] = expected.get(arm, 0.0) + users
    if any(observed.keys() - due.keys() for observed, due in known):
        return SampleRatio(0.0, True, expected)
    tested = [each for each in known if min(each[1].values()) >= FEWEST_OUTCOMES]
    if not tested:
        return None
    degrees = sum(len(due) - 1 for _, due in tested)
    p_value = float(chdtrc(degrees, sum(_distance(*each) for each in tested)))
    return SampleRatio(p_value, p_value < MISMATCH, expected)


def _expected(
    observed: Mapping[str, int], expected_shares: Mapping[str, float]
) -> tuple[Mapping[str, int], Mapping[str, float]] | None:
    """Who came, and as many as the shares would have dealt; None of one arm, or of nobody."""
    shares = {arm: share for arm, share in expected_shares.items() if share > 0}
    came = {arm: count for arm, count in observed.items() if count}
    users = sum(came.values())
    if len(shares) < 2 or not users:
        return None
    whole = sum(shares.values())
    return came, {arm: users * share / whole for arm, share in shares.items()}


def _distance(observed: Mapping[str, int], expected: Mapping[str, float]) -> float:
    return sum((observed.get(arm, 0) - due) ** 2 / due for arm, due in expected.items())


def users_needed(
    control_rate: float,
    detectable: float,
    power: float = 0.8,
    alpha: float = 0.05,
    share: float = 0.5,
) -> int:
    """Users of both arms for one reading to find the absolute difference `detectable`.

    control_rate   of the control; the treatment's is higher by `detectable`, or lower by it where
                   a rate cannot be that high (or low)
    power          the probability to find the difference if it is there
    share          the treatment's part of the users

    Never so few that `compare_proportions` would be silent. ValueError for no difference, one that
    no rate can have from the control's, and a power, alpha or share that is not within (0, 1).
    """
    if not all(0 < part < 1 for part in (power, alpha, share)):
        raise ValueError("power, alpha and share are parts of 1")
    rate = _shifted(control_rate, detectable)
    quantiles = float(ndtri(1 - alpha / 2) + ndtri(power))
    variance = _unit_variance(control_rate, rate, share)
    together = control_rate * (1 - share) + rate * share
    audible = FEWEST_OUTCOMES / min(share, 1 - share) / min(together, 1 - together)
    return math.ceil(max(quantiles**2 * variance / detectable**2, audible))


def users_needed_always(
    control_rate: float,
    detectable: float,
    power: float = 0.8,
    alpha: float = 0.05,
    share: float = 0.5,
) -> int:
    """As `users_needed`, for the sequential interval to leave out 0 by then, if not before."""
    fewest = users_needed(control_rate, detectable, power, alpha, share)
    error = math.sqrt(_unit_variance(control_rate, _shifted(control_rate, detectable), share))

    def are_enough(users: int) -> bool:
        errors = _sequential_errors(users, alpha) + float(ndtri(power))
        return errors * error <= abs(detectable) * math.sqrt(users)

    low, high = 0, fewest
    while not are_enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if are_enough(middle) else (middle, high)
    return max(fewest, high)


def sentence(
    name_of_control: str,
    name_of_treatment: str,
    comparison: Comparison | None,
    sample_ratio: SampleRatio | None,
    missing_users: int | None,
    did: str = "",
) -> str:
    """What a busy person may take away of rates, per 100 users.

    A difference is claimed only where the sequential interval leaves out 0, and none where the
    sample ratio is off. missing_users: until the number planned; None where it is too early to
    plan. did: what more or fewer of them did, `got the permission`.
    """
    arms = (name_of_control, name_of_treatment)
    return _told(arms, comparison, sample_ratio, _planned(missing_users), "of 100 users", did)


def goal_sentence(
    name_of_control: str,
    name_of_treatment: str,
    comparison: Comparison | None,
    sample_ratio: SampleRatio | None,
) -> str:
    """The same of goal events, for which no users are planned."""
    arms = (name_of_control, name_of_treatment)
    return _told(arms, comparison, sample_ratio, "", "goal events per 100 users", "")


def _told(
    names: tuple[str, str],
    comparison: Comparison | None,
    sample_ratio: SampleRatio | None,
    plan: str,
    unit: str,
    did: str,
) -> str:
    control, treatment = names
    arms = f"{treatment} and {control}"
    if sample_ratio is not None and sample_ratio.is_mismatch:
        return (
            f"Do not compare {arms}: the users did not fall into the arms as planned, and chance "
            f"does that less than once in {1 / MISMATCH:,.0f} times. Find out why first."
        )
    if comparison is None:
        return f"Too little has happened yet to compare {arms}.{plan}"
    is_more = comparison.sequential.low > 0
    if not is_more and comparison.sequential.high >= 0:
        return (
            f"No difference between {arms} can be claimed: {treatment} may have anything "
            f"{_range(comparison.sequential)} {unit}.{plan}"
        )
    count = f"{_per_hundred(comparison.difference)} {'more' if is_more else 'fewer'}"
    bounds = f"({_between(comparison.sequential)}{_relative(comparison)})"
    what = f"{unit} {did}" if did else unit
    return f"{treatment}: {count} {what} than {control} {bounds}, on whatever day this is read."


def _has_outcomes(strata: Sequence[tuple[Proportion, Proportion]]) -> bool:
    arms = [arm for stratum in strata for arm in stratum]
    if not arms or any(not 0 <= arm.successes <= arm.users or not arm.users for arm in arms):
        return False
    # Exactly, as fractions: a sum of floats may fall short of 10.
    rarer = [Fraction(_rarer(one + other), one.users + other.users) for one, other in strata]
    return all(
        sum(arm.users * rate for arm, rate in zip(side, rarer, strict=True)) >= FEWEST_OUTCOMES
        for side in zip(*strata, strict=True)
    )


def _rarer(arm: Proportion) -> int:
    """Successes, or failures where there are fewer of them."""
    return min(arm.successes, arm.users - arm.successes)


def _has_carriers(strata: Sequence[tuple[Mean, Mean]]) -> bool:
    arms = [arm for stratum in strata for arm in stratum]
    if not arms or any(not arm.users for arm in arms):
        return False
    total, squares = sum(arm.total for arm in arms), sum(arm.squares for arm in arms)
    # Each arm's part of the users, where the squares are.
    parts = [Fraction(a.squares + b.squares, a.users + b.users) for a, b in strata]
    fewest = min(
        sum(arm.users * part for arm, part in zip(side, parts, strict=True))
        for side in zip(*strata, strict=True)
    )
    return bool(total**2 * fewest >= FEWEST_CARRIERS * squares**2)


def _rates(
    arms: Sequence[Proportion], strata: Sequence[tuple[Proportion, Proportion]]
) -> _Estimate:
    return _weighed([_rate(arm) for arm in arms], _weights(strata))


def _means(arms: Sequence[Mean], strata: Sequence[tuple[Mean, Mean]]) -> _Estimate | None:
    known = [estimate for arm in arms if (estimate := _mean(arm))]
    return _weighed(known, _weights(strata)) if len(known) == len(arms) else None


def _weights(
    strata: Sequence[tuple[Proportion, Proportion]] | Sequence[tuple[Mean, Mean]],
) -> Sequence[float]:
    """Of each stratum; together 1."""
    sizes = [Fraction(a.users * b.users, a.users + b.users) for a, b in strata]
    return [float(size / sum(sizes)) for size in sizes]


def _weighed(estimates: Sequence[_Estimate], weights: Iterable[float]) -> _Estimate:
    pairs = list(zip(estimates, weights, strict=True))
    parts = [(weight**2 * each.variance, each.degrees) for each, weight in pairs]
    return _Estimate(
        sum(weight * each.value for each, weight in pairs),
        sum(variance for variance, _ in parts),
        sum(each.users for each in estimates),
        _degrees(parts),
    )


def _rate(arm: Proportion) -> _Estimate:
    """None or all of some users say as little about the others as one of them, or all but one."""
    least = min(1.0, arm.users / 2)
    typical = min(max(arm.successes, least), arm.users - least) / arm.users
    variance = typical * (1 - typical) / arm.users
    return _Estimate(arm.successes / arm.users, variance, arm.users, math.inf)


def _mean(arm: Mean) -> _Estimate | None:
    if arm.variance is None:
        return None
    return _Estimate(arm.total / arm.users, arm.variance / arm.users, arm.users, arm.users - 1)


def _compare(
    control: _Estimate, treatment: _Estimate, alpha: float, *, widest: float
) -> Comparison:
    """widest: the largest difference that there can be."""
    difference = treatment.value - control.value
    variance = control.variance + treatment.variance
    error = math.sqrt(variance)
    arms = (control, treatment)
    degrees = _degrees([(arm.variance, arm.degrees) for arm in arms])
    once = float(stdtrit(degrees, 1 - alpha / 2))
    always = _sequential_errors(control.users + treatment.users, alpha)
    lift = _lift(control, treatment)
    return Comparison(
        difference=difference,
        interval=_around(difference, once * error, -widest, widest),
        sequential=_around(difference, always * error, -widest, widest),
        lift=lift.value if lift else None,
        lift_interval=_around(lift.value, once * math.sqrt(lift.variance), -1.0) if lift else None,
        lift_sequential=(
            _around(lift.value, always * math.sqrt(lift.variance), -1.0) if lift else None
        ),
        p_value=min(1.0, 2 * float(stdtr(degrees, -abs(difference) / error))),
    )


def _degrees(parts: Sequence[tuple[float, float]]) -> float:
    """Welch's and Satterthwaite's, of a sum of variances with degrees of freedom each."""
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return sum(degrees for _, degrees in parts)
    return 1 / spread if (spread := sum((v / variance) ** 2 / d for v, d in parts)) else math.inf


def _sequential_errors(users: int, alpha: float) -> float:
    """Half the sequential interval, in standard errors: an asymptotic confidence sequence.

    As GrowthBook has it (gbstats), from Waudby-Smith et al., arXiv 2103.06476v7, equations 9 and
    161, with the users of both arms for n and n times the squared standard error for the variance.
    """
    rho_squared = (-2 * math.log(alpha) + math.log1p(-2 * math.log(alpha))) / TUNED_FOR
    grown = users * rho_squared
    return math.sqrt(2 * (grown + 1) * math.log(math.sqrt(grown + 1) / alpha) / grown)


def _lift(control: _Estimate, treatment: _Estimate) -> _Estimate | None:
    """By the delta method, the arms being independent."""
    if not control.value:
        return None
    ratio = treatment.value / control.value
    variance = (treatment.variance + ratio**2 * control.variance) / control.value**2
    return _Estimate(ratio - 1, variance, control.users + treatment.users, math.inf)


def _around(value: float, margin: float, lowest: float, highest: float = math.inf) -> Interval:
    return Interval(max(lowest, value - margin), min(highest, value + margin))


def _unit_variance(control_rate: float, rate: float, share: float) -> float:
    """Of a difference, times the users of both arms."""
    return control_rate * (1 - control_rate) / (1 - share) + rate * (1 - rate) / share


def _shifted(rate: float, difference: float) -> float:
    for shifted in (rate + difference, rate - difference):
        if shifted != rate and 0 <= rate <= 1 and 0 <= shifted <= 1:
            return shifted
    raise ValueError(f"no rate differs from {rate} by {difference}")


def _relative(comparison: Comparison) -> str:
    lift, bounds = comparison.lift, comparison.lift_sequential
    if lift is None or bounds is None or bounds.low <= 0 <= bounds.high:
        return ""
    word = "more" if lift > 0 else "fewer"
    return f"; {_per_hundred(lift)} % {word}, {_between(bounds)} %"


def _between(bounds: Interval) -> str:
    nearest, farthest = sorted((abs(bounds.low), abs(bounds.high)))
    return f"between {_per_hundred(nearest)} and {_per_hundred(farthest)}"


def _range(bounds: Interval) -> str:
    low, high = _per_hundred(bounds.low), _per_hundred(bounds.high)
    return f"from {low} fewer to {high} more"


def decimals(hundredfold: float) -> int:
    """As a table and a sentence write it: one, or two digits that count of what is below 0.1."""
    amount = abs(hundredfold)
    return 1 if not amount or amount >= 0.1 else 1 - math.floor(math.log10(amount))


def _per_hundred(amount: float) -> str:
    """Without a sign."""
    hundredfold = abs(100 * amount)
    return f"{hundredfold:,.{decimals(hundredfold)}f}"


def _planned(missing_users: int | None) -> str:
    if missing_users is None:
        return " Too few yet to plan."
    if missing_users <= 0:
        return " The users planned for are in."
    return f" Users still needed: {missing_users:,}."
