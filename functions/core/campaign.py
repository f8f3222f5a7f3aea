"""The campaign file and the settings file, strictly parsed: the types mirror the YAML.

Every unknown key, operator and type is an error that names its place. What a type cannot say is
checked when the campaign is compiled (`functions.core.compiling`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from functions.core.conditions import Condition, Duration, Name, PropertyCondition, Scalar
from functions.core.model import DAY, HOUR, MINUTE, SECOND, Outcome
from functions.core.parsing import parse

PERMISSION_EVENT = "PushPermissionChanged"
"""The reserved event that reports a changed snapshot."""

Identifier = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$(?!\n)", examples=["push-softask"])
]
Moment = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}))?$(?!\n)",
        examples=["2026-11-21T10:00:00Z"],
    ),
]
Words = Annotated[str, Meta(min_length=1)]
Status = Literal["draft", "active", "paused", "ended"]

MOST_TIMES = 20
"""How many times of an event are kept, and so the highest count within a window."""

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class TriggerEvent(_Strict, frozen=True, kw_only=True):
    """An event that starts an evaluation."""

    event: Annotated[Name, Meta(description="The tracked event's name.")]
    where: Annotated[
        PropertyCondition | None, Meta(description="Only events with such properties.")
    ] = None
    every: Annotated[
        Annotated[int, Meta(ge=2, le=9999)] | None,
        Meta(description="Only every so many-th of them: 3 is the 3rd, 6th, 9th, …"),
    ] = None
    on: Annotated[
        Annotated[tuple[Annotated[int, Meta(ge=1, le=9999)], ...], Meta(min_length=1)] | None,
        Meta(description="Only these occurrences of them: `[3, 4, 5]`."),
    ] = None
    per: Annotated[
        Literal["user", "session"],
        Meta(description="What `every` and `on` count in: the user's life, or each session anew."),
    ] = "user"
    after: Annotated[
        Duration | None,
        Meta(description="Shown that long after the event, counted in the foreground."),
    ] = None


class Unless(_Strict, frozen=True, kw_only=True):
    """An event that calls the trigger off."""

    event: Annotated[Name, Meta(description="The event that must not have happened.")]
    where: Annotated[
        PropertyCondition | None, Meta(description="Only events with such properties count.")
    ] = None
    within: Annotated[Duration, Meta(description="How long it calls the trigger off.")]


class Trigger(_Strict, frozen=True, kw_only=True):
    """When: any of these events, while it is fresh."""

    any: Annotated[
        tuple[TriggerEvent, ...], Meta(min_length=1, description="The events that trigger.")
    ]
    unless: Annotated[
        tuple[Unless, ...], Meta(description="Events that call the trigger off.")
    ] = ()
    max_age: Annotated[
        Duration,
        Meta(description="How old an event may be on arrival and still show something."),
    ] = "60s"


class Since(_Strict, frozen=True, kw_only=True):
    """Value that must have been delivered since the last ask; the trigger itself counts."""

    event: Annotated[Name, Meta(description="The event that delivers value.")]
    where: Annotated[
        PropertyCondition | None, Meta(description="Only events with such properties count.")
    ] = None
    at_least: Annotated[int, Meta(ge=1, le=9999, description="How often at least.")] = 1


class Waits(_Strict, frozen=True, kw_only=True):
    """How long to wait after each kind of answer."""

    declined: Annotated[
        Duration,
        Meta(description='After a "Not now", or a "Yes" whose OS prompt was never answered.'),
    ]
    dismissed: Annotated[
        Duration | None, Meta(description="After a dismissal; as after a decline if not said.")
    ] = None
    denied: Annotated[
        Duration | None,
        Meta(description="After the OS prompt was denied; not said: there is no further ask."),
    ] = None


class AttemptRule(_Strict, frozen=True, kw_only=True):
    """One ask. Every attempt but the first has a `wait`, counted from the last one's outcome."""

    content: Annotated[Name, Meta(description="Which of the campaign's contents it shows.")]
    after: Annotated[
        Literal["declined"] | None, Meta(description="A reminder for readers; has no effect.")
    ] = None
    wait: Annotated[
        Duration | Waits | None, Meta(description="One wait for every answer, or one each.")
    ] = None
    since: Annotated[
        Since | None, Meta(description="Value that must have been delivered meanwhile.")
    ] = None
    audience: Annotated[
        Condition | None, Meta(description="Who gets this attempt, of the campaign's audience.")
    ] = None


