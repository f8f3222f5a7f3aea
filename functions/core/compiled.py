"""The campaigns as `decide` reads them: spans in milliseconds, conditions as functions.

`functions.core.compiling` makes them of the campaign files.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from functions.core.audience import (
    PropertyRule,
    Rule,
    compile_audience,
    compile_properties,
)
from functions.core.campaign import (
    PERMISSION_EVENT,
    CampaignFile,
    Remember,
    SettingsFile,
    Status,
    milliseconds,
)
from functions.core.caps import CapRule, compile_caps
from functions.core.history import Need, Tally, tallies
from functions.core.model import DAY, MINUTE, Content, Offer, Outcome, User

RECIPE_WAIT = 14 * DAY
"""How long the recipe waits after a decline."""


class TriggerRule(msgspec.Struct, frozen=True):
    """One event that triggers. `key`: the tally in which `every` and `on` count."""

    event: str
    where: PropertyRule | None
    key: str
    every: int | None
    on: tuple[int, ...]
    per: Literal["user", "session"]
    after: int


class UnlessRule(msgspec.Struct, frozen=True):
    """A tally whose newest event calls the trigger off for a while."""

    event: str
    key: str
    within: int


class SinceRule(msgspec.Struct, frozen=True):
    """Value to be delivered since the last ask, counted under its tally's key."""

    event: str
    key: str
    at_least: int


class Attempt(msgspec.Struct, frozen=True):
    """An attempt, and the waits that precede it; `denied` is None where a denial is the end."""

    content: str
    declined: int = 0
    dismissed: int = 0
    denied: int | None = None
    since: SinceRule | None = None
    audience: Rule | None = None


class Variant(msgspec.Struct, frozen=True):
    """One of several ways to say it. `content`: what is shown in place of what."""

    name: str
    weight: int
    content: Mapping[str, str]


class GoalRule(msgspec.Struct, frozen=True):
    """An event that shows what the permission was good for."""

    event: str
    where: PropertyRule | None


class Forgiveness(msgspec.Struct, frozen=True):
    """Dismissals that spend no attempt: the same one again after `wait`, `at_most` times."""

    wait: int
    at_most: int


class Campaign(msgspec.Struct, frozen=True):
    """A campaign, compiled: what `decide` reads. Spans in milliseconds."""

    file: CampaignFile
    id: str
    kind: Literal["push", "popup"]
    version: int
    status: Status
    priority: int
    rollout: float
    starts_at: int | None
    ends_at: int | None
    triggers: Mapping[str, tuple[TriggerRule, ...]]
    unless: tuple[UnlessRule, ...]
    max_age: int
    audience: Rule
    attempts: tuple[Attempt, ...]
    at_most: int
    repeats: bool
    forgiveness: Forgiveness | None
    caps: tuple[CapRule, ...]
    lease: int
    links: Mapping[str, str]
    content: Mapping[str, Mapping[str, Content]]
    outcomes: Mapping[str, Outcome]
    salt: str
    arms: tuple[tuple[str, int], ...]
    variants: tuple[Variant, ...]
    goal: GoalRule | None
    needs: frozenset[Need]

    def attempt(self, ordinal: int) -> Attempt | None:
        """The rule of the attempt with that ordinal, from 1; None past the last one."""
        if ordinal > self.at_most:
            return None
        return self.attempts[0] if self.repeats else self.attempts[ordinal - 1]

    def shown_attempt(self, ordinal: int) -> Attempt:
        """The rule by which an attempt is shown that was granted, perhaps under other rules."""
        return self.attempt(ordinal) or self.attempts[-1]

    def content_of(self, offer: Offer) -> Mapping[str, Content]:
        """What an offer says, by locale; as it stands where its variant is gone by now."""
        name = self.shown_attempt(offer.attempt).content
        shown = (each.content for each in self.variants if each.name == offer.variant)
        return self.content[next(shown, {}).get(name, name)]

    @property
    def fallback_to_settings(self) -> bool:
        """Whether a device may be led to its settings."""
        return self.file.permission.fallback_to_settings

    @property
    def prompts_directly(self) -> bool:
        """Whether whoever was dealt the direct prompt can still get it, after an edit perhaps."""
        return self.kind == "push" and not self.fallback_to_settings

    @property
    def hears_told_declines(self) -> bool:
        """Whether a decline that the app told of holds here.

        Of a stand-in without attempts nobody knows what it asks for: the decline waits for its
        campaign to be back.
        """
        return self.kind == "push" and bool(self.attempts)

    @property
    def longest_wait(self) -> int:
        """What a floor is measured with that a phone or an import tells.

        A campaign of one attempt names no wait of its own: it takes the recipe's.
        """
        if len(self.attempts) == 1 and not self.repeats:
            return RECIPE_WAIT
        waits = (max(attempt.declined, attempt.dismissed) for attempt in self.attempts)
        return max(waits, default=0)

    @property
    def longest_life(self) -> int:
        """How long an offer of this version may be open after it was granted."""
        rules = (rule for rules in self.triggers.values() for rule in rules)
        return self.lease + max((rule.after for rule in rules), default=0)

    def counts_since(self, key: str) -> bool:
        """Whether some attempt counts that tally since the last ask."""
        return any(each.since is not None and each.since.key == key for each in self.attempts)

    def link_for(self, platform: str) -> str:
        """The deeplink for a platform."""
        return self.links.get(platform, self.links["default"])


