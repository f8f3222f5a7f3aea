"""Sorting outside memory."""

import random

import pytest

from cli.backtest.chronicle import Chronicle, Entry


def sorted_by(entries: list[Entry], held: int) -> list[Entry]:
    with Chronicle(held) as chronicle:
        for entry in entries:
            chronicle.add(*entry)
        assert chronicle.count == len(entries)
        return list(chronicle)


@pytest.mark.parametrize("held", [1, 40, 1_000_000], ids=["a run each", "some runs", "in memory"])
def test_entries_come_in_the_order_of_their_times(held: int) -> None:
    dice = random.Random(7)
    entries = [(dice.randrange(50), line, b"x" * dice.randrange(20)) for line in range(300)]

    assert sorted_by(entries, held) == sorted(entries, key=lambda entry: entry[:2])


@pytest.mark.parametrize("held", [1, 1_000_000])
def test_items_of_one_line_keep_their_order(held: int) -> None:
    entries = [(5, 1, b"b"), (5, 1, b"a"), (5, 1, b"c")]

    assert sorted_by(entries, held) == entries


def test_what_is_held_is_bounded() -> None:
    with Chronicle(100) as chronicle:
        for line in range(1_000):
            chronicle.add(0, line, b"x" * 30)
            assert len(chronicle._held) <= 100 // 30 + 1
        assert [line for _, line, _ in chronicle] == list(range(1_000))
