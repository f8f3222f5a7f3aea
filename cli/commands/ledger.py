"""`softask ledger`: what the ledger could not take, and taking it again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands import consent
from cli.commands.target import Yes, fail

if TYPE_CHECKING:
    from cli.replay import Kept, Replay

app = typer.Typer(
    help="""Replay the stream records that the ledger could not take.

    Example: softask ledger replay --bucket B --function F
    """,
    no_args_is_help=True,
    rich_markup_mode=None,
)

Bucket = Annotated[
    str, typer.Option("--bucket", metavar="NAME", help="The stack's output FailedRecords.")
]
Function = Annotated[
    str, typer.Option("--function", metavar="NAME", help="The stack's output LedgerFunction.")
]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="An AWS profile.")]
Region = Annotated[
    str | None,
    typer.Option(
        "--region", metavar="NAME", help="The AWS region, if the profile does not say it."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="List what is kept, and do nothing.")]


@app.command()
def replay(
    bucket: Bucket,
    function: Function,
    dry_run: DryRun = False,
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Feed the ledger again what it could not take.

    The oldest records come first. What it takes is deleted from the bucket; the rest stays there
    for 30 days from its failure. Facts that are known already are not counted twice, and events
    may come again. So it is safe to break off, and to run again. Exits with 1 if anything is left.

    Example: softask ledger replay --bucket B --function F --dry-run
    """
    with _opened(bucket, function, profile, region) as failures:
        found = failures.kept()
        if not found:
            typer.echo("Nothing is kept in that bucket.")
        elif dry_run:
            _list(found)
        else:
            if not yes:
                consent.ask(f"Feed {_objects(len(found))} to {function}?", "Nothing was replayed.")
            _take(failures, found)


@contextmanager
def _opened(
    bucket: str, function: str, profile: str | None, region: str | None
) -> Iterator["Replay"]:
    """What AWS refuses within the block ends the command."""
    import boto3  # noqa: PLC0415 - slow to import
    from botocore.exceptions import (  # noqa: PLC0415
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        NoRegionError,
    )

    from cli.replay import Replay  # noqa: PLC0415

    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        yield Replay(bucket, function, session)
    except NoRegionError:
        fail("Nothing says the AWS region: name it (--region).", 2)
    except NoCredentialsError:
        fail("There are no AWS credentials here: name a profile (--profile), or log in.", 2)
    except (BotoCoreError, ClientError) as error:
        fail(f"AWS: {error}")


def _list(found: list["Kept"]) -> None:
    from cli import render  # noqa: PLC0415 - rich

    rows = [(f"{each.at:%Y-%m-%d %H:%M} UTC", f"{each.size:,}", each.key) for each in found]
    render.put(render.table(("kept since", "bytes", "object"), rows))


def _take(failures: "Replay", found: list["Kept"]) -> None:
    """Says of each what became of it, and at the end, or where it breaks off, of all."""
    from cli.render import printable  # noqa: PLC0415 - rich
    from cli.replay import Left  # noqa: PLC0415

    taken = records = 0
    try:
        for each in found:
            try:
                records += failures.take(each)
            except Left as why:
                typer.echo(f"left: {printable(each.key)}: {printable(why)}.", err=True)
            else:
                taken += 1
    finally:
        left = len(found) - taken
        typer.echo(f"Replayed {_objects(taken)} with {records:,} records; {left:,} left.")
    if left:
        raise typer.Exit(1)


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count:,} objects"
