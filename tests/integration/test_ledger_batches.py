"""A whole batch of stream records: what is written of it, what is told, and what comes again."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.core.model import DAY, Fact, FactKind
from functions.ledger import handler as entry
from functions.ledger.events import LAST_CALL, MAX_ROUNDS, MOST_ENTRIES, Publisher, fact_id
from functions.store import ledger
from functions.store.ledger import Deletion
from functions.store.retry import PATIENT_ROUNDS, Retry
from tests.integration.conftest import START, Database, Json
from tests.integration.streams import (
    PATIENT,
    Bus,
    counted,
    expected,
    fact,
    key,
    many,
    tables,
    told,
    tombstone,
)

pytestmark = pytest.mark.usefixtures("database")


class Invocation:
    """`left` milliseconds until it is stopped; a call to database or bus may take some."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"

    def __init__(self, left: int = 60_000) -> None:
        self.left = left

    def get_remaining_time_in_millis(self) -> int:
        return self.left


class Slow:
    """An `events` client whose calls take as long as the client waits; `breaks`: from which on."""

    def __init__(self, invocation: Invocation, takes: int, breaks: int) -> None:
        self.calls: list[list[str]] = []
        self._invocation = invocation
        self._takes = takes
        self._breaks = breaks

    def put_events(self, *, Entries: Sequence[Json]) -> Json:  # noqa: N803 (botocore's name)
        self.calls.append([json.loads(each["Detail"])["factId"] for each in Entries])
        self._invocation.left -= self._takes
        if len(self.calls) > self._breaks:
            raise ReadTimeoutError(endpoint_url="https://events")
        return {"Entries": [{"EventId": "e"} for _ in Entries]}


class Refusing:
    """An `events` client of a bus that takes nothing."""

    calls = 0

    def put_events(self, *, Entries: Sequence[Json]) -> Json:  # noqa: N803 (botocore's name)
        self.calls += 1
        return {"Entries": [{"ErrorCode": "ThrottlingException"} for _ in Entries]}


@pytest.fixture(autouse=True)
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    heard = Bus()
    monkeypatch.setattr(entry, "_publish", heard)
    monkeypatch.setattr(entry, "_retry", PATIENT)
    return heard


def deliver(records: Sequence[Json], invocation: Invocation | None = None) -> list[int]:
    """The places of the records that come again."""
    context: Any = invocation or Invocation()
    answer = entry.handler({"Records": [*records]}, context)
    order = [each["dynamodb"]["SequenceNumber"] for each in records]
    return [order.index(each["itemIdentifier"]) for each in answer["batchItemFailures"]]


def tell_by(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "_publish", Publisher(client, "bus", PATIENT).publish)


def users(count: int) -> tuple[list[Fact], list[Json]]:
    """One shown ask each: the facts, and a record of each."""
    facts = many(count)
    return facts, [told(f"u{place}", [each]) for place, each in enumerate(facts)]


def ids(facts: Sequence[Fact]) -> list[str]:
    return [fact_id(key(f"u{place}"), each) for place, each in enumerate(facts)]


# --- what is told ---


def test_all_is_written_before_the_first_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, records = users(3)
    writes: list[int] = []

    def publish(*_: Any) -> None:
        writes.append(len(database.calls))

    monkeypatch.setattr(entry, "_publish", publish)
    database.calls.clear()
    assert deliver(records) == []
    assert writes == [3]
    assert counted() == expected(facts)


def test_what_stands_is_told_in_order_on_every_delivery(bus: Bus) -> None:
    facts = many(60)
    for _ in range(2):
        assert deliver([told("u1", facts), told("u2", facts[:1])]) == []
    once = [*((key("u1"), each.id) for each in facts), (key("u2"), facts[0].id)]
    assert bus.heard == once * 2


def test_row_39_nothing_of_an_ended_life_is_told(bus: Bus) -> None:
    ledger.mark(key("u1"), Deletion(START, START + DAY)).save()
    later = fact("of_2:shown", at=START + DAY)
    deliver([told("u1", [fact("of_1:shown"), later]), told("u1", [fact("of_1:shown")])])
    assert bus.heard == [(key("u1"), later.id)]


