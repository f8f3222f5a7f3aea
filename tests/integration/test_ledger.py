"""Stream records into facts, each exactly once."""

import base64
import json
import random
from typing import Any

import boto3
import moto.backends
import msgspec
import pytest
from msgspec.structs import replace

from cli.dev.feed import Feed
from cli.local_tables import NAMES
from functions.core.campaign import Package
from functions.core.model import Fact, FactKind
from functions.ledger import handler as entry
from functions.store import ledger
from functions.store.ledger import Recorded
from functions.store.retry import Retry
from functions.sweep.service import Sweeper
from tests.engine.local import why_not
from tests.integration.conftest import DAY, MINUTE, START, Admin, App, Database, Json, items
from tests.integration.streams import tables
from tests.unit.core.scene import shipped_file

DUE = START + 14 * DAY

pytestmark = pytest.mark.skipif(why_not() is None, reason="reads the streams that moto keeps")


class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def stream(variable: str, at: int) -> list[Json]:
    """What the table's stream holds, as Lambda gets it; `at` stands for the write's time."""
    backend = moto.backends.get_backend("dynamodb")["123456789012"]["us-east-1"]
    shard = backend.get_table(NAMES[variable]).stream_shard
    assert shard is not None
    records = [json.loads(json.dumps(item.to_json(), default=_encoded)) for item in shard.items]
    for record in records:
        record["dynamodb"]["ApproximateCreationDateTime"] = at // 1000
        record.setdefault("eventSource", "aws:dynamodb")
    return records


