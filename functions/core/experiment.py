"""Who gets what by chance: stable shares of a salt and the user, arms and holdout."""

from hashlib import blake2b

from functions.core.model import User

SOFT_ASK = "soft_ask"
"""The arm that is shown the popup."""

HOLDOUT = "holdout"
"""The arm that is shown nothing."""

_BITS = 53
"""What a float holds exactly, so that no share rounds up to 100."""


def share(salt: str, user: User) -> float:
    """A number from 0 to below 100, the same for the same salt and user, even over all users.

    Whoever is below 10 is also below 20: raising a percentage keeps those already in.
    """
    text = "\0".join((salt, user.kind, user.id)).encode()
    digest = blake2b(text, digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 64 - _BITS) / (1 << _BITS) * 100


def arm_of(salt: str, weights: tuple[tuple[str, int], ...], user: User) -> str:
    """The user's arm; only the weights' proportion counts."""
    point = share(salt, user) / 100 * sum(weight for _, weight in weights)
    upto = 0
    for arm, weight in weights[:-1]:
        upto += weight
        if point < upto:
            return arm
    return weights[-1][0]
