"""`decide` and `fold`, beyond what the golden cases say: caps, facts, devices, replays."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from functions.core import attributes, devices
from functions.core.campaign import Published
from functions.core.compiling import compile_all
from functions.core.decision import decide, fold, matters, new_profile
from functions.core.model import (
    DAY,
    HOUR,
    MINUTE,
    Attribute,
    Fact,
    FactKind,
    OfferState,
    OpenDeeplink,
    Outcome,
    Profile,
    PushStatus,
    Seen,
    Snapshot,
    User,
    Withdraw,
)
from functions.core.reason import Reason
from functions.core.verdict import Verdict
from tests.unit.core.scene import (
    CAMPAIGN,
    NEVER_ASKED,
    START,
    VALUE,
    Scene,
    campaigns_of,
    offer_of,
    shipped,
    shipped_file,
    shipped_package,
)

GRANTED = Snapshot(status="authorized", prompts_used=1)


# --- what costs a database call ---


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"event": VALUE}, True),
        ({"event": "PushSoftAskShown"}, True),
        ({"event": "PushPermissionChanged"}, True),
        ({"event": "SessionStarted", "push": GRANTED}, False),
        ({"kind": "identify", "traits": {"plan": "pro"}}, True),
        ({"kind": "identify", "declined_at": START}, True),
        ({"kind": "identify", "push": GRANTED}, False),
    ],
)
def test_only_what_can_change_or_answer_something_matters(
    fields: dict[str, Any], expected: bool
) -> None:
    assert matters(Scene().message(**fields), shipped()) is expected


def test_a_message_that_changes_nothing_gives_the_same_profile_back() -> None:
    scene = Scene()
    scene.identify({"plan": "pro"})
    before = scene.profile

    again = scene.identify({"plan": "pro"})

    assert again.profile is before
    assert again.reasons == (Verdict(Reason.UNCHANGED),)


def test_the_last_sign_of_life_is_kept_to_the_day() -> None:
    scene = Scene()
    scene.identify({"plan": "pro"})
    before = scene.profile

    scene.wait(DAY - 1)
    assert scene.identify({"plan": "pro"}).profile is before

    scene.wait(1)
    seen = scene.identify({"plan": "pro"}).profile
    assert seen.seen_at == START + DAY
    assert seen.recent == before.recent


# --- attributes ---


def test_the_later_value_wins_whatever_the_order() -> None:
    scene = Scene()
    scene.identify({"plan": "pro"}, at=START + 2)
    scene.identify({"plan": "free"}, at=START + 1)

    assert scene.profile.attributes["plan"].value == "pro"


def test_null_takes_an_attribute_away() -> None:
    scene = Scene()
    scene.identify({"plan": "pro", "age": 30})

    scene.identify({"plan": None, "never_set": None})

    assert list(scene.profile.attributes) == ["age"]


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0, False), ([1], [True])])
def test_row_31_values_of_different_types_are_different(one: Any, other: Any) -> None:
    scene = Scene()
    scene.identify({"it": one})
    scene.wait(1)

    scene.identify({"it": other})

    stored = scene.profile.attributes["it"].value
    assert msgspec.json.encode(stored) == msgspec.json.encode(other)


def test_row_23_more_attributes_than_the_cap_change_nothing() -> None:
    scene = Scene()
    full = {f"a{index}": index for index in range(attributes.MAX_ATTRIBUTES)}
    assert scene.identify(full).reason is Reason.ATTRIBUTES_UPDATED
    before = scene.profile

    over = scene.identify({"one_more": 1})

    assert over.reason is Reason.ATTRIBUTES_FULL
    assert over.profile is before


def test_row_23_a_decline_among_too_many_attributes_is_heard_and_the_replay_refused() -> None:
    scene = Scene()
    scene.identify({f"a{index}": index for index in range(attributes.MAX_ATTRIBUTES)})
    over = scene.message(kind="identify", traits={"one_more": 1}, declined_at=START)

    assert scene.send(over).reason is Reason.ATTRIBUTES_FULL
    assert scene.send(over).reason is Reason.ATTRIBUTES_FULL

    assert "one_more" not in scene.profile.attributes
    assert scene.profile.declined_at == START
    scene.wait(14 * DAY - 1)
    assert scene.value().reason is Reason.IN_RETRY_WINDOW


@pytest.mark.parametrize("kept", ["last_asked_at", "last_declined_at"])
def test_row_12_a_floor_ahead_of_now_stands_from_when_it_was_first_heard(kept: str) -> None:
    scene = Scene()
    ahead = msgspec.structs.replace(NEVER_ASKED, **{kept: START + 400 * DAY})
    assert scene.value(push=ahead).reason is Reason.IN_RETRY_WINDOW

    scene.wait(14 * DAY - 1)
    assert scene.value(push=ahead).reason is Reason.IN_RETRY_WINDOW
    scene.wait(1)
    assert scene.value(push=ahead).reason is Reason.OFFER_GRANTED


def test_row_12_a_told_decline_ahead_of_now_stands_from_when_it_was_first_heard() -> None:
    scene = Scene()
    scene.identify(declined_at=START + 400 * DAY)
    scene.wait(13 * DAY)
    assert scene.identify(declined_at=START + 400 * DAY).reason is Reason.UNCHANGED
    assert scene.profile.declined_at == START
    scene.wait(DAY)
    assert scene.offered().attempt == 2


def test_row_23_more_bytes_than_the_cap_change_nothing() -> None:
    scene = Scene()
    before = scene.profile

    over = scene.identify({"it": "x" * attributes.MAX_BYTES})

    assert over.reason is Reason.ATTRIBUTES_FULL
    assert over.profile is before
    room = attributes.MAX_BYTES - len(f'{{"it":["",{START}]}}')
    assert scene.identify({"it": "x" * room}).reason is Reason.ATTRIBUTES_UPDATED


def test_row_26_attributes_that_shadow_inner_names_are_only_data() -> None:
    scene = Scene()

    scene.identify({"progress": 1, "declined_at": 5, "__proto__": {"a": 1}, "a.b": 2})

    assert scene.profile.declined_at is None
    assert scene.profile.progress == {}
    assert scene.value().reason is Reason.OFFER_GRANTED


# --- devices ---


def test_the_longest_unheard_device_makes_room() -> None:
    scene = Scene()
    for index in range(devices.MAX_DEVICES):
        scene.wait(MINUTE)
        scene.track("PushPermissionChanged", device=f"d{index}", push=NEVER_ASKED)
    scene.wait(MINUTE)
    scene.track("PushPermissionChanged", device="d0", push=GRANTED)

    scene.track("PushPermissionChanged", device="new", push=NEVER_ASKED, at=START)

    assert len(scene.profile.devices) == devices.MAX_DEVICES
    assert "new" in scene.profile.devices
    assert "d0" in scene.profile.devices
    assert "d1" not in scene.profile.devices


def test_a_device_keeps_its_platform_when_a_message_does_not_say_it() -> None:
    scene = Scene()
    scene.track("PushPermissionChanged", platform="android", push=NEVER_ASKED)

    scene.track("PushPermissionChanged", platform="", push=GRANTED)

    assert scene.profile.devices["phone"].platform == "android"
    [fact] = scene.value(platform="", push=Snapshot(status="denied")).facts
    assert fact.platform == "android"


def test_an_unnamed_device_is_a_device_of_its_own() -> None:
    scene = Scene()
    offer = scene.offered(device="")

    assert scene.value(device="").reason is Reason.OFFER_REPEATED
    assert scene.value(device="phone").reason is Reason.OFFER_OPEN
    assert scene.report(Outcome.SHOWN, device="").reason is Reason.SHOWN
    assert scene.progress.seen == (Seen(scene.progress.granted, START),)
    assert offer.attempt == 1


def test_an_unnamed_devices_outcome_goes_to_the_newest_offer_of_all() -> None:
    scene = Scene()
    scene.offered(device="phone")

    assert scene.report(Outcome.SHOWN, device="").reason is Reason.SHOWN


def test_an_unnamed_devices_answer_settles_the_approval() -> None:
    scene = Scene()
    offer = scene.offered(device="phone")
    scene.report(Outcome.APPROVED, offer)

    scene.identify({"push_permission_status": "granted"}, device="")

    assert scene.progress.answered is PushStatus.GRANTED


# --- the offer ---


def test_two_campaigns_are_each_given_their_reason() -> None:
    scene = Scene(campaigns_of(shipped_file(id="other", priority=9), shipped_file()))

    decided = scene.value()

    assert decided.reasons == (
        Verdict(Reason.OFFER_GRANTED, "other"),
        Verdict(Reason.OFFER_OPEN, CAMPAIGN),
    )


def test_an_offer_says_all_that_the_phone_needs() -> None:
    scene = Scene()

    offer = scene.offered()

    assert offer.campaign == CAMPAIGN
    assert (offer.campaign_version, offer.attempt, offer.arm) == (0, 1, "soft_ask")
    assert offer.user_id == "u1"
    assert offer.deeplink == f"yourapp://popup/push-softask?offerId={offer.offer_id}&attempt=1"
    assert offer.on_approve == "os_prompt"
    assert offer.expires_at == START + 10 * MINUTE
    assert offer.content.locale == "en"


def test_a_report_that_is_no_news_settles_nothing() -> None:
    scene = Scene()
    offer = scene.offered(device="phone", push=None)
    scene.report(Outcome.APPROVED, offer, device="phone")
    scene.identify({"push_permission_status": "granted"}, device="tablet")

    assert scene.report(Outcome.SHOWN, offer, device="phone").reason is Reason.NO_TRANSITION
    assert scene.progress.answered is None


def test_the_reason_remembered_is_the_offers_where_several_campaigns_speak() -> None:
    audience = {"attribute": "plan", "is": "pro"}
    first = shipped_file(id="first", priority=9, audience=audience)
    scene = Scene(campaigns_of(first, shipped_file()))

    decided = scene.value()

    assert [each.reason for each in decided.reasons] == [
        Reason.NOT_IN_AUDIENCE,
        Reason.OFFER_GRANTED,
    ]
    assert [each.campaign for each in decided.reasons] == ["first", CAMPAIGN]
    assert decided.reason is Reason.OFFER_GRANTED


def test_an_offer_keeps_the_version_that_granted_it() -> None:
    third, fourth = (
        compile_all(shipped_package().settings, [Published(shipped_file(), version)])
        for version in (3, 4)
    )
    scene = Scene(third)
    offer = scene.offered()
    scene.campaigns = fourth

    assert offer.campaign_version == 3
    assert offer_of(scene.value()).campaign_version == 3
    scene.report(Outcome.SHOWN, offer)
    assert facts_of(scene)[FactKind.SHOWN].version == 3


@pytest.mark.parametrize("status", ["draft", "paused", "ended"])
def test_row_38_a_campaign_that_is_not_active_grants_nothing(status: str) -> None:
    scene = Scene(campaigns_of(shipped_file(status=status)))

    assert scene.value().reason.word == status
    assert scene.profile.events[VALUE].count == 1


def test_row_65_an_outcome_goes_to_the_campaign_whose_offer_it_names() -> None:
    scene = Scene(campaigns_of(shipped_file(id="other", priority=9), shipped_file()))
    offer = scene.offered()
    assert offer.campaign == "other"

    decided = scene.report(Outcome.SHOWN, offer)

    assert decided.reasons == (Verdict(Reason.SHOWN, "other"),)


def test_an_unnamed_outcome_goes_to_the_newest_offer_of_all_campaigns() -> None:
    scene = Scene(campaigns_of(shipped_file(id="other", priority=9), shipped_file()))
    scene.report(Outcome.DECLINED, scene.offered())
    scene.wait(1)
    offer = scene.offered()
    assert offer.campaign == CAMPAIGN

    assert scene.report(Outcome.SHOWN).reasons == (Verdict(Reason.SHOWN, CAMPAIGN),)


def test_an_unknown_decline_holds_for_every_campaign_that_hears_it() -> None:
    scene = Scene(campaigns_of(shipped_file(id="other", priority=9), shipped_file()))

    decided = scene.report(Outcome.DECLINED)

    assert [each.campaign for each in decided.reasons] == ["other", CAMPAIGN]
    assert all(each.retry_at == START + 14 * DAY for each in scene.profile.progress.values())


def test_a_told_decline_opens_every_campaigns_window_at_once() -> None:
    scene = Scene(campaigns_of(shipped_file(id="other", priority=9), shipped_file()))

    scene.identify(declined_at=START)

    windows = {name: each.retry_at for name, each in scene.profile.progress.items()}
    assert windows == dict.fromkeys(["other", CAMPAIGN], START + 14 * DAY)


def test_a_told_decline_holds_for_a_campaign_that_begins_later() -> None:
    scene = Scene()
    scene.identify(declined_at=START - DAY)

    scene.campaigns = campaigns_of(shipped_file(id="later"))

    assert scene.value().reason is Reason.IN_RETRY_WINDOW
    assert scene.profile.progress["later"].declined_at == START - DAY


def test_row_37_an_edited_campaign_keeps_its_users_attempts_and_windows() -> None:
    scene = Scene()
    scene.report(Outcome.DECLINED, scene.offered())
    longer = [{"content": "first"}, {"content": "retry", "wait": "30d"}]

    scene.campaigns = campaigns_of(shipped_file(attempts=longer))
    scene.wait(14 * DAY)

    assert scene.offered().attempt == 2


def test_an_attempt_added_to_an_exhausted_campaign_waits_from_the_last_ask() -> None:
    once = campaigns_of(shipped_file(attempts=[{"content": "first"}]))
    scene = Scene(once)
    scene.report(Outcome.DECLINED, scene.offered())
    assert scene.value().reason is Reason.EXHAUSTED

    scene.campaigns = shipped()
    scene.wait(14 * DAY - 1)
    assert scene.value().reason is Reason.IN_RETRY_WINDOW

    scene.wait(1)
    assert scene.offered().attempt == 2


def test_an_attempt_taken_from_a_campaign_leaves_its_open_offer_with_the_last_copy() -> None:
    scene = Scene()
    scene.report(Outcome.DECLINED, scene.offered())
    scene.wait(14 * DAY)
    scene.offered()

    scene.campaigns = campaigns_of(shipped_file(attempts=[{"content": "first"}]))

    assert offer_of(scene.value()).content.title == "Get daily streak reminders?"


# --- facts ---


def facts_of(scene: Scene) -> dict[FactKind, Fact]:
    assert scene.decision is not None
    return {fact.kind: fact for fact in scene.decision.facts}


def test_facts_say_whose_offer_and_where() -> None:
    scene = Scene()
    offer = scene.offered()

    facts = facts_of(scene)

    assert facts[FactKind.EXPOSED].id == f"push-softask:exposed:{START}"
    offered = facts[FactKind.OFFERED]
    assert offered.id == f"{offer.offer_id}:offered"
    assert (offered.campaign, offered.version, offered.attempt) == (CAMPAIGN, 0, 1)
    assert (offered.arm, offered.platform, offered.offer_id) == ("soft_ask", "ios", offer.offer_id)
    assert offered.at == START


def test_exposure_is_told_once() -> None:
    scene = Scene()
    scene.offered()
    scene.wait(11 * MINUTE)

    scene.offered()

    assert list(facts_of(scene)) == [FactKind.OFFERED]
    assert scene.progress.exposed_at == START


def test_a_late_outcomes_fact_speaks_of_its_own_offer() -> None:
    scene = Scene()
    first = scene.offered()
    scene.wait(11 * MINUTE)
    scene.offered()

    scene.report(Outcome.DECLINED, first, at=START + MINUTE)

    facts = facts_of(scene)
    assert [each.offer_id for each in facts.values()] == [first.offer_id, first.offer_id]
    assert facts[FactKind.DECLINED].id == f"{first.offer_id}:declined"
    assert facts[FactKind.DECLINED].at == START + MINUTE


def test_a_grant_belongs_to_the_campaign_that_asked_on_that_device() -> None:
    scene = Scene()
    offer = scene.offered(device="phone")
    scene.report(Outcome.APPROVED, offer)

    scene.track("PushPermissionChanged", device="phone", push=GRANTED)

    granted = facts_of(scene)[FactKind.GRANTED]
    assert (granted.campaign, granted.offer_id) == (CAMPAIGN, offer.offer_id)
    assert granted.id.endswith(f":granted:{START}")


def test_a_grant_belongs_to_the_campaign_that_asked_last() -> None:
    scene = Scene(campaigns_of(shipped_file(id="a", priority=9), shipped_file(id="b")))
    scene.report(Outcome.DECLINED, scene.offered())
    scene.wait(MINUTE)
    last = scene.offered()
    scene.report(Outcome.SHOWN, last)

    scene.track("PushPermissionChanged", push=GRANTED)

    assert facts_of(scene)[FactKind.GRANTED].offer_id == last.offer_id


@pytest.mark.parametrize("device", ["phone", "tablet"])
def test_a_grant_that_no_popup_led_to_belongs_to_no_campaign(device: str) -> None:
    scene = Scene()
    offer = scene.offered(device="phone")
    if device == "tablet":
        scene.report(Outcome.APPROVED, offer)

    scene.track("PushPermissionChanged", device=device, push=GRANTED)

    granted = facts_of(scene)[FactKind.GRANTED]
    assert (granted.campaign, granted.version, granted.offer_id) == ("", 0, "")


def test_a_revocation_to_never_asked_is_no_fact() -> None:
    scene = Scene()
    scene.track("PushPermissionChanged", push=GRANTED)

    scene.track("PushPermissionChanged", push=NEVER_ASKED)

    assert facts_of(scene) == {}


def test_only_the_last_attempts_refusal_exhausts() -> None:
    scene = Scene()
    scene.report(Outcome.DISMISSED, scene.offered())
    assert FactKind.EXHAUSTED not in facts_of(scene)
    scene.wait(14 * DAY)

    offer = scene.offered()
    scene.report(Outcome.SHOWN, offer)
    assert FactKind.EXHAUSTED not in facts_of(scene)
    scene.report(Outcome.DISMISSED, offer)

    exhausted = facts_of(scene)[FactKind.EXHAUSTED]
    assert (exhausted.id, exhausted.attempt) == (f"push-softask:exhausted:{START}", 2)


def test_an_approval_exhausts_nobody() -> None:
    scene = Scene(campaigns_of(shipped_file(attempts=[{"content": "first"}])))

    scene.report(Outcome.APPROVED, scene.offered())

    assert list(facts_of(scene)) == [FactKind.SHOWN, FactKind.APPROVED]


# --- withdrawals ---


def test_a_withdrawal_is_told_only_of_an_offer_that_still_waits() -> None:
    scene = Scene()
    scene.offered()
    scene.wait(10 * MINUTE)

    decided = scene.track("PushPermissionChanged", push=GRANTED)

    assert decided.actions == ()
    offer = scene.progress.offer
    assert offer is not None
    assert offer.state is OfferState.WITHDRAWN


def test_a_grant_on_another_device_leaves_the_open_offer() -> None:
    scene = Scene()
    scene.offered(device="phone")

    decided = scene.track("PushPermissionChanged", device="tablet", push=GRANTED)

    assert decided.actions == ()
    assert scene.value(device="phone").reason is Reason.OFFER_REPEATED


def test_a_withdrawal_names_its_offer_and_reason() -> None:
    scene = Scene()
    offer = scene.offered()

    decided = scene.track("PushPermissionChanged", push=GRANTED)

    assert decided.actions == (Withdraw(offer_id=offer.offer_id, reason="already_granted"),)


# --- rows of the failure catalogue ---


def test_row_03_two_devices_that_decide_on_one_state_save_one_grant() -> None:
    """The loser of the conditional write decides again on the winner's profile."""
    scene = Scene()
    phone, tablet = (scene.message(event=VALUE, device=each) for each in ("phone", "tablet"))
    won = decide(scene.profile, phone, scene.campaigns, START)

    again = decide(won.profile, tablet, scene.campaigns, START)

    assert won.reason is Reason.OFFER_GRANTED
    assert (again.reason, again.actions) == (Reason.OFFER_OPEN, ())


