"""What the report says: the stored figures as shares and means, compared with a control."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any, Literal

import msgspec

from cli.report import statistics
from cli.report.statistics import Mean, Proportion
from functions.core.experiment import DIRECT_PROMPT, HOLDOUT, SOFT_ASK
from functions.wire.report import ArmReport, ReportAnswer, ReportRow, VersionReport

Metric = Literal["net_opt_in", "any_grant", "goals"]

FEWEST_TO_PLAN = 10
"""Successes, and failures, of the control: below that its rate is mostly noise."""

FEWEST_IN_STRATUM = 2
"""Users of each arm: one alone has no variance."""

Row = ArmReport | ReportRow

Plan = Mapping[str, Fraction]
"""How users were dealt: the share of each arm, and of each variant of the soft ask."""

_KEYS = ("arm", "variant")
_COUNTS = tuple(name for name in ArmReport.__struct_fields__ if name not in _KEYS)


class UnknownControl(Exception):
    """No arm goes by that name; the message lists those that there are."""


class Beginning(msgspec.Struct, frozen=True):
    """experiment: the first day of the newest weights; exposures: of any weights. Both as far back
    as a report goes; is_beyond: the experiment may be older than that.
    """

    experiment: str
    exposures: str
    is_beyond: bool


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """window: days of the attribution. control: the name of an arm; None to choose one.

    detectable: the smallest difference that matters, as a share (0.02 is two points). beginning:
    None where there is no experiment, or no report of all its days.
    """

    window: int = 7
    control: str | None = None
    detectable: float = 0.02
    beginning: Beginning | None = None


# --- what is said ---


class _Said(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class Span(_Said, frozen=True, kw_only=True):
    """Where a true value lies, 95 times of 100."""

    low: float
    high: float


class Share(_Said, frozen=True, kw_only=True):
    """A part of a whole. interval: Wilson's, at 95 %.

    Both null of an empty whole, and of one that is less than its part, as where the first day cuts
    the shows from their approvals.
    """

    part: int
    whole: int
    rate: float | None
    interval: Span | None


class Bucket(_Said, frozen=True, kw_only=True):
    """Users who were first shown the popup so long after they were first heard of."""

    label: str
    users: int


class Point(_Said, frozen=True, kw_only=True):
    """All users exposed up to that day's end, and their share by the metric of the chart."""

    day: str
    exposed: int
    part: int
    rate: float | None


class Goals(_Said, frozen=True, kw_only=True):
    """Goal events of exposed users: a user's mean, and the share of users with any."""

    events: int
    per_user: float | None
    users: Share


class ArmFigures(_Said, frozen=True, kw_only=True):
    """One arm, or one content variant of it. isPart: a variant whose whole arm stands beside it.

    anyGrant: within the attribution window. retry: popups approved of those shown, from attempt 2
    on.
    cumulative: by day of exposure; see `Statistics.metric`.
    """

    name: str
    arm: str
    variant: str
    is_part: bool
    totals: ArmReport
    net_opt_in: Share
    any_grant: Share
    shown_users: Share
    first_show: tuple[Bucket, ...]
    median_first_show: str | None
    retry: Share
    goals: Goals
    cumulative: tuple[Point, ...]


class Difference(_Said, frozen=True, kw_only=True):
    """Treatment less control, and relative to the control. Intervals at 95 %.

    interval: true for one look at a time that was fixed before. sequential: however often, and
    whenever, somebody looks. lift: null where the control's value is 0.
    """

    difference: float
    interval: Span
    sequential: Span
    lift: float | None
    lift_interval: Span | None
    lift_sequential: Span | None
    p_value: float


