"""Deletes the windows that are due, shard by shard, for as long as there is time.

Run twice, overlapped with itself or with TTL, or killed at any write, it ends in the same table:
each window is deleted under the condition that it still is due, and the stream tells of it once.
"""

from collections.abc import Callable
from itertools import islice

import msgspec

from functions.store import windows
from functions.store.connection import Unavailable
from functions.store.keys import SHARDS
from functions.store.windows import WindowItem

RESERVE = 10_000
"""Milliseconds that are kept for counting what is left and for answering."""

_LAST_CALL = 2_000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class Swept(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`left`: windows that are due still; a lower bound where even counting ran out of time."""

    deleted: int
    left: int
    left_is_exact: bool = True


class Sweeper:
    """time_left(): milliseconds until the function is stopped; pause(seconds)."""

    def __init__(self, time_left: Callable[[], int], pause: Callable[[float], None]) -> None:
        self._time_left = time_left
        self._pause = pause
        self._deleted = 0
        self._oldest: int | None = None

    def sweep(self, now: int) -> Swept:
        """Deletes every window that ended by `now`, or as many as the time allows."""
        for shard in range(SHARDS):
            if not self._clear(shard, now):
                return self._count_left(shard, now)
        return Swept(deleted=self._deleted, left=0)

    def lag(self, now: int) -> int:
        """How many seconds ago the oldest window that was met, or is left, was due; 0 without one.

        A lower bound where `left` is one.
        """
        return 0 if self._oldest is None else now // 1000 - self._oldest

    def _clear(self, shard: int, now: int) -> bool:
        """Whether the shard was finished. A throttled pass backs off and begins the shard anew."""
        pause = _FIRST_PAUSE
        while self._time_left() > RESERVE + pause * 1000:
            try:
                return self._pass(shard, now)
            except Unavailable:
                self._pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        return False

    def _pass(self, shard: int, now: int) -> bool:
        for window in windows.due(shard, now):
            self._meet(window)
            if self._time_left() <= RESERVE:
                return False
            self._deleted += windows.remove_due(window, now)
        return True

    def _count_left(self, first: int, now: int) -> Swept:
        left = 0
        for shard in range(first, SHARDS):
            counted = self._count(shard, now)
            if counted is None:
                return Swept(deleted=self._deleted, left=left, left_is_exact=False)
            left += counted
        return Swept(deleted=self._deleted, left=left)

    def _count(self, shard: int, now: int) -> int | None:
        if self._time_left() <= _LAST_CALL:
            return None
        try:
            for oldest in islice(windows.due(shard, now), 1):
                self._meet(oldest)
            return windows.count_due(shard, now)
        except Unavailable:
            return None

    def _meet(self, window: WindowItem) -> None:
        due_at = int(window.due_at)
        self._oldest = due_at if self._oldest is None else min(due_at, self._oldest)
