"""Why a user would or would not see a campaign: the rules of `decide`, each with its value.

The verdict is `decide`'s own. The moment at which it would pass is found by asking `decide` again
at every moment at which some rule may judge otherwise; between two of them nothing changes.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from functions.core import eligibility, frequency, trigger
from functions.core.audience import PropertyRule, Rule, Subject
from functions.core.caps import CapRule
from functions.core.compiled import Attempt, Campaign, Campaigns, TriggerRule
from functions.core.decision import decide, situations
from functions.core.eligibility import Situation
from functions.core.experiment import DIRECT_PROMPT, SOFT_ASK, share
from functions.core.model import Message, Offer, Profile
from functions.core.moments import format_time
from functions.core.reason import Reason

MOST_MOMENTS = 500
"""How many moments are tried before the search for the next eligible one is given up."""

_SHOWS = (Reason.OFFER_GRANTED, Reason.OFFER_REPEATED)

_SHOWN = {
    SOFT_ASK: "The popup would be shown.",
    DIRECT_PROMPT: "The OS prompt would be asked for, without a popup before it.",
}
"""What each arm gets; the holdout gets nothing."""


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule: what it asks, what is so, whether it passes, and when time would make it pass.

    parts: of a combined condition.
    """

    name: str
    says: str
    value: Any
    passes: bool
    passes_at: int | None = None
    parts: "tuple[Check, ...]" = ()


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one question: would this user, by this event, now see the campaign?

    next_eligible_at: the first moment at which the same event would show it if nothing else
    happens meanwhile; absent where time alone does not help.
    """

    campaign: str
    version: int
    at: int
    would_show: bool
    reason: str
    sentence: str
    attempt: int | None
    next_eligible_at: int | None
    checks: tuple[Check, ...]


def question_event(campaign: Campaign) -> str:
    """The event that is asked about where none is named: the campaign's first."""
    return next(iter(campaign.triggers))


def explain(
    profile: Profile, campaign_id: str, question: Message, campaigns: Campaigns, now: int
) -> Explanation:
    """What `decide` would answer to the message, and every rule on the way.

    Raises `KeyError` for a campaign that is not there.
    """
    campaigns = campaigns.seen_by(profile.user)
    campaign = campaigns.by_id[campaign_id]
    reason = _verdict(profile, campaign, question, campaigns, now)
    each = _situation(profile, campaign, question, campaigns, now)
    shows = reason in _SHOWS
    attempt = campaign.attempt(each.progress.spent + 1)
    return Explanation(
        campaign=campaign.id,
        version=campaign.version,
        at=now,
        would_show=shows,
        reason=reason.word,
        sentence=_SHOWN[eligibility.arm(each)] if shows else reason.says,
        attempt=None if attempt is None else each.progress.spent + 1,
        next_eligible_at=now
        if shows
        else _next_eligible(profile, campaign, question, campaigns, now),
        checks=tuple(_checks(each)),
    )


def of_deleted(campaign: Campaign, until: int, now: int) -> Explanation:
    """Of a deleted user, before the tombstone ends."""
    return Explanation(
        campaign=campaign.id,
        version=campaign.version,
        at=now,
        would_show=False,
        reason=Reason.USER_DELETED.word,
        sentence=f"The user was deleted; late events are refused until {format_time(until)}.",
        attempt=None,
        next_eligible_at=None,
        checks=(),
    )


# --- the verdict, and when it changes ---


def _verdict(
    profile: Profile, campaign: Campaign, question: Message, campaigns: Campaigns, now: int
) -> Reason:
    decision = decide(profile, question, campaigns, now)
    said = (each.reason for each in decision.reasons if each.campaign == campaign.id)
    return next(said, Reason.TRIGGER_NOT_MET)


def _situation(
    profile: Profile, campaign: Campaign, question: Message, campaigns: Campaigns, now: int
) -> Situation:
    met = situations(profile, question, campaigns, now).get(campaign.id)
    return met or eligibility.situation(profile, question, campaigns, campaign, now)


def _next_eligible(
    profile: Profile, campaign: Campaign, question: Message, campaigns: Campaigns, now: int
) -> int | None:
    # A millisecond on, the event comes after everything that is known, and no longer with it.
    waiting = {now + 1} | _lasting_turns(profile, campaign, question, campaigns, now)
    for _ in range(MOST_MOMENTS):
        if not waiting:
            return None
        moment = min(waiting)
        then = replace(question, at=moment)
        if _verdict(profile, campaign, then, campaigns, moment) in _SHOWS:
            return moment
        waiting.remove(moment)
        waiting |= _lasting_turns(profile, campaign, then, campaigns, moment)
    return None


