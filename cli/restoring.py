"""Tables that were restored beside the live ones: compared with them, and copied back.

DynamoDB restores into a new table alone, while functions know the live one by its name. Copying is
safe to break off and to run again, and brings back nobody who was deleted since.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

_CONFIG = Config(retries={"total_max_attempts": 10, "mode": "standard"})
_REFUSED = "ConditionalCheckFailedException"

Item = dict[str, Any]


class NotAPair(Exception):
    """One cannot be the other, restored. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How many items of the restored table are the same in the live one, differ, or are missing."""

    same: int
    differ: int
    missing: int


@dataclass(frozen=True, slots=True)
class Copied:
    """How many items were written; left: there already; deleted: of users who were, since."""

    written: int
    left: int
    deleted: int


class Restored:
    """A restored table and the live one. Raises `NotAPair`, and what boto3 raises."""

    def __init__(self, restored: str, live: str, session: boto3.Session) -> None:
        _check_named(restored, live)
        self._client: Any = session.client("dynamodb", config=_CONFIG)
        self._restored, self._live = restored, live
        one, other = self._described(restored), self._described(live)
        if one["TableArn"] == other["TableArn"]:
            raise NotAPair(f"{restored} is both: name the restored table, then the live one.")
        self._keys = _keys_of(one)
        if self._keys != _keys_of(other):
            raise NotAPair(
                f"{restored} and {live} have different keys: name the same table of both."
            )

    def compare(self) -> Compared:
        """Reads both as they are now; what only the live one has is not counted."""
        found = [self._standing(item) for item in self._items()]
        return Compared(found.count("same"), found.count("differ"), found.count("missing"))

    def copy(self, deleted_in: str | None, *, replace: bool) -> Copied:
        """Writes what is missing or, to `replace`, whatever is no tombstone in the live table.

        deleted_in: the live table of profiles, by which items of users who were deleted stay away.
        """
        if deleted_in is not None:
            _check_named(deleted_in)
        written = left = deleted = 0
        known: tuple[str, bool] = ("", False)
        for item in self._items():
            user = item.get("user_key", {}).get("S", "")
            if deleted_in and user and user != known[0]:
                known = (user, self._is_deleted(deleted_in, user))
            if deleted_in and user and known[1]:
                deleted += 1
            elif self._put(item, replace):
                written += 1
            else:
                left += 1
        return Copied(written, left, deleted)

    def _described(self, table: str) -> dict[str, Any]:
        return dict(self._client.describe_table(TableName=table)["Table"])

    def _items(self) -> Iterator[Item]:
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._restored, ConsistentRead=True
        )
        for page in pages:
            yield from page["Items"]

    def _standing(self, item: Item) -> str:
        key = {name: item[name] for name, _ in self._keys}
        live = self._client.get_item(TableName=self._live, Key=key, ConsistentRead=True).get("Item")
        if live is None:
            return "missing"
        return "same" if live == item else "differ"

    def _is_deleted(self, profiles: str, user: str) -> bool:
        found = self._client.get_item(
            TableName=profiles, Key={"user_key": {"S": user}}, ConsistentRead=True
        )
        return "deleted_at" in found.get("Item", {})

    def _put(self, item: Item, replace: bool) -> bool:
        condition = _no_tombstone(item) if replace else self._missing()
        try:
            self._client.put_item(TableName=self._live, Item=item, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != _REFUSED:
                raise
            return False
        return True

    def _missing(self) -> dict[str, Any]:
        return {
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": self._keys[0][0]},
        }


def _no_tombstone(item: Item) -> dict[str, Any]:
    """Nor, of what counts its revisions, a newer one: functions refuse an older `LIVE`."""
    condition = {"ConditionExpression": "attribute_not_exists(deleted_at)"}
    if "revision" not in item:
        return condition
    condition["ConditionExpression"] += " AND NOT revision > :revision"
    return {**condition, "ExpressionAttributeValues": {":revision": item["revision"]}}


def _check_named(*tables: str) -> None:
    """An unset variable of the shell arrives as no name at all."""
    if not all(tables):
        raise NotAPair("A table's name is empty: is the shell's variable set (echo $PROFILES)?")


def _keys_of(about: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["AttributeName"], each["KeyType"]) for each in about["KeySchema"]]
