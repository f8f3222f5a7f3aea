"""What operators change while the database fails, forgets to answer, or is asked for its limits."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ReadTimeoutError

from cli.local_tables import NAMES
from functions.core.campaign import CampaignFile, Package
from functions.store.campaigns import CHANGES, LIVE, CampaignItem
from functions.store.changes import MAX_BODY
from functions.store.connection import MOST_AT_ONCE
from tests.integration.conftest import SDK_ATTEMPTS, SECOND, Admin, App, Database, items

Json = dict[str, Any]
Answer = tuple[int, Json]
Change = Callable[[Admin], Answer]

CAMPAIGN = "/v1/admin/campaigns/{id}"
ID = "push-softask"


@pytest.fixture
def file(package: Package) -> Json:
    [campaign] = package.campaigns
    built: Json = msgspec.to_builtins(campaign)
    return built


def put(admin: Admin, file: Json, expected: int | None, **more: Any) -> Answer:
    body = {"campaign": file, "expectedVersion": expected, **more}
    return admin.send("PUT", CAMPAIGN, json.dumps(body), id=file["id"])


def act(admin: Admin, action: str, campaign: str = ID, **body: Any) -> Answer:
    return admin.send("POST", f"{CAMPAIGN}/{action}", json.dumps(body), id=campaign)


def settle(admin: Admin, settings: Json, expected: int) -> Answer:
    body = {"settings": settings, "expectedRevision": expected}
    return admin.send("PUT", "/v1/admin/settings", json.dumps(body))


def row(admin: Admin, campaign: str = ID) -> Json:
    listed = admin.call("GET", "/campaigns")["campaigns"]
    [found] = [each for each in listed if each["id"] == campaign]
    return dict(found)


def table() -> dict[tuple[str, str], Json]:
    """All that is stored; the ids of the records, which no two runs share, are left out."""
    found = {}
    for item in items("SOFTASK_CAMPAIGNS_TABLE"):
        key = item["campaign"]["S"], item["version"]["N"]
        body = json.loads(item["body"]["B"])
        if key[0] == CHANGES:
            body.pop("id")
        found[key] = {**item, "body": body}
    return found


def restore(stored: list[Json]) -> None:
    """Makes the table what it was."""
    client, name = boto3.client("dynamodb"), NAMES["SOFTASK_CAMPAIGNS_TABLE"]
    for item in items("SOFTASK_CAMPAIGNS_TABLE"):
        key = {"campaign": item["campaign"], "version": item["version"]}
        client.delete_item(TableName=name, Key=key)
    for item in stored:
        client.put_item(TableName=name, Item=item)


def undisturbed(database: Database) -> None:
    database.before = database.after = lambda _: None


def unreachable(_: str) -> None:
    raise ReadTimeoutError(endpoint_url="http://localhost")


def is_try_again(admin: Admin, answer: Answer) -> bool:
    status, body = answer
    return (status, body["code"], admin.headers.get("Retry-After")) == (503, "try_again", "1")


@pytest.fixture(
    params=["first", "publish", "new", "draft", "pause", "resume", "rollback", "settings"]
)
def change(request: pytest.FixtureRequest, admin: Admin, package: Package, file: Json) -> Change:
    """A change, of the table that it is made to."""
    settings = {**msgspec.to_builtins(package.settings), "paused": True}
    changes: dict[str, Change] = {
        "first": lambda by: act(by, "pause"),
        "publish": lambda by: put(by, {**file, "priority": 9}, 2),
        "new": lambda by: put(by, {**file, "id": "new"}, None),
        "draft": lambda by: put(by, {**file, "status": "draft"}, 2),
        "pause": lambda by: act(by, "pause"),
        "resume": lambda by: act(by, "resume", "paused"),
        "rollback": lambda by: act(by, "rollback", version=1, expectedVersion=2),
        "settings": lambda by: settle(by, settings, 3),
    }
    if request.param != "first":
        put(admin, file, 0)
        put(admin, {**file, "priority": 2}, 1)
        put(admin, {**file, "id": "paused", "status": "paused"}, None)
    return changes[request.param]


# --- killed, unheard, throttled ---


class Killed(BaseException):
    """The function is gone in the middle of its work."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_row_58_killed_around_any_call_a_change_is_made_whole_or_not_at_all(
    database: Database, package: Package, change: Change, moment: str
) -> None:
    stored, before = items("SOFTASK_CAMPAIGNS_TABLE"), table()
    database.calls.clear()
    assert change(Admin(package))[0] == 200
    calls, whole = len(database.calls), table()
    ends = set()
    for call in range(1, calls + 1):
        restore(stored)
        database.calls.clear()

        def kill(_: str, call: int = call) -> None:
            if len(database.calls) == call:
                raise Killed

        setattr(database, moment, kill)
        with pytest.raises(Killed):
            change(Admin(package))
        undisturbed(database)
        now = table()
        assert now in (before, whole)
        ends.add(now == whole)
        status, answer = change(Admin(package))
        assert status == 200 or (now == whole and answer["code"] == "version_conflict")
        assert table() == whole
    assert ends == ({True, False} if moment == "after" else {False})


