"""The dev server's answers to the document's own examples, and the page that shows them."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator

from cli.demo.process import dev_server
from cli.openapi import openapi

pytestmark = pytest.mark.xdist_group("openapi")

DOCUMENT: dict[str, Any] = json.loads(openapi())
CALLS = [
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]

REFUSED = {"rehearse": 403, "devices": 404, "rotateKey": 404, "revokeKey": 404}
"""The examples that need something first: a test user, or a key that was made."""


@pytest.fixture(scope="module")
def server() -> Iterator[httpx.Client]:
    with (
        dev_server() as url,
        httpx.Client(base_url=url, auth=("dev-write-key", ""), trust_env=False) as client,
    ):
        yield client


@pytest.fixture
def http(server: httpx.Client) -> httpx.Client:
    """A client of an empty server."""
    server.post("/_dev/reset").raise_for_status()
    return server


def sent(http: httpx.Client, method: str, path: str, operation: Any) -> httpx.Response:
    """The operation's example."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
    content = operation.get("requestBody", {}).get("content", {})
    body = next((each["example"] for each in content.values()), None)
    return http.request(method, path, json=body)


def problems(schema: Any, value: Any) -> list[str]:
    whole = {**schema, "components": DOCUMENT["components"]}
    return [error.message for error in OAS31Validator(whole).iter_errors(value)]


@pytest.mark.parametrize(
    ("method", "path", "operation"), CALLS, ids=[each["operationId"] for _, _, each in CALLS]
)
def test_the_example_is_answered_as_the_document_says(
    http: httpx.Client, method: str, path: str, operation: Any
) -> None:
    response = sent(http, method, path, operation)

    assert response.status_code == REFUSED.get(operation["operationId"], 200), response.text
    said = operation["responses"][str(response.status_code)]
    if "$ref" in said:
        said = DOCUMENT["components"]["responses"][said["$ref"].rpartition("/")[2]]
    [(kind, content)] = said["content"].items()
    assert response.headers["content-type"] == kind
    assert problems(content["schema"], response.json()) == []
    [cached] = [said["headers"]["Cache-Control"]["schema"]["const"]]
    assert response.headers["cache-control"] == cached


def test_the_document_is_there_to_be_asked_for(http: httpx.Client) -> None:
    assert http.get("/openapi.json").json() == DOCUMENT


def test_the_reference_page_loads_nothing_from_elsewhere(http: httpx.Client) -> None:
    page = http.get("/docs")

    loaded = re.findall(r'(?:src|href|url): ?"?=?"([^"]+)"|(?:src|href)="([^"]+)"', page.text)
    places = [one or other for one, other in loaded]
    assert places == ["data:,", "/docs/swagger-ui.css", "/docs/swagger-ui.js", "/openapi.json"]
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    for place in places[1:]:
        assert http.get(place).status_code == 200


def test_the_index_page_tells_of_the_reference(http: httpx.Client) -> None:
    assert f"{http.base_url}/docs".replace("//docs", "/docs") in http.get("/").text
