"""Tests share what is costly to make, and nothing of what one of them does."""

from collections.abc import Callable
from typing import Any

import boto3
import moto.backends
import pytest
from moto import mock_aws

from cli.local_tables import NAMES, create_tables
from functions.store.connection import Unavailable, connect, translated_errors
from functions.store.profiles import ProfileItem
from tests.engine.local import why_not
from tests.integration.conftest import SDK_ATTEMPTS, Database, Json, tables
from tests.integration.in_memory import MODELS

PROFILES, LEDGER, COUNTERS = (
    NAMES[f"SOFTASK_{name}_TABLE"] for name in ("PROFILES", "LEDGER", "COUNTERS")
)

DATED = {"CreationDateTime", "LatestStreamArn", "LatestStreamLabel"}

on_moto = pytest.mark.skipif(why_not() is None, reason="looks into moto")


def put(name: str, item: Json) -> Json:
    return {"Put": {"TableName": name, "Item": item}}


def fact(number: int) -> Json:
    return {"user_key": {"S": "u"}, "fact_id": {"S": str(number)}}


def cell(name: str) -> Json:
    return {"campaign_shard": {"S": "c"}, "cell": {"S": name}}


def add(name: str) -> Json:
    return {
        "Update": {
            "TableName": COUNTERS,
            "Key": cell(name),
            "UpdateExpression": "ADD shown :one SET seen_at = :one REMOVE spent",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }


def rows() -> dict[str, list[Json]]:
    """What a reader finds, table by table."""
    client = boto3.client("dynamodb")
    names = client.list_tables()["TableNames"]
    return {name: client.scan(TableName=name)["Items"] for name in names}


def streamed() -> dict[str, list[Json]]:
    """What the tables' streams tell."""
    return {
        name: [record.to_json() for record in table.stream_shard.items]
        for name, table in backend().tables.items()
        if table.stream_shard
    }


def backend() -> Any:
    return moto.backends.get_backend("dynamodb")["123456789012"]["us-east-1"]


def found() -> Json:
    """All that could be left by somebody else."""
    client, ssm = boto3.client("dynamodb"), boto3.client("ssm")
    described = {
        name: client.describe_table(TableName=name)["Table"]
        for name in client.list_tables()["TableNames"]
    }
    return {
        "tables": {
            name: {key: value for key, value in table.items() if key not in DATED}
            for name, table in described.items()
        },
        "items": rows(),
        "streams": streamed(),
        "ttl": {
            name: client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
            for name in described
        },
        "parameters": ssm.describe_parameters()["Parameters"],
    }


def make_a_mess() -> None:
    client: Any = boto3.client("dynamodb")
    client.put_item(TableName=PROFILES, Item={"user_key": {"S": "u"}})
    client.transact_write_items(TransactItems=[put(LEDGER, fact(1)), add("day")])
    ttl: Any = {"Enabled": True, "AttributeName": "expires_at"}
    client.update_time_to_live(TableName=PROFILES, TimeToLiveSpecification=ttl)
    client.delete_table(TableName=NAMES["SOFTASK_WINDOWS_TABLE"])
    client.create_table(
        TableName="another",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    boto3.client("ssm").put_parameter(Name="/softask/test", Value="secret", Type="SecureString")


@on_moto
def test_a_test_finds_what_a_new_account_has_whatever_others_did(engine: str | None) -> None:
    with mock_aws():
        create_tables(boto3.client("dynamodb"))
        new = found()
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch, tables(engine, Database(), patch):
            assert found() == new
            make_a_mess()
            assert found() != new


def test_the_calls_to_make_the_tables_are_no_test_s(database: Database) -> None:
    assert database.calls == []
    assert set(rows()) == set(NAMES.values())


def test_clients_that_a_test_replaced_are_not_the_next_one_s(engine: str | None) -> None:
    found_first = []
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch, tables(engine, Database(), patch):
            before = [model._connection for model in MODELS]
            found_first.append(before)
            connect(*MODELS)
            assert all(model._connection not in before for model in MODELS)
    assert found_first[0] == found_first[1]


def test_the_sdk_asks_as_often_whatever_others_spent_on_retries(engine: str | None) -> None:
    def asked(seen: Database) -> int:
        before = len(seen.calls)
        seen.refuse("GetItem", "ThrottlingException")
        with pytest.raises(Unavailable), translated_errors():
            ProfileItem.get("u")
        return len(seen.calls) - before

    for _ in range(2):
        seen = Database()
        with pytest.MonkeyPatch.context() as patch, tables(engine, seen, patch):
            assert asked(seen) == SDK_ATTEMPTS
            assert [asked(seen) for _ in range(100)][-1] == 1


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(lambda: put(LEDGER, fact(1)), id="a put"),
        pytest.param(
            lambda: {"ConditionCheck": {"TableName": LEDGER, "Key": fact(1)}}, id="a check"
        ),
    ],
)
@pytest.mark.usefixtures("database")
def test_a_cancelled_transaction_leaves_everything_as_it_was(refused: Callable[[], Json]) -> None:
    client: Any = boto3.client("dynamodb")
    client.put_item(TableName=LEDGER, Item={**fact(1), "old": {"S": "x"}})
    client.put_item(TableName=LEDGER, Item={**fact(2), "old": {"S": "x"}})
    client.put_item(
        TableName=COUNTERS, Item={**cell("day"), "shown": {"N": "7"}, "spent": {"N": "1"}}
    )
    client.put_item(TableName=PROFILES, Item={"user_key": {"S": "old"}})
    before = rows()
    [(kind, asked)] = refused().items()
    writes = [
        put(PROFILES, {"user_key": {"S": "old"}, "body": {"S": "new"}}),
        put(PROFILES, {"user_key": {"S": "new"}}),
        {"Delete": {"TableName": LEDGER, "Key": fact(2)}},
        put(LEDGER, fact(3)),
        add("day"),
        add("week"),
        {kind: {**asked, "ConditionExpression": "attribute_not_exists(user_key)"}},
    ]
    with pytest.raises(client.exceptions.TransactionCanceledException):
        client.transact_write_items(TransactItems=writes)
    assert rows() == before
    client.transact_write_items(TransactItems=writes[:-1])
    assert rows() != before


@on_moto
@pytest.mark.usefixtures("database")
def test_a_cancelled_transaction_is_not_in_the_streams_and_the_next_one_is() -> None:
    client: Any = boto3.client("dynamodb")
    first, second, third = ({"user_key": {"S": name}} for name in "abc")
    client.put_item(TableName=PROFILES, Item=first)
    once = {
        "Put": {
            **put(PROFILES, first)["Put"],
            "ConditionExpression": "attribute_not_exists(user_key)",
        }
    }
    with pytest.raises(client.exceptions.TransactionCanceledException):
        client.transact_write_items(TransactItems=[put(PROFILES, second), once])
    client.transact_write_items(TransactItems=[put(PROFILES, third)])
    told = [record["dynamodb"]["Keys"]["user_key"]["S"] for record in streamed()[PROFILES]]
    assert told == ["a", "c"]
