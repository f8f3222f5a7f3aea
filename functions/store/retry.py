"""What to do while somebody else writes the same item first, and many items side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

from functions.store.connection import Conflict, Unavailable

MAX_ROUNDS = 6
PARALLEL = 16
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.4

T = TypeVar("T")
R = TypeVar("R")


class Busy(Unavailable):
    """Too many writers on one item, or too little time: the same call may be sent again."""


@dataclass(frozen=True, slots=True)
class Retry:
    """pause(seconds): waits between two rounds; jitter(): a number from 0 to 1.

    on_conflict(): hears of every round that was lost; from many threads at once.
    """

    pause: Callable[[float], None]
    jitter: Callable[[], float]
    on_conflict: Callable[[], None] = lambda: None

    def until_written(self, attempt: Callable[[], T]) -> T:
        """Reads, decides and writes again after each `Conflict`; `Busy` after `MAX_ROUNDS`."""
        for round_ in range(MAX_ROUNDS):
            try:
                return attempt()
            except Conflict:
                self.on_conflict()
                longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**round_)
                self.pause(longest * self.jitter())
        raise Busy


def side_by_side(work: Callable[[T], R], items: Sequence[T], deadline: float) -> list[R]:
    """The results in the items' order; `Busy` when they take longer than `deadline` seconds.

    What is under way then goes on, and what is not begun never is.
    """
    if items and deadline <= 0:
        raise Busy
    if len(items) <= 1:
        return [work(item) for item in items]
    workers = ThreadPoolExecutor(min(PARALLEL, len(items)))
    try:
        futures = [workers.submit(work, item) for item in items]
        if wait(futures, timeout=deadline).not_done:
            raise Busy
        return [future.result() for future in futures]
    finally:
        workers.shutdown(wait=False, cancel_futures=True)
