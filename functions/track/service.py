"""Messages in, decisions out: load, decide, save, and again when somebody else was faster."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from functions.core import decision, standing
from functions.core.compiled import Campaigns
from functions.core.decision import Fold
from functions.core.model import Action, Message, User
from functions.core.permission import Route
from functions.core.verdict import Decision
from functions.store import profiles
from functions.store.retry import Retry, side_by_side

DEADLINE = 8.0
"""Seconds for all users of a batch; what was not answered by then may be sent again."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch led to: the decision of each message, in the batch's order, and the actions."""

    decisions: tuple[Decision | None, ...]
    actions: tuple[Action, ...]


class Tracker:
    """pause(seconds): waits between two decisions on one user; jitter(): a number from 0 to 1."""

    def __init__(self, pause: Callable[[float], None], jitter: Callable[[], float]) -> None:
        self._retry = Retry(pause, jitter)

    def track(self, messages: Sequence[Message], campaigns: Campaigns, now: int) -> Folded:
        """Folds messages of any number of users, each user's in one read and one write.

        A message that no campaign refers to costs no database call; its decision is None.
        Raises `Unavailable`; every message may then be sent again.
        """
        by_user: dict[User, list[int]] = {}
        for index, message in enumerate(messages):
            if decision.matters(message, campaigns):
                by_user.setdefault(message.user, []).append(index)
        decisions: list[Decision | None] = [None] * len(messages)
        actions: list[Action] = []
        indexes = [sorted(each, key=lambda i: messages[i].at) for each in by_user.values()]
        folds = self._fold_all([[messages[i] for i in each] for each in indexes], campaigns, now)
        for each, fold in zip(indexes, folds, strict=True):
            actions.extend(fold.actions)
            for index, decided in zip(each, fold.decisions, strict=True):
                decisions[index] = decided
        return Folded(tuple(decisions), tuple(actions))

    def actions(self, asker: Message, campaigns: Campaigns, now: int) -> tuple[Action, ...]:
        """The open offers of a user and device."""
        profile = profiles.load(asker.user, now).profile
        return standing.open_actions(profile, asker, campaigns, now)

    def check_offer(
        self, offer_id: str, asker: Message, campaigns: Campaigns, now: int
    ) -> tuple[Action, ...]:
        """Whether one offer still stands just before it is shown."""
        profile = profiles.load(asker.user, now).profile
        return (standing.check_offer(profile, offer_id, asker, campaigns, now),)

    def route(self, asker: Message, now: int) -> Route | None:
        """Where an explicit ask leads, past caps."""
        return standing.route_for(profiles.load(asker.user, now).profile, asker)

    def _fold_all(
        self, batches: list[list[Message]], campaigns: Campaigns, now: int
    ) -> Iterable[Fold]:
        def fold(messages: list[Message]) -> Fold:
            return self._retry.until_written(lambda: _fold(messages, campaigns, now))

        return side_by_side(fold, batches, DEADLINE)


def _fold(messages: list[Message], campaigns: Campaigns, now: int) -> Fold:
    """Decides on the stored profile; raises `Conflict` when somebody else wrote meanwhile.

    A write that was applied although its answer was lost fails its own condition when it is
    sent again. The messages are then found in the reloaded profile, and nothing is written.
    """
    stored = profiles.load(messages[0].user, now)
    fold = decision.fold(stored.profile, messages, campaigns, now)
    if fold.profile != stored.profile:
        profiles.save(stored, fold.profile, fold.facts, campaigns.retention)
    return fold
