"""Tokens for anonymous installs, signed by Softask itself."""

import base64
import secrets
from contextlib import suppress

from functions.core.model import MINUTE, SECOND, User
from functions.core.moments import format_time
from functions.store.access import Keys, KeyUse
from functions.store.device_keys import DeviceKeys, NotHeld, PrivateKey
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
        """A token for that anonymous id, or for a new one.

        Raises `NoSuchRoute` without a key, `Unavailable` where no private half can be read.
        """
        key_id, private = self._signing(keys, now)
        key = keys[key_id]
        anonymous_id = user.id if user else new_id()
        begins = now // SECOND
        ends = begins + tokens.DEVICE_LIFETIME
        if key.ends_at is not None:
            ends = min(ends, max(key.ends_at // SECOND, begins + 1))
        claims = tokens.Claims(self._issuer, self._issuer, anonymous_id, ends, begins)
        return DeviceAnswer(
            anonymous_id=anonymous_id,
            token=tokens.sign(claims, key_id, private),
            expires_at=format_time(ends * SECOND),
            expires_in_seconds=ends - begins,
        )

    def _signing(self, keys: Keys, now: int) -> tuple[str, PrivateKey]:
        """The best one that holds; the next best where its private half is gone."""
        *better, last = _by_worth(keys, now)
        for key_id in better:
            with suppress(NotHeld):
                return key_id, self._device_keys.get(key_id, now)
        return last, self._device_keys.get(last, now)


def new_id() -> str:
    """One that nobody guesses: 16 random bytes."""
    return "an_" + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def _by_worth(keys: Keys, now: int) -> list[str]:
    """The device keys that hold: those that every function knows first, the newest first."""

    def worth(id_: str) -> tuple[bool, int, str]:
        made_at = keys[id_].made_at
        return made_at <= now - SETTLED, made_at, id_

    holding = [id_ for id_, key in keys.items() if key.use is KeyUse.DEVICE and key.holds(now)]
    if not holding:
        raise NoSuchRoute(_NO_KEY)
    return sorted(holding, key=worth, reverse=True)
