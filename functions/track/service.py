"""Messages in, decisions out: load, decide, save, and again when somebody else was faster."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from functions.core import decision, standing
from functions.core.compiled import Campaigns
from functions.core.decision import Fold
from functions.core.model import Action, Message, User
from functions.core.permission import Route
from functions.core.reason import Reason
from functions.core.verdict import Decision
from functions.store import profiles
from functions.store.profiles import Stored
from functions.store.retry import Retry, side_by_side

DEADLINE = 8.0
"""Seconds for all users of a batch; what was not answered by then may be sent again."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch led to: the decision of each message, in the batch's order, and the actions."""

    decisions: tuple[Decision | None, ...]
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """One user's messages in a batch, by their places in it, ordered by when they happened.

    joins: the anonymous ids that are this user's to merge.
    read: what was read of them ahead, many users at once.
    """

    user: User
    places: tuple[int, ...]
    joins: tuple[str, ...] = ()
    read: Mapping[User, Stored] = field(default_factory=dict)


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
        self._retry = Retry(pause, jitter)
        self._seconds = seconds

    def track(self, messages: Sequence[Message], campaigns: Campaigns, now: int) -> Folded:
        """Folds messages of any number of users, each user's in one read and one write.

        A message that no campaign refers to costs no database call; its decision is None.
        Raises `Unavailable`; every message may then be sent again.
        """
        ends_at = self._seconds() + DEADLINE
        decisions: list[Decision | None] = [None] * len(messages)
        actions: dict[str, Action] = {}
        answered: dict[User, tuple[Action, ...]] = {}
        for shares in _rounds(messages, campaigns):
            ahead = _read_ahead(shares, messages, now)
            folds = side_by_side(
                lambda share: self._fold(share, messages, campaigns, now),
                ahead,
                ends_at - self._seconds(),
            )
            for share, fold in zip(ahead, folds, strict=True):
                # A later round may take back what an earlier one offered, or tell that it was seen.
                for alias in fold.profile.aliases:
                    earlier = answered.pop(User("anonymous", alias), ())
                    still = decision.still_told(earlier, fold.profile, now)
                    for gone in [each for each in earlier if each not in still]:
                        actions.pop(gone.offer_id, None)
                actions |= {action.offer_id: action for action in fold.actions}
                answered[share.user] = fold.actions
                for place, decided in zip(share.places, fold.decisions, strict=True):
                    decisions[place] = decided
        return Folded(tuple(decisions), tuple(actions.values()))

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


def _rounds(messages: Sequence[Message], campaigns: Campaigns) -> Iterator[list[Share]]:
    """The messages by user. Users who merge an anonymous id come last, so that what the batch
    tells of that id is merged with it.
    """
    order = sorted(range(len(messages)), key=lambda place: messages[place].at)
    places: dict[User, list[int]] = {}
    claims: dict[str, User] = {}
    for place in order:
        message = messages[place]
        if not decision.matters(message, campaigns):
            continue
        places.setdefault(message.user, []).append(place)
        if message.merges:
            # Whoever logged in first: an anonymous id is one user's alone.
            claims.setdefault(message.merges, message.user)
    joins: dict[User, list[str]] = {}
    for anonymous, user in claims.items():
        joins.setdefault(user, []).append(anonymous)
    yield [Share(user, tuple(each)) for user, each in places.items() if user not in joins]
    yield [
        Share(user, tuple(each), tuple(joins[user]))
        for user, each in places.items()
        if user in joins
    ]


def _read_ahead(shares: list[Share], messages: Sequence[Message], now: int) -> list[Share]:
    """The shares with what is stored of them, a hundred users a call; one alone reads for itself.

    An anonymous id that became a user has that user's share.
    """
    anonymous = [User("anonymous", id_) for share in shares for id_ in share.joins]
    if not shares or (len(shares) == 1 and len(anonymous) <= 1):
        return shares
    read = profiles.load_many((share.user for share in shares), now)
    read |= profiles.find_many(anonymous, now)
    united: dict[str, Share] = {}
    for share in shares:
        stored = read.get(share.user)
        key = stored.key if stored else profiles.key_of(share.user)
        united[key] = _united(united[key], share, messages) if key in united else share
    return [replace(share, read=_read_of(share, read)) for share in united.values()]


def _united(one: Share, other: Share, messages: Sequence[Message]) -> Share:
    places = sorted((*one.places, *other.places), key=lambda place: (messages[place].at, place))
    return replace(one, places=tuple(places), joins=(*one.joins, *other.joins))


def _read_of(share: Share, read: Mapping[User, Stored]) -> dict[User, Stored]:
    users = (share.user, *(User("anonymous", id_) for id_ in share.joins))
    return {user: read[user] for user in users if user in read}


def _fold(share: Share, told: list[Message], campaigns: Campaigns, now: int) -> Fold:
    """Decides on the stored profile; raises `Conflict` when somebody else wrote meanwhile.

    A write that was applied although its answer was lost fails its own condition when it is
    sent again. The messages are then found in the reloaded profile, and nothing is written.
    """
    stored = share.read.get(share.user) or profiles.load(share.user, now)
    if stored.is_deleted:
        return decision.ignored(stored.profile, told)
    joining = _joining(share, stored, now)
    profiles_joining = {id_: each.profile for id_, each in joining.items()}
    fold = decision.fold(stored.profile, told, campaigns, now, profiles_joining)
    if fold.profile != stored.profile:
        joined = [joining[id_] for id_ in dict.fromkeys(_merged(told, fold))]
        profiles.save(stored, fold.profile, fold.facts, campaigns.retention, joined)
    return fold


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
