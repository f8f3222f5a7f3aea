"""The page about events: it keeps step with the code, and all that it shows is valid."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from typer.testing import CliRunner

from cli.events import page
from cli.events.examples import ENVELOPE, EXAMPLES
from cli.events.page import DIALECT, schema
from cli.main import app
from functions.core.model import Fact, FactKind, User
from functions.ledger.events import EVENTS, Event, event_of
from functions.store.keys import user_key

DOCS = Path(__file__).parents[2] / "docs"
PAGE = page()

SECTIONS = {
    title: [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", body, re.S | re.M)]
    for title, body in re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", PAGE, re.S | re.M)
}
"""What stands under each event's heading: its schema and its example."""

every_event = pytest.mark.parametrize("kind", EVENTS.values(), ids=lambda kind: kind.__name__)


def problems(said: Any, value: Any) -> list[str]:
    validator = Draft202012Validator(said, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(value)]


def test_the_page_is_that_of_the_code() -> None:
    mend = "softask events > docs/events.md"
    assert (DOCS / "events.md").read_text(encoding="utf-8") == PAGE, mend


def test_the_command_prints_it() -> None:
    ran = CliRunner().invoke(app, ["events"])
    assert (ran.exit_code, ran.stdout) == (0, PAGE)


def test_every_event_has_a_schema_and_an_example_there() -> None:
    assert {title: len(texts) for title, texts in SECTIONS.items()} == {
        kind.__name__: 2 for kind in EVENTS.values()
    }


@every_event
def test_the_schema_is_one_of_2020_12_and_the_type_s(kind: type[Event]) -> None:
    said, _ = SECTIONS[kind.__name__]
    assert said == schema(kind)
    assert (said["$schema"], said["title"]) == (DIALECT, kind.__name__)
    Draft202012Validator.check_schema(said)


@every_event
def test_the_example_is_one_of_that_event(kind: type[Event]) -> None:
    said, example = SECTIONS[kind.__name__]
    assert example == EXAMPLES[kind]
    assert problems(said, example) == []
    assert msgspec.convert(example, kind)


@every_event
def test_the_schema_is_as_strict_as_the_type_and_lets_new_keys_pass(kind: type[Event]) -> None:
    said, example = SECTIONS[kind.__name__]
    assert problems(said, {**example, "later": 1}) == []
    assert problems(said, {**example, "schemaVersion": 2}) != []
    for name in example:
        assert problems(said, {key: example[key] for key in example if key != name}) != []
        assert problems(said, {**example, name: []}) != []
        is_nullable = "null" in said["properties"][name].get("type", ())
        assert (problems(said, {**example, name: None}) == []) is is_nullable


@every_event
def test_what_may_be_null_stands_in_the_first_table(kind: type[Event]) -> None:
    [row] = re.findall(rf"^\| `{kind.__name__}` \|.*\| (.*) \|$", PAGE, re.M)
    properties = schema(kind)["properties"]
    nullable = {name for name, said in properties.items() if "null" in said.get("type", ())}
    assert set(re.findall(r"`(\w+)`", row)) | {"variant", "platform"} == nullable


@pytest.mark.parametrize("kind", [FactKind.GRANTED, FactKind.RE_ELIGIBLE, FactKind.EXHAUSTED])
def test_a_fact_that_no_offer_is_known_of_still_fits(kind: FactKind) -> None:
    bare = Fact(id="x", kind=kind, at=0, campaign="c", attempt=1)
    detail = json.loads(msgspec.json.encode(event_of("key", bare)))
    assert problems(schema(EVENTS[kind]), detail) == []


def test_every_key_is_explained() -> None:
    keys = {field.encode_name for field in msgspec.structs.fields(Event)}
    assert set(re.findall(r"^\| `(\w+)` \| [^|]+ \|$", PAGE, re.M)) == keys


def test_the_envelope_carries_the_example() -> None:
    [shown] = re.findall(r"## As a rule receives it.*?```json\n(.*?)```", PAGE, re.S)
    assert json.loads(shown) == ENVELOPE
    assert ENVELOPE["detail"] == SECTIONS["SoftAskApproved"][1]


def test_the_user_key_of_the_page_is_softask_s() -> None:
    [code] = re.findall(r"```python\n(import base64.*?)```", PAGE, re.S)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 (the page's own)
    salt = "prod/123456789012/eu-central-1"
    for kind in ("user", "anonymous"):
        assert names["user_key"](salt, kind, "ü1") == user_key(salt, User(kind, "ü1"))
    assert SECTIONS["SoftAskShown"][1]["userKey"] == names["user_key"](salt, "user", "u1")
