"""Triggers: whether a message starts an evaluation, and what calls it off."""

from functions.core.compiled import Campaign, TriggerRule
from functions.core.model import History, Message, Profile


def matching(campaign: Campaign, profile: Profile, message: Message) -> TriggerRule | None:
    """The first of the campaign's triggers that the message meets; it is counted already."""
    for rule in campaign.triggers.get(message.event, ()):
        if rule.where is not None and not rule.where.holds(message.properties):
            continue
        if _is_occurrence(rule, occurrence(rule, profile)):
            return rule
    return None


def occurrence(rule: TriggerRule, profile: Profile) -> int:
    """Which occurrence the newest one is, in the user's life or in the session."""
    history = profile.events.get(rule.key) or History(0, 0, 0)
    if rule.per == "user":
        return history.count
    return history.in_session if history.session_at == profile.session_at else 0


def called_off_until(campaign: Campaign, profile: Profile) -> int:
    """Until when events that the trigger names under `unless` call it off; 0 without any."""
    return max(
        (
            profile.events[rule.key].last_at + rule.within
            for rule in campaign.unless
            if rule.key in profile.events
        ),
        default=0,
    )


def _is_occurrence(rule: TriggerRule, nth: int) -> bool:
    if rule.every is not None:
        return nth % rule.every == 0 and nth > 0
    return not rule.on or nth in rule.on
