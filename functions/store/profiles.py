"""Profiles: one item a user, read strongly and written under a condition."""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
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
from functions.core.model import Fact, Profile, User
from functions.store import codec, connection, windows
from functions.store.keys import user_key

SCHEMA_VERSION = 1


class ProfileItem(Model):
    """`body`: the encoded profile; `outbox`: the facts of the newest write, if it had any.

    `version` is the condition of every write. `retain_until` is the only TTL: inactivity.
    """

    class Meta(connection.Connection):
        table_name = connection.ENVIRONMENT.profiles_table

    user_key = UnicodeAttribute(hash_key=True)
    version = VersionAttribute()
    schema_version = NumberAttribute(default=SCHEMA_VERSION)
    retain_until = TTLAttribute(null=True)
    body = BinaryAttribute(legacy_encoding=False)
    outbox = BinaryAttribute(legacy_encoding=False, null=True)


@dataclass(frozen=True, slots=True)
class Stored:
    """A profile as it was read: `version` is None before its first write."""

    key: str
    profile: Profile
    version: int | None
    schema_version: int
    surplus: codec.Surplus


def load(user: User, now: int) -> Stored:
    """One strong read. A user whom nobody heard of gets a new, unwritten profile."""
    key = user_key(connection.ENVIRONMENT.salt, user)
    with connection.translated_errors():
        try:
            item = ProfileItem.get(key, consistent_read=True)
        except ProfileItem.DoesNotExist:
            return Stored(key, new_profile(user, now), None, SCHEMA_VERSION, {})
    profile, surplus = codec.decode(item.body)
    return Stored(key, profile, int(item.version), int(item.schema_version), surplus)


def save(stored: Stored, profile: Profile, facts: tuple[Fact, ...], retention: int) -> None:
    """One conditional write, with the windows that moved in the same transaction.

    `retention` in milliseconds; 0 keeps the profile for ever. Raises `Conflict` when the item
    changed since it was read, `Unavailable` when DynamoDB does not answer.
    """
    item = ProfileItem(
        stored.key,
        schema_version=max(stored.schema_version, SCHEMA_VERSION),
        retain_until=_retain_until(profile, retention),
        body=codec.encode(profile, stored.surplus),
        outbox=msgspec.json.encode(facts) if facts else None,
    )
    if stored.version is not None:
        item.version = stored.version
    moved = list(windows.changes(stored.key, stored.profile, profile))
    with connection.translated_errors():
        if not moved:
            item.save()
            return
        # Through the model's own connection: its time-outs, its one client.
        shared = ProfileItem._get_connection().connection
        with TransactWrite(connection=shared) as transaction:
            transaction.save(item)
            for change, window in moved:
                getattr(transaction, change)(window)


def _retain_until(profile: Profile, retention: int) -> datetime | None:
    if not retention:
        return None
    return datetime.fromtimestamp((profile.seen_at + retention) // 1000, UTC)
