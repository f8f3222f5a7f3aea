"""An app whose LIVE item holds keys, and what each of its callers sends."""

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

import msgspec
from msgspec.structs import replace

from functions.core.campaign import Package
from functions.environment import Auth
from functions.store.access import AccessKey, Keys, KeyUse
from functions.store.campaigns import LIVE, CampaignItem, LiveSet, packaged_set
from tests.integration.conftest import HASHES, WRITE_KEY, App, Database, Json
from tests.signing import DEVICE, LIVE_KEYS

SERVER_KEY = "sk_test-server-key"
SERVER = AccessKey(use=KeyUse.SERVER, sha256=sha256(SERVER_KEY.encode()).hexdigest())
KEYS: Keys = {**LIVE_KEYS, "sk-1": SERVER}


def make_live(package: Package, keys: Keys = KEYS, **more: Any) -> None:
    """The packaged campaigns, with these keys beside the deployment's write key."""
    for file in package.campaigns:
        CampaignItem(file.id, 0, body=msgspec.json.encode(file)).save()
    live: LiveSet = replace(packaged_set(package, HASHES), revision=1, keys=keys, **more)
    CampaignItem(LIVE, 0, body=msgspec.json.encode(live), revision=1).save()


def opened(package: Package, database: Database, auth: Auth, keys: Keys = KEYS) -> App:
    """An app that has read the keys: what is counted after is the calls' own."""
    make_live(package, keys)
    app = App(package, auth)
    app.device_keys.put(DEVICE.id, DEVICE.private)
    app.live.at(app.now)
    database.calls.clear()
    return app


def headers(key: str = WRITE_KEY, token: Any = None) -> dict[str, str]:
    """As an HTTP client sends them, with the token where it is one."""
    told = {"authorization": f"Basic {b64encode(f'{key}:'.encode()).decode()}"}
    return told if token is None else {**told, "X-Softask-Token": token}


def call(
    app: App, path: str, body: Json, key: str = WRITE_KEY, token: Any = None
) -> tuple[int, Json]:
    return app.send(path, json.dumps(body), headers=headers(key, token))


def proving(**softask: Any) -> Json:
    """The context of a message that brings these tokens."""
    return {"context": {"device": {"id": "d1"}, "os": {"name": "iOS"}, "softask": softask}}
