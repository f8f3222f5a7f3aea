"""What Segment's and RudderStack's SDKs send, byte for byte as far as it differs between them."""

import asyncio
import base64
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from typer.testing import CliRunner

from cli import main
from cli.dev import environment, gateway, server
from cli.openapi.document import compact
from functions.core.campaign import AttemptRule, Package
from functions.core.model import User
from functions.environment import read_environment
from functions.store import profiles
from functions.track import api
from functions.track.routes import ROUTES
from functions.wire.calls import CALLS, MAX_MESSAGES, Alias, Asker, MessageKind, Screen
from functions.wire.errors import InvalidRequest
from functions.wire.messages import read_asker, read_message
from tests.integration.conftest import (
    DAY,
    MINUTE,
    START,
    WRITE_KEY,
    Admin,
    App,
    Database,
    Json,
    message,
)

POSTED = [path for method, path in ROUTES if method == "POST" and path != "/v1/devices"]
SHORT = {"t": "track", "i": "identify", "a": "alias", "p": "page", "s": "screen", "g": "group"}
BODIES: dict[str, Json] = {
    "track": {"event": "AppOpened"},
    "identify": {},
    "alias": {"previousId": "a1"},
    "page": {"name": "Home"},
    "screen": {},
    "group": {"groupId": "g1"},
}

Reply = tuple[int, Json]


def basic(key: str = WRITE_KEY) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def send(
    app: App,
    path: str,
    content: bytes = b"",
    *headers: tuple[str, str],
    method: str = "POST",
    host: str = "softask.example.com",
    as_base64: bool = False,
) -> Reply:
    """The bytes through the gateway, as it hands them over; `as_base64`: whatever their type."""
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "https",
        "server": ("127.0.0.1", 443),
        "client": ("127.0.0.1", 50_000),
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", host.encode()), *raw],
    }
    request = Request(scope)
    route = gateway.match(request)
    assert route, path
    event = gateway.to_event(request, route, content, app.now, "r1")
    if as_base64 and not event["isBase64Encoded"]:
        event |= {"body": base64.b64encode(content).decode(), "isBase64Encoded": True}
    response = app.api.resolve(event, None)  # type: ignore[arg-type] # not a Lambda
    app.headers = response["headers"]
    return response["statusCode"], json.loads(sent_body(response))


def sent_body(response: Json) -> bytes:
    """As a client reads it."""
    if not response["isBase64Encoded"]:
        return str(response["body"]).encode()
    return gzip.decompress(base64.b64decode(response["body"]))


def call_of(path: str, **more: Any) -> Json:
    """A body for that path that no campaign refers to."""
    name = path.rpartition("/")[2]
    kind = SHORT.get(name, name)
    sent = {"userId": "u1", "messageId": "m1", **more}
    if kind in BODIES:
        return sent | BODIES[kind]
    if kind in ("b", "batch"):
        return {"batch": [{"type": "track", "event": "AppOpened", **sent}], **more}
    return {"userId": "u1", **more}


def is_read(path: str, answer: Json) -> bool:
    """Whether the answer shows that the body was understood."""
    if path == "/v1/actions":
        return bool(answer["actions"] == [])
    [row] = answer.get("results", [answer])
    return bool(row["messageId"] == "m1")


# --- what travels ---

TYPES = [
    None,
    "application/json",
    "Application/JSON; charset=utf-8",
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "nonsense",
]
ENCODINGS: dict[str, tuple[Callable[[bytes], bytes], str | None]] = {
    "plain": (bytes, None),
    "identity": (bytes, "identity"),
    "gzip": (gzip.compress, "gzip"),
    "gzip in capitals": (gzip.compress, "GZIP"),
    "gzip that no header tells": (gzip.compress, None),
    "gzip that was inflated on the way": (bytes, "gzip"),
}


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("as_base64", [False, True])
@pytest.mark.parametrize("auth", ["header", "body"])
def test_row_34_however_a_body_travels_every_route_reads_it(
    app: App, content_type: str | None, encoding: str, as_base64: bool, auth: str
) -> None:
    encode, told = ENCODINGS[encoding]
    headers = [basic()] if auth == "header" else []
    headers += [("Content-Type", content_type)] if content_type else []
    headers += [("Content-Encoding", told)] if told else []
    for path in POSTED:
        body = call_of(path, **({"writeKey": WRITE_KEY} if auth == "body" else {}))
        content = encode(json.dumps(body).encode())
        status, answer = send(app, path, content, *headers, as_base64=as_base64)
        assert (status, answer.get("success")) == (200, True), (path, answer)
        assert is_read(path, answer)


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ([], {}),
        ([], {"writeKey": "wrong"}),
        ([], {"writeKey": 7}),
        ([basic("wrong")], {"writeKey": WRITE_KEY}),
        ([("Authorization", "Basic !")], {"writeKey": WRITE_KEY}),
        ([("Authorization", f"Bearer {WRITE_KEY}")], {}),
    ],
)
def test_row_42_every_route_asks_for_our_write_key_first(
    app: App, database: Database, path: str, headers: list[tuple[str, str]], more: Json
) -> None:
    status, answer = send(app, path, json.dumps(call_of(path, **more)).encode(), *headers)
    assert (status, answer["code"], answer["field"]) == (401, "unauthorized", "writeKey")
    assert database.calls == []


def test_a_long_and_a_short_name_are_one_route(app: App) -> None:
    body = json.dumps(message("ValueMomentReached", messageId="m1")).encode()
    long = send(app, "/v1/track", body, basic())
    assert send(app, "/v1/t", body, basic()) == long
    assert long[1]["actions"]


def test_every_route_has_an_answer(app: App) -> None:
    names = {*CALLS, "batch"}
    short = {name[0] for name in names}
    assert len(short) == len(names)
    expected = {f"/v1/{name}" for name in names | short | {"actions"}}
    assert expected == set(POSTED)
    assert app.send("/v1/pages", "{}")[0] == 404


