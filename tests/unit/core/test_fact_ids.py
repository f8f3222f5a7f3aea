"""What each kind of fact is called in the ledger, spelt out: an id that changed counts twice."""

import pytest
from msgspec.structs import replace

from functions.core import facts, offers
from functions.core.facts import Ask, Scope
from functions.core.model import (
    HOUR,
    MINUTE,
    Cohort,
    Fact,
    FactKind,
    Offer,
    Outcome,
    Progress,
    PushStatus,
)
from tests.unit.core.scene import CAMPAIGN, START, Scene

OFFER = Offer(
    id="of_1",
    serial=9,
    device="phone",
    attempt=2,
    version=7,
    arm="soft_ask",
    granted_at=START,
    lease_until=START + MINUTE,
)
SCOPE = Scope(
    "push",
    Progress(
        exposed_at=START,
        exposed_version=6,
        exposed_platform="web",
        variant="warm",
        offer=OFFER,
        goals=3,
        answered_at=START + HOUR,
    ),
    "ios",
)
ASK = Ask("of_0", 8, 1, 5)
PHONE = "e70d8d9fca47b9f3"

ABOUT_NONE = Fact(
    id="",
    kind=FactKind.EXPOSED,
    at=START,
    campaign="push",
    version=6,
    arm="soft_ask",
    variant="warm",
    platform="ios",
    cohort=Cohort(START, 6, "web"),
)
NEWEST = replace(ABOUT_NONE, version=7, attempt=2, offer_id="of_1")
EARLIER = replace(ABOUT_NONE, version=5, attempt=1, offer_id="of_0")

ANSWERS = {
    each: facts.answered(SCOPE, START, ASK, each, first=True)
    for each in Outcome
    if each is not Outcome.SHOWN
}
CHANGES = {
    each: facts.permission_changed(SCOPE, START, "phone", each)
    for each in (PushStatus.GRANTED, PushStatus.DENIED)
}

WORDED = [
    (facts.exposed(SCOPE, START), f"push:exposed:{START}", ABOUT_NONE),
    (facts.exposed(SCOPE, START, OFFER), f"push:exposed:{START}", NEWEST),
    (facts.held_out(SCOPE, START), f"push:held_out:{START}", ABOUT_NONE),
    (facts.offered(SCOPE, START, OFFER), "of_1:offered", NEWEST),
    (facts.shown(SCOPE, START, ASK, None), "of_0:shown", EARLIER),
    (facts.shown(SCOPE, START, OFFER, 5), "of_1:shown", replace(NEWEST, after=5)),
    (ANSWERS[Outcome.APPROVED], "of_0:approved", replace(EARLIER, first=True)),
    (ANSWERS[Outcome.DECLINED], "of_0:declined", replace(EARLIER, first=True)),
    (ANSWERS[Outcome.DISMISSED], "of_0:dismissed", replace(EARLIER, first=True)),
    (ANSWERS[Outcome.SUPPRESSED], "of_0:suppressed", replace(EARLIER, first=True)),
    (facts.exhausted(SCOPE, START), f"push:exhausted:{START}", NEWEST),
    (CHANGES[PushStatus.GRANTED], f"{PHONE}:granted:{START}", NEWEST),
    (CHANGES[PushStatus.DENIED], f"{PHONE}:denied:{START}", NEWEST),
    (
        facts.prompted(SCOPE, START, "phone", 4, unasked=True),
        f"{PHONE}:prompted:4:{START}",
        replace(NEWEST, unasked=True),
    ),
    (facts.opted_in(SCOPE), f"push:opted_in:{START}", replace(NEWEST, at=START + HOUR)),
    (facts.converted(SCOPE, START, 5), f"push:converted:{START}", replace(ABOUT_NONE, after=5)),
    (
        facts.goal(SCOPE, START, "m1"),
        "push:goal:d11f79d4b490b654",
        replace(ABOUT_NONE, ordinal=3),
    ),
]
"""The fact; its id, whose second part is its kind; and what it says beside these two."""


@pytest.mark.parametrize(("fact", "fact_id", "says"), WORDED)
def test_a_fact_has_its_words_and_keeps_them(fact: Fact, fact_id: str, says: Fact) -> None:
    kind = FactKind(fact_id.split(":")[1])

    assert fact == replace(says, id=fact_id, kind=kind)


def test_every_kind_that_a_message_can_lead_to_is_here() -> None:
    """Of a window that ends no message tells: the ledger words that fact itself."""
    assert {fact.kind for fact, *_ in WORDED} == set(FactKind) - {FactKind.RE_ELIGIBLE}


def test_a_report_s_ask_is_the_offer_that_it_means() -> None:
    scene = Scene()
    offer = scene.offered()
    meant = offers.read_id(offer.offer_id, scene.profile, CAMPAIGN)
    assert meant is not None

    assert facts.ask_of(meant, CAMPAIGN) == Ask(offer.offer_id, meant.serial, 1, 0)
