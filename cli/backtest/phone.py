"""The phone at the other end: it answers offers as recorded, or by stated rates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Protocol

from msgspec.structs import replace

from cli.backtest.recording import Lives
from functions.core.audience import PUSH_STATUS
from functions.core.campaign import PERMISSION_EVENT, OutcomeNames
from functions.core.compiled import Campaigns
from functions.core.experiment import share
from functions.core.model import (
    SECOND,
    Action,
    Message,
    OpenDeeplink,
    Outcome,
    RequestOsPermission,
    Snapshot,
    User,
    Withdraw,
)
from functions.core.permission import Route
from functions.core.recent import fingerprint

SHOWN_AFTER = 2 * SECOND
ANSWERED_AFTER = 6 * SECOND
"""After Shown, as the next one is after the answer."""
OS_ANSWERED_AFTER = 3 * SECOND

Report = tuple[int, Message]
"""When the phone reports something, and what."""

_CONTENT = fingerprint(b"")


@dataclass(frozen=True, slots=True)
class Rates:
    """How users answer: shares of 1 that the popup gets, and the OS prompt after an approval.

    What is left of 1 beside the three is silent: shown, and never answered.
    """

    approve: float = 0.4
    decline: float = 0.4
    dismiss: float = 0.1
    grant: float = 0.6
    seed: int = 0

    @property
    def silent(self) -> float:
        """The share that is shown and never answered."""
        return round(max(0.0, 1 - self.approve - self.decline - self.dismiss), 9)

    def answer(self, user: User, ordinal: int) -> Outcome | None:
        """What the user says to their so many-th popup, the same in every campaign."""
        point = self._point("answer", user, ordinal)
        for outcome, rate in (
            (Outcome.APPROVED, self.approve),
            (Outcome.DECLINED, self.decline),
            (Outcome.DISMISSED, self.dismiss),
        ):
            if point < rate:
                return outcome
            point -= rate
        return None

    def grants(self, user: User, ordinal: int) -> bool:
        """Whether the OS prompt that this popup leads to is granted."""
        return self._point("grant", user, ordinal) < self.grant

    def grants_unasked(self, user: User, ordinal: int) -> bool:
        """Whether the OS prompt is granted without a popup before it: as with one, no less sure.

        Whoever would say no to the popup says no to the OS.
        """
        return self.answer(user, ordinal) is Outcome.APPROVED and self.grants(user, ordinal)

    def _point(self, what: str, user: User, ordinal: int) -> float:
        return share(f"backtest:{self.seed}:{what}:{ordinal}", user) / 100


class Phone(Protocol):
    """What a world needs of its users' phones."""

    def hear(self, message: Message) -> Message | None:
        """A recorded message as it would have been sent in this world; None: it would not."""

    def receive(self, action: Action, message: Message, now: int) -> None:
        """An action in the answer to a message."""

    def join(self, anonymous: User, user: User) -> None:
        """The anonymous id's phones are the user's from now on."""

    def due(self, user: User, now: int) -> list[Report]:
        """What the user's phones report until now, once."""

    def rest(self) -> list[Report]:
        """What all phones still report after the recording's end."""


class RecordedPhone:
    """Outcomes as they were recorded.

    The recording's offer ids name offers of the system that ran then; as for an outcome without
    an id, the device's newest offer is meant.
    """

    def __init__(self, campaigns: Campaigns) -> None:
        self._outcomes = campaigns.outcomes

    def hear(self, message: Message) -> Message | None:
        """The message, its outcome without an id."""
        if message.offer_id is None or message.event not in self._outcomes:
            return message
        return replace(message, offer_id=None)

    def receive(self, action: Action, message: Message, now: int) -> None:
        """Nothing follows: what the phone did is in the recording."""

    def join(self, anonymous: User, user: User) -> None:
        """Nothing is kept of either."""

    def due(self, user: User, now: int) -> list[Report]:  # noqa: ARG002 - a Phone's
        """None beside those in the recording."""
        return []

    def rest(self) -> list[Report]:
        """None beside those in the recording."""
        return []


@dataclass(slots=True)
class _Hand:
    """One user's phones: the offers so far by their ids, and what is still to be reported of them.

    answered: what the OS prompt left behind on each device.
    """

    offers: set[str] = field(default_factory=set)
    reports: list[Report] = field(default_factory=list)
    answered: dict[str, Snapshot] = field(default_factory=dict)

    def expect(self, reports: Iterable[Report]) -> None:
        """More to be reported, each at its time."""
        self.reports = sorted([*self.reports, *reports], key=itemgetter(0))


