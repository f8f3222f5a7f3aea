"""Offer ids that carry what a late outcome needs.

A phone may report an outcome weeks after its offer lapsed, and any number of offers may have
lapsed in between. So the id itself says which attempt it was and when it was granted, and the
profile need not remember lapsed offers. A short digest binds it to one user and campaign, which
tells a foreign offer (another account on the same phone) from one of our own. It proves no
identity: that is the token's work.

Serials order a campaign's offers by time, and those of two users are never equal: what an
anonymous id and the user whom it became were offered lies side by side (see `merge`).
"""

import base64
import binascii
import struct
from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from functions.core.model import Profile, User

_PREFIX = "of_"
_LAYOUT = struct.Struct(">QHI")
_SEAL = 6
_SHARE = 16
"""Bits of a serial that tell users apart who are offered something in the same millisecond."""


class Grant(msgspec.Struct, frozen=True):
    """What an offer id says of its offer.

    user: whom it was granted to; perhaps an anonymous id that became the user since.
    """

    serial: int
    attempt: int
    version: int
    user: User

    @property
    def granted_at(self) -> int:
        """To the millisecond, or one later among several grants of one millisecond."""
        return self.serial >> _SHARE


def next_serial(user: User, granted: int, now: int) -> int:
    """What follows the serial `granted`, whatever the clock that it was made by."""
    digest = blake2b(f"{user.kind}\0{user.id}".encode(), digest_size=_SHARE // 8).digest()
    return max(now << _SHARE | int.from_bytes(digest, "big"), granted + 1)


def make_id(grant: Grant, campaign: str) -> str:
    """35 characters, the same for the same grant: `decide` may be run again after a conflict."""
    packed = _LAYOUT.pack(grant.serial, grant.attempt, grant.version)
    sealed = packed + _seal(packed, grant.user, campaign)
    return _PREFIX + base64.b32encode(sealed).decode().lower()


def read_id(offer_id: str, profile: Profile, campaign: str) -> Grant | None:
    """What the id says, or None unless this campaign granted it to the user or to an alias."""
    sealed = _unpack(offer_id)
    packed, seal = sealed[:-_SEAL], sealed[-_SEAL:]
    if len(packed) != _LAYOUT.size:
        return None
    serial, attempt, version = _LAYOUT.unpack(packed)
    for user in _who(profile):
        if seal == _seal(packed, user, campaign):
            return Grant(serial, attempt, version, user)
    return None


def serial_of(offer_id: str) -> int:
    """The serial that a kept id says; its seal was checked, or made, before it was kept."""
    return int(_LAYOUT.unpack(_unpack(offer_id)[:-_SEAL])[0])


def granted_at(offer_id: str) -> int:
    """When an offer was granted that was read or made here before; see `Grant.granted_at`."""
    return serial_of(offer_id) >> _SHARE


def _unpack(offer_id: str) -> bytes:
    """Empty for what is no id."""
    if not offer_id.startswith(_PREFIX):
        return b""
    try:
        return base64.b32decode(offer_id[len(_PREFIX) :].upper())
    except (binascii.Error, ValueError):
        return b""


def _who(profile: Profile) -> Iterator[User]:
    yield profile.user
    for alias in profile.aliases:
        yield User("anonymous", alias)


def _seal(packed: bytes, user: User, campaign: str) -> bytes:
    whose = "\0".join((user.kind, user.id, campaign)).encode()
    return blake2b(packed + whose, digest_size=_SEAL).digest()
