"""The Lambda entry point of `track`: what it builds at init, and anew after a restore."""

import importlib
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import snapshot_restore_py

from cli.campaigns import compile_folder
from functions.core.campaign import Package
from functions.store.campaigns import CampaignItem
from functions.store.profiles import ProfileItem
from tests.integration.access import make_live
from tests.integration.conftest import ROOT, WRITE_KEY, Database, message
from tests.signing import DEVICE

NAME = "functions.track.handler"


class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"


@pytest.fixture
def entry(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module, imported as Lambda does, with the compiled campaigns that the asset holds."""
    compiled = compile_folder(ROOT / "campaigns")
    read = Path.read_bytes
    packaged = lambda path: compiled if path.name == "campaigns.json" else read(path)  # noqa: E731
    monkeypatch.setattr(Path, "read_bytes", packaged)
    monkeypatch.setenv("SOFTASK_DEVICE_KEYS", "/softask/test/device-keys/")
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    yield importlib.import_module(NAME)
    database.calls.clear()
    sys.modules.pop(NAME, None)


def invoke(entry: ModuleType, body: dict[str, Any], path: str = "/v1/track") -> dict[str, Any]:
    event = {
        "version": "2.0",
        "rawPath": path,
        "headers": {},
        "requestContext": {"stage": "$default", "http": {"method": "POST", "path": path}},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
    answer: dict[str, Any] = entry.handler(event, Context())
    return answer


def test_an_event_in_a_response_out_and_no_key_no_entry(entry: ModuleType) -> None:
    answer = invoke(entry, message("ValueMomentReached", writeKey="wrong"))
    assert answer["statusCode"] == 401
    assert json.loads(answer["body"])["code"] == "unauthorized"


@pytest.mark.usefixtures("_ssm")
def test_a_private_half_that_is_gone_is_a_503_and_one_error_line_with_its_key(
    entry: ModuleType, package: Package, caplog: pytest.LogCaptureFixture
) -> None:
    make_live(package)
    for _ in range(3):
        answer = invoke(entry, {"writeKey": WRITE_KEY}, "/v1/devices")
        assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "1")
    [line] = [each for each in caplog.records if each.levelname == "ERROR"]
    assert (line.getMessage(), line.__dict__["key"]) == ("device_key_unread", DEVICE.id)
    assert "ParameterNotFound" in line.__dict__["cause"]


def test_row_67_after_a_restore_caches_connections_and_randomness_are_new(
    entry: ModuleType, database: Database
) -> None:
    callbacks = [hook for hook, _, _ in snapshot_restore_py.get_after_restore()]
    assert entry.connect in callbacks
    invoke(entry, message("ValueMomentReached", writeKey="wrong"))
    clients = [model._connection for model in (ProfileItem, CampaignItem)]
    random.seed(1)
    cloned = random.random()
    random.seed(1)
    database.calls.clear()

    entry.connect()

    assert random.random() != cloned
    for model, client in zip((ProfileItem, CampaignItem), clients, strict=True):
        assert model._connection is not client
    invoke(entry, message("ValueMomentReached", writeKey="wrong"))
    assert database.calls == ["GetItem", "GetItem"]
