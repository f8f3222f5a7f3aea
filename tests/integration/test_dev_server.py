"""The dev server over real HTTP: the functions behind it, and what only it can do."""

import gzip
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from cli.dev import loopback, packages, terminal
from cli.dev.app import App
from cli.dev.backend import Backend
from cli.dev.clock import DevClock
from cli.dev.engines import InMemory
from cli.dev.environment import WRITE_KEY
from cli.dev.gateway import MAX_BODY, ROUTES
from cli.dev.server import Server
from functions.core.permission import STATUS_WORDS
from functions.store import ledger
from functions.store.connection import Unavailable
from functions.store.retry import Retry

Json = dict[str, Any]
Said = Callable[[str, Any], list[str]]

pytestmark = pytest.mark.xdist_group("dev_server")

START = 1_795_255_200_000  # 2026-11-21T10:00:00Z
TWO_WEEKS_LATER = "2026-12-05T10:00:00Z"


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    """One for the module, whose real time stands still."""
    backend = Backend(packages.read(), InMemory(), DevClock(real=lambda: START))
    backend.start()
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def url(backend: Backend) -> Iterator[str]:
    is_ready = threading.Event()
    with loopback.listen(0) as listening:
        server = Server(App(backend), is_ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        assert is_ready.wait(30)
        yield loopback.url_of(listening)
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    """A client of an empty server."""
    with httpx.Client(base_url=url, auth=(WRITE_KEY, ""), trust_env=False, timeout=30) as client:
        assert client.post("/_dev/reset").json() == {"success": True}
        yield client


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns so often that each stops in the middle of its work."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def track(
    http: httpx.Client, event: str, user: str = "u1", device: str = "d1", **more: Any
) -> Json:
    body = {"userId": user, "event": event, "context": {"device": {"id": device}}, **more}
    response = http.post("/v1/track", json=body)
    assert response.status_code == 200
    answer: Json = response.json()
    return answer


def decline(http: httpx.Client) -> None:
    track(http, "ValueMomentReached")
    track(http, "PushSoftAskShown")
    track(http, "PushSoftAskDeclined")


def publish(http: httpx.Client, reason: str = "a try") -> httpx.Response:
    """The packaged campaign, as its first published version."""
    campaign = http.get("/v1/admin/campaigns/push-softask", params={"version": 0}).json()
    body = {"campaign": campaign["campaign"], "expectedVersion": 0, "reason": reason}
    return http.put("/v1/admin/campaigns/push-softask", json=body)


def state(http: httpx.Client, user: str = "u1") -> Json:
    answer: Json = http.get("/_dev/profile", params={"userId": user}).json()
    return answer


def kinds(http: httpx.Client, user: str = "u1") -> list[str]:
    return sorted(fact["kind"] for fact in state(http, user)["facts"])


# --- the API ---


def test_the_contract_s_own_example_is_answered_as_it_says(http: httpx.Client) -> None:
    example = {
        "userId": "u1",
        "event": "ValueMomentReached",
        "messageId": "m1",
        "timestamp": "2026-11-21T10:00:00Z",
        "properties": {"streak": 3},
        "context": {
            "device": {"id": "d1"},
            "os": {"name": "iOS", "version": "18.1"},
            "locale": "en-GB",
            "timezone": "Europe/London",
            "app": {"version": "4.2", "inForeground": True},
            "push": {"status": "notDetermined", "promptsUsed": 0},
        },
    }
    response = http.post("/v1/track", json=example)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    [action] = answer.pop("actions")
    assert answer == {"success": True, "messageId": "m1"}
    offer_id = action.pop("offerId")
    assert action.pop("content")["title"] == "Get daily streak reminders?"
    assert action == {
        "type": "open_deeplink",
        "campaign": "push-softask",
        "campaignVersion": 0,
        "attempt": 1,
        "arm": "soft_ask",
        "userId": "u1",
        "deeplink": f"yourapp://popup/push-softask?offerId={offer_id}&attempt=1",
        "onApprove": "os_prompt",
        "showAfterSeconds": 0,
        "expiresAt": "2026-11-21T10:10:00Z",
        "expiresInSeconds": 600,
    }


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_every_route_reaches_its_function(http: httpx.Client, route: str) -> None:
    method, path = route.split()
    path = path.replace("{id}", "push-softask").replace("{writeKey}", WRITE_KEY)
    response = http.request(method, path, content=b"{}")
    assert response.status_code in (200, 400, 404)
    assert {"success", "code", "openapi"} & response.json().keys()


