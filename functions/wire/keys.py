"""Keys in bodies and answers, and public keys as operators have them: PEM or JWK, to one form."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from functions.environment import Auth
from functions.wire.admin import Reason
from functions.wire.errors import InvalidRequest, WireError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

Use = Literal["write", "server", "user", "device"]
Jwk = dict[str, str]

YEAR = 31_536_000
"""Seconds of the longest overlap."""

_HASH = Meta(pattern="^[0-9a-f]{64}$", max_length=64, examples=["0123456789abcdef" * 4])

OF_NOTHING = frozenset(sha256(each).hexdigest() for each in (b"", b"\n", b"\r\n"))
"""What a shell hashes where the variable with the write key is not set."""

_COORDINATE = 32
"""Bytes of each of a point's two numbers on P-256."""

_FIELD = "publicKey"


class KeyExists(WireError):
    """The same key is registered already, under the id that the message names."""

    status = 409
    code = "key_exists"


class KeyReplaced(WireError):
    """The key was rotated already, and ends by itself."""

    status = 409
    code = "key_replaced"


class LastWriteKey(WireError):
    """Without it no app could speak; `force=true` revokes it all the same."""

    status = 409
    code = "last_write_key"


# --- bodies ---


class CreateKeyBody(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """`public_key`: of a user key, as PEM or JWK; ES256 alone.

    issuer: of a user key; what `iss` of its tokens says.
    sha256: of a write key that is in use already, in hexadecimal; else Softask makes one. The hash
    of nothing is refused.
    """

    use: Use
    name: Annotated[str, Meta(max_length=100)] = ""
    public_key: str | dict[str, Any] | None = None
    issuer: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    sha256: Annotated[str, _HASH] | None = None
    reason: Reason | None = None


class RotateKeyBody(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """`overlap_seconds`: how long the old key holds beside the new one; else what its use has.

    public_key: of a user key, the new one.
    """

    overlap_seconds: Annotated[int, Meta(ge=0, le=YEAR)] | None = None
    public_key: str | dict[str, Any] | None = None
    reason: Reason | None = None


# --- answers ---


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class KeyRow(_Answer, frozen=True, kw_only=True, omit_defaults=True):
    """A key, without anything that is secret.

    use: `unknown` of a key that newer code made: it lets nobody in here, and is kept as it is.
    made_at: absent of a key that the deployment named. ends_at: of one that was replaced.
    """

    id: str
    use: Use | Literal["unknown"]
    name: str
    issuer: str | None = None
    made_at: str | None = None
    made_by: str | None = None
    ends_at: str | None = None


class KeysAnswer(_Answer, frozen=True, kw_only=True):
    """Every key, by id. `auth`: what this stage does about tokens."""

    success: Literal[True] = True
    revision: int
    stage: str
    auth: Auth
    keys: tuple[KeyRow, ...]


class KeyAnswer(_Answer, frozen=True, kw_only=True):
    """A new key. `secret`: of a write or server key that Softask made; it is never told again."""

    success: Literal[True] = True
    revision: int
    stage: str
    key: KeyRow
    secret: str | None


class KeyRotatedAnswer(KeyAnswer, frozen=True, kw_only=True):
    """A new key, and the one that it replaces."""

    replaced: KeyRow


class KeyRevokedAnswer(_Answer, frozen=True, kw_only=True):
    """The key is refused from now on, everywhere within 20 seconds.

    warnings: whom that leaves without a key that lasts.
    """

    success: Literal[True] = True
    id: str
    revision: int
    stage: str
    warnings: tuple[str, ...] = ()


# --- reading ---


def check_hash(digest: str) -> None:
    """Raises `InvalidRequest` for the hash of nothing: no key has it."""
    if digest in OF_NOTHING:
        problem = "That is the hash of an empty text: is the variable with the write key set?"
        raise InvalidRequest(problem, "sha256")


def read_force(query: Mapping[str, str]) -> bool:
    """`force` of the query; False where it is left out."""
    said = query.get("force", "false")
    if said not in ("true", "false"):
        raise InvalidRequest("force is true or false.", "force")
    return said == "true"


def read_reason(query: Mapping[str, str]) -> str | None:
    """Why a key is revoked: a DELETE has no body to say it in."""
    said = query.get("reason")
    if said is not None and len(said) > 500:
        raise InvalidRequest("reason has at most 500 characters.", "reason")
    return said


def read_public_key(given: str | Mapping[str, Any]) -> Jwk:
    """The public key as a JWK of four members; else `InvalidRequest`, as for a private key."""
    key = _of_pem(given) if isinstance(given, str) else _of_jwk(given)
    return jwk_of(key)


def jwk_of(key: "EllipticCurvePublicKey") -> Jwk:
    """A public key of P-256 as a JWK."""
    numbers = key.public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": encoded(numbers.x), "y": encoded(numbers.y)}


def encoded(number: int) -> str:
    """A number of P-256 as JWKs have it."""
    return urlsafe_b64encode(number.to_bytes(_COORDINATE, "big")).decode().rstrip("=")


def _of_pem(text: str) -> "EllipticCurvePublicKey":
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - slow to import
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_pem_public_key,
    )

    if "PRIVATE KEY" in text:
        raise _private()
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        problem = (
            "A public key must be a PEM that begins with -----BEGIN PUBLIC KEY-----, or a JWK."
        )
        raise InvalidRequest(problem, _FIELD) from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != ec.SECP256R1.name:
        raise _other_curve()
    return key


def _of_jwk(jwk: Mapping[str, Any]) -> "EllipticCurvePublicKey":
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - slow to import

    if "d" in jwk:
        raise _private()
    if (jwk.get("kty"), jwk.get("crv")) != ("EC", "P-256"):
        raise _other_curve()
    x, y = _number(jwk, "x"), _number(jwk, "y")
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        raise InvalidRequest("The point (x, y) is not on the curve P-256.", _FIELD) from None


def _number(jwk: Mapping[str, Any], name: str) -> int:
    said = jwk.get(name)
    problem = f"{name} must be {_COORDINATE} bytes in base64url, without padding."
    if not isinstance(said, str):
        raise InvalidRequest(problem, f"{_FIELD}.{name}")
    try:
        number = int.from_bytes(urlsafe_b64decode(f"{said}="), "big")
    except ValueError:
        raise InvalidRequest(problem, f"{_FIELD}.{name}") from None
    # One spelling a number: whatever else base64 lets pass is refused.
    if number >= 1 << 8 * _COORDINATE or encoded(number) != said:
        raise InvalidRequest(problem, f"{_FIELD}.{name}")
    return number


def _private() -> InvalidRequest:
    problem = (
        "That is a private key. It must never leave your backend: send the public one, and"
        " make a new pair, since this one was sent over a network."
    )
    return InvalidRequest(problem, _FIELD)


def _other_curve() -> InvalidRequest:
    return InvalidRequest("The key must be of the curve P-256: tokens are ES256 alone.", _FIELD)
