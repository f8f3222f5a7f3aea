"""Which figures a fact adds to. The report is made of their sums, and of nothing else.

what happened   on the day when it did, under the attempt that it happened to
of an offer     on the day when the offer was granted: what became of that day's offers
of a user       on the day of the exposure, under its version and platform: what became of the
                users who were exposed that day; each user counts once, however long it takes
"""

from collections.abc import Iterator

import msgspec

from functions.core import offers
from functions.core.model import DAY, HOUR, MINUTE, Fact, FactKind

FIRST_SHOWS = (MINUTE, 5 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY)
"""Where the spans from first seen to first show are told apart; each bound is the next one's."""

LONGEST_ATTRIBUTION = 30
"""Days after the exposure for which a grant is told from none."""

PLATFORMS = ("ios", "android", "web")
"""Told apart in figures; phones may name any other, which would make cells without end."""


class Cell(msgspec.Struct, frozen=True, order=True):
    """One row of figures. `day`: since the epoch, UTC. `attempt`: 0 for what is a user's.

    `campaign` is empty for prompts that no campaign had to do with.
    """

    campaign: str
    day: int
    version: int
    arm: str
    variant: str
    attempt: int
    platform: str


class Figure(msgspec.Struct, frozen=True, order=True):
    """How much a fact adds to one figure of one cell. `name` is one of `NAMES`."""

    cell: Cell
    name: str
    amount: int = 1


_HAPPENED = {
    FactKind.OFFERED,
    FactKind.SHOWN,
    FactKind.APPROVED,
    FactKind.DECLINED,
    FactKind.DISMISSED,
    FactKind.SUPPRESSED,
    FactKind.GRANTED,
    FactKind.DENIED,
    FactKind.PROMPTED,
    FactKind.RE_ELIGIBLE,
    FactKind.EXHAUSTED,
}

OF_OFFERS = ("seen", "released", "answered")
OF_USERS = (
    "exposed",
    "held_out",
    "shown_users",
    *(f"first_show_{bucket}" for bucket in range(len(FIRST_SHOWS) + 1)),
    "opted_in",
    *(f"converted_{day}" for day in range(LONGEST_ATTRIBUTION)),
    "goal_users",
    "goals",
    "goal_squares",
)
NAMES = (*sorted(kind.value for kind in _HAPPENED), "unasked", *OF_OFFERS, *OF_USERS)
"""Every figure there is, and so every attribute of a stored cell."""


def figures(fact: Fact) -> tuple[Figure, ...]:
    """What the fact adds, and where."""
    return (*_happened(fact), *_of_offer(fact), *_of_user(fact))


def first_show_bucket(after: int) -> int:
    """Which of `FIRST_SHOWS` a span is below; one more than there are, for the longest."""
    return sum(after >= bound for bound in FIRST_SHOWS)


def _happened(fact: Fact) -> Iterator[Figure]:
    if fact.kind not in _HAPPENED:
        return
    cell = _cell(fact, fact.at, fact.attempt)
    yield Figure(cell, fact.kind.value)
    if fact.kind is FactKind.PROMPTED and fact.unasked:
        yield Figure(cell, "unasked")


def _of_offer(fact: Fact) -> Iterator[Figure]:
    if not fact.offer_id:
        return
    cell = _cell(fact, offers.granted_at(fact.offer_id), fact.attempt)
    if fact.kind is FactKind.SHOWN:
        yield Figure(cell, "seen")
    if fact.kind is FactKind.SUPPRESSED:
        yield Figure(cell, "released")
    if fact.first:
        yield Figure(cell, "answered")


def _of_user(fact: Fact) -> Iterator[Figure]:
    if fact.cohort is None:
        return
    cell = Cell(
        campaign=fact.campaign,
        day=fact.cohort.at // DAY,
        version=fact.cohort.version,
        arm=fact.arm,
        variant=fact.variant,
        attempt=0,
        platform=_platform(fact.cohort.platform),
    )
    for name, amount in _amounts(fact):
        yield Figure(cell, name, amount)


def _amounts(fact: Fact) -> Iterator[tuple[str, int]]:
    match fact.kind:
        case FactKind.EXPOSED | FactKind.HELD_OUT | FactKind.OPTED_IN:
            yield fact.kind.value, 1
        case FactKind.SHOWN if fact.after is not None:
            yield "shown_users", 1
            yield f"first_show_{first_show_bucket(fact.after)}", 1
        case FactKind.CONVERTED if (
            fact.after is not None and fact.after // DAY < LONGEST_ATTRIBUTION
        ):
            yield f"converted_{fact.after // DAY}", 1
        case FactKind.GOAL:
            yield "goals", 1
            # Of k goals the square is the sum of the first k odd numbers.
            yield "goal_squares", 2 * fact.ordinal - 1
            if fact.ordinal == 1:
                yield "goal_users", 1
        case _:
            return


def _cell(fact: Fact, at: int, attempt: int) -> Cell:
    return Cell(
        campaign=fact.campaign,
        day=at // DAY,
        version=fact.version,
        arm=fact.arm,
        variant=fact.variant,
        attempt=attempt,
        platform=_platform(fact.platform),
    )


def _platform(name: str) -> str:
    """Empty where none was told."""
    return name if name in (*PLATFORMS, "") else "other"
