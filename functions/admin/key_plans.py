"""What each change of keys makes of the live set; pure, as `functions.admin.plans` is."""

from dataclasses import replace as replaced

from msgspec.structs import replace

from functions.admin.plans import State, Step
from functions.core.model import DAY
from functions.core.moments import format_time
from functions.store import access
from functions.store.access import AccessKey, Keys, KeyUse
from functions.store.campaigns import LiveSet
from functions.store.changes import What, strangers
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


def find(state: State, id_: str) -> AccessKey:
    """Raises `NotFound`."""
    found = held(state.live).get(id_)
    if found is not None:
        return found
    if id_ in strangers(state.surplus):
        raise NotFound(f"{id_} was made by newer code, which alone can change it.", "id")
    raise NotFound(f"There is no key {id_!r}.", "id")


def create(state: State, id_: str, key: AccessKey) -> Step:
    """One more key."""
    keys = _holding(state.live, key.made_at)
    _check_new(state, keys, id_, key)
    return _step("create_key", state, {**keys, id_: key}, id_, key.made_at)


def check_rotates(id_: str, key: AccessKey) -> None:
    """Raises `KeyReplaced`."""
    if key.ends_at is not None:
        problem = f"{id_} was replaced already: rotate the newer key, or revoke this one."
        raise KeyReplaced(problem, "id")


def rotate(state: State, old_id: str, id_: str, key: AccessKey, overlap: int) -> Step:
    """A key in place of another, which holds for `overlap` milliseconds more."""
    old = find(state, old_id)
    check_rotates(old_id, old)
    keys = _holding(state.live, key.made_at)
    _check_new(state, keys, id_, key)
    ending = replace(old, ends_at=key.made_at + overlap)
    return _step("rotate_key", state, {**keys, old_id: ending, id_: key}, id_, key.made_at)


def revoke(state: State, id_: str, now: int, *, force: bool) -> Step:
    """A key less, and what that leaves undone as a warning."""
    key = find(state, id_)
    left = {other: each for other, each in held(state.live).items() if other != id_}
    is_last = key.use == KeyUse.WRITE and not any(map(_names_the_app, left.values()))
    if is_last and not force:
        problem = (
            f"{id_} is the last write key: without it no app could speak."
            " Create or rotate one first, or say force=true."
        )
        raise LastWriteKey(problem, "id")
    step = _step("revoke_key", state, left, id_, now)
    return replaced(step, warnings=_left_behind(key.use, left, now))


_WITHOUT = {
    KeyUse.WRITE: "No write key is left, so that no app may call",
    KeyUse.DEVICE: "No device key is left, so that no install gets a token",
}


def _left_behind(use: KeyUse, left: Keys, now: int) -> tuple[str, ...]:
    """Whom the revoked key leaves without one that lasts."""
    holding = {id_: key for id_, key in left.items() if key.use == use and key.holds(now)}
    create = f"softask keys create {use}"
    if not holding:
        return (f"{_WITHOUT[use]}: {create}.",) if use in _WITHOUT else ()
    ends = [key.ends_at for key in holding.values() if key.ends_at is not None]
    if len(ends) < len(holding):
        return ()
    last = ", ".join(holding)
    until = format_time(max(ends))
    return (f"Every {use} key that is left ends by {until} ({last}): {create}.",)


def _names_the_app(key: AccessKey) -> bool:
    """For as long as nobody changes it."""
    return key.use == KeyUse.WRITE and key.ends_at is None


def _holding(live: LiveSet, now: int) -> dict[str, AccessKey]:
    """What has ended is dropped with the next key that is made."""
    return {id_: key for id_, key in held(live).items() if key.holds(now)}


def _check_new(state: State, keys: Keys, id_: str, key: AccessKey) -> None:
    for other, each in keys.items():
        if (each.sha256, each.public) == (key.sha256, key.public):
            raise KeyExists(f"That key is registered already, as {other} ({each.use}).", "id")
    if id_ in keys or id_ in strangers(state.surplus):
        # An id has 48 bits of what it names.
        raise KeyExists(f"Another key has the id {id_} by chance: make a new one.", "id")
    if len(keys) >= MOST_KEYS:
        raise TooLarge(f"There are at most {MOST_KEYS} keys: revoke one first.", "keys")


def _step(what: What, state: State, keys: Keys, id_: str, now: int) -> Step:
    """`write_keys` stays what older code accepts, after a rollback."""
    write_keys = tuple(
        key.sha256 for key in keys.values() if key.use == KeyUse.WRITE and key.holds(now)
    )
    live = replace(state.live, keys=keys, write_keys=write_keys)
    return replaced(Step(what, live), key=id_)
