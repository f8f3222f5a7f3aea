"""Tokens: who speaks, as the app's backend or Softask itself signed it (compact JWS of ES256).

What the key says of a token holds, whatever the token says of itself: the algorithm, the issuer,
for which kind of user it speaks, and for how long. joserfc is imported when the first token is
looked at: a stage that looks at none does not wait for it.
"""

import base64
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from functions.core.model import DAY, SECOND, User
from functions.core.moments import format_time
from functions.core.overlay import overlaid
from functions.wire.calls import MAX_ID
from functions.wire.context import part
from functions.wire.errors import Unauthorized

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

HEADER = "x-softask-token"
TOKEN, DEVICE_TOKEN = "context.softask.token", "context.softask.deviceToken"

ALGORITHM = "ES256"
MAX_TOKEN = 4096
LEEWAY = 60 * SECOND
"""How far the clocks of who signs and who verifies may differ."""

USER_LIFETIME = DAY // SECOND
DEVICE_LIFETIME = 90 * DAY // SECOND
"""Seconds from `iat` to `exp`, at most."""

MOST_REMEMBERED = 5_000

SIGNATURE = 64
"""Bytes of ES256's: r and s side by side."""

_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")

_MISSING = "Send a token that proves who speaks: X-Softask-Token, or context.softask.token."
_LONG = f"A token has at most {MAX_TOKEN} bytes."
_BEARER = "Send the token without Bearer: the header and the field have it alone."
_HEADER = (
    f"The token's header is no {ALGORITHM} token's: it has alg {ALGORITHM}, kid and at most typ."
)
_MALFORMED = (
    f"A token is a compact JWS of {ALGORITHM}: three parts of base64url without padding, joined by"
    " dots, of which the last is 64 bytes."
)
_CLAIMS = "A token says iss, aud, sub, exp and iat: texts, and whole seconds since the epoch."
_KEY = "The token's kid names no key that holds."
_SIGNATURE = "The token's signature is not its key's."
_ISSUER = "The token's iss is not its key's: softask keys list has it."
_AUDIENCE = "The token's aud must be {}."
_LIFETIME = (
    "The token's exp is not after its iat, or lies too far behind it: at most 24 hours apart"
    " (an install's: 90 days), in whole seconds."
)
_EXPIRED = "The token is expired: it held until {}, and here it is {}."
_EARLY = "The token is of a later time: its iat or nbf is to come, and here it is {}."

Json = Mapping[str, Any]
T = TypeVar("T")

_NO_TEXT = "(no text)"

_EMPTY: Json = {}


def audience(stage: str) -> str:
    """What `aud` must be, and of Softask's own tokens also `iss`."""
    return f"softask-{stage}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """What verifies the tokens of one key, and for whom they speak.

    public: a JWK of ES256. longest: seconds that a token may hold.
    """

    kind: Literal["user", "anonymous"]
    public: Mapping[str, str]
    issuer: str
    longest: int


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is read of a token; what else it says is ignored. Times are seconds."""

    iss: str
    aud: str | tuple[str]
    sub: Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
    exp: int
    iat: int
    nbf: int = 0


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing else: no `crit`, and no key that a token brings itself or says where to get."""

    alg: Literal["ES256"]
    kid: Annotated[str, Meta(min_length=1, max_length=100)]
    typ: str = "JWT"


@dataclass(frozen=True, slots=True)
class Given:
    """The tokens of one message, or None. `device` proves the anonymous id that is to become the
    user's."""

    token: str | None
    device: str | None


@dataclass(frozen=True, slots=True)
class _Remembered:
    key_id: str
    key: TokenKey
    claims: Claims


