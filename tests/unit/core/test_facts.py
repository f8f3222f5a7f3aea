"""What the ledger is told: whose exposure it counts under, and what only some facts say."""

from typing import Any

import pytest
from msgspec.structs import replace

from functions.core import frequency, offers
from functions.core.campaign import Published
from functions.core.compiling import compile_all
from functions.core.decision import decide, new_profile
from functions.core.experiment import DIRECT_PROMPT, HOLDOUT
from functions.core.frequency import SEEN_KEPT
from functions.core.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Cohort,
    Fact,
    FactKind,
    OpenDeeplink,
    Outcome,
    Progress,
    PushStatus,
    RequestOsPermission,
    Seen,
    Snapshot,
    User,
    Withdraw,
)
from functions.core.offers import Grant
from functions.core.reason import Reason
from functions.core.standing import open_actions
from functions.core.verdict import Decision
from tests.unit.core.scene import (
    CAMPAIGN,
    NEVER_ASKED,
    START,
    USER,
    VALUE,
    Offered,
    Scene,
    campaigns_of,
    offered_in,
    settings_with,
    shipped_file,
)

CHANGED = "PushPermissionChanged"
GRANTED = Snapshot(status="authorized", prompts_used=1)
DENIED = Snapshot(status="denied", prompts_used=1)
DIRECT = {"salt": "s", "arms": {"soft_ask": 0, "direct_prompt": 1}}
HELD_OUT = {"salt": "s", "arms": {"soft_ask": 0, "holdout": 1}}
WARM = {
    "salt": "s",
    "arms": {"soft_ask": 1},
    "variants": {"warm": {"weight": 1, "content": {"first": "retry"}}},
}
REPEATED = {"default": {"en": {"title": "T", "body": "B", "approve": "Y"}}}
GOAL = {"event": "SessionStarted", "where": {"property": "source", "is": "push"}}


def scene_of(**changes: Any) -> Scene:
    return Scene(campaigns_of(shipped_file(**changes)))


def offered(scene: Scene, **fields: Any) -> Offered:
    [offer] = offered_in(scene.value(**fields))
    return offer


def told(decision: Decision, kind: FactKind) -> Fact:
    [fact] = [each for each in decision.facts if each.kind is kind]
    return fact


def kinds(decision: Decision) -> list[FactKind]:
    return [fact.kind for fact in decision.facts]


# --- where a user counts ---


@pytest.mark.parametrize(
    ("experiment", "arm", "variant"),
    [(None, "soft_ask", ""), (WARM, "soft_ask", "warm"), (HELD_OUT, HOLDOUT, "")],
)
def test_every_fact_of_an_exposed_user_counts_where_the_exposure_was(
    experiment: Any, arm: str, variant: str
) -> None:
    scene = scene_of(experiment=experiment, goal=GOAL)
    first = scene.value(platform="android", api_level=34)
    scene.wait(HOUR)
    scene.campaigns = compile_all(
        settings_with(), [Published(shipped_file(goal=GOAL, experiment=WARM), 5)]
    )
    later = [
        scene.report(Outcome.DECLINED),
        scene.track(CHANGED, push=GRANTED),
        scene.track("SessionStarted", properties={"source": "push"}),
    ]

    facts = [fact for each in (first, *later) for fact in each.facts if fact.campaign]
    assert {fact.cohort for fact in facts} == {Cohort(START, 0, "android")}
    assert {(fact.arm, fact.variant) for fact in facts} == {(arm, variant)}
    assert {"converted", "goal", "exposed"} <= {fact.kind for fact in facts}


def test_a_decline_that_was_only_told_makes_no_fact_and_no_exposure() -> None:
    scene = Scene()

    assert scene.identify(declined_at=START - DAY).facts == ()
    [granted] = scene.track(CHANGED, push=GRANTED).facts
    assert (granted.arm, granted.variant, granted.cohort) == ("", "", None)


def test_whoever_was_held_out_counts_there_also_when_the_experiment_is_over() -> None:
    scene = scene_of(experiment=HELD_OUT)
    scene.value()
    scene.campaigns = campaigns_of(shipped_file())

    decision = scene.value()

    [offer] = offered_in(decision)
    assert offer.arm == "soft_ask"
    assert [(fact.kind, fact.arm) for fact in decision.facts] == [("offered", HOLDOUT)]


# --- shows and answers ---


