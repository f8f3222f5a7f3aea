"""Who may act as whom: every public route, by every key and token, in every mode.

What is refused reads and writes nothing, and is answered alike whether the user exists or not.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.core.campaign import Package
from functions.environment import Auth
from functions.store.access import KeyUse
from functions.track.routes import ROUTES
from tests.integration.access import KEYS, SERVER_KEY, call, opened
from tests.integration.conftest import START, WRITE_KEY, App, Database, Json, message
from tests.signing import AUDIENCE, DEVICE, SECOND_USER, STRANGER, USER, Signer

KNOWN, UNKNOWN = "u1", "u2"
"""The first has a profile."""

INSTALL, OTHER_INSTALL = "a1", "a2"

POSTED = sorted(path for method, path in ROUTES if method == "POST")
OF_USERS = [path for path in POSTED if path != "/v1/devices"]

KINDS = {"t": "track", "i": "identify", "a": "alias", "p": "page", "s": "screen", "g": "group"}
SAID: dict[str, Json] = {
    "track": {"event": "ValueMomentReached"},
    "identify": {"traits": {"plan": "pro"}},
    "alias": {"previousId": INSTALL},
    "page": {"name": "Home"},
    "screen": {"name": "Home"},
    "group": {"groupId": "g1", "traits": {"plan": "pro"}},
    "actions": {},
}

WRONG_KEY = "not-a-key"

Token = Callable[[str], Any]

TOKENS: dict[str, tuple[Token, str]] = {
    # What the call brings for a user, and the code that it is answered with.
    "own": (USER.token, "ok"),
    "own, by the second key": (SECOND_USER.token, "ok"),
    "none": (lambda _: None, "unauthorized"),
    "the other's": (lambda user: USER.token(other(user)), "forbidden"),
    "the other's, by the second key": (lambda user: SECOND_USER.token(other(user)), "forbidden"),
    "a device's": (lambda _: DEVICE.token(INSTALL), "forbidden"),
    "a device's of that name": (DEVICE.token, "forbidden"),
    "expired": (lambda user: USER.token(user, now=START - 3_600_000), "unauthorized"),
    "a stranger's": (STRANGER.token, "unauthorized"),
    "another stage's": (lambda user: USER.token(user, aud="softask-prod"), "unauthorized"),
    "the second key's issuer": (lambda u: USER.token(u, iss="second-backend"), "unauthorized"),
    "a device key's for a user": (lambda u: crossed(DEVICE, u), "unauthorized"),
    "the write key": (lambda _: WRITE_KEY, "unauthorized"),
    "the server key": (lambda _: SERVER_KEY, "unauthorized"),
}


def other(user: str) -> str:
    return UNKNOWN if user == KNOWN else KNOWN


def crossed(signer: Signer, user: str) -> str:
    """Of a user's issuer, signed by a key that is for something else."""
    return signer.token(user, iss=USER.issuer, aud=AUDIENCE)


def body_of(path: str, user: str) -> Json:
    """A call that changes what is stored of the user; the merge of an alias is proven."""
    name = path.removeprefix("/v1/")
    kind = KINDS.get(name, name)
    context = {"device": {"id": "d1"}, "softask": {"deviceToken": DEVICE.token(INSTALL)}}
    if kind in ("batch", "b"):
        return {"batch": [{"type": "track", "messageId": "m1", **body_of("/v1/track", user)}]}
    told = {} if kind == "actions" else {"messageId": "m1"}
    return {"userId": user, "context": context, **told, **SAID[kind]}


def outcome(status: int, answer: Json) -> str:
    """The code that a call or its one row was refused with."""
    if status != 200:
        return str(answer["code"])
    [row] = answer.get("results", [{"status": "accepted"}])
    return str(row["error"]["code"]) if row["status"] == "rejected" else "ok"


@pytest.fixture
def opens(package: Package, database: Database) -> Callable[[Auth], App]:
    """An app of that mode, in which one of the two users is known."""

    def open_(auth: Auth) -> App:
        app = opened(package, database, auth)
        status, answer = call(app, "/v1/track", message("ValueMomentReached", KNOWN), SERVER_KEY)
        assert (status, len(answer["actions"])) == (200, 1)
        database.calls.clear()
        return app

    return open_


