"""The report's rows as CSV: a line for each version, attempt, platform and day of an arm."""

import csv
from collections.abc import Iterator
from typing import TextIO

from cli.report.figures import labels
from functions.core.figures import LONGEST_ATTRIBUTION
from functions.wire.report import ReportAnswer, ReportRow

_KEYS = ("day", "arm", "variant", "version", "attempt", "platform")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_LISTS = ("first_show", "converted")
_COUNTS = tuple(name for name in ReportRow.__struct_fields__ if name not in (*_KEYS, *_LISTS))


def write(answer: ReportAnswer, file: TextIO) -> None:
    """Every figure, zeros too. `OSError` where it cannot."""
    sheet = csv.writer(file)
    sheet.writerow(_headings(answer))
    sheet.writerows(map(_safe, _cells(answer, row)) for row in answer.rows)


def _safe(cell: str | int) -> str | int:
    """A name that a spreadsheet would take for a formula, behind an apostrophe."""
    is_formula = isinstance(cell, str) and cell.startswith(_FORMULAS)
    return f"'{cell}" if is_formula else cell


def _headings(answer: ReportAnswer) -> list[str]:
    spans = [f"first_show_{_snake(label)}" for label in labels(answer.first_show_bounds)]
    days = [f"converted_day_{day}" for day in range(1, LONGEST_ATTRIBUTION + 1)]
    return ["campaign", *_KEYS, *_COUNTS, *spans, *days]


def _snake(label: str) -> str:
    return label.replace(" ", "_")


def _cells(answer: ReportAnswer, row: ReportRow) -> Iterator[str | int]:
    yield answer.campaign
    for name in (*_KEYS, *_COUNTS):
        yield getattr(row, name)
    yield from row.first_show or (0,) * (len(answer.first_show_bounds) + 1)
    yield from row.converted or (0,) * LONGEST_ATTRIBUTION
