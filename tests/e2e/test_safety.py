"""Nothing of a run can reach a real account."""

import os
import sys
from pathlib import Path

import pytest

from tests.e2e import safety
from tests.e2e.safety import Failed, Unsafe

HERE = Path(__file__).parent
ENDPOINT = "https://127.0.0.1:4566"
SAFE = safety.variables(ENDPOINT, HERE / "certificate.pem", HERE)

REAL_KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x" * 40}


def test_what_a_run_s_programs_are_started_with_is_safe() -> None:
    safety.check(SAFE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"),
        ("AWS_SESSION_TOKEN", "a-token"),
        ("AWS_PROFILE", "work"),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/work"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/a/token"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/keys"),
        ("AWS_ENDPOINT_URL", "https://dynamodb.eu-central-1.amazonaws.com"),
        ("AWS_ENDPOINT_URL", "https://127.0.0.1.example.com:4566"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        ("AWS_ENDPOINT_URL", ""),
        ("AWS_ENDPOINT_URL_S3", "https://s3.eu-central-1.amazonaws.com"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "https://dynamodb.eu-central-1.amazonaws.com"),
        ("AWS_ENDPOINT_URL_EVENTBRIDGE", ENDPOINT),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ("AWS_CONFIG_FILE", "/home/me/.aws/config"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/home/me/.aws/credentials"),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("HTTPS_PROXY", "http://proxy.example.com"),
        ("https_proxy", "http://proxy.example.com"),
        ("ALL_PROXY", "http://proxy.example.com"),
    ],
)
def test_what_could_lead_to_an_account_is_refused(name: str, value: str) -> None:
    with pytest.raises(Unsafe, match=name):
        safety.check({**SAFE, name: value})


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_EC2_METADATA_DISABLED",
    ],
)
def test_what_keeps_it_on_this_machine_may_not_be_missing(name: str) -> None:
    with pytest.raises(Unsafe, match=name):
        safety.check({key: value for key, value in SAFE.items() if key != name})


def test_the_machine_s_own_settings_are_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**REAL_KEYS, "AWS_PROFILE": "work", "HTTPS_PROXY": "http://p"}.items():
        monkeypatch.setenv(name, value)
    taken = safety.variables(ENDPOINT, HERE / "certificate.pem", HERE)
    safety.check(taken)
    assert set(REAL_KEYS.values()).isdisjoint(taken.values())


def test_keys_that_the_emulator_made_are_let_through_and_no_others() -> None:
    made = {**SAFE, **REAL_KEYS}
    safety.check(made, made=[REAL_KEYS["AWS_ACCESS_KEY_ID"]])
    with pytest.raises(Unsafe):
        safety.check(made, made=["AKIAI44QH8DHBEXAMPLE"])


def test_no_program_is_started_unchecked(tmp_path: Path) -> None:
    started = tmp_path / "started"
    command = (sys.executable, "-c", f"open({str(started)!r}, 'w')")
    with pytest.raises(Unsafe):
        safety.run(command, {**SAFE, **REAL_KEYS}, cwd=tmp_path)
    with pytest.raises(Unsafe):
        safety.run_offline(command, SAFE, cwd=tmp_path)
    assert not started.exists()


def test_a_process_that_adopts_it_loses_whatever_else_it_had() -> None:
    own = {**REAL_KEYS, "AWS_PROFILE": "work", "HTTPS_PROXY": "http://proxy.example.com"}
    safety.adopt(own, SAFE)
    assert own == SAFE


def test_what_calls_nothing_of_aws_keeps_the_proxies_and_no_key() -> None:
    machine = {**REAL_KEYS, "AWS_PROFILE": "work", "HTTPS_PROXY": "http://p", "UV_INDEX": "x"}
    taken = safety.offline(machine)
    assert taken["HTTPS_PROXY"] == "http://p"
    assert taken["UV_INDEX"] == "x"
    assert "AWS_PROFILE" not in taken
    assert taken["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
    assert set(REAL_KEYS.values()).isdisjoint(taken.values())


def test_a_program_that_fails_says_what_it_said(tmp_path: Path) -> None:
    code = "import sys; print('so far'); sys.exit('and no further')"
    with pytest.raises(Failed, match=r"(?s)so far.*and no further"):
        safety.run((sys.executable, "-c", code), SAFE, cwd=tmp_path)


def test_a_program_hears_of_nothing_but_these(tmp_path: Path) -> None:
    code = "import os; print(*sorted(name for name in os.environ if name.startswith('AWS_')))"
    told = safety.run((sys.executable, "-c", code), SAFE, cwd=tmp_path).split()
    assert told == sorted(name for name in SAFE if name.startswith("AWS_"))
    assert os.devnull == SAFE["AWS_CONFIG_FILE"]
