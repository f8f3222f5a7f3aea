"""Keys of the stage: made, replaced and revoked, each secret told once and never stored."""

import dataclasses
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from functions.admin import key_plans
from functions.admin.plans import State
from functions.admin.service import Done, Operator
from functions.core.model import SECOND
from functions.store.access import PREFIXES, AccessKey, KeyUse, id_of
from functions.store.campaigns import Change
from functions.store.changes import strangers
from functions.store.device_keys import DeviceKeys
from functions.wire.admin import write_time
from functions.wire.errors import InvalidRequest
from functions.wire.keys import (
    CreateKeyBody,
    Jwk,
    KeyRow,
    RotateKeyBody,
    check_hash,
    encoded,
    jwk_of,
    read_public_key,
)

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class New:
    """A key that was made. `secret`: kept nowhere; None where there is none to tell."""

    id: str
    key: AccessKey
    secret: str | None = None


class Keyring:
    """What people do with keys. Errors are as `Operator`'s.

    device_keys: where the private halves of those go that Softask signs with.
    """

    def __init__(self, operator: Operator, device_keys: DeviceKeys) -> None:
        self._operator = operator
        self._device_keys = device_keys

    def create(self, body: CreateKeyBody, change: Change) -> tuple[New, Done]:
        """Raises `WireError` for what does not go together, and for a key that is there already."""
        use = KeyUse(body.use)
        _check(body, use)
        key = _blank(use, body.name, body.issuer or "", change)
        new = _hashed(key, body.sha256) if body.sha256 else self._made(key, body.public_key)
        return new, self._operator.change(
            lambda state: key_plans.create(state, new.id, new.key), change
        )

    def rotate(self, old_id: str, body: RotateKeyBody, change: Change) -> tuple[New, Done]:
        """Raises `NotFound`, or `KeyReplaced` of a key that was rotated before."""
        old = key_plans.find(self._operator.state(), old_id)
        key_plans.check_rotates(old_id, old)
        _check_public_key(body.public_key, old.use)
        new = self._made(_blank(old.use, old.name, old.issuer, change), body.public_key)
        overlap = key_plans.OVERLAPS[old.use]
        if body.overlap_seconds is not None:
            overlap = body.overlap_seconds * SECOND
        return new, self._operator.change(
            lambda state: key_plans.rotate(state, old_id, new.id, new.key, overlap), change
        )

    def revoke(self, id_: str, change: Change, *, force: bool) -> Done:
        """Raises `NotFound`, or `LastWriteKey` unless that is meant."""
        return self._operator.change(
            lambda state: key_plans.revoke(state, id_, change.at, force=force), change
        )

    def _made(self, blank: AccessKey, public_key: str | Mapping[str, Any] | None) -> New:
        if public_key is not None:
            return _verifying(blank, read_public_key(public_key))
        if blank.use == KeyUse.DEVICE:
            return self._signing(blank)
        return _secret(blank)

    def _signing(self, blank: AccessKey) -> New:
        """The private half first: a half that nobody uses does no harm, a missing one does."""
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - slow to import

        pair = ec.generate_private_key(ec.SECP256R1())
        new = _verifying(blank, jwk_of(pair.public_key()))
        private = {**new.key.public, "d": encoded(pair.private_numbers().private_value)}
        self._device_keys.put(new.id, private)
        return new


def row(id_: str, key: AccessKey) -> KeyRow:
    """A key as it is answered; when and by whom is not known of the deployment's own."""
    return KeyRow(
        id=id_,
        use=key.use.value,
        name=key.name,
        issuer=key.issuer or None,
        made_at=write_time(key.made_at or None),
        made_by=key.made_by or None,
        ends_at=write_time(key.ends_at),
    )


def rows(state: State) -> Iterator[KeyRow]:
    """Every key by id, those among them that newer code made."""
    keys, others = key_plans.held(state.live), strangers(state.surplus)
    for id_ in sorted({*keys, *others}):
        yield row(id_, keys[id_]) if id_ in keys else KeyRow(id=id_, use="unknown", name="")


def _check(body: CreateKeyBody, use: KeyUse) -> None:
    _check_public_key(body.public_key, use)
    if (body.issuer is None) == (use == KeyUse.USER):
        problem = "A user key needs its issuer: what iss of its tokens says. No other has one."
        raise InvalidRequest(problem, "issuer")
    if body.sha256 is not None and use != KeyUse.WRITE:
        problem = "Only a write key can be taken over: a secret is made here, and is long enough."
        raise InvalidRequest(problem, "sha256")
    if body.sha256 is not None:
        check_hash(body.sha256)


def _check_public_key(given: object, use: KeyUse) -> None:
    if (given is None) == (use == KeyUse.USER):
        problem = "A user key needs its public half, PEM or JWK. No other is given one."
        raise InvalidRequest(problem, "publicKey")


def _blank(use: KeyUse, name: str, issuer: str, change: Change) -> AccessKey:
    return AccessKey(use=use, name=name, issuer=issuer, made_at=change.at, made_by=change.by)


def _secret(blank: AccessKey) -> New:
    secret = f"{PREFIXES[blank.use]}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return dataclasses.replace(_hashed(blank, sha256(secret.encode()).hexdigest()), secret=secret)


def _hashed(blank: AccessKey, digest: str) -> New:
    return New(id_of(blank.use, digest), replace(blank, sha256=digest))


def _verifying(blank: AccessKey, public: Jwk) -> New:
    digest = sha256(f"{public['x']}.{public['y']}".encode()).hexdigest()
    return New(id_of(blank.use, digest), replace(blank, public=public))
