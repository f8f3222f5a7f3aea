"""Batches of many users: what they cost, what happens when time or DynamoDB runs short."""

import json

import pytest

from functions.core.model import User
from functions.store import profiles
from functions.store.profiles import ProfileItem
from functions.track import service
from tests.integration.conftest import SECOND, App, Database, Json, message


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on how fast the machine is: the deadline passes by `app.seconds` alone."""
    monkeypatch.setattr(service, "DEADLINE", 3_600.0)


def of_users(users: int, each: int) -> list[Json]:
    """The messages of a feed, the users' mixed as they come."""
    return [
        message("ValueMomentReached", user=f"u{i % users}", messageId=f"m{i}")
        for i in range(users * each)
    ]


def test_a_batch_reads_a_hundred_users_a_call_and_writes_each_once(
    app: App, database: Database
) -> None:
    app.post("/v1/batch", {"batch": of_users(250, 2)})
    assert sorted(database.calls) == ["BatchGetItem"] * 3 + ["PutItem"] * 250


def test_row_64_a_batch_of_2500_that_is_replayed_whole_writes_nothing(
    app: App, database: Database
) -> None:
    batch = of_users(500, 5)
    first = app.post("/v1/batch", {"batch": batch})
    assert {row["status"] for row in first["results"]} == {"accepted"}
    database.calls.clear()
    again = app.post("/v1/batch", {"batch": batch})
    assert {row["status"] for row in again["results"]} == {"duplicate"}
    assert again["actions"] == first["actions"]
    assert len(again["actions"]) == 500
    assert database.calls == ["BatchGetItem"] * 5


def test_row_64_2500_messages_of_one_user_are_recognised_when_they_come_again(
    app: App, database: Database
) -> None:
    batch = of_users(1, 2500)
    app.post("/v1/batch", {"batch": batch})
    database.calls.clear()
    again = app.post("/v1/batch", {"batch": batch})
    assert {row["status"] for row in again["results"]} == {"duplicate"}
    assert database.calls == ["GetItem"]
    assert app.profile("u0").events["ValueMomentReached"].count == 2500


def test_actions_name_the_user_that_each_is_for(app: App) -> None:
    answer = app.post("/v1/batch", {"batch": of_users(3, 2)})
    assert [action["userId"] for action in answer["actions"]] == ["u0", "u1", "u2"]


def test_when_the_deadline_is_over_nothing_more_is_begun(app: App, database: Database) -> None:
    def passes(_operation: str) -> None:
        app.seconds += service.DEADLINE

    database.after = passes
    status, answer = app.send("/v1/batch", json.dumps({"batch": of_users(5, 1)}))
    assert (status, answer["code"]) == (503, "try_again")
    assert app.headers["Retry-After"] == "1"
    assert database.calls == ["BatchGetItem"]


def test_a_batch_that_ran_out_of_time_goes_on_where_it_stopped(
    app: App, database: Database
) -> None:
    logins = [{"type": "identify", "userId": f"v{i}", "anonymousId": f"a{i}"} for i in range(3)]
    batch = [{**each, "messageId": f"l{i}"} for i, each in enumerate(logins)] + of_users(3, 1)

    def slow(operation: str) -> None:
        app.seconds += service.DEADLINE / 2 if operation == "PutItem" else 0.0

    database.after = slow
    status, _ = app.send("/v1/batch", json.dumps({"batch": batch}))
    assert status == 503
    database.after = lambda _: None
    answer = app.post("/v1/batch", {"batch": batch})
    assert [row["status"] for row in answer["results"]] == ["accepted"] * 3 + ["duplicate"] * 3


def test_row_21_a_batch_that_cannot_be_read_is_a_503_and_writes_nothing(
    app: App, database: Database
) -> None:
    database.refuse("BatchGetItem", "ProvisionedThroughputExceededException")
    status, answer = app.send("/v1/batch", json.dumps({"batch": of_users(5, 1)}))
    assert (status, answer["code"]) == (503, "try_again")
    assert "PutItem" not in database.calls


def test_row_21_users_whom_a_throttled_read_left_out_are_read_one_by_one(
    app: App, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = ProfileItem.Meta.table_name
    read = ProfileItem._get_connection().batch_get_item

    class Throttled:
        def batch_get_item(self, keys: list[Json], **more: bool) -> Json:
            answer: Json = read(keys[1:], **more)  # type: ignore[arg-type] # pynamodb's types lie
            return answer | {"UnprocessedKeys": {table: {"Keys": keys[:1]}}}

    app.post("/v1/batch", {"batch": of_users(3, 1)})
    database.calls.clear()
    with monkeypatch.context() as patch:
        patch.setattr(ProfileItem, "_get_connection", Throttled)
        found = profiles.load_many([User("user", f"u{i}") for i in range(3)], app.now)
    assert len(found) == 2
    assert all(each.is_known for each in found.values())


def test_one_conflict_in_a_batch_is_decided_again_alone(app: App, database: Database) -> None:
    raced = iter([True])

    def the_other_was_faster(operation: str) -> None:
        if operation == "BatchGetItem" and next(raced, False):
            app.track("ValueMomentReached", user="u1", device="other")

    database.after = the_other_was_faster
    app.post("/v1/batch", {"batch": of_users(3, 1)})
    assert app.profile("u1").events["ValueMomentReached"].count == 2
    assert [app.profile(user).events["ValueMomentReached"].count for user in ("u0", "u2")] == [1, 1]


@pytest.mark.parametrize("spoilt", ["u1", "v1", "a0"])
def test_a_profile_that_cannot_be_decoded_fails_alone(app: App, spoilt: str) -> None:
    """The batch is a 500, and so sent again; nothing of anybody else waits for that."""
    app.post("/v1/batch", {"batch": of_users(3, 1)})
    app.track("ValueMomentReached", user="v1")
    app.post("/v1/track", {"anonymousId": "a0", "event": "ValueMomentReached"})
    user = User("anonymous" if spoilt == "a0" else "user", spoilt)
    item = ProfileItem.get(profiles.key_of(user))
    item.body = b"spoilt"
    item.save()
    app.now += SECOND
    moments = [message("ValueMomentReached", user=f"u{i}") for i in range(3)]
    logins = [{"type": "identify", "userId": f"v{i}", "anonymousId": f"a{i}"} for i in range(3)]
    status, answer = app.send("/v1/batch", json.dumps({"batch": [*moments, *logins]}))
    assert (status, answer["code"]) == (500, "internal_error")
    for i in {0, 1, 2} - {int(spoilt[1])}:
        assert set(app.profile(f"v{i}").aliases) == {f"a{i}"}
        assert app.profile(f"u{i}").events["ValueMomentReached"].count == 2
