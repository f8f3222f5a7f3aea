"""An item's own context over its batch's."""

from typing import Any

import pytest

from functions.core.overlay import overlaid


@pytest.mark.parametrize(
    ("under", "over", "both"),
    [
        pytest.param({}, {"a": 1}, {"a": 1}, id="nothing below"),
        pytest.param({"a": 1}, {}, {"a": 1}, id="nothing above"),
        pytest.param({"a": 1, "b": 1}, {"b": 2, "c": 2}, {"a": 1, "b": 2, "c": 2}, id="both"),
        pytest.param(
            {"os": {"name": "iOS", "at": {"x": 1}}},
            {"os": {"version": "18", "at": {"y": 2}}},
            {"os": {"name": "iOS", "version": "18", "at": {"x": 1, "y": 2}}},
            id="key by key at every depth",
        ),
        pytest.param({"os": {"name": "iOS"}}, {"os": None}, {"os": None}, id="null is a value"),
        pytest.param({"os": "iOS"}, {"os": {"name": "x"}}, {"os": {"name": "x"}}, id="new shape"),
        pytest.param({"os": {"name": "x"}}, {"os": "iOS"}, {"os": "iOS"}, id="old shape gone"),
        pytest.param({"a": [1, 2]}, {"a": [3]}, {"a": [3]}, id="lists are values"),
    ],
)
def test_the_one_above_wins_key_by_key(under: Any, over: Any, both: Any) -> None:
    assert overlaid(under, over) == both


def test_neither_is_changed() -> None:
    under, over = {"os": {"name": "iOS"}}, {"os": {"version": "18"}}
    overlaid(under, over)
    assert (under, over) == ({"os": {"name": "iOS"}}, {"os": {"version": "18"}})
