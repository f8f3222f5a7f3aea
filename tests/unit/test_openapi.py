"""The OpenAPI document: it keeps step with the code, and says nothing that is not so."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from typer.testing import CliRunner

from cli.main import app
from cli.openapi import checked, document
from cli.openapi.admin import ADMIN, IMPORT_BODY
from cli.openapi.document import Undescribed, compact, described, openapi
from cli.openapi.operation import Operation, Route
from cli.openapi.public import PUBLIC
from functions.admin import routes as admin_routes
from functions.track import routes as track_routes
from functions.wire import imports, users
from functions.wire.body import parse
from functions.wire.errors import Forbidden, InvalidRequest, TooLarge, WireError
from functions.wire.imports import UserDeleted

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXT = openapi()
DOCUMENT: dict[str, Any] = json.loads(TEXT)
OPERATIONS: dict[Route, Operation] = PUBLIC | ADMIN
SCHEMAS = DOCUMENT["components"]["schemas"]

OF_A_ROW = {UserDeleted}
"""Errors that no call is answered with, but a row of its body."""


def told(route: Route) -> dict[str, Any]:
    method, path = route
    operation: dict[str, Any] = DOCUMENT["paths"][path][method.lower()]
    return operation


def problems(schema: Any, value: Any) -> list[str]:
    """What a validator finds wrong with a value."""
    whole = {**schema, "components": DOCUMENT["components"]}
    return [error.message for error in OAS31Validator(whole).iter_errors(value)]


def written(answer: msgspec.Struct) -> Any:
    """The answer as a client reads it."""
    return json.loads(msgspec.json.encode(answer))


def errors(kind: type[WireError] = WireError) -> Iterator[type[WireError]]:
    """Every error that the code knows."""
    for each in kind.__subclasses__():
        yield each
        yield from errors(each)


def name(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


with_body = pytest.mark.parametrize(
    "route", [route for route, each in OPERATIONS.items() if each.body], ids=name
)
every_route = pytest.mark.parametrize("route", OPERATIONS, ids=name)


# --- the document ---


def test_the_document_is_that_of_the_code() -> None:
    file = ROOT / "docs" / "openapi.json"

    assert file.read_bytes() == TEXT, "softask openapi > docs/openapi.json"


def test_the_command_prints_it() -> None:
    ran = CliRunner().invoke(app, ["openapi"])

    assert (ran.exit_code, ran.stdout_bytes) == (0, TEXT)


def test_the_document_is_valid_openapi_3_1() -> None:
    found = OpenAPIV31SpecValidator(DOCUMENT).iter_errors()

    assert [error.message for error in found] == []


def test_what_the_functions_carry_is_the_same_and_shorter() -> None:
    assert json.loads(compact()) == DOCUMENT
    assert len(compact()) < len(TEXT) / 1.5


def test_it_has_every_route_and_no_other() -> None:
    routes = {route for route, _ in described()}

    assert routes == set(OPERATIONS)
    assert routes == {
        (method.upper(), path) for path, each in DOCUMENT["paths"].items() for method in each
    }


@pytest.mark.parametrize("function", [track_routes, admin_routes], ids=["track", "admin"])
def test_a_route_without_words_is_an_error(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "ROUTES", (*function.ROUTES, ("GET", "/v1/new")))

    with pytest.raises(Undescribed, match=r"^GET /v1/new: describe it"):
        document.compact()


def test_every_error_of_the_code_is_an_answer_of_some_route() -> None:
    refused = {error for each in OPERATIONS.values() for error in each.refusals}
    known = set(errors()) - OF_A_ROW

    assert {each.code for each in known} == {
        *(each.code for each in refused),
        "live_unusable",
        "try_again",
        "internal_error",
    }


@every_route
def test_every_call_may_be_throttled_and_meet_a_fault(route: Route) -> None:
    answers = told(route)["responses"]

    assert answers.keys() >= {"200", "429", "500", "503"}
    is_limited = OPERATIONS[route].body or TooLarge in OPERATIONS[route].refusals
    assert ("413" in answers) == bool(is_limited)
    is_signed = OPERATIONS[route].security == "sigv4"
    assert ("403" in answers) == (is_signed or Forbidden in OPERATIONS[route].refusals)


@pytest.mark.parametrize(
    "route", [route for route, each in PUBLIC.items() if each.tag == "Short names"], ids=name
)
def test_a_short_name_is_the_same_call_as_the_long_one(route: Route) -> None:
    short = told(route)
    long = told(("POST", short["summary"].removeprefix("Short for ")))

    assert long["operationId"].startswith(route[1].removeprefix("/v1/"))
    assert (short["requestBody"], short["security"]) == (long["requestBody"], long["security"])
    assert short["responses"].keys() == long["responses"].keys()


# --- what is checked beyond the types ---


def test_what_is_checked_is_of_a_body_that_has_it() -> None:
    for body, fields in checked.FIELDS.items():
        assert fields.keys() <= SCHEMAS[body]["properties"].keys(), body
    everywhere = {each for schema in SCHEMAS.values() for each in schema.get("properties", ())}
    assert checked.ANYWHERE.keys() <= everywhere


def test_the_import_s_keys_are_those_that_are_read() -> None:
    assert tuple(IMPORT_BODY["properties"]) == imports._BODY
    assert tuple(IMPORT_BODY["properties"]["users"]["items"]["anyOf"][0]["properties"]) == (
        imports._ROW
    )


def test_what_next_says_may_be_asked_for() -> None:
    [after] = [
        each
        for each in told(("GET", "/v1/admin/users/{id}"))["parameters"]
        if each["name"] == "after"
    ]
    place = users.write_place(users.Place("key", "m1:offered"))

    assert problems(after["schema"], place) == []


@pytest.mark.parametrize(
    ("number", "is_kept"),
    [
        (0, True),
        (1e120, True),
        (9.9e120, True),
        (-9.9e120, True),
        (1e121, False),
        (-1e121, False),
        (1e-120, True),
        (9e-121, False),
        (10**38 - 1, True),
        (1.5e38, True),
    ],
)
def test_numbers_are_those_that_the_parser_lets_pass(number: float, is_kept: bool) -> None:
    assert (problems(SCHEMAS["Value"], number) == []) is is_kept
    if is_kept:
        assert parse(json.dumps(number).encode()) == number
    else:
        with pytest.raises(InvalidRequest):
            parse(json.dumps(number).encode())


# --- examples and links ---


@with_body
def test_the_example_of_a_request_is_one(route: Route) -> None:
    [content] = told(route)["requestBody"]["content"].values()
    body = OPERATIONS[route].body
    assert body is not None

    assert problems(content["schema"], content["example"]) == []
    if isinstance(body.kind, type):
        assert msgspec.json.decode(json.dumps(body.example), type=body.kind)


@every_route
def test_the_examples_of_answers_are_such(route: Route) -> None:
    [content] = told(route)["responses"]["200"]["content"].values()

    for answer in OPERATIONS[route].answers:
        assert problems(content["schema"], written(answer)) == []


@every_route
def test_links_lead_to_calls_that_take_what_they_hand_on(route: Route) -> None:
    known = {
        each["operationId"]: each for paths in DOCUMENT["paths"].values() for each in paths.values()
    }

    for link in told(route)["responses"]["200"].get("links", {}).values():
        called = known[link["operationId"]]
        takes = {each["name"] for each in called.get("parameters", ())}
        assert link.get("parameters", {}).keys() <= takes
        assert ("requestBody" in link) <= ("requestBody" in called)


def test_the_readme_s_call_is_the_example() -> None:
    said = re.search(r"-d '(?P<body>\{.*?\})'", README, re.DOTALL)
    answered = re.search(r"^ {4}(?P<body>\{\"success\".*?\]\})$", README, re.DOTALL | re.MULTILINE)
    assert said
    assert answered
    track = OPERATIONS["POST", "/v1/track"]
    assert track.body

    assert json.loads(said["body"]) == track.body.example
    assert json.loads(answered["body"]) == written(track.answers[0])
