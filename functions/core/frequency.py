"""Attempts and retry windows: how a campaign's progress moves, and when it may ask again.

    granted ──Shown──► seen ──Declined, Dismissed, silent for a day──► retry window ──► next
       │                 └──Approved──► permission answered: granted, or denied
       │                         └──still unknown a day later──► retry window
       └──lease over, Suppressed, withdrawn──► unspent

Reports come late, twice and out of order. So each is folded in by rules that do not look at the
order of arrival: a report about one offer replaces a weaker one, declines only ever move forward,
and an offer counts as seen once, whichever report says so first.
"""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from functions.core import offers
from functions.core.compiled import Attempt, Campaign
from functions.core.experiment import DIRECT_PROMPT
from functions.core.model import (
    DAY,
    Offer,
    OfferState,
    Outcome,
    Profile,
    Progress,
    PushStatus,
    Seen,
    Snapshot,
)
from functions.core.offers import Grant
from functions.core.reason import Reason

ANSWER_WITHIN = DAY
"""Shown and silent for so long is a dismissal; approved and still unknown, too."""

SEEN_KEPT = 20
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


def open_offers(profile: Profile, now: int) -> Iterator[Offer]:
    """Over all campaigns: one at most."""
    for progress in profile.progress.values():
        offer = open_offer(progress, now)
        if offer is not None:
            yield offer


def is_on_screen(progress: Progress, now: int) -> bool:
    """Whether the popup that was seen last is awaiting its outcome.

    It need not be the newest offer's: one that seemed lapsed may be shown after all.
    """
    return progress.outcome is Outcome.SHOWN and now < progress.outcome_at + ANSWER_WITHIN


def why_not_yet(
    progress: Progress, campaign: Campaign, snapshot: Snapshot, asked_at: int | None, at: int
) -> Reason | None:
    """Why the next attempt may not be offered for a value moment at `at`; None: it may.

    snapshot: the acting device's, for the floors that it keeps; asked_at: see `Profile`.
    """
    if progress.skip_waits:
        return None
    attempt = campaign.attempt(progress.spent + 1)
    if attempt is None or _is_final(progress, campaign, attempt):
        return _why_over(progress, campaign, attempt)
    if is_awaiting_permission(progress, campaign) and at < progress.outcome_at + ANSWER_WITHIN:
        return Reason.AWAITING_PERMISSION
    if at < opens_at(progress, campaign, snapshot, asked_at):
        return Reason.IN_RETRY_WINDOW
    since = attempt.since
    is_due = since is None or progress.since.get(since.key, 0) >= since.at_least
    return None if is_due else Reason.NO_VALUE_SINCE


def opens_at(
    progress: Progress, campaign: Campaign, snapshot: Snapshot, asked_at: int | None
) -> int:
    """When the next attempt may be made: the window's end, and every floor that is told."""
    window = progress.retry_at
    if window is None:
        window = _window_end(progress, campaign) or 0
    if campaign.kind == "popup":
        return window
    told = (snapshot.last_asked_at, snapshot.last_declined_at, asked_at)
    floors = (floor + campaign.longest_wait for floor in told if floor is not None)
    return max([window, *floors])


def is_awaiting_permission(progress: Progress, campaign: Campaign) -> bool:
    """Whether an approval led to an OS prompt that was not answered yet."""
    return (
        progress.outcome is Outcome.APPROVED
        and progress.answered is None
        and campaign.kind == "push"
    )


def awaits_os(progress: Progress, device: str, at: int) -> bool:
    """Whether an answer to the OS on the device, at that time, is a direct prompt's outcome.

    One that comes long after the lease is another prompt's, or was given in the settings.
    """
    offer = progress.offer
    if offer is None or offer.arm != DIRECT_PROMPT or offer.device != device:
        return False
    if not offer.granted_at <= at <= offer.lease_until + ANSWER_WITHIN:
        return False
    is_out = offer.state is not OfferState.RELEASED
    return is_out and answer_of(progress, offer.serial) in (None, Outcome.DISMISSED)


