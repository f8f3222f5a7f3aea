"""The dev server's parts where HTTP does not reach: failures, streams, gate, environment."""

import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from moto.core.botocore_stubber import BotocoreStubber
from moto.dynamodb.models.dynamo_type import Item

from cli.dev import engines, environment
from cli.dev.engines import InMemory, OverHttp, Record
from cli.dev.feed import BATCH, MOST_DELIVERIES, Feed
from cli.dev.gate import Gate
from cli.local_tables import NAMES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

NOW = 1_795_255_200_000  # 2026-11-21T10:00:00Z


# --- the feed ---


class Streams:
    """An engine whose streams hold what the test says."""

    client: "DynamoDBClient"

    def __init__(self) -> None:
        self.held: dict[str, list[Record]] = {"profiles": [], "windows": []}
        self.is_dead = False

    def start(self) -> None: ...

    def follow(self) -> None: ...

    def close(self) -> None: ...

    def new_records(self, table: str) -> list[Record]:
        if self.is_dead:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
        records, self.held[table] = self.held[table], []
        return records


class Ledger:
    """Fails for the sequence numbers that the test names."""

    def __init__(self) -> None:
        self.delivered: list[list[str]] = []
        self.times: set[int] = set()
        self.failing: set[str] = set()

    def __call__(self, event: dict[str, Any], _context: object) -> Mapping[str, Any]:
        changes = [record["dynamodb"] for record in event["Records"]]
        numbers = [change["SequenceNumber"] for change in changes]
        self.delivered.append(numbers)
        self.times |= {change["ApproximateCreationDateTime"] for change in changes}
        failures = [{"itemIdentifier": each} for each in numbers if each in self.failing]
        return {"batchItemFailures": failures}


def profile_record(number: int, *, outbox: bool = True) -> Record:
    image: dict[str, Any] = {"body": {"B": "e30="}}
    if outbox:
        image["outbox"] = {"B": "W10="}
    change = {"SequenceNumber": str(number), "NewImage": image}
    return {"eventName": "MODIFY", "dynamodb": change}


def window_record(number: int, event: str) -> Record:
    return {"eventName": event, "dynamodb": {"SequenceNumber": str(number), "OldImage": {}}}


@pytest.fixture
def streams() -> Streams:
    return Streams()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def feed(streams: Streams, ledger: Ledger) -> Feed:
    return Feed(streams, ledger, lambda: NOW, profiles="profiles", windows="windows")


def test_only_what_the_stack_s_filters_pass_is_delivered(
    feed: Feed, streams: Streams, ledger: Ledger
) -> None:
    streams.held["profiles"] = [profile_record(1), profile_record(2, outbox=False)]
    events = ("INSERT", "MODIFY", "REMOVE")
    streams.held["windows"] = [window_record(3 + place, each) for place, each in enumerate(events)]
    feed.drain()
    assert ledger.delivered == [["1"], ["4", "5"]]


