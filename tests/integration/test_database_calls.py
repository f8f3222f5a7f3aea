"""What a message costs: calls to the database, and bytes in it."""

import pytest

from functions.core.model import DAY
from tests.integration.conftest import App, Database, items, message


def test_an_uninteresting_event_costs_no_call(app: App, database: Database) -> None:
    app.track("SessionStarted")
    app.post("/v1/identify", {"userId": "u1"})
    assert database.calls == []


def test_an_unchanged_profile_costs_one_read(app: App, database: Database) -> None:
    app.post("/v1/identify", {"userId": "u1", "traits": {"plan": "pro"}})
    app.track("PushPermissionChanged")
    database.calls.clear()
    app.post("/v1/identify", {"userId": "u1", "traits": {"plan": "pro"}})
    assert database.calls == ["GetItem"]
    app.track("PushPermissionChanged")
    assert database.calls == ["GetItem", "GetItem"]


def test_a_replayed_message_costs_one_read(app: App, database: Database) -> None:
    app.value_moment(messageId="m1")
    database.calls.clear()
    app.value_moment(messageId="m1")
    assert database.calls == ["GetItem"]


def test_an_interesting_event_costs_one_read_and_one_write(app: App, database: Database) -> None:
    app.value_moment()
    assert database.calls == ["GetItem", "PutItem"]


def test_a_decline_writes_its_window_in_the_same_call(app: App, database: Database) -> None:
    app.track("PushSoftAskDeclined")
    assert database.calls == ["GetItem", "TransactWriteItems"]
    assert len(items("SOFTASK_WINDOWS_TABLE")) == 1


def test_a_batch_of_twenty_by_one_user_costs_one_read_and_one_write(
    app: App, database: Database
) -> None:
    batch = [message("ValueMomentReached") for _ in range(20)]
    app.post("/v1/batch", {"batch": batch})
    assert database.calls == ["GetItem", "PutItem"]
    assert app.profile().events["ValueMomentReached"].count == 20


def test_a_batch_costs_one_read_for_all_and_one_write_a_user(app: App, database: Database) -> None:
    batch = [message("ValueMomentReached", user=f"u{i % 5}") for i in range(20)]
    answer = app.post("/v1/batch", {"batch": batch})
    assert sorted(database.calls) == ["BatchGetItem"] + ["PutItem"] * 5
    assert {action["userId"] for action in answer["actions"]} == {f"u{i}" for i in range(5)}


@pytest.mark.parametrize("path", ["/v1/actions"])
def test_asking_for_actions_costs_one_read(app: App, database: Database, path: str) -> None:
    app.post(path, {"userId": "u1"})
    assert database.calls == ["GetItem"]


def test_a_profile_stays_within_one_kilobyte_after_a_year(app: App) -> None:
    user, device = "7b0c1d6e-5a34-4f7e-9f3e-3b8a6a1c2d4f", "E621E1F8-C36C-495A-93FC-0C247A3E6E5F"
    context = {
        "device": {"id": device},
        "os": {"name": "iOS", "version": "18.1"},
        "push": {"status": "notDetermined", "promptsUsed": 0, "canRequest": True},
    }
    traits = {"push_permission_status": "unknown", "plan": "premium", "level": 12,
              "language": "en", "country": "GB"}  # fmt: skip
    for day in range(365):
        if day % 7 == 0:
            traits["session_count"] = day
            app.post("/v1/identify", {"userId": user, "traits": traits})
        offer = app.value_moment(user, device, context=context)
        if offer:
            app.outcome("Shown", offer, user=user, device=device, context=context)
            app.outcome("Declined", offer, user=user, device=device, context=context)
        app.now += DAY

    assert app.profile(user).progress["push-softask"].attempts == 2
    [item] = items("SOFTASK_PROFILES_TABLE")
    assert item_size(item) <= 1024, f"{item_size(item)} bytes"


def item_size(item: dict[str, dict[str, str | bytes]]) -> int:
    """As DynamoDB counts it: names and values; a number about a byte per two digits, and one."""
    size = 0
    for name, typed in item.items():
        [(kind, value)] = typed.items()
        size += len(name) + (len(value) // 2 + 2 if kind == "N" else len(value))
    return size
