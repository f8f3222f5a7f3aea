"""A batch by its users: whose messages are folded together, in which round, on what was read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from functions.core import decision
from functions.core.compiled import Campaigns
from functions.core.model import Message, User
from functions.store import profiles
from functions.store.profiles import Stored


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


def rounds(messages: Sequence[Message], campaigns: Campaigns) -> Iterator[list[Share]]:
    """The messages that matter, by user. Users who merge an anonymous id come in a second round,
    so that what the batch tells of that id is merged with it.
    """
    places: dict[User, list[int]] = {}
    for place in sorted(range(len(messages)), key=lambda place: messages[place].at):
        if decision.matters(messages[place], campaigns):
            places.setdefault(messages[place].user, []).append(place)
    shares = [Share(user, tuple(each)) for user, each in places.items()]
    logins = {message.user for message in messages if message.merges}
    yield [share for share in shares if share.user not in logins]
    yield [share for share in shares if share.user in logins]


def read_ahead(shares: Sequence[Share], messages: Sequence[Message], now: int) -> list[Share]:
    """The shares of one round with what is stored of them, a hundred users a call, and with the
    anonymous ids that are theirs. One alone reads for itself.

    An anonymous id that became a user has that user's share.
    """
    told = {share.user: _merges(share, messages) for share in shares}
    anonymous = {User("anonymous", id_) for ids in told.values() for id_ in ids}
    if len(shares) <= 1 and len(anonymous) <= 1:
        return [replace(share, joins=told[share.user]) for share in shares]
    read = profiles.load_many(told, now) | profiles.find_many(anonymous, now)
    living = [share for share in shares if not _is_deleted(read.get(share.user))]
    joins = _claims(living, messages)
    united: dict[str, Share] = {}
    for share in shares:
        stored = read.get(share.user)
        key = stored.key if stored else profiles.key_of(share.user)
        own = replace(share, joins=joins.get(share.user, ()))
        united[key] = _united(united[key], own, messages) if key in united else own
    return [replace(share, read=_read_of(share, read)) for share in united.values()]


def _merges(share: Share, messages: Sequence[Message]) -> tuple[str, ...]:
    told = (messages[place].merges for place in share.places)
    return tuple(dict.fromkeys(id_ for id_ in told if id_))


def _is_deleted(stored: Stored | None) -> bool:
    return stored is not None and stored.is_deleted


def _claims(shares: Sequence[Share], messages: Sequence[Message]) -> dict[User, tuple[str, ...]]:
    """By user. An anonymous id is one user's alone: whoever logged in first."""
    places = [place for share in shares for place in share.places]
    owners: dict[str, User] = {}
    for place in sorted(places, key=lambda place: (messages[place].at, place)):
        if messages[place].merges:
            owners.setdefault(messages[place].merges, messages[place].user)
    joins: dict[User, tuple[str, ...]] = {}
    for id_, user in owners.items():
        joins[user] = (*joins.get(user, ()), id_)
    return joins


def _united(one: Share, other: Share, messages: Sequence[Message]) -> Share:
    places = sorted((*one.places, *other.places), key=lambda place: (messages[place].at, place))
    return replace(one, places=tuple(places), joins=(*one.joins, *other.joins))


def _read_of(share: Share, read: Mapping[User, Stored]) -> dict[User, Stored]:
    users = (share.user, *(User("anonymous", id_) for id_ in share.joins))
    return {user: read[user] for user in users if user in read}
