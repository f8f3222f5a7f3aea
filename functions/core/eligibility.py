"""Whether a trigger may show a campaign: every rule in its order, the first that fails is why.

`decide` asks for the first failure; `explain` walks the same rules and shows them all.
"""

from collections.abc import Callable, Iterable, Iterator

import msgspec
from msgspec.structs import replace

from functions.core import devices, frequency, permission, trigger
from functions.core.audience import Subject
from functions.core.caps import CapRule
from functions.core.compiled import Campaign, Campaigns
from functions.core.deeplinks import is_allowed
from functions.core.experiment import DIRECT_PROMPT, HOLDOUT, SOFT_ASK, arm_of, share, variant_of
from functions.core.model import Device, Message, Profile, Progress, User
from functions.core.permission import Standing
from functions.core.reason import Reason


class Situation(msgspec.Struct, frozen=True):
    """What a campaign's rules look at: a profile in which the message is counted already."""

    profile: Profile
    message: Message
    campaigns: Campaigns
    campaign: Campaign
    now: int
    progress: Progress
    device: Device
    standing: Standing
    subject: Subject


def situation(
    profile: Profile, message: Message, campaigns: Campaigns, campaign: Campaign, now: int
) -> Situation:
    """Everything that the rules look at, read once."""
    device = devices.acting(profile, message)
    status = permission.status_on(profile, message.device)
    progress = profile.progress.get(campaign.id) or Progress()
    if progress.skip_waits and not campaigns.is_test(profile.user):
        progress = replace(progress, skip_waits=False)
    return Situation(
        profile=profile,
        message=message,
        campaigns=campaigns,
        campaign=campaign,
        now=now,
        progress=frequency.with_silence(progress, campaign, now),
        device=device,
        standing=permission.look_up(status, device),
        subject=Subject(
            user=profile.user,
            attributes=profile.attributes,
            push_status=status,
            device=device,
            events=profile.events,
            progress=profile.progress,
            first_seen_at=profile.first_seen_at,
            now=now,
            declined_at=_declined_at(profile, campaigns),
        ),
    )


def _declined_at(profile: Profile, campaigns: Campaigns) -> int | None:
    """The later of what the app told and of what any campaign that asks for push heard."""
    latest = profile.declined_at
    for campaign_id, progress in profile.progress.items():
        at = progress.declined_at
        if at is None or (latest is not None and at <= latest):
            continue
        campaign = campaigns.by_id.get(campaign_id)
        if campaign is None or campaign.kind == "push":
            latest = at
    return latest


def why_silent(each: Situation) -> Reason | None:
    """Why the trigger shows nothing new; None: it shows the campaign."""
    for rule in RULES:
        reason = rule(each)
        if reason is not None:
            return reason
    return None


def arm(each: Situation) -> str:
    """What the user gets now: by the arm of the first exposure, whatever the weights are by now.

    Nobody is held out when the experiment is over, and no test user: what would there be to test?
    Nor is anybody who saw a popup of the campaign, by whichever life that was exposed later. Where
    an edit leaves no room for the direct prompt, whoever was dealt it gets the popup.
    """
    is_test = each.campaigns.is_test(each.profile.user)
    return arm_now(each.campaign, each.progress, each.profile.user, is_test=is_test)


def arm_now(campaign: Campaign, progress: Progress, user: User, *, is_test: bool) -> str:
    """See `arm`; also for an offer that stands, after a merge or a new version."""
    if is_test or not campaign.salt:
        return SOFT_ASK
    was_asked = bool(progress.seen or progress.attempts)
    if progress.exposed_at is None:
        return SOFT_ASK if was_asked else arm_of(campaign.salt, campaign.arms, user)
    dealt = progress.arm or SOFT_ASK
    is_over = was_asked if dealt == HOLDOUT else not campaign.prompts_directly
    return SOFT_ASK if is_over else dealt


def variant(each: Situation) -> str:
    """Which content the user is shown: that of the first exposure; empty for as it stands."""
    is_test = each.campaigns.is_test(each.profile.user)
    return variant_now(each.campaign, each.progress, each.profile.user, is_test=is_test)


def variant_now(campaign: Campaign, progress: Progress, user: User, *, is_test: bool) -> str:
    """See `variant`; also for an offer that stands."""
    if arm_now(campaign, progress, user, is_test=is_test) != SOFT_ASK:
        return ""
    if progress.exposed_at is not None:
        return progress.variant
    weights = tuple((one.name, one.weight) for one in campaign.variants)
    return variant_of(campaign.salt, weights, user)


def why_not_served(
    campaign: Campaign | None, campaigns: Campaigns, now: int, *, is_test: bool
) -> Reason | None:
    """Why a campaign shows nothing to anybody, and takes back what it offered; None: it serves."""
    if campaign is None or campaigns.paused or campaign.status == "paused":
        return Reason.PAUSED
    if campaign.status == "draft" and not is_test:
        return Reason.DRAFT
    if campaign.status == "ended" or (campaign.ends_at is not None and now >= campaign.ends_at):
        return Reason.ENDED
    if campaign.starts_at is not None and now < campaign.starts_at:
        return Reason.NOT_STARTED
    return None


