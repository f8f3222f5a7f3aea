"""Profiles: one item a user, read strongly and written under a condition."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace
from pynamodb.attributes import (
    BinaryAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    VersionAttribute,
)
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from functions.core.decision import new_profile
from functions.core.model import DAY, Fact, Profile, User
from functions.core.overlay import overlaid
from functions.store import codec, connection, windows
from functions.store.keys import user_key

SCHEMA_VERSION = 1

TOMBSTONE_KEPT = 30 * DAY
"""How long a deleted user's late events bring nobody back."""

MOST_BYTES = 380_000
"""Of a profile with its facts: DynamoDB keeps 400 KB with all other attributes."""

MOST_READ = 100
"""Items of one BatchGetItem."""


class TooMuch(Exception):
    """More than one write holds: fewer messages at once, or fewer logins, may fit."""


class ProfileItem(Model):
    """`body`: the encoded profile; `outbox`: the facts of the newest write, if it had any.

    `version` is the condition of every write. `retain_until` is the only TTL: inactivity, or the
    end of a tombstone. Two kinds of item have no body:

    `became`: an anonymous id's, once it is part of a user's profile; the key of that user.
    `deleted_at`: a deleted user's, the tombstone; milliseconds.
    """

    class Meta(connection.Connection):
        table_name = connection.ENVIRONMENT.profiles_table

    user_key = UnicodeAttribute(hash_key=True)
    version = VersionAttribute()
    schema_version = NumberAttribute(default=SCHEMA_VERSION)
    retain_until = TTLAttribute(null=True)
    body = BinaryAttribute(legacy_encoding=False, null=True)
    outbox = BinaryAttribute(legacy_encoding=False, null=True)
    became = UnicodeAttribute(null=True)
    deleted_at = NumberAttribute(null=True)


@dataclass(frozen=True, slots=True)
class Stored:
    """A profile as it was read: `version` is None before its first write.

    Of an item without a body the profile is a new one, and tells nothing of who it was.
    is_known: whether a profile is stored.
    became: the key of the user that this anonymous id is part of; empty for none.
    refused_until: while the tombstone of a deleted user holds, when that ends; else 0.
    """

    key: str
    profile: Profile
    version: int | None = None
    schema_version: int = SCHEMA_VERSION
    surplus: codec.Surplus = field(default_factory=dict)
    is_known: bool = False
    became: str = ""
    refused_until: int = 0

    @property
    def is_deleted(self) -> bool:
        """Whether nothing may be written of that user."""
        return self.refused_until > 0


def key_of(user: User) -> str:
    """The key of the user's own item."""
    return user_key(connection.ENVIRONMENT.salt, user)


def load(user: User, now: int) -> Stored:
    """One strong read, and one more where an anonymous id became a user.

    A user whom nobody heard of gets a new, unwritten profile.
    """
    own = find(user, now)
    return _followed(own, _get(own.became), now) if own.became else own


def find(user: User, now: int) -> Stored:
    """One strong read of the user's own item, whatever it became."""
    key = key_of(user)
    return _stored(key, _get(key), user, now)


def load_many(users: Iterable[User], now: int) -> dict[User, Stored]:
    """As `load`, a hundred users a call; those of whom nothing could be read are missing."""
    own = find_many(users, now)
    became = _get_many({each.became for each in own.values() if each.became})
    found = {user: each for user, each in own.items() if not each.became}
    for user, each in own.items():
        if each.became in became:
            with suppress(*codec.UNREADABLE):
                found[user] = _followed(each, became[each.became], now)
    return found


def find_many(users: Iterable[User], now: int) -> dict[User, Stored]:
    """As `find`, a hundred users a call; those of whom nothing could be read are missing.

    DynamoDB leaves some out when it throttles, for which pynamodb's own `batch_get` would ask
    again without a pause or an end. And whose profile cannot be decoded shall fail alone.
    """
    by_key = {key_of(user): user for user in users}
    found = {}
    for key, item in _get_many(by_key).items():
        with suppress(*codec.UNREADABLE):
            found[by_key[key]] = _stored(key, item, by_key[key], now)
    return found