def _lasting_turns(
    profile: Profile, campaign: Campaign, question: Message, campaigns: Campaigns, now: int
) -> set[int]:
    """The turns that stay where they are while the question is asked later.

    Others count from the asked event itself and recede with it: nothing ever turns there.
    """
    soon = now + 1
    asked_then = replace(question, at=soon)
    then = _turns(profile, campaign, asked_then, campaigns, soon)
    turns = _turns(profile, campaign, question, campaigns, now)
    return {moment for moment in turns if moment == soon or moment in then}


def _turns(
    profile: Profile, campaign: Campaign, question: Message, campaigns: Campaigns, now: int
) -> set[int]:
    """Of every campaign that the event triggers: another one may take the message, or let it go."""
    met = situations(profile, question, campaigns, now)
    met.setdefault(campaign.id, eligibility.situation(profile, question, campaigns, campaign, now))
    return {moment for each in met.values() for moment in eligibility.turns(each)}


# --- the rules, one by one ---


def _checks(each: Situation) -> Iterator[Check]:
    for rule in eligibility.RULES:
        yield _DESCRIBED[rule](each, rule(each))


def _described(name: str, says: str, value: Any, reason: Reason | None, **more: Any) -> Check:
    return Check(name=name, says=says, value=value, passes=reason is None, **more)


def _campaigns(_: Situation, reason: Reason | None) -> Check:
    return _described("campaigns", "the campaigns are up to date", reason is None, reason)


def _status(each: Situation, reason: Reason | None) -> Check:
    campaign = each.campaign
    begins, ends = campaign.starts_at, campaign.ends_at
    says = "the campaign is active"
    if begins is not None:
        says += f" from {format_time(begins)}"
    if ends is not None:
        says += f" until {format_time(ends)}"
    value: str = "everything is paused" if each.campaigns.paused else campaign.status
    if reason in (Reason.NOT_STARTED, Reason.ENDED):
        value = reason.word
    passes_at = begins if reason is Reason.NOT_STARTED else None
    return _described("status", says, value, reason, passes_at=passes_at)


def _trigger(each: Situation, reason: Reason | None) -> Check:
    rules = [rule for rules in each.campaign.triggers.values() for rule in rules]
    says = "any of: " if len(rules) > 1 else ""
    says += "; ".join(_trigger_says(rule) for rule in rules)
    parts = tuple(
        part
        for rule in each.campaign.triggers.get(each.message.event, ())
        for part in _trigger_parts(rule, each)
    )
    return _described("trigger", says, each.message.event, reason, parts=parts)


def _trigger_says(rule: TriggerRule) -> str:
    said = rule.event
    if rule.where is not None:
        said += f" where {rule.where.says}"
    if rule.every is not None:
        said += f", every {rule.every}"
    if rule.on:
        said += f", occurrence {', '.join(map(str, rule.on))}"
    if rule.every is not None or rule.on:
        said += f" per {rule.per}"
    return said


def _trigger_parts(rule: TriggerRule, each: Situation) -> Iterator[Check]:
    if rule.where is not None:
        yield _property_check(rule.where, each.message.properties)
    if rule.every is not None or rule.on:
        nth = trigger.occurrence(rule, each.profile)
        passes = nth > 0 and nth % rule.every == 0 if rule.every else nth in rule.on
        yield Check(name="occurrence", says=_trigger_says(rule), value=nth, passes=passes)


def _property_check(rule: PropertyRule, properties: Mapping[str, Any]) -> Check:
    return Check(
        name="where",
        says=rule.says,
        value=rule.read(properties),
        passes=rule.holds(properties),
        parts=tuple(_property_check(part, properties) for part in rule.parts),
    )


def _freshness(each: Situation, reason: Reason | None) -> Check:
    seconds = each.campaign.max_age // 1000
    says = f"the event is at most {seconds} s old, and the app is in the foreground"
    told = each.message.age
    value = {
        "ageSeconds": None if told is None else told // 1000,
        "inForeground": each.message.in_foreground,
    }
    return _described("freshness", says, value, reason)


