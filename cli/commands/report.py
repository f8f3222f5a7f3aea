"""`softask report`: what a campaign led to, and whether it earns its place."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.explain import Campaign
from cli.commands.target import DEV_SERVER, Profile, Region, Url, fail, remote_at

if TYPE_CHECKING:
    from cli.remote import Remote
    from cli.report.figures import Beginning, Statistics, Wishes
    from functions.wire.report import ReportAnswer

_WINDOW = re.compile(r"(\d{1,2})d")
_LONGEST = 30
_PRINTED = Path("-")
_PARAMETERS = ("from", "to", "platform")


def report(
    campaign: Campaign,
    first: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DAY",
            help="UTC; else the first day of the newest weights, or 29 days before the last one.",
        ),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="UTC, included; else today.")
    ] = None,
    platform: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only phones of ios, android, web, other, or unknown."),
    ] = None,
    window: Annotated[
        str,
        typer.Option(metavar="DAYS", help="How long after its exposure a grant counts: 1d to 30d."),
    ] = "7d",
    control: Annotated[
        str | None,
        typer.Option(metavar="ARM", help="To compare with; else holdout, or direct_prompt."),
    ] = None,
    detect: Annotated[
        str,
        typer.Option(
            metavar="POINTS", help="The smallest difference that matters: 0.01 to 50 points."
        ),
    ] = "2",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the server's answer, and the statistics.")
    ] = False,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the rows, by day, as CSV; - prints them alone."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write one page, with charts.")
    ] = None,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Report what a campaign led to, with 95 % intervals.

    By arm: opt-ins, shows, retries and goals; and whether the soft ask earns its place.

    Example: softask report push-softask --from 2026-11-01 --html report.html
    """
    if not campaign:
        fail("CAMPAIGN is the id of one (softask campaigns list shows them), not an empty text", 2)
    if csv == _PRINTED and as_json:
        fail("--csv - and --json print two things at once: name a file for one of them.", 2)
    asked = {
        "from": _day("--from", first),
        "to": _day("--to", last),
        "platform": _platform(platform),
    }
    days, detectable = _days(window), _share(detect)
    with remote_at(url, profile, region) as remote, _as_options():
        told, begun = _told(remote, campaign, asked)
    # Not earlier: SciPy and rich are slow to import.
    from cli.report.figures import Wishes  # noqa: PLC0415

    wishes = Wishes(window=days, control=control, detectable=detectable, beginning=begun)
    answer, statistics = _analysed(told, wishes)
    _write(answer, statistics, csv, html)
    if csv != _PRINTED:
        _show(told, answer, statistics, as_json=as_json)


@contextmanager
def _as_options() -> Iterator[None]:
    """What the server refuses of the question, in the words of the command."""
    from cli.remote import Refused  # noqa: PLC0415 - httpx, botocore

    try:
        yield
    except Refused as refused:
        if refused.field not in _PARAMETERS:
            raise
        said = refused.message
        for name in _PARAMETERS:
            said = said.replace(f"'{name}'", f"--{name}")
        fail(said if said.startswith("--") else f"--{refused.field}: {said}", refused.exit_code)


def _told(
    remote: "Remote", campaign: str, asked: dict[str, str | None]
) -> "tuple[dict[str, Any], Beginning | None]":
    """The answer, which begins where the newest weights do unless another day was named, and when.

    A start that stays is what the sequential interval is promised for.
    """
    import msgspec  # noqa: PLC0415

    from cli.remote import path_of  # noqa: PLC0415 - httpx
    from cli.report.figures import beginning  # noqa: PLC0415
    from functions.wire.report import ReportAnswer  # noqa: PLC0415

    path = path_of("campaigns", campaign, "report")
    told = remote.get(path, **asked)
    answer = msgspec.convert(told, ReportAnswer)
    if beginning(answer) is None:
        return told, None
    longest = _longest(remote, path, {**asked, "to": answer.to})
    if longest is None and asked["from"] is None:
        typer.echo(
            "The whole experiment is too much for one answer, so that this begins 30 days before "
            "the last one. Look every time from the same day (--from).",
            err=True,
        )
    begun = beginning(msgspec.convert(longest, ReportAnswer)) if longest else None
    if asked["from"] is not None or begun is None or begun.experiment == answer.from_:
        return told, begun
    return remote.get(path, **{**asked, "from": begun.experiment, "to": answer.to}), begun


def _longest(remote: "Remote", path: str, asked: dict[str, str | None]) -> dict[str, Any] | None:
    """As many days as one answer may have; None where they are too many bytes."""
    from cli.remote import Refused  # noqa: PLC0415
    from functions.wire.report import MOST_DAYS  # noqa: PLC0415

    last = date.fromisoformat(str(asked["to"]))
    first = max(date(1970, 1, 1), last - timedelta(days=MOST_DAYS - 1))
    try:
        return remote.get(path, **{**asked, "from": first.isoformat()})
    except Refused as refused:
        if refused.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise
    return None


def _analysed(told: dict[str, Any], wishes: "Wishes") -> "tuple[ReportAnswer, Statistics]":
    import msgspec  # noqa: PLC0415

    from cli.report.figures import UnknownControl, analyse  # noqa: PLC0415
    from functions.wire.report import ReportAnswer  # noqa: PLC0415

    answer = msgspec.convert(told, ReportAnswer)
    try:
        return answer, analyse(answer, wishes)
    except UnknownControl as error:
        fail(f"--control: {error}", 2)


def _show(
    told: dict[str, Any], answer: "ReportAnswer", statistics: "Statistics", *, as_json: bool
) -> None:
    import msgspec  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from cli import render  # noqa: PLC0415
    from cli.report.table import print_report  # noqa: PLC0415

    if as_json:
        render.put_json({**told, "statistics": msgspec.to_builtins(statistics)})
        return
    console = Console(markup=False, highlight=False, emoji=False)
    with render.trimmed(console):
        print_report(answer, statistics, console)


def _write(
    answer: "ReportAnswer", statistics: "Statistics", csv: Path | None, html: Path | None
) -> None:
    from cli.report import sheet  # noqa: PLC0415
    from cli.report.page import page  # noqa: PLC0415

    try:
        if csv == _PRINTED:
            sheet.write(answer, sys.stdout)
        elif csv is not None:
            with csv.open("w", encoding="utf-8", newline="") as file:
                sheet.write(answer, file)
            typer.echo(f"The rows are in {csv}.", err=True)
        if html is not None:
            html.write_text(page(answer, statistics), encoding="utf-8")
            typer.echo(f"The page is {html}.", err=True)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", 2)


def _day(option: str, text: str | None) -> str | None:
    try:
        return None if text is None else date.fromisoformat(text).isoformat()
    except ValueError:
        fail(f"{option} is a day such as 2026-11-21, not {text}", 2)


def _platform(name: str | None) -> str | None:
    from functions.wire.report import PLATFORM_NAMES  # noqa: PLC0415

    if name is not None and name not in PLATFORM_NAMES:
        fail(f"--platform is one of {', '.join(PLATFORM_NAMES)}, not {name}", 2)
    return name


def _share(text: str) -> float:
    try:
        points = float(text)
    except ValueError:
        points = 0
    if not 0.01 <= points <= 50:  # Nor is nan.
        fail(f"--detect is a number of points from 0.01 to 50, not {text}", 2)
    return points / 100


def _days(text: str) -> int:
    found = _WINDOW.fullmatch(text)
    days = int(found[1]) if found else 0
    if not 1 <= days <= _LONGEST:
        fail(f"--window is a number of whole days from 1d to {_LONGEST}d, not {text}", 2)
    return days
