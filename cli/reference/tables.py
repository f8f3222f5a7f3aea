"""The reference's tables, each drawn from what the functions themselves run by."""

import inspect as source
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

import msgspec

from cli.reference.words import flow, spell_type, table
from functions.core import advice, campaign, conditions
from functions.core.audience import compile_audience
from functions.core.campaign import (
    CampaignFile,
    Package,
    SettingsFile,
    parse_campaign,
    parse_settings,
)
from functions.core.compiling import compile_package
from functions.core.conditions import Condition, Operators
from functions.core.eligibility import RULES
from functions.core.errors import CampaignError
from functions.core.happened import CAMPAIGN_TAKES, EVENT_TAKES
from functions.core.operators import OPERATORS, TimedComparison, compile_operator
from functions.core.parsing import parse
from functions.core.permission import TRUTH_TABLE, Row, why_not
from functions.core.reason import Reason

PLACES: Mapping[type[msgspec.Struct], str] = {
    campaign.CampaignFile: "The keys of the file",
    campaign.Schedule: "schedule",
    campaign.Trigger: "trigger",
    campaign.TriggerEvent: "trigger.any",
    campaign.Unless: "trigger.unless",
    conditions.PropertyCondition: "where",
    conditions.Condition: "audience",
    conditions.CountTest: "count",
    conditions.TimeTest: "first and last",
    campaign.PermissionRule: "permission",
    campaign.AttemptRule: "attempts",
    campaign.Waits: "attempts.wait",
    campaign.Since: "attempts.since",
    campaign.Repeat: "repeat",
    campaign.DismissedRule: "dismissed",
    campaign.Cap: "caps",
    campaign.OfferRule: "offer",
    campaign.ActionRule: "action",
    campaign.Links: "action.deeplink",
    campaign.Copy: "content",
    campaign.OutcomeNames: "outcomes",
    campaign.Experiment: "experiment",
    campaign.Arms: "experiment.arms",
    campaign.VariantRule: "experiment.variants",
    campaign.Goal: "goal",
    campaign.SettingsFile: "settings.yaml",
    campaign.Deeplinks: "settings.deeplinks",
    campaign.Remember: "settings.remember",
}
"""Every type of the files, by the heading under which the reference explains it."""

OPERATOR_EXAMPLES: tuple[Mapping[str, Any], ...] = (
    {"attribute": "plan", "is": "pro"},
    {"attribute": "plan", "is_not": "free"},
    {"attribute": "plan", "in": ["plus", "pro"]},
    {"attribute": "plan", "not_in": ["free", "trial"]},
    {"attribute": "streak", "gt": 3},
    {"attribute": "streak", "gte": 3},
    {"attribute": "streak", "lt": 3},
    {"attribute": "streak", "lte": 3},
    {"attribute": "age", "between": [18, 65]},
    {"attribute": "interests", "contains": "running"},
    {"attribute": "city", "starts_with": "San"},
    {"attribute": "city", "ends_with": "burg"},
    {"attribute": "plan", "exists": True},
    {"attribute": "plan", "exists": False},
    {"device": "app_version", "version_is": "4.2"},
    {"device": "app_version", "version_gt": "4.2"},
    {"device": "app_version", "version_gte": "4.2"},
    {"device": "app_version", "version_lt": "4.2"},
    {"device": "app_version", "version_lte": "4.2"},
    {"attribute": "last_order_at", "before": "14d"},
    {"attribute": "last_order_at", "before": "2026-11-21"},
    {"attribute": "last_order_at", "after": "2026-11-21T10:00:00Z"},
    {"attribute": "last_order_at", "within": "3d"},
    {"attribute": "renews_at", "within_next": "3d"},
)

SUBJECTS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "attribute": (
        {"attribute": "session_count", "gte": 3, "default": 0},
        "Reads as the condition's `default`, else as the settings' one. Without either, only "
        "`exists: false` holds.",
    ),
    "device": (
        {"device": "platform", "is": "ios"},
        "Reads as the condition's `default`. Without one, only `exists: false` holds.",
    ),
    "days_since": (
        {"days_since": "first_seen", "gte": 2},
        "`first_seen` never is; `installed` reads as with `device`.",
    ),
    "event": (
        {"event": "OrderCompleted", "count": {"gte": 3}},
        "Never happened: `count` is 0; `first` and `last` hold only with `or_never: true`.",
    ),
    "campaign": (
        {"campaign": "rate-the-app", "last": {"before": "7d", "or_never": True}},
        "Never shown: `count` is 0; `last` holds only with `or_never: true`.",
    ),
    "percent": ({"percent": 20, "salt": "winter"}, "It never is."),
    "all": (
        {"all": [{"attribute": "plan", "is": "pro"}, {"device": "country", "in": ["AT", "DE"]}]},
        "",
    ),
    "any": ({"any": [{"attribute": "plan", "is": "pro"}, {"percent": 20}]}, ""),
    "none": ({"none": [{"device": "platform", "is": "web"}]}, ""),
}
"""Of each subject, an example and what absence means."""

