"""What the dev server says on stderr: a short line a request, and what went wrong."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_MOST_REASONS = 4

_reasons: ContextVar[list[str]] = ContextVar("reasons")


def say(line: str) -> None:
    """One line, at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextmanager
def collected_reasons() -> Iterator[list[str]]:
    """What the functions log of their decisions within it, in this thread."""
    reasons: list[str] = []
    token = _reasons.set(reasons)
    try:
        yield reasons
    finally:
        _reasons.reset(token)


@contextmanager
def taken_over(*services: str) -> Iterator[None]:
    """Functions' structured logs come here within it, instead of as JSON to stdout."""
    loggers = [logging.getLogger(service) for service in services]
    kept = [logger.handlers[:] for logger in loggers]
    for logger in loggers:
        logger.handlers[:] = [_Handler()]
    try:
        yield
    finally:
        for logger, handlers in zip(loggers, kept, strict=True):
            logger.handlers[:] = handlers


def summary(words: Sequence[str]) -> str:
    """A few words, and how many more there are."""
    shown = ", ".join(words[:_MOST_REASONS])
    more = len(words) - _MOST_REASONS
    return f"{shown} and {more} more" if more > 0 else shown


def _change(record: logging.LogRecord) -> list[str] | None:
    """What an operator changed: `publish push-softask 3`, `settings`."""
    what = getattr(record, "what", None)
    if what is None:
        return None
    campaign, version = getattr(record, "campaign", None), getattr(record, "version", None)
    return [what if campaign is None else f"{what} {campaign} {version}"]


class _Handler(logging.Handler):
    """What was decided or changed goes to the line of its request; anything else is a line."""

    def emit(self, record: logging.LogRecord) -> None:
        told = getattr(record, "reasons", None) or _change(record)
        if told is not None:
            _reasons.get([]).extend(told)
            return
        cause = getattr(record, "cause", None)
        text = f"{record.name}: {record.getMessage()}"
        say(f"{text}: {cause}" if cause else text)
        if record.exc_info:
            say(logging.Formatter().formatException(record.exc_info))
