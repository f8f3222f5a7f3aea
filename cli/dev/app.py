"""The ASGI application: the API's routes, and beside them those that only a dev server has."""

import traceback
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from cli.dev import docs, gateway, terminal
from cli.dev.backend import Backend, swept_body
from cli.dev.environment import WRITE_KEY
from functions.core.model import SECOND
from functions.core.moments import format_time
from functions.store.connection import Unavailable
from functions.wire.body import parse
from functions.wire.errors import TryAgain, WireError
from functions.wire.messages import read_user

_INDEX = """\
Softask, the dev server. It decides when a mobile app may ask for push permission.

A user reaches a moment of value:

  curl -s {origin}/v1/track -u {write_key}: -H 'Content-Type: application/json' -d \\
    '{{"userId": "u1", "event": "ValueMomentReached", "context": {{"device": {{"id": "d1"}}}}}}'

Then tell what became of the popup: PushSoftAskShown, PushSoftAskApproved, PushSoftAskDeclined.

What is stored of the user:  curl -s '{origin}/_dev/profile?userId=u1'
Would u1 be asked, and why?  curl -s {explain} -d '{{"userId": "u1"}}'
Pause the campaign:          curl -s -X POST {pause}
Two weeks later:             curl -s {origin}/_dev/clock -d '{{"advance": "14d"}}'
Close the ended windows:     curl -s -X POST {origin}/_dev/sweep
Forget everything:           curl -s -X POST {origin}/_dev/reset
Every route, to try out:     {origin}/docs
"""

_SETTINGS = f"/v1/projects/{WRITE_KEY}/settings"

DevRoute = Callable[[Request, bytes], Response]


class App:
    """Every request is answered in a thread of its own, as the functions are synchronous."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._dev: dict[str, DevRoute] = {
            "GET /": self._index,
            "GET /_dev/clock": self._read_clock,
            "POST /_dev/clock": self._move_clock,
            "POST /_dev/sweep": self._sweep,
            "POST /_dev/reset": self._reset,
            "GET /_dev/profile": self._profile,
            "GET /docs": lambda *_: docs.page(),
            "GET /docs/swagger-ui.js": lambda *_: docs.script(),
            "GET /docs/swagger-ui.css": lambda *_: docs.style(),
            "GET /openapi.json": lambda *_: docs.document(),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await gateway.read_body(request)
        except ClientDisconnect:
            return
        response = await run_in_threadpool(self._respond, request, body)
        await response(scope, receive, send)

    def _respond(self, request: Request, body: bytes | None) -> Response:
        now = self._backend.clock()
        with terminal.collected_reasons() as reasons:
            response = self._route(request, body)
        told = [terminal.summary(reasons), *self._safe_hints(request, body, response, now)]
        line = _line(request, response, "; ".join(filter(None, told)))
        terminal.say(f"{format_time(now // SECOND * SECOND)} {line}")
        return response

    def _route(self, request: Request, body: bytes | None) -> Response:
        key, route = gateway.spell(request), gateway.match(request)
        if body is None:
            return gateway.too_large()
        if key in self._dev:
            return _guarded(self._dev[key], request, body)
        if route is not None:
            return self._invoke(request, route, body)
        return gateway.not_found()

    def _invoke(self, request: Request, route: gateway.Route, body: bytes) -> Response:
        request_id = uuid.uuid4().hex
        event = gateway.to_event(request, route, body, self._backend.clock(), request_id)
        answering = self._backend.administer if route.is_admin else self._backend.answer
        try:
            answer = answering(event, request_id)
        except Exception:  # whatever it was: API Gateway answers a crashed function just so
            terminal.say(traceback.format_exc())
            return gateway.crashed()
        return gateway.to_response(answer, request_id)

    def _safe_hints(
        self, request: Request, body: bytes | None, response: Response, now: int
    ) -> list[str]:
        try:
            return self._hints(request, body, response, now)
        except Exception:  # whatever it was: the call is answered, and a hint is only a hint
            terminal.say(traceback.format_exc())
            return []

    def _hints(
        self, request: Request, body: bytes | None, response: Response, now: int
    ) -> list[str]:
        """What the answer does not tell: what was taken, and yet came to nothing."""
        if request.method != "POST" or response.status_code != 200 or body is None:
            return []
        answer = msgspec.json.decode(bytes(response.body))
        sent = terminal.read_sent(request.url.path, body, answer, now)
        events = self._worth_sending(request) if sent else None
        return [] if events is None else terminal.hints(sent, events)

    def _worth_sending(self, request: Request) -> list[str] | None:
        """The events that some live campaign refers to, as the app's SDK would ask for them."""
        headers = [each for each in request.scope["headers"] if each[0] != b"accept-encoding"]
        scope = {**request.scope, "method": "GET", "path": _SETTINGS, "headers": headers}
        asked = Request({**scope, "raw_path": _SETTINGS.encode(), "query_string": b""})
        response = self._route(asked, b"")
        if response.status_code != 200:
            return None
        events: list[str] = msgspec.json.decode(bytes(response.body))["softask"]["events"]
        return events

    # --- routes of a dev server only ---

    def _index(self, request: Request, _body: bytes) -> Response:
        host = request.headers.get("host", "127.0.0.1")
        origin = f"http://{host}"
        campaign = f"{origin}/v1/admin/campaigns/{self._backend.first_campaign}"
        page = _INDEX.format(
            origin=origin,
            write_key=WRITE_KEY,
            explain=f"{campaign}/explain",
            pause=f"{campaign}/pause",
        )
        return PlainTextResponse(page)

    def _read_clock(self, _request: Request, _body: bytes) -> Response:
        clock = self._backend.clock
        return _json({"now": format_time(clock()), "moved": clock.moved})

    def _move_clock(self, request: Request, body: bytes) -> Response:
        self._backend.move_clock(parse(body))
        return self._read_clock(request, body)

    def _sweep(self, _request: Request, _body: bytes) -> Response:
        return _json(swept_body(self._backend.sweep()))

    def _reset(self, _request: Request, _body: bytes) -> Response:
        self._backend.reset()
        return _json({"success": True})

    def _profile(self, request: Request, _body: bytes) -> Response:
        return _json(self._backend.state_of(read_user(dict(request.query_params))))


def _guarded(route: DevRoute, request: Request, body: bytes) -> Response:
    try:
        return route(request, body)
    except WireError as error:
        return _json(error.body, error.status)
    except (Unavailable, BotoCoreError, ClientError) as error:
        return _json(TryAgain(f"DynamoDB does not answer: {error!r}").body, TryAgain.status)


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


# --- the line in the terminal ---


def _line(request: Request, response: Response, told: str) -> str:
    parts = [f"{gateway.spell(request)} {response.status_code}", told]
    outcome = _outcome(request, response)
    if outcome:
        parts.append(f"-> {outcome}")
    return " ".join(filter(None, parts))


def _outcome(request: Request, response: Response) -> str:
    """What was answered, or what was wrong."""
    if response.headers.get("content-type") != "application/json":
        return ""
    if "content-encoding" in response.headers:
        # What is compressed has no actions.
        return ""
    answer = msgspec.json.decode(bytes(response.body))
    if response.status_code < 400:
        return terminal.outcome(answer)
    wrong = ": ".join(filter(None, (answer.get("code"), answer["message"])))
    is_doubled = request.url.path.startswith("/v1/v1/")
    return f"{wrong} (the host is without /v1)" if is_doubled else wrong