def test_row_05_deciding_again_on_its_own_applied_write_changes_nothing() -> None:
    scene = Scene()
    batch = [scene.message(event=VALUE), scene.message(kind="identify", traits={"plan": "pro"})]
    applied = fold(scene.profile, batch, scene.campaigns, START)

    again = fold(applied.profile, batch, scene.campaigns, START + 1)

    assert again.profile is applied.profile
    assert again.actions == applied.actions
    assert again.facts == ()


ORDERED = [Outcome.SHOWN, Outcome.APPROVED, Outcome.DECLINED, Outcome.DISMISSED, Outcome.SUPPRESSED]


@pytest.mark.parametrize("order", list(permutations(ORDERED)))
def test_row_06_all_outcomes_in_every_order_end_alike(order: tuple[Outcome, ...]) -> None:
    scene = Scene()
    offer = scene.offered()
    scene.wait(MINUTE)
    for outcome in order:
        scene.report(outcome, offer, at=START + ORDERED.index(outcome))

    progress = scene.progress
    assert (progress.attempts, progress.outcome) == (1, Outcome.DECLINED)
    assert progress.declined_at == START + ORDERED.index(Outcome.DECLINED)
    assert progress.retry_at == START + ORDERED.index(Outcome.DECLINED) + 14 * DAY
    assert progress.offer is not None
    assert progress.offer.state is OfferState.SHOWN


