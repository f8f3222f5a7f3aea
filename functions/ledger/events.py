"""Domain events: facts, told to a team's own rules on the stack's EventBridge bus.

The types here are the contract, and `docs/events.md` is made of them. It only ever grows: keys
and events are added; none goes, gets another name or another meaning.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session
from msgspec import Meta

from functions.core.model import Fact, FactKind
from functions.core.moments import format_time
from functions.store.connection import Connection
from functions.store.retry import Retry

SOURCE = "softask"

MOST_ENTRIES = 10
"""In one call, which may have 256 KB. The longest ids make fewer than 10 of them."""

MAX_ROUNDS = 4
_FIRST_PAUSE = 0.05

LAST_CALL = 13_000
"""Milliseconds that a call may take: three times the client's time-outs, and pauses between."""

Told = tuple[str, Fact]
"""A user's key, and what happened to that user."""

Publish = Callable[[Sequence[Told], Callable[[], int]], None]


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What every event says. Every key is always there; what is not known, or is none, is null."""

    schema_version: Annotated[
        Literal[1], Meta(description="1, for as long as keys are only added.")
    ] = 1
    fact_id: Annotated[
        str, Meta(description="The same whenever this event comes again; no other event has it.")
    ]
    user_key: Annotated[str, Meta(description="Whom it happened to: a hash, explained below.")]
    at: Annotated[
        str,
        Meta(
            description="When it happened: ISO 8601, UTC.",
            extra_json_schema={"format": "date-time"},
        ),
    ]
    campaign: Annotated[str | None, Meta(description="The campaign's id.")]
    campaign_version: Annotated[
        int | None, Meta(description="The version that made the offer, or held the user out.")
    ]
    attempt: Annotated[int | None, Meta(description="Which ask of this user it is, from 1.")]
    arm: Annotated[
        str | None,
        Meta(description="The user's arm: `soft_ask`, `holdout` or `direct_prompt`."),
    ]
    variant: Annotated[
        str | None, Meta(description="The content variant, where the campaign has some.")
    ]
    platform: Annotated[
        str | None, Meta(description="`ios`, `android`, or what else the phone says.")
    ]
    offer_id: Annotated[str | None, Meta(description="The offer, as the app has it.")]


class _OfOffer(Event, frozen=True, kw_only=True):
    """What happened to an offer names all of it."""

    campaign: str
    campaign_version: int
    attempt: int
    arm: str
    offer_id: str


class OfferGranted(_OfOffer, frozen=True, kw_only=True):
    """A user may be asked, and a device was told so. Nothing is shown yet."""


class SoftAskShown(_OfOffer, frozen=True, kw_only=True):
    """The ask was seen; in the arm `direct_prompt`, it was the OS prompt itself."""


class SoftAskApproved(_OfOffer, frozen=True, kw_only=True):
    """The user said yes to the soft ask. The OS prompt's answer follows as an event of its own."""


class SoftAskDeclined(_OfOffer, frozen=True, kw_only=True):
    """The user said "Not now" to the soft ask."""


class SoftAskDismissed(_OfOffer, frozen=True, kw_only=True):
    """The app told that the soft ask was closed unanswered. One that nobody answers has none."""


class HeldOut(Event, frozen=True, kw_only=True):
    """A user of the holdout would have been asked now for the first time, and is not."""

    campaign: str
    campaign_version: int
    arm: str


class PushGranted(Event, frozen=True, kw_only=True):
    """A device's push permission is granted now, by the OS prompt or in the settings.

    The campaign is the one that the device saw last, if it saw one.
    """


class PushDenied(Event, frozen=True, kw_only=True):
    """A device's push permission is denied now, by the OS prompt or in the settings.

    The campaign is the one that the device saw last, if it saw one.
    """


class UserReEligible(Event, frozen=True, kw_only=True):
    """A retry window is over: the next value moment may ask again. `attempt`: the ask before it."""

    campaign: str
    attempt: int


class AttemptsExhausted(Event, frozen=True, kw_only=True):
    """The last attempt was declined or dismissed: the campaign has none left for this user."""

    campaign: str


EVENTS: Mapping[FactKind, type[Event]] = {
    FactKind.OFFERED: OfferGranted,
    FactKind.SHOWN: SoftAskShown,
    FactKind.APPROVED: SoftAskApproved,
    FactKind.DECLINED: SoftAskDeclined,
    FactKind.DISMISSED: SoftAskDismissed,
    FactKind.HELD_OUT: HeldOut,
    FactKind.GRANTED: PushGranted,
    FactKind.DENIED: PushDenied,
    FactKind.RE_ELIGIBLE: UserReEligible,
    FactKind.EXHAUSTED: AttemptsExhausted,
}
"""Told, under the name of the type; all other kinds are the ledger's own."""


