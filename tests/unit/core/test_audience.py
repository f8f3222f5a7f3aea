"""Conditions: who may see a campaign."""

from typing import Any

import msgspec
import pytest

from functions.core.audience import Condition, Subject, compile_audience
from functions.core.errors import CampaignError
from functions.core.model import Attribute, PushStatus


def holds(condition: dict[str, Any], *, push: str = "unknown", **attributes: Any) -> bool:
    subject = Subject(
        attributes={name: Attribute(value, 0) for name, value in attributes.items()},
        push_status=PushStatus(push),
    )
    return compile_audience(msgspec.convert(condition, Condition))(subject)


@pytest.mark.parametrize(
    ("operator", "wanted", "matching", "other"),
    [
        ("is", "pro", "pro", "free"),
        ("is", 3, 3.0, 4),
        ("is", True, True, False),
        ("is", False, False, True),
        ("is_not", "pro", "free", "pro"),
        ("gt", 3, 4, 3),
        ("gte", 3, 3, 2),
        ("gte", 3, 3.5, 2.9),
        ("lt", 3, 2, 3),
        ("lte", 3, 3, 4),
        ("lte", 2.5, 2, 3),
    ],
)
def test_an_operator_compares(operator: str, wanted: Any, matching: Any, other: Any) -> None:
    condition = {"attribute": "it", operator: wanted}

    assert holds(condition, it=matching)
    assert not holds(condition, it=other)


@pytest.mark.parametrize(
    ("wanted", "value"), [(1, True), (True, 1), (3, "3"), ("3", 3), ("a", ["a"]), ("a", None)]
)
@pytest.mark.parametrize("operator", ["is", "is_not"])
def test_a_value_of_another_type_never_matches(operator: str, wanted: Any, value: Any) -> None:
    assert not holds({"attribute": "it", operator: wanted}, it=value)


@pytest.mark.parametrize("operator", ["is", "is_not", "gt", "gte", "lt", "lte"])
def test_without_a_default_nothing_holds_for_what_was_never_set(operator: str) -> None:
    assert not holds({"attribute": "it", operator: 3})


def test_what_was_never_set_reads_as_the_default() -> None:
    condition = {"attribute": "session_count", "gte": 3, "default": 5}

    assert holds(condition)
    assert not holds(condition, session_count=2)


def test_the_push_status_is_the_acting_devices_and_not_the_trait() -> None:
    condition = {"attribute": "push_permission_status", "is": "unknown"}

    assert holds(condition, push="unknown", push_permission_status="granted")
    assert not holds(condition, push="granted", push_permission_status="unknown")


def test_everyone_is_in_an_absent_audience() -> None:
    subject = Subject(attributes={}, push_status=PushStatus.DENIED)

    assert compile_audience(None)(subject)


YES = {"attribute": "it", "is": 1}
NO = {"attribute": "it", "is": 2}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"all": [YES, YES]}, True),
        ({"all": [YES, NO]}, False),
        ({"any": [NO, YES]}, True),
        ({"any": [NO, NO]}, False),
        ({"none": [NO, NO]}, True),
        ({"none": [NO, YES]}, False),
        ({"all": [{"any": [NO, {"none": [NO]}]}, YES]}, True),
    ],
)
def test_conditions_nest(condition: dict[str, Any], expected: bool) -> None:
    assert holds(condition, it=1) is expected


@pytest.mark.parametrize(
    ("condition", "place", "problem"),
    [
        ({}, "audience", "say exactly one of all, any, none or attribute; this says none"),
        ({"all": [YES], "attribute": "it", "is": 1}, "audience", "say exactly one of"),
        ({"all": [YES, {"any": []}, {}]}, "audience.all[2]", "this says none"),
        ({"attribute": "it"}, "audience", "give 'it' exactly one operator of is, is_not, gt"),
        ({"attribute": "it", "gt": 1, "lt": 3}, "audience", "exactly one operator"),
        ({"any": [YES], "is": 1}, "audience", "any takes conditions only"),
        ({"none": [YES], "default": 1}, "audience", "none takes conditions only"),
        (
            {"all": [{"attribute": "it", "gte": 1, "default": "0"}]},
            "audience.all[0].default",
            "default and gte must be of one type",
        ),
        (
            {"attribute": "push_permission_status", "is": "unknwn"},
            "audience.is",
            "push_permission_status is one of unknown, granted, denied; this says 'unknwn'",
        ),
        ({"attribute": "it", "gte": float("inf")}, "audience.gte", "write a finite number"),
        ({"attribute": "it", "is": float("nan")}, "audience.is", "write a finite number"),
    ],
)
def test_a_condition_that_says_nothing_sensible_is_refused(
    condition: dict[str, Any], place: str, problem: str
) -> None:
    with pytest.raises(CampaignError) as refused:
        holds(condition)

    assert str(refused.value).startswith(f"{place}: ")
    assert problem in refused.value.problem
