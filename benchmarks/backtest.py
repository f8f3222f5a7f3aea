"""How fast a backtest replays, beside `json.loads` of the same lines: `-m benchmarks.backtest`.

Both in one run on one core, so that the ratio says the same on every machine. The realistic
recording has 10 % of events that the campaign refers to; in the worst case, all matter.
"""

import io
import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from rich.console import Console

from cli.backtest.phone import Rates
from cli.backtest.run import Plan, backtest, read_campaigns
from cli.dev.packages import FOLDER
from tests.unit.backtest.recordings import recording, write

ROUNDS = 3


def seconds_to_parse(file: Path) -> float:
    """Plain `json.loads` of every line."""
    began = perf_counter()
    with file.open("rb") as lines:
        for line in lines:
            json.loads(line)
    return perf_counter() - began


def seconds_to_replay(file: Path) -> float:
    """The whole backtest, from the first byte to the report."""
    named = read_campaigns([FOLDER / "push-softask.yaml"], FOLDER / "settings.yaml")
    plan = Plan(file, named, None, Rates())
    began = perf_counter()
    backtest(plan, Console(file=io.StringIO()))
    return perf_counter() - began


def compare(name: str, *, users: int, days: int, referred: float) -> None:
    """One recording: events a second, and how many times `json.loads` alone takes."""
    with tempfile.TemporaryDirectory() as folder:
        events = recording(users=users, days=days, referred=referred)
        file = write(Path(folder) / "events.jsonl", events)
        size = file.stat().st_size // len(events)
        parsing = min(seconds_to_parse(file) for _ in range(ROUNDS))
        replaying = min(seconds_to_replay(file) for _ in range(ROUNDS))
    sys.stdout.write(
        f"{name}: {len(events):,} events of {size} bytes: {len(events) / replaying:,.0f} events/s, "
        f"{replaying / parsing:.2f} times json.loads\n"
    )


if __name__ == "__main__":
    compare("realistic, 10 % matter", users=400, days=30, referred=0.1)
    compare("worst case, all matter", users=200, days=20, referred=1)
