"""`softask token`: what it prints proves a user to the very code that verifies tokens."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey
from typer.testing import CliRunner

from cli import remote
from cli.main import app
from cli.remote import Remote
from functions.core.model import DAY, SECOND, User
from functions.store.access import AccessKey, KeyUse
from functions.track.authority import token_keys
from functions.wire.errors import Unauthorized
from functions.wire.tokens import Verifier, audience

NOW = 1_795_255_200  # 2026-11-21T10:00:00Z
STAGE = "prod"
PRIVATE = ECKey.generate_key("P-256")
PUBLIC = {str(name): str(value) for name, value in PRIVATE.as_dict(private=False).items()}
KEYS = {
    "uk-1": AccessKey(use=KeyUse.USER, public=PUBLIC, issuer="backend"),
    "dk-1": AccessKey(use=KeyUse.DEVICE, public=PUBLIC),
}
OF_A_USER = ("--kid", "uk-1", "--issuer", "backend", "--stage", STAGE)
OF_A_DEVICE = ("--kid", "dk-1", "--anonymous", "--stage", STAGE)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW + 0.9)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "private.pem"
    path.write_bytes(PRIVATE.as_pem(private=True))
    return path


def softask(user: str, key: Path, *more: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["token", user, "--key", str(key), *more])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def proven(token: str, stage: str = STAGE, now: int = NOW) -> User:
    keys = token_keys(KEYS, stage, now * SECOND)
    return Verifier(audience(stage)).verify(token, keys, now * SECOND)


@pytest.mark.parametrize("user", ["u1", "a b/c?d", "ünï-✓", '"', "-"])
def test_the_token_alone_is_printed_and_proves_its_user(key: Path, user: str) -> None:
    code, out, err = softask(user, key, *OF_A_USER)

    assert (code, err, out.count("\n")) == (0, "", 1)
    assert proven(out.strip()) == User("user", user)


def test_it_holds_for_a_quarter_of_an_hour_unless_told_otherwise(key: Path) -> None:
    usual, longer = (softask("u1", key, *OF_A_USER, *more)[1] for more in ((), ("--ttl", "24h")))

    assert proven(usual.strip(), now=NOW + 900 + 59)
    with pytest.raises(Unauthorized):
        proven(usual.strip(), now=NOW + 900 + 60)
    assert proven(longer.strip(), now=NOW + DAY // SECOND)


def test_it_is_of_no_use_to_another_stage(key: Path) -> None:
    _, out, _ = softask("u1", key, *OF_A_USER)

    with pytest.raises(Unauthorized):
        proven(out.strip(), stage="dev")


def test_a_token_of_nobody_is_not_signed(key: Path) -> None:
    assert softask("", key, *OF_A_USER) == (2, "", "USER is empty: is the shell's variable set?\n")


def dev_server(monkeypatch: pytest.MonkeyPatch, **clock: Any) -> list[str]:
    """What was asked of it; without a clock, nobody answers."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        if not clock:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json=clock)

    transport = httpx.MockTransport(answer)
    monkeypatch.setattr(remote, "Remote", partial(Remote, transport=transport))
    monkeypatch.delenv("SOFTASK_URL", raising=False)
    return asked


OF_THE_DEV_STAGE = (*OF_A_USER[:-1], "dev")