def _unless(each: Situation, reason: Reason | None) -> Check:
    named = [rule.event for rule in each.campaign.unless]
    says = f"none of {', '.join(named)} shortly before" if named else "nothing calls it off"
    until = trigger.called_off_until(each.campaign, each.profile)
    value = f"called off until {format_time(until)}" if reason else "not called off"
    return _described("unless", says, value, reason, passes_at=until if reason else None)


def _rollout(each: Situation, reason: Reason | None) -> Check:
    says = f"among the first {each.campaign.rollout:g} % of users"
    point = round(share(eligibility.rollout_salt(each.campaign), each.profile.user), 2)
    return _described("rollout", says, point, reason)


def _permission(each: Situation, reason: Reason | None) -> Check:
    if each.campaign.kind == "popup":
        return _described("permission", "the popup asks for no permission", None, reason)
    says = "a yes leads to the OS prompt, or to an in-app opt-in"
    if each.campaign.fallback_to_settings:
        says = "a yes leads to the OS prompt, to the settings, or to an in-app opt-in"
    if eligibility.arm(each) == DIRECT_PROMPT:
        says = "the OS prompt is left to ask for"
    route = each.standing.route
    value = {
        "row": each.standing.row,
        "says": each.standing.says,
        "route": route.value if route else None,
        "status": each.subject.push_status.value,
        "device": each.message.device or None,
    }
    return _described("permission", says, value, reason)


def _guard(each: Situation, reason: Reason | None) -> Check:
    return _condition("guard", each.campaigns.guard, each.subject, reason)


def _audience(each: Situation, reason: Reason | None) -> Check:
    return _condition("audience", each.campaign.audience, each.subject, reason)


def _condition(name: str, rule: Rule, subject: Subject, reason: Reason | None) -> Check:
    check = _rule_check(name, rule, subject)
    return replace(check, passes=reason is None)


def _rule_check(name: str, rule: Rule, subject: Subject) -> Check:
    passes = rule.holds(subject)
    return Check(
        name=name,
        says=rule.says,
        value=rule.read(subject),
        passes=passes,
        passes_at=None if passes else _rule_passes_at(rule, subject),
        parts=tuple(_rule_check("condition", part, subject) for part in rule.parts),
    )


def _rule_passes_at(rule: Rule, subject: Subject) -> int | None:
    """The first of its turning points at which it holds."""
    moments = sorted(rule.turns(subject))[:MOST_MOMENTS]
    return next((at for at in moments if rule.holds(replace(subject, now=at))), None)


def _open_offer(each: Situation, reason: Reason | None) -> Check:
    """Its own offer, unshown on this device, is no other popup: it would be shown again."""
    blocking = None if reason is Reason.OFFER_REPEATED else reason
    value, passes_at = _on_offer(each)
    return _described(
        "offer",
        "no other popup is on offer or unanswered",
        value,
        blocking,
        passes_at=passes_at if blocking else None,
    )


def _on_offer(each: Situation) -> tuple[str | None, int | None]:
    """The popup that is on offer or unanswered, and until when."""
    for campaign_id, progress in each.profile.progress.items():
        if frequency.is_on_screen(progress, each.now):
            shown = f"{campaign_id} was shown {format_time(progress.outcome_at)}"
            return shown, progress.outcome_at + frequency.ANSWER_WITHIN
        offer = frequency.open_offer(progress, each.now)
        if offer is None:
            continue
        if _took_it(each, campaign_id, offer):
            return f"{campaign_id} takes this event first, by its priority or its id", None
        return (
            f"{campaign_id} is on offer until {format_time(offer.lease_until)}",
            offer.lease_until,
        )
    return None, None


def _took_it(each: Situation, campaign_id: str, offer: Offer) -> bool:
    """Whether the very event that is asked about brought another campaign's offer."""
    triggered = each.campaigns.triggered.get(each.message.event, ())
    is_other = campaign_id != each.campaign.id
    hears_it = any(campaign.id == campaign_id for campaign in triggered)
    return is_other and hears_it and offer.granted_at == each.now


