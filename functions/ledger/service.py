"""One stream record into its facts. Redelivered, it changes nothing: facts have ids."""

import base64
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from functions.core.model import SECOND, Fact, FactKind
from functions.store import ledger
from functions.store.ledger import Recorded
from functions.store.retry import Retry

_OUTBOX = msgspec.json.Decoder(tuple[Fact, ...])


def record_facts(record: Mapping[str, Any], retry: Retry) -> int:
    """Writes what the record tells, and returns how many of its facts were new.

    A tombstone tells that the user's facts go. `record` is one element of a stream event's
    `Records`, in DynamoDB's JSON. Raises what the store raises: the record is then delivered again.
    """
    change = record["dynamodb"]
    key = change["Keys"]["user_key"]["S"]
    if "deleted_at" in change.get("NewImage", {}):
        ledger.forget(key)
        return 0
    recorded = [
        retry.until_written(partial(ledger.record, key, fact))
        for fact in _facts(record["eventName"], change)
    ]
    return recorded.count(Recorded.NEW)


def _facts(event_name: str, change: Mapping[str, Any]) -> Iterator[Fact]:
    outbox = change.get("NewImage", {}).get("outbox")
    if outbox is not None:
        yield from _OUTBOX.decode(base64.b64decode(outbox["B"]))
    if event_name == "REMOVE" and "window" in change.get("OldImage", {}):
        yield from _re_eligible(change)


def _re_eligible(change: Mapping[str, Any]) -> Iterator[Fact]:
    """A window that went at or after its due time has ended; one that a grant removed has not."""
    image = change["OldImage"]
    due_at = int(image["due_at"]["N"])
    if change["ApproximateCreationDateTime"] < due_at:
        return
    campaign, attempt, _ = image["window"]["S"].rsplit(":", 2)
    yield Fact(
        id=f"{image['window']['S']}:{FactKind.RE_ELIGIBLE.value}",
        kind=FactKind.RE_ELIGIBLE,
        at=due_at * SECOND,
        campaign=campaign,
        attempt=int(attempt),
    )
