"""API Gateway's part: HTTP requests as HTTP API events (payload 2.0), answers as responses.

What counts as text is documented nowhere, but was measured on AWS (ministackorg/ministack#766):
`text/*` and three types of `application/`. Everything else, a missing content type and a compressed
body among it, reaches the function as base64.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from functions.track.routes import PATHS

ROUTES = frozenset(f"POST {path}" for path in PATHS)
"""The route keys of the deployed API."""

MAX_BODY = 10 * 1024 * 1024
"""API Gateway's own limit, in bytes."""

_TEXT = frozenset({"application/json", "application/xml", "application/javascript"})

_ACCOUNT, _API = "000000000000", "dev"


def route_key(request: Request) -> str:
    """`POST /v1/track`: what API Gateway matches."""
    return f"{request.method} {_path(request)}"


def to_event(request: Request, body: bytes, now: int, request_id: str) -> dict[str, Any]:
    """The event of a request that arrived at `now`; like the original, without what is empty."""
    text = _as_text(request, body)
    event = {
        "version": "2.0",
        "routeKey": route_key(request),
        "rawPath": _path(request),
        "rawQueryString": _raw_query(request),
        "headers": _headers(request),
        "requestContext": _context(request, now, request_id),
        "isBase64Encoded": text is None,
    }
    optional = {
        "cookies": _cookies(request),
        "queryStringParameters": _query(request),
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


def _context(request: Request, now: int, request_id: str) -> dict[str, Any]:
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
        "routeKey": route_key(request),
        "stage": "$default",
        "time": arrived.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": now,
    }


def _path(request: Request) -> str:
    return str(request.scope["path"])


def _raw_query(request: Request) -> str:
    return bytes(request.scope["query_string"]).decode("latin-1")


def _source(request: Request) -> str:
    return request.client.host if request.client else "127.0.0.1"
