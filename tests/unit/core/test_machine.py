"""Random lives of one user, against an independent account of what was granted and told.

The account keeps plain histories and works every question out anew from them; the core folds. They
must agree on when an offer may be made (safety), and on when one must be (liveness).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from functions.core.compiled import Campaigns
from functions.core.decision import decide, new_profile
from functions.core.model import (
    DAY,
    MINUTE,
    SECOND,
    Message,
    OpenDeeplink,
    Outcome,
    Profile,
    Progress,
    Snapshot,
    User,
    Withdraw,
)
from functions.core.reason import Reason
from functions.core.recent import fingerprint
from functions.core.verdict import Decision
from tests.unit.core.scene import CAMPAIGN, OUTCOMES, START, VALUE, shipped, shipped_package
from tests.unit.core.told import Ledger, assert_offers_dealt

ATTEMPTS = 2
WAIT = 14 * DAY
LEASE = 10 * MINUTE
MAX_AGE = 60 * SECOND

READS_AS = {"notDetermined": "unknown", "authorized": "granted"}

# What is said twice is likelier: lives shall get far before a permission ends them.
devices = st.sampled_from(["phone", "phone", "phone", "tablet", ""])
outcomes = st.sampled_from([Outcome.DECLINED, *Outcome])
trigger_ages = st.sampled_from([None, 0, 0, SECOND, MAX_AGE, MAX_AGE + 1, 5 * MINUTE])
report_ages = st.sampled_from([None, 0, SECOND, 5 * MINUTE, DAY, 20 * DAY])
statuses = st.sampled_from([None, *["notDetermined"] * 5, "authorized", "denied"])
words = st.sampled_from(["unknown", "unknown", "granted", "denied"])
agos = st.sampled_from([None, None, None, 0, MINUTE, 13 * DAY, WAIT, 30 * DAY])
foregrounds = st.sampled_from([True, True, True, False])
moves = st.sampled_from(
    [1, SECOND, MINUTE, LEASE - 1, LEASE, DAY - 1, DAY, 5 * DAY, WAIT - 1, WAIT, WAIT + 1, 40 * DAY]
)
snapshots = st.none() | st.tuples(statuses, agos, agos)


Push = tuple[str | None, int | None, int | None]
"""A snapshot: the status, and how long ago the phone was asked and declined."""


@dataclass
class Given:
    """An offer that was granted, and what is known of it."""

    offer: OpenDeeplink
    device: str
    at: int
    seen: bool = False
    taken_back: bool = False


@dataclass
class Account:
    """What happened, in plain lists. `dated` maps a device to its (time, word) newest snapshot."""

    given: list[Given] = field(default_factory=list)
    declines: list[int] = field(default_factory=list)
    reports: list[int] = field(default_factory=list)
    dated: dict[str, tuple[int, str]] = field(default_factory=dict)
    trait: tuple[int, str] | None = None
    floors: dict[str, list[int]] = field(default_factory=dict)
    answered: bool = False
    changed: list[Message] = field(default_factory=list)

    def asks(self) -> int:
        """Popups that were told as seen; a decline that was only told stands for the first."""
        asks = 0
        for each in self.given:
            if each.seen:
                asks = max(asks + 1, each.offer.attempt)
        return max(asks, 1 if self.declines else 0)

    def status(self, device: str) -> str:
        _, word = self.dated.get(device) or self.trait or (0, "unknown")
        return READS_AS.get(word, word)

    def hears_trait(self, at: int, word: str) -> None:
        """The later value wins; one that is only repeated keeps its time.

        It answers for every device that has no snapshot, whichever device told it.
        """
        if self.trait is None or (at >= self.trait[0] and word != self.trait[1]):
            self.trait = (at, word)
        self.answered |= word != "unknown"

    def hears_snapshot(self, device: str, at: int, push: Snapshot, *, cheap: bool) -> None:
        """The latest status wins. One that is only repeated keeps its time unless that is cheap."""
        since, word = self.dated.get(device, (0, ""))
        floors = self.floors.setdefault(device, [0, 0])
        told = [push.last_asked_at or 0, push.last_declined_at or 0]
        news = push.status != word or any(new > old for new, old in zip(told, floors, strict=True))
        if push.status is not None and at >= since and (news or cheap):
            self.dated[device] = (at, push.status)
        self.floors[device] = [max(pair) for pair in zip(told, floors, strict=True)]
        self.answered |= self.status(device) != "unknown"

    def newest(self, device: str) -> Given | None:
        mine = [each for each in self.given if device in ("", each.device)]
        return mine[-1] if mine else None

    def take_back(self, offer_id: str) -> None:
        [given] = [each for each in self.given if each.offer.offer_id == offer_id]
        given.taken_back = True

    def leased(self, now: int) -> list[Given]:
        """Offers that nothing speaks against: at most one may ever stand."""
        return [
            each
            for each in self.given
            if not each.seen and not each.taken_back and now < each.at + LEASE
        ]


class Life(RuleBasedStateMachine):
    """One user, three devices, one campaign: the shipped one."""

    def __init__(self) -> None:
        super().__init__()
        self.campaigns: Campaigns = shipped()
        self.now = START
        self.profile: Profile = new_profile(User("user", "u1"), START)
        self.account = Account()
        self.ledger = Ledger()
        self.sent = 0

    # --- time ---

    @rule(span=moves)
    def time_passes(self, span: int) -> None:
        self.now += span

    @precondition(lambda self: self.retry_at is not None)
    @rule(by=st.sampled_from([-SECOND, -1, 0, 1, SECOND]))
    def the_window_is_about_to_end(self, by: int) -> None:
        assert self.retry_at is not None
        self.now = max(self.now, self.retry_at + by)

    @precondition(lambda self: self.profile.progress.get(CAMPAIGN, Progress()).offer is not None)
    @rule(by=st.sampled_from([-1, 0, 1]))
    def the_lease_is_about_to_end(self, by: int) -> None:
        offer = self.profile.progress[CAMPAIGN].offer
        assert offer is not None
        self.now = max(self.now, offer.lease_until + by)

    # --- messages ---

    @rule(device=devices, age=trigger_ages, push=snapshots, foreground=foregrounds)
    def value_is_delivered(
        self, device: str, age: int | None, push: Push | None, foreground: bool
    ) -> None:
        self.trigger(device, age=age, push=push, in_foreground=foreground)

    @rule(device=devices, wait=st.sampled_from([0, 0, LEASE, DAY, WAIT, WAIT, 30 * DAY]))
    def value_is_delivered_in_time(self, device: str, wait: int) -> None:
        """The likeliest trigger, so that lives get far."""
        self.now += wait
        self.trigger(device, age=0, push=None, in_foreground=True)

    @rule(device=devices, foreground=foregrounds, fresh=foregrounds)
    def value_is_delivered_in_bad_times(self, device: str, foreground: bool, fresh: bool) -> None:
        self.campaigns = shipped() if fresh else shipped().stale()
        self.trigger(device, age=0, push=None, in_foreground=foreground)
        self.campaigns = shipped()

    @precondition(lambda self: self.account.given)
    @rule(device=devices, outcome=outcomes, age=report_ages, push=snapshots)
    def an_outcome_names_no_offer(
        self, device: str, outcome: Outcome, age: int | None, push: Push | None
    ) -> None:
        self.report(self.account.newest(device), outcome, device=device, age=age, push=push)

    @precondition(lambda self: self.account.given)
    @rule(data=st.data(), outcome=outcomes, age=report_ages)
    def an_outcome_names_an_offer(self, data: Any, outcome: Outcome, age: int | None) -> None:
        self.report_on(data.draw(st.sampled_from(self.account.given)), outcome, age)

    @precondition(lambda self: self.account.given)
    @rule(outcome=outcomes)
    def the_newest_offer_is_answered(self, outcome: Outcome) -> None:
        self.report_on(self.account.given[-1], outcome, 0)

    @precondition(lambda self: self.account.given)
    @rule(outcome=outcomes, age=report_ages)
    def an_outcome_names_an_unknown_offer(self, outcome: Outcome, age: int | None) -> None:
        self.report(None, outcome, device="phone", age=age, push=None, offer_id="of_unknown")

    @rule(device=devices, age=report_ages, push=snapshots)
    def the_permission_changes(self, device: str, age: int | None, push: Push | None) -> None:
        self.send(event="PushPermissionChanged", device=device, age=age, push=push)

    @rule(device=devices, age=report_ages, word=words)
    def the_app_sets_the_permission(self, device: str, age: int | None, word: str) -> None:
        message = self.message(
            kind="identify", device=device, age=age, traits={"push_permission_status": word}
        )
        self.account.hears_trait(message.at, word)
        if word != "unknown":
            told = Snapshot(status=word)
            self.account.hears_snapshot(device, message.at, told, cheap=False)
        self.decide(message)

    @rule(device=devices, ago=agos)
    def the_app_tells_of_a_decline(self, device: str, ago: int | None) -> None:
        told = None if ago is None else self.now - ago
        if told is not None:
            self.account.declines.append(told)
        news = told is not None and told == max(self.account.declines) != self.latest_decline
        self.send(kind="identify", device=device, declined_at=told)
        assert not (news and self.account.leased(self.now)), "a decline takes an offer back"

    @precondition(lambda self: self.account.changed)
    @rule(data=st.data())
    def a_message_is_replayed(self, data: Any) -> None:
        message = data.draw(st.sampled_from(self.account.changed[-16:]))
        before = self.profile
        decision = decide(before, message, self.campaigns, self.now)
        assert decision.profile is before
        assert decision.reason is Reason.DUPLICATE
        assert not decision.facts
        for action in decision.actions:
            assert isinstance(action, OpenDeeplink)
            standing = [each.offer.offer_id for each in self.account.leased(self.now)]
            assert action.offer_id in standing

    @precondition(lambda self: self.account.changed)
    @rule(data=st.data())
    def a_message_id_is_reused(self, data: Any) -> None:
        message = data.draw(st.sampled_from(self.account.changed[-16:]))
        other = replace(message, content=bytes(byte ^ 1 for byte in message.content))
        decision = decide(self.profile, other, self.campaigns, self.now)
        assert decision.profile is self.profile
        assert decision.reason is Reason.MESSAGE_ID_REUSED

    # --- how a message goes in, and what must hold ---

    @property
    def latest_decline(self) -> int | None:
        return self.profile.progress.get(CAMPAIGN, Progress()).declined_at

    @property
    def retry_at(self) -> int | None:
        return self.profile.progress.get(CAMPAIGN, Progress()).retry_at

    def message(self, *, age: int | None = None, **fields: Any) -> Message:
        self.sent += 1
        usual: Mapping[str, Any] = {
            "id": f"m{self.sent}",
            "content": fingerprint(b"%d" % self.sent),
            "kind": "track",
            "user": self.profile.user,
            "at": self.now - (age or 0),
        }
        return Message(**{**usual, "age": age, **fields})

    def snapshot(self, push: Push | None) -> Snapshot | None:
        if push is None:
            return None
        status, asked, declined = push
        return Snapshot(
            status=status,
            last_asked_at=None if asked is None else self.now - asked,
            last_declined_at=None if declined is None else self.now - declined,
        )

    def send(self, *, push: Any = None, **fields: Any) -> Decision:
        message = self.message(push=self.snapshot(push), **fields)
        if message.push is not None and message.kind == "track":
            cheap = message.event != "PushPermissionChanged"
            self.account.hears_snapshot(message.device, message.at, message.push, cheap=cheap)
        return self.decide(message)

    def report_on(self, meant: Given, outcome: Outcome, age: int | None) -> None:
        """A report that names its offer."""
        named = meant.offer.offer_id
        self.report(meant, outcome, device=meant.device, age=age, push=None, offer_id=named)

    def report(self, meant: Given | None, outcome: Outcome, **fields: Any) -> None:
        """`meant`: the offer that the report is about, as the account sees it."""
        account = self.account
        at = self.now - (fields["age"] or 0)
        if meant is not None:
            at = max(at, meant.at)
        news = outcome is Outcome.DECLINED and at > max(account.declines, default=0)
        if outcome is Outcome.DECLINED:
            account.declines.append(at)
        if meant is not None and outcome is not Outcome.SUPPRESSED:
            news |= not meant.seen
            meant.seen = True
            account.reports.append(at)
        self.send(event=OUTCOMES[outcome], **fields)
        if meant is not None and outcome is Outcome.SUPPRESSED and not meant.seen:
            meant.taken_back |= meant is account.given[-1]
        assert not (news and account.leased(self.now)), "news takes an unshown offer back"

    def trigger(self, device: str, **fields: Any) -> None:
        account = self.account
        asks, declines = account.asks(), list(account.declines)
        decision = self.send(event=VALUE, device=device, **fields)
        leased = account.leased(self.now)
        offers = [each for each in decision.actions if isinstance(each, OpenDeeplink)]
        granted = decision.reason is Reason.OFFER_GRANTED
        for offer in offers:
            assert account.status(device) == "unknown", "never where it was answered"
            assert offer.expires_at > self.now
            assert granted or [(each.offer, each.device) for each in leased] == [(offer, device)]
        if granted:
            assert not leased, "one open offer a user"
            [offer] = offers
            self.check_grant(offer, asks, [*declines, *account.floors.get(device, [])], fields)
            account.given.append(Given(offer, device, self.now))
        if not offers and fields["in_foreground"] and (fields["age"] or 0) <= MAX_AGE:
            assert not self.must_offer(device, self.now - (fields["age"] or 0), leased)

    def check_grant(
        self, offer: OpenDeeplink, asks: int, told: list[int], fields: Mapping[str, Any]
    ) -> None:
        """told: the user's declines, and what the phone tells of itself."""
        assert self.campaigns.fresh, "never while the campaigns are stale"
        assert fields["in_foreground"]
        assert (fields["age"] or 0) <= MAX_AGE
        assert asks < ATTEMPTS, "never more often than the campaign allows"
        assert offer.attempt == asks + 1
        assert all(self.now >= at + WAIT for at in told), "never within a window"

    def must_offer(self, device: str, at: int, leased: list[Given]) -> bool:
        """Whether nothing that ever happened speaks against an offer."""
        account = self.account
        told = [*account.declines, *account.reports, *account.floors.get(device, [])]
        return (
            self.campaigns.fresh
            and account.status(device) == "unknown"
            and not account.answered
            and account.asks() < ATTEMPTS
            and not leased
            and all(at >= each + WAIT for each in told)
        )

    def decide(self, message: Message) -> Decision:
        before = self.profile
        encoded = msgspec.json.encode(before)
        decision = decide(before, message, self.campaigns, self.now)
        again = decide(before, message, self.campaigns, self.now)
        assert decision == again, "the same again for the same"
        assert msgspec.json.encode(before) == encoded, "nothing is changed in place"
        if decision.profile.recent != before.recent:
            self.account.changed.append(message)
        self.profile = decision.profile
        self.ledger.take(decision)
        for action in decision.actions:
            if isinstance(action, Withdraw):
                self.account.take_back(action.offer_id)
        assert_offers_dealt(self.profile, self.campaigns, self.now)
        self.never_forgets(before)
        return decision

    def never_forgets(self, before: Profile) -> None:
        known = before.progress.get(CAMPAIGN, Progress())
        progress = self.profile.progress.get(CAMPAIGN, Progress())
        assert progress.attempts >= known.attempts
        assert progress.granted >= known.granted
        assert (progress.declined_at or 0) >= (known.declined_at or 0)
        assert (self.profile.declined_at or 0) >= (before.declined_at or 0)

    # --- what always holds ---

    @invariant()
    def the_decline_is_known(self) -> None:
        latest = max(self.account.declines, default=None)
        assert self.profile.progress.get(CAMPAIGN, Progress()).declined_at == latest

    @invariant()
    def asks_are_counted(self) -> None:
        progress = self.profile.progress.get(CAMPAIGN, Progress())
        assert min(progress.spent, ATTEMPTS) == min(self.account.asks(), ATTEMPTS)

    @invariant()
    def a_window_stands_for_a_time(self) -> None:
        progress = self.profile.progress.get(CAMPAIGN, Progress())
        assert progress.retry_at is not None or not progress.window

    @invariant()
    def the_profile_survives_storage(self) -> None:
        stored = msgspec.json.encode(self.profile)
        assert msgspec.json.decode(stored, type=Profile) == self.profile


TestLife = Life.TestCase


def test_the_account_speaks_of_the_shipped_campaign() -> None:
    [file] = shipped_package().campaigns

    assert file.attempts is not None
    assert len(file.attempts) == ATTEMPTS
    assert file.attempts[1].wait == "14d"
    assert (file.offer.lease, file.trigger.max_age) == ("10m", "60s")
