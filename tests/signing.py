"""Keys and tokens of tests: what an app's backend, Softask or a forger would sign."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm

from functions.store.access import AccessKey, KeyUse
from functions.wire.tokens import DEVICE_LIFETIME, USER_LIFETIME, TokenKey

Json = dict[str, Any]

NOW = 1_795_255_200_000  # 2026-11-21T10:00:00Z
STAGE = "test"
AUDIENCE = f"softask-{STAGE}"
ISSUER = "backend"


def encoded(content: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def dumped(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


class Signer:
    """A private key, always the same for a number, and the id under which its public half is."""

    def __init__(self, id_: str, number: int, issuer: str = ISSUER) -> None:
        self.id = id_
        self.issuer = issuer
        self.key = ec.derive_private_key(number, ec.SECP256R1())
        numbers = self.key.public_key().public_numbers()
        self.public = {
            "kty": "EC",
            "crv": "P-256",
            "x": encoded(numbers.x.to_bytes(32)),
            "y": encoded(numbers.y.to_bytes(32)),
        }
        self.private = self.public | {"d": encoded(number.to_bytes(32))}

    def signature(self, content: bytes) -> bytes:
        return raw_signature(self.key, content, SHA256(), 32)

    def of_parts(self, header: bytes, claims: bytes) -> str:
        """Whatever it says, rightly signed."""
        content = f"{encoded(header)}.{encoded(claims)}"
        return f"{content}.{encoded(self.signature(content.encode()))}"

    def token(self, sub: str, *, now: int = NOW, lives: int = 900, **claims: Any) -> str:
        """A good token, but for what `claims` say; None leaves one out."""
        header = {"alg": "ES256", "kid": self.id, "typ": "JWT"}
        return self.of_parts(dumped(header), dumped(self.claims(sub, now, lives, **claims)))

    def claims(self, sub: str, now: int = NOW, lives: int = 900, **more: Any) -> Json:
        began = now // 1000
        said = {"iss": self.issuer, "aud": AUDIENCE, "sub": sub, "exp": began + lives, "iat": began}
        return {name: value for name, value in {**said, **more}.items() if value is not None}


def raw_signature(
    key: ec.EllipticCurvePrivateKey, content: bytes, algorithm: HashAlgorithm, size: int
) -> bytes:
    """As JWS has it: r and s side by side."""
    r, s = decode_dss_signature(key.sign(content, ec.ECDSA(algorithm)))
    return r.to_bytes(size) + s.to_bytes(size)


USER = Signer("uk-1", 1_001)
SECOND_USER = Signer("uk-2", 1_002, "second-backend")
DEVICE = Signer("dk-1", 1_003, AUDIENCE)
STRANGER = Signer("uk-1", 1_004)
"""Says the id of a key that is not its own."""

TRUSTED = {
    USER.id: TokenKey(kind="user", public=USER.public, issuer=ISSUER, longest=USER_LIFETIME),
    SECOND_USER.id: TokenKey(
        kind="user", public=SECOND_USER.public, issuer=SECOND_USER.issuer, longest=USER_LIFETIME
    ),
    DEVICE.id: TokenKey(
        kind="anonymous", public=DEVICE.public, issuer=AUDIENCE, longest=DEVICE_LIFETIME
    ),
}

LIVE_KEYS = {
    USER.id: AccessKey(use=KeyUse.USER, public=USER.public, issuer=ISSUER),
    SECOND_USER.id: AccessKey(
        use=KeyUse.USER, public=SECOND_USER.public, issuer=SECOND_USER.issuer
    ),
    DEVICE.id: AccessKey(use=KeyUse.DEVICE, public=DEVICE.public),
}
