"""Histories: which events are counted, under which keys, and how a message moves them.

A tally is an event, perhaps with a condition on its properties. Its history begins when a
campaign (or `settings.remember`) first refers to it.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from functions.core.campaign import MOST_TIMES
from functions.core.conditions import PropertyCondition
from functions.core.model import History

_SEPARATOR = "\x1f"
"""Stands between the event's name and the digest of its condition; no event's name holds it."""


class Need(msgspec.Struct, frozen=True, eq=False):
    """A history that some campaign reads: with `times` for windows, by `session` for sessions.

    Needs are equal by their key, since to Python a condition `is: 1` equals one of `is: true`.
    """

    event: str
    where: PropertyCondition | None = None
    times: bool = False
    session: bool = False

    @property
    def key(self) -> str:
        """Under which the profile keeps it."""
        return tally_key(self.event, self.where)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Need) and self._identity() == other._identity()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[str, bool, bool]:
        return self.key, self.times, self.session


class Tally(msgspec.Struct, frozen=True):
    """A history that is kept, compiled. `matches` is None where every such event counts."""

    key: str
    matches: Callable[[Mapping[str, Any]], bool] | None
    times: bool
    session: bool


def tally_key(event: str, where: PropertyCondition | None) -> str:
    """The event's name; with a condition on its properties, also a digest of that."""
    if where is None:
        return event
    said = msgspec.json.encode(where, order="deterministic")
    return f"{event}{_SEPARATOR}{blake2b(said, digest_size=6).hexdigest()}"


def tallies(
    needs: Iterable[Need], compile_where: Callable[[PropertyCondition], Callable[..., bool]]
) -> dict[str, tuple[Tally, ...]]:
    """What to keep, by event: needs of one key are met by one tally."""
    merged: dict[str, Need] = {}
    for need in needs:
        known = merged.get(need.key, need)
        merged[need.key] = Need(
            need.event, need.where, known.times or need.times, known.session or need.session
        )
    kept: dict[str, tuple[Tally, ...]] = {}
    for key, need in merged.items():
        matches = None if need.where is None else compile_where(need.where)
        tally = Tally(key, matches, need.times, need.session)
        kept[need.event] = (*kept.get(need.event, ()), tally)
    return kept


def advance(known: History | None, tally: Tally, at: int, session_at: int) -> History:
    """The history after the event happened once more, at `at`."""
    if known is None:
        known = History(0, at, at)
    times = tuple(sorted((*known.times, at)))[-MOST_TIMES:] if tally.times else ()
    same_session = known.session_at == session_at
    in_session = (known.in_session if same_session else 0) + (at >= session_at)
    return History(
        known.count + 1,
        min(known.first_at, at),
        max(known.last_at, at),
        times,
        in_session if tally.session else 0,
        session_at if tally.session else 0,
    )


def united(one: History, other: History) -> History:
    """What was counted of two users who are one; the session is the newest."""
    session_at = max(one.session_at, other.session_at)
    return History(
        one.count + other.count,
        min(one.first_at, other.first_at),
        max(one.last_at, other.last_at),
        tuple(sorted((*one.times, *other.times)))[-MOST_TIMES:],
        sum(each.in_session for each in (one, other) if each.session_at == session_at),
        session_at,
    )
