"""Messages in, decisions out: load, decide, save, and again when somebody else was faster."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import msgspec

from functions.core import decision, standing
from functions.core.audience import PUSH_STATUS
from functions.core.compiled import Campaigns
from functions.core.decision import Fold
from functions.core.model import Action, Message, Profile, User
from functions.core.permission import Route
from functions.core.reason import Reason
from functions.core.verdict import Decision
from functions.store import profiles
from functions.store.profiles import Stored
from functions.store.retry import Retry, side_by_side
from functions.track.shares import Share, read_ahead, rounds

DEADLINE = 8.0
"""Seconds for all users of a batch; what was not answered by then may be sent again."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch led to: the decision of each message, in the batch's order, and the actions.

    fault: what some user's share failed with; that user's decisions are None then, and there are
    no actions.
    """

    decisions: tuple[Decision | None, ...]
    actions: tuple[Action, ...] = ()
    fault: Exception | None = None


class Tracker:
    """pause(seconds): waits between two decisions on one user; jitter(): a number from 0 to 1.

    seconds(): a clock that never goes back, for the deadline.
    """

    def __init__(
        self,
        pause: Callable[[float], None],
        jitter: Callable[[], float],
        seconds: Callable[[], float],
    ) -> None:
        self._conflicts: list[None] = []
        self._retry = Retry(pause, jitter, partial(self._conflicts.append, None))
        self._seconds = seconds

    def track(self, messages: Sequence[Message], campaigns: Campaigns, now: int) -> Folded:
        """Folds messages of any number of users, each user's in one read and one write.

        A message that no campaign refers to costs no database call; its decision is None.
        One user's fault leaves the others' shares written; every message may then be sent again.
        Raises `Busy` where the time is over.
        """
        ends_at = self._seconds() + DEADLINE
        decisions: list[Decision | None] = [None] * len(messages)
        folds: list[dict[User, Fold]] = []
        failed: list[Exception] = []
        for apart in rounds(messages, campaigns):
            shares = read_ahead(apart, messages, now)
            results = side_by_side(
                lambda share: self._result(share, messages, campaigns, now),
                shares,
                ends_at - self._seconds(),
            )
            written = {}
            for share, result in zip(shares, results, strict=True):
                if isinstance(result, Exception):
                    failed.append(result)
                    continue
                written[share.user] = result
                for place, decided in zip(share.places, result.decisions, strict=True):
                    decisions[place] = decided
            folds.append(written)
        if failed:
            return Folded(tuple(decisions), fault=failed[0])
        return Folded(tuple(decisions), _told(folds, now))

    def take_conflicts(self) -> int:
        """How often somebody else was faster, since this was last asked."""
        count = len(self._conflicts)
        # Threads that outlived their deadline may add to it meanwhile.
        del self._conflicts[:count]
        return count

    def actions(self, asker: Message, campaigns: Campaigns, now: int) -> tuple[Action, ...]:
        """The open offers of a user and device."""
        profile = profiles.load(asker.user, now).profile
        return standing.open_actions(profile, _seen_by(asker, profile), campaigns, now)

    def check_offer(
        self, offer_id: str, asker: Message, campaigns: Campaigns, now: int
    ) -> tuple[Action, ...]:
        """Whether one offer still stands just before it is shown."""
        profile = profiles.load(asker.user, now).profile
        asking = _seen_by(asker, profile)
        return (standing.check_offer(profile, offer_id, asking, campaigns, now),)

    def route(self, asker: Message, now: int) -> Route | None:
        """Where an explicit ask leads, past caps."""
        return standing.route_for(profiles.load(asker.user, now).profile, asker)

    def _result(
        self, share: Share, messages: Sequence[Message], campaigns: Campaigns, now: int
    ) -> Fold | Exception:
        """One user's fault is not the others'."""
        try:
            return self._fold(share, messages, campaigns, now)
        except Exception as error:
            return error

    def _fold(
        self, share: Share, messages: Sequence[Message], campaigns: Campaigns, now: int
    ) -> Fold:
        told = [messages[place] for place in share.places]
        ahead = dict(share.read)

        def attempt() -> Fold:
            # What was read ahead serves the first attempt alone.
            read = dict(ahead)
            ahead.clear()
            return _fold(replace(share, read=read), told, campaigns, now)

        try:
            return self._retry.until_written(attempt)
        except profiles.TooMuch:
            if len(told) == 1:
                raise
        middle = len(share.places) // 2
        halves = (share.places[:middle], share.places[middle:])
        one, other = (
            self._fold(replace(share, places=half, read={}), messages, campaigns, now)
            for half in halves
        )
        return decision.joined(one, other, now)


def _told(rounds: Sequence[Mapping[User, Fold]], now: int) -> tuple[Action, ...]:
    """What the folds answer together, once each. A login may take back what the round before
    offered its anonymous id, or tell that it was seen.
    """
    first, second = rounds
    before = {user: fold.actions for user, fold in first.items()}
    told: list[Action] = []
    for fold in second.values():
        merged = [before.pop(User("anonymous", id_), ()) for id_ in fold.profile.aliases]
        earlier = [action for actions in merged for action in actions]
        told += decision.still_told([*earlier, *fold.actions], fold.profile, now)
    untouched = [action for actions in before.values() for action in actions]
    return tuple({action.offer_id: action for action in (*untouched, *told)}.values())


def _fold(share: Share, told: list[Message], campaigns: Campaigns, now: int) -> Fold:
    """Decides on the stored profile; raises `Conflict` when somebody else wrote meanwhile.

    A write that was applied although its answer was lost fails its own condition when it is
    sent again. The messages are then found in the reloaded profile, and nothing is written.
    """
    stored = share.read.get(share.user) or profiles.load(share.user, now)
    if stored.is_deleted:
        return decision.ignored(stored.profile, told)
    told = [_seen_by(message, stored.profile) for message in told]
    joining = _joining(share, stored, now)
    profiles_joining = {id_: each.profile for id_, each in joining.items()}
    fold = decision.fold(stored.profile, told, campaigns, now, profiles_joining)
    if fold.profile != stored.profile:
        joined = [joining[id_] for id_ in dict.fromkeys(_merged(told, fold))]
        profiles.save(stored, fold.profile, fold.facts, campaigns.retention, joined)
    return fold


def _seen_by(message: Message, profile: Profile) -> Message:
    """Who proved an anonymous id did not prove the user that it became: another may hold the phone.
    What is told counts all the same, but the answer carries none of the user's attributes, and
    none is set but the permission: like a decline, that is what the phone's own user answered.
    """
    if not message.verified or message.user == profile.user:
        return message
    if message.by_server:
        return msgspec.structs.replace(message, verified=False)
    answered = {name: value for name, value in message.traits.items() if name == PUSH_STATUS}
    is_less = len(answered) < len(message.traits)
    return msgspec.structs.replace(message, verified=False, traits=answered, withheld=is_less)


def _joining(share: Share, stored: Stored, now: int) -> dict[str, Stored]:
    """The anonymous profiles that the user may merge: nobody's yet, and not deleted."""
    joining = {}
    for id_ in share.joins:
        if id_ in stored.profile.aliases:
            continue
        user = User("anonymous", id_)
        found = share.read.get(user) or profiles.find(user, now)
        if not found.became and not found.is_deleted:
            joining[id_] = found
    return joining


def _merged(told: list[Message], fold: Fold) -> Iterator[str]:
    for message, decided in zip(told, fold.decisions, strict=True):
        if any(verdict.reason is Reason.MERGED for verdict in decided.reasons):
            yield message.merges
