"""The report: what each campaign would have done, as figures that are the same on every run."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from cli.backtest.phone import Rates
from cli.backtest.recording import Lives, Recording
from cli.backtest.world import OF_USERS, Tally, World
from functions.core.experiment import DIRECT_PROMPT
from functions.core.model import DAY, HOUR, FactKind, User
from functions.core.moments import format_time
from functions.core.reason import Reason

QUANTILES = (10, 25, 50, 75, 90)

AGES = (
    ("1 h", HOUR),
    ("6 h", 6 * HOUR),
    ("1 d", DAY),
    ("3 d", 3 * DAY),
    ("7 d", 7 * DAY),
    ("14 d", 14 * DAY),
    ("30 d", 30 * DAY),
)
"""The histogram's bounds; its last bar holds what is beyond them."""

BEYOND = "later"


class _Figures(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class Problem(_Figures, frozen=True, kw_only=True):
    """A line that could not be used."""

    line: int
    problem: str


class Read(_Figures, frozen=True, kw_only=True):
    """The recording. users: people, each once, under however many ids.

    late: events older than an earlier line of the same user.
    """

    file: str
    lines: int
    events: int
    users: int
    first_at: str
    last_at: str
    late: int
    bad: int
    problems: tuple[Problem, ...]


class Outcomes(_Figures, frozen=True, kw_only=True, omit_defaults=True):
    """Where the outcomes came from; the rates only where they were made up by them."""

    source: Literal["events", "rates"]
    approve: float | None = None
    decline: float | None = None
    dismiss: float | None = None
    silent: float | None = None
    grant: float | None = None
    seed: int | None = None


class Silence(_Figures, frozen=True, kw_only=True):
    """Triggers that led to no new popup, for one reason."""

    reason: str
    sentence: str
    triggers: int


class FirstShow(_Figures, frozen=True, kw_only=True):
    """When users were first asked: hours since their first event, and users by that age."""

    quantiles: Mapping[str, float]
    histogram: Mapping[str, int]


class Counts(_Figures, frozen=True, kw_only=True):
    """What can be compared number by number.

    silent: popups that were shown and never answered; direct_prompts: without a popup before them.
    """

    users_with_trigger: int
    triggers: int
    offers: int
    users_asked: int
    shows: int
    retries: int
    approved: int
    declined: int
    dismissed: int
    suppressed: int
    silent: int
    granted: int
    denied: int
    held_out: int
    direct_prompts: int
    exhausted: int
    duplicates: int


class ArmFigures(_Figures, frozen=True, kw_only=True):
    """What became of those who met the campaign in one arm.

    shows: of popups, or of direct prompts.
    opted_in: users who said yes, and then to the OS too; converted: who granted the permission in
    whatever way. goals: the goal's events.
    """

    exposed: int
    shows: int
    opted_in: int
    converted: int
    goals: int


class CampaignFigures(_Figures, frozen=True, kw_only=True):
    """What one campaign would have done. overridden: the file's status, where it is not active."""

    name: str
    campaign: str
    overridden: str | None
    counts: Counts
    arms: Mapping[str, ArmFigures]
    shows_per_user: Mapping[str, int]
    shows_per_attempt: Mapping[str, int]
    first_show: FirstShow | None
    silence: tuple[Silence, ...]
    shows_per_day: Mapping[str, int]


class Report(_Figures, frozen=True, kw_only=True):
    """All of it. difference: the second campaign's counts less the first one's."""

    recording: Read
    outcomes: Outcomes
    campaigns: tuple[CampaignFigures, ...]
    difference: Mapping[str, int] | None


def report(
    file: str,
    recording: Recording,
    rates: Rates | None,
    named: Sequence[tuple[str, World]],
) -> Report:
    """Everything that the worlds counted, under the names that the campaigns go by."""
    campaigns = tuple(_campaign(name, world, recording.lives) for name, world in named)
    return Report(
        recording=_read(file, recording),
        outcomes=_outcomes(rates),
        campaigns=campaigns,
        difference=_difference(*campaigns) if len(campaigns) == 2 else None,
    )


def _read(file: str, recording: Recording) -> Read:
    first_at, last_at = recording.lives.span()
    return Read(
        file=file,
        lines=recording.lines,
        events=recording.events,
        users=len(recording.lives),
        first_at=format_time(first_at),
        last_at=format_time(last_at),
        late=recording.lives.late,
        bad=recording.problems.count,
        problems=tuple(Problem(line=line, problem=said) for line, said in recording.problems.first),
    )


def _outcomes(rates: Rates | None) -> Outcomes:
    if rates is None:
        return Outcomes(source="events")
    return Outcomes(
        source="rates",
        approve=rates.approve,
        decline=rates.decline,
        dismiss=rates.dismiss,
        silent=rates.silent,
        grant=rates.grant,
        seed=rates.seed,
    )


def _campaign(name: str, world: World, lives: Lives) -> CampaignFigures:
    tally, status = world.tally, world.campaign.file.status
    return CampaignFigures(
        name=name,
        campaign=world.campaign.id,
        overridden=None if status == "active" else status,
        counts=_counts(tally, lives),
        arms={arm: _arm(arm, tally, lives) for arm, facts in sorted(tally.by_arm.items()) if facts},
        shows_per_user=_shows_per_user(tally, lives),
        shows_per_attempt={str(n): shows for n, shows in sorted(tally.by_attempt.items())},
        first_show=_first_show(tally, lives),
        silence=_silence(tally),
        shows_per_day={_day(day): shows for day, shows in sorted(tally.by_day.items())},
    )


def _counts(tally: Tally, lives: Lives) -> Counts:
    facts, shows = tally.facts, tally.shows.total()
    answers = (FactKind.APPROVED, FactKind.DECLINED, FactKind.DISMISSED)
    return Counts(
        users_with_trigger=_persons(tally.triggered, lives),
        triggers=tally.triggers,
        offers=tally.reasons[Reason.OFFER_GRANTED],
        users_asked=_persons(tally.shows, lives),
        shows=shows,
        retries=sum(shows for attempt, shows in tally.by_attempt.items() if attempt > 1),
        approved=facts[FactKind.APPROVED],
        declined=facts[FactKind.DECLINED],
        dismissed=facts[FactKind.DISMISSED],
        suppressed=facts[FactKind.SUPPRESSED],
        silent=max(0, shows - sum(facts[answer] for answer in answers)),
        granted=facts[FactKind.GRANTED],
        denied=facts[FactKind.DENIED],
        held_out=_persons(tally.held_out, lives),
        direct_prompts=tally.by_arm[DIRECT_PROMPT][FactKind.SHOWN],
        exhausted=_persons(tally.exhausted, lives),
        duplicates=tally.duplicates,
    )


def _arm(arm: str, tally: Tally, lives: Lives) -> ArmFigures:
    exposed, opted_in, converted = (
        _persons(tally.of_users_by_arm[arm, kind], lives) for kind in OF_USERS
    )
    facts = tally.by_arm[arm]
    return ArmFigures(
        exposed=exposed,
        shows=facts[FactKind.SHOWN],
        opted_in=opted_in,
        converted=converted,
        goals=facts[FactKind.GOAL],
    )


def _persons(users: Iterable[User], lives: Lives) -> int:
    """Whoever logged in counts once, whatever they did before it and after."""
    return len({lives.person(user) for user in users})


def _shows_per_user(tally: Tally, lives: Lives) -> dict[str, int]:
    shows: Counter[User] = Counter()
    for user, times in tally.shows.items():
        shows[lives.person(user)] += times
    counted = list(shows.values())
    once, twice = counted.count(1), counted.count(2)
    return {
        "0": len(lives) - len(counted),
        "1": once,
        "2": twice,
        "3+": len(counted) - once - twice,
    }


def _first_show(tally: Tally, lives: Lives) -> FirstShow | None:
    firsts: dict[User, int] = {}
    for user, at in tally.first_shown.items():
        person = lives.person(user)
        firsts[person] = min(at, firsts.get(person, at))
    if not firsts:
        return None
    ages = sorted(max(0, at - lives.first_seen(person)) for person, at in firsts.items())
    histogram = dict.fromkeys([*(label for label, _ in AGES), BEYOND], 0)
    labels, bounds = list(histogram), [bound for _, bound in AGES]
    for age in ages:
        histogram[labels[bisect_left(bounds, age)]] += 1
    return FirstShow(
        quantiles={f"p{q}": round(ages[(len(ages) - 1) * q // 100] / HOUR, 2) for q in QUANTILES},
        histogram=histogram,
    )


def _silence(tally: Tally) -> tuple[Silence, ...]:
    """The commonest first; a tie by the reason's number."""
    silent = [each for each in tally.reasons.items() if each[0] is not Reason.OFFER_GRANTED]
    return tuple(
        Silence(reason=reason.word, sentence=reason.says, triggers=triggers)
        for reason, triggers in sorted(silent, key=lambda each: (-each[1], each[0]))
    )


def _day(days: int) -> str:
    return format_time(days * DAY)[:10]


def _difference(one: CampaignFigures, other: CampaignFigures) -> dict[str, int]:
    first, second = msgspec.to_builtins(one.counts), msgspec.to_builtins(other.counts)
    return {name: second[name] - first[name] for name in first}