# --- the calls ---


def remembering(package: Package, *events: str) -> App:
    settings = structs.replace(package.settings, remember=events)
    return App(structs.replace(package, settings=settings))


def counts(app: App, user: str = "u1") -> dict[str, int]:
    return {name: history.count for name, history in app.profile(user).events.items()}


VIEWS = [
    ({"name": "Home"}, "Home"),
    ({"event": "Home"}, "Home"),
    ({"name": "", "event": "Home", "category": ""}, "Home"),
    ({"name": "Home", "event": "Other"}, "Home"),
    ({}, None),
    ({"name": None, "properties": None}, None),
    ({"name": ""}, None),
    ({"properties": {"name": "Home"}}, None),
]


@pytest.mark.parametrize(("body", "event"), VIEWS)
@pytest.mark.parametrize("kind", ["page", "screen"])
@pytest.mark.usefixtures("database")
def test_a_view_counts_under_its_name_and_without_one_under_its_kind(
    package: Package, kind: str, body: Json, event: str | None
) -> None:
    app = remembering(package, "Home", "page", "screen")
    app.post(f"/v1/{kind}", {"userId": "u1", **body})
    item = {"type": kind, "userId": "u1", **body}
    app.post("/v1/batch", {"batch": [item]})
    assert counts(app) == {event or kind: 2}


@pytest.mark.usefixtures("database")
def test_a_group_call_counts_as_the_event_group(package: Package) -> None:
    app = remembering(package, "group")
    app.post("/v1/group", {"userId": "u1", "groupId": "g1", "traits": {"plan": "pro"}})
    assert counts(app) == {"group": 1}
    assert app.profile().attributes == {}


def triggered_by(package: Package, event: str, where: Json) -> App:
    """The shipped campaign, triggered by another event with such properties."""
    [campaign, *_] = package.campaigns
    trigger = {"any": [{"event": event, "where": where}]}
    changed = structs.replace(
        campaign,
        trigger=msgspec.convert(trigger, type(campaign.trigger)),
        attempts=(AttemptRule(content="first"),),
    )
    return App(structs.replace(package, campaigns=(changed,)))


@pytest.mark.parametrize(
    ("path", "body", "event", "where"),
    [
        ("/v1/page", {"name": "Home"}, "Home", {"property": "name", "is": "Home"}),
        ("/v1/screen", {"category": "Shop"}, "screen", {"property": "category", "is": "Shop"}),
        (
            "/v1/screen",
            {"name": "Home", "category": "A", "properties": {"category": "B"}},
            "Home",
            {"property": "category", "is": "B"},
        ),
        (
            "/v1/group",
            {"groupId": 7, "traits": {"plan": "pro", "groupId": "other"}},
            "group",
            {"all": [{"property": "plan", "is": "pro"}, {"property": "groupId", "is": "7"}]},
        ),
    ],
)
@pytest.mark.usefixtures("database")
def test_views_and_groups_trigger_campaigns_by_name_and_properties(
    package: Package, path: str, body: Json, event: str, where: Json
) -> None:
    app = triggered_by(package, event, where)
    context = message("")["context"]
    answer = app.post(path, {"userId": "u1", "context": context, **body})
    assert [action["type"] for action in answer["actions"]] == ["open_deeplink"]
    other = app.post(path, {"userId": "u2", "groupId": "g", "context": context})
    assert other["actions"] == []


@pytest.mark.parametrize(
    ("kind", "body", "change"),
    [
        ("page", {"name": "Home"}, {"name": "Other"}),
        ("page", {"name": "Home"}, {"category": "Docs"}),
        ("page", {"name": "Home"}, {"properties": {"x": 1}}),
        ("group", {"groupId": "g1"}, {"groupId": "g2"}),
        ("group", {"groupId": "g1"}, {"traits": {"plan": "pro"}}),
        ("identify", {"traits": {"plan": "pro"}}, {"traits": {"plan": "free"}}),
        ("identify", {"traits": {"plan": "pro"}}, {"context": {"traits": {"tier": 1}}}),
    ],
)
@pytest.mark.usefixtures("database")
def test_row_02_a_known_id_with_other_content_is_refused_in_every_call(
    package: Package, kind: str, body: Json, change: Json
) -> None:
    app = remembering(package, "Home", "Other", "page", "group")
    first = {"userId": "u1", "messageId": "m1", **body}
    app.post(f"/v1/{kind}", first)
    app.post(f"/v1/{kind}", first | {"context": {"locale": "de"}})
    before = app.profile()
    status, answer = app.send(f"/v1/{kind}", json.dumps(first | change))
    assert (status, answer["code"]) == (409, "message_id_reused")
    assert app.profile() == before


@pytest.mark.usefixtures("database")
def test_row_02_a_page_and_a_screen_of_one_name_are_not_the_same(package: Package) -> None:
    app = remembering(package, "Home")
    body = {"userId": "u1", "messageId": "m1", "name": "Home"}
    app.post("/v1/page", body)
    assert app.send("/v1/screen", json.dumps(body))[0] == 409
    assert counts(app) == {"Home": 1}