class Compared(_Said, frozen=True, kw_only=True):
    """Two arms by a metric, as users were dealt alike (see `docs/statistics.md`).

    difference: null while there is too little to say anything, where the sample ratio is off, and
    where a campaign asks for no permission; then the metric is `goals`.
    isPart: the treatment is a variant whose whole arm is compared beside it.
    usersNeeded: of both arms together, for the sequential interval to show a difference of
    `detectable` four times of five; usersNeededOnce: for one look. Null while it is too early to
    plan. leftOut: users of both arms in versions where one of the arms got fewer than two users.
    goals: goal events a user; null where no version counts any.
    sentence, goalSentence: what may be said of the permission, and of the goal; null where there
    is none, or the other says it.
    """

    control: str
    treatment: str
    metric: Metric
    is_part: bool
    difference: Difference | None
    goals: Difference | None
    users_needed: int | None
    users_needed_once: int | None
    users_missing: int | None
    left_out: int
    left_out_versions: tuple[int, ...]
    sentence: str | None
    goal_sentence: str | None


class SampleRatio(_Said, frozen=True, kw_only=True):
    """Whether users came to the arms as the weights say; `expected` are users."""

    p_value: float
    is_mismatch: bool
    observed: dict[str, int]
    expected: dict[str, float]


class Statistics(_Said, frozen=True, kw_only=True):
    """What the figures mean. notes: what is missing, and what to do about it.

    metric: by which arms are drawn; `goals` draws users with any. unripe: exposed users whose
    attribution window is not over yet. longestWait: days until a retry of some version; null where
    no version has any. goals: the events that versions count. weightsChanged: users were dealt in
    several ways that are compared.
    beganBefore: the experiment's first day, where it lies before the report's. exposedBefore: the
    first exposure's, where the report begins with newer weights. isSliding: it begins as early as a
    report may, so that its start moves every day.
    """

    window_days: int
    detectable: float
    asks_permission: bool
    has_goal: bool
    goals: tuple[str, ...]
    metric: Metric
    control: str | None
    unripe: int
    longest_wait: float | None
    weights_changed: bool
    began_before: str | None
    exposed_before: str | None
    is_sliding: bool
    arms: tuple[ArmFigures, ...]
    comparisons: tuple[Compared, ...]
    sample_ratio: SampleRatio | None
    notes: tuple[str, ...]


def analyse(answer: ReportAnswer, wishes: Wishes) -> Statistics:
    """Everything. Raises `UnknownControl`."""
    groups = tuple(_groups(answer))
    control = _control(groups, wishes.control)
    metric = _drawn(answer, groups)
    arms = tuple(_arm(group, answer, wishes.window, metric) for group in groups)
    ratio = _sample_ratio(answer)
    judge = _Judge(answer=answer, wishes=wishes, ratio=ratio, plans=_plans(answer))
    comparisons = tuple(judge.compared(control, groups)) if control else ()
    return Statistics(
        window_days=wishes.window,
        detectable=wishes.detectable,
        asks_permission=_asks_permission(answer),
        has_goal=_has_goal(answer),
        goals=tuple(dict.fromkeys(each.goal for each in answer.versions if each.goal)),
        metric=metric,
        control=control.name if control else None,
        unripe=_unripe(answer, wishes.window) if _asks_permission(answer) else 0,
        longest_wait=max((each.longest_wait_days or 0 for each in answer.versions), default=0)
        or None,
        weights_changed=_weights_changed(answer),
        **_begun(answer.from_, wishes.beginning),
        arms=arms,
        comparisons=comparisons,
        sample_ratio=_told_ratio(ratio, answer),
        notes=tuple(_notes(answer, groups, control, comparisons)),
    )


def beginning(answer: ReportAnswer) -> Beginning | None:
    """Of the newest weights that deal more than one arm or variant: of those that dealt last.

    None where they dealt nobody.
    """
    newest = _newest_experiment(answer)
    if newest is None:
        return None
    alike = _plan(newest)
    versions = {each.version for each in answer.versions if _plan(each) == alike}
    exposed = [row for row in answer.rows if row.exposed]
    experiment = min((row.day for row in exposed if row.version in versions), default=None)
    if experiment is None:
        return None
    first = min(row.day for row in exposed)
    return Beginning(experiment, first, is_beyond=experiment == answer.from_)


