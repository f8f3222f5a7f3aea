"""Types and values as the reference spells them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from functions.core.campaign import Identifier, Moment
from functions.core.conditions import Duration

_PLAIN = re.compile(r"(?!(?:true|false|null)$)[A-Za-z][\w-]*|\d+[smhd]", re.ASCII | re.IGNORECASE)


def _pattern(kind: Any) -> str:
    node: Any = inspect.type_info(kind)
    return str(node.type.pattern)


_TEXTS: Mapping[str | None, str] = {
    _pattern(Duration): "duration",
    _pattern(Identifier): "id",
    _pattern(Moment): "time",
}


def spell_type(node: Any, links: Mapping[type, str]) -> str:
    """The type in words; a struct as the link that `links` has for it."""
    if isinstance(node, inspect.Metadata):
        return spell_type(node.type, links)
    if isinstance(node, inspect.VarTupleType):
        return f"list, each: {spell_type(node.item_type, links)}"
    if isinstance(node, inspect.TupleType):
        return f"[{', '.join(spell_type(each, links) for each in node.item_types)}]"
    if isinstance(node, inspect.DictType):
        return f"map to {spell_type(node.value_type, links)}"
    if isinstance(node, inspect.StructType):
        return links[node.cls]
    return either(_alternatives(node, links))


def _alternatives(node: Any, links: Mapping[type, str]) -> Iterator[str]:
    if isinstance(node, inspect.UnionType):
        for each in _kinds(node):
            yield from _alternatives(each, links)
    elif isinstance(node, inspect.BoolType):
        yield from ("`true`", "`false`")
    elif isinstance(node, inspect.LiteralType):
        yield from (f"`{value}`" for value in node.values)
    elif isinstance(node, inspect.IntType | inspect.FloatType):
        yield _spell_number(node)
    elif isinstance(node, inspect.StrType):
        yield _TEXTS.get(node.pattern, "text")
    elif isinstance(node, inspect.AnyType):
        yield "anything"
    else:
        yield spell_type(node, links)


def _kinds(node: inspect.UnionType) -> list[Any]:
    """Without null, which is how a key is left out; numbers cover whole numbers."""
    kinds = [each for each in node.types if not isinstance(each, inspect.NoneType)]
    if any(isinstance(each, inspect.FloatType) for each in kinds):
        return [each for each in kinds if not isinstance(each, inspect.IntType)]
    return kinds


def _spell_number(node: inspect.IntType | inspect.FloatType) -> str:
    name = "number" if isinstance(node, inspect.FloatType) else "whole number"
    return name if node.ge is None else f"{name} from {node.ge} to {node.le}"


def either(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def flow(value: Any) -> str:
    """A value as YAML within a line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {flow(each)}' for key, each in value.items())}}}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return msgspec.json.encode(value).decode()


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    names = tuple(headings)
    lines = (names, tuple("---" for _ in names), *rows)
    return "\n".join(f"| {' | '.join(map(_cell, each))} |" for each in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
