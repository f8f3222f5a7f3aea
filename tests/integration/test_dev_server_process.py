"""`softask dev` as a process and as a command: how it starts, refuses to start, and ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from cli.dev import loopback
from cli.main import app

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "campaigns" / "push-softask.yaml"


def softask(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.yaml"
    path.write_text(SHIPPED.read_text().replace("attempts:", "attemps:"))
    return path


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    path = tmp_path / "copied.yaml"
    path.write_text(SHIPPED.read_text())
    return path


# --- softask dev ---


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_says_that_it_is_ready_and_ends_without_a_trace(ending: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "dev", "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline().rstrip("\n")
        said, _, url = ready.partition(" on ")
        assert said == "Softask is ready"
        body = {"userId": "u1", "event": "ValueMomentReached", "writeKey": "dev-write-key"}
        answer = httpx.post(f"{url}/v1/track", json=body, trust_env=False).json()
        assert answer["actions"][0]["type"] == "open_deeplink"
        process.send_signal(ending)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert out == ""
    hint, line = err.splitlines()
    assert "dev-write-key" in hint
    assert line.endswith("POST /v1/track 200 offer_granted -> open_deeplink (attempt 1)")


def test_a_port_in_use_is_one_clear_line() -> None:
    with loopback.listen(0) as taken:
        port = taken.getsockname()[1]
        code, out, err = softask("dev", "--port", str(port))
    assert (code, out) == (1, "")
    [line] = err.splitlines()
    assert line.startswith(f"Port {port} cannot be used: Address already in use.")


def test_a_broken_campaign_is_named_by_file_and_line(broken: Path) -> None:
    code, out, err = softask("dev", "--port", "0", "--campaign", str(broken))
    assert (code, out) == (2, "")
    line = broken.read_text().splitlines().index("attemps:") + 1
    assert err.startswith(f"{broken}:{line}: attemps: unknown key")


def test_two_campaigns_of_one_id_are_refused(copied: Path) -> None:
    code, _, err = softask("dev", "--campaign", str(SHIPPED), "--campaign", str(copied))
    assert code == 2
    assert err.strip() == f"{copied}:1: id: 'push-softask' is also the id of {SHIPPED}"


@pytest.mark.parametrize("command", ["dev", "demo"])
@pytest.mark.parametrize(
    "endpoint",
    [
        "https://dynamodb.us-east-1.amazonaws.com",
        "http://127.0.0.1@example.com:8000",
        "http://10.0.0.1:8000",
        "http://localhost.example.com",
    ],
)
def test_an_endpoint_that_is_not_on_loopback_is_refused(command: str, endpoint: str) -> None:
    code, out, err = softask(command, "--dynamodb-endpoint", endpoint)
    assert (code, out) == (2, "")
    assert err.startswith(f"{endpoint} is not on this machine.")


@pytest.mark.parametrize("endpoint", ["", "8000", "127.0.0.1:8000", "http://[::1", "http://:80"])
def test_an_endpoint_that_is_no_url_is_refused(endpoint: str) -> None:
    code, _, err = softask("dev", "--dynamodb-endpoint", endpoint)
    assert code == 2
    assert "is not a URL such as http://127.0.0.1:8000." in err


def test_a_dead_endpoint_is_one_clear_line() -> None:
    with loopback.listen(0) as free:
        endpoint = loopback.url_of(free)
    command = ["dev", "--port", "0", "--dynamodb-endpoint", endpoint]
    ended = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "cli.main", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"DynamoDB at {endpoint} does not answer:")


# --- softask validate ---


def test_the_campaigns_that_ship_are_valid() -> None:
    code, out, err = softask("validate")
    assert (code, err) == (0, "")
    shipped = Path(os.path.relpath(SHIPPED))
    assert out.splitlines() == [f"{shipped}: OK", f"{shipped.parent / 'settings.yaml'}: OK"]


def test_every_broken_file_is_named_and_the_others_are_ok(broken: Path) -> None:
    code, out, err = softask("validate", str(broken), str(SHIPPED))
    assert code == 1
    assert out.splitlines() == [f"{SHIPPED}: OK"]
    assert err.startswith(f"{broken}:")


def test_broken_settings_are_named(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("paused: perhaps\n")
    code, _, err = softask("validate", str(settings))
    assert code == 1
    assert err.startswith(f"{settings}:1: paused:")


def test_files_that_are_valid_alone_may_clash(copied: Path) -> None:
    code, _, err = softask("validate", str(SHIPPED), str(copied))
    assert code == 1
    assert err.strip() == f"{copied}:1: id: 'push-softask' is also the id of {SHIPPED}"


# --- softask ---


def test_the_version_is_printed() -> None:
    code, out, _ = softask("--version")
    assert code == 0
    assert out.startswith("softask ")


@pytest.mark.parametrize("command", ["dev", "demo", "validate"])
def test_every_command_s_help_has_an_example(command: str) -> None:
    code, out, _ = softask(command, "--help")
    assert code == 0
    assert f"Example: softask {command}" in out
