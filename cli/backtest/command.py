"""`softask backtest`: its options, and where its answer goes."""

import sys
from importlib.util import find_spec
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import msgspec
import typer

from cli.campaigns import SETTINGS, CampaignFileError
from cli.dev import packages

if TYPE_CHECKING:
    from cli.backtest.figures import Report
    from cli.backtest.phone import Rates

Input = Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="A campaign's YAML file.")]
Events = Annotated[
    Path,
    typer.Argument(metavar="EVENTS", help="Segment-shaped JSON, an event a line; gzip too."),
]

_ANSWERS = ("approve", "decline", "dismiss", "silent")
_TERMINAL = "-"


def backtest(
    campaign: Input,
    events: Events,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Another campaign, to compare with.")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Instead of campaigns/settings.yaml.")
    ] = None,
    outcomes: Annotated[
        Literal["events", "rates"] | None,
        typer.Option(help="As recorded, or made up; as recorded where there are any."),
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(
            metavar="RATES",
            help="How popups are answered: approve=0.4,decline=0.4,dismiss=0.1,silent=0.1",
        ),
    ] = None,
    grant: Annotated[
        float, typer.Option(min=0, max=1, help="The share of OS prompts that is granted.")
    ] = 0.6,
    seed: Annotated[int, typer.Option(help="Another seed gives users other answers.")] = 0,
    plot: Annotated[
        str | None,
        typer.Option(metavar="FILE|-", help="Charts as a PNG, or with - in the terminal."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Replay recorded events through a campaign.

    It tells what the campaign would have done, by the rules that run in production.

    Example: softask backtest campaigns/push-softask.yaml events.jsonl.gz
    """
    if rates is not None and outcomes == "events":
        _fail("Say either --rates or --outcomes events: outcomes are recorded, or made up.")
    _check_plot(plot)
    try:
        made_up = _read_rates(rates, grant, seed)
    except ValueError as error:
        _fail(f"--rates: {error}, such as approve=0.4,decline=0.4,dismiss=0.1,silent=0.1")
    source = "rates" if rates is not None else outcomes
    files = [campaign] if against is None else [campaign, against]
    report = _run(files, settings or packages.FOLDER / SETTINGS, events, source, made_up)
    _show(report, plot, as_json=as_json)


def _run(
    files: list[Path],
    settings: Path,
    events: Path,
    source: Literal["events", "rates"] | None,
    rates: "Rates",
) -> "Report":
    # Not earlier: rich and the rules take longer to import than other commands may wait.
    from rich.console import Console  # noqa: PLC0415

    from cli.backtest import run  # noqa: PLC0415
    from cli.backtest.recording import Unusable  # noqa: PLC0415

    try:
        plan = run.Plan(events, run.read_campaigns(files, settings), source, rates)
        return run.backtest(plan, Console(stderr=True))
    except CampaignFileError as error:
        _fail(str(error))
    except Unusable as error:
        _fail(f"{events}: {error}")
    except OSError as error:
        _fail(f"{error.filename or events}: {error.strerror}")


def _show(report: "Report", plot: str | None, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
    else:
        _print(report, plot)
    if plot not in (None, _TERMINAL):
        _draw(report, Path(plot))


def _print(report: "Report", plot: str | None) -> None:
    from rich.console import Console  # noqa: PLC0415

    from cli.backtest.charts import print_charts  # noqa: PLC0415
    from cli.backtest.page import print_notes, print_report  # noqa: PLC0415
    from cli.render import trimmed  # noqa: PLC0415

    console = Console(markup=False, highlight=False, emoji=False)
    with trimmed(console):
        print_report(report, console)
        if plot == _TERMINAL or (plot is None and console.is_terminal):
            print_charts(report, console)
        print_notes(report.recording, console)


def _draw(report: "Report", path: Path) -> None:
    from cli.backtest.picture import draw  # noqa: PLC0415

    try:
        draw(report, path)
    except OSError as error:
        _fail(f"{path}: {error.strerror}")
    typer.echo(f"Charts are in {path}.", err=True)


def _check_plot(plot: str | None) -> None:
    """Before the work, not after it."""
    if plot in (None, _TERMINAL):
        return
    if find_spec("matplotlib") is None:
        _fail("A picture needs matplotlib: pip install 'softask[plots]', or use --plot -")
    if not Path(plot).absolute().parent.is_dir():
        _fail(f"{plot}: its folder does not exist")


def _read_rates(text: str | None, grant: float, seed: int) -> "Rates":
    """`approve=0.4,decline=0.4`; what is missing to 1 is silent. Else ValueError."""
    from cli.backtest.phone import Rates  # noqa: PLC0415

    if text is None:
        return Rates(grant=grant, seed=seed)
    said = dict(_read_rate(part) for part in text.split(","))
    total = sum(said.values())
    if total > 1 and not isclose(total, 1):
        raise ValueError(f"shares add up to {total:g}; write at most 1 in all")
    if "silent" in said and not isclose(total, 1):
        raise ValueError(f"shares add up to {total:g}, not 1; leave silent out, or mend it")
    return Rates(
        approve=said.get("approve", 0),
        decline=said.get("decline", 0),
        dismiss=said.get("dismiss", 0),
        grant=grant,
        seed=seed,
    )


def _read_rate(part: str) -> tuple[str, float]:
    name, _, share = part.strip().partition("=")
    if name not in _ANSWERS:
        raise ValueError(f"{name!r} is none of {', '.join(_ANSWERS)}; write shares")
    try:
        rate = float(share)
    except ValueError:
        raise ValueError(f"{share!r} is no share; write numbers from 0 to 1") from None
    if not 0 <= rate <= 1:
        raise ValueError(f"{share} is no share; write numbers from 0 to 1")
    return name, rate


def _fail(problem: str) -> NoReturn:
    typer.echo(problem, err=True)
    raise typer.Exit(2)
