"""How each fact is worded for the ledger: its id, where it counts, and what only its kind says.

An id is unique among the facts of one user, and the same whenever the same thing is derived again:
the ledger counts each id once. What happens once after an exposure is named by the exposure: who
comes back after the profile was dropped is exposed anew, and counts anew.
"""

from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from functions.core import experiment, offers
from functions.core.model import Fact, FactKind, Offer, Outcome, Progress, PushStatus
from functions.core.offers import Grant


class Scope(msgspec.Struct, frozen=True):
    """Whose way through which campaign a fact belongs to; `progress` is what it has become.

    campaign: empty for a permission change that no offer led to. platform: of the acting device.
    """

    campaign: str
    progress: Progress
    platform: str


class Ask(msgspec.Struct, frozen=True):
    """What is known of any offer that was ever granted, also where newer ones replaced it."""

    id: str
    serial: int
    attempt: int
    version: int


def ask_of(meant: Grant, campaign: str) -> Ask:
    """The offer that a report means."""
    return Ask(offers.make_id(meant, campaign), meant.serial, meant.attempt, meant.version)


def exposed(scope: Scope, at: int, offer: Offer | None = None) -> Fact:
    """offer: the one that comes with it; None in the holdout."""
    return _once(FactKind.EXPOSED, scope, at, offer)


def held_out(scope: Scope, at: int) -> Fact:
    """An exposure that shows nothing."""
    return _once(FactKind.HELD_OUT, scope, at)


def offered(scope: Scope, at: int, offer: Offer) -> Fact:
    """An offer that was granted, not one that is only given again."""
    return _fact(FactKind.OFFERED, f"{offer.id}:offered", scope, at, offer)


def shown(scope: Scope, at: int, ask: Ask | Offer, after: int | None) -> Fact:
    """after: of the user's first show, how long the user was known by then."""
    return replace(_fact(FactKind.SHOWN, f"{ask.id}:shown", scope, at, ask), after=after)


def answered(scope: Scope, at: int, ask: Ask, outcome: Outcome, *, first: bool) -> Fact:
    """outcome: any but shown. first: whether the offer had no answer before."""
    kind = FactKind(outcome.value)
    return replace(_fact(kind, f"{ask.id}:{kind.value}", scope, at, ask), first=first)


def exhausted(scope: Scope, at: int) -> Fact:
    """No attempt is left after a no."""
    return _once(FactKind.EXHAUSTED, scope, at, scope.progress.offer)


def permission_changed(scope: Scope, at: int, device: str, status: PushStatus) -> Fact:
    """status: granted or denied. It belongs to the newest offer."""
    kind, newest = FactKind(status.value), scope.progress.offer
    return _fact(kind, f"{_short(device)}:{kind.value}:{at}", scope, at, newest)


def prompted(scope: Scope, at: int, device: str, prompts: int, *, unasked: bool) -> Fact:
    """prompts: how many are known to have been spent on the device, this one included."""
    fact_id, newest = f"{_short(device)}:prompted:{prompts}:{at}", scope.progress.offer
    return replace(_fact(FactKind.PROMPTED, fact_id, scope, at, newest), unasked=unasked)


def opted_in(scope: Scope) -> Fact:
    """It happens when the OS was answered, whichever was heard first."""
    progress = scope.progress
    return _once(FactKind.OPTED_IN, scope, progress.answered_at, progress.offer)


def converted(scope: Scope, at: int, after: int) -> Fact:
    """after: since the exposure."""
    return replace(_once(FactKind.CONVERTED, scope, at), after=after)


def goal(scope: Scope, at: int, message_id: str) -> Fact:
    """The newest of the goals that the progress counts."""
    fact_id = f"{scope.campaign}:goal:{_short(message_id)}"
    return replace(_fact(FactKind.GOAL, fact_id, scope, at), ordinal=scope.progress.goals)


def _once(kind: FactKind, scope: Scope, at: int, offer: Offer | None = None) -> Fact:
    """What happens once after an exposure; or ever, to a user who was never exposed."""
    exposure = scope.progress.exposed_at or 0
    return _fact(kind, f"{scope.campaign}:{kind.value}:{exposure}", scope, at, offer)


def _fact(
    kind: FactKind, fact_id: str, scope: Scope, at: int, ask: Ask | Offer | None = None
) -> Fact:
    """A fact about no offer counts under the version that the user was exposed to."""
    progress = scope.progress
    return Fact(
        id=fact_id,
        kind=kind,
        at=at,
        campaign=scope.campaign,
        version=ask.version if ask else progress.exposed_version,
        attempt=ask.attempt if ask else 0,
        arm=experiment.dealt(progress),
        variant=progress.variant,
        platform=scope.platform,
        offer_id=ask.id if ask else "",
        cohort=experiment.cohort_of(progress),
    )


def _short(told: str) -> str:
    """What a phone names may be longer than a key, and a device's id is no figure's business."""
    return blake2b(told.encode(), digest_size=8).hexdigest()
