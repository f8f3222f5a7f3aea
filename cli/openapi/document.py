"""The document as a whole: every route of both functions."""

from collections.abc import Iterable, Iterator

import msgspec

from cli.openapi.admin import ADMIN
from cli.openapi.checked import Schema
from cli.openapi.operation import JSON, Body, Link, Operation, Parameter, Route
from cli.openapi.public import PUBLIC
from cli.openapi.responses import (
    GATEWAY_ERROR,
    Refusal,
    cache_control,
    refusals,
    response,
)
from cli.openapi.schemas import Components, Kind, components
from functions.admin import routes as admin
from functions.core.campaign import CampaignFile, SettingsFile
from functions.track import routes as track
from functions.wire.errors import ErrorBody

_INFO = {
    "title": "Softask",
    "version": "1",
    "summary": "Decides when a mobile app may ask for push permission.",
    "description": """\
JSON, camelCase keys, UTC. Success is always 200 with a body; clients ignore keys and action types \
that they do not know. An error has a `code`, a `message` and, where one place is to blame, its \
`field`; what API Gateway answers by itself carries `message` alone.

The app's calls have the shape of Segment's: bodies are read as JSON whatever their content type, \
gzip is recognised, and a message holds at most 32 KB, a batch 4 MB.""",
    "license": {"name": "MIT", "identifier": "MIT"},
}

_TAGS = (
    {"name": "App", "description": "What the app and its SDKs call, with the write key."},
    {"name": "Campaigns", "description": "For operators: publish, pause and roll back."},
    {"name": "Settings", "description": "For operators: what holds over all campaigns."},
    {
        "name": "Users",
        "description": "For operators: why a user is asked or not, export, deletion, moving in.",
    },
    {"name": "Keys", "description": "For operators: what callers prove themselves by."},
    {"name": "Short names", "description": "The app's calls, as some SDKs spell them."},
)

_SECURITY = {
    "writeKey": {
        "type": "http",
        "scheme": "basic",
        "description": "The write key as the user name, with no password. Without the header, "
        "the body's `writeKey` is taken. It says which app speaks, and proves nothing of who. A "
        "server key, which is a secret and may act for any user, stands in the same place.",
    },
    "sigv4": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "x-amazon-apigateway-authtype": "awsSigv4",
        "description": "AWS Signature Version 4, as IAM lets the signer. A dev server asks nobody "
        "to sign.",
    },
}


class Undescribed(Exception):
    """A route that the document has no words for."""


def openapi() -> bytes:
    """The document (`docs/openapi.json`), for people to read too. Raises `Undescribed`."""
    return msgspec.json.format(compact(), indent=2) + b"\n"


def compact() -> bytes:
    """The same as the functions carry it, without a byte more."""
    return msgspec.json.encode(_document())


def described() -> Iterator[tuple[Route, Operation]]:
    """Every route, with its words. Raises `Undescribed`."""
    words = PUBLIC | ADMIN
    for route in (*track.ROUTES, *admin.ROUTES):
        if route not in words:
            raise Undescribed(f"{' '.join(route)}: describe it in cli/openapi/.")
        yield route, words[route]


def _document() -> Schema:
    routes = dict(described())
    known = _components(routes.values())
    return {
        "openapi": "3.1.0",
        "info": _INFO,
        "servers": [{"url": "/", "description": "The host that this document comes from."}],
        "tags": _TAGS,
        "paths": _paths(routes, known),
        "components": {
            "securitySchemes": _SECURITY,
            "responses": _responses(routes.values()),
            "schemas": {**known.schemas, "GatewayError": GATEWAY_ERROR},
        },
    }


def _paths(routes: dict[Route, Operation], known: Components) -> Schema:
    paths: Schema = {}
    for (method, path), operation in routes.items():
        paths.setdefault(path, {})[method.lower()] = _operation(operation, known)
    return paths


def _operation(operation: Operation, known: Components) -> Schema:
    answers = {"200": _answer(operation, known)}
    for refusal in _refusals(operation):
        name = {"$ref": f"#/components/responses/{refusal.name}"}
        answers[str(refusal.status)] = name
    said: Schema = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.says,
        "parameters": [_parameter(each) for each in operation.parameters],
        "requestBody": _body(operation.body, known) if operation.body else None,
        "security": [{operation.security: []}] if operation.security else [],
        "responses": answers,
    }
    return {name: value for name, value in said.items() if value or name == "security"}


def _parameter(parameter: Parameter) -> Schema:
    said: Schema = {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.says,
        "schema": parameter.schema,
    }
    return said if parameter.example is None else said | {"example": parameter.example}


def _body(body: Body, known: Components) -> Schema:
    schema = known.references[body.kind] if isinstance(body.kind, type) else body.kind
    content = {JSON: {"schema": schema, "example": body.example}}
    return {"required": body.required, "content": content}


def _answer(operation: Operation, known: Components) -> Schema:
    kinds = [known.references[type(answer)] for answer in operation.answers]
    content: Schema = {
        "schema": kinds[0] if len(kinds) == 1 else {"anyOf": kinds},
        "example": msgspec.to_builtins(operation.answers[0]),
    }
    said = {
        "description": "Done.",
        "headers": {"Cache-Control": cache_control(operation.cached, required=True)},
        "content": {JSON: content},
        "links": {name: _link(link) for name, link in operation.links.items()},
    }
    return {name: value for name, value in said.items() if value}


def _link(link: Link) -> Schema:
    said: Schema = {
        "operationId": link.operation,
        "description": link.says,
        "parameters": link.parameters,
        "requestBody": link.body,
    }
    return {name: value for name, value in said.items() if value}


def _refusals(operation: Operation) -> Iterator[Refusal]:
    return refusals(
        operation.refusals,
        signed=operation.security == "sigv4",
        has_body=operation.body is not None,
    )


def _responses(operations: Iterable[Operation]) -> Schema:
    known = {each.name: each for operation in operations for each in _refusals(operation)}
    return {name: response(known[name]) for name in sorted(known)}


def _components(operations: Iterable[Operation]) -> Components:
    bodies: set[Kind] = {CampaignFile, SettingsFile}
    answers: set[Kind] = {ErrorBody}
    for operation in operations:
        answers |= {type(answer) for answer in operation.answers}
        if operation.body and isinstance(operation.body.kind, type):
            bodies.add(operation.body.kind)
    return components(bodies, answers)
