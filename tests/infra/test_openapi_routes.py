"""What the document tells of the routes is what a deployment would create."""

import json
from typing import Any

import pytest

from cli.openapi import openapi
from tests.infra.conftest import Stack

pytestmark = pytest.mark.xdist_group("template")

OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, methods in json.loads(openapi())["paths"].items()
    for method, operation in methods.items()
}


@pytest.fixture
def routes(stack: Stack) -> dict[str, str]:
    """The authorisation of every route of the synthesised API, by its key."""
    return {
        each.properties["RouteKey"]: each.properties["AuthorizationType"]
        for each in stack.of("AWS::ApiGatewayV2::Route").values()
    }


def test_the_document_has_the_routes_of_the_deployed_api(routes: dict[str, str]) -> None:
    assert OPERATIONS.keys() == routes.keys()


def test_signatures_are_asked_for_where_the_document_says_so(routes: dict[str, str]) -> None:
    assert {key: {"sigv4": []} in each["security"] for key, each in OPERATIONS.items()} == {
        key: kind == "AWS_IAM" for key, kind in routes.items()
    }
