"""Access keys: who may speak to this app's API, and by what they prove it. A part of `LIVE`.

None of what is kept here is secret: hashes of keys, and public keys.
"""

from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

import msgspec


class KeyUse(StrEnum):
    """What a key is for.

    WRITE: names the app; travels in the app, so it proves nothing of who speaks.
    SERVER: a secret of the app's own servers, which may act for any user.
    USER: verifies the tokens that the app's backend signs for its users.
    DEVICE: verifies the tokens that Softask signs for anonymous installs.
    """

    WRITE = "write"
    SERVER = "server"
    USER = "user"
    DEVICE = "device"


class AccessKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One key, under an id that is no secret either: a token names it as its `kid`.

    sha256: of a write or server key, in hexadecimal.
    public: of a user or device key; a JWK of ES256 (`kty`, `crv`, `x`, `y`).
    issuer: what `iss` must be; of a user key.
    made_at, made_by: when (milliseconds) and by whom; 0 and empty of the deployment's own.
    ends_at: from when on it is refused, after a rotation; None while it is not replaced.
    """

    use: KeyUse
    name: str = ""
    sha256: str = ""
    public: Mapping[str, str] = {}
    issuer: str = ""
    made_at: int = 0
    made_by: str = ""
    ends_at: int | None = None

    def holds(self, now: int) -> bool:
        """Whether it is accepted at `now`."""
        return self.ends_at is None or now < self.ends_at


Keys = Mapping[str, AccessKey]
"""By id."""


PREFIXES = {KeyUse.WRITE: "wk", KeyUse.SERVER: "sk", KeyUse.USER: "uk", KeyUse.DEVICE: "dk"}
"""What ids and secrets begin with."""


def id_of(use: KeyUse, digest: str) -> str:
    """A key's id, by the SHA-256 of its content (hexadecimal): no key ever has two."""
    return f"{PREFIXES[use]}-{digest[:12]}"


def understood(stored: Mapping[str, Any]) -> dict[str, AccessKey]:
    """The keys that this code knows. Newer code may have others, which let nobody in here."""
    keys = {}
    for id_, entry in stored.items():
        with suppress(msgspec.ValidationError):
            keys[id_] = msgspec.convert(entry, AccessKey)
    return keys


def deployed(hashes: tuple[str, ...]) -> dict[str, AccessKey]:
    """The write keys that a deployment names by their hashes."""
    return {id_of(KeyUse.WRITE, each): AccessKey(use=KeyUse.WRITE, sha256=each) for each in hashes}


def known(keys: Keys, write_keys: tuple[str, ...]) -> Keys:
    """The keys of a live set: its own, and the write keys that only a deployment named."""
    hashes = {key.sha256 for key in keys.values()}
    return deployed(tuple(each for each in write_keys if each not in hashes)) | dict(keys)
