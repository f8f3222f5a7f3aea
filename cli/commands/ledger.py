"""`softask ledger`: what the ledger could not take, and taking it again."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands import consent
from cli.commands.account import Profile, Region, opened
from cli.commands.target import Yes

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
    with opened(profile, region) as account:
        from cli.replay import Replay  # noqa: PLC0415 - boto3

        failures = Replay(bucket, function, account)
        found = failures.kept()
        if not found:
            typer.echo("Nothing is kept in that bucket.")
        elif dry_run:
            _list(found)
        else:
            if not yes:
                consent.ask(f"Feed {_objects(len(found))} to {function}?", "Nothing was replayed.")
            _take(failures, found)


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