_VALUES: tuple[Any, ...] = ("1", 1, True, ["1"], [1, 2], "1d", "2026-11-21")
"""Some value among them fits any operator."""

_OTHER_TYPES: tuple[Any, ...] = ({}, True)
"""What an app may set, and what the examples of operators do not compare with."""

_NO_ANCHOR = re.compile(r"[^a-z0-9_-]")

_NOW = 1_790_000_000_000


def heading(kind: type[msgspec.Struct], level: int = 3) -> str:
    """Where links to the type lead."""
    return f"{'#' * level} {PLACES[kind]}"


def anchor(title: str) -> str:
    """As Markdown renderers make one of a heading."""
    return _NO_ANCHOR.sub("", title.lower().replace(" ", "-"))


LINKS = {kind: f"[{title}](#{anchor(title)})" for kind, title in PLACES.items()}


def fields(kind: type[msgspec.Struct]) -> str:
    """The keys of a map."""
    return table(("Key", "Value", "Default", "Meaning"), map(_field, _keys(kind)))


def _keys(kind: type[msgspec.Struct]) -> tuple[msgspec.inspect.Field, ...]:
    node: Any = msgspec.inspect.type_info(kind)
    return tuple(node.fields)


def _field(field: msgspec.inspect.Field) -> tuple[str, ...]:
    return (
        f"`{field.encode_name}`",
        spell_type(field.type, LINKS),
        "required" if field.required else _default(field),
        _description(field.type),
    )


def _default(field: msgspec.inspect.Field) -> str:
    """A dash where the key is absent, and where it is an empty list or map."""
    if field.default is msgspec.NODEFAULT:
        return "-"
    said = _said(field.default) if isinstance(field.default, msgspec.Struct) else field.default
    return f"`{flow(said)}`" if said not in (None, (), {}, "") else "-"


def _said(value: msgspec.Struct) -> Mapping[str, Any]:
    """What of a default differs from its own type's defaults."""
    each = msgspec.structs.fields(value)
    told = {field.encode_name: (getattr(value, field.name), field.default) for field in each}
    return {name: actual for name, (actual, usual) in told.items() if actual != usual}


def _description(node: Any) -> str:
    """As the outermost annotation has it."""
    return str(node.extra_json_schema["description"])


def subjects() -> str:
    """What a condition can be about."""
    said = _descriptions(Condition)
    return table(
        ("Subject", "Meaning", "Takes", "Where it is absent", "Example"),
        (
            (f"`{name}`", said[name], _takes(name, example), absence or "-", f"`{flow(example)}`")
            for name, (example, absence) in SUBJECTS.items()
        ),
    )


def _descriptions(kind: type[msgspec.Struct]) -> Mapping[str, str]:
    return {field.encode_name: _description(field.type) for field in _keys(kind)}


def _takes(subject: str, example: Mapping[str, Any]) -> str:
    known: Mapping[str, Iterable[str]] = {
        "event": EVENT_TAKES,
        "campaign": CAMPAIGN_TAKES,
        "percent": ("salt",),
    }
    if subject in known:
        return ", ".join(f"`{word}`" for word in known[subject])
    if subject in ("all", "any", "none"):
        return "a list of conditions"
    taken = [operator for operator in OPERATORS if _compiles(subject, example, operator)]
    if len(taken) == len(OPERATORS):
        return "every operator"
    return ", ".join(f"`{operator}`" for operator in taken)


def _compiles(subject: str, example: Mapping[str, Any], operator: str) -> bool:
    about = "os_version" if subject == "device" else example[subject]
    return any(_is_accepted({subject: about, operator: value}) for value in _VALUES)


def _is_accepted(condition: Mapping[str, Any]) -> bool:
    try:
        compile_audience(parse(condition, Condition), {})
    except CampaignError:
        return False
    return True


def device_fields() -> str:
    """What a device tells, in one line."""
    return ", ".join(f"`{name}`" for name in get_args(conditions.DeviceField))


