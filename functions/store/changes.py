"""Changes to what is live: all of one in a transaction, under the revision that it was based on."""

from collections.abc import Iterable
from typing import Literal

import msgspec
from pynamodb.transactions import TransactWrite

from functions.store import connection
from functions.store.campaigns import (
    LIVE,
    CampaignItem,
    Change,
    LiveSet,
    Version,
    change_of,
    read_item,
)

CHANGES = "CHANGES"
"""The hash key of what each revision changed; no campaign's id has capitals."""

MAX_BODY = 380_000
"""Bytes of one item's body: DynamoDB keeps 400 KB with all its attributes."""

MOST_LISTED = 100

What = Literal["publish", "draft", "pause", "resume", "rollback", "settings"]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What one revision changed. `id` tells this change from any other of the same revision."""

    id: str
    what: What
    campaign: str | None
    version: int | None
    change: Change


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A version without its file."""

    number: int
    status: str
    change: Change | None


def read_live() -> LiveSet | None:
    """One strong read; None before the first change. Raises `msgspec.DecodeError`."""
    item = read_item(LIVE, 0)
    return None if item is None else msgspec.json.decode(bytes(item.body), type=LiveSet)


def write(record: Record, after: LiveSet, new: Iterable[Version]) -> None:
    """Makes `after` live, with the new versions and the record of it.

    Raises `Conflict` unless the revision before it is what is live still. The SDK may send its
    own applied write again, which then fails: it is recognised by its record.
    """
    try:
        with connection.translated_errors():
            _write(record, after, new)
    except connection.Conflict:
        if not _is_made(record, after.revision):
            raise


def versions(campaign: str, before: int | None = None) -> list[Listed]:
    """The newest first, at most 100, from below the version `before`."""
    below = None if before is None else CampaignItem.version < before
    with connection.translated_errors():
        items = CampaignItem.query(
            campaign,
            below,
            scan_index_forward=False,
            limit=MOST_LISTED,
            consistent_read=True,
            attributes_to_get=["version", "status", "published_at", "published_by", "reason"],
        )
        return [_listed(item) for item in items]


def _write(record: Record, after: LiveSet, new: Iterable[Version]) -> None:
    is_first = after.revision == 1
    unchanged = CampaignItem.revision == after.revision - 1
    is_new = CampaignItem.campaign.does_not_exist()
    shared = CampaignItem._get_connection().connection
    with TransactWrite(connection=shared) as transaction:
        for version in new:
            transaction.save(_item(version), condition=is_new)
        transaction.save(
            CampaignItem(LIVE, 0, body=msgspec.json.encode(after), revision=after.revision),
            condition=is_new if is_first else unchanged,
        )
        transaction.save(
            CampaignItem(CHANGES, after.revision, body=msgspec.json.encode(record)),
            condition=is_new,
        )


def _is_made(record: Record, revision: int) -> bool:
    item = read_item(CHANGES, revision)
    return item is not None and bytes(item.body) == msgspec.json.encode(record)


def _item(version: Version) -> CampaignItem:
    change = version.change
    return CampaignItem(
        version.file.id,
        version.number,
        body=msgspec.json.encode(version.file),
        status=version.file.status,
        published_at=change.at if change else None,
        published_by=change.by if change else None,
        reason=change.reason if change else None,
    )


def _listed(item: CampaignItem) -> Listed:
    return Listed(number=int(item.version), status=item.status or "", change=change_of(item))
