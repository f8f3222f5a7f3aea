"""What an offer says: the user's locale, and attributes placed into its text.

A placeholder is `{{ first_name | default: "there" }}`, Liquid's form, and no other: an attribute,
and what is said to those who have none.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from functions.core.errors import CampaignError
from functions.core.model import Attribute, Content

MAX_VALUE = 200
"""Characters of a value that is placed; for a longer one the default is said."""

_PLACEHOLDER = re.compile(
    r"""
    (?<!{) {{ \s*
    (?P<name> [A-Za-z_] [A-Za-z0-9_-]* ) \s*
    \| \s* default: \s* (?: "(?P<double> [^"{}]* )" | '(?P<single> [^'{}]* )' ) \s*
    }} (?!})
    """,
    re.VERBOSE,
)
_MARKS = re.compile(r"\{\{|\}\}|\{%")


def in_locale(locales: Mapping[str, Content], wanted: str | None, default: str) -> Content:
    """zh-Hant-TW, else zh-Hant, else zh, else the default (RFC 4647, lookup).

    The keys of `locales` are as `tag_of` makes them, and the default is among them.
    """
    tag = tag_of(wanted or "")
    while tag:
        if tag in locales:
            return locales[tag]
        tag = _shorter(tag)
    return locales[tag_of(default)]


def tag_of(locale: str) -> str:
    """`zh-hant-tw` of `zh_Hant_TW`: as locales are compared."""
    return locale.lower().replace("_", "-")


def check_text(text: str, place: tuple[str | int, ...]) -> None:
    """Raises `CampaignError` where the text holds half a placeholder, or one of another form."""
    if _MARKS.search(_PLACEHOLDER.sub("", text)):
        problem = 'write a placeholder as {{ first_name | default: "there" }}, default included'
        raise CampaignError(place, problem)


def filled(content: Content, attributes: Mapping[str, Attribute] | None) -> Content:
    """The content with every placeholder filled; by its default where None proves who asks.

    Values are placed as they are: what looks like a placeholder in one stays.
    """
    return msgspec.structs.replace(
        content,
        title=_fill(content.title, attributes),
        body=_fill(content.body, attributes),
        approve=_fill(content.approve, attributes),
        decline=None if content.decline is None else _fill(content.decline, attributes),
    )


def _shorter(tag: str) -> str:
    """Without the last subtag, and without a single letter that this leaves at the end."""
    rest = tag.rpartition("-")[0]
    return rest[:-2] if rest[-2:-1] == "-" else rest


def _fill(text: str, attributes: Mapping[str, Attribute] | None) -> str:
    def value(placeholder: re.Match[str]) -> str:
        known = (attributes or {}).get(placeholder["name"])
        said = _spoken(known.value) if known else ""
        return said or placeholder["double"] or placeholder["single"] or ""

    return _PLACEHOLDER.sub(value, text)


def _spoken(value: Any) -> str:
    """A text or a number as it is read out; empty for what cannot be."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(value)
    return text if text.strip() and len(text) <= MAX_VALUE else ""
