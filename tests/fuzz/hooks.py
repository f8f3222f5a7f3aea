"""What Schemathesis is not to send; it runs in an environment of its own."""

from typing import Any

import schemathesis  # type: ignore[import-not-found]

_WHOLE = (
    "userId",
    "anonymousId",
    "previousId",
    "groupId",
    "version",
    "expectedVersion",
    "expectedRevision",
    "overlapSeconds",
)


def filter_body(_context: object, body: Any) -> bool:
    """Nothing like 2.0 for a whole number: one to JSON Schema, a fraction to the strict parser."""
    return not isinstance(body, dict) or not any(isinstance(body.get(key), float) for key in _WHOLE)


schemathesis.hook(filter_body)
