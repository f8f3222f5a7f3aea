"""The page of what goes wrong: each of its rows has a test that carries the row's number."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "failures.md"

WRITTEN = {"52"}
"""Where people act and no code does: test_runbook.py runs the page that tells them how."""

_ROW = re.compile(r"^\| (\d+) \|", re.MULTILINE)
_TEST = re.compile(r"def test_row_(\d+)_")


def rows() -> list[str]:
    return [number.zfill(2) for number in _ROW.findall(PAGE.read_text())]


def covered() -> set[str]:
    sources = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    return {number for source in sources for number in _TEST.findall(source)}


def test_the_rows_are_numbered_without_a_gap() -> None:
    assert [int(number) for number in rows()] == list(range(1, len(rows()) + 1))


def test_every_row_has_a_test_of_its_number_and_every_number_a_row() -> None:
    assert covered() == {*rows()} - WRITTEN
