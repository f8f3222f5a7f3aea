"""Several lives side by side under one clock: a user's, and those of anonymous ids that log in."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import note
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.core import known
from functions.core.campaign import parse_campaign
from functions.core.compiled import Campaigns
from functions.core.known import Known
from functions.core.model import (
    DAY,
    HOUR,
    MINUTE,
    Message,
    Outcome,
    Profile,
    Snapshot,
    User,
)
from functions.core.verdict import Decision
from tests.unit.core.random_campaigns import COPY, DEVICES, campaign_sets, live, steps
from tests.unit.core.scene import (
    OUTCOMES,
    Offered,
    Scene,
    campaigns_of,
    offered_in,
    settled_state,
)
from tests.unit.core.told import Ledger

ANONYMOUS = tuple(User("anonymous", id_) for id_ in ("a1", "a2"))

TWICE = [{"content": "default"}, {"content": "default", "wait": "14d"}]
THRICE = [*TWICE, {"content": "default", "wait": {"declined": "9d", "dismissed": "1d"}}]
DENIABLE = [TWICE[0], {"content": "default", "wait": {"declined": "14d", "denied": "2d"}}]

ARMS = {"soft_ask": 1, "holdout": 1, "direct_prompt": 2}
VARIANTS = {"plain": 1, "same": {"weight": 1, "content": {"default": "default"}}}

rules: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"attempts": TWICE},
        {"attempts": THRICE},
        {"attempts": THRICE, "dismissed": {"wait": "3d", "at_most": 2}},
        {"attempts": TWICE, "dismissed": {"wait": "1d", "at_most": 1}},
        {"attempts": DENIABLE, "permission": {"fallback_to_settings": True}},
        {"repeat": {"gap": "3d", "at_most": 4}},
        {"repeat": {"gap": "0s"}},
        {"attempts": TWICE, "kind": "popup"},
        {"repeat": {"gap": "1d"}, "kind": "popup"},
        {"attempts": THRICE, "experiment": {"salt": "s", "arms": {"soft_ask": 2, "holdout": 1}}},
        {"attempts": DENIABLE, "experiment": {"salt": "s", "arms": ARMS, "variants": VARIANTS}},
    ]
)


@st.composite
def asking_sets(draw: st.DrawFn) -> Campaigns:
    """Two campaigns that ask whoever comes by, so that lives get far."""
    files = [
        parse_campaign(
            {
                "id": campaign_id,
                "status": "active",
                "trigger": {"any": [{"event": event}]},
                "action": {"deeplink": "yourapp://popup/x"},
                "content": {"default": {"en": COPY}},
                "goal": {"event": "Order", "where": {"property": "n", "gte": 2}},
                **draw(rules),
            }
        )
        for campaign_id, event in (("a", "Value"), ("b", "Lesson"))
    ]
    note(msgspec.json.encode(files).decode())
    return campaigns_of(*files)


any_sets = st.one_of(campaign_sets(), asking_sets(), asking_sets())

agos = st.sampled_from([0, HOUR, 3 * DAY, 20 * DAY])

_asked = st.tuples(
    st.just("asked"),
    st.sampled_from(["Value", "Value", "Lesson"]),
    st.sampled_from([None, *Outcome]),
    st.sampled_from(DEVICES),
)

more_steps = st.one_of(
    steps,
    _asked,
    _asked,
    st.tuples(
        st.just("late"), st.sampled_from(list(Outcome)), st.integers(0, 9), st.sampled_from(DEVICES)
    ),
    st.tuples(st.just("told"), agos, st.just(0), st.sampled_from(DEVICES)),
    st.tuples(st.just("import"), agos, st.just(0), st.just("")),
    st.tuples(st.just("floor"), agos, st.just(0), st.sampled_from(DEVICES)),
)


class Life(Scene):
    """Remembers what it was offered; its messages have ids of their own."""

    def __init__(self, campaigns: Campaigns, user: User) -> None:
        super().__init__(campaigns, user)
        self.offers: list[Offered] = []
        self.ledger = Ledger()

    def message(self, **fields: Any) -> Message:
        message = super().message(**fields)
        return replace(message, id=f"{self.user.kind}-{self.user.id}-{message.id}")

    def send(self, message: Message) -> Decision:
        decision = super().send(message)
        self.offers += offered_in(decision)
        self.ledger.take(decision)
        return decision

    def live(self, step: tuple[Any, ...]) -> None:
        """One step: as in `random_campaigns`, or a late outcome, a told decline, an import."""
        kind, what, number, device = step
        if kind == "asked":
            self.asked(what, number, device)
        elif kind == "late" and self.offers:
            named = self.offers[-1 - number % len(self.offers)].offer_id
            at = self.now - number * HOUR
            self.track(OUTCOMES[what], offer_id=named, at=at, device=device)
        elif kind == "told":
            self.identify(declined_at=self.now - what, device=device)
        elif kind == "import":
            row = Known(user=self.user, asked_at=self.now - what)
            self.profile = known.adopt(self.profile, row, self.campaigns, self.now)
        elif kind == "floor":
            push = Snapshot(last_asked_at=self.now - what)
            self.track("PushPermissionChanged", push=push, device=device)
        elif kind != "late":
            live(self, step)

    def asked(self, event: str, outcome: Outcome | None, device: str) -> None:
        """A trigger, and what becomes of its popup if that brings one."""
        self.now += MINUTE
        before = len(self.offers)
        self.track(event, device=device)
        if outcome is None or len(self.offers) == before:
            return
        self.now += MINUTE
        self.track(OUTCOMES[outcome], offer_id=self.offers[-1].offer_id, device=device)


def lived(
    campaigns: Campaigns, users: Sequence[User], life: Sequence[tuple[int, tuple[Any, ...]]]
) -> list[Life]:
    """What becomes of the users; each step says whose it is, and time passes for all."""
    lives = [Life(campaigns, user) for user in users]
    for whose, step in life:
        lives[whose].live(step)
        for each in lives:
            each.now = lives[whose].now
    return lives


def shared_lives(count: int) -> st.SearchStrategy[list[tuple[int, tuple[Any, ...]]]]:
    """Steps of so many lives side by side; long ones, since few of the steps lead anywhere."""
    step = st.tuples(st.integers(0, count - 1), more_steps)
    return st.one_of(st.lists(step, max_size=30), st.lists(step, min_size=12, max_size=30))


def compared(profile: Profile, now: int) -> Profile:
    """The profile without what no order must keep: rows of windows that are over already."""
    progress = {
        campaign: replace(each, window=each.window and (each.retry_at or 0) > now)
        for campaign, each in profile.progress.items()
    }
    return replace(settled_state(profile), progress=progress)
