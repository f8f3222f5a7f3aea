"""The admin function's role: each right is used by some route, and no route needs another.

And the ledger's, by the kinds of records that it takes.
"""

import json
from base64 import b64encode
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from cli.local_tables import NAMES
from functions.admin.routes import ROUTES
from functions.core.campaign import Package
from functions.core.model import Fact, FactKind, User
from functions.ledger.handler import handler
from functions.store import ledger
from functions.store.ledger import Deletion
from functions.store.profiles import key_of
from tests.infra.conftest import Stack
from tests.integration import conftest as integration
from tests.integration.conftest import Admin, Database, Json

engine, package = integration.engine, integration.package
database, admin = integration.database, integration.admin

pytestmark = pytest.mark.xdist_group("template")

ID = "push-softask"
NOW = "2026-11-21T10:00:00Z"
KEY = key_of(User("user", "u1"))
FACT = Fact(id="of_1:shown", kind=FactKind.SHOWN, at=1)

Right = tuple[str, str]


def rights_of(request: Any) -> set[Right]:
    """What IAM asks of one call: a transaction is authorised through its parts."""
    operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
    body = json.loads(request.body)
    if "RequestItems" in body:
        return {(f"dynamodb:{operation}", table) for table in body["RequestItems"]}
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
    call("GET", f"{campaign}/report")
    # A window is written with the decline, and removed with the grant.
    for row in ({"declinedAt": NOW}, {"pushPermissionStatus": "granted"}):
        call("POST", "/users/import", {"users": [{"userId": "u1", **row}]})
    call("GET", "/users/{id}/decisions", id_="u1")
    call("GET", "/users/{id}", id_="u1")
    # By now a window is gone, and another has come, and there is a fact.
    call("POST", "/users/import", {"users": [{"userId": "u2", "declinedAt": NOW}]})
    for user in ("u1", "u2"):
        call("DELETE", "/users/{id}", id_=user)
    return called


def allowed_to(stack: Stack, function: str) -> set[Right]:
    """What the function's role lets it do to tables, by their local names."""
    name = f"{function}/Function"
    environment = stack.get("AWS::Lambda::Function", name)["Environment"]["Variables"]
    tables = {
        f"{stack.show(environment[variable])}.Arn": table
        for variable, table in NAMES.items()
        if variable in environment
    }
    return {
        (action, tables.get(resource, resource))
        for action, resource in stack.allowed(f"{function}/Role")
        if action.startswith("dynamodb:") and "Stream" not in resource
    }


def test_the_role_allows_what_the_routes_do_and_no_more(
    dev: Stack, admin: Admin, package: Package, used: set[Right]
) -> None:
    ledger.record(KEY, [FACT])
    used.clear()
    assert call_every_route(admin, package) == set(ROUTES)
    assert used == allowed_to(dev, "Admin")


def test_the_ledger_s_role_allows_what_its_records_need_and_no_more(
    dev: Stack, used: set[Right]
) -> None:
    deliver({"outbox": {"B": b64encode(msgspec.json.encode([FACT])).decode()}})
    by_an_outbox = set(used)
    ledger.mark(KEY, Deletion(at=2, until=3)).save()
    used.clear()
    deliver({"deleted_at": {"N": "2"}})
    assert by_an_outbox | used == allowed_to(dev, "Ledger")


def deliver(image: Json) -> None:
    """A record of the profiles' stream."""
    change = {"Keys": {"user_key": {"S": KEY}}, "NewImage": image, "SequenceNumber": "1"}
    record = {"eventSource": "aws:dynamodb", "eventName": "MODIFY", "dynamodb": change}
    context: Any = SimpleNamespace(
        function_name="",
        memory_limit_in_mb=0,
        invoked_function_arn="",
        aws_request_id="",
        get_remaining_time_in_millis=lambda: 60_000,
    )
    assert handler({"Records": [record]}, context) == {"batchItemFailures": []}
