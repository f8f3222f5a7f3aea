"""`softask settings`: what holds across campaigns."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands import consent
from cli.commands.target import DEV_SERVER, AsJson, Profile, Reason, Region, Url, Yes, remote_at

app = typer.Typer(
    help="Show and publish what holds across campaigns.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def show(
    as_json: AsJson = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """The settings as a file, with who changed them last.

    Example: softask settings show
    """
    with remote_at(url, profile, region) as remote:
        from cli import render  # noqa: PLC0415 - rich
        from cli.canonical import canonical_settings, to_yaml  # noqa: PLC0415
        from cli.remote import path_of  # noqa: PLC0415

        answer = remote.get(path_of("settings"))
        if as_json:
            render.put_json(answer)
            return
        since = "shipped with the deploy"
        if answer["changedAt"] is not None:
            who = render.person(answer["changedBy"])
            since = f"changed {render.moment(answer['changedAt'])} by {who}"
        typer.echo(f"# revision {answer['revision']}, {since}")
        if answer["reason"]:
            typer.echo(f"# {render.printable(answer['reason'])}")
        typer.echo(to_yaml(canonical_settings(answer["settings"])), nl=False)


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The settings file.")],
    reason: Reason = None,
    yes: Yes = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Check a settings file and make it live. Refused if a campaign would not work under it.

    Example: softask settings publish campaigns/settings.yaml
    """
    with remote_at(url, profile, region) as remote:
        from cli.commands import publishing  # noqa: PLC0415

        ask = consent.is_terminal() and not yes
        publishing.publish_settings(remote, file, publishing.Wishes(reason, ask=ask))
