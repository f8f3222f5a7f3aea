"""Strict parsing whose errors name the place in the file, and the word that was probably meant.

msgspec says what is wrong, but names places by JSON paths without the keys of maps.
"""

import difflib
import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from functions.core.errors import CampaignError

T = TypeVar("T")

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.+?)`")
_WORD = re.compile(r"^Invalid enum value '(?P<word>.*)'")
_PLACE = re.compile(r" - at `(?:key` in `)?\$(?P<path>.*)`$")
_ANY = "..."
_STEP = re.compile(r"\.([^.\[]+)|\[([0-9]+)\]|\[\.\.\.\]")


def parse(data: object, kind: type[T]) -> T:
    """The data as that type; else `CampaignError` with the place and the mend."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise _located(str(error), data, kind) from None


def _located(text: str, data: object, kind: type) -> CampaignError:
    found = _PLACE.search(text)
    place = _with_keys(_steps(found["path"]), data, kind) if found else ()
    problem = _PLACE.sub("", text)
    node = _node(kind, place)
    unknown, word = _UNKNOWN.match(problem), _WORD.search(problem)
    if unknown:
        key, known = unknown["key"], [field.encode_name for field in node.fields]
        return CampaignError((*place, key), f"unknown key{nearest(key, known)}")
    if isinstance(node, msgspec.inspect.Metadata) and "regex" in problem:
        [example] = (node.extra_json_schema or {})["examples"]
        return CampaignError(place, f"write it as in {example!r}")
    hint = nearest(word["word"], node.values) if word else ""
    return CampaignError(place, problem[:1].lower() + problem[1:] + hint)


def _steps(path: str) -> tuple[str | int, ...]:
    return tuple(int(step[2]) if step[2] else (step[1] or _ANY) for step in _STEP.finditer(path))


def _with_keys(place: tuple[str | int, ...], data: Any, kind: type) -> tuple[str | int, ...]:
    """The place with the keys of maps, which msgspec's errors leave out."""
    named: list[str | int] = []
    node = msgspec.inspect.type_info(kind)
    for step in place:
        node = _child(node, step)
        key = step if step != _ANY else next(k for k, v in data.items() if _is_wrong(v, node))
        named.append(key)
        data = data[key]
    return tuple(named)


def _is_wrong(value: Any, node: Any) -> bool:
    if isinstance(node, msgspec.inspect.DictType):
        return not isinstance(value, dict) or any(
            not isinstance(key, str) or _is_wrong(child, node.value_type)
            for key, child in value.items()
        )
    try:
        msgspec.convert(value, node.cls)
    except msgspec.ValidationError:
        return True
    return False


def _node(kind: Any, place: tuple[str | int, ...]) -> Any:
    node = msgspec.inspect.type_info(kind)
    for step in place:
        node = _child(node, step)
    return _unwrap(node)


def _child(node: Any, step: str | int) -> Any:
    node = _unwrap(node)
    if isinstance(node, msgspec.inspect.StructType):
        return next(field.type for field in node.fields if field.encode_name == step)
    if isinstance(node, msgspec.inspect.DictType):
        return node.value_type
    return node.item_type


def _unwrap(node: Any) -> Any:
    if isinstance(node, msgspec.inspect.UnionType):
        return next(t for t in node.types if not isinstance(t, msgspec.inspect.NoneType))
    return node


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, as the end of a sentence; else all that are known."""
    words = list(known)
    match = difflib.get_close_matches(word, words, n=1)
    if match:
        return f"; did you mean {match[0]!r}?"
    return f"; known here: {', '.join(words)}"