@pytest.mark.parametrize("path", ["/v1/nowhere", "/v1/track/", "/_dev/nowhere"])
def test_an_unknown_route_gets_api_gateway_s_own_404(http: httpx.Client, path: str) -> None:
    response = http.post(path, json={})
    assert (response.status_code, response.json()) == (404, {"message": "Not Found"})


def test_a_known_path_with_another_method_is_unknown(http: httpx.Client) -> None:
    assert http.get("/v1/track").json() == {"message": "Not Found"}


def test_a_body_beyond_api_gateway_s_limit_gets_its_413(http: httpx.Client) -> None:
    response = http.post("/v1/batch", content=b" " * (MAX_BODY + 1))
    assert (response.status_code, response.json()) == (413, {"message": "Request Entity Too Large"})


def test_another_app_s_write_key_is_refused(http: httpx.Client) -> None:
    response = http.post("/v1/track", json={"userId": "u1", "event": "x"}, auth=("other", ""))
    assert response.status_code == 401
    assert response.json()["code"] == "unauthorized"


def test_a_compressed_batch_is_understood(http: httpx.Client) -> None:
    batch = b'{"batch":[{"type":"track","userId":"u1","event":"ValueMomentReached"}]}'
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = http.post("/v1/batch", content=gzip.compress(batch), headers=headers).json()
    assert [row["status"] for row in answer["results"]] == ["accepted"]
    assert len(answer["actions"]) == 1


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("_again", range(5))
def test_two_devices_at_the_same_time_get_one_offer(http: httpx.Client, _again: int) -> None:
    users = [f"u{number}" for number in range(12)]
    together = threading.Barrier(len(users) * 2)

    def reach_value(who: tuple[str, str]) -> tuple[str, int]:
        user, device = who
        together.wait(30)
        return user, len(track(http, "ValueMomentReached", user, device)["actions"])

    phones = [(user, device) for user in users for device in ("d1", "d2")]
    with ThreadPoolExecutor(len(phones)) as pool:
        answers = list(pool.map(reach_value, phones))
    offered = {user: sum(count for who, count in answers if who == user) for user in users}
    assert offered == dict.fromkeys(users, 1)
    assert all(kinds(http, user) == ["exposed", "offered"] for user in users)


@pytest.mark.usefixtures("restless")
def test_a_message_that_is_sent_many_times_at_once_is_counted_once(http: httpx.Client) -> None:
    together = threading.Barrier(8)

    def send(_: int) -> str:
        together.wait(30)
        [action] = track(http, "ValueMomentReached", messageId="m1")["actions"]
        return str(action["offerId"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(send, range(8)))) == 1
    assert state(http)["profile"]["events"]["ValueMomentReached"]["count"] == 1


# --- operating it ---


def test_a_pause_and_its_end_are_seen_at_once(http: httpx.Client) -> None:
    assert track(http, "ValueMomentReached", "u1")["actions"]
    assert http.post("/v1/admin/campaigns/push-softask/pause").json()["status"] == "paused"
    assert track(http, "ValueMomentReached", "u2")["actions"] == []
    assert http.post("/v1/admin/campaigns/push-softask/resume").json()["status"] == "active"
    assert track(http, "ValueMomentReached", "u2")["actions"]


def test_a_published_campaign_is_served_at_once(http: httpx.Client) -> None:
    assert publish(http).json()["version"] == 1
    [action] = track(http, "ValueMomentReached")["actions"]
    assert action["campaignVersion"] == 1
    [row] = http.get("/v1/admin/campaigns").json()["campaigns"]
    assert (row["publishedBy"], row["reason"]) == ("dev", "a try")


def test_a_reset_forgets_what_was_published(http: httpx.Client) -> None:
    http.post("/v1/admin/campaigns/push-softask/pause")
    http.post("/_dev/reset")
    assert http.get("/v1/admin/campaigns").json()["revision"] == 0
    assert track(http, "ValueMomentReached")["actions"]


