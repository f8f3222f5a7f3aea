"""Attempts and retry windows: how a campaign's progress moves, and when it may ask again.

    granted ──Shown──► seen ──Declined, Dismissed, silent for a day──► retry window ──► next
       │                 └──Approved──► permission answered: settled
       │                         └──still unknown a day later──► retry window
       └──lease over, Suppressed, withdrawn──► unspent

Reports come late, twice and out of order. So each is folded in by rules that do not look at the
order of arrival: a report about one offer replaces a weaker one, declines only ever move forward,
and an offer counts as seen once, whichever report says so first.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from functions.core.campaign import Campaign
from functions.core.model import DAY, Offer, OfferState, Outcome, Progress, Snapshot
from functions.core.offers import Grant
from functions.core.reason import Reason

ANSWER_WITHIN = DAY
"""Shown and silent for so long is a dismissal; approved and still unknown, too."""

SEEN_KEPT = 16
ELSEWHERE_KEPT = 8

_STRENGTH = {
    Outcome.SHOWN: 0,
    Outcome.DISMISSED: 1,
    Outcome.APPROVED: 2,
    Outcome.DECLINED: 3,
}


def open_offer(progress: Progress, now: int) -> Offer | None:
    """The newest offer, while it waits to be shown, within its lease."""
    offer = progress.offer
    if offer is None or offer.state is not OfferState.OPEN or now >= offer.lease_until:
        return None
    return offer


def is_on_screen(progress: Progress, now: int) -> bool:
    """Whether the newest offer was shown and its outcome is awaited."""
    offer = progress.offer
    return (
        offer is not None
        and offer.state is OfferState.SHOWN
        and progress.outcome is Outcome.SHOWN
        and now < progress.outcome_at + ANSWER_WITHIN
    )


def why_not_yet(
    progress: Progress, campaign: Campaign, snapshot: Snapshot | None, at: int
) -> Reason | None:
    """Why the next attempt may not be offered for a value moment at `at`; None: it may."""
    if progress.settled:
        return Reason.PERMISSION_SETTLED
    attempt = campaign.attempt(progress.spent + 1)
    if attempt is None:
        return Reason.EXHAUSTED
    if progress.outcome is Outcome.APPROVED and at < progress.outcome_at + ANSWER_WITHIN:
        return Reason.AWAITING_PERMISSION
    if at < _opens_at(progress, campaign, snapshot):
        return Reason.IN_RETRY_WINDOW
    since = attempt.since
    if since and progress.since.get(since.event, 0) < since.at_least:
        return Reason.NO_VALUE_SINCE
    return None


def grant(progress: Progress, offer: Offer) -> Progress:
    """The offer becomes the newest one. One that lapsed before it is told by its id alone."""
    elsewhere = dict(progress.elsewhere)
    if progress.offer is not None:
        elsewhere[progress.offer.device] = progress.offer.id
    elsewhere.pop(offer.device, None)
    return replace(
        progress,
        granted=offer.serial,
        offer=offer,
        elsewhere=dict(list(elsewhere.items())[-ELSEWHERE_KEPT:]),
        exposed_at=offer.granted_at if progress.exposed_at is None else progress.exposed_at,
    )


def report(
    progress: Progress, campaign: Campaign, meant: Grant, outcome: Outcome, at: int
) -> Progress:
    """The progress after the app reported an outcome of an offer that was granted here.

    The same progress again when the report changes nothing: it is no legal next step, or known.
    """
    if outcome is Outcome.SUPPRESSED:
        return _release(progress, meant)
    after = _spend(progress, meant)
    if meant.serial >= progress.outcome_of:
        after = _conclude(after, meant, outcome, at)
    elif outcome is Outcome.DECLINED:
        after = decline(after, campaign, at)
    return progress if after == progress else _open_window(withdraw(after), campaign)


def decline(progress: Progress, campaign: Campaign, at: int) -> Progress:
    """A decline that concludes no offer here: told by the app, or of an older or unknown offer."""
    if progress.declined_at is not None and at <= progress.declined_at:
        return progress
    later = replace(withdraw(progress), declined_at=at, since=_since(progress, at))
    return _open_window(later, campaign)


def withdraw(progress: Progress) -> Progress:
    """Takes back the newest offer, if it was not shown yet."""
    offer = progress.offer
    if offer is None or offer.state is not OfferState.OPEN:
        return progress
    return replace(progress, offer=replace(offer, state=OfferState.WITHDRAWN))


def settle(progress: Progress, device: str) -> Progress:
    """The OS answered on a device: an approval that led there needs no second ask."""
    if progress.outcome is not Outcome.APPROVED or progress.settled:
        return progress
    offer = progress.offer
    elsewhere = (
        offer is not None
        and offer.serial == progress.outcome_of
        and device != ""
        and offer.device not in ("", device)
    )
    if elsewhere:
        return progress
    return replace(withdraw(progress), settled=True, retry_at=None, window=False)


def count(progress: Progress, event: str, at: int) -> Progress:
    """Counts value that was delivered since the last ask; an earlier moment does not count."""
    if not progress.spent or at < _anchor(progress):
        return progress
    counted = progress.since.get(event, 0) + 1
    return replace(progress, since={**progress.since, event: counted})


def _spend(progress: Progress, meant: Grant) -> Progress:
    offer = progress.offer
    if offer is not None and offer.serial == meant.serial:
        progress = replace(progress, offer=replace(offer, state=OfferState.SHOWN))
    if is_seen(progress, meant.serial):
        return progress
    return replace(
        progress,
        attempts=max(progress.attempts + 1, meant.attempt),
        seen=tuple(sorted((*progress.seen, meant.serial)))[-SEEN_KEPT:],
    )


def is_seen(progress: Progress, serial: int) -> bool:
    """Whether some report already said that the offer was seen."""
    if serial in progress.seen:
        return True
    return len(progress.seen) == SEEN_KEPT and serial < progress.seen[0]


def _conclude(progress: Progress, meant: Grant, outcome: Outcome, at: int) -> Progress:
    known = progress.outcome if meant.serial == progress.outcome_of else None
    if known is not None and _STRENGTH[outcome] < _STRENGTH[known]:
        return progress
    if outcome is known:
        latest_counts = outcome is Outcome.DECLINED
        at = (max if latest_counts else min)(at, progress.outcome_at)
    declined_at = progress.declined_at
    if outcome is Outcome.DECLINED:
        declined_at = max(declined_at or 0, at)
    return replace(
        progress,
        outcome=outcome,
        outcome_at=at,
        outcome_of=meant.serial,
        declined_at=declined_at,
        settled=progress.settled and outcome is known,
        since=_since(progress, at),
    )


def _release(progress: Progress, meant: Grant) -> Progress:
    offer = progress.offer
    if offer is None or offer.serial != meant.serial or offer.state is not OfferState.OPEN:
        return progress
    return replace(progress, offer=replace(offer, state=OfferState.RELEASED))


def _open_window(progress: Progress, campaign: Campaign) -> Progress:
    attempt = campaign.attempt(progress.spent + 1)
    if attempt is None or progress.settled:
        return replace(progress, retry_at=None, window=False)
    return replace(progress, retry_at=_anchor(progress) + attempt.wait, window=True)


def _opens_at(progress: Progress, campaign: Campaign, snapshot: Snapshot | None) -> int:
    opens_at = progress.retry_at or 0
    if progress.retry_at is None and progress.spent:
        opens_at = _anchor(progress) + campaign.attempts[progress.spent].wait
    floors = (snapshot.last_asked_at, snapshot.last_declined_at) if snapshot else ()
    floored = (floor + campaign.longest_wait for floor in floors if floor is not None)
    return max([opens_at, *floored])


def _since(progress: Progress, at: int) -> Mapping[str, int]:
    """The counts since the last ask, begun anew when the report moves it forward."""
    return {} if at > _anchor(progress) else progress.since


def _anchor(progress: Progress) -> int:
    return max(progress.outcome_at, progress.declined_at or 0)
