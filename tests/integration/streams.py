"""Stream records made by hand, and what the ledger holds after them: on every engine alike."""

import base64
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from functions.core import offers
from functions.core.figures import Cell, figures
from functions.core.model import DAY, HOUR, MINUTE, Cohort, Fact, FactKind, Offer, User
from functions.core.offers import Grant
from functions.ledger.events import Told
from functions.ledger.service import write_facts
from functions.store import counters, ledger
from functions.store.profiles import key_of
from functions.store.retry import Patience, Retry
from tests.integration.conftest import START, Json, items

CAMPAIGNS = ("push", "push-2")

Sums = dict[Cell, dict[str, int]]

_sequence = iter(range(1, 1_000_000))


def key(user: str) -> str:
    return key_of(User("user", user))


# --- facts ---


def life(user: str, seed: int) -> list[list[Fact]]:
    """Some user's facts, write by write: an exposure, a few asks, a grant, goals."""
    chance = random.Random(f"{user}{seed}")
    at = START + chance.randrange(3) * DAY
    told: dict[str, Any] = {
        "campaign": chance.choice(CAMPAIGNS),
        "version": chance.randint(1, 2),
        "arm": "soft_ask",
        "variant": chance.choice(["", "warm"]),
        "platform": chance.choice(["ios", "android", ""]),
    }
    cohort = Cohort(at, told["version"], told["platform"])
    exposed = fact(f"{told['campaign']}:exposed", FactKind.EXPOSED, at, cohort=cohort, **told)
    writes = [[exposed]]
    for attempt in range(1, chance.randint(2, 4)):
        writes += _ask(user, attempt, at + attempt * 14 * DAY, cohort, told, chance)
    for ordinal in range(1, chance.randint(1, 4)):
        goal: dict[str, Any] = {"cohort": cohort, "ordinal": ordinal, **told}
        writes.append([fact(f"goal:{ordinal}", FactKind.GOAL, at + ordinal * HOUR, **goal)])
    return writes


def _ask(
    user: str, attempt: int, at: int, cohort: Cohort, told: Json, chance: random.Random
) -> list[list[Fact]]:
    grant = Grant(at << 16 | attempt, attempt, told["version"], User("user", user))
    offer = offers.make_id(grant, told["campaign"])
    more: Json = {**told, "attempt": attempt, "offer_id": offer}
    first: Json = {"after": HOUR, "cohort": cohort} if attempt == 1 else {}
    shown = fact(f"{offer}:shown", FactKind.SHOWN, at + MINUTE, **more, **first)
    answer = chance.choice([FactKind.APPROVED, FactKind.DECLINED, FactKind.DISMISSED])
    answered = fact(f"{offer}:{answer.value}", answer, at + 2 * MINUTE, first=True, **more)
    return [[fact(f"{offer}:offered", FactKind.OFFERED, at, **more)], [shown, answered]]


def fact(id_: str, kind: FactKind = FactKind.SHOWN, at: int = START, **more: Any) -> Fact:
    return Fact(id=id_, kind=kind, at=at, **more)


def offer(**told: Any) -> Offer:
    """One that was granted now."""
    return Offer(
        id="of_1", serial=1, device="d1", attempt=1, granted_at=START, lease_until=START, **told
    )


def many(count: int) -> list[Fact]:
    """Facts of which each adds to a cell of its own."""
    return [
        fact(f"of_{number}:shown", campaign="push", version=1, attempt=number)
        for number in range(count)
    ]


# --- records ---


def told(user: str, facts: Sequence[Fact]) -> Json:
    """A record of a profile's write with these facts in its outbox."""
    outbox = base64.b64encode(msgspec.json.encode(facts)).decode()
    return record(user, "MODIFY", {"NewImage": {"outbox": {"B": outbox}}})


def tombstone(user: str) -> Json:
    return record(user, "MODIFY", {"NewImage": {"deleted_at": {"N": str(START)}}})


def closed(user: str, window: Json, at: int) -> Json:
    """A record of a retry window's end; `at` stands for the write's time, in seconds."""
    change = {"OldImage": window, "ApproximateCreationDateTime": at}
    return record(user, "REMOVE", change)


def record(user: str, event: str, change: Json) -> Json:
    keys = {"user_key": {"S": key(user)}}
    told = {
        "ApproximateCreationDateTime": START // 1000,
        "SequenceNumber": str(next(_sequence)),
        "Keys": keys,
        **change,
    }
    return {"eventSource": "aws:dynamodb", "eventName": event, "dynamodb": told}


class Bus:
    """Hears what is published."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def __call__(self, facts: Sequence[Told], _time_left: Callable[[], int]) -> None:
        self.heard += [(user_key, fact.id) for user_key, fact in facts]


PATIENT = Retry(lambda _: None, lambda: 1.0)


def deliver(records: Iterable[Json], retry: Retry = PATIENT) -> list[Fact]:
    """The facts that were new."""
    patience = Patience(retry, lambda: 60_000, 0)
    return [new for each in records for new in write_facts(each, patience).new]


# --- what is stored ---


def expected(facts: Iterable[Fact]) -> Sums:
    """What these facts add up to, each counted once."""
    sums: dict[Cell, Counter[str]] = {}
    for each in facts:
        for figure in figures(each):
            sums.setdefault(figure.cell, Counter())[figure.name] += figure.amount
    return {cell: dict(amounts) for cell, amounts in sums.items()}


def counted(campaigns: Iterable[str] = (*CAMPAIGNS, "")) -> Sums:
    """What the counters say of all days."""
    sums: dict[Cell, Counter[str]] = {}
    for campaign in campaigns:
        for cell, amounts in counters.read(campaign, 0, 50_000):
            sums.setdefault(cell, Counter()).update(amounts)
    return {cell: dict(amounts) for cell, amounts in sums.items()}


def known(*users: str) -> set[tuple[str, str]]:
    """The facts that are stored of these users, by user and id."""
    return {(user, item.fact_id) for user in users for item in ledger.facts(key(user))}


def tables() -> list[list[Json]]:
    """Both tables whole, in an order of their own."""
    held = (items("SOFTASK_LEDGER_TABLE"), items("SOFTASK_COUNTERS_TABLE"))
    return [sorted(each, key=repr) for each in held]
