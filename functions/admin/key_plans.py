"""What each change of keys makes of the live set; pure, as `functions.admin.plans` is."""

from dataclasses import replace as replaced

from msgspec.structs import replace

from functions.admin.plans import State, Step
from functions.core.model import DAY
from functions.store import access
from functions.store.access import AccessKey, Keys, KeyUse
from functions.store.campaigns import LiveSet
from functions.store.changes import What
from functions.wire.admin import NotFound
from functions.wire.errors import TooLarge
from functions.wire.keys import KeyExists, KeyReplaced, LastWriteKey

MOST_KEYS = 50
"""At once: every call compares its key with each."""

OVERLAPS = {
    KeyUse.WRITE: 30 * DAY,
    KeyUse.SERVER: DAY,
    KeyUse.USER: DAY,
    KeyUse.DEVICE: 90 * DAY,
}
"""How long a replaced key holds on: installed apps are slow, and tokens live on to their end."""


def held(live: LiveSet) -> Keys:
    """Every key, those among them that the deployment named."""
    return access.known(live.keys, live.write_keys)


def find(live: LiveSet, id_: str) -> AccessKey:
    """Raises `NotFound`."""
    found = held(live).get(id_)
    if found is None:
        raise NotFound(f"There is no key {id_!r}.", "id")
    return found


def create(state: State, id_: str, key: AccessKey) -> Step:
    """One more key."""
    keys = _holding(state.live, key.made_at)
    _check_new(keys, key)
    return _step("create_key", state, {**keys, id_: key}, id_, key.made_at)


def check_rotates(id_: str, key: AccessKey) -> None:
    """Raises `KeyReplaced`."""
    if key.ends_at is not None:
        problem = f"{id_} was replaced already: rotate the newer key, or revoke this one."
        raise KeyReplaced(problem, "id")


def rotate(state: State, old_id: str, id_: str, key: AccessKey, overlap: int) -> Step:
    """A key in place of another, which holds for `overlap` milliseconds more."""
    old = find(state.live, old_id)
    check_rotates(old_id, old)
    keys = _holding(state.live, key.made_at)
    _check_new(keys, key)
    ending = replace(old, ends_at=key.made_at + overlap)
    return _step("rotate_key", state, {**keys, old_id: ending, id_: key}, id_, key.made_at)


def revoke(state: State, id_: str, now: int, *, force: bool) -> Step:
    """A key less."""
    key = find(state.live, id_)
    left = {other: each for other, each in held(state.live).items() if other != id_}
    is_last = key.use == KeyUse.WRITE and not any(map(_names_the_app, left.values()))
    if is_last and not force:
        problem = (
            f"{id_} is the last write key: without it no app could speak."
            " Create or rotate one first, or say force=true."
        )
        raise LastWriteKey(problem, "id")
    return _step("revoke_key", state, left, id_, now)


def _names_the_app(key: AccessKey) -> bool:
    """For as long as nobody changes it."""
    return key.use == KeyUse.WRITE and key.ends_at is None


def _holding(live: LiveSet, now: int) -> dict[str, AccessKey]:
    """What has ended is dropped with the next key that is made."""
    return {id_: key for id_, key in held(live).items() if key.holds(now)}


def _check_new(keys: Keys, key: AccessKey) -> None:
    for id_, each in keys.items():
        if (each.sha256, each.public) == (key.sha256, key.public):
            raise KeyExists(f"That key is registered already, as {id_} ({each.use}).", "id")
    if len(keys) >= MOST_KEYS:
        raise TooLarge(f"There are at most {MOST_KEYS} keys: revoke one first.", "keys")


def _step(what: What, state: State, keys: Keys, id_: str, now: int) -> Step:
    """`write_keys` stays what older code accepts, after a rollback."""
    write_keys = tuple(
        key.sha256 for key in keys.values() if key.use == KeyUse.WRITE and key.holds(now)
    )
    live = replace(state.live, keys=keys, write_keys=write_keys)
    return replaced(Step(what, live), key=id_)
