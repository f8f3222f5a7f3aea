"""Random lives of people with several ids and phones, over HTTP and through every table.

The model is a plain account per person: which ids are theirs, what they were offered, what was told
of it. Requests come alone, in batches, again, beside one another, and with answers that are lost.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ReadTimeoutError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from cli.local_tables import NAMES, create_tables
from functions.core import frequency
from functions.core.campaign import Package
from functions.core.model import Profile, Progress, User
from functions.core.moments import format_time
from functions.store import profiles
from tests.integration.conftest import DAY, MINUTE, SECOND, Admin, App, Database, Json, message
from tests.integration.privacy import (
    LEDGER,
    PROFILES,
    WINDOWS,
    deliver,
    export,
    marks,
    record,
    table,
)

RECIPE = "push-softask"
VALUE = "ValueMomentReached"
ATTEMPTS = 2
WAIT = 14 * DAY
LEASE = 10 * MINUTE
BURIED = 30 * DAY

USERS = (User("user", "u1"), User("user", "u2"))
ANONYMOUS = tuple(User("anonymous", id_) for id_ in ("a1", "a2", "a3"))
EVERYBODY = (*USERS, *ANONYMOUS)
WRITES = ("PutItem", "TransactWriteItems")

EXAMPLES_SHARE = 25
"""A step takes some ten database calls: so many times fewer lives than in the pure core."""

people = st.sampled_from([*EVERYBODY, *ANONYMOUS])
users = st.sampled_from(USERS)
anonymous_ids = st.sampled_from(ANONYMOUS)
phones = st.sampled_from(["phone", "phone", "tablet"])
words = st.sampled_from(["Declined", "Shown", "Approved", "Dismissed", "Suppressed"])
logins = st.sampled_from(["identify", "alias"])
spans = st.sampled_from([SECOND, MINUTE, LEASE, DAY, WAIT - 1, WAIT, WAIT, BURIED, 40 * DAY])
agos = st.sampled_from([0, MINUTE, DAY, 20 * DAY])


@dataclass
class Given:
    """An offer that a phone was told of."""

    id: str
    attempt: int
    phone: str
    to: User
    at: int
    is_seen: bool = False
    is_taken_back: bool = False


@dataclass
class Person:
    """Who may be several ids by now; `deleted_until`: what they do is ignored so long."""

    given: list[Given] = field(default_factory=list)
    declines: list[int] = field(default_factory=list)
    moments: int = 0
    deleted_until: int = 0

    def asks(self) -> int:
        """Popups that were told as seen, and the attempts that they were called."""
        seen = [each.attempt for each in self.given if each.is_seen]
        return max(len(seen), *seen, 1 if self.declines else 0, 0)

    def leased(self, now: int) -> list[Given]:
        """Offers that nothing speaks against."""
        return [
            each
            for each in self.given
            if not each.is_seen and not each.is_taken_back and now < each.at + LEASE
        ]


@dataclass(frozen=True)
class Told:
    """One message: as it is sent, and what it does to the model."""

    body: Json
    act: Callable[[], None]


@dataclass(frozen=True)
class Sent:
    """A request that changed something, to be sent again."""

    path: str
    body: str
    at: int


class Society(RuleBasedStateMachine):
    """Two accounts, three anonymous ids, two phones, the shipped campaign."""

    def __init__(self, package: Package, database: Database) -> None:
        super().__init__()
        _new_tables()
        self.app, self.admin, self.database = App(package), Admin(package), database
        self.people = {user: Person() for user in EVERYBODY}
        self.became: dict[User, User] = {}
        self.sent: list[Sent] = []
        self.count = 0
        self.records: list[Json] = []
        self.versions: dict[str, str] = {}
        database.after = self._stream

    # --- time, and the ledger's ---

    @rule(span=spans)
    def time_passes(self, span: int) -> None:
        self.app.now = self.admin.now = self.app.now + span

    @rule()
    def the_streams_are_delivered(self) -> None:
        with self._unseen():
            deliver(*self.records)
        self.records.clear()

    # --- messages ---

    @rule(who=people, phone=phones)
    def value_is_delivered(self, who: User, phone: str) -> None:
        self._tell(self._value(who, phone))

    @precondition(lambda self: self._all_given())
    @rule(data=st.data(), word=words, ago=agos, late=st.booleans())
    def an_outcome_is_told(self, data: Any, word: str, ago: int, late: bool) -> None:
        given = data.draw(st.sampled_from(self._all_given()))
        self._tell(self._outcome(given, word, ago, is_late=late))

    @rule(who=people, ago=agos)
    def the_app_tells_of_a_decline(self, who: User, ago: int) -> None:
        self._tell(self._decline(who, ago))

    @rule(user=users, anonymous=anonymous_ids, how=logins, phone=phones)
    def somebody_logs_in(self, user: User, anonymous: User, how: str, phone: str) -> None:
        self._tell(self._login(user, anonymous, how, phone))

    @rule(
        user=users,
        anonymous=anonymous_ids,
        phone=phones,
        word=st.none() | words,
        is_late=st.booleans(),
    )
    def an_install_logs_in(
        self, user: User, anonymous: User, phone: str, word: str | None, *, is_late: bool
    ) -> None:
        """A popup before the login, told of before or after; then all is sent once more."""
        self._tell(self._value(anonymous, phone))
        person = self.people[self.owner(anonymous)]
        told = [(given, word) for given in person.given[-1:] if word is not None]
        for given, answer in told if not is_late else ():
            self._tell(self._outcome(given, answer, 0, is_late=False))
        self._tell(self._login(user, anonymous, "identify", phone))
        for given, answer in told if is_late else ():
            self._tell(self._outcome(given, answer, 0, is_late=True))
        for sent in self.sent[-2:]:
            self._repeat(sent)

    @rule(who=people)
    def somebody_is_deleted(self, who: User) -> None:
        self._delete(who)

    # --- several at once ---

    @rule(data=st.data(), user=users, anonymous=anonymous_ids, count=st.integers(0, 3))
    def a_batch_is_sent(self, data: Any, user: User, anonymous: User, count: int) -> None:
        """A login among others. The logins of a batch act after all else, whatever its order."""
        told = [
            self._value(anonymous, data.draw(phones)),
            self._login(user, anonymous, "alias", data.draw(phones)),
            self._value(user, data.draw(phones)),
            *(self._any(data) for _ in range(count)),
        ]
        told = data.draw(st.permutations(told))
        users_gone = any(self._is_deleted(user) for user in USERS)
        merging = [_merges(each) for each in told if _is_login(each)]
        if users_gone and len(merging) != len(set(merging)):
            return
        self._tell(*sorted(told, key=_is_login), batch=told)

    @rule(data=st.data())
    def two_requests_race(self, data: Any) -> None:
        """The second one is made whole just before the first one would write."""
        one, other = self._any(data), self._any(data)
        gone = data.draw(st.none() | people)
        raced = iter([True])

        def meanwhile(operation: str) -> None:
            if operation in WRITES and next(raced, False):
                self._tell(other) if gone is None else self._delete(gone)

        self.database.before = meanwhile
        known = len(self.sent)
        self._tell(one)
        # Whether the first one changed anything itself is not known.
        del self.sent[known:]
        self.database.before = lambda _: None

    @rule(data=st.data(), nth=st.integers(0, 4))
    def an_answer_of_the_database_is_lost(self, data: Any, nth: int) -> None:
        calls = iter(range(100))

        def lose(operation: str) -> None:
            self._stream(operation)
            if next(calls) == nth:
                raise ReadTimeoutError(endpoint_url="http://127.0.0.1:9")

        told = self._any(data)
        self.database.after = lose
        self._tell(told)
        self.database.after = self._stream

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def a_request_is_sent_again(self, data: Any) -> None:
        """Whole, as clients do; also under an anonymous id that became a user meanwhile."""
        self._repeat(data.draw(st.sampled_from(self.sent[-2:])))

    def _repeat(self, again: Sent) -> None:
        if any(again.at < self.people[self.owner(who)].deleted_until for who in EVERYBODY):
            return
        before = [replace(each, recent=b"") for each in self._kept()]
        status, answer = self.app.send(again.path, again.body)
        assert status == 200, answer
        assert [replace(each, recent=b"") for each in self._kept()] == before
        for action in answer["actions"]:
            assert action["type"] == "open_deeplink"
            assert self._given(action["offerId"]) in self._leased()

    # --- what always holds ---

    @invariant()
    def time_never_stands_still(self) -> None:
        """The ring keeps the newest by time: of one millisecond's it would keep any."""
        self.app.now = self.admin.now = self.app.now + 1

    @invariant()
    def asks_and_declines_are_known_under_every_id(self) -> None:
        for who, person in self._living():
            progress = self._profile(who).progress.get(RECIPE, Progress())
            assert progress.declined_at == max(person.declines, default=None), who
            assert progress.spent == person.asks(), who

    @invariant()
    def at_most_one_offer_is_open_and_the_phone_knows_it(self) -> None:
        for who, person in self._living():
            open_ = [each.id for each in frequency.open_offers(self._profile(who), self.app.now)]
            assert len(open_) <= 1
            assert {*open_} <= {each.id for each in person.leased(self.app.now)}

    @invariant()
    def windows_have_the_rows_that_profiles_say(self) -> None:
        rows = self._table(WINDOWS).keys()
        said: set[str] = set()
        for who in EVERYBODY:
            with self._unseen():
                stored = profiles.find(who, self.app.now)
            progress = stored.profile.progress.get(RECIPE, Progress())
            said |= {f"{stored.key}/{RECIPE}"} if progress.window else set()
        assert rows == said

    @invariant()
    def nothing_is_answered_for_who_was_deleted(self) -> None:
        for who in filter(self._is_deleted, EVERYBODY):
            assert self._asked(who) == []
            told = self._export(who)
            assert told["deleted"]
            assert (told["profile"], told["windows"], told["facts"]) == (None, [], [])

    def teardown(self) -> None:
        """Every fact is where its user is, also after the login; of the deleted there is none."""
        self.the_streams_are_delivered()
        for who, person in self._living():
            told = self._export(who)
            ids = {
                kind: {fact["offerId"] for fact in told["facts"] if fact["kind"] == kind}
                for kind in ("offered", "shown")
            }
            assert ids["offered"] >= {each.id for each in person.given}
            assert ids["shown"] == {each.id for each in person.given if each.is_seen}
            events = (told["profile"] or {}).get("events", {})
            assert events.get(VALUE, {"count": 0})["count"] == person.moments
        buried = {profiles.key_of(who) for who in EVERYBODY if self._is_deleted(who)}
        facts = {key.split("/")[0] for key in self._table(LEDGER) if not key.endswith("/deleted")}
        assert not buried & facts
        assert buried <= marks().keys()

    # --- what may be told ---

    def _any(self, data: Any) -> Told:
        """One message, as `data` draws it."""
        kinds = ["value", "login", "decline", *(["outcome"] * 2 if self._all_given() else [])]
        kind = data.draw(st.sampled_from(kinds))
        if kind == "value":
            return self._value(data.draw(people), data.draw(phones))
        if kind == "decline":
            return self._decline(data.draw(people), data.draw(agos))
        if kind == "login":
            user, anonymous = data.draw(users), data.draw(anonymous_ids)
            return self._login(user, anonymous, "identify", data.draw(phones))
        given = data.draw(st.sampled_from(self._all_given()))
        return self._outcome(given, data.draw(words), data.draw(agos), is_late=False)

    def _value(self, who: User, phone: str) -> Told:
        def act() -> None:
            self.people[self.owner(who)].moments += 1

        return Told(self._message(who, VALUE, phone), self._of(who, act))

    def _outcome(self, given: Given, word: str, ago: int, *, is_late: bool) -> Told:
        """Under the id that it was granted to, or the user whom that became."""
        who = given.to if is_late else self.owner(given.to)
        at = max(self.app.now - ago, given.at)

        def act() -> None:
            person = self.people[self.owner(who)]
            if given not in person.given:
                return
            given.is_taken_back |= word == "Suppressed"
            given.is_seen |= word != "Suppressed"
            person.declines += [at] if word == "Declined" else []

        event, times = f"PushSoftAsk{word}", self._times(ago)
        body = self._message(who, event, given.phone, properties={"offerId": given.id}, **times)
        return Told(body, self._of(who, act))

    def _decline(self, who: User, ago: int) -> Told:
        at = self.app.now - ago

        def act() -> None:
            self.people[self.owner(who)].declines.append(at)

        traits = {"push_softask_declined_at": at}
        body = {"type": "identify", **_ids(who), "traits": traits, "messageId": self._id()}
        return Told(body, self._of(who, act))

    def _login(self, user: User, anonymous: User, how: str, phone: str) -> Told:
        def act() -> None:
            if anonymous in self.became or self._is_deleted(anonymous):
                return
            self.became[anonymous] = user
            one, other = self.people[user], self.people[anonymous]
            one.given += other.given
            one.declines += other.declines
            one.moments += other.moments
            self.people[anonymous] = Person()

        named = "previousId" if how == "alias" else "anonymousId"
        body = {
            "type": how,
            "userId": user.id,
            named: anonymous.id,
            "messageId": self._id(),
            "context": {"device": {"id": phone}},
        }
        return Told(body, self._of(user, act))

    def _of(self, who: User, act: Callable[[], None]) -> Callable[[], None]:
        """Nothing comes of what a deleted user does."""

        def acting() -> None:
            if not self._is_deleted(who):
                act()

        return acting

    def _message(self, who: User, event: str, phone: str, **more: Any) -> Json:
        body = message(event, device=phone, messageId=self._id(), **more)
        del body["userId"]
        return {**body, **_ids(who)}

    def _id(self) -> str:
        self.count += 1
        return f"m{self.count}"

    def _times(self, ago: int) -> Json:
        if not ago:
            return {}
        return {"timestamp": format_time(self.app.now - ago), "sentAt": format_time(self.app.now)}

    # --- how it is told ---

    def _tell(self, *acting: Told, batch: list[Told] | None = None) -> None:
        """Sends until it is answered; `acting` in the order in which the model is told."""
        path, body = f"/v1/{acting[0].body['type']}", acting[0].body
        if batch is not None:
            path, body = "/v1/batch", {"batch": [each.body for each in batch]}
        before = self._kept()
        answer = self._answer(path, json.dumps(body))
        for each in acting:
            each.act()
        self._hear(answer["actions"])
        if self._kept() != before:
            self.sent.append(Sent(path, json.dumps(body), self.app.now))

    def _answer(self, path: str, body: str) -> Json:
        status, answer = self.app.send(path, body)
        if status == 503:
            status, answer = self.app.send(path, body)
        assert status == 200, answer
        for row in answer.get("results", ()):
            assert row["status"] in ("accepted", "duplicate"), row
        return answer

    def _hear(self, actions: list[Json]) -> None:
        offered = [action for action in actions if action["type"] == "open_deeplink"]
        for taken in (self._given(each["offerId"]) for each in actions if each not in offered):
            if taken is not None:
                taken.is_taken_back = True
        for action in offered:
            known = self._given(action["offerId"])
            if known is None:
                self._is_offered(action)
            else:
                assert known in self._leased(), "what was seen or taken back is not offered again"

    def _is_offered(self, action: Json) -> None:
        [who] = [each for each in EVERYBODY if each.id == action["userId"]]
        owner, now = self.owner(who), self.app.now
        person = self.people[owner]
        assert not self._is_deleted(owner), "a deleted user is asked nothing"
        assert person.asks() < ATTEMPTS, "no third popup"
        assert action["attempt"] == person.asks() + 1
        assert not person.leased(now), "one open offer a user"
        assert all(now >= at + WAIT for at in person.declines), "never within a window"
        phone = self._phone(who, action["offerId"])
        granted = Given(action["offerId"], action["attempt"], phone, who, now)
        person.given.append(granted)

    def _phone(self, who: User, offer_id: str) -> str:
        offer = self._profile(who).progress[RECIPE].offer
        assert offer is not None
        assert offer.id == offer_id
        return offer.device

    def _delete(self, who: User) -> None:
        """Who became somebody goes with them, and everybody whom they were before."""
        with self._unseen():
            self.admin.call("DELETE", "/users/{id}", id=who.id, query={"kind": who.kind})
        owner = self.owner(who)
        gone = [owner, *(each for each, user in self.became.items() if user == owner)]
        for each in gone:
            self.became.pop(each, None)
            if not self._is_deleted(each):
                self.people[each] = Person(deleted_until=self.app.now + BURIED)
        self._stream("PutItem")

    # --- what is known ---

    def owner(self, who: User) -> User:
        return self.became.get(who, who)

    def _is_deleted(self, who: User) -> bool:
        return self.app.now < self.people[self.owner(who)].deleted_until

    def _living(self) -> Iterator[tuple[User, Person]]:
        """By every id, the anonymous ones of a user too."""
        for who in EVERYBODY:
            if not self._is_deleted(who):
                yield who, self.people[self.owner(who)]

    def _all_given(self) -> list[Given]:
        return [given for person in self.people.values() for given in person.given]

    def _leased(self) -> list[Given]:
        return [given for each in self.people.values() for given in each.leased(self.app.now)]

    def _given(self, offer_id: str) -> Given | None:
        return next((each for each in self._all_given() if each.id == offer_id), None)

    def _profile(self, who: User) -> Profile:
        with self._unseen():
            return profiles.load(who, self.app.now).profile

    def _kept(self) -> list[Profile]:
        """Of everybody, all but the signs of life; the ring too."""
        found = [self._profile(who) for who in EVERYBODY]
        return [replace(each, first_seen_at=0, seen_at=0, devices={}) for each in found]

    def _asked(self, who: User) -> list[Json]:
        body = {**_ids(who), "context": {"device": {"id": "phone"}}}
        with self._unseen():
            return list(self.app.post("/v1/actions", body)["actions"])

    def _export(self, who: User) -> Json:
        with self._unseen():
            return export(self.admin, who.id, kind=who.kind)

    def _table(self, variable: str) -> dict[str, Json]:
        with self._unseen():
            return table(variable)

    # --- around the database's calls ---

    @contextlib.contextmanager
    def _unseen(self) -> Iterator[None]:
        """The test's own calls pass the hooks by."""
        before, after = self.database.before, self.database.after
        self.database.before = self.database.after = lambda _: None
        try:
            yield
        finally:
            self.database.before, self.database.after = before, after

    def _stream(self, operation: str) -> None:
        """Each new image of a profile, as the stream would keep it for the ledger."""
        if operation not in WRITES:
            return
        for key, item in self._table(PROFILES).items():
            version = item["version"]["N"]
            if self.versions.get(key) != version:
                self.versions[key] = version
                self.records.append(record(item, at=self.app.now))


def _merges(told: Told) -> str | None:
    return told.body.get("previousId") or told.body.get("anonymousId")


def _is_login(told: Told) -> bool:
    return bool(told.body.get("userId") and _merges(told))


def _ids(who: User) -> Json:
    return {"userId" if who.kind == "user" else "anonymousId": who.id}


def _new_tables() -> None:
    """moto keeps every stream record for as long as its table is there."""
    client = boto3.client("dynamodb")
    for name in NAMES.values():
        client.delete_table(TableName=name)
    create_tables(client)


def test_row_60_no_life_of_ids_phones_and_deletions_brings_a_third_popup(
    database: Database, package: Package
) -> None:
    class Here(Society):
        def __init__(self) -> None:
            super().__init__(package, database)

    examples = max(1, settings().max_examples // EXAMPLES_SHARE)
    run_state_machine_as_test(
        Here, settings=settings(max_examples=examples, stateful_step_count=30)
    )
