"""What the dev server says on stderr: a short line a request, and what went wrong."""

import base64
import logging
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import msgspec

from functions.core.overlay import overlaid
from functions.core.permission import is_status
from functions.wire.body import MAX_BATCH, parse, parse_envelope, read_body
from functions.wire.calls import CALLS, MessageKind
from functions.wire.context import part
from functions.wire.messages import Json, read_batch, read_message

_MOST = 4
_MOST_ROWS = 3

_KINDS: Mapping[str, MessageKind] = {name: kind for kind in CALLS for name in (kind, kind[0])}
_BATCHES = ("batch", "b")
_ASKING = "actions"

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


def summary(words: Sequence[str], most: int = _MOST) -> str:
    """A few words, and how many more there are."""
    shown = ", ".join(words[:most])
    more = len(words) - most
    return f"{shown} and {more} more" if more > 0 else shown


def outcome(answer: Json) -> str:
    """The actions that were answered, and the rows of a batch that were rejected."""
    actions = [_action(action) for action in answer.get("actions", ())]
    rows = [_row(row["error"]) for row in answer.get("results", ()) if "error" in row]
    return ", ".join(filter(None, (summary(actions), summary(rows, _MOST_ROWS))))


@dataclass(frozen=True, slots=True)
class Sent:
    """What a message said: its event, or none, and `context.push.status` as it stood there."""

    event: str
    status: Any


def read_sent(path: str, body: bytes, answer: Json, now: int) -> list[Sent]:
    """The messages of a call that was answered with 200, without rejected rows."""
    name = path.removeprefix("/v1/")
    if name in _KINDS:
        return [_sent(_KINDS[name], parse(_inflated(body)), {}, now)]
    if name == _ASKING:
        return [Sent("", _status(parse(_inflated(body)), {}))]
    if name not in _BATCHES:
        return []
    shared, items = read_batch(parse_envelope(_inflated(body)))
    taken = [
        parse(bytes(item))
        for item, row in zip(items, answer["results"], strict=True)
        if row["status"] != "rejected"
    ]
    return [_sent(item["type"], item, shared, now) for item in taken]


def hints(sent: Sequence[Sent], events: Collection[str]) -> list[str]:
    """What was taken, and yet came to nothing. `events`: what some live campaign refers to."""
    ignored = {each.event: None for each in sent if each.event and each.event not in events}
    unread = {_spelt(each.status): None for each in sent if not _is_read(each.status)}
    told = []
    if ignored:
        told.append(f"no live campaign refers to {summary(list(ignored))}")
    if unread:
        words = summary(list(unread))
        told.append(f"context.push.status {words} is no known word, and was not read")
    return told


def _action(action: Json) -> str:
    if "attempt" in action:
        return f"{action['type']} (attempt {action['attempt']})"
    return f"{action['type']} ({action['reason']})"


def _row(error: Json) -> str:
    """`rejected batch[8]: traits.plan must be …`: the message names the last step alone."""
    place, _, field = error["field"].partition(".")
    name = field.rpartition(".")[2]
    message = error["message"].rstrip(".")
    if name and message.startswith(name):
        message = f"{field}{message.removeprefix(name)}"
    return f"rejected {place}: {message}"


def _inflated(body: bytes) -> bytes:
    return read_body(base64.b64encode(body).decode(), is_base64=True, limit=MAX_BATCH)


def _sent(kind: MessageKind, body: Json, shared: Json, now: int) -> Sent:
    return Sent(read_message(kind, body, now, shared).event, _status(body, shared))


def _status(body: Json, shared: Json) -> Any:
    context = overlaid(part(shared, "context"), part(body, "context"))
    return part(context, "push").get("status")


def _is_read(status: Any) -> bool:
    return status is None or (isinstance(status, str) and is_status(status))


def _spelt(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _change(record: logging.LogRecord) -> list[str] | None:
    """What an operator changed: `publish push-softask 3`, `settings`."""
    what = getattr(record, "what", None)
    if what is None:
        return None
    campaign, version = getattr(record, "campaign", None), getattr(record, "version", None)
    return [what if campaign is None else f"{what} {campaign} {version}"]


def _summed(record: logging.LogRecord) -> list[str] | None:
    """Decisions that one line tells of together, by reason."""
    counts: Mapping[str, int] | None = getattr(record, "counts", None)
    if counts is None:
        return None
    return [word for word, count in counts.items() for _ in range(count)]


class _Handler(logging.Handler):
    """What was decided or changed goes to the line of its request; anything else is a line, unless
    it only counts."""

    def emit(self, record: logging.LogRecord) -> None:
        told = getattr(record, "reasons", None) or _summed(record) or _change(record)
        if told is not None:
            _reasons.get([]).extend(told)
            return
        if record.getMessage() == "recorded":
            return
        cause = getattr(record, "cause", None)
        text = f"{record.name}: {record.getMessage()}"
        say(f"{text}: {cause}" if cause else text)
        if record.exc_info:
            say(logging.Formatter().formatException(record.exc_info))