@pytest.mark.parametrize("lost", range(1, SDK_ATTEMPTS + 1))
def test_row_05_a_change_whose_answer_was_lost_is_made_once(
    database: Database, package: Package, change: Change, lost: int
) -> None:
    stored = items("SOFTASK_CAMPAIGNS_TABLE")
    assert change(Admin(package))[0] == 200
    whole = table()
    restore(stored)
    left = [lost]

    def lose(operation: str) -> None:
        if operation == "TransactWriteItems" and left[0]:
            left[0] -= 1
            unreachable(operation)

    database.after = lose
    admin = Admin(package)
    answer = change(admin)
    assert left == [0]
    assert table() == whole
    assert answer[0] == 200 if lost < SDK_ATTEMPTS else is_try_again(admin, answer)


THROTTLES: list[tuple[str, str, list[str] | None]] = [
    ("GetItem", "ProvisionedThroughputExceededException", None),
    ("GetItem", "ThrottlingException", None),
    ("GetItem", "InternalServerError", None),
    ("TransactWriteItems", "ThrottlingException", None),
    ("TransactWriteItems", "RequestLimitExceeded", None),
    ("TransactWriteItems", "TransactionCanceledException", ["None", "ThrottlingError", "None"]),
    (
        "TransactWriteItems",
        "TransactionCanceledException",
        ["None", "None", "ProvisionedThroughputExceeded"],
    ),
]


@pytest.mark.parametrize(("operation", "code", "reasons"), THROTTLES)
def test_row_21_throttled_while_changing_is_a_503_no_change_and_may_be_sent_again(
    database: Database,
    package: Package,
    change: Change,
    operation: str,
    code: str,
    reasons: list[str] | None,
) -> None:
    before, admin = table(), Admin(package)
    database.refuse(operation, code, reasons)
    assert is_try_again(admin, change(admin))
    database._refusals.clear()
    assert table() == before
    assert change(admin)[0] == 200


def test_a_read_that_advice_needs_fails_before_the_change_and_not_after_it(
    admin: Admin, database: Database, package: Package, file: Json
) -> None:
    """A change that was made is never answered by a fault: the same call would be a conflict."""
    put(admin, {**file, "id": "another"}, None)
    other = Admin(package)
    before = table()

    def starve(operation: str) -> None:
        if operation == "GetItem" and database.calls.count("GetItem") > 2:
            unreachable(operation)

    database.calls.clear()
    database.before = starve
    assert is_try_again(other, put(other, file, 0))
    undisturbed(database)
    assert table() == before
    assert put(other, file, 0)[0] == 200


def test_after_the_write_nothing_is_read(
    database: Database, package: Package, change: Change
) -> None:
    database.calls.clear()
    assert change(Admin(package))[0] == 200
    assert database.calls[-1] == "TransactWriteItems"


def test_a_lost_answer_is_recognised_although_others_went_on_meanwhile(
    admin: Admin, database: Database, package: Package, file: Json
) -> None:
    put(admin, file, 0)
    other = Admin(package)

    def lose(operation: str) -> None:
        if operation == "TransactWriteItems":
            undisturbed(database)
            act(other, "pause")
            unreachable(operation)

    database.after = lose
    status, answer = put(admin, {**file, "priority": 2}, 1)
    assert (status, answer["version"], answer["status"]) == (200, 2, "active")
    assert (row(admin)["version"], row(admin)["status"]) == (2, "paused")
    assert len([key for key in table() if key[0] == CHANGES]) == 3


