"""`softask token`: a user's token, as the app's backend would sign it; for testing."""

import time
from pathlib import Path
from typing import Annotated

import typer

from cli.commands.keys import seconds
from cli.commands.target import Anonymous, User, fail
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
    anonymous: Anonymous = False,
) -> None:
    """Sign a token for a user, for testing.

    It is printed alone, and nothing is sent anywhere. A user's lasts 24 hours at most. With
    --anonymous the key is a device key, whose issuer is softask-STAGE; apps get such tokens by
    POST /v1/devices.

    \b
    Example:
      TOKEN=$(softask token u1 --key private.pem --kid uk-0123456789ab \\
        --issuer my-backend --stage prod)
      curl -s $URL/v1/track -u $WRITE_KEY: -H "X-Softask-Token: $TOKEN" \\
        -d '{"userId": "u1", "event": "ValueMomentReached"}'
    """
    longest = DEVICE_LIFETIME if anonymous else USER_LIFETIME
    lasts = seconds(ttl)
    if not 0 < lasts <= longest:
        fail(f"--ttl is at most {longest // 3_600}h, and more than nothing.", 2)
    own = audience(stage)
    if issuer is None and not anonymous:
        fail("Say --issuer: what the key was registered with.", 2)
    if anonymous and issuer not in (None, own):
        fail(f"A device key's issuer is {own}.", 2)
    from cli import key_files  # noqa: PLC0415 - cryptography, joserfc

    try:
        private = key_files.read_private(key)
    except key_files.KeyFileError as error:
        fail(str(error), 2)
    now = int(time.time())
    claims = Claims(issuer or own, own, user, exp=now + lasts, iat=now)
    typer.echo(sign(claims, kid, private))