@pytest.mark.parametrize("grant_first", [True, False])
def test_row_09_a_grant_takes_the_windows_row_away_and_keeps_the_window(grant_first: bool) -> None:
    scene = Scene()
    offer = scene.offered()
    steps: list[Callable[[], object]] = [
        lambda: scene.report(Outcome.DECLINED, offer),
        lambda: scene.track("PushPermissionChanged", push=GRANTED),
    ]
    for step in reversed(steps) if grant_first else steps:
        step()

    assert (scene.progress.window, scene.progress.retry_at) == (False, START + 14 * DAY)


@pytest.mark.parametrize("grant_first", [True, False])
def test_row_09_a_grant_elsewhere_leaves_the_windows_row(grant_first: bool) -> None:
    scene = Scene()
    offer = scene.offered(device="phone")
    steps: list[Callable[[], object]] = [
        lambda: scene.report(Outcome.DECLINED, offer, device="phone"),
        lambda: scene.track("PushPermissionChanged", device="tablet", push=GRANTED),
    ]
    for step in reversed(steps) if grant_first else steps:
        step()

    assert (scene.progress.window, scene.progress.retry_at) == (True, START + 14 * DAY)


@pytest.mark.parametrize("grant_first", [True, False])
def test_row_09_a_decline_that_a_granted_device_tells_of_opens_no_row(grant_first: bool) -> None:
    scene = Scene()
    steps: list[Callable[[], object]] = [
        lambda: scene.identify(declined_at=START),
        lambda: scene.track("PushPermissionChanged", push=GRANTED),
    ]
    for step in reversed(steps) if grant_first else steps:
        step()

    assert (scene.progress.window, scene.progress.retry_at) == (False, START + 14 * DAY)


