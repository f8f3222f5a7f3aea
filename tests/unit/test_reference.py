"""The campaign reference: it keeps step with the code, and all that it shows is valid."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.campaigns import campaign_schema, read_package, read_yaml, settings_schema
from cli.reference import reference
from cli.reference.tables import (
    LINKS,
    OPERATOR_EXAMPLES,
    PLACES,
    SUBJECTS,
    anchor,
    device_fields,
    operators,
)
from cli.reference.words import flow, spell_type, table
from functions.core.audience import Subject, compile_audience
from functions.core.campaign import (
    CampaignFile,
    Package,
    SettingsFile,
    parse_campaign,
    parse_settings,
)
from functions.core.compiling import compile_package
from functions.core.conditions import Condition, Operators, PropertyCondition
from functions.core.model import Device, PushStatus, User
from functions.core.operators import OPERATORS
from functions.core.parsing import parse
from functions.core.permission import TRUTH_TABLE
from functions.core.reason import Reason

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = reference()

FENCES = [
    match[1] for match in re.finditer(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
]
WHOLE, *PARTS = FENCES
CONDITIONS = sorted(set(re.findall(rf"`(\{{(?:{'|'.join(SUBJECTS)}): [^`]*\}})`", PAGE)))

COPY = {"title": "T", "body": "B", "approve": "Yes"}
SETTINGS = {"deeplinks": {"schemes": ["yourapp"]}}
BASE: Mapping[str, Any] = {
    "id": "base",
    "status": "active",
    "trigger": {"any": [{"event": "ValueMomentReached"}]},
    "attempts": [{"content": "first"}],
    "action": {"deeplink": "yourapp://popup/base"},
    "content": {name: {"en": COPY} for name in ("first", "retry", "default")},
}

NOBODY = Subject(
    user=User("user", "u1"),
    attributes={},
    push_status=PushStatus.UNKNOWN,
    device=Device(),
    events={},
    progress={},
    first_seen_at=1_790_000_000_000,
    now=1_790_000_000_000,
)
"""A user of whom nothing is known."""


def package_of(text: str) -> Package:
    """What a snippet says: settings, a whole campaign, or the part of one."""
    said = read_yaml(text)
    if text.startswith("# settings.yaml"):
        return Package(parse_settings(said), (parse_campaign(BASE),))
    base = {key: value for key, value in BASE.items() if key != "attempts" or "repeat" not in said}
    whole = {**base, **said, "content": {**BASE["content"], **said.get("content", {})}}
    return Package(parse_settings(SETTINGS), (parse_campaign(whole),))


def holds_for_nobody(condition: Mapping[str, Any]) -> bool:
    return compile_audience(parse(condition, Condition), {}).holds(NOBODY)


def structs(kind: Any, known: set[type]) -> Iterator[type]:
    """Every map that may stand in a file, `kind` among them."""
    for field in msgspec.inspect.type_info(kind).fields:  # type: ignore[attr-defined]
        yield from structs_in(field.type, known)


def structs_in(node: Any, known: set[type]) -> Iterator[type]:
    if isinstance(node, msgspec.inspect.StructType):
        if node.cls not in known:
            known.add(node.cls)
            yield node.cls
            yield from structs(node.cls, known)
        return
    inner = [getattr(node, name, None) for name in ("type", "item_type", "value_type")]
    for each in (*inner, *getattr(node, "types", ()), *getattr(node, "item_types", ())):
        if each is not None and each is not ...:
            yield from structs_in(each, known)


@pytest.mark.parametrize(
    ("file", "text", "mend"),
    [
        ("campaigns.md", PAGE.encode(), "softask reference > docs/campaigns.md"),
        ("campaign.schema.json", campaign_schema(), "softask schema > docs/campaign.schema.json"),
        (
            "settings.schema.json",
            settings_schema(),
            "softask schema --settings > docs/settings.schema.json",
        ),
    ],
)
def test_the_documents_are_those_of_the_code(file: str, text: bytes, mend: str) -> None:
    assert (DOCS / file).read_bytes() == text, mend


@pytest.mark.parametrize("text", FENCES, ids=lambda text: text.splitlines()[0][:40])
def test_every_snippet_is_valid(text: str) -> None:
    assert compile_package(package_of(text))


def test_the_first_snippet_is_a_whole_campaign_with_every_part() -> None:
    said = read_yaml(WHOLE)

    assert parse_campaign(said)
    fields = {field.encode_name for field in msgspec.structs.fields(CampaignFile)}
    assert fields - said.keys() == {"repeat"}, "which stands instead of attempts"


def test_snippets_of_the_settings_and_of_parts_are_told_apart() -> None:
    assert sum(text.startswith("# settings.yaml") for text in PARTS) == 1
    assert all("id" not in read_yaml(text) for text in PARTS)


@pytest.mark.parametrize("text", CONDITIONS)
def test_every_condition_in_a_line_is_valid(text: str) -> None:
    assert compile_audience(parse(read_yaml(text), Condition), {})


def test_every_key_of_every_map_is_explained() -> None:
    known: set[type] = set()
    found = {
        CampaignFile,
        SettingsFile,
        *structs(CampaignFile, known),
        *structs(SettingsFile, known),
    }

    assert found == PLACES.keys()
    for kind in found - {Condition, PropertyCondition}:
        section = _prose(PAGE).partition(f"# {PLACES[kind]}\n")[2].partition("\n#")[0]
        for field in msgspec.structs.fields(kind):
            assert f"| `{field.encode_name}` |" in section, (kind, field.name)


def test_every_heading_stands_once_and_every_link_leads_to_one() -> None:
    anchors = [anchor(title) for title in re.findall(r"^#+ (.*)$", _prose(PAGE), re.MULTILINE)]
    links = set(re.findall(r"\]\(#([^)]*)\)", PAGE))

    assert len(anchors) == len(set(anchors))
    assert links <= set(anchors)
    assert links >= {anchor(title) for title in PLACES.values() if title[0].islower()} - {
        "count",
        "first-and-last",
    }


def _prose(page: str) -> str:
    return re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE)


def test_every_subject_and_operator_is_in_a_table() -> None:
    words = {field.encode_name for field in msgspec.structs.fields(Condition)}
    beside = {field.encode_name for field in msgspec.structs.fields(Operators)}
    narrowing = {"where", "since", "count", "first", "last", "or_never", "salt"}

    assert words - beside - narrowing == SUBJECTS.keys()
    shown = {word for example in OPERATOR_EXAMPLES for word in example if word in OPERATORS}
    assert shown == set(OPERATORS)
    assert all(f"`{operator}`" in PAGE for operator in OPERATORS)


@pytest.mark.parametrize("example", OPERATOR_EXAMPLES, ids=flow)
def test_what_the_page_says_of_absent_values_is_so(example: Mapping[str, Any]) -> None:
    [row] = [line for line in operators().splitlines() if f"`{flow(example)}`" in line]

    absent = row.split(" | ")[-2]

    assert absent == ("**holds**" if holds_for_nobody(example) else "does not hold")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"attribute": "session_count", "lte": 3}, False),
        ({"attribute": "session_count", "lte": 3, "default": 0}, True),
        ({"device": "country", "is_not": "AT"}, False),
        ({"device": "country", "is_not": "AT", "default": "DE"}, True),
        ({"days_since": "first_seen", "lt": 1}, True),
        ({"days_since": "installed", "lt": 1}, False),
        ({"event": "OrderCompleted", "count": 0}, True),
        ({"event": "OrderCompleted", "last": {"before": "1d"}}, False),
        ({"event": "OrderCompleted", "last": {"before": "1d", "or_never": True}}, True),
        ({"event": "OrderCompleted", "first": {"within": "1d"}}, False),
        ({"event": "OrderCompleted", "count": 0, "since": "SessionStarted"}, False),
        (
            {"event": "OrderCompleted", "count": 3, "since": "SessionStarted", "or_never": True},
            True,
        ),
        ({"campaign": "rate-the-app", "count": 0}, True),
        ({"campaign": "rate-the-app", "last": {"before": "7d"}}, False),
        ({"percent": 100}, True),
        ({"attribute": "push_permission_status", "is": "unknown"}, True),
    ],
)
def test_absence_means_what_the_page_says_for_every_subject(
    condition: Mapping[str, Any], holds: bool
) -> None:
    assert holds_for_nobody(condition) is holds


def test_every_row_of_the_truth_table_is_shown() -> None:
    for row in TRUTH_TABLE:
        assert f"| {row.standing.row} | {row.standing.says} | {row.status.value} |" in PAGE


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.word)
def test_every_reason_stands_in_the_vocabulary_once(reason: Reason) -> None:
    assert PAGE.count(f"| `{reason.word}` | {reason.says} |") == 1


def test_the_fields_of_a_device_are_listed() -> None:
    assert device_fields().startswith("`platform`, `os_version`, ")


def test_files_of_the_examples_are_those_that_the_page_promises() -> None:
    assert "seven campaigns" in PAGE
    assert len(list((ROOT / "campaigns" / "examples").glob("*.yaml"))) == 7
    assert [each.id for each in read_package(ROOT / "campaigns").campaigns] == ["push-softask"]


@pytest.mark.parametrize("schema", [campaign_schema(), settings_schema()])
def test_editors_are_told_what_every_key_means(schema: bytes) -> None:
    definitions = msgspec.json.decode(schema)["$defs"].values()

    undescribed = [
        (each["title"], name)
        for each in definitions
        for name, said in each["properties"].items()
        if "description" not in said
    ]

    assert undescribed == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("pro", "pro"),
        ("14d", "14d"),
        ("4.2", '"4.2"'),
        ("true", '"true"'),
        ("a b", '"a b"'),
        (True, "true"),
        ([1, 2.5], "[1, 2.5]"),
        ({"a": {"b": []}}, "{a: {b: []}}"),
    ],
)
def test_a_value_is_spelled_as_yaml_that_reads_as_that_value(value: Any, text: str) -> None:
    assert flow(value) == text
    assert read_yaml(text) == value


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int, "whole number"),
        (int | float, "number"),
        (str | None, "text"),
        (bool, "`true` or `false`"),
        (dict[str, Any], "map to anything"),
        (tuple[int, ...], "list, each: whole number"),
        (tuple[int, str], "[whole number, text]"),
        (CampaignFile, LINKS[CampaignFile]),
    ],
)
def test_a_type_is_said_in_words(kind: Any, words: str) -> None:
    assert spell_type(msgspec.inspect.type_info(kind), LINKS) == words


def test_a_bar_within_a_cell_does_not_end_it() -> None:
    assert table(("A",), [("x | y",)]) == "| A |\n| --- |\n| x \\| y |"
