"""Conditions on what happened: how often, first and last, of an event or of a campaign's shows."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import msgspec

from functions.core.campaign import MOST_TIMES, Identifier, milliseconds
from functions.core.conditions import Count, CountTest, TimeTest
from functions.core.errors import CampaignError
from functions.core.history import Need, tally_key
from functions.core.model import History, Progress
from functions.core.moments import format_time
from functions.core.operators import (
    Holds,
    Place,
    compile_operator,
    is_span,
    read_span,
    read_time,
    spell_span,
)
from functions.core.properties import compile_properties, spell_out
from functions.core.rules import (
    Rule,
    Said,
    Subject,
    Turns,
    group,
    never,
    said_in,
    to_come,
    words_of,
)

EVENT_TAKES = ("count", "first", "last", "within", "since", "where", "or_never")
CAMPAIGN_TAKES = ("count", "last", "within")

_COUNTS = words_of(CountTest)
_NARROWING = ("within", "since", "or_never")
_NEED_ONE_MORE = ("is", "gt", "lte", "between")
"""Whether it happened more often than the highest number in the test plays a part."""

_AT: Mapping[str, Callable[[History], int]] = {
    "first": attrgetter("first_at"),
    "last": attrgetter("last_at"),
}
_TIMES = {
    "is": "{} times",
    "gt": "more than {} times",
    "gte": "at least {} times",
    "lt": "fewer than {} times",
    "lte": "at most {} times",
    "between": "{} times",
}


class _Past(msgspec.Struct, frozen=True):
    """A history that is judged. counted: `E happened`; one: `E`, as in `the last E was …`.

    total: how often in all; the history keeps only the newest times.
    """

    counted: str
    one: str
    find: Callable[[Subject], History | None]
    total: Callable[[Subject], int]
    needs: frozenset[Need] = frozenset()


def compile_event(said: Said, place: Place) -> Rule:
    """Of an event's history, as far back as it is kept."""
    event, where = said["event"], said.get("where")
    key = tally_key(event, where)
    name = event
    if where is not None:
        name = f"{event} ({spell_out(compile_properties(where, (*place, 'where')))})"

    def total(subject: Subject) -> int:
        history = subject.events.get(key)
        return 0 if history is None else history.count

    needs = {Need(event, where, times="within" in said or "since" in said)}
    if "since" in said:
        _require_another(said, place)
        needs.add(Need(said["since"]))
    past = _Past(
        f"{name} happened",
        name,
        lambda subject: subject.events.get(key),
        total,
        frozenset(needs),
    )
    return _judged(said, past, place)


def compile_campaign(said: Said, place: Place) -> Rule:
    """Of what this user was shown of a campaign, on whichever device."""
    campaign = said["campaign"]
    try:
        msgspec.convert(campaign, Identifier)
    except msgspec.ValidationError:
        raise CampaignError((*place, "campaign"), "write the id as in 'push-softask'") from None

    def total(subject: Subject) -> int:
        progress = subject.progress.get(campaign)
        return 0 if progress is None else _shown(progress)

    past = _Past(f"{campaign} was shown", f"show of {campaign}", _shows(campaign), total)
    return _judged(said, past, place)


def _shows(campaign: str) -> Callable[[Subject], History | None]:
    """A campaign's shows as the history that an event would have."""

    def find(subject: Subject) -> History | None:
        progress = subject.progress.get(campaign)
        if progress is None or not progress.seen:
            return None
        times = tuple(sorted(each.at for each in progress.seen))
        return History(_shown(progress), times[0], times[-1], times)

    return find


def _shown(progress: Progress) -> int:
    """How often. Attempts count a told decline too, but are all that is known beyond the list."""
    shows = len(progress.seen)
    return shows if 0 < shows < MOST_TIMES else progress.attempts


def _require_another(said: Said, place: Place) -> None:
    if said["since"] == said["event"] and "where" not in said:
        problem = f"nothing happens after its own newest; name another event than {said['event']!r}"
        raise CampaignError((*place, "since"), problem)


def _judged(said: Said, past: _Past, place: Place) -> Rule:
    """All that the condition says of the history, together."""
    tests = [_timed(said[word], word, past, (*place, word)) for word in _AT if word in said]
    if "count" in said:
        tests.insert(0, _count(said, past, place))
    else:
        _refuse_narrowing(said, place)
    if not tests:
        problem = f"say what of {past.one!r} is asked: count, first or last"
        raise CampaignError(place, problem)
    return tests[0] if len(tests) == 1 else group("all", tuple(tests))


def _refuse_narrowing(said: Said, place: Place) -> None:
    for word in _NARROWING:
        if word in said:
            problem = f"{word} narrows a count; add count, or write it within last"
            raise CampaignError((*place, word), problem)