def test_row_13_a_window_whose_row_lingers_is_over_by_the_clock() -> None:
    scene = Scene()
    scene.report(Outcome.DECLINED, scene.offered())
    assert scene.progress.window

    scene.wait(16 * DAY)

    assert scene.progress.window
    assert scene.offered().attempt == 2


def test_row_14_the_decline_is_known_without_the_windows_row() -> None:
    scene = Scene()
    scene.report(Outcome.DECLINED, scene.offered())
    known = msgspec.structs.replace(scene.progress, window=False, retry_at=None)
    scene.profile = msgspec.structs.replace(scene.profile, progress={CAMPAIGN: known})

    scene.wait(14 * DAY - 1)
    assert scene.value().reason is Reason.IN_RETRY_WINDOW

    scene.wait(1)
    assert scene.offered().attempt == 2


def test_row_19_users_are_eligible_by_the_clock_though_no_sweep_runs() -> None:
    scene = Scene()
    scene.report(Outcome.DISMISSED, scene.offered())

    scene.wait(365 * DAY)

    assert scene.offered().attempt == 2


def test_row_64_a_batch_of_a_hundred_replayed_whole_counts_nothing_twice() -> None:
    scene = Scene()
    batch = [
        scene.message(event=VALUE, at=START - index * HOUR, age=index * HOUR)
        for index in reversed(range(100))
    ]
    folded = fold(scene.profile, batch, scene.campaigns, START)
    assert folded.profile.events[VALUE].count == 100

    again = fold(folded.profile, batch, scene.campaigns, START + 9 * MINUTE)

    assert again.profile is folded.profile
    assert {each.reason for each in again.decisions} == {Reason.DUPLICATE}
    assert again.actions == folded.actions
    assert isinstance(again.actions[0], OpenDeeplink)


