"""One campaign's own run of the recording: its profiles, its phones, and what it counts."""

from collections import Counter

from cli.backtest.phone import Phone
from functions.core.compiled import Campaigns
from functions.core.decision import decide, matters, new_profile
from functions.core.model import DAY, Fact, FactKind, Message, Profile, User
from functions.core.reason import Reason
from functions.core.verdict import Decision

_SENT_BEFORE = (Reason.DUPLICATE, Reason.MESSAGE_ID_REUSED)


class Tally:
    """What a world counts.

    reasons: what became of each trigger. by_day: shows, by days since the epoch.
    """

    def __init__(self) -> None:
        self.triggers = 0
        self.duplicates = 0
        self.triggered: set[User] = set()
        self.facts: Counter[FactKind] = Counter()
        self.reasons: Counter[Reason] = Counter()
        self.by_attempt: Counter[int] = Counter()
        self.by_day: Counter[int] = Counter()
        self.shows: Counter[User] = Counter()
        self.first_shown: dict[User, int] = {}


class World:
    """Plays messages in their order through `decide`, each user's reports between them.

    It holds one campaign, with the settings around it. Test users count in no figure.
    """

    def __init__(self, campaigns: Campaigns, phone: Phone) -> None:
        [self.campaign] = campaigns.by_id.values()
        self.tally = Tally()
        self._campaigns = campaigns
        self._phone = phone
        self._profiles: dict[User, Profile] = {}

    def play(self, message: Message, now: int) -> None:
        """A recorded message arrives."""
        if self._campaigns.is_test(message.user):
            return
        for at, report in self._phone.due(message.user, now):
            self._decide(report, at)
        heard = self._phone.hear(message)
        if heard is not None and matters(heard, self._campaigns):
            self._decide(heard, now)

    def finish(self) -> None:
        """The recording is over; what phones still have to report arrives."""
        for at, report in self._phone.rest():
            self._decide(report, at)

    def _decide(self, message: Message, now: int) -> None:
        known = self._profiles.get(message.user)
        profile = known or new_profile(message.user, now)
        decision = decide(profile, message, self._campaigns, now)
        if decision.profile is not profile:
            self._profiles[message.user] = decision.profile
        self._count(message, decision)
        for action in decision.actions:
            self._phone.receive(action, message, now)

    def _count(self, message: Message, decision: Decision) -> None:
        tally = self.tally
        if decision.reasons[0].reason in _SENT_BEFORE:
            tally.duplicates += 1
            return
        if message.event in self.campaign.triggers:
            tally.triggers += 1
            tally.triggered.add(message.user)
            for verdict in decision.reasons:
                if verdict.campaign == self.campaign.id:
                    tally.reasons[verdict.reason] += 1
        for fact in decision.facts:
            if fact.campaign == self.campaign.id:
                self._count_fact(message.user, fact)

    def _count_fact(self, user: User, fact: Fact) -> None:
        tally = self.tally
        tally.facts[fact.kind] += 1
        if fact.kind is FactKind.SHOWN:
            tally.by_attempt[fact.attempt] += 1
            tally.by_day[fact.at // DAY] += 1
            tally.shows[user] += 1
            tally.first_shown.setdefault(user, fact.at)
