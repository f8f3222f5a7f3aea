"""Row 47 of docs/failures.md: nothing personal in any log line, on any route, whatever fails, in
any trace.
"""

import io
import json
import traceback
from base64 import b64encode
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.admin.routes import ROUTES as ADMIN
from functions.ledger import handler as ledger
from functions.store import codec
from functions.store.profiles import ProfileItem
from functions.store.retry import Retry
from functions.sweep import handler as sweep
from functions.track.routes import ROUTES as PUBLIC
from tests.integration.conftest import (
    DAY,
    SDK_ATTEMPTS,
    START,
    WRITE_KEY,
    Admin,
    App,
    Database,
    Json,
)
from tests.integration.privacy import (
    CONTEXT,
    PROFILES,
    WINDOWS,
    record,
    removal,
    table,
)

CANARY = "canary4711"
USER, OTHER = f"user-{CANARY}", f"other-{CANARY}"
INSTALL, DEVICE = f"install-{CANARY}", f"device-{CANARY}"
CONTEXT_OF_PHONE = {
    "device": {"id": DEVICE, "token": f"token-{CANARY}"},
    "os": {"name": "iOS", "version": f"1.{CANARY}"},
    "app": {"version": CANARY},
    "locale": f"en-{CANARY}",
    "timezone": f"Europe/{CANARY}",
    "push": {"status": "notDetermined"},
    "traits": {"email": f"{CANARY}@example.com"},
}
TRAITS = {f"trait-{CANARY}": CANARY, "email": f"{CANARY}@example.com"}
CAMPAIGN = "push-softask"


class Deployment:
    """Every function over one database, and all that they log."""

    def __init__(self, app: App, admin: Admin, logged: dict[str, io.StringIO]) -> None:
        self.app = app
        self.admin = admin
        self._logged = logged
        self.secrets = {CANARY, WRITE_KEY}
        """What no line may hold; offers add their ids and deeplinks."""
        self.called: set[tuple[str, str]] = set()

    def log(self) -> str:
        """Every line of every function."""
        streams = [self.app.log, self.admin.log, *self._logged.values()]
        return "".join(stream.getvalue() for stream in streams)

    def leaks(self) -> list[str]:
        return [line for line in self.log().splitlines() if any(s in line for s in self.secrets)]

    # --- calls, whatever they are answered ---

    def app_calls(self, method: str, route: str, body: Any = None, **path: str) -> Json:
        """As an SDK does; the offers that come back are secrets from then on."""
        self.called.add((method, route))
        status, answer = _answered(self.app.api.resolve, _event(method, route, body, **path))
        for action in answer.get("actions", ()):
            self.secrets |= {action["offerId"], action.get("deeplink", action["offerId"])}
        return {"status": status, **answer}

    def operator_calls(self, method: str, route: str, body: Any = None, **more: Any) -> Json:
        self.called.add((method, route))
        if "{id}" in route:
            more["id"] = USER if "/users/" in route else CAMPAIGN
        text = None if body is None else json.dumps(body)
        status, answer = self.admin.send(method, route, text, **more)
        return {"status": status, **answer}

    def ledger_hears(self, *records: Json) -> None:
        for each in records:
            ledger.handler({"Records": [each]}, CONTEXT)

    def sweeps(self) -> None:
        class Context:
            function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = ""

            def get_remaining_time_in_millis(self) -> int:
                return 12_000

        context: Any = Context()
        try:
            sweep.handler({}, context)
        except Exception:
            # Lambda logs what the function does not catch.
            self._logged["sweep"].write(traceback.format_exc())


