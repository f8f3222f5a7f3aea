"""`decide`: folds one message into a profile, grants offers, gives reasons.

Pure: the same profile, message, campaigns and `now` give the same decision, so that a conflict
while saving is answered by deciding again on the fresher profile.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from functions.core import frequency, recent, standing, turn
from functions.core.compiled import Campaigns
from functions.core.draft import Draft
from functions.core.eligibility import Situation
from functions.core.model import (
    Action,
    Fact,
    Message,
    Profile,
    User,
    Withdraw,
)
from functions.core.reason import Reason
from functions.core.verdict import OFFERING, Decision, Verdict


class Fold(msgspec.Struct, frozen=True):
    """What several messages of one user led to, decided one after the other."""

    profile: Profile
    actions: tuple[Action, ...]
    facts: tuple[Fact, ...]
    decisions: tuple[Decision, ...]


def new_profile(user: User, now: int) -> Profile:
    """The profile of a user who was never heard of."""
    return Profile(user=user, first_seen_at=now, seen_at=now)


def matters(message: Message, campaigns: Campaigns) -> bool:
    """Whether a message can change or answer anything; otherwise no database call is made."""
    if message.kind == "identify":
        return bool(message.traits or message.merges) or message.declined_at is not None
    return campaigns.seen_by(message.user).refers_to(message.event)


def decide(
    profile: Profile,
    message: Message,
    campaigns: Campaigns,
    now: int,
    joining: Profile | None = None,
) -> Decision:
    """Folds the message into the profile.

    A message that is known by its id is answered from the state and changes nothing.
    joining: the anonymous profile that the message merges, unless that is an alias already.
    """
    campaigns = campaigns.seen_by(profile.user)
    known = recent.find(profile.recent, message)
    if known is not None:
        return _answer_again(profile, message, known, campaigns, now)
    draft = Draft(profile, message, campaigns, now)
    if joining is not None and joining.user.id not in profile.aliases:
        turn.join(draft, joining)
    if message.kind == "identify":
        turn.identify(draft)
    else:
        turn.track(draft)
    return turn.decision(draft)


def situations(
    profile: Profile, message: Message, campaigns: Campaigns, now: int
) -> dict[str, Situation]:
    """What each triggered campaign's rules look at while `decide` runs, by campaign."""
    draft = Draft(profile, message, campaigns.seen_by(profile.user), now)
    turn.track(draft)
    return draft.situations


def fold(
    profile: Profile,
    messages: Sequence[Message],
    campaigns: Campaigns,
    now: int,
    joining: Mapping[str, Profile] = {},
) -> Fold:
    """Decides messages in their given order; answers only what still stands after the last.

    joining: the profiles that messages may merge, by anonymous id: nobody else's, not deleted.
    """
    decisions = []
    for message in messages:
        decision = decide(profile, message, campaigns, now, joining.get(message.merges))
        profile = decision.profile
        decisions.append(decision)
    answered = (action for decision in decisions for action in decision.actions)
    facts = tuple(fact for decision in decisions for fact in decision.facts)
    return Fold(profile, still_told(answered, profile, now), facts, tuple(decisions))


def still_told(actions: Iterable[Action], profile: Profile, now: int) -> tuple[Action, ...]:
    """Of what was answered before the profile was as it is: what still is to be told, once each."""
    told = {
        action.offer_id: action
        for action in actions
        if isinstance(action, Withdraw) or _is_open(profile, action.campaign, action.offer_id, now)
    }
    return tuple(told.values())


def joined(one: Fold, other: Fold, now: int) -> Fold:
    """What two folds of one user led to that were written one after the other."""
    return Fold(
        other.profile,
        still_told((*one.actions, *other.actions), other.profile, now),
        (*one.facts, *other.facts),
        (*one.decisions, *other.decisions),
    )


def ignored(profile: Profile, messages: Sequence[Message]) -> Fold:
    """What messages lead to whose user was deleted: nothing is kept, and nobody is brought back."""
    verdict = Verdict(Reason.USER_DELETED)
    decisions = tuple(Decision(profile, reasons=(verdict,)) for _ in messages)
    return Fold(profile, (), (), decisions)


def _answer_again(
    profile: Profile, message: Message, known: recent.Entry, campaigns: Campaigns, now: int
) -> Decision:
    """A replay gets the offer that it got, while that is open; nothing is counted twice."""
    if known.content != message.content:
        return Decision(profile, reasons=(Verdict(Reason.MESSAGE_ID_REUSED),))
    if known.reason is Reason.ATTRIBUTES_FULL:
        return Decision(profile, reasons=(Verdict(Reason.ATTRIBUTES_FULL),))
    actions = tuple(
        action
        for action in standing.open_actions(profile, message, campaigns, now)
        if not isinstance(action, Withdraw)
        and known.reason in OFFERING
        and message.in_foreground
        and _granted_by(profile, action.campaign, known.at)
    )
    return Decision(profile, actions, reasons=(Verdict(Reason.DUPLICATE),))


def _granted_by(profile: Profile, campaign_id: str, at: int) -> bool:
    offer = profile.progress[campaign_id].offer
    return offer is not None and offer.granted_at <= at


def _is_open(profile: Profile, campaign_id: str, offer_id: str, now: int) -> bool:
    progress = profile.progress.get(campaign_id)
    offer = frequency.open_offer(progress, now) if progress else None
    return offer is not None and offer.id == offer_id
