"""The `softask` command."""

import os
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cli import panels
from cli.backtest.command import backtest
from cli.campaigns import (
    SETTINGS,
    CampaignFileError,
    campaign_schema,
    read_campaign,
    read_files,
    read_settings,
    settings_schema,
)
from cli.commands import (
    campaigns,
    doctor,
    explain,
    keys,
    ledger,
    report,
    tables,
    token,
    users,
)
from cli.commands import settings as settings_commands
from cli.dev import environment, loopback, packages
from cli.moving_in import command as moving_in
from functions.environment import Auth
from functions.track.routes import ORIGIN

app = typer.Typer(
    name="softask",
    help="Softask decides when a mobile app may ask for push permission.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=panels.Panels,
)

Endpoint = Annotated[
    str | None,
    typer.Option(
        "--dynamodb-endpoint",
        metavar="URL",
        help="A DynamoDB on loopback instead of one in memory.",
    ),
]
CampaignFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--campaign",
        metavar="FILE",
        help="Serve this campaign instead of those in campaigns/; may be repeated.",
    ),
]

AuthMode = Annotated[
    Auth,
    typer.Option(
        "--auth",
        help="Tokens are not looked at (off), looked at (observe), or needed (enforce).",
    ),
]
Origins = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-origin",
        metavar="ORIGIN",
        help="Let pages from there call, such as http://localhost:3000; may be repeated.",
    ),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"softask {_version()}")
        raise typer.Exit


def _version() -> str:
    try:
        return version("softask")
    except PackageNotFoundError:
        return "(run from a folder, not installed)"


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """What holds for every command."""
    for stream in (sys.stdout, sys.stderr):
        # A pipe may be ASCII: a sign that it cannot say must not end the command.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@app.command(rich_help_panel=panels.TRY)
def dev(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8080,
    dynamodb_endpoint: Endpoint = None,
    campaign: CampaignFiles = None,
    allow_origin: Origins = None,
    auth: AuthMode = "off",
) -> None:
    """Serve the API on this machine, with a clock that can be moved.

    The write key is dev-write-key.

    Example: softask dev --port 8080
    """
    _check_endpoint(dynamodb_endpoint)
    origins = allow_origin or []
    _check_origins(origins)
    try:
        package = packages.read(campaign or ())
        listening = loopback.listen(port)
    except CampaignFileError as error:
        _fail(str(error), 2)
    except OSError as error:
        _fail(f"Port {port} cannot be used: {error.strerror}. Try --port 0 for a free one.", 1)
    environment.prepare(os.environ, dynamodb_endpoint, auth)
    # Not earlier: the functions read their environment when they are imported.
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from cli.dev import server  # noqa: PLC0415

    ready = f"Softask is ready on {loopback.url_of(listening)}"
    try:
        with listening:
            server.serve(listening, package, dynamodb_endpoint, origins, lambda: _announce(ready))
    except (BotoCoreError, ClientError) as error:
        _fail(f"DynamoDB at {dynamodb_endpoint} does not answer: {error}", 1)


@app.command(rich_help_panel=panels.TRY)
def demo(dynamodb_endpoint: Endpoint = None, campaign: CampaignFiles = None) -> None:
    """Play the recipe, two weeks included, and check each step.

    It starts a dev server of its own. Exits with 1 if any step differs from the recipe.

    Example: softask demo
    """
    _check_endpoint(dynamodb_endpoint)
    from cli.demo import play  # noqa: PLC0415 - httpx and rich are slow to import

    sys.exit(play(campaign or (), dynamodb_endpoint))


@app.command(rich_help_panel=panels.CAMPAIGNS)
def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Those in campaigns/, if none is named."),
    ] = None,
) -> None:
    """Check campaign files. Exits with 1 and file:line for each that cannot be used.

    A settings.yaml among them is the one that the others are checked against.

    Example: softask validate campaigns/push-softask.yaml
    """
    shipped = (Path(os.path.relpath(path)) for path in packages.FOLDER.glob("*.yaml"))
    problems = list(_problems(files or sorted(shipped)))
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)


@app.command(rich_help_panel=panels.REFERENCE)
def schema(
    settings: Annotated[
        bool, typer.Option("--settings", help="Of the settings file instead.")
    ] = False,
) -> None:
    """Print the JSON Schema of a campaign file, for editors.

    Example: softask schema > docs/campaign.schema.json
    """
    typer.echo((settings_schema() if settings else campaign_schema()).decode(), nl=False)


