"""moto, as it answers at its own start, without the work of a start for every test.

What a test cannot change is made once a worker: clients with their sessions, and the empty tables.
"""

import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import moto.core.models
import moto.dynamodb.models
import pytest
from botocore.retries import quota
from botocore.retries.quota import RetryQuota
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from pynamodb.models import Model

from cli.dev.environment import REGION
from cli.local_tables import create_tables
from functions.store.campaigns import CampaignItem
from functions.store.connection import connect
from functions.store.counters import CounterItem
from functions.store.ledger import FactItem
from functions.store.profiles import ProfileItem
from functions.store.windows import WindowItem

MODELS = (ProfileItem, WindowItem, CampaignItem, FactItem, CounterItem)


@dataclass(frozen=True, slots=True)
class Moto:
    """Made once: the session of boto3, pynamodb's connections, and tables without an item.

    quotas: what the connections' clients still have for retries.
    """

    session: boto3.Session
    connections: Mapping[type[Model], Any]
    quotas: Sequence[RetryQuota]
    tables: Mapping[str, Table]

    @contextmanager
    def fresh(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """A moto in which nothing happened yet, until the block ends."""
        for each in self.quotas:
            each.release(RetryQuota.INITIAL_CAPACITY)
        for model, connection in self.connections.items():
            monkeypatch.setattr(model, "_connection", connection)
        # For calls by the library `requests`, which nobody here makes: 700 patterns each time.
        monkeypatch.setattr(moto.core.models, "RESPONSES_METHODS", [])
        monkeypatch.setattr(moto.dynamodb.models, "copy", SimpleNamespace(deepcopy=_copy))
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", self.session)
        with mock_aws(config={"core": {"reset_boto3_session": False}}):
            _backend().tables = copy.deepcopy(self.tables)
            yield


@cache
def shared() -> Moto:
    """What all tests of a worker share, made at the first call."""
    quotas: list[RetryQuota] = []

    def noted() -> RetryQuota:
        quotas.append(RetryQuota())
        return quotas[-1]

    with mock_aws(), patch.object(quota, "RetryQuota", noted):
        session = boto3.Session()
        create_tables(session.client("dynamodb"))
        connect(*MODELS)
        return Moto(
            session=session,
            connections={model: model._connection for model in MODELS},
            quotas=quotas,
            tables=_backend().tables,
        )


def _backend() -> Any:
    return dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION]


def _copy(original: Any) -> Any:
    """For moto, which copies a table for each item of a transaction, to go back to."""
    return _as_it_is(original) if isinstance(original, Table) else copy.deepcopy(original)


def _as_it_is(table: Table) -> Table:
    """The table now. What changes in place is copied; values of attributes are only replaced."""
    now = copy.copy(table)
    now.items = defaultdict(dict, {key: _row(row) for key, row in table.items.items()})
    if table.stream_shard is not None:
        now.stream_shard = copy.copy(table.stream_shard)
        now.stream_shard.table = now
        now.stream_shard.items = list(table.stream_shard.items)
    return now


def _row(row: Any) -> Any:
    """One item, or those of one partition key, by their sort keys."""
    if not isinstance(row, Item):
        return {key: _row(item) for key, item in row.items()}
    item = copy.copy(row)
    item.attrs = LimitedSizeDict()
    dict.update(item.attrs, row.attrs)
    return item
