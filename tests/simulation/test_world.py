"""A world with known true rates: what the report says of it is what the world counted itself."""

import heapq
import os
from collections import Counter
from random import Random
from typing import Any

import moto.backends
import msgspec
import pytest
from moto.core.model_instances import reset_model_data

from cli.local_tables import NAMES
from cli.report.figures import Wishes, analyse
from functions.core.figures import Cell
from functions.core.model import DAY
from functions.ledger import handler as entry
from functions.store import counters
from functions.sweep.service import Sweeper
from functions.wire.report import ReportAnswer
from tests.engine.local import why_not
from tests.integration.conftest import Admin, App
from tests.integration.test_ledger import Context, _encoded
from tests.simulation import truth
from tests.simulation.account import Account
from tests.simulation.calls import Call, Json
from tests.simulation.played import (
    LAST_DAY,
    Played,
    answer_of,
    differences,
    file_of,
    package,
    play,
)
from tests.simulation.rates import CAMPAIGN, CHANGED_AT, END, HOLDOUT, START, TIDY, UNTIDY
from tests.simulation.world import Life, Person

PEOPLE = 1_500
SEED = 20_260_901


@pytest.fixture(scope="module")
def tidy() -> Played:
    return play(range(PEOPLE), SEED, TIDY)


def test_the_report_equals_the_worlds_own_count_of_untidy_lives() -> None:
    played = play(range(PEOPLE), SEED, UNTIDY)

    assert differences(answer_of(played.sums), played) == []
    assert played.facts > 5 * PEOPLE


def test_the_report_equals_the_worlds_own_count_of_tidy_lives(tidy: Played) -> None:
    assert differences(answer_of(tidy.sums), tidy) == []


def test_every_figure_of_the_report_occurs_in_the_world() -> None:
    played = play(range(PEOPLE), SEED, UNTIDY)

    answer = answer_of(played.sums)

    totals = Counter[str]()
    for arm in msgspec.to_builtins(answer.arms):
        for name, value in arm.items():
            totals[name] += sum(value) if isinstance(value, list) else bool(value)
    assert {name for name, total in totals.items() if not total} == {"awaited"}


def test_the_true_rates_lie_within_nearly_all_intervals(tidy: Played) -> None:
    """`proof` asks many worlds; this one says that truth and report speak of the same."""
    answer = answer_of(tidy.sums)

    held = dict(truth.held(analyse(answer, Wishes()), answer, TIDY))

    assert len(held) > 30
    assert all(is_held for name, is_held in held.items() if name.endswith("sequential"))
    assert sum(held.values()) >= 0.9 * len(held)


def test_arms_that_were_dealt_as_planned_are_no_mismatch(tidy: Played) -> None:
    ratio = analyse(answer_of(tidy.sums), Wishes()).sample_ratio

    assert ratio
    assert not ratio.is_mismatch


def test_lost_users_of_one_arm_are_found_as_a_mismatch() -> None:
    chance = Random(SEED)

    def lost(account: Account) -> bool:
        [person] = account.people.values()
        is_held_out = person.exposure is not None and person.exposure.arm == HOLDOUT
        return is_held_out and chance.random() < 0.4

    played = play(range(PEOPLE), SEED, TIDY, lost=lost)

    of = analyse(answer_of(played.sums), Wishes())
    assert of.sample_ratio
    assert of.sample_ratio.is_mismatch
    assert all("Do not compare" in (each.sentence or "") for each in of.comparisons)


# --- the same lives, through the functions and the database ---


AT_ONCE = 20
"""moto copies all tables for each transaction: many people take many times as long each."""
BATCHES = int(os.environ.get("SOFTASK_SIMULATED", "60")) // AT_ONCE