@app.command(rich_help_panel=panels.REFERENCE)
def reference() -> None:
    """Print the campaign reference.

    Example: softask reference > docs/campaigns.md
    """
    from cli.reference import reference as page  # noqa: PLC0415 - it reads the whole core

    typer.echo(page(), nl=False)


@app.command("openapi", rich_help_panel=panels.REFERENCE)
def print_openapi() -> None:
    """Print the OpenAPI document of every route.

    Example: softask openapi > docs/openapi.json
    """
    from cli.openapi import openapi  # noqa: PLC0415 - it reads both functions

    typer.echo(openapi().decode(), nl=False)


@app.command("events", rich_help_panel=panels.REFERENCE)
def print_events() -> None:
    """Print the reference of the events on the bus.

    Example: softask events > docs/events.md
    """
    from cli.events import page  # noqa: PLC0415 - it reads the functions

    typer.echo(page(), nl=False)


@app.command("costs", rich_help_panel=panels.REFERENCE)
def print_costs(
    users: Annotated[
        int | None,
        typer.Option(
            min=1, max=10_000_000_000, metavar="N", help="The sums for so many users a month."
        ),
    ] = None,
) -> None:
    """Print capacity and cost on paper, also for your own size.

    Example: softask costs --users 250000
    """
    from cli import costs  # noqa: PLC0415 - only here

    typer.echo(costs.page() if users is None else costs.own(users), nl=False)


# What operators do with a running Softask.
app.add_typer(campaigns.app, name="campaigns", rich_help_panel=panels.CAMPAIGNS)
app.add_typer(settings_commands.app, name="settings", rich_help_panel=panels.CAMPAIGNS)
app.command("report", rich_help_panel=panels.CAMPAIGNS)(report.report)
app.command("backtest", rich_help_panel=panels.CAMPAIGNS)(backtest)
app.command("explain", rich_help_panel=panels.USERS)(explain.explain)
app.command("test", rich_help_panel=panels.USERS)(explain.rehearse)
app.add_typer(users.app, name="user", rich_help_panel=panels.USERS)
app.add_typer(moving_in.app, name="import", rich_help_panel=panels.USERS)
app.command("doctor", rich_help_panel=panels.OPERATE)(doctor.doctor)
app.add_typer(keys.app, name="keys", rich_help_panel=panels.OPERATE)
app.command("token", rich_help_panel=panels.OPERATE)(token.token)
app.add_typer(tables.app, name="tables", rich_help_panel=panels.OPERATE)
app.add_typer(ledger.app, name="ledger", rich_help_panel=panels.OPERATE)


def _problems(files: list[Path]) -> Iterator[str]:
    """What is wrong with each file, or with all together; says OK of the others."""
    campaigns = [path for path in files if path.name != SETTINGS]
    named = [path for path in files if path.name == SETTINGS]
    settings = named[0] if named else packages.FOLDER / SETTINGS
    found = False
    for path in files:
        try:
            if path.name == SETTINGS:
                read_settings(path)
            else:
                read_campaign(path, read_settings(settings))
        except CampaignFileError as error:
            found = True
            yield str(error)
        else:
            typer.echo(f"{path}: OK")
    if campaigns and not found:
        try:
            read_files(campaigns, settings)
        except CampaignFileError as error:
            yield str(error)


def _check_endpoint(endpoint: str | None) -> None:
    try:
        if endpoint is not None:
            environment.check_endpoint(endpoint)
    except environment.EndpointRefused as error:
        _fail(str(error), 2)


def _check_origins(origins: list[str]) -> None:
    for origin in origins:
        if not re.search(ORIGIN, origin):
            _fail(f"{origin} is no origin such as https://app.example.com, or * for all.", 2)


def _announce(ready: str) -> None:
    """The line that says so, at once, and to people also how to go on."""
    sys.stdout.write(f"{ready}\n")
    sys.stdout.flush()
    typer.echo(
        f"Write key: {environment.WRITE_KEY}. Open it for a first call; Ctrl-C ends.", err=True
    )


def _fail(problem: str, code: int) -> NoReturn:
    typer.echo(problem, err=True)
    raise typer.Exit(code)


if __name__ == "__main__":
    app()