def test_records_carry_the_dev_server_s_time(feed: Feed, streams: Streams, ledger: Ledger) -> None:
    streams.held["profiles"] = [profile_record(1)]
    feed.drain()
    assert ledger.times == {NOW // 1000}


def test_many_records_come_in_batches(feed: Feed, streams: Streams, ledger: Ledger) -> None:
    streams.held["profiles"] = [profile_record(number) for number in range(BATCH + 1)]
    feed.drain()
    assert [len(batch) for batch in ledger.delivered] == [BATCH, 1]


def test_from_the_first_failure_on_all_comes_again_in_order(
    feed: Feed, streams: Streams, ledger: Ledger
) -> None:
    streams.held["profiles"] = [profile_record(number) for number in (1, 2, 3)]
    ledger.failing = {"2"}
    feed.drain()
    ledger.failing = set()
    streams.held["profiles"] = [profile_record(4)]
    feed.drain()
    assert ledger.delivered == [["1", "2", "3"], ["2", "3", "4"]]


def test_a_record_that_fails_ten_times_makes_way(
    feed: Feed, streams: Streams, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    streams.held["profiles"] = [profile_record(1), profile_record(2)]
    ledger.failing = {"1"}
    for _ in range(MOST_DELIVERIES):
        feed.drain()
    assert ledger.delivered == [["1", "2"]] * MOST_DELIVERIES + [["2"]]
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "ledger: a record failed 10 times and is dropped"


def test_a_stream_that_cannot_be_read_is_said_and_survived(
    feed: Feed, streams: Streams, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    streams.is_dead = True
    feed.drain()
    assert ledger.delivered == []
    assert "the stream of profiles cannot be read" in capsys.readouterr().err


# --- DynamoDB's streams over HTTP ---


ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/softask-profiles/stream/1"
FIRST, SECOND = (f"shardId-{number:020}-00000000" for number in (1, 2))
ONE, TWO, THREE = (f"{number:021}" for number in (1, 2, 3))


def page(*numbers: str, following: str | None) -> dict[str, Any]:
    records = [{"dynamodb": {"SequenceNumber": n, "Keys": {"k": {"B": b"\xff"}}}} for n in numbers]
    answer: dict[str, Any] = {"Records": records}
    return {**answer, "NextShardIterator": following} if following else answer


def shards(*names: str) -> dict[str, Any]:
    return {"StreamDescription": {"Shards": [{"ShardId": name} for name in names]}}


@pytest.fixture
def stub() -> Iterator[Stubber]:
    reader = boto3.client("dynamodbstreams", region_name="us-east-1")
    with Stubber(reader) as stubber:
        stubber.add_response("describe_stream", shards(FIRST))
        stubber.add_response("get_shard_iterator", {"ShardIterator": "i1"})
        yield stubber
        stubber.assert_no_pending_responses()


def follow(stub: Stubber) -> engines.Stream:
    return engines.Stream(cast("DynamoDBStreamsClient", stub.client), ARN)


def numbers(records: list[Record]) -> list[str]:
    return [record["dynamodb"]["SequenceNumber"] for record in records]


def test_a_stream_is_followed_page_after_page(stub: Stubber) -> None:
    stream = follow(stub)
    stub.add_response("get_records", page(ONE, TWO, following="i2"), {"ShardIterator": "i1"})
    stub.add_response("get_records", page(following="i3"), {"ShardIterator": "i2"})
    records = stream.new_records()
    assert numbers(records) == [ONE, TWO]
    assert records[0]["dynamodb"]["Keys"] == {"k": {"B": "/w=="}}
    stub.add_response("get_records", page(THREE, following="i4"), {"ShardIterator": "i3"})
    stub.add_response("get_records", page(following="i5"), {"ShardIterator": "i4"})
    assert numbers(stream.new_records()) == [THREE]


def test_an_expired_iterator_resumes_after_the_last_record(stub: Stubber) -> None:
    stream = follow(stub)
    stub.add_response("get_records", page(ONE, following="i2"))
    stub.add_client_error("get_records", "ExpiredIteratorException")
    stub.add_response(
        "get_shard_iterator",
        {"ShardIterator": "i3"},
        {
            "StreamArn": ARN,
            "ShardId": FIRST,
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "SequenceNumber": ONE,
        },
    )
    stub.add_response("get_records", page(TWO, following="i4"), {"ShardIterator": "i3"})
    stub.add_response("get_records", page(following="i5"))
    assert numbers(stream.new_records()) == [ONE, TWO]


@pytest.mark.parametrize("code", ["TrimmedDataAccessException", "ExpiredIteratorException"])
def test_before_the_first_record_a_lost_iterator_begins_anew(stub: Stubber, code: str) -> None:
    stream = follow(stub)
    stub.add_client_error("get_records", code)
    stub.add_response("get_shard_iterator", {"ShardIterator": "i2"})
    stub.add_response("get_records", page(ONE, following="i3"), {"ShardIterator": "i2"})
    stub.add_response("get_records", page(following="i4"))
    assert numbers(stream.new_records()) == [ONE]


def test_a_closed_shard_hands_over_to_the_next(stub: Stubber) -> None:
    stream = follow(stub)
    stub.add_response("get_records", page(ONE, following=None))
    stub.add_response("describe_stream", shards(FIRST, SECOND))
    stub.add_response("get_shard_iterator", {"ShardIterator": "i2"})
    stub.add_response("get_records", page(TWO, following="i3"), {"ShardIterator": "i2"})
    stub.add_response("get_records", page(following="i4"))
    assert numbers(stream.new_records()) == [ONE, TWO]


# --- moto ---


def test_moto_answers_one_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = BotocoreStubber.process_request
    inside: list[int] = []
    most_inside: list[int] = []

    def observed(stubber: BotocoreStubber, request: Any) -> Any:
        inside.append(1)
        most_inside.append(len(inside))
        answered = answer(stubber, request)
        inside.pop()
        return answered

    monkeypatch.setattr(BotocoreStubber, "process_request", observed)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    engine = InMemory()
    engine.start()
    try:
        engines.create(engine)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: engine.client.list_tables(), range(40)))
    finally:
        engine.close()
        sys.setswitchinterval(interval)
    assert max(most_inside) == 1


def test_what_moto_copies_for_a_transaction_does_not_stay() -> None:
    profiles = NAMES["SOFTASK_PROFILES_TABLE"]
    engine = InMemory()
    engine.start()
    try:
        engines.create(engine)
        for number in range(20):
            item = {"user_key": {"S": str(number)}}
            put: Any = {"Put": {"TableName": profiles, "Item": item}}
            engine.client.transact_write_items(TransactItems=[put])
            assert len(engine.new_records(profiles)) == 1
        assert cast(Any, Item).instances_tracked == []
    finally:
        engine.close()


# --- the gate ---


def test_many_are_inside_together() -> None:
    gate = Gate()
    meeting = threading.Barrier(3)

    def visit() -> None:
        with gate.together():
            meeting.wait(30)

    visitors = [threading.Thread(target=visit) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(30)
    assert not meeting.broken


def test_one_alone_waits_for_those_inside_and_keeps_others_out() -> None:
    gate = Gate()
    order: list[str] = []
    is_inside, may_leave = threading.Event(), threading.Event()

    def visit() -> None:
        with gate.together():
            is_inside.set()
            may_leave.wait(30)
            order.append("visitor")

    def work_alone() -> None:
        with gate.alone():
            order.append("alone")

    visitor, loner = threading.Thread(target=visit), threading.Thread(target=work_alone)
    visitor.start()
    is_inside.wait(30)
    loner.start()
    may_leave.set()
    loner.join(30)
    with gate.together():
        order.append("latecomer")
    visitor.join(30)
    assert order == ["visitor", "alone", "latecomer"]


# --- the environment ---


def test_nothing_that_leads_to_a_real_account_is_left() -> None:
    variables = {
        "PATH": "/bin",
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "secret",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_ENDPOINT_URL_DYNAMODB": "https://dynamodb.eu-west-1.amazonaws.com",
        "SOFTASK_PROFILES_TABLE": "production-profiles",
        "HTTPS_PROXY": "http://proxy:3128",
    }
    environment.prepare(variables)
    assert variables["PATH"] == "/bin"
    assert variables["SOFTASK_PROFILES_TABLE"] == "softask-profiles"
    assert variables["AWS_ACCESS_KEY_ID"] == "dev"
    assert variables["NO_PROXY"] == "*"
    left = {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}
    assert not left & variables.keys()
    assert not {name for name in variables if name.startswith("AWS_ENDPOINT_URL")}


def test_every_call_goes_to_the_endpoint() -> None:
    variables: dict[str, str] = {}
    environment.prepare(variables, "http://127.0.0.1:8000")
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:8000"
    assert variables["AWS_ENDPOINT_URL_DYNAMODB"] == "http://127.0.0.1:8000"


def test_pynamodb_s_client_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from pynamodb.connection import Connection  # noqa: PLC0415 - with the environment below

    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:8000")
    assert Connection(region="us-east-1").client.meta.endpoint_url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"]
)
def test_loopback_endpoints_pass(url: str) -> None:
    assert environment.check_endpoint(url) == url


def test_an_engine_over_http_without_streams_has_nothing_to_follow() -> None:
    engine = OverHttp("http://127.0.0.1:9")
    engine.start()
    engine.close()
    assert engine.client.meta.endpoint_url == "http://127.0.0.1:9"
