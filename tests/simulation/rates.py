"""The true rates of a simulated world: what its report must find, if it is right."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from functions.core.model import DAY

START = 1_788_220_800_000  # 2026-09-01T00:00:00Z
SPAN = 30 * DAY
END = START + SPAN
CHANGED_AT = START + 12 * DAY + 12_345_678
"""When the second version, with other weights, goes live."""

CAMPAIGN = "push-softask"
SOFT_ASK, HOLDOUT, DIRECT = "soft_ask", "holdout", "direct_prompt"
PLAIN, WARM = "plain", "warm"
TITLES = {"Plain": PLAIN, "Warm": WARM}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Probabilities, unless it says otherwise. What makes lives untidy is 0 in a tidy world.

    approve: by variant, of who was shown the popup; declines, dismissals and silence share the
    rest. grant: of OS prompts after a "Yes". direct_answer: of direct prompts. own_prompt: the app
    asks by itself, of who was not asked by then. goals: the mean of a granted user, and of others.
    """

    approve: Mapping[str, float] = field(default_factory=lambda: {PLAIN: 0.35, WARM: 0.45})
    show: float = 0.85
    suppress: float = 0.05
    grant: float = 0.7
    os_answer: float = 1.0
    direct_answer: float = 0.9
    direct_grant: float = 0.4
    own_prompt: float = 0.3
    own_grant: float = 0.5
    goals: tuple[float, float] = (1.8, 0.6)
    more_moments: float = 0.0
    anonymous: float = 0.0
    second_device: float = 0.0
    reinstall: float = 0.0
    old_android: float = 0.0
    settings: float = 0.0
    second_prompt: float = 0.0
    untold: float = 0.0
    late: float = 0.0
    lost: float = 0.0
    twice: float = 0.0
    stale: float = 0.0
    changed_mind: float = 0.0
    told_together: float = 0.0
    without_offer_id: float = 0.0

    @property
    def is_tidy(self) -> bool:
        """Whether each user has one phone and one value moment, of which all is told in time."""
        return self.more_moments == 0

    def opt_in(self, arm: str, variant: str) -> float:
        """Net opt-in per exposed user of a tidy world."""
        if arm == SOFT_ASK:
            return self.show * self.approve[variant] * self.grant
        return self.direct_answer * self.direct_grant if arm == DIRECT else 0.0

    def any_grant(self, arm: str, variant: str) -> float:
        """Any grant per exposed user of a tidy world."""
        own = self.own_prompt * self.own_grant
        if arm == SOFT_ASK:
            asked = self.show * self.approve[variant]
            return asked * self.grant + (1 - asked) * own
        if arm == DIRECT:
            return self.direct_answer * self.direct_grant + (1 - self.direct_answer) * own
        return own

    def goal_users(self, arm: str, variant: str) -> float:
        """The share of a tidy world's exposed users with any goal."""
        granted = self.any_grant(arm, variant)
        of_granted, of_others = (1 - math.exp(-mean) for mean in self.goals)
        return granted * of_granted + (1 - granted) * of_others

    def goals_per_user(self, arm: str, variant: str) -> float:
        """Goal events per exposed user of a tidy world."""
        granted = self.any_grant(arm, variant)
        return granted * self.goals[0] + (1 - granted) * self.goals[1]


TIDY = Rates()
UNTIDY = Rates(
    os_answer=0.95,
    more_moments=0.75,
    anonymous=0.25,
    second_device=0.1,
    reinstall=0.07,
    old_android=0.06,
    settings=0.08,
    second_prompt=0.15,
    untold=0.12,
    late=0.05,
    lost=0.01,
    twice=0.03,
    stale=0.03,
    changed_mind=0.04,
    told_together=0.1,
    without_offer_id=0.1,
)


def poisson(chance: Random, mean: float) -> int:
    """Knuth's way."""
    limit, count, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        count += 1
        product *= chance.random()
    return count


def campaign_file(shipped: Mapping[str, Any], version: int) -> dict[str, Any]:
    """The recipe with three arms, two contents and a goal; the second version has other weights."""
    words = {"body": "Body", "approve": "Yes", "decline": "Not now"}
    content = {
        "first": {"en": {"title": "Plain", **words}},
        "retry": {"en": {"title": "Plain", **words}},
        "warm": {"en": {"title": "Warm", **words}},
    }
    arms = ({SOFT_ASK: 60, HOLDOUT: 20, DIRECT: 20}, {SOFT_ASK: 40, HOLDOUT: 35, DIRECT: 25})
    plain, warm = ((50, 50), (70, 30))[version]
    shown = {"first": "warm", "retry": "warm"}
    experiment = {
        "salt": "simulated",
        "arms": arms[version],
        "variants": {PLAIN: plain, WARM: {"weight": warm, "content": shown}},
    }
    goal = {"event": "SessionStarted", "where": {"property": "source", "is": "push"}}
    return {**shipped, "content": content, "experiment": experiment, "goal": goal}