def _event(method: str, route: str, body: Any, **path: str) -> Json:
    key = b64encode(f"{WRITE_KEY}:".encode()).decode()
    raw_path = route.format(**path)
    return {
        "version": "2.0",
        "routeKey": f"{method} {route}",
        "rawPath": raw_path,
        "rawQueryString": "",
        "headers": {"authorization": f"Basic {key}"},
        "requestContext": {"stage": "$default", "http": {"method": method, "path": raw_path}},
        "pathParameters": path,
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


def _answered(resolve: Callable[..., Any], event: Json) -> tuple[int, Json]:
    response = resolve(event, None)
    return response["statusCode"], json.loads(response["body"])


@pytest.fixture
def deployment(app: App, admin: Admin, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    logged = {}
    for name, module in (("ledger", ledger), ("sweep", sweep)):
        logged[name] = io.StringIO()
        monkeypatch.setattr(module._logger.registered_handler, "stream", logged[name])
    monkeypatch.setattr(sweep, "wall_clock", lambda: START + 30 * DAY)
    monkeypatch.setattr(sweep, "time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(ledger, "_retry", Retry(lambda _: None, lambda: 0.0))
    return Deployment(app, admin, logged)


# --- a life, as every route and record tells of it ---


def said(**more: Any) -> Json:
    """What every call says."""
    return {
        "userId": USER,
        "anonymousId": INSTALL,
        "context": CONTEXT_OF_PHONE,
        "properties": {f"property-{CANARY}": CANARY},
        **more,
    }


def tracked(event: str, **more: Any) -> Json:
    return said(event=event, type="track", messageId=f"{CANARY}-{event}", **more)


def use_the_app(all_: Deployment) -> None:
    anonymous_ = {
        key: value for key, value in tracked("ValueMomentReached").items() if key != "userId"
    }
    all_.app_calls("POST", "/v1/track", anonymous_)
    all_.app_calls("POST", "/v1/identify", said(traits=TRAITS))
    answer = all_.app_calls("POST", "/v1/track", tracked("ValueMomentReached"))
    offers = [action["offerId"] for action in answer.get("actions", ())] or [f"of_{CANARY}"]
    all_.app_calls("POST", "/v1/actions", said(offerId=offers[0]))
    all_.app_calls("POST", "/v1/actions", said(intent="explicit"))
    all_.app_calls("POST", "/v1/devices", {"anonymousId": INSTALL})
    for outcome in ("Shown", "Declined"):
        body = tracked(f"PushSoftAsk{outcome}", properties={"offerId": offers[0]})
        all_.app_calls("POST", "/v1/track", body)
    others = [
        tracked("PushSoftAskDeclined", userId=f"{OTHER}{number}", anonymousId=None)
        for number in range(3)
    ]
    batch = [tracked("ValueMomentReached"), {"type": CANARY}, CANARY, said(type="identify")]
    bodies: dict[str, Any] = {
        "alias": {"previousId": INSTALL, "userId": USER, "type": "alias"},
        "page": said(name=CANARY),
        "screen": said(name=CANARY),
        "group": said(groupId=CANARY, traits=TRAITS),
        "track": tracked(CANARY),
        "identify": said(traits=TRAITS),
        "batch": {"batch": [*batch, *others]},
    }
    for name, body in bodies.items():
        for path in (f"/v1/{name}", f"/v1/{name[0]}"):
            all_.app_calls("POST", path, body)
            all_.app_calls("POST", path, {**body, "writeKey": f"other-{CANARY}"})
            for broken in (f'{{"{CANARY}": ', f'"{CANARY}"', f'{{"userId": "{CANARY}\\ud800"}}'):
                all_.app_calls("POST", path, broken)
    all_.app_calls("GET", "/v1/projects/{writeKey}/settings", writeKey=WRITE_KEY)
    all_.app_calls("GET", "/v1/projects/{writeKey}/settings", writeKey=CANARY)
    all_.app_calls("GET", "/openapi.json")
    all_.app_calls("GET", f"/{CANARY}")


def operate(all_: Deployment) -> None:
    call = all_.operator_calls
    campaigns, one = "/v1/admin/campaigns", "/v1/admin/campaigns/{id}"
    users = "/v1/admin/users/{id}"
    shown = call("GET", one)
    file = shown.get("campaign", {})
    number = max(shown.get("version", 0), 0)
    deeplink = f"yourapp://popup/{CANARY}"
    changed = {**file, "action": {"deeplink": deeplink}}
    call("GET", campaigns)
    call("PUT", one, {"campaign": changed, "expectedVersion": number})
    call("PUT", one, {"campaign": {CANARY: CANARY}, "expectedVersion": number})
    call("GET", f"{one}/versions")
    keys = "/v1/admin/keys"
    call("GET", keys)
    call("POST", keys, {"use": "server", "name": CANARY, "reason": CANARY})
    call("POST", keys, {"use": CANARY})
    call("POST", f"{keys}/{{id}}/rotate", {"reason": CANARY})
    call("DELETE", f"{keys}/{{id}}", query={"reason": CANARY})
    for action in ("pause", "resume"):
        call("POST", f"{one}/{action}", {"reason": CANARY})
    call("POST", f"{one}/rollback", {"version": number, "expectedVersion": number + 1})
    settings = call("GET", "/v1/admin/settings")
    wanted = {**settings.get("settings", {}), "test_users": [USER]}
    body = {"settings": wanted, "expectedRevision": settings.get("revision", 0)}
    call("PUT", "/v1/admin/settings", body)
    question = {"userId": USER, "context": CONTEXT_OF_PHONE, "properties": {CANARY: CANARY}}
    call("POST", f"{one}/explain", question)
    call("POST", f"{one}/explain", {**question, CANARY: CANARY})
    call("POST", f"{one}/test", {"userId": USER, "skipWaits": True})
    call("GET", f"{one}/report")
    call("GET", f"{one}/report", query={"platform": CANARY})
    call("GET", f"{users}/decisions")
    call("GET", f"{users}/decisions", query={"kind": CANARY})
    rows = [{"userId": USER, "declinedAt": "2026-01-01"}, {"userId": USER, CANARY: CANARY}]
    call("POST", "/v1/admin/users/import", {"users": rows})
    call("GET", users)
    call("GET", users, query={"after": CANARY})
    call("DELETE", users)
    call("GET", users)
    call("POST", "/v1/admin/users/import", {"users": rows})


def live(all_: Deployment) -> None:
    """The app, the operators, who delete the user at last, the sweep, and the streams of it all."""
    use_the_app(all_)
    written = [record(item) for item in table(PROFILES).values()]
    removed = [removal(item, START + 30 * DAY) for item in table(WINDOWS).values()]
    all_.ledger_hears(*written, *removed)
    operate(all_)
    all_.ledger_hears(*(record(item) for item in table(PROFILES).values()))
    all_.sweeps()


# --- and what may fail ---


def test_row_47_every_route_is_called_here(deployment: Deployment) -> None:
    live(deployment)
    assert deployment.called >= {*PUBLIC, *ADMIN}
    assert deployment.log().count("decided") > 3
    for line in ("user_deleted", "users_imported", "waits_skipped", "swept"):
        assert f'"{line}"' in deployment.log()
    assert len(deployment.secrets) > 3


def test_row_47_a_life_leaves_nothing_personal_in_any_log(deployment: Deployment) -> None:
    live(deployment)
    assert deployment.leaks() == []


def unreachable(_: str) -> None:
    raise ReadTimeoutError(endpoint_url="http://localhost")


def broken(_: str) -> None:
    raise ZeroDivisionError


OPERATIONS = (
    "GetItem",
    "BatchGetItem",
    "PutItem",
    "TransactWriteItems",
    "Query",
    "DeleteItem",
    "BatchWriteItem",
)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", [unreachable, broken])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_row_47_faults_leave_nothing_personal_in_any_trace(
    deployment: Deployment,
    database: Database,
    operation: str,
    fault: Callable[[str], None],
    moment: str,
) -> None:
    """Three calls of that kind fail, with which the SDK gives up, then three succeed, and so on."""
    count = 0

    def fail(name: str) -> None:
        nonlocal count
        if name == operation:
            count += 1
            if (count - 1) // SDK_ATTEMPTS % 2 == 0:
                fault(name)

    setattr(database, moment, fail)
    live(deployment)
    database.before = database.after = lambda _: None
    expected = "try_again" if fault is unreachable else "ZeroDivisionError"
    assert expected in deployment.log()
    assert deployment.leaks() == []


@pytest.mark.parametrize(
    "code",
    ["ValidationException", "ThrottlingException", "AccessDeniedException", "InternalServerError"],
)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_row_47_refusals_by_the_database_leave_nothing_personal_in_any_trace(
    deployment: Deployment, database: Database, operation: str, code: str
) -> None:
    def refuse(name: str) -> None:
        if name == operation and database.calls.count(name) % 4 == 0:
            database.refuse(operation, code)

    database.before = refuse
    live(deployment)
    assert deployment.leaks() == []


@pytest.mark.parametrize("body", [b"", b"{", CANARY.encode(), codec.deflate(b'{"user": 1}')])
def test_row_47_a_profile_that_cannot_be_read_is_no_text_in_a_trace(
    deployment: Deployment, body: bytes
) -> None:
    use_the_app(deployment)
    for item in list(ProfileItem.scan()):
        item.update(actions=[ProfileItem.body.set(body)])
    use_the_app(deployment)
    operate(deployment)
    assert "unexpected_fault" in deployment.log()
    assert deployment.leaks() == []


def test_row_47_a_poison_record_is_no_text_in_a_trace(deployment: Deployment) -> None:
    use_the_app(deployment)
    for item in table(PROFILES).values():
        for outbox in (CANARY, b64encode(f'[{{"{CANARY}": 1}}]'.encode()).decode()):
            poison = record(item)
            poison["dynamodb"]["NewImage"]["outbox"] = {"B": outbox}
            deployment.ledger_hears(poison)
    assert "record_failed" in deployment.log()
    assert deployment.leaks() == []
