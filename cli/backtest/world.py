"""One campaign's own run of the recording: its profiles, its phones, and what it counts."""

from collections import Counter, defaultdict

from msgspec.structs import replace

from cli.backtest.phone import Phone
from functions.core.compiled import Campaigns
from functions.core.decision import decide, matters, new_profile
from functions.core.experiment import DIRECT_PROMPT
from functions.core.model import DAY, Fact, FactKind, Message, Profile, User
from functions.core.reason import Reason
from functions.core.verdict import Decision

_SENT_BEFORE = (Reason.DUPLICATE, Reason.MESSAGE_ID_REUSED)

OF_USERS = (FactKind.EXPOSED, FactKind.OPTED_IN, FactKind.CONVERTED)
"""Facts that there are once a user."""


class Tally:
    """What a world counts, under the ids that users went by at that time.

    reasons: what became of each trigger. Shows are popups'; by_day: by days since the epoch.
    by_arm: facts by their kind; of_users_by_arm: the users of those that count once a user.
    """

    def __init__(self) -> None:
        self.triggers = 0
        self.duplicates = 0
        self.triggered: set[User] = set()
        self.held_out: set[User] = set()
        self.exhausted: set[User] = set()
        self.facts: Counter[FactKind] = Counter()
        self.reasons: Counter[Reason] = Counter()
        self.by_arm: dict[str, Counter[FactKind]] = defaultdict(Counter)
        self.of_users_by_arm: dict[tuple[str, FactKind], set[User]] = defaultdict(set)
        self.by_attempt: Counter[int] = Counter()
        self.by_day: Counter[int] = Counter()
        self.shows: Counter[User] = Counter()
        self.first_shown: dict[User, int] = {}


class World:
    """Plays messages in their order through `decide`, each user's reports between them.

    It holds one campaign, with the settings around it, and keeps what the tables keep: profiles,
    and whom an anonymous id became. Test users count in no figure from their login on.
    """

    def __init__(self, campaigns: Campaigns, phone: Phone) -> None:
        [self.campaign] = campaigns.by_id.values()
        self.tally = Tally()
        self._campaigns = campaigns
        self._phone = phone
        self._profiles: dict[User, Profile] = {}
        self._became: dict[User, User] = {}

    def play(self, message: Message, now: int) -> None:
        """A recorded message arrives."""
        message = self._with_owner(message)
        self._hear_phones(message.user, now)
        if message.merges:
            self._hear_phones(User("anonymous", message.merges), now)
        heard = self._phone.hear(message)
        if heard is not None and matters(heard, self._campaigns):
            self._decide(heard, now)

    def finish(self) -> None:
        """The recording is over; what phones still have to report arrives."""
        for at, report in self._phone.rest():
            self._decide(report, at)

    def _with_owner(self, message: Message) -> Message:
        """A late message of an anonymous id is the user's whom it became."""
        owner = self._became.get(message.user) if message.user.kind == "anonymous" else None
        return replace(message, user=owner) if owner else message

    def _hear_phones(self, user: User, now: int) -> None:
        for at, report in self._phone.due(user, now):
            self._decide(report, at)

    def _decide(self, message: Message, now: int) -> None:
        user = message.user
        known = self._profiles.get(user)
        profile = known or new_profile(user, now)
        joining = self._joining(message, now)
        decision = decide(profile, message, self._campaigns, now, joining)
        if decision.profile is not profile:
            self._profiles[user] = decision.profile
        if joining is not None and _is_merged(decision):
            self._join(joining.user, user)
        if not self._campaigns.is_test(user):
            self._count(message, decision)
        for action in decision.actions:
            self._phone.receive(action, message, now)

    def _joining(self, message: Message, now: int) -> Profile | None:
        """The anonymous profile that the message may merge: nobody's yet."""
        if not message.merges:
            return None
        anonymous = User("anonymous", message.merges)
        if anonymous in self._became:
            return None
        return self._profiles.get(anonymous) or new_profile(anonymous, now)

    def _join(self, anonymous: User, user: User) -> None:
        self._became[anonymous] = user
        self._profiles.pop(anonymous, None)
        self._phone.join(anonymous, user)

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
        if fact.arm:
            tally.by_arm[fact.arm][fact.kind] += 1
        if fact.arm and fact.kind in OF_USERS:
            tally.of_users_by_arm[fact.arm, fact.kind].add(user)
        if fact.kind is FactKind.HELD_OUT:
            tally.held_out.add(user)
        elif fact.kind is FactKind.EXHAUSTED:
            tally.exhausted.add(user)
        elif fact.kind is FactKind.SHOWN and fact.arm != DIRECT_PROMPT:
            tally.by_attempt[fact.attempt] += 1
            tally.by_day[fact.at // DAY] += 1
            tally.shows[user] += 1
            tally.first_shown.setdefault(user, fact.at)


def _is_merged(decision: Decision) -> bool:
    return any(verdict.reason is Reason.MERGED for verdict in decision.reasons)