@pytest.mark.parametrize(
    ("path", "body", "field", "says"),
    [
        ("/v1/alias", {"userId": "u1"}, "previousId", "Add previousId."),
        ("/v1/alias", {"userId": "u1", "previousId": ""}, "previousId", "1 to 256 characters"),
        ("/v1/alias", {"userId": "u1", "previousId": True}, "previousId", "must be a string"),
        ("/v1/alias", {"userId": "u1", "previousId": 7.5}, "previousId", "must be a string"),
        ("/v1/alias", {"anonymousId": "a", "previousId": "p"}, "userId", "Add userId."),
        ("/v1/alias", {"userId": "", "anonymousId": "a", "previousId": "p"}, "userId", "1 to 256"),
        ("/v1/alias", {"previousId": "p"}, "userId", "Add userId or anonymousId"),
        ("/v1/group", {"userId": "u1"}, "groupId", "Add groupId."),
        ("/v1/group", {"userId": "u1", "groupId": None}, "groupId", "Add groupId."),
        ("/v1/group", {"userId": "u1", "groupId": "g", "traits": []}, "traits", "an object"),
        ("/v1/page", {"userId": "u1", "name": 7}, "name", "must be a string"),
        ("/v1/page", {"userId": "u1", "name": "x" * 201}, "name", "1 to 200 characters"),
        ("/v1/screen", {"userId": "u1", "category": []}, "category", "must be a string"),
        ("/v1/screen", {"userId": "u1", "properties": "x"}, "properties", "must be an object"),
        ("/v1/track", {"userId": "u1", "event": {}}, "event", "event must be a string."),
        ("/v1/track", {"userId": {}, "event": "E"}, "userId", "userId must be a string."),
        ("/v1/track", {"userId": "", "event": ""}, "userId", "userId must have 1 to 256"),
        ("/v1/track", {"event": 7}, "userId", "Add userId or anonymousId"),
        ("/v1/track", {"userId": "u1", "event": "E", "timestamp": 7}, "timestamp", "such as 2026"),
        ("/v1/track", {"userId": "u1", "event": "E", "sentAt": ""}, "sentAt", "such as 2026"),
        ("/v1/actions", {"userId": "u1", "intent": "other"}, "intent", "explicit, or left out"),
        ("/v1/actions", {"userId": "u1", "intent": 7}, "intent", "explicit, or left out"),
        ("/v1/actions", {"userId": "u1", "offerId": ""}, "offerId", "1 to 256 characters"),
        ("/v1/actions", {"userId": "u1", "context": []}, "context", "must be an object"),
        ("/v1/batch", {"batch": [], "sentAt": "soon"}, "sentAt", "such as 2026"),
        ("/v1/batch", {"batch": [], "context": []}, "context", "must be an object"),
    ],
)
def test_a_wrong_field_is_named_with_what_to_send(
    app: App, database: Database, path: str, body: Json, field: str, says: str
) -> None:
    status, answer = app.send(path, json.dumps(body))
    assert (status, answer["code"], answer["field"]) == (400, "invalid_request", field)
    assert says in answer["message"]
    assert database.calls == []


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("alias", "previousId"),
        ("group", "groupId"),
        ("page", "name"),
        ("screen", "category"),
        ("screen", "event"),
        ("track", "event"),
        ("track", "userId"),
        ("identify", "anonymousId"),
    ],
)
def test_row_02_each_field_of_a_call_is_part_of_its_content(kind: MessageKind, field: str) -> None:
    def content(**more: Any) -> bytes:
        return read_message(kind, {"userId": "u1", **BODIES[kind], **more}, START).content

    assert content(**{field: "x"}) != content(**{field: "y"})
    assert content(context={"locale": "de"}, sentAt="2026-11-21T10:00:00Z") == content()


# --- who becomes whom ---

BOTH = {"userId": "u1", "anonymousId": "a1"}


@pytest.mark.parametrize(
    ("kind", "body", "user", "merges"),
    [
        ("identify", BOTH, "u1", "a1"),
        ("identify", {"userId": "u1"}, "u1", ""),
        ("identify", {"userId": "u1", "anonymousId": ""}, "u1", ""),
        ("identify", {"anonymousId": "a1"}, "a1", ""),
        ("identify", {"userId": "", "anonymousId": "a1"}, "a1", ""),
        ("alias", {"userId": "u1", "previousId": "a1"}, "u1", "a1"),
        ("alias", {**BOTH, "previousId": "a2"}, "u1", "a2"),
        ("alias", {"userId": 7, "previousId": 8}, "7", "8"),
        ("identify", {"userId": 0, "anonymousId": 8}, "0", "8"),
        ("track", {**BOTH, "event": "E"}, "u1", ""),
        ("page", BOTH, "u1", ""),
        ("screen", BOTH, "u1", ""),
        ("group", {**BOTH, "groupId": "g1"}, "u1", ""),
    ],
)
def test_only_identify_and_alias_merge(
    kind: MessageKind, body: Json, user: str, merges: str
) -> None:
    read = read_message(kind, body, START)
    assert (read.user.id, read.merges) == (user, merges)
    assert read.user.kind == ("anonymous" if body.get("userId") in (None, "") else "user")
    assert read.kind == ("identify" if kind in ("identify", "alias") else "track")
    assert read.device == str(body.get("anonymousId", ""))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=5), child),
    max_leaves=8,
)
KEYS = st.sampled_from([*structs.fields(Screen), *structs.fields(Alias), *structs.fields(Asker)])


@settings(deadline=None, max_examples=200)
@given(
    kind=st.sampled_from([*CALLS]),
    body=st.dictionaries(KEYS.map(lambda field: field.encode_name), VALUES),
    shared=st.dictionaries(st.sampled_from(["context", "sentAt"]), VALUES),
)
def test_whatever_a_body_says_it_is_read_or_refused_with_its_field(
    kind: MessageKind, body: Json, shared: Json
) -> None:
    reads: list[Callable[[], Any]] = [
        lambda: read_message(kind, {"userId": "u1", **body}, START),
        lambda: read_message(kind, body, START, shared),
        lambda: read_asker(body, START),
    ]
    for read in reads:
        refused = refusal(read)
        assert refused is None or (refused.field and refused.message)


