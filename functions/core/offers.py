"""Offer ids that carry what a late outcome needs.

A phone may report an outcome weeks after its offer lapsed, and any number of offers may have
lapsed in between. So the id itself says which attempt it was and when it was granted, and the
profile need not remember lapsed offers. A short digest binds it to one user and campaign, which
tells a foreign offer (another account on the same phone) from one of our own. It proves no
identity: that is the token's work.
"""

import base64
import binascii
import struct
from hashlib import blake2b

import msgspec

from functions.core.model import User

_PREFIX = "of_"
_LAYOUT = struct.Struct(">IHI6s")
_SEAL = 4


class Grant(msgspec.Struct, frozen=True):
    """What an offer id says of its offer."""

    serial: int
    attempt: int
    version: int
    granted_at: int


def make_id(grant: Grant, user: User, campaign: str) -> str:
    """35 characters, the same for the same grant: `decide` may be run again after a conflict."""
    packed = _LAYOUT.pack(
        grant.serial, grant.attempt, grant.version, grant.granted_at.to_bytes(6, "big")
    )
    sealed = packed + _seal(packed, user, campaign)
    return _PREFIX + base64.b32encode(sealed).decode().lower()


def read_id(offer_id: str, user: User, campaign: str) -> Grant | None:
    """What the id says, or None unless it was granted to this user by this campaign."""
    if not offer_id.startswith(_PREFIX):
        return None
    try:
        sealed = base64.b32decode(offer_id[len(_PREFIX) :].upper())
    except (binascii.Error, ValueError):
        return None
    packed, seal = sealed[:-_SEAL], sealed[-_SEAL:]
    if len(packed) != _LAYOUT.size or seal != _seal(packed, user, campaign):
        return None
    serial, attempt, version, granted_at = _LAYOUT.unpack(packed)
    return Grant(serial, attempt, version, int.from_bytes(granted_at, "big"))


def _seal(packed: bytes, user: User, campaign: str) -> bytes:
    whose = "\0".join((user.kind, user.id, campaign)).encode()
    return blake2b(packed + whose, digest_size=_SEAL).digest()