def event_of(user_key: str, fact: Fact) -> Event | None:
    """The fact as it is told; None of a kind that is not."""
    kind = EVENTS.get(fact.kind)
    if kind is None:
        return None
    return kind(
        fact_id=fact_id(user_key, fact),
        user_key=user_key,
        at=format_time(fact.at),
        campaign=fact.campaign or None,
        # Version 0 is the packaged one; of a fact without an arm it is not known.
        campaign_version=fact.version if fact.arm else None,
        attempt=fact.attempt or None,
        arm=fact.arm or None,
        variant=fact.variant or None,
        platform=fact.platform or None,
        offer_id=fact.offer_id or None,
    )


def fact_id(user_key: str, fact: Fact) -> str:
    """43 characters of SHA-256 over the user's key and the fact's own id.

    That id is unique within one user's facts alone, and a permission's has an unsalted digest of
    the device's id: the same for all users of one phone.
    """
    digest = sha256(f"{user_key}\0{fact.id}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Refused(Exception):
    """EventBridge did not take some events, as often as it was asked. The message has its codes."""


class NoTime(Exception):
    """The function would be stopped before EventBridge has answered."""


class NotPublished(Exception):
    """The first `told` facts are told; of the others some may be. The cause says why."""

    def __init__(self, told: int) -> None:
        super().__init__(f"{told} facts were told before")
        self.told = told


@dataclass(frozen=True, slots=True)
class Publisher:
    """client: botocore's for `events`; bus: the name of the bus."""

    client: Any
    bus: str
    retry: Retry

    def publish(self, facts: Sequence[Told], time_left: Callable[[], int]) -> None:
        """Tells of the facts, in their order. Returns when EventBridge has taken every event.

        Else it raises `NotPublished` at the first call that failed for good, and tries none
        behind it: a bus that hangs costs its caller one time-out. `time_left()`: milliseconds.
        """
        entries = [
            (place, self._entry(event))
            for place, (user_key, fact) in enumerate(facts)
            if (event := event_of(user_key, fact)) is not None
        ]
        for start in range(0, len(entries), MOST_ENTRIES):
            some = entries[start : start + MOST_ENTRIES]
            try:
                self._put([entry for _, entry in some], time_left)
            except (BotoCoreError, ClientError, Refused, NoTime) as error:
                first, _ = some[0]
                raise NotPublished(first) from error

    def _entry(self, event: Event) -> dict[str, str]:
        """Without a `Time`: an event's envelope says when it was told, and its detail the rest."""
        return {
            "EventBusName": self.bus,
            "Source": SOURCE,
            "DetailType": type(event).__name__,
            "Detail": msgspec.json.encode(event).decode(),
        }

    def _put(self, entries: list[dict[str, str]], time_left: Callable[[], int]) -> None:
        """A call that succeeds may still have refused single entries; those are put again."""
        codes: list[str] = []
        for round_ in range(MAX_ROUNDS):
            if round_:
                self.retry.pause(_FIRST_PAUSE * 2**round_ * self.retry.jitter())
            if time_left() <= LAST_CALL:
                raise NoTime
            results = self.client.put_events(Entries=entries)["Entries"]
            refused = [
                (entry, result["ErrorCode"])
                for entry, result in zip(entries, results, strict=True)
                if "ErrorCode" in result
            ]
            if not refused:
                return
            entries, codes = [entry for entry, _ in refused], [code for _, code in refused]
        raise Refused(", ".join(codes))


def publisher(bus: str, session: Session, retry: Retry) -> Publish:
    """What publishes on the bus of that name; where there is none, what tells nobody.

    The client is opened at once: at init, off the first record's time. It shares the session
    with the tables' (see `connection.connect`), and their time-outs.
    """
    if not bus:
        return _tell_nobody
    config = Config(
        connect_timeout=Connection.connect_timeout_seconds,
        read_timeout=Connection.read_timeout_seconds,
        retries={"total_max_attempts": 1 + Connection.max_retry_attempts, "mode": "standard"},
    )
    return Publisher(session.create_client("events", config=config), bus, retry).publish


def _tell_nobody(_facts: Sequence[Told], _time_left: Callable[[], int]) -> None:
    """A dev server has no bus."""
