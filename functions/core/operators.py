"""Operators: what a condition compares a value with, each compiled into one function.

No comparison but `exists: false` holds for what is absent (None). A value of another type than the
operator compares with never matches: bool is no number, int and float compare with each other.
"""

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import eq, ge, gt, le, lt
from typing import Any

import msgspec

from functions.core.campaign import milliseconds
from functions.core.conditions import Number, Operators, Scalar
from functions.core.errors import CampaignError
from functions.core.moments import parse_moment, parse_time

Place = tuple[str | int, ...]
Holds = Callable[[Any], bool]
Version = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]

OPERATORS = tuple(
    field.encode_name for field in msgspec.structs.fields(Operators) if field.name != "default"
)

LAST_MOMENT = 253_402_300_799_999
"""The end of the year 9999: what lies further off, no clock or format can tell."""

_NUMBERS = frozenset((int, float))
_SPAN = re.compile(r"[0-9]{1,6}[smhd]")
_SPAN_WORDS = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
_LONGEST_VERSION = 64
_VERSION = re.compile(
    r"(?P<numbers>\d+(?:\.\d+)*)"
    r"(?P<before>-[0-9A-Za-z.-]+|[A-Za-z][0-9A-Za-z.-]*)?"
    r"(?:\+[0-9A-Za-z.-]+)?",
    re.ASCII,
)


class Comparison(msgspec.Struct, frozen=True):
    """says: `is at least 3`. takes: whether a value is of a type that is compared at all."""

    says: str
    takes: Holds
    holds: Holds


class TimedComparison(msgspec.Struct, frozen=True):
    """A comparison with now: `holds(value, now)` may change at each of `turns(value)`."""

    says: str
    takes: Holds
    holds: Callable[[Any, int], bool]
    turns: Callable[[Any], tuple[int, ...]]


def compile_operator(operator: str, wanted: Any, place: Place) -> Comparison | TimedComparison:
    """The comparison with what the file wants; `place` is the operator's, for `CampaignError`."""
    require_finite(wanted, place)
    return _COMPILE[operator](operator, wanted, place)


def require_finite(wanted: Any, place: Place) -> None:
    """YAML and JSON can spell infinity and no number at all; neither compares."""
    for each in as_tuple(wanted):
        if isinstance(each, float) and not math.isfinite(each):
            raise CampaignError(place, "write a finite number")


def as_tuple(wanted: Any) -> tuple[Any, ...]:
    """What an operator wants, whether that is one value or several."""
    return wanted if isinstance(wanted, tuple) else (wanted,)


def as_written(value: Any) -> str:
    """As JSON, where "3", 3 and true look different."""
    return msgspec.json.encode(value).decode()


def is_span(text: str) -> bool:
    """Whether it is a duration, as against a time."""
    return _SPAN.fullmatch(text) is not None


def spell_span(span: str) -> str:
    """`14d` as `14 days`."""
    count = int(span[:-1])
    return f"{count} {_SPAN_WORDS[span[-1]]}{'' if count == 1 else 's'}"


def read_span(span: str, place: Place) -> int:
    """Milliseconds; a window without width, in which nothing can lie, is refused."""
    if milliseconds(span) == 0:
        raise CampaignError(place, "nothing lies within no time; write a longer span, as in '14d'")
    return milliseconds(span)


def read_time(text: str, place: Place) -> int:
    """A time that the file names."""
    try:
        return parse_time(text)
    except ValueError:
        problem = f"{text!r} is no time; write it as in '2026-11-21' or '2026-11-21T10:00:00Z'"
        raise CampaignError(place, problem) from None


