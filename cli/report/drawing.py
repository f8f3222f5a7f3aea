"""Charts as SVG that needs nothing around it: colours are the page's (`--c0` to `--c11`)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH = 720
_LABELS = 206
_RIGHT = 100
_ROW = 38
_HEIGHT = 280
_TOP = 14
_BOTTOM = 42
_LEFT = 76
_NAMES = 200
_BETWEEN_NAMES = 26
_LONGEST_NAME = 13
COLOURS = 12
"""Lengths are of a picture that a phone shows at half its size; there its text is larger."""


@dataclass(frozen=True, slots=True)
class Whisker:
    """A value and where it lies, thick and thin; `says` is what stands beside it, `tells` on it."""

    label: str
    value: float
    inner: tuple[float, float]
    outer: tuple[float, float]
    says: str
    tells: str
    colour: int
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A share by day, of two at least: the place from the left, the value, what is told of it."""

    label: str
    points: Sequence[tuple[int, float, str]]
    colour: int


def whiskers(rows: Sequence[Whisker], title: str, unit: str) -> str:
    """Each row a dot with its intervals, over one scale; with a line at 0 where that is within."""
    ends = [end for row in rows for end in (*row.outer, *row.inner)]
    scale = _Scale.over(min(0.0, *ends), max(ends), _LABELS, WIDTH - _RIGHT)
    height = _TOP + _ROW * len(rows) + _BOTTOM
    parts = [
        *(_vertical(scale, tick, height, unit) for tick in scale.ticks()),
        *(_whisker(scale, row, number) for number, row in enumerate(rows)),
    ]
    return _svg(parts, height, title)


def lines(rows: Sequence[Line], days: Sequence[str], title: str) -> str:
    """Shares over days, from 0 up; each line ends with its name."""
    most = max((value for row in rows for _, value, _ in row.points), default=0)
    up = _Scale.over(0, most, _HEIGHT - _BOTTOM, _TOP)
    across = _Scale(0, len(days) - 1, _LEFT, WIDTH - _NAMES, 1)
    names = list(_placed(up, rows))
    parts = [
        *(_horizontal(up, tick) for tick in up.ticks()),
        *_day_labels(across, days),
        *(part for row in rows for part in _line(across, up, row)),
        *(_name(across, *placed) for placed in names),
    ]
    height = max(_HEIGHT, *(y + _BETWEEN_NAMES for _, _, y in names)) if names else _HEIGHT
    return _svg(parts, height, title)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values from `low` to `high` onto the picture from `start` to `end`, ticked each `step`."""

    low: float
    high: float
    start: float
    end: float
    step: float

    @classmethod
    def over(cls, low: float, high: float, start: float, end: float) -> "_Scale":
        """Rounded outwards to ticks of 1, 2 or 5; never empty."""
        step = _step((high - low) or 1)
        bottom, top = floor(low / step), ceil(high / step)
        return cls(bottom * step, max(top, bottom + 1) * step, start, end, step)

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> Iterator[float]:
        count = round((self.high - self.low) / self.step)
        for number in range(count + 1):
            yield round(self.low + number * self.step, 10)


def _step(span: float) -> float:
    """Between two and five of them fill the span."""
    size: float = 10 ** floor(log10(span))
    for part in (0.2, 0.5, 1.0):
        if span / (size * part) <= 5:
            return size * part
    return size * 2


def _svg(parts: Sequence[str], height: float, title: str) -> str:
    return (
        f'<div class="chart"><svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg></div>'
    )


def _vertical(scale: _Scale, tick: float, height: float, unit: str) -> str:
    x, kind = scale.at(tick), "zero" if tick == 0 else "grid"
    bottom = height - _BOTTOM
    return (
        f'<line class="{kind}" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>'
        f'<text class="tick" x="{x}" y="{bottom + 26}" text-anchor="middle">'
        f"{tick * 100:g}{unit}</text>"
    )


def _whisker(scale: _Scale, row: Whisker, number: int) -> str:
    y = _TOP + _ROW * number + _ROW / 2
    inner, outer = [[scale.at(end) for end in ends] for ends in (row.inner, row.outer)]
    return (
        f'<g class="c{row.colour}"><title>{escape(row.tells)}</title>'
        f'<rect class="hit" x="0" y="{y - _ROW / 2}" width="{WIDTH}" height="{_ROW}"/>'
        f'<text x="{20 if row.is_part else 0}" y="{y + 5}">{escape(_cut(row.label))}</text>'
        f'<line class="outer" x1="{outer[0]}" x2="{outer[1]}" y1="{y}" y2="{y}"/>'
        f'<line class="inner" x1="{inner[0]}" x2="{inner[1]}" y1="{y}" y2="{y}"/>'
        f'<circle cx="{scale.at(row.value)}" cy="{y}" r="5.5"/>'
        f'<text class="value" x="{WIDTH}" y="{y + 5}" text-anchor="end">{escape(row.says)}</text>'
        "</g>"
    )


def _horizontal(scale: _Scale, tick: float) -> str:
    y, kind = scale.at(tick), "zero" if tick == 0 else "grid"
    return (
        f'<line class="{kind}" x1="{_LEFT}" x2="{WIDTH - _NAMES}" y1="{y}" y2="{y}"/>'
        f'<text class="tick" x="{_LEFT - 8}" y="{y + 6}" text-anchor="end">{tick * 100:g} %</text>'
    )


def _day_labels(scale: _Scale, days: Sequence[str]) -> Iterator[str]:
    """About four of them."""
    for place in range(0, len(days), len(days) // 4 + 1):
        yield (
            f'<text class="tick" x="{scale.at(place)}" y="{_HEIGHT - 8}" '
            f'text-anchor="middle">{days[place][5:]}</text>'
        )


def _line(across: _Scale, up: _Scale, row: Line) -> Iterator[str]:
    places = [(across.at(place), up.at(value), says) for place, value, says in row.points]
    path = " ".join(f"{x},{y}" for x, y, _ in places)
    dots = "".join(
        f'<circle class="dot" cx="{x}" cy="{y}" r="7"><title>{escape(says)}</title></circle>'
        for x, y, says in places
    )
    last = "".join(f'<circle cx="{x}" cy="{y}" r="3.5"/>' for x, y, _ in places[-1:])
    yield f'<g class="c{row.colour}"><polyline points="{path}"/>{last}{dots}</g>'


def _placed(up: _Scale, rows: Sequence[Line]) -> Iterator[tuple[Line, float, float]]:
    """Each with the height of its last point and that of its name, apart from the others'."""
    ended = (row for row in rows if row.points)
    lowest = -100.0
    for row in sorted(ended, key=lambda row: row.points[-1][1], reverse=True):
        end = up.at(row.points[-1][1])
        lowest = max(end, lowest + _BETWEEN_NAMES)
        yield row, end, lowest


def _name(across: _Scale, row: Line, end: float, y: float) -> str:
    x = across.at(row.points[-1][0]) + 10
    return (
        f'<line class="lead c{row.colour}" x1="{x - 6}" x2="{x - 2}" y1="{end}" y2="{y}"/>'
        f'<text class="name c{row.colour}" x="{x}" y="{y + 6}">'
        f"{escape(_cut(row.label))}<title>{escape(row.label)}</title></text>"
    )


def _cut(name: str) -> str:
    """Whole on hover."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
