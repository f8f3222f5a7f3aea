"""Each function's role: what its code asks for it may ask, and it may ask for nothing else.

Three sets are equal: what `tests.rights` names, what the template's policies allow, and what the
calls below use. Whatever other test makes a function ask for more fails by that very call.
"""

from base64 import b64encode
from types import SimpleNamespace
from typing import Any

import boto3
import msgspec
import pytest

from functions.admin.routes import ROUTES as ADMIN
from functions.core.campaign import Package
from functions.core.model import Fact, FactKind, User
from functions.ledger import handler as ledger_entry
from functions.ledger.events import publisher
from functions.store import connection, ledger
from functions.store.device_keys import Parameters
from functions.store.ledger import Deletion, FactItem
from functions.store.profiles import key_of
from functions.store.retry import Retry
from functions.sweep import handler as sweep_entry
from functions.track.installs import Installs
from functions.track.routes import ROUTES as PUBLIC
from tests import rights
from tests.infra.conftest import Deployment, Stack
from tests.integration import conftest as integration
from tests.integration.conftest import DAY, Admin, App, Database, Json, message
from tests.rights import BUS, DEVICE_KEYS, RIGHTS, Right, Watch

engine, package = integration.engine, integration.package
database, admin, app = integration.database, integration.admin, integration.app
watch = rights.watch

pytestmark = pytest.mark.xdist_group("template")

ID = "push-softask"
NOW = "2026-11-21T10:00:00Z"
KEY = key_of(User("user", "u1"))
SHOWN = Fact(id="of_1:shown", kind=FactKind.SHOWN, at=1, campaign=ID, version=1, arm="soft_ask")

TABLES = {
    "profiles": "Tables/Profiles",
    "windows": "Tables/RetryWindows",
    "campaigns": "Tables/Campaigns",
    "ledger": "Tables/Ledger",
    "counters": "Tables/Counters",
}

BY_LAMBDA = (
    "logs:",  # what the function prints
    "xray:",  # traces
    "s3:",  # a stream's record that keeps failing is put aside
    "kms:",  # and encrypted by the bucket's key
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
)
"""What Lambda does with the function's role, and no code of ours asks for."""


# --- the template ---


@pytest.mark.parametrize("function", RIGHTS)
@pytest.mark.parametrize(
    ("stage", "settings"),
    [
        ("dev", {}),
        ("prod", {}),
        ("prod", {"customerKey": "true", "backups": "true"}),
        ("prod", {"tracing": "true"}),
    ],
    ids=["dev", "prod", "keyed", "traced"],
)
def test_a_role_allows_what_is_named_and_no_more(
    deployment: Deployment, stage: str, settings: dict[str, str], function: str
) -> None:
    assert allowed(deployment(stage, **settings), function) == RIGHTS[function]


def allowed(stack: Stack, function: str) -> set[Right]:
    """What the policies of the function's role let its code do, in the words of `RIGHTS`."""
    places = {f"{table}.Arn": name for name, table in TABLES.items()}
    places |= {f"{TABLES['windows']}.Arn/index/due": rights.DUE, "Events/Bus.Arn": BUS}
    parameters = f":parameter{DEVICE_KEYS.replace('<stage>', stack.stage)}*"
    return {
        (action, DEVICE_KEYS if place.endswith(parameters) else places.get(place, place))
        for action, place in stack.allowed(f"{function.capitalize()}/Role")
        if not action.startswith(BY_LAMBDA)
    }


# --- the code ---


