"""What a message led to, and why."""

import msgspec

from functions.core import (
    eligibility,
)
from functions.core.model import (
    Action,
    Fact,
    Profile,
)
from functions.core.reason import Reason

OFFERING = (Reason.OFFER_GRANTED, Reason.OFFER_REPEATED)
"""The reasons that come with an offer."""


class Verdict(msgspec.Struct, frozen=True):
    """Why, and for which campaign; empty where the message itself is judged."""

    reason: Reason
    campaign: str = ""


class Decision(msgspec.Struct, frozen=True):
    """What a message led to. `profile` is the given one, the same object, if nothing changed."""

    profile: Profile
    actions: tuple[Action, ...] = ()
    facts: tuple[Fact, ...] = ()
    reasons: tuple[Verdict, ...] = ()

    @property
    def reason(self) -> Reason:
        """What is remembered and logged of the message.

        An offer; else what the message itself did; else the reason of the campaign that got
        furthest through the rules.
        """
        given = [verdict.reason for verdict in self.reasons]
        offering = (reason for reason in given if reason in OFFERING)
        return next(offering, None) or max(given, key=eligibility.stage)
