"""The Lambda entry point of both streams."""

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.clock import wall_clock
from functions.core.model import SECOND, Fact
from functions.environment import read_environment
from functions.ledger.events import publisher
from functions.ledger.service import record_facts
from functions.metrics import Metric, emf, of_fact
from functions.store import connection
from functions.store.ledger import FactItem
from functions.store.retry import Retry

_environment = read_environment()
_logger = Logger(service="ledger", serialize_stacktrace=False, use_rfc3339=True)
_retry = Retry(time.sleep, random.random)
_publish = publisher(_environment.event_bus, connection.connect(FactItem), _retry)
_processor = BatchProcessor(
    event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False
)


@_logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """A DynamoDB stream event in; the records that must be delivered again out."""
    new: list[Fact] = []
    answer = process_partial_response(
        event=event,
        record_handler=partial(_process, new),
        processor=_processor,
        context=context,
    )
    _tell(new, event["Records"])
    return answer


def _process(new: list[Fact], record: DynamoDBRecord) -> None:
    """Adds the facts that the record told first to `new`."""
    try:
        new += record_facts(record.raw_event, _retry, _publish)
    except Exception:
        measured = emf(_environment.stage, wall_clock(), {Metric.FAILED_RECORDS: 1})
        _logger.exception("record_failed", extra={"event_id": record.event_id, **measured})
        raise


def _tell(new: Sequence[Fact], records: Sequence[Mapping[str, Any]]) -> None:
    """A line for each campaign of which there is something new."""
    now = wall_clock()
    lag = _lag(records, now)
    for campaign in sorted({fact.campaign for fact in new}):
        kinds = Counter(of_fact(fact.kind) for fact in new if fact.campaign == campaign)
        measured = emf(_environment.stage, now, lag, campaign=campaign, of_campaign=kinds)
        _logger.info("recorded", extra=measured)
        lag = {}


def _lag(records: Sequence[Mapping[str, Any]], now: int) -> dict[str, int]:
    """The age of the newest record, as Lambda's own `IteratorAge` is of the oldest.

    DynamoDB calls a record's time optional; what only counts must not fail for want of it.
    """
    times = (record["dynamodb"].get("ApproximateCreationDateTime") for record in records)
    newest = max((int(time) for time in times if time is not None), default=None)
    return {} if newest is None else {Metric.LEDGER_LAG: max(0, now // SECOND - newest)}