@pytest.mark.parametrize("now", [TWO_WEEKS_LATER, "2026-01-01T00:00:00Z"])
def test_what_was_published_survives_a_move_of_the_clock(http: httpx.Client, now: str) -> None:
    assert publish(http).status_code == 200
    http.post("/_dev/clock", json={"now": now})
    [action] = track(http, "ValueMomentReached", "u1")["actions"]
    assert action["campaignVersion"] == 1
    http.post("/v1/admin/campaigns/push-softask/pause")
    http.post("/_dev/clock", json={"advance": "14d"})
    assert track(http, "ValueMomentReached", "u2")["actions"] == []
    assert http.get("/v1/admin/campaigns").json()["revision"] == 2


def test_silence_is_explained(http: httpx.Client) -> None:
    decline(http)
    asked = {"userId": "u1", "context": {"device": {"id": "d1"}}}
    answer = http.post("/v1/admin/campaigns/push-softask/explain", json=asked).json()
    assert (answer["wouldShow"], answer["nextEligibleAt"]) == (False, TWO_WEEKS_LATER)


@pytest.mark.parametrize("user", ["ada@example.com", "a/b", "100%"])
def test_a_user_id_in_a_path_may_be_encoded(http: httpx.Client, user: str) -> None:
    track(http, "ValueMomentReached", user)
    answer = http.get(f"/v1/admin/users/{quote(user, safe='')}/decisions").json()
    assert [each["reason"] for each in answer["decisions"]] == ["offer_granted"]


@pytest.mark.usefixtures("restless")
def test_changes_beside_messages_are_all_kept(http: httpx.Client) -> None:
    actions = ["pause", "resume"] * 6

    def change(action: str) -> int:
        track(http, "ValueMomentReached", f"u-{action}")
        return http.post(f"/v1/admin/campaigns/push-softask/{action}").status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(change, actions)) == {200}


@pytest.mark.usefixtures("restless")
def test_admin_calls_at_the_same_time_are_each_answered_for_themselves(http: httpx.Client) -> None:
    users = [f"u{number}" for number in range(8)]
    for user in users:
        track(http, "ValueMomentReached", user)
    together = threading.Barrier(len(users))

    def ask(user: str) -> set[str]:
        together.wait(30)
        explained = http.post(
            "/v1/admin/campaigns/push-softask/explain", json={"userId": user}
        ).json()
        decisions = http.get(f"/v1/admin/users/{user}/decisions").json()
        assert [each["reason"] for each in decisions["decisions"]] == ["offer_granted"]
        return {explained["userId"], decisions["userId"]}

    with ThreadPoolExecutor(len(users)) as pool:
        assert list(pool.map(ask, users)) == [{user} for user in users]


@pytest.mark.usefixtures("restless")
def test_of_many_who_publish_at_once_one_wins_and_the_others_are_told(http: httpx.Client) -> None:
    together = threading.Barrier(6)

    def race(number: int) -> int:
        together.wait(30)
        return publish(http, reason=f"by {number}").status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(race, range(6))) == [200, 409, 409, 409, 409, 409]
    assert http.get("/v1/admin/campaigns").json()["revision"] == 1


@pytest.mark.usefixtures("restless")
def test_a_reset_amid_changes_and_messages_leaves_nothing_of_either(http: httpx.Client) -> None:
    together = threading.Barrier(7)

    def act(number: int) -> int:
        together.wait(30)
        if number == 0:
            return http.post("/_dev/reset").status_code
        if number % 2:
            return http.post("/v1/admin/campaigns/push-softask/pause").status_code
        track(http, "ValueMomentReached", f"u{number}")
        return 200

    with ThreadPoolExecutor(7) as pool:
        assert set(pool.map(act, range(7))) == {200}
    http.post("/_dev/reset")
    assert http.get("/v1/admin/campaigns").json()["revision"] == 0
    assert track(http, "ValueMomentReached", "u2")["actions"][0]["attempt"] == 1


# --- the clock ---


def test_the_clock_tells_real_time_until_it_is_moved(http: httpx.Client) -> None:
    assert http.get("/_dev/clock").json() == {"now": "2026-11-21T10:00:00Z", "moved": False}
    moved = {"now": TWO_WEEKS_LATER, "moved": True}
    assert http.post("/_dev/clock", json={"advance": "14d"}).json() == moved
    assert http.get("/_dev/clock").json() == moved


