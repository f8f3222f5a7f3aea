"""What the world counts of itself: from what phones sent and were answered, and nothing else.

It knows neither facts nor progress. The rules are those of the documents, in its own words:

exposed     once a person: at the first fresh trigger, in the foreground, on a phone that was never
            asked; who is answered with nothing then is in the holdout
merged      a person who logs in is one with the anonymous id: of two exposures the earlier stands
seen        an offer, once, at the time of whichever report about it came first; it was sealed
            then where the report says, but never before it was granted
answered    dismissed, approved and declined replace each other in this order, each counts once
opted in    the popup seen last was approved, and its phone then granted
converted   the first change to granted on any phone, dated at or after the exposure
prompt      an answer after "never asked", a count that rose, or an answer to what we led to
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from functions.core.model import DAY, HOUR, MINUTE
from tests.simulation.calls import CHANGED, DENIED, GOAL, GRANTED, VALUE, Call, Json, Phone
from tests.simulation.rates import CHANGED_AT, DIRECT, HOLDOUT, TITLES

Row = tuple[str, str, int, int, str, int]
"""Arm, variant, version, attempt, platform and day: a row of the report."""

_FIRST_SHOWS = (MINUTE, 5 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY)
_FRESH = MINUTE
_LEASE = 10 * MINUTE
_ANSWER_WITHIN = DAY
"""After its lease, an OS prompt is another one, or was no prompt at all."""

_STRENGTH = {"": 0, "dismissed": 1, "approved": 2, "declined": 3}
_WORDS = {"granted": GRANTED, "denied": DENIED, GRANTED: GRANTED, DENIED: DENIED}
"""What is no answer reads as never asked: the empty status."""


@dataclass(slots=True)
class Popup:
    """An offer as a phone got it. state: `open`, `seen`, `released` or `withdrawn`."""

    id: str
    device: str
    granted_at: int
    attempt: int
    version: int
    is_direct: bool
    state: str = "open"
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Where a person counts."""

    at: int
    version: int
    platform: str
    arm: str
    variant: str


@dataclass(slots=True)
class Told:
    """What is known of a phone. status: empty for never asked; None where none was told."""

    status: str | None = None
    at: int = -1
    used: int | None = None
    prompts: int = 0


@dataclass(slots=True)
class Person:
    """An id, and since its login all that it was before."""

    first_heard: int
    exposure: Exposure | None = None
    phones: dict[str, Told] = field(default_factory=dict)
    trait: str = ""
    popups: dict[str, Popup] = field(default_factory=dict)
    newest: Popup | None = None
    last: Popup | None = None
    settled: str = ""
    goals: int = 0
    opted_in: bool = False
    converted: bool = False
    exhausted: bool = False

    @property
    def has_refused_for_good(self) -> bool:
        """Both asks were seen, and the last one was answered by no."""
        seen = sum(popup.state == "seen" for popup in self.popups.values())
        is_no = self.last is not None and self.last.answer in ("declined", "dismissed")
        return is_no and seen >= 2


@dataclass(slots=True)
class _Heard:
    """What one call told of a permission, until the call's end."""

    is_prompt: bool = False
    is_led: bool = False


