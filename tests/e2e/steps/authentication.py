"""Keys and tokens: made by an operator, asked for once the stage enforces them."""

import boto3

from tests.e2e.deployment import STAGE
from tests.e2e.seen import holds, ok, refused, same
from tests.e2e.steps.recipe import message
from tests.e2e.world import World

ENFORCED = "auth=enforce"
"""The setting with which the second deployment is made; the first asks for no tokens."""

PARAMETERS = f"/softask/{STAGE}/device-keys/"

USER = "/v1/admin/users/u5"

_ISSUER = "e2e-backend"


def make_keys(world: World) -> str:
    """One of each kind that tokens need; a device key's private half goes to SSM alone."""
    create = ("keys", "create")
    file = ("--issuer", _ISSUER, "--new-key-file", str(world.private_key))
    user = world.callers.told(world.operator, *create, "user", *file)
    device = world.callers.told(world.operator, *create, "device")
    server = world.callers.told(world.operator, *create, "server", "--name", "e2e")
    same("a device key's secret", device["secret"], None)
    world.user_key, world.server_secret = user["key"]["id"], server["secret"]
    kept = boto3.client("ssm").describe_parameters()["Parameters"]
    mine = {each["Name"]: each["Type"] for each in kept if each["Name"].startswith("/softask/")}
    same("in SSM", mine, {f"{PARAMETERS}{device['key']['id']}": "SecureString"})
    return f"{user['key']['id']}, {device['key']['id']}, {server['key']['id']}"


def tokens(world: World) -> str:
    """Nobody speaks for a user without that user's token, but a server with its secret."""
    app, track = world.callers.app, message("u5", "ValueMomentReached")
    refused(app("/v1/track", track), 401)
    refused(app("/v1/track", track, **_token("no token at all")), 401)
    refused(app("/v1/track", track, **_token(_signed(world, "u6"))), 403)
    same("u5 is known", ok(world.callers.admin("GET", USER, world.operator))["isKnown"], False)
    ok(app("/v1/track", track, **_token(_signed(world, "u5"))))
    ok(app("/v1/track", message("u6", "ValueMomentReached"), world.server_secret))
    return "401 without, 403 with another's, nothing kept of those; 200 with one's own, or a server"


def devices(world: World) -> str:
    """An install gets a token, signed with what only `track` reads, and speaks for itself."""
    app = world.callers.app
    told = ok(app("/v1/devices", {}))
    holds("an id of its own", told["anonymousId"].startswith("an_"))
    event = {"event": "ValueMomentReached", "anonymousId": told["anonymousId"]}
    refused(app("/v1/track", event), 401)
    ok(app("/v1/track", event, **_token(told["token"])))
    refused(app("/v1/track", message("u5", "ValueMomentReached"), **_token(told["token"])), 403)
    return f"an install's token for {told['expiresInSeconds'] // 86_400} days, and for no user"


def _token(token: str) -> dict[str, str]:
    return {"X-Softask-Token": token}


def _signed(world: World, user: str) -> str:
    key = ("--key", str(world.private_key), "--kid", world.user_key)
    said = (*key, "--issuer", _ISSUER, "--stage", STAGE)
    return world.callers.softask(world.operator, "token", user, *said).strip()