def test_a_stored_version_is_never_replaced_not_even_where_what_is_live_was_set_back(
    admin: Admin, package: Package, file: Json
) -> None:
    put(admin, file, 0)
    earlier = items("SOFTASK_CAMPAIGNS_TABLE")
    put(admin, {**file, "priority": 2}, 1)
    [newer] = [
        item
        for item in items("SOFTASK_CAMPAIGNS_TABLE")
        if item["version"]["N"] == "2" and item["campaign"]["S"] == ID
    ]
    restore([*earlier, newer])
    other = Admin(package)
    assert is_try_again(other, put(other, {**file, "priority": 3}, 1))
    assert table()[ID, "2"]["body"]["priority"] == 2


# --- ids ---


@pytest.mark.parametrize(
    "id_", ["a", "0", "a-", "0--0", "abcdefghijklmnopqrstuvwxyz-0123456789", "z" * 64]
)
def test_a_campaign_lives_under_any_id_that_may_be(
    admin: Admin, app: App, file: Json, id_: str
) -> None:
    assert put(admin, {**file, "id": id_, "priority": 1}, None)[0] == 200
    app.now += 20 * SECOND
    offer = app.value_moment()
    assert offer
    assert offer["campaign"] == id_
    app.outcome("Declined", offer)
    [window] = items("SOFTASK_WINDOWS_TABLE")
    assert window["campaign"]["S"] == id_
    asked = {"userId": "u1", "context": {"device": {"id": "d1"}}}
    explained = admin.call("POST", "/campaigns/{id}/explain", asked, id=id_)
    assert (explained["campaign"], explained["reason"]) == (id_, "in_retry_window")
    assert act(admin, "pause", id_)[1]["status"] == "paused"
    versions = admin.call("GET", "/campaigns/{id}/versions", id=id_)["versions"]
    assert [each["version"] for each in versions] == [1]


@pytest.mark.parametrize(
    "id_", [LIVE, CHANGES, "A", "-a", "a_b", "a.b", "a/b", "ä", "a\n", "z" * 65]
)
def test_no_campaign_takes_the_place_of_what_is_live(admin: Admin, file: Json, id_: str) -> None:
    status, answer = put(admin, {**file, "id": id_}, None)
    assert (status, answer["code"], answer["field"]) == (400, "invalid_campaign", "campaign.id")
    put(admin, file, 0)
    for route in ("", "/versions"):
        status, answer = admin.send("GET", f"{CAMPAIGN}{route}", id=id_)
        assert (status, answer["code"]) == (404, "not_found")
    assert act(admin, "pause", id_)[0] == 404


# --- sizes ---


def padded(file: Json, size: int) -> Json:
    """The file, that many bytes long as it is stored."""
    plain = file["content"]["first"]["en"]
    many = {f"l{number:04}": {"en": {**plain, "body": "x" * 400}} for number in range(600)}
    grown = {**file, "content": {**file["content"], **many}}
    for name in many:
        surplus = _size(grown) - size
        if surplus <= 300:
            grown["content"][name]["en"]["body"] = "x" * (400 - surplus)
            break
        del grown["content"][name]
    assert _size(grown) == size
    return grown


def _size(file: Json) -> int:
    return len(msgspec.json.encode(msgspec.convert(file, CampaignFile)))


def test_the_largest_file_is_stored_with_the_longest_reason_and_the_longest_name(
    admin: Admin, file: Json
) -> None:
    admin.by = "arn:aws:sts::000000000000:assumed-role/" + "r" * 64 + "/" + "s" * 64
    assert put(admin, padded(file, MAX_BODY), 0, reason="\U0001f600" * 500)[0] == 200
    status, answer = put(admin, padded(file, MAX_BODY + 1), 1)
    assert (status, answer["code"], answer["field"]) == (413, "too_large", "campaign")
    assert (row(admin)["version"], row(admin)["reason"]) == (1, "\U0001f600" * 500)


