"""Hashed keys: no user id ever is a key, a shard or a log line."""

import base64
from hashlib import sha256

from functions.core.model import User

SHARDS = 16
"""Over how many partitions the due windows are spread, and the counters of a campaign."""


def user_key(salt: str, user: User) -> str:
    """43 characters of SHA-256 over the salt, the kind and the id."""
    digest = sha256("\0".join((salt, user.kind, user.id)).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def shard_of(key: str) -> int:
    """A user's shard, from 0 to `SHARDS` - 1."""
    return sha256(key.encode()).digest()[0] % SHARDS
