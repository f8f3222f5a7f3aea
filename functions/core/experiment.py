"""Who gets what by chance: stable shares of a salt and the user, arms and variants."""

from hashlib import blake2b

from msgspec.structs import replace

from functions.core.model import Cohort, Progress, User

SOFT_ASK = "soft_ask"
"""The arm that is shown the popup."""

HOLDOUT = "holdout"
"""The arm that is shown nothing."""

DIRECT_PROMPT = "direct_prompt"
"""The arm that gets the OS prompt at once."""

Weights = tuple[tuple[str, int], ...]

_BITS = 53
"""What a float holds exactly, so that no share rounds up to 100."""


def share(salt: str, user: User) -> float:
    """A number from 0 to below 100, the same for the same salt and user, even over all users.

    Whoever is below 10 is also below 20: raising a percentage keeps those already in.
    """
    text = "\0".join((salt, user.kind, user.id)).encode()
    digest = blake2b(text, digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 64 - _BITS) / (1 << _BITS) * 100


def arm_of(salt: str, weights: Weights, user: User) -> str:
    """The user's arm, dealt apart from an audience's `percent` of the same salt."""
    return _drawn(f"{salt}:arm", weights, user)


def variant_of(salt: str, weights: Weights, user: User) -> str:
    """The user's variant, dealt apart from the arm; empty where there is none."""
    return _drawn(f"{salt}:variant", weights, user) if weights else ""


def exposed(progress: Progress, cohort: Cohort, arm: str, variant: str) -> Progress:
    """The progress after the user met the campaign; the first time is the one that counts."""
    if progress.exposed_at is not None:
        return progress
    return replace(
        progress,
        exposed_at=cohort.at,
        exposed_version=cohort.version,
        exposed_platform=cohort.platform,
        arm="" if arm == SOFT_ASK else arm,
        variant=variant,
    )


def cohort_of(progress: Progress) -> Cohort | None:
    """Where the user met the campaign first; None for one who never did."""
    if progress.exposed_at is None:
        return None
    return Cohort(progress.exposed_at, progress.exposed_version, progress.exposed_platform)


def dealt(progress: Progress) -> str:
    """The arm that the user was exposed in; empty for one who never was.

    It stays what it was, also where an experiment that is over shows them something else by now.
    """
    return "" if progress.exposed_at is None else progress.arm or SOFT_ASK


def _drawn(salt: str, weights: Weights, user: User) -> str:
    """Only the weights' proportion counts."""
    point = share(salt, user) / 100 * sum(weight for _, weight in weights)
    upto = 0
    for name, weight in weights[:-1]:
        upto += weight
        if point < upto:
            return name
    return weights[-1][0]