def _begun(first: str, known: Beginning | None) -> dict[str, Any]:
    """How a report's first day lies to the experiment's."""
    if known is None:
        return {"began_before": None, "exposed_before": None, "is_sliding": False}
    is_whole = known.experiment == first
    return {
        "began_before": known.experiment if known.experiment < first else None,
        "exposed_before": known.exposures if is_whole and known.exposures < first else None,
        "is_sliding": is_whole and known.is_beyond,
    }


# --- arms ---


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The totals under one name. variants: which of the arm's they are of."""

    name: str
    totals: ArmReport
    variants: frozenset[str]
    is_part: bool = False

    @property
    def arm(self) -> str:
        """`soft_ask`, `holdout` or `direct_prompt`."""
        return self.totals.arm

    def has(self, row: ReportRow) -> bool:
        """Whether the row is of this group."""
        return row.arm == self.arm and row.variant in self.variants


def _groups(answer: ReportAnswer) -> Iterator[Group]:
    """Arms in the order of what they do; one with several variants, and then each of these.

    What has no arm happened to users whom the campaign never met: they are in no comparison.
    """
    arms = sorted({each.arm for each in answer.arms} - {""}, key=_order)
    for arm in arms:
        parts = [each for each in answer.arms if each.arm == arm]
        variants = frozenset(each.variant for each in parts)
        named = parts[0].variant if len(parts) == 1 else ""
        yield Group(name=_name(arm, named), totals=_together(parts), variants=variants)
        if len(parts) > 1:
            for part in parts:
                name = _name(arm, part.variant or "(no variant)")
                variant = frozenset((part.variant,))
                yield Group(name=name, totals=part, variants=variant, is_part=True)


def _order(arm: str) -> tuple[int, str]:
    known = (SOFT_ASK, DIRECT_PROMPT, HOLDOUT)
    return (known.index(arm) if arm in known else len(known), arm)


def _name(arm: str, variant: str) -> str:
    return f"{arm}/{variant}" if variant else arm


def _together(parts: Sequence[ArmReport]) -> ArmReport:
    """One part as it is; several, summed."""
    if len(parts) == 1:
        return parts[0]
    sums: dict[str, Any] = {name: _sum([getattr(part, name) for part in parts]) for name in _COUNTS}
    return ArmReport(arm=parts[0].arm, variant="", **sums)


def _sum(values: Sequence[Any]) -> Any:
    """Of numbers; of lists, place by place."""
    if isinstance(values[0], tuple):
        return tuple(sum(each) for each in zip(*values, strict=True))
    return sum(values)


def _arm(group: Group, answer: ReportAnswer, window: int, metric: Metric) -> ArmFigures:
    totals, users = group.totals, group.totals.exposed
    rows = [row for row in answer.rows if group.has(row)]
    buckets = _first_show(totals.first_show, answer.first_show_bounds)
    return ArmFigures(
        name=group.name,
        arm=group.arm,
        variant=totals.variant,
        is_part=group.is_part,
        totals=totals,
        net_opt_in=_share(totals.opted_in, users),
        any_grant=_share(_converted(totals, window), users),
        shown_users=_share(totals.shown_users, users),
        first_show=buckets,
        median_first_show=_median(buckets),
        retry=_retry([row for row in rows if row.attempt > 1]),
        goals=Goals(
            events=totals.goals,
            per_user=Mean(totals.goals, totals.goal_squares, users).mean,
            users=_share(totals.goal_users, users),
        ),
        cumulative=tuple(_cumulative(rows, _part_of(metric, window))),
    )


def _retry(rows: Iterable[ReportRow]) -> Share:
    """Of popups: a direct prompt has no approval."""
    popups = [row for row in rows if row.arm == SOFT_ASK]
    return _share(sum(row.approved for row in popups), sum(row.shown for row in popups))


def _share(part: int, whole: int) -> Share:
    share = Proportion(part, whole)
    interval = _span(statistics.rate_interval(share))
    return Share(part=part, whole=whole, rate=share.rate if interval else None, interval=interval)


def _span(interval: statistics.Interval | None) -> Span | None:
    return Span(low=interval.low, high=interval.high) if interval else None


