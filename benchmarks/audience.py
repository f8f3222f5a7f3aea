"""One audience of six conditions on the same users: Softask beside other rule engines.

All are measured in one run, turn by turn, so that a noisy machine is noisy for all: trust the
ratios. Every engine is handed what it has compiled or parsed in advance. CEL and JsonLogic know
no versions: they are handed a number in the version's place, and spared its parsing.

    python -m benchmarks.audience
"""

import gc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from statistics import median
from timeit import Timer
from typing import Any

import msgspec

from functions.core.audience import Subject, compile_audience
from functions.core.conditions import Condition
from functions.core.model import Attribute, Device, History, PushStatus, User
from functions.core.parsing import parse

ROUNDS = 15
CALLS = 5_000


class Person(msgspec.Struct, frozen=True):
    """Whom the audience is judged for; `None` was never set."""

    push: str = "unknown"
    session_count: int | None = 12
    plan: str | None = "team"
    email: str | None = "u1@example.org"
    app_version: str = "4.10.1"
    lessons: int = 7


MATCHING = Person()
"""All six conditions are judged, since all of them hold."""

PEOPLE = (
    MATCHING,
    Person(push="denied"),
    Person(session_count=2),
    Person(session_count=None),
    Person(plan="free"),
    Person(email=None),
    Person(app_version="4.1.9"),
    Person(lessons=2),
)

Judge = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Engine:
    """`ready(person)` is a call without arguments that judges that person."""

    name: str
    ready: Callable[[Person], Judge]


def softask() -> Engine:
    """The audience as a campaign file says it."""
    condition = parse(
        {
            "all": [
                {"attribute": "push_permission_status", "is": "unknown"},
                {"attribute": "session_count", "gte": 3, "default": 0},
                {"attribute": "plan", "in": ["pro", "team"]},
                {"attribute": "email", "exists": True},
                {"device": "app_version", "version_gte": "4.2.0"},
                {"event": "LessonFinished", "count": {"gte": 3}},
            ]
        },
        Condition,
    )
    holds = compile_audience(condition, {}).holds

    def ready(person: Person) -> Judge:
        subject = _subject(person)
        return lambda: holds(subject)

    return Engine("Softask", ready)


def _subject(person: Person) -> Subject:
    traits = {
        "session_count": person.session_count,
        "plan": person.plan,
        "email": person.email,
    }
    return Subject(
        user=User("user", "u1"),
        attributes={name: Attribute(value, 0) for name, value in traits.items() if value},
        push_status=PushStatus(person.push),
        device=Device(platform="ios", app_version=person.app_version),
        events={"LessonFinished": History(person.lessons, 0, 0)},
        progress={},
        first_seen_at=0,
        now=0,
    )


def growthbook() -> Engine:
    """Its own condition syntax, evaluated as its feature rules evaluate it."""
    evaluate = import_module("growthbook.core").evalCondition
    condition = {
        "push": "unknown",
        "session_count": {"$gte": 3},
        "plan": {"$in": ["pro", "team"]},
        "email": {"$exists": True},
        "app_version": {"$vgte": "4.2.0"},
        "lessons": {"$gte": 3},
    }

    def ready(person: Person) -> Judge:
        attributes = {**_told(person), "session_count": person.session_count or 0}
        return lambda: bool(evaluate(attributes, condition))

    return Engine(f"GrowthBook {version('growthbook')}", ready)


def cel() -> Engine:
    """The Common Expression Language in Rust."""
    program = import_module("cel").compile(
        'user.push == "unknown"'
        " && (has(user.session_count) ? user.session_count : 0) >= 3"
        ' && has(user.plan) && user.plan in ["pro", "team"]'
        " && has(user.email)"
        " && user.app_version >= 4002000"
        " && user.lessons >= 3"
    )

    def ready(person: Person) -> Judge:
        context = {"user": _with_number(person)}
        return lambda: bool(program.execute(context))

    return Engine(f"CEL (Rust) {version('common-expression-language')}", ready)


def json_logic() -> Engine:
    """JsonLogic, whose rules are data."""
    judge = import_module("json_logic").jsonLogic
    rule = {
        "and": [
            {"==": [{"var": "push"}, "unknown"]},
            {">=": [{"var": ["session_count", 0]}, 3]},
            {"in": [{"var": "plan"}, ["pro", "team"]]},
            {"!!": [{"var": "email"}]},
            {">=": [{"var": "app_version"}, 4_002_000]},
            {">=": [{"var": "lessons"}, 3]},
        ]
    }

    def ready(person: Person) -> Judge:
        data = _with_number(person)
        return lambda: bool(judge(rule, data))

    return Engine(f"JsonLogic {version('json-logic-qubit')}", ready)


def _told(person: Person) -> Mapping[str, Any]:
    """What is set, as the flat map that other engines read."""
    said = msgspec.structs.asdict(person)
    return {name: value for name, value in said.items() if value is not None}


def _with_number(person: Person) -> Mapping[str, Any]:
    """4.10.1 as 4,010,001."""
    major, minor, patch = map(int, person.app_version.split("."))
    return {**_told(person), "app_version": (major * 1_000 + minor) * 1_000 + patch}


def engines() -> Iterator[Engine]:
    """Those that are installed."""
    for build in (softask, growthbook, cel, json_logic):
        try:
            yield build()
        except ImportError as error:
            say(f"without {build.__name__}: {error}")


def require_agreement(measured: list[Engine]) -> None:
    """Engines that do not judge alike do not do the same work."""
    for person in PEOPLE:
        verdicts = {engine.name: engine.ready(person)() for engine in measured}
        if set(verdicts.values()) != {person == MATCHING}:
            raise SystemExit(f"the verdicts differ: {verdicts} for {person}")


def measure(measured: list[Engine]) -> dict[str, float]:
    """Microseconds a call, the median over rounds in which each engine has its turn."""
    timers = {engine.name: Timer(engine.ready(MATCHING)) for engine in measured}
    taken: dict[str, list[float]] = {name: [] for name in timers}
    gc.disable()
    for _ in range(ROUNDS):
        for name, timer in timers.items():
            taken[name].append(timer.timeit(CALLS) / CALLS * 1e6)
    gc.enable()
    return {name: median(times) for name, times in taken.items()}


def say(line: str) -> None:
    """One line of the report."""
    print(line)  # noqa: T201 - a report is for reading


def main() -> None:
    """Prints the table."""
    measured = list(engines())
    require_agreement(measured)
    say(f"all {len(PEOPLE)} verdicts agree")
    figures = measure(measured)
    fastest = figures["Softask"]
    say(f"{'six conditions, all hold':<28}{'µs':>8}{'ratio':>8}")
    for name, figure in figures.items():
        say(f"{name:<28}{figure:>8.2f}{figure / fastest:>8.1f}")


if __name__ == "__main__":
    main()