def led_to_prompt_at(progress: Progress, device: str, at: int) -> int | None:
    """Since when an OS prompt that was answered on the device is one we led to; None: it is not."""
    offer = progress.offer
    if offer is not None and awaits_os(progress, device, at):
        return offer.granted_at
    is_approved = progress.outcome is Outcome.APPROVED and progress.answered is None
    return progress.outcome_at if is_approved and not _is_elsewhere(progress, device) else None


def is_opted_in(progress: Progress) -> bool:
    """Whether the user said yes, and to the OS too: a grant from before the exposure is none."""
    if progress.outcome is not Outcome.APPROVED or progress.answered is not PushStatus.GRANTED:
        return False
    return progress.converted or progress.exposed_at is None


def is_refused_for_good(progress: Progress, campaign: Campaign) -> bool:
    """Whether no attempt is left after a no."""
    if progress.outcome not in (Outcome.DECLINED, Outcome.DISMISSED) or not campaign.attempts:
        return False
    return campaign.attempt(progress.spent + 1) is None


def is_weaker(outcome: Outcome, known: Outcome | None) -> bool:
    """Whether a report cannot replace the one that is known of the same offer."""
    return known is not None and _STRENGTH.get(outcome, 0) < _STRENGTH[known]


def answer_of(progress: Progress, serial: int) -> Outcome | None:
    """How an offer was answered; None where it was not, or where a newer one was seen since."""
    if serial != progress.outcome_of or progress.outcome is Outcome.SHOWN:
        return None
    return progress.outcome


def with_silence(progress: Progress, campaign: Campaign, at: int) -> Progress:
    """A popup that was shown and silent for a day was dismissed; perhaps that is forgiven."""
    if progress.outcome is not Outcome.SHOWN or at < progress.outcome_at + ANSWER_WITHIN:
        return progress
    return _forgive(progress, campaign, progress.outcome_of)


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
        skip_waits=False,
    )


def report(
    progress: Progress, campaign: Campaign, meant: Grant, outcome: Outcome, at: int
) -> Progress:
    """The progress after the app reported an outcome of an offer that was granted here.

    The same progress again when the report changes nothing: it is no legal next step, or known.
    """
    if outcome is Outcome.SUPPRESSED:
        return _release(progress, meant)
    after = _spend(progress, meant, at)
    if meant.serial >= progress.outcome_of:
        after = _conclude(after, campaign, meant, outcome, at)
    else:
        after = _answer_late(after, campaign, meant, outcome, at)
    return progress if after == progress else open_window(withdraw(after), campaign)


def decline(progress: Progress, campaign: Campaign, at: int) -> Progress:
    """A decline that concludes no offer here: told by the app, or of an older or unknown offer."""
    if progress.declined_at is not None and at <= progress.declined_at:
        return progress
    later = replace(withdraw(progress), declined_at=at, since=_since(progress, at))
    return open_window(later, campaign)


def withdraw(progress: Progress) -> Progress:
    """Takes back the newest offer, if it was not shown yet."""
    offer = progress.offer
    if offer is None or offer.state is not OfferState.OPEN:
        return progress
    return replace(progress, offer=replace(offer, state=OfferState.WITHDRAWN))


def settle(
    progress: Progress, campaign: Campaign | None, device: str, status: PushStatus, at: int
) -> Progress:
    """The OS answered on a device, after an approval that led there.

    What was granted and is denied later was revoked: no answer to a prompt of ours.
    campaign: None where it is not live any more; its window then ends with it.
    """
    if progress.outcome is not Outcome.APPROVED:
        return progress
    if progress.answered in (status, PushStatus.GRANTED):
        return progress
    if _is_elsewhere(progress, device):
        return progress
    answered_at = max(at, progress.outcome_at)
    answered = replace(withdraw(progress), answered=status, answered_at=answered_at)
    if campaign is None:
        return replace(answered, retry_at=None, window=False)
    return open_window(answered, campaign)