def test_a_tombstone_tells_nothing(bus: Bus) -> None:
    assert deliver([tombstone("u1")]) == []
    assert bus.heard == []


def test_events_of_many_records_share_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    facts, records = users(2 * MOST_ENTRIES + 3)
    client = Slow(Invocation(), takes=0, breaks=9)
    tell_by(client, monkeypatch)
    assert deliver(records) == []
    assert [len(call) for call in client.calls] == [10, 10, 3]
    assert [id_ for call in client.calls for id_ in call] == ids(facts)


# --- a bus that is down ---


def test_a_bus_that_hangs_costs_one_call_and_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    facts, records = users(100)
    invocation = Invocation()
    client = Slow(invocation, takes=LAST_CALL, breaks=0)
    tell_by(client, monkeypatch)
    assert deliver(records, invocation) == list(range(100))
    assert len(client.calls) == 1
    assert invocation.left == 60_000 - LAST_CALL
    assert counted() == expected(facts)


def test_a_bus_that_refuses_everything_is_asked_for_one_call_s_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts, records = users(100)
    client = Refusing()
    tell_by(client, monkeypatch)
    assert deliver(records) == list(range(100))
    assert client.calls == MAX_ROUNDS
    assert counted() == expected(facts)


def test_what_was_told_before_the_bus_broke_down_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    facts, records = users(25)
    # Nobody is to be told of this one.
    silent = told("u99", [fact("x:suppressed", FactKind.SUPPRESSED)])
    client = Slow(Invocation(), takes=0, breaks=1)
    tell_by(client, monkeypatch)
    assert deliver([*records, silent]) == list(range(10, 26))
    healthy = Slow(Invocation(), takes=0, breaks=9)
    tell_by(healthy, monkeypatch)
    assert deliver(records[10:]) == []
    assert [id_ for call in healthy.calls for id_ in call] == ids(facts)[10:]


def test_a_slow_bus_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    _, records = users(100)
    invocation = Invocation()
    client = Slow(invocation, takes=9_000, breaks=99)
    tell_by(client, monkeypatch)
    failed = deliver(records, invocation)
    assert failed == list(range(60, 100))
    assert invocation.left == 6_000


# --- a database that is down ---


def test_nothing_is_told_before_it_is_written(bus: Bus, database: Database) -> None:
    def fail(_: str) -> None:
        raise ReadTimeoutError(endpoint_url="http://localhost")

    database.before = fail
    assert deliver(users(2)[1]) == [0, 1]
    assert bus.heard == []


def test_row_49_each_record_s_fault_is_its_own(bus: Bus) -> None:
    facts, records = users(3)
    records[1]["dynamodb"]["NewImage"]["outbox"]["B"] = "ew=="
    assert deliver(records) == [1]
    assert [id_ for _, id_ in bus.heard] == [facts[0].id, facts[2].id]


def test_row_21_what_there_is_no_time_for_comes_again_and_what_is_written_is_told(
    bus: Bus, database: Database
) -> None:
    facts, records = users(8)
    invocation = Invocation(entry.RESERVE + 3_000)

    def slow(_: str) -> None:
        invocation.left -= 1_000

    database.before = slow
    database.calls.clear()
    assert deliver(records, invocation) == list(range(3, 8))
    assert len(database.calls) == 3
    assert [id_ for _, id_ in bus.heard] == [each.id for each in facts[:3]]


def test_row_21_throttling_is_waited_out_for_as_long_as_there_is_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    invocation = Invocation(entry.RESERVE + 1_000)

    def pause(seconds: float) -> None:
        invocation.left -= round(seconds * 1000)

    monkeypatch.setattr(entry, "_retry", Retry(pause, lambda: 1.0))
    reasons = ["None", "None", "ThrottlingError"]
    database.refuse("TransactWriteItems", "TransactionCanceledException", reasons, times=99)
    _, records = users(2)
    assert deliver(records, invocation) == [0, 1]
    assert len(database.calls) < PATIENT_ROUNDS
    assert invocation.left > entry.RESERVE - 400
    assert tables() == [[], []]
