"""Parsing errors: the exact place, the nearest word of the right type."""

from collections.abc import Mapping
from typing import Any, get_args

import msgspec
import pytest

from functions.core.campaign import CampaignFile, SettingsFile, parse_campaign, parse_settings
from functions.core.conditions import Condition
from functions.core.errors import CampaignError, spell
from functions.core.parsing import nearest, parse

COPY = {"title": "t", "body": "b", "approve": "y"}
CAMPAIGN: Mapping[str, Any] = {
    "id": "push-softask",
    "status": "active",
    "trigger": {"any": [{"event": "E"}]},
    "action": {"deeplink": "yourapp://popup"},
    "content": {"first": {"en": COPY}},
}
SETTINGS: Mapping[str, Any] = {"deeplinks": {"schemes": ["yourapp"]}}


def refusal(data: object, kind: Any = CampaignFile) -> CampaignError:
    with pytest.raises(CampaignError) as refused:
        parse(data, kind)
    return refused.value


def test_a_right_file_is_read() -> None:
    assert parse_campaign(CAMPAIGN).content["first"]["en"].title == "t"
    assert parse_settings(SETTINGS).default_locale == "en"


@pytest.mark.parametrize(
    ("changes", "place", "problem"),
    [
        ({"triger": {}}, "triger", "unknown key; did you mean 'trigger'?"),
        ({"xyz": 1}, "xyz", "unknown key; known here: id, kind, status, priority"),
        ({"id": "Push"}, "id", "write it as in 'push-softask'"),
        ({"id": "push\n"}, "id", "write it as in 'push-softask'"),
        ({"id": 5}, "id", "write text, not a whole number"),
        ({"id": b"x"}, "id", "write text, not bytes"),
        ({"rollout": 10**400}, "rollout", "number out of range"),
        ({"status": "activ"}, "status", "invalid enum value 'activ'; did you mean 'active'?"),
        ({"status": "no\nwhere"}, "status", "known here: draft, active, paused, ended"),
        ({"status": "on"}, "status", "known here: draft, active, paused, ended"),
        ({"rollout": 200}, "rollout", "<= 100"),
        ({"schedule": {"starts_at": "soon"}}, "schedule.starts_at", "'2026-11-21T10:00:00Z'"),
        ({"trigger": {"any": []}}, "trigger.any", "length >= 1"),
        ({"trigger": {"any": [{"event": "E"}, {"evnt": "E"}]}}, "trigger.any[1].evnt", "'event'?"),
        ({"trigger": {"any": {"event": "E"}}}, "trigger.any", "write a list, not a map"),
        ({"trigger": {"any": [{"event": "E", "on": [1, 0]}]}}, "trigger.any[0].on[1]", ">= 1"),
        (
            {"trigger": {"any": [{"event": "E", "per": "sesion"}]}},
            "trigger.any[0].per",
            "'session'?",
        ),
        (
            {"trigger": {"any": [{"event": "E", "where": {"any": [{"propery": "a"}]}}]}},
            "trigger.any[0].where.any[0].propery",
            "did you mean 'property'?",
        ),
        (
            {"trigger": {"any": [{"event": "E", "where": {"attribute": "a", "is": 1}}]}},
            "trigger.any[0].where.attribute",
            "unknown key; known here:",
        ),
        ({"offer": {"lease": "10x"}}, "offer.lease", "write it as in '14d'"),
        ({"offer": {"lease": 10}}, "offer.lease", "write text, not a whole number"),
        (
            {"experiment": {"salt": "s", "arms": {"soft_ask": 0.8}}},
            "experiment.arms.soft_ask",
            "write a whole number, such as 80, not 0.8",
        ),
        ({"caps": [{"at_most": 1, "per": "dya"}]}, "caps[0].per", "did you mean 'day'?"),
        ({"action": {"deeplink": 5}}, "action.deeplink", "write a map or text, not a whole number"),
        ({"action": {"deeplink": ""}}, "action.deeplink", "length >= 1"),
        ({"action": {"deeplink": {"defalt": "a"}}}, "action.deeplink.defalt", "'default'?"),
        (
            {"action": {"deeplink": {"default": "a", "ios": 5}}},
            "action.deeplink.ios",
            "write text, not a whole number",
        ),
        (
            {"content": {"a": {"en": COPY}, "b": {"en": {**COPY, "titel": 1}}}},
            "content.b.en.titel",
            "",
        ),
        (
            {"content": {"a": {"en": COPY, "de": {**COPY, "body": 1}}}},
            "content.a.de.body",
            "write text",
        ),
        ({"content": {"a": {"en": COPY, "de": {"title": "t"}}}}, "content.a.de", "add body"),
        ({"content": {"a": {"en": COPY}, "b": 5}}, "content.b", "write a map, not a whole number"),
        ({"content": {"a": {5: COPY}}}, "content.a", "write text, not a whole number"),
        ({"content": {"a": {"en": {**COPY, "extras": 5}}}}, "content.a.en.extras", "write a map"),
    ],
)
def test_a_campaign_is_refused_at_its_place(
    changes: Mapping[str, Any], place: str, problem: str
) -> None:
    error = refusal({**CAMPAIGN, **changes})

    assert spell(error.place) == place
    assert problem in error.problem


