"""One stream record into its facts. Redelivered, it changes nothing: facts have ids."""

import base64
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from functions.core.model import SECOND, Fact, FactKind
from functions.ledger.events import Publish
from functions.store import ledger
from functions.store.ledger import Recorded
from functions.store.retry import Retry

_OUTBOX = msgspec.json.Decoder(tuple[Fact, ...])


def record_facts(record: Mapping[str, Any], retry: Retry, publish: Publish) -> tuple[Fact, ...]:
    """Writes what the record tells, and returns those of its facts that were new.

    All that stand, new or known, are published behind it: on every delivery, so that none is ever
    left out. A tombstone tells that the user's facts go. `record` is one element of a stream
    event's `Records`, in DynamoDB's JSON. Raises what the store and `publish` raise: the record is
    then delivered again.
    """
    change = record["dynamodb"]
    key = change["Keys"]["user_key"]["S"]
    if "deleted_at" in change.get("NewImage", {}):
        ledger.forget(key)
        return ()
    recorded = [
        each
        for batch in ledger.batches(_facts(record["eventName"], change))
        for each in zip(batch, retry.until_written(partial(ledger.record, key, batch)), strict=True)
    ]
    standing = [fact for fact, became in recorded if became is not Recorded.DELETED]
    if standing:
        publish(key, standing)
    return tuple(fact for fact, became in recorded if became is Recorded.NEW)


def _facts(event_name: str, change: Mapping[str, Any]) -> Iterator[Fact]:
    outbox = change.get("NewImage", {}).get("outbox")
    if outbox is not None:
        yield from _OUTBOX.decode(base64.b64decode(outbox["B"]))
    if event_name == "REMOVE" and "window" in change.get("OldImage", {}):
        yield from _re_eligible(change)


def _re_eligible(change: Mapping[str, Any]) -> Iterator[Fact]:
    """A window that went at or after its due time has ended; one that a grant removed has not.

    One that older code wrote does not know what its ask was.
    """
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
        version=int(image.get("version", {}).get("N", 0)),
        attempt=int(attempt),
        arm=image.get("arm", {}).get("S", ""),
        variant=image.get("variant", {}).get("S", ""),
    )