def test_track_needs_all_of_its_rights(
    admin: Admin, app: App, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue_device_keys(admin, app, monkeypatch)
    called = {("POST", path) for path in call_public_routes(app)}
    # The two that are left read the keys at most, as all others do.
    assert {method for method, _ in {*PUBLIC} - called} == {"GET"}
    assert watch.used["track"] == RIGHTS["track"]


def issue_device_keys(admin: Admin, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key pair, made as an operator makes it and found where AWS keeps it."""
    admin.call("POST", "/keys", {"use": "device"})
    parameters = Parameters("/softask/test/device-keys/")
    monkeypatch.setattr(app.api, "_installs", Installs("test", parameters))
    app.live.forget()


def call_public_routes(app: App) -> list[str]:
    """Posts what an app posts: a window opens and closes, installs become users."""
    once: dict[str, Json] = {
        "/v1/track": message("PushSoftAskDeclined"),
        "/v1/t": message("PushSoftAskDeclined", user="u2"),
        "/v1/identify": {"userId": "u1", "traits": {"push_permission_status": "granted"}},
        "/v1/i": {"userId": "u3", "anonymousId": "a3", "traits": {"plan": "pro"}},
        "/v1/alias": {"previousId": "a4", "userId": "u4"},
        "/v1/a": {"previousId": "a5", "userId": "u5"},
        "/v1/actions": {"userId": "u1"},
        "/v1/devices": {},
    }
    once |= {f"/v1/{name}": {"userId": "u1"} for name in ("page", "p", "screen", "s")}
    once |= {f"/v1/{name}": {"userId": "u1", "groupId": "g"} for name in ("group", "g")}
    several = [message("ValueMomentReached", user=f"u{number}") for number in range(3)]
    once |= {f"/v1/{name}": {"batch": several} for name in ("batch", "b")}
    # To be merged, an install must be known.
    for each in ("a3", "a4", "a5"):
        app.post("/v1/track", {"anonymousId": each, "event": "PushSoftAskDeclined"})
    for path, body in once.items():
        app.post(path, body)
    return list(once)


def test_admin_needs_all_of_its_rights(admin: Admin, package: Package, watch: Watch) -> None:
    ledger.record(KEY, [SHOWN])
    assert call_every_admin_route(admin, package) == {*ADMIN}
    assert watch.used["admin"] == RIGHTS["admin"]


def call_every_admin_route(admin: Admin, package: Package) -> set[tuple[str, str]]:
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
    # The private half of a device's key goes to SSM.
    made = call("POST", "/keys", {"use": "device"})["key"]["id"]
    call("POST", "/keys/{id}/rotate", {}, id_=made)
    call("GET", "/keys")
    call("DELETE", "/keys/{id}", id_=made)
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


def test_sweep_needs_all_of_its_rights(
    app: App, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.track("PushSoftAskDeclined")
    monkeypatch.setattr(sweep_entry, "wall_clock", lambda: app.now + 14 * DAY)
    assert sweep_entry.handler({}, context())["deleted"] == 1
    assert watch.used["sweep"] == RIGHTS["sweep"]


@pytest.mark.usefixtures("database")
def test_ledger_needs_all_of_its_rights(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("events").create_event_bus(Name="softask-test")
    retry = Retry(lambda _: None, lambda: 0.0)
    told = publisher("softask-test", connection.connect(FactItem), retry)
    monkeypatch.setattr(ledger_entry, "_publish", told)
    deliver({"outbox": {"B": b64encode(msgspec.json.encode([SHOWN])).decode()}})
    # A tombstone deletes what its user's mark names.
    ledger.mark(KEY, Deletion(at=2, until=3)).save()
    deliver({"deleted_at": {"N": "2"}})
    assert watch.used["ledger"] == RIGHTS["ledger"]


def deliver(image: Json) -> None:
    """A record of the profiles' stream."""
    change = {"Keys": {"user_key": {"S": KEY}}, "NewImage": image, "SequenceNumber": "1"}
    record = {"eventSource": "aws:dynamodb", "eventName": "MODIFY", "dynamodb": change}
    assert ledger_entry.handler({"Records": [record]}, context()) == {"batchItemFailures": []}


def context() -> Any:
    return SimpleNamespace(
        function_name="",
        memory_limit_in_mb=0,
        invoked_function_arn="",
        aws_request_id="",
        get_remaining_time_in_millis=lambda: 60_000,
    )


# --- the watch ---


def test_a_function_that_asks_for_more_is_caught_even_where_it_hides_the_fault(
    admin: Admin, database: Database, watch: Watch
) -> None:
    few = {**RIGHTS, "admin": RIGHTS["admin"] - {("dynamodb:Query", "counters")}}
    database.refuse("Query", "InternalServerError")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rights, "RIGHTS", few)
        assert admin.refused("GET", "/campaigns/{id}/report", id=ID)["status"] == 503
        assert watch.too_much() == {"admin": {("dynamodb:Query", "counters")}}


def test_a_test_s_own_look_at_a_table_is_no_function_s(app: App, watch: Watch) -> None:
    integration.items("SOFTASK_COUNTERS_TABLE")
    assert watch.too_much() == {}
    assert ("dynamodb:Scan", "counters") not in watch.used["track"]
    app.track("PushSoftAskDeclined")
    assert ("dynamodb:PutItem", "windows") in watch.used["track"]


def test_what_a_test_does_in_the_middle_of_a_call_is_not_that_call_s(
    app: App, admin: Admin, database: Database, watch: Watch
) -> None:
    def meanwhile(operation: str) -> None:
        database.before = lambda _: None
        assert operation == "GetItem"
        admin.call("GET", "/campaigns/{id}/report", id=ID)

    database.before = meanwhile
    app.track("PushSoftAskDeclined")
    assert ("dynamodb:Query", "counters") in watch.used["admin"] - watch.used["track"]


def test_a_transaction_is_authorised_through_its_parts() -> None:
    asked = {
        "TransactItems": [
            {"Put": {"TableName": "softask-ledger"}},
            {"ConditionCheck": {"TableName": "softask-ledger"}},
            {"Update": {"TableName": "softask-counters"}},
        ]
    }
    assert set(rights.of("dynamodb", "TransactWriteItems", asked)) == {
        ("dynamodb:PutItem", "ledger"),
        ("dynamodb:ConditionCheckItem", "ledger"),
        ("dynamodb:UpdateItem", "counters"),
    }


@pytest.mark.parametrize(
    ("service", "operation", "asked"),
    [
        ("dynamodb", "Scan", {"TableName": "softask-ledger"}),
        ("dynamodb", "DescribeTable", {"TableName": "another"}),
        ("ssm", "GetParameter", {"Name": "/another"}),
        ("s3", "GetObject", {"Bucket": "any"}),
    ],
)
def test_what_no_role_allows_has_a_name_too(service: str, operation: str, asked: Json) -> None:
    named = set(rights.of(service, operation, asked))
    assert len(named) == 1
    assert not any(named & each for each in RIGHTS.values())