class Repeat(_Strict, frozen=True, kw_only=True):
    """The same popup again and again, with the content `default`."""

    gap: Annotated[Duration, Meta(description="The wait, counted from the last Shown.")] = "0s"
    at_most: Annotated[int, Meta(ge=1, le=9999, description="How often in a user's life.")] = 9999


class Cap(_Strict, frozen=True, kw_only=True):
    """A frequency cap: at most so many shows `per` session, day or week, or `within` a span."""

    at_most: Annotated[int, Meta(ge=1, le=MOST_TIMES, description="The most shows.")]
    per: Annotated[
        Literal["session", "day", "week"] | None,
        Meta(description="`day` and `week` are the last 24 hours and 7 days, in every time zone."),
    ] = None
    within: Annotated[Duration | None, Meta(description="A span of one's own choice.")] = None


class PermissionRule(_Strict, frozen=True, kw_only=True):
    """Which prompts an approval may lead to."""

    fallback_to_settings: Annotated[
        bool,
        Meta(
            description="Whether a device that the OS will not prompt again is asked too, and led "
            "to its settings."
        ),
    ] = False


class DismissedRule(_Strict, frozen=True, kw_only=True):
    """What a dismissal counts as: `as: declined`, or `wait` and `at_most` for the same attempt."""

    as_: Annotated[Literal["declined"] | None, Meta(description="A dismissal is a decline.")] = (
        msgspec.field(name="as", default=None)
    )
    wait: Annotated[
        Duration | None, Meta(description="The same attempt again after this wait.")
    ] = None
    at_most: Annotated[
        Annotated[int, Meta(ge=1, le=10)] | None,
        Meta(description="How many dismissals are forgiven so; the next one is a decline."),
    ] = None


class OfferRule(_Strict, frozen=True, kw_only=True):
    """How long a granted offer waits to be shown."""

    lease: Annotated[
        Duration, Meta(description="From the grant on, or from the end of the trigger's `after`.")
    ] = "10m"


class Schedule(_Strict, frozen=True, kw_only=True):
    """When the campaign runs. A day alone begins at midnight UTC."""

    starts_at: Annotated[Moment | None, Meta(description="Nothing is shown before.")] = None
    ends_at: Annotated[Moment | None, Meta(description="Nothing is shown from then on.")] = None


class Links(_Strict, frozen=True, kw_only=True):
    """A deeplink for each platform."""

    default: Annotated[Name, Meta(description="For every platform that is not named.")]
    ios: Annotated[Name | None, Meta(description="For iOS and iPadOS.")] = None
    android: Annotated[Name | None, Meta(description="For Android.")] = None


class ActionRule(_Strict, frozen=True, kw_only=True):
    """The deeplink that opens the app's own popup."""

    deeplink: Annotated[
        Name | Links,
        Meta(description="The answer adds `offerId` and `attempt` to its query."),
    ]


class Copy(_Strict, frozen=True, kw_only=True):
    """The popup's text in one locale.

    `{{ first_name | default: "there" }}` places an attribute, in answers to verified users.
    """

    title: Annotated[Words, Meta(description="The headline.")]
    body: Annotated[Words, Meta(description="What the notifications are for.")]
    approve: Annotated[Words, Meta(description="The button that says yes.")]
    decline: Annotated[
        Words | None, Meta(description="The button that says not now; may be left out.")
    ] = None
    extras: Annotated[
        Mapping[str, Any], Meta(description="The app's own: image, layout, … Sent as it stands.")
    ] = {}


