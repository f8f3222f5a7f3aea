"""What is allowed in a campaign file, and yet probably not meant."""

from collections.abc import Iterator
from itertools import combinations

from functions.core.audience import PUSH_STATUS
from functions.core.campaign import CampaignFile, Published, SettingsFile
from functions.core.compiled import Campaign, Campaigns, TriggerRule, Variant
from functions.core.compiling import compile_campaign
from functions.core.conditions import Condition
from functions.core.experiment import DIRECT_PROMPT, SOFT_ASK
from functions.core.history import Need

_BEGINNINGS = frozenset(
    {
        "app_open",
        "app_opened",
        "application_installed",
        "application_opened",
        "appopened",
        "applicationinstalled",
        "applicationopened",
        "first_open",
        "firstopen",
        "install",
        "installed",
        "session_start",
        "session_started",
        "sessionstart",
        "sessionstarted",
    }
)
"""Events of an install or of a session's start, as SDKs call them, in lower case."""


def warnings(file: CampaignFile, settings: SettingsFile, live: Campaigns | None) -> tuple[str, ...]:
    """What whoever publishes the file should know; `live`: the campaigns that serve now.

    Raises `CampaignError` for a file that cannot be compiled.
    """
    campaign = compile_campaign(Published(file), settings)
    return (
        *_early_triggers(campaign, settings),
        *_unrecorded(campaign, live),
        *_unheard_of(file, live),
        *_variants_without_a_difference(campaign),
        *_arms_that_are_not_alike(campaign, settings),
        *_dealt_alike(campaign, live),
        *_taken_first(campaign, live),
    )


def _early_triggers(campaign: Campaign, settings: SettingsFile) -> Iterator[str]:
    if campaign.kind != "push":
        return
    for event, rules in campaign.triggers.items():
        is_beginning = event == settings.session_event or _plain(event) in _BEGINNINGS
        if is_beginning and not all(rule.after or rule.every or rule.on for rule in rules):
            yield (
                f"trigger {event}: it asks at an install or a session's start, before the user has "
                "seen any value; trigger on a moment of value instead, or add after: 5m"
            )


def _plain(event: str) -> str:
    return event.strip().lower().replace(" ", "_").replace("-", "_")


def _unrecorded(campaign: Campaign, live: Campaigns | None) -> Iterator[str]:
    known = live.needs if live else frozenset()
    missing = {need.event for need in _looking_back(campaign) if not _is_kept(need, known)}
    for event in sorted(missing):
        yield (
            f"event {event}: its history is not recorded yet and begins when this is published; "
            "what happened before reads as never"
        )


def _unheard_of(file: CampaignFile, live: Campaigns | None) -> Iterator[str]:
    audiences = [file.audience, *(attempt.audience for attempt in file.attempts or ())]
    named = {name for condition in audiences if condition for name in _campaigns_in(condition)}
    known = {file.id, *(live.by_id if live else ())}
    for name in sorted(named - known):
        yield f"campaign {name}: there is none of that id, so it reads as never shown"


def _variants_without_a_difference(campaign: Campaign) -> Iterator[str]:
    if not campaign.variants:
        return
    if len(campaign.variants) == 1:
        yield "experiment variants: there is one alone, so there is nothing to compare it with"
    if not dict(campaign.arms).get(SOFT_ASK):
        yield "experiment variants: nobody sees them, since the weight of soft_ask is 0"
    for one, other in combinations(campaign.variants, 2):
        if _replaced(one) == _replaced(other):
            yield f"experiment variants: {one.name} and {other.name} show the same contents"


def _replaced(variant: Variant) -> dict[str, str]:
    return {name: shown for name, shown in variant.content.items() if shown != name}


def _arms_that_are_not_alike(campaign: Campaign, settings: SettingsFile) -> Iterator[str]:
    """Whoever was granted, and opted out in the app, has no OS prompt left: others ask them."""
    arms = dict(campaign.arms)
    if DIRECT_PROMPT not in arms or len(arms) == 1:
        return
    if not any(_looks_at_permission(each) for each in (campaign.file.audience, settings.guard)):
        yield (
            "experiment arms: direct_prompt asks only where the OS prompt is left, and the other "
            "arms ask more devices; let the audience keep those out, by {attribute: "
            "push_permission_status, is: unknown}"
        )


def _looks_at_permission(condition: Condition | None) -> bool:
    if condition is None:
        return False
    groups = (condition.all, condition.any, condition.none)
    within = any(_looks_at_permission(part) for group in groups for part in group or ())
    return within or condition.attribute == PUSH_STATUS


def _dealt_alike(campaign: Campaign, live: Campaigns | None) -> Iterator[str]:
    for other in _others(campaign, live):
        if campaign.salt and other.salt == campaign.salt:
            yield (
                f"experiment salt {campaign.salt!r}: campaign {other.id} has it too, so both deal "
                "alike; give this one another"
            )


def _taken_first(campaign: Campaign, live: Campaigns | None) -> Iterator[str]:
    """Where both ask for push: at a trigger that says no more than the event, one of them loses."""
    for other in _others(campaign, live):
        is_first = (-other.priority, other.id) < (-campaign.priority, campaign.id)
        asks_too = is_first and other.status == "active" and {other.kind, campaign.kind} == {"push"}
        for event in sorted(campaign.triggers) if asks_too else ():
            if any(_is_bare(rule) for rule in other.triggers.get(event, ())):
                yield (
                    f"trigger {event}: campaign {other.id} takes it first; pause that one, or give "
                    "this one a higher priority"
                )


def _others(campaign: Campaign, live: Campaigns | None) -> Iterator[Campaign]:
    yield from (each for each in (live.by_id.values() if live else ()) if each.id != campaign.id)


def _is_bare(rule: TriggerRule) -> bool:
    return rule.where is None and rule.every is None and not rule.on


def _campaigns_in(condition: Condition) -> Iterator[str]:
    if condition.campaign is not None:
        yield condition.campaign
    for group in (condition.all, condition.any, condition.none):
        for part in group or ():
            yield from _campaigns_in(part)


def _looking_back(campaign: Campaign) -> Iterator[Need]:
    """The histories by which the campaign judges; its bare triggers only begin an evaluation."""
    bare = {
        Need(rule.event).key
        for rules in campaign.triggers.values()
        for rule in rules
        if rule.every is None and not rule.on
    }
    judged = campaign.audience.needs | {
        need for attempt in campaign.attempts if attempt.audience for need in attempt.audience.needs
    }
    yield from (need for need in campaign.needs if need.key not in bare or need in judged)


def _is_kept(need: Need, known: frozenset[Need]) -> bool:
    return any(
        each.key == need.key and each.times >= need.times and each.session >= need.session
        for each in known
    )