def test_the_first_show_says_how_long_after_the_user_was_first_heard_of() -> None:
    scene = Scene()
    scene.identify({"plan": "pro"})
    scene.wait(2 * DAY)
    offer = scene.offered()
    scene.wait(3 * SECOND)

    assert told(scene.report(Outcome.SHOWN, offer), FactKind.SHOWN).after == 2 * DAY + 3 * SECOND
    scene.report(Outcome.DECLINED, offer)
    scene.wait(14 * DAY)
    assert told(scene.report(Outcome.SHOWN, scene.offered()), FactKind.SHOWN).after is None


@pytest.mark.parametrize("outcome", [Outcome.APPROVED, Outcome.DECLINED, Outcome.DISMISSED])
def test_an_answer_is_the_first_of_its_offer_whether_or_not_it_was_shown(outcome: Outcome) -> None:
    for shown in (True, False):
        scene = Scene()
        offer = scene.offered()
        if shown:
            assert not told(scene.report(Outcome.SHOWN, offer), FactKind.SHOWN).first

        assert told(scene.report(outcome, offer), FactKind(outcome.value)).first


def test_a_stronger_answer_is_no_first_and_the_same_one_is_told_once() -> None:
    scene = Scene()
    offer = scene.offered()
    scene.report(Outcome.DISMISSED, offer)
    scene.wait(SECOND)

    assert not told(scene.report(Outcome.DECLINED, offer), FactKind.DECLINED).first
    scene.wait(SECOND)
    again = scene.report(Outcome.DECLINED, offer)
    assert (again.reason, again.facts) == (Reason.DECLINED, ())
    assert scene.report(Outcome.SHOWN, offer, at=START).facts == ()


def test_an_answer_about_an_offer_that_is_not_the_newest_counts_as_its_first() -> None:
    scene = scene_of(dismissed={"wait": "3d", "at_most": 2})
    older = scene.offered()
    scene.report(Outcome.DISMISSED, older)
    scene.wait(3 * DAY)
    scene.report(Outcome.DECLINED, scene.offered())

    assert told(scene.report(Outcome.DECLINED, older), FactKind.DECLINED).first


def test_the_last_attempt_ends_once() -> None:
    scene = Scene()
    scene.report(Outcome.DECLINED, scene.offered())
    scene.wait(14 * DAY)
    offer = scene.offered()

    assert FactKind.EXHAUSTED in kinds(scene.report(Outcome.DISMISSED, offer))
    scene.wait(SECOND)
    assert kinds(scene.report(Outcome.DECLINED, offer)) == ["declined"]


def test_only_a_no_ends_the_last_attempt() -> None:
    scene = Scene()
    older = scene.offered()
    scene.report(Outcome.SHOWN, older)
    scene.report(Outcome.DECLINED, older)
    scene.wait(14 * DAY)
    scene.report(Outcome.APPROVED, scene.offered())

    assert FactKind.EXHAUSTED not in kinds(scene.report(Outcome.DECLINED, older))


# --- OS prompts ---


def test_an_os_prompt_is_the_campaigns_that_led_there() -> None:
    scene = Scene(campaigns_of(shipped_file(), shipped_file(id="other", priority=1)))
    offer = scene.offered()
    scene.report(Outcome.APPROVED, offer)

    fact = told(scene.track(CHANGED, push=DENIED), FactKind.PROMPTED)

    assert (fact.campaign, fact.offer_id, fact.unasked) == ("other", offer.offer_id, False)
    assert fact.id.endswith(f":prompted:1:{scene.now}")


def test_a_fact_s_id_fits_a_key_however_long_the_device_s_is() -> None:
    """DynamoDB's sort key has 1,024 bytes; and an id tells of no device."""
    device = "\N{PANDA FACE}" * 256
    scene = Scene()
    scene.track(CHANGED, push=NEVER_ASKED, device=device)
    facts = scene.track(CHANGED, push=DENIED, device=device).facts
    assert {fact.kind for fact in facts} == {FactKind.PROMPTED, FactKind.DENIED}
    assert all(len(fact.id) < 64 and device not in fact.id for fact in facts)


def test_an_approval_that_comes_with_the_answer_led_to_it() -> None:
    scene = Scene()
    offer = scene.offered()

    decision = scene.report(Outcome.APPROVED, offer, push=GRANTED)

    assert not told(decision, FactKind.PROMPTED).unasked
    assert FactKind.OPTED_IN in kinds(decision)


