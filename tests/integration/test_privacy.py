"""A user is deleted: in every table, for good, wherever the run is killed, whoever comes late."""

import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from msgspec.structs import replace
from pynamodb.connection import TableConnection

from cli.local_tables import NAMES
from functions.core.campaign import Package
from functions.core.model import Fact, FactKind, User
from functions.store import ledger, profiles
from functions.store.ledger import Recorded
from functions.store.profiles import ProfileItem
from functions.sweep.service import Sweeper
from tests.integration.conftest import (
    DAY,
    MINUTE,
    SDK_ATTEMPTS,
    SECOND,
    START,
    Admin,
    App,
    Database,
    Json,
    message,
)
from tests.integration.privacy import (
    LEDGER,
    PROFILES,
    USER,
    WINDOWS,
    anonymous,
    delete,
    deliver,
    everything,
    export,
    facts,
    install,
    join,
    known,
    live,
    marks,
    removal,
    table,
    written,
)
from tests.integration.scheduler import Scheduler

NOW, IN_30_DAYS = "2026-11-21T10:00:00Z", "2026-12-21T10:00:00Z"
UNTIL = START + 30 * DAY
WEEK = 7 * DAY


@pytest.fixture
def lived(app: App) -> App:
    live(app)
    return app


def is_try_again(admin: Admin, id_: str = "u1") -> bool:
    refused = admin.refused("DELETE", USER, id=id_)
    return (refused["status"], refused["code"]) == (503, "try_again")


def is_only_buried(*keys: str) -> bool:
    """Whether nothing but a tombstone and a mark is left under those keys."""
    left = everything()
    return (
        all(left[PROFILES][key].keys() == TOMBSTONE for key in keys)
        and {key for key in left[LEDGER] if key.partition("/")[0] in keys}
        == {f"{key}/deleted" for key in keys}
        and not [key for key in left[WINDOWS] if key.partition("/")[0] in keys]
    )


TOMBSTONE = {"user_key", "version", "schema_version", "deleted_at", "retain_until"}


# --- what goes, and what stays ---


def test_a_deletion_leaves_a_tombstone_and_a_mark_and_nothing_else(
    lived: App, admin: Admin
) -> None:
    others = {name: rows for name, rows in everything()[PROFILES].items() if name == known("u2")}
    answer = delete(admin)
    assert answer == {
        "success": True,
        "id": "u1",
        "kind": "user",
        "becameUserId": None,
        "userKey": known(),
        "deletedAt": NOW,
        "lateEventsRefusedUntil": IN_30_DAYS,
        "deleted": {"profiles": 1, "anonymousIds": 2, "windows": 1, "facts": 8},
    }
    assert is_only_buried(known(), anonymous("a1"), anonymous("a2"))
    assert {known("u2"): table(PROFILES)[known("u2")]} == others
    assert set(table(WINDOWS)) == {f"{known('u2')}/push-softask"}
    assert facts() == ["declined", "exposed", "offered", "shown"]
    assert lived.profile().attributes == {}


