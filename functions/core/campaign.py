"""The campaign file, strictly parsed, and the campaign compiled from it.

`CampaignFile` and `SettingsFile` mirror the YAML (DESIGN, section 4): every unknown key and
operator is an error that names its place. `compile_campaign` checks what a type cannot say, and
turns durations into milliseconds and the audience into one function.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from functions.core.audience import Audience, Condition, compile_audience
from functions.core.errors import CampaignError
from functions.core.model import DAY, HOUR, MINUTE, SECOND, Content, Outcome
from functions.core.parsing import nearest, parse

PERMISSION_EVENT = "PushPermissionChanged"
"""The reserved event that reports a changed snapshot."""

Duration = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,6}[smhd]$(?!\n)", examples=["14d"])]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Identifier = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$(?!\n)", examples=["push-softask"])
]

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class TriggerEvent(_Strict, frozen=True, kw_only=True):
    """An event that starts an evaluation."""

    event: Name


class Trigger(_Strict, frozen=True, kw_only=True):
    """`max_age`: how old an event may be on arrival and still grant an offer."""

    any: Annotated[tuple[TriggerEvent, ...], msgspec.Meta(min_length=1)]
    max_age: Duration = "60s"


class Since(_Strict, frozen=True, kw_only=True):
    """Value that must have been delivered since the last ask; the trigger itself counts."""

    event: Name
    at_least: Annotated[int, msgspec.Meta(ge=1)] = 1


class AttemptRule(_Strict, frozen=True, kw_only=True):
    """One ask. Every attempt but the first has a `wait`, counted from the last one's outcome."""

    content: Name
    after: Literal["declined"] | None = None
    wait: Duration | None = None
    since: Since | None = None


class PermissionRule(_Strict, frozen=True, kw_only=True):
    """Whether a device that the OS will not prompt again may be led to its settings."""

    fallback_to_settings: Literal[False] = False


class DismissedRule(_Strict, frozen=True, kw_only=True):
    """What a dismissal counts as."""

    as_: Literal["declined"] = msgspec.field(name="as", default="declined")


class OfferRule(_Strict, frozen=True, kw_only=True):
    """How long a granted offer waits to be shown."""

    lease: Duration = "10m"


class ActionRule(_Strict, frozen=True, kw_only=True):
    """The deeplink that opens the app's own popup."""

    deeplink: Name


class Copy(_Strict, frozen=True, kw_only=True):
    """The popup's text in one locale. `decline` may be left out."""

    title: str
    body: str
    approve: str
    decline: str | None = None


class OutcomeNames(_Strict, frozen=True, kw_only=True):
    """The events by which the app reports what became of an offer."""

    shown: Name = "PushSoftAskShown"
    approved: Name = "PushSoftAskApproved"
    declined: Name = "PushSoftAskDeclined"
    dismissed: Name = "PushSoftAskDismissed"
    suppressed: Name = "PushSoftAskSuppressed"


class CampaignFile(_Strict, frozen=True, kw_only=True):
    """A campaign, as its YAML file says it."""

    id: Identifier
    status: Literal["draft", "active", "paused", "ended"]
    priority: int = 0
    trigger: Trigger
    audience: Condition | None = None
    permission: PermissionRule = PermissionRule()
    attempts: Annotated[tuple[AttemptRule, ...], msgspec.Meta(min_length=1, max_length=9999)]
    dismissed: DismissedRule = DismissedRule()
    offer: OfferRule = OfferRule()
    action: ActionRule
    content: Mapping[str, Mapping[str, Copy]]
    outcomes: OutcomeNames = OutcomeNames()


class Deeplinks(_Strict, frozen=True, kw_only=True):
    """The schemes that a deeplink may have."""

    schemes: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]


class SettingsFile(_Strict, frozen=True, kw_only=True):
    """What holds across campaigns (`campaigns/settings.yaml`).

    retention: how long a profile outlives its user's last sign of life; "0d" keeps it for ever.
    remember: events to keep the history of, before any campaign refers to them.
    """

    paused: bool = False
    default_locale: Name = "en"
    deeplinks: Deeplinks
    retention: Duration = "760d"
    remember: tuple[Name, ...] = ()


class Published(msgspec.Struct, frozen=True):
    """A campaign file and the version under which it is live; 0 is the packaged one."""

    file: CampaignFile
    version: int = 0


