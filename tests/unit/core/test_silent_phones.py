"""Android phones that tell neither how often nor when they asked: what is heard of their prompts.

A status alone, one with `everAsked`, and one with `rationale`: each told before any prompt, after
the first denial, after the second, and after a grant.
"""

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from functions.core.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Fact,
    FactKind,
    Outcome,
    PushStatus,
    Snapshot,
)
from functions.core.reason import Reason
from functions.core.verdict import Decision
from tests.unit.core.scene import (
    NEVER_ASKED,
    VALUE,
    Offered,
    Scene,
    campaigns_of,
    offered_in,
    shipped_file,
)

ANDROID = {"platform": "android", "api_level": 34}

Phone = Mapping[str, Snapshot]

STATUS: Phone = {
    "new": Snapshot(status="notDetermined"),
    "denied": Snapshot(status="denied"),
    "denied twice": Snapshot(status="denied"),
    "granted": Snapshot(status="granted"),
}
EVER_ASKED: Phone = {
    "new": Snapshot(status="denied", ever_asked=False),
    "denied": Snapshot(status="denied", ever_asked=True),
    "denied twice": Snapshot(status="denied", ever_asked=True),
    "granted": Snapshot(status="granted", ever_asked=True),
}
RATIONALE: Phone = {
    "new": Snapshot(status="notDetermined", rationale=False),
    "denied": Snapshot(status="denied", rationale=True),
    "denied twice": Snapshot(status="denied", rationale=False),
    "granted": Snapshot(status="granted", rationale=False),
}

SOFT: Mapping[str, Any] = {}
DIRECT = {"experiment": {"salt": "s", "arms": {"soft_ask": 0, "direct_prompt": 1}}}
TO_SETTINGS = {"permission": {"fallback_to_settings": True}}

every_phone = pytest.mark.parametrize(
    "phone", [STATUS, EVER_ASKED, RATIONALE], ids=["status", "everAsked", "rationale"]
)
both_arms = pytest.mark.parametrize("arm", [SOFT, DIRECT], ids=["soft_ask", "direct_prompt"])


class Silent(Scene):
    """A phone of that kind; its campaign asks whom it may, and again after a denial."""

    def __init__(self, phone: Phone, **changes: Any) -> None:
        attempts = [
            {"content": "first"},
            {"content": "retry", "wait": {"declined": "14d", "denied": "2d"}},
        ]
        super().__init__(campaigns_of(shipped_file(attempts=attempts, audience=None, **changes)))
        self.phone = phone

    def moment(self, told: str) -> Decision:
        """A value moment, with what the phone says then."""
        return self.track(VALUE, push=self.phone[told], **ANDROID)

    def asked(self, told: str) -> Offered:
        """An offer, and a "Yes" where it is a popup's."""
        [offer] = offered_in(self.moment(told))
        self.wait(SECOND)
        if offer.arm == "soft_ask":
            self.report(Outcome.APPROVED, offer, **ANDROID)
            self.wait(SECOND)
        return offer

    def answered(self, told: str) -> Decision:
        """The OS's answer."""
        return self.track("PushPermissionChanged", push=self.phone[told], **ANDROID)

    @property
    def prompts(self) -> int:
        return self.profile.devices["phone"].prompts


def facts(decision: Decision, kind: FactKind) -> list[Fact]:
    return [fact for fact in decision.facts if fact.kind is kind]


@every_phone
@both_arms
def test_the_first_denial_is_heard_as_an_answer_to_the_prompt_that_was_led_to(
    phone: Phone, arm: Mapping[str, Any]
) -> None:
    scene = Silent(phone, **arm)
    offer = scene.asked("new")

    decision = scene.answered("denied")

    [denied], [prompted] = facts(decision, FactKind.DENIED), facts(decision, FactKind.PROMPTED)
    assert (denied.offer_id, prompted.offer_id) == (offer.offer_id, offer.offer_id)
    assert not prompted.unasked
    assert len(facts(decision, FactKind.SHOWN)) == (arm is DIRECT)
    assert (scene.progress.outcome, scene.progress.answered) == ("approved", PushStatus.DENIED)


@every_phone
@both_arms
def test_a_prompt_that_is_told_of_again_and_by_a_trait_counts_once(
    phone: Phone, arm: Mapping[str, Any]
) -> None:
    scene = Silent(phone, **arm)
    scene.asked("new")
    first = scene.identify({"push_permission_status": "denied"}, **ANDROID)
    assert len(facts(first, FactKind.PROMPTED)) == 1

    for _ in range(2):
        scene.wait(SECOND)
        assert scene.answered("denied").facts == ()
    scene.wait(MINUTE)
    assert facts(scene.moment("denied"), FactKind.PROMPTED) == []
    assert scene.prompts == 1