def _converted(row: Row, window: int) -> int:
    return sum(row.converted[:window])


def _part_of(metric: Metric, window: int) -> Callable[[Row], int]:
    """Those of the exposed who count by the metric."""
    if metric == "any_grant":
        return lambda row: _converted(row, window)
    if metric == "goals":
        return lambda row: row.goal_users
    return lambda row: row.opted_in


def _first_show(counts: Sequence[int], bounds: Sequence[int]) -> tuple[Bucket, ...]:
    named = zip(labels(bounds), counts, strict=True)
    return tuple(Bucket(label=label, users=users) for label, users in named)


def labels(bounds: Sequence[int]) -> Iterator[str]:
    """What each bucket between bounds in seconds is called, the last one included."""
    yield f"under {_written(bounds[0])}"
    for low, high in pairwise(bounds):
        (low_count, low_unit), (high_count, high_unit) = _unit(low), _unit(high)
        low_text = f"{low_count}" if low_unit == high_unit else f"{low_count} {low_unit}"
        yield f"{low_text} to {high_count} {high_unit}"
    yield f"{_written(bounds[-1])} or more"


def _written(seconds: int) -> str:
    count, unit = _unit(seconds)
    return f"{count} {unit}"


def _unit(seconds: int) -> tuple[int, str]:
    """Bounds are whole minutes at least."""
    for size, unit in ((86_400, "d"), (3_600, "h")):
        if seconds % size == 0:
            return seconds // size, unit
    return seconds // 60, "min"


def _median(buckets: Sequence[Bucket]) -> str | None:
    """The bucket of the user in the middle."""
    users = sum(bucket.users for bucket in buckets)
    counted = accumulate(bucket.users for bucket in buckets)
    middle = (
        bucket.label for bucket, upto in zip(buckets, counted, strict=True) if 2 * upto >= users
    )
    return next(middle, None) if users else None


def _cumulative(rows: Iterable[ReportRow], part: Callable[[Row], int]) -> Iterator[Point]:
    """Every day from the first exposure to the last, those without any among them."""
    days: dict[str, tuple[int, int]] = {}
    for row in rows:
        exposed, parts = days.get(row.day, (0, 0))
        days[row.day] = (exposed + row.exposed, parts + part(row))
    counted = sorted(day for day, (exposed, _) in days.items() if exposed)
    exposed = parts = 0
    for day in _days(counted):
        more, more_parts = days.get(day, (0, 0))
        exposed, parts = exposed + more, parts + more_parts
        yield Point(day=day, exposed=exposed, part=parts, rate=Proportion(parts, exposed).rate)


def _days(counted: Sequence[str]) -> Iterator[str]:
    if not counted:
        return
    first, last = date.fromisoformat(counted[0]), date.fromisoformat(counted[-1])
    for number in range((last - first).days + 1):
        yield (first + timedelta(days=number)).isoformat()


def _unripe(answer: ReportAnswer, window: int) -> int:
    today = date.fromisoformat(answer.as_of[:10])
    ripe = (today - timedelta(days=window)).isoformat()
    return sum(row.exposed for row in answer.rows if row.day >= ripe)


def _asks_permission(answer: ReportAnswer) -> bool:
    return answer.kind != "popup"


def _has_goal(answer: ReportAnswer) -> bool:
    counted = any(each.goals for each in answer.arms)
    return counted or any(version.has_goal for version in answer.versions)


# --- the comparison ---


def _control(groups: Sequence[Group], wished: str | None) -> Group | None:
    """The holdout, else the direct prompt, else the first variant; None where there is one arm."""
    if wished is not None:
        return _named(groups, wished)
    exposed = [group for group in groups if group.totals.exposed]
    if len(exposed) < 2:
        return None
    for arm in (HOLDOUT, DIRECT_PROMPT):
        for group in exposed:
            if group.arm == arm:
                return group
    return next((group for group in exposed if group.is_part), exposed[0])


