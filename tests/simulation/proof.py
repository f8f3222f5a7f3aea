"""`make prove`: a world of 200,000 people, or as many as the argument says, on every core.

Exits with 1 if the report differs from the world's own count in any figure, leaves out a true
rate, finds a sample ratio mismatch where there is none, or overlooks one where users were lost.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from random import Random

# Before any module of `functions` reads its environment.
import tests.conftest  # noqa: F401
from cli.report.figures import Statistics, Wishes, analyse
from functions.wire.report import ReportAnswer
from tests.simulation import truth
from tests.simulation.account import Account
from tests.simulation.played import Lost, Played, answer_of, differences, play
from tests.simulation.rates import HOLDOUT, TIDY, UNTIDY, Rates

PEOPLE = 200_000
AT_ONCE = 500
SEED = 20_260_901

WORLDS = 40
FEWEST_HELD = 32
"""Of 40 intervals at 95 %, fewer hold the truth in one of 7,700 such runs."""


def main(arguments: list[str]) -> int:
    """Plays both worlds, and one that loses users; says what it found."""
    people = int(arguments[0]) if arguments else PEOPLE
    problems = [
        *_untidy(people),
        *_tidy(people),
        *_with_losses(people // 2),
    ]
    for problem in problems[:50]:
        _say(f"WRONG: {problem}")
    return 1 if problems else 0


def _untidy(people: int) -> Iterator[str]:
    """Logins, second phones, late and repeated calls, and all that makes lives untidy."""
    played = _play(people, UNTIDY)
    answer = answer_of(played.sums)
    figures = _count_figures(answer)
    _say(f"untidy: {_told(played)}; {figures:,} figures in {len(answer.rows):,} rows")
    yield from differences(answer, played)


def _tidy(people: int) -> Iterator[str]:
    """One phone and one value moment each, so that the true rates are known exactly.

    Many worlds, and each interval asked how often it held the truth: those of one world hang
    together, since all comparisons share one control.
    """
    holds: Counter[str] = Counter()
    for world in range(WORLDS):
        played = _play(people // WORLDS, TIDY, seed=SEED + world)
        answer = answer_of(played.sums)
        of = analyse(answer, Wishes())
        yield from differences(answer, played)
        if of.sample_ratio is None or of.sample_ratio.is_mismatch:
            yield f"world {world}: a sample ratio mismatch where there is none"
        for name, is_held in truth.held(of, answer, TIDY):
            holds[name] += is_held
    _say(f"tidy: {WORLDS} worlds of {people // WORLDS:,} people; {len(holds)} intervals each")
    for name, count in sorted(holds.items()):
        _say(f"  {count} of {WORLDS} hold the truth: {name}")
        if count < FEWEST_HELD:
            yield f"{name}: only {count} of {WORLDS} intervals hold the truth"


def _with_losses(people: int) -> Iterator[str]:
    """A tenth of the holdout never reaches the ledger."""
    of = analyse(answer_of(_play(people, TIDY, _is_lost).sums), Wishes())
    _say(f"with a tenth of the holdout lost, {people:,} people: {_ratio(of)}")
    if of.sample_ratio is None or not of.sample_ratio.is_mismatch:
        yield "lost users were not found"


def _is_lost(account: Account) -> bool:
    [(who, person)] = account.people.items()
    is_held_out = person.exposure is not None and person.exposure.arm == HOLDOUT
    return is_held_out and Random(who[1]).random() < 0.1


def _play(people: int, rates: Rates, lost: Lost | None = None, seed: int = SEED) -> Played:
    whole = Played()
    shares = [range(start, min(start + AT_ONCE, people)) for start in range(0, people, AT_ONCE)]
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        for part in pool.imap_unordered(partial(_share, seed=seed, rates=rates, lost=lost), shares):
            whole.add(part)
    return whole


def _share(numbers: range, *, seed: int, rates: Rates, lost: Lost | None) -> Played:
    return play(numbers, seed, rates, lost=lost)


def _count_figures(answer: ReportAnswer) -> int:
    of_rows = (
        value
        for row in answer.rows
        for name in row.__struct_fields__
        if isinstance(value := getattr(row, name), int) and name not in ("version", "attempt")
    )
    lists = (each for row in answer.rows for each in (*row.first_show, *row.converted))
    return sum(value != 0 for value in (*of_rows, *lists))


def _told(played: Played) -> str:
    return f"{played.people:,} people, {played.calls:,} calls, {played.facts:,} facts, each thrice"


def _ratio(of: Statistics) -> str:
    ratio = of.sample_ratio
    return "no sample ratio" if ratio is None else f"sample ratio p = {ratio.p_value:.3g}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
