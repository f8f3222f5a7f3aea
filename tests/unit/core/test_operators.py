"""Operators: how values are read before they are compared (verdicts: the golden cases)."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.conditions import Operators
from functions.core.errors import CampaignError
from functions.core.operators import (
    OPERATORS,
    Comparison,
    TimedComparison,
    as_written,
    compile_operator,
    is_span,
    parse_version,
    read_span,
    read_time,
    spell_span,
)

PLACE = ("audience", "it")

WANTED: dict[str, Any] = {
    "is": "a",
    "is_not": "a",
    "in": ("a", 1),
    "not_in": ("a", 1),
    "gt": 1,
    "gte": 1,
    "lt": 1,
    "lte": 1,
    "between": (1, 2),
    "contains": "a",
    "starts_with": "a",
    "ends_with": "a",
    "exists": True,
    "version_is": "4.2",
    "version_gt": "4.2",
    "version_gte": "4.2",
    "version_lt": "4.2",
    "version_lte": "4.2",
    "before": "2026-11-21",
    "after": "2026-11-21",
    "within": "1d",
    "within_next": "1d",
}

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def judge(comparison: Comparison | TimedComparison, value: Any) -> bool:
    if isinstance(comparison, TimedComparison):
        return comparison.holds(value, 1_800_000_000_000)
    return comparison.holds(value)


def test_every_operator_of_the_file_compiles() -> None:
    assert set(WANTED) == set(OPERATORS)
    assert {field.name for field in msgspec.structs.fields(Operators)} >= {"default", "is_", "in_"}
    for operator, wanted in WANTED.items():
        assert compile_operator(operator, wanted, PLACE).says.startswith(("is", "cont", "st", "en"))


@given(operator=st.sampled_from(OPERATORS), value=ANYTHING)
def test_whatever_a_user_sends_is_judged_without_an_error(operator: str, value: Any) -> None:
    comparison = compile_operator(operator, WANTED[operator], PLACE)

    assert judge(comparison, value) in (True, False)
    assert comparison.takes(value) in (True, False)
    if isinstance(comparison, TimedComparison):
        assert all(isinstance(moment, int) for moment in comparison.turns(value))


@given(operator=st.sampled_from([each for each in OPERATORS if each != "exists"]), value=ANYTHING)
def test_what_an_operator_does_not_take_it_does_not_match(operator: str, value: Any) -> None:
    comparison = compile_operator(operator, WANTED[operator], PLACE)

    if judge(comparison, value):
        assert comparison.takes(value) or isinstance(value, list)


VERSIONS = [
    ["0", "0.0", "0.0.0+1"],
    ["0.9"],
    ["4.2.0-1", "4.2-1"],
    ["4.2.0-1.a"],
    ["4.2.0-2"],
    ["4.2.0-10"],
    ["4.2.0-alpha", "4.2-ALPHA"],
    ["4.2.0-alpha.1", "4.2.0alpha1"],
    ["4.2b3", "4.2.0b3+9", "4.2.0-b.3"],
    ["4.2.0-beta"],
    ["4.2.0-beta.2", "4.2.0-beta2"],
    ["4.2.0-beta.11"],
    ["4.2.0-rc.1", "4.2rc1"],
    ["4.2", "4.2.0", "4.2.0.0", "4.2+1.beta", "04.2"],
    ["4.2.0.1"],
    ["4.10"],
    ["13"],
    ["18.1"],
]


def test_versions_are_ordered_as_versions() -> None:
    for earlier, later in pairwise(VERSIONS):
        for one in earlier:
            assert all(parse_version(one) == parse_version(other) for other in earlier)
            for other in later:
                assert version(one) < version(other), (one, other)


def version(text: str) -> Any:
    parsed = parse_version(text)
    assert parsed is not None
    return parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "4.",
        ".4",
        "v4",
        "4..2",
        "4.x",
        "4.*",
        "4 2",
        "4.2 (17)",
        "four",
        "4.2-",
        "4.2+",
        "-4",
        "٤.٢",
        "4.2\n",
        "4" * 65,
    ],
)
def test_what_is_no_version_reads_as_none(text: str) -> None:
    assert parse_version(text) is None


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("14d", "14 days"),
        ("1d", "1 day"),
        ("2h", "2 hours"),
        ("5m", "5 minutes"),
        ("1s", "1 second"),
    ],
)
def test_a_span_is_spelt_out(span: str, expected: str) -> None:
    assert is_span(span)
    assert spell_span(span) == expected


@pytest.mark.parametrize("text", ["2026-11-21", "14", "d", "14 d", "14d\n", "-1d", "1234567d"])
def test_other_texts_are_no_span(text: str) -> None:
    assert not is_span(text)


def test_a_window_has_a_width() -> None:
    assert read_span("1s", PLACE) == 1_000
    with pytest.raises(CampaignError, match=r"audience\.it: nothing lies within no time"):
        read_span("0d", PLACE)


def test_a_time_of_the_file_is_readable() -> None:
    assert read_time("1970-01-02", PLACE) == 86_400_000
    with pytest.raises(CampaignError, match=r"audience\.it: 'soon' is no time; write it as in"):
        read_time("soon", PLACE)


@pytest.mark.parametrize("moment", [253_402_300_799_999, "9999-12-31T23:59:59Z"])
def test_the_year_9999_is_a_time_still(moment: Any) -> None:
    assert judge(compile_operator("after", "2026-11-21", PLACE), moment)


@pytest.mark.parametrize("moment", [253_402_300_800_000, 10**30, -(10**30), 1e300, "10000-01-01"])
@pytest.mark.parametrize("operator", ["before", "after"])
def test_what_no_clock_can_tell_is_no_time(operator: str, moment: Any) -> None:
    assert not judge(compile_operator(operator, "2026-11-21", PLACE), moment)


def test_values_are_written_so_that_types_can_be_told_apart() -> None:
    assert [as_written(each) for each in ("3", 3, 3.0, True)] == ['"3"', "3", "3.0", "true"]