class OutcomeNames(_Strict, frozen=True, kw_only=True):
    """The events by which the app reports what became of an offer."""

    shown: Annotated[Name, Meta(description="The popup was shown.")] = "PushSoftAskShown"
    approved: Annotated[Name, Meta(description='"Yes" was tapped.')] = "PushSoftAskApproved"
    declined: Annotated[Name, Meta(description='"Not now" was tapped.')] = "PushSoftAskDeclined"
    dismissed: Annotated[Name, Meta(description="It was closed without an answer.")] = (
        "PushSoftAskDismissed"
    )
    suppressed: Annotated[Name, Meta(description="Another dialog was open: not shown.")] = (
        "PushSoftAskSuppressed"
    )


class Arms(_Strict, frozen=True, kw_only=True):
    """Weights of the arms; only their proportion counts."""

    soft_ask: Annotated[int, Meta(ge=0, le=10_000, description="Is shown the popup.")]
    holdout: Annotated[
        int, Meta(ge=0, le=10_000, description="Is shown nothing, to compare with.")
    ] = 0
    direct_prompt: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            description="Gets the OS prompt at once, without a popup; only for `kind: push`.",
        ),
    ] = 0


Weight = Annotated[int, Meta(ge=0, le=10_000)]


class VariantRule(_Strict, frozen=True, kw_only=True):
    """One of several ways to say it. A weight alone stands for `{weight: …}`."""

    weight: Annotated[Weight, Meta(description="Only its proportion to the others' counts.")]
    content: Annotated[
        Mapping[str, str],
        Meta(description="Which content is shown in place of which: `{first: first-warm}`."),
    ] = {}


class Experiment(_Strict, frozen=True, kw_only=True):
    """Who is shown what, by a stable hash of the salt and the user."""

    salt: Annotated[
        Name,
        Meta(
            description="Another salt deals those anew who were not exposed yet; campaigns of one "
            "salt deal alike, so give each its own."
        ),
    ]
    arms: Annotated[Arms, Meta(description="The arms and their weights.")]
    variants: Annotated[
        Annotated[Mapping[str, Weight | VariantRule], Meta(max_length=20)],
        Meta(description="Contents to compare, within the arm that is shown the popup."),
    ] = {}


class Goal(_Strict, frozen=True, kw_only=True):
    """What the permission is asked for; counted per arm, from the exposure on."""

    event: Annotated[Name, Meta(description="The tracked event's name.")]
    where: Annotated[
        PropertyCondition | None, Meta(description="Only events with such properties count.")
    ] = None


class CampaignFile(_Strict, frozen=True, kw_only=True):
    """A campaign, as its YAML file says it."""

    id: Annotated[Identifier, Meta(description="Lower case, digits and hyphens; never changes.")]
    kind: Annotated[
        Literal["push", "popup"],
        Meta(
            description="`push` asks for push permission, so the permission decides with; "
            "`popup` asks for something else."
        ),
    ] = "push"
    status: Annotated[Status, Meta(description="Only test users see a `draft`.")]
    priority: Annotated[
        int, Meta(description="The highest wins when several campaigns match one message.")
    ] = 0
    rollout: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="The percentage of users, by a stable hash; raising it keeps those in it.",
        ),
    ] = 100
    schedule: Annotated[Schedule, Meta(description="From when to when.")] = Schedule()
    trigger: Annotated[Trigger, Meta(description="When.")]
    audience: Annotated[
        Condition | None,
        Meta(description="Who; absent: everyone whom the permission lets through."),
    ] = None
    permission: Annotated[PermissionRule, Meta(description="Which prompts may follow.")] = (
        PermissionRule()
    )
    attempts: Annotated[
        Annotated[tuple[AttemptRule, ...], Meta(min_length=1, max_length=100)] | None,
        Meta(description="The asks, in their order. One alone: once."),
    ] = None
    repeat: Annotated[
        Repeat | None, Meta(description="Instead of attempts: the same popup again and again.")
    ] = None
    caps: Annotated[
        tuple[Cap, ...], Meta(description="Frequency caps of this campaign alone.")
    ] = ()
    dismissed: Annotated[DismissedRule, Meta(description="What a dismissal counts as.")] = (
        DismissedRule(as_="declined")
    )
    offer: Annotated[OfferRule, Meta(description="How long an offer waits.")] = OfferRule()
    action: Annotated[ActionRule, Meta(description="What the app opens.")]
    content: Annotated[
        Mapping[str, Mapping[str, Copy]],
        Meta(description="By content and locale: `{first: {en: {…}, zh-Hant: {…}}}`."),
    ]
    outcomes: Annotated[OutcomeNames, Meta(description="What the app reports.")] = OutcomeNames()
    experiment: Annotated[
        Experiment | None, Meta(description="Arms and contents to compare with each other.")
    ] = None
    goal: Annotated[Goal | None, Meta(description="The event that shows what it was good for.")] = (
        None
    )


