"""What conditions look at and what they compile to; what their two trees have in common."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from functions.core.conditions import CountTest, Scalar, TimeTest
from functions.core.errors import CampaignError
from functions.core.history import Need
from functions.core.model import Attribute, Device, History, Progress, PushStatus, User
from functions.core.operators import (
    LAST_MOMENT,
    OPERATORS,
    Comparison,
    Place,
    TimedComparison,
    as_written,
    compile_operator,
    require_finite,
)
from functions.core.parsing import nearest

DEEPEST = 20
"""How deep conditions nest, so that neither loading nor judging one exhausts the stack."""


class Subject(msgspec.Struct, frozen=True):
    """What conditions look at: a user on the device that acts, at `now`.

    events: by tally (see `functions.core.history`). progress: by campaign id.
    declined_at: the latest "Not now" to push, told or counted.
    """

    user: User
    attributes: Mapping[str, Attribute]
    push_status: PushStatus
    device: Device
    events: Mapping[str, History]
    progress: Mapping[str, Progress]
    first_seen_at: int
    now: int
    declined_at: int | None = None


Read = Callable[[Subject], Any]
Turns = Callable[[Subject], tuple[int, ...]]
Said = Mapping[str, Any]
T = TypeVar("T")


class Rule(msgspec.Struct, frozen=True):
    """One condition, compiled.

    says: for people (`session_count is at least 3`). read: the value that is judged, as JSON has
    it; None where it is absent, and for groups. turns: the moments after the subject's now at
    which the verdict may change while nothing else happens; for groups, those of all parts.
    needs: the histories that it and its parts read.
    """

    says: str
    holds: Callable[[Subject], bool]
    read: Read
    turns: Turns
    parts: tuple["Rule", ...] = ()
    needs: frozenset[Need] = frozenset()


class PropertyRule(msgspec.Struct, frozen=True):
    """One condition on an event's own properties, compiled (see `Rule`)."""

    says: str
    holds: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Mapping[str, Any]], Any]
    parts: tuple["PropertyRule", ...] = ()


def words_of(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """The keys that a map of that type may have, as the file writes them."""
    return tuple(field.encode_name for field in msgspec.structs.fields(kind))


def said_in(condition: msgspec.Struct) -> Said:
    """What the file says, by its own words."""
    fields = msgspec.structs.fields(condition)
    said = {field.encode_name: getattr(condition, field.name) for field in fields}
    return {word: value for word, value in said.items() if value is not None}


GROUPS: Mapping[str, Collection[str]] = {"all": (), "any": (), "none": ()}
"""They take conditions, and no further key."""

_INSIDE = {"count": words_of(CountTest), "last": words_of(TimeTest)}
"""What belongs one level further in, where it is often written too far out."""


def subject_of(said: Said, subjects: Mapping[str, Collection[str]], place: Place) -> str:
    """The one subject of a condition that says nothing which does not belong to it."""
    named = [subject for subject in subjects if subject in said]
    if len(named) != 1:
        *others, last = subjects
        problem = f"say exactly one of {', '.join(others)} or {last}"
        raise CampaignError(place, f"{problem}; this says {' and '.join(named) or 'none'}")
    [subject] = named
    takes = subjects[subject]
    for word in said:
        if word != subject and word not in takes:
            raise CampaignError((*place, word), _misplaced(subject, word, takes))
    if subject in GROUPS and not said[subject]:
        raise CampaignError((*place, subject), "name at least one condition")
    if len(place) > 2 * DEEPEST:
        raise CampaignError(place, f"nest conditions at most {DEEPEST} levels deep")
    return subject


def _misplaced(subject: str, word: str, takes: Collection[str]) -> str:
    if not takes:
        return f"{subject} takes conditions only; move {word!r} into one of them"
    home = next((key for key in ("count", "last") if key in takes and word in _INSIDE[key]), None)
    if home is not None:
        return f"{subject} takes {word!r} within {home}: {{{home}: {{{word}: …}}}}"
    return f"{subject} takes no {word!r}{nearest(word, takes)}"


def nothing(_: Any) -> None:
    """How a group reads: it judges no value of its own."""


def never(_: Subject) -> tuple[int, ...]:
    """When a rule turns in which time plays no part."""
    return ()


def _all(tests: tuple[Callable[[T], bool], ...]) -> Callable[[T], bool]:
    def holds(subject: T) -> bool:
        for test in tests:  # noqa: SIM110 - all() over a generator takes twice as long
            if not test(subject):
                return False
        return True

    return holds


def _any(tests: tuple[Callable[[T], bool], ...]) -> Callable[[T], bool]:
    def holds(subject: T) -> bool:
        for test in tests:  # noqa: SIM110 - any() over a generator takes twice as long
            if test(subject):
                return True
        return False

    return holds


def _none(tests: tuple[Callable[[T], bool], ...]) -> Callable[[T], bool]:
    any_holds = _any(tests)
    return lambda subject: not any_holds(subject)


COMBINE: Mapping[str, Callable[[tuple[Callable[[Any], bool], ...]], Callable[[Any], bool]]] = {
    "all": _all,
    "any": _any,
    "none": _none,
}


def group(name: str, parts: tuple[Rule, ...]) -> Rule:
    """The parts combined by `all`, `any` or `none`."""
    timed = tuple(part.turns for part in parts if part.turns is not never)

    def turns(subject: Subject) -> tuple[int, ...]:
        return tuple(sorted({moment for each in timed for moment in each(subject)}))

    return Rule(
        f"{name} of",
        COMBINE[name](tuple(part.holds for part in parts)),
        nothing,
        turns if timed else never,
        parts,
        frozenset[Need]().union(*(part.needs for part in parts)),
    )


def to_come(moments: Sequence[int], now: int) -> tuple[int, ...]:
    """The moments that are still ahead, and that a clock can tell."""
    return tuple(moment for moment in moments if now < moment <= LAST_MOMENT)


def comparison_of(
    said: Said, name: str, takes: Collection[str], place: Place, fallback: Scalar | None = None
) -> tuple[Comparison | TimedComparison, Scalar | None]:
    """The condition's one operator, and what it compares where the value is absent.

    fallback: what is compared where the condition itself says no default.
    """
    operators = [word for word in said if word in OPERATORS]
    if len(operators) != 1:
        allowed = ", ".join(word for word in OPERATORS if word in takes)
        raise CampaignError(place, f"give {name!r} exactly one operator of {allowed}")
    [operator] = operators
    comparison = compile_operator(operator, said[operator], (*place, operator))
    default = said.get("default")
    if operator == "exists":
        _refuse_default(default, place)
        return comparison, None
    if default is None:
        _require_fit(comparison, operator, fallback, "the settings' default", (*place, operator))
        return comparison, fallback
    _require_fit(comparison, operator, default, "default", (*place, "default"))
    return comparison, default


def _refuse_default(default: Scalar | None, place: Place) -> None:
    if default is not None:
        problem = "exists asks whether it was ever set; leave the default out"
        raise CampaignError((*place, "default"), problem)


def _require_fit(
    comparison: Comparison | TimedComparison,
    operator: str,
    default: Scalar | None,
    what: str,
    place: Place,
) -> None:
    """A default that the operator never matches stands for a mistake."""
    require_finite(default, place)
    if default is not None and not comparison.takes(default):
        problem = f"{what} and {operator} must be of one type; it is {as_written(default)}"
        raise CampaignError(place, problem)
