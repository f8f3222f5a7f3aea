"""The admin function: questions about one user, who asks, what is logged, and what is refused."""

import base64
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ReadTimeoutError

from cli.campaigns import compile_folder
from functions.admin.routes import ROUTES
from functions.core.campaign import Package
from functions.core.model import User
from functions.store.keys import user_key
from functions.wire.admin import MAX_BODY
from tests.integration.conftest import DAY, ROOT, SECOND, Admin, App, Database, items, message

Json = dict[str, Any]

CAMPAIGN = "/campaigns/{id}"
ID = "push-softask"
DECISIONS = "/users/{id}/decisions"
IOS = {"device": {"id": "d1"}, "os": {"name": "iOS"}, "push": {"status": "notDetermined"}}


def explain(admin: Admin, user: str = "u1", **body: Any) -> Json:
    asked = {"userId": user, "context": IOS, **body}
    return admin.call("POST", f"{CAMPAIGN}/explain", asked, id=ID)


def skip_waits(admin: Admin, user: str = "tess", **body: Any) -> Json:
    return admin.call("POST", f"{CAMPAIGN}/test", {"userId": user, **body}, id=ID)


def name_test_users(admin: Admin, *users: str) -> None:
    before = admin.call("GET", "/settings")
    settings = {**before["settings"], "test_users": users}
    body = {"settings": settings, "expectedRevision": before["revision"]}
    admin.call("PUT", "/settings", body)


def decline(app: App, user: str = "u1") -> None:
    offer = app.value_moment(user)
    assert offer
    app.track("PushSoftAskDeclined", user, properties={"offerId": offer["offerId"]})


# --- explain ---


def test_a_user_who_would_be_asked(admin: Admin) -> None:
    answer = explain(admin)
    assert (answer["wouldShow"], answer["reason"]) == (True, "offer_granted")
    assert (answer["campaign"], answer["version"], answer["userId"]) == (ID, 0, "u1")
    assert (answer["at"], answer["attempt"]) == ("2026-11-21T10:00:00Z", 1)
    assert all(check["passes"] for check in answer["checks"])


def test_a_user_in_the_retry_window_with_the_moment_at_which_it_ends(
    admin: Admin, app: App
) -> None:
    decline(app)
    answer = explain(admin)
    assert (answer["wouldShow"], answer["reason"]) == (False, "in_retry_window")
    assert answer["nextEligibleAt"] == "2026-12-05T10:00:00Z"
    assert answer["sentence"]
    [waits] = [check for check in answer["checks"] if not check["passes"]]
    assert (waits["name"], waits["passesAt"]) == ("waits", "2026-12-05T10:00:00Z")


def test_a_moment_to_come_can_be_asked_about(admin: Admin, app: App) -> None:
    decline(app)
    answer = explain(admin, at="2026-12-05T10:00:00Z")
    assert (answer["wouldShow"], answer["attempt"]) == (True, 2)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_parameter_that_would_name_somebody_else_is_refused(admin: Admin, method: str) -> None:
    query = {"anonymous": "true"}
    answer = admin.refused(method, "/users/{id}", id="an7", query=query)
    assert (answer["status"], answer["field"]) == (400, "anonymous")


def test_an_anonymous_users_usual_device_is_meant(admin: Admin, app: App) -> None:
    """Not one of the anonymous id's own name, which stands for a device where none is told."""
    context = {"device": {"id": "d1"}, "os": {"name": "iOS"}, "push": {"status": "denied"}}
    body = {"anonymousId": "a1", "event": "PushPermissionChanged", "context": context}
    app.post("/v1/track", body)
    body = {"anonymousId": "a1"}
    answer = admin.call("POST", f"{CAMPAIGN}/explain", body, id=ID)
    assert (answer["wouldShow"], answer["reason"]) == (False, "permission_denied")


def test_explaining_changes_nothing(admin: Admin, app: App, database: Database) -> None:
    decline(app)
    before = app.profile()
    database.calls.clear()
    explain(admin)
    assert set(database.calls) == {"GetItem"}
    assert app.profile() == before


def test_the_question_names_an_event_and_its_properties(admin: Admin) -> None:
    answer = explain(admin, event="AppOpened", properties={"streak": 3})
    assert (answer["wouldShow"], answer["reason"]) == (False, "trigger_not_met")