@pytest.mark.parametrize(
    ("move", "now"),
    [
        ({"now": "2027-01-01T00:00:00Z"}, "2027-01-01T00:00:00Z"),
        ({"now": "2027-01-01T01:00:00.250+01:00"}, "2027-01-01T00:00:00.250Z"),
        ({"advance": "90s"}, "2026-11-21T10:01:30Z"),
        ({"advance": "2h"}, "2026-11-21T12:00:00Z"),
        ({"advance": "13d23h59m59s"}, "2026-12-05T09:59:59Z"),
    ],
)
def test_the_clock_goes_where_it_is_told(http: httpx.Client, move: Json, now: str) -> None:
    assert http.post("/_dev/clock", json=move).json() == {"now": now, "moved": True}


def test_an_advance_ends_on_a_whole_second_as_windows_do(http: httpx.Client) -> None:
    http.post("/_dev/clock", json={"now": "2026-11-21T10:00:00.250Z"})
    answer = http.post("/_dev/clock", json={"advance": "1s"}).json()
    assert answer["now"] == "2026-11-21T10:00:02Z"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"advance":"14x"}', "advance"),
        (b'{"advance":14}', "advance"),
        (b'{"advance":"999999d"}', "advance"),
        (b'{"now":"tomorrow"}', "now"),
        (b'{"now":"0001-01-01T00:00:00Z"}', "now"),
        (b'{"now":1763719200}', "now"),
        (b'{"now":"2026-11-21T10:00:00Z","advance":"1d"}', None),
        (b'{"back":"1d"}', None),
        (b"{}", None),
        (b"[]", None),
        (b"{", None),
        (b"", None),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(
    http: httpx.Client, body: bytes, field: str | None
) -> None:
    response = http.post("/_dev/clock", content=body)
    assert response.status_code == 400
    error = response.json()
    assert error["code"] == "invalid_request"
    assert error["message"]
    assert error.get("field") in (field, "body")
    assert not http.get("/_dev/clock").json()["moved"]


# --- the two weeks ---


def test_a_decline_opens_a_window_that_the_sweep_closes_once(http: httpx.Client) -> None:
    decline(http)
    [window] = state(http)["windows"]
    assert (window["campaign"], window["dueAt"]) == ("push-softask", TWO_WEEKS_LATER)

    http.post("/_dev/clock", json={"advance": "13d23h59m59s"})
    early = {"success": True, "deleted": 0, "left": 0, "leftIsExact": True}
    assert http.post("/_dev/sweep").json() == early
    assert "re_eligible" not in kinds(http)

    http.post("/_dev/clock", json={"advance": "1s"})
    assert http.post("/_dev/sweep").json()["deleted"] == 1
    assert http.post("/_dev/sweep").json()["deleted"] == 0
    assert kinds(http).count("re_eligible") == 1
    assert state(http)["windows"] == []


def test_the_retry_comes_with_the_next_value_moment(http: httpx.Client) -> None:
    decline(http)
    http.post("/_dev/clock", json={"advance": "14d"})
    [action] = track(http, "ValueMomentReached")["actions"]
    assert (action["attempt"], action["content"]["title"]) == (2, "Keep your streak going?")


def test_a_window_that_a_grant_removes_makes_nobody_re_eligible(http: httpx.Client) -> None:
    decline(http)
    granted = {"push": {"status": "authorized"}, "device": {"id": "d1"}}
    track(http, "PushPermissionChanged", context=granted)
    assert state(http)["windows"] == []
    http.post("/_dev/clock", json={"advance": "14d"})
    http.post("/_dev/sweep")
    assert "re_eligible" not in kinds(http)
    assert "granted" in kinds(http)


# --- what is stored ---


def test_the_profile_is_shown_with_iso_times_and_the_app_s_own_names(http: httpx.Client) -> None:
    traits = {"session_count": 3, "seen_at": {"was_at": 5}}
    http.post("/v1/identify", json={"userId": "u1", "traits": traits})
    decline(http)
    profile = state(http)["profile"]
    assert profile["user"] == {"kind": "user", "id": "u1"}
    assert profile["firstSeenAt"] == "2026-11-21T10:00:00Z"
    now = "2026-11-21T10:00:00Z"
    assert profile["attributes"] == {
        "session_count": {"value": 3, "at": now},
        "seen_at": {"value": {"was_at": 5}, "at": now},
    }
    progress = profile["progress"]["push-softask"]
    assert (progress["outcome"], progress["retryAt"]) == ("declined", TWO_WEEKS_LATER)
    assert profile["recent"][0] == {"at": now, "reason": "declined"}
    assert kinds(http) == ["declined", "exposed", "offered", "shown"]


