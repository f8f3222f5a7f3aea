"""What a run leaves beside its file: how far it came, and the records that were refused."""

import csv
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec.structs import replace

from functions.core.model import PushStatus

_HEAD = 65_536

_SAID = {
    "file": "content of the file",
    "url": "--url",
    "as_of": "--as-of",
    "mapped": "--map",
    "words": "--status",
}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run must have in common with the one that it continues.

    file: its size and the hash of its beginning.
    """

    file: str
    url: str
    as_of: int
    mapped: dict[str, str]
    words: dict[str, PushStatus]

    def differing(self, other: "Settings") -> list[str]:
        """In what the two differ, as a sentence names it."""
        return [said for name, said in _SAID.items() if getattr(self, name) != getattr(other, name)]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the records so far.

    silent: said nothing that is imported; elsewhere: were of a browser, of mail or SMS.
    """

    records: int = 0
    imported: int = 0
    unchanged: int = 0
    silent: int = 0
    elsewhere: int = 0
    refused: int = 0

    def plus(self, **more: int) -> "Counts":
        """With so many more of each."""
        return replace(self, **{name: getattr(self, name) + more[name] for name in more})


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A run so far. refused_bytes: how much of the table of refused records belongs to it."""

    settings: Settings
    counts: Counts = Counts()
    refused_bytes: int = 0


class StateFile:
    """`FILE.softask-import.json`, there while a run is unfinished."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}.softask-import.json")

    def read(self) -> State | None:
        """The unfinished run's; ValueError where it is not readable."""
        if not self.path.exists():
            return None
        return msgspec.json.decode(self.path.read_bytes(), type=State)

    def write(self, state: State) -> None:
        """In one step: a run that is killed leaves this state or the one before."""
        new = self.path.with_name(f"{self.path.name}.new")
        new.write_bytes(msgspec.json.encode(state))
        new.replace(self.path)

    def remove(self) -> None:
        """The run is done."""
        self.path.unlink(missing_ok=True)


NOTES = ("line", "column", "problem")
"""The first columns of a table of refused records."""


class RefusedFile:
    """`FILE.refused.csv`: line, column, problem, and the record's own cells.

    It can be corrected and imported as it is: its first three columns are ignored then.
    """

    def __init__(self, path: Path, raw_columns: Iterable[str]) -> None:
        self.path = path.with_name(f"{path.name}.refused.csv")
        self._header = (*NOTES, *raw_columns)

    def cut(self, size: int) -> None:
        """Back to what a run had written; what came after is refused again."""
        if not size:
            self.path.unlink(missing_ok=True)
        elif self.size > size:
            os.truncate(self.path, size)

    def add(self, rows: Iterable[tuple[int, str, str, tuple[str, ...]]]) -> int:
        """Adds (line, column, problem, cells); returns the file's size."""
        rows = list(rows)
        if not rows:
            return self.size
        is_new = not self.path.exists()
        with self.path.open("a", encoding="utf-8", newline="") as table:
            writer = csv.writer(table)
            if is_new:
                writer.writerow(self._header)
            writer.writerows((line, column, problem, *raw) for line, column, problem, raw in rows)
        return self.size

    @property
    def size(self) -> int:
        """In bytes."""
        return self.path.stat().st_size if self.path.exists() else 0


def fingerprint(path: Path) -> str:
    """A file's size and the hash of its beginning."""
    with path.open("rb") as file:
        return f"{path.stat().st_size}-{sha256(file.read(_HEAD)).hexdigest()[:16]}"
