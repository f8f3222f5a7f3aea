"""What is held of a user, in every table, as an operator reads it."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import msgspec
import pytest
from msgspec import inspect
from msgspec.structs import replace

from cli.local_tables import NAMES
from functions.admin import users
from functions.core import recent
from functions.core.model import (
    Attribute,
    Device,
    History,
    Profile,
    Progress,
    Seen,
    Snapshot,
    User,
)
from functions.core.reason import Reason
from functions.store import profiles
from functions.store.ledger import FactItem
from functions.store.windows import WindowItem
from functions.wire.users import write_profile
from tests.integration.conftest import START, Admin, App
from tests.integration.privacy import (
    PROFILES,
    USER,
    anonymous,
    decline,
    delete,
    export,
    known,
    live,
    table,
)

NOW = "2026-11-21T10:00:00Z"


@pytest.fixture
def lived(app: App) -> App:
    live(app)
    return app


@pytest.mark.usefixtures("lived")
def test_an_export_holds_what_every_table_knows(admin: Admin) -> None:
    held = export(admin)
    assert (held["id"], held["kind"], held["isKnown"]) == ("u1", "user", True)
    assert held["userKey"] == known()
    assert (held["becameUserId"], held["deleted"], held["next"]) == (None, None, None)
    profile = held["profile"]
    assert profile["user"] == {"kind": "user", "id": "u1"}
    assert profile["attributes"] == {"plan": {"value": "pro", "at": NOW}}
    assert profile["devices"]["d1"]["push"] == {"status": "notDetermined"}
    assert profile["progress"]["push-softask"]["declinedAt"] == NOW
    assert profile["aliases"] == {"a1": NOW, "a2": NOW}
    assert profile["recent"][0]["reason"] == "declined"
    [window] = held["windows"]
    assert window == {
        "campaign": "push-softask",
        "dueAt": "2026-12-05T10:00:00Z",
        "window": "push-softask:1:1796464800",
        "version": 0,
        "arm": "soft_ask",
    }
    whose = [(fact.get("anonymousId"), fact["kind"]) for fact in held["facts"]]
    assert sorted(whose, key=str) == [
        *((id_, kind) for id_ in ("a1", "a2") for kind in ("exposed", "offered")),
        *((None, kind) for kind in ("declined", "exposed", "offered", "shown")),
    ]


@pytest.mark.usefixtures("lived")
def test_an_export_says_which_ask_a_window_follows(admin: Admin) -> None:
    window = WindowItem(known(), "other", due_shard=0, due_at=1_796_464_800, window="other:1:0")
    window.expires_at = datetime.fromtimestamp(1_796_464_800, UTC)
    window.version, window.arm, window.variant = 4, "soft_ask", "friendly"
    window.save()

    told = {each["campaign"]: each for each in export(admin)["windows"]}["other"]

    assert (told["version"], told["arm"], told["variant"]) == (4, "soft_ask", "friendly")


@pytest.mark.usefixtures("lived")
def test_an_export_has_the_decisions_in_the_order_of_their_own_route(admin: Admin) -> None:
    decisions = admin.call("GET", f"{USER}/decisions", id="u1")["decisions"]
    assert len(decisions) > 2
    told = [{name: each[name] for name in ("at", "reason")} for each in decisions]
    assert export(admin)["profile"]["recent"] == told


def test_an_export_says_when_the_profile_will_expire(lived: App, admin: Admin) -> None:
    lived.track("PushSoftAskDeclined", user="u3")
    retained = table(PROFILES)[known("u3")]["retain_until"]["N"]
    told = datetime.fromisoformat(export(admin, "u3")["retainUntil"])
    assert int(told.timestamp()) == int(retained)
    assert export(admin)["retainUntil"] is None


NUMBERS = {
    *("promptsUsed", "notificationTypes", "targetSdk", "apiLevel"),
    *("count", "inSession", "granted", "attempts", "forgiven", "outcomeOf", "since"),
    *("serial", "attempt", "version", "showAfter"),
    *("prompts", "goals", "exposedVersion"),
}
"""What is stored as a number and is no time."""


def test_every_stored_field_is_exported_and_only_numbers_are_numbers() -> None:
    profile = msgspec.convert(example(inspect.type_info(Profile)), Profile)
    exported = write_profile(profile, {})
    assert fields_of(inspect.type_info(Profile)) <= set(names(exported))
    assert {name for name, value in leaves(exported) if value == 7} == NUMBERS


def example(kind: inspect.Type) -> Any:
    """A value of that type, with something in every field; every number is 7."""
    match kind:
        case inspect.StructType(array_like=is_array, fields=fields):
            values = {field.encode_name: example(field.type) for field in fields}
            return list(values.values()) if is_array else values
        case inspect.DictType(value_type=inner):
            return {"any key": example(inner)}
        case inspect.VarTupleType(item_type=inner):
            return [example(inner)]
        case inspect.UnionType(types=types):
            return example(next(each for each in types if not isinstance(each, inspect.NoneType)))
        case inspect.EnumType(cls=cls):
            return next(iter(cls)).value
    return EXAMPLES.get(type(kind), "any text")


EXAMPLES = {inspect.IntType: 7, inspect.BoolType: True, inspect.BytesType: "",
            inspect.LiteralType: "user"}  # fmt: skip


def fields_of(kind: inspect.Type) -> set[str]:
    """The names of every field within, in camelCase."""
    match kind:
        case inspect.StructType(fields=fields):
            own = {camel(field.name) for field in fields}
            return own.union(*(fields_of(field.type) for field in fields))
        case inspect.DictType(value_type=inner) | inspect.VarTupleType(item_type=inner):
            return fields_of(inner)
        case inspect.UnionType(types=types):
            return set().union(*map(fields_of, types))
    return set()


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def names(value: Any) -> Iterator[str]:
    """Every key within."""
    for name, child in pairs(value):
        yield name
        yield from names(child)


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """What is no object and no list, with the name of the field that it stands in."""
    if not isinstance(value, dict | list):
        yield name, value
    for key, child in pairs(value):
        yield from leaves(child, name if key in {"", "any key"} else key)


def pairs(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [("", child) for child in value]
    return list(value.items()) if isinstance(value, dict) else []


def test_what_newer_code_stored_is_exported_as_it_stands(app: App, admin: Admin) -> None:
    decline(app)
    stored = profiles.load(User("user", "u1"), START)
    newer = dataclasses.replace(stored, surplus={"\0unknown": {"mood": "good"}})
    profiles.save(newer, replace(stored.profile, session_at=1), (), 0)
    assert export(admin)["profile"]["unread"] == {"\0unknown": {"mood": "good"}}


@pytest.mark.parametrize("id_", ["a1", "a2"])
@pytest.mark.usefixtures("lived")
def test_an_anonymous_id_that_became_a_user_tells_of_that_user(admin: Admin, id_: str) -> None:
    held = export(admin, id_, kind="anonymous")
    assert (held["id"], held["kind"], held["becameUserId"]) == (id_, "anonymous", "u1")
    whose = {"id": "u1", "kind": "user", "becameUserId": None}
    assert {**held, **whose} == export(admin)


@pytest.mark.usefixtures("lived")
def test_facts_of_an_anonymous_id_that_its_user_remembers_no_more_are_told_to_who_asks(
    admin: Admin,
) -> None:
    stored = profiles.load(User("user", "u1"), START)
    profiles.save(stored, replace(stored.profile, aliases={"a1": START}), (), 0)
    told = [fact.get("anonymousId") for fact in export(admin, "a2", kind="anonymous")["facts"]]
    assert told.count("a2") == 2
    assert "a2" not in [fact.get("anonymousId") for fact in export(admin)["facts"]]


@pytest.mark.usefixtures("lived")
def test_of_an_unknown_user_nothing_is_held_and_that_is_a_200(admin: Admin) -> None:
    assert export(admin, "nobody") == {
        "success": True,
        "id": "nobody",
        "kind": "user",
        "becameUserId": None,
        "userKey": known("nobody"),
        "isKnown": False,
        "deleted": None,
        "retainUntil": None,
        "profile": None,
        "windows": [],
        "facts": [],
        "next": None,
    }


@pytest.mark.usefixtures("lived")
def test_facts_outlive_an_expired_profile_and_are_held(admin: Admin) -> None:
    boto3.client("dynamodb").delete_item(
        TableName=NAMES[PROFILES], Key={"user_key": {"S": known()}}
    )
    held = export(admin)
    assert (held["isKnown"], held["profile"], len(held["facts"])) == (True, None, 4)


def test_an_id_that_no_path_carries_stands_in_the_query(app: App, admin: Admin) -> None:
    decline(app, "a/b?c")
    assert export(admin, "-", id="a/b?c")["isKnown"]
    assert delete(admin, "-", id="a/b?c")["deleted"]["profiles"] == 1
    assert export(admin, "-", id="a/b?c")["deleted"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("id_", "query", "field"),
    [("u1", {"kind": "group"}, "kind"), ("u" * 257, {}, "id"), ("u1", {"id": ""}, "id")],
)
def test_whom_to_take_must_be_said(
    admin: Admin, method: str, id_: str, query: dict[str, str], field: str
) -> None:
    refused = admin.refused(method, USER, id=id_, query=query)
    assert (refused["status"], refused["code"], refused["field"]) == (
        400,
        "invalid_request",
        field,
    )


@pytest.mark.parametrize("after", ["", "x", ":", "x:", ":x"])
def test_a_place_to_go_on_from_is_what_next_said(admin: Admin, after: str) -> None:
    refused = admin.refused("GET", USER, id="u1", query={"after": after})
    assert (refused["status"], refused["field"]) == (400, "after")


@pytest.mark.parametrize("most", [1, 2, 3, 7, 8, 9])
@pytest.mark.usefixtures("lived")
def test_long_exports_come_in_parts_that_lack_nothing(
    admin: Admin, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    whole = export(admin)
    monkeypatch.setattr(users, "MOST_FACTS", most)
    parts = [export(admin)]
    while parts[-1]["next"]:
        parts.append(export(admin, after=parts[-1]["next"]))
    assert [len(part["facts"]) for part in parts[:-1]] == [most] * (len(parts) - 1)
    told = [fact for part in parts for fact in part["facts"]]
    by_id = lambda fact: (fact["id"], fact["kind"])  # noqa: E731 - a key, twice
    assert sorted(told, key=by_id) == sorted(whole["facts"], key=by_id)
    assert parts[-1]["profile"] == whole["profile"]


WIDE = "\x01" * 256
"""Six bytes a character, as JSON."""


def test_no_part_outgrows_what_a_lambda_may_answer(app: App, admin: Admin) -> None:
    stored = profiles.load(User("user", WIDE), app.now)
    profiles.save(stored, large(stored.profile), (), 0)
    with FactItem.batch_write() as batch:
        for number in range(users.MOST_FACTS + 1):
            batch.save(wide_fact(anonymous(wide(0)), number))
    held = export(admin, "-", id=WIDE)
    assert (len(held["facts"]), bool(held["next"])) == (users.MOST_FACTS, True)
    assert len(msgspec.json.encode(held)) < 6 * 1024 * 1024


def wide(number: int) -> str:
    return f"{number:03}{WIDE}"[:256]


def wide_fact(key: str, number: int) -> FactItem:
    return FactItem(
        key,
        f"of_{number:032}:dismissed",
        kind="dismissed",
        at=START + number,
        campaign="c" * 64,
        version=10**6,
        attempt=20,
        arm="a" * 64,
        platform=wide(number),
        offer_id=f"of_{number:032}",
    )


def large(profile: Profile) -> Profile:
    """All that the caps admit, and more campaigns and events than anybody has."""
    times = tuple(START + number for number in range(20))
    seen = tuple(Seen(number, START + number) for number in range(20))
    entry = bytes(8) + START.to_bytes(6, "big") + Reason.COUNTED.to_bytes(1, "big")
    device = Device(push=Snapshot(status="notDetermined"), push_at=START, locale="x" * 100)
    return replace(
        profile,
        attributes={f"{number:0128}": Attribute("\x01" * 15, START) for number in range(100)},
        devices={wide(number): device for number in range(20)},
        aliases={wide(number): START for number in range(100)},
        events={f"{number:0200}": History(20, START, START, times) for number in range(200)},
        progress={f"{number:064}": Progress(seen=seen) for number in range(200)},
        recent=entry * recent.KEPT_AT_MOST,
    )