def test_an_app_that_asks_by_itself_is_told_of() -> None:
    scene = Scene()
    scene.track(CHANGED, push=NEVER_ASKED)
    unled = told(scene.track(CHANGED, push=DENIED), FactKind.PROMPTED)
    assert (unled.campaign, unled.unasked, unled.cohort) == ("", True, None)

    declined = Scene()
    declined.report(Outcome.DECLINED, declined.offered())
    fact = told(declined.track(CHANGED, push=DENIED), FactKind.PROMPTED)
    assert (fact.campaign, fact.unasked, fact.arm) == (CAMPAIGN, True, "soft_ask")


def test_an_approval_on_another_device_led_nowhere_here() -> None:
    scene = Scene()
    scene.track(CHANGED, push=NEVER_ASKED, device="tablet")
    scene.report(Outcome.APPROVED, scene.offered())

    decision = scene.track(CHANGED, push=GRANTED, device="tablet")

    assert told(decision, FactKind.PROMPTED).unasked
    assert FactKind.OPTED_IN not in kinds(decision)


def test_an_approval_is_looked_for_among_the_offers_of_all_devices() -> None:
    ids = {
        device: offers.make_id(Grant(serial, 1, 0, USER), CAMPAIGN)
        for serial, device in ((START, "tablet"), (START + 1, "phone"))
    }
    approved = Progress(elsewhere=ids, outcome=Outcome.APPROVED, outcome_of=START + 1)
    assert frequency.led_to_prompt_at(approved, "tablet", START) is None
    assert frequency.led_to_prompt_at(approved, "phone", START) == 0


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        (None, GRANTED, {}),
        (Snapshot(prompts_used=0), GRANTED, {}),
        (DENIED, GRANTED, {}),
        (GRANTED, DENIED, {}),
        (Snapshot(status="denied"), DENIED, {}),
        (NEVER_ASKED, GRANTED, {"platform": "android", "api_level": 32}),
    ],
)
def test_no_os_prompt_is_told_of_where_none_is_known(
    before: Snapshot | None, after: Snapshot, fields: dict[str, Any]
) -> None:
    scene = Scene()
    if before is not None:
        scene.track(CHANGED, push=before, **fields)

    assert FactKind.PROMPTED not in kinds(scene.track(CHANGED, push=after, **fields))


def test_androids_second_prompt_is_one_more() -> None:
    android = {"platform": "android", "api_level": 34}
    scene = Scene()
    counts = []
    for status, used in (("notDetermined", 0), ("denied", 1), ("denied", 1), ("denied", 2)):
        push = Snapshot(status=status, prompts_used=used)
        counts.append(kinds(scene.track(CHANGED, push=push, **android)).count(FactKind.PROMPTED))

    assert counts == [0, 1, 0, 1]
    assert scene.profile.devices["phone"].prompts == 2


def test_a_count_that_follows_the_answer_is_no_second_prompt() -> None:
    scene = Scene()
    scene.report(Outcome.APPROVED, scene.offered())

    assert FactKind.PROMPTED in kinds(scene.identify({"push_permission_status": "granted"}))
    assert FactKind.PROMPTED not in kinds(scene.track(CHANGED, push=GRANTED))


def test_what_no_snapshot_tells_an_approval_does_but_not_where_there_is_no_prompt() -> None:
    for fields, is_prompt in (({}, True), ({"platform": "android", "api_level": 32}, False)):
        scene = Scene(campaigns_of(shipped_file(audience=None)))
        scene.report(Outcome.APPROVED, scene.offered(push=None))
        answer = scene.track(CHANGED, push=Snapshot(status="granted"), **fields)

        assert (FactKind.PROMPTED in kinds(answer)) is is_prompt


# --- opt-ins and conversions ---


def test_a_conversion_says_how_long_after_the_exposure() -> None:
    scene = scene_of(experiment=HELD_OUT)
    scene.value()
    scene.wait(3 * DAY)

    fact = told(scene.track(CHANGED, push=GRANTED, device="tablet"), FactKind.CONVERTED)

    assert fact.id == f"{CAMPAIGN}:converted:{START}"
    assert (fact.after, fact.arm) == (3 * DAY, HOLDOUT)


def test_a_grant_converts_for_every_push_campaign_that_met_the_user() -> None:
    files = [shipped_file(experiment=HELD_OUT), shipped_file(id="other", experiment=HELD_OUT)]
    popup = shipped_file(id="rate", kind="popup", priority=-1)
    scene = Scene(campaigns_of(*files, popup))
    scene.value()

    facts = scene.track(CHANGED, push=GRANTED).facts

    converted = {fact.campaign for fact in facts if fact.kind is FactKind.CONVERTED}
    assert converted == {CAMPAIGN, "other"}


