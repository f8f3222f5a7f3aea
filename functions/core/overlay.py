"""One nested mapping over another, such as an item's context over its batch's."""

from collections.abc import Mapping
from typing import Any


def overlaid(under: Mapping[str, Any], over: Mapping[str, Any]) -> Mapping[str, Any]:
    """Both, key by key at every depth; where they disagree, the one above."""
    if not under:
        return over
    both = dict(under)
    for key, value in over.items():
        below = both.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            both[key] = overlaid(below, value)
        else:
            both[key] = value
    return both
