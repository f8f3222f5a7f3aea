"""Bytes of a file as lines, whatever the file."""

import gzip
import io
from collections.abc import Callable

import pytest

from cli.backtest import lines
from cli.backtest.lines import Damaged, blocks

TEXT = b'{"a":1}\n{"b":2}\n'


def read(content: bytes) -> list[bytes]:
    return [line for block in blocks(_file(content)) for line in block]


def _file(content: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(content))


@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_lines_are_the_same_with_gzip_and_without(packed: Callable[[bytes], bytes]) -> None:
    assert read(packed(TEXT)) == [b'{"a":1}', b'{"b":2}']


def test_the_last_line_needs_no_end() -> None:
    assert read(TEXT + b"{}") == [b'{"a":1}', b'{"b":2}', b"{}"]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert read(b"\xef\xbb\xbf" + TEXT)[0] == b'{"a":1}'


def test_lines_run_on_over_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK", 3)

    assert read(TEXT) == [b'{"a":1}', b'{"b":2}']


def test_gzip_files_that_were_joined_are_read_to_the_end() -> None:
    assert read(gzip.compress(TEXT) + gzip.compress(b"{}\n"))[-1] == b"{}"


def test_a_line_without_an_end_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK", 8)
    monkeypatch.setattr(lines, "MAX_LINE", 10)

    found = read(b"x" * 1_000 + b"\n{}\n")

    assert len(found[0]) <= 10 + 1 + 8
    assert found[1] == b"{}"


@pytest.mark.parametrize("cut", [-1, -9, -20])
def test_whole_lines_before_the_damage_are_read(cut: int) -> None:
    cut_short = gzip.compress(TEXT * 200_000)[:cut]
    found: list[bytes] = []

    with pytest.raises(Damaged):
        found.extend(line for block in blocks(_file(cut_short)) for line in block)

    assert len(found) > 300_000
    assert set(found) == {b'{"a":1}', b'{"b":2}'}
