"""The tables on a local engine: the same keys, index and streams as the stack's.

A test compares them with the synthesised template.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NAMES = {
    "SOFTASK_PROFILES_TABLE": "softask-profiles",
    "SOFTASK_WINDOWS_TABLE": "softask-windows",
    "SOFTASK_CAMPAIGNS_TABLE": "softask-campaigns",
    "SOFTASK_LEDGER_TABLE": "softask-ledger",
    "SOFTASK_COUNTERS_TABLE": "softask-counters",
}
"""Table names by the environment variable that tells them to the functions."""

_TYPES = {"due_shard": "N", "due_at": "N", "version": "N"}


def schemas() -> dict[str, dict[str, Any]]:
    """What `create_table` takes, by the environment variable of each table."""
    due = {
        "IndexName": "due",
        "KeySchema": _keys("due_shard", "due_at"),
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    return {
        "SOFTASK_PROFILES_TABLE": _table("user_key", stream="NEW_IMAGE"),
        "SOFTASK_WINDOWS_TABLE": _table("user_key", "campaign", stream="OLD_IMAGE", index=due),
        "SOFTASK_CAMPAIGNS_TABLE": _table("campaign", "version"),
        "SOFTASK_LEDGER_TABLE": _table("user_key", "fact_id"),
        "SOFTASK_COUNTERS_TABLE": _table("campaign_shard", "cell"),
    }


def create_tables(client: "DynamoDBClient", names: Mapping[str, str] = NAMES) -> None:
    """Creates every table that is not there yet."""
    existing = set(client.list_tables()["TableNames"])
    for variable, schema in schemas().items():
        if names[variable] not in existing:
            client.create_table(TableName=names[variable], **schema)


def _table(
    *keys: str, stream: str | None = None, index: dict[str, Any] | None = None
) -> dict[str, Any]:
    indexed = [key["AttributeName"] for key in index["KeySchema"]] if index else []
    table: dict[str, Any] = {
        "KeySchema": _keys(*keys),
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": _TYPES.get(name, "S")}
            for name in (*keys, *indexed)
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if stream:
        table["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream}
    if index:
        table["GlobalSecondaryIndexes"] = [index]
    return table


def _keys(*names: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": name, "KeyType": kind}
        for name, kind in zip(names, ("HASH", "RANGE"), strict=False)
    ]
