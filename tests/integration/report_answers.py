"""Reports without a database: cells as a test writes them, summed by the admin function's code."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from cli.campaigns import read_package
from functions.admin import report as summing
from functions.admin.plans import State
from functions.core.campaign import CampaignFile, parse_campaign
from functions.core.figures import Cell
from functions.core.model import DAY
from functions.store.campaigns import Version, Versions, packaged_set
from functions.wire.report import Question, ReportAnswer
from tests.integration.conftest import START, Json

ID = "push-softask"
TODAY = START // DAY  # 2026-11-21
PACKAGE = read_package(Path(__file__).parents[2] / "campaigns")

THREE_ARMS: Json = {
    "salt": "one",
    "arms": {"soft_ask": 80, "holdout": 10, "direct_prompt": 10},
}


def cell_and_figures(**said: Any) -> tuple[Cell, dict[str, int]]:
    """Some of what is said are the keys of `Cell`, all others are figures."""
    keys: Json = {
        "campaign": ID,
        "day": TODAY,
        "version": 0,
        "arm": "soft_ask",
        "variant": "",
        "attempt": 1,
        "platform": "ios",
    }
    keys |= {name: said.pop(name) for name in [*said] if name in keys}
    return Cell(**keys), said


class Counted:
    """Cells, to which a test adds; versions, each with an experiment and a goal or without."""

    def __init__(self, *versions: Json, kind: str = "push") -> None:
        self._cells: list[tuple[Cell, dict[str, int]]] = []
        told = versions or ({},)
        self._versions = [
            Version(number=number, file=_file(kind, said)) for number, said in enumerate(told)
        ]

    def users(self, arm: str, exposed: int, **said: Any) -> None:
        """Figures of users: of version 0, on iOS, exposed today, unless it says otherwise."""
        held_out = {"held_out": exposed} if arm == "holdout" else {}
        self.add(arm=arm, attempt=0, exposed=exposed, **held_out, **said)

    def add(self, **said: Any) -> None:
        """Any figures of any cell."""
        self._cells.append(cell_and_figures(**said))

    def told(self, first_day: int = TODAY - 29, last_day: int = TODAY) -> Json:
        """The answer, as a client reads it."""
        newest = self._versions[-1]
        live = packaged_set(msgspec.structs.replace(PACKAGE, campaigns=(newest.file,)), ())
        state = State(live, Versions(self._versions))
        question = Question(first_day, last_day, None)
        raw = summing.report(ID, question, state, self._read, START)
        answer: Json = msgspec.json.decode(bytes(raw))
        return answer

    def answer(self) -> ReportAnswer:
        """The same, as the command works with it."""
        return msgspec.convert(self.told(), ReportAnswer)

    def _read(
        self, campaign: str, first_day: int, last_day: int
    ) -> Iterator[tuple[Cell, Mapping[str, int]]]:
        for cell, figures in self._cells:
            if cell.campaign == campaign and first_day <= cell.day <= last_day:
                yield cell, figures


def _file(kind: str, said: Json) -> CampaignFile:
    shipped = msgspec.to_builtins(PACKAGE.campaigns[0])
    return parse_campaign({**shipped, "kind": kind, **said})


def example() -> Counted:
    """Three arms over ten days, with two attempts: what `docs/report.md` shows."""
    counted = Counted({"experiment": THREE_ARMS, "goal": {"event": "SessionStarted"}})
    for day in range(TODAY - 12, TODAY - 2):
        for platform in ("ios", "android"):
            _day(counted, day=day, platform=platform)
    counted.add(campaign="", arm="", attempt=0, prompted=37, unasked=37)
    return counted


def _day(counted: Counted, **of: Any) -> None:
    """One platform's users of one day, and what they did."""
    spans = {"first_show_2": 14, "first_show_3": 40, "first_show_4": 91, "first_show_5": 160}
    longer = {"first_show_6": 75, "first_show_7": 50, "first_show_8": 10}
    counted.users(
        "soft_ask",
        480,
        shown_users=440,
        opted_in=106,
        converted_0=90,
        converted_3=17,
        converted_12=4,
        goals=610,
        goal_squares=2350,
        goal_users=255,
        **spans,
        **longer,
        **of,
    )
    counted.users(
        "holdout", 60, converted_0=2, converted_5=5, goals=58, goal_squares=190, goal_users=24, **of
    )
    counted.users(
        "direct_prompt",
        60,
        shown_users=58,
        opted_in=9,
        converted_0=9,
        goals=61,
        goal_squares=220,
        goal_users=26,
        first_show_3=20,
        first_show_4=38,
        **of,
    )
    counted.add(
        offered=470,
        shown=440,
        seen=440,
        released=6,
        suppressed=6,
        answered=395,
        approved=150,
        declined=205,
        dismissed=40,
        prompted=150,
        granted=94,
        denied=50,
        re_eligible=190,
        **of,
    )
    counted.add(
        attempt=2,
        offered=85,
        shown=80,
        seen=80,
        answered=66,
        approved=18,
        declined=40,
        dismissed=8,
        prompted=19,
        unasked=1,
        granted=12,
        denied=6,
        exhausted=62,
        **of,
    )
    counted.add(
        arm="direct_prompt", offered=58, shown=58, seen=58, prompted=58, granted=9, denied=49, **of
    )
