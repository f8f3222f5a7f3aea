"""What the code checks beyond the types, as JSON Schema."""

from collections.abc import Mapping
from typing import Any

from functions.core.audience import PUSH_STATUS
from functions.core.permission import STATUS_WORDS
from functions.wire.calls import CALLS, MAX_EVENT, MAX_ID
from functions.wire.messages import DECLINED_AT, MAX_TRAIT_NAME

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"


def named(name: str) -> Schema:
    """A reference to the schema of that name."""
    return {"$ref": REFERENCE.format(name=name)}


WHOLE: Schema = {"exclusiveMinimum": -(10**38), "exclusiveMaximum": 10**38}
"""DynamoDB keeps 38 digits."""

_NUMBER: Schema = {
    "anyOf": [
        {"type": "integer", **WHOLE},
        {"type": "number", "minimum": 1e-120, "exclusiveMaximum": 1e121},
        {"type": "number", "exclusiveMinimum": -1e121, "maximum": -1e-120},
    ]
}

VALUE: Schema = {
    "description": "Any JSON that comes back as it was sent: numbers within what DynamoDB keeps, "
    "and no deeper than 32 levels in all.",
    "anyOf": [
        {"type": ["string", "boolean", "null"]},
        *_NUMBER["anyOf"],
        {"type": "array", "items": named("Value")},
        {"type": "object", "additionalProperties": named("Value")},
    ],
}
"""See `functions.wire.body`."""

_WORDS = "ISO 8601, or epoch seconds or milliseconds."

SINCE_1970: Schema = {
    "description": _WORDS,
    "anyOf": [
        {"type": "string", "format": "date-time", "pattern": "^(19[7-9]|[2-9][0-9])"},
        {"type": "integer", "minimum": 0, "exclusiveMaximum": 10**38},
        {"type": "number", "minimum": 1e-120, "exclusiveMaximum": 1e121},
        {"type": "null"},
    ],
}

_NAMES: Schema = {"propertyNames": {"minLength": 1, "maxLength": MAX_TRAIT_NAME}}
_TRAITS: Schema = _NAMES | {
    "properties": {
        PUSH_STATUS: {"enum": [*STATUS_WORDS, None]},
        DECLINED_AT: {
            "description": _WORDS,
            "anyOf": [{"type": "string", "format": "date-time"}, _NUMBER, {"type": "null"}],
        },
    },
}
LONGEST_ID: Schema = {"maxLength": MAX_ID}
_EVENT: Schema = {"minLength": 1, "maxLength": MAX_EVENT}
_TIME: Schema = {"format": "date-time"}

_ITEM: Schema = {
    "description": "The body of a call, and its type. One that is wrong is rejected by itself, so "
    "that anything may stand here.",
    "anyOf": [
        *(
            {
                "allOf": [
                    named(kind.__name__),
                    {"required": ["type"], "properties": {"type": {"const": word}}},
                ]
            }
            for word, kind in CALLS.items()
        ),
        {},
    ],
}

ANYWHERE: Mapping[str, Schema] = {
    **dict.fromkeys(("timestamp", "originalTimestamp", "sentAt", "at"), _TIME),
    "integrations": named("Value"),
    "writeKey": named("Value") | {"examples": ["your-write-key"]},
}
"""By the name of a body's field. Beside a write key in the header, the body's is not looked at."""

FIELDS: Mapping[str, Mapping[str, Schema]] = {
    "Identify": {
        "traits": _TRAITS,
        # Of a reserved trait that both name, only the body's own is looked at.
        "context": {"allOf": [named("Context"), {"properties": {"traits": _NAMES}}]},
    },
    "Batch": {"batch": {"items": _ITEM}},
    "PublishBody": {"campaign": named("CampaignFile")},
    "SettingsBody": {"settings": named("SettingsFile")},
    "ExplainBody": {"userId": LONGEST_ID, "anonymousId": LONGEST_ID, "event": _EVENT},
    "TestBody": {"userId": LONGEST_ID, "anonymousId": LONGEST_ID},
}
"""By the names of a body and of its field."""

WHOSE: Schema = {
    "anyOf": [
        {
            "required": [name],
            "properties": {name: {"type": ["string", "integer"], "minLength": 1}},
        }
        for name in ("userId", "anonymousId")
    ]
}
"""One of the two must be there; an empty one is none."""
