"""Messages that come twice, late, in batches or before their time: rows 1 to 7, 61 and 64."""

import pytest
from msgspec.structs import replace

from functions.core.decision import decide, fold, joined
from functions.core.model import DAY, MINUTE, SECOND, Outcome
from functions.core.reason import Reason
from tests.unit.core.scene import NEVER_ASKED, OUTCOMES, START, VALUE, Scene, offer_of


def test_row_01_a_message_that_comes_twice_is_answered_alike_and_counted_once() -> None:
    scene = Scene()
    message = scene.message(event=VALUE, push=NEVER_ASKED)
    first = scene.send(message)
    scene.wait(MINUTE)

    again = scene.send(message)

    assert (again.reason, again.facts) == (Reason.DUPLICATE, ())
    assert offer_of(again) == offer_of(first)
    assert again.profile is first.profile


def test_row_01_a_trigger_that_comes_again_after_its_popup_was_answered_brings_nothing() -> None:
    scene = Scene()
    message = scene.message(event=VALUE, push=NEVER_ASKED)
    scene.report(Outcome.DECLINED, offer_of(scene.send(message)))

    assert scene.send(message).actions == ()
    assert scene.progress.attempts == 1


def test_row_02_a_message_id_with_other_content_changes_nothing() -> None:
    scene = Scene()
    message = scene.message(event=VALUE, push=NEVER_ASKED)
    before = scene.send(message).profile

    reused = scene.send(replace(message, event="PushSoftAskDeclined", content=b"xx"))

    assert (reused.reason, reused.actions, reused.facts) == (Reason.MESSAGE_ID_REUSED, (), ())
    assert reused.profile is before


def test_row_04_another_trigger_within_the_lease_gets_the_offer_whose_answer_was_lost() -> None:
    scene = Scene()
    lost = scene.offered()
    scene.wait(10 * MINUTE - 1)

    again = scene.value()

    assert (again.reason, offer_of(again)) == (Reason.OFFER_REPEATED, lost)


def test_row_04_the_offer_is_one_devices_and_lapsed_unseen_it_spends_nothing() -> None:
    scene = Scene()
    scene.offered()
    assert scene.value(device="tablet").actions == ()
    scene.wait(10 * MINUTE)

    assert scene.offered(device="tablet").attempt == 1
    assert scene.progress.attempts == 0


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.APPROVED, Outcome.DISMISSED])
def test_row_07_an_answer_before_shown_says_that_it_was_shown(outcome: Outcome) -> None:
    scene = Scene()
    offer = scene.offered()

    answered = scene.report(outcome, offer)
    late = scene.report(Outcome.SHOWN, offer)

    assert [fact.kind for fact in answered.facts] == ["shown", outcome]
    assert (scene.progress.attempts, scene.progress.outcome) == (1, outcome)
    assert (late.reason, late.facts) == (Reason.NO_TRANSITION, ())


@pytest.mark.parametrize(
    "told", [{"age": 60 * SECOND + 1}, {"age": 40 * DAY}, {"in_foreground": False}]
)
def test_row_61_an_old_trigger_or_one_from_the_background_counts_and_grants_nothing(
    told: dict[str, int],
) -> None:
    scene = Scene()

    decision = scene.value(**told)

    assert (decision.reason, decision.actions) == (Reason.STALE_TRIGGER, ())
    assert scene.profile.events[VALUE].count == 1
    assert scene.offered().attempt == 1


def test_row_64_a_batch_of_a_hundred_that_is_sent_again_is_recognised_message_by_message() -> None:
    scene = Scene()
    offer = scene.offered()
    outcome = scene.message(event=OUTCOMES[Outcome.DECLINED], offer_id=offer.offer_id)
    values = [scene.message(event=VALUE, push=NEVER_ASKED) for _ in range(99)]
    batch = [*values[:50], outcome, *values[50:]]
    once = fold(scene.profile, batch, scene.campaigns, scene.now)
    scene.wait(5 * MINUTE)

    again = fold(once.profile, batch, scene.campaigns, scene.now)

    assert {each.reason for each in again.decisions} == {Reason.DUPLICATE}
    assert again.profile is once.profile
    assert (again.actions, again.facts) == ((), ())
    assert once.profile.events[VALUE].count == 100


def test_row_64_a_batch_that_was_cut_off_goes_on_where_it_stopped() -> None:
    scene = Scene()
    batch = [scene.message(event=VALUE, push=NEVER_ASKED) for _ in range(100)]
    whole = fold(scene.profile, batch, scene.campaigns, scene.now)
    half = fold(scene.profile, batch[:50], scene.campaigns, scene.now)

    rest = fold(half.profile, batch, scene.campaigns, scene.now)

    assert rest.profile == whole.profile
    assert [each.reason for each in rest.decisions[:50]] == [Reason.DUPLICATE] * 50


def test_row_01_a_replay_is_known_by_its_ring_alone() -> None:
    scene = Scene()
    message = scene.message(event=VALUE, push=NEVER_ASKED)
    scene.send(message)
    forgotten = replace(scene.profile, recent=b"")

    assert decide(forgotten, message, scene.campaigns, START).reason is Reason.OFFER_REPEATED


@pytest.mark.parametrize("middle", range(6))
def test_a_batch_in_two_halves_leads_to_what_it_leads_to_whole(middle: int) -> None:
    scene = Scene()
    earlier = scene.offered()
    messages = [
        scene.message(event=OUTCOMES[Outcome.SUPPRESSED], offer_id=earlier.offer_id),
        scene.message(event=VALUE, push=NEVER_ASKED),
        scene.message(event=OUTCOMES[Outcome.SHOWN]),
        scene.message(event=OUTCOMES[Outcome.DECLINED]),
        scene.message(event=VALUE, push=NEVER_ASKED),
    ]
    whole = fold(scene.profile, messages, scene.campaigns, scene.now)

    one = fold(scene.profile, messages[:middle], scene.campaigns, scene.now)
    other = fold(one.profile, messages[middle:], scene.campaigns, scene.now)

    assert joined(one, other, scene.now) == whole


def test_an_offer_of_the_first_half_that_the_second_answered_is_not_told() -> None:
    scene = Scene()
    trigger = scene.message(event=VALUE, push=NEVER_ASKED)
    one = fold(scene.profile, [trigger], scene.campaigns, scene.now)
    decline = scene.message(event=OUTCOMES[Outcome.DECLINED])
    other = fold(one.profile, [decline], scene.campaigns, scene.now)

    assert one.actions != ()
    assert joined(one, other, scene.now).actions == ()