def refusal(read: Callable[[], Any]) -> InvalidRequest | None:
    try:
        read()
    except InvalidRequest as error:
        return error
    return None


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/track", "userId"),
        ("/v1/track", "anonymousId"),
        ("/v1/track", "messageId"),
        ("/v1/alias", "userId"),
        ("/v1/alias", "previousId"),
        ("/v1/group", "groupId"),
        ("/v1/actions", "offerId"),
    ],
)
def test_row_34_an_empty_id_is_refused(app: App, database: Database, path: str, field: str) -> None:
    who = {} if field == "anonymousId" else {"userId": "u1"}
    body = {**who, **BODIES.get(path.removeprefix("/v1/"), {}), field: ""}
    status, answer = app.send(path, json.dumps(body))
    assert (status, answer["code"], answer["field"]) == (400, "invalid_request", field)
    assert database.calls == []


# --- traits in two places ---


def test_traits_of_an_identify_may_lie_in_its_context(app: App) -> None:
    context = {"traits": {"plan": "free", "session_count": 3}}
    app.post("/v1/identify", {"userId": "u1", "context": context, "traits": {"plan": "pro"}})
    kept = {name: each.value for name, each in app.profile().attributes.items()}
    assert kept == {"plan": "pro", "session_count": 3}


def test_a_batch_s_context_tells_traits_too(app: App) -> None:
    identify = {"type": "identify", "userId": "u1", "context": {"traits": {"a": 1}}}
    app.post("/v1/batch", {"batch": [identify], "context": {"traits": {"b": 2}}})
    assert set(app.profile().attributes) == {"a", "b"}


def test_traits_in_the_context_of_other_calls_are_ignored(app: App) -> None:
    context = {"traits": {"plan": "pro", "push_permission_status": "nonsense"}}
    offer = app.value_moment(context={**message("")["context"], **context})
    assert offer
    assert app.profile().attributes == {}


@pytest.mark.parametrize(
    "traits",
    [
        {"push_permission_status": "maybe"},
        {"push_softask_declined_at": "yesterday"},
        {"": 1},
        {"x" * 129: 1},
    ],
)
def test_a_bad_trait_is_named_where_it_lies(app: App, database: Database, traits: Json) -> None:
    [name] = traits
    told = f".{name}" if name.startswith("push") else ""
    for place, body in (
        ("traits", {"traits": traits}),
        ("context.traits", {"context": body_of(traits)}),
    ):
        status, answer = app.send("/v1/identify", json.dumps({"userId": "u1", **body}))
        assert (status, answer["field"]) == (400, f"{place}{told}")
    assert database.calls == []


def body_of(traits: Json) -> Json:
    return {"traits": traits}


@pytest.mark.parametrize("traits", [[], "x", 7, None])
def test_context_traits_that_are_no_object_are_absent(app: App, traits: Any) -> None:
    body = {"userId": "u1", "traits": {"plan": "pro"}, "context": {"traits": traits}}
    app.post("/v1/identify", body)
    assert set(app.profile().attributes) == {"plan"}


def test_a_decline_and_a_grant_may_be_told_in_the_context(app: App) -> None:
    traits = {
        "push_softask_declined_at": "2026-11-14T10:00:00Z",
        "push_permission_status": "denied",
    }
    context = {"device": {"id": "d1"}, "traits": traits}
    app.post("/v1/identify", {"userId": "u1", "context": context})
    assert app.profile().declined_at == START - 7 * DAY
    assert app.profile().attributes["push_permission_status"].value == "denied"


# --- what real SDKs send ---


def test_analytics_kotlin_sends_an_empty_user_id_until_somebody_logs_in(app: App) -> None:
    body = message("ValueMomentReached") | {"userId": "", "anonymousId": "a1", "integrations": {}}
    [action] = app.post("/v1/track", body)["actions"]
    assert action["userId"] == "a1"
    stored = profiles.load(User("anonymous", "a1"), app.now).profile
    assert stored.events["ValueMomentReached"].count == 1


def test_analytics_ruby_sends_numeric_ids_as_they_are(app: App) -> None:
    app.post("/v1/identify", {"userId": 7, "traits": {"plan": "pro"}, "options": None})
    [action] = app.post("/v1/track", message("ValueMomentReached") | {"userId": 7})["actions"]
    assert action["userId"] == "7"
    assert app.profile("7").attributes["plan"].value == "pro"
    asked = {"userId": "7", "context": message("")["context"]}
    assert app.post("/v1/actions", asked)["actions"] == [action]


def test_what_is_null_is_absent(app: App) -> None:
    nothing = dict.fromkeys(
        ("anonymousId", "messageId", "timestamp", "originalTimestamp", "sentAt", "integrations")
    )
    body = message("ValueMomentReached") | nothing | {"properties": None, "writeKey": None}
    assert app.post("/v1/track", body)["actions"]
    app.post("/v1/track", body | {"context": None})
    app.post("/v1/identify", {"userId": "u1", "traits": None, "context": None})
    app.post("/v1/batch", {"batch": [body | {"type": "track"}], "sentAt": None, "context": None})
    app.post("/v1/actions", {"userId": "u1", "context": None, "offerId": None, "intent": None})


def test_integrations_are_ignored_whatever_they_are(app: App) -> None:
    kinds: list[Any] = [{"All": True}, [], "x", 7]
    for integrations in kinds:
        app.post("/v1/track", {"userId": "u1", "event": "E", "integrations": integrations})


@pytest.mark.parametrize(
    "told",
    [
        "2026-11-21T09:59:50Z",
        "2026-11-21T09:59:50.000Z",
        "2026-11-21T09:59:50.000000Z",
        "2026-11-21T09:59:50.000000000Z",
        "2026-11-21T09:59:50.0000000+00:00",
        "2026-11-21T10:59:50+01:00",
        "2026-11-21T09:59:50+0000",
        "2026-11-21T05:29:50.000-04:30",
        "2026-11-21 09:59:50",
    ],
)
def test_times_are_read_as_every_sdk_spells_them(app: App, told: str) -> None:
    app.value_moment(timestamp=told, sentAt="2026-11-21T10:00:00.000Z")
    assert app.profile().events["ValueMomentReached"].last_at == START - 10_000


