"""From campaign files to what `decide` reads; what no type can say is checked here."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from functions.core.audience import (
    Rule,
    compile_audience,
    compile_properties,
)
from functions.core.campaign import (
    PERMISSION_EVENT,
    ActionRule,
    AttemptRule,
    CampaignFile,
    Copy,
    Goal,
    Identifier,
    Links,
    OutcomeNames,
    Package,
    Published,
    Remember,
    Repeat,
    SettingsFile,
    Trigger,
    TriggerEvent,
    Unless,
    VariantRule,
    Waits,
    milliseconds,
)
from functions.core.caps import compile_caps
from functions.core.compiled import (
    Attempt,
    Campaign,
    Campaigns,
    Forgiveness,
    GoalRule,
    SinceRule,
    TriggerRule,
    UnlessRule,
    Variant,
)
from functions.core.content import check_text, tag_of
from functions.core.deeplinks import check_deeplink
from functions.core.errors import CampaignError
from functions.core.experiment import DIRECT_PROMPT, HOLDOUT, SOFT_ASK
from functions.core.history import Need, tally_key
from functions.core.model import Content, Outcome
from functions.core.moments import parse_time
from functions.core.parsing import nearest

_ARM_NAMES = frozenset({HOLDOUT, "soft-ask", "direct-prompt"})
"""A report's groups are arms and variants by their names, which must differ."""

REPEATED = "default"
"""The content of a campaign that repeats."""


def compile_package(package: Package) -> Campaigns:
    """The packaged campaigns, compiled as version 0."""
    return compile_all(package.settings, (Published(file) for file in package.campaigns))


def compile_all(
    settings: SettingsFile,
    published: Iterable[Published],
    *,
    drafts: Iterable[Published] = (),
    previous: Iterable[Published] = (),
) -> Campaigns:
    """Settings and campaigns, compiled together; else `CampaignError`."""
    check_settings(settings)
    return Campaigns(
        settings,
        [compile_campaign(each, settings) for each in published],
        drafts=[compile_campaign(each, settings) for each in drafts],
        previous=[compile_campaign(each, settings) for each in previous],
    )


def check_settings(settings: SettingsFile) -> None:
    """Raises `CampaignError` for settings that say what no type forbids."""
    compile_caps(settings.caps, ())
    compile_audience(settings.guard, settings.defaults, ("guard",))
    for index, remembered in enumerate(settings.remember):
        if isinstance(remembered, Remember) and remembered.where is not None:
            compile_properties(remembered.where, ("remember", index, "where"))


def compile_campaign(published: Published, settings: SettingsFile) -> Campaign:
    """One campaign file, checked against the settings and compiled; else `CampaignError`."""
    file = published.file
    attempts = _compile_attempts(file, settings)
    _check_content(file, attempts, settings.default_locale)
    audience = compile_audience(file.audience, settings.defaults, ("audience",), salt=file.id)
    starts_at, ends_at = _compile_schedule(file)
    triggers = _compile_triggers(file.trigger.any)
    outcomes = compile_outcomes(file.outcomes)
    return Campaign(
        file=file,
        id=file.id,
        kind=file.kind,
        version=published.version,
        status=published.status or file.status,
        priority=file.priority,
        rollout=file.rollout,
        starts_at=starts_at,
        ends_at=ends_at,
        triggers=triggers,
        unless=tuple(
            _compile_unless(each, i, file.trigger.any) for i, each in enumerate(file.trigger.unless)
        ),
        max_age=milliseconds(file.trigger.max_age),
        audience=audience,
        attempts=attempts,
        at_most=file.repeat.at_most if file.repeat else len(attempts),
        repeats=file.repeat is not None,
        forgiveness=_compile_dismissed(file),
        caps=compile_caps(file.caps, ()),
        lease=_compile_lease(file.offer.lease),
        links=_compile_links(file, settings),
        content=_compile_content(file),
        outcomes={**published.earlier, **outcomes},
        salt=file.experiment.salt if file.experiment else "",
        arms=_compile_arms(file),
        variants=_compile_variants(file),
        goal=_compile_goal(file.goal, outcomes),
        needs=frozenset(_needs(file, (audience, *_audiences(attempts)))),
    )


