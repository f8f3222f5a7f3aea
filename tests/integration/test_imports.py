"""`POST /v1/admin/users/import`: bodies in, profiles out, whoever else writes meanwhile."""

from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.admin import imports
from functions.core.model import User
from functions.store import profiles
from functions.wire.imports import MAX_ROWS
from tests.integration.conftest import DAY, START, Admin, App, Database, Json, items

ROUTE = "/users/import"
NOW = "2026-11-21T10:00:00Z"
UNTOLD = {"device": {"id": "d1"}, "os": {"name": "iOS"}}


def imported(admin: Admin, *rows: Json, **more: Any) -> list[Json]:
    """The results of a body that must be read."""
    results: list[Json] = admin.call("POST", ROUTE, {"users": list(rows), **more})["results"]
    return results


def statuses(results: list[Json]) -> list[str]:
    return [result["status"] for result in results]


def test_nobody_is_asked_who_answered_before(admin: Admin, app: App) -> None:
    results = imported(
        admin,
        {"userId": "u1", "pushPermissionStatus": "granted"},
        {"userId": "u2", "pushPermissionStatus": "denied"},
        {"userId": "u3", "declinedAt": "2026-11-20T10:00:00Z"},
        {"userId": "u4", "lastShownAt": 1_795_168_800},
    )

    assert results == [{"row": row, "status": "imported"} for row in range(4)]
    for user in ("u1", "u2", "u3", "u4"):
        assert app.value_moment(user, context=UNTOLD) is None
    assert app.value_moment("u5", context=UNTOLD)


def test_who_declined_before_is_asked_again_with_the_next_attempt(admin: Admin, app: App) -> None:
    imported(admin, {"userId": "u1", "declinedAt": NOW})

    app.now += 14 * DAY - 1
    assert app.value_moment() is None
    app.now += 1
    offer = app.value_moment()
    assert offer
    assert offer["attempt"] == 2


def test_a_phone_that_was_never_asked_beats_what_was_imported(admin: Admin, app: App) -> None:
    imported(admin, {"userId": "u1", "pushPermissionStatus": "granted"})

    assert app.value_moment()


def test_an_anonymous_install_has_a_profile_of_its_own(admin: Admin) -> None:
    imported(admin, {"anonymousId": "u1", "declinedAt": NOW})

    assert profiles.load(User("anonymous", "u1"), START).profile.declined_at == START
    assert profiles.load(User("user", "u1"), START).version is None


def test_a_window_that_still_runs_has_a_row_and_one_that_is_over_has_none(admin: Admin) -> None:
    imported(
        admin,
        {"userId": "u1", "declinedAt": NOW},
        {"userId": "u2", "declinedAt": "2026-01-01"},
    )

    [window] = items("SOFTASK_WINDOWS_TABLE")
    assert int(window["due_at"]["N"]) * 1000 == START + 14 * DAY


def test_an_import_counts_nothing(admin: Admin) -> None:
    imported(admin, {"userId": "u1", "declinedAt": NOW, "pushPermissionStatus": "granted"})

    [profile] = items("SOFTASK_PROFILES_TABLE")
    assert "outbox" not in profile


def test_a_body_that_is_sent_again_changes_nothing(admin: Admin, database: Database) -> None:
    rows = [{"userId": f"u{i}", "declinedAt": NOW} for i in range(3)]
    imported(admin, *rows)
    before = items("SOFTASK_PROFILES_TABLE")
    database.calls.clear()

    assert statuses(imported(admin, *rows)) == ["unchanged"] * 3
    assert set(database.calls) <= {"GetItem"}
    assert items("SOFTASK_PROFILES_TABLE") == before


def test_a_row_that_says_nothing_makes_no_profile(admin: Admin) -> None:
    assert statuses(imported(admin, {"userId": "u1"})) == ["unchanged"]
    assert items("SOFTASK_PROFILES_TABLE") == []


def test_rows_of_one_user_are_one_write(admin: Admin, database: Database) -> None:
    imported(admin)
    database.calls.clear()

    results = imported(
        admin,
        {"userId": "u1", "pushPermissionStatus": "denied"},
        {"userId": "u1", "pushPermissionStatus": "granted"},
        {"userId": "u1", "pushPermissionStatus": "denied"},
    )

    assert statuses(results) == ["imported", "imported", "unchanged"]
    assert database.calls.count("PutItem") == 1


def test_a_later_export_corrects_an_earlier_one(admin: Admin, app: App) -> None:
    imported(admin, {"userId": "u1", "pushPermissionStatus": "granted"}, asOf="2026-11-20")
    imported(admin, {"userId": "u1", "pushPermissionStatus": "unknown"}, asOf="2026-11-21")

    assert app.value_moment(context=UNTOLD)