@pytest.mark.parametrize("auth", ["off", "observe", "enforce"])
@pytest.mark.parametrize("path", OF_USERS)
def test_every_route_by_every_key_and_token(
    opens: Callable[[Auth], App], database: Database, path: str, auth: Auth
) -> None:
    app = opens(auth)
    found = {
        (key, name, user): sent(app, database, path, user, key, token(user))
        for name, (token, _) in TOKENS.items()
        for user in (KNOWN, UNKNOWN)
        for key in (WRITE_KEY, SERVER_KEY, WRONG_KEY)
    }
    for (key, name, user), (code, was_quiet, _) in found.items():
        allowed = key == SERVER_KEY or auth != "enforce"
        expected = "unauthorized" if key == WRONG_KEY else "ok" if allowed else TOKENS[name][1]
        assert code == expected, (key, name, user)
        assert was_quiet or code == "ok", (key, name, user)
    refused = {each: said for each, (code, _, said) in found.items() if code != "ok"}
    for (key, name, user), said in refused.items():
        assert said == refused[key, name, other(user)]


def sent(
    app: App, database: Database, path: str, user: str, key: str, token: Any
) -> tuple[str, bool, Json]:
    """What it was answered with, whether no table was touched, and the answer."""
    database.calls.clear()
    status, answer = call(app, path, body_of(path, user), key, token)
    return outcome(status, answer), database.calls == [], answer


DEVICES: dict[str, tuple[Token, str]] = {
    "own": (DEVICE.token, "ok"),
    "the other's": (lambda id_: DEVICE.token(OTHER_INSTALL + id_), "forbidden"),
    "none": (lambda _: None, "unauthorized"),
    "a user's of that name": (USER.token, "forbidden"),
    "a user key's": (lambda id_: USER.token(id_, iss=AUDIENCE), "unauthorized"),
    "expired": (lambda id_: DEVICE.token(id_, now=START - 3_600_000), "unauthorized"),
    "the server key": (lambda _: SERVER_KEY, "unauthorized"),
}


@pytest.mark.parametrize("auth", ["off", "observe", "enforce"])
@pytest.mark.parametrize("name", DEVICES)
def test_an_anonymous_id_speaks_and_is_renewed_by_its_own_token_alone(
    opens: Callable[[Auth], App], database: Database, name: str, auth: Auth
) -> None:
    app = opens(auth)
    make, code = DEVICES[name]
    for key in (WRITE_KEY, SERVER_KEY, WRONG_KEY):
        allowed = key == SERVER_KEY or auth != "enforce"
        expected = "unauthorized" if key == WRONG_KEY else "ok" if allowed else code
        asked = call(app, "/v1/devices", {"anonymousId": INSTALL}, key, make(INSTALL))
        assert (outcome(*asked), database.calls) == (expected, [])
        body = {"anonymousId": INSTALL, "event": "ValueMomentReached"}
        told = call(app, "/v1/track", body, key, make(INSTALL))
        assert outcome(*told) == expected
        assert not database.calls or expected == "ok"
        database.calls.clear()


@pytest.mark.parametrize("auth", ["off", "observe", "enforce"])
def test_a_server_key_never_stands_in_a_url(opens: Callable[[Auth], App], auth: Auth) -> None:
    app = opens(auth)
    assert settings(app, WRITE_KEY)[0] == 200
    for key in (SERVER_KEY, WRONG_KEY):
        assert settings(app, key)[0] == 401
    assert settings(app, SERVER_KEY) == settings(app, WRONG_KEY)


def settings(app: App, key: str) -> tuple[int, str]:
    route = "/v1/projects/{writeKey}/settings"
    event: Any = {
        "version": "2.0",
        "routeKey": f"GET {route}",
        "rawPath": route,
        "rawQueryString": "",
        "headers": {},
        "pathParameters": {"writeKey": key},
        "requestContext": {"stage": "$default", "http": {"method": "GET", "path": route}},
    }
    response: Json = app.api.resolve(event, None)  # type: ignore[arg-type] # not a Lambda
    return response["statusCode"], response["body"]


def test_every_public_route_is_asked_here() -> None:
    asked = {("POST", path) for path in (*OF_USERS, "/v1/devices")}
    open_to_all = {("GET", "/openapi.json")}
    assert asked | open_to_all | {("GET", "/v1/projects/{writeKey}/settings")} == set(ROUTES)


def test_only_the_keys_of_callers_let_anybody_in(opens: Callable[[Auth], App]) -> None:
    app = opens("off")
    for id_, key in KEYS.items():
        if key.use not in (KeyUse.WRITE, KeyUse.SERVER):
            for told in (id_, json.dumps(dict(key.public)), key.public["x"]):
                assert call(app, "/v1/track", message("AppOpened"), told)[0] == 401
