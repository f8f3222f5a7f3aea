"""The domain's frozen values.

Every `*_at` and `*_until` is an int: milliseconds since the epoch, UTC, by the server's clock
(what phones report is corrected and clamped at the wire). Spans are milliseconds too.

Structs with `forbid_unknown_fields` are stored: the store decodes them strictly first, and keeps
what newer code wrote beside them when that fails (see `functions.store.codec`).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

import msgspec

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

UserKind = Literal["user", "anonymous"]


class User(msgspec.Struct, frozen=True):
    """Whose profile it is: a known user or an anonymous id. The two never share a key."""

    kind: UserKind
    id: str


class PushStatus(StrEnum):
    """What `push_permission_status` reads as."""

    UNKNOWN = "unknown"
    GRANTED = "granted"
    DENIED = "denied"


class Snapshot(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """`context.push`: what one device knows of its permission (`docs/clients/README.md`).

    `status` is the native word. `last_asked_at` and `last_declined_at` are kept by the client per
    install across logout, and are floors for every user of that install.
    """

    status: str | None = None
    prompts_used: int | None = None
    can_request: bool | None = None
    ever_asked: bool | None = None
    rationale: bool | None = None
    opted_out: bool | None = None
    notification_types: int | None = None
    target_sdk: int | None = None
    last_asked_at: int | None = None
    last_declined_at: int | None = None


class Device(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One installation, with its own OS-prompt budget. `push_at` dates the snapshot.

    seen_at: its last sign of life, kept to the day.
    prompts: the OS prompts that are known to have been spent there, since it was first heard of.
    platform: `ios`, `android` or another name in lower case; empty where none was told.
    api_level: Android's; told, or derived from the version.
    locale: as the phone spells it (`en-GB`). country: two capital letters.
    installed_at: what the app tells in `context.app.installedAt`.
    """

    push: Snapshot = Snapshot()
    push_at: int = 0
    seen_at: int = 0
    prompts: int = 0
    platform: str = ""
    os_version: str = ""
    api_level: int | None = None
    app_version: str = ""
    locale: str = ""
    country: str = ""
    time_zone: str = ""
    installed_at: int | None = None


