"""Deleting a user: tombstones in the place of what was stored, in an order that may be killed.

    find        the user, the anonymous ids that became them, and the deletion that stands, if any
    windows     go first, by `functions.store.windows`: behind a tombstone nothing opens another,
                and one that was left would tell of its end weeks later
    carry out   tombstones, and the ledger's marks, in one transaction; of more than fifty keys in
                several, the user's first: the redirects of the others then lead to a tombstone
    facts       go last, by `functions.store.ledger`; what comes late is refused by the marks

What the facts added to the counters stays: sums over many users, which hold nothing of a person.
The marks say what else goes with a user: a second run finds what the first one left.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from pynamodb.transactions import TransactWrite

from functions.core.model import Profile, User
from functions.store import codec, connection, ledger
from functions.store.ledger import Deletion
from functions.store.profiles import SCHEMA_VERSION, TOMBSTONE_KEPT, ProfileItem, key_of

_KEYS_AT_ONCE = connection.MOST_AT_ONCE // 2
"""Each takes a tombstone and a mark."""

_NOTHING: tuple[Profile | None, codec.Surplus] = (None, {})


@dataclass(frozen=True, slots=True)
class Found:
    """Where what is known of a user lies.

    key, item: the user's own or, of an anonymous id that became a user, that user's.
    asked: the key of the id that was asked for.
    deleted_at: since when a tombstone stands there; None where none does.
    """

    asked: str
    key: str
    item: ProfileItem | None
    deleted_at: int | None

    def profile(self) -> tuple[Profile | None, codec.Surplus]:
        """As `codec.decode`; None where no profile is stored."""
        body = self.item.body if self.item is not None else None
        return codec.decode(body) if body is not None else _NOTHING


@dataclass(frozen=True, slots=True)
class Plan:
    """A deletion that is to be made, or finished.

    keys: all whose windows and facts go, the user's first.
    left: where no tombstone stands yet, with the items as they were read, the user's first.
    user: who is deleted; None where nothing is left that tells.
    """

    keys: tuple[str, ...]
    deletion: Deletion
    left: tuple[tuple[str, ProfileItem | None], ...]
    user: User | None

    @property
    def profiles(self) -> int:
        """How many profiles go."""
        return sum(item is not None and item.body is not None for _, item in self.left)

    @property
    def redirects(self) -> int:
        """How many anonymous ids go that were part of the user."""
        return sum(item is not None and item.became is not None for _, item in self.left)


def find(user: User, now: int) -> Found:
    """One strong read, and up to two more where an anonymous id became a user.

    Where that user is gone, the id is on its own again.
    """
    asked = key_of(user)
    own = _found(asked, asked, now)
    became = _became(own)
    whose = _found(asked, became, now) if became else own
    is_gone = whose.deleted_at is None and (whose.item is None or whose.item.body is None)
    return own if is_gone else whose


def plan(user: User, now: int) -> Plan:
    """What is to be done; writes nothing. A deletion that stands is finished, never renewed."""
    found = find(user, now)
    standing = None if found.deleted_at is None else ledger.find_deletion(found.key)
    profile, _ = found.profile()
    others = standing.keys if standing else _aliases(profile)
    items = {key: _read(key) for key in sorted((others | {found.asked}) - {found.key})}
    parts = {key: item for key, item in items.items() if _is_part(item, found.key)}
    left = [(key, item) for key, item in parts.items() if _deleted_at(item, now) is None]
    if standing is None:
        left.insert(0, (found.key, found.item))
    return Plan(
        keys=(found.key, *parts),
        deletion=standing or Deletion(now, now + TOMBSTONE_KEPT, frozenset(parts)),
        left=tuple(left),
        user=profile.user if profile else None,
    )


def carry_out(plan: Plan) -> None:
    """Writes what is left to write. Raises `Conflict` where an item changed since it was read."""
    users_key, whole = plan.keys[0], plan.deletion
    part = Deletion(whole.at, whole.until, part_of=users_key)
    shared = ProfileItem._get_connection().connection
    for start in range(0, len(plan.left), _KEYS_AT_ONCE):
        with connection.translated_errors(), TransactWrite(connection=shared) as transaction:
            for key, item in plan.left[start : start + _KEYS_AT_ONCE]:
                deletion = whole if key == users_key else part
                transaction.save(_tombstone(key, item, deletion))
                transaction.save(ledger.mark(key, deletion))


def _read(key: str) -> ProfileItem | None:
    with connection.translated_errors():
        try:
            return ProfileItem.get(key, consistent_read=True)
        except ProfileItem.DoesNotExist:
            return None


def _found(asked: str, key: str, now: int) -> Found:
    item = _read(key)
    return Found(asked, key, item, _deleted_at(item, now))


def _became(own: Found) -> str:
    """The key of the user that an anonymous id became, or was deleted with; else empty."""
    if own.deleted_at is not None:
        deletion = ledger.find_deletion(own.key)
        return deletion.part_of if deletion else ""
    return (own.item.became if own.item else None) or ""


def _aliases(profile: Profile | None) -> frozenset[str]:
    aliases = profile.aliases if profile is not None else ()
    return frozenset(key_of(User("anonymous", alias)) for alias in aliases)


def _is_part(item: ProfileItem | None, users_key: str) -> bool:
    """Not an anonymous id that was forgotten here meanwhile, and became somebody else."""
    return item is None or item.became in {None, users_key}


def _deleted_at(item: ProfileItem | None, now: int) -> int | None:
    """A tombstone that is older than that means nothing, though TTL has not come yet."""
    if item is None or item.deleted_at is None:
        return None
    deleted_at = int(item.deleted_at)
    return deleted_at if now < deleted_at + TOMBSTONE_KEPT else None


def _tombstone(key: str, item: ProfileItem | None, deletion: Deletion) -> ProfileItem:
    """What replaces the item that was read, unless somebody else wrote it since."""
    tombstone = ProfileItem(
        key,
        schema_version=SCHEMA_VERSION,
        deleted_at=deletion.at,
        retain_until=datetime.fromtimestamp(-(-deletion.until // 1000), UTC),
    )
    if item is not None:
        tombstone.version = item.version
        tombstone.schema_version = max(item.schema_version, SCHEMA_VERSION)
    return tombstone
