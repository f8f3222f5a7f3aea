"""`softask dev --auth enforce`: an install gets its token from a server that refuses all others."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.demo.process import dev_server
from cli.dev.environment import WRITE_KEY

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[httpx.Client]:
    with (
        dev_server(auth="enforce") as url,
        httpx.Client(base_url=url, auth=(WRITE_KEY, ""), trust_env=False) as client,
    ):
        yield client


def test_an_install_speaks_by_the_token_that_the_dev_server_issued(server: httpx.Client) -> None:
    asked = {"event": "ValueMomentReached"}
    assert server.post("/v1/devices", json={}).status_code == 404
    assert server.post("/v1/admin/keys", json={"use": "device"}).status_code == 200
    issued = server.post("/v1/devices", json={}).json()
    body = {**asked, "anonymousId": issued["anonymousId"]}
    own = {"X-Softask-Token": issued["token"]}
    assert server.post("/v1/track", json=body).status_code == 401
    assert server.post("/v1/track", json={**asked, "userId": "u1"}, headers=own).status_code == 403
    answer = server.post("/v1/track", json=body, headers=own)
    assert answer.status_code == 200
    assert answer.json()["actions"][0]["type"] == "open_deeplink"


@pytest.mark.parametrize("mode", ["on", ""])
def test_an_unknown_mode_is_refused_before_anything_starts(mode: str) -> None:
    command = [sys.executable, "-m", "cli.main", "dev", "--port", "0", "--auth", mode]
    ran = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "enforce" in ran.stderr