def save(
    stored: Stored,
    profile: Profile,
    facts: tuple[Fact, ...],
    retention: int,
    joined: Sequence[Stored] = (),
) -> None:
    """One conditional write, with the windows that moved in the same transaction.

    joined: anonymous profiles that became part of this one; in the same transaction each leaves a
    redirect behind. `retention` in milliseconds; 0 keeps the profile for ever. Raises `Conflict`
    when an item changed since it was read, `Unavailable` when DynamoDB does not answer, `TooMuch`
    before anything is written.
    """
    until = _retain_until(profile, retention)
    surplus = stored.surplus
    for each in joined:
        surplus = overlaid(each.surplus, surplus)
    item = _item(
        stored,
        retain_until=until,
        body=codec.encode(profile, surplus),
        outbox=msgspec.json.encode(facts) if facts else None,
    )
    # They must outlive a user who lives on for years, or the id would begin a second life.
    redirects = [_item(each, became=stored.key) for each in joined]
    moved = list(windows.changes(stored.key, stored.profile, profile))
    for each in joined:
        moved.extend(windows.changes(each.key, each.profile, replace(each.profile, progress={})))
    if 1 + len(redirects) + len(moved) > connection.MOST_AT_ONCE:
        raise TooMuch
    if len(item.body or b"") + len(item.outbox or b"") > MOST_BYTES:
        raise TooMuch
    with connection.translated_errors():
        if not moved and not redirects:
            item.save()
            return
        # Through the model's own connection: its time-outs, its one client.
        shared = ProfileItem._get_connection().connection
        with TransactWrite(connection=shared) as transaction:
            for each_item in (item, *redirects):
                transaction.save(each_item)
            for change, window in moved:
                getattr(transaction, change)(window)


def _item(stored: Stored, **attributes: Any) -> ProfileItem:
    """What replaces the item that was read, unless somebody else wrote it since."""
    schema_version = max(stored.schema_version, SCHEMA_VERSION)
    item = ProfileItem(stored.key, schema_version=schema_version, **attributes)
    if stored.version is not None:
        item.version = stored.version
    return item


def _get(key: str) -> ProfileItem | None:
    with connection.translated_errors():
        try:
            return ProfileItem.get(key, consistent_read=True)
        except ProfileItem.DoesNotExist:
            return None


def _get_many(keys: Iterable[str]) -> dict[str, ProfileItem | None]:
    """The items by key, None for those that are not there; without those that were throttled."""
    found: dict[str, ProfileItem | None] = {}
    wanted = list(keys)
    for start in range(0, len(wanted), MOST_READ):
        page = wanted[start : start + MOST_READ]
        items, left_out = _get_page(page)
        found |= dict.fromkeys(page) | {item.user_key: item for item in items}
        for key in left_out:
            del found[key]
    return found


def _get_page(keys: Sequence[str]) -> tuple[list[ProfileItem], list[str]]:
    wanted = [{"user_key": {"S": key}} for key in keys]
    with connection.translated_errors():
        answer = ProfileItem._get_connection().batch_get_item(
            wanted,  # type: ignore[arg-type] # keys are maps, whatever pynamodb's types say
            consistent_read=True,
        )
    table = ProfileItem.Meta.table_name
    items = [ProfileItem.from_raw_data(item) for item in answer["Responses"].get(table, [])]
    left_out = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
    return items, [key["user_key"]["S"] for key in left_out]


def _stored(key: str, item: ProfileItem | None, user: User, now: int) -> Stored:
    if item is None:
        return Stored(key, new_profile(user, now))
    version, schema_version = int(item.version), int(item.schema_version)
    if item.body is not None:
        profile, surplus = codec.decode(item.body)
        return Stored(key, profile, version, schema_version, surplus, is_known=True)
    refused_until = 0 if item.deleted_at is None else int(item.deleted_at) + TOMBSTONE_KEPT
    return Stored(
        key,
        new_profile(user, now),
        version,
        schema_version,
        became=item.became or "",
        refused_until=refused_until if now < refused_until else 0,
    )


def _followed(own: Stored, item: ProfileItem | None, now: int) -> Stored:
    """The user that an anonymous id became; that id's own, anew, where the user is gone."""
    user = _stored(own.became, item, own.profile.user, now)
    is_gone = item is None or (item.body is None and not user.is_deleted)
    return own if is_gone else user


def _retain_until(profile: Profile, retention: int) -> datetime | None:
    if not retention:
        return None
    return datetime.fromtimestamp((profile.seen_at + retention) // 1000, UTC)