class SimulatedPhone:
    """Shows every offer, and answers it by the rates; a direct prompt by both of them together.

    Outcomes in the recording belong to the system that ran then and are left out, and so are the
    times that its phones keep of asks within the recording. A recorded permission holds until the
    simulated OS prompt is answered on that device; from then on the answer does.
    """

    def __init__(self, campaigns: Campaigns, rates: Rates, lives: Lives) -> None:
        self._campaigns = campaigns
        self._rates = rates
        self._lives = lives
        self._hands: dict[User, _Hand] = {}

    def hear(self, message: Message) -> Message | None:
        """The message without what comes from asks that this world did not make."""
        if message.event in self._campaigns.outcomes:
            return None
        message = self._without_other_asks(message)
        hand = self._hands.get(message.user)
        answered = hand.answered.get(message.device) if hand else None
        return message if answered is None else _with_answer(message, answered)

    def receive(self, action: Action, message: Message, now: int) -> None:
        """A new offer is shown and answered soon; one taken back before it was shown is not."""
        hand = self._hands.setdefault(message.user, _Hand())
        if isinstance(action, Withdraw):
            hand.reports = [each for each in hand.reports if not _is_of(action.offer_id, each)]
        elif action.offer_id not in hand.offers:
            hand.offers.add(action.offer_id)
            ordinal = len(hand.offers)
            if isinstance(action, RequestOsPermission):
                hand.expect([self._os_report(action, message, ordinal, now)])
            else:
                hand.expect(self._reports(action, message, ordinal, now))

    def join(self, anonymous: User, user: User) -> None:
        """The anonymous id's phones are the user's: what they have to report, too."""
        theirs = self._hands.pop(anonymous, None)
        if theirs is None:
            return
        hand = self._hands.setdefault(user, _Hand())
        hand.offers |= theirs.offers
        hand.answered |= theirs.answered
        hand.expect((at, replace(report, user=user)) for at, report in theirs.reports)

    def due(self, user: User, now: int) -> list[Report]:
        """What the user's phones report until now, once."""
        hand = self._hands.get(user)
        if hand is None or not hand.reports:
            return []
        due = [each for each in hand.reports if each[0] <= now]
        hand.reports = hand.reports[len(due) :]
        for _, message in due:
            if message.push is not None:
                hand.answered[message.device] = message.push
        return due

    def rest(self) -> list[Report]:
        """What all phones still report after the recording's end."""
        return [report for hand in self._hands.values() for report in hand.reports]

    def _without_other_asks(self, message: Message) -> Message:
        begun = self._lives.first_seen(message.user)
        push, told = message.push, message.declined_at
        if told is not None and told >= begun:
            message = replace(message, declined_at=None)
        if push is None or (push.last_asked_at is None and push.last_declined_at is None):
            return message
        earlier = replace(
            push,
            last_asked_at=_before(begun, push.last_asked_at),
            last_declined_at=_before(begun, push.last_declined_at),
        )
        return replace(message, push=earlier)

    def _os_report(
        self, offer: RequestOsPermission, message: Message, ordinal: int, now: int
    ) -> Report:
        at = now + offer.show_after + SHOWN_AFTER + OS_ANSWERED_AFTER
        granted = self._rates.grants_unasked(message.user, ordinal)
        return _os_answer(message, offer, granted, at)

    def _reports(
        self, offer: OpenDeeplink, message: Message, ordinal: int, now: int
    ) -> list[Report]:
        names = self._campaigns.by_id[offer.campaign].file.outcomes
        shown_at = now + offer.show_after + SHOWN_AFTER
        answered_at = shown_at + ANSWERED_AFTER
        answer = self._rates.answer(message.user, ordinal)
        reports = [_outcome(message, offer, names, Outcome.SHOWN, shown_at)]
        if answer is not None:
            reports.append(_outcome(message, offer, names, answer, answered_at))
        if answer is Outcome.APPROVED and offer.on_approve == Route.OS_PROMPT:
            granted = self._rates.grants(message.user, ordinal)
            reports.append(_os_answer(message, offer, granted, answered_at + OS_ANSWERED_AFTER))
        return reports


def _outcome(
    message: Message, offer: OpenDeeplink, names: OutcomeNames, outcome: Outcome, at: int
) -> Report:
    return at, replace(
        message,
        id=f"{offer.offer_id}:{outcome}",
        content=_CONTENT,
        kind="track",
        at=at,
        age=None,
        event=getattr(names, outcome),
        offer_id=offer.offer_id,
        properties={},
        push=None,
    )


def _os_answer(
    message: Message, offer: OpenDeeplink | RequestOsPermission, granted: bool, at: int
) -> Report:
    known = message.push or Snapshot()
    prompts = (known.prompts_used or 0) + 1
    is_android = message.platform == "android"
    push = replace(
        known,
        status="authorized" if granted else "denied",
        prompts_used=prompts,
        ever_asked=True,
        rationale=not granted and prompts == 1 if is_android else None,
    )
    return at, replace(
        message,
        id=f"{offer.offer_id}:os",
        content=_CONTENT,
        at=at,
        age=None,
        event=PERMISSION_EVENT,
        offer_id=None,
        properties={},
        push=push,
    )


def _is_of(offer_id: str, report: Report) -> bool:
    return report[1].id.startswith(f"{offer_id}:")


def _with_answer(message: Message, answered: Snapshot) -> Message:
    traits: Mapping[str, object] = message.traits
    if PUSH_STATUS in traits:
        traits = {name: value for name, value in traits.items() if name != PUSH_STATUS}
    push = None if message.push is None else answered
    return replace(message, push=push, traits=traits)


def _before(begun: int, told: int | None) -> int | None:
    return None if told is None or told >= begun else told
