"""From the tables' streams to the ledger, as Lambda's event source mappings do it."""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from cli.dev import terminal
from cli.dev.engines import Engine, Record
from functions.clock import Clock
from functions.core.model import SECOND

BATCH = 100
TIME_LEFT = 60_000
MOST_DELIVERIES = 10

Ledger = Callable[[dict[str, Any], LambdaContext], Mapping[str, Any]]


def _has_outbox_or_is_tombstone(record: Record) -> bool:
    image = record["dynamodb"].get("NewImage", {})
    return "B" in image.get("outbox", {}) or "N" in image.get("deleted_at", {})


def _is_gone_or_moved(record: Record) -> bool:
    return record["eventName"] in ("REMOVE", "MODIFY")


class Context(LambdaContext):
    """What Lambda tells a function of its invocation."""

    def __init__(self, function: str, request_id: str) -> None:
        self._function_name = f"softask-{function}"
        self._function_version = "$LATEST"
        self._invoked_function_arn = (
            f"arn:aws:lambda:us-east-1:000000000000:function:softask-{function}"
        )
        self._memory_limit_in_mb = 512
        self._aws_request_id = request_id

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Nobody stops a function here."""
        return TIME_LEFT


class Feed:
    """Delivers every record that passes its table's filter, in order, until the ledger took it.

    A record that fails ten times is dropped, and said to be.
    """

    def __init__(
        self, engine: Engine, ledger: Ledger, clock: Clock, *, profiles: str, windows: str
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._filters = {profiles: _has_outbox_or_is_tombstone, windows: _is_gone_or_moved}
        self._one_at_a_time = Lock()
        self.forget()

    def forget(self) -> None:
        """Drops what waits to be delivered again."""
        self._waiting: dict[str, list[Record]] = {table: [] for table in self._filters}
        self._failures = dict.fromkeys(self._filters, 0)

    def drain(self) -> None:
        """Delivers what the streams hold by now. What fails waits for the next call."""
        with self._one_at_a_time:
            for table, passes in self._filters.items():
                fresh = filter(passes, self._new_records(table))
                self._waiting[table].extend(self._dated(record) for record in fresh)
                self._deliver(table)

    def _new_records(self, table: str) -> list[Record]:
        """None while the engine does not answer: the call that led here was answered already."""
        try:
            return self._engine.new_records(table)
        except (BotoCoreError, ClientError) as error:
            terminal.say(f"ledger: the stream of {table} cannot be read: {error}")
            return []

    def _dated(self, record: Record) -> Record:
        """By the dev server's clock, so that a moved one reaches the ledger too."""
        now = self._clock() // SECOND
        return {**record, "dynamodb": {**record["dynamodb"], "ApproximateCreationDateTime": now}}

    def _deliver(self, table: str) -> None:
        while batch := self._waiting[table][:BATCH]:
            failed = self._first_failure(batch)
            del self._waiting[table][:failed]
            if failed == len(batch):
                self._failures[table] = 0
                continue
            self._failures[table] = 1 if failed else self._failures[table] + 1
            if self._failures[table] < MOST_DELIVERIES:
                terminal.say("ledger: a record failed; it is delivered again with the next request")
                return
            del self._waiting[table][0]
            self._failures[table] = 0
            terminal.say(f"ledger: a record failed {MOST_DELIVERIES} times and is dropped")

    def _first_failure(self, batch: list[Record]) -> int:
        """The position of the first record that failed, from which on all come again."""
        sequence = [record["dynamodb"]["SequenceNumber"] for record in batch]
        answer = self._ledger({"Records": batch}, Context("ledger", sequence[0]))
        failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        return min((sequence.index(each) for each in failed), default=len(batch))
