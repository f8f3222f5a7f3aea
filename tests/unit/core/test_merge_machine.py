"""Random lives of a person who has two anonymous ids before the login, against plain lists.

The account knows who became whom, what was granted to whom and what was told of it. Whatever the
order of logins, late messages and outcomes: nobody is asked more often than the campaign allows.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from functions.core import frequency
from functions.core.compiled import Campaigns
from functions.core.decision import decide, new_profile
from functions.core.eligibility import arm_now, variant_now
from functions.core.model import (
    DAY,
    MINUTE,
    SECOND,
    FactKind,
    Message,
    OpenDeeplink,
    Outcome,
    Profile,
    Progress,
    User,
    Withdraw,
)
from functions.core.reason import Reason
from functions.core.recent import fingerprint
from functions.core.verdict import Decision
from functions.store import codec
from tests.unit.core.scene import (
    CAMPAIGN,
    OUTCOMES,
    START,
    USER,
    VALUE,
    campaigns_of,
    shipped_file,
)
from tests.unit.core.told import assert_offers_dealt

ATTEMPTS = 2
WAIT = 14 * DAY
LEASE = 10 * MINUTE

ANONYMOUS = (User("anonymous", "a1"), User("anonymous", "a2"))

DEALT = {
    "salt": "18",
    "arms": {"soft_ask": 2, "holdout": 1},
    "variants": {"plain": 1, "warm": {"weight": 1, "content": {"first": "retry"}}},
}
"""The user and one anonymous id are dealt a variant each; the other one is held out."""

ARMS_ALONE = {**DEALT, "variants": {}}

people = st.sampled_from([USER, *ANONYMOUS])
devices = st.sampled_from(["phone", "phone", "tablet"])
outcomes = st.sampled_from([Outcome.SHOWN, Outcome.DECLINED, *Outcome])
ages = st.sampled_from([None, 0, SECOND, 5 * MINUTE, DAY, 20 * DAY])
moves = st.sampled_from([1, SECOND, MINUTE, LEASE - 1, LEASE, DAY, WAIT - 1, WAIT, 40 * DAY])
waits = st.sampled_from([0, 0, MINUTE, LEASE, DAY, WAIT, WAIT, 30 * DAY])


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
    """What is known of one who may be several ids by now."""

    given: list[Given] = field(default_factory=list)
    declines: list[int] = field(default_factory=list)

    def asks(self) -> int:
        """Popups that were told as seen, and the attempts that they were called."""
        seen = [each.offer.attempt for each in self.given if each.seen]
        return max(len(seen), *seen, 1 if self.declines else 0, 0)

    def leased(self, now: int) -> list[Given]:
        """Offers that nothing speaks against."""
        return [
            each
            for each in self.given
            if not each.seen and not each.taken_back and now < each.at + LEASE
        ]


class Household(RuleBasedStateMachine):
    """One person, three ids, two devices, the shipped campaign with or without an experiment."""

    campaigns: Campaigns

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.sent = 0
        self.profiles = {user: new_profile(user, START) for user in (USER, *ANONYMOUS)}
        self.accounts = {user: Account() for user in (USER, *ANONYMOUS)}
        self.became: dict[User, User] = {}
        self.changed: list[tuple[User, Message]] = []

    @initialize(experiment=st.sampled_from([None, DEALT, ARMS_ALONE]))
    def the_campaign_begins(self, experiment: Any) -> None:
        self.campaigns = campaigns_of(shipped_file(experiment=experiment))

    # --- what happens ---

    @rule(span=moves)
    def time_passes(self, span: int) -> None:
        self.now += span

    @rule(who=people, device=devices, wait=waits)
    def value_is_delivered(self, who: User, device: str, wait: int) -> None:
        self.now += wait
        account = self.account(who)
        asks, leased, declines = account.asks(), account.leased(self.now), list(account.declines)
        decision = self.send(who, event=VALUE, device=device)
        if decision.reason is not Reason.OFFER_GRANTED:
            return
        [offer] = [each for each in decision.actions if isinstance(each, OpenDeeplink)]
        assert asks < ATTEMPTS, "never more often than the campaign allows"
        assert offer.attempt == asks + 1
        assert not leased, "one open offer a user"
        assert all(self.now >= at + WAIT for at in declines), "never within a window"
        account.given.append(Given(offer, device, self.now))

    @precondition(lambda self: any(account.given for account in self.accounts.values()))
    @rule(data=st.data(), outcome=outcomes, age=ages, late=st.booleans())
    def an_outcome_is_told(self, data: Any, outcome: Outcome, age: int | None, late: bool) -> None:
        """Under the id that it was granted to, or (`late`) that one's user."""
        asked = [user for user, account in self.accounts.items() if account.given]
        owner = data.draw(st.sampled_from(asked))
        given = data.draw(st.sampled_from(self.accounts[owner].given))
        teller = self.teller(owner, late=late)
        at = min(max(self.now - (age or 0), given.at), self.now)
        if outcome is not Outcome.SUPPRESSED:
            given.seen = True
        if outcome is Outcome.DECLINED:
            self.accounts[owner].declines.append(at)
        named = given.offer.offer_id
        fields = {"event": OUTCOMES[outcome], "offer_id": named, "device": given.device}
        decision = self.send(teller, age=age, **fields)
        assert decision.reason is not Reason.UNKNOWN_OFFER
        told = [fact for fact in decision.facts if fact.kind is not FactKind.EXHAUSTED]
        assert all(fact.offer_id == named for fact in told)
        if outcome is Outcome.SUPPRESSED and given in self.accounts[owner].leased(self.now):
            given.taken_back = True

    @rule(who=people, ago=st.sampled_from([0, MINUTE, DAY, 30 * DAY]))
    def the_app_tells_of_a_decline(self, who: User, ago: int) -> None:
        self.account(who).declines.append(self.now - ago)
        self.send(who, kind="identify", declined_at=self.now - ago)

    @rule(anonymous=st.sampled_from(ANONYMOUS), device=devices)
    def somebody_logs_in(self, anonymous: User, device: str) -> None:
        joining = None if anonymous in self.became else self.profiles.pop(anonymous)
        if joining is not None:
            account = self.accounts.pop(anonymous)
            self.became[anonymous] = USER
            self.accounts[USER].given += account.given
            self.accounts[USER].given.sort(key=lambda each: each.at)
            self.accounts[USER].declines += account.declines
        decision = self.send(USER, joining, kind="identify", merges=anonymous.id, device=device)
        is_merged = Reason.MERGED in [verdict.reason for verdict in decision.reasons]
        assert is_merged == (joining is not None)
        assert not decision.facts

    @precondition(lambda self: self.changed)
    @rule(data=st.data())
    def a_message_is_replayed(self, data: Any) -> None:
        who, message = data.draw(st.sampled_from(self.changed[-5:]))
        before = self.profiles[self.owner(who)]
        decision = decide(before, message, self.campaigns, self.now)
        assert decision.profile is before
        assert decision.reason is Reason.DUPLICATE

    # --- how a message goes in ---

    def owner(self, who: User) -> User:
        return self.became.get(who, who)

    def account(self, who: User) -> Account:
        return self.accounts[self.owner(who)]

    def teller(self, owner: User, *, late: bool) -> User:
        """Of a user, also an anonymous id whose late messages are the user's."""
        aliases = [each for each, user in self.became.items() if user == owner]
        return aliases[0] if late and aliases else owner

    def send(
        self, who: User, joining: Profile | None = None, age: int | None = None, **fields: Any
    ) -> Decision:
        self.sent += 1
        message = Message(
            **{
                "id": f"m{self.sent}",
                "content": fingerprint(b"%d" % self.sent),
                "kind": "track",
                "user": who,
                "at": self.now - (age or 0),
                "age": age,
                **fields,
            }
        )
        owner = self.owner(who)
        before = self.profiles[owner]
        decision = decide(before, message, self.campaigns, self.now, joining)
        self.profiles[owner] = decision.profile
        if decision.profile.recent != before.recent:
            self.changed.append((who, message))
        for action in decision.actions:
            if isinstance(action, Withdraw):
                self.take_back(owner, action.offer_id)
        return decision

    def take_back(self, owner: User, offer_id: str) -> None:
        [given] = [each for each in self.accounts[owner].given if each.offer.offer_id == offer_id]
        given.taken_back = True

    # --- what always holds ---

    @invariant()
    def asks_and_declines_are_known(self) -> None:
        for user, account in self.accounts.items():
            progress = self.profiles[user].progress.get(CAMPAIGN, Progress())
            assert progress.declined_at == max(account.declines, default=None)
            assert progress.spent == account.asks()

    @invariant()
    def at_most_one_offer_is_open_and_none_beside_a_popup(self) -> None:
        for user, account in self.accounts.items():
            profile = self.profiles[user]
            is_open = [each.id for each in frequency.open_offers(profile, self.now)]
            assert len(is_open) <= 1
            assert {*is_open} <= {each.offer.offer_id for each in account.leased(self.now)}
            progress = profile.progress.get(CAMPAIGN, Progress())
            assert not (is_open and frequency.is_on_screen(progress, self.now))

    @invariant()
    def the_open_offer_is_what_the_user_is_dealt(self) -> None:
        for profile in self.profiles.values():
            assert_offers_dealt(profile, self.campaigns, self.now)

    @invariant()
    def the_profiles_survive_storage(self) -> None:
        for profile in self.profiles.values():
            assert codec.decode(codec.encode(profile, {})) == (profile, {})
            assert msgspec.json.decode(msgspec.json.encode(profile), type=Profile) == profile


TestHousehold = Household.TestCase


def test_the_experiment_deals_each_of_the_three_something_else() -> None:
    campaigns = campaigns_of(shipped_file(experiment=DEALT))
    campaign, nobody = campaigns.by_id[CAMPAIGN], Progress()

    dealt = [
        (
            arm_now(campaign, nobody, each, is_test=False),
            variant_now(campaign, nobody, each, is_test=False),
        )
        for each in (USER, *ANONYMOUS)
    ]

    assert dealt == [("soft_ask", "warm"), ("soft_ask", "plain"), ("holdout", "")]