class Deeplinks(_Strict, frozen=True, kw_only=True):
    """What a deeplink may be."""

    schemes: Annotated[
        tuple[Name, ...], Meta(min_length=1, description="The allowed schemes: `[yourapp, https]`.")
    ]
    hosts: Annotated[tuple[Name, ...], Meta(description="The allowed hosts of https links.")] = ()


class Remember(_Strict, frozen=True, kw_only=True):
    """An event whose history is kept before any campaign refers to it."""

    event: Annotated[Name, Meta(description="The tracked event's name.")]
    where: Annotated[
        PropertyCondition | None, Meta(description="Only events with such properties.")
    ] = None
    times: Annotated[
        bool, Meta(description="Whether to keep the last 20 times, for counts within a window.")
    ] = False


class SettingsFile(_Strict, frozen=True, kw_only=True):
    """What holds across campaigns (`campaigns/settings.yaml`)."""

    paused: Annotated[bool, Meta(description="Stops everything; outcomes are recorded.")] = False
    default_locale: Annotated[
        Name, Meta(description="Every content has it, and every other locale falls back to it.")
    ] = "en"
    deeplinks: Annotated[Deeplinks, Meta(description="What a deeplink may be.")]
    caps: Annotated[
        tuple[Cap, ...], Meta(description="Frequency caps over all campaigns together.")
    ] = ()
    guard: Annotated[
        Condition | None, Meta(description="Holds beside every audience: consent, age, …")
    ] = None
    defaults: Annotated[
        Mapping[str, Scalar], Meta(description="What an attribute reads as that was never set.")
    ] = {}
    test_users: Annotated[
        tuple[Name, ...], Meta(description="User ids that see drafts and count in no figure.")
    ] = ()
    session_event: Annotated[Name, Meta(description="The event that begins a session.")] = (
        "SessionStarted"
    )
    retention: Annotated[
        Duration,
        Meta(description="How long a profile outlives its user's last sign of life; `0d`: ever."),
    ] = "760d"
    remember: Annotated[
        tuple[Name | Remember, ...],
        Meta(description="Events to keep the history of before a campaign refers to them."),
    ] = ()


class Published(msgspec.Struct, frozen=True):
    """A campaign file and the version under which it is live; 0 is the packaged one.

    status: holds instead of the file's own, where the campaign was paused since.
    earlier: what other events meant in versions before it; an app may report by them still.
    """

    file: CampaignFile
    version: int = 0
    status: Status | None = None
    earlier: Mapping[str, Outcome] = {}


class Package(msgspec.Struct, frozen=True):
    """What is compiled at build time and shipped with the functions, as version 0."""

    settings: SettingsFile
    campaigns: tuple[CampaignFile, ...]


def parse_campaign(data: object) -> CampaignFile:
    """A campaign file's content (as YAML or JSON gives it), strictly; else `CampaignError`."""
    return parse(data, CampaignFile)


def parse_settings(data: object) -> SettingsFile:
    """The settings file's content, strictly; else `CampaignError`."""
    return parse(data, SettingsFile)


def milliseconds(duration: str) -> int:
    """`14d` as 1,209,600,000: a day is 86,400 s of UTC, whatever the wall clock does."""
    return int(duration[:-1]) * _UNITS[duration[-1]]
