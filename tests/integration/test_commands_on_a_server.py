"""The operator's commands against a real dev server: what they change is what users see."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from cli.demo.process import dev_server
from cli.dev.environment import WRITE_KEY
from cli.main import app

Json = dict[str, Any]

pytestmark = pytest.mark.xdist_group("commands_on_a_server")

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
SOFTASK = CAMPAIGNS / "push-softask.yaml"
SETTINGS = CAMPAIGNS / "settings.yaml"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with dev_server() as url:
        yield url


@pytest.fixture(autouse=True)
def http(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """The app's side of an empty server, at ten o'clock."""
    monkeypatch.setenv("SOFTASK_URL", url)
    monkeypatch.setenv("COLUMNS", "80")
    with httpx.Client(base_url=url, auth=(WRITE_KEY, ""), trust_env=False, timeout=30) as client:
        client.post("/_dev/reset")
        client.post("/_dev/clock", json={"now": "2026-11-21T10:00:00Z"})
        yield client


@pytest.fixture
def warmer(tmp_path: Path) -> Path:
    path = tmp_path / "warmer.yaml"
    path.write_text(SOFTASK.read_text().replace("Get daily", "Want your daily"))
    return path


def softask(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def track(http: httpx.Client, event: str, user: str = "u1") -> Json | None:
    """The action that the event brought."""
    body = {"userId": user, "event": event, "context": {"device": {"id": "d1"}}}
    actions = http.post("/v1/track", json=body).json()["actions"]
    return actions[0] if actions else None


def title(http: httpx.Client, user: str) -> str | None:
    action = track(http, "ValueMomentReached", user)
    return str(action["content"]["title"]) if action else None


def test_a_published_file_is_what_the_next_user_sees(
    http: httpx.Client, warmer: Path, url: str
) -> None:
    assert title(http, "before") == "Get daily streak reminders?"

    said = softask("campaigns", "publish", warmer, "--reason", "warmer copy")

    assert said == (0, f"push-softask: version 0 → 1 (active) at {url}\n", "")
    assert title(http, "after") == "Want your daily streak reminders?"
    assert softask("campaigns", "publish", warmer)[1] == (
        f"push-softask: unchanged (version 1, active) at {url}\n"
    )


def test_who_paused_and_why_is_listed() -> None:
    softask("campaigns", "pause", "push-softask", "--reason", "holiday")

    told = " ".join(softask("campaigns", "list")[1].split())
    assert "paused 2026-11-21 10:00 UTC by dev: holiday" in told


def test_an_id_that_nobody_has_is_told_from_a_user(http: httpx.Client) -> None:
    track(http, "ValueMomentReached", "u1")

    unknown = " ".join(softask("explain", "u2", "push-softask")[1].split())
    known = " ".join(softask("explain", "u1", "push-softask")[1].split())

    assert unknown.startswith("u2, of whom nothing was ever heard, would see push-softask now")
    assert known.startswith("u1 would see push-softask now: attempt 1, which is on offer already.")


def test_what_is_shown_can_be_published_again(warmer: Path, tmp_path: Path) -> None:
    softask("campaigns", "publish", warmer)
    shown = tmp_path / "shown.yaml"
    shown.write_text(softask("campaigns", "show", "push-softask", "--yaml")[1])

    assert softask("campaigns", "publish", shown)[1].startswith("push-softask: unchanged")


def test_the_last_change_is_the_usual_difference(warmer: Path) -> None:
    softask("campaigns", "publish", warmer)
    code, out, _ = softask("campaigns", "diff", "push-softask")

    assert code == 0
    assert out.splitlines()[:2] == [
        "--- push-softask version 0 (not live)",
        "+++ push-softask version 1 (live)",
    ]
    assert "+      title: Want your daily streak reminders?" in out


def test_a_version_that_is_not_the_newest_is_refused(warmer: Path) -> None:
    softask("campaigns", "publish", warmer)
    code, out, err = softask("campaigns", "publish", SOFTASK, "--expect", "0")

    assert (code, out) == (1, "")
    assert "the newest is 1, published by dev at 2026-11-21T10:00:00Z" in err


def test_a_check_stores_nothing(warmer: Path, url: str) -> None:
    code, out, _ = softask("campaigns", "publish", warmer, "--check")

    assert (code, out.splitlines()[0]) == (
        0,
        f"push-softask: version 0 → 1 (active) at {url}; checked only, nothing was stored",
    )
    assert softask("campaigns", "versions", "push-softask")[1].count("\n") == 2


def test_a_new_campaign_begins_at_version_1(tmp_path: Path, url: str) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(SOFTASK.read_text().replace("id: push-softask", "id: other"))

    said = softask("campaigns", "publish", path)[1]
    assert said.startswith(f"other: new → 1 (active) at {url}\n")


def test_a_pause_stops_and_a_resume_shows_again(http: httpx.Client, url: str) -> None:
    code, out, _ = softask("campaigns", "pause", "push-softask", "--reason", "a crash")

    assert (code, out.splitlines()[0]) == (0, f"push-softask: paused (version 0) at {url}")
    assert title(http, "u1") is None
    assert "paused" in softask("explain", "u1", "push-softask")[1].splitlines()[0]
    softask("campaigns", "resume", "push-softask")
    assert title(http, "u1") is not None


def test_everything_is_paused_at_once(http: httpx.Client) -> None:
    assert softask("campaigns", "pause", "--all")[0] == 0
    assert title(http, "u1") is None
    assert softask("campaigns", "list")[1].startswith("Everything is paused")
    assert softask("campaigns", "resume", "--all")[0] == 0
    assert title(http, "u1") is not None


def test_a_rollback_brings_the_packaged_version_back(
    http: httpx.Client, warmer: Path, url: str
) -> None:
    softask("campaigns", "publish", warmer)
    code, out, _ = softask("campaigns", "rollback", "push-softask", "0")

    assert (code, out.splitlines()[0]) == (0, f"push-softask: version 1 → 0 (active) at {url}")
    assert title(http, "u1") == "Get daily streak reminders?"


def test_an_explanation_knows_when_the_window_ends(http: httpx.Client) -> None:
    offer = track(http, "ValueMomentReached")
    assert offer
    track(http, "PushSoftAskDeclined")
    http.post("/_dev/clock", json={"advance": "1h"})
    code, out, _ = softask("explain", "u1", "push-softask")

    told = " ".join(out.split())
    assert code == 0
    assert told.startswith("u1 would not see push-softask now: ")
    assert "show it from 2026-12-05 10:00 UTC (in 13 d 23 h)." in told
    assert "✗ waits" in told
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(("encoding", "mark"), [("ascii", b"ok  status"), ("utf-8", "✓".encode())])
def test_an_explanation_is_piped_in_every_encoding(encoding: str, mark: bytes) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cli.main", "explain", "Zoë", "push-softask"],
        cwd=CAMPAIGNS.parent,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )

    told = ended.stdout.decode(encoding)
    assert told.startswith(("Zoë, of whom", r"Zo\xeb, of whom"))
    assert mark in ended.stdout


def test_a_test_user_skips_the_wait_once(http: httpx.Client, tmp_path: Path, url: str) -> None:
    assert softask("test", "u1", "push-softask")[0] == 1
    settings = tmp_path / "settings.yaml"
    settings.write_text(SETTINGS.read_text() + "test_users: [u1]\n")
    said = softask("settings", "publish", settings)[1]
    assert said == f"settings: revision 0 → 1 at {url}\n"
    track(http, "ValueMomentReached")
    track(http, "PushSoftAskDeclined")

    code, out, _ = softask("test", "u1", "push-softask", "--skip-waits")

    assert code == 0
    assert "The next trigger skips every wait, once, and shows version 0" in " ".join(out.split())
    action = track(http, "ValueMomentReached")
    assert action
    assert action["test"] is True


def test_settings_under_which_a_campaign_could_not_work_are_refused(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(SETTINGS.read_text().replace("[yourapp]", "[otherapp]"))
    code, out, err = softask("settings", "publish", settings)

    assert (code, out) == (1, "")
    assert "push-softask" in err


def test_the_last_decisions_of_a_user_are_listed(http: httpx.Client) -> None:
    track(http, "ValueMomentReached", "a/b c")
    track(http, "PushSoftAskDeclined", "a/b c")
    code, out, _ = softask("user", "decisions", "a/b c")

    assert code == 0
    assert [line.split()[3] for line in out.splitlines()[1:]] == ["declined", "offer_granted"]
