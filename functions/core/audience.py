"""Who may see a campaign: conditions, compiled once into one function.

What absence means: an attribute that was never set reads as the condition's `default`. Without a
default no operator holds for it, neither `is` nor `is_not`. A value of another type than the
operator compares with never matches; the types in the file itself are checked when it is loaded.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from functions.core.errors import CampaignError
from functions.core.model import Attribute, PushStatus

PUSH_STATUS = "push_permission_status"
"""Reads as the acting device's permission, not as the trait of that name."""

Scalar = str | int | float | bool


class Subject(msgspec.Struct, frozen=True):
    """What conditions look at: a user on the device that acts."""

    attributes: Mapping[str, Attribute]
    push_status: PushStatus


Audience = Callable[[Subject], bool]


class Condition(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One of all, any, none (over conditions), or an attribute with one operator."""

    all: "tuple[Condition, ...] | None" = None
    any: "tuple[Condition, ...] | None" = None
    none: "tuple[Condition, ...] | None" = None
    attribute: str | None = None
    default: Scalar | None = None
    is_: Scalar | None = msgspec.field(name="is", default=None)
    is_not: Scalar | None = None
    gt: int | float | None = None
    gte: int | float | None = None
    lt: int | float | None = None
    lte: int | float | None = None


_COMBINE: dict[str, Callable[[tuple[Audience, ...]], Audience]] = {
    "all": lambda parts: lambda subject: all(part(subject) for part in parts),
    "any": lambda parts: lambda subject: any(part(subject) for part in parts),
    "none": lambda parts: lambda subject: not any(part(subject) for part in parts),
}

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "is": lambda value, wanted: value == wanted,
    "is_not": lambda value, wanted: value != wanted,
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


def compile_audience(condition: Condition | None) -> Audience:
    """One function for the whole tree; everyone where there is no condition.

    Raises `CampaignError` for a condition that says nothing, or two things at once.
    """
    if condition is None:
        return _everyone
    return _compile(condition, ("audience",))


def _everyone(_: Subject) -> bool:
    return True


def _compile(condition: Condition, place: tuple[str | int, ...]) -> Audience:
    said = [name for name in (*_COMBINE, "attribute") if getattr(condition, name) is not None]
    if len(said) != 1:
        problem = (
            f"say exactly one of {', '.join(_COMBINE)} or attribute; this says {said or 'none'}"
        )
        raise CampaignError(place, problem)
    operators = _operators(condition)
    if condition.attribute is not None:
        return _compile_attribute(condition.attribute, condition.default, operators, place)
    if operators or condition.default is not None:
        problem = f"{said[0]} takes conditions only; move the operator to one with an attribute"
        raise CampaignError(place, problem)
    parts = tuple(
        _compile(part, (*place, said[0], index))
        for index, part in enumerate(getattr(condition, said[0]))
    )
    return _COMBINE[said[0]](parts)


def _compile_attribute(
    name: str,
    default: Scalar | None,
    operators: Mapping[str, Scalar],
    place: tuple[str | int, ...],
) -> Audience:
    if len(operators) != 1:
        problem = f"give {name!r} exactly one operator of {', '.join(_OPERATORS)}"
        raise CampaignError(place, problem)
    [(operator, wanted)] = operators.items()
    if default is not None and _type(default) is not _type(wanted):
        problem = f"default and {operator} must be of one type"
        raise CampaignError((*place, "default"), problem)
    if name == PUSH_STATUS and wanted not in tuple(PushStatus):
        problem = f"{PUSH_STATUS} is one of {', '.join(PushStatus)}; this says {wanted!r}"
        raise CampaignError((*place, operator), problem)
    if isinstance(wanted, float) and not math.isfinite(wanted):
        raise CampaignError((*place, operator), "write a finite number")
    holds, kind = _OPERATORS[operator], _type(wanted)

    def test(subject: Subject) -> bool:
        value = _read(subject, name, default)
        return _type(value) is kind and holds(value, wanted)

    return test


def _operators(condition: Condition) -> dict[str, Scalar]:
    named = {name: getattr(condition, "is_" if name == "is" else name) for name in _OPERATORS}
    return {name: value for name, value in named.items() if value is not None}


def _read(subject: Subject, name: str, default: Scalar | None) -> Any:
    if name == PUSH_STATUS:
        return subject.push_status.value
    attribute = subject.attributes.get(name)
    return default if attribute is None else attribute.value


def _type(value: Any) -> type:
    """int and float compare with each other; bool, although an int to Python, does not."""
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
