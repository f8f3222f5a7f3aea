"""The report in a terminal: the verdict first, then the recipe's four metrics, then the rest."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from cli.render import moment, printable
from cli.report import words
from cli.report.figures import ArmFigures, Compared, Difference, Span, Statistics
from functions.core.experiment import HOLDOUT
from functions.wire.report import ReportAnswer

_EIGHTHS = " ▏▎▍▌▋▊▉"
_WIDEST = 40
_NARROWEST_NAME = 14

_INTERVALS = ("95 %", "sequential 95 %")

Cells = Sequence[str]

Treatments = Sequence[tuple[str, Difference]]
"""Each by its name, beside the control."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """Numbers stand to the right, below their headings; names to the left."""

    title: str
    headings: Cells
    rows: Sequence[tuple[str, Cells]]

    def lines(self, room: int) -> Iterator[Text]:
        """As wide as its numbers, however little room there is; long names end earlier."""
        columns = zip(self.headings, *(cells for _, cells in self.rows), strict=True)
        widths = [max(map(cell_len, column)) for column in columns]
        names = [cell_len(name) for name in (self.title, *(name for name, _ in self.rows))]
        left = room - sum(width + 2 for width in widths)
        longest = min(max(names), max(_NARROWEST_NAME, left, cell_len(self.title)))
        first = max(_NARROWEST_NAME, longest)
        yield _line(Text(self.title, "bold"), first, self.headings, widths, "dim")
        for name, cells in self.rows:
            yield _line(Text(name), first, cells, widths)


def _line(name: Text, first: int, cells: Cells, widths: Sequence[int], style: str = "") -> Text:
    name.truncate(first, overflow="ellipsis", pad=True)
    for cell, width in zip(cells, widths, strict=True):
        name.append("  " + " " * (width - cell_len(cell)) + cell, style)
    return name


Block = Sequence[Text | _Grid]


def print_report(answer: ReportAnswer, statistics: Statistics, console: Console) -> None:
    """Everything. In 80 columns, unless arms have many digits; prose in as many as there are."""
    for block in (
        _head(answer, statistics),
        *_metrics(statistics),
        *_prompts(answer, statistics),
        *_funnel(statistics),
        *_comparisons(statistics),
    ):
        _print(block, console)
        console.print()
    for note in _footnotes(answer, statistics):
        console.print(_prose(note, "dim"))


def _print(block: Block, console: Console) -> None:
    for part in block:
        if isinstance(part, Text):
            console.print(part)
            continue
        for line in part.lines(console.width):
            # Not wrapped or cut here: the terminal does, or scrolls.
            console.print(line, soft_wrap=True)


def _prose(text: str, style: str) -> Text:
    return Text(printable(words.spoken(text)), style)


def _head(answer: ReportAnswer, statistics: Statistics) -> Block:
    name = Text.assemble(
        (printable(answer.campaign), "bold"),
        f", {words.title(answer)}",
    )
    as_of = Text(f"As of {moment(answer.as_of)}", "dim")
    told = [_prose(f"- {verdict.says}", "bold") for verdict in words.verdicts(statistics)]
    ratio = words.ratio(statistics) if words.is_off(statistics) else None
    off = [_prose(f"- {ratio}", "red")] if ratio else []
    notes = [_prose(f"- {note}", "yellow") for note in statistics.notes]
    return [name, as_of, *off, *told, *notes]


# --- the recipe's metrics ---


def _metrics(statistics: Statistics) -> Iterator[Block]:
    if not any(arm.totals.exposed for arm in statistics.arms):
        return
    if statistics.asks_permission:
        yield _opt_in(statistics)
    yield _shows(statistics)
    yield from _first_shows(statistics)
    if statistics.has_goal:
        yield _goals(statistics)


def _opt_in(statistics: Statistics) -> Block:
    return _by_arm(
        "Opt-in",
        ("exposed", "net opt-in", "95 %", f"any in {statistics.window_days} d", "95 %"),
        statistics,
        lambda arm: (
            words.number(arm.totals.exposed),
            words.share(arm.net_opt_in),
            _bare(words.span(arm.net_opt_in.interval)),
            words.share(arm.any_grant),
            _bare(words.span(arm.any_grant.interval)),
        ),
    )


def _bare(text: str) -> str:
    """Under a heading that says it already."""
    return text.removesuffix(" %")


def _shows(statistics: Statistics) -> Block:
    return _by_arm(
        "Shows and retries",
        ("shown to", "half within", "retries shown", "of them approved"),
        statistics,
        lambda arm: (
            words.share(arm.shown_users),
            arm.median_first_show or words.NOTHING,
            words.number(arm.retry.whole),
            words.share(arm.retry),
        ),
    )


def _first_shows(statistics: Statistics) -> Iterator[Block]:
    for arm in statistics.arms:
        buckets = words.first_shows(arm)
        most = max((bucket.users for bucket in buckets), default=0)
        if arm.is_part or not most:
            continue
        lines = [Text(f"First shown, after first heard of: {printable(arm.name)}", "bold")]
        for bucket in buckets:
            bar = _bar(bucket.users / most * _WIDEST)
            users = words.number(bucket.users)
            lines.append(Text.assemble(f"{bucket.label:<16}", (bar, "cyan"), f" {users}"))
        yield lines


def _bar(length: float) -> str:
    eighths = round(length * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _goals(statistics: Statistics) -> Block:
    [grid] = _by_arm(
        "",
        ("events", "a user", "users with any", "95 %"),
        statistics,
        lambda arm: (
            words.number(arm.goals.events),
            words.per_user(arm.goals.per_user),
            words.share(arm.goals.users),
            _bare(words.span(arm.goals.users.interval)),
        ),
    )
    return [Text(printable(words.goal(statistics)), "bold"), grid]


# --- prompts and the funnel ---


def _prompts(answer: ReportAnswer, statistics: Statistics) -> Iterator[Block]:
    if not statistics.arms:
        return
    rows = [(_name(arm), _spent(arm)) for arm in statistics.arms]
    apart = answer.app_wide
    told = (words.number(apart.prompted), words.number(apart.unasked))
    yield [_Grid("OS prompts", ("spent", "without an approval"), [*rows, ("no campaign", told)])]


def _spent(arm: ArmFigures) -> tuple[str, str]:
    """A held-out user's prompts are under no campaign."""
    if arm.arm == HOLDOUT:
        return words.NOTHING, words.NOTHING
    return words.number(arm.totals.prompted), words.number(arm.totals.unasked)


