"""Changes to what is live: all of one in a transaction, under the revision that it was based on."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from pynamodb.transactions import TransactWrite

from functions.store import codec, connection
from functions.store.campaigns import (
    CHANGES,
    LIVE,
    CampaignItem,
    Change,
    LiveSet,
    Version,
    change_of,
    check_newest,
    decode_live,
    read_item,
)
from functions.store.campaigns import read_live as read_body

MAX_BODY = 380_000
"""Bytes of one item's body: DynamoDB keeps 400 KB with all its attributes."""

MOST_LISTED = 100

_SHAPE = msgspec.inspect.type_info(LiveSet)

What = Literal[
    "publish",
    "draft",
    "pause",
    "resume",
    "rollback",
    "settings",
    "create_key",
    "rotate_key",
    "revoke_key",
]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one revision changed. `id` tells this change from any other of the same revision.

    key: the id of the key that was made, replaced or revoked.
    """

    id: str
    what: What
    campaign: str | None
    version: int | None
    key: str | None = None
    change: Change


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A version without its file."""

    number: int
    status: str
    change: Change | None


class Read(msgspec.Struct, frozen=True):
    """What is live, and what newer code stored beside it, for `write` to put back."""

    live: LiveSet
    surplus: codec.Surplus


def read_live() -> Read | None:
    """One strong read; None before the first change. Raises `LiveUnusable`."""
    body = read_body()
    if body is None:
        return None
    decoded = decode_live(body)
    _, surplus = codec.split(msgspec.json.decode(body), _SHAPE)
    if decoded.strangers:
        surplus["keys"] = {**surplus.get("keys", {}), codec.UNKNOWN: decoded.strangers}
    return Read(decoded.live, surplus)


def strangers(surplus: codec.Surplus) -> Mapping[str, Any]:
    """The keys among a surplus, by id, as newer code stored them."""
    found: Mapping[str, Any] = surplus.get("keys", {}).get(codec.UNKNOWN, {})
    return found


def write(record: Record, after: LiveSet, new: Sequence[Version], surplus: codec.Surplus) -> None:
    """Makes `after` live, with the new versions, the packaged ones first, and the record of it.

    surplus: what newer code stored in the `LIVE` that the change is based on.

    Raises `Conflict` unless the revision before it is what is live still, and `LiveUnusable` where
    that will never be so. The SDK may send its own applied write again, which then fails: it is
    recognised by its record.
    """
    try:
        with connection.translated_errors():
            _write(record, after, new, surplus)
    except connection.Conflict:
        if _is_made(record, after.revision):
            return
        check_newest(after.revision - 1)
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


def _write(record: Record, after: LiveSet, new: Sequence[Version], surplus: codec.Surplus) -> None:
    """Packaged versions come with the first change alone, and nothing names them before it: they
    may replace what an interrupted one left, and those that are too many go ahead.
    """
    room = connection.MOST_AT_ONCE - 2  # beside LIVE and the record
    for version in new[:-room]:
        _item(version).save()
    is_first = after.revision == 1
    unchanged = CampaignItem.revision == after.revision - 1
    is_new = CampaignItem.campaign.does_not_exist()
    body = msgspec.json.encode(codec.merge(msgspec.to_builtins(after), surplus))
    shared = CampaignItem._get_connection().connection
    with TransactWrite(connection=shared) as transaction:
        for version in new[-room:]:
            transaction.save(_item(version), condition=is_new if version.change else None)
        transaction.save(
            CampaignItem(LIVE, 0, body=body, revision=after.revision),
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
