"""The Lambda entry point of both streams."""

import random
import time
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

from functions.ledger.service import record_facts
from functions.store.retry import Retry

_logger = Logger(service="ledger", serialize_stacktrace=False)
_retry = Retry(time.sleep, random.random)
_processor = BatchProcessor(
    event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False
)


def _process(record: DynamoDBRecord) -> int:
    try:
        return record_facts(record.raw_event, _retry)
    except Exception:
        _logger.exception("record_failed", extra={"event_id": record.event_id})
        raise


@_logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """A DynamoDB stream event in; the records that must be delivered again out."""
    return process_partial_response(
        event=event, record_handler=_process, processor=_processor, context=context
    )
