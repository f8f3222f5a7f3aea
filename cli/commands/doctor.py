"""`softask doctor`: whether a deployed Softask is well, and what to do where it is not."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.account import Profile, Region, opened
from cli.commands.target import DEV_SERVER, fail, require

if TYPE_CHECKING:
    from rich.text import Text

    from cli.doctor.readings import Readings
    from cli.doctor.verdicts import Finding

StackName = Annotated[
    str | None,
    typer.Option("--stack", metavar="NAME", help="The stack's name, such as softask-prod."),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="SOFTASK_URL",
        metavar="URL",
        help="Where the API is; else what the stack says, or without one the dev server.",
    ),
]
WriteKey = Annotated[
    str | None,
    typer.Option(
        "--write-key", envvar="SOFTASK_WRITE_KEY", metavar="KEY", help="The app's, to be tried."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")]

_STYLES = {"fail": "bold red", "warn": "yellow", "not checked": "dim", "ok": "green"}
"""Of each verdict, in the order in which they are summed up."""


def doctor(
    stack: StackName = None,
    write_key: WriteKey = None,
    as_json: AsJson = False,
    url: Url = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Check a deployed stack, or a dev server, and say what to do.

    It changes nothing. Exits with 1 if anything failed, or the stack cannot be read; what else
    could not be read is not checked, and never ok. Without AWS credentials it checks what needs
    none; without --stack nothing of alarms, functions, lags, dead letters and tables.

    Example: softask doctor --stack softask-prod
    """
    from cli.doctor.checks import examine  # noqa: PLC0415 - it reads the functions
    from cli.doctor.reading import Asked, read  # noqa: PLC0415 - httpx, boto3
    from cli.doctor.verdicts import Verdict  # noqa: PLC0415
    from cli.remote import RemoteError, region_of  # noqa: PLC0415 - httpx, botocore

    if write_key is not None:
        require(write_key, "--write-key")
    url = url or (None if stack else DEV_SERVER)
    region = region or (region_of(url) if url else None)
    with opened(profile, region) as account:
        try:
            readings = read(Asked(url, stack, write_key, profile, region), account)
        except RemoteError as error:
            fail(str(error), error.exit_code)
    findings = examine(readings)
    healthy = all(finding.verdict is not Verdict.FAIL for finding in findings)
    if as_json:
        _put_json(readings, findings, healthy)
    else:
        _put(_whom(readings), findings)
    if not healthy:
        raise typer.Exit(1)


def _whom(readings: "Readings") -> str:
    """`stage prod at https://…`, as far as it is known."""
    named = f"stage {readings.stage}" if readings.stage else readings.named
    return " at ".join(part for part in (named, readings.url) if part)


def _put(whom: str, findings: Sequence["Finding"]) -> None:
    """Whom it is of, and what was checked, a line each; then what was not, by the reason."""
    from rich.text import Text  # noqa: PLC0415

    from cli import render  # noqa: PLC0415 - rich
    from cli.doctor.verdicts import Verdict  # noqa: PLC0415

    rows = []
    unchecked: dict[str, list[str]] = {}
    for finding in findings:
        if finding.verdict is Verdict.NOT_CHECKED:
            unchecked.setdefault(finding.seen, []).append(finding.check)
        else:
            word = Text(finding.verdict, _STYLES[finding.verdict])
            rows.append((word, finding.check, _said(finding)))
    render.put(Text(f"{render.printable(whom)}\n"))
    render.put(render.table(("", "check", "what was seen"), rows))
    for why, names in unchecked.items():
        render.put(
            Text(f"\nnot checked: {', '.join(names)}", "dim"), Text(f"  {render.printable(why)}")
        )
    render.put(Text(f"\n{_sum(findings)}"))


def _said(finding: "Finding") -> "Text":
    from rich.text import Text  # noqa: PLC0415

    from cli.render import printable  # noqa: PLC0415 - rich

    told = Text(printable(finding.seen))
    return told.append(f"\nNext: {printable(finding.todo)}", "italic") if finding.todo else told


def _sum(findings: Iterable["Finding"]) -> str:
    """`1 fail, 2 warn, 17 ok`."""
    verdicts = [finding.verdict.value for finding in findings]
    return ", ".join(f"{verdicts.count(word)} {word}" for word in _STYLES if word in verdicts)


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
    stage = readings.stage or None
    told: dict[str, Any] = {"stage": stage, "url": readings.url, "at": format_time(readings.now)}
    render.put_json({**told, "healthy": healthy, "checks": checks})
