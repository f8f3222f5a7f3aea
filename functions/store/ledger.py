"""Ledger: facts, each exactly once under its user's key and its own id; and who was deleted.

    batches     a stream record's facts, in as few transactions as hold them
    record      one of these: no fact behind a deletion, each under the condition that it is new,
                and what they add to the counters; all of it is written, or nothing

A fact that is there was counted, and is never counted again: whoever comes second, be it the same
record once more, another function, or the SDK with a call that did apply, finds it and writes
only the others. A deletion takes the user's facts, not the sums: they hold nothing of a person.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pynamodb.attributes import (
    BooleanAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.exceptions import TransactWriteError
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from functions.core.figures import Cell
from functions.core.model import DAY, Fact
from functions.store import connection, counters

_DELETED = "deleted"
"""In place of a fact's id; every fact's own has a colon."""

_OUTLIVES = 7 * DAY
"""A stream record that kept failing is kept for 30 days from then on, and may be replayed."""

_CHECK_FAILED = "ConditionalCheckFailed"


class FactItem(Model):
    """`at`: milliseconds since the epoch. Empty fields are left out; a cohort lies in three.

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
    variant = UnicodeAttribute(null=True)
    platform = UnicodeAttribute(null=True)
    offer_id = UnicodeAttribute(null=True)
    cohort_at = NumberAttribute(null=True)
    cohort_version = NumberAttribute(null=True)
    cohort_platform = UnicodeAttribute(null=True)
    after = NumberAttribute(null=True)
    ordinal = NumberAttribute(null=True)
    first = BooleanAttribute(null=True)
    unasked = BooleanAttribute(null=True)
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


def batches(told: Iterable[Fact]) -> Iterator[tuple[Fact, ...]]:
    """The facts in order, as many at once as one transaction holds; an id counts once."""
    batch: dict[str, Fact] = {}
    touched: set[Cell] = set()
    known: set[str] = set()
    for fact in told:
        if fact.id in known:
            continue
        added = counters.cells(fact)
        # Beside the check of the mark, each fact is one item, and each cell.
        if 1 + len(batch) + 1 + len(touched | added) > connection.MOST_AT_ONCE:
            yield tuple(batch.values())
            batch, touched = {}, set()
        batch[fact.id] = fact
        touched |= added
        known.add(fact.id)
    if batch:
        yield tuple(batch.values())


def record(user_key: str, batch: Sequence[Fact]) -> tuple[Recorded, ...]:
    """Writes those that are not there, unless their user was deleted since; what became of each.

    One transaction in the end: no fact can slip in behind a deletion. Raises `Conflict`, with
    nothing written, where another transaction is under way on the same items.
    """
    settled: dict[str, Recorded] = {}
    while left := [fact for fact in batch if fact.id not in settled]:
        try:
            _write(user_key, left)
        except connection.ConditionFailed as error:
            refused = _refused(user_key, left, error)
            if not refused:
                raise
            settled |= refused
        else:
            settled |= {fact.id: Recorded.NEW for fact in left}
    return tuple(settled[fact.id] for fact in batch)


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


def _write(user_key: str, batch: Sequence[Fact]) -> None:
    earliest = min(fact.at for fact in batch)
    lives = FactItem.until.does_not_exist() | (FactItem.until <= earliest)
    is_new = FactItem.fact_id.does_not_exist()
    shared = FactItem._get_connection().connection
    with connection.translated_errors(), TransactWrite(connection=shared) as transaction:
        transaction.condition_check(FactItem, user_key, _DELETED, condition=lives)
        for fact in batch:
            transaction.save(_item(user_key, fact), condition=is_new)
        for counter, additions in counters.updates(user_key, batch):
            transaction.update(counter, actions=additions)


def _refused(
    user_key: str, batch: Sequence[Fact], error: connection.ConditionFailed
) -> dict[str, Recorded]:
    """What the failed conditions say, which come in the order of `_write`: the mark's first."""
    cause = error.__cause__
    reasons = cause.cancellation_reasons if isinstance(cause, TransactWriteError) else []
    failed = [reason is not None and reason.code == _CHECK_FAILED for reason in reasons]
    # The counters behind the facts have no condition.
    known = {
        fact.id: Recorded.KNOWN
        for fact, is_known in zip(batch, failed[1:], strict=False)
        if is_known
    }
    deletion = find_deletion(user_key) if any(failed[:1]) else None
    ended = () if deletion is None else (each for each in batch if each.at < deletion.until)
    return known | {fact.id: Recorded.DELETED for fact in ended}


def _item(user_key: str, fact: Fact) -> FactItem:
    cohort = fact.cohort
    return FactItem(
        user_key,
        fact.id,
        kind=fact.kind.value,
        at=fact.at,
        campaign=fact.campaign or None,
        version=fact.version if fact.campaign else None,
        attempt=fact.attempt or None,
        arm=fact.arm or None,
        variant=fact.variant or None,
        platform=fact.platform or None,
        offer_id=fact.offer_id or None,
        cohort_at=cohort.at if cohort else None,
        cohort_version=cohort.version if cohort else None,
        cohort_platform=(cohort.platform or None) if cohort else None,
        after=fact.after,
        ordinal=fact.ordinal or None,
        first=fact.first or None,
        unasked=fact.unasked or None,
    )