# --- the direct prompt ---


def direct(**changes: Any) -> tuple[Scene, RequestOsPermission]:
    scene = scene_of(experiment=DIRECT, **changes)
    offer = offered(scene)
    assert isinstance(offer, RequestOsPermission)
    return scene, offer


def test_a_direct_prompt_says_what_the_device_needs_and_nothing_of_a_popup() -> None:
    trigger = {"any": [{"event": VALUE, "after": "5m"}]}

    _, offer = direct(trigger=trigger)

    assert offer == RequestOsPermission(
        campaign=CAMPAIGN,
        campaign_version=0,
        offer_id=offer.offer_id,
        attempt=1,
        arm=DIRECT_PROMPT,
        user_id="u1",
        show_after=5 * MINUTE,
        expires_at=START + 15 * MINUTE,
    )


def test_what_the_os_is_answered_is_the_direct_prompts_outcome() -> None:
    scene, offer = direct()
    scene.wait(4 * SECOND)

    decision = scene.track(CHANGED, push=GRANTED)

    shown, prompted = told(decision, FactKind.SHOWN), told(decision, FactKind.PROMPTED)
    assert (shown.id, shown.after) == (f"{offer.offer_id}:shown", 4 * SECOND)
    assert (prompted.unasked, prompted.arm) == (False, DIRECT_PROMPT)
    assert told(decision, FactKind.OPTED_IN).arm == DIRECT_PROMPT
    assert decision.actions == ()
    assert told(decision, FactKind.GRANTED).offer_id == offer.offer_id


def test_a_direct_prompt_that_lapsed_is_answered_by_the_os_all_the_same() -> None:
    scene, _ = direct()
    scene.wait(HOUR)

    assert FactKind.SHOWN in kinds(scene.track(CHANGED, push=DENIED))


def test_a_grant_long_after_a_direct_prompt_lapsed_is_not_its_outcome() -> None:
    for late, kinds_told in ((0, True), (1, False)):
        scene, offer = direct()
        scene.wait(offer.expires_at - START + DAY + late)

        decision = scene.track(CHANGED, push=GRANTED)

        assert (FactKind.SHOWN in kinds(decision)) is kinds_told
        assert (FactKind.OPTED_IN in kinds(decision)) is kinds_told
        assert FactKind.CONVERTED in kinds(decision)


def test_a_direct_prompt_that_was_not_shown_is_not_answered_by_the_snapshot_beside_that() -> None:
    scene, offer = direct()

    decision = scene.report(Outcome.SUPPRESSED, offer, push=DENIED)

    assert FactKind.SHOWN not in kinds(decision)
    assert told(decision, FactKind.PROMPTED).unasked
    assert (scene.progress.attempts, scene.progress.outcome) == (0, None)


@pytest.mark.parametrize("fields", [{"device": "tablet"}, {"at": START - 1}])
def test_an_answer_elsewhere_or_from_before_is_not_the_direct_prompts(
    fields: dict[str, Any],
) -> None:
    scene = scene_of(experiment=DIRECT)
    scene.track(CHANGED, push=NEVER_ASKED, at=START - DAY)
    offered(scene, push=None)

    decision = scene.track(CHANGED, push=GRANTED, **fields)

    assert FactKind.SHOWN not in kinds(decision)
    assert scene.progress.attempts == 0


def test_outcomes_that_name_a_direct_prompt_count_as_of_a_popup() -> None:
    scene, offer = direct()

    assert kinds(scene.report(Outcome.DISMISSED, offer)) == ["shown", "dismissed"]
    scene.wait(SECOND)
    assert kinds(scene.track(CHANGED, push=GRANTED)) == [
        "granted",
        "converted",
        "prompted",
        "opted_in",
    ]


def test_an_approval_that_the_app_tells_of_a_direct_prompt_is_settled_as_any() -> None:
    scene, offer = direct()
    scene.report(Outcome.APPROVED, offer)

    decision = scene.track(CHANGED, push=DENIED)

    assert kinds(decision) == ["denied", "prompted"]
    assert not told(decision, FactKind.PROMPTED).unasked


def test_a_direct_prompt_of_a_campaign_that_is_gone_is_only_a_permission() -> None:
    scene, _ = direct()
    scene.campaigns = campaigns_of(shipped_file(id="other"))

    assert kinds(scene.track(CHANGED, push=GRANTED)) == ["granted", "converted", "prompted"]