def _named(groups: Sequence[Group], wished: str) -> Group:
    for group in groups:
        if wished == group.name:
            return group
    for group in groups:
        if wished == group.name.removeprefix(f"{group.arm}/"):
            return group
    if not groups:
        raise UnknownControl(f"There is no arm {wished}: nobody was exposed yet.")
    known = ", ".join(group.name for group in groups)
    raise UnknownControl(f"There is no arm {wished}; there is {known}.")


def _drawn(answer: ReportAnswer, groups: Sequence[Group]) -> Metric:
    return _metric(answer, [group for group in groups if group.totals.exposed])


def _metric(answer: ReportAnswer, groups: Sequence[Group]) -> Metric:
    """Net opt-in is the same thing only within the soft ask.

    A holdout approves nothing; and a direct prompt's grant counts for a day, an approval's ever.
    """
    if not _asks_permission(answer):
        return "goals"
    return "net_opt_in" if all(group.arm == SOFT_ASK for group in groups) else "any_grant"


_GOT = {"net_opt_in": "opted in", "any_grant": "got the permission"}


class _Stratum(msgspec.Struct, frozen=True, kw_only=True):
    """Both arms' rows of users who were dealt in the same proportions."""

    control: Sequence[ReportRow]
    treatment: Sequence[ReportRow]

    @property
    def is_filled(self) -> bool:
        sides = (self.control, self.treatment)
        return all(_exposed(side) >= FEWEST_IN_STRATUM for side in sides)


class _Judge(msgspec.Struct, frozen=True, kw_only=True):
    answer: ReportAnswer
    wishes: Wishes
    ratio: statistics.SampleRatio | None
    plans: Mapping[int, Plan | int]

    @property
    def is_off(self) -> bool:
        return self.ratio is not None and self.ratio.is_mismatch

    def compared(self, control: Group, groups: Sequence[Group]) -> Iterator[Compared]:
        """The control with all that are not of it."""
        for group in groups:
            is_other = group.arm != control.arm or (group.is_part and control.is_part)
            if is_other and group.name != control.name and group.totals.exposed:
                yield self._compared(control, group)

    def _compared(self, control: Group, treatment: Group) -> Compared:
        metric = _metric(self.answer, (control, treatment))
        strata = list(_strata(self.answer, self.plans, control, treatment))
        filled = [each for each in strata if each.is_filled]
        left_out = [
            row
            for each in strata
            if not each.is_filled
            for row in (*each.control, *each.treatment)
            if row.exposed
        ]
        of_rates = self._of_rates(control, treatment, metric, filled)
        return Compared(
            control=control.name,
            treatment=treatment.name,
            metric=metric,
            is_part=treatment.is_part and not control.is_part,
            left_out=_exposed(left_out),
            left_out_versions=tuple(sorted({row.version for row in left_out})),
            **of_rates,
            **self._of_goals(control, treatment, filled),
        )

    def _of_rates(
        self, control: Group, treatment: Group, metric: Metric, strata: Sequence[_Stratum]
    ) -> dict[str, Any]:
        if metric == "goals":
            none = ("difference", "users_needed", "users_needed_once", "users_missing", "sentence")
            return dict.fromkeys(none)
        part = _part_of(metric, self.wishes.window)
        pairs = [(_rate(each.control, part), _rate(each.treatment, part)) for each in strata]
        one, other = (
            Proportion(sum(arm.successes for arm in side), sum(arm.users for arm in side))
            for side in (tuple(zip(*pairs, strict=True)) or ((), ()))
        )
        found = None if self.is_off else statistics.compare_proportions(pairs)
        needed, once = _needed(one, other, self.wishes.detectable)
        missing = None if needed is None else max(0, needed - one.users - other.users)
        return {
            "difference": _difference(found),
            "users_needed": needed,
            "users_needed_once": once,
            "users_missing": missing,
            "sentence": statistics.sentence(
                control.name,
                treatment.name,
                found,
                self.ratio,
                missing,
                _GOT[metric],
            ),
        }

    def _of_goals(
        self, control: Group, treatment: Group, strata: Sequence[_Stratum]
    ) -> dict[str, Any]:
        if not _has_goal(self.answer):
            return {"goals": None, "goal_sentence": None}
        pairs = [(_goals(each.control), _goals(each.treatment)) for each in strata]
        found = None if self.is_off else statistics.compare_means(pairs)
        said = statistics.goal_sentence(control.name, treatment.name, found, self.ratio)
        is_said = self.is_off and _asks_permission(self.answer)
        return {"goals": _difference(found), "goal_sentence": None if is_said else said}