@lru_cache(maxsize=1024)
def parse_version(text: str) -> Version | None:
    """Sorts as versions do; None for what is none.

    Missing parts are 0, a pre-release comes before its release, what follows a `+` plays no part.
    """
    found = _VERSION.fullmatch(text) if len(text) <= _LONGEST_VERSION else None
    if found is None:
        return None
    numbers = [int(number) for number in found["numbers"].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    words = re.findall(r"[0-9]+|[A-Za-z]+", found["before"] or "")
    return tuple(numbers), found["before"] is None, tuple(_step(word) for word in words)


def _step(word: str) -> tuple[bool, int, str]:
    """A number of a pre-release (`beta.11`) sorts as one, and before every word."""
    return (False, int(word), "") if word.isdigit() else (True, 0, word.lower())


def is_number(value: Any) -> bool:
    """To Python true is 1; here it is no number."""
    return type(value) in _NUMBERS


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_nothing(_: Any) -> bool:
    return False


def _is_version(value: Any) -> bool:
    return type(value) is str and parse_version(value) is not None


def _is_moment(value: Any) -> bool:
    return _moment(value) is not None


def _moment(value: Any) -> int | None:
    try:
        moment = parse_moment(value)
    except (ValueError, OverflowError):
        return None
    return moment if abs(moment) <= LAST_MOMENT else None


def _by_type(wanted: tuple[Scalar, ...]) -> Mapping[type, frozenset[Scalar]]:
    """To Python, 1 and true are equal; by type they are not."""
    types = {type(each): type(each) for each in wanted}
    if types.keys() & _NUMBERS:
        types |= dict.fromkeys(_NUMBERS, float)
    return {
        each: frozenset(value for value in wanted if types[type(value)] is kind)
        for each, kind in types.items()
    }


def _one_of(wanted: tuple[Scalar, ...]) -> Holds:
    known = _by_type(wanted)
    return lambda value: value in known.get(type(value), ())


def _none_of(wanted: tuple[Scalar, ...]) -> Holds:
    known = _by_type(wanted)
    return lambda value: type(value) in known and value not in known[type(value)]


def _takes_types_of(wanted: tuple[Scalar, ...]) -> Holds:
    known = _by_type(wanted)
    return lambda value: type(value) in known


def _is(_: str, wanted: Scalar, __: Place) -> Comparison:
    says, takes = f"is {as_written(wanted)}", _takes_types_of((wanted,))
    if isinstance(wanted, str):
        return Comparison(says, takes, lambda value: value == wanted)
    return Comparison(says, takes, _one_of((wanted,)))


def _is_not(_: str, wanted: Scalar, __: Place) -> Comparison:
    says = f"is not {as_written(wanted)}"
    return Comparison(says, _takes_types_of((wanted,)), _none_of((wanted,)))


def _in(operator: str, wanted: tuple[Scalar, ...], place: Place) -> Comparison:
    if not wanted:
        raise CampaignError(place, "name at least one value")
    listed = ", ".join(as_written(each) for each in wanted)
    takes = _takes_types_of(wanted)
    if operator == "in":
        return Comparison(f"is one of {listed}", takes, _one_of(wanted))
    return Comparison(f"is none of {listed}", takes, _none_of(wanted))


_ORDER: Mapping[str, tuple[str, Callable[[Number], Holds]]] = {
    "gt": ("is greater than", lambda low: lambda value: type(value) in _NUMBERS and value > low),
    "gte": ("is at least", lambda low: lambda value: type(value) in _NUMBERS and value >= low),
    "lt": ("is less than", lambda high: lambda value: type(value) in _NUMBERS and value < high),
    "lte": ("is at most", lambda high: lambda value: type(value) in _NUMBERS and value <= high),
}


def _order(operator: str, bound: Number, _: Place) -> Comparison:
    says, holds = _ORDER[operator]
    return Comparison(f"{says} {as_written(bound)}", is_number, holds(bound))


def _between(_: str, bounds: tuple[Number, Number], place: Place) -> Comparison:
    low, high = bounds
    if low > high:
        raise CampaignError(place, "write the lower number first")
    return Comparison(
        f"is from {as_written(low)} to {as_written(high)}",
        is_number,
        lambda value: type(value) in _NUMBERS and low <= value <= high,
    )


def _contains(_: str, wanted: Scalar, __: Place) -> Comparison:
    equals = _one_of((wanted,))

    def holds(value: Any) -> bool:
        if isinstance(value, str):
            return isinstance(wanted, str) and wanted in value
        return isinstance(value, list) and any(map(equals, value))

    takes = _is_text if isinstance(wanted, str) else _is_nothing
    return Comparison(f"contains {as_written(wanted)}", takes, holds)


def _starts_with(_: str, wanted: str, __: Place) -> Comparison:
    return Comparison(
        f"starts with {as_written(wanted)}",
        _is_text,
        lambda value: type(value) is str and value.startswith(wanted),
    )


def _ends_with(_: str, wanted: str, __: Place) -> Comparison:
    return Comparison(
        f"ends with {as_written(wanted)}",
        _is_text,
        lambda value: type(value) is str and value.endswith(wanted),
    )


def _exists(_: str, wanted: bool, __: Place) -> Comparison:
    if wanted:
        return Comparison("is set", _is_nothing, lambda value: value is not None)
    return Comparison("is not set", _is_nothing, lambda value: value is None)


_VERSIONS: Mapping[str, tuple[str, Callable[[Version, Version], bool]]] = {
    "version_is": ("is version {}", eq),
    "version_gt": ("is later than version {}", gt),
    "version_gte": ("is version {} or later", ge),
    "version_lt": ("is earlier than version {}", lt),
    "version_lte": ("is version {} or earlier", le),
}


def _version(operator: str, wanted: str, place: Place) -> Comparison:
    bound = parse_version(wanted)
    if bound is None:
        raise CampaignError(place, f"{wanted!r} is no version; write it as in '4.2.0'")
    says, compare = _VERSIONS[operator]

    def holds(value: Any) -> bool:
        version = parse_version(value) if type(value) is str else None
        return version is not None and compare(version, bound)

    return Comparison(says.format(wanted), _is_version, holds)


def _before(_: str, wanted: str, place: Place) -> Comparison | TimedComparison:
    if is_span(wanted):
        return _long_ago(wanted)
    bound = read_time(wanted, place)

    def holds(value: Any) -> bool:
        moment = _moment(value)
        return moment is not None and moment < bound

    return Comparison(f"is before {wanted}", _is_moment, holds)


def _after(_: str, wanted: str, place: Place) -> Comparison:
    if is_span(wanted):
        problem = "write a time as in '2026-11-21'; for spans there are before and within"
        raise CampaignError(place, problem)
    bound = read_time(wanted, place)

    def holds(value: Any) -> bool:
        moment = _moment(value)
        return moment is not None and moment > bound

    return Comparison(f"is after {wanted}", _is_moment, holds)


def _long_ago(wanted: str) -> TimedComparison:
    span = milliseconds(wanted)
    return TimedComparison(
        f"is at least {spell_span(wanted)} ago",
        _is_moment,
        lambda value, now: (moment := _moment(value)) is not None and moment + span <= now,
        _turns(span),
    )


def _within(_: str, wanted: str, place: Place) -> TimedComparison:
    span = read_span(wanted, place)
    return TimedComparison(
        f"is in the last {spell_span(wanted)}",
        _is_moment,
        lambda value, now: (moment := _moment(value)) is not None and now - span < moment <= now,
        _turns(0, span),
    )


def _within_next(_: str, wanted: str, place: Place) -> TimedComparison:
    span = read_span(wanted, place)
    return TimedComparison(
        f"is in the next {spell_span(wanted)}",
        _is_moment,
        lambda value, now: (moment := _moment(value)) is not None and now <= moment < now + span,
        _turns(1 - span, 1),
    )


def _turns(*offsets: int) -> Callable[[Any], tuple[int, ...]]:
    def turns(value: Any) -> tuple[int, ...]:
        moment = _moment(value)
        return () if moment is None else tuple(moment + offset for offset in offsets)

    return turns


_COMPILE: Mapping[str, Callable[[str, Any, Place], Comparison | TimedComparison]] = {
    "is": _is,
    "is_not": _is_not,
    "in": _in,
    "not_in": _in,
    "between": _between,
    "contains": _contains,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "exists": _exists,
    "before": _before,
    "after": _after,
    "within": _within,
    "within_next": _within_next,
    **dict.fromkeys(_ORDER, _order),
    **dict.fromkeys(_VERSIONS, _version),
}
