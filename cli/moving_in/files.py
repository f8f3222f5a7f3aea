"""CSV and JSON Lines, plain or gzipped, a record at a time: no file is ever held whole."""

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

LONGEST_LINE = 1_000_000
"""Characters; a longer one means that the file is not a record a line."""

RAW_COLUMN = "record"
"""The column of a JSON line, in a table of refused rows."""

_TABLES = (".csv", ".tsv")
_LINES = (".jsonl", ".ndjson", ".json")
_EXAMPLE = '{"user_id": "u1", "push_permission_status": "granted"}'


class FileProblem(Exception):
    """A file that cannot be imported; the message is one line."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record and the line that it ends on.

    cells: by the file's own column names; empty where `problem` says why it cannot be read.
    raw: its cells as the file has them, for a table of refused rows.
    """

    line: int
    cells: Mapping[str, Any]
    raw: tuple[str, ...]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class UserFile:
    """An open file. columns: a CSV's header; None for JSON Lines, where every record has its own.

    raw_columns: what the cells of `Record.raw` are called.
    """

    columns: tuple[str, ...] | None
    raw_columns: tuple[str, ...]
    records: Iterator[Record]
    source: IO[bytes]

    @property
    def position(self) -> int:
        """Bytes of the file that were read so far; of a gzipped one, as it lies on the disk."""
        return self.source.tell()


@contextmanager
def open_users(path: Path) -> Iterator[UserFile]:
    """The file's records; else `FileProblem`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_gzipped = suffixes[-1:] == [".gz"]
    kind = "".join(suffixes[-2:-1] if is_gzipped else suffixes[-1:])
    if kind not in (*_TABLES, *_LINES):
        raise FileProblem(f"{path}: name it .csv or .jsonl (.gz after that, if it is gzipped).")
    with path.open("rb") as source, _text(source, is_gzipped) as text:
        lines = _bounded(text, path)
        if kind in _TABLES:
            yield _open_csv(lines, source, path)
        else:
            raw = (RAW_COLUMN,)
            yield UserFile(None, raw, _json_records(lines, path), source)


@contextmanager
def _text(source: IO[bytes], is_gzipped: bool) -> Iterator[io.TextIOWrapper]:
    """Bytes that are no UTF-8 are kept, so that one record is refused and not the file."""
    plain = gzip.GzipFile(fileobj=source) if is_gzipped else source
    encoding = {"encoding": "utf-8-sig", "errors": "surrogateescape", "newline": ""}
    with io.TextIOWrapper(plain, **encoding) as text:  # type: ignore[arg-type] # readable enough
        yield text


def _bounded(text: io.TextIOWrapper, path: Path) -> Iterator[str]:
    number = 0
    try:
        while line := text.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise FileProblem(f"{path}:{number}: longer than {LONGEST_LINE:,} characters.")
            yield line
    except (gzip.BadGzipFile, EOFError) as error:
        raise FileProblem(f"{path}: not a whole gzip file: {error}") from None


# --- CSV ---


def _open_csv(lines: Iterator[str], source: IO[bytes], path: Path) -> UserFile:
    header = next(lines, "")
    # Spreadsheets write semicolons where the comma is the decimal point.
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(_joined(header, lines), delimiter=delimiter, strict=True)
    columns = tuple(name.strip() for name in _next_row(reader, path) or ())
    if not any(columns):
        raise FileProblem(f"{path}: empty. The first line names the columns.")
    if not _is_utf_8(columns):
        raise FileProblem(f"{path}: not UTF-8. Save it as CSV in UTF-8.")
    return UserFile(columns, columns, _csv_records(reader, columns, path), source)


def _joined(first: str, rest: Iterable[str]) -> Iterator[str]:
    yield first
    yield from rest


def _csv_records(reader: Any, columns: tuple[str, ...], path: Path) -> Iterator[Record]:
    while (raw := _next_row(reader, path)) is not None:
        if raw:
            yield _csv_record(reader.line_num, tuple(raw), columns)


def _next_row(reader: Any, path: Path) -> list[str] | None:
    try:
        row: list[str] | None = next(reader, None)
    except csv.Error as error:
        raise FileProblem(f"{path}:{reader.line_num}: not CSV: {error}.") from None
    return row


def _csv_record(line: int, raw: tuple[str, ...], columns: tuple[str, ...]) -> Record:
    if not _is_utf_8(raw):
        return Record(line, {}, _readable(raw), "not UTF-8")
    if len(raw) != len(columns):
        return Record(line, {}, raw, f"has {len(raw)} cells where the header has {len(columns)}")
    return Record(line, dict(zip(columns, raw, strict=True)), raw)


# --- JSON Lines ---


def _json_records(lines: Iterator[str], path: Path) -> Iterator[Record]:
    is_first = True
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        record = _json_record(number, line.strip())
        if is_first and record.problem:
            raise FileProblem(
                f"{path}:{number}: {record.problem}. A line is a record such as {_EXAMPLE}"
            )
        is_first = False
        yield record


def _json_record(number: int, line: str) -> Record:
    if not _is_utf_8((line,)):
        return Record(number, {}, _readable((line,)), "not UTF-8")
    try:
        cells = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        return Record(number, {}, (line,), f"not JSON: {error}")
    if not isinstance(cells, dict):
        return Record(number, {}, (line,), "not a JSON object")
    return Record(number, cells, (line,))


def _is_utf_8(texts: tuple[str, ...]) -> bool:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def _readable(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text.encode(errors="replace").decode() for text in texts)