class Account:
    """Rows of counts, by the names that the report gives them."""

    def __init__(self) -> None:
        self.rows: Counter[tuple[Row, str]] = Counter()
        self.app_wide: Counter[str] = Counter()
        self.people: dict[tuple[str, str], Person] = {}

    def forget_people(self) -> None:
        """Keeps the counts."""
        self.people = {}

    def hear(self, call: Call, now: int, actions: Sequence[Json]) -> None:
        """One call that arrived, for the first time, and its answer."""
        person = self._person(call, now)
        was = self._status(person, call.phone)
        was_at = self._told(person, call.phone).at
        heard = self._hear_of_permission(person, call)
        if call.outcome:
            self._report(person, call, now, heard, was, was_at)
        if heard.is_prompt:
            self._prompted(person, call, heard)
        self._opt_in(person)
        if call.event == GOAL and call.properties.get("source") == "push":
            self._goal(person, call)
        if call.event == VALUE:
            self._value_moment(person, call, now, actions)
        for action in actions:
            if action["type"] == "withdraw":
                _withdraw(person.popups.get(action["offerId"]))

    # --- who ---

    def _person(self, call: Call, now: int) -> Person:
        person = self.people.setdefault(call.who, Person(now))
        if call.merges:
            alias = ("anonymous", call.merges)
            self._merge(person, self.people.get(alias, person))
            self.people[alias] = person
        return person

    def _merge(self, known: Person, other: Person) -> None:
        if other is known:
            return
        known.first_heard = min(known.first_heard, other.first_heard)
        both = [each for each in (known, other) if each.exposure is not None]
        if both:
            first = min(both, key=lambda each: each.exposure.at if each.exposure else 0)
            known.exposure, known.goals = first.exposure, first.goals
        last = max((known, other), key=_finality)
        known.last, known.settled = last.last, last.settled
        newest = [each.newest for each in (known, other) if each.newest is not None]
        known.newest = max(newest, key=lambda popup: popup.granted_at, default=None)
        known.trait = known.trait or other.trait
        known.popups |= other.popups
        known.opted_in |= other.opted_in
        known.converted |= other.converted
        for id_, told in other.phones.items():
            mine = known.phones.get(id_, Told())
            newer = max((mine, told), key=lambda each: (each.status is not None, each.at))
            prompts = max(mine.prompts, told.prompts)
            known.phones[id_] = Told(newer.status, newer.at, newer.used, prompts)

    def _told(self, person: Person, phone: Phone) -> Told:
        return person.phones.setdefault(phone.id, Told())

    def _status(self, person: Person, phone: Phone) -> str:
        """A phone that told nothing reads as the person's trait says."""
        own = self._told(person, phone).status
        return person.trait if own is None else own

    # --- permission ---

    def _hear_of_permission(self, person: Person, call: Call) -> _Heard:
        heard = _Heard()
        if not call.told_status:
            return heard
        known = self._told(person, call.phone)
        if known.status is not None and call.at < known.at:
            return heard
        status = _WORDS.get(call.told_status, "")
        was = self._status(person, call.phone)
        led = self._is_led(person, call)
        # By a trait, the phone tells no count: what was told stays.
        used = call.push[1] if call.push is not None else known.used
        heard.is_prompt = call.phone.can_ask and _is_prompt(known, status, used, is_led=led)
        heard.is_led = heard.is_prompt and led
        if heard.is_prompt:
            rose = known.status is not None
            known.prompts = max(used or 0 if rose else 0, known.prompts + 1)
        known.status, known.at, known.used = status, call.at, used
        if call.push is None:
            person.trait = status
        if status and (status != was or heard.is_prompt or call.event == CHANGED):
            self._answer_direct_prompt(person, call)
            if status != was:
                self._permission(person, call, status, was)
            self._settle(person, call.phone, status)
        return heard

    def _is_led(self, person: Person, call: Call) -> bool:
        """Whether an OS prompt on that phone, then, is one that we led to."""
        if self._awaits_os(person, call):
            return True
        last = person.last
        is_awaited = last is not None and last.answer == "approved" and not person.settled
        return is_awaited and last is not None and last.device == call.phone.id

    def _awaits_os(self, person: Person, call: Call) -> bool:
        popup = person.newest
        if popup is None or not popup.is_direct or popup.device != call.phone.id:
            return False
        is_out = popup.state in ("open", "seen") and popup.answer in ("", "dismissed")
        until = popup.granted_at + _LEASE + _ANSWER_WITHIN
        return is_out and popup.granted_at <= call.at <= until

    def _answer_direct_prompt(self, person: Person, call: Call) -> None:
        popup = person.newest
        if popup is not None and self._awaits_os(person, call):
            if popup.state != "seen":
                self._see(person, call, popup, call.at)
            popup.answer, person.last, person.settled = "approved", popup, ""

    def _permission(self, person: Person, call: Call, status: str, was: str) -> None:
        popup = self._seen_here(person, call.phone)
        if popup is not None:
            name = "granted" if status == GRANTED else "denied"
            self._of_popup(person, popup, call.at, call.phone, name)
        exposure = person.exposure
        is_new = status == GRANTED and (call.phone.can_ask or was == DENIED)
        if is_new and exposure and call.at >= exposure.at and not person.converted:
            person.converted = True
            days = (call.at - exposure.at) // DAY
            if days < 30:
                self._of_person(person, f"converted_{days}")
        if person.newest is not None and person.newest.device == call.phone.id:
            _withdraw(person.newest)

    def _seen_here(self, person: Person, phone: Phone) -> Popup | None:
        """The offer that the phone had last, if the person saw any."""
        popup = person.newest
        is_here = person.last is not None and popup is not None and popup.device == phone.id
        return popup if is_here else None

    def _settle(self, person: Person, phone: Phone, status: str) -> None:
        last = person.last
        if last is None or last.answer != "approved" or last.device != phone.id:
            return
        if person.settled not in (status, GRANTED):
            person.settled = status
            _withdraw(person.newest)

    def _prompted(self, person: Person, call: Call, heard: _Heard) -> None:
        popup = person.newest if heard.is_led else self._seen_here(person, call.phone)
        names = ("prompted",) if heard.is_led else ("prompted", "unasked")
        for name in names:
            if popup is None:
                self.app_wide[name] += 1
            else:
                self._of_popup(person, popup, call.at, call.phone, name)

    def _opt_in(self, person: Person) -> None:
        last = person.last
        is_yes = last is not None and last.answer == "approved" and person.settled == GRANTED
        if is_yes and not person.opted_in:
            person.opted_in = True
            self._of_person(person, "optedIn")

    # --- popups ---

    def _report(
        self, person: Person, call: Call, now: int, heard: _Heard, was: str, was_at: int
    ) -> None:
        popup = person.popups[call.offer_id]
        at = min(max(call.at, popup.granted_at), now)
        if call.outcome == "suppressed":
            if popup.state == "open":
                popup.state = "released"
                self._of_popup(person, popup, at, call.phone, "suppressed")
                self._of_grant(person, popup, call.phone, "lapsed", -1)
            return
        had_refused = person.has_refused_for_good
        is_news = popup.state != "seen"
        if is_news:
            self._see(person, call, popup, at)
        if person.last is None or popup.granted_at >= person.last.granted_at:
            person.last = popup
        answer = "" if call.outcome == "shown" else call.outcome
        if _STRENGTH[answer] > _STRENGTH[popup.answer]:
            is_news = True
            self._answer(person, call, popup, at, answer)
        if is_news and popup is not person.newest:
            _withdraw(person.newest)
        if answer == "approved":
            self._approve(person, call, popup, heard, was, was_at)
        if person.has_refused_for_good and not had_refused and not person.exhausted:
            person.exhausted = True
            assert person.newest is not None
            self._of_popup(person, person.newest, at, call.phone, "exhausted")

    def _see(self, person: Person, call: Call, popup: Popup, at: int) -> None:
        is_first = all(each.state != "seen" for each in person.popups.values())
        popup.state = "seen"
        self._of_popup(person, popup, at, call.phone, "shown")
        self._of_grant(person, popup, call.phone, "lapsed", -1)
        self._of_grant(person, popup, call.phone, "silent", 1)
        if is_first:
            after = max(0, at - person.first_heard)
            bucket = sum(after >= bound for bound in _FIRST_SHOWS)
            self._of_person(person, "shownUsers")
            self._of_person(person, f"firstShow_{bucket}")

    def _answer(self, person: Person, call: Call, popup: Popup, at: int, answer: str) -> None:
        self._of_popup(person, popup, at, call.phone, answer)
        if not popup.answer:
            self._of_grant(person, popup, call.phone, "silent", -1)
        popup.answer = answer
        if person.last is popup:
            person.settled = ""

    def _approve(
        self, person: Person, call: Call, popup: Popup, heard: _Heard, was: str, was_at: int
    ) -> None:
        if heard.is_prompt:
            heard.is_led = True
        status = self._status(person, call.phone)
        is_answer = status == GRANTED or (
            status == DENIED and (was != DENIED or was_at > popup.granted_at)
        )
        if is_answer:
            self._settle(person, call.phone, status)

    # --- value and goals ---

    def _value_moment(self, person: Person, call: Call, now: int, actions: Sequence[Json]) -> None:
        offers = [action for action in actions if action["type"] != "withdraw"]
        is_fresh = now - call.at <= _FRESH and call.in_foreground
        can_be_asked = call.phone.can_ask and not self._status(person, call.phone)
        if is_fresh and can_be_asked and person.exposure is None:
            self._expose(person, call, now, offers)
        for offer in offers:
            assert is_fresh
            assert can_be_asked
            if offer["offerId"] not in person.popups:
                self._offer(person, call, now, offer)

    def _expose(self, person: Person, call: Call, now: int, offers: Sequence[Json]) -> None:
        arm = offers[0]["arm"] if offers else HOLDOUT
        title = offers[0].get("content", {}).get("title", "") if offers else ""
        version = int(now >= CHANGED_AT)
        platform = call.phone.platform
        person.exposure = Exposure(now, version, platform, arm, TITLES.get(title, ""))
        self._of_person(person, "exposed")
        if arm == HOLDOUT:
            self._of_person(person, "heldOut")

    def _offer(self, person: Person, call: Call, now: int, offer: Json) -> None:
        popup = Popup(
            id=offer["offerId"],
            device=call.phone.id,
            granted_at=now,
            attempt=offer["attempt"],
            version=offer["campaignVersion"],
            is_direct=offer["type"] == "request_os_permission",
        )
        person.popups[popup.id] = person.newest = popup
        self._of_popup(person, popup, now, call.phone, "offered")
        self._of_grant(person, popup, call.phone, "lapsed", 1)

    def _goal(self, person: Person, call: Call) -> None:
        if person.exposure is None or call.at < person.exposure.at:
            return
        person.goals += 1
        self._of_person(person, "goals")
        # (k + 1)² - k², so that the sum is the square of how many there are.
        self._of_person(person, "goalSquares", person.goals**2 - (person.goals - 1) ** 2)
        if person.goals == 1:
            self._of_person(person, "goalUsers")

    # --- where it counts ---

    def _of_person(self, person: Person, name: str, amount: int = 1) -> None:
        at = person.exposure
        assert at is not None
        row = (at.arm, at.variant, at.version, 0, _named(at.platform), at.at // DAY)
        self.rows[row, name] += amount

    def _of_popup(self, person: Person, popup: Popup, at: int, phone: Phone, name: str) -> None:
        self._count(person, popup, at, phone, name, 1)

    def _of_grant(self, person: Person, popup: Popup, phone: Phone, name: str, amount: int) -> None:
        where = person.exposure
        if name == "silent" and where is not None and where.arm == DIRECT:
            return
        self._count(person, popup, popup.granted_at, phone, name, amount)

    def _count(
        self, person: Person, popup: Popup, at: int, phone: Phone, name: str, amount: int
    ) -> None:
        where = person.exposure
        assert where is not None
        platform = _named(phone.platform)
        row = (where.arm, where.variant, popup.version, popup.attempt, platform, at // DAY)
        self.rows[row, name] += amount


def _is_prompt(known: Told, status: str, used: int | None, *, is_led: bool) -> bool:
    is_answer = bool(status) and not known.status
    if known.status is None:
        return is_answer and is_led
    rose = known.used is not None and (used or 0) > max(known.used, known.prompts)
    return is_answer or rose


def _finality(person: Person) -> tuple[int, int]:
    """A denial after a "Yes" is the last word, then a grant, then what was seen last."""
    last = person.last
    if last is None:
        return (-1, 0)
    settled = person.settled if last.answer == "approved" else ""
    return ({DENIED: 2, GRANTED: 1}.get(settled, 0), last.granted_at)


def _withdraw(popup: Popup | None) -> None:
    if popup is not None and popup.state == "open":
        popup.state = "withdrawn"


def _named(platform: str) -> str:
    if platform in ("ios", "android", "web"):
        return platform
    return "other" if platform else "unknown"
