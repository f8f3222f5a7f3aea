"""A user's own properties: which trait wins, and how much a profile holds."""

from collections.abc import Mapping
from typing import Any

import msgspec

from functions.core.model import Attribute, Message, Profile

MAX_ATTRIBUTES = 100
MAX_BYTES = 16_384


def with_traits(profile: Profile, message: Message) -> Mapping[str, Attribute]:
    """The user's attributes after an `identify`; what a later message set stays, null unsets."""
    attributes = dict(profile.attributes)
    for name, value in message.traits.items():
        known = attributes.get(name)
        if known is not None and _stands(known, message.at, value):
            continue
        if value is None:
            attributes.pop(name, None)
        else:
            attributes[name] = Attribute(value, message.at)
    return attributes


def _stands(known: Attribute, at: int, value: Any) -> bool:
    """An imported value is dated before 1970; told by the app, it becomes the app's own."""
    return known.at > at or (known.at >= 0 and _is_same(known.value, value))


def exceed_caps(attributes: Mapping[str, Attribute]) -> bool:
    """Whether they are too many, or too large together."""
    if len(attributes) > MAX_ATTRIBUTES:
        return True
    return len(msgspec.json.encode(attributes)) > MAX_BYTES


def _is_same(one: Any, other: Any) -> bool:
    """As JSON, where 1, 1.0 and true are three values."""
    return msgspec.json.encode(one) == msgspec.json.encode(other)