@pytest.mark.usefixtures("lived")
def test_tombstones_and_marks_expire_and_the_marks_outlive_what_may_be_replayed(
    admin: Admin,
) -> None:
    delete(admin)
    keys = [known(), anonymous("a1"), anonymous("a2")]
    stones = table(PROFILES)
    assert {stones[key]["deleted_at"]["N"] for key in keys} == {str(START)}
    assert {stones[key]["retain_until"]["N"] for key in keys} == {str(UNTIL // SECOND)}
    assert {marks()[key]["at"]["N"] for key in keys} == {str(START)}
    assert {marks()[key]["until"]["N"] for key in keys} == {str(UNTIL)}
    assert {marks()[key]["expires_at"]["N"] for key in keys} == {str((UNTIL + WEEK) // SECOND)}


@pytest.mark.usefixtures("lived")
def test_a_tombstone_goes_no_earlier_than_to_the_second(admin: Admin) -> None:
    admin.now += 1
    assert delete(admin)["lateEventsRefusedUntil"] == "2026-12-21T10:00:00.001Z"
    assert table(PROFILES)[known()]["retain_until"]["N"] == str(UNTIL // SECOND + 1)


@pytest.mark.usefixtures("lived")
def test_deleted_again_nothing_is_renewed_and_nothing_more_goes(admin: Admin) -> None:
    first = delete(admin)
    before = everything()
    admin.now += 29 * DAY
    none = dict.fromkeys(first["deleted"], 0)
    assert delete(admin) == {**first, "deleted": none}
    assert everything() == before


@pytest.mark.usefixtures("lived")
def test_of_a_deleted_user_only_the_dates_are_told(admin: Admin) -> None:
    delete(admin)
    admin.now += DAY
    for id_, kind in (("u1", "user"), ("a1", "anonymous")):
        assert export(admin, id_, kind=kind) == {
            "success": True,
            "id": id_,
            "kind": kind,
            "becameUserId": None,
            "userKey": known(),
            "isKnown": False,
            "deleted": {"at": NOW, "lateEventsRefusedUntil": IN_30_DAYS},
            "retainUntil": None,
            "profile": None,
            "windows": [],
            "facts": [],
            "next": None,
        }


def test_a_user_of_whom_nobody_knows_leaves_a_tombstone_too(app: App, admin: Admin) -> None:
    answer = delete(admin)
    assert set(answer["deleted"].values()) == {0}
    assert is_only_buried(known())
    app.value_moment()
    assert is_only_buried(known())


def test_facts_that_outlived_their_profile_go_too(lived: App, admin: Admin) -> None:
    ProfileItem(known()).delete(add_version_condition=False)
    assert delete(admin)["deleted"] == {
        "profiles": 0, "anonymousIds": 0, "windows": 1, "facts": 4,
    }  # fmt: skip
    assert lived.value_moment() is None
    assert is_only_buried(known())


@pytest.mark.parametrize("id_", ["a1", "a2"])
@pytest.mark.usefixtures("lived")
def test_an_anonymous_id_that_became_a_user_deletes_that_user_and_says_so(
    admin: Admin, id_: str
) -> None:
    answer = delete(admin, id_, kind="anonymous")
    assert (answer["becameUserId"], answer["userKey"]) == ("u1", known())
    assert answer["deleted"] == {"profiles": 1, "anonymousIds": 2, "windows": 1, "facts": 8}
    assert is_only_buried(known(), anonymous("a1"), anonymous("a2"))


@pytest.mark.usefixtures("lived")
def test_an_anonymous_id_of_a_deleted_user_finishes_that_deletion(admin: Admin) -> None:
    delete(admin)
    ledger.FactItem(known(), "left:shown", kind="shown", at=START).save()
    admin.now += DAY
    answer = delete(admin, "a1", kind="anonymous")
    assert (answer["becameUserId"], answer["deletedAt"]) == (None, NOW)
    assert answer["deleted"] == {"profiles": 0, "anonymousIds": 0, "windows": 0, "facts": 1}


@pytest.mark.usefixtures("lived")
def test_an_anonymous_id_that_the_user_forgot_goes_when_it_is_named(admin: Admin) -> None:
    forget("a2")
    delete(admin)
    assert not is_only_buried(anonymous("a2"))
    admin.now += DAY
    answer = delete(admin, "a2", kind="anonymous")
    assert (answer["deletedAt"], answer["userKey"]) == (NOW, known())
    assert answer["deleted"] == {"profiles": 0, "anonymousIds": 1, "windows": 0, "facts": 2}
    assert is_only_buried(anonymous("a2"))


def forget(id_: str, user: str = "u1") -> None:
    """What too many aliases lead to: the profile names it no more, its redirect stands."""
    stored = profiles.load(User("user", user), START)
    aliases = {alias: at for alias, at in stored.profile.aliases.items() if alias != id_}
    profiles.save(stored, replace(stored.profile, aliases=aliases), (), 0)


def test_who_logged_in_goes_with_the_anonymous_id_of_before(app: App, admin: Admin) -> None:
    install(app, "a1")
    app.post("/v1/identify", {"userId": "u1", "anonymousId": "a1", "traits": {"plan": "pro"}})
    deliver(*written())
    held = export(admin, "a1", kind="anonymous")
    assert (held["becameUserId"], list(held["profile"]["aliases"])) == ("u1", ["a1"])
    deleted = delete(admin)["deleted"]
    assert (deleted["profiles"], deleted["anonymousIds"]) == (1, 1)
    assert is_only_buried(known(), anonymous("a1"))
    assert facts() == []


def test_an_anonymous_user_goes_alone(app: App, admin: Admin) -> None:
    install(app, "a1")
    answer = delete(admin, "a1", kind="anonymous")
    assert (answer["becameUserId"], answer["userKey"]) == (None, anonymous("a1"))
    assert answer["deleted"] == {"profiles": 1, "anonymousIds": 0, "windows": 0, "facts": 2}
    assert is_only_buried(anonymous("a1"))


def test_an_anonymous_id_that_became_somebody_else_since_stays_theirs(
    lived: App, admin: Admin
) -> None:
    ProfileItem(anonymous("a1")).delete(add_version_condition=False)
    install(lived, "a1")
    join("a1", user="u2")
    before = {key: item for key, item in table(PROFILES).items() if key == anonymous("a1")}
    delete(admin)
    assert {anonymous("a1"): table(PROFILES)[anonymous("a1")]} == before
    assert export(admin, "a1", kind="anonymous")["becameUserId"] == "u2"


def test_an_anonymous_id_that_began_anew_goes_with_its_user(lived: App, admin: Admin) -> None:
    ProfileItem(anonymous("a1")).delete(add_version_condition=False)
    install(lived, "a1")
    assert delete(admin)["deleted"]["profiles"] == 2
    assert is_only_buried(known(), anonymous("a1"), anonymous("a2"))


@pytest.mark.parametrize("count", [48, 49, 50, 99, 120])
def test_however_many_anonymous_ids_go_with_the_user(
    app: App, admin: Admin, database: Database, count: int
) -> None:
    """A transaction takes a hundred items, and each id needs two."""
    app.post("/v1/identify", {"userId": "u1", "traits": {"plan": "pro"}})
    ids = [f"a{number}" for number in range(count)]
    for start in range(0, count, 40):
        join(*ids[start : start + 40])
    database.calls.clear()
    deleted = delete(admin)["deleted"]
    assert (deleted["profiles"], deleted["anonymousIds"]) == (1, count)
    assert is_only_buried(known(), *map(anonymous, ids))
    assert database.calls.count("TransactWriteItems") == -(-(count + 1) // 50)


# --- after thirty days ---


def test_until_its_last_millisecond_a_tombstone_stands_and_then_the_user_begins_anew(
    lived: App, admin: Admin
) -> None:
    delete(admin)
    lived.now = admin.now = UNTIL - 1
    assert lived.value_moment() is None
    assert is_only_buried(known())
    lived.now = admin.now = UNTIL
    assert lived.value_moment()
    held = export(admin)
    assert (held["isKnown"], held["deleted"]) == (True, None)
    assert held["profile"]["firstSeenAt"] == IN_30_DAYS
    assert held["profile"]["aliases"] == {}


def test_an_old_tombstone_that_ttl_has_not_taken_yet_is_nothing(lived: App, admin: Admin) -> None:
    delete(admin)
    admin.now = lived.now = UNTIL
    assert not export(admin)["isKnown"]
    assert export(admin)["deleted"] is None
    assert not export(admin, "a1", kind="anonymous")["deleted"]
    answer = delete(admin)
    assert answer["deletedAt"] == IN_30_DAYS
    assert marks()[known()]["at"]["N"] == str(UNTIL)
    assert lived.value_moment() is None


def test_a_new_life_s_facts_stay_when_the_old_one_s_tombstone_is_told_again(
    lived: App, admin: Admin
) -> None:
    delete(admin)
    old = written(known())
    lived.now = UNTIL
    assert lived.value_moment()
    deliver(*written(known()))
    deliver(*old)
    assert facts() == sorted(["exposed", "offered", "declined", "exposed", "offered", "shown"])


def test_after_thirty_days_an_anonymous_id_is_on_its_own(lived: App, admin: Admin) -> None:
    delete(admin)
    lived.now = admin.now = UNTIL
    lived.value_moment()
    install(lived, "a1")
    held = export(admin, "a1", kind="anonymous")
    assert (held["becameUserId"], held["isKnown"]) == (None, True)
    assert delete(admin, "a1", kind="anonymous")["userKey"] == anonymous("a1")
    assert export(admin)["isKnown"]


# --- row 39: whoever comes late ---


MESSAGES: list[tuple[str, Json]] = [
    ("/v1/track", message("ValueMomentReached")),
    ("/v1/track", message("PushSoftAskDeclined")),
    ("/v1/track", message("PushPermissionChanged")),
    ("/v1/identify", {"userId": "u1", "traits": {"plan": "pro"}}),
    ("/v1/batch", {"batch": [message("ValueMomentReached") for _ in range(3)]}),
    ("/v1/actions", {"userId": "u1"}),
    ("/v1/actions", {"userId": "u1", "offerId": "of_1"}),
]


@pytest.mark.parametrize(("path", "body"), MESSAGES)
@pytest.mark.parametrize("whose", [{"userId": "u1"}, {"anonymousId": "a1"}])
def test_row_39_a_late_event_is_answered_and_brings_nothing_back(
    lived: App, admin: Admin, path: str, body: Json, whose: Json
) -> None:
    delete(admin)
    before = everything()
    lived.now = UNTIL - 1
    batch = [sent_by(each, whose) for each in body.get("batch", ())]
    answer = lived.post(path, {"batch": batch} if batch else sent_by(body, whose))
    assert [action["type"] for action in answer["actions"]] in ([], ["withdraw"])
    assert everything() == before


def sent_by(body: Json, whose: Json) -> Json:
    return {key: value for key, value in body.items() if key != "userId"} | whose


def test_row_39_a_late_event_of_an_anonymous_id_that_the_user_forgot_is_refused_too(
    lived: App, admin: Admin
) -> None:
    forget("a2")
    delete(admin)
    before = everything()
    install(lived, "a2")
    assert everything() == before


def test_row_39_a_late_batch_brings_nobody_back_and_counts_for_the_others(
    lived: App, admin: Admin
) -> None:
    delete(admin)
    batch = [message("ValueMomentReached", user=user) for user in ("u1", "u3", "u1")]
    answer = lived.post("/v1/batch", {"batch": batch})
    assert [action["userId"] for action in answer["actions"]] == ["u3"]
    assert {result["status"] for result in answer["results"]} == {"accepted"}
    assert is_only_buried(known())


def test_row_39_a_late_login_merges_nothing_into_a_deleted_user(lived: App, admin: Admin) -> None:
    delete(admin)
    install(lived, "a3")
    before = everything()
    lived.post("/v1/identify", {"userId": "u1", "anonymousId": "a3", "traits": {"plan": "pro"}})
    assert everything() == before


def test_row_39_a_late_login_takes_no_anonymous_id_from_who_logs_in_next(
    lived: App, admin: Admin
) -> None:
    delete(admin)
    install(lived, "a3")
    logins = [{"userId": "u1", "anonymousId": "a3"}, {"userId": "u2", "anonymousId": "a3"}]
    lived.post("/v1/batch", {"batch": [{"type": "identify", **login} for login in logins]})
    assert is_only_buried(known())
    assert "a3" in lived.profile("u2").aliases


def test_row_39_a_late_login_merges_nothing_from_a_deleted_anonymous_id(
    lived: App, admin: Admin
) -> None:
    install(lived, "a3")
    delete(admin, "a3", kind="anonymous")
    lived.post("/v1/identify", {"userId": "u2", "anonymousId": "a3", "traits": {"plan": "pro"}})
    assert is_only_buried(anonymous("a3"))
    assert "a3" not in lived.profile("u2").aliases


def test_row_39_a_late_import_is_rejected_and_says_until_when(lived: App, admin: Admin) -> None:
    delete(admin)
    before = everything()
    admin.now += DAY
    rows = [
        {"userId": "u1", "declinedAt": NOW},
        {"userId": "u3", "declinedAt": NOW},
        {"anonymousId": "a1", "pushPermissionStatus": "granted"},
    ]
    results = admin.call("POST", "/users/import", {"users": rows})["results"]
    assert [each["status"] for each in results] == ["rejected", "imported", "rejected"]
    says = f"The user was deleted; rows are taken from {IN_30_DAYS} on."
    error = {"code": "user_deleted", "message": says, "field": "users[0]"}
    assert results[0]["error"] == error
    assert results[2]["error"] == {**error, "field": "users[2]"}
    assert {key: table(PROFILES)[key] for key in before[PROFILES]} == before[PROFILES]
    admin.now = UNTIL
    [result] = admin.call("POST", "/users/import", {"users": rows[:1]})["results"]
    assert result["status"] == "imported"
    assert lived.profile("u3").declined_at == START


@pytest.mark.parametrize("when", ["before", "after", "again"])
def test_row_39_a_late_stream_record_brings_no_fact_back(app: App, admin: Admin, when: str) -> None:
    app.track("PushSoftAskDeclined")
    late = written(known())
    if when in ("before", "again"):
        deliver(*late)
    delete(admin)
    tombstone = written(known())
    if when in ("after", "again"):
        deliver(*late)
    deliver(*tombstone)
    deliver(*late)
    assert facts() == []


@pytest.mark.usefixtures("lived")
def test_row_39_the_tombstone_s_record_deletes_the_facts_that_a_killed_run_left(
    admin: Admin, database: Database
) -> None:
    kill_after(database, "TransactWriteItems")
    with pytest.raises(Killed):
        delete(admin)
    undisturbed(database)
    assert len(facts()) == 12
    deliver(*written())
    assert facts() == ["declined", "exposed", "offered", "shown"]
    deliver(*written())
    assert facts() == ["declined", "exposed", "offered", "shown"]


@pytest.mark.parametrize("overdue", [0, 1, 14 * DAY])
@pytest.mark.parametrize("when", ["before", "after", "late"])
def test_row_39_the_removal_of_a_window_that_ended_tells_nothing_of_a_deleted_user(
    app: App, admin: Admin, database: Database, overdue: int, when: str
) -> None:
    app.track("PushSoftAskDeclined")
    [window] = table(WINDOWS).values()
    admin.now = START + 14 * DAY + overdue
    gone = removal(window, admin.now + SECOND)

    def told_before_the_tombstone(operation: str) -> None:
        if operation == "TransactWriteItems":
            undisturbed(database)
            deliver(gone)

    if when == "before":
        database.before = told_before_the_tombstone
    assert delete(admin)["deleted"]["windows"] == 1
    if when == "after":
        deliver(gone)
    deliver(*written())
    deliver(gone)
    assert facts() == []


def test_row_39_a_window_that_ends_just_after_the_deletion_tells_nothing(
    app: App, admin: Admin
) -> None:
    """Its date lies after the deletion's: the run took a moment, and dates are whole seconds."""
    app.track("PushSoftAskDeclined")
    [window] = table(WINDOWS).values()
    admin.now = START + 14 * DAY - 1
    delete(admin)
    deliver(removal(window, START + 14 * DAY))
    assert facts() == []


@pytest.mark.usefixtures("lived")
def test_row_39_no_window_is_left_that_could_end_after_a_run_that_was_killed(
    admin: Admin, database: Database
) -> None:
    kill_after(database, "TransactWriteItems")
    with pytest.raises(Killed):
        delete(admin)
    undisturbed(database)
    assert Sweeper(lambda: 60_000, lambda _: None).sweep(START + 400 * DAY).deleted == 1
    assert set(table(WINDOWS)) == set()


@pytest.mark.parametrize(
    ("at", "recorded"),
    [
        (START - DAY, Recorded.DELETED),
        (START, Recorded.DELETED),
        (START + 1, Recorded.DELETED),
        (UNTIL - 1, Recorded.DELETED),
        (UNTIL, Recorded.NEW),
        (UNTIL + DAY, Recorded.NEW),
    ],
)
def test_row_39_a_fact_is_refused_by_its_date_however_late_the_mark_expires(
    admin: Admin, at: int, recorded: Recorded
) -> None:
    delete(admin)
    fact = Fact(id="of_1:shown", kind=FactKind.SHOWN, at=at)
    assert ledger.record(known(), [fact]) == (recorded,)
    assert facts() == (["shown"] if recorded is Recorded.NEW else [])


def test_row_39_a_fact_that_is_known_already_is_told_apart_from_a_refused_one(
    admin: Admin, database: Database
) -> None:
    fact = Fact(id="of_1:shown", kind=FactKind.SHOWN, at=START)
    assert ledger.record(known(), [fact]) == (Recorded.NEW,)
    assert ledger.record(known(), [fact]) == (Recorded.KNOWN,)
    kill_after(database, "TransactWriteItems")
    with pytest.raises(Killed):
        delete(admin)
    undisturbed(database)
    assert ledger.record(known(), [fact]) == (Recorded.DELETED,)
    assert ledger.forget(known()) == 1
    assert ledger.forget(known()) == 0
    assert ledger.forget(known("nobody")) == 0


# --- killed, throttled, raced ---


class Killed(BaseException):
    """The function is gone, whatever it was doing."""


def undisturbed(database: Database) -> None:
    database.before = database.after = lambda _: None


def kill_after(database: Database, operation: str) -> None:
    """Once that operation was applied."""

    def kill(name: str) -> None:
        if name == operation:
            raise Killed

    database.after = kill


def kill_at(database: Database, call: int, moment: str) -> None:
    database.calls.clear()

    def kill(_: str) -> None:
        if len(database.calls) > call:
            raise Killed

    setattr(database, moment, kill)


CALLS = 17
"""What the deletion of u1 takes."""


@pytest.mark.parametrize(("moment", "again_by"), [("before", "u1"), ("after", "a2")])
@pytest.mark.parametrize("call", range(CALLS))
def test_row_58_killed_at_any_call_a_second_run_ends_in_the_same_tables(
    lived: App, admin: Admin, database: Database, call: int, moment: str, again_by: str
) -> None:
    """Killed after one call is killed before the next, so the second run may differ instead."""
    kill_at(database, call, moment)
    with pytest.raises(Killed):
        delete(admin)
    is_made = "TransactWriteItems" in database.calls[: len(database.calls) - (moment == "before")]
    undisturbed(database)
    assert (known() in marks()) == is_made
    assert (lived.profile().attributes == {}) == is_made
    assert set(table(PROFILES)[known()]) == (TOMBSTONE if is_made else LIVING)
    admin.now += DAY
    answer = delete(admin, again_by, kind="user" if again_by == "u1" else "anonymous")
    assert answer["deletedAt"] == (NOW if is_made else "2026-11-22T10:00:00Z")
    assert is_only_buried(known(), anonymous("a1"), anonymous("a2"))
    assert set(table(WINDOWS)) == {f"{known('u2')}/push-softask"}
    assert facts() == ["declined", "exposed", "offered", "shown"]


LIVING = {"user_key", "version", "schema_version", "body"}


@pytest.mark.usefixtures("lived")
def test_a_deletion_takes_as_many_calls_as_are_killed_above(
    admin: Admin, database: Database
) -> None:
    database.calls.clear()
    delete(admin)
    assert len(database.calls) == CALLS


@pytest.mark.parametrize("transaction", [1, 2, 3])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("again_by", ["u1", "a0", "a119"])
def test_row_58_killed_between_the_transactions_of_a_user_with_many_ids_nothing_is_lost(
    app: App, admin: Admin, database: Database, transaction: int, moment: str, again_by: str
) -> None:
    app.post("/v1/identify", {"userId": "u1", "traits": {"plan": "pro"}})
    ids = [f"a{number}" for number in range(120)]
    for start in range(0, 120, 40):
        join(*ids[start : start + 40])
    database.calls.clear()

    def kill(_: str) -> None:
        if database.calls.count("TransactWriteItems") == transaction:
            raise Killed

    setattr(database, moment, kill)
    with pytest.raises(Killed):
        delete(admin)
    undisturbed(database)
    if (transaction, moment) != (1, "before"):
        install(app, "a0")
        install(app, "a119")
        assert [item for item in table(PROFILES).values() if "body" in item] == []
    kind = "user" if again_by == "u1" else "anonymous"
    assert delete(admin, again_by, kind=kind)["userKey"] == known()
    assert is_only_buried(known(), *map(anonymous, ids))
    assert set(table(PROFILES)) == {known(), *map(anonymous, ids)}


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("GetItem", "ProvisionedThroughputExceededException"),
        ("Query", "ThrottlingException"),
        ("DeleteItem", "InternalServerError"),
        ("TransactWriteItems", "RequestLimitExceeded"),
        ("BatchWriteItem", "ProvisionedThroughputExceededException"),
    ],
)
@pytest.mark.usefixtures("lived")
def test_row_21_throttled_while_deleting_is_a_503_and_the_same_call_goes_on(
    admin: Admin, database: Database, operation: str, code: str
) -> None:
    database.refuse(operation, code)
    assert is_try_again(admin)
    assert admin.headers["Retry-After"] == "1"
    database._refusals.clear()
    assert delete(admin)["deletedAt"] == NOW
    assert is_only_buried(known(), anonymous("a1"), anonymous("a2"))


@pytest.mark.usefixtures("lived")
def test_row_21_facts_that_a_throttled_batch_left_are_a_503(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(TableConnection, "batch_write_item", leave_all)
        assert is_try_again(admin)
    assert delete(admin)["deleted"]["facts"] == 8


def leave_all(_: TableConnection, delete_items: list[Any], **_more: Any) -> Json:
    """DynamoDB's answer to a batch of which it wrote nothing."""
    left = [{"DeleteRequest": {"Key": key}} for key in delete_items]
    return {"UnprocessedItems": {NAMES[LEDGER]: left}}


@pytest.mark.parametrize("lost", [1, SDK_ATTEMPTS])
@pytest.mark.usefixtures("lived")
def test_row_05_a_deletion_whose_answer_was_lost_is_recognised(
    admin: Admin, database: Database, lost: int
) -> None:
    left = [lost]

    def lose(operation: str) -> None:
        if operation == "TransactWriteItems" and left[0]:
            left[0] -= 1
            raise ReadTimeoutError(endpoint_url="http://localhost")

    database.after = lose
    if lost == SDK_ATTEMPTS:
        assert is_try_again(admin)
        admin.now += DAY
    answer = delete(admin)
    assert answer["deletedAt"] == NOW
    assert answer["deleted"]["profiles"] == (0 if lost == SDK_ATTEMPTS else 1)
    assert is_only_buried(known(), anonymous("a1"), anonymous("a2"))
    assert table(PROFILES)[known()]["deleted_at"]["N"] == str(START)


@pytest.mark.usefixtures("lived")
def test_row_22_a_transaction_conflict_is_tried_again(admin: Admin, database: Database) -> None:
    reasons = ["None", "TransactionConflict"]
    database.refuse("TransactWriteItems", "TransactionCanceledException", reasons)
    assert delete(admin)["deleted"]["profiles"] == 1
    assert len(admin.pauses) == SDK_ATTEMPTS


def test_row_22_events_without_end_are_a_503_and_then_the_user_goes(
    lived: App, admin: Admin, database: Database
) -> None:
    depth = 0

    def somebody_is_faster(operation: str) -> None:
        nonlocal depth
        if operation == "TransactWriteItems" and depth == 0:
            depth += 1
            lived.value_moment()
            depth -= 1

    database.before = somebody_is_faster
    assert is_try_again(admin)
    assert len(admin.pauses) == 6
    undisturbed(database)
    assert lived.profile().events["ValueMomentReached"].count == 7
    assert delete(admin)["deleted"]["profiles"] == 1
    assert is_only_buried(known(), anonymous("a1"), anonymous("a2"))


SEEDS = range(15)


@pytest.mark.parametrize("seed", SEEDS)
def test_row_39_a_deletion_and_events_at_once_leave_nothing_in_any_order(
    lived: App, admin: Admin, database: Database, seed: int
) -> None:
    scheduler = Scheduler(seed)
    database.before = scheduler.turn
    scheduler.run(
        lambda: delete(admin),
        lambda: lived.track("PushSoftAskDeclined"),
        lambda: lived.value_moment(device="d2"),
    )
    undisturbed(database)
    deliver(*written())
    assert is_only_buried(known(), anonymous("a1"), anonymous("a2"))


@pytest.mark.parametrize("seed", SEEDS)
def test_row_39_a_deletion_and_a_login_at_once_leave_no_half_of_a_merge(
    lived: App, admin: Admin, database: Database, seed: int
) -> None:
    install(lived, "a3")
    scheduler = Scheduler(seed)
    database.before = scheduler.turn
    login = {"userId": "u1", "anonymousId": "a3", "traits": {"plan": "free"}}
    scheduler.run(lambda: delete(admin), lambda: lived.post("/v1/identify", login))
    undisturbed(database)
    deliver(*written())
    assert is_only_buried(known(), anonymous("a1"), anonymous("a2"))
    stored = set(table(PROFILES)[anonymous("a3")])
    assert is_only_buried(anonymous("a3")) if stored == TOMBSTONE else "body" in stored


@pytest.mark.parametrize("seed", SEEDS)
def test_row_39_facts_and_a_deletion_at_once_leave_no_fact(
    app: App, admin: Admin, database: Database, seed: int
) -> None:
    app.track("PushSoftAskDeclined")
    late = written(known())
    [window] = table(WINDOWS).values()
    gone = removal(window, START + 14 * DAY)
    scheduler = Scheduler(seed)
    database.before = scheduler.turn
    scheduler.run(lambda: delete(admin), lambda: deliver(*late), lambda: deliver(gone))
    undisturbed(database)
    assert facts() == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.usefixtures("lived")
def test_two_deletions_at_once_are_one(
    admin: Admin, package: Package, database: Database, seed: int
) -> None:
    before = int(table(PROFILES)[known()]["version"]["N"])
    other = Admin(package)
    other.now += MINUTE
    scheduler = Scheduler(seed)
    database.before = scheduler.turn
    first, second = scheduler.run(lambda: delete(admin), lambda: delete(other))
    undisturbed(database)
    assert first["deletedAt"] == second["deletedAt"]
    assert int(table(PROFILES)[known()]["version"]["N"]) == before + 1
    assert is_only_buried(known(), anonymous("a1"), anonymous("a2"))


# --- what operators ask about a deleted user ---


@pytest.mark.parametrize("user", [{"userId": "u1"}, {"anonymousId": "a1"}])
def test_row_39_of_a_deleted_user_explain_knows_nothing_and_writes_nothing(
    lived: App, admin: Admin, user: Json
) -> None:
    delete(admin)
    before = everything()
    answer = admin.call("POST", "/campaigns/{id}/explain", user, id="push-softask")
    assert not answer["isKnown"]
    assert (answer["wouldShow"], answer["reason"]) == (False, "user_deleted")
    assert answer["sentence"].endswith("late events are refused until 2026-12-21T10:00:00Z.")
    id_, kind = next(iter(user.values())), "user" if "userId" in user else "anonymous"
    query = {"kind": kind}
    assert admin.call("GET", f"{USER}/decisions", id=id_, query=query)["decisions"] == []
    assert everything() == before
    assert lived.now == START


@pytest.mark.usefixtures("lived")
def test_a_question_about_a_deleted_user_is_read_as_strictly(admin: Admin) -> None:
    delete(admin)
    body = {"userId": "u1", "event": "x" * 201}
    answer = admin.refused("POST", "/campaigns/{id}/explain", body, id="push-softask")
    assert (answer["status"], answer["field"]) == (400, "event")


@pytest.mark.usefixtures("lived")
def test_row_39_a_deleted_test_user_skips_no_waits(admin: Admin) -> None:
    known_ = admin.call("GET", "/settings")
    settings = {**known_["settings"], "test_users": ["u1"]}
    body = {"settings": settings, "expectedRevision": known_["revision"]}
    admin.call("PUT", "/settings", body)
    delete(admin)
    before, lines = everything(), admin.log.getvalue()
    body = {"userId": "u1", "skipWaits": True}
    answer = admin.call("POST", "/campaigns/{id}/test", body, id="push-softask")
    assert (answer["isKnown"], answer["skipsWaits"]) == (False, False)
    assert everything() == before
    assert admin.log.getvalue() == lines


@pytest.mark.usefixtures("lived")
def test_a_deletion_is_one_line_with_the_hashed_key_and_the_counts(admin: Admin) -> None:
    delete(admin)
    [line] = [json.loads(each) for each in admin.log.getvalue().splitlines()]
    assert (line["level"], line["message"]) == ("INFO", "user_deleted")
    said = {name: line[name] for name in ("by", "user_key", "profiles", "anonymous_ids")}
    assert said == {"by": admin.by, "user_key": known(), "profiles": 1, "anonymous_ids": 2}
    assert (line["windows"], line["facts"]) == (1, 8)
