"""One message's turn: in which order it is counted, heard, reported and judged by campaigns."""

from msgspec.structs import replace

from functions.core import (
    attributes,
    devices,
    eligibility,
    frequency,
    granting,
    history,
    outcomes,
    prompts,
    recent,
)
from functions.core.campaign import PERMISSION_EVENT
from functions.core.draft import Draft
from functions.core.merge import merge
from functions.core.model import DAY, Outcome, Profile, Progress, Withdraw
from functions.core.reason import Reason
from functions.core.verdict import Decision, Verdict


def join(draft: Draft, anonymous: Profile) -> None:
    """Merges an anonymous profile before the message itself is heard.

    The phone is told of open offers that do not stand after it.
    """
    own, theirs = (_with_device_heard(draft, each) for each in (draft.given, anonymous))
    draft.before = draft.profile = merge(own, theirs, draft.campaigns, draft.now)
    draft.because(Reason.MERGED)
    for part in (own, theirs):
        prompts.tell_of_grants_since(draft, part)
    draft.profile = replace(draft.profile, progress=_as_dealt(draft))
    still_open = set(frequency.open_offers(draft.profile, draft.now))
    for part in (own, theirs):
        for offer in frequency.open_offers(part, draft.now):
            if offer not in still_open:
                taken = Withdraw(offer_id=offer.id, reason=Reason.WITHDRAWN.word)
                draft.actions.append(taken)


def identify(draft: Draft) -> None:
    """Sets traits, each unless a later message set it already.

    Traits beyond the caps are refused together; the decline and the permission that came with
    them are heard all the same.
    """
    traits = attributes.with_traits(draft.profile, draft.message)
    if attributes.exceed_caps(traits):
        # Before anything else that the message did: the sender must hear of the refusal.
        draft.reasons.insert(0, Verdict(Reason.ATTRIBUTES_FULL))
    else:
        draft.profile = replace(draft.profile, attributes=traits)
    prompts.take_trait(draft)
    prompts.tell_of_prompt(draft)
    prompts.tell_of_opt_ins(draft)
    outcomes.hear_of_decline(draft, draft.message.declined_at)
    if draft.message.withheld:
        draft.because(Reason.TRAITS_WITHHELD)
    if not draft.reasons:
        changed = draft.profile != draft.before
        draft.because(Reason.ATTRIBUTES_UPDATED if changed else Reason.UNCHANGED)


def track(draft: Draft) -> None:
    """Counts, takes the snapshot, reports an outcome, evaluates the triggered campaigns."""
    event, campaigns = draft.message.event, draft.campaigns
    reporting = campaigns.outcomes.get(event, ())
    triggered = campaigns.triggered.get(event, ())
    for campaign in (*triggered, *(campaign for campaign, _ in reporting)):
        outcomes.adopt_decline(draft, campaign)
    _count(draft)
    # What was never shown is given back before the snapshot beside it can answer for it.
    gives_back = any(outcome is Outcome.SUPPRESSED for _, outcome in reporting)
    if gives_back:
        outcomes.report(draft, reporting)
    if triggered or reporting or event == PERMISSION_EVENT:
        prompts.take_context(draft)
    if reporting and not gives_back:
        outcomes.report(draft, reporting)
    prompts.tell_of_prompt(draft)
    prompts.tell_of_opt_ins(draft)
    for campaign, goal in campaigns.goals.get(event, ()):
        outcomes.reach_goal(draft, campaign, goal)
    granting.take_back(draft)
    for campaign in triggered:
        granting.evaluate(draft, campaign)
    if not draft.reasons:
        recorded = Reason.PERMISSION_UPDATED if event == PERMISSION_EVENT else Reason.COUNTED
        changed = draft.profile != draft.before
        draft.because(recorded if changed else Reason.UNCHANGED)


def decision(draft: Draft) -> Decision:
    """What it led to; a message that changed the profile is remembered in its ring."""
    given, now = draft.given, draft.now
    decided = Decision(
        draft.profile, tuple(draft.actions), tuple(draft.facts), tuple(draft.reasons)
    )
    if decided.profile != given:
        ring = recent.add(decided.profile.recent, draft.message, decided.reason, now)
        profile = _heard(draft, replace(decided.profile, recent=ring))
    elif now - _last_seen_at(draft) >= DAY:
        profile = _heard(draft, given)
    else:
        profile = given
    return replace(decided, profile=profile)


# --- merging ---


def _as_dealt(draft: Draft) -> dict[str, Progress]:
    """Without open offers of another arm or variant than the one that stands after it."""
    user, is_test = draft.profile.user, draft.is_test
    progress = dict(draft.profile.progress)
    for campaign_id, each in draft.profile.progress.items():
        campaign = draft.campaigns.by_id.get(campaign_id)
        if campaign is None or each.offer is None:
            continue
        arm = eligibility.arm_now(campaign, each, user, is_test=is_test)
        variant = eligibility.variant_now(campaign, each, user, is_test=is_test)
        if (arm, variant) != (each.offer.arm, each.offer.variant):
            progress[campaign_id] = frequency.withdraw(each)
    return progress


# --- counting ---


def _count(draft: Draft) -> None:
    message, campaigns = draft.message, draft.campaigns
    if message.event == campaigns.session_event:
        session_at = max(draft.profile.session_at, message.at)
        draft.profile = replace(draft.profile, session_at=session_at)
    for tally in campaigns.tallies.get(message.event, ()):
        if tally.matches is None or tally.matches(message.properties):
            _tally(draft, tally)


def _tally(draft: Draft, tally: history.Tally) -> None:
    profile, key, at = draft.profile, tally.key, draft.message.at
    counted = history.advance(profile.events.get(key), tally, at, profile.session_at)
    draft.profile = replace(profile, events={**profile.events, key: counted})
    for campaign in draft.campaigns.by_id.values():
        if campaign.counts_since(key):
            draft.advance(campaign.id, frequency.count(draft.progress(campaign.id), key, at))


# --- signs of life ---


def _last_seen_at(draft: Draft) -> int:
    """When the user or, if that is longer ago, the acting device gave a sign of life."""
    known = draft.given.devices.get(draft.message.device)
    seen_at = draft.given.seen_at
    return min(seen_at, devices.last_seen(known)) if known else seen_at


def _heard(draft: Draft, profile: Profile) -> Profile:
    """The user and the acting device gave a sign of life."""
    return replace(_with_device_heard(draft, profile), seen_at=draft.now)


def _with_device_heard(draft: Draft, profile: Profile) -> Profile:
    heard = devices.heard(profile.devices, draft.message.device, draft.now)
    return replace(profile, devices=heard)
