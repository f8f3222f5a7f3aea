"""The write key: it says which app speaks, and proves nothing of who."""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from functions.wire.errors import Unauthorized


def check_write_key(
    headers: Mapping[str, str], body: Mapping[str, Any], hashes: Iterable[str]
) -> None:
    """Raises `Unauthorized` unless the key in the header, else in the body, is one of ours.

    In constant time: every hash is compared, and hashes are of one length.
    """
    given = _from_header(headers) or body.get("writeKey")
    if not isinstance(given, str) or not given:
        problem = "Send the write key: basic authentication with it as the user name, or writeKey."
        raise Unauthorized(problem, "writeKey")
    digest = sha256(given.encode(errors="replace")).hexdigest()
    matches = [hmac.compare_digest(digest, known) for known in hashes]
    if not any(matches):
        raise Unauthorized("The write key is not one of this app's.", "writeKey")


def _from_header(headers: Mapping[str, str]) -> str | None:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise Unauthorized("The Authorization header is not valid base64.", "writeKey") from None
    return decoded.partition(":")[0]
