"""A profile as bytes, and back, with what newer code wrote beside it.

Old and new code run side by side during a deploy and after a rollback. Old code decodes strictly;
where that fails on an unknown key, it takes the unknown keys apart, and puts them back in place
when it writes. Values of known keys must stay readable to older code.

The JSON is deflated: a typical profile takes 1.5 KB plain and 0.8 KB deflated, one write unit
instead of two, for some 20 µs.
"""

import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect

from functions.core.model import Profile

_DECODER = msgspec.json.Decoder(Profile)
_SHAPE = inspect.type_info(Profile)

Surplus = Mapping[str, Any]
"""Unknown keys by name, and under known keys what is unknown further down."""

_UNKNOWN = "\0unknown"


def decode(body: bytes) -> tuple[Profile, Surplus]:
    """The profile and the surplus that `encode` must be given back; usually empty."""
    plain = zlib.decompress(body)
    try:
        return _DECODER.decode(plain), {}
    except msgspec.ValidationError:
        raw = msgspec.json.decode(plain)
        known, surplus = _split(raw, _SHAPE)
        return msgspec.convert(known, Profile), surplus


def encode(profile: Profile, surplus: Surplus) -> bytes:
    """The stored JSON, deflated, the surplus in its old place."""
    whole = _merge(msgspec.to_builtins(profile), surplus) if surplus else profile
    return zlib.compress(msgspec.json.encode(whole))


def _split(value: Any, shape: inspect.Type) -> tuple[Any, dict[str, Any]]:
    if isinstance(shape, inspect.UnionType):
        shape = next(kind for kind in shape.types if not isinstance(kind, inspect.NoneType))
    if isinstance(value, dict) and isinstance(shape, inspect.StructType | inspect.DictType):
        return _split_object(value, shape)
    if isinstance(value, list) and isinstance(shape, inspect.StructType):
        count = len(shape.fields)
        tail = value[count:]
        return value[:count], {_UNKNOWN: tail} if tail else {}
    return value, {}


def _split_object(
    value: dict[str, Any], shape: inspect.StructType | inspect.DictType
) -> tuple[dict[str, Any], dict[str, Any]]:
    known: dict[str, Any] = {}
    surplus: dict[str, Any] = {}
    children = _children(value, shape)
    for key, child in value.items():
        if key not in children:
            surplus.setdefault(_UNKNOWN, {})[key] = child
            continue
        known[key], below = _split(child, children[key])
        if below:
            surplus[key] = below
    return known, surplus


def _children(
    value: dict[str, Any], shape: inspect.StructType | inspect.DictType
) -> dict[str, inspect.Type]:
    if isinstance(shape, inspect.StructType):
        return {field.encode_name: field.type for field in shape.fields}
    return dict.fromkeys(value, shape.value_type)


def _merge(value: Any, surplus: Surplus) -> Any:
    """A part that is gone by now takes its surplus with it."""
    unknown = surplus.get(_UNKNOWN)
    if isinstance(value, list):
        return [*value, *(unknown or ())]
    merged = {**value, **(unknown or {})}
    for key, below in surplus.items():
        if key != _UNKNOWN and key in merged:
            merged[key] = _merge(merged[key], below)
    return merged
