"""The report's charts in a terminal: when users were first asked, and popups over time."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from rich.console import Console
from rich.text import Text

from cli.backtest.figures import BEYOND, Report
from cli.backtest.page import COLOURS
from cli.render import printable

_EIGHTHS = " ▏▎▍▌▋▊▉"
_WIDEST = 40
_LABEL = 13
_MOST_DAYS = 31
"""Beyond so many days, a row is a week."""

_MOST_WEEKS = 60

Bars = Mapping[str, Sequence[int]]
"""By label, a bar's value for each campaign."""


def print_charts(report: Report, console: Console) -> None:
    """Both charts; none where nothing was shown."""
    ages = first_shows(report)
    if not ages:
        return
    if report.difference is not None:
        names = [printable(each.name) for each in report.campaigns]
        console.print()
        console.print(f"Upper bars: {names[0]}. Lower bars: {names[1]}.")
    _print_bars("Users by the time from their first event to their first popup", ages, console)
    days = shows_over_days(report)
    if len(days) <= _MOST_DAYS:
        _print_bars("Popups a day", days, console)
        return
    weeks = _by_week(days)
    hidden = len(weeks) - _MOST_WEEKS
    title = "Popups a week" if hidden <= 0 else f"Popups a week, the last {_MOST_WEEKS}"
    _print_bars(title, dict(list(weeks.items())[-_MOST_WEEKS:]), console)


def first_shows(report: Report) -> dict[str, list[int]]:
    """Users by the age at which they were first asked; empty where nobody was."""
    shown = [each.first_show.histogram if each.first_show else {} for each in report.campaigns]
    labels = next((each for each in shown if each), {})
    return {
        label if label == BEYOND else f"within {label}": [each.get(label, 0) for each in shown]
        for label in labels
    }


def shows_over_days(report: Report) -> dict[str, list[int]]:
    """Popups by day, from the first day with one to the last; days without one among them."""
    shown = [each.shows_per_day for each in report.campaigns]
    days = sorted(day for each in shown for day in each)
    if not days:
        return {}
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    span = range((last - first).days + 1)
    named = ((first + timedelta(days=number)).isoformat() for number in span)
    return {day: [each.get(day, 0) for each in shown] for day in named}


def _by_week(days: Bars) -> dict[str, list[int]]:
    """Each week under the name of its first day."""
    names = list(days)
    weeks = {}
    for start in range(0, len(names), 7):
        rows = [days[name] for name in names[start : start + 7]]
        weeks[names[start]] = [sum(values) for values in zip(*rows, strict=True)]
    return weeks


def _print_bars(title: str, bars: Bars, console: Console) -> None:
    most = max(max(values) for values in bars.values())
    width = min(_WIDEST, max(10, console.width - _LABEL - 12))
    console.print()
    console.print(title, style="bold")
    for label, values in bars.items():
        name = label
        for value, colour in zip(values, COLOURS, strict=False):
            bar = _bar(value / most * width)
            console.print(Text.assemble(f"{name:<{_LABEL}}", (bar, colour), f" {value:,}"))
            name = ""


def _bar(length: float) -> str:
    eighths = round(length * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()
