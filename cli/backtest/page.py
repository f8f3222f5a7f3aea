"""The report as a page for a terminal: the answer first, then figures and reasons."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.backtest.figures import ArmFigures, CampaignFigures, Outcomes, Read, Report
from cli.render import printable

COLOURS = ("cyan", "magenta")
"""Of the first and the second campaign."""

_NO_ARM = ArmFigures(exposed=0, shows=0, opted_in=0, converted=0, goals=0)

Figure = Callable[[CampaignFigures], int]


@dataclass(frozen=True, slots=True)
class _Row:
    """A figure, and what it is a share of. minor: left out where it is 0 everywhere."""

    label: str
    figure: Figure
    whole: Figure | None = None
    minor: bool = False


def print_report(report: Report, console: Console) -> None:
    """Everything but the charts, for a reader in a hurry: what matters most stands first."""
    _print_answer(report, console)
    _print_figures(report, console)
    _print_arms(report, console)
    _print_first_shows(report, console)
    _print_silence(report, console)


def print_notes(read: Read, console: Console) -> None:
    """What of the recording was not as it should be; nothing where all was well."""
    if not read.late and not read.bad:
        return
    console.print()
    if read.late:
        late = _times(read.late, "event stood", "events stood")
        console.print(f"{late} after a newer one of the same user; sorted.")
    if read.bad:
        bad = _times(read.bad, "line or batch item", "lines or batch items")
        named = len(read.problems)
        first = f"; the first {named}" if read.bad > named else ""
        console.print(f"{bad} left out{first}:", style="yellow")
    for each in read.problems:
        console.print(f"  line {each.line:,}: {printable(each.problem)}", soft_wrap=True)


# --- the answer ---


def _print_answer(report: Report, console: Console) -> None:
    read = report.recording
    console.print(
        f"{_times(read.events, 'event')} of {_times(read.users, 'user')}, "
        f"{read.first_at[:10]} to {read.last_at[:10]}. {_sentence(report.outcomes)}"
    )
    for each, colour in zip(report.campaigns, COLOURS, strict=False):
        counts = each.counts
        console.print()
        console.print(
            Text.assemble(
                (printable(each.name), f"bold {colour}"),
                f" would have asked {counts.users_asked:,} of {_times(read.users, 'user')} "
                f"({percent(counts.users_asked, read.users)}) with "
                f"{_times(counts.shows, 'popup')}: {counts.approved:,} said yes, "
                f"{counts.granted:,} granted the permission.",
            )
        )
        if each.overridden:
            console.print(f"Its file says {each.overridden}; it was replayed as active.")


def _sentence(outcomes: Outcomes) -> str:
    if outcomes.source == "events":
        return "Outcomes are those in the recording."
    shares = (
        (outcomes.approve, "approve"),
        (outcomes.decline, "decline"),
        (outcomes.dismiss, "dismiss"),
        (outcomes.silent, "silent"),
    )
    said = ", ".join(f"{_rate(rate)} {word}" for rate, word in shares)
    return (
        f"Outcomes are made up by rates: {said}; {_rate(outcomes.grant)} of OS prompts "
        f"granted (seed {outcomes.seed})."
    )


# --- figures ---


def _rows(users: int) -> Iterator[_Row]:
    def of_users(_: CampaignFigures) -> int:
        return users

    yield _Row("Users who reached a trigger", lambda c: c.counts.users_with_trigger, of_users)
    yield _Row("Users who were asked", lambda c: c.counts.users_asked, of_users)
    yield _Row("  once", lambda c: c.shows_per_user["1"], of_users)
    yield _Row("  twice", lambda c: c.shows_per_user["2"], of_users)
    yield _Row("  three times or more", lambda c: c.shows_per_user["3+"], of_users, minor=True)
    yield _Row("Users who were never asked", lambda c: c.shows_per_user["0"], of_users)
    yield _Row("Users held out", lambda c: c.counts.held_out, of_users, minor=True)
    yield _Row("Popups shown", _shows)
    yield _Row("  of these retries", lambda c: c.counts.retries, _shows)
    yield _Row("  approved", _approved, _shows)
    yield _Row("  declined", lambda c: c.counts.declined, _shows)
    yield _Row("  dismissed", lambda c: c.counts.dismissed, _shows)
    yield _Row("  never answered", lambda c: c.counts.silent, _shows)
    yield _Row("OS prompts without a popup", lambda c: c.counts.direct_prompts, minor=True)
    yield _Row("Permissions granted", lambda c: c.counts.granted, _approved)
    yield _Row("Permissions denied", lambda c: c.counts.denied, _approved)
    yield _Row("Triggers", _triggers)
    yield _Row("  led to an offer", lambda c: c.counts.offers, _triggers)
    yield _Row("Offers never shown", _unshown, lambda c: c.counts.offers, minor=True)


def _shows(each: CampaignFigures) -> int:
    return each.counts.shows


def _approved(each: CampaignFigures) -> int:
    return each.counts.approved


def _triggers(each: CampaignFigures) -> int:
    return each.counts.triggers


def _unshown(each: CampaignFigures) -> int:
    return max(0, each.counts.offers - each.counts.shows - each.counts.direct_prompts)


def _print_figures(report: Report, console: Console) -> None:
    table = _table(report, "")
    for row in _rows(report.recording.users):
        values = [row.figure(each) for each in report.campaigns]
        if row.minor and not any(values):
            continue
        wholes = [row.whole(each) if row.whole else None for each in report.campaigns]
        _add_row(table, row.label, values, wholes)
    console.print()
    console.print(table)


def _print_arms(report: Report, console: Console) -> None:
    """Where there is an experiment."""
    arms = sorted({arm for each in report.campaigns for arm in each.arms})
    if len(arms) < 2:
        return
    table = _table(report, "By arm")
    for arm in arms:
        of_arm = [each.arms.get(arm, _NO_ARM) for each in report.campaigns]
        exposed = [each.exposed for each in of_arm]
        _add_row(table, f"{arm}: users exposed", exposed, [None for _ in of_arm])
        _add_row(table, "  opted in", [each.opted_in for each in of_arm], exposed)
        _add_row(table, "  granted in any way", [each.converted for each in of_arm], exposed)
        goals = [each.goals for each in of_arm]
        if any(goals):
            _add_row(table, "  goal events", goals, [None for _ in of_arm])
    console.print()
    console.print(table)


def _print_first_shows(report: Report, console: Console) -> None:
    if not any(each.first_show for each in report.campaigns):
        return
    table = _table(report, "First popup, after a user's first event", compared=False)
    for key, label in (("p10", "10 % within"), ("p50", "half within"), ("p90", "90 % within")):
        shown = [each.first_show for each in report.campaigns]
        spans = [_span(each.quantiles[key]) if each else "-" for each in shown]
        table.add_row(label, *(cell for span in spans for cell in (span, "")))
    console.print()
    console.print(table)


def _print_silence(report: Report, console: Console) -> None:
    sentences = {each.reason: each.sentence for c in report.campaigns for each in c.silence}
    if not sentences:
        return
    silent = [{each.reason: each.triggers for each in c.silence} for c in report.campaigns]
    table = _table(report, "Why triggers led to no new popup")
    for reason, sentence in sentences.items():
        values = [each.get(reason, 0) for each in silent]
        _add_row(table, sentence, values, [sum(each.values()) for each in silent])
    console.print()
    console.print(table)


def _table(report: Report, title: str, *, compared: bool = True) -> Table:
    """A label, then a figure and its share for each campaign, then the difference of two."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column(title, ratio=1, min_width=27)
    for each, colour in zip(report.campaigns, COLOURS, strict=False):
        name = printable(each.name) if report.difference is not None else ""
        heading = Text(name, colour, overflow="fold")
        table.add_column(heading, justify="right", max_width=14)
        table.add_column("", justify="right", style="dim", no_wrap=True)
    if report.difference is not None:
        table.add_column("change" if compared else "", justify="right", no_wrap=True)
    return table


def _add_row(table: Table, label: str, values: Sequence[int], wholes: Iterable[int | None]) -> None:
    cells = []
    for value, whole in zip(values, wholes, strict=True):
        cells += [f"{value:,}", "" if whole is None else percent(value, whole)]
    if len(values) > 1:
        cells.append(_change(values[1] - values[0]))
    table.add_row(label, *cells)


# --- words ---


def percent(part: int, whole: int) -> str:
    """A share, with a digit after the point where it is below 1 %."""
    if not whole:
        return ""
    share = part / whole * 100
    return f"{share:.1f} %" if 0 < share < 0.95 else f"{share:.0f} %"


def _change(change: int) -> str:
    return f"{change:+,}" if change else "same"


def _rate(rate: float | None) -> str:
    return f"{(rate or 0) * 100:g} %"


def _times(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _span(hours: float) -> str:
    if hours < 1:
        return f"{max(1, hours * 60):.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"