def count(progress: Progress, key: str, at: int) -> Progress:
    """Counts value that was delivered since the last ask; an earlier moment does not count."""
    if not progress.spent or at < _anchor(progress):
        return progress
    counted = progress.since.get(key, 0) + 1
    return replace(progress, since={**progress.since, key: counted})


def is_seen(progress: Progress, serial: int) -> bool:
    """Whether some report already said that the offer was seen."""
    if any(each.serial == serial for each in progress.seen):
        return True
    return len(progress.seen) == SEEN_KEPT and serial < progress.seen[0].serial


def asks(progress: Progress) -> int:
    """Popups that were seen: what is listed, or where the list is full, all attempts.

    A told decline that stood for the first attempt is none of them.
    """
    return progress.attempts if len(progress.seen) == SEEN_KEPT else len(progress.seen)


def _is_elsewhere(progress: Progress, device: str) -> bool:
    """Whether the popup that was seen last is known to have been on another device."""
    asked = _asked_device(progress)
    return bool(asked and device) and asked != device


def _asked_device(progress: Progress) -> str:
    """Where the popup that was seen last was; empty where that is not known."""
    offer = progress.offer
    if offer is not None and offer.serial == progress.outcome_of:
        return offer.device
    for device, offer_id in progress.elsewhere.items():
        if offers.serial_of(offer_id) == progress.outcome_of:
            return device
    return ""


def _spend(progress: Progress, meant: Grant, at: int) -> Progress:
    offer = progress.offer
    if offer is not None and offer.serial == meant.serial:
        progress = replace(progress, offer=replace(offer, state=OfferState.SHOWN))
    if is_seen(progress, meant.serial):
        return replace(progress, seen=_seen_earlier(progress.seen, meant.serial, at))
    # A told decline may have stood for an attempt that was forgiven: this one counts even so.
    labelled = meant.attempt + len(progress.forgiven)
    return replace(
        progress,
        attempts=max(asks(progress) + 1, progress.attempts, labelled),
        seen=tuple(sorted((*progress.seen, Seen(meant.serial, at)), key=_serial))[-SEEN_KEPT:],
    )


def _answer_late(
    progress: Progress, campaign: Campaign, meant: Grant, outcome: Outcome, at: int
) -> Progress:
    """The answer to a popup that was not the last one: no dismissal of it is forgiven then."""
    if outcome not in (Outcome.APPROVED, Outcome.DECLINED):
        return progress
    answered = replace(progress, forgiven=_without(progress.forgiven, meant.serial))
    return decline(answered, campaign, at) if outcome is Outcome.DECLINED else answered


def _without(serials: tuple[int, ...], serial: int) -> tuple[int, ...]:
    return tuple(each for each in serials if each != serial)


def _serial(seen: Seen) -> int:
    return seen.serial


def _seen_earlier(seen: tuple[Seen, ...], serial: int, at: int) -> tuple[Seen, ...]:
    """Of several reports about one offer, the earliest tells when it was shown."""
    return tuple(
        Seen(serial, at) if each.serial == serial and at < each.at else each for each in seen
    )


def _conclude(
    progress: Progress, campaign: Campaign, meant: Grant, outcome: Outcome, at: int
) -> Progress:
    known = progress.outcome if meant.serial == progress.outcome_of else None
    if known is not None and _STRENGTH[outcome] < _STRENGTH[known]:
        return progress
    if outcome is known:
        latest_counts = outcome is Outcome.DECLINED
        at = (max if latest_counts else min)(at, progress.outcome_at)
    declined_at = progress.declined_at
    if outcome is Outcome.DECLINED:
        declined_at = max(declined_at or 0, at)
    concluded = replace(
        progress,
        outcome=outcome,
        outcome_at=at,
        outcome_of=meant.serial,
        declined_at=declined_at,
        answered=progress.answered if outcome is known else None,
        answered_at=progress.answered_at if outcome is known else 0,
        forgiven=_without(progress.forgiven, meant.serial),
        since=_since(progress, at),
    )
    if outcome is not Outcome.DISMISSED:
        return concluded
    return _forgive(concluded, campaign, meant.serial)