def test_a_replay_from_the_background_brings_nothing() -> None:
    scene = Scene()
    message = scene.message(event=VALUE)
    scene.send(message)

    again = scene.send(msgspec.structs.replace(message, in_foreground=False))

    assert (again.reason, again.actions) == (Reason.DUPLICATE, ())


def test_the_history_of_an_event_keeps_its_ends() -> None:
    scene = Scene()
    for at in (START - 5, START - 9, START - 1):
        scene.value(at=at)

    history = scene.profile.events[VALUE]

    assert (history.count, history.first_at, history.last_at) == (3, START - 9, START - 1)


def test_a_new_profile_knows_nothing() -> None:
    user = User("anonymous", "a1")

    assert new_profile(user, START) == Profile(user=user, first_seen_at=START, seen_at=START)


def test_an_answer_to_the_os_prompt_settles_no_other_popup() -> None:
    scene = Scene(campaigns_of(shipped_file(kind="popup", audience=None)))
    offer = scene.offered()
    scene.report(Outcome.APPROVED, offer)
    before = scene.progress

    scene.track("PushPermissionChanged", push=Snapshot(status="denied"))

    assert scene.progress == before


def test_what_was_imported_becomes_the_apps_own_when_the_app_tells_the_same() -> None:
    scene = Scene()
    imported = {"plan": Attribute("pro", -1)}
    scene.profile = replace(scene.profile, attributes=imported)

    scene.identify({"plan": "pro"})

    assert scene.profile.attributes == {"plan": Attribute("pro", START)}


def test_an_identify_that_lost_traits_says_so_and_what_it_kept_counts() -> None:
    scene = Scene()

    decision = scene.identify({"plan": "pro"}, withheld=True)

    assert decision.reason is Reason.TRAITS_WITHHELD
    assert scene.profile.attributes == {"plan": Attribute("pro", START)}
