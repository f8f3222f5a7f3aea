"""The golden cases of `tests/cases/conditions`, judged by what they compile to."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from functions.core.audience import PUSH_STATUS, Rule, compile_audience, compile_properties
from functions.core.conditions import (
    Condition,
    CountTest,
    DeviceField,
    Operators,
    PropertyCondition,
    TimeTest,
)
from functions.core.errors import CampaignError, spell
from functions.core.parsing import parse
from tests.unit.core.condition_case import ConditionCase, read_condition_cases

ROOT = Path(__file__).parents[3]
CASES = read_condition_cases(ROOT / "tests" / "cases" / "conditions")
JUDGED = [(topic, case) for topic, case in CASES if case.refused is None]
REFUSED = [(topic, case) for topic, case in CASES if case.refused is not None]


class AudienceFile(msgspec.Struct):
    """The part of a campaign's file that cases of an audience are refused in."""

    audience: Condition


class WhereFile(msgspec.Struct):
    """The part of a trigger that cases of properties are refused in."""

    where: PropertyCondition


def words(kind: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


OPERATORS = words(Operators) - {"default"}
BELONGING = {"where", "since", "count", "first", "last", "or_never", "salt"}
"""What a condition says besides its subject and its operator."""

SUBJECTS = (words(Condition) | words(PropertyCondition)) - words(Operators) - BELONGING

GROUPS = {"all", "any", "none"}


def ids(cases: list[tuple[str, ConditionCase]]) -> list[str]:
    return [f"{topic} {case.sentence}" for topic, case in cases]


def compiled(case: ConditionCase) -> Rule:
    condition = parse(case.condition, Condition)
    return compile_audience(condition, case.defaults, salt="push-softask")


def leaves(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The condition's own parts that say something of their own."""
    parts = [part for group in GROUPS for part in said.get(group, ())]
    if not parts:
        yield said
    for part in parts:
        yield from leaves(part)


@pytest.mark.parametrize(("topic", "case"), JUDGED, ids=ids(JUDGED))
def test_case(topic: str, case: ConditionCase) -> None:
    for someone, expected in case.people():
        if case.where is not None:
            where = parse(case.where, PropertyCondition)
            assert compile_properties(where).holds(someone.properties) is expected, topic
            continue
        rule = compiled(case)
        subject = someone.subject(rule)
        assert rule.holds(subject) is expected, f"{topic}: {case.sentence} {someone}"


@pytest.mark.parametrize(("topic", "case"), REFUSED, ids=ids(REFUSED))
def test_refused_case(topic: str, case: ConditionCase) -> None:
    assert case.refused is not None
    with pytest.raises(CampaignError) as refused:
        _load(case)

    assert spell(refused.value.place) == case.refused.place, topic
    assert case.refused.problem in refused.value.problem


def _load(case: ConditionCase) -> None:
    """As a campaign is loaded: parsed, then compiled."""
    if case.where is not None:
        compile_properties(parse({"where": case.where}, WhereFile).where)
    else:
        condition = parse({"audience": case.condition}, AudienceFile).audience
        compile_audience(condition, case.defaults)


ALSO_OF_PROPERTIES = [
    (topic, case)
    for topic, case in JUDGED
    if topic in OPERATORS - {"within", "within_next"}
    and not case.defaults
    and case.condition is not None
    and all(leaf.get("attribute", PUSH_STATUS) != PUSH_STATUS for leaf in leaves(case.condition))
    and not str(case.condition.get("before", "")).endswith("d")
]


@pytest.mark.parametrize(("topic", "case"), ALSO_OF_PROPERTIES, ids=ids(ALSO_OF_PROPERTIES))
def test_an_operator_means_the_same_for_a_property(topic: str, case: ConditionCase) -> None:
    condition = {**(case.condition or {})}
    condition["property"] = condition.pop("attribute")
    rule = compile_properties(parse(condition, PropertyCondition))

    for someone, expected in case.people():
        assert rule.holds(someone.attributes) is expected, topic


@pytest.mark.parametrize(("topic", "case"), JUDGED, ids=ids(JUDGED))
def test_what_is_read_and_when_it_turns_can_be_told(topic: str, case: ConditionCase) -> None:
    """Explanations carry what a rule reads as JSON, and its turns as times to come."""
    for someone, _ in case.people() if case.where is None else ():
        rule = compiled(case)
        subject = someone.subject(rule)

        for part in (rule, *rule.parts):
            msgspec.json.encode(part.read(subject))
            assert all(moment > subject.now for moment in part.turns(subject)), topic
            assert part.says


def test_every_operator_and_every_subject_has_its_cases() -> None:
    assert {topic for topic, _ in CASES} == OPERATORS | SUBJECTS


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_an_operator_is_shown_to_match_to_miss_and_to_be_refused(operator: str) -> None:
    cases = [case for topic, case in CASES if topic == operator]
    about = {case.about for case in cases}
    required = {"match", "absent", "default", "wrong type", "refused"}

    assert about >= required - ({"default", "wrong type"} if operator == "exists" else set())
    assert any(case.holds and case.does_not_hold for case in cases if case.about == "match")
    assert all(
        operator in leaf
        for case in cases
        if case.refused is None
        for leaf in leaves(case.condition or {})
    )


@pytest.mark.parametrize("subject", sorted(SUBJECTS))
def test_a_subject_is_shown_to_match_and_to_be_refused(subject: str) -> None:
    about = {case.about for topic, case in CASES if topic == subject}

    assert about >= {"match", "refused"}


@pytest.mark.parametrize("test", sorted(words(CountTest)))
def test_every_test_of_a_number_has_cases(test: str) -> None:
    said = [case for topic, case in CASES if topic == "event" and test in _count(case)]

    assert {case.about for case in said} >= {"match", "refused"}


def _count(case: ConditionCase) -> Mapping[str, Any]:
    count = (case.condition or {}).get("count")
    return count if isinstance(count, dict) else {}


@pytest.mark.parametrize("test", sorted(words(TimeTest)))
def test_every_test_of_a_time_has_cases(test: str) -> None:
    said = [
        (case.condition or {}).get(word, {}) for _, case in JUDGED for word in ("first", "last")
    ]

    assert any(test in each for each in said)


@pytest.mark.parametrize("field", DeviceField.__args__)  # type: ignore[attr-defined]
def test_every_device_field_has_cases(field: str) -> None:
    said = [case for topic, case in JUDGED if topic == "device"]

    assert any((case.condition or {})["device"] == field and case.holds for case in said)


def test_every_case_says_one_sentence() -> None:
    sentences = [f"{topic} {case.sentence}" for topic, case in CASES]

    assert len(set(sentences)) == len(sentences)
    assert all(case.sentence.endswith((".", ").")) for _, case in CASES)


def test_a_case_is_about_refusal_exactly_where_it_is_refused() -> None:
    assert all((case.about == "refused") is (case.refused is not None) for _, case in CASES)
