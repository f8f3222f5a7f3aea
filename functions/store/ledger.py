"""Ledger: facts, each exactly once under its user's key and its own id; and who was deleted."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pynamodb.attributes import (
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.exceptions import TransactWriteError
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from functions.core.model import DAY, Fact
from functions.store import connection

_DELETED = "deleted"
"""In place of a fact's id; every fact's own has a colon."""

_OUTLIVES = 7 * DAY
"""A stream record that kept failing is kept for 30 days from then on, and may be replayed."""

_CHECK_FAILED = "ConditionalCheckFailed"


class FactItem(Model):
    """`at`: milliseconds since the epoch. Empty fields are left out.

    Under the id `deleted` lies no fact, but a `Deletion`, in the fields from `until` on;
    `expires_at` (TTL) is long after it.
    """

    class Meta(connection.Connection):
        table_name = connection.ENVIRONMENT.ledger_table

    user_key = UnicodeAttribute(hash_key=True)
    fact_id = UnicodeAttribute(range_key=True)
    kind = UnicodeAttribute()
    at = NumberAttribute()
    campaign = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)
    attempt = NumberAttribute(null=True)
    arm = UnicodeAttribute(null=True)
    platform = UnicodeAttribute(null=True)
    offer_id = UnicodeAttribute(null=True)
    until = NumberAttribute(null=True)
    expires_at = TTLAttribute(null=True)
    keys = UnicodeSetAttribute(null=True)
    part_of = UnicodeAttribute(null=True)


@dataclass(frozen=True, slots=True)
class Deletion:
    """When a user was deleted, and until when that stands (milliseconds).

    A fact that is dated before `until` is of the life that ended: nothing is written of the user
    meanwhile, and what another function's clock had just dated may lie after `at`.

    keys: of a user, the keys of the anonymous ids that went along.
    part_of: of such an id, the user's key; empty for none.
    """

    at: int
    until: int
    keys: frozenset[str] = frozenset()
    part_of: str = ""


class Recorded(StrEnum):
    """What became of a fact."""

    NEW = "new"
    KNOWN = "known"
    DELETED = "deleted"


def record(user_key: str, fact: Fact) -> Recorded:
    """Writes the fact unless it is there, or its user was deleted since.

    One transaction: no fact can slip in behind a deletion. Raises `Conflict` where another
    transaction is under way on the same items.
    """
    item = FactItem(
        user_key,
        fact.id,
        kind=fact.kind.value,
        at=fact.at,
        campaign=fact.campaign or None,
        version=fact.version if fact.campaign else None,
        attempt=fact.attempt or None,
        arm=fact.arm or None,
        platform=fact.platform or None,
        offer_id=fact.offer_id or None,
    )
    is_new = FactItem.fact_id.does_not_exist()
    lives = FactItem.until.does_not_exist() | (FactItem.until <= fact.at)
    shared = FactItem._get_connection().connection
    try:
        with connection.translated_errors(), TransactWrite(connection=shared) as transaction:
            transaction.condition_check(FactItem, user_key, _DELETED, condition=lives)
            transaction.save(item, condition=is_new)
    except connection.ConditionFailed as error:
        return Recorded.DELETED if _is_refused(error) else Recorded.KNOWN
    return Recorded.NEW


def facts(user_key: str, after: str | None = None) -> Iterator[FactItem]:
    """The user's facts by their ids; those behind the id `after`, if one is given."""
    behind = None if after is None else FactItem.fact_id > after
    with connection.translated_errors():
        for item in FactItem.query(user_key, behind, consistent_read=True):
            if item.fact_id != _DELETED:
                yield item


def forget(user_key: str) -> int:
    """Deletes the facts of the life that ended; how many there were. Those of a later one stay."""
    deletion = find_deletion(user_key)
    if deletion is None:
        return 0
    count = 0
    with connection.translated_errors(), FactItem.batch_write() as batch:
        for fact in facts(user_key):
            if fact.at < deletion.until:
                batch.delete(fact)
                count += 1
    return count


def find_deletion(user_key: str) -> Deletion | None:
    """One strong read; None long after a deletion too."""
    with connection.translated_errors():
        try:
            item = FactItem.get(user_key, _DELETED, consistent_read=True)
        except FactItem.DoesNotExist:
            return None
    keys = frozenset(item.keys or ())
    return Deletion(int(item.at), int(item.until), keys, item.part_of or "")


def mark(user_key: str, deletion: Deletion) -> FactItem:
    """What is to be written in one transaction with the tombstone."""
    return FactItem(
        user_key,
        _DELETED,
        kind=_DELETED,
        at=deletion.at,
        until=deletion.until,
        expires_at=datetime.fromtimestamp((deletion.until + _OUTLIVES) // 1000, UTC),
        keys=set(deletion.keys) or None,
        part_of=deletion.part_of or None,
    )


def _is_refused(error: connection.ConditionFailed) -> bool:
    """Whether the first of the two conditions failed, the deletion's."""
    cause = error.__cause__
    reasons = cause.cancellation_reasons if isinstance(cause, TransactWriteError) else []
    return bool(reasons) and reasons[0] is not None and reasons[0].code == _CHECK_FAILED