def recorder(campaign_id: str, version: int, outcomes: OutcomeNames) -> Campaign:
    """A stand-in for a campaign that this code cannot compile: it shows nothing, and what is told
    of its offers is still recorded. Windows follow from that once the campaign is back.
    """
    file = CampaignFile(
        id=campaign_id,
        status="paused",
        trigger=Trigger(any=()),
        repeat=Repeat(),
        action=ActionRule(deeplink=""),
        content={},
        outcomes=outcomes,
    )
    return Campaign(
        file=file,
        id=campaign_id,
        kind="push",
        version=version,
        status="paused",
        priority=0,
        rollout=0,
        starts_at=None,
        ends_at=None,
        triggers={},
        unless=(),
        max_age=0,
        audience=compile_audience(None, {}),
        attempts=(),
        at_most=0,
        repeats=False,
        forgiveness=None,
        caps=(),
        lease=0,
        links={},
        content={},
        outcomes=compile_outcomes(outcomes),
        salt="",
        arms=((SOFT_ASK, 1),),
        variants=(),
        goal=None,
        needs=frozenset(),
    )


def _compile_lease(lease: str) -> int:
    """An offer that is never open would not keep a second popup from being offered beside it."""
    span = milliseconds(lease)
    if not span:
        raise CampaignError(("offer", "lease"), "write a longer span, as in '10m'")
    return span


def _compile_schedule(file: CampaignFile) -> tuple[int | None, int | None]:
    said = {"starts_at": file.schedule.starts_at, "ends_at": file.schedule.ends_at}
    times: dict[str, int | None] = {}
    for key, text in said.items():
        try:
            times[key] = None if text is None else parse_time(text)
        except ValueError:
            problem = f"{text} is no date of the calendar"
            raise CampaignError(("schedule", key), problem) from None
    starts_at, ends_at = times["starts_at"], times["ends_at"]
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise CampaignError(("schedule", "ends_at"), "write a time after starts_at")
    return starts_at, ends_at


def _compile_triggers(events: tuple[TriggerEvent, ...]) -> dict[str, tuple[TriggerRule, ...]]:
    triggers: dict[str, tuple[TriggerRule, ...]] = {}
    for index, event in enumerate(events):
        place = ("trigger", "any", index)
        if event.every is not None and event.on is not None:
            raise CampaignError((*place, "on"), "say either every or on")
        if event.per == "session" and event.every is None and event.on is None:
            raise CampaignError((*place, "per"), "say what to count: every or on")
        rule = TriggerRule(
            event=event.event,
            where=compile_properties(event.where, (*place, "where")) if event.where else None,
            key=tally_key(event.event, event.where),
            every=event.every,
            on=event.on or (),
            per=event.per,
            after=milliseconds(event.after or "0s"),
        )
        triggers[event.event] = (*triggers.get(event.event, ()), rule)
    return triggers


def _compile_unless(rule: Unless, index: int, triggers: tuple[TriggerEvent, ...]) -> UnlessRule:
    place = ("trigger", "unless", index)
    if rule.where is not None:
        compile_properties(rule.where, (*place, "where"))
    elif any(each.event == rule.event and each.where is None for each in triggers):
        problem = f"{rule.event} would call itself off; name another event, or add a where"
        raise CampaignError((*place, "event"), problem)
    return UnlessRule(rule.event, tally_key(rule.event, rule.where), milliseconds(rule.within))


def _compile_attempts(file: CampaignFile, settings: SettingsFile) -> tuple[Attempt, ...]:
    if (file.attempts is None) == (file.repeat is None):
        raise CampaignError(
            ("attempts",), "say either attempts, or repeat: {gap: 14d, at_most: 9999}"
        )
    if file.repeat is not None:
        gap = milliseconds(file.repeat.gap)
        return (Attempt(REPEATED, gap, gap, gap),)
    return tuple(
        _compile_attempt(rule, index, file.id, settings)
        for index, rule in enumerate(file.attempts or ())
    )