def _forgive(progress: Progress, campaign: Campaign, serial: int) -> Progress:
    rule = campaign.forgiveness
    if rule is None or serial in progress.forgiven or len(progress.forgiven) >= rule.at_most:
        return progress
    return replace(progress, forgiven=(*progress.forgiven, serial))


def _release(progress: Progress, meant: Grant) -> Progress:
    offer = progress.offer
    if offer is None or offer.serial != meant.serial or offer.state is not OfferState.OPEN:
        return progress
    return replace(progress, offer=replace(offer, state=OfferState.RELEASED))


def open_window(progress: Progress, campaign: Campaign) -> Progress:
    """The progress with the window that the campaign's rules open after what is known."""
    is_granted = progress.answered is PushStatus.GRANTED
    end = None if is_granted else _window_end(progress, campaign)
    return replace(progress, retry_at=end, window=end is not None)


def _window_end(progress: Progress, campaign: Campaign) -> int | None:
    """When the wait for the next attempt ends; None where nothing is waited for."""
    if not progress.spent and not progress.forgiven:
        return None
    ordinal = progress.spent + 1
    if progress.outcome is Outcome.SHOWN:
        # Silence will be a dismissal, and that may be forgiven: its wait counts from Shown.
        ordinal = _forgive(progress, campaign, progress.outcome_of).spent + 1
    attempt = campaign.attempt(ordinal)
    if attempt is None or _is_final(progress, campaign, attempt):
        return None
    if campaign.repeats:
        return _repeat_anchor(progress) + attempt.declined if attempt.declined else None
    declined_at = progress.declined_at
    ends = [] if declined_at is None else [declined_at + attempt.declined]
    if progress.outcome is not None:
        ends.append(_wait_after_outcome(progress, campaign, attempt))
    return max(ends, default=None)


def _wait_after_outcome(progress: Progress, campaign: Campaign, attempt: Attempt) -> int:
    if progress.outcome in (Outcome.SHOWN, Outcome.DISMISSED):
        rule = campaign.forgiveness
        forgiven = _forgive(progress, campaign, progress.outcome_of).forgiven
        if rule is not None and progress.outcome_of in forgiven:
            return progress.outcome_at + rule.wait
        return progress.outcome_at + attempt.dismissed
    if progress.answered is PushStatus.DENIED and attempt.denied is not None:
        return progress.answered_at + attempt.denied
    if progress.answered is PushStatus.GRANTED:
        return progress.answered_at + attempt.declined
    return progress.outcome_at + attempt.declined


def _repeat_anchor(progress: Progress) -> int:
    """The last Shown. A decline that concludes no newer show counts from itself."""
    shown_at = progress.seen[-1].at if progress.seen else 0
    if progress.outcome is Outcome.DECLINED and progress.declined_at == progress.outcome_at:
        return shown_at
    return max(shown_at, progress.declined_at or 0)


def _is_final(progress: Progress, campaign: Campaign, attempt: Attempt | None) -> bool:
    """Whether the last answer was the last word, however many attempts are left."""
    if progress.outcome is not Outcome.APPROVED or campaign.repeats:
        return False
    if campaign.kind == "popup":
        return True
    return progress.answered is PushStatus.DENIED and (attempt is None or attempt.denied is None)


def _why_over(progress: Progress, campaign: Campaign, attempt: Attempt | None) -> Reason:
    if not _is_final(progress, campaign, attempt):
        return Reason.EXHAUSTED
    return Reason.ALREADY_APPROVED if campaign.kind == "popup" else Reason.PERMISSION_SETTLED


def _since(progress: Progress, at: int) -> Mapping[str, int]:
    """The counts since the last ask, begun anew when the report moves it forward."""
    return {} if at > _anchor(progress) else progress.since


def _anchor(progress: Progress) -> int:
    return max(progress.outcome_at, progress.declined_at or 0)