def operators() -> str:
    """Each operator, and what it makes of absent values and of those of other types."""
    said = _descriptions(Operators)
    types = {field.encode_name: spell_type(field.type, LINKS) for field in _keys(Operators)}
    return table(
        ("Operator", "Compared with", "Meaning", "Example", "Absent", "Another type"),
        (
            (f"`{name}`", types[name], said[name], f"`{flow(example)}`", absent, other)
            for name, example, absent, other in _judged()
        ),
    )


def _judged() -> Iterator[tuple[str, Mapping[str, Any], str, str]]:
    for example in OPERATOR_EXAMPLES:
        [name] = example.keys() & set(OPERATORS)
        value = example[name]
        wanted = tuple(value) if isinstance(value, list) else value
        absent = _holds(name, wanted, None)
        others = {_holds(name, wanted, other) for other in _OTHER_TYPES}
        yield name, example, _verdict({absent}), _verdict(others)


def _holds(operator: str, wanted: Any, value: Any) -> bool:
    comparison = compile_operator(operator, wanted, (operator,))
    if isinstance(comparison, TimedComparison):
        return comparison.holds(value, _NOW)
    return comparison.holds(value)


def _verdict(verdicts: set[bool]) -> str:
    [holds] = verdicts
    return "**holds**" if holds else "does not hold"


def truth_table() -> str:
    """What each kind of device may be asked, and what "Yes" leads to there."""
    rows = sorted(TRUTH_TABLE, key=lambda row: row.standing.row)
    return table(
        ("Row", "The device", "`push_permission_status`", '"Yes" leads to', "Is it asked?"),
        map(_row, rows),
    )


def _row(row: Row) -> tuple[str, ...]:
    standing = row.standing
    route = f"`{standing.route.value}`" if standing.route else "-"
    return str(standing.row), standing.says, row.status.value, route, _is_asked(row)


def _is_asked(row: Row) -> str:
    plain = why_not(row.standing, fallback_to_settings=False)
    fallback = why_not(row.standing, fallback_to_settings=True)
    if plain is None:
        return "yes, a day after it was last asked" if row.standing.cools_down else "yes"
    if fallback is None:
        return f"with `fallback_to_settings: true`; else `{plain.word}`"
    return f"no: `{plain.word}`"


def rules() -> str:
    """What is asked before a popup is offered, in its order."""
    lines = (source.getdoc(rule) or "" for rule in RULES)
    return "\n".join(f"{n}. {line.splitlines()[0]}" for n, line in enumerate(lines, start=1))


def warnings() -> tuple[str, ...]:
    """Every kind of warning, as two campaigns draw them that deserve them all."""
    unknown = {"campaign": "rate-teh-app", "last": {"before": "7d"}}
    first = _deserving("push", unknown, {"arms": {"soft_ask": 1}, "variants": {"one": 1}})
    second = _deserving(
        "push-again",
        {"all": [{"event": "OrderCompleted", "count": {"gte": 1}}, unknown]},
        {
            "arms": {"soft_ask": 0, "direct_prompt": 1, "holdout": 1},
            "variants": {"one": 1, "two": 1},
        },
    )
    settings: SettingsFile = parse_settings({"deeplinks": {"schemes": ["yourapp"]}})
    live = compile_package(Package(settings, (first,)))
    found = (*advice.warnings(second, settings, live), *advice.warnings(first, settings, live))
    return tuple(dict.fromkeys(found))


def _deserving(
    name: str, audience: Mapping[str, Any], experiment: Mapping[str, Any]
) -> CampaignFile:
    return parse_campaign(
        {
            "id": name,
            "status": "active",
            "trigger": {"any": [{"event": "SessionStarted"}]},
            "audience": audience,
            "repeat": {},
            "action": {"deeplink": "yourapp://popup/example"},
            "content": {"default": {"en": {"title": "T", "body": "B", "approve": "Yes"}}},
            "experiment": {"salt": "2026-11", **experiment},
        }
    )


_GROUPS = (
    ("What a message did", range(32)),
    ("Why a trigger showed nothing", range(32, 64)),
    ("Why an offer that the app asks about does not stand, and the rest", range(64, 256)),
)


def reasons() -> str:
    """The closed vocabulary."""
    return "\n\n".join(
        f"### {title}\n\n"
        + table(
            ("Reason", "In a sentence"),
            ((f"`{each.word}`", each.says) for each in Reason if each in numbers),
        )
        for title, numbers in _GROUPS
    )
