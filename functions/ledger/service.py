"""Stream records into facts. Redelivered, they change nothing: facts have ids."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from functions.core.model import SECOND, Fact, FactKind
from functions.store import ledger
from functions.store.ledger import Recorded
from functions.store.retry import Patience

_OUTBOX = msgspec.json.Decoder(tuple[Fact, ...])


_ENDS = ("REMOVE", "MODIFY")
"""What may happen to a window whose time has come: it is swept, or moved before that."""


@dataclass(frozen=True, slots=True)
class Written:
    """A user's facts in the ledger: those that one record told first, and all of it that stand.

    What stands, new or known, is to be published on every delivery, so that none is left out.
    """

    user_key: str
    new: tuple[Fact, ...] = ()
    standing: tuple[Fact, ...] = ()


def write_facts(record: Mapping[str, Any], patience: Patience) -> Written:
    """Writes what the record tells. A tombstone tells that the user's facts go.

    `record` is one element of a stream event's `Records`, in DynamoDB's JSON. Raises what the
    store raises: the record is then delivered again.
    """
    change = record["dynamodb"]
    key = change["Keys"]["user_key"]["S"]
    if "deleted_at" in change.get("NewImage", {}):
        ledger.forget(key)
        return Written(key)
    recorded = [
        each
        for batch in ledger.batches(_facts(record["eventName"], change))
        for each in zip(
            batch, patience.until_written(partial(ledger.record, key, batch)), strict=True
        )
    ]
    return Written(
        key,
        new=tuple(fact for fact, became in recorded if became is Recorded.NEW),
        standing=tuple(fact for fact, became in recorded if became is not Recorded.DELETED),
    )


def _facts(event_name: str, change: Mapping[str, Any]) -> Iterator[Fact]:
    outbox = change.get("NewImage", {}).get("outbox")
    if outbox is not None:
        yield from _OUTBOX.decode(base64.b64decode(outbox["B"]))
    if event_name in _ENDS and "window" in change.get("OldImage", {}):
        yield from _re_eligible(change)


def _re_eligible(change: Mapping[str, Any]) -> Iterator[Fact]:
    """A window that went or moved at or after its due time has ended; before that, it has not.

    DynamoDB calls the record's time optional: without one, nothing is known. A window that older
    code wrote does not know what its ask was.
    """
    image = change["OldImage"]
    due_at = int(image["due_at"]["N"])
    at = change.get("ApproximateCreationDateTime")
    if at is None or at < due_at:
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
