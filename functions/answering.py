"""What every API shares: bodies in, answers out, and a fault's way to an answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from functions.store.connection import Unavailable
from functions.wire.answers import encode
from functions.wire.body import read_body
from functions.wire.errors import ErrorBody, NoSuchRoute, TryAgain, WireError

RETRY_AFTER = "1"

_JSON = "application/json"
_NO_STORE = "no-store"

Body = msgspec.Struct | msgspec.Raw


@dataclass(frozen=True, slots=True)
class Public:
    """An answer that is the same for everybody, and may be kept for so many seconds.

    It goes out compressed where that is understood: the document is 160 KB, and asks for no key.
    """

    body: Body
    max_age: int


def answering(
    answer: Callable[[], Body | Public],
    logger: Logger,
    measured: Callable[[Unavailable], Mapping[str, Any]] = lambda _: {},
) -> Callable[[], Response[str]]:
    """Success is 200 with a body, a failure has a code, an unexpected one also a trace.

    measured(error): what to add to the line that tells of a call which must be sent again.
    """

    def respond() -> Response[str]:
        try:
            return _succeed(answer())
        except WireError as error:
            return _respond(error.status, error.body)
        except Unavailable as error:
            cause = repr(error.__cause__ or error)
            logger.warning("try_again", extra={"cause": cause, **measured(error)})
            return _respond(TryAgain.status, TryAgain("Send the same call again.").body)
        except Exception:
            logger.exception("unexpected_fault")
            fault = ErrorBody(code="internal_error", message="This is our fault; try again.")
            return _respond(500, fault)

    return respond


def no_such_route(_: NotFoundError) -> Response[str]:
    """For a path that the function is not made for."""
    error = NoSuchRoute("There is no such route; see the README.")
    return _respond(error.status, error.body)


def body_of(event: Mapping[str, Any], limit: int) -> bytes:
    """The decoded body of an API Gateway event (payload 2.0); raises as `read_body` does."""
    is_base64 = bool(event.get("isBase64Encoded"))
    return read_body(event.get("body"), is_base64=is_base64, limit=limit)


def _succeed(answered: Body | Public) -> Response[str]:
    if not isinstance(answered, Public):
        return _respond(200, answered)
    response = _respond(200, answered.body, f"public, max-age={answered.max_age}")
    response.headers["Vary"] = "Accept-Encoding"
    response.compress = True
    return response


def _respond(status: int, body: Body, cache: str = _NO_STORE) -> Response[str]:
    headers: dict[str, str | list[str]] = {"Cache-Control": cache}
    if status >= 500:
        headers["Retry-After"] = RETRY_AFTER
    return Response(status, _JSON, encode(body), headers)