class Deployed:
    """The public API, the admin API, the sweep and the ledger over moto, as on Lambda."""

    def __init__(self) -> None:
        self._app, self._admin = App(package()), Admin(package())
        self._is_changed = False
        self._swept_at = START
        self._batches: list[list[Json]] = []

    def answer(self, call: Call, now: int) -> list[Json]:
        self.pass_time(now)
        self._app.now = now
        path = "/v1/identify" if call.kind == "identify" else "/v1/track"
        actions: list[Json] = self._app.post(path, call.body(now))["actions"]
        self._deliver(now)
        return actions

    def pass_time(self, now: int) -> None:
        """What happens by itself until then: sweeps, and the change of the weights."""
        while self._swept_at + DAY <= now:
            self._swept_at += DAY
            Sweeper(lambda: 300_000, lambda _: None).sweep(self._swept_at)
            self._deliver(self._swept_at)
        if now >= CHANGED_AT and not self._is_changed:
            self._is_changed = True
            self._admin.now = CHANGED_AT
            body = {"campaign": msgspec.to_builtins(file_of(1)), "expectedVersion": 0}
            self._admin.call("PUT", "/campaigns/{id}", body, id=CAMPAIGN)
            self._app = App(package())

    def deliver_again(self, chance: Random) -> None:
        """Every batch twice more, in any order."""
        batches = self._batches * 2
        chance.shuffle(batches)
        for batch in batches:
            _handle(batch)

    def report(self) -> ReportAnswer:
        self._admin.now = LAST_DAY * DAY
        query = {"from": "2026-09-01"}
        answer = self._admin.call("GET", "/campaigns/{id}/report", id=CAMPAIGN, query=query)
        return msgspec.convert(answer, ReportAnswer)

    def _deliver(self, now: int) -> None:
        for variable in ("SOFTASK_PROFILES_TABLE", "SOFTASK_WINDOWS_TABLE"):
            batch = [
                record
                for record in _streamed(variable, now)
                if "due_at" in record["dynamodb"].get("OldImage", {})
                or "outbox" in record["dynamodb"].get("NewImage", {})
            ]
            if batch:
                _handle(batch)
                self._batches.append(batch)


def _streamed(variable: str, now: int) -> list[Json]:
    """What the table's stream tells since the last look."""
    backend = moto.backends.get_backend("dynamodb")["123456789012"]["us-east-1"]
    shard: Any = backend.get_table(NAMES[variable]).stream_shard
    records: list[Json] = []
    for item in shard.items:
        told = msgspec.json.encode(item.to_json(), enc_hook=_encoded)
        record: Json = {"eventSource": "aws:dynamodb", **msgspec.json.decode(told)}
        record["dynamodb"]["ApproximateCreationDateTime"] = now // 1000
        records.append(record)
    shard.starting_sequence_number += len(shard.items)
    shard.items.clear()
    # moto keeps every copy that it makes of a table for a transaction.
    reset_model_data()
    return records


def _handle(batch: list[Json]) -> None:
    context: Any = Context()
    assert entry.handler({"Records": batch}, context)["batchItemFailures"] == []


def _live_together(lives: list[Life], deployed: Deployed) -> None:
    """Everybody's calls, by when they arrive."""
    waiting = [(*next(life), number) for number, life in enumerate(lives)]
    queue = [(now, number, call) for now, call, number in waiting]
    heapq.heapify(queue)
    while queue:
        now, number, call = heapq.heappop(queue)
        try:
            then, following = lives[number].send(deployed.answer(call, now))
        except StopIteration:
            continue
        heapq.heappush(queue, (then, number, following))


@pytest.mark.skipif(why_not() is None, reason="reads the streams that moto keeps")
@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.usefixtures("database")
def test_the_functions_and_the_database_sum_up_what_is_summed_in_memory(batch: int) -> None:
    people = range(batch * AT_ONCE, (batch + 1) * AT_ONCE)
    deployed, account = Deployed(), Account()

    _live_together([Person(each, SEED, UNTIDY, account).live() for each in people], deployed)
    deployed.pass_time(END)
    before = deployed.report()
    deployed.deliver_again(Random(SEED))

    in_memory = play(people, SEED, UNTIDY, swept_every=DAY)
    assert _stored() == {cell: dict(sums) for cell, sums in in_memory.sums.items()}
    mine = Played(rows=account.rows, app_wide=account.app_wide)
    after = deployed.report()
    assert differences(after, mine) == []
    assert after == before


def _stored() -> dict[Cell, dict[str, int]]:
    sums: dict[Cell, Counter[str]] = {}
    for campaign in (CAMPAIGN, ""):
        for cell, amounts in counters.read(campaign, 0, 50_000):
            sums.setdefault(cell, Counter()).update(amounts)
    return {cell: dict(amounts) for cell, amounts in sums.items()}
