"""What commands take that work on the operator's AWS account itself, not on a server."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.target import fail

if TYPE_CHECKING:
    from boto3 import Session

Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="An AWS profile.")]
Region = Annotated[
    str | None,
    typer.Option(
        "--region", metavar="NAME", help="The AWS region, if the profile does not say it."
    ),
]


@contextmanager
def opened(profile: str | None, region: str | None) -> Iterator["Session"]:
    """The account. What AWS refuses within the block ends the command."""
    import boto3  # noqa: PLC0415 - slow to import
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from cli.account import MISUSED, told  # noqa: PLC0415 - botocore

    try:
        yield boto3.Session(profile_name=profile, region_name=region)
    except (BotoCoreError, ClientError) as error:
        fail(told(error), 2 if isinstance(error, MISUSED) else 1)
