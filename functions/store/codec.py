"""A profile as bytes, and back, with what newer code wrote beside it.

Old and new code run side by side during a deploy and after a rollback. Old code decodes strictly;
where that fails on an unknown key, it takes the unknown keys apart, and puts them back in place
when it writes. Values of known keys must stay readable to older code.

The JSON is deflated with a dictionary of the names and words that profiles are made of: a typical
profile takes 1.7 KB plain, 0.9 KB deflated, and 0.6 KB deflated so; one write unit instead of two.
"""

import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect

from functions.core.model import Profile

_DECODER = msgspec.json.Decoder(Profile)
_SHAPE = inspect.type_info(Profile)

_DICTIONARY = (
    b'"promptsanonymousdismissedapproveddeclinedprovisionaldeniedauthorizednotDetermined'
    b'withdrawnreleasedopenandroidiosholdouttruefalse"answered":"granted","answered_at":17'
    b'"skip_waits":"asked_at":17"forgiven":["elsewhere":{"retry_at":17"window":true'
    b'"show_after":"installed_at":17"country":"","time_zone":"Europe/America/'
    b'"locale":"en-"app_version":"","api_level":3"os_version":"1"platform":"'
    b'"last_asked_at":17"last_declined_at":17"target_sdk":3"notification_types":'
    b'"opted_out":false,"rationale":false,"ever_asked":false,"can_request":true,'
    b'"prompts_used":0,"status":"notDetermined","push_at":17'
    b'"session_at":17"push_permission_status":["unknown",17'
    b'{"user":{"kind":"user","id":""},"first_seen_at":17,"seen_at":17,"attributes":{'
    b'"devices":{"":{"push":{"events":{"ValueMomentReached":[1,17,17,[],0,0]},'
    b'"progress":{"push-softask":{"exposed_at":17,"granted":1,"attempts":1,'
    b'"offer":{"id":"of_aaaaaaiaaeaaaaaaagqm","serial":1,"device":"","attempt":1,'
    b'"version":0,"arm":"soft_ask","granted_at":17,"lease_until":17,"state":"shown"},'
    b'"seen":[[1,17]],"outcome":"declined","outcome_at":17,"outcome_of":1,'
    b'"declined_at":17,"retry_at":17,"window":true,"since":{"ValueMomentReached":'
    b'1}}},"declined_at":17,"recent":"'
)
"""What is stored can be read with this very text alone: never change a byte of it.

A stream names the dictionary it was written with, so another may stand beside it some day.
"""

Surplus = Mapping[str, Any]
"""Unknown keys by name, and under known keys what is unknown further down."""

UNKNOWN = "\0unknown"
"""Where a surplus has what is unknown at its own place."""

UNREADABLE = (zlib.error, msgspec.MsgspecError)
"""What `decode` raises for bytes that are no profile."""


def decode(body: bytes) -> tuple[Profile, Surplus]:
    """The profile and the surplus that `encode` must be given back; usually empty."""
    plain = inflate(body)
    try:
        return _DECODER.decode(plain), {}
    except msgspec.ValidationError:
        raw = msgspec.json.decode(plain)
        known, surplus = split(raw, _SHAPE)
        return msgspec.convert(known, Profile), surplus


def encode(profile: Profile, surplus: Surplus) -> bytes:
    """The stored JSON, deflated, the surplus in its old place."""
    whole = merge(msgspec.to_builtins(profile), surplus) if surplus else profile
    return deflate(msgspec.json.encode(whole))


def deflate(plain: bytes) -> bytes:
    """As it is stored."""
    deflater = zlib.compressobj(zdict=_DICTIONARY)
    return deflater.compress(plain) + deflater.flush()


def inflate(stored: bytes) -> bytes:
    """The JSON of a stored body. Raises `zlib.error` for what is none."""
    return zlib.decompressobj(zdict=_DICTIONARY).decompress(stored)


def split(value: Any, shape: inspect.Type) -> tuple[Any, dict[str, Any]]:
    """JSON of newer code as what this code knows of it, and the surplus."""
    if isinstance(shape, inspect.UnionType):
        shape = next(kind for kind in shape.types if not isinstance(kind, inspect.NoneType))
    if isinstance(value, dict) and isinstance(shape, inspect.StructType | inspect.DictType):
        return _split_object(value, shape)
    if isinstance(value, list) and isinstance(shape, inspect.StructType):
        count = len(shape.fields)
        tail = value[count:]
        return value[:count], {UNKNOWN: tail} if tail else {}
    return value, {}


def _split_object(
    value: dict[str, Any], shape: inspect.StructType | inspect.DictType
) -> tuple[dict[str, Any], dict[str, Any]]:
    known: dict[str, Any] = {}
    surplus: dict[str, Any] = {}
    children = _children(value, shape)
    for key, child in value.items():
        if key not in children:
            surplus.setdefault(UNKNOWN, {})[key] = child
            continue
        known[key], below = split(child, children[key])
        if below:
            surplus[key] = below
    return known, surplus


def _children(
    value: dict[str, Any], shape: inspect.StructType | inspect.DictType
) -> dict[str, inspect.Type]:
    if isinstance(shape, inspect.StructType):
        return {field.encode_name: field.type for field in shape.fields}
    return dict.fromkeys(value, shape.value_type)


def merge(value: Any, surplus: Surplus) -> Any:
    """The surplus back in its old place; a part that is gone by now takes its surplus with it."""
    unknown = surplus.get(UNKNOWN)
    if isinstance(value, list):
        return [*value, *(unknown or ())]
    merged = {**value, **(unknown or {})}
    for key, below in surplus.items():
        if key != UNKNOWN and key in merged:
            merged[key] = merge(merged[key], below)
    return merged
