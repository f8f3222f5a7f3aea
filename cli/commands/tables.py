"""`softask tables`: a table that was restored from its backup, and the live one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands import consent
from cli.commands.account import Profile, Region, opened
from cli.commands.target import Yes, fail

if TYPE_CHECKING:
    from cli.restoring import Restored

app = typer.Typer(
    help="Compare a restored table with the live one, and copy it back.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

From = Annotated[str, typer.Argument(metavar="RESTORED", help="The table that was restored.")]
To = Annotated[str, typer.Argument(metavar="LIVE", help="The live table, by the stack's output.")]


@app.command()
def compare(restored: From, live: To, profile: Profile = None, region: Region = None) -> None:
    """Count what is the same, differs, or is missing. Reads both tables whole.

    Example: softask tables compare restored-profiles "$PROFILES"
    """
    with _opened(restored, live, profile, region) as pair:
        found = pair.compare()
    typer.echo(f"{found.same:,} the same, {found.differ:,} differ, {found.missing:,} missing.")


@app.command()
def copy(
    restored: From,
    live: To,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Also what is there, but for deleted users and a newer LIVE."
        ),
    ] = False,
    deleted_in: Annotated[
        str | None,
        typer.Option(
            "--deleted-in", metavar="NAME", help="The live ProfilesTable: who was deleted stays so."
        ),
    ] = None,
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Write what is missing into the live table. It is safe to break off, and to run again.

    Example: softask tables copy restored-profiles "$PROFILES"
    """
    with _opened(restored, live, profile, region) as pair:
        if not yes:
            consent.ask(f"Write into {live}?", "Nothing was written.")
        done = pair.copy(deleted_in, replace=replace)
    told = f"{done.written:,} written, {done.left:,} were there"
    typer.echo(f"{told}, {done.deleted:,} of deleted users left out.")


@contextmanager
def _opened(
    restored: str, live: str, profile: str | None, region: str | None
) -> Iterator["Restored"]:
    """What is no such pair, or AWS refuses within the block, ends the command."""
    with opened(profile, region) as account:
        from cli.restoring import NotAPair, Restored  # noqa: PLC0415 - boto3

        try:
            yield Restored(restored, live, account)
        except NotAPair as error:
            fail(str(error), 2)
