"""An outcome of an anonymous offer, told before the login or after it, comes to the same."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.core import permission
from functions.core.compiled import Campaign, Campaigns
from functions.core.decision import decide
from functions.core.merge import merge
from functions.core.model import Message, Outcome, Progress
from tests.unit.core.lives import ANONYMOUS, Life, asking_sets, lived, shared_lives
from tests.unit.core.scene import OUTCOMES, USER, Offered

Steps = list[tuple[int, tuple[Any, ...]]]

OFFERED = (1, ("event", "Value", 0, "phone"))
"""What brings the anonymous id an offer, unless the experiment holds it out."""

seen_outcomes = st.sampled_from([each for each in Outcome if each is not Outcome.SUPPRESSED])


@given(
    campaigns=asking_sets(),
    life=shared_lives(2),
    which=st.integers(0, 3),
    outcome=seen_outcomes,
)
def test_row_40_an_outcome_told_before_the_login_or_after_it_comes_to_the_same(
    campaigns: Campaigns, life: Steps, which: int, outcome: Outcome
) -> None:
    own, theirs = lived(campaigns, (USER, ANONYMOUS[0]), [OFFERED, *life])
    if not theirs.offers:
        return
    offer = theirs.offers[-1 - which % len(theirs.offers)]
    told = report(theirs, offer, outcome)
    now = theirs.now

    first_told = decide(theirs.profile, told, campaigns, now).profile
    told_before = merge(own.profile, first_told, campaigns, now)
    first_merged = merge(own.profile, theirs.profile, campaigns, now)
    told_after = decide(first_merged, told, campaigns, now).profile

    campaign = campaigns.seen_by(USER).by_id[offer.campaign]
    one, other = (each.progress[offer.campaign] for each in (told_before, told_after))
    assert (other.declined_at, other.seen) == (one.declined_at, one.seen)
    if campaign.forgiveness is not None:
        # As for any user: a dismissal that is told after that of a newer popup is not forgiven.
        return
    assert other.attempts == one.attempts
    merged = (own.profile, theirs.profile, first_told)
    parts = [each.progress.get(campaign.id, Progress()) for each in merged]
    if has_last_word(parts, campaign) or not agree(own, theirs, told):
        return
    assert (other.outcome, other.outcome_of) == (one.outcome, one.outcome_of)
    assert other.retry_at == one.retry_at


def report(life: Life, offer: Offered, outcome: Outcome) -> Message:
    return life.message(event=OUTCOMES[outcome], offer_id=offer.offer_id)


def has_last_word(parts: list[Progress], campaign: Campaign) -> bool:
    """Then a merge keeps it, while what is told of a newer popup later takes its place."""
    approved = [each for each in parts if each.outcome is Outcome.APPROVED]
    return any(campaign.kind == "popup" or each.answered is not None for each in approved)


def agree(own: Life, theirs: Life, told: Message) -> bool:
    """Whether both know the same of the device's permission, which settles an approval."""
    one, other = (permission.status_on(each.profile, told.device) for each in (own, theirs))
    return one is other
