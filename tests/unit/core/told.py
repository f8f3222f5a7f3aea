"""What must hold of the facts about one user, and of the open offer, whatever was lived."""

from functions.core import eligibility, experiment, frequency, offers
from functions.core.compiled import Campaigns
from functions.core.experiment import HOLDOUT
from functions.core.model import Fact, FactKind, Profile, Progress
from functions.core.verdict import Decision

_ANSWERS = (FactKind.APPROVED, FactKind.DECLINED, FactKind.DISMISSED)

_AGAIN = (*_ANSWERS, FactKind.EXHAUSTED)

_PERMISSIONS = (FactKind.GRANTED, FactKind.DENIED)

_ONCE = (
    FactKind.EXPOSED,
    FactKind.HELD_OUT,
    FactKind.EXHAUSTED,
    FactKind.OPTED_IN,
    FactKind.CONVERTED,
)

_OF_EXPOSED = (FactKind.OPTED_IN, FactKind.CONVERTED, FactKind.GOAL)


class Ledger:
    """Takes the facts of one user's decisions, and refuses what cannot be."""

    def __init__(self) -> None:
        self.facts: dict[str, Fact] = {}

    def take(self, decision: Decision) -> None:
        for fact in decision.facts:
            self._assert_new(fact)
            self.facts.setdefault(fact.id, fact)
            assert_dealt(fact, decision.profile)
            assert_strongest(fact, decision.profile)
        assert [fact.kind for fact in decision.facts].count(FactKind.SHOWN) <= 1
        for fact in decision.facts:
            self._assert_follows(fact)

    def _assert_new(self, fact: Fact) -> None:
        """Of an offer that is not the newest no answer is known: it may be told again.

        So may the end of the last attempt, where a yes came between two noes. A permission that
        comes and goes within a millisecond is one fact.
        """
        known = self.facts.get(fact.id)
        if known is None or (fact.kind in _PERMISSIONS and fact.at == known.at):
            return
        assert fact.kind in _AGAIN, f"told twice: {fact}"
        assert (known.kind, known.offer_id) == (fact.kind, fact.offer_id)

    def _assert_follows(self, fact: Fact) -> None:
        kinds = self._kinds(fact.campaign)
        if fact.kind in _ONCE:
            assert kinds.count(fact.kind) == 1
        if fact.kind is FactKind.OPTED_IN:
            assert FactKind.APPROVED in kinds or "direct_prompt" in self._shown_arms()
            assert any(each.kind is FactKind.GRANTED for each in self.facts.values())
            assert fact.cohort is None or FactKind.CONVERTED in kinds
        if fact.kind in _OF_EXPOSED:
            assert fact.cohort is None or FactKind.EXPOSED in kinds
        if fact.kind is FactKind.CONVERTED:
            assert fact.cohort is not None
            assert fact.after == fact.at - fact.cohort.at >= 0
        if fact.kind is FactKind.GOAL:
            assert fact.ordinal == kinds.count(FactKind.GOAL)
        if fact.kind in _ANSWERS:
            assert f"{fact.offer_id}:shown" in self.facts

    def _kinds(self, campaign: str) -> list[FactKind]:
        return [each.kind for each in self.facts.values() if each.campaign == campaign]

    def _shown_arms(self) -> set[str]:
        return {each.arm for each in self.facts.values() if each.kind is FactKind.SHOWN}


def assert_dealt(fact: Fact, profile: Profile) -> None:
    """Whoever was exposed counts there, in every fact about that campaign."""
    progress = profile.progress.get(fact.campaign, Progress())
    assert fact.cohort == experiment.cohort_of(progress)
    assert (fact.arm, fact.variant) == (experiment.dealt(progress), progress.variant)


def assert_offers_dealt(profile: Profile, campaigns: Campaigns, now: int, since: int = 0) -> None:
    """What is open is what the user is dealt now.

    since: when the campaigns were edited; an offer from before keeps what it was.
    """
    is_test = campaigns.is_test(profile.user)
    served = campaigns.seen_by(profile.user).by_id
    for campaign_id, progress in profile.progress.items():
        offer = frequency.open_offer(progress, now)
        if offer is None or offer.granted_at < since:
            continue
        how = served[campaign_id], progress, profile.user
        assert offer.arm == eligibility.arm_now(*how, is_test=is_test) != HOLDOUT
        assert offer.variant == eligibility.variant_now(*how, is_test=is_test)


def assert_strongest(fact: Fact, profile: Profile) -> None:
    """No weaker answer is told behind a stronger one, as far as one is known."""
    progress = profile.progress.get(fact.campaign, Progress())
    is_newest = fact.offer_id != "" and offers.serial_of(fact.offer_id) == progress.outcome_of
    if fact.kind in _ANSWERS and is_newest:
        assert fact.kind.value == progress.outcome
