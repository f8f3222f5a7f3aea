"""Segment-shaped JSON as the domain's messages (FACTS, section 2)."""

import uuid
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from functions.core.audience import PUSH_STATUS
from functions.core.model import Message, User
from functions.core.moments import parse_moment, parse_time
from functions.core.permission import STATUS_WORDS, is_status, read_status
from functions.core.recent import fingerprint
from functions.wire.context import merged, part, read_context, value_of
from functions.wire.errors import InvalidRequest
from functions.wire.times import PhoneClock

DECLINED_AT = "push_softask_declined_at"
"""The reserved trait that tells of a decline."""

MAX_ID = 256
MAX_MESSAGE_ID = 100
MAX_EVENT = 200
MAX_TRAIT_NAME = 128

MessageKind = Literal["track", "identify"]
Json = Mapping[str, Any]


def read_message(kind: MessageKind, body: Json, now: int, shared: Json | None = None) -> Message:
    """One call, or one item of a batch, that arrived at `now`.

    shared: what a batch says for all its items (`context` lies under each item's own, `sentAt`).
    Raises `InvalidRequest` naming the field. Unknown `context` values read as absent.
    """
    user, shared = read_user(body), shared or {}
    context = merged(_object(shared, "context"), _object(body, "context"))
    clock = _phone_clock(body, shared, now)
    at = _time(body, "originalTimestamp") or _time(body, "timestamp")
    happened = clock.happened(at)
    event = _text(body, "event", MAX_EVENT) if kind == "track" else ""
    properties = _object(body, "properties")
    traits = _object(body, "traits") if kind == "identify" else {}
    return Message(
        id=_message_id(body),
        content=_fingerprint(kind, body),
        kind=kind,
        user=user,
        at=happened,
        age=None if clock.ahead is None else now - happened,
        event=event,
        properties=properties if kind == "track" else {},
        offer_id=value_of(properties, "offerId", str),
        traits=_traits(traits),
        declined_at=_declined_at(traits, clock),
        device=_device(body, context),
        **read_context(context, clock),
    )


def read_asker(body: Json, now: int) -> Message:
    """Who asks `POST /v1/actions`, on which device: a message without an event."""
    context = _object(body, "context")
    return Message(
        id="",
        content=b"",
        kind="track",
        user=read_user(body),
        at=now,
        device=_device(body, context),
        **read_context(context, _phone_clock(body, {}, now)),
    )


def read_user(body: Json) -> User:
    """`userId`, else `anonymousId`; one of them must be there."""
    if body.get("userId") is not None:
        return User("user", _text(body, "userId", MAX_ID))
    if body.get("anonymousId") is not None:
        return User("anonymous", _text(body, "anonymousId", MAX_ID))
    raise InvalidRequest("Add userId or anonymousId: whose message is it?", "userId")


def read_object(value: Any) -> dict[str, Any]:
    """A message is an object."""
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.", "body")
    return value


def optional_text(body: Json, field: str, most: int) -> str | None:
    """A text that may be left out."""
    return None if body.get(field) is None else _text(body, field, most)


def _text(body: Json, field: str, most: int) -> str:
    value = body.get(field)
    if value is None:
        raise InvalidRequest(f"Add {field}.", field)
    if not isinstance(value, str):
        raise InvalidRequest(f"{field} must be a string.", field)
    if not 1 <= len(value) <= most:
        raise InvalidRequest(f"{field} must have 1 to {most} characters.", field)
    return value


def _object(body: Json, field: str) -> Json:
    value = body.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"{field} must be an object.", field)
    return value


def _message_id(body: Json) -> str:
    """Made here when absent: such a message cannot be recognised when it is sent again."""
    return optional_text(body, "messageId", MAX_MESSAGE_ID) or uuid.uuid4().hex


def _fingerprint(kind: MessageKind, body: Json) -> bytes:
    """Of what a message id stands for: not the context, nor the time of sending."""
    said = [body.get(field) for field in ("userId", "anonymousId", "event", "properties", "traits")]
    return fingerprint(msgspec.json.encode([kind, *said], order="deterministic"))


# --- time ---


def _phone_clock(body: Json, shared: Json, now: int) -> PhoneClock:
    sent_at = _time(body, "sentAt") or _time(shared, "sentAt")
    return PhoneClock(now, None if sent_at is None else sent_at - now)


def _time(body: Json, field: str) -> int | None:
    value = body.get(field)
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return parse_time(value)
    except ValueError:
        pass
    raise InvalidRequest(f"{field} must be a time such as 2026-11-21T10:00:00Z.", field)


# --- traits ---


def _traits(traits: Json) -> Json:
    """The user's own attributes; a reserved one is checked, and the told decline kept apart."""
    for name in traits:
        if not 1 <= len(name) <= MAX_TRAIT_NAME:
            problem = f"A trait's name must have 1 to {MAX_TRAIT_NAME} characters."
            raise InvalidRequest(problem, "traits")
    own = {name: value for name, value in traits.items() if name != DECLINED_AT}
    status = own.get(PUSH_STATUS)
    if status is None:
        return own
    if not isinstance(status, str) or not is_status(status):
        problem = f"{PUSH_STATUS} must be one of {', '.join(STATUS_WORDS)}."
        raise InvalidRequest(problem, f"traits.{PUSH_STATUS}")
    return {**own, PUSH_STATUS: read_status(status).value}


def _declined_at(traits: Json, clock: PhoneClock) -> int | None:
    value = traits.get(DECLINED_AT)
    if value is None:
        return None
    try:
        return clock.correct(parse_moment(value))
    except (ValueError, OverflowError):
        problem = f"{DECLINED_AT} must be a time such as 2026-11-21T10:00:00Z, or epoch seconds."
        raise InvalidRequest(problem, f"traits.{DECLINED_AT}") from None


def _device(body: Json, context: Json) -> str:
    told = value_of(part(context, "device"), "id", str)
    return (told or value_of(body, "anonymousId", str) or "")[:MAX_ID]