def test_a_direct_prompt_takes_back_what_was_offered_elsewhere_meanwhile() -> None:
    other = shipped_file(id="other", trigger={"any": [{"event": "Lesson"}]})
    scene = Scene(campaigns_of(shipped_file(experiment=DIRECT), other))
    offered(scene)
    scene.wait(10 * MINUTE)
    [popup] = offered_in(scene.track("Lesson", device="tablet", push=NEVER_ASKED))

    decision = scene.track(CHANGED, push=DENIED)

    assert [action.offer_id for action in decision.actions] == [popup.offer_id]


SWIPED = {
    "android": Snapshot(status="notDetermined", ever_asked=True, prompts_used=1),
    "web": Snapshot(status="default", prompts_used=1),
}


@pytest.mark.parametrize("platform", ["android", "web"])
def test_a_direct_prompt_that_was_swiped_away_spends_the_attempt(platform: str) -> None:
    scene = scene_of(experiment=DIRECT, audience=None, attempts=[{"content": "first"}])
    offer = offered(scene, platform=platform)
    scene.wait(SECOND)

    decision = scene.track(CHANGED, push=SWIPED[platform], platform=platform)

    assert kinds(decision) == ["shown", "prompted"]
    assert told(decision, FactKind.PROMPTED).offer_id == offer.offer_id
    assert (scene.progress.attempts, scene.progress.outcome) == (1, Outcome.SHOWN)
    scene.wait(90 * DAY)
    again = scene.value(push=SWIPED[platform], platform=platform)
    assert again.reason is Reason.EXHAUSTED


def test_a_direct_prompt_that_was_swiped_away_and_answered_after_all_is_answered() -> None:
    scene, _ = direct()
    scene.wait(SECOND)
    scene.track(CHANGED, push=SWIPED["web"], platform="web")
    scene.wait(HOUR)

    decision = scene.track(CHANGED, push=replace(GRANTED, prompts_used=2), platform="web")

    assert FactKind.SHOWN not in kinds(decision)
    assert told(decision, FactKind.OPTED_IN).arm == DIRECT_PROMPT


@pytest.mark.parametrize("push", [NEVER_ASKED, Snapshot(status="default"), None])
def test_a_direct_prompt_is_not_seen_where_the_phone_tells_of_no_prompt(
    push: Snapshot | None,
) -> None:
    scene, _ = direct()
    scene.wait(SECOND)

    assert kinds(scene.track(CHANGED, push=push, app_version="2")) == []


def test_a_popup_that_led_to_a_prompt_stays_approved_where_that_is_swiped_away() -> None:
    scene = Scene()
    scene.report(Outcome.APPROVED, scene.offered(platform="web"))
    scene.wait(SECOND)

    assert kinds(scene.track(CHANGED, push=SWIPED["web"], platform="web")) == ["prompted"]
    assert (scene.progress.outcome, scene.progress.answered) == (Outcome.APPROVED, None)


@pytest.mark.parametrize(
    "edit",
    [{"kind": "popup", "audience": None}, {"permission": {"fallback_to_settings": True}}],
)
def test_an_edit_that_leaves_no_direct_prompt_shows_the_popup_to_whoever_was_dealt_it(
    edit: dict[str, Any],
) -> None:
    scene, prompt = direct()
    scene.campaigns = campaigns_of(shipped_file(experiment=WARM, **edit))
    scene.wait(SECOND)

    decision = scene.value()

    assert [type(each) for each in decision.actions] == [Withdraw, OpenDeeplink]
    assert decision.actions[0].offer_id == prompt.offer_id
    [popup] = offered_in(decision)
    assert (popup.arm, told(decision, FactKind.OFFERED).arm) == ("soft_ask", DIRECT_PROMPT)


def test_whoever_was_dealt_the_direct_prompt_keeps_it_where_the_weights_change_alone() -> None:
    scene, prompt = direct()
    scene.campaigns = campaigns_of(shipped_file(experiment=WARM))

    assert [each.offer_id for each in offered_in(scene.value())] == [prompt.offer_id]


def test_an_ask_that_was_granted_while_the_experiment_was_gone_does_not_outlive_its_return() -> (
    None
):
    scene = scene_of(experiment=HELD_OUT)
    assert scene.value().reason is Reason.HELD_OUT
    scene.campaigns = campaigns_of(shipped_file())
    offer = scene.offered()
    scene.campaigns = campaigns_of(shipped_file(experiment=HELD_OUT))
    [still] = open_actions(scene.profile, scene.message(), scene.campaigns, scene.now)

    decision = scene.value()

    assert still == Withdraw(offer_id=offer.offer_id, reason="withdrawn")
    assert (decision.reason, decision.actions) == (Reason.HELD_OUT, (still,))