def _strata(
    answer: ReportAnswer, plans: Mapping[int, Plan | int], control: Group, treatment: Group
) -> Iterator[_Stratum]:
    """Arms of other proportions got their users at other times, and differ by that alone."""
    for numbers in _dealt_alike(plans):
        rows = [row for row in answer.rows if row.version in numbers and not row.attempt]
        yield _Stratum(
            control=[row for row in rows if control.has(row)],
            treatment=[row for row in rows if treatment.has(row)],
        )


def _dealt_alike(plans: Mapping[int, Plan] | Mapping[int, Plan | int]) -> Iterator[frozenset[int]]:
    """Versions of the same proportions; what cannot be read is dealt like nothing else."""
    seen: list[Plan | int] = []
    for plan in plans.values():
        if plan not in seen:
            seen.append(plan)
            yield frozenset(number for number, other in plans.items() if other == plan)


def _plans(answer: ReportAnswer) -> dict[int, Plan | int]:
    return {
        each.version: each.version if each.arms is None else _plan(each) for each in answer.versions
    }


def _weights_changed(answer: ReportAnswer) -> bool:
    exposed = {row.version for row in answer.rows if row.exposed}
    plans = {number: plan for number, plan in _plans(answer).items() if number in exposed}
    return len(list(_dealt_alike(plans))) > 1


def _exposed(rows: Iterable[ReportRow]) -> int:
    return sum(row.exposed for row in rows)


def _rate(rows: Sequence[ReportRow], part: Callable[[Row], int]) -> Proportion:
    return Proportion(sum(map(part, rows)), _exposed(rows))


def _goals(rows: Sequence[ReportRow]) -> Mean:
    goals, squares = sum(row.goals for row in rows), sum(row.goal_squares for row in rows)
    return Mean(goals, squares, _exposed(rows))


def _needed(
    control: Proportion, treatment: Proportion, detectable: float
) -> tuple[int | None, int | None]:
    """For the sequential interval, and for one look; None while the control says too little."""
    fewest = min(control.successes, control.users - control.successes)
    if control.rate is None or fewest < FEWEST_TO_PLAN or not treatment.users:
        return None, None
    share = treatment.users / (control.users + treatment.users)
    always = statistics.users_needed_always(control.rate, detectable, share=share)
    return always, statistics.users_needed(control.rate, detectable, share=share)


def _difference(found: statistics.Comparison | None) -> Difference | None:
    if found is None:
        return None
    return Difference(
        difference=found.difference,
        interval=Span(low=found.interval.low, high=found.interval.high),
        sequential=Span(low=found.sequential.low, high=found.sequential.high),
        lift=found.lift,
        lift_interval=_span(found.lift_interval),
        lift_sequential=_span(found.lift_sequential),
        p_value=found.p_value,
    )


# --- the sample ratio ---


def _sample_ratio(answer: ReportAnswer) -> statistics.SampleRatio | None:
    return statistics.sample_ratio(list(_dealt(answer)))


def _told_ratio(ratio: statistics.SampleRatio | None, answer: ReportAnswer) -> SampleRatio | None:
    if ratio is None:
        return None
    observed: Counter[str] = Counter()
    for users, _ in _dealt(answer):
        observed.update(users)
    return SampleRatio(
        p_value=ratio.p_value,
        is_mismatch=ratio.is_mismatch,
        observed=dict(observed),
        expected=dict(ratio.expected),
    )


