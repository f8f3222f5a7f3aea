"""What the app reports: what became of offers, declines that it knows of itself, and goals."""

from msgspec.structs import replace

from functions.core import devices, facts, frequency, offers, permission
from functions.core.compiled import Campaign, GoalRule
from functions.core.draft import Draft
from functions.core.facts import Ask
from functions.core.model import Offer, Outcome, Progress, PushStatus
from functions.core.offers import Grant
from functions.core.reason import Reason

Reporting = tuple[tuple[Campaign, Outcome], ...]
"""What one event reports, to each campaign that names it."""

_REPORTED = {
    Outcome.SHOWN: Reason.SHOWN,
    Outcome.APPROVED: Reason.APPROVED,
    Outcome.DECLINED: Reason.DECLINED,
    Outcome.DISMISSED: Reason.DISMISSED,
    Outcome.SUPPRESSED: Reason.SUPPRESSED,
}


def report(draft: Draft, reporting: Reporting) -> None:
    """Folds the outcome into the campaign whose offer is meant."""
    found = _offer_meant(draft, reporting)
    if found is None:
        _report_unknown(draft, reporting)
        return
    campaign, outcome, meant = found
    campaign = draft.campaigns.granted(campaign.id, meant.version) or campaign
    before = draft.progress(campaign.id)
    at = min(max(draft.message.at, meant.granted_at), draft.now)
    after = frequency.report(before, campaign, meant, outcome, at)
    if outcome is Outcome.APPROVED and campaign.kind == "push":
        after = _approved(draft, campaign, meant, after, at)
    draft.advance(campaign.id, after)
    if after == before:
        draft.because(Reason.NO_TRANSITION, campaign.id)
        return
    draft.because(_REPORTED[outcome], campaign.id)
    ask = facts.ask_of(meant, campaign.id)
    if outcome is not Outcome.SUPPRESSED:
        see(draft, campaign.id, ask, at, before)
    if outcome is not Outcome.SHOWN:
        _tell_of_answer(draft, campaign.id, ask, outcome, at, before)
    was_over = frequency.is_refused_for_good(before, campaign)
    if frequency.is_refused_for_good(after, campaign) and not was_over:
        draft.tell(facts.exhausted(draft.scope(campaign.id), at))


def see(draft: Draft, campaign_id: str, ask: Ask | Offer, at: int, before: Progress) -> None:
    """What follows where a report is the first to say that a popup was seen.

    It takes back what other campaigns offered meanwhile. Of a user's first one, the fact also says
    how long after the user was first heard of.
    """
    if frequency.is_seen(before, ask.serial):
        return
    for other, progress in draft.profile.progress.items():
        if other != campaign_id and frequency.open_offer(progress, draft.now) is not None:
            draft.advance(other, frequency.withdraw(progress))
    is_first = not before.seen and not before.attempts
    after = max(0, at - draft.profile.first_seen_at) if is_first else None
    draft.tell(facts.shown(draft.scope(campaign_id), at, ask, after))


def hear_of_decline(draft: Draft, told: int | None) -> None:
    """A decline that the app dates itself; one that is known already is no news."""
    known = draft.profile.declined_at
    at = devices.not_ahead(told, known, draft.now)
    if at is None or (known or 0) >= at:
        return
    draft.profile = replace(draft.profile, declined_at=at)
    draft.because(Reason.DECLINE_REPORTED)
    for campaign in draft.campaigns.by_id.values():
        adopt_decline(draft, campaign)


def adopt_decline(draft: Draft, campaign: Campaign) -> None:
    """A decline that the app told of holds for every campaign, also for one begun later."""
    told = draft.profile.declined_at
    if told is not None and campaign.hears_told_declines:
        declined = frequency.decline(draft.progress(campaign.id), campaign, told)
        draft.advance(campaign.id, declined)


def reach_goal(draft: Draft, campaign: Campaign, goal: GoalRule) -> None:
    """From the exposure on. What leads to the exposure is not what came of it."""
    message, progress = draft.message, draft.progress(campaign.id)
    if progress.exposed_at is None or message.at < progress.exposed_at:
        return
    if goal.where is not None and not goal.where.holds(message.properties):
        return
    draft.advance(campaign.id, replace(progress, goals=progress.goals + 1))
    draft.tell(facts.goal(draft.scope(campaign.id), message.at, message.id))


# --- which offer is meant ---


def _offer_meant(draft: Draft, reporting: Reporting) -> tuple[Campaign, Outcome, Grant] | None:
    """By the id in the message; without one, the newest offer of the reporting device."""
    offer_id = draft.message.offer_id
    if offer_id is not None:
        for campaign, outcome in reporting:
            meant = offers.read_id(offer_id, draft.profile, campaign.id)
            if meant is not None:
                return campaign, outcome, meant
        return None
    newest = [
        (meant.granted_at, campaign, outcome, meant)
        for campaign, outcome in reporting
        if (meant := _newest_offer(draft, campaign.id)) is not None
    ]
    if not newest:
        return None
    _, campaign, outcome, meant = max(newest, key=lambda each: each[0])
    return campaign, outcome, meant


def _newest_offer(draft: Draft, campaign_id: str) -> Grant | None:
    """The reporting device's newest; an unnamed device means the newest of all."""
    progress, device = draft.progress(campaign_id), draft.message.device
    offer = progress.offer
    if offer is not None and device in ("", offer.device):
        return offers.read_id(offer.id, draft.profile, campaign_id)
    return offers.read_id(progress.elsewhere.get(device, ""), draft.profile, campaign_id)


def _report_unknown(draft: Draft, reporting: Reporting) -> None:
    for campaign, outcome in reporting:
        if outcome is Outcome.DECLINED:
            at = min(draft.message.at, draft.now)
            declined = frequency.decline(draft.progress(campaign.id), campaign, at)
            draft.advance(campaign.id, declined)
        draft.because(Reason.UNKNOWN_OFFER, campaign.id)


# --- how it was answered ---


def _approved(draft: Draft, campaign: Campaign, meant: Grant, after: Progress, at: int) -> Progress:
    """The progress after an approval, with the OS prompt's answer where that was heard already.

    It led to the prompt that the message tells of, unless an earlier approval did.
    """
    if draft.prompted_by is not None:
        draft.prompted_by = draft.prompted_by or campaign.id
    if not _is_prompt_answered(draft, meant):
        return after
    device = draft.message.device
    told_at = max(at, permission.told_at(draft.profile, device))
    return frequency.settle(after, campaign, device, draft.status, told_at)


def _is_prompt_answered(draft: Draft, meant: Grant) -> bool:
    """Whether the prompt that an approval leads to was answered already.

    A denial from before the offer was an earlier prompt's: the device is asked again, or led to
    its settings.
    """
    if draft.status is not PushStatus.DENIED:
        return draft.status is PushStatus.GRANTED
    device = draft.message.device
    if permission.status_on(draft.before, device) is not PushStatus.DENIED:
        return True
    return permission.told_at(draft.before, device) > meant.granted_at


def _tell_of_answer(
    draft: Draft, campaign_id: str, ask: Ask, outcome: Outcome, at: int, before: Progress
) -> None:
    """Of an offer that is not the newest seen one no answer is known: each is the first."""
    known = frequency.answer_of(before, ask.serial)
    if known is outcome or frequency.is_weaker(outcome, known):
        return
    first = known is None and outcome is not Outcome.SUPPRESSED
    draft.tell(facts.answered(draft.scope(campaign_id), at, ask, outcome, first=first))
