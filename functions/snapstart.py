"""SnapStart: what a function must do anew after it was restored from a snapshot."""

from collections.abc import Callable

from snapshot_restore_py import register_after_restore


def after_restore(callback: Callable[[], None]) -> None:
    """Runs `callback` after every restore, before the first request; elsewhere it never runs."""
    register_after_restore(callback)