def test_it_goes_by_the_clock_of_a_dev_server_that_was_moved(
    key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = dev_server(monkeypatch, now="2026-12-05T10:00:00Z", moved=True)

    code, out, err = softask("u1", key, *OF_THE_DEV_STAGE)

    assert (code, asked) == (0, ["http://127.0.0.1:8080/_dev/clock"])
    assert proven(out.strip(), "dev", NOW + 14 * DAY // SECOND) == User("user", "u1")
    assert "2026-12-05T10:00:00Z" in err


@pytest.mark.parametrize("clock", [{"now": "2026-12-05T10:00:00Z", "moved": False}, {}])
def test_it_goes_by_the_own_clock_where_no_dev_server_has_another(
    key: Path, monkeypatch: pytest.MonkeyPatch, clock: dict[str, Any]
) -> None:
    dev_server(monkeypatch, **clock)

    code, out, err = softask("u1", key, *OF_THE_DEV_STAGE)

    assert (code, err) == (0, "")
    assert proven(out.strip(), "dev") == User("user", "u1")


@pytest.mark.parametrize("more", [OF_A_USER, (*OF_THE_DEV_STAGE, "--url", "https://x.example")])
def test_nobody_is_asked_for_the_time_of_a_stage_that_is_deployed(
    key: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    asked = dev_server(monkeypatch, now="2026-12-05T10:00:00Z", moved=True)

    assert softask("u1", key, *more)[0] == 0
    assert asked == []


def test_an_anonymous_one_is_of_a_device_key(key: Path) -> None:
    code, out, _ = softask("a1", key, *OF_A_DEVICE, "--ttl", "90d")

    assert code == 0
    assert proven(out.strip(), now=NOW + 90 * DAY // SECOND) == User("anonymous", "a1")


def test_a_jwk_signs_as_a_pem_does(tmp_path: Path) -> None:
    file = tmp_path / "private.json"
    file.write_text(json.dumps(PRIVATE.as_dict(private=True)))

    assert proven(softask("u1", file, *OF_A_USER)[1].strip()) == User("user", "u1")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ((*OF_A_USER, "--ttl", "24h1s"), "--ttl is at most 24h"),
        ((*OF_A_USER, "--ttl", "0s"), "--ttl is at most 24h"),
        ((*OF_A_USER, "--ttl", "soon"), "is no span such as"),
        ((*OF_A_DEVICE, "--ttl", "91d"), "--ttl is at most 90d"),
        ((*OF_A_DEVICE, "--issuer", "backend"), "A device key's issuer is softask-prod."),
        (("--kid", "uk-1", "--stage", STAGE), "Say --issuer"),
        (("--kid", "uk-1", "--issuer", "", "--stage", STAGE), "Say --issuer"),
        (("--kid", "", "--issuer", "backend", "--stage", STAGE), "--kid is empty"),
        (("--kid", "uk-1", "--issuer", "backend", "--stage", ""), "--stage is empty"),
        (("--kid", "dk-1", *OF_A_USER[2:]), "--kid is the id of a user key, uk-…"),
        (("--kid", "sk_s3cret", *OF_A_USER[2:]), "--kid is the id of a user key, uk-…"),
        (("--kid", "uk-1", *OF_A_DEVICE[2:]), "--kid is the id of a device key, dk-…"),
        ((*OF_A_USER[:-1], "softask-prod"), "say --stage prod."),
        ((*OF_A_USER[:-1], "softask-"), "say --stage NAME."),
    ],
)
def test_what_no_stage_would_take_is_not_signed(
    key: Path, more: tuple[str, ...], told: str
) -> None:
    code, out, err = softask("u1", key, *more)

    assert (code, out) == (2, "")
    assert told in err


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        PRIVATE.as_pem(private=False),
        ECKey.generate_key("P-384").as_pem(private=True),
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b'{"kty": "oct", "k": "c2VjcmV0"}',
        b'{"kty": "EC", "crv": "P-256", "x": 1, "y": 2, "d": 3}',
        b"\xff",
    ],
)
def test_a_file_without_a_private_key_of_p_256_is_named(key: Path, content: bytes) -> None:
    key.write_bytes(content)

    code, out, err = softask("u1", key, *OF_A_USER)

    assert (code, out) == (2, "")
    assert err.startswith(str(key))


def test_its_help_shows_a_call() -> None:
    out = CliRunner().invoke(app, ["token", "--help"]).stdout

    assert (
        'curl -s $SOFTASK_URL/v1/track -u $SOFTASK_WRITE_KEY: -H "X-Softask-Token: $TOKEN"' in out
    )
