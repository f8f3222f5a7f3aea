"""Key files on this machine: a private half is read by nobody but its owner, and never sent."""

import os
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from functions.wire.errors import InvalidRequest
from functions.wire.keys import Jwk, jwk_of, read_public_key

OWNER_ALONE = 0o600


class KeyFileError(Exception):
    """A file that no key can be read from, or written to; the message names it."""


def make(path: Path) -> Jwk:
    """Writes a new private key of P-256 as PEM, and answers its public half."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ALONE)
    except FileExistsError:
        raise KeyFileError(f"{path} is there already, and is not overwritten.") from None
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}") from None
    with os.fdopen(opened, "wb") as file:
        file.write(pem)
    return jwk_of(key.public_key())


def read_public(path: Path) -> Jwk:
    """Of a PEM or a JWK; a private one is refused before anything is sent."""
    text = _read(path)
    given = _object(text)
    if "PRIVATE KEY" in text or (given is not None and "d" in given):
        raise KeyFileError(
            f"{path} holds a private key: name the file of its public half. Nothing was sent."
        )
    try:
        return read_public_key(text if given is None else given)
    except InvalidRequest as error:
        raise KeyFileError(f"{path}: {error.message}") from None


def read_private(path: Path) -> Jwk:
    """Of a PEM or a JWK, of the curve P-256; as a JWK."""
    text = _read(path)
    try:
        key = ECKey.import_key(_object(text) or text)
    except (JoseError, ValueError, TypeError, KeyError):
        raise KeyFileError(f"{path} holds no key of P-256, PEM or JWK.") from None
    if not key.is_private or key.curve_name != "P-256":
        raise KeyFileError(f"{path} holds no private key of P-256.")
    return {name: str(value) for name, value in key.as_dict(private=True).items()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise KeyFileError(f"{path} is no text: export the key as PEM.") from None


def _object(text: str) -> dict[str, Any] | None:
    """A JWK, perhaps; None for what is no JSON object."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return None
