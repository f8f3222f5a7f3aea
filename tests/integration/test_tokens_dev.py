"""`softask dev --auth enforce`: an install gets its token from a server that refuses all others."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from cli.demo.process import dev_server
from cli.dev.environment import WRITE_KEY
from functions.environment import Auth

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


@pytest.fixture
def started() -> Iterator[Callable[[Auth], Iterator[str]]]:
    """Starts a dev server on a port of its own; what it says on stderr."""
    running: list[subprocess.Popen[str]] = []

    def start(auth: Auth) -> Iterator[str]:
        command = [sys.executable, "-m", "cli.main", "dev", "--port", "0", "--auth", auth]
        server = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(server)
        assert server.stdout
        assert server.stderr
        yield server.stdout.readline().split()[-1]
        server.terminate()
        yield from server.stderr

    yield start
    for server in running:
        server.kill()
        server.communicate()


def test_a_server_that_refuses_every_call_names_the_commands_for_the_first_keys(
    started: Callable[[Auth], Iterator[str]],
) -> None:
    url, *said = started("enforce")
    assert [line.strip() for line in said if "softask keys create" in line] == [
        f"softask keys create device --url {url}",
        f"softask keys create user --issuer my-backend --new-key-file private.pem --url {url}",
    ]
    assert not any("softask keys create" in line for line in started("observe"))


@pytest.mark.parametrize("mode", ["on", ""])
def test_an_unknown_mode_is_refused_before_anything_starts(mode: str) -> None:
    command = [sys.executable, "-m", "cli.main", "dev", "--port", "0", "--auth", mode]
    ran = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "enforce" in ran.stderr
