"""What a check comes to, and the words that several use."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cli.doctor.readings import Series
from functions.core.model import DAY, HOUR, MINUTE, SECOND
from functions.core.moments import format_time
from functions.metrics import Metric

URGENT = 7 * DAY
"""What ends so soon fails."""

RUNBOOK = "docs/operations.md"
MONITORING = "docs/monitoring.md"


class Verdict(StrEnum):
    """What a check comes to. Only `fail` fails the command."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was seen, and what to do about it."""

    verdict: Verdict
    seen: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Finding(Judgement):
    """A judgement, and the check that it is of."""

    check: str = ""


def ok(seen: str) -> Judgement:
    """Nothing to do."""
    return Judgement(Verdict.OK, seen)


def warn(seen: str, todo: str) -> Judgement:
    """It may be meant; or there is time."""
    return Judgement(Verdict.WARN, seen, todo)


def fail(seen: str, todo: str) -> Judgement:
    """Somebody must see to it."""
    return Judgement(Verdict.FAIL, seen, todo)


def total(series: Series, metric: Metric, since: int) -> float:
    """Of the metric, since then."""
    return sum(value for at, value in series.get(metric, ()) if at >= since)


def count(of: Sequence[Any], one: str, more: str) -> str:
    """`1 runs`, `2 run`."""
    return f"{len(of)} {one if len(of) == 1 else more}"


def some(names: Iterable[str]) -> str:
    """The first three, and how many more."""
    listed = list(names)
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return ", ".join(listed[:3]) + more


def day(at: int) -> str:
    """`2026-11-21`."""
    return format_time(at)[:10]


def span(of: int) -> str:
    """In its largest unit."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if of >= unit:
            return f"{of // unit} {name}"
    return f"{of // SECOND} s"
