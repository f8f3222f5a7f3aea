"""`softask user`: what Softask decided for one user."""

from typing import Annotated

import typer

from cli.commands.target import DEV_SERVER, Anonymous, AsJson, Profile, Region, Url, remote_at

app = typer.Typer(
    help="Look at one user.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    """One group, though it has one command."""


@app.command()
def decisions(
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
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

        kind = "anonymous" if anonymous else "user"
        # The query may hold every character; API Gateway splits a path at those of an id.
        answer = remote.get(path_of("users", "-", "decisions"), kind=kind, id=user)
        if as_json:
            render.put_json(answer)
            return
        rows = [
            (render.moment(decision["at"]), decision["reason"], decision["says"])
            for decision in answer["decisions"]
        ]
        if not rows:
            render.put("No decision is known of that user. An id has its exact spelling.")
            return
        render.put(render.table(("at", "reason", "which means"), rows))
