"""Frequency caps, compiled."""

import msgspec

from functions.core.campaign import Cap, milliseconds
from functions.core.errors import CampaignError
from functions.core.model import DAY

_PER = {"day": DAY, "week": 7 * DAY}


class CapRule(msgspec.Struct, frozen=True):
    """A frequency cap; `within` is None for the current session."""

    at_most: int
    within: int | None
    says: str


def compile_caps(caps: tuple[Cap, ...], place: tuple[str | int, ...]) -> tuple[CapRule, ...]:
    """Each cap says `per` or `within`; else `CampaignError`."""
    compiled = []
    for index, cap in enumerate(caps):
        if (cap.per is None) == (cap.within is None):
            problem = "say either per (session, day or week) or within (`within: 3d`)"
            raise CampaignError((*place, "caps", index), problem)
        span = _PER.get(cap.per or "") if cap.within is None else milliseconds(cap.within)
        when = f"per {cap.per}" if cap.within is None else f"in the last {cap.within}"
        compiled.append(CapRule(cap.at_most, span, f"at most {cap.at_most} {when}"))
    return tuple(compiled)
