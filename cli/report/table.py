"""The report in a terminal: the verdict first, then the recipe's four metrics, then the rest."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.render import moment, printable
from cli.report import words
from cli.report.figures import ArmFigures, Compared, Statistics
from functions.core.experiment import HOLDOUT
from functions.wire.report import ReportAnswer

_EIGHTHS = " ▏▎▍▌▋▊▉"
_WIDEST = 40

_INTERVALS = ("95 %", "sequential 95 %")

Cells = Sequence[str]


def print_report(answer: ReportAnswer, statistics: Statistics, console: Console) -> None:
    """Everything. In 80 columns, unless arms have long names."""
    for block in (
        _head(answer, statistics),
        *_metrics(statistics),
        _prompts(answer, statistics),
        *_funnel(statistics),
        *_comparisons(statistics),
    ):
        console.print(block)
        console.print()
    for note in _footnotes(answer, statistics):
        console.print(printable(note), style="dim")


def _head(answer: ReportAnswer, statistics: Statistics) -> RenderableType:
    name = Text.assemble(
        (printable(answer.campaign), "bold"),
        f", {words.title(answer)}",
    )
    as_of = Text(f"As of {moment(answer.as_of)}", "dim")
    told = [Text(printable(verdict), "bold") for verdict in words.verdicts(statistics)]
    ratio = words.ratio(statistics) if words.is_off(statistics) else None
    off = [Text(printable(ratio), "red")] if ratio else []
    notes = [Text(printable(note), "yellow") for note in statistics.notes]
    return Group(name, as_of, *off, *told, *notes)


# --- the recipe's metrics ---


def _metrics(statistics: Statistics) -> Iterator[RenderableType]:
    if not any(arm.totals.exposed for arm in statistics.arms):
        return
    if statistics.asks_permission:
        yield _opt_in(statistics)
    yield _shows(statistics)
    yield from _first_shows(statistics)
    if statistics.has_goal:
        yield _goals(statistics)


def _opt_in(statistics: Statistics) -> Table:
    headings = ("exposed", "net opt-in", "95 %", f"any in {statistics.window_days} d", "95 %")
    return _grid(
        "Opt-in",
        headings,
        (
            (
                _name(arm),
                words.number(arm.totals.exposed),
                words.share(arm.net_opt_in),
                _bare(words.span(arm.net_opt_in.interval)),
                words.share(arm.any_grant),
                _bare(words.span(arm.any_grant.interval)),
            )
            for arm in statistics.arms
        ),
    )


def _bare(text: str) -> str:
    """Under a heading that says it already."""
    return text.removesuffix(" %")


def _shows(statistics: Statistics) -> Table:
    headings = ("shown to", "half within", "retries shown", "of them approved")
    return _grid(
        "Shows and retries",
        headings,
        (
            (
                _name(arm),
                words.share(arm.shown_users),
                arm.median_first_show or words.NOTHING,
                words.number(arm.retry.whole),
                words.share(arm.retry),
            )
            for arm in statistics.arms
        ),
    )


def _first_shows(statistics: Statistics) -> Iterator[RenderableType]:
    for arm in statistics.arms:
        most = max((bucket.users for bucket in arm.first_show), default=0)
        if arm.is_part or not most:
            continue
        lines = [Text(f"First shown, after first heard of: {printable(arm.name)}", "bold")]
        for bucket in arm.first_show:
            bar = _bar(bucket.users / most * _WIDEST)
            users = words.number(bucket.users)
            lines.append(Text.assemble(f"{bucket.label:<16}", (bar, "cyan"), f" {users}"))
        yield Group(*lines)


def _bar(length: float) -> str:
    eighths = round(length * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _goals(statistics: Statistics) -> Table:
    return _grid(
        "Goal",
        ("events", "a user", "users with any", "95 %"),
        (
            (
                _name(arm),
                words.number(arm.goals.events),
                words.per_user(arm.goals.per_user),
                words.share(arm.goals.users),
                _bare(words.span(arm.goals.users.interval)),
            )
            for arm in statistics.arms
        ),
    )


# --- prompts and the funnel ---


def _prompts(answer: ReportAnswer, statistics: Statistics) -> Table:
    rows = [(_name(arm), *_spent(arm)) for arm in statistics.arms]
    apart = answer.app_wide
    rows.append(("no campaign", words.number(apart.prompted), words.number(apart.unasked)))
    return _grid("OS prompts", ("spent", "without an approval"), rows)


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


def _funnel(statistics: Statistics) -> Iterator[Table]:
    if not statistics.arms:
        return
    for title, columns in (("Funnel", _FUNNEL), ("Other ends", _ELSE)):
        yield _grid(
            title,
            [heading for heading, _ in columns],
            (
                (_name(arm), *(words.number(figure(arm)) for _, figure in columns))
                for arm in statistics.arms
            ),
        )


# --- the comparison ---


def _comparisons(statistics: Statistics) -> Iterator[RenderableType]:
    compared = [each for each in statistics.comparisons if each.difference]
    for metric in dict.fromkeys(each.metric for each in compared):
        alike = [each for each in compared if each.metric == metric]
        against = f"Against {statistics.control}, by {words.metric(statistics, metric)}"
        yield Group(Text(printable(against), "bold"), _differences(alike))
        yield _lifts(alike)
    with_goals = [each for each in statistics.comparisons if each.goals]
    if with_goals:
        yield _goal_differences(with_goals)


def _differences(compared: Iterable[Compared]) -> Table:
    rows = (
        (
            printable(each.treatment),
            words.points(each.difference.difference),
            words.points_span(each.difference.interval),
            words.points_span(each.difference.sequential),
        )
        for each in compared
        if each.difference
    )
    return _grid("", ("points", *_INTERVALS), rows)


def _lifts(compared: Iterable[Compared]) -> Table:
    rows = (
        (
            printable(each.treatment),
            words.change(each.difference.lift),
            words.change_span(each.difference.lift_interval),
            words.change_span(each.difference.lift_sequential),
        )
        for each in compared
        if each.difference
    )
    return _grid("", ("lift", *_INTERVALS), rows)


def _goal_differences(compared: Iterable[Compared]) -> Table:
    rows = (
        (
            printable(each.treatment),
            words.more_per_user(each.goals.difference),
            words.more_per_user_span(each.goals.interval),
            words.more_per_user_span(each.goals.sequential),
        )
        for each in compared
        if each.goals
    )
    return _grid("", ("goals a user", *_INTERVALS), rows)


def _footnotes(answer: ReportAnswer, statistics: Statistics) -> Iterator[str]:
    ratio = words.ratio(statistics)
    if ratio and not words.is_off(statistics):
        yield ratio
    yield from words.cautions(answer, statistics)
    yield from words.others(statistics)


# --- tables ---


def _name(arm: ArmFigures) -> str:
    name = printable(arm.name)
    return f"  {name.rpartition('/')[2]}" if arm.is_part else name


def _grid(title: str, headings: Cells, rows: Iterable[Cells]) -> Table:
    """Numbers stand to the right, below their headings."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(Text(title, "bold"), overflow="fold", min_width=14)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
