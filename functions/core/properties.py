"""Conditions on an event's own properties: the `where` of triggers, histories and goals."""

from collections.abc import Mapping
from typing import Any

from functions.core.conditions import PropertyCondition
from functions.core.errors import CampaignError
from functions.core.operators import OPERATORS, Place, TimedComparison
from functions.core.rules import (
    COMBINE,
    GROUPS,
    PropertyRule,
    Said,
    comparison_of,
    nothing,
    said_in,
    subject_of,
)

_TAKES = (*OPERATORS, "default")
_SUBJECTS = {**GROUPS, "property": _TAKES}


def compile_properties(condition: PropertyCondition, place: Place = ("where",)) -> PropertyRule:
    """One rule for the whole tree; nothing in it depends on when it is asked."""
    said = said_in(condition)
    subject = subject_of(said, _SUBJECTS, place)
    if subject == "property":
        return _property(said, place)
    parts = tuple(
        compile_properties(each, (*place, subject, index))
        for index, each in enumerate(said[subject])
    )
    holds = COMBINE[subject](tuple(part.holds for part in parts))
    return PropertyRule(f"{subject} of", holds, nothing, parts)


def spell_out(rule: PropertyRule) -> str:
    """The whole tree in one line."""
    if not rule.parts:
        return rule.says
    return f"{rule.says} ({', '.join(spell_out(part) for part in rule.parts)})"


def _property(said: Said, place: Place) -> PropertyRule:
    name = said["property"]
    comparison, default = comparison_of(said, name, _TAKES, place)
    if isinstance(comparison, TimedComparison):
        [operator] = [word for word in said if word in OPERATORS]
        problem = "properties are judged when the event happens; write a time, as in '2026-11-21'"
        raise CampaignError((*place, operator), f"{problem}, with before or after")
    test = comparison.holds

    def read(properties: Mapping[str, Any]) -> Any:
        value = properties.get(name)
        return default if value is None else value

    return PropertyRule(f"{name} {comparison.says}", lambda each: test(read(each)), read)
