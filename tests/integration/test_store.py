"""Profiles and windows in DynamoDB: round trips, conflicts, and writes that were lost or not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import boto3
import msgspec
import pytest
from botocore.exceptions import ReadTimeoutError
from pynamodb.exceptions import GetError

from cli.local_tables import NAMES
from functions.core.decision import new_profile
from functions.core.model import (
    Attribute,
    Device,
    Fact,
    FactKind,
    History,
    Offer,
    Outcome,
    Profile,
    Progress,
    Seen,
    Snapshot,
    User,
)
from functions.store import codec, keys, profiles
from functions.store.connection import ConditionFailed, Conflict, Unavailable
from functions.store.windows import WindowItem
from tests.integration.conftest import DAY, START, App, Database, Json, items, message

USER = User("user", "u1")

FULL = Profile(
    user=USER,
    first_seen_at=START,
    seen_at=START + DAY,
    attributes={"plan": Attribute("pro", START), "nested": Attribute({"a": {"b": 1.5}}, START)},
    devices={"d1": Device(push=Snapshot(status="denied", last_asked_at=1), push_at=START)},
    events={"ValueMomentReached": History(3, START, START + DAY)},
    progress={
        "push-softask": Progress(
            granted=1,
            attempts=1,
            offer=Offer(
                id="of_x",
                serial=1,
                device="d1",
                attempt=1,
                version=3,
                arm="soft_ask",
                granted_at=START,
                lease_until=START + 1,
            ),
            seen=(Seen(1, START),),
            outcome=Outcome.DECLINED,
            outcome_at=START,
            outcome_of=1,
            declined_at=START,
            retry_at=START + 14 * DAY,
            window=True,
            since={"ValueMomentReached": 2},
        )
    },
    declined_at=START,
    recent=b"0123456789abcde",
)


def save(stored: profiles.Stored, profile: Profile, *facts: Fact) -> None:
    profiles.save(stored, profile, facts, retention=DAY)


@pytest.mark.usefixtures("database")
def test_a_profile_comes_back_as_it_was_saved() -> None:
    save(profiles.load(USER, START), FULL)
    stored = profiles.load(USER, START)
    assert stored.profile == FULL
    assert (stored.version, stored.schema_version) == (1, 1)


@pytest.mark.usefixtures("database")
def test_a_user_nobody_heard_of_has_a_new_profile_and_no_item() -> None:
    stored = profiles.load(USER, START)
    assert (stored.profile, stored.version) == (new_profile(USER, START), None)
    assert items("SOFTASK_PROFILES_TABLE") == []


def test_known_and_anonymous_ids_never_share_a_key() -> None:
    both = {keys.user_key("s", User("user", "x")), keys.user_key("s", User("anonymous", "x"))}
    assert len(both) == 2
    assert keys.user_key("s", USER) != keys.user_key("t", USER)


@pytest.mark.usefixtures("database")
def test_the_outbox_holds_the_facts_of_the_newest_write_alone() -> None:
    fact = Fact(id="x", kind=FactKind.SHOWN, at=START)
    save(profiles.load(USER, START), FULL, fact)
    [item] = items("SOFTASK_PROFILES_TABLE")
    assert msgspec.json.decode(item["outbox"]["B"], type=list[Fact]) == [fact]
    save(profiles.load(USER, START), FULL)
    [item] = items("SOFTASK_PROFILES_TABLE")
    assert "outbox" not in item


@pytest.mark.usefixtures("database")
def test_retention_counts_from_the_last_sign_of_life() -> None:
    save(profiles.load(USER, START), FULL)
    [item] = items("SOFTASK_PROFILES_TABLE")
    assert item["retain_until"]["N"] == str((FULL.seen_at + DAY) // 1000)


@pytest.mark.usefixtures("database")
def test_a_retention_of_zero_keeps_a_profile_for_ever() -> None:
    profiles.save(profiles.load(USER, START), FULL, (), retention=0)
    [item] = items("SOFTASK_PROFILES_TABLE")
    assert "retain_until" not in item


# --- old and new code ---


def plain(item: Json) -> Json:
    body: Json = json.loads(codec.inflate(item["body"]["B"]))
    return body


def newer(body: Json) -> Json:
    """What a later release might have stored."""
    body["badge"] = {"count": 3}
    body["devices"]["d1"]["model"] = "iPhone"
    body["devices"]["d1"]["push"]["criticalAlerts"] = True
    body["progress"]["push-softask"]["mood"] = "good"
    body["progress"]["push-softask"]["offer"]["theme"] = "dark"
    body["attributes"]["plan"].append("set by hand")
    return body


@pytest.mark.usefixtures("database")
def test_row_54_unknown_keys_survive_a_round_trip_through_old_code() -> None:
    save(profiles.load(USER, START), FULL)
    stored_by_newer_code = newer(plain(items("SOFTASK_PROFILES_TABLE")[0]))
    table = boto3.resource("dynamodb").Table(NAMES["SOFTASK_PROFILES_TABLE"])
    item: Json = table.scan()["Items"][0]
    raw = codec.deflate(json.dumps(stored_by_newer_code).encode())
    table.put_item(Item={**item, "body": raw, "schema_version": 2})

    stored = profiles.load(USER, START)
    assert stored.profile == FULL
    save(stored, msgspec.structs.replace(FULL, seen_at=START + 2 * DAY))

    saved = items("SOFTASK_PROFILES_TABLE")[0]
    assert plain(saved) == {**stored_by_newer_code, "seen_at": START + 2 * DAY}
    assert saved["schema_version"]["N"] == "2"


def test_row_54_what_is_gone_takes_its_unknown_keys_with_it() -> None:
    body = newer(json.loads(msgspec.json.encode(FULL)))
    profile, surplus = codec.decode(codec.deflate(json.dumps(body).encode()))
    forgotten = msgspec.structs.replace(profile, devices={}, attributes={})
    again = json.loads(codec.inflate(codec.encode(forgotten, surplus)))
    assert "devices" not in again
    assert again["badge"] == {"count": 3}


def test_a_body_that_is_no_profile_is_not_guessed_at() -> None:
    with pytest.raises(msgspec.ValidationError):
        codec.decode(codec.deflate(b'{"seen_at":"yesterday"}'))


# --- conflicts ---


@pytest.mark.usefixtures("database")
def test_a_write_on_an_older_version_is_a_conflict() -> None:
    stored = profiles.load(USER, START)
    save(stored, FULL)
    with pytest.raises(Conflict):
        save(stored, FULL)


def test_a_conflict_within_the_transaction_is_one_too(database: Database) -> None:
    stored = profiles.load(USER, START)
    plain = msgspec.structs.replace(FULL, progress={})
    save(stored, plain)
    with pytest.raises(Conflict):
        save(stored, FULL)
    assert database.calls[-1] == "TransactWriteItems"
    assert items("SOFTASK_WINDOWS_TABLE") == []


CANCELLED = "TransactionCanceledException"


@pytest.mark.parametrize(
    ("operation", "code", "reasons", "expected"),
    [
        ("PutItem", "TransactionConflictException", None, Conflict),
        ("PutItem", "ConditionalCheckFailedException", None, ConditionFailed),
        ("TransactWriteItems", CANCELLED, ["None", "TransactionConflict"], Conflict),
        ("TransactWriteItems", CANCELLED, ["ConditionalCheckFailed", "None"], ConditionFailed),
        ("TransactWriteItems", CANCELLED, ["ThrottlingError"], Unavailable),
        ("TransactWriteItems", "TransactionInProgressException", None, Conflict),
        ("PutItem", "LimitExceededException", None, Unavailable),
        ("GetItem", "ResourceNotFoundException", None, GetError),
    ],
)
def test_each_refusal_means_what_it_says(
    database: Database,
    operation: str,
    code: str,
    reasons: list[str] | None,
    expected: type[Exception],
) -> None:
    database.refuse(operation, code, reasons)
    profile = (
        FULL if operation == "TransactWriteItems" else msgspec.structs.replace(FULL, progress={})
    )
    with pytest.raises(expected):
        save(profiles.load(USER, START), profile)


# --- the SDK's retries, and lost answers ---


def lose_the_answer(database: Database, operation: str, times: int = 1) -> list[str]:
    """The write is applied; the answer never comes, and the SDK sends the request again."""
    lost: list[str] = []

    def lose(name: str) -> None:
        if name == operation and len(lost) < times:
            lost.append(name)
            raise ReadTimeoutError(endpoint_url="http://localhost")

    database.after = lose
    return lost


def test_row_05_the_sdks_retry_of_its_own_applied_write_is_a_success(
    app: App, database: Database
) -> None:
    lost = lose_the_answer(database, "PutItem")
    offer = app.value_moment(messageId="m1")
    assert lost
    assert offer
    assert app.profile().events["ValueMomentReached"].count == 1
    assert database.calls.count("PutItem") == 2


def test_row_05_the_retry_of_an_applied_transaction_is_a_success_too(
    app: App, database: Database
) -> None:
    lost = lose_the_answer(database, "TransactWriteItems")
    answer = app.track("PushSoftAskDeclined", messageId="m1")
    assert lost
    assert answer["success"]
    assert app.profile().progress["push-softask"].declined_at == START


def test_row_04_when_no_answer_came_a_repeat_gets_the_same_offer(
    app: App, database: Database
) -> None:
    lose_the_answer(database, "PutItem", times=3)
    lose_the_answer(database, "GetItem", times=99)
    status, answer = app.send(
        "/v1/track", json.dumps(message("ValueMomentReached", messageId="m1"))
    )
    assert (status, answer["code"]) == (503, "try_again")
    database.after = lambda _: None
    first = app.value_moment(messageId="m1")
    assert first
    assert app.value_moment(messageId="m1") == first


@pytest.mark.parametrize("operation", ["GetItem", "PutItem"])
def test_row_21_a_database_that_does_not_answer_is_a_503_without_partial_state(
    app: App, database: Database, operation: str
) -> None:
    def unreachable(name: str) -> None:
        if name == operation:
            raise ReadTimeoutError(endpoint_url="http://localhost")

    database.before = unreachable
    status, answer = app.send("/v1/track", json.dumps(message("ValueMomentReached")))
    assert (status, answer["code"]) == (503, "try_again")
    assert app.headers["Retry-After"] == "1"
    database.before = lambda _: None
    assert items("SOFTASK_PROFILES_TABLE") == []


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("operation", ["GetItem", "PutItem", "TransactWriteItems"])
def test_row_58_a_request_killed_at_any_call_leaves_the_state_before_or_after(
    app: App, database: Database, operation: str, moment: str
) -> None:
    class Killed(BaseException):
        pass

    def kill(name: str) -> None:
        if name == operation:
            raise Killed

    def declined() -> bool:
        progress = app.profile().progress["push-softask"]
        windows = items("SOFTASK_WINDOWS_TABLE")
        assert progress.window == (len(windows) == 1)
        return progress.declined_at is not None

    app.value_moment()
    setattr(database, moment, kill)
    batch = [message("PushSoftAskDeclined", messageId="m2")]
    kinds: dict[str, Callable[[], Json]] = {
        "GetItem": lambda: app.post("/v1/batch", {"batch": batch}),
        "PutItem": lambda: app.track("ValueMomentReached", messageId="m3"),
        "TransactWriteItems": lambda: app.post("/v1/batch", {"batch": batch}),
    }
    with pytest.raises(Killed):
        kinds[operation]()
    setattr(database, moment, lambda _: None)
    assert declined() == (operation == "TransactWriteItems" and moment == "after")
    kinds[operation]()
    assert declined() == (operation != "PutItem")


# --- windows ---


def test_a_window_ends_in_whole_seconds_never_early_and_its_ttl_is_equal(app: App) -> None:
    app.now += 1
    app.track("PushSoftAskDeclined")
    [window] = items("SOFTASK_WINDOWS_TABLE")
    assert window["due_at"]["N"] == str(START // 1000 + 14 * 86_400 + 1)
    assert window["expires_at"] == window["due_at"]
    assert window["window"]["S"] == f"push-softask:1:{window['due_at']['N']}"


def test_a_decline_moves_the_window_that_shown_opened_and_a_grant_removes_it(app: App) -> None:
    offer = app.value_moment()
    assert offer
    app.outcome("Shown", offer)
    [opened] = items("SOFTASK_WINDOWS_TABLE")
    app.now += 5000
    app.outcome("Declined", offer)
    [moved] = items("SOFTASK_WINDOWS_TABLE")
    assert int(moved["due_at"]["N"]) == int(opened["due_at"]["N"]) + 5
    context = {"device": {"id": "d1"}, "push": {"status": "authorized"}}
    app.track("PushPermissionChanged", context=context)
    assert items("SOFTASK_WINDOWS_TABLE") == []
    app.now += 5000
    app.outcome("Declined", offer, context=context, messageId="again")
    assert items("SOFTASK_WINDOWS_TABLE") == []


def test_row_15_a_ttl_in_milliseconds_is_refused_at_write() -> None:
    with pytest.raises(ValueError, match="TTLAttribute"):
        WindowItem("key", "campaign", expires_at=START)


def test_row_56_windows_after_2038_are_whole(app: App) -> None:
    app.now = int(datetime(2045, 1, 1, tzinfo=UTC).timestamp()) * 1000
    app.track("PushSoftAskDeclined")
    [window] = items("SOFTASK_WINDOWS_TABLE")
    assert int(window["due_at"]["N"]) == app.now // 1000 + 14 * 86_400


def test_row_20_windows_are_spread_over_the_shards() -> None:
    shards = [keys.shard_of(keys.user_key("s", User("user", str(i)))) for i in range(1600)]
    counts = [shards.count(shard) for shard in range(keys.SHARDS)]
    assert min(counts) > 60