def test_whoever_comes_back_after_the_profile_was_dropped_counts_anew() -> None:
    """The ledger keeps a life's facts for longer than it may keep the profile."""
    ids = []
    scene = scene_of(attempts=[{"content": "first"}])
    for _ in range(2):
        scene.profile = new_profile(scene.user, scene.now)
        told_ = [
            *scene.value().facts,
            *scene.report(Outcome.DECLINED).facts,
            *scene.track(CHANGED, push=GRANTED).facts,
        ]
        ids.append({fact.id for fact in told_})
        scene.wait(800 * DAY)

    assert ids[0].isdisjoint(ids[1])
    assert {id_.split(":")[1] for id_ in ids[0]} >= {"exposed", "exhausted", "converted"}


# --- goals ---


def test_goals_are_counted_one_by_one_from_the_exposure_on() -> None:
    scene = scene_of(goal=GOAL, trigger={"any": [{"event": VALUE}, {"event": "SessionStarted"}]})
    pushed = {"properties": {"source": "push"}, "push": NEVER_ASKED}
    first = scene.track("SessionStarted", **pushed)
    assert kinds(first) == ["exposed", "offered"]

    scene.wait(MINUTE)
    facts = [scene.track("SessionStarted", **pushed).facts for _ in range(SEEN_KEPT)]

    assert [told_.ordinal for [told_] in facts] == list(range(1, SEEN_KEPT + 1))
    assert len({told_.id for [told_] in facts}) == SEEN_KEPT
    assert scene.progress.goals == SEEN_KEPT


def test_a_goal_without_a_condition_is_any_such_event() -> None:
    scene = scene_of(goal={"event": "SessionStarted"})
    scene.value()
    scene.wait(SECOND)

    assert kinds(scene.track("SessionStarted")) == ["goal"]
    assert "SessionStarted" in scene.campaigns.events


def test_a_test_users_goals_are_no_facts() -> None:
    file = shipped_file(goal={"event": "SessionStarted"})
    scene = Scene(campaigns_of(file, settings={"test_users": ["u1"]}))
    scene.value()

    assert scene.track("SessionStarted").facts == ()


# --- a login, and what stands after it ---


def logged_in(anonymous: Scene, known: Scene, **fields: Any) -> Decision:
    message = known.message(kind="identify", merges=anonymous.user.id, **fields)
    known.decision = decide(known.profile, message, known.campaigns, known.now, anonymous.profile)
    known.profile = known.decision.profile
    return known.decision


def lives(known_experiment: Any, anonymous_experiment: Any) -> tuple[Scene, Scene]:
    known = scene_of(experiment=known_experiment)
    anonymous = Scene(
        campaigns_of(shipped_file(experiment=anonymous_experiment)), User("anonymous", "a1")
    )
    return known, anonymous


@pytest.mark.parametrize(
    ("earlier", "later"), [(HELD_OUT, WARM), (WARM, {**WARM, "variants": {}}), (HELD_OUT, DIRECT)]
)
def test_an_offer_of_another_arm_or_variant_than_the_one_that_stands_is_taken_back(
    earlier: Any, later: Any
) -> None:
    known, anonymous = lives(earlier, later)
    known.value(device="tablet")
    if earlier is WARM:
        known.report(Outcome.SUPPRESSED, device="tablet")
    anonymous.now = known.now = START + MINUTE
    offer = offered(anonymous)

    decision = logged_in(anonymous, known)

    assert [action.offer_id for action in decision.actions] == [offer.offer_id]
    assert FactKind.SHOWN not in kinds(known.value(device="tablet"))


def test_an_offer_of_the_arm_that_stands_outlives_the_login() -> None:
    known, anonymous = lives(WARM, WARM)
    offered(anonymous)

    assert logged_in(anonymous, known).actions == ()


@pytest.mark.parametrize("is_known_exposed", [True, False])
def test_a_grant_of_one_life_converts_who_was_exposed_in_the_other(is_known_exposed: bool) -> None:
    known, anonymous = lives(HELD_OUT, HELD_OUT)
    exposed, other = (known, anonymous) if is_known_exposed else (anonymous, known)
    exposed.value()
    other.now = exposed.now = START + HOUR
    other.track(CHANGED, push=GRANTED)

    facts = logged_in(anonymous, known)

    assert told(facts, FactKind.CONVERTED).after == HOUR
    assert logged_in(anonymous, known).facts == ()


