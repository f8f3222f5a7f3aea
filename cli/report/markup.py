"""Pieces of the page: figures that say their place in what `--json` prints, tables, bars."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from cli.render import printable
from cli.report import words
from cli.report.figures import Share, Span

_COMMAND = re.compile("`([^`]+)`")

Heading = tuple[str, str]
"""What stands above a column, and what it means."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A count with its label and what it means; `says` is the figure, as HTML."""

    label: str
    means: str
    length: int
    says: str


def text(of: str) -> str:
    """As HTML, with nothing in it that steers."""
    return escape(printable(of))


def figure(path: str, value: float | None, says: str) -> str:
    """A figure as people read it, with its exact value and its place."""
    if value is None:
        return words.NOTHING
    return f'<data data-path="{escape(path)}" value="{value}">{escape(says)}</data>'


def number(path: str, value: int) -> str:
    """A count."""
    return figure(path, value, words.number(value))


def rate(path: str, share: Share) -> str:
    """A share of a whole; how many of how many, on hover."""
    counted = f"{words.number(share.part)} of {words.number(share.whole)}"
    told = figure(f"{path}.rate", share.rate, words.share(share))
    return f'<span title="{counted}">{told}</span>'


def ends(path: str, interval: Span | None, says: str) -> str:
    """Both ends of an interval; `says` has them apart by ` to `."""
    if interval is None:
        return words.NOTHING
    low, high = says.split(" to ")
    first = figure(f"{path}.low", interval.low, low)
    return f"{first} to {figure(f'{path}.high', interval.high, high)}"


def table(headings: Sequence[Heading], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Cells are HTML already; what a column means is told on hover."""
    above = "".join(
        f'<th scope="col" title="{escape(means)}">{text(heading)}</th>'
        for heading, means in headings
    )
    below = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for name, cells in rows
    )
    return (
        f'<div class="wide"><table><thead><tr><td></td>{above}</tr></thead>'
        f"<tbody>{below}</tbody></table></div>"
    )


def bars(rows: Iterable[Bar], colour: int) -> str:
    """Side by side, the longest as wide as there is room."""
    drawn = list(rows)
    most = max((bar.length for bar in drawn), default=0) or 1
    return f'<div class="bars c{colour}">{"".join(_bar(bar, most) for bar in drawn)}</div>'


def _bar(bar: Bar, most: int) -> str:
    return (
        f'<div title="{escape(bar.means)}"><span>{text(bar.label)}</span>'
        f'<span><i style="width:{bar.length / most * 100:.1f}%"></i></span>'
        f"<span>{bar.says}</span></div>"
    )


def named(full: str, short: str, *, is_part: bool) -> str:
    """Of an arm in a table; it ends earlier where it is long, and is whole on hover."""
    kind = "name part" if is_part else "name"
    return f'<span class="{kind}" title="{text(full)}">{text(short)}</span>'


def prose(of: str, command: str) -> str:
    """What stands within `` is a command; an option alone is one of `command`."""
    return _COMMAND.sub(lambda found: _code(found[1], command), text(of))


def _code(written: str, command: str) -> str:
    whole = f"{text(command)} {written}" if written.startswith("--") else written
    return f"<code>{whole}</code>"