def test_an_anonymous_profile_is_shown_too(http: httpx.Client) -> None:
    http.post("/v1/track", json={"anonymousId": "a1", "event": "ValueMomentReached"})
    answer = http.get("/_dev/profile", params={"anonymousId": "a1"}).json()
    assert answer["profile"]["user"] == {"kind": "anonymous", "id": "a1"}


def test_an_event_that_no_campaign_refers_to_stores_nothing(http: httpx.Client) -> None:
    assert track(http, "Application Installed")["actions"] == []
    assert state(http) == {"profile": None, "windows": [], "facts": []}


def test_whose_profile_must_be_said(http: httpx.Client) -> None:
    response = http.get("/_dev/profile")
    assert (response.status_code, response.json()["field"]) == (400, "userId")


def test_a_reset_forgets_everything(http: httpx.Client) -> None:
    decline(http)
    http.post("/_dev/clock", json={"advance": "1d"})
    assert http.post("/_dev/reset").json() == {"success": True}
    assert state(http) == {"profile": None, "windows": [], "facts": []}
    assert http.get("/_dev/clock").json()["moved"] is False
    assert track(http, "ValueMomentReached")["actions"][0]["attempt"] == 1


def test_the_first_page_says_how_to_begin(http: httpx.Client, url: str) -> None:
    page = http.get("/")
    assert page.headers["content-type"].startswith("text/plain")
    assert f"curl -s {url}/v1/track -u {WRITE_KEY}:" in page.text
    for action in ("explain", "pause"):
        assert f"{url}/v1/admin/campaigns/push-softask/{action}" in page.text


# --- when something goes wrong ---


