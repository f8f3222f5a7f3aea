"""`GET /v1/admin/campaigns/{id}/report`: which days are asked for, and the figures of them.

A figure is of one of three kinds (see `functions.core.figures`), and is summed over the days that
are asked for by its own day:

of users    exposed, heldOut, shownUsers, firstShow, optedIn, converted, goalUsers, goals,
            goalSquares: by the day of the user's exposure, however much later it happened
of offers   lapsed, silent, awaited: by the day of the grant
what        all others: by the day when it happened
happened
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal

import msgspec

from functions.core.figures import PLATFORMS
from functions.core.model import DAY
from functions.core.parsing import nearest
from functions.wire.errors import InvalidRequest

MOST_DAYS = 400
USUAL_DAYS = 30

MAX_ANSWER = 5_000_000
"""Bytes of JSON: a Lambda answers 6 MB at most, with all that is around it."""

UNTOLD = "unknown"
"""The platform of phones that told none."""

PLATFORM_NAMES = (*PLATFORMS, "other", UNTOLD)

_PARAMETERS = ("from", "to", "platform")
_EPOCH = date(1970, 1, 1)


class Question(msgspec.Struct, frozen=True):
    """Days since the epoch, UTC, both included; the platform, or None for all together."""

    first_day: int
    last_day: int
    platform: str | None


def read_question(query: Mapping[str, str], now: int) -> Question:
    """What is asked; by default the last 30 days, today among them."""
    for name in query:
        if name not in _PARAMETERS:
            raise InvalidRequest(
                f"There is no parameter {name!r}{nearest(name, _PARAMETERS)}", name
            )
    today = now // DAY
    last = _day(query, "to", today)
    if last > today:
        problem = f"'to' {write_day(last)} lies after today, which is {write_day(today)} (UTC)."
        raise InvalidRequest(problem, "to")
    first = _day(query, "from", max(0, last - USUAL_DAYS + 1))
    if first > last:
        problem = f"'from' {write_day(first)} lies after 'to' {write_day(last)}."
        raise InvalidRequest(problem, "from")
    if last - first >= MOST_DAYS:
        asked = last - first + 1
        raise InvalidRequest(f"A report is of at most {MOST_DAYS} days, not {asked:,}.", "from")
    return Question(first, last, _platform(query))


def write_day(day: int) -> str:
    """A day since the epoch as `2026-11-21`."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def _day(query: Mapping[str, str], name: str, usual: int) -> int:
    text = query.get(name)
    if text is None:
        return usual
    try:
        day = (date.fromisoformat(text) - _EPOCH).days
    except ValueError:
        day = -1
    if day < 0 or write_day(day) != text:
        raise InvalidRequest(f"{name} must be a day such as 2026-11-21.", name)
    return day


def _platform(query: Mapping[str, str]) -> str | None:
    name = query.get("platform")
    if name is not None and name not in PLATFORM_NAMES:
        raise InvalidRequest(f"platform is one of {', '.join(PLATFORM_NAMES)}.", "platform")
    return name


# --- the answer ---


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class _Figures(_Answer, frozen=True, kw_only=True):
    arm: str
    variant: str
    exposed: int = 0
    held_out: int = 0
    offered: int = 0
    shown: int = 0
    approved: int = 0
    declined: int = 0
    dismissed: int = 0
    suppressed: int = 0
    lapsed: int = 0
    silent: int = 0
    awaited: int = 0
    granted: int = 0
    denied: int = 0
    prompted: int = 0
    unasked: int = 0
    re_eligible: int = 0
    exhausted: int = 0
    shown_users: int = 0
    first_show: tuple[int, ...] = ()
    opted_in: int = 0
    converted: tuple[int, ...] = ()
    goal_users: int = 0
    goals: int = 0
    goal_squares: int = 0


class ArmReport(_Figures, frozen=True, kw_only=True):
    """The totals of one content variant of an arm; `variant` is empty where there is one alone.

    exposed: users who met the campaign for the first time, in every arm alike; the whole that
    shares of users are taken of. heldOut: those of them who were shown nothing.
    lapsed: offers that were neither seen nor released; of a day's offers together, since a phone
    may tell its platform only after the offer. Those of the last minutes may still be open.
    silent: popups that were seen and never answered. awaited: the same, of offers granted today
    or yesterday: their answer may still come.
    granted, denied: what the OS said. prompted: OS prompts that were spent; unasked: those of them
    that the app made by itself, without an approval.
    reEligible: retry windows that ended. exhausted: users whose last attempt was spent.
    shownUsers: users who were shown the popup, each once. firstShow: the same users by the time
    from first heard of to first shown, in the buckets that `firstShowBounds` tells apart.
    optedIn: users who approved and whom the OS granted the permission, each once.
    converted: users with any OS grant after their exposure, each once, by whole days since: the
    first number is of the first 24 hours.
    goals: goal events of exposed users; goalUsers: users with at least one; goalSquares: the sum
    over users of their number squared, which the variance is made of.
    """


class ReportRow(_Figures, frozen=True, kw_only=True, omit_defaults=True):
    """The same figures of one version, attempt, platform and day; those that are 0 are left out.

    attempt: 0 for figures of users, and then the version and the platform are those of their
    exposure. lapsed, silent, awaited: of this row's offers alone.
    """

    version: int
    attempt: int
    platform: str
    day: str


class VersionReport(_Answer, frozen=True, kw_only=True):
    """How a version that occurs dealt its users, so that the sample ratio can be checked.

    arms, variants: weights, of which only the proportion counts; empty where the version dealt
    nobody, null where its file cannot be read. hasGoal: whether it counted a goal event. goal: its
    name; null where there is none.
    longestWaitDays: the longest time from an answer to the retry after it; null where it has none.
    """

    version: int
    arms: dict[str, int] | None
    variants: dict[str, int] | None
    has_goal: bool | None
    goal: str | None = None
    longest_wait_days: float | None = None


class AppWide(_Answer, frozen=True, kw_only=True):
    """OS prompts that no campaign had to do with, by the day when they were spent."""

    prompted: int
    unasked: int


class ReportAnswer(_Answer, frozen=True, kw_only=True):
    """A campaign's figures over whole days, UTC, from and to included.

    kind: null where the live version cannot be read. platform: null for all together.
    asOf: when it was counted; figures of the last minutes may be on their way.
    firstShowBounds: seconds; a bucket of `firstShow` is below its bound, the last is beyond all.
    """

    success: Literal[True] = True
    campaign: str
    kind: str | None
    from_: str = msgspec.field(name="from")
    to: str
    platform: str | None
    as_of: str
    first_show_bounds: tuple[int, ...]
    arms: tuple[ArmReport, ...]
    rows: tuple[ReportRow, ...]
    versions: tuple[VersionReport, ...]
    app_wide: AppWide