@pytest.mark.parametrize("is_known_asked", [True, False])
def test_a_grant_of_one_life_settles_the_approval_of_the_other(is_known_asked: bool) -> None:
    known, anonymous = lives(None, None)
    asked, other = (known, anonymous) if is_known_asked else (anonymous, known)
    asked.report(Outcome.APPROVED, asked.offered())
    other.now = asked.now = START + HOUR
    other.track(CHANGED, push=GRANTED)

    opted_in = told(logged_in(anonymous, known), FactKind.OPTED_IN)

    assert (opted_in.at, known.progress.answered) == (START + HOUR, PushStatus.GRANTED)
    assert known.progress.retry_at is None


@pytest.mark.parametrize(("at", "device"), [(-SECOND, "phone"), (HOUR, "tablet")])
def test_a_grant_from_before_the_approval_or_elsewhere_settles_nothing_by_the_login(
    at: int, device: str
) -> None:
    known, anonymous = lives(None, None)
    anonymous.track(CHANGED, push=NEVER_ASKED, device=device, at=START - DAY)
    offer = anonymous.offered()
    anonymous.wait(MINUTE)
    anonymous.report(Outcome.APPROVED, offer)
    known.now = anonymous.now = START + 2 * HOUR
    known.track(CHANGED, push=GRANTED, device=device, at=START + MINUTE + at)

    assert FactKind.OPTED_IN not in kinds(logged_in(anonymous, known))
    assert known.progress.answered is None


@pytest.mark.parametrize(
    ("at", "fields"),
    [(START - HOUR, {}), (START + HOUR, {"device": "tablet"}), (START + HOUR, {"api_level": 32})],
)
def test_a_grant_from_before_elsewhere_or_without_a_prompt_converts_nobody_by_the_login(
    at: int, fields: dict[str, Any]
) -> None:
    known, anonymous = lives(HELD_OUT, HELD_OUT)
    android = {"platform": "android", "api_level": 32} if "api_level" in fields else {}
    anonymous.value(**{"push": NEVER_ASKED, **android})
    known.now = max(at, START)
    known.track(CHANGED, at=at, push=GRANTED, **{**fields, **android})
    known.now = anonymous.now = START + 2 * HOUR

    assert FactKind.CONVERTED not in kinds(logged_in(anonymous, known))


# --- one answer, one outcome ---


def test_one_os_answer_concludes_the_newest_direct_prompt_alone() -> None:
    other = shipped_file(
        id="other", trigger={"any": [{"event": "Lesson"}]}, experiment={**DIRECT, "salt": "t"}
    )
    scene = Scene(campaigns_of(shipped_file(experiment=DIRECT), other))
    offered(scene)
    scene.wait(HOUR)
    [newest] = offered_in(scene.track("Lesson", push=NEVER_ASKED))

    decision = scene.track(CHANGED, push=DENIED)
    assert told(decision, FactKind.SHOWN).offer_id == newest.offer_id
    scene.wait(HOUR)
    assert kinds(scene.track(CHANGED, push=GRANTED)).count(FactKind.SHOWN) == 0


def test_a_withdrawn_direct_prompt_on_screen_is_answered_all_the_same() -> None:
    scene, offer = direct()
    scene.identify(declined_at=scene.now)
    scene.wait(SECOND)

    decision = scene.track(CHANGED, push=GRANTED)

    assert told(decision, FactKind.SHOWN).offer_id == offer.offer_id
    assert FactKind.OPTED_IN in kinds(decision)


def test_an_old_approval_does_not_take_the_prompt_of_a_newer_direct_one() -> None:
    other = shipped_file(id="other", trigger={"any": [{"event": "Lesson"}]})
    scene = Scene(campaigns_of(shipped_file(experiment=DIRECT), other))
    [older] = offered_in(scene.track("Lesson", push=NEVER_ASKED))
    scene.report(Outcome.APPROVED, older)
    scene.wait(DAY)
    newest = offered(scene)

    fact = told(scene.track(CHANGED, push=DENIED), FactKind.PROMPTED)

    assert (fact.campaign, fact.offer_id) == (CAMPAIGN, newest.offer_id)