class Package(msgspec.Struct, frozen=True):
    """What is compiled at build time and shipped with the functions, as version 0."""

    settings: SettingsFile
    campaigns: tuple[CampaignFile, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt, compiled. `wait` in milliseconds."""

    content: str
    wait: int
    since: Since | None


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign, compiled: what `decide` reads. Spans in milliseconds."""

    id: str
    version: int
    active: bool
    priority: int
    triggers: frozenset[str]
    max_age: int
    audience: Audience
    attempts: tuple[Attempt, ...]
    lease: int
    deeplink: str
    content: Mapping[str, Mapping[str, Content]]
    outcomes: Mapping[str, Outcome]

    def attempt(self, ordinal: int) -> Attempt | None:
        """The rule of the attempt with that ordinal, from 1; None past the last one."""
        return self.attempts[ordinal - 1] if ordinal <= len(self.attempts) else None

    @property
    def longest_wait(self) -> int:
        """What a floor that a phone reports is measured with."""
        return max(attempt.wait for attempt in self.attempts)

    @property
    def since_events(self) -> frozenset[str]:
        """The events that some attempt counts since the last ask."""
        return frozenset(rule.since.event for rule in self.attempts if rule.since)


class Campaigns:
    """Every campaign that a message may meet, indexed by event.

    `fresh` is False when the live campaigns could not be refreshed in time: outcomes are still
    recorded, and nothing is granted.
    """

    def __init__(
        self, settings: SettingsFile, campaigns: Iterable[Campaign], *, fresh: bool = True
    ) -> None:
        self.paused = settings.paused
        self.fresh = fresh
        self.default_locale = settings.default_locale
        self.retention = milliseconds(settings.retention)
        self._settings = settings
        ranked = sorted(campaigns, key=lambda campaign: (-campaign.priority, campaign.id))
        self.by_id = {campaign.id: campaign for campaign in ranked}
        self.triggered: dict[str, tuple[Campaign, ...]] = {}
        self.outcomes: dict[str, tuple[tuple[Campaign, Outcome], ...]] = {}
        for campaign in ranked:
            for event in campaign.triggers:
                self.triggered[event] = (*self.triggered.get(event, ()), campaign)
            for event, outcome in campaign.outcomes.items():
                self.outcomes[event] = (*self.outcomes.get(event, ()), (campaign, outcome))
        self.counted = frozenset(settings.remember).union(
            self.triggered, *(campaign.since_events for campaign in ranked)
        )

    def stale(self) -> "Campaigns":
        """The same campaigns, known to be out of date."""
        return Campaigns(self._settings, self.by_id.values(), fresh=False)

    def refers_to(self, event: str) -> bool:
        """Whether an event can matter; where none can, no database call is made."""
        return event in self.counted or event in self.outcomes or event == PERMISSION_EVENT


def parse_campaign(data: object) -> CampaignFile:
    """A campaign file's content (as YAML or JSON gives it), strictly; else `CampaignError`."""
    return parse(data, CampaignFile)


def parse_settings(data: object) -> SettingsFile:
    """The settings file's content, strictly; else `CampaignError`."""
    return parse(data, SettingsFile)


def compile_package(package: Package) -> Campaigns:
    """The packaged campaigns, compiled as version 0."""
    published = (Published(file) for file in package.campaigns)
    return compile_all(package.settings, published)


def compile_all(settings: SettingsFile, published: Iterable[Published]) -> Campaigns:
    """Settings and campaigns, compiled together; else `CampaignError`."""
    return Campaigns(settings, [compile_campaign(each, settings) for each in published])


def compile_campaign(published: Published, settings: SettingsFile) -> Campaign:
    """One campaign file, checked against the settings and compiled; else `CampaignError`."""
    file = published.file
    _check_content(file, settings.default_locale)
    _check_deeplink(file.action.deeplink, settings.deeplinks.schemes)
    return Campaign(
        id=file.id,
        version=published.version,
        active=file.status == "active",
        priority=file.priority,
        triggers=frozenset(trigger.event for trigger in file.trigger.any),
        max_age=milliseconds(file.trigger.max_age),
        audience=compile_audience(file.audience),
        attempts=_compile_attempts(file.attempts),
        lease=milliseconds(file.offer.lease),
        deeplink=file.action.deeplink,
        content={
            name: {locale.lower(): _content(locale, copy) for locale, copy in locales.items()}
            for name, locales in file.content.items()
        },
        outcomes=_compile_outcomes(file.outcomes),
    )


def milliseconds(duration: str) -> int:
    """`14d` as 1,209,600,000: a day is 86,400 s of UTC, whatever the wall clock does."""
    return int(duration[:-1]) * _UNITS[duration[-1]]


def _compile_attempts(rules: tuple[AttemptRule, ...]) -> tuple[Attempt, ...]:
    for index, rule in enumerate(rules):
        if index == 0 and (rule.wait or rule.after or rule.since):
            problem = "the first attempt takes no wait, after or since: nothing precedes it"
            raise CampaignError(("attempts", 0), problem)
        if index > 0 and rule.wait is None:
            problem = "add a wait, e.g. `wait: 14d`: every attempt but the first needs one"
            raise CampaignError(("attempts", index), problem)
    return tuple(Attempt(r.content, milliseconds(r.wait or "0s"), r.since) for r in rules)


def _compile_outcomes(names: OutcomeNames) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for outcome in Outcome:
        event = getattr(names, outcome.value)
        if event in outcomes or event == PERMISSION_EVENT:
            problem = f"event {event!r} already means something else; give each outcome its own"
            raise CampaignError(("outcomes", outcome.value), problem)
        outcomes[event] = outcome
    return outcomes


def _content(locale: str, copy: Copy) -> Content:
    return Content(
        locale=locale,
        title=copy.title,
        body=copy.body,
        approve=copy.approve,
        decline=copy.decline,
    )


def _check_content(file: CampaignFile, default_locale: str) -> None:
    for index, attempt in enumerate(file.attempts):
        if attempt.content not in file.content:
            problem = f"no content {attempt.content!r}{nearest(attempt.content, file.content)}"
            raise CampaignError(("attempts", index, "content"), problem)
    for name, locales in file.content.items():
        if default_locale.lower() not in {locale.lower() for locale in locales}:
            problem = f"add the default locale {default_locale!r}, which every other falls back to"
            raise CampaignError(("content", name), problem)


def _check_deeplink(deeplink: str, schemes: tuple[str, ...]) -> None:
    place = ("action", "deeplink")
    if not deeplink.isprintable() or " " in deeplink:
        raise CampaignError(place, "remove the white space or control characters")
    try:
        parts = urlsplit(deeplink)
    except ValueError:
        raise CampaignError(place, "write it as scheme://host/path") from None
    if parts.scheme not in schemes:
        allowed = ", ".join(schemes)
        problem = (
            f"scheme {parts.scheme!r} is not allowed; use one of {allowed}, "
            "or add it to deeplinks.schemes in settings.yaml"
        )
        raise CampaignError(place, problem)
    if "@" in parts.netloc or not parts.netloc:
        raise CampaignError(place, "write it as scheme://host/path, without user info")