@pytest.mark.parametrize(
    ("row", "field", "says"),
    [
        ({}, ".userId", "userId or anonymousId"),
        ({"userId": ""}, ".userId", "1 to 256"),
        ({"userId": "u" * 257}, ".userId", "1 to 256"),
        ({"userId": "u1", "pushPermissionStatus": "maybe"}, ".pushPermissionStatus", "granted"),
        ({"userId": "u1", "pushPermissionStatus": 1}, ".pushPermissionStatus", "granted"),
        ({"userId": "u1", "declinedAt": "someday"}, ".declinedAt", "must be a time"),
        ({"userId": "u1", "declinedAt": -1}, ".declinedAt", "must be a time"),
        ({"userId": "u1", "lastShownAt": True}, ".lastShownAt", "must be a time"),
        ({"userId": "u1", "declined_at": NOW}, ".declined_at", "did you mean 'declinedAt'?"),
        ("u1", "", "A row is an object."),
    ],
)
def test_a_wrong_row_is_rejected_and_no_other(
    admin: Admin, row: Json | str, field: str, says: str
) -> None:
    good = {"userId": "good", "declinedAt": NOW}
    answer = admin.call("POST", ROUTE, {"users": [good, row]})["results"]

    assert statuses(answer) == ["imported", "rejected"]
    error = answer[1]["error"]
    assert (error["code"], error["field"]) == ("invalid_request", f"users[1]{field}")
    assert says in error["message"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "users"),
        ({"users": {}}, 400, "users"),
        ({"users": [], "asof": NOW}, 400, "asof"),
        ({"users": [], "asOf": "someday"}, 400, "asOf"),
        ({"users": [{}] * (MAX_ROWS + 1)}, 413, "users"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_whole(
    admin: Admin, body: Json, status: int, field: str
) -> None:
    refused = admin.refused("POST", ROUTE, body)

    assert (refused["status"], refused["field"]) == (status, field)


def test_a_full_profile_keeps_the_dates_alone(admin: Admin, app: App) -> None:
    traits = {f"a{i}": i for i in range(100)}
    app.post("/v1/identify", {"userId": "u1", "traits": traits})

    row = {"userId": "u1", "pushPermissionStatus": "granted", "declinedAt": NOW}
    [result] = imported(admin, row)

    assert result["status"] == "rejected"
    assert (result["error"]["code"], result["error"]["field"]) == (
        "too_large",
        "users[0].pushPermissionStatus",
    )
    assert app.profile().declined_at == START


def test_row_21_throttled_while_importing_is_a_503_and_may_be_sent_again(
    admin: Admin, database: Database
) -> None:
    row = {"userId": "u1", "pushPermissionStatus": "granted"}
    database.refuse("PutItem", "ProvisionedThroughputExceededException")

    refused = admin.refused("POST", ROUTE, {"users": [row]})

    assert (refused["status"], refused["code"]) == (503, "try_again")
    assert admin.headers["Retry-After"] == "1"
    assert statuses(imported(admin, row)) == ["imported"]


def test_an_import_and_a_decline_at_once_both_stand(
    admin: Admin, app: App, database: Database
) -> None:
    raced = False

    def the_phone_was_faster(operation: str) -> None:
        nonlocal raced
        if operation in ("PutItem", "TransactWriteItems") and not raced:
            raced = True
            app.track("PushSoftAskDeclined")

    database.before = the_phone_was_faster
    imported(admin, {"userId": "u1", "lastShownAt": NOW, "declinedAt": "2026-01-01"})

    profile = app.profile()
    assert profile.asked_at == START
    assert profile.progress["push-softask"].declined_at == START
    assert len(admin.pauses) == 1


def test_row_22_conflicts_without_end_are_a_503(admin: Admin, app: App, database: Database) -> None:
    depth = 0

    def somebody_is_faster(operation: str) -> None:
        nonlocal depth
        if operation == "PutItem" and depth == 0:
            depth += 1
            app.track("ValueMomentReached")
            depth -= 1

    database.before = somebody_is_faster
    row = {"userId": "u1", "lastShownAt": NOW}
    refused = admin.refused("POST", ROUTE, {"users": [row]})

    assert (refused["status"], refused["code"]) == (503, "try_again")
    assert len(admin.pauses) == 6


def test_row_05_a_write_that_was_applied_unheard_is_not_written_twice(
    admin: Admin, database: Database
) -> None:
    lost = False

    def the_answer_is_lost(operation: str) -> None:
        nonlocal lost
        if operation == "PutItem" and not lost:
            lost = True
            raise ReadTimeoutError(endpoint_url="http://localhost")

    database.after = the_answer_is_lost
    [result] = imported(admin, {"userId": "u1", "pushPermissionStatus": "granted"})

    assert result["status"] in ("imported", "unchanged")
    [profile] = items("SOFTASK_PROFILES_TABLE")
    assert profile["version"] == {"N": "1"}


def test_rows_that_take_too_long_are_a_503(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on = Event()
    monkeypatch.setattr(profiles, "load", lambda *_: may_go_on.wait())
    monkeypatch.setattr(imports, "DEADLINE", 0)

    rows = [{"userId": "u1", "declinedAt": NOW}, {"userId": "u2", "declinedAt": NOW}]
    refused = admin.refused("POST", ROUTE, {"users": rows})
    may_go_on.set()

    assert (refused["status"], refused["code"]) == (503, "try_again")