def test_what_is_live_is_as_large_as_an_item_may_be_and_no_larger(
    admin: Admin, package: Package, file: Json
) -> None:
    settings = msgspec.to_builtins(package.settings)
    act(admin, "pause")
    act(admin, "resume")

    def fill(*last: str) -> Answer:
        users = [f"{number:0100}" for number in range(3_650)]
        revision = admin.call("GET", "/settings")["revision"]
        return settle(admin, {**settings, "test_users": [*users, *last]}, revision)

    assert fill()[0] == 200
    room = MAX_BODY - live_size() - 20 * len('"",') - 4 * len("0")
    names = [f"{number:02}".ljust(room // 20, "x") for number in range(20)]
    names[0] += "x" * (room % 20)
    assert fill(*names)[0] == 200
    assert MAX_BODY - 10 <= live_size() <= MAX_BODY
    before = table()
    status, answer = put(admin, {**file, "id": "one-more"}, None)
    assert (status, answer["code"], answer["field"]) == (413, "too_large", "settings")
    assert table() == before
    assert fill()[0] == 200
    assert put(admin, {**file, "id": "one-more"}, None)[0] == 200


def live_size() -> int:
    return len(bytes(CampaignItem.get(LIVE, 0).body))


# --- many ---


@pytest.fixture
def many(package: Package) -> Package:
    """More packaged campaigns than one transaction takes."""
    [campaign] = package.campaigns
    campaigns = tuple(
        msgspec.structs.replace(campaign, id=f"c{number:03}", priority=-number)
        for number in range(MOST_AT_ONCE + 20)
    )
    return msgspec.structs.replace(package, campaigns=campaigns)


def numbers(campaign: str) -> list[int]:
    return [int(number) for id_, number in table() if id_ == campaign]


def test_the_first_change_stores_however_many_campaigns_were_packaged(
    many: Package, database: Database, file: Json
) -> None:
    database.calls.clear()
    admin = Admin(many)
    assert act(admin, "pause", "c007")[1]["status"] == "paused"
    assert put(admin, {**file, "id": "new"}, None)[0] == 200
    assert all(numbers(campaign.id) == [0] for campaign in many.campaigns)
    app = App(many)
    offer = app.value_moment()
    assert offer
    assert offer["campaign"] == "c000"
    assert len(app.live.at(app.now).campaigns.by_id) == len(many.campaigns) + 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", [1, 2, 11, 20, 21, 22, 23])
def test_row_58_killed_within_a_long_first_change_the_next_deploy_is_what_counts(
    many: Package, database: Database, package: Package, moment: str, call: int
) -> None:
    database.calls.clear()

    def kill(_: str) -> None:
        if len(database.calls) == call:
            raise Killed

    setattr(database, moment, kill)
    try:
        act(Admin(many), "pause", "c007")
        is_made = True
    except Killed:
        is_made = database.calls[-1] == "TransactWriteItems" and moment == "after"
    undisturbed(database)
    assert ((LIVE, "0") in table()) == is_made
    if is_made:
        return
    [campaign] = package.campaigns
    renamed = tuple(
        msgspec.structs.replace(campaign, id=id_, rollout=50.0) for id_ in ("c000", "c119")
    )
    deployed = msgspec.structs.replace(package, campaigns=renamed)
    admin = Admin(deployed)
    assert act(admin, "pause", "c119")[0] == 200
    listed = admin.call("GET", "/campaigns")["campaigns"]
    assert [each["id"] for each in listed] == ["c000", "c119"]
    assert [row(admin, id_)["rollout"] for id_ in ("c000", "c119")] == [50.0, 50.0]


def test_of_a_hundred_live_campaigns_each_is_read_once(many: Package, database: Database) -> None:
    admin = Admin(many)
    assert act(admin, "pause", "c000")[0] == 200
    app = App(many)
    database.calls.clear()
    assert app.live.at(app.now).problem is None
    # LIVE, whether a newer one was made, and each campaign.
    assert database.calls == ["GetItem"] * (2 + len(many.campaigns))
    file = msgspec.to_builtins(many.campaigns[7])
    assert put(admin, {**file, "priority": 999}, 0)[0] == 200
    app.now += 20 * SECOND
    database.calls.clear()
    offer = app.value_moment()
    assert offer
    assert (offer["campaign"], offer["campaignVersion"]) == ("c007", 1)
    # LIVE, whether a newer one was made, the new version, and the user.
    assert database.calls == ["GetItem", "GetItem", "GetItem", "GetItem", "PutItem"]


def test_a_refresh_that_breaks_off_goes_on_where_it_was(many: Package, database: Database) -> None:
    act(Admin(many), "pause", "c000")
    app = App(many)
    database.calls.clear()
    database.before = lambda name: unreachable(name) if len(database.calls) > 60 else None
    assert not app.live.at(app.now).campaigns.fresh
    undisturbed(database)
    app.now += SECOND
    database.calls.clear()
    assert app.live.at(app.now).campaigns.fresh
    assert len(database.calls) == 1 + 2 + len(many.campaigns) - 60