@pytest.mark.parametrize("told", [1_795_255_200, 1_795_255_200_000, "1795255200", "", "now", True])
def test_a_time_that_may_mean_two_things_is_refused(
    app: App, database: Database, told: Any
) -> None:
    for field in ("timestamp", "originalTimestamp", "sentAt"):
        body = json.dumps(message("ValueMomentReached") | {field: told})
        status, answer = app.send("/v1/track", body)
        assert (status, answer["field"]) == (400, field)
    assert database.calls == []


@pytest.mark.usefixtures("database")
def test_the_original_timestamp_counts_even_at_the_epoch(app: App) -> None:
    body = {"originalTimestamp": "1970-01-01T00:00:00Z", "timestamp": "2026-11-21T10:00:00Z"}
    app.value_moment(sentAt="2026-11-21T10:00:00Z", **body)
    assert app.profile().events["ValueMomentReached"].last_at == 0


def test_a_message_without_an_id_gets_one_in_every_call(app: App) -> None:
    for path in POSTED:
        if path == "/v1/actions":
            continue
        body = call_of(path, messageId=None)
        body |= {"batch": [item | {"messageId": None} for item in body.get("batch", ())]}
        answer = app.post(path, body)
        [row] = answer.get("results", [answer])
        assert re.fullmatch("[0-9a-f]{32}", row["messageId"])


# --- batches ---


def test_a_batch_takes_every_type_and_names_them_where_one_is_unknown(app: App) -> None:
    items = [{"type": kind, "userId": "u1", **body} for kind, body in BODIES.items()]
    types: list[Json] = [{"type": "Track"}, {"type": []}, {}]
    unknown = [{"userId": "u1", **told} for told in types]
    answer = app.post("/v1/batch", {"batch": [*items, *unknown]})
    statuses = [row["status"] for row in answer["results"]]
    assert statuses == ["accepted"] * len(BODIES) + ["rejected"] * 3
    for index, row in list(enumerate(answer["results"]))[len(BODIES) :]:
        assert row["error"] == {
            "code": "invalid_request",
            "message": "type must be one of track, identify, alias, page, screen, group.",
            "field": f"batch[{index}].type",
        }


def test_row_35_each_bad_message_is_a_row_and_the_rest_are_processed_once(app: App) -> None:
    fine = [message("ValueMomentReached", messageId=f"m{i}") for i in range(2)]
    bad = [
        {"type": "alias", "userId": "u1", "messageId": "b0"},
        {"type": "group", "userId": "u1", "messageId": "b1"},
        {"type": "screen", "userId": "u1", "name": 7, "messageId": "b2"},
        {"type": "identify", "messageId": "b3"},
        {"type": "track", "userId": "u1", "event": "E", "messageId": "x" * 101},
        [],
        7,
    ]
    answer = app.post("/v1/batch", {"batch": [fine[0], *bad, fine[1]]})
    rows = [(row["messageId"], row.get("error", {}).get("field")) for row in answer["results"]]
    assert rows == [
        ("m0", None),
        ("b0", "batch[1].previousId"),
        ("b1", "batch[2].groupId"),
        ("b2", "batch[3].name"),
        ("b3", "batch[4].userId"),
        (None, "batch[5].messageId"),
        (None, "batch[6]"),
        (None, "batch[7]"),
        ("m1", None),
    ]
    assert app.profile().events["ValueMomentReached"].count == 2


def test_the_time_of_sending_is_the_batch_s_unless_a_message_has_its_own(app: App) -> None:
    sent = "2026-11-21T11:00:00Z"
    own = message("ValueMomentReached", timestamp="2026-11-21T10:59:55Z", messageId="m1")
    app.post("/v1/batch", {"batch": [own], "sentAt": sent})
    assert app.profile().events["ValueMomentReached"].last_at == START - 5_000
    later = own | {"messageId": "m2", "userId": "u2", "sentAt": "2026-11-21T10:59:58Z"}
    app.post("/v1/batch", {"batch": [later], "sentAt": sent})
    assert app.profile("u2").events["ValueMomentReached"].last_at == START - 3_000


def test_a_batch_takes_2500_messages_of_4_mb(app: App) -> None:
    item = {"type": "track", "userId": "u1", "event": "AppOpened", "properties": {"x": "y" * 1500}}
    content = json.dumps({"batch": [item] * MAX_MESSAGES}).encode()
    assert len(content) < 4 << 20
    status, answer = send(app, "/v1/b", gzip.compress(content), basic())
    assert (status, len(answer["results"])) == (200, MAX_MESSAGES)


# --- the settings ---


def settings_of(
    app: App, key: str = WRITE_KEY, *headers: tuple[str, str], host: str = "softask.example.com"
) -> Reply:
    return send(app, f"/v1/projects/{key}/settings", b"", *headers, method="GET", host=host)


def test_the_settings_are_those_of_segment_s_sdks_and_say_what_to_send(app: App) -> None:
    status, answer = settings_of(app)
    assert status == 200
    events = answer["softask"].pop("events")
    assert answer == {
        "success": True,
        "integrations": {"Segment.io": {"apiKey": WRITE_KEY, "apiHost": "softask.example.com/v1"}},
        "softask": {"paused": False, "maxAgeSeconds": 60},
    }
    assert events == sorted(events)
    outcomes = {f"PushSoftAsk{each}" for each in ("Shown", "Approved", "Declined", "Dismissed")}
    assert {"ValueMomentReached", "PushPermissionChanged", *outcomes} < set(events)
    assert app.headers["Cache-Control"] == "public, max-age=300"