_FUNNEL: tuple[tuple[str, Callable[[ArmFigures], int]], ...] = (
    ("exposed", lambda arm: arm.totals.exposed),
    ("offered", lambda arm: arm.totals.offered),
    ("shown", lambda arm: arm.totals.shown),
    ("approved", lambda arm: arm.totals.approved),
    ("granted", lambda arm: arm.totals.granted),
    ("denied", lambda arm: arm.totals.denied),
)
_ELSE: tuple[tuple[str, Callable[[ArmFigures], int]], ...] = (
    ("declined", lambda arm: arm.totals.declined),
    ("dismissed", lambda arm: arm.totals.dismissed),
    ("silent", lambda arm: arm.totals.silent),
    ("awaited", lambda arm: arm.totals.awaited),
    ("suppressed", lambda arm: arm.totals.suppressed),
    ("lapsed", lambda arm: arm.totals.lapsed),
)


def _funnel(statistics: Statistics) -> Iterator[Block]:
    if not statistics.arms:
        return
    for title, columns in (("Funnel", _FUNNEL), ("Other ends", _ELSE)):
        rows = [
            (_name(arm), [words.number(figure(arm)) for _, figure in columns])
            for arm in statistics.arms
        ]
        yield [_Grid(title, [heading for heading, _ in columns], rows)]


# --- the comparison ---


def _comparisons(statistics: Statistics) -> Iterator[Block]:
    compared = statistics.comparisons
    for metric in dict.fromkeys(each.metric for each in compared if each.difference):
        alike = [
            (_treatment(each), each.difference)
            for each in compared
            if each.metric == metric and each.difference
        ]
        against = f"Against {statistics.control}, by {words.metric(statistics, metric)}"
        points = _differences("points", alike, words.points, words.points_span)
        yield [Text(printable(against), "bold"), points]
        yield [_lifts(alike)]
    goals = [(_treatment(each), each.goals) for each in compared if each.goals]
    if goals:
        yield [_differences("more a user", goals, words.more_per_user, words.more_per_user_span)]


def _differences(
    heading: str,
    compared: Treatments,
    number: Callable[[float], str],
    span: Callable[[Span], str],
) -> _Grid:
    rows = [
        (name, (number(each.difference), span(each.interval), span(each.sequential)))
        for name, each in compared
    ]
    return _Grid("", (heading, *_INTERVALS), rows)


def _lifts(compared: Treatments) -> _Grid:
    rows = [(name, words.lift_cells(words.lift(each))) for name, each in compared]
    return _Grid("", ("lift", *_INTERVALS), rows)


def _footnotes(answer: ReportAnswer, statistics: Statistics) -> Iterator[str]:
    ratio = words.ratio(statistics)
    if ratio and not words.is_off(statistics):
        yield ratio
    yield from words.cautions(answer, statistics)
    yield from words.others(statistics)


# --- tables ---


def _by_arm(
    title: str,
    headings: Cells,
    statistics: Statistics,
    cells: Callable[[ArmFigures], Cells],
) -> Block:
    return [_Grid(title, headings, [(_name(arm), cells(arm)) for arm in statistics.arms])]


def _name(arm: ArmFigures) -> str:
    name = printable(words.short(arm))
    return f"  {name}" if arm.is_part else name


def _treatment(each: Compared) -> str:
    name = printable(words.treatment(each))
    return f"  {name}" if each.is_part else name
