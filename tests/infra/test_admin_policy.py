"""The admin function's role: each right is used by some route, and no route needs another."""

import json
from typing import Any

import msgspec
import pytest

from cli.local_tables import NAMES
from functions.admin.routes import ROUTES
from functions.core.campaign import Package
from tests.infra.conftest import Stack
from tests.integration import conftest as integration
from tests.integration.conftest import Admin, Database, Json

engine, package = integration.engine, integration.package
database, admin = integration.database, integration.admin

pytestmark = pytest.mark.xdist_group("template")

ID = "push-softask"
NOW = "2026-11-21T10:00:00Z"

Right = tuple[str, str]


def rights_of(request: Any) -> set[Right]:
    """What IAM asks of one call: a transaction is authorised through its parts."""
    operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
    body = json.loads(request.body)
    parts = [part for item in body.get("TransactItems", ()) for part in item.items()]
    if not parts:
        return {(f"dynamodb:{operation}", body["TableName"])}
    return {(f"dynamodb:{part}Item", asked["TableName"]) for part, asked in parts}


@pytest.fixture
def used(database: Database, monkeypatch: pytest.MonkeyPatch) -> set[Right]:
    """The rights that were used so far, with the names of the tables."""
    observe, used = database.observe, set[Right]()

    def observed(request: Any, send: Any) -> Any:
        used.update(rights_of(request))
        return observe(request, send)

    monkeypatch.setattr(database, "observe", observed)
    return used


def call_every_route(admin: Admin, package: Package) -> set[tuple[str, str]]:
    """All that an operator does; the routes that were called."""
    called = set()

    def call(method: str, route: str, body: Json | None = None, id_: str = ID) -> Json:
        called.add((method, f"/v1/admin{route}"))
        path = {"id": id_} if "{id}" in route else {}
        return admin.call(method, route, body, **path)

    campaign = "/campaigns/{id}"
    file = msgspec.to_builtins(package.campaigns[0])
    call("GET", "/campaigns")
    call("GET", campaign)
    call("PUT", campaign, {"campaign": file, "expectedVersion": 0})
    call("GET", f"{campaign}/versions")
    call("POST", f"{campaign}/pause")
    call("POST", f"{campaign}/resume")
    call("POST", f"{campaign}/rollback", {"version": 0, "expectedVersion": 1})
    known = call("GET", "/settings")
    settings = {**known["settings"], "test_users": ["tess"]}
    call("PUT", "/settings", {"settings": settings, "expectedRevision": known["revision"]})
    call("POST", f"{campaign}/explain", {"userId": "u1"})
    call("POST", f"{campaign}/test", {"userId": "tess", "skipWaits": True})
    # A window is written with the decline, and removed with the grant.
    for row in ({"declinedAt": NOW}, {"pushPermissionStatus": "granted"}):
        call("POST", "/users/import", {"users": [{"userId": "u1", **row}]})
    call("GET", "/users/{id}/decisions", id_="u1")
    return called


def test_the_role_allows_what_the_routes_do_and_no_more(
    dev: Stack, admin: Admin, package: Package, used: set[Right]
) -> None:
    assert call_every_route(admin, package) == set(ROUTES)
    environment = dev.get("AWS::Lambda::Function", "Admin/Function")["Environment"]["Variables"]
    resources = {
        table: f"{dev.show(environment[variable])}.Arn"
        for variable, table in NAMES.items()
        if variable in environment
    }
    allowed = {right for right in dev.allowed("Admin/Role") if right[0].startswith("dynamodb:")}
    assert {(action, resources[table]) for action, table in used} == allowed
