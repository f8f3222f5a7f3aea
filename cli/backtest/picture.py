"""The report's charts as a picture, by matplotlib (the extra `plots`)."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cli.backtest.charts import first_shows, shows_over_days
from cli.backtest.figures import Report

_COLOURS = ("#0b7285", "#c2255c")
_MOST_TICKS = 7


def draw(report: Report, path: Path) -> None:
    """Writes a PNG: when users were first asked, and popups a day. `OSError` where it cannot."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1)
    names = [each.name for each in report.campaigns]
    ages, days = first_shows(report), shows_over_days(report)
    share = 0.8 / len(names)
    for index, (name, colour) in enumerate(zip(names, _COLOURS, strict=False)):
        places = [place + (index - (len(names) - 1) / 2) * share for place in range(len(ages))]
        above.bar(places, [each[index] for each in ages.values()], share, color=colour, label=name)
        below.plot(list(days), [each[index] for each in days.values()], color=colour, label=name)
    above.set_title("Users by the time from their first event to their first popup", loc="left")
    above.set_xticks(range(len(ages)), list(ages))
    below.set_title("Popups a day", loc="left")
    below.set_xticks(list(days)[:: len(days) // _MOST_TICKS + 1])
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(bottom=0)
    above.legend(frameon=False)
    figure.savefig(path, format="png", dpi=150, metadata={"Software": "softask"})