@pytest.mark.parametrize(
    ("news", "is_shown"),
    [({}, False), ({"prompts_used": 2}, True), ({"last_asked_at": START + MINUTE}, True)],
)
def test_a_snapshot_that_differs_is_no_answer_to_an_open_direct_prompt(
    news: dict[str, Any], is_shown: bool
) -> None:
    android = {"platform": "android", "api_level": 34}
    once = Snapshot(status="denied", ever_asked=True, rationale=True, prompts_used=1)
    scene = scene_of(experiment=DIRECT, audience=None)
    offered(scene, push=once, **android)
    scene.wait(2 * MINUTE)

    decision = scene.track(CHANGED, push=replace(once, target_sdk=35, **news), **android)

    assert (FactKind.SHOWN in kinds(decision)) is is_shown


def test_an_opt_in_for_a_permission_that_was_there_before_is_none() -> None:
    scene = Scene(campaigns_of(shipped_file(audience=None)))
    offer = offered(scene, push=None)
    scene.wait(SECOND)
    late = scene.report(Outcome.APPROVED, offer, push=GRANTED, at=START + SECOND)
    assert FactKind.OPTED_IN in kinds(late)

    before = Scene(campaigns_of(shipped_file(audience=None)))
    offer = offered(before, push=None)
    before.wait(SECOND)
    before.track(CHANGED, push=GRANTED, at=START - HOUR)
    assert FactKind.OPTED_IN not in kinds(before.report(Outcome.APPROVED, offer))


def test_a_weaker_answer_behind_a_stronger_one_is_not_told() -> None:
    scene = Scene()
    offer = scene.offered()
    scene.wait(MINUTE)
    scene.report(Outcome.DECLINED, offer)

    assert kinds(scene.report(Outcome.DISMISSED, offer, at=START + SECOND)) == []


def test_an_answer_that_a_call_without_a_device_told_is_told_once() -> None:
    scene = Scene()
    scene.report(Outcome.APPROVED, scene.offered())
    scene.wait(SECOND)
    first = kinds(scene.identify({"push_permission_status": "granted"}, device=""))
    assert first == ["granted", "converted", "prompted", "opted_in"]
    scene.wait(SECOND)

    assert kinds(scene.track(CHANGED, push=GRANTED)) == []
    assert scene.profile.devices["phone"].prompts == 1


@pytest.mark.parametrize("word", ["denied", "granted"])
def test_what_a_device_said_since_or_says_otherwise_is_told(word: str) -> None:
    scene = Scene()
    scene.track(CHANGED, push=NEVER_ASKED)
    scene.identify({"push_permission_status": word}, device="")
    scene.wait(SECOND)
    if word == "granted":
        scene.track(CHANGED, push=replace(NEVER_ASKED, prompts_used=None))
        scene.wait(SECOND)

    assert FactKind.GRANTED in kinds(scene.track(CHANGED, push=GRANTED))


@pytest.mark.parametrize(("before", "converts"), [(None, False), (DENIED, True)])
def test_a_device_without_a_prompt_converts_only_after_it_said_denied(
    before: Snapshot | None, converts: bool
) -> None:
    old = {"platform": "android", "api_level": 32, "device": "tablet"}
    scene = scene_of(experiment=HELD_OUT)
    scene.value()
    scene.wait(HOUR)
    if before is not None:
        scene.track(CHANGED, push=before, **old)

    assert (FactKind.CONVERTED in kinds(scene.track(CHANGED, push=GRANTED, **old))) is converts


# --- who is dealt nothing any more ---


def test_whoever_was_a_test_user_or_was_asked_before_is_exposed_to_nothing() -> None:
    scene = Scene(campaigns_of(shipped_file(), settings={"test_users": ["u1"]}))
    scene.value()
    assert scene.progress.exposed_at is None
    scene.report(Outcome.DISMISSED)
    scene.campaigns = campaigns_of(shipped_file())
    scene.wait(14 * DAY)

    facts = [*scene.value().facts, *scene.report(Outcome.DECLINED).facts]

    assert {fact.kind for fact in facts} == {"offered", "shown", "declined", "exhausted"}
    assert {(fact.arm, fact.cohort) for fact in facts} == {("", None)}


def test_whoever_saw_the_popup_before_any_exposure_is_asked_by_it() -> None:
    seen = Progress(attempts=1, seen=(Seen(1, START - 30 * DAY),))
    for known in (seen, replace(seen, seen=()), replace(seen, attempts=0)):
        for experiment in (DIRECT, HELD_OUT):
            scene = scene_of(experiment=experiment, repeat={}, attempts=None, content=REPEATED)
            scene.profile = replace(scene.profile, progress={CAMPAIGN: known})

            assert offered(scene).arm == "soft_ask"
