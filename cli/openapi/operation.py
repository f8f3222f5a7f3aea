"""What a route's types do not say: its name, its examples, and which refusals it knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from functions.wire.errors import WireError

Json = Mapping[str, Any]
Route = tuple[str, str]
"""The method and the path."""

NO_STORE, FIVE_MINUTES = "no-store", "public, max-age=300"
JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A request's body: its type, or its schema where no type reads it, and an example."""

    kind: type[msgspec.Struct] | Json
    example: Json
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the path or the query, or a header."""

    name: str
    place: Literal["path", "query", "header"]
    says: str
    schema: Json
    example: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A call that may follow. Values that begin with `$` are expressions on this one."""

    operation: str
    says: str
    parameters: Json = field(default_factory=dict)
    body: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A route as the document tells it.

    security: what proves who calls; None where anybody may. answers: an example of every kind of
    200. refusals: the function's own errors; what the gateway answers by itself, and faults,
    every route of its side has.
    """

    id: str
    tag: str
    security: str | None
    summary: str
    says: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    answers: tuple[msgspec.Struct, ...]
    cached: str = NO_STORE
    refusals: tuple[type[WireError], ...] = ()
    links: Mapping[str, Link] = field(default_factory=dict)
