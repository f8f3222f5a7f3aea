"""Interleaves calls at their database calls, in an order that a seed chooses.

Every thread stops before each of its database calls; when all threads have stopped or ended, the
seed picks the one that goes on. One thread runs at a time, so a seed always gives the same run.
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
        self._alive: set[int] = set()
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
                self._alive.add(threading.get_ident())
            start.wait()
            try:
                results[index] = call()
            except BaseException as error:
                errors.append(error)
            with self._changed:
                self._alive.discard(threading.get_ident())
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
        if self._chosen is None and self._waiting and self._waiting == self._alive:
            self._chosen = self._random.choice(self._in_order())
            self._changed.notify_all()

    def _in_order(self) -> list[int]:
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        return sorted(self._waiting, key=lambda ident: names.get(ident, ""))
