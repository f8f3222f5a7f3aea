"""`softask doctor`: whether a deployed Softask is well, and what to do where it is not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.target import DEV_SERVER, Profile, Region, Url, fail, remote_at

if TYPE_CHECKING:
    from boto3 import Session

    from cli.doctor.checks import Finding
    from cli.doctor.readings import Readings

StackName = Annotated[
    str | None,
    typer.Option("--stack", metavar="NAME", help="The stack's name, such as softask-prod."),
]
WriteKey = Annotated[
    str | None,
    typer.Option(
        "--write-key", envvar="SOFTASK_WRITE_KEY", metavar="KEY", help="The app's, to be tried."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")]

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "not checked": "dim"}


def doctor(
    stack: StackName = None,
    write_key: WriteKey = None,
    as_json: AsJson = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Check a deployed stack, or a dev server, and say what to do.

    It changes nothing. Exits with 1 if anything failed; what could not be read is not checked, and
    never ok. Alarms, lags, dead letters and tables need --stack and its account's credentials.

    Example: softask doctor --url https://push.example.com --stack softask-prod
    """
    from cli.doctor.checks import Verdict, examine  # noqa: PLC0415 - it reads the functions
    from cli.doctor.reading import read  # noqa: PLC0415 - httpx, boto3

    with remote_at(url, profile, region) as remote:
        session = _session(remote.url, profile, region) if stack else None
        readings = read(remote, session, stack, write_key)
    findings = examine(readings)
    healthy = all(finding.verdict is not Verdict.FAIL for finding in findings)
    if as_json:
        _put_json(readings, findings, healthy)
    else:
        _put(findings)
    if not healthy:
        raise typer.Exit(1)


def _session(url: str, profile: str | None, region: str | None) -> "Session":
    import boto3  # noqa: PLC0415 - slow to import
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    from cli.remote import region_of  # noqa: PLC0415

    try:
        return boto3.Session(profile_name=profile, region_name=region or region_of(url))
    except BotoCoreError as error:
        fail(f"The AWS credentials cannot be used: {error}", 2)


def _put(findings: Sequence["Finding"]) -> None:
    from rich.text import Text  # noqa: PLC0415

    from cli import render  # noqa: PLC0415 - rich

    rows = [
        (
            Text(finding.verdict, _STYLES[finding.verdict]),
            finding.check,
            f"{finding.seen.rstrip('.')}. Next: {finding.todo}" if finding.todo else finding.seen,
        )
        for finding in findings
    ]
    render.put(render.table(("", "check", "what was seen"), rows))


def _put_json(readings: "Readings", findings: Sequence["Finding"], healthy: bool) -> None:
    from cli import render  # noqa: PLC0415 - rich
    from functions.core.moments import format_time  # noqa: PLC0415

    checks = [
        {
            "check": finding.check,
            "verdict": finding.verdict.value,
            "seen": finding.seen,
            "next": finding.todo,
        }
        for finding in findings
    ]
    told: dict[str, Any] = {"url": readings.url, "at": format_time(readings.now)}
    render.put_json({**told, "healthy": healthy, "checks": checks})
