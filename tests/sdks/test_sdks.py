"""Segment's and RudderStack's own server SDKs, with nothing changed but their host.

`make sdks` installs them; without that, the tests are skipped.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from cli.demo.process import dev_server
from cli.dev import loopback
from cli.dev.environment import WRITE_KEY
from tests.sdks.catalogue import ROOT, SDKS, Options, Sdk
from tests.sdks.relay import Exchange, relay

Json = dict[str, Any]

NOON = "2026-11-21T12:00:00Z"
# A minute more: SDKs gather messages for a while, and these lie that much before they arrive.
TWO_WEEKS_LATER = "2026-12-05T12:01:00Z"
CONTEXT = {
    "device": {"id": "phone-1", "type": "ios", "model": "iPhone17,3"},
    "os": {"name": "iOS", "version": "18.1"},
    "app": {"version": "4.2", "inForeground": True},
    "locale": "en-GB",
    "timezone": "Europe/London",
    "push": {"status": "notDetermined", "promptsUsed": 0},
}
TRAITS = {"session_count": 3, "push_permission_status": "unknown", "plan": "über"}


def unless_missing(sdk: Sdk, *more: Any) -> Any:
    missing = pytest.mark.skipif(
        not sdk.is_installed, reason=f"{sdk.name} is not in {sdk.home.relative_to(ROOT)}"
    )
    return pytest.param(sdk, *more, marks=missing, id="-".join([sdk.name, *map(str, more)]))


every_sdk = pytest.mark.parametrize("sdk", [unless_missing(sdk) for sdk in SDKS])
every_mode = pytest.mark.parametrize(
    ("sdk", "mode"), [unless_missing(sdk, mode) for sdk in SDKS for mode in sdk.modes]
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with dev_server() as url:
        yield url


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    """The thin client's side of an empty server, at noon."""
    auth = (WRITE_KEY, "")
    with httpx.Client(base_url=server, auth=auth, trust_env=False, timeout=30) as client:
        client.post("/_dev/reset")
        client.post("/_dev/clock", json={"now": NOON})
        yield client


# --- sending ---

_NO_PROXY = {"NO_PROXY": loopback.HOST, "no_proxy": loopback.HOST}


@dataclass(frozen=True, slots=True)
class Sent:
    """What the SDK told its app, and what passed on the wire."""

    errors: list[str]
    log: list[str]
    passed: list[Exchange]


