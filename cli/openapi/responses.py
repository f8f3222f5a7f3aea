"""Answers other than 200: the function's own errors, and what API Gateway answers by itself."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cli.openapi.checked import Schema, named
from cli.openapi.operation import JSON, NO_STORE
from functions.wire.admin import Unusable
from functions.wire.errors import TryAgain, WireError

GATEWAY_ERROR: Schema = {
    "description": "API Gateway's own answer: it carries `message` alone.",
    "type": "object",
    "properties": {"message": {"type": "string"}},
    "required": ["message"],
    "not": {"required": ["code"]},
}

CACHE_CONTROL: Schema = {
    "description": "How long the answer may be kept.",
    "schema": {"type": "string"},
}
RETRY: Schema = {
    "description": "Seconds to wait before the same call is sent again, which is safe.",
    "schema": {"type": "integer", "minimum": 1},
}


class Fault(WireError):
    """Something unexpected; it is logged, and a human looks."""

    status = 500
    code = "internal_error"


GATEWAY = {
    403: "Not signed, or not allowed to.",
    413: "Larger than 10 MB.",
    429: "More calls at once than the stage lets through. Send it again later.",
    500: "The function could not be reached.",
    503: "The function is busy, or too slow.",
}
"""What API Gateway answers by itself, by status."""

EVERYWHERE = (Fault, TryAgain)
"""What any route may answer."""

SIGNED = (Unusable,)
"""What an operator's route may answer besides."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One status of a route: the errors of the function that have it, and the gateway's own."""

    status: int
    errors: tuple[type[WireError], ...]
    gateway: bool

    @property
    def name(self) -> str:
        """Its name among the components."""
        own = "Or".join(error.__name__ for error in self.errors)
        return f"{own or 'Gateway'}{'' if own and not self.gateway else self.status}"


def refusals(
    errors: Iterable[type[WireError]], *, signed: bool, has_body: bool
) -> Iterator[Refusal]:
    """Every answer but 200 of a route, by status."""
    own: tuple[type[WireError], ...] = (*errors, *EVERYWHERE, *(SIGNED if signed else ()))
    gateway = {429, 500, 503} | ({403} if signed else set()) | ({413} if has_body else set())
    for status in sorted(gateway | {error.status for error in own}):
        alike = tuple(error for error in own if error.status == status)
        yield Refusal(status, alike, status in gateway)


def response(refusal: Refusal) -> Schema:
    """The refusal as the document has it."""
    lines = [f"`{error.code}`: {inspect.getdoc(error)}" for error in refusal.errors]
    bodies: list[Schema] = [_body(refusal.errors)] if refusal.errors else []
    if refusal.gateway:
        lines.append(f"Without a code: {GATEWAY[refusal.status]}")
        bodies.append(named("GatewayError"))
    schema = bodies[0] if len(bodies) == 1 else {"anyOf": bodies}
    described = {"description": "\n\n".join(lines), "content": {JSON: {"schema": schema}}}
    return described | ({"headers": headers(refusal)} if refusal.errors else {})


def headers(refusal: Refusal) -> Schema:
    """Softask's own; the gateway sends none of them."""
    own = {"Cache-Control": cache_control(NO_STORE, required=not refusal.gateway)}
    if refusal.status < 500:
        return own
    return own | {"Retry-After": RETRY | {"required": not refusal.gateway}}


def cache_control(value: str, *, required: bool) -> Schema:
    """The header, which has one value a route."""
    return CACHE_CONTROL | {"required": required, "schema": {"type": "string", "const": value}}


def _body(errors: tuple[type[WireError], ...]) -> Schema:
    codes = [error.code for error in errors]
    return {
        "allOf": [
            named("ErrorBody"),
            {"properties": {"code": {"enum": codes}}},
        ]
    }
