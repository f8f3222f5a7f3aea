"""Strict parsing whose errors name the place in the file, and the word that was probably meant.

msgspec says what is wrong, but names places by JSON paths without the keys of maps.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from functions.core.errors import CampaignError

T = TypeVar("T")

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.+?)`")
_WORD = re.compile(r"^Invalid enum value '(?P<word>.*)'", re.DOTALL)
_PLACE = re.compile(r" - at `(?:key` in `)?\$(?P<path>.*)`$")
_EXPECTED = re.compile(
    r"^Expected `(?P<types>[a-z |]+)`(?P<bound>[^`]*?)(?:, got `(?P<got>\w+)`)?$"
)
_MISSING = re.compile(r"^Object missing required field `(?P<key>.+)`$")
_ANY = "..."
_TYPES = {
    "array": "a list",
    "object": "a map",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
}
"""How msgspec's types are told to people, in the order in which several are named."""
_STEP = re.compile(r"\.([^.\[]+)|\[([0-9]+)\]|\[\.\.\.\]")


def parse(data: object, kind: type[T]) -> T:
    """The data as that type; else `CampaignError` with the place and the mend."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise _located(str(error), data, kind) from None
    except RecursionError:
        raise CampaignError((), "nested too deeply") from None


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, as the end of a sentence; else all that are known."""
    words = list(known)
    match = difflib.get_close_matches(word, words, n=1)
    if match:
        return f"; did you mean {match[0]!r}?"
    return f"; known here: {', '.join(words)}"


def _located(text: str, data: object, kind: Any) -> CampaignError:
    found = _PLACE.search(text)
    place, meant, said = _follow(_steps(found["path"] if found else ""), data, kind)
    problem = _PLACE.sub("", text)
    if unknown := _UNKNOWN.match(problem):
        key, fields = unknown["key"], msgspec.structs.fields(_bare(meant))
        hint = nearest(key, [field.encode_name for field in fields])
        return CampaignError((*place, key), f"unknown key{hint}")
    if "matching regex" in problem:
        return CampaignError(place, f"write it as in {_example(meant)!r}")
    if word := _WORD.search(problem):
        hint = nearest(word["word"], get_args(_bare(meant)))
        return CampaignError(place, problem[:1].lower() + problem[1:] + hint)
    return CampaignError(place, _told(problem, meant, said))


def _told(problem: str, meant: Any, said: Any) -> str:
    """msgspec's words for a wrong type or a missing key, as what to write instead."""
    if missing := _MISSING.match(problem):
        return f"add {missing['key']}, which must be said"
    expected = _EXPECTED.match(problem)
    if expected is None:
        return problem[:1].lower() + problem[1:]
    types = set(expected["types"].split(" | ")) - {"null"}
    if "float" in types:
        types.discard("int")
    told = f"write {' or '.join(_TYPES[each] for each in _TYPES if each in types)}"
    told += expected["bound"]
    got = expected["got"]
    if got == "float" and types == {"int"}:
        return f"{told}, such as 80, not {said}"
    if got == "array" and "all" in getattr(_bare(meant), "__struct_fields__", ()):
        return f"{told}, not a list; put `all:` before the list"
    return f"{told}, not {_TYPES.get(got, got)}" if got else told


def _steps(path: str) -> tuple[str | int, ...]:
    return tuple(int(step[2]) if step[2] else (step[1] or _ANY) for step in _STEP.finditer(path))


def _follow(
    steps: tuple[str | int, ...], data: Any, kind: Any
) -> tuple[tuple[str | int, ...], Any, Any]:
    """The place, with the keys of maps that msgspec leaves out; the type there; what is said."""
    place: list[str | int] = []
    meant = _chosen(kind, data)
    for step in steps:
        child = _child(meant, step)
        key = _wrong_key(data, meant) if step == _ANY else step
        place.append(key)
        data = data[key]
        meant = _chosen(child, data)
    return tuple(place), meant, data


def _wrong_key(data: Mapping[str, Any], kind: Any) -> str:
    """The first entry of a map that is not of the map's type."""
    return next(key for key, value in data.items() if not _fits({key: value}, kind))


def _fits(data: object, kind: Any) -> bool:
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError:
        return False
    return True


def _child(kind: Any, step: str | int) -> Any:
    bare = _bare(kind)
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        fields = msgspec.structs.fields(bare)
        return next(field.type for field in fields if field.encode_name == step)
    arguments = get_args(bare)
    if step == _ANY:
        return arguments[1]
    return arguments[0] if arguments[-1] is Ellipsis else arguments[int(step)]


def _chosen(kind: Any, data: object) -> Any:
    """The one of a union's types that the data was meant as; every other type as it is."""
    bare = _bare(kind)
    if get_origin(bare) not in (Union, UnionType):
        return kind
    choices = [each for each in get_args(bare) if each is not NoneType]
    alike = [each for each in choices if isinstance(data, _built_in(each))]
    return _chosen(next(iter(alike), choices[0]), data)


def _built_in(kind: Any) -> type:
    """What the YAML or JSON of that type is read as."""
    bare = _bare(kind)
    origin = get_origin(bare)
    if origin is Literal:
        return str
    if origin is tuple:
        return list
    is_map = origin is not None or issubclass(bare, msgspec.Struct)
    return dict if is_map else bare


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _example(kind: Any) -> str:
    """Every pattern comes with an example."""
    [example] = next(each.examples for each in get_args(kind) if getattr(each, "examples", None))
    return str(example)
