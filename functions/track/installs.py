"""Tokens for anonymous installs, signed by Softask itself."""

import base64
import secrets
from collections.abc import Iterator

from functions.core.model import MINUTE, SECOND, User
from functions.core.moments import format_time
from functions.store.access import AccessKey, Keys, KeyUse
from functions.store.device_keys import DeviceKeys
from functions.wire import tokens
from functions.wire.answers import DeviceAnswer
from functions.wire.errors import NoSuchRoute

SETTLED = 1 * MINUTE
"""By then every function has read a new key; before, some would refuse what it signs."""

_NO_KEY = "This stage issues no device tokens: softask keys create device"


class Installs:
    """Issues tokens of 90 days, or less where their key ends earlier."""

    def __init__(self, stage: str, device_keys: DeviceKeys) -> None:
        self._issuer = tokens.audience(stage)
        self._device_keys = device_keys

    def issue(self, user: User | None, keys: Keys, now: int) -> DeviceAnswer:
        """A token for that anonymous id, or for a new one; raises `NoSuchRoute` without a key."""
        key_id, key = _signing(keys, now)
        anonymous_id = user.id if user else new_id()
        begins = now // SECOND
        ends = begins + tokens.DEVICE_LIFETIME
        if key.ends_at is not None:
            ends = min(ends, max(key.ends_at // SECOND, begins + 1))
        claims = tokens.Claims(self._issuer, self._issuer, anonymous_id, ends, begins)
        return DeviceAnswer(
            anonymous_id=anonymous_id,
            token=tokens.sign(claims, key_id, self._device_keys.get(key_id)),
            expires_at=format_time(ends * SECOND),
            expires_in_seconds=ends - begins,
        )


def new_id() -> str:
    """One that nobody guesses: 16 random bytes."""
    return "an_" + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def _signing(keys: Keys, now: int) -> tuple[str, AccessKey]:
    """The newest that every function knows, else the newest."""
    known = sorted(_device_keys(keys, now), key=lambda each: (each[1].made_at, each[0]))
    if not known:
        raise NoSuchRoute(_NO_KEY)
    settled = [each for each in known if each[1].made_at <= now - SETTLED]
    return (settled or known)[-1]


def _device_keys(keys: Keys, now: int) -> Iterator[tuple[str, AccessKey]]:
    for id_, key in keys.items():
        if key.use is KeyUse.DEVICE and key.holds(now):
            yield id_, key
