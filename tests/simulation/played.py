"""Whole worlds, played in memory, and their reports by the code that answers the admin API."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from random import Random

import msgspec

from cli.campaigns import read_package
from functions.admin import report
from functions.admin.plans import State
from functions.core.campaign import CampaignFile, Package, Published, parse_campaign
from functions.core.compiled import Campaigns
from functions.core.compiling import compile_all
from functions.core.figures import Cell
from functions.core.model import DAY, MINUTE
from functions.store.campaigns import Version, Versions, packaged_set
from functions.wire.report import Question, ReportAnswer
from tests.simulation.account import Account, Row
from tests.simulation.calls import Json
from tests.simulation.engine import Backend, Ledger, delivered_thrice
from tests.simulation.rates import CAMPAIGN, END, START, Rates, campaign_file
from tests.simulation.world import Life, Person

LAST_DAY = END // DAY + 2
"""By which all offers are settled."""

Sums = Mapping[Cell, Counter[str]]
Counts = Mapping[tuple[Row, str], int]

Lost = Callable[[Account], bool]


@dataclass(slots=True)
class Played:
    """What the ledger summed up, and what the world counted."""

    sums: dict[Cell, Counter[str]] = field(default_factory=dict)
    rows: Counter[tuple[Row, str]] = field(default_factory=Counter)
    app_wide: Counter[str] = field(default_factory=Counter)
    people: int = 0
    calls: int = 0
    facts: int = 0

    def add(self, other: "Played") -> None:
        """Other people's."""
        for cell, amounts in other.sums.items():
            self.sums.setdefault(cell, Counter()).update(amounts)
        self.rows.update(other.rows)
        self.app_wide.update(other.app_wide)
        self.people += other.people
        self.calls += other.calls
        self.facts += other.facts


@cache
def package() -> Package:
    """The shipped settings, and the first version of the simulated campaign."""
    shipped = read_package(Path(__file__).parents[2] / "campaigns")
    return msgspec.structs.replace(shipped, campaigns=(file_of(0),))


@cache
def file_of(version: int) -> CampaignFile:
    """The campaign's file."""
    [shipped] = read_package(Path(__file__).parents[2] / "campaigns").campaigns
    return parse_campaign(campaign_file(msgspec.to_builtins(shipped), version))


@cache
def live() -> tuple[Campaigns, Campaigns]:
    """What is live, before and after the change."""
    settings = package().settings
    first, second = Published(file_of(0), 0), Published(file_of(1), 1)
    return compile_all(settings, [first]), compile_all(settings, [second], previous=[first])


def play(
    numbers: Iterable[int],
    seed: int,
    rates: Rates,
    *,
    lost: Lost | None = None,
    swept_every: int = 15 * MINUTE,
) -> Played:
    """These people's lives, through the wire, `fold` and the ledger, each batch delivered thrice.

    lost: whose records never reach the ledger.
    """
    account, sums, played = Account(), Ledger(), Played()
    lives: list[list[Json]] = []
    for number in numbers:
        backend = Backend(*live(), swept_every)
        life = Person(number, seed, rates, account).live()
        played.calls += _live(life, backend)
        backend.sweep(END)
        if lost is None or not lost(account):
            lives.append(backend.records)
        account.forget_people()
        played.people += 1
    chance = Random(seed)
    sums.take(delivered_thrice(list(_side_by_side(lives, chance)), chance))
    played.sums, played.facts = dict(sums.sums), sums.facts
    played.rows, played.app_wide = account.rows, account.app_wide
    return played


def answer_of(sums: Sums) -> ReportAnswer:
    """`GET /v1/admin/campaigns/{id}/report` over the whole time."""
    versions = [Version(number=number, file=file_of(number)) for number in (0, 1)]
    state = State(packaged_set(package(), ()), Versions(versions))
    question = Question(START // DAY, LAST_DAY, None)

    def read(campaign: str, first: int, last: int) -> Iterator[tuple[Cell, Counter[str]]]:
        for cell, amounts in sums.items():
            if cell.campaign == campaign and first <= cell.day <= last:
                yield cell, amounts

    raw = report.report(CAMPAIGN, question, state, read, LAST_DAY * DAY)
    return msgspec.json.decode(bytes(raw), type=ReportAnswer)


_KEYS = ("arm", "variant", "version", "attempt", "platform", "day")
_LISTS = ("firstShow", "converted")
_APART = ("reEligible",)
"""What the clock does, and no phone tells."""


def told(answer: ReportAnswer) -> dict[tuple[Row, str], int]:
    """Every figure of every row, as the world names them."""
    found: dict[tuple[Row, str], int] = {}
    for row in msgspec.to_builtins(answer.rows):
        key = (*(row[name] for name in _KEYS[:-1]), _day(row["day"]))
        found |= {(key, name): amount for name, amount in _named(row)}
    return found


def counted(counts: Counts) -> dict[tuple[Row, str], int]:
    """The world's own, without zeros.

    Who logs in between the grant and the show may move to another arm: an offer is then seen in
    an arm where none was made, of which none can have lapsed.
    """
    return {key: amount for key, amount in counts.items() if amount > 0}


def differences(answer: ReportAnswer, played: Played) -> list[str]:
    """Where the report and the world's own count differ; empty where they agree exactly."""
    ours, theirs = counted(played.rows), told(answer)
    found = [
        f"{key}: counted {ours.get(key, 0)}, reported {theirs.get(key, 0)}"
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key, 0) != theirs.get(key, 0)
    ]
    apart = msgspec.structs.asdict(answer.app_wide)
    if apart != {name: played.app_wide[name] for name in apart}:
        found.append(f"no campaign: counted {dict(played.app_wide)}, reported {apart}")
    return found + [f"totals: {name}" for name in _totals(ours) ^ _totals(told_of_arms(answer))]


def told_of_arms(answer: ReportAnswer) -> dict[tuple[Row, str], int]:
    """Every figure of the arms, as rows of no version, attempt, platform or day."""
    found: dict[tuple[Row, str], int] = {}
    for arm in msgspec.to_builtins(answer.arms):
        key = (arm.pop("arm"), arm.pop("variant"), 0, 0, "", 0)
        found |= {(key, name): amount for name, amount in _named(arm)}
    return found


def _named(row: Json) -> Iterator[tuple[str, int]]:
    for name, value in row.items():
        if name in _LISTS:
            yield from ((f"{name}_{place}", amount) for place, amount in enumerate(value) if amount)
        elif name not in _KEYS and name not in _APART and value:
            yield name, value


def _totals(rows: Counts) -> set[tuple[str, str, str, int]]:
    """What became of offers is told of each day, and may be less than its rows' sum."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for ((arm, variant, *_), name), amount in rows.items():
        if name not in ("lapsed", "silent"):
            sums[arm, variant, name] += amount
    return {(*key, amount) for key, amount in sums.items()}


def _live(life: Life, backend: Backend) -> int:
    calls = 0
    try:
        now, call = next(life)
        while True:
            calls += 1
            now, call = life.send(backend.answer(call, now))
    except StopIteration:
        return calls


def _side_by_side(lives: list[list[Json]], chance: Random) -> Iterator[Json]:
    """Everybody's records in any order, each person's own in theirs."""
    turns = [number for number, records in enumerate(lives) for _ in records]
    chance.shuffle(turns)
    waiting = [iter(records) for records in lives]
    for number in turns:
        yield next(waiting[number])


def _day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days