def why_not_standing(
    campaign_id: str, profile: Profile, campaigns: Campaigns, now: int
) -> Reason | None:
    """Why an open offer of the campaign is taken back, whatever its device says; None: it stands.

    One that was granted while the experiment was gone does not outlive its return.
    """
    campaign, is_test = campaigns.by_id.get(campaign_id), campaigns.is_test(profile.user)
    reason = why_not_served(campaign, campaigns, now, is_test=is_test)
    progress = profile.progress[campaign_id]
    if reason is not None or campaign is None or progress.offer is None:
        return reason
    arm = arm_now(campaign, progress, profile.user, is_test=is_test)
    return None if arm == progress.offer.arm else Reason.WITHDRAWN


# --- the rules, in the order of the answer's usefulness ---


def read_campaigns(each: Situation) -> Reason | None:
    """Campaigns that could not be refreshed grant nothing."""
    return None if each.campaigns.fresh else Reason.CAMPAIGNS_STALE


def status(each: Situation) -> Reason | None:
    """Pauses, drafts and the schedule."""
    is_test = each.campaigns.is_test(each.profile.user)
    return why_not_served(each.campaign, each.campaigns, each.now, is_test=is_test)


def trigger_met(each: Situation) -> Reason | None:
    """The event, its properties and its count."""
    met = trigger.matching(each.campaign, each.profile, each.message)
    return None if met else Reason.TRIGGER_NOT_MET


def freshness(each: Situation) -> Reason | None:
    """An offline phone must not open a popup at its next start."""
    is_old = (each.message.age or 0) > each.campaign.max_age
    return Reason.STALE_TRIGGER if is_old or not each.message.in_foreground else None


def not_called_off(each: Situation) -> Reason | None:
    """The events under `unless`."""
    until = trigger.called_off_until(each.campaign, each.profile)
    return Reason.CALLED_OFF if each.now < until else None


def rollout(each: Situation) -> Reason | None:
    """The staged rollout. Test users are in every one."""
    if each.campaign.rollout >= 100 or each.campaigns.is_test(each.profile.user):
        return None
    point = share(rollout_salt(each.campaign), each.profile.user)
    return None if point < each.campaign.rollout else Reason.NOT_IN_ROLLOUT


def rollout_salt(campaign: Campaign) -> str:
    """Every campaign's rollout begins with other users."""
    return f"{campaign.id}:rollout"


def permitted(each: Situation) -> Reason | None:
    """The permission's truth table; a popup that asks for something else needs no permission."""
    if each.campaign.kind == "popup":
        return None
    if arm(each) == DIRECT_PROMPT:
        return permission.why_no_prompt(each.standing)
    fallback = each.campaign.fallback_to_settings
    return permission.why_not(each.standing, fallback_to_settings=fallback)


def guard(each: Situation) -> Reason | None:
    """The settings' guard."""
    return None if each.campaigns.guard.holds(each.subject) else Reason.GUARDED


def audience(each: Situation) -> Reason | None:
    """The campaign's audience."""
    return None if each.campaign.audience.holds(each.subject) else Reason.NOT_IN_AUDIENCE


def no_other_offer(each: Situation) -> Reason | None:
    """One open offer per user, across devices and campaigns."""
    for campaign_id, progress in each.profile.progress.items():
        is_own = campaign_id == each.campaign.id
        waits = not (is_own and each.progress.skip_waits)
        if waits and frequency.is_on_screen(progress, each.now):
            return Reason.POPUP_OPEN
        offer = frequency.open_offer(progress, each.now)
        if offer is not None:
            is_here = is_own and offer.device == each.message.device
            return Reason.OFFER_REPEATED if is_here else Reason.OFFER_OPEN
    return None


def waited(each: Situation) -> Reason | None:
    """Attempts, retry windows and value since the last ask."""
    return frequency.why_not_yet(
        each.progress,
        each.campaign,
        each.device.push,
        each.profile.asked_at,
        each.message.at,
    )


def attempt_audience(each: Situation) -> Reason | None:
    """An attempt may have an audience of its own."""
    attempt = each.campaign.attempt(each.progress.spent + 1)
    if attempt is None or attempt.audience is None or attempt.audience.holds(each.subject):
        return None
    return Reason.ATTEMPT_NOT_FOR_USER


def cooled_down(each: Situation) -> Reason | None:
    """An OS prompt that was swiped away is not asked for at once again."""
    return Reason.COOLING_DOWN if each.message.at < cooled_down_at(each) else None


def cooled_down_at(each: Situation) -> int:
    """When the cool-down ends; 0 without one."""
    asked_at = each.device.push.last_asked_at
    if each.campaign.kind == "popup" or not each.standing.cools_down or asked_at is None:
        return 0
    if each.progress.skip_waits:
        return 0
    return asked_at + permission.COOL_DOWN


def own_caps(each: Situation) -> Reason | None:
    """The campaign's own frequency caps."""
    if not each.campaign.caps:
        return None
    shows = sorted(seen.at for seen in each.progress.seen)
    return Reason.FREQUENCY_CAP if _capped(each, each.campaign.caps, shows) else None


