"""The dev server's clock: real until it is moved, then still between moves."""

import re
from typing import Any

from functions.clock import Clock, wall_clock
from functions.core.campaign import milliseconds
from functions.core.model import SECOND
from functions.core.moments import parse_time
from functions.wire.errors import InvalidRequest

_SPAN = re.compile(r"(?:[0-9]{1,6}[smhd])+")
_PART = re.compile(r"[0-9]+[smhd]")

_EARLIEST = parse_time("1970-01-02T00:00:00Z")
_LATEST = parse_time("3000-01-01T00:00:00Z")


class DevClock:
    """A `Clock`: milliseconds since the epoch."""

    def __init__(self, real: Clock = wall_clock) -> None:
        self._real = real
        self._still_at: int | None = None

    def __call__(self) -> int:
        still_at = self._still_at
        return self._real() if still_at is None else still_at

    @property
    def moved(self) -> bool:
        """Whether it stands still."""
        return self._still_at is not None

    def move(self, to: int) -> None:
        """Stands still at that time until it is moved again."""
        self._still_at = to

    def reset(self) -> None:
        """Real time again."""
        self._still_at = None


def read_move(body: Any, now: int) -> int:
    """`{"advance": "14d"}` or `{"now": "2026-11-21T10:00:00Z"}` as the time to move to.

    Spans may be joined: `13d23h59m59s`. An advance ends on a whole second, the next one: retry
    windows do too, so that 14 days after a decline its window is due. Raises `InvalidRequest`,
    naming the field.
    """
    if not isinstance(body, dict) or len(body) != 1 or not body.keys() <= {"advance", "now"}:
        problem = 'Send {"advance": "14d"} (units s m h d) or {"now": "2026-11-21T10:00:00Z"}.'
        raise InvalidRequest(problem)
    [(field, value)] = body.items()
    to = _advanced(now, value) if field == "advance" else _time(value)
    if not _EARLIEST <= to < _LATEST:
        raise InvalidRequest("The clock goes from 1970 to 2999.", field)
    return to


def _advanced(now: int, value: Any) -> int:
    if not isinstance(value, str) or not _SPAN.fullmatch(value):
        raise InvalidRequest("advance must be a span such as 90s, 15m, 2h or 14d.", "advance")
    to = now + sum(milliseconds(part) for part in _PART.findall(value))
    return -(-to // SECOND) * SECOND


def _time(value: Any) -> int:
    try:
        if isinstance(value, str):
            return parse_time(value)
    except (ValueError, OverflowError):
        pass
    raise InvalidRequest("now must be a time such as 2026-11-21T10:00:00Z.", "now")
