"""Segment-shaped JSON as the domain's messages (Segment's HTTP Tracking API)."""

import re
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec

from functions.core.audience import PUSH_STATUS
from functions.core.model import Message, User
from functions.core.moments import parse_moment, parse_time
from functions.core.overlay import overlaid
from functions.core.permission import STATUS_WORDS, is_status, read_status
from functions.core.recent import fingerprint
from functions.wire.body import MAX_BATCH, parse, parse_array
from functions.wire.calls import (
    CALLS,
    MAX_ID,
    MAX_MESSAGE_ID,
    MAX_MESSAGES,
    Alias,
    Asker,
    Batch,
    Call,
    Group,
    Identify,
    Install,
    MessageKind,
    Sender,
    Track,
    View,
)
from functions.wire.context import Context, part, read_context, value_of
from functions.wire.errors import InvalidRequest, TooLarge
from functions.wire.times import PhoneClock

DECLINED_AT = "push_softask_declined_at"
"""The reserved trait that tells of a decline."""

MAX_TRAIT_NAME = 128

MAX_SPREAD = 4 * MAX_BATCH
"""Bytes of a batch's context, times the messages that it lies under: what that costs."""

Json = Mapping[str, Any]
S = TypeVar("S", bound=Sender)
T = TypeVar("T", bound=msgspec.Struct)

_EMPTY: Json = {}


def read_message(kind: MessageKind, body: Json, now: int, shared: Json = _EMPTY) -> Message:
    """One call, or one item of a batch, that arrived at `now`.

    shared: what a batch says for all its items (`context` lies under each item's own, `sentAt`).
    Raises `InvalidRequest` naming the field. Unknown `context` values read as absent.
    """
    call = _read_call(body, CALLS[kind])
    context = overlaid(part(shared, "context"), call.context or _EMPTY)
    sent_at = shared.get("sentAt") if call.sent_at is None else call.sent_at
    clock = _phone_clock(sent_at, now)
    happened, age = _happened(call, clock)
    user = _user(call)
    event, properties = _event(kind, call)
    own = (call.traits or _EMPTY) if isinstance(call, Identify) else _EMPTY
    told = part(context, "traits") if isinstance(call, Identify) else _EMPTY
    traits = {**told, **own}
    return Message(
        id=call.message_id or uuid.uuid4().hex,
        content=_fingerprint(kind, call, traits),
        kind="identify" if isinstance(call, Identify | Alias) else "track",
        user=user,
        at=happened,
        age=age,
        event=event,
        properties=properties,
        offer_id=value_of(properties, "offerId", str),
        traits=_traits(traits, own),
        declined_at=_declined_at(traits, own, clock),
        merges=_merges(call, user),
        device=_device(call, context),
        **read_context(context, clock),
    )


def read_asker(body: Json, now: int) -> Message:
    """Who asks `POST /v1/actions`, on which device, about which offer: it has no event."""
    asker = _read_call(body, Asker)
    context = asker.context or _EMPTY
    return Message(
        id="",
        content=b"",
        kind="track",
        user=_user(asker),
        at=now,
        offer_id=asker.offer_id,
        device=_device(asker, context),
        **read_context(context, _phone_clock(asker.sent_at, now)),
    )


def read_install(body: Json) -> User | None:
    """Who asks `POST /v1/devices` for a token; None where nobody is named yet."""
    named = _id(_read(body, Install).anonymous_id)
    return User("anonymous", named) if named else None


def read_batch(envelope: Mapping[str, msgspec.Raw]) -> tuple[Json, list[msgspec.Raw]]:
    """What a batch says for all its items, and those as they are.

    Raises `InvalidRequest` or `TooLarge`, the latter before anything is parsed.
    """
    if "batch" not in envelope:
        raise InvalidRequest("Add batch: an array of messages.", "batch")
    items = parse_array(envelope["batch"], "batch")
    _check_sizes(envelope, items)
    shared = {key: parse(bytes(value)) for key, value in envelope.items() if key != "batch"}
    _time(_read({**shared, "batch": items}, Batch).sent_at, "sentAt")
    return shared, items


