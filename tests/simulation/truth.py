"""Whether the intervals that `softask report` prints hold the true rates of a tidy world."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cli.report.figures import ArmFigures, Difference, Share, Span, Statistics
from functions.wire.report import ReportAnswer
from tests.simulation.rates import Rates

Rate = Callable[[str, str], float]
"""Of an arm and its variant."""

Held = Iterator[tuple[str, bool]]
"""What an interval is of, and whether it holds the truth; one that is missing does not."""


def held(of: Statistics, answer: ReportAnswer, rates: Rates) -> Held:
    """Every interval of the report whose truth is known."""
    arms = {arm.name: arm for arm in of.arms}
    for arm in of.arms:
        yield from _of_arm(arm, _Dealt.all_of(arm, answer), rates)
    for each in of.comparisons:
        name = f"{each.treatment} against {each.control}"
        pairs = list(_in_strata(arms[each.control], arms[each.treatment], answer))
        figures = (("any grant", rates.any_grant, each.difference),)
        for figure, rate, found in (*figures, ("goals", rates.goals_per_user, each.goals)):
            before = _weighted((pair.weight, pair.control.mean(rate)) for pair in pairs)
            after = _weighted((pair.weight, pair.treatment.mean(rate)) for pair in pairs)
            yield from _of_difference(f"{name}: {figure}", before, after, found)


def _of_arm(arm: ArmFigures, dealt: "_Dealt", rates: Rates) -> Held:
    shares: tuple[tuple[str, float, Share], ...] = (
        ("net opt-in", dealt.mean(rates.opt_in), arm.net_opt_in),
        ("any grant", dealt.mean(rates.any_grant), arm.any_grant),
        ("goal users", dealt.mean(rates.goal_users), arm.goals.users),
    )
    for name, truth, share in shares:
        if truth:
            yield f"{arm.name}: {name}", _holds(share.interval, truth)


def _of_difference(name: str, before: float, after: float, found: Difference | None) -> Held:
    apart, lift = after - before, after / before - 1
    yield name, found is not None and _holds(found.interval, apart)
    yield f"{name}, sequential", found is not None and _holds(found.sequential, apart)
    yield f"{name}, lift", found is not None and _holds(found.lift_interval, lift)
    yield f"{name}, lift, sequential", found is not None and _holds(found.lift_sequential, lift)


def _holds(span: Span | None, truth: float) -> bool:
    return span is not None and span.low <= truth <= span.high


@dataclass(frozen=True, slots=True)
class _Dealt:
    """How many users were exposed in an arm, by variant."""

    arm: str
    exposed: dict[str, int]

    @classmethod
    def all_of(cls, arm: ArmFigures, answer: ReportAnswer, version: int | None = None) -> "_Dealt":
        exposed: dict[str, int] = {}
        for row in answer.rows:
            is_meant = row.arm == arm.arm and (not arm.is_part or row.variant == arm.variant)
            if is_meant and version in (None, row.version):
                exposed[row.variant] = exposed.get(row.variant, 0) + row.exposed
        return cls(arm.arm, exposed)

    @property
    def users(self) -> int:
        return sum(self.exposed.values())

    def mean(self, rate: Rate) -> float:
        return sum(n * rate(self.arm, variant) for variant, n in self.exposed.items()) / self.users


@dataclass(frozen=True, slots=True)
class _Stratum:
    control: _Dealt
    treatment: _Dealt

    @property
    def weight(self) -> float:
        one, other = self.control.users, self.treatment.users
        return one * other / (one + other)


def _in_strata(
    control: ArmFigures, treatment: ArmFigures, answer: ReportAnswer
) -> Iterator[_Stratum]:
    """Each version deals by its own weights here, and so is a stratum (docs/statistics.md)."""
    for version in answer.versions:
        pair = (_Dealt.all_of(arm, answer, version.version) for arm in (control, treatment))
        stratum = _Stratum(*pair)
        if stratum.control.users and stratum.treatment.users:
            yield stratum


def _weighted(parts: Iterable[tuple[float, float]]) -> float:
    each = list(parts)
    return sum(weight * value for weight, value in each) / sum(weight for weight, _ in each)
