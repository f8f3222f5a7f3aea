"""The report: stored sums of all shards into one table, and what only sums can tell."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from functions.admin import plans
from functions.admin.plans import State
from functions.core.campaign import CampaignFile, Experiment, VariantRule, Waits, milliseconds
from functions.core.experiment import DIRECT_PROMPT
from functions.core.figures import FIRST_SHOWS, LONGEST_ATTRIBUTION, NAMES, Cell
from functions.core.model import DAY, SECOND
from functions.core.moments import format_time
from functions.wire.errors import TooLarge
from functions.wire.report import (
    MAX_ANSWER,
    UNTOLD,
    AppWide,
    ArmReport,
    Question,
    ReportAnswer,
    ReportRow,
    VersionReport,
    write_day,
)

Read = Callable[[str, int, int], Iterable[tuple[Cell, Mapping[str, int]]]]
"""The stored sums of a campaign, from one day to another; see `functions.store.counters.read`."""

Sums = Mapping[str, int]

_SMALLEST_ROW = 90
"""Bytes of JSON."""

_PLAIN = tuple(sorted({*ArmReport.__struct_fields__} & {*NAMES}))


def report(campaign: str, question: Question, state: State, read: Read, now: int) -> msgspec.Raw:
    """The answer as JSON. Raises `NotFound`, or `TooLarge` where it would not fit."""
    number = plans.shown_version(state.entry(campaign))
    live = state.known(campaign, number)
    cells = _summed(campaign, question, read)
    apart = _summed("", question, read).values()
    answer = ReportAnswer(
        campaign=campaign,
        kind=live.file.kind if live else None,
        from_=write_day(question.first_day),
        to=write_day(question.last_day),
        platform=question.platform,
        as_of=format_time(now),
        first_show_bounds=tuple(bound // SECOND for bound in FIRST_SHOWS),
        arms=tuple(_arms(cells, now)),
        rows=tuple(_row(cell, sums, now) for cell, sums in sorted(cells.items())),
        versions=tuple(_versions(campaign, cells, state)),
        app_wide=AppWide(
            prompted=sum(sums["prompted"] for sums in apart),
            unasked=sum(sums["unasked"] for sums in apart),
        ),
    )
    encoded = msgspec.json.encode(answer)
    if len(encoded) > MAX_ANSWER:
        raise _too_large()
    return msgspec.Raw(encoded)


def _summed(campaign: str, question: Question, read: Read) -> dict[Cell, Counter[str]]:
    """Over the shards, without other platforms."""
    cells: defaultdict[Cell, Counter[str]] = defaultdict(Counter)
    for cell, sums in read(campaign, question.first_day, question.last_day):
        if question.platform in (None, cell.platform or UNTOLD):
            cells[cell].update(sums)
        if len(cells) > MAX_ANSWER // _SMALLEST_ROW:
            raise _too_large()
    return cells


def _row(cell: Cell, sums: Sums, now: int) -> ReportRow:
    first_show, converted = _first_show(sums), _converted(sums)
    return ReportRow(
        arm=cell.arm,
        variant=cell.variant,
        version=cell.version,
        attempt=cell.attempt,
        platform=cell.platform or UNTOLD,
        day=write_day(cell.day),
        first_show=first_show if any(first_show) else (),
        converted=converted if any(converted) else (),
        **_told(sums),
        **_of_offers(cell.arm, cell.day, sums, now),
    )


def _arms(cells: Mapping[Cell, Counter[str]], now: int) -> Iterator[ArmReport]:
    """In the order of their names; what became of offers is told a day at a time."""
    days: defaultdict[tuple[str, str], defaultdict[int, Counter[str]]]
    days = defaultdict(lambda: defaultdict(Counter))
    for cell, sums in cells.items():
        days[cell.arm, cell.variant][cell.day].update(sums)
    for (arm, variant), by_day in sorted(days.items()):
        totals: Counter[str] = Counter()
        offers: Counter[str] = Counter()
        for day, sums in by_day.items():
            totals.update(sums)
            offers.update(_of_offers(arm, day, sums, now))
        yield ArmReport(
            arm=arm,
            variant=variant,
            first_show=_first_show(totals),
            converted=_converted(totals),
            **_told(totals),
            **offers,
        )


def _told(sums: Sums) -> dict[str, Any]:
    """What is stored under the name that it is answered by."""
    return {name: sums.get(name, 0) for name in _PLAIN}


def _of_offers(arm: str, day: int, sums: Sums, now: int) -> dict[str, int]:
    """What became of a day's offers. A direct prompt has no answer but the OS's."""
    seen, answered = sums.get("seen", 0), sums.get("answered", 0)
    lapsed = sums.get("offered", 0) - seen - sums.get("released", 0)
    unanswered = 0 if arm == DIRECT_PROMPT else max(0, seen - answered)
    is_settled = day < now // DAY - 1
    return {
        "lapsed": max(0, lapsed),
        "silent": unanswered if is_settled else 0,
        "awaited": 0 if is_settled else unanswered,
    }


def _first_show(sums: Sums) -> tuple[int, ...]:
    return _buckets("first_show", sums, len(FIRST_SHOWS) + 1)


def _converted(sums: Sums) -> tuple[int, ...]:
    return _buckets("converted", sums, LONGEST_ATTRIBUTION)


def _buckets(name: str, sums: Sums, count: int) -> tuple[int, ...]:
    return tuple(sums.get(f"{name}_{bucket}", 0) for bucket in range(count))


# --- how versions dealt their users ---


def _versions(campaign: str, cells: Iterable[Cell], state: State) -> Iterator[VersionReport]:
    for number in sorted({cell.version for cell in cells}):
        version = state.known(campaign, number)
        yield _version(number, version.file if version else None)


def _version(number: int, file: CampaignFile | None) -> VersionReport:
    if file is None:
        return VersionReport(version=number, arms=None, variants=None, has_goal=None)
    experiment = file.experiment
    return VersionReport(
        version=number,
        arms=msgspec.structs.asdict(experiment.arms) if experiment else {},
        variants=_weights(experiment) if experiment else {},
        has_goal=file.goal is not None,
        goal=file.goal.event if file.goal else None,
        longest_wait_days=max(_waits(file), default=None),
    )


def _waits(file: CampaignFile) -> Iterator[float]:
    """Days before each retry."""
    told = [attempt.wait for attempt in file.attempts or ()]
    if file.dismissed:
        told.append(file.dismissed.wait)
    for wait in told:
        each = msgspec.structs.astuple(wait) if isinstance(wait, Waits) else (wait,)
        yield from (milliseconds(duration) / DAY for duration in each if duration)


def _weights(experiment: Experiment) -> dict[str, int]:
    return {
        name: variant.weight if isinstance(variant, VariantRule) else variant
        for name, variant in experiment.variants.items()
    }


def _too_large() -> TooLarge:
    problem = f"The report has more than {MAX_ANSWER:,} bytes: ask for fewer days ('from', 'to')."
    return TooLarge(problem, "from")
