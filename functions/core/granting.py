"""What a trigger leads to: open offers that are taken back, exposures, and new offers."""

from functions.core import (
    eligibility,
    experiment,
    facts,
    frequency,
    offers,
    standing,
    trigger,
)
from functions.core.compiled import Campaign
from functions.core.draft import Draft
from functions.core.eligibility import Situation
from functions.core.experiment import HOLDOUT
from functions.core.model import Cohort, Offer, Progress
from functions.core.offers import Grant
from functions.core.reason import Reason


def take_back(draft: Draft) -> None:
    """Offers of campaigns that serve no more or in another arm, or that an event called off."""
    if not draft.campaigns.fresh:
        return
    for campaign_id, progress in draft.profile.progress.items():
        if frequency.open_offer(progress, draft.now) is None:
            continue
        reason = _why_taken_back(draft, campaign_id)
        if reason is not None:
            draft.advance(campaign_id, frequency.withdraw(progress), reason)


def evaluate(draft: Draft, campaign: Campaign) -> None:
    """Asks the campaign's rules; grants an offer, or says why there is none."""
    situation = eligibility.situation(
        draft.profile, draft.message, draft.campaigns, campaign, draft.now
    )
    draft.situations[campaign.id] = situation
    reason = eligibility.why_silent(situation)
    if reason is None:
        _grant(draft, situation)
        return
    draft.because(reason, campaign.id)
    offer = situation.progress.offer
    if reason is Reason.OFFER_REPEATED and offer is not None:
        _give(draft, draft.campaigns.granted(campaign.id, offer.version) or campaign, offer)
    if reason is Reason.HELD_OUT and situation.progress.exposed_at is None:
        _hold_out(draft, situation)


def _why_taken_back(draft: Draft, campaign_id: str) -> Reason | None:
    campaign = draft.campaigns.by_id.get(campaign_id)
    reason = eligibility.why_not_standing(campaign_id, draft.profile, draft.campaigns, draft.now)
    if reason is not None or campaign is None:
        return reason
    is_off = draft.now < trigger.called_off_until(campaign, draft.profile)
    return Reason.CALLED_OFF if is_off else None


def _hold_out(draft: Draft, situation: Situation) -> None:
    """The exposure of a user who is shown nothing, at the moment it would have shown."""
    campaign = situation.campaign
    draft.advance(campaign.id, _exposed(draft, situation, HOLDOUT))
    scope = draft.scope(campaign.id)
    draft.tell(facts.exposed(scope, draft.now))
    draft.tell(facts.held_out(scope, draft.now))


def _grant(draft: Draft, situation: Situation) -> None:
    campaign = situation.campaign
    arm, variant = eligibility.arm(situation), eligibility.variant(situation)
    progress = _exposed(draft, situation, arm, variant)
    offer = _new_offer(draft, situation, progress, arm, variant)
    draft.advance(campaign.id, frequency.grant(progress, offer))
    scope = draft.scope(campaign.id)
    if situation.progress.exposed_at != progress.exposed_at:
        draft.tell(facts.exposed(scope, draft.now, offer))
    draft.tell(facts.offered(scope, draft.now, offer))
    draft.because(Reason.OFFER_GRANTED, campaign.id)
    _give(draft, campaign, offer)


def _exposed(draft: Draft, situation: Situation, arm: str, variant: str = "") -> Progress:
    """Whoever was asked before any exposure is exposed to nothing, and so is a test user."""
    progress = situation.progress
    if draft.is_test or progress.seen or progress.attempts:
        return progress
    cohort = Cohort(draft.now, situation.campaign.version, draft.platform)
    return experiment.exposed(progress, cohort, arm, variant)


def _new_offer(
    draft: Draft, situation: Situation, progress: Progress, arm: str, variant: str
) -> Offer:
    """The next attempt, leased to the acting device from now on."""
    campaign, user = situation.campaign, draft.profile.user
    met = trigger.matching(campaign, situation.profile, draft.message)
    show_after = met.after if met else 0
    granted = Grant(
        serial=offers.next_serial(user, progress.granted, draft.now),
        attempt=progress.spent + 1,
        version=campaign.version,
        user=user,
    )
    return Offer(
        id=offers.make_id(granted, campaign.id),
        serial=granted.serial,
        device=draft.message.device,
        attempt=granted.attempt,
        version=granted.version,
        arm=arm,
        variant=variant,
        granted_at=draft.now,
        lease_until=draft.now + show_after + campaign.lease,
        show_after=show_after,
    )


def _give(draft: Draft, campaign: Campaign, offer: Offer) -> None:
    """campaign: the version under which the offer was granted."""
    given = standing.action_of(
        campaign, offer, draft.message, draft.profile, draft.campaigns, draft.now
    )
    draft.actions.append(given)