def _encoded(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def deliver(records: list[Json]) -> list[Json]:
    context: Any = Context()
    failures: list[Any] = entry.handler({"Records": records}, context)["batchItemFailures"]
    return failures


def kinds() -> list[str]:
    return sorted(item["kind"]["S"] for item in items("SOFTASK_LEDGER_TABLE"))


def test_outboxes_become_facts(app: App) -> None:
    offer = app.value_moment()
    assert offer
    app.outcome("Shown", offer)
    app.outcome("Declined", offer)
    assert deliver(stream("SOFTASK_PROFILES_TABLE", app.now)) == []
    assert kinds() == ["declined", "exposed", "offered", "shown"]
    facts = {item["fact_id"]["S"]: item for item in items("SOFTASK_LEDGER_TABLE")}
    shown = facts[f"{offer['offerId']}:shown"]
    assert shown["campaign"]["S"] == "push-softask"
    assert (shown["attempt"]["N"], shown["version"]["N"], shown["at"]["N"]) == (
        "1",
        "0",
        str(START),
    )
    assert (shown["arm"]["S"], shown["platform"]["S"]) == ("soft_ask", "ios")


@pytest.mark.parametrize("seed", range(5))
def test_redelivery_in_any_order_changes_nothing(app: App, seed: int) -> None:
    for user in ("u1", "u2"):
        offer = app.value_moment(user=user)
        assert offer
        app.outcome("Declined", offer, user=user)
    Sweeper(lambda: 60_000, lambda _: None).sweep(DUE)
    records = stream("SOFTASK_PROFILES_TABLE", START) + stream("SOFTASK_WINDOWS_TABLE", DUE)
    deliver(records)
    once = tables()
    random.Random(seed).shuffle(records)
    deliver(records)
    assert tables() == once
    assert kinds().count("re_eligible") == 2


def test_row_16_a_window_that_ended_makes_re_eligible_once_with_its_own_id(app: App) -> None:
    app.track("PushSoftAskDeclined")
    Sweeper(lambda: 60_000, lambda _: None).sweep(DUE)
    deliver(stream("SOFTASK_WINDOWS_TABLE", DUE))
    [fact] = items("SOFTASK_LEDGER_TABLE")
    assert fact["fact_id"]["S"] == f"push-softask:1:{DUE // 1000}:re_eligible"
    assert (fact["at"]["N"], fact["attempt"]["N"]) == (str(DUE), "1")


class Windows:
    """What the stream of windows told so far; each write has the time at which it was read."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.records: list[Json] = []

    def read(self) -> None:
        fresh = stream("SOFTASK_WINDOWS_TABLE", self._app.now)[len(self.records) :]
        self.records += fresh

    def sweep(self) -> None:
        self.read()
        Sweeper(lambda: 60_000, lambda _: None).sweep(self._app.now)
        self.read()


def ended() -> list[str]:
    return sorted(
        item["fact_id"]["S"]
        for item in items("SOFTASK_LEDGER_TABLE")
        if item["kind"]["S"] == "re_eligible"
    )


def test_row_16_a_due_window_that_a_decline_moves_before_the_sweep_has_ended(app: App) -> None:
    windows = Windows(app)
    app.track("PushSoftAskDeclined")
    windows.read()
    app.now = DUE + 5 * MINUTE
    app.track("PushSoftAskDeclined")
    windows.read()
    assert [record["eventName"] for record in windows.records] == ["INSERT", "MODIFY"]
    app.now += 14 * DAY
    windows.sweep()
    for _ in range(2):
        assert deliver(windows.records) == []
        assert ended() == [
            f"push-softask:1:{due // 1000}:re_eligible"
            for due in (DUE, DUE + 5 * MINUTE + 14 * DAY)
        ]


@pytest.mark.usefixtures("database")
def test_row_16_a_due_window_that_the_next_ask_moves_before_the_sweep_has_ended(
    package: Package,
) -> None:
    asks = [
        {"content": "first"},
        *({"content": "retry", "after": "declined", "wait": "14d"} for _ in range(2)),
    ]
    app = App(replace(package, campaigns=(shipped_file(attempts=asks),)))
    windows = Windows(app)
    for app.now in (START, DUE + 5 * MINUTE):
        offer = app.value_moment()
        assert offer
        app.outcome("Shown", offer)
        windows.read()
    assert [record["eventName"] for record in windows.records] == ["INSERT", "MODIFY"]
    app.now += 30 * DAY
    windows.sweep()
    assert deliver(windows.records) == []
    assert [each.split(":")[1] for each in ended()] == ["1", "2"]


def test_a_window_that_is_moved_before_its_time_has_not_ended(app: App) -> None:
    windows = Windows(app)
    offer = app.value_moment()
    assert offer
    app.outcome("Shown", offer)
    app.now += MINUTE
    app.outcome("Declined", offer)
    windows.read()
    assert [record["eventName"] for record in windows.records] == ["INSERT", "MODIFY"]
    assert deliver(windows.records) == []
    assert ended() == []


def test_a_window_s_record_without_a_time_tells_nothing_and_fails_nothing(app: App) -> None:
    app.track("PushSoftAskDeclined")
    Sweeper(lambda: 60_000, lambda _: None).sweep(DUE)
    records = stream("SOFTASK_WINDOWS_TABLE", DUE)
    for each in records:
        del each["dynamodb"]["ApproximateCreationDateTime"]
    assert deliver(records) == []
    assert ended() == []


def test_a_window_that_a_grant_removed_makes_nobody_re_eligible(app: App) -> None:
    app.track("PushSoftAskDeclined")
    context = {"device": {"id": "d1"}, "push": {"status": "authorized"}}
    app.track("PushPermissionChanged", context=context)
    deliver(stream("SOFTASK_WINDOWS_TABLE", app.now))
    assert kinds() == []


def test_row_49_a_poison_record_is_delivered_again_and_the_rest_proceeds(app: App) -> None:
    app.value_moment()
    [good] = stream("SOFTASK_PROFILES_TABLE", START)
    poison = msgspec.json.decode(msgspec.json.encode(good))
    poison["dynamodb"]["NewImage"]["outbox"]["B"] = base64.b64encode(b"{").decode()
    poison["dynamodb"]["SequenceNumber"] = "poison"
    assert deliver([poison, good]) == [{"itemIdentifier": "poison"}]
    assert kinds() == ["exposed", "offered"]


def test_row_49_a_batch_of_poison_alone_is_delivered_again(app: App) -> None:
    app.value_moment()
    [poison] = stream("SOFTASK_PROFILES_TABLE", START)
    poison["dynamodb"]["NewImage"]["outbox"]["B"] = base64.b64encode(b"{").decode()
    assert len(deliver([poison])) == 1


def test_a_permission_change_is_a_fact_of_the_campaign_that_led_to_it(app: App) -> None:
    offer = app.value_moment()
    assert offer
    app.outcome("Approved", offer)
    app.now += 5000
    context = {"device": {"id": "d1"}, "push": {"status": "authorized"}}
    app.track("PushPermissionChanged", context=context)
    deliver(stream("SOFTASK_PROFILES_TABLE", app.now))
    led_to = ["converted", "granted", "opted_in", "prompted"]
    assert kinds() == sorted(["approved", "exposed", "offered", "shown", *led_to])
    [granted] = [i for i in items("SOFTASK_LEDGER_TABLE") if i["kind"]["S"] == "granted"]
    assert granted["campaign"]["S"] == "push-softask"
    assert granted["offer_id"]["S"] == offer["offerId"]


@pytest.mark.usefixtures("database")
def test_a_fact_without_a_campaign_leaves_its_fields_out() -> None:
    fact = Fact(id="x", kind=FactKind.GRANTED, at=1)
    assert ledger.record("key", [fact]) == (Recorded.NEW,)
    assert ledger.record("key", [fact]) == (Recorded.KNOWN,)
    [item] = boto3.client("dynamodb").scan(TableName=NAMES["SOFTASK_LEDGER_TABLE"])["Items"]
    assert set(item) == {"user_key", "fact_id", "kind", "at"}


def test_row_22_a_conflict_while_recording_is_tried_again(
    app: App, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(entry, "_retry", Retry(pauses.append, lambda: 1.0))
    app.value_moment()
    reasons = ["TransactionConflict", "None"]
    database.refuse("TransactWriteItems", "TransactionCanceledException", reasons)
    assert deliver(stream("SOFTASK_PROFILES_TABLE", app.now)) == []
    assert len(pauses) == 3
    assert kinds() == ["exposed", "offered"]


def test_the_dev_server_delivers_tombstones_as_the_stack_does(app: App, admin: Admin) -> None:
    app.value_moment()
    admin.call("DELETE", "/users/{id}", id="u1")
    records = stream("SOFTASK_PROFILES_TABLE", app.now)
    unheard = {"eventName": "MODIFY", "dynamodb": {"NewImage": {"became": {"S": "key"}}}}
    delivered: list[Json] = []

    class Streams:
        def new_records(self, table: str) -> list[Json]:
            return [*records, unheard] if table == "profiles" else []

    def take(event: Json, _context: object) -> Json:
        delivered.extend(event["Records"])
        return {"batchItemFailures": []}

    engine: Any = Streams()
    Feed(engine, take, lambda: app.now, profiles="profiles", windows="windows").drain()
    assert [set(record["dynamodb"]["NewImage"]) & WORTH for record in delivered] == [
        {"outbox"},
        {"deleted_at"},
    ]


WORTH = {"outbox", "deleted_at"}