def send(
    sdk: Sdk,
    server: str,
    calls: Sequence[Json],
    options: Options | None = None,
    *,
    key: str = WRITE_KEY,
    lost: Sequence[int] = (),
) -> Sent:
    """The calls, made in the SDK's own environment by a process that ends in good order."""
    with relay(server, lost) as (host, passed):
        script = {"host": host, "writeKey": key, "options": options or {}, "calls": calls}
        ended = subprocess.run(  # noqa: S603 - our own command
            sdk.command,
            cwd=ROOT,
            env={**os.environ, **_NO_PROXY, "NODE_PATH": str(sdk.home / "node_modules")},
            input=json.dumps(script),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    report = json.loads(ended.stdout)
    assert report["addresses"] == [loopback.HOST]
    return Sent(report["errors"], report["log"], passed)


def accepted(sent: Sent, count: int) -> bool:
    """The SDK is content, and the server took every message: an SDK does not look at the rows."""
    rows = [row for exchange in sent.passed for row in exchange.rows]
    assert [row for row in rows if row["status"] != "accepted"] == []
    return (sent.errors, sent.log, len(rows)) == ([], [], count)


def track(event: str, user: Json, **more: Any) -> Json:
    return {"type": "track", **user, "event": event, "context": CONTEXT, **more}


def outcomes(user: Json, offer: Json) -> list[Json]:
    told = {"offerId": offer["offerId"]}
    return [
        track("PushSoftAskShown", user, properties=told),
        track("PushSoftAskDeclined", user, properties=told),
    ]


# --- what came of it ---


def profile(http: httpx.Client, user: Json) -> Json:
    stored: Json = http.get("/_dev/profile", params=user).json()["profile"]
    return stored


def counted(http: httpx.Client, user: Json) -> int:
    return int(profile(http, user)["events"]["ValueMomentReached"]["count"])


def open_offers(http: httpx.Client, user: Json) -> list[Json]:
    response = http.post("/v1/actions", json={**user, "context": CONTEXT})
    assert response.status_code == 200, response.text
    actions: list[Json] = response.json()["actions"]
    return actions


def decline_the_first(sdk: Sdk, http: httpx.Client, user: Json) -> None:
    assert accepted(send(sdk, str(http.base_url), [track("ValueMomentReached", user)]), 1)
    [offer] = open_offers(http, user)
    assert accepted(send(sdk, str(http.base_url), outcomes(user, offer)), 2)


# --- the tests ---


@every_mode
def test_the_recipe_plays_by_changing_the_host(
    sdk: Sdk, mode: str, server: str, http: httpx.Client
) -> None:
    user, options = {"userId": "u1"}, sdk.modes[mode]
    about = {**user, "context": CONTEXT}
    calls = [
        {"type": "identify", **about, "traits": TRAITS},
        {"type": "page", **about, "name": "Home", "properties": {"path": "/"}},
        {"type": "screen", **about, "name": "Streak"},
        {"type": "group", **about, "groupId": "g1", "traits": {"seats": 5}},
        track("ValueMomentReached", user, properties={"streak": 3}),
    ]
    assert accepted(send(sdk, server, calls, options), len(calls))

    stored = profile(http, user)
    assert {name: kept["value"] for name, kept in stored["attributes"].items()} == TRAITS
    assert stored["events"]["ValueMomentReached"]["count"] == 1
    phone = stored["devices"]["phone-1"]
    assert phone["push"] == CONTEXT["push"]
    assert (phone["platform"], phone["osVersion"], phone["appVersion"]) == ("ios", "18.1", "4.2")
    assert (phone["locale"], phone["timeZone"]) == ("en-GB", "Europe/London")
    [offer] = open_offers(http, user)
    assert (offer["attempt"], offer["onApprove"]) == (1, "os_prompt")

    assert accepted(send(sdk, server, outcomes(user, offer), options), 2)
    assert open_offers(http, user) == []
    http.post("/_dev/clock", json={"now": TWO_WEEKS_LATER})
    assert accepted(send(sdk, server, [track("ValueMomentReached", user)], options), 1)
    [retry] = open_offers(http, user)
    assert retry["attempt"] == 2


@every_sdk
def test_a_login_takes_the_anonymous_user_s_decline_along(
    sdk: Sdk, server: str, http: httpx.Client
) -> None:
    user, anonymous = {"userId": "u1"}, {"anonymousId": "a1"}
    decline_the_first(sdk, http, anonymous)
    login = {"type": "identify", **user, **anonymous, "traits": {"plan": "free"}}
    assert accepted(send(sdk, server, [login, track("ValueMomentReached", user)]), 2)

    assert open_offers(http, user) == []
    assert counted(http, user) == 2
    http.post("/_dev/clock", json={"now": TWO_WEEKS_LATER})
    assert accepted(send(sdk, server, [track("ValueMomentReached", user)]), 1)
    [retry] = open_offers(http, user)
    assert retry["attempt"] == 2


@every_sdk
def test_an_alias_takes_the_anonymous_user_s_decline_along(
    sdk: Sdk, server: str, http: httpx.Client
) -> None:
    user = {"userId": "u1"}
    decline_the_first(sdk, http, {"anonymousId": "a1"})
    alias = {"type": "alias", "previousId": "a1", **user}
    assert accepted(send(sdk, server, [alias]), 1)
    assert accepted(send(sdk, server, [track("ValueMomentReached", user)]), 1)

    assert open_offers(http, user) == []
    assert counted(http, user) == 2


@every_sdk
def test_many_messages_are_counted_once_each(sdk: Sdk, server: str, http: httpx.Client) -> None:
    user = {"userId": "u1"}
    sent = send(sdk, server, [track("ValueMomentReached", user)] * 250)
    assert accepted(sent, 250)
    assert len(sent.passed) > 1
    assert counted(http, user) == 250


@every_sdk
@pytest.mark.parametrize("status", [429, 503])
def test_row_64_a_batch_whose_answer_was_lost_is_sent_again_and_counted_once(
    sdk: Sdk, status: int, server: str, http: httpx.Client
) -> None:
    user = {"userId": "u1"}
    sent = send(sdk, server, [track("ValueMomentReached", user)] * 100, lost=[status])
    assert sent.errors == []
    first = [row["messageId"] for row in sent.passed[0].rows]
    again = [
        row for exchange in sent.passed[1:] for row in exchange.rows if row["messageId"] in first
    ]
    assert [row["messageId"] for row in again] == first
    assert {row["status"] for row in again} == {"duplicate"}
    assert counted(http, user) == 100


@every_mode
def test_a_wrong_write_key_is_told_to_the_app_and_not_tried_again(
    sdk: Sdk, mode: str, server: str, http: httpx.Client
) -> None:
    user = {"userId": "u1"}
    calls = [track("ValueMomentReached", user)]
    sent = send(sdk, server, calls, sdk.modes[mode], key="of-another-app")
    assert [exchange.status for exchange in sent.passed] == [401]
    [error] = sent.errors
    assert "401" in error
    assert profile(http, user) is None


@every_sdk
def test_a_value_moment_of_last_month_counts_then_and_brings_no_offer(
    sdk: Sdk, server: str, http: httpx.Client
) -> None:
    user = {"userId": "u1"}
    clock = http.post("/_dev/clock", json={"now": datetime.now(UTC).isoformat()}).json()["now"]
    then = datetime.fromisoformat(clock) - timedelta(days=30)
    late = track("ValueMomentReached", user, timestamp=then.isoformat(timespec="milliseconds"))
    assert accepted(send(sdk, server, [late]), 1)

    first = datetime.fromisoformat(profile(http, user)["events"]["ValueMomentReached"]["firstAt"])
    assert abs(first - then) < timedelta(minutes=1)
    assert open_offers(http, user) == []


@pytest.mark.parametrize("sdk", [unless_missing(sdk) for sdk in SDKS if sdk.name != "segment-node"])
def test_ids_that_are_numbers_are_the_ids_that_they_spell(
    sdk: Sdk, server: str, http: httpx.Client
) -> None:
    """segment-node is not here: it refuses them itself."""
    decline_the_first(sdk, http, {"anonymousId": "8"})
    user = {"userId": 7}
    calls = [
        {"type": "alias", "previousId": 8, **user},
        {"type": "group", **user, "groupId": 9},
        track("ValueMomentReached", user),
    ]
    assert accepted(send(sdk, server, calls), 3)
    assert counted(http, {"userId": "7"}) == 2


@every_sdk
def test_the_wire_is_what_the_catalogue_says(sdk: Sdk, server: str) -> None:
    """An SDK that comes to speak otherwise is noticed when its lock file moves."""
    identify = {"type": "identify", "userId": "u1", "traits": TRAITS, "context": CONTEXT}
    [exchange] = send(sdk, server, [identify]).passed
    headers, [item] = exchange.headers, exchange.body["batch"]
    told = {"traits": item.get("traits"), "context.traits": item["context"].get("traits")}

    assert exchange.path == "/v1/batch"
    assert ("authorization" in headers) is sdk.wire.key_in_header
    assert ("writeKey" in exchange.body) is sdk.wire.key_in_body
    assert headers["content-type"] == sdk.wire.content_type
    assert headers.get("content-encoding") == sdk.wire.encoding
    assert tuple(place for place, traits in told.items() if traits == TRAITS) == sdk.wire.traits
    assert [name for name in ("timestamp", "originalTimestamp") if name in item] == [sdk.wire.time]
    assert "sentAt" in exchange.body
    assert item.get("anonymousId") is None
    assert item["messageId"]
