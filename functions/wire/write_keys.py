"""The key that every call carries: a write key says which app speaks, and proves nothing of who."""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from functions.wire.errors import Unauthorized

FIELD = "writeKey"


def read_key(headers: Mapping[str, str], body: Mapping[str, Any]) -> str:
    """The key in the header, else in the body; raises `Unauthorized` where there is none."""
    given = _from_header(headers) or body.get("writeKey")
    if not isinstance(given, str) or not given:
        problem = "Send the write key: basic authentication with it as the user name, or writeKey."
        raise Unauthorized(problem, FIELD)
    return given


def unknown_key() -> Unauthorized:
    """The refusal of a key that is not one of ours, whatever else it is."""
    return Unauthorized("The write key is not one of this app's.", FIELD)


def matching(key: str, hashes: Iterable[str]) -> int | None:
    """The place among SHA-256 hashes (hexadecimal) of the one that is the key's.

    In constant time: every hash is compared, and hashes are of one length.
    """
    digest = sha256(key.encode(errors="replace")).hexdigest()
    matches = [hmac.compare_digest(digest, known) for known in hashes]
    return matches.index(True) if any(matches) else None


def _from_header(headers: Mapping[str, str]) -> str | None:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise Unauthorized("The Authorization header is not valid base64.", FIELD) from None
    return decoded.partition(":")[0]