def global_caps(each: Situation) -> Reason | None:
    """The frequency caps over all campaigns; exact, since one profile holds all shows."""
    if not each.campaigns.caps:
        return None
    return Reason.GLOBAL_CAP if _capped(each, each.campaigns.caps, all_shows(each)) else None


def all_shows(each: Situation) -> list[int]:
    """When any campaign was shown, and the last ask of the system in use before; oldest first."""
    told = [] if each.profile.asked_at is None else [each.profile.asked_at]
    shows = (seen.at for progress in each.profile.progress.values() for seen in progress.seen)
    return sorted([*told, *shows])


def cap_since(each: Situation, cap: CapRule) -> int:
    """The moment from which on a cap counts shows."""
    if cap.within is None:
        return each.profile.session_at
    return each.message.at - cap.within + 1


def _capped(each: Situation, caps: Iterable[CapRule], shows: list[int]) -> bool:
    if each.progress.skip_waits:
        return False
    return any(sum(1 for at in shows if at >= cap_since(each, cap)) >= cap.at_most for cap in caps)


def link_allowed(each: Situation) -> Reason | None:
    """The settings' list of schemes and hosts, once more where the deeplink is served."""
    link = each.campaign.link_for(each.device.platform)
    allowed = is_allowed(link, each.campaigns.settings.deeplinks)
    return None if allowed else Reason.DEEPLINK_REFUSED


def not_held_out(each: Situation) -> Reason | None:
    """The experiment's holdout: everything speaks for the popup but the arm."""
    return Reason.HELD_OUT if arm(each) == HOLDOUT else None


Rule = Callable[[Situation], Reason | None]

RULES: tuple[Rule, ...] = (
    read_campaigns,
    status,
    trigger_met,
    freshness,
    not_called_off,
    rollout,
    permitted,
    guard,
    audience,
    no_other_offer,
    waited,
    attempt_audience,
    cooled_down,
    own_caps,
    global_caps,
    link_allowed,
    not_held_out,
)


_STAGES = {
    reason: stage
    for stage, reasons in enumerate(
        (
            (Reason.CAMPAIGNS_STALE,),
            (Reason.PAUSED, Reason.DRAFT, Reason.ENDED, Reason.NOT_STARTED),
            (Reason.TRIGGER_NOT_MET,),
            (Reason.STALE_TRIGGER,),
            (Reason.CALLED_OFF,),
            (Reason.NOT_IN_ROLLOUT,),
            (
                Reason.ALREADY_GRANTED,
                Reason.PERMISSION_DENIED,
                Reason.TOKEN_ERROR,
                Reason.NO_ROUTE,
            ),
            (Reason.GUARDED,),
            (Reason.NOT_IN_AUDIENCE,),
            (Reason.OFFER_OPEN, Reason.POPUP_OPEN),
            (
                Reason.PERMISSION_SETTLED,
                Reason.ALREADY_APPROVED,
                Reason.EXHAUSTED,
                Reason.AWAITING_PERMISSION,
                Reason.IN_RETRY_WINDOW,
                Reason.NO_VALUE_SINCE,
            ),
            (Reason.ATTEMPT_NOT_FOR_USER,),
            (Reason.COOLING_DOWN,),
            (Reason.FREQUENCY_CAP,),
            (Reason.GLOBAL_CAP,),
            (Reason.DEEPLINK_REFUSED,),
            (Reason.HELD_OUT,),
        )
    )
    for reason in reasons
}


def stage(reason: Reason) -> int:
    """How far a message got that was refused so; what it did itself is beyond every rule."""
    return _STAGES.get(reason, len(RULES))


def turns(each: Situation) -> Iterator[int]:
    """Moments after now at which a rule may judge otherwise, while nothing else happens."""
    now, campaign = each.now, each.campaign
    moments = [
        campaign.starts_at,
        campaign.ends_at,
        trigger.called_off_until(campaign, each.profile),
        frequency.opens_at(each.progress, campaign, each.device.push, each.profile.asked_at),
        cooled_down_at(each),
        *each.campaigns.guard.turns(each.subject),
        *campaign.audience.turns(each.subject),
        *_turns_of_attempts(each),
        *_turns_of_offers(each),
        *_turns_of_caps(each),
    ]
    yield from sorted({moment for moment in moments if moment is not None and moment > now})


def _turns_of_attempts(each: Situation) -> Iterator[int]:
    for attempt in each.campaign.attempts:
        if attempt.audience is not None:
            yield from attempt.audience.turns(each.subject)


def _turns_of_offers(each: Situation) -> Iterator[int]:
    for progress in each.profile.progress.values():
        if progress.offer is not None:
            yield progress.offer.lease_until
        if progress.outcome is not None:
            yield progress.outcome_at + frequency.ANSWER_WITHIN


def _turns_of_caps(each: Situation) -> Iterator[int]:
    for cap in (*each.campaign.caps, *each.campaigns.caps):
        if cap.within is not None:
            yield from (at + cap.within for at in all_shows(each))