def test_an_anonymous_user_can_be_asked_about(admin: Admin) -> None:
    body = {"anonymousId": "a1", "context": IOS}
    answer = admin.call("POST", f"{CAMPAIGN}/explain", body, id=ID)
    assert (answer["userId"], answer["wouldShow"]) == ("a1", True)


def test_a_change_is_explained_at_once(admin: Admin) -> None:
    admin.call("POST", f"{CAMPAIGN}/pause", {}, id=ID)
    assert explain(admin)["reason"] == "paused"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "userId"),
        ({"userId": 7}, "userId"),
        ({"userId": "u1", "at": "soon"}, "at"),
        ({"userId": "u1", "usrId": "u1"}, "usrId"),
        ({"userId": "u1", "properties": []}, "properties"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_its_place(
    admin: Admin, body: Json, field: str
) -> None:
    error = admin.refused("POST", f"{CAMPAIGN}/explain", body, id=ID)
    assert (error["status"], error["code"], error["field"]) == (400, "invalid_request", field)


def test_a_draft_is_explained_to_test_users_alone(admin: Admin, package: Package) -> None:
    name_test_users(admin, "tess")
    [campaign] = package.campaigns
    draft = {**msgspec.to_builtins(campaign), "id": "new", "status": "draft"}
    admin.call("PUT", CAMPAIGN, {"campaign": draft, "expectedVersion": None}, id="new")
    asked = {"userId": "tess", "context": IOS}
    assert admin.call("POST", f"{CAMPAIGN}/explain", asked, id="new")["version"] == 1
    error = admin.refused("POST", f"{CAMPAIGN}/explain", {"userId": "u1"}, id="new")
    assert (error["status"], error["code"]) == (404, "not_found")


# --- test users ---


def test_a_test_user_is_asked_again_at_once_and_only_once(admin: Admin, app: App) -> None:
    name_test_users(admin, "tess")
    app.now += 20 * SECOND
    admin.now = app.now
    decline(app, "tess")
    assert app.value_moment("tess") is None
    answer = skip_waits(admin, skipWaits=True, context=IOS)
    assert (answer["skipsWaits"], answer["wouldShow"], answer["attempt"]) == (True, True, 2)
    offer = app.value_moment("tess")
    assert offer
    app.outcome("Declined", offer, user="tess")
    assert app.value_moment("tess") is None


def test_a_mark_that_is_there_is_not_written_again(admin: Admin, database: Database) -> None:
    name_test_users(admin, "tess")
    skip_waits(admin, skipWaits=True)
    database.calls.clear()
    assert skip_waits(admin, skipWaits=True)["skipsWaits"] is True
    assert set(database.calls) == {"GetItem"}


def test_without_skip_waits_nothing_is_stored(admin: Admin) -> None:
    name_test_users(admin, "tess")
    assert skip_waits(admin, context=IOS)["skipsWaits"] is False
    assert items("SOFTASK_PROFILES_TABLE") == []


def test_an_exhausted_test_user_starts_anew(admin: Admin, app: App) -> None:
    name_test_users(admin, "tess")
    app.now += 20 * SECOND
    decline(app, "tess")
    app.now += 14 * DAY
    decline(app, "tess")
    admin.now = app.now
    assert explain(admin, "tess")["reason"] == "exhausted"
    assert skip_waits(admin, skipWaits=True, context=IOS)["attempt"] == 1


def test_others_wait(admin: Admin) -> None:
    body = {"userId": "u1", "skipWaits": True}
    error = admin.refused("POST", f"{CAMPAIGN}/test", body, id=ID)
    assert (error["status"], error["code"]) == (403, "not_a_test_user")
    assert "settings.test_users" in error["message"]
    assert items("SOFTASK_PROFILES_TABLE") == []


def test_a_mark_that_races_a_message_loses_neither(
    admin: Admin, app: App, database: Database
) -> None:
    name_test_users(admin, "tess")
    app.now += 20 * SECOND
    offer = app.value_moment("tess")
    assert offer

    def race(operation: str) -> None:
        if operation == "PutItem":
            database.before = lambda _: None
            app.outcome("Declined", offer, user="tess")

    database.before = race
    assert skip_waits(admin, skipWaits=True, context=IOS)["skipsWaits"] is True
    progress = app.profile("tess").progress[ID]
    assert (progress.outcome, progress.skip_waits) == ("declined", True)


# --- what was decided ---


def test_the_last_decisions_are_told_newest_first(admin: Admin, app: App) -> None:
    app.value_moment()
    app.now += SECOND
    app.value_moment()
    answer = admin.call("GET", DECISIONS, id="u1")
    assert answer["userId"] == "u1"
    assert [(each["at"], each["reason"]) for each in answer["decisions"]] == [
        ("2026-11-21T10:00:01Z", "offer_repeated"),
        ("2026-11-21T10:00:00Z", "offer_granted"),
    ]
    assert answer["decisions"][-1]["says"] == "The popup was offered."


def test_a_user_nobody_heard_of_has_no_decisions(admin: Admin) -> None:
    assert admin.call("GET", DECISIONS, id="nobody")["decisions"] == []


def test_known_and_anonymous_users_are_kept_apart(admin: Admin, app: App) -> None:
    app.value_moment("x")
    anonymous = {"kind": "anonymous"}
    assert admin.call("GET", DECISIONS, query=anonymous, id="x")["decisions"] == []
    error = admin.refused("GET", DECISIONS, query={"kind": "robot"}, id="x")
    assert (error["status"], error["field"]) == (400, "kind")


@pytest.mark.parametrize(
    "user", ["ada@example.com", "a/b", "100%", "a%2Fb", "ä ö", "a?b#c", "{id}"]
)
def test_any_user_id_may_stand_in_a_path(admin: Admin, app: App, user: str) -> None:
    """API Gateway sends the decoded id beside the route that it matched."""
    app.value_moment(user)
    assert len(admin.call("GET", DECISIONS, id=user)["decisions"]) == 1


@pytest.mark.parametrize("user", ["", "x" * 257])
def test_a_user_id_has_its_length(admin: Admin, user: str) -> None:
    error = admin.refused("GET", DECISIONS, query={"id": user}, id="-")
    assert (error["status"], error["field"]) == (400, "id")


def test_an_id_that_no_path_carries_may_stand_in_the_query(admin: Admin, app: App) -> None:
    app.value_moment("a/b")
    answer = admin.call("GET", DECISIONS, query={"id": "a/b"}, id="-")
    assert (answer["userId"], len(answer["decisions"])) == ("a/b", 1)


# --- moving in ---


def test_users_move_in(admin: Admin, app: App) -> None:
    rows = [{"userId": "u1", "declinedAt": "2026-11-20T10:00:00Z"}, {"userId": True}]
    results = admin.call("POST", "/users/import", {"users": rows})["results"]
    assert [each["status"] for each in results] == ["imported", "rejected"]
    assert app.value_moment("u1") is None
    assert app.value_moment("u2")


# --- who asks, and what is logged ---


def lines(admin: Admin) -> list[Json]:
    return [json.loads(line) for line in admin.log.getvalue().splitlines()]


def test_a_change_is_one_line_that_says_who_changed_what(admin: Admin) -> None:
    admin.call("POST", f"{CAMPAIGN}/pause", {"reason": "r"}, id=ID)
    admin.call("POST", f"{CAMPAIGN}/pause", {"reason": "r"}, id=ID)
    [line] = lines(admin)
    assert (line["message"], line["what"], line["campaign"]) == ("changed", "pause", ID)
    assert (line["version"], line["revision"], line["by"]) == (0, 1, admin.by)


@pytest.mark.parametrize("signer", [{}, {"authorizer": {"iam": {"userArn": "dev"}}}])
def test_without_a_signature_it_was_dev(admin: Admin, signer: Json) -> None:
    admin.send("POST", f"/v1/admin{CAMPAIGN}/pause", "{}", signer=signer, id=ID)
    assert [line["by"] for line in lines(admin)] == ["dev"]


def test_row_47_no_line_names_a_user(admin: Admin, app: App, database: Database) -> None:
    canary = "canary-4711"
    name_test_users(admin, canary)
    app.value_moment(canary)
    skip_waits(admin, canary, skipWaits=True)
    explain(admin, canary, properties={"email": canary})
    admin.call("GET", DECISIONS, id=canary)
    admin.call("POST", "/users/import", {"users": [{"userId": canary}]})
    database.before = unreachable
    admin.refused("GET", DECISIONS, id=canary)
    database.before = broken
    admin.refused("POST", f"{CAMPAIGN}/explain", {"userId": canary}, id=ID)
    assert canary not in admin.log.getvalue()
    marked = [line for line in lines(admin) if line["message"] == "waits_skipped"]
    assert [line["user_key"] for line in marked] == [user_key("test-salt", User("user", canary))]


def unreachable(_: str) -> None:
    raise ReadTimeoutError(endpoint_url="http://localhost")


def broken(_: str) -> None:
    raise ZeroDivisionError


def test_a_database_that_does_not_answer_is_a_503(admin: Admin, database: Database) -> None:
    database.before = unreachable
    error = admin.refused("GET", "/campaigns")
    assert (error["status"], error["code"]) == (503, "try_again")
    assert admin.headers["Retry-After"] == "1"


def test_an_unexpected_fault_is_a_500_and_one_line_with_its_trace(
    admin: Admin, database: Database
) -> None:
    database.before = broken
    assert admin.refused("GET", "/campaigns")["code"] == "internal_error"
    [line] = lines(admin)
    assert (line["level"], line["exception_name"]) == ("ERROR", "ZeroDivisionError")


# --- what is refused ---


def test_row_27_a_body_beyond_1_mb_is_refused(admin: Admin) -> None:
    body = {"campaign": {"x": "x" * MAX_BODY}, "expectedVersion": 0}
    error = admin.refused("PUT", CAMPAIGN, body, id=ID)
    assert (error["status"], error["code"]) == (413, "too_large")


@pytest.mark.parametrize("body", ["", "{", "[]", "7", '{"campaign":[]}'])
def test_a_body_that_is_no_object_is_refused(admin: Admin, body: str) -> None:
    status, error = admin.send("PUT", f"/v1/admin{CAMPAIGN}", body, id=ID)
    assert (status, error["code"]) == (400, "invalid_request")


def test_a_route_that_is_not_there_is_not_found(admin: Admin) -> None:
    error = admin.refused("DELETE", CAMPAIGN, id=ID)
    assert (error["status"], error["code"]) == (404, "not_found")


def test_a_reason_has_a_length(admin: Admin) -> None:
    error = admin.refused("POST", f"{CAMPAIGN}/pause", {"reason": "x" * 501}, id=ID)
    assert (error["status"], error["field"]) == (400, "reason")


# --- the entry point ---


NAME = "functions.admin.handler"


class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"


@pytest.fixture
def entry(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module, imported as Lambda does, with the compiled campaigns that the asset holds."""
    compiled = compile_folder(ROOT / "campaigns")
    read = Path.read_bytes
    packaged = lambda path: compiled if path.name == "campaigns.json" else read(path)  # noqa: E731
    monkeypatch.setattr(Path, "read_bytes", packaged)
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    yield importlib.import_module(NAME)
    database.calls.clear()
    sys.modules.pop(NAME, None)


def test_an_event_in_a_response_out(entry: ModuleType) -> None:
    body = base64.b64encode(json.dumps({"reason": "r"}).encode()).decode()
    event = {
        "version": "2.0",
        "routeKey": "POST /v1/admin/campaigns/{id}/pause",
        "rawPath": f"/v1/admin/campaigns/{ID}/pause",
        "pathParameters": {"id": ID},
        "headers": {},
        "requestContext": {"stage": "$default", "http": {"method": "POST", "path": "/"}},
        "body": body,
        "isBase64Encoded": True,
    }
    answer = entry.handler(event, Context())
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["status"] == "paused"


def test_every_route_has_its_answer(admin: Admin) -> None:
    for method, path in ROUTES:
        status, answer = admin.send(method, path, "{}", id="x")
        assert (status, answer.get("code")) != (404, "not_found") or "route" not in answer[
            "message"
        ]


def test_a_message_of_an_app_is_no_admin_route(admin: Admin) -> None:
    error = admin.refused("POST", "/../track", message("ValueMomentReached"))
    assert error["code"] == "not_found"
