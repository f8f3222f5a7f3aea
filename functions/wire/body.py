"""From an API Gateway event's body to JSON values, within bounds."""

import base64
import binascii
import zlib
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from functions.wire.errors import InvalidRequest, TooLarge

MAX_MESSAGE = 32 * 1024
"""Bytes of one message: the bound of Segment's HTTP Tracking API."""

MAX_BATCH = 4 * 1024 * 1024
"""Bytes of a batch, decoded: RudderStack SDKs send so much."""

MAX_BESIDE = MAX_MESSAGE
"""Bytes of a batch without its messages."""

MAX_DEPTH = 32

T = TypeVar("T")

_FIELD = "body"

_GZIP = b"\x1f\x8b"
_MAX_DIGITS = 38
_MAX_EXPONENT = 120
"""DynamoDB keeps 38 digits and refuses magnitudes beyond about 1e125 (its developer guide,
"Supported data types")."""


def read_body(body: str | None, *, is_base64: bool, limit: int) -> bytes:
    """The decoded body. Gzip is told by its magic bytes: gateways inflate and keep the header.

    Raises `InvalidRequest` or `TooLarge`; never holds more than the limit and one byte.
    """
    content = _from_base64(body or "", limit) if is_base64 else _from_text(body or "")
    if content.startswith(_GZIP):
        content = _gunzip(content, limit)
    if len(content) > limit:
        raise TooLarge(f"The body is larger than {limit} bytes.", _FIELD)
    if not content:
        raise InvalidRequest("The body is empty; send a JSON object.", _FIELD)
    return content


def parse(content: bytes) -> Any:
    """JSON, exactly or not at all. One parser for every body; of doubled keys the last counts.

    Refuses what would not come back as it was sent: NaN, Infinity, numbers beyond DynamoDB's
    range, floats that lose digits, more than 38 digits, lone surrogates, deep nesting.
    """
    return _bounded(_decode(content, _JSON))


def parse_envelope(content: bytes) -> dict[str, msgspec.Raw]:
    """A batch with its values left as they are, to be parsed each on its own.

    Raises `TooLarge` before it keeps much: the batch itself may be of any size, the rest may not.
    """
    messages = memoryview(_decode(content, _MESSAGES).batch).nbytes
    if len(content) - messages > MAX_BESIDE:
        problem = f"Beside batch, the body has at most {MAX_BESIDE} bytes: send a smaller context."
        raise TooLarge(problem, _FIELD)
    return _decode(content, _ENVELOPE)


def parse_array(content: msgspec.Raw, field: str) -> list[msgspec.Raw]:
    """A JSON array with its items left as they are."""
    try:
        return _decode(bytes(content), _ARRAY)
    except InvalidRequest:
        raise InvalidRequest("This must be an array of messages.", field) from None


def _decode(content: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, _NumberError) as error:
        problem = str(error).removeprefix("JSON is malformed: ")
        raise InvalidRequest(f"The body is not valid JSON: {problem}.", _FIELD) from None
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply.", _FIELD) from None


class _Messages(msgspec.Struct):
    batch: msgspec.Raw = msgspec.Raw()


class _NumberError(ValueError):
    """A number that would not come back as it was sent."""


def _exact_float(text: str) -> float:
    number = Decimal(text)
    if number and not -_MAX_EXPONENT <= number.adjusted() <= _MAX_EXPONENT:
        raise _NumberError(f"{text[:40]} is out of range")
    value = float(text)
    # Apple's encoder writes 17 digits, which name the same float as the fewest that do.
    if number not in (Decimal(repr(value)), Decimal(f"{value:.17g}")):
        raise _NumberError(f"{text[:40]} has more digits than a float keeps")
    return value


_JSON: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=_exact_float)
_MESSAGES = msgspec.json.Decoder(_Messages)
_ENVELOPE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


def _bounded(value: Any, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise InvalidRequest(f"The body is nested deeper than {MAX_DEPTH} levels.", _FIELD)
    if isinstance(value, dict):
        for child in value.values():
            _bounded(child, depth + 1)
    elif isinstance(value, list):
        for child in value:
            _bounded(child, depth + 1)
    elif isinstance(value, int) and abs(value) >= 10**_MAX_DIGITS:
        raise InvalidRequest(f"An integer has more than {_MAX_DIGITS} digits.", _FIELD)
    return value


def _from_base64(body: str, limit: int) -> bytes:
    if len(body) > limit * 4 // 3 + 4:
        raise TooLarge(f"The body is larger than {limit} bytes.", _FIELD)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("The body is not valid base64.", _FIELD) from None


def _from_text(body: str) -> bytes:
    try:
        return body.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("The body is not valid UTF-8.", _FIELD) from None


def _gunzip(content: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(content, limit + 1)
    except zlib.error:
        raise InvalidRequest("The body is not valid gzip.", _FIELD) from None
    if len(inflated) <= limit and not inflater.eof:
        raise InvalidRequest("The body is cut short: the gzip stream does not end.", _FIELD)
    return inflated