class Campaigns:
    """Every campaign that a message may meet, indexed by event.

    drafts: what test users see in place of the live campaign, or beside it.
    events: the names that some live campaign or the settings refer to.
    previous: versions that were replaced lately, for offers that were granted under them.
    `fresh` is False when the live campaigns could not be refreshed in time: outcomes are still
    recorded, and nothing is granted.
    """

    def __init__(
        self,
        settings: SettingsFile,
        campaigns: Iterable[Campaign],
        *,
        drafts: Iterable[Campaign] = (),
        previous: Iterable[Campaign] = (),
        fresh: bool = True,
    ) -> None:
        live = {campaign.id: campaign for campaign in campaigns}
        self._drafts, self._previous = tuple(drafts), tuple(previous)
        self.settings = settings
        self.fresh = fresh
        self.paused = settings.paused
        self.default_locale = settings.default_locale
        self.retention = milliseconds(settings.retention)
        self.caps = compile_caps(settings.caps, ())
        self.guard = compile_audience(settings.guard, settings.defaults, ("guard",), salt="guard")
        ranked = sorted(live.values(), key=lambda campaign: (-campaign.priority, campaign.id))
        self.by_id = {campaign.id: campaign for campaign in ranked}
        self._versions = {(each.id, each.version): each for each in (*self._previous, *ranked)}
        self._index(ranked)
        self._test_users = frozenset(settings.test_users)
        seen = {**self.by_id, **{draft.id: draft for draft in self._drafts}}
        self._preview = (
            Campaigns(settings, seen.values(), previous=(*self._previous, *ranked), fresh=fresh)
            if self._drafts
            else self
        )

    def _index(self, ranked: list[Campaign]) -> None:
        self.triggered: dict[str, tuple[Campaign, ...]] = {}
        self.outcomes: dict[str, tuple[tuple[Campaign, Outcome], ...]] = {}
        self.goals: dict[str, tuple[tuple[Campaign, GoalRule], ...]] = {}
        for campaign in ranked:
            for event in campaign.triggers:
                self.triggered[event] = (*self.triggered.get(event, ()), campaign)
            for event, outcome in campaign.outcomes.items():
                self.outcomes[event] = (*self.outcomes.get(event, ()), (campaign, outcome))
            goal = campaign.goal
            if goal is not None:
                self.goals[goal.event] = (*self.goals.get(goal.event, ()), (campaign, goal))
        self.session_event = self._session_event(ranked)
        self.needs = frozenset(self._needs(ranked))
        self.tallies: dict[str, tuple[Tally, ...]] = tallies(
            # In the order of their keys, as they are stored: a set has another in each process.
            sorted(self.needs, key=lambda need: need.key),
            lambda where: compile_properties(where).holds,
        )
        self.events = frozenset(
            (*self.tallies, *self.outcomes, *self.goals, self.session_event, PERMISSION_EVENT)
        ) - {""}

    def _session_event(self, ranked: list[Campaign]) -> str:
        """Empty while nothing counts in sessions."""
        caps = (*self.caps, *(cap for campaign in ranked for cap in campaign.caps))
        counts = any(cap.within is None for cap in caps) or any(
            need.session for campaign in ranked for need in campaign.needs
        )
        return self.settings.session_event if counts else ""

    def _needs(self, ranked: list[Campaign]) -> Iterator[Need]:
        yield from self.guard.needs
        for remembered in self.settings.remember:
            if isinstance(remembered, Remember):
                yield Need(remembered.event, remembered.where, times=remembered.times)
            else:
                yield Need(remembered)
        for campaign in ranked:
            yield from campaign.needs

    def stale(self) -> "Campaigns":
        """The same campaigns, known to be out of date."""
        return Campaigns(
            self.settings,
            self.by_id.values(),
            drafts=self._drafts,
            previous=self._previous,
            fresh=False,
        )

    def is_test(self, user: User) -> bool:
        """Whether the settings name the user as a test user."""
        return user.id in self._test_users

    def seen_by(self, user: User) -> "Campaigns":
        """The campaigns as this user sees them: a test user sees drafts."""
        return self._preview if self.is_test(user) else self

    def granted(self, campaign_id: str, version: int) -> Campaign | None:
        """The campaign as an offer was granted under it; if that is gone, as it is live."""
        return self._versions.get((campaign_id, version)) or self.by_id.get(campaign_id)

    def refers_to(self, event: str) -> bool:
        """Whether an event can matter; where none can, no database call is made."""
        return event in self.events

    @property
    def max_age(self) -> int:
        """The oldest that a trigger may be, in milliseconds, for some campaign to grant by it."""
        ages = [campaign.max_age for campaign in self.by_id.values() if campaign.triggers]
        return max(ages, default=MINUTE)