def test_the_settings_name_the_host_with_its_port(app: App) -> None:
    _, answer = settings_of(app, host="127.0.0.1:8080")
    assert answer["integrations"]["Segment.io"]["apiHost"] == "127.0.0.1:8080/v1"


@pytest.mark.usefixtures("database")
def test_the_settings_name_the_host_that_the_stage_is_known_by(package: Package) -> None:
    app = App(package, public_host="push.example.com")
    _, answer = settings_of(app, host="origin.example.com")
    assert answer["integrations"]["Segment.io"]["apiHost"] == "push.example.com/v1"


@pytest.mark.parametrize("host", ["", "push.example.com", "a-b.c1.example"])
def test_a_public_host_is_a_name_alone(host: str) -> None:
    assert read_environment({"SOFTASK_PUBLIC_HOST": host}).public_host == host


@pytest.mark.parametrize(
    "host", ["https://a.example.com", "a.example.com/v1", "a.example.com:443", "a", "a..b.com", " "]
)
def test_anything_else_ends_the_function(host: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read_environment({"SOFTASK_PUBLIC_HOST": host})


@pytest.mark.usefixtures("database")
def test_the_settings_tell_a_pause_and_the_longest_age(package: Package) -> None:
    [campaign, *_] = package.campaigns
    trigger = structs.replace(campaign.trigger, max_age="5m")
    longer = structs.replace(campaign, id="longer", trigger=trigger)
    paused = structs.replace(package.settings, paused=True, remember=("AppOpened",))
    app = App(Package(campaigns=(campaign, longer), settings=paused))
    _, answer = settings_of(app)
    assert answer["softask"]["paused"] is True
    assert answer["softask"]["maxAgeSeconds"] == 300
    assert "AppOpened" in answer["softask"]["events"]


@pytest.mark.usefixtures("database")
def test_without_campaigns_a_trigger_may_be_a_minute_old(package: Package) -> None:
    app = App(structs.replace(package, campaigns=()))
    _, answer = settings_of(app)
    assert answer["softask"] == {
        "paused": False,
        "events": ["PushPermissionChanged"],
        "maxAgeSeconds": 60,
    }


def test_row_66_a_function_that_cannot_refresh_says_paused(app: App, database: Database) -> None:
    app.now += 30_000
    database.refuse("GetItem", "InternalServerError")
    _, answer = settings_of(app)
    assert answer["softask"]["paused"] is True


@pytest.mark.usefixtures("database")
def test_a_test_user_s_draft_does_not_appear_in_the_settings(package: Package) -> None:
    settings = structs.replace(package.settings, test_users=("tess",))
    package = structs.replace(package, settings=settings)
    app, admin = App(package), Admin(package)
    trigger = {"any": [{"event": "OnlyInTheDraft"}], "max_age": "1h"}
    draft = msgspec.to_builtins(package.campaigns[0]) | {
        "id": "draft",
        "status": "draft",
        "trigger": trigger,
    }
    before = settings_of(app)
    body = {"campaign": draft, "expectedVersion": None}
    admin.call("PUT", "/campaigns/{id}", body, id="draft")
    app.now += MINUTE
    seen = app.live.at(app.now).campaigns.seen_by(User("user", "tess"))
    assert seen.refers_to("OnlyInTheDraft")
    assert settings_of(app) == before


@pytest.mark.parametrize("key", ["wrong", "{writeKey}", "%20", "a.b-c_d~e"])
def test_row_43_the_settings_of_another_app_s_key_are_refused_as_everywhere(
    app: App, key: str
) -> None:
    refused = settings_of(app, key)
    body = json.dumps({"userId": "u1", "event": "E", "writeKey": key}).encode()
    assert refused == send(app, "/v1/track", body)
    assert (refused[0], refused[1]["code"]) == (401, "unauthorized")
    assert app.headers["Cache-Control"] == "no-store"
    # Nor does a header help: the path says whose settings they are.
    assert settings_of(app, key, basic()) == refused


def test_the_settings_cost_no_database_call(app: App, database: Database) -> None:
    assert settings_of(app)[0] == 200
    assert database.calls == []


# --- the document ---


def test_the_document_of_the_routes_is_read_when_it_is_asked_for(
    app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = tmp_path / "openapi.json"
    monkeypatch.setattr(api, "OPENAPI", document)
    status, answer = send(app, "/openapi.json", method="GET")
    assert (status, answer["code"]) == (404, "not_found")
    assert app.headers["Cache-Control"] == "no-store"
    document.write_text('{"openapi": "3.1.0"}')
    assert send(app, "/openapi.json", method="GET") == (200, {"openapi": "3.1.0"})
    assert app.headers["Cache-Control"] == "public, max-age=300"
    assert app.headers["Content-Type"] == "application/json"
    document.unlink()
    assert send(app, "/openapi.json", method="GET")[0] == 200


@pytest.mark.parametrize("asked", ["gzip", "br, gzip;q=0.8"])
def test_the_document_is_compressed_for_whoever_takes_it_so(
    app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: str
) -> None:
    document = tmp_path / "openapi.json"
    document.write_bytes(compact())
    monkeypatch.setattr(api, "OPENAPI", document)
    whole = send(app, "/openapi.json", method="GET")
    assert "Content-Encoding" not in app.headers
    assert app.headers["Vary"] == "Accept-Encoding"
    assert send(app, "/openapi.json", b"", ("Accept-Encoding", asked), method="GET") == whole
    assert app.headers["Content-Encoding"] == "gzip"


# --- names and values are data ---

NAMES = ["version", "body", "user_key", "#n", ":v", "a.b[0]", "SET x = :y", "__proto__", "size"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("database")
def test_row_24_reserved_words_dots_and_proto_are_names_like_others(
    package: Package, name: str
) -> None:
    app = remembering(package, name)
    app.post("/v1/identify", {"userId": name, "traits": {name: name}, "context": {name: name}})
    app.post("/v1/track", {"userId": name, "event": name, "properties": {name: {name: name}}})
    app.post("/v1/screen", {"userId": name, "name": name, "category": name})
    stored = app.profile(name)
    assert stored.attributes[name].value == name
    assert stored.events[name].count == 2


def test_row_25_no_text_of_a_user_enters_an_expression(
    app: App, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[Json] = []
    observe = database.observe

    def watch(request: Any, answer: Callable[[], Any]) -> Any:
        requests.append(json.loads(request.body))
        return observe(request, answer)

    monkeypatch.setattr(database, "observe", watch)
    evil = "x = :v REMOVE #canary"
    app.post("/v1/identify", {"userId": evil, "traits": {evil: evil}})
    offer = app.value_moment(evil, evil, properties={evil: evil}, messageId=evil)
    assert offer
    app.outcome("Declined", offer, user=evil, device=evil)
    expressions = [
        json.dumps(value)
        for request in requests
        for part in (
            request,
            *(put for each in request.get("TransactItems", ()) for put in each.values()),
        )
        for key, value in part.items()
        if "Expression" in key
    ]
    assert expressions
    assert not [each for each in expressions if "canary" in each]


INTERNAL = ["user", "devices", "progress", "events", "recent", "retain_until", "outbox", "aliases"]


@pytest.mark.parametrize("name", INTERNAL)
def test_row_26_an_attribute_never_shadows_what_is_kept_beside_it(app: App, name: str) -> None:
    offer = app.value_moment()
    before = msgspec.to_builtins(app.profile())
    app.post("/v1/identify", {"userId": "u1", "traits": {name: {"x": "y"}}})
    after = msgspec.to_builtins(app.profile())
    assert after["attributes"][name]
    kept = ("user", "devices", "progress", "events")
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    assert app.value_moment() == offer


CANNOT_BE_KEPT = (
    '{"userId":"u1","event":"ValueMomentReached","name":"n","groupId":"g","previousId":"p",%s}'
)


def refused_everywhere(app: App, database: Database, content: bytes) -> None:
    """Every route refuses such a body, and a batch such an item, before the database is asked."""
    for path in POSTED:
        if path in ("/v1/b", "/v1/batch"):
            content_sent = b'{"batch":[' + content + b"]}"
        else:
            content_sent = content
        status, answer = send(app, path, content_sent, basic())
        if status == 200:
            [row] = answer["results"]
            assert row["status"] == "rejected", path
            answer = row["error"]
        else:
            assert status == 400, path
        assert answer["code"] == "invalid_request"
        assert answer["message"]
    assert database.calls == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_row_29_what_is_no_number_is_refused(app: App, database: Database, number: str) -> None:
    refused_everywhere(app, database, (CANNOT_BE_KEPT % f'"properties":{{"x":{number}}}').encode())
    refused_everywhere(app, database, (CANNOT_BE_KEPT % f'"unknown":[{number}]').encode())


@pytest.mark.parametrize("number", ["1" * 39, "-" + "9" * 5000, "1e121", "1e-121", "-1e121"])
def test_row_30_numbers_beyond_what_is_kept_are_refused(
    app: App, database: Database, number: str
) -> None:
    refused_everywhere(app, database, (CANNOT_BE_KEPT % f'"traits":{{"x":{number}}}').encode())


@pytest.mark.parametrize(
    "number", ["0.1234567890123456789", "9007199254740993.5", "1.00000000000000000001"]
)
def test_row_31_a_float_that_would_lose_digits_is_refused(
    app: App, database: Database, number: str
) -> None:
    refused_everywhere(app, database, (CANNOT_BE_KEPT % f'"context":{{"x":{number}}}').encode())


@pytest.mark.parametrize("number", ["46.984765000000003", "0.10000000000000001", "1e23"])
def test_row_31_a_float_may_be_spelled_with_all_its_digits(app: App, number: str) -> None:
    """As Apple's encoder does: it is the very float that the fewest digits name."""
    body = f'{{"userId":"u1","traits":{{"x":{number}}}}}'
    assert app.send("/v1/identify", body)[0] == 200
    assert app.profile().attributes["x"].value == float(number)


@pytest.mark.parametrize("levels", [33, 10_000])
def test_row_28_deep_nesting_is_refused(app: App, database: Database, levels: int) -> None:
    deep = "[" * levels + "]" * levels
    refused_everywhere(app, database, (CANNOT_BE_KEPT % f'"x":{deep}').encode())


@pytest.mark.parametrize(
    "bad",
    [
        b'"x":"\xe9"',
        b'"x":"\xed\xa0\x80"',
        b'"x":"\\ud800"',
        b'"x":"\\udc00\\ud800"',
        b'"\\ud800":1',
    ],
)
def test_row_33_text_that_is_no_unicode_is_refused(
    app: App, database: Database, bad: bytes
) -> None:
    start, end = CANNOT_BE_KEPT.encode().split(b"%s")
    refused_everywhere(app, database, start + bad + end)


def test_row_33_a_byte_order_mark_is_refused(app: App, database: Database) -> None:
    refused_everywhere(app, database, b"\xef\xbb\xbf" + json.dumps(message("E")).encode())


@pytest.mark.parametrize("path", POSTED)
def test_row_27_no_route_reads_more_than_its_bound(app: App, database: Database, path: str) -> None:
    limit = 4 << 20 if path in ("/v1/b", "/v1/batch") else 32 << 10
    padding = b" " * limit
    body = json.dumps(call_of(path)).encode()
    for content in (
        padding + body,
        gzip.compress(padding + body),
        gzip.compress(b"0" * (50 << 20)),
    ):
        status, answer = send(app, path, content, basic())
        assert (status, answer["code"], answer["field"]) == (413, "too_large", "body")
    assert database.calls == []
    # Of a batch, it is the messages that may be so long.
    before, bracket, after = body.rpartition(b"]")
    fits = before + padding[len(body) :] + bracket + after
    assert send(app, path, gzip.compress(fits), basic())[0] == 200


def test_row_32_of_doubled_keys_the_last_counts_in_every_part(app: App) -> None:
    twice = (
        '{"userId":"u0","userId":"u1","traits":{"x":1,"x":2},"context":{"traits":{"y":1,"y":2}}}'
    )
    app.send("/v1/identify", twice)
    item = twice.replace("{", '{"type":"track","type":"identify",', 1)
    item = item.replace("u1", "u2")
    app.send("/v1/batch", f'{{"batch":7,"batch":[{item}],"context":[],"context":{{}}}}')
    for user in ("u1", "u2"):
        stored = {name: each.value for name, each in app.profile(user).attributes.items()}
        assert stored == {"x": 2, "y": 2}


@pytest.mark.parametrize("years", [-50, 50])
def test_row_11_a_clock_wrong_by_50_years_is_corrected_in_every_call(
    package: Package, database: Database, years: int
) -> None:
    assert database.calls == []
    app = remembering(package, "page", "screen", "group", "E")
    sent, at = f"{2026 + years}-11-21T10:00:00Z", f"{2026 + years}-11-21T09:59:50Z"
    for kind, event in (("track", "E"), ("page", "page"), ("screen", "screen"), ("group", "group")):
        body = {"userId": "u1", "event": "E" if kind == "track" else None, "groupId": "g"}
        app.post(f"/v1/{kind}", {**body, "originalTimestamp": at, "sentAt": sent})
        assert app.profile().events[event].last_at == START - 10_000


def test_row_12_a_decline_of_the_future_was_told_now(app: App) -> None:
    app.value_moment()
    app.track(
        "PushSoftAskDeclined", timestamp="2076-01-01T00:00:00Z", sentAt="2026-11-21T10:00:00Z"
    )
    assert app.profile().progress["push-softask"].retry_at == START + 14 * DAY


# --- uniform answers ---


def test_row_41_a_known_an_unknown_and_a_deleted_user_read_the_same(app: App, admin: Admin) -> None:
    app.post("/v1/identify", {"userId": "known", "traits": {"plan": "pro"}})
    for user in ("asked", "deleted"):
        offer = app.value_moment(user)
        assert offer
        app.outcome("Declined", offer, user=user)
    admin.call("DELETE", "/users/{id}", id="deleted")

    def answers(user: str) -> list[Reply]:
        asked: list[tuple[str, Json]] = [
            ("/v1/actions", {}),
            ("/v1/actions", {"offerId": "of_unknown"}),
            ("/v1/actions", {"intent": "nonsense"}),
            ("/v1/actions", {"context": []}),
            ("/v1/track", {"event": "AppOpened", "messageId": "m1"}),
            ("/v1/track", {"event": 7}),
            ("/v1/identify", {"traits": [], "messageId": "m2"}),
            ("/v1/alias", {}),
        ]
        context = {"device": {"id": "d9"}}
        told = [{"userId": user, "context": context, **body} for _, body in asked]
        return [
            app.send(path, json.dumps(body)) for (path, _), body in zip(asked, told, strict=True)
        ]

    stranger = answers("stranger")
    assert [status for status, _ in stranger] == [200, 200, 400, 400, 200, 400, 400, 400]
    for user in ("known", "asked", "deleted"):
        assert answers(user) == stranger


# --- pages of other sites ---


async def _plain(scope: Scope, receive: Receive, send_: Send) -> None:
    await PlainTextResponse("ok")(scope, receive, send_)


def browse(method: str, headers: dict[str, str]) -> httpx.Response:
    """A browser's request to a dev server that lets `ORIGIN` in."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(server.with_cors(_plain, [ORIGIN]))
        async with httpx.AsyncClient(transport=transport, base_url="http://dev") as client:
            return await client.request(method, "/v1/track", headers=headers)

    return asyncio.run(ask())


ORIGIN = "https://app.example.com"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-softask-token",
}


def test_the_dev_server_lets_the_named_origins_in() -> None:
    allowed = browse("OPTIONS", PREFLIGHT)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert allowed.headers["access-control-max-age"] == "86400"
    assert "x-softask-token" in allowed.headers["access-control-allow-headers"]
    assert "POST" in allowed.headers["access-control-allow-methods"]
    answered = browse("GET", {"Origin": ORIGIN})
    assert answered.text == "ok"
    assert answered.headers["access-control-allow-origin"] == ORIGIN
    stranger = browse("OPTIONS", PREFLIGHT | {"Origin": "https://other.example"})
    assert "access-control-allow-origin" not in stranger.headers


def test_the_dev_server_tells_browsers_nothing_unless_it_is_told_to() -> None:
    assert server.with_cors(_plain, []) is _plain


def test_the_dev_command_hands_its_origins_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    monkeypatch.setattr(environment, "prepare", lambda *_: None)
    monkeypatch.setattr(server, "serve", lambda *given: served.append(given[3]))
    arguments = ["dev", "--port", "0"]
    named = [*arguments, "--allow-origin", ORIGIN, "--allow-origin", "http://localhost:3000"]
    assert CliRunner().invoke(main.app, named).exit_code == 0
    assert CliRunner().invoke(main.app, arguments).exit_code == 0
    assert served == [[ORIGIN, "http://localhost:3000"], []]


@pytest.mark.parametrize("origin", ["app.example.com", "https://app.example.com/", "null"])
def test_what_is_no_origin_ends_the_dev_command(origin: str) -> None:
    refused = CliRunner().invoke(main.app, ["dev", "--port", "0", "--allow-origin", origin])
    assert refused.exit_code == 2
    assert f"{origin} is no origin such as https://app.example.com" in refused.output
