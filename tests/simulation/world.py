"""People and their phones: what they do, by true rates, and when the backend hears of it.

A life is a generator: it yields a call with the time at which it arrives, and is sent the answer's
actions. Lives know nothing of each other, so that any number may be played side by side.
"""

import heapq
from collections.abc import Callable, Generator
from itertools import count
from random import Random

from functions.core.model import DAY, HOUR, MINUTE, SECOND
from tests.simulation.account import Account
from tests.simulation.calls import (
    CHANGED,
    DENIED,
    GOAL,
    GRANTED,
    OUTCOME,
    UNASKED,
    VALUE,
    Call,
    Json,
    Phone,
)
from tests.simulation.rates import END, SPAN, START, TITLES, Rates, poisson

Life = Generator[tuple[int, Call], list[Json], None]

_Step = Callable[[int], None]


class Person:
    """One person's life, from `rates` and a seed of their own."""

    def __init__(self, number: int, seed: int, rates: Rates, account: Account) -> None:
        self._chance = Random(f"{seed}:{number}")
        self._rates = rates
        self._account = account
        self._number = number
        self._events: list[tuple[int, int, _Step | Call]] = []
        self._order = count()
        self._sent: set[str] = set()
        self._ids = count()
        self._offered: set[str] = set()
        self._user = ("user", f"u{number}")
        self._born = START + int(self._chance.random() * (SPAN - 9 * DAY))
        is_anonymous = self._is(rates.anonymous)
        who = ("anonymous", f"a{number}") if is_anonymous else self._user
        self._phones = [self._new_phone(who)]
        self._plan(self._phones[0])

    def live(self) -> Life:
        """Until the world ends; calls that are on their way then never arrive."""
        while self._events:
            now, _, step = heapq.heappop(self._events)
            if now >= END:
                return
            if not isinstance(step, Call):
                step(now)
                continue
            answer = yield now, step
            if step.id in self._sent:
                continue  # a replay, which changes nothing
            self._sent.add(step.id)
            self._account.hear(step, now, answer)
            self._act(step, now, answer)

    # --- what happens of itself ---

    def _plan(self, phone: Phone) -> None:
        self._at(self._born, lambda now: self._install(now, phone))
        if self._rates.is_tidy:
            self._at(self._born + self._within(HOUR, DAY), self._value_moment)
            return
        at = self._born + self._within(0, 6 * HOUR)
        while at < END:
            self._at(at, self._value_moment)
            if not self._is(self._rates.more_moments):
                break
            at += self._within(MINUTE, 9 * DAY)
        self._at(self._born + self._within(HOUR, 20 * DAY), self._ask_unasked)
        self._at(self._born + self._within(DAY, 20 * DAY), self._use)
        if phone.who != self._user:
            at = self._born + self._within(MINUTE, 20 * DAY)
            self._at(at, lambda now: self._log_in(now, phone))
        if self._is(self._rates.second_device):
            self._at(self._born + self._within(HOUR, 15 * DAY), self._buy_another)
        elif self._is(self._rates.reinstall):
            self._at(self._born + self._within(DAY, 18 * DAY), self._reinstall)

    def _install(self, now: int, phone: Phone) -> None:
        traits = {"plan": self._chance.choice(["free", "pro"])}
        self._send(now, self._call(now, phone, kind="identify", traits=traits))
        if phone.tells != "traits":
            self._tell_permission(now + SECOND, phone)

    def _value_moment(self, now: int) -> None:
        phone = self._chance.choice(self._phones)
        if self._is(self._rates.stale):
            call = self._call(now, phone, event=VALUE, push=self._snapshot(phone))
            if self._is(0.5):
                call.in_foreground = False
                self._send(now, call)
            else:
                self._at(now + self._within(2 * MINUTE, DAY), call)
            return
        call = self._call(now, phone, event=VALUE, push=self._snapshot(phone))
        self._send(now, call, is_live=True)

    def _ask_unasked(self, now: int) -> None:
        """The app shows the OS prompt by itself."""
        phone = self._chance.choice(self._phones)
        if phone.can_ask and phone.status == UNASKED and self._is(self._rates.own_prompt):
            self._answer_os(now, phone, self._is(self._rates.own_grant))

    def _use(self, now: int) -> None:
        """Sessions that a push began: more of them where pushes arrive."""
        mean = self._rates.goals[self._phones[-1].status != GRANTED]
        for _ in range(poisson(self._chance, mean)):
            at = now + self._within(0, 5 * HOUR)
            self._at(at, self._session)
        if not self._rates.is_tidy:
            self._at(now, lambda at: self._send(at, self._event(at, GOAL, {"source": "home"})))

    def _session(self, now: int) -> None:
        self._send(now, self._event(now, GOAL, {"source": "push"}))

    def _log_in(self, now: int, phone: Phone) -> None:
        if phone.who == self._user:
            return
        merges, phone.who = phone.who[1], self._user
        traits = {"plan": "pro"}
        call = self._call(now, phone, kind="identify", traits=traits, merges=merges)
        self._send(now, call)

    def _buy_another(self, now: int) -> None:
        """A second phone: signed in as the first one is, or for a while as somebody unknown."""
        is_anonymous = self._is(0.5)
        who = ("anonymous", f"b{self._number}") if is_anonymous else self._user
        phone = self._new_phone(who, "b")
        self._phones.append(phone)
        self._install(now, phone)
        if is_anonymous:
            at = now + self._within(HOUR, 8 * DAY)
            self._at(at, lambda then: self._log_in(then, phone))

    def _reinstall(self, now: int) -> None:
        old = self._phones.pop()
        phone = Phone(old.who, f"{old.id}r", old.platform, old.api_level, old.tells)
        phone.status = UNASKED if old.can_ask else GRANTED
        self._phones.append(phone)
        self._install(now, phone)
        if old.who != self._user:
            at = now + self._within(HOUR, 8 * DAY)
            self._at(at, lambda then: self._log_in(then, phone))

    # --- how a person answers ---

    def _act(self, call: Call, now: int, answer: list[Json]) -> None:
        for action in answer:
            offer = action.get("offerId", "")
            if action["type"] == "withdraw" or offer in self._offered:
                continue
            self._offered.add(offer)
            if self._rates.is_tidy:
                self._at(now + self._within(2 * DAY, 5 * DAY), self._ask_unasked)
                self._at(now + 6 * DAY, self._use)
            is_direct = action["type"] == "request_os_permission"
            act = self._meet_prompt if is_direct else self._meet_popup
            act(now + self._within(SECOND, 20 * SECOND), action, call.phone)
        if self._rates.is_tidy and call.event == VALUE and not answer:
            self._at(now + self._within(2 * DAY, 5 * DAY), self._ask_unasked)
            self._at(now + 6 * DAY, self._use)

    def _meet_prompt(self, at: int, offer: Json, phone: Phone) -> None:
        if self._is(self._rates.direct_answer):
            grants = self._is(self._rates.direct_grant)
            self._at(at, lambda now: self._answer_os(now, phone, grants))
        elif self._is(self._rates.suppress):
            self._at(at, lambda now: self._tell(now, phone, offer, "Suppressed", is_live=True))

    def _meet_popup(self, at: int, offer: Json, phone: Phone) -> None:
        if not self._is(self._rates.show):
            if self._is(self._rates.suppress):
                self._at(at, lambda now: self._tell(now, phone, offer, "Suppressed", is_live=True))
            return
        if not self._is(self._rates.lost):
            self._at(at, lambda now: self._tell(now, phone, offer, "Shown"))
        answered = at + self._within(SECOND, 2 * MINUTE)
        variant = TITLES[offer["content"]["title"]]
        if self._is(self._rates.approve[variant]):
            self._at(answered, lambda now: self._approve(now, phone, offer))
            return
        answer = self._chance.choice(["Declined", "Declined", "Dismissed", ""])
        if answer:
            self._at(answered, lambda now: self._tell(now, phone, offer, answer))
        if answer == "Dismissed" and self._is(self._rates.changed_mind):
            self._at(answered + HOUR, lambda now: self._tell(now, phone, offer, "Declined"))

    def _approve(self, now: int, phone: Phone, offer: Json) -> None:
        answers = phone.status == UNASKED and self._is(self._rates.os_answer)
        grants = self._is(self._rates.grant)
        if answers and phone.tells != "traits" and self._is(self._rates.told_together):
            self._spend_prompt(phone, grants)
            self._tell(now, phone, offer, "Approved", push=self._snapshot(phone))
            return
        self._tell(now, phone, offer, "Approved")
        if answers:
            at = now + self._within(2 * SECOND, 9 * SECOND)
            self._at(at, lambda then: self._answer_os(then, phone, grants))

    def _answer_os(self, now: int, phone: Phone, grants: bool) -> None:
        if phone.status == GRANTED:
            return
        self._spend_prompt(phone, grants)
        self._tell_permission(now, phone)
        if not grants and self._is(self._rates.settings):
            self._at(now + self._within(DAY, 9 * DAY), lambda at: self._settle(at, phone, GRANTED))
        elif not grants and phone.platform == "android" and self._is(self._rates.second_prompt):
            again = self._is(0.3)
            at = now + self._within(HOUR, 9 * DAY)
            self._at(at, lambda then: self._answer_os(then, phone, again))
        elif grants and self._is(self._rates.settings):
            self._at(now + self._within(DAY, 9 * DAY), lambda at: self._settle(at, phone, DENIED))

    def _settle(self, now: int, phone: Phone, status: str) -> None:
        """A change in the settings."""
        phone.status = status
        self._tell_permission(now, phone)

    # --- calls ---

    def _spend_prompt(self, phone: Phone, grants: bool) -> None:
        phone.status, phone.used = (GRANTED if grants else DENIED), phone.used + 1

    def _tell(self, now: int, phone: Phone, offer: Json, outcome: str, **more: object) -> None:
        is_live = bool(more.pop("is_live", False))
        call = self._call(now, phone, event=f"{OUTCOME}{outcome}", **more)
        call.offer_id = offer["offerId"]
        late = not is_live and self._is(self._rates.late)
        # Which offer is meant without its id is clear only while there is no newer one.
        call.names_offer = late or not self._is(self._rates.without_offer_id)
        self._send(now, call, is_live=not late)

    def _tell_permission(self, now: int, phone: Phone) -> None:
        if phone.tells == "traits":
            words = {GRANTED: "granted", DENIED: "denied", UNASKED: "unknown"}
            traits = {"push_permission_status": words[phone.status]}
            self._send(now, self._call(now, phone, kind="identify", traits=traits))
            return
        call = self._call(now, phone, event=CHANGED, push=self._snapshot(phone))
        self._send(now, call)

    def _snapshot(self, phone: Phone) -> tuple[str, int | None] | None:
        if phone.tells == "traits":
            return None
        return phone.status, phone.used if phone.tells == "snapshots" else None

    def _event(self, now: int, event: str, properties: Json) -> Call:
        phone = self._chance.choice(self._phones)
        return self._call(now, phone, event=event, properties=properties)

    def _call(self, now: int, phone: Phone, **told: object) -> Call:
        said: Json = {"who": phone.who, **told}
        return Call(id=f"m{self._number}-{next(self._ids)}", at=now, phone=phone, **said)

    def _send(self, now: int, call: Call, *, is_live: bool = False) -> None:
        """Most calls arrive at once; some late, some twice."""
        is_late = not is_live and call.kind == "track" and self._is(self._rates.late)
        arrives = now + (self._within(SECOND, 2 * DAY) if is_late else 0)
        self._at(arrives, call)
        if self._is(self._rates.twice):
            self._at(arrives + self._within(SECOND, 5 * MINUTE), call)

    def _at(self, at: int, step: "_Step | Call") -> None:
        heapq.heappush(self._events, (at, next(self._order), step))

    # --- chance ---

    def _new_phone(self, who: tuple[str, str], mark: str = "d") -> Phone:
        names, weights = ("ios", "android", "web", "roku", ""), (50, 35, 9, 3, 3)
        [platform] = self._chance.choices(names, weights)
        is_old = platform == "android" and self._is(self._rates.old_android * 3)
        level = (30 if is_old else 34) if platform == "android" else None
        tells = "snapshots"
        if self._is(self._rates.untold):
            tells = "traits" if mark == "d" and not is_old else "statuses"
        phone = Phone(who, f"{mark}{self._number}", platform, level, tells)
        if is_old:
            phone.status = GRANTED
        return phone

    def _is(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _within(self, low: int, high: int) -> int:
        return low + int(self._chance.random() * (high - low))
