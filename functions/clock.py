"""The one place that reads the time. Handlers do; everything below takes `now`."""

import time
from collections.abc import Callable

Clock = Callable[[], int]


def wall_clock() -> int:
    """Milliseconds since the epoch, UTC. Wall time: a monotonic clock stops over a snapshot."""
    return time.time_ns() // 1_000_000
