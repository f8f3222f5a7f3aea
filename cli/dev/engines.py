"""The two places where the tables may live, and how their streams are read there."""

import base64
from collections.abc import Iterator, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol
from unittest.mock import patch

import boto3
from botocore.config import Config
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.model_instances import reset_model_data
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from cli.dev.environment import REGION
from cli.local_tables import NAMES, create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

Record = dict[str, Any]
"""One element of a Lambda stream event's `Records`, still with the engine's own time."""

_QUICK = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1})


class Engine(Protocol):
    """DynamoDB tables with streams."""

    client: "DynamoDBClient"

    def start(self) -> None:
        """Makes the client usable."""

    def follow(self) -> None:
        """Streams what is written from now on. The tables must exist."""

    def new_records(self, table: str) -> list[Record]:
        """What was streamed since the last call, oldest first."""

    def close(self) -> None:
        """Gives back what `start` took; tables in memory are gone."""


def create(engine: Engine) -> None:
    """Creates the tables that are missing, and follows their streams."""
    create_tables(engine.client)
    engine.follow()


def empty(engine: Engine) -> None:
    """The tables anew, with nothing in them or in their streams."""
    existing = set(engine.client.list_tables()["TableNames"])
    for table in existing.intersection(NAMES.values()):
        engine.client.delete_table(TableName=table)
        gone = engine.client.get_waiter("table_not_exists")
        gone.wait(TableName=table, WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    create(engine)


class InMemory:
    """moto in this process."""

    client: "DynamoDBClient"

    def __init__(self) -> None:
        self._moto = mock_aws()
        # Threads find two winners of one conditional write in moto, unless they take turns.
        self._turn = RLock()
        self._taking_turns = patch.object(BotocoreStubber, "__call__", _in_turn(self._turn))

    def start(self) -> None:
        self._moto.start()
        self._taking_turns.start()
        self.client = boto3.client("dynamodb", region_name=REGION)

    def follow(self) -> None:
        for table in NAMES.values():
            self.new_records(table)

    def new_records(self, table: str) -> list[Record]:
        """From the backend itself: moto's Streams API answers 404.

        Outside a call no transaction is under way, so nothing read here can be rolled back.
        """
        with self._turn:
            shard = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_table(table).stream_shard
            if shard is None:
                return []
            records = [_as_lambda_has_it(item.to_json()) for item in shard.items]
            # Read once, dropped at once: moto copies a whole table for each transaction.
            shard.starting_sequence_number += len(records)
            shard.items.clear()
            # For a dashboard that nobody opens here, moto keeps every copy that it ever made.
            reset_model_data()
        return records

    def close(self) -> None:
        self._taking_turns.stop()
        self._moto.stop()


def _in_turn(turn: RLock) -> Any:
    answer = BotocoreStubber.__call__

    def answer_in_turn(stubber: BotocoreStubber, *args: Any, **kwargs: Any) -> Any:
        with turn:
            return answer(stubber, *args, **kwargs)

    return answer_in_turn


class OverHttp:
    """A DynamoDB Local, or what speaks like it, on loopback."""

    client: "DynamoDBClient"

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._streams: dict[str, Stream] = {}

    def start(self) -> None:
        self.client = boto3.client(
            "dynamodb", region_name=REGION, endpoint_url=self._endpoint, config=_QUICK
        )

    def follow(self) -> None:
        reader = boto3.client(
            "dynamodbstreams", region_name=REGION, endpoint_url=self._endpoint, config=_QUICK
        )
        self._streams = {table: Stream(reader, arn) for table, arn in self._arns()}

    def new_records(self, table: str) -> list[Record]:
        return self._streams[table].new_records()

    def close(self) -> None:
        self._streams.clear()

    def _arns(self) -> Iterator[tuple[str, str]]:
        for table in NAMES.values():
            arn = self.client.describe_table(TableName=table)["Table"].get("LatestStreamArn")
            if arn is not None:
                yield table, arn


class Stream:
    """One table's stream, followed from now on, shard after shard."""

    def __init__(self, reader: "DynamoDBStreamsClient", arn: str) -> None:
        self._reader = reader
        self._arn = arn
        self._last: dict[str, str] = {}
        # What was written before belongs to a clock that is gone.
        self._iterators = {shard: self._begin(shard, "LATEST") for shard in self._shards()}

    def new_records(self) -> list[Record]:
        records = [record for shard in list(self._iterators) for record in self._read(shard)]
        for shard in self._successors():
            self._iterators[shard] = self._begin(shard, "TRIM_HORIZON")
            records.extend(self._read(shard))
        return records

    def _read(self, shard: str) -> Iterator[Record]:
        while iterator := self._iterators[shard]:
            try:
                page = self._reader.get_records(ShardIterator=iterator)
            except self._reader.exceptions.ExpiredIteratorException:
                self._iterators[shard] = self._resume(shard)
                continue
            except self._reader.exceptions.TrimmedDataAccessException:
                # So DynamoDB Local answers once a stream that was empty at LATEST has a record.
                self._iterators[shard] = self._begin(shard, "TRIM_HORIZON")
                continue
            self._iterators[shard] = page.get("NextShardIterator", "")
            for record in page["Records"]:
                self._last[shard] = record["dynamodb"]["SequenceNumber"]
                yield _as_lambda_has_it(record)
            if not page["Records"]:
                return

    def _successors(self) -> Iterator[str]:
        """Shards that are new; there are none while every known shard is open."""
        if all(self._iterators.values()):
            return
        for shard in self._shards():
            if shard not in self._iterators:
                yield shard

    def _shards(self) -> list[str]:
        described = self._reader.describe_stream(StreamArn=self._arn)["StreamDescription"]
        return [shard["ShardId"] for shard in described["Shards"]]

    def _begin(self, shard: str, kind: Any) -> str:
        return self._reader.get_shard_iterator(
            StreamArn=self._arn, ShardId=shard, ShardIteratorType=kind
        )["ShardIterator"]

    def _resume(self, shard: str) -> str:
        if shard not in self._last:
            return self._begin(shard, "TRIM_HORIZON")
        return self._reader.get_shard_iterator(
            StreamArn=self._arn,
            ShardId=shard,
            ShardIteratorType="AFTER_SEQUENCE_NUMBER",
            SequenceNumber=self._last[shard],
        )["ShardIterator"]


def _as_lambda_has_it(record: Mapping[str, Any]) -> Record:
    return {**record, "dynamodb": _with_base64(record["dynamodb"])}


def _with_base64(value: Any) -> Any:
    """Both engines give binary attributes as bytes; an event carries them as base64 text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: _with_base64(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_with_base64(child) for child in value]
    return value