def _compile_attempt(
    rule: AttemptRule, index: int, campaign: str, settings: SettingsFile
) -> Attempt:
    place = ("attempts", index)
    if index == 0 and (rule.wait or rule.after or rule.since):
        problem = "the first attempt takes no wait, after or since: nothing precedes it"
        raise CampaignError(place, problem)
    if index > 0 and rule.wait is None:
        problem = "add a wait, e.g. `wait: 14d`: every attempt but the first needs one"
        raise CampaignError(place, problem)
    waits = rule.wait if isinstance(rule.wait, Waits) else Waits(declined=rule.wait or "0s")
    since = rule.since
    if since is not None and since.where is not None:
        compile_properties(since.where, (*place, "since", "where"))
    return Attempt(
        content=rule.content,
        declined=milliseconds(waits.declined),
        dismissed=milliseconds(waits.dismissed or waits.declined),
        denied=None if waits.denied is None else milliseconds(waits.denied),
        since=SinceRule(since.event, tally_key(since.event, since.where), since.at_least)
        if since
        else None,
        audience=compile_audience(
            rule.audience, settings.defaults, (*place, "audience"), salt=campaign
        )
        if rule.audience
        else None,
    )


def _compile_dismissed(file: CampaignFile) -> Forgiveness | None:
    rule, place = file.dismissed, ("dismissed",)
    if (rule.wait is None) != (rule.at_most is None):
        raise CampaignError(place, "say wait and at_most together: {wait: 3d, at_most: 3}")
    if (rule.as_ is None) == (rule.wait is None):
        raise CampaignError(place, "say either as: declined, or wait and at_most")
    if rule.wait is None or rule.at_most is None:
        return None
    if file.repeat is not None:
        problem = "leave it out beside repeat, whose gap counts from every show alike"
        raise CampaignError(place, problem)
    return Forgiveness(milliseconds(rule.wait), rule.at_most)


def _compile_links(file: CampaignFile, settings: SettingsFile) -> dict[str, str]:
    said = file.action.deeplink
    if isinstance(said, str):
        check_deeplink(said, settings.deeplinks, ("action", "deeplink"))
        return {"default": said}
    links = _links(said)
    for platform, link in links.items():
        check_deeplink(link, settings.deeplinks, ("action", "deeplink", platform))
    return links


def _links(links: Links) -> dict[str, str]:
    named = {"default": links.default, "ios": links.ios, "android": links.android}
    return {platform: link for platform, link in named.items() if link is not None}


def _compile_arms(file: CampaignFile) -> tuple[tuple[str, int], ...]:
    if file.experiment is None:
        return ((SOFT_ASK, 1),)
    arms, place = file.experiment.arms, ("experiment", "arms")
    if arms.direct_prompt and file.kind == "popup":
        problem = "leave it out beside kind: popup, which asks for no permission"
        raise CampaignError((*place, DIRECT_PROMPT), problem)
    if arms.direct_prompt and file.permission.fallback_to_settings:
        problem = (
            "leave it out beside permission.fallback_to_settings, which shows the popup where no "
            "OS prompt is left"
        )
        raise CampaignError((*place, DIRECT_PROMPT), problem)
    weights = (
        (SOFT_ASK, arms.soft_ask),
        (HOLDOUT, arms.holdout),
        (DIRECT_PROMPT, arms.direct_prompt),
    )
    weighty = tuple(each for each in weights if each[1])
    if not weighty:
        raise CampaignError(place, "give at least one arm a weight above 0")
    return weighty


def _compile_variants(file: CampaignFile) -> tuple[Variant, ...]:
    said = file.experiment.variants if file.experiment else {}
    variants = tuple(_compile_variant(name, rule, file) for name, rule in said.items())
    if variants and not any(each.weight for each in variants):
        place = ("experiment", "variants")
        raise CampaignError(place, "give at least one variant a weight above 0")
    return variants