@pytest.mark.parametrize(
    ("wait", "place", "problem"),
    [
        ("10x", "attempts[0].wait", "write it as in '14d'"),
        (5, "attempts[0].wait", "write a map or text, not a whole number"),
        ({"declned": "14d"}, "attempts[0].wait.declned", "did you mean 'declined'?"),
        ({"declined": "14"}, "attempts[0].wait.declined", "write it as in '14d'"),
        ({"declined": "14d", "denied": 5}, "attempts[0].wait.denied", "write text"),
        ({}, "attempts[0].wait", "add declined, which must be said"),
    ],
)
def test_a_wait_is_one_span_or_one_each(wait: object, place: str, problem: str) -> None:
    error = refusal({**CAMPAIGN, "attempts": [{"content": "first", "wait": wait}]})

    assert spell(error.place) == place
    assert problem in error.problem


@pytest.mark.parametrize(
    ("condition", "place", "problem"),
    [
        ({"attribut": "a", "is": 1}, "attribut", "unknown key; did you mean 'attribute'?"),
        ({"attribute": "a", "gtee": 1}, "gtee", "unknown key; did you mean 'gte'?"),
        ({"attribute": "a", "iss": 1}, "iss", "unknown key; did you mean 'is'?"),
        ({"attribute": "a", "starts": "x"}, "starts", "did you mean 'starts_with'?"),
        ({"attribute": "a", "is_": 1}, "is_", "unknown key; did you mean 'is'?"),
        ({"attribute": "a", "gt": "1"}, "gt", "write a number, not text"),
        ({"attribute": "a", "gt": True}, "gt", "write a number, not true or false"),
        ({"attribute": "a", "is": [1]}, "is", "write text or a number or true or false"),
        ({"attribute": "a", "in": [1, [2]]}, "in[1]", "write text or a number or true or false"),
        ({"attribute": "a", "between": [1]}, "between", "write a list of length 2, got 1"),
        ({"attribute": "a", "between": ["1", 2]}, "between[0]", "write a number"),
        ({"attribute": "a", "between": [1, "2"]}, "between[1]", "write a number"),
        ({"attribute": "a", "within": "14 d"}, "within", "write it as in '14d'"),
        ({"device": "os_verion", "is": "18"}, "device", "did you mean 'os_version'?"),
        ({"days_since": "instaled", "gte": 1}, "days_since", "did you mean 'installed'?"),
        ({"event": "E", "count": "3"}, "count", "write a map or a whole number, not text"),
        ({"event": "E", "count": -1}, "count", "write a whole number >= 0"),
        ({"event": "E", "count": {"gtee": 1}}, "count.gtee", "did you mean 'gte'?"),
        ({"event": "E", "count": {"between": [1, -1]}}, "count.between[1]", ">= 0"),
        ({"event": "E", "last": {"befor": "1d"}}, "last.befor", "did you mean 'before'?"),
        ({"event": "E", "last": {"within": "x"}}, "last.within", "write it as in '14d'"),
        (
            {"event": "E", "where": {"all": [{"propety": "a"}]}},
            "where.all[0].propety",
            "'property'?",
        ),
        (
            {"all": [{"any": [{}, {"none": [{"evnt": "E"}]}]}]},
            "all[0].any[1].none[0].evnt",
            "'event'?",
        ),
        ({"all": {"attribute": "a"}}, "all", "write a list, not a map"),
        ({5: 1}, "", "write text"),
    ],
)
def test_a_condition_is_refused_at_its_place(condition: object, place: str, problem: str) -> None:
    error = refusal(condition, Condition)

    assert spell(error.place) == place
    assert problem in error.problem


