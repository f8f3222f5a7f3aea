"""A recording's bytes as lines, in big blocks. Gzip is told by its magic bytes, not by the name."""

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedReader

BLOCK = 1 << 20

MAX_LINE = 5 << 20
"""Bytes: more than any batch that is accepted (`functions/wire/body.py`)."""

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class Damaged(Exception):
    """The gzip stream is damaged or cut short: nothing can be read from here on."""


def blocks(raw: BufferedReader) -> Iterator[list[bytes]]:
    """The lines, without their ends, a block of the file at a time.

    A line beyond `MAX_LINE` comes cut down to one byte more, so that no line needs much memory.
    """
    rest = b""
    for number, block in enumerate(_inflated(raw)):
        unmarked = block.removeprefix(_BOM) if number == 0 else block
        *whole, rest = (rest + unmarked).split(b"\n")
        rest = rest[: MAX_LINE + 1]
        yield whole
    if rest:
        yield [rest]


def _inflated(raw: BufferedReader) -> Iterator[bytes]:
    is_gzip = raw.peek(2).startswith(_GZIP)
    source = gzip.GzipFile(fileobj=raw) if is_gzip else raw
    try:
        while block := source.read1(BLOCK):
            yield block
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise Damaged from None
