"""What to do while somebody else writes the same item first, and many items side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

from functions.store.connection import Conflict, Unavailable

MAX_ROUNDS = 6
PATIENT_ROUNDS = 20
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
                self.rest(round_)
        raise Busy

    def rest(self, round_: int) -> None:
        """The pause behind a lost round; the first one is 0."""
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**round_)
        self.pause(longest * self.jitter())


@dataclass(frozen=True, slots=True)
class Patience:
    """For a function that nobody waits for: it tries more often, and after throttling too.

    time_left(): milliseconds until the function is stopped; the last `reserve` are not touched.
    """

    retry: Retry
    time_left: Callable[[], int]
    reserve: int

    def has_time(self) -> bool:
        """Whether another call may be begun."""
        return self.time_left() > self.reserve

    def until_written(self, attempt: Callable[[], T]) -> T:
        """As `Retry` does it; `Busy` after `PATIENT_ROUNDS`, or for want of time."""
        lost: Exception | None = None
        for round_ in range(PATIENT_ROUNDS):
            if not self.has_time():
                break
            try:
                return attempt()
            except Conflict as error:
                lost = error
                self.retry.on_conflict()
            except Unavailable as error:
                lost = error
            self.retry.rest(round_)
        raise Busy from lost


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