@pytest.mark.parametrize(
    ("changes", "place", "problem"),
    [
        ({"default_local": "en"}, "default_local", "did you mean 'default_locale'?"),
        ({"remember": ["A", 5]}, "remember[1]", "write a map or text, not a whole number"),
        ({"remember": ["A", ""]}, "remember[1]", "length >= 1"),
        ({"remember": ["A", {"evnt": "B"}]}, "remember[1].evnt", "did you mean 'event'?"),
        ({"remember": [{"event": "B", "where": {"iss": 1}}]}, "remember[0].where.iss", "'is'?"),
        ({"defaults": {"a": 1, "b": [1]}}, "defaults.b", "write text or a number or true or false"),
        ({"guard": {"all": [{"attribute": "a", "gtee": 1}]}}, "guard.all[0].gtee", "'gte'?"),
    ],
)
def test_settings_are_refused_at_their_place(
    changes: Mapping[str, Any], place: str, problem: str
) -> None:
    error = refusal({**SETTINGS, **changes}, SettingsFile)

    assert spell(error.place) == place
    assert problem in error.problem


def structs(kind: Any) -> set[Any]:
    """Every map that a file of that type may hold."""
    found: set[Any] = set()
    waiting = [kind]
    while waiting:
        each = waiting.pop()
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each not in found:
            found.add(each)
            waiting.extend(field.type for field in msgspec.structs.fields(each))
        waiting.extend(get_args(each))
    return found


FIELDS = [
    (kind, field.encode_name)
    for kind in sorted(
        structs(CampaignFile) | structs(SettingsFile), key=lambda each: each.__name__
    )
    for field in msgspec.structs.fields(kind)
]
WRONG: tuple[object, ...] = ([object()], object(), {"?": object()})


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_every_field_is_refused_at_its_place(kind: Any, field: str) -> None:
    """Whatever its type and whatever it is given, its errors can be told."""
    for wrong in WRONG[:2] if field == "extras" else WRONG:
        assert refusal({field: wrong}, kind).place[0] == field


@pytest.mark.parametrize(
    ("data", "got"), [(None, "nothing"), ([], "a list"), ("x", "text"), (5, "a whole number")]
)
def test_a_file_that_is_no_map_is_refused_as_a_whole(data: object, got: str) -> None:
    assert str(refusal(data)) == f"write a map, not {got}"


def test_a_list_of_conditions_is_told_its_key() -> None:
    error = refusal({**CAMPAIGN, "audience": [{"attribute": "a", "is": 1}]})

    assert str(error) == "audience: write a map, not a list; put `all:` before the list"


def test_a_missing_key_is_named() -> None:
    without = {key: value for key, value in CAMPAIGN.items() if key != "action"}

    assert str(refusal(without)) == "add action, which must be said"


def test_row_28_what_is_nested_without_end_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"all": [deep]}

    assert str(refusal(deep, Condition)) == "nested too deeply"


def test_the_nearest_word_ends_a_sentence() -> None:
    assert nearest("evnt", ["event", "every"]) == "; did you mean 'event'?"
    assert nearest("x", ["event", "every"]) == "; known here: event, every"
