"""The dev server and the recipe on Amazon's own engine."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from cli.demo import play
from cli.demo.process import dev_server
from tests.engine.local import dynamodb_local, why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with dynamodb_local() as url:
        yield url


@pytest.fixture
def http(endpoint: str) -> Iterator[httpx.Client]:
    with (
        dev_server(endpoint=endpoint) as url,
        httpx.Client(
            base_url=url, auth=("dev-write-key", ""), trust_env=False, timeout=30
        ) as client,
    ):
        assert client.post("/_dev/reset").json() == {"success": True}
        yield client


def track(http: httpx.Client, event: str, user: str, device: str = "d1") -> dict[str, Any]:
    body = {"userId": user, "event": event, "context": {"device": {"id": device}}}
    response = http.post("/v1/track", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def kinds(http: httpx.Client, user: str) -> list[str]:
    facts = http.get("/_dev/profile", params={"userId": user}).json()["facts"]
    return sorted(fact["kind"] for fact in facts)


def test_the_recipe_plays_twice_on_the_same_tables(
    endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert play(endpoint=endpoint) == 0, capsys.readouterr().out


def test_facts_reach_the_ledger_through_real_streams(http: httpx.Client) -> None:
    for event in ("ValueMomentReached", "PushSoftAskShown", "PushSoftAskDeclined"):
        track(http, event, "u1")
    assert kinds(http, "u1") == ["declined", "exposed", "offered", "shown"]
    http.post("/_dev/clock", json={"advance": "14d"})
    assert http.post("/_dev/sweep").json()["deleted"] == 1
    assert kinds(http, "u1").count("re_eligible") == 1


def test_a_reset_empties_the_tables_and_their_streams(http: httpx.Client) -> None:
    track(http, "ValueMomentReached", "u1")
    http.post("/_dev/reset")
    track(http, "ValueMomentReached", "u2")
    assert kinds(http, "u1") == []
    assert kinds(http, "u2") == ["exposed", "offered"]


def test_row_03_devices_that_race_get_one_offer_a_user(http: httpx.Client) -> None:
    users = [f"u{number}" for number in range(10)]
    together = threading.Barrier(2 * len(users))

    def reach_value(who: tuple[str, str]) -> tuple[str, int]:
        together.wait(30)
        return who[0], len(track(http, "ValueMomentReached", *who)["actions"])

    phones = [(user, device) for user in users for device in ("d1", "d2")]
    with ThreadPoolExecutor(len(phones)) as pool:
        answers = list(pool.map(reach_value, phones))
    offered = {user: sum(count for who, count in answers if who == user) for user in users}
    assert offered == dict.fromkeys(users, 1)
    assert all(kinds(http, user) == ["exposed", "offered"] for user in users)
