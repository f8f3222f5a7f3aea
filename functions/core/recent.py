"""The ring of recent messages that changed state: what makes a replay harmless.

Fifteen bytes an entry: 6 of the message id's digest, 2 of its content's, 6 of the time
(milliseconds), 1 of the reason. Packed, because 16 entries must fit into a profile of 1 KB.
Two ids share 6 bytes once in 2.8e14; a changed content passes as unchanged once in 65,536, and
then the message still changes nothing.
"""

from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from functions.core.model import MINUTE, Message
from functions.core.reason import Reason

KEPT_FOR = 10 * MINUTE
KEPT_AT_MOST = 2_500
KEPT_ALWAYS = 16

_ID, _CONTENT, _TIME = 6, 2, 6
_ENTRY = _ID + _CONTENT + _TIME + 1


class Entry(msgspec.Struct, frozen=True):
    """A remembered message: `digest` of its id, `content`'s fingerprint, when it was processed."""

    digest: bytes
    content: bytes
    at: int
    reason: Reason


def fingerprint(content: bytes) -> bytes:
    """Two bytes that tell one content from another under the same message id."""
    return blake2b(content, digest_size=_CONTENT).digest()


def find(ring: bytes, message: Message) -> Entry | None:
    """The entry of the same message id, if the ring holds it.

    After a login it may hold two: of the same content rather than of another.
    """
    wanted, found = _digest(message), None
    start = ring.find(wanted)
    while start >= 0:
        if start % _ENTRY == 0:
            found = _unpack(ring[start : start + _ENTRY])
            if found.content == message.content:
                return found
        start = ring.find(wanted, start + 1)
    return found


def add(ring: bytes, message: Message, reason: Reason, now: int) -> bytes:
    """The ring with the message in it, newest last, and without what may be forgotten."""
    entry = (
        _digest(message) + message.content + now.to_bytes(_TIME, "big") + reason.to_bytes(1, "big")
    )
    return _forget(ring + entry, now)


def united(one: bytes, other: bytes, now: int) -> bytes:
    """Two users' rings as one, by time, each entry once."""
    both = {*_packed(one), *_packed(other)}
    by_time = sorted(both, key=lambda entry: (_at(entry, 0), entry))
    return _forget(b"".join(by_time), now)


def entries(ring: bytes) -> Iterator[Entry]:
    """Oldest first."""
    return map(_unpack, _packed(ring))


def _packed(ring: bytes) -> Iterator[bytes]:
    for start in range(0, len(ring), _ENTRY):
        yield ring[start : start + _ENTRY]


def _forget(ring: bytes, now: int) -> bytes:
    count = len(ring) // _ENTRY
    first = max(0, count - KEPT_AT_MOST)
    while count - first > KEPT_ALWAYS and _at(ring, first) <= now - KEPT_FOR:
        first += 1
    return ring[first * _ENTRY :]


def _at(ring: bytes, index: int) -> int:
    start = index * _ENTRY + _ID + _CONTENT
    return int.from_bytes(ring[start : start + _TIME], "big")


def _unpack(entry: bytes) -> Entry:
    return Entry(
        entry[:_ID],
        entry[_ID : _ID + _CONTENT],
        _at(entry, 0),
        Reason(entry[-1]),
    )


def _digest(message: Message) -> bytes:
    return blake2b(message.id.encode(), digest_size=_ID).digest()