def read_user(body: Json) -> User:
    """`userId`, else `anonymousId`; one of them must be there."""
    return _user(_read(body, Sender))


def read_object(value: Any) -> dict[str, Any]:
    """A message is an object."""
    if not isinstance(value, dict):
        raise InvalidRequest("This must be a JSON object.", "body")
    return value


def told_id(body: Json) -> str | None:
    """The message's own id where it is one, whatever else may be wrong with the body."""
    told = value_of(body, "messageId", str)
    return told if told and len(told) <= MAX_MESSAGE_ID else None


def _check_sizes(envelope: Mapping[str, msgspec.Raw], items: Sequence[msgspec.Raw]) -> None:
    if len(items) > MAX_MESSAGES:
        raise TooLarge(f"A batch has at most {MAX_MESSAGES} messages.", "batch")
    context = envelope.get("context", msgspec.Raw())
    if memoryview(context).nbytes * len(items) > MAX_SPREAD:
        problem = (
            f"The context of a batch, times its messages, has at most {MAX_SPREAD} bytes: send"
            " fewer messages at once, or a smaller context."
        )
        raise TooLarge(problem, "context")


# --- who, and what happened ---


def _user(sender: Sender) -> User:
    """An empty id is none: analytics-kotlin sends an empty `userId` until somebody logs in."""
    if user_id := _id(sender.user_id):
        return User("user", user_id)
    if anonymous_id := _id(sender.anonymous_id):
        return User("anonymous", anonymous_id)
    if sender.user_id is None and sender.anonymous_id is None:
        raise InvalidRequest("Add userId or anonymousId: whose message is it?", "userId")
    field = "anonymousId" if sender.user_id is None else "userId"
    raise InvalidRequest(f"{field} must have 1 to {MAX_ID} characters.", field)


def _id(told: str | int | None) -> str:
    """analytics-ruby sends numeric ids as they are; others of Segment's SDKs as their digits."""
    return "" if told is None else str(told)


def _merges(call: Call, user: User) -> str:
    if isinstance(call, Alias):
        return _id(call.previous_id)
    if isinstance(call, Identify) and user.kind == "user":
        return _id(call.anonymous_id)
    return ""


def _event(kind: MessageKind, call: Call) -> tuple[str, Json]:
    """The event that a call counts as, with its properties; none for what sets traits."""
    match call:
        case Track():
            return call.event, call.properties or _EMPTY
        case View():
            named = {"name": call.name or call.event, "category": call.category}
            said = {key: value for key, value in named.items() if value}
            return said.get("name", kind), {**said, **(call.properties or _EMPTY)}
        case Group():
            return kind, {**(call.traits or _EMPTY), "groupId": _id(call.group_id)}
    return "", _EMPTY


def _device(sender: Sender, context: Context) -> str:
    told = value_of(part(context, "device"), "id", str)
    return (told or _id(sender.anonymous_id))[:MAX_ID]


_SAID = ("user_id", "anonymous_id", "event", "properties")
_SAID_TOO = ("name", "category", "group_id", "previous_id")


def _fingerprint(kind: MessageKind, call: Call, traits: Json) -> bytes:
    """Of what a message id stands for: not the context, nor the time of sending."""
    said = [kind, *(getattr(call, field, None) for field in _SAID)]
    said.append(call.traits if isinstance(call, Group) else traits or None)
    said += [getattr(call, field) for field in _SAID_TOO if hasattr(call, field)]
    return fingerprint(msgspec.json.encode(said, order="deterministic"))


# --- time ---


def _phone_clock(sent_at: Any, now: int) -> PhoneClock:
    sent = _time(sent_at, "sentAt")
    return PhoneClock(now, None if sent is None else sent - now)


