"""Messages in the order of their arrival, whatever their order in the file.

Sorted outside memory: what does not fit is written to temporary files as sorted runs, which are
merged when they are read. So a file of any length and any order needs a bounded memory.
"""

import heapq
import struct
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from operator import itemgetter
from types import TracebackType
from typing import BinaryIO, Self

HELD = 64 << 20
"""Bytes of messages that are held in memory."""

_HEAD = struct.Struct("<qqI")

Entry = tuple[int, int, bytes]
"""When it arrived (milliseconds), its line's number, and its JSON."""

_order = itemgetter(0)
"""By time alone: sorting and merging both keep the file's order where times are the same."""


class Chronicle:
    """Takes entries in any order and gives them back in theirs."""

    def __init__(self, held: int = HELD) -> None:
        self.count = 0
        self._most = held
        self._held: list[Entry] = []
        self._size = 0
        self._runs: list[BinaryIO] = []
        self._files = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._files.close()

    def add(self, at: int, line: int, content: bytes) -> None:
        """Keeps one message."""
        self.count += 1
        self._held.append((at, line, content))
        self._size += len(content)
        if self._size >= self._most:
            self._write_run()

    def __iter__(self) -> Iterator[Entry]:
        self._held.sort(key=_order)
        return heapq.merge(*map(_read_run, self._runs), self._held, key=_order)

    def _write_run(self) -> None:
        run = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed by the stack
        for at, line, content in sorted(self._held, key=_order):
            run.write(_HEAD.pack(at, line, len(content)))
            run.write(content)
        self._runs.append(run)
        self._held.clear()
        self._size = 0


def _read_run(run: BinaryIO) -> Iterator[Entry]:
    run.seek(0)
    while head := run.read(_HEAD.size):
        at, line, size = _HEAD.unpack(head)
        yield at, line, run.read(size)
