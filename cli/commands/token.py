"""`softask token`: a user's token, as the app's backend would sign it; for testing."""

import time
from pathlib import Path
from typing import Annotated

import typer

from cli.commands.keys import seconds
from cli.commands.target import DEV_SERVER, User, fail, require
from cli.dev.environment import STAGE
from functions.core.model import SECOND
from functions.core.moments import parse_time
from functions.wire.tokens import DEVICE_LIFETIME, USER_LIFETIME, Claims, audience, sign


def token(
    user: User,
    key: Annotated[
        Path, typer.Option("--key", metavar="FILE", help="The private key: PEM or JWK, P-256.")
    ],
    kid: Annotated[
        str, typer.Option("--kid", metavar="ID", help="The key's id, as `keys list` shows it.")
    ],
    stage: Annotated[
        str, typer.Option("--stage", metavar="NAME", help="The stage that the token is for.")
    ],
    issuer: Annotated[
        str | None,
        typer.Option("--issuer", metavar="NAME", help="The key's issuer; of a user key."),
    ] = None,
    ttl: Annotated[
        str, typer.Option("--ttl", metavar="SPAN", help="How long it holds, such as 15m or 24h.")
    ] = "15m",
    anonymous: Annotated[
        bool,
        typer.Option(
            "--anonymous",
            help="USER is an anonymous id, the key a device key: proves an install's id, as a"
            " token of POST /v1/devices does. At login it is context.softask.deviceToken.",
        ),
    ] = False,
    url: Annotated[
        str,
        typer.Option(
            "--url",
            envvar="SOFTASK_URL",
            metavar="URL",
            help="With --stage dev: a dev server, by whose clock the token holds if it was moved.",
        ),
    ] = DEV_SERVER,
) -> None:
    """Sign a token for a user, for testing.

    It is printed alone. Nothing is sent anywhere; of a dev server, the clock is read. A user's
    lasts 24 hours at most. With --anonymous the issuer is softask-STAGE; apps get such tokens by
    POST /v1/devices.

    \b
    Example:
      TOKEN=$(softask token u1 --key private.pem --kid uk-0123456789ab \\
        --issuer my-backend --stage prod)
      curl -s $SOFTASK_URL/v1/track -u $SOFTASK_WRITE_KEY: -H "X-Softask-Token: $TOKEN" \\
        -d '{"userId": "u1", "event": "ValueMomentReached"}'
    """
    for name, text in (("USER", user), ("--kid", kid), ("--stage", stage)):
        require(text, name)
    _check_kid(kid, anonymous)
    _check_stage(stage)
    lasts = _lifetime(ttl, anonymous)
    own = audience(stage)
    if not issuer and not anonymous:
        fail("Say --issuer: what the key was registered with, as `keys list` shows it.", 2)
    if anonymous and issuer not in (None, own):
        fail(f"A device key's issuer is {own}.", 2)
    from cli import key_files  # noqa: PLC0415 - cryptography, joserfc

    try:
        private = key_files.read_private(key)
    except key_files.KeyFileError as error:
        fail(str(error), 2)
    now = _now(url, stage)
    claims = Claims(issuer or own, own, user, exp=now + lasts, iat=now)
    typer.echo(sign(claims, kid, private))


def _check_kid(kid: str, anonymous: bool) -> None:
    kind, prefix = ("device", "dk-") if anonymous else ("user", "uk-")
    if not kid.startswith(prefix):
        fail(f"--kid is the id of a {kind} key, {prefix}…, as `softask keys list` shows it.", 2)


def _check_stage(stage: str) -> None:
    prefix = audience("")
    if stage.startswith(prefix):
        name = stage.removeprefix(prefix) or "NAME"
        fail(f"--stage is the stage's name alone: say --stage {name}.", 2)


def _lifetime(ttl: str, anonymous: bool) -> int:
    longest, told = (DEVICE_LIFETIME, "90d") if anonymous else (USER_LIFETIME, "24h")
    lasts = seconds(ttl)
    if not 0 < lasts <= longest:
        fail(f"--ttl is at most {told}, and more than nothing.", 2)
    return lasts


def _now(url: str, stage: str) -> int:
    """Seconds since the epoch, as who verifies the token counts them."""
    if stage != STAGE or not url.startswith("http:"):
        return int(time.time())
    from cli.remote import Remote, RemoteError, Target  # noqa: PLC0415 - httpx, botocore

    try:
        with Remote(Target(url)) as remote:
            clock = remote.get("/_dev/clock")
    except RemoteError:
        return int(time.time())
    if not clock.get("moved"):
        return int(time.time())
    typer.echo(f"By the clock of {url}, which was moved to {clock['now']}.", err=True)
    return parse_time(clock["now"]) // SECOND
