"""Types as JSON Schema: what msgspec says of them, made complete, and shorter."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

import msgspec
from msgspec import UnsetType

from cli.openapi.checked import ANYWHERE, FIELDS, REFERENCE, VALUE, WHOLE, WHOSE, Schema, named

Kind = type[msgspec.Struct]

_SNAKE = re.compile(r"(?<=`)[a-z]+(?:_[a-z]+)+(?=`)|^[a-z]+(?:_[a-z]+)+(?=:)", re.MULTILINE)

_TYPED = {"type", "enum", "const", "anyOf", "allOf", "$ref"}


@dataclass(frozen=True, slots=True)
class Components:
    """Schemas by name, and where each type's stands."""

    schemas: Mapping[str, Schema]
    references: Mapping[Kind, Schema]


def components(bodies: Iterable[Kind], answers: Iterable[Kind]) -> Components:
    """The schemas of all types. Answers say every field; bodies may leave some out."""
    read = set(structs(bodies))
    kinds = sorted(read | set(structs(answers)), key=lambda kind: (kind.__name__, kind.__module__))
    references, found = msgspec.json.schema_components(kinds, ref_template=REFERENCE)
    schemas = {"Value": VALUE}
    for kind, reference in zip(kinds, references, strict=True):
        name = reference["$ref"].rpartition("/")[2]
        said = _everywhere(_plain, found[name]) | {"description": _description(kind)}
        schemas[name] = _read(kind, said) if kind in read else _written(kind, said)
    return Components(_with_one_context(schemas), dict(zip(kinds, references, strict=True)))


def structs(kinds: Iterable[Any]) -> Iterator[Kind]:
    """Those types, and all that they are made of."""
    seen: set[Kind] = set()
    waiting = [msgspec.inspect.type_info(kind) for kind in kinds]
    while waiting:
        node: Any = waiting.pop()
        if isinstance(node, msgspec.inspect.StructType):
            if node.cls not in seen:
                seen.add(node.cls)
                waiting += [each.type for each in node.fields]
        else:
            inner = (getattr(node, name, None) for name in ("type", "item_type", "value_type"))
            waiting += [each for each in inner if each is not None]
            waiting += [*getattr(node, "types", ()), *getattr(node, "item_types", ())]
    yield from seen


def _description(kind: Kind) -> str:
    """The docstring without its indentation (which Python 3.13 drops), names as on the wire."""
    wire = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    text = inspect.cleandoc(kind.__doc__ or "")
    return _SNAKE.sub(lambda found: wire.get(found[0], found[0]), text)


def _read(kind: Kind, schema: Schema) -> Schema:
    """A body's: with what is checked, or must be said, although the type lets it be absent."""
    properties = {
        name: _with(said, ANYWHERE.get(name, {})) for name, said in schema["properties"].items()
    }
    for name, said in FIELDS.get(kind.__name__, {}).items():
        properties[name] = _with(properties[name], said)
    required = [*schema["required"], *(each.encode_name for each in _unset(kind))]
    complete = _everywhere(_open, schema | {"properties": properties, "required": required})
    if {"userId", "anonymousId"} <= properties.keys() - set(required):
        return complete | WHOSE
    return complete


def _with(schema: Schema, said: Schema) -> Schema:
    """The schema with what is checked; a reference leaves nothing of it but its words."""
    if not {"$ref", "allOf"} & said.keys():
        return schema | said
    return {key: schema[key] for key in ("description", "examples") if key in schema} | said


def _open(schema: Schema) -> Schema:
    """What is free is any JSON that comes back as it was sent; so is every whole number."""
    said = dict(schema)
    if "properties" in said:
        said["properties"] = {
            name: each if _TYPED & each.keys() else each | named("Value")
            for name, each in said["properties"].items()
        }
    told = said.get("type", ())
    types = [told] if isinstance(told, str) else told
    if "integer" in types and "maximum" not in said:
        said = WHOLE | said
    if "object" in types:
        said = {"additionalProperties": named("Value")} | said
    return said


def _written(kind: Kind, schema: Schema) -> Schema:
    """An answer's: where defaults are written out, every field is always there."""
    properties = {
        name: {key: value for key, value in said.items() if key != "default"}
        for name, said in schema["properties"].items()
    }
    if kind.__struct_config__.omit_defaults:
        return schema | {"properties": properties}
    unset = {each.encode_name for each in _unset(kind)}
    required = [name for name in properties if name not in unset]
    return schema | {"properties": properties, "required": required}


def _unset(kind: Kind) -> list[msgspec.structs.FieldInfo]:
    """Fields that may be left out, and mean another thing than null where they are."""
    return [each for each in msgspec.structs.fields(kind) if UnsetType in get_args(each.type)]


def _with_one_context(schemas: Mapping[str, Schema]) -> dict[str, Schema]:
    """The context, which most bodies have, as a component of its own."""
    context = schemas["Track"]["properties"]["context"]
    shared = {"context": named("Context")}
    return {"Context": context} | {
        name: schema | {"properties": schema["properties"] | shared}
        if schema.get("properties", {}).get("context") == context
        else schema
        for name, schema in schemas.items()
    }


# --- the same, shorter ---


def _plain(schema: Schema) -> Schema:
    """Alternatives as a list of types, and no defaults of null."""
    said = {key: value for key, value in schema.items() if (key, value) != ("default", None)}
    together = _together(said.get("anyOf", ()))
    if together is None:
        return said
    del said["anyOf"]
    return said | together


def _together(alternatives: Sequence[Schema]) -> Schema | None:
    """One schema for all of them; None where one of them is more than a type and its bounds."""
    bounded = [key for each in alternatives for key in each if key != "type"]
    are_types = all("type" in each for each in alternatives)
    if not alternatives or not are_types or len(bounded) != len(set(bounded)):
        return None
    types = list(dict.fromkeys(each["type"] for each in alternatives))
    if "number" in types and "integer" in types:
        types.remove("integer")
    bounds = {key: value for each in alternatives for key, value in each.items()}
    return bounds | {"type": types}


def _everywhere(change: Callable[[Schema], Schema], schema: Schema) -> Schema:
    """The schema with all schemas within it changed, and then itself."""
    within = partial(_everywhere, change)
    said = dict(schema)
    for key in said.keys() & {"items", "additionalProperties"}:
        said[key] = within(said[key]) if isinstance(said[key], dict) else said[key]
    for key in said.keys() & {"anyOf", "allOf", "prefixItems"}:
        said[key] = [within(each) for each in said[key]]
    if "properties" in said:
        said["properties"] = {name: within(each) for name, each in said["properties"].items()}
    return change(said)