class Verifier:
    """Verifies the tokens for one audience, and remembers those that were valid.

    A remembered token is valid while its time and its key last; nothing else is kept of the rest.
    """

    def __init__(self, audience: str, most: int = MOST_REMEMBERED) -> None:
        self._audience = audience
        self._most = most
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    def verify(self, token: Any, keys: Mapping[str, TokenKey], now: int) -> User:
        """Whom the token proves to speak for; `keys` by id, those that hold at `now`.

        Raises `Unauthorized`, of no field: the caller knows where the token stood.
        """
        if token is None or token == "":
            raise Unauthorized(_MISSING)
        if not isinstance(token, str):
            raise Unauthorized(_MALFORMED)
        if len(token) > MAX_TOKEN:
            raise Unauthorized(_LONG)
        digest = sha256(token.encode(errors="replace")).digest()
        known = self._remembered.get(digest)
        if known is None or keys.get(known.key_id) != known.key:
            known = _verified(token, keys)
            self._check(known, now)
            self._remember(digest, known)
        else:
            self._check(known, now)
            self._remembered.move_to_end(digest)
        return User(known.key.kind, known.claims.sub)

    def _check(self, found: _Remembered, now: int) -> None:
        claims = found.claims
        if claims.iss != found.key.issuer:
            raise Unauthorized(_ISSUER)
        if claims.aud not in (self._audience, (self._audience,)):
            raise Unauthorized(_AUDIENCE.format(self._audience))
        if not 0 < claims.exp - claims.iat <= found.key.longest:
            raise Unauthorized(_LIFETIME)
        if claims.exp * SECOND + LEEWAY <= now:
            # A time before 1970 can be signed, and not always be spelled.
            held = format_time(max(claims.exp, 0) * SECOND)
            raise Unauthorized(_EXPIRED.format(held, format_time(now)))
        if max(claims.iat, claims.nbf) * SECOND - LEEWAY > now:
            raise Unauthorized(_EARLY.format(format_time(now)))

    def _remember(self, digest: bytes, found: _Remembered) -> None:
        self._remembered[digest] = found
        if len(self._remembered) > self._most:
            self._remembered.popitem(last=False)


def read_given(headers: Mapping[str, str], body: Json, shared: Json = _EMPTY) -> Given:
    """The tokens of a message: its own, else its batch's (`shared`), else the header's.

    The headers' names are in lower case.
    """
    own, batch = (part(part(each, "context"), "softask") for each in (body, shared))
    told = overlaid(batch, own)
    token = told.get("token")
    device = told.get("deviceToken")
    return Given(headers.get(HEADER) if token is None else _text(token), _text(device))


def _text(told: Any) -> str | None:
    """What is no text is no token either, but was sent as one."""
    return told if told is None or isinstance(told, str) else _NO_TEXT


def sign(claims: Claims, key_id: str, private: Mapping[str, str]) -> str:
    """A token of these claims, under the private JWK."""
    from joserfc import jws  # noqa: PLC0415 - see the module
    from joserfc.jwk import ECKey  # noqa: PLC0415

    header = {"alg": ALGORITHM, "kid": key_id, "typ": "JWT"}
    content = msgspec.json.encode(claims)
    return jws.serialize_compact(header, content, ECKey.import_key(dict(private)), [ALGORITHM])


def _verified(token: str, keys: Mapping[str, TokenKey]) -> _Remembered:
    parts = _SHAPE.fullmatch(token)
    if parts is None:
        raise Unauthorized(_BEARER if token.lower().startswith("bearer ") else _MALFORMED)
    header_part, claims_part, signature = (_decoded(each) for each in parts.groups())
    # Before the signature's size: another algorithm has another.
    header = _read(header_part, _Header, _HEADER)
    if len(signature) != SIGNATURE:
        raise Unauthorized(_MALFORMED)
    key = keys.get(header.kid)
    if key is None:
        raise Unauthorized(_KEY)
    if not _is_signed(token, key):
        raise Unauthorized(_SIGNATURE)
    return _Remembered(header.kid, key, _read(claims_part, Claims, _CLAIMS))


def _decoded(text: str) -> bytes:
    """One text a content: bits that no byte takes up must be zero."""
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) % 4 != 1 else b""
    if base64.urlsafe_b64encode(content).decode().rstrip("=") != text:
        raise Unauthorized(_MALFORMED)
    return content


def _read(content: bytes, kind: type[T], problem: str) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unauthorized(problem) from None


def _is_signed(token: str, key: TokenKey) -> bool:
    from joserfc import jws  # noqa: PLC0415 - see the module
    from joserfc.errors import JoseError  # noqa: PLC0415

    try:
        public = _imported(key.public.get("x", ""), key.public.get("y", ""))
        jws.deserialize_compact(token, public, [ALGORITHM])
    except (JoseError, ValueError):
        # A point that lies on no curve is a ValueError.
        return False
    return True


@lru_cache(maxsize=32)
def _imported(x: str, y: str) -> "ECKey":
    """A point of the one curve that ES256 has; what the JWK calls itself is not asked."""
    from joserfc.jwk import ECKey  # noqa: PLC0415 - see the module

    return ECKey.import_key({"kty": "EC", "crv": "P-256", "x": x, "y": y})
