"""What every operator's command takes: which server, and whose AWS credentials.

Nothing slow is imported before a command runs, so that `--help` stays quick.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from cli.remote import Remote

DEV_SERVER = "http://127.0.0.1:8080"

Url = Annotated[
    str,
    typer.Option(
        "--url", envvar="SOFTASK_URL", metavar="URL", help="The stack's ApiUrl, or a dev server."
    ),
]
Profile = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="An AWS profile; https only.")
]
Region = Annotated[
    str | None,
    typer.Option("--region", metavar="NAME", help="The AWS region, if the URL does not say it."),
]
User = Annotated[str, typer.Argument(metavar="USER", help="The user's id.")]
Anonymous = Annotated[bool, typer.Option("--anonymous", help="USER is an anonymous id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the server's answer as it came.")]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept with the change.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]


@contextmanager
def remote_at(url: str, profile: str | None, region: str | None) -> Iterator["Remote"]:
    """A server's admin API; what goes wrong with it within the block ends the command."""
    from cli.remote import Remote, RemoteError, Target  # noqa: PLC0415 - httpx, botocore

    if profile and url.startswith("http:"):
        typer.echo("--profile is not used: a server on this machine takes no signature.", err=True)
    try:
        with Remote(Target(url, profile, region)) as remote:
            yield remote
    except RemoteError as error:
        fail(str(error), error.exit_code)


def fail(problem: str, code: int = 1) -> NoReturn:
    """Ends the command: 1 for what was refused or not found, 2 for what was asked wrongly."""
    typer.echo(problem, err=True)
    raise typer.Exit(code)


def require(text: str, name: str) -> None:
    """Ends the command for an empty text: an unset variable of the shell arrives as one."""
    if not text:
        fail(f"{name} is empty: is the shell's variable set?", 2)


def user_of(user: str, anonymous: bool) -> dict[str, str]:
    """Whose, as a body says it."""
    return {"anonymousId" if anonymous else "userId": user}


def because(reason: str | None) -> dict[str, str]:
    """Why, as a body says it."""
    return {"reason": reason} if reason else {}
