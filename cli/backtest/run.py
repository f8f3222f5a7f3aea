"""One pass over a recording for each campaign side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader
from os import fstat
from pathlib import Path
from typing import Literal

from msgspec.structs import replace
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from cli.backtest import figures
from cli.backtest.chronicle import Chronicle, Entry
from cli.backtest.figures import Report
from cli.backtest.lines import Damaged, blocks
from cli.backtest.phone import Phone, Rates, RecordedPhone, SimulatedPhone
from cli.backtest.recording import BadLine, Recording, read_recorded
from cli.backtest.world import World
from cli.campaigns import CampaignFileError, read_campaign, read_settings
from functions.core.campaign import Published
from functions.core.compiled import Campaigns
from functions.core.compiling import compile_all
from functions.core.errors import CampaignError

Source = Literal["events", "rates"]

_STEP = 5_000
"""Messages between two moves of the progress bar."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked: campaigns by the names they go by, and where outcomes come from.

    source: None takes the recording's outcomes where it has any, else the rates.
    """

    events: Path
    campaigns: Sequence[tuple[str, Campaigns]]
    source: Source | None
    rates: Rates


def read_campaigns(files: Sequence[Path], settings: Path) -> list[tuple[str, Campaigns]]:
    """Each campaign on its own, by its id, or by its file where ids are the same.

    Drafts and paused campaigns are replayed as if they were active, whatever the settings pause:
    what they would have done is the question. Raises `CampaignFileError`.
    """
    shared = replace(read_settings(settings), paused=False)
    compiled = []
    for path in files:
        file = read_campaign(path, shared)
        try:
            campaigns = compile_all(shared, [Published(file, status="active")])
        except CampaignError as error:
            raise CampaignFileError(f"{settings}: {error}") from None
        compiled.append((file.id, campaigns))
    if len({name for name, _ in compiled}) < len(files):
        return [(str(path), each) for path, (_, each) in zip(files, compiled, strict=True)]
    return compiled


def backtest(plan: Plan, console: Console) -> Report:
    """Reads the recording, plays it, counts. The console shows the progress if it is a terminal.

    Raises `Unusable` for a file that is no recording, and `OSError`.
    """
    with (
        plan.events.open("rb") as raw,
        Chronicle() as chronicle,
        _bar(console) as progress,
    ):
        referred = frozenset().union(*(each.events for _, each in plan.campaigns))
        recording = Recording(referred, chronicle)
        _read(raw, recording, progress)
        rates = plan.rates if _is_made_up(plan, recording) else None
        named = [
            (name, World(each, _phone(each, rates, recording))) for name, each in plan.campaigns
        ]
        worlds = [world for _, world in named]
        recording.events -= _play(chronicle, worlds, recording, progress)
        return figures.report(str(plan.events), recording, rates, named)


def _is_made_up(plan: Plan, recording: Recording) -> bool:
    if plan.source is not None:
        return plan.source == "rates"
    outcomes = {event for _, each in plan.campaigns for event in each.outcomes}
    return recording.names.isdisjoint(outcomes)


def _phone(campaigns: Campaigns, rates: Rates | None, recording: Recording) -> Phone:
    if rates is None:
        return RecordedPhone(campaigns)
    return SimulatedPhone(campaigns, rates, recording.lives)


def _read(raw: BufferedReader, recording: Recording, progress: Progress) -> None:
    size = fstat(raw.fileno()).st_size
    task = progress.add_task("Reading", total=size, events=0)
    try:
        for lines in blocks(raw):
            recording.take(lines)
            recording.check()
            progress.update(task, completed=raw.tell(), events=recording.events)
    except Damaged:
        problem = "the gzip stream is damaged or cut short; nothing was read from here on"
        recording.problems.add(recording.lines + 1, problem)
    if not recording.events:
        raise recording.unusable()
    progress.update(task, completed=size)


def _play(
    chronicle: Chronicle, worlds: Sequence[World], recording: Recording, progress: Progress
) -> int:
    """Plays all messages; how many of them no world could use."""
    task = progress.add_task("Replaying", total=chronicle.count, events=0)
    refused = 0
    for done, entry in enumerate(chronicle, start=1):
        refused += not _play_entry(entry, worlds, recording)
        if done % _STEP == 0:
            progress.update(task, completed=done, events=done)
    for world in worlds:
        world.finish()
    progress.update(task, completed=chronicle.count, events=chronicle.count)
    return refused


def _play_entry(entry: Entry, worlds: Sequence[World], recording: Recording) -> bool:
    at, line, content = entry
    try:
        message = read_recorded(content, at)
    except BadLine as bad:
        recording.problems.add(line, str(bad))
        return False
    if message.merges:
        recording.lives.join(message.merges, message.user)
    for world in worlds:
        world.play(message, at)
    return True


class _RateColumn(ProgressColumn):
    """Events a second so far."""

    def render(self, task: Task) -> Text:
        """Nothing before there is a rate."""
        events, elapsed = task.fields["events"], task.finished_time or task.elapsed
        return Text(f"{events / elapsed:,.0f} events/s" if events and elapsed else "", "dim")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<9}"),
        BarColumn(),
        TaskProgressColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
