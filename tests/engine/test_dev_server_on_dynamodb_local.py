"""The dev server and the recipe on Amazon's own engine.

SOFTASK_DYNAMODB_LOCAL names the folder that holds DynamoDBLocal.jar; its licence forbids shipping
it, so `make engine` fetches it.
"""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from cli.demo import play
from cli.demo.process import dev_server
from cli.dev import loopback

# Read before any test could clear it.
FOLDER = os.environ.get("SOFTASK_DYNAMODB_LOCAL")
JAVA = shutil.which("java")

pytestmark = [
    pytest.mark.skipif(FOLDER is None, reason="SOFTASK_DYNAMODB_LOCAL names no DynamoDB Local"),
    pytest.mark.skipif(JAVA is None, reason="DynamoDB Local needs Java 17; there is none"),
]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with loopback.listen(0) as free:
        url, port = loopback.url_of(free), free.getsockname()[1]
    command = [str(JAVA), "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    process = subprocess.Popen(  # noqa: S603 - the command above
        [*command, "-inMemory", "-port", str(port)],
        cwd=Path(str(FOLDER)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        patient = Config(retries={"total_max_attempts": 12, "mode": "standard"})
        client = boto3.client("dynamodb", region_name="us-east-1", endpoint_url=url, config=patient)
        client.list_tables()
        yield url
    finally:
        process.kill()
        process.wait()


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
