"""The backend without its database: the real code from the wire to the sums, over plain maps.

It keeps what the store keeps, by the same rules: profiles with the facts of their newest write, ids
that became a user, retry windows that end. What DynamoDB would stream lies in `records`.
"""

import base64
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

import msgspec
from msgspec.structs import replace

from functions.core import decision
from functions.core.compiled import Campaigns
from functions.core.decision import new_profile
from functions.core.figures import Cell, figures
from functions.core.model import MINUTE, SECOND, Fact, Message, Profile, User
from functions.core.reason import Reason
from functions.ledger import service
from functions.store import ledger, windows
from functions.store.profiles import key_of
from functions.store.windows import WindowItem
from functions.wire.answers import write_actions
from functions.wire.messages import read_message
from tests.simulation.calls import Call, Json
from tests.simulation.rates import CHANGED_AT, END


class Backend:
    """Serves one person's life, whose calls arrive in order."""

    def __init__(self, first: Campaigns, second: Campaigns, swept_every: int = 15 * MINUTE) -> None:
        self._swept_every = swept_every
        self._first, self._second = first, second
        self._profiles: dict[User, Profile] = {}
        self._became: dict[User, User] = {}
        self._windows: dict[str, WindowItem] = {}
        self.records: list[Json] = []

    def answer(self, call: Call, now: int) -> list[Json]:
        """The actions, as the phone reads them."""
        self.sweep(now)
        message = read_message("track" if call.kind == "track" else "identify", call.body(now), now)
        campaigns = self._first if now < CHANGED_AT else self._second
        if not decision.matters(message, campaigns):
            return []
        user = self._became.get(message.user, message.user)
        before = self._profiles.get(user) or new_profile(user, now)
        joining = self._joining(message, before, now)
        fold = decision.fold(before, [message], campaigns, now, joining)
        if fold.profile != before:
            is_merged = any(each.reason is Reason.MERGED for each in fold.decisions[0].reasons)
            self._save(before, fold.profile, fold.facts, joining if is_merged else {}, now)
        actions: list[Json] = msgspec.to_builtins(write_actions(fold.actions, now))
        return actions

    def sweep(self, now: int) -> None:
        """What passes of the sweep removed by now."""
        for key, window in list(self._windows.items()):
            due = int(window.due_at) * SECOND
            swept_at = -(-due // self._swept_every) * self._swept_every
            if swept_at <= min(now, END):
                self._remove(key, swept_at)

    def _joining(self, message: Message, known: Profile, now: int) -> dict[str, Profile]:
        id_ = message.merges
        anonymous = User("anonymous", id_)
        if not id_ or id_ in known.aliases or anonymous in self._became:
            return {}
        return {id_: self._profiles.get(anonymous) or new_profile(anonymous, now)}

    def _save(
        self,
        before: Profile,
        after: Profile,
        facts: Sequence[Fact],
        joined: Mapping[str, Profile],
        now: int,
    ) -> None:
        self._profiles[after.user] = after
        self._move_windows(before, after, now)
        for anonymous in joined.values():
            self._profiles.pop(anonymous.user, None)
            self._became[anonymous.user] = after.user
            self._move_windows(anonymous, replace(anonymous, progress={}), now)
        if facts:
            outbox = base64.b64encode(msgspec.json.encode(facts)).decode()
            self._stream(key_of(after.user), "MODIFY", now, {"NewImage": {"outbox": {"B": outbox}}})

    def _move_windows(self, before: Profile, after: Profile, now: int) -> None:
        key = key_of(after.user)
        for change, window in windows.changes(key, before, after):
            if change == "save":
                self._windows[key] = window
            elif key in self._windows:
                self._remove(key, now)

    def _remove(self, key: str, now: int) -> None:
        window: Any = self._windows.pop(key)
        self._stream(key, "REMOVE", now, {"OldImage": window.serialize()})

    def _stream(self, key: str, event: str, now: int, change: Json) -> None:
        told = {
            "Keys": {"user_key": {"S": key}},
            "ApproximateCreationDateTime": now // SECOND,
            **change,
        }
        self.records.append({"eventName": event, "dynamodb": told})


class Ledger:
    """Sums under the store's rule: a fact's id counts once for a user."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()
        self.sums: defaultdict[Cell, Counter[str]] = defaultdict(Counter)
        self.facts = 0

    def take(self, records: Iterable[Json]) -> None:
        """One delivery."""
        for record in records:
            change = record["dynamodb"]
            key = change["Keys"]["user_key"]["S"]
            for batch in ledger.batches(service._facts(record["eventName"], change)):
                for fact in batch:
                    self._count(key, fact)

    def _count(self, key: str, fact: Fact) -> None:
        if (key, fact.id) in self._known:
            return
        self._known.add((key, fact.id))
        self.facts += 1
        for figure in figures(fact):
            self.sums[figure.cell][figure.name] += figure.amount


def delivered_thrice(records: Sequence[Json], chance: Random, size: int = 100) -> Iterator[Json]:
    """Each batch once in its order, and twice more at any later time, in any order."""
    batches = [list(records[start : start + size]) for start in range(0, len(records), size)]
    deliveries: list[tuple[float, int]] = []
    for place in range(len(batches)):
        later = (place + chance.random() * (len(batches) + 1 - place) for _ in range(2))
        deliveries += [(float(place), place), *((time + 0.5, place) for time in later)]
    seen: set[int] = set()
    for _, place in sorted(deliveries):
        batch = list(batches[place])
        if place in seen:
            chance.shuffle(batch)
        seen.add(place)
        yield from batch
