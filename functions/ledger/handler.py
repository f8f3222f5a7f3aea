"""The Lambda entry point of both streams."""

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.clock import wall_clock
from functions.core.model import SECOND, Fact
from functions.environment import read_environment
from functions.ledger.events import LAST_CALL, NotPublished, publisher
from functions.ledger.service import Written, write_facts
from functions.metrics import Metric, emf, of_fact
from functions.store import connection
from functions.store.ledger import FactItem
from functions.store.retry import Patience, Retry

RESERVE = 2 * LAST_CALL
"""Milliseconds that are kept for a write that is under way, and for publishing behind it."""

Record = Mapping[str, Any]

_environment = read_environment()
_logger = Logger(service="ledger", serialize_stacktrace=False, use_rfc3339=True)
_retry = Retry(time.sleep, random.random)
_publish = publisher(_environment.event_bus, connection.connect(FactItem), _retry)


@_logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A DynamoDB stream event in; the records that must be delivered again out.

    All records are written before the first is told of, so that no bus holds up the figures.
    """
    records: Sequence[Record] = event["Records"]
    written = _write(records, context)
    done = _tell(written, context)
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["dynamodb"]["SequenceNumber"]}
            for place, record in enumerate(records)
            if place not in done
        ]
    }


def _write(records: Sequence[Record], context: LambdaContext) -> dict[int, Written]:
    """What could be written, by the place of its record; each record's fault is its own."""
    conflicts: list[None] = []
    retry = replace(_retry, on_conflict=partial(conflicts.append, None))
    patience = Patience(retry, context.get_remaining_time_in_millis, RESERVE)
    written = {}
    for place, record in enumerate(records):
        if not patience.has_time():
            _fail("out_of_time", left=len(records) - place)
            break
        try:
            written[place] = write_facts(record, patience)
        except Exception:
            _fail("record_failed", event_id=record.get("eventID"))
    _count([fact for each in written.values() for fact in each.new], records, len(conflicts))
    return written


def _tell(written: Mapping[int, Written], context: LambdaContext) -> set[int]:
    """The places of the records of which all is told."""
    waiting = [
        (place, (each.user_key, fact)) for place, each in written.items() for fact in each.standing
    ]
    try:
        _publish([told for _, told in waiting], context.get_remaining_time_in_millis)
    except NotPublished as error:
        untold = {place for place, _ in waiting[error.told :]}
        _fail("not_published", left=len(untold))
        return written.keys() - untold
    return set(written)


def _fail(message: str, **more: Any) -> None:
    """One line, with the trace if there is one."""
    measured = emf(_environment.stage, wall_clock(), {Metric.FAILED_RECORDS: 1})
    _logger.error(message, exc_info=True, extra={**more, **measured})


def _count(new: Sequence[Fact], records: Sequence[Record], conflicts: int) -> None:
    """A line for each campaign of which there is something new, and one for lost rounds."""
    now = wall_clock()
    figures = _lag(records, now) if new else {}
    campaigns = {fact.campaign for fact in new}
    if conflicts:
        figures[Metric.LEDGER_CONFLICTS] = conflicts
        campaigns.add("")
    for campaign in sorted(campaigns):
        kinds = Counter(of_fact(fact.kind) for fact in new if fact.campaign == campaign)
        measured = emf(_environment.stage, now, figures, campaign=campaign, of_campaign=kinds)
        _logger.info("recorded", extra=measured)
        figures = {}


def _lag(records: Sequence[Record], now: int) -> dict[str, int]:
    """The age of the newest record, as Lambda's own `IteratorAge` is of the oldest.

    DynamoDB calls a record's time optional; what only counts must not fail for want of it.
    """
    times = (record["dynamodb"].get("ApproximateCreationDateTime") for record in records)
    newest = max((int(time) for time in times if time is not None), default=None)
    return {} if newest is None else {Metric.LEDGER_LAG: max(0, now // SECOND - newest)}
