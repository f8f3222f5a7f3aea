"""One of each event: what may become of two users of the shipped campaign."""

from typing import Any

import msgspec

from cli.openapi.examples import NOW, OFFER_ID
from functions.core.experiment import HOLDOUT, SOFT_ASK
from functions.core.model import DAY, MINUTE, SECOND, Fact, FactKind, User
from functions.core.moments import parse_time
from functions.ledger.events import EVENTS, SOURCE, Event, event_of
from functions.store.keys import user_key

_ACCOUNT, _REGION = "123456789012", "eu-central-1"
_KEY = user_key(f"prod/{_ACCOUNT}/{_REGION}", User("user", "u1"))
_START = parse_time(NOW)
_CAMPAIGN = "push-softask"


def _of_offer(kind: FactKind, after: int, attempt: int = 1) -> Fact:
    return Fact(
        id=f"{OFFER_ID}:{kind.value}",
        kind=kind,
        at=_START + after,
        campaign=_CAMPAIGN,
        version=3,
        attempt=attempt,
        arm=SOFT_ASK,
        variant="warm",
        platform="ios",
        offer_id=OFFER_ID,
    )


_FACTS = (
    _of_offer(FactKind.OFFERED, 0),
    _of_offer(FactKind.SHOWN, 2 * SECOND),
    _of_offer(FactKind.APPROVED, 7 * SECOND),
    _of_offer(FactKind.DECLINED, 9 * SECOND),
    _of_offer(FactKind.DISMISSED, 4 * SECOND),
    Fact(
        id=f"{_CAMPAIGN}:held_out:{_START}",
        kind=FactKind.HELD_OUT,
        at=_START,
        campaign=_CAMPAIGN,
        version=3,
        arm=HOLDOUT,
        platform="android",
    ),
    _of_offer(FactKind.GRANTED, 11 * SECOND),
    Fact(id="d1:denied", kind=FactKind.DENIED, at=_START + 5 * MINUTE, platform="ios"),
    Fact(
        id=f"{_CAMPAIGN}:1:re_eligible",
        kind=FactKind.RE_ELIGIBLE,
        at=_START + 14 * DAY,
        campaign=_CAMPAIGN,
        version=3,
        attempt=1,
        arm=SOFT_ASK,
        variant="warm",
    ),
    _of_offer(FactKind.EXHAUSTED, 15 * DAY, attempt=2),
)


def _written(fact: Fact) -> dict[str, Any]:
    """The event's detail, as a rule reads it."""
    written: dict[str, Any] = msgspec.to_builtins(event_of(_KEY, fact))
    return written


EXAMPLES: dict[type[Event], dict[str, Any]] = {EVENTS[fact.kind]: _written(fact) for fact in _FACTS}

ENVELOPE = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "SoftAskApproved",
    "source": SOURCE,
    "account": _ACCOUNT,
    "time": "2026-11-21T10:00:09Z",
    "region": _REGION,
    "resources": [],
    "detail": EXAMPLES[EVENTS[FactKind.APPROVED]],
}
"""What EventBridge makes of one."""
