"""API Gateway's part: HTTP requests as HTTP API events (payload 2.0), answers as responses.

What counts as text is documented nowhere, but was measured on AWS (ministackorg/ministack#766):
`text/*` and three types of `application/`. Everything else, a missing content type and a compressed
body among it, reaches the function as base64.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from functions.admin.routes import ROUTES as ADMIN
from functions.track.routes import ROUTES as PUBLIC

ADMIN_ROUTES = frozenset(f"{method} {path}" for method, path in ADMIN)
ROUTES = ADMIN_ROUTES | {f"{method} {path}" for method, path in PUBLIC}
"""The route keys of the deployed API."""

MAX_BODY = 10 * 1024 * 1024
"""API Gateway's own limit, in bytes."""

_TEXT = frozenset({"application/json", "application/xml", "application/javascript"})

_ACCOUNT, _API = "000000000000", "dev"


def spell(request: Request) -> str:
    """`POST /v1/track`: the method and the path, decoded."""
    return f"{request.method} {_path(request)}"


@dataclass(frozen=True, slots=True)
class Route:
    """The route that a request matches, and what its path says in place of the parameters."""

    key: str
    parameters: Mapping[str, str]

    @property
    def is_admin(self) -> bool:
        """Whether the admin function answers it; the public one does the others."""
        return self.key in ADMIN_ROUTES


def match(request: Request) -> Route | None:
    """A route without parameters goes before one with them; parameters come decoded."""
    steps = _raw_path(request).split("/")
    for key in sorted(ROUTES, key=lambda key: key.count("{")):
        method, _, path = key.partition(" ")
        parameters = _parameters(path.split("/"), steps)
        if method == request.method and parameters is not None:
            return Route(key, parameters)
    return None


def _parameters(template: list[str], steps: list[str]) -> dict[str, str] | None:
    if len(template) != len(steps):
        return None
    parameters = {}
    for expected, step in zip(template, steps, strict=True):
        if expected.startswith("{") and step:
            parameters[expected.strip("{}")] = unquote(step)
        elif expected != unquote(step):
            return None
    return parameters


def to_event(
    request: Request, route: Route, body: bytes, now: int, request_id: str
) -> dict[str, Any]:
    """The event of a request that arrived at `now`; like the original, without what is empty."""
    text = _as_text(request, body)
    event = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": _path(request),
        "rawQueryString": _raw_query(request),
        "headers": _headers(request),
        "requestContext": _context(request, route, now, request_id),
        "isBase64Encoded": text is None,
    }
    optional = {
        "cookies": _cookies(request),
        "queryStringParameters": _query(request),
        "pathParameters": dict(route.parameters),
        "body": base64.b64encode(body).decode() if text is None else text,
    }
    return event | {name: value for name, value in optional.items() if value}


def to_response(answer: Mapping[str, Any], request_id: str) -> Response:
    """The HTTP response of a function's answer (payload 2.0)."""
    content = answer.get("body") or ""
    if answer.get("isBase64Encoded"):
        content = base64.b64decode(content)
    response = Response(content, answer["statusCode"], answer.get("headers"))
    for cookie in answer.get("cookies", ()):
        response.headers.append("set-cookie", cookie)
    response.headers["apigw-requestid"] = request_id
    return response


def not_found() -> Response:
    """API Gateway's answer where it has no such route; it carries only `message`."""
    return JSONResponse({"message": "Not Found"}, 404)


def too_large() -> Response:
    """API Gateway's answer to a body beyond `MAX_BODY`."""
    return JSONResponse({"message": "Request Entity Too Large"}, 413)


def crashed() -> Response:
    """API Gateway's answer where the function raised."""
    return JSONResponse({"message": "Internal Server Error"}, 500)


async def read_body(request: Request) -> bytes | None:
    """The body as it was sent, or None beyond `MAX_BODY`; it is read to its end all the same.

    A client that is answered while it still sends may see a broken connection instead.
    """
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BODY:
            body += chunk
    return bytes(body) if size <= MAX_BODY else None


def _as_text(request: Request, body: bytes) -> str | None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if body and (encoding != "identity" or not (kind.startswith("text/") or kind in _TEXT)):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _headers(request: Request) -> dict[str, str]:
    """Lower-cased, those that are sent twice joined by commas; cookies stand apart."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        if name != "cookie":
            joined[name] = f"{joined[name]},{value}" if name in joined else value
    forwarded = {
        "x-forwarded-for": _source(request),
        "x-forwarded-port": str(request.scope["server"][1]),
        "x-forwarded-proto": request.scope["scheme"],
    }
    return joined | forwarded


def _cookies(request: Request) -> list[str]:
    sent = ";".join(request.headers.getlist("cookie"))
    return [cookie.strip() for cookie in sent.split(";") if cookie.strip()]


def _query(request: Request) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in parse_qsl(_raw_query(request), keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _context(request: Request, route: Route, now: int, request_id: str) -> dict[str, Any]:
    arrived = datetime.fromtimestamp(now // 1000, UTC)
    host = request.headers.get("host", "").partition(":")[0]
    return {
        "accountId": _ACCOUNT,
        "apiId": _API,
        "domainName": host,
        "domainPrefix": host.partition(".")[0],
        "http": {
            "method": request.method,
            "path": _path(request),
            "protocol": f"HTTP/{request.scope['http_version']}",
            "sourceIp": _source(request),
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": route.key,
        "stage": "$default",
        "time": arrived.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": now,
    }


def _path(request: Request) -> str:
    return str(request.scope["path"])


def _raw_path(request: Request) -> str:
    """As it was sent: a slash within an id is still encoded."""
    sent = request.scope.get("raw_path")
    return quote(_path(request)) if sent is None else bytes(sent).decode("latin-1")


def _raw_query(request: Request) -> str:
    return bytes(request.scope["query_string"]).decode("latin-1")


def _source(request: Request) -> str:
    return request.client.host if request.client else "127.0.0.1"
