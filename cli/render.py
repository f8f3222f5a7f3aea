"""What commands print: in 80 columns, in colour only on a terminal, nothing that could steer it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from functions.core.model import DAY, HOUR, MINUTE, SECOND
from functions.core.moments import parse_time
from functions.core.reason import Reason

Json = dict[str, Any]

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_NOT_MET, _REPEATED = Reason.TRIGGER_NOT_MET.word, Reason.OFFER_REPEATED.word
_DELETED = Reason.USER_DELETED.word
_ANY_WIDTH = 10_000
_READABLE = 5
"""Columns that a broken cell has at least."""
_STATUS_STYLES = {"active": "green", "paused": "yellow", "draft": "cyan", "ended": "dim"}


# --- words ---


def printable(text: Any) -> str:
    """The text with what could steer a terminal, or break the line, spelled out."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(text))


def moment(text: str) -> str:
    """`2026-12-05T10:00:00.123Z` as `2026-12-05 10:00 UTC`; seconds where there are any."""
    day, _, time = text.removesuffix("Z").partition(".")[0].partition("T")
    return f"{day} {time.removesuffix(':00')} UTC"


def relative(at: str, now: str) -> str:
    """How far a moment is from another: `in 13 d 23 h`, `2 h 5 min ago`."""
    span = parse_time(at) - parse_time(now)
    if abs(span) < SECOND:
        return "now"
    return f"in {_span(span)}" if span > 0 else f"{_span(-span)} ago"


def moment_from(at: str, now: str) -> str:
    """Both: `2026-12-05 10:00 UTC (in 13 d 23 h)`."""
    return f"{moment(at)} ({relative(at, now)})"


def person(by: str | None) -> str:
    """Who, without the rest of an ARN; nobody is known for what ships with a deploy."""
    return printable(by).rpartition("/")[2] if by else ""


def _span(span: int) -> str:
    """In its largest unit and, if any is left, the next smaller one."""
    largest = next(place for place, (unit, _) in enumerate(_UNITS) if span >= unit)
    parts = []
    for unit, name in _UNITS[largest : largest + 2]:
        count, span = divmod(span, unit)
        parts += [f"{count} {name}"] if count else []
    return " ".join(parts)


# --- what is printed ---


def put(*renderables: RenderableType) -> None:
    """Prints each, without blanks at the ends of lines."""
    console = Console(highlight=False)
    with trimmed(console):
        console.print(*renderables, sep="\n")


@contextmanager
def trimmed(console: Console) -> Iterator[None]:
    """What is printed within comes out at its end, without blanks at the ends of lines."""
    with console.capture() as captured:
        yield
    lines = [line.rstrip() for line in captured.get().splitlines()]
    console.file.write("\n".join(lines) + "\n")


def put_json(answer: Json) -> None:
    """The server's answer as it came, indented."""
    Console().file.write(indented(answer))


def indented(answer: Json) -> str:
    """The answer as a JSON file."""
    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n"


def put_diff(lines: Sequence[str]) -> None:
    """A unified diff, whose lines are never wrapped."""
    console = Console(highlight=False)
    for line in lines:
        console.print(Text(printable(line), _DIFF_STYLES.get(line[:1], "")), soft_wrap=True)


def status(word: str) -> Text:
    """A campaign's status in its colour."""
    return Text(printable(word), _STATUS_STYLES.get(word, ""))


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table without lines; an absent cell is a dash."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, heading in enumerate(headings):
        # What people wrote comes last, and is what gives way in a narrow terminal.
        grid.add_column(heading, overflow="fold", no_wrap=number < len(headings) - 1)
    for row in rows:
        grid.add_row(*(_cell(value) for value in row))
    return grid


def put_whole(
    headings: Sequence[str], rows: Iterable[Sequence[Any]], yielding: Sequence[str]
) -> None:
    """A table of which nothing is left out: the first column is never broken.

    In a narrow terminal the `yielding` columns break; in a very narrow one all others do too.
    Elsewhere a row is a line, however long.
    """
    grid = table(headings, rows)
    console = Console(highlight=False)
    gives = _gives_room(grid, yielding, console.width)
    for column in grid.columns[1:]:
        column.no_wrap = gives and column.header not in yielding
    if not console.is_terminal:
        console = Console(highlight=False, width=_ANY_WIDTH)
    with trimmed(console):
        console.print(grid)


def _gives_room(grid: Table, yielding: Sequence[str], width: int) -> bool:
    """Whether the others fit beside the `yielding` columns, these broken as far as may be read."""
    needed = 2 * (len(grid.columns) - 1)
    for column in grid.columns:
        whole = max(len(str(cell)) for cell in (column.header, *column.cells))
        needed += min(whole, _READABLE) if column.header in yielding else whole
    return needed <= width