class Attribute(
    msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A stored user property and since when; the later value wins, whatever the order.

    A value that is only repeated keeps its time: it costs no write.
    """

    value: Any
    at: int


class History(
    msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, forbid_unknown_fields=True
):
    """How often, first and last a user sent an event that some campaign refers to.

    times: the newest 20, oldest first; kept where some campaign counts within a window.
    in_session, session_at: how often since that session began; kept where some campaign asks.
    """

    count: int
    first_at: int
    last_at: int
    times: tuple[int, ...] = ()
    in_session: int = 0
    session_at: int = 0


class OfferState(StrEnum):
    """Where the newest offer of a campaign stands. Lapsing is not a state: the clock tells it."""

    OPEN = "open"
    SHOWN = "shown"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"


class Offer(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A granted popup: a lease on one device until its outcome or `lease_until`.

    show_after: how long the client waits, in the foreground, before it shows it.
    arm: what the device is asked by; `variant`: which content it is shown.
    """

    id: str
    serial: int
    device: str
    attempt: int
    version: int
    arm: str
    granted_at: int
    lease_until: int
    show_after: int = 0
    state: OfferState = OfferState.OPEN
    variant: str = ""


class Outcome(StrEnum):
    """What became of an offer: `suppressed` releases it unspent, all others mean it was seen."""

    SHOWN = "shown"
    DISMISSED = "dismissed"
    APPROVED = "approved"
    DECLINED = "declined"
    SUPPRESSED = "suppressed"


class Seen(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An offer that was seen: its serial, and the earliest time at which a report has it seen."""

    serial: int
    at: int


class Progress(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One user's way through one campaign.

    granted: the newest offer's serial (see `functions.core.offers`); 0 before the first.
    attempts: asks that are known to have been seen.
    seen: the seen offers by serial, oldest first, the newest 20.
    forgiven: serials of dismissed offers whose attempt may be made again.
    elsewhere: the newest offer's id of each other device, for outcomes that name no offer.
    outcome, outcome_at, outcome_of: the last seen offer's outcome, when, and its serial.
    declined_at: the latest decline that is known here, of whichever offer.
    retry_at: when the retry window ends; absent without one.
    window: whether a row stands for it in RetryWindows.
    answered, answered_at: what the OS prompt that the approval led to was answered, and when.
    since: counts, by tally, of the events that a retry asks for, since `outcome_at`.
    arm, variant: from the first exposure on; `arm` is empty for the one that is shown the popup.
    exposed_version, exposed_platform: where the first exposure was.
    opted_in, converted: whether the ledger was told so; once, whatever comes later.
    goals: the goal's events since the exposure.
    skip_waits: a test user's next ask waits for nothing.
    """

    exposed_at: int | None = None
    granted: int = 0
    attempts: int = 0
    offer: Offer | None = None
    seen: tuple[Seen, ...] = ()
    forgiven: tuple[int, ...] = ()
    elsewhere: Mapping[str, str] = {}
    outcome: Outcome | None = None
    outcome_at: int = 0
    outcome_of: int = 0
    declined_at: int | None = None
    retry_at: int | None = None
    window: bool = False
    answered: PushStatus | None = None
    answered_at: int = 0
    since: Mapping[str, int] = {}
    arm: str = ""
    variant: str = ""
    exposed_version: int = 0
    exposed_platform: str = ""
    opted_in: bool = False
    converted: bool = False
    goals: int = 0
    skip_waits: bool = False

    @property
    def spent(self) -> int:
        """Attempts that count as used: a decline that is only told of stands for attempt 1."""
        used = self.attempts - len(self.forgiven)
        return max(used, 1 if self.declined_at is not None else 0)


class Profile(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """All that is known of a user. Maps are never changed in place.

    events: by tally (see `functions.core.history`).
    aliases: anonymous ids that became this user, and when each was last heard of on its own.
    session_at: when the newest session began; kept where some campaign asks.
    declined_at: the latest `push_softask_declined_at` that the app told.
    asked_at: the latest popup of the system in use before, as it was imported.
    seen_at: the last sign of life, kept to the day.
    recent: the ring of messages that changed state (see `functions.core.recent`).
    """

    user: User
    first_seen_at: int
    seen_at: int
    attributes: Mapping[str, Attribute] = {}
    devices: Mapping[str, Device] = {}
    events: Mapping[str, History] = {}
    progress: Mapping[str, Progress] = {}
    aliases: Mapping[str, int] = {}
    session_at: int = 0
    declined_at: int | None = None
    asked_at: int | None = None
    recent: bytes = b""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One tracked call, as the domain sees it.

    id: the message id; content: a fingerprint of what the id stands for (2 bytes).
    at: when it happened, corrected and never later than its arrival.
    age: how old it was on arrival; absent where no `sentAt` tells.
    device: `context.device.id`, else the anonymous id, else "" (the unnamed device).
    merges: the anonymous id whose profile is to become part of the user's; empty for none.
    declined_at: the reserved trait `push_softask_declined_at`. Like the floors in `push`, it is a
    time that the phone keeps, and may lie ahead of now.
    properties: the event's own. From `platform` on: what the context tells (see `Device`).
    verified: whether the sender proved to be the user; only then answers carry attributes.
    by_server: whether one of the app's own servers sent it, which may act for every user.
    withheld: whether traits were taken out of it, as the sender did not prove to be the user.
    """

    id: str
    content: bytes
    kind: Literal["track", "identify"]
    user: User
    at: int
    age: int | None = None
    event: str = ""
    offer_id: str | None = None
    properties: Mapping[str, Any] = {}
    traits: Mapping[str, Any] = {}
    declined_at: int | None = None
    verified: bool = False
    by_server: bool = False
    withheld: bool = False
    merges: str = ""
    device: str = ""
    platform: str = ""
    os_version: str = ""
    api_level: int | None = None
    app_version: str = ""
    locale: str | None = None
    country: str = ""
    time_zone: str = ""
    installed_at: int | None = None
    in_foreground: bool = True
    push: Snapshot | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A popup's text in one locale; `decline` is absent where the campaign leaves it out.

    extras: the campaign's own, for the app to read (image, layout).
    """

    locale: str
    title: str
    body: str
    approve: str
    decline: str | None = None
    extras: Mapping[str, Any] = {}


class ServedOffer(msgspec.Struct, frozen=True, kw_only=True):
    """An offer, as the device receives it.

    user_id: the id that the answered message came under; of an anonymous one that became a user,
    still its own, since an answer tells nobody whom it became.
    show_after: milliseconds that are left of the wait before it is shown.
    test: for a test user, and kept out of every figure.
    """

    campaign: str
    campaign_version: int
    offer_id: str
    attempt: int
    arm: str
    user_id: str
    show_after: int
    expires_at: int
    test: bool = False


class OpenDeeplink(ServedOffer, frozen=True, kw_only=True):
    """The offer of a popup.

    on_approve: the permission's route; None for a popup that asks for no permission.
    variant: which of the arm's contents it is; empty where there is one alone.
    """

    deeplink: str
    content: Content
    on_approve: str | None
    variant: str = ""


class RequestOsPermission(ServedOffer, frozen=True, kw_only=True):
    """The offer of a direct prompt: the device asks the OS at once; no popup comes before it."""


class Withdraw(msgspec.Struct, frozen=True, kw_only=True):
    """An offer that must not be shown any more, and why."""

    offer_id: str
    reason: str


Action = OpenDeeplink | RequestOsPermission | Withdraw


class FactKind(StrEnum):
    """What the ledger counts."""

    EXPOSED = "exposed"
    OFFERED = "offered"
    SHOWN = "shown"
    APPROVED = "approved"
    DECLINED = "declined"
    DISMISSED = "dismissed"
    SUPPRESSED = "suppressed"
    HELD_OUT = "held_out"
    GRANTED = "granted"
    DENIED = "denied"
    RE_ELIGIBLE = "re_eligible"
    EXHAUSTED = "exhausted"
    PROMPTED = "prompted"
    OPTED_IN = "opted_in"
    CONVERTED = "converted"
    GOAL = "goal"


class Cohort(msgspec.Struct, frozen=True, array_like=True):
    """Where a user was when a campaign first met them: what is counted once a user, counts there.

    at, version, platform: of the exposure.
    """

    at: int
    version: int
    platform: str


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened to a user, to be counted exactly once.

    `id` is unique among the facts of one user and the same whenever the same thing is derived
    again; `campaign` is empty for a permission change that no offer led to.

    variant: which content the arm shows; empty where there is one alone.
    cohort: of facts about a user who was exposed to the campaign.
    after: milliseconds; of the first show, since the user was first heard of; of a conversion,
    since the exposure. Absent elsewhere.
    ordinal: of a goal, which of the user's it is, from 1.
    first: of an answer, whether the offer had none before.
    unasked: of a prompt, whether the app asked by itself: no approval of ours led to it.
    """

    id: str
    kind: FactKind
    at: int
    campaign: str = ""
    version: int = 0
    attempt: int = 0
    arm: str = ""
    variant: str = ""
    platform: str = ""
    offer_id: str = ""
    cohort: Cohort | None = None
    after: int | None = None
    ordinal: int = 0
    first: bool = False
    unasked: bool = False
