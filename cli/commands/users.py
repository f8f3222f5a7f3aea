"""`softask user`: what Softask knows of one user, what it decided, and forgetting it all."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands import consent
from cli.commands.target import (
    DEV_SERVER,
    Anonymous,
    AsJson,
    Profile,
    Region,
    Url,
    User,
    Yes,
    fail,
    remote_at,
)

if TYPE_CHECKING:
    from cli.remote import Remote

Json = dict[str, Any]

app = typer.Typer(
    help="Look at one user, export all that is held, or delete it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def decisions(
    user: User,
    anonymous: Anonymous = False,
    as_json: AsJson = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """The last decisions for a user, newest first.

    Example: softask user decisions u1
    """
    with remote_at(url, profile, region) as remote:
        from cli import render  # noqa: PLC0415 - rich
        from cli.remote import path_of  # noqa: PLC0415

        answer = remote.get(path_of("users", "-", "decisions"), **_whose(user, anonymous))
        if as_json:
            render.put_json(answer)
            return
        rows = [
            (render.moment(decision["at"]), decision["reason"], decision["says"])
            for decision in answer["decisions"]
        ]
        if not rows:
            render.put(
                "No decision is known of that user. An id has its exact spelling;"
                " an anonymous id needs --anonymous."
            )
            return
        render.put(render.table(("at", "reason", "which means"), rows))


@app.command()
def export(
    user: User,
    anonymous: Anonymous = False,
    file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write it there, as JSON; - prints it."),
    ] = None,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """All that is held of a user, in every table.

    An anonymous id that became a user tells of that user.

    Example: softask user export u1 --json u1.json
    """
    with remote_at(url, profile, region) as remote:
        from cli import held, render  # noqa: PLC0415 - rich

        answer = _exported(remote, user, anonymous)
        if file is None:
            render.put(*held.shown(answer))
        elif file == Path("-"):
            render.put_json(answer)
        else:
            _write(file, render.indented(answer))
            typer.echo(f"{file}: {held.summary(answer)}")


@app.command()
def delete(
    user: User,
    anonymous: Anonymous = False,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Delete all that is held of a user, for good.

    Events that come late are refused for 30 days. An anonymous id that became a user deletes that
    user. The same command finishes what a run that was broken off has left.

    Example: softask user delete u1
    """
    with remote_at(url, profile, region) as remote:
        from cli import held, render  # noqa: PLC0415 - rich
        from cli.remote import path_of  # noqa: PLC0415

        if not yes:
            _ask(remote, user, anonymous)
        answer = remote.delete(path_of("users", "-"), **_whose(user, anonymous))
        if as_json:
            render.put_json(answer)
            return
        render.put(*held.deleted(answer))


def _whose(user: str, anonymous: bool) -> dict[str, str]:
    """In the query, which may hold every character; API Gateway splits a path at those of an id."""
    return {"kind": "anonymous" if anonymous else "user", "id": user}


def _ask(remote: "Remote", user: str, anonymous: bool) -> None:
    from cli import held, render  # noqa: PLC0415 - rich
    from cli.remote import path_of  # noqa: PLC0415

    consent.require_somebody()
    render.put(*held.at_stake(remote.get(path_of("users", "-"), **_whose(user, anonymous))))
    consent.ask(f"Delete {render.printable(user)}?", "Nothing was deleted.")


def _exported(remote: "Remote", user: str, anonymous: bool) -> Json:
    """All parts as one, the facts oldest first; anew where the user changed hands meanwhile."""
    from cli.remote import path_of  # noqa: PLC0415 - httpx, botocore

    path, whose = path_of("users", "-"), _whose(user, anonymous)
    with _progress(user) as tell:
        part = remote.get(path, **whose)
        facts: list[Json] = []
        while part["next"]:
            facts += part["facts"]
            tell(len(facts))
            following = remote.get(path, **whose, after=part["next"])
            if following["userKey"] != part["userKey"] or following["deleted"]:
                facts, following = [], remote.get(path, **whose)
            part = following
    facts += part["facts"]
    return {**part, "facts": sorted(facts, key=lambda fact: str(fact["at"]))}


def _write(file: Path, content: str) -> None:
    try:
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        fail(f"{file}: {error.strerror or error}", 2)


@contextmanager
def _progress(user: str) -> Iterator[Callable[[int], None]]:
    """How many facts came by now; on a terminal alone."""
    if not _is_terminal():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.markup import escape  # noqa: PLC0415

    from cli.render import printable  # noqa: PLC0415

    with Console(stderr=True).status("") as status:
        name = escape(printable(user))
        yield lambda count: status.update(f"{name}: {count:,} facts")


def _is_terminal() -> bool:
    return sys.stderr.isatty()