@every_phone
@both_arms
def test_a_grant_after_a_denial_is_no_prompt_where_nobody_was_asked_again(
    phone: Phone, arm: Mapping[str, Any]
) -> None:
    scene = Silent(phone, **arm)
    scene.asked("new")
    scene.answered("denied")
    scene.wait(HOUR)

    decision = scene.answered("granted")

    assert {"granted", "converted", "opted_in"} <= {fact.kind for fact in decision.facts}
    assert facts(decision, FactKind.PROMPTED) == []
    assert scene.prompts == 1


@both_arms
def test_a_grant_by_the_second_prompt_is_the_second_ask_s(arm: Mapping[str, Any]) -> None:
    scene = Silent(RATIONALE, **arm)
    scene.asked("new")
    scene.answered("denied")
    scene.wait(15 * DAY)
    second = scene.asked("denied")

    decision = scene.answered("granted")

    [granted], [opted_in] = facts(decision, FactKind.GRANTED), facts(decision, FactKind.OPTED_IN)
    assert (granted.offer_id, opted_in.attempt) == (second.offer_id, 2)
    assert len(facts(decision, FactKind.SHOWN)) == (arm is DIRECT)
    assert scene.progress.answered is PushStatus.GRANTED


@pytest.mark.parametrize("phone", [STATUS, EVER_ASKED], ids=["status", "everAsked"])
@both_arms
def test_a_denial_without_a_rationale_is_taken_for_the_last(
    phone: Phone, arm: Mapping[str, Any]
) -> None:
    scene = Silent(phone, **arm)
    scene.asked("new")
    scene.answered("denied")
    scene.wait(15 * DAY)

    assert scene.moment("denied").reason is Reason.PERMISSION_DENIED


def test_a_lost_rationale_is_the_answer_to_a_second_approval() -> None:
    scene = Silent(RATIONALE)
    scene.asked("new")
    scene.answered("denied")
    scene.wait(15 * DAY)
    scene.asked("denied")

    decision = scene.answered("denied twice")

    assert [fact.kind for fact in decision.facts] == ["prompted"], "it was denied before"
    assert (scene.progress.attempts, scene.progress.answered) == (2, PushStatus.DENIED)
    scene.wait(15 * DAY)
    assert scene.moment("denied twice").reason is Reason.PERMISSION_DENIED


def test_a_lost_rationale_is_the_answer_to_a_second_direct_prompt() -> None:
    scene = Silent(RATIONALE, **DIRECT)
    scene.asked("new")
    scene.answered("denied")
    scene.wait(15 * DAY)
    second = scene.asked("denied")

    decision = scene.answered("denied twice")

    [shown], [prompted] = facts(decision, FactKind.SHOWN), facts(decision, FactKind.PROMPTED)
    assert (shown.offer_id, prompted.offer_id) == (second.offer_id, second.offer_id)
    assert not prompted.unasked
    assert (scene.progress.attempts, scene.progress.answered) == (2, PushStatus.DENIED)
    assert scene.prompts == 2


@both_arms
def test_a_rationale_that_is_lost_where_nobody_was_asked_is_no_prompt(
    arm: Mapping[str, Any],
) -> None:
    scene = Silent(RATIONALE, **arm)
    scene.asked("new")
    scene.answered("denied")
    scene.wait(15 * DAY)

    assert scene.answered("denied twice").facts == ()
    assert scene.prompts == 1


def test_a_phone_that_counts_its_prompts_is_believed_beside_a_lost_rationale() -> None:
    counting = {word: replace(push, prompts_used=1) for word, push in RATIONALE.items()}
    scene = Silent({**counting, "new": NEVER_ASKED}, **DIRECT)
    scene.asked("new")
    scene.answered("denied")
    scene.wait(15 * DAY)
    scene.asked("denied")

    assert scene.answered("denied twice").facts == ()


@pytest.mark.parametrize("phone", [STATUS, EVER_ASKED], ids=["status", "everAsked"])
def test_a_second_denial_that_changes_no_word_is_an_approval_that_nobody_answered(
    phone: Phone,
) -> None:
    """The app may have had one prompt left when the user tapped "Yes": it looks again itself."""
    scene = Silent(phone, **TO_SETTINGS)
    scene.asked("new")
    scene.answered("denied")
    scene.wait(15 * DAY)
    scene.asked("denied")

    decision = scene.answered("denied twice")

    assert (decision.reason, decision.facts) == (Reason.UNCHANGED, ())
    assert (scene.progress.outcome, scene.progress.answered) == ("approved", None)
    assert scene.prompts == 1
    scene.wait(MINUTE)
    assert scene.answered("granted").profile.progress["push-softask"].opted_in


def test_android_s_denied_alone_is_never_taken_for_never_asked() -> None:
    scene = Silent({**STATUS, "new": Snapshot(status="denied")})

    assert scene.moment("new").reason is Reason.PERMISSION_DENIED
    assert scene.prompts == 0