def _waits(each: Situation, reason: Reason | None) -> Check:
    progress, campaign = each.progress, each.campaign
    attempt = campaign.attempt(progress.spent + 1)
    opens_at = frequency.opens_at(progress, campaign, each.device.push, each.profile.asked_at)
    value: dict[str, Any] = {
        "attemptsSpent": progress.spent,
        "lastOutcome": progress.outcome,
        "lastOutcomeAt": format_time(progress.outcome_at) if progress.outcome else None,
        "waitEndsAt": format_time(opens_at) if opens_at else None,
    }
    if progress.skip_waits:
        value["skipsWaits"] = True
    if attempt is not None and attempt.since is not None:
        value["deliveredSince"] = progress.since.get(attempt.since.key, 0)
    passes_at = _waits_pass_at(each, reason, opens_at)
    return _described("waits", _waits_say(campaign, attempt), value, reason, passes_at=passes_at)


def _waits_say(campaign: Campaign, attempt: Attempt | None) -> str:
    said = f"at most {campaign.at_most} attempts, each after its wait"
    since = attempt.since if attempt else None
    return f"{said} and at least {since.at_least} {since.event} since" if since else said


def _waits_pass_at(each: Situation, reason: Reason | None, opens_at: int) -> int | None:
    if reason is Reason.IN_RETRY_WINDOW:
        return opens_at
    if reason is Reason.AWAITING_PERMISSION:
        return max(opens_at, each.progress.outcome_at + frequency.ANSWER_WITHIN)
    return None


def _attempt(each: Situation, reason: Reason | None) -> Check:
    attempt = each.campaign.attempt(each.progress.spent + 1)
    if attempt is None or attempt.audience is None:
        return _described("attempt", "the attempt is for everyone", None, reason)
    return _condition("attempt", attempt.audience, each.subject, reason)


def _cool_down(each: Situation, reason: Reason | None) -> Check:
    until = eligibility.cooled_down_at(each)
    value = f"cools down until {format_time(until)}" if until else None
    says = "the OS prompt was not swiped away shortly before"
    return _described("cool_down", says, value, reason, passes_at=until if reason else None)


def _own_caps(each: Situation, reason: Reason | None) -> Check:
    shows = sorted(seen.at for seen in each.progress.seen)
    return _caps("caps", each, each.campaign.caps, shows, reason)


def _global_caps(each: Situation, reason: Reason | None) -> Check:
    shows = eligibility.all_shows(each)
    return _caps("global_caps", each, each.campaigns.caps, shows, reason)


def _caps(
    name: str,
    each: Situation,
    caps: tuple[CapRule, ...],
    shows: list[int],
    reason: Reason | None,
) -> Check:
    parts = tuple(_cap(name, each, cap, shows) for cap in caps)
    says = ", ".join(cap.says for cap in caps) if caps else "no cap"
    moments = [part.passes_at for part in parts if not part.passes]
    passes_at = None if None in moments else max((at for at in moments if at), default=None)
    value = [part.value for part in parts]
    return _described(
        name, says, value, reason, passes_at=passes_at if reason else None, parts=parts
    )


def _cap(name: str, each: Situation, cap: CapRule, shows: list[int]) -> Check:
    counted = [at for at in shows if at >= eligibility.cap_since(each, cap)]
    passes = len(counted) < cap.at_most
    frees = None if passes or cap.within is None else counted[-cap.at_most] + cap.within
    return Check(name=name, says=cap.says, value=len(counted), passes=passes, passes_at=frees)


def _link(each: Situation, reason: Reason | None) -> Check:
    link = each.campaign.link_for(each.device.platform)
    return _described("deeplink", "the settings allow the deeplink", link, reason)


def _arm(each: Situation, reason: Reason | None) -> Check:
    says = "not in the experiment's holdout" if each.campaign.salt else "no experiment"
    variant = eligibility.variant(each)
    value = f"{eligibility.arm(each)}, {variant}" if variant else eligibility.arm(each)
    return _described("arm", says, value, reason)


_DESCRIBED: Mapping[eligibility.Rule, Callable[[Situation, Reason | None], Check]] = {
    eligibility.read_campaigns: _campaigns,
    eligibility.status: _status,
    eligibility.trigger_met: _trigger,
    eligibility.freshness: _freshness,
    eligibility.not_called_off: _unless,
    eligibility.rollout: _rollout,
    eligibility.permitted: _permission,
    eligibility.guard: _guard,
    eligibility.audience: _audience,
    eligibility.no_other_offer: _open_offer,
    eligibility.waited: _waits,
    eligibility.attempt_audience: _attempt,
    eligibility.cooled_down: _cool_down,
    eligibility.own_caps: _own_caps,
    eligibility.global_caps: _global_caps,
    eligibility.link_allowed: _link,
    eligibility.not_held_out: _arm,
}