def test_a_function_that_crashes_gets_api_gateway_s_500(
    http: httpx.Client,
    backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(backend, "answer", lambda *_: 1 // 0)
    response = http.post("/v1/track", json={})
    assert (response.status_code, response.json()) == (500, {"message": "Internal Server Error"})
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_database_that_does_not_answer_is_a_503(
    http: httpx.Client, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise Unavailable

    monkeypatch.setattr(backend, "sweep", fail)
    response = http.post("/_dev/sweep")
    assert (response.status_code, response.json()["code"]) == (503, "try_again")


def test_a_fact_that_failed_reaches_the_ledger_with_the_next_request(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> bool:
        raise Unavailable

    with monkeypatch.context() as broken:
        broken.setattr(ledger, "record", fail)
        broken.setattr("functions.ledger.handler._retry", Retry(lambda _: None, lambda: 0.0))
        assert track(http, "ValueMomentReached")["actions"]
    assert kinds(http) == []
    said = capsys.readouterr().err
    assert "ledger: record_failed" in said
    assert "Unavailable" in said
    track(http, "Application Installed")
    assert kinds(http) == ["exposed", "offered"]


def test_a_client_that_hangs_up_harms_nobody(http: httpx.Client, url: str) -> None:
    with socket.create_connection((loopback.HOST, int(url.rpartition(":")[2]))) as raw:
        raw.sendall(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert track(http, "ValueMomentReached")["actions"]


# --- the terminal ---


def test_a_request_is_one_short_line(
    http: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    track(http, "ValueMomentReached")
    track(http, "PushSoftAskShown")
    http.post("/v1/track", json={"userId": "u1"})
    http.post("/v1/admin/campaigns/push-softask/pause")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "2026-11-21T10:00:00Z POST /v1/track 200 offer_granted -> open_deeplink (attempt 1)",
        "2026-11-21T10:00:00Z POST /v1/track 200 shown",
        "2026-11-21T10:00:00Z POST /v1/track 400 -> invalid_request: Add event.",
        "2026-11-21T10:00:00Z POST /v1/admin/campaigns/push-softask/pause 200 pause push-softask 0",
    ]


@pytest.fixture
def said(http: httpx.Client, capsys: pytest.CaptureFixture[str]) -> Said:
    """Sends a body and tells what the lines say behind the method, without their time."""

    def say(path: str, body: Any) -> list[str]:
        capsys.readouterr()
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        http.post(path, content=content)
        return [line.partition(" POST ")[2] for line in capsys.readouterr().err.splitlines()]

    return say


def test_the_line_names_the_rows_of_a_batch_that_were_rejected(said: Said) -> None:
    good = {"type": "track", "userId": "u1", "event": "ValueMomentReached"}
    bad = {"type": "identify", "userId": "u1", "traits": {"push_permission_status": "yes"}}
    words = ", ".join(STATUS_WORDS)
    assert said("/v1/batch", {"batch": [good, bad, {**good, "event": None}]}) == [
        "/v1/batch 200 offer_granted -> open_deeplink (attempt 1), "
        f"rejected batch[1]: traits.push_permission_status must be one of {words}, "
        "rejected batch[2]: Add event"
    ]


def test_of_many_rejected_rows_the_line_names_three(said: Said) -> None:
    assert said("/v1/b", {"batch": [{"type": "shout"}, 1, {"type": "track"}, 2, 3]}) == [
        "/v1/b 200 -> rejected batch[0]: type must be one of "
        "track, identify, alias, page, screen, group, "
        "rejected batch[1]: This must be a JSON object, "
        "rejected batch[2]: Add userId or anonymousId: whose message is it? and 2 more"
    ]


def test_the_line_names_events_that_no_live_campaign_refers_to(said: Said) -> None:
    stranger = {"userId": "u1", "event": "value_moment_reached"}
    assert said("/v1/track", stranger) == [
        "/v1/track 200 no live campaign refers to value_moment_reached"
    ]
    calls = [
        {"type": "track", **stranger},
        {"type": "screen", "userId": "u1", "name": "Streak"},
        {"type": "track", **stranger},
        {"type": "identify", "userId": "u1", "traits": {"plan": "free"}},
        {"type": "track", "userId": "u1", "event": "ValueMomentReached"},
    ]
    compressed = gzip.compress(json.dumps({"batch": calls}).encode())
    assert said("/v1/b", compressed) == [
        "/v1/b 200 attributes_updated, offer_granted; "
        "no live campaign refers to value_moment_reached, Streak -> open_deeplink (attempt 1)"
    ]


def test_the_line_says_that_the_host_already_has_its_v1(said: Said) -> None:
    assert said("/v1/v1/batch", {}) == ["/v1/v1/batch 404 -> Not Found (the host is without /v1)"]
    assert said("/v1/nowhere", {}) == ["/v1/nowhere 404 -> Not Found"]


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch", "/v1/actions"])
@pytest.mark.parametrize(
    ("status", "told"), [("allowed", '"allowed"'), (1, "1"), ("", '""'), ("Denied", None)]
)
def test_the_line_names_a_push_status_that_was_not_read(
    said: Said, path: str, status: Any, told: str | None
) -> None:
    message = {"type": "track", "userId": "u1", "event": "PushPermissionChanged"}
    context = {"push": {"status": status}}
    body = {**message, "batch": [message], "context": context}
    hint = f"context.push.status {told} is no known word, and was not read"
    [line] = said(path, body)
    assert line.endswith(f" {hint}") if told else "context.push.status" not in line


def test_the_line_tells_of_a_large_batch_in_one(said: Said) -> None:
    batch = [{"type": "track", "userId": "u1", "event": "ValueMomentReached"}] * 300
    [line] = said("/v1/batch", {"batch": batch})
    repeated = ", ".join(["offer_repeated"] * 3)
    assert line.startswith(f"/v1/batch 200 offer_granted, {repeated} and 296 more -> open_deeplink")


def test_the_settings_for_a_client_that_takes_gzip_are_a_short_line(
    http: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    answer = http.get(f"/v1/projects/{WRITE_KEY}/settings", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "softask" in answer.json()
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("/settings 200")


def test_a_hint_that_fails_leaves_the_answer_as_it_is(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(terminal, "read_sent", fail)
    capsys.readouterr()
    assert track(http, "ValueMomentReached")["actions"]
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert said.endswith("POST /v1/track 200 offer_granted -> open_deeplink (attempt 1)\n")


def test_the_line_stays_short_where_the_settings_cannot_be_had(
    said: Said, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = backend.answer

    def fail(event: Mapping[str, Any], request_id: str) -> dict[str, Any]:
        if event["rawPath"].endswith("/settings"):
            return {"statusCode": 503, "body": "{}"}
        return answer(event, request_id)

    monkeypatch.setattr(backend, "answer", fail)
    assert said("/v1/track", {"userId": "u1", "event": "x"}) == ["/v1/track 200"]