def _happened(call: Call, clock: PhoneClock) -> tuple[int, int | None]:
    """When it happened, and how long ago that is, where it can be known.

    Beside `originalTimestamp`, `timestamp` is by a server's clock: in a mirrored feed it is
    corrected already, and RudderStack lets the one that an app names stand as it is. It counts
    where it is earlier: a feed's lag makes a phone's times look later than they were.
    """
    told = _time(call.timestamp, "timestamp")
    original = _time(call.original_timestamp, "originalTimestamp")
    if told is not None and original is not None:
        happened = min(max(0, told), clock.happened(original))
        return happened, clock.now - happened
    happened = clock.happened(told if original is None else original)
    return happened, None if clock.ahead is None else clock.now - happened


def _time(value: Any, field: str) -> int | None:
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return parse_time(value)
    except ValueError:
        pass
    raise InvalidRequest(_NO_TIME.format(field), field)


# --- traits ---


def _traits(traits: Json, own: Json) -> Json:
    """The user's attributes; a reserved one is checked, and the told decline kept apart."""
    for name in traits:
        if not 1 <= len(name) <= MAX_TRAIT_NAME:
            problem = f"A trait's name must have 1 to {MAX_TRAIT_NAME} characters."
            raise InvalidRequest(problem, _map_of(name, own))
    kept = {name: value for name, value in traits.items() if name != DECLINED_AT}
    status = kept.get(PUSH_STATUS)
    if status is None:
        return kept
    if not isinstance(status, str) or not is_status(status):
        problem = f"{PUSH_STATUS} must be one of {', '.join(STATUS_WORDS)}."
        raise InvalidRequest(problem, f"{_map_of(PUSH_STATUS, own)}.{PUSH_STATUS}")
    return {**kept, PUSH_STATUS: read_status(status).value}


def _declined_at(traits: Json, own: Json, clock: PhoneClock) -> int | None:
    value = traits.get(DECLINED_AT)
    if value is None:
        return None
    try:
        return clock.correct(parse_moment(value))
    except (ValueError, OverflowError):
        problem = f"{DECLINED_AT} must be a time such as 2026-11-21T10:00:00Z, or epoch seconds."
        raise InvalidRequest(problem, f"{_map_of(DECLINED_AT, own)}.{DECLINED_AT}") from None


def _map_of(trait: str, own: Json) -> str:
    return "traits" if trait in own else "context.traits"


# --- bodies as their types ---


def _read_call(body: Json, kind: type[S]) -> S:
    """The body as that call; whose it is goes first of all that may be wrong."""
    try:
        return _read(body, kind)
    except InvalidRequest:
        read_user(body)
        raise


def _read(body: Json, kind: type[T]) -> T:
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        problem = str(error)
    found = _FIELD.search(problem)
    field = found[1] if found else "body"
    raise InvalidRequest(_told(problem, field, body.get(field), kind), field)


_FIELD = re.compile(r"`(?:\$\.)?(\w+)(?:\[\d+\])?`$")
_NO_TIME = "{} must be a time such as 2026-11-21T10:00:00Z."
_NO_INTENT = "{} is explicit, or left out."
_SAYS = dict.fromkeys(("timestamp", "originalTimestamp", "sentAt"), _NO_TIME) | {
    "intent": _NO_INTENT
}


def _told(problem: str, field: str, value: Any, kind: type[msgspec.Struct]) -> str:
    """msgspec's words for a wrong field, as what to send instead."""
    if value is None:
        return f"Add {field}."
    if field in _SAYS:
        return _SAYS[field].format(field)
    if "of length" in problem:
        return f"{field} must have 1 to {_longest(kind, field)} characters."
    wanted = "an object" if problem.startswith("Expected `object") else "a string"
    return f"{field} must be {wanted}."


@cache
def _longest(kind: type[msgspec.Struct], field: str) -> int:
    """The bound that the OpenAPI document tells too."""
    _, components = msgspec.json.schema_components([kind])
    schema = components[kind.__name__]["properties"][field]
    choices = (schema, *schema.get("anyOf", ()))
    return int(next(each["maxLength"] for each in choices if "maxLength" in each))
