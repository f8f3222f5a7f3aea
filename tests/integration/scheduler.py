"""Interleaves calls at their database calls, in an order that a seed chooses.

Every thread stops before it begins and before each of its database calls; when all threads have
stopped or ended, the seed picks the one that goes on. So one thread runs at a time, a seed always
gives the same run, and what is not made for threads (a Lambda has one) is never entered by two.
"""

import random
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Scheduler:
    """Use `turn` as the database's `before` hook, and `run` to run the calls side by side."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._changed = threading.Condition()
        self._waiting: set[int] = set()
        self._alive: dict[int, int] = {}
        self._chosen: int | None = None

    def turn(self, _operation: str) -> None:
        """Waits until the calling thread is chosen; other threads' calls pass."""
        me = threading.get_ident()
        with self._changed:
            if me not in self._alive:
                return
            self._waiting.add(me)
            self._choose()
            self._changed.wait_for(lambda: self._chosen == me)
            self._waiting.discard(me)
            self._chosen = None

    def run(self, *calls: Callable[[], T]) -> list[T]:
        """The calls' results, in their order; the first error, if one raised."""
        results: dict[int, T] = {}
        errors: list[BaseException] = []
        start = threading.Barrier(len(calls))

        def work(index: int, call: Callable[[], T]) -> None:
            with self._changed:
                self._alive[threading.get_ident()] = index
            start.wait()
            try:
                self.turn("begin")
                results[index] = call()
            except BaseException as error:
                errors.append(error)
            with self._changed:
                del self._alive[threading.get_ident()]
                self._choose()

        threads = [threading.Thread(target=work, args=each) for each in enumerate(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        if errors:
            raise errors[0]
        return [results[index] for index in range(len(calls))]

    def _choose(self) -> None:
        if self._chosen is None and self._waiting and self._waiting == self._alive.keys():
            self._chosen = self._random.choice(sorted(self._waiting, key=self._alive.__getitem__))
            self._changed.notify_all()
