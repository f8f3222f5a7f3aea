"""A user's own properties: which trait wins, and how much a profile holds."""

from collections.abc import Mapping
from typing import Any

import msgspec

from functions.core.audience import PUSH_STATUS
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


def united(one: Mapping[str, Attribute], other: Mapping[str, Attribute]) -> Mapping[str, Attribute]:
    """Two users' attributes, the later value of each; beyond the caps, the longest unset stay out.

    The permission is the last to stay out.
    """
    both = dict(one)
    for name, attribute in other.items():
        known = both.get(name)
        if known is None or _rank(attribute) > _rank(known):
            both[name] = attribute
    return _within_caps(both)


def _rank(attribute: Attribute) -> tuple[int, bytes]:
    """Values of one time are told apart by their text, so that no order of merging matters."""
    return attribute.at, msgspec.json.encode(attribute.value, order="deterministic")


def _within_caps(attributes: Mapping[str, Attribute]) -> Mapping[str, Attribute]:
    def worth(name: str) -> tuple[bool, int, str]:
        return name == PUSH_STATUS, attributes[name].at, name

    kept = dict(attributes)
    by_worth = sorted(attributes, key=worth, reverse=True)
    while exceed_caps(kept):
        del kept[by_worth.pop()]
    return kept


def _is_same(one: Any, other: Any) -> bool:
    """As JSON, where 1, 1.0 and true are three values."""
    return msgspec.json.encode(one) == msgspec.json.encode(other)