def _cell(value: Any) -> Text:
    if isinstance(value, Text):
        return value
    return Text("-" if value is None else printable(value))


# --- explain ---


def answered(user: str, answer: Json, is_now: bool) -> tuple[Text, ...]:
    """The verdict, and what to ask instead where the question itself was the reason."""
    told = verdict(user, answer, is_now)
    taken = [check["says"] for check in answer["checks"] if check["name"] == "trigger"]
    if answer["reason"] != _NOT_MET or not taken:
        return (told,)
    return (
        told,
        Text(f"It takes {printable(taken[0])}: ask with --event and --properties.", "dim"),
    )


def verdict(user: str, answer: Json, is_now: bool) -> Text:
    """One sentence: whether that user would see the campaign, or why not and from when on."""
    now, eligible = answer["at"], answer["nextEligibleAt"]
    subject, when = printable(user), "now" if is_now else f"at {moment(now)}"
    if not answer.get("isKnown", True) and answer["reason"] != _DELETED:
        subject += ", of whom nothing was ever heard,"
    if answer["wouldShow"]:
        attempt = f"attempt {answer['attempt']}"
        if answer["reason"] == _REPEATED:
            attempt += ", which is on offer already"
        return Text(f"{subject} would see {answer['campaign']} {when}: {attempt}.", "bold green")
    told = f"{subject} would not see {answer['campaign']} {when}: {_clause(answer['sentence'])}"
    later = f"; the same event would show it from {moment_from(eligible, now)}" if eligible else ""
    return Text(f"{told}{later}.", "bold yellow")


def checks(answer: Json) -> Table:
    """Every condition with its mark, the actual value and, where time helps, when it will pass."""
    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for ratio in (None, None, 5, 4):
        grid.add_column(ratio=ratio, overflow="fold", no_wrap=ratio is None)
    for check in answer["checks"]:
        _add(grid, check, answer["at"], 0)
    return grid


def _clause(sentence: str) -> str:
    """The sentence as the end of another."""
    return printable(sentence[:1].lower() + sentence[1:]).removesuffix(".")


def _add(grid: Table, check: Json, now: str, depth: int) -> None:
    mark = _mark(check["passes"])
    name = Text("" if depth else printable(check["name"]), "dim")
    says = Padding(_says(check, now), (0, 0, 0, 2 * depth))
    parts = check.get("parts", ())
    if _is_said_twice(check, parts):
        check, parts = {**check, "value": parts[0]["value"], "parts": ()}, ()
    grid.add_row(mark, name, says, Text(_value(check, now)))
    for part in parts:
        _add(grid, _denied(part) if check["says"] == "none of" else part, now, depth + 1)


def _denied(part: Json) -> Json:
    """A part of `none of`, so that its mark says whether it is as it must be."""
    said = {key: own for key, own in part.items() if key != "passesAt"}
    return {**said, "says": f"not: {part['says']}", "passes": not part["passes"]}


def _is_said_twice(check: Json, parts: Sequence[Json]) -> bool:
    """Whether its only part, one cap, is all that the check has to say."""
    return len(parts) == 1 and parts[0]["says"] == check["says"] and _is_list(check)


def _is_list(check: Json) -> bool:
    return isinstance(check.get("value"), list)


def _mark(passes: bool) -> Text:
    """A sign, or a word where the output cannot say the sign."""
    yes, no = ("✓", "✗") if Console().encoding.startswith("utf") else ("ok", "no")
    return Text(yes, "green") if passes else Text(no, "bold red")


def _says(check: Json, now: str) -> Text:
    text = Text(_spoken(check["says"], now), "" if check["passes"] else "bold")
    if check.get("passesAt"):
        text.append(f"\nfrom {moment_from(check['passesAt'], now)} on", "not bold cyan")
    return text


def _value(check: Json, now: str) -> str:
    value = check.get("value")
    if isinstance(value, dict):
        known = {key: own for key, own in value.items() if own is not None}
        return "\n".join(f"{_words(key)}: {_spoken(own, now)}" for key, own in known.items())
    if check.get("parts") and (value is None or _is_list(check)):
        return ""  # the parts have their own
    if value is None or value == []:
        return "-"
    return _spoken(value, now)


def _words(key: str) -> str:
    """`lastOutcomeAt` as `last outcome at`."""
    return _HUMP.sub(" ", printable(key)).lower()


def _spoken(value: Any, now: str) -> str:
    """A value as people write it; moments within a text also by their distance."""
    if not isinstance(value, str):
        return printable(msgspec.json.encode(value).decode())
    return _MOMENT.sub(lambda found: moment_from(found[0], now), printable(value))