def _dealt(answer: ReportAnswer) -> Iterator[tuple[dict[str, int], dict[str, float]]]:
    """Users of versions that dealt alike, and the shares by which they did.

    Versions that dealt nobody, or that cannot be read, are left out; so is one arm alone.
    """
    plans = {each.version: _plan(each) for each in answer.versions}
    for numbers in _dealt_alike(plans):
        plan = plans[min(numbers)]
        users = {
            name: sum(row.exposed for row in answer.rows if _is_dealt(row, numbers, name))
            for name in plan
        }
        if len(plan) > 1 and any(users.values()):
            yield users, {name: float(share) for name, share in plan.items()}


def _plan(version: VersionReport) -> Plan:
    """Empty where it dealt nobody, or cannot be read."""
    weights = dict(_weights(version.arms or {}, version.variants or {}))
    whole = sum(weights.values())
    return {name: weight / whole for name, weight in weights.items() if weight}


def _newest_experiment(answer: ReportAnswer) -> VersionReport | None:
    """Not the highest number: a version that was published again deals after later ones."""
    dealt = [each for each in answer.versions if len(_plan(each)) > 1]
    exposed = sorted((row.day, row.version) for row in answer.rows if row.exposed)
    last = {version: day for day, version in exposed}
    return max(dealt, key=lambda each: (last.get(each.version, ""), each.version), default=None)


def _weights(arms: dict[str, int], variants: dict[str, int]) -> Iterator[tuple[str, Fraction]]:
    """The share of each arm, and within the soft ask of each variant."""
    whole = sum(variants.values())
    for arm, weight in arms.items():
        if arm == SOFT_ASK and whole:
            for variant, part in variants.items():
                yield _name(arm, variant), Fraction(weight * part, whole)
        else:
            yield arm, Fraction(weight)


def _is_dealt(row: ReportRow, versions: frozenset[int], name: str) -> bool:
    return row.version in versions and row.attempt == 0 and _name(row.arm, row.variant) == name


# --- what is missing ---


def _notes(
    answer: ReportAnswer,
    groups: Sequence[Group],
    control: Group | None,
    comparisons: Sequence[Compared],
) -> Iterator[str]:
    """Sentences for people: why there is nothing to see, and what to do. Commands are within ``."""
    exposed = [group for group in groups if group.totals.exposed]
    if not answer.rows:
        where = "" if answer.platform is None else f" on platform {answer.platform}"
        yield (
            f"Nothing happened between {answer.from_} and {answer.to}{where}. Is the campaign "
            "active (`softask campaigns list`), and does the app send its trigger? Or another "
            f"campaign takes the same trigger first: `softask explain USER {answer.campaign}` says "
            "why a user is not asked."
        )
    elif not exposed:
        yield (
            "No user met the campaign for the first time in these days, so there is nobody to "
            "take shares of: begin earlier (`--from DAY`)."
        )
    elif all(group.arm == HOLDOUT for group in exposed):
        yield (
            "Every exposed user is in the holdout, so nobody is asked: give soft_ask a weight in "
            "experiment.arms, and publish the campaign again."
        )
    elif control is None and (empty := _empty_arms(answer, exposed)):
        yield (
            f"The campaign has arms that got nobody: {', '.join(empty)}. Among few users that is "
            "chance; among many find out why before anything else."
        )
    elif control is None:
        yield (
            "There is one arm alone, so there is nothing to compare it with: add an experiment "
            "with a holdout (experiment.arms: {soft_ask: 90, holdout: 10}), and publish."
        )
    elif not comparisons:
        yield f"Nobody is in another arm than {control.name}, so nothing was compared with it."
    if answer.kind == "popup":
        yield (
            "This campaign asks for no permission, so there are no opt-ins: read the approvals, "
            "and the goal, by which arms are compared."
        )
    if exposed and not _has_goal(answer):
        yield (
            "No version has a goal, so what push is good for is not measured: name its event "
            "(goal: {event: SessionStarted})."
        )


def _empty_arms(answer: ReportAnswer, exposed: Sequence[Group]) -> Sequence[str]:
    """Of the newest experiment."""
    newest = _newest_experiment(answer)
    names = {group.arm for group in exposed} | {group.name for group in exposed}
    return [] if newest is None else [name for name in _plan(newest) if name not in names]