def _count(said: Said, past: _Past, place: Place) -> Rule:
    test, says = _count_test(said, (*place, "count"))
    if "or_never" in said and "since" not in said:
        problem = "or_never goes with since, or within first and last"
        raise CampaignError((*place, "or_never"), problem)
    if "within" in said and "since" in said:
        raise CampaignError((*place, "since"), "say within or since, not both")
    if "within" in said:
        span = read_span(said["within"], (*place, "within"))
        says = f"{past.counted} {says} in the last {spell_span(said['within'])}"
        return _count_within(says, test, past, span)
    if "since" in said:
        says = f"{past.counted} {says} since the last {said['since']}"
        return _count_since(says, test, past, said)
    total = past.total
    return Rule(
        f"{past.counted} {says}",
        lambda subject: test(total(subject)),
        total,
        never,
        needs=past.needs,
    )


def _count_test(said: Said, place: Place) -> tuple[Holds, str]:
    """The test of the number, and its words."""
    count: Count | CountTest = said["count"]
    tests = {"is": count} if isinstance(count, int) else said_in(count)
    if len(tests) != 1:
        raise CampaignError(place, f"say exactly one of {', '.join(_COUNTS)}")
    [(operator, wanted)] = tests.items()
    where = place if isinstance(count, int) else (*place, operator)
    if "within" in said or "since" in said:
        _require_kept(operator, wanted, where)
    test: Callable[..., bool] = compile_operator(operator, wanted, where).holds
    return test, _spell_count(operator, wanted)


def _require_kept(operator: str, wanted: Any, place: Place) -> None:
    most = wanted[1] if isinstance(wanted, tuple) else wanted
    if most + (operator in _NEED_ONE_MORE) > MOST_TIMES:
        problem = (
            f"only the last {MOST_TIMES} times are kept; ask within and since for lower numbers"
        )
        raise CampaignError(place, problem)


def _spell_count(operator: str, wanted: Any) -> str:
    number = f"{wanted[0]} to {wanted[1]}" if isinstance(wanted, tuple) else str(wanted)
    says = _TIMES[operator].format(number)
    return says.removesuffix("s") if wanted == 1 else says


def _count_within(says: str, test: Holds, past: _Past, span: int) -> Rule:
    """What happened at the very start of the window lies outside, as with `last: {within: …}`."""
    find = past.find

    def read(subject: Subject) -> int:
        history = find(subject)
        if history is None:
            return 0
        return len(history.times) - bisect_right(history.times, subject.now - span)

    def turns(subject: Subject) -> tuple[int, ...]:
        history = find(subject)
        times = () if history is None else history.times
        return to_come([at + span for at in times], subject.now)

    return Rule(says, lambda subject: test(read(subject)), read, turns, needs=past.needs)


def _count_since(says: str, test: Holds, past: _Past, said: Said) -> Rule:
    """What has the same time as the other event counts: that one came first, or with it."""
    find, since, or_never = past.find, said["since"], said.get("or_never", False)

    def read(subject: Subject) -> int | None:
        start = subject.events.get(since)
        if start is None:
            return None
        history = find(subject)
        if history is None:
            return 0
        return len(history.times) - bisect_left(history.times, start.last_at)

    def holds(subject: Subject) -> bool:
        count = read(subject)
        return or_never if count is None else test(count)

    says = f"{says}, or that never happened" if or_never else says
    return Rule(says, holds, read, never, needs=past.needs)


def _compile_time(
    test: TimeTest, place: Place
) -> tuple[Callable[[int, int], bool], str, int | None]:
    """The test of a time at some now, its words, and how long after that time it turns."""
    if (test.before is None) == (test.within is None):
        raise CampaignError(place, "say exactly one of before or within")
    if test.within is not None:
        span = read_span(test.within, (*place, "within"))
        return lambda at, now: now < at + span, f"in the last {spell_span(test.within)}", span
    before = str(test.before)
    if is_span(before):
        span = milliseconds(before)
        return lambda at, now: now >= at + span, f"at least {spell_span(before)} ago", span
    bound = read_time(before, (*place, "before"))
    return lambda at, _: at < bound, f"before {before}", None


def _timed(test: TimeTest, word: str, past: _Past, place: Place) -> Rule:
    """`before` a span holds from the moment on that `within` it no longer does."""
    judged, says, span = _compile_time(test, place)
    at, find, or_never = _AT[word], past.find, test.or_never

    def holds(subject: Subject) -> bool:
        history = find(subject)
        return or_never if history is None else judged(at(history), subject.now)

    def read(subject: Subject) -> str | None:
        history = find(subject)
        return None if history is None else format_time(at(history))

    says = f"the {word} {past.one} was {says}{', or never' if or_never else ''}"
    turns = never if span is None else _turns_after(past, at, span)
    return Rule(says, holds, read, turns, needs=past.needs)


def _turns_after(past: _Past, at: Callable[[History], int], span: int) -> Turns:
    def turns(subject: Subject) -> tuple[int, ...]:
        history = past.find(subject)
        return () if history is None else to_come([at(history) + span], subject.now)

    return turns