def _compile_variant(name: str, rule: int | VariantRule, file: CampaignFile) -> Variant:
    place = ("experiment", "variants", name)
    try:
        msgspec.convert(name, Identifier)
    except msgspec.ValidationError:
        problem = "write the name in lower case and without underscores, as in 'warm'"
        raise CampaignError(place, problem) from None
    if name in _ARM_NAMES:
        raise CampaignError(place, "give it a name that is no arm's, as in 'warm'")
    if isinstance(rule, int):
        return Variant(name, rule, {})
    for replaced, shown in rule.content.items():
        _require_content(replaced, file, (*place, "content", replaced))
        _require_content(shown, file, (*place, "content", replaced))
    return Variant(name, rule.weight, rule.content)


def _compile_goal(goal: Goal | None, outcomes: Mapping[str, Outcome]) -> GoalRule | None:
    if goal is None:
        return None
    if goal.event in outcomes or goal.event == PERMISSION_EVENT:
        problem = f"{goal.event} tells what became of the ask; name what the permission is for"
        raise CampaignError(("goal", "event"), problem)
    where = compile_properties(goal.where, ("goal", "where")) if goal.where else None
    return GoalRule(goal.event, where)


def compile_outcomes(names: OutcomeNames) -> dict[str, Outcome]:
    """What each event means; else `CampaignError` where one would mean two things."""
    outcomes: dict[str, Outcome] = {}
    for outcome in Outcome:
        event = getattr(names, outcome.value)
        if event in outcomes or event == PERMISSION_EVENT:
            problem = f"event {event!r} already means something else; give each outcome its own"
            raise CampaignError(("outcomes", outcome.value), problem)
        outcomes[event] = outcome
    return outcomes


def _compile_content(file: CampaignFile) -> dict[str, dict[str, Content]]:
    return {
        name: {tag_of(locale): _content(locale, copy) for locale, copy in locales.items()}
        for name, locales in file.content.items()
    }


def _content(locale: str, copy: Copy) -> Content:
    return Content(
        locale=locale,
        title=copy.title,
        body=copy.body,
        approve=copy.approve,
        decline=copy.decline,
        extras=copy.extras,
    )


def _check_content(file: CampaignFile, attempts: tuple[Attempt, ...], default_locale: str) -> None:
    for index, attempt in enumerate(attempts):
        place = ("repeat",) if file.repeat else ("attempts", index, "content")
        _require_content(attempt.content, file, place)
    for name, locales in file.content.items():
        if tag_of(default_locale) not in {tag_of(locale) for locale in locales}:
            problem = f"add the default locale {default_locale!r}, which every other falls back to"
            raise CampaignError(("content", name), problem)
        for locale, copy in locales.items():
            _check_copy(copy, ("content", name, locale))


def _require_content(name: str, file: CampaignFile, place: tuple[str | int, ...]) -> None:
    if name not in file.content:
        raise CampaignError(place, f"no content {name!r}{nearest(name, file.content)}")


def _check_copy(copy: Copy, place: tuple[str | int, ...]) -> None:
    for key in ("title", "body", "approve", "decline"):
        text = getattr(copy, key)
        if text is not None:
            check_text(text, (*place, key))


def _audiences(attempts: tuple[Attempt, ...]) -> Iterator[Rule]:
    return (attempt.audience for attempt in attempts if attempt.audience is not None)


def _needs(file: CampaignFile, rules: Iterable[Rule]) -> Iterator[Need]:
    for rule in rules:
        yield from rule.needs
    for event in file.trigger.any:
        yield Need(event.event)
        if event.every is not None or event.on is not None:
            yield Need(event.event, event.where, session=event.per == "session")
    for unless in file.trigger.unless:
        yield Need(unless.event, unless.where)
    for attempt in file.attempts or ():
        if attempt.since is not None:
            yield Need(attempt.since.event, attempt.since.where)
