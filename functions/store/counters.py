"""Counters: the sums of what facts add to figures, one item a cell and shard.

They are written in the facts' own transactions, by `functions.store.ledger`. A deletion takes the
user's facts and leaves these: a sum holds nothing of a person.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from functions.core.figures import Cell, figures
from functions.core.model import Fact
from functions.store import connection
from functions.store.keys import SHARDS, shard_of

_EPOCH = date(1970, 1, 1)
_DAY = len("YYYY-MM-DD")
_BEHIND = "~"
"""Sorts behind every cell of a day: JSON begins with a bracket."""

_Rest = tuple[int, str, str, int, str]
"""Version, arm, variant, attempt and platform."""

_REST = msgspec.json.Decoder(_Rest)


class CounterItem(Model):
    """`campaign_shard`: the campaign, `#` and the shard of the users who are counted there.

    `cell` begins with its day, so that days are a range; behind it is JSON, which no name breaks.
    Each figure that is not 0 is a number under its own name, one of `figures.NAMES`.
    """

    class Meta(connection.Connection):
        table_name = connection.ENVIRONMENT.counters_table

    campaign_shard = UnicodeAttribute(hash_key=True)
    cell = UnicodeAttribute(range_key=True)


def cells(fact: Fact) -> set[Cell]:
    """Each is one item of the fact's transaction."""
    return {figure.cell for figure in figures(fact)}


def updates(user_key: str, facts: Sequence[Fact]) -> Iterator[tuple[CounterItem, list[Action]]]:
    """What the facts of one user add, each cell once, as an item and what to do with it."""
    sums: defaultdict[Cell, Counter[str]] = defaultdict(Counter)
    for fact in facts:
        for figure in figures(fact):
            sums[figure.cell][figure.name] += figure.amount
    shard = shard_of(user_key)
    for cell, amounts in sums.items():
        item = CounterItem(_hash_key(cell.campaign, shard), _range_key(cell))
        yield item, [Path(name).add(amount) for name, amount in amounts.items()]


def read(campaign: str, first_day: int, last_day: int) -> Iterator[tuple[Cell, Mapping[str, int]]]:
    """The figures of these days, both included (days since the epoch), by strong reads.

    A cell comes once for each shard that holds some of it: the caller adds them up.
    """
    days = CounterItem.cell.between(_date(first_day), _date(last_day) + _BEHIND)
    for shard in range(SHARDS):
        start: dict[str, Any] | None = {}
        while start is not None:
            with connection.translated_errors():
                page = CounterItem._get_connection().query(
                    _hash_key(campaign, shard),
                    days,
                    consistent_read=True,
                    exclusive_start_key=start or None,
                )
            for item in page["Items"]:
                yield _cell(campaign, item["cell"]["S"]), _amounts(item)
            start = page.get("LastEvaluatedKey")


def _hash_key(campaign: str, shard: int) -> str:
    return f"{campaign}#{shard}"


def _range_key(cell: Cell) -> str:
    rest: _Rest = (cell.version, cell.arm, cell.variant, cell.attempt, cell.platform)
    return _date(cell.day) + msgspec.json.encode(rest).decode()


def _cell(campaign: str, range_key: str) -> Cell:
    day = (date.fromisoformat(range_key[:_DAY]) - _EPOCH).days
    version, arm, variant, attempt, platform = _REST.decode(range_key[_DAY:])
    return Cell(campaign, day, version, arm, variant, attempt, platform)


def _amounts(item: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    return {name: int(value["N"]) for name, value in item.items() if "N" in value}


def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()
