"""The edges of the core's rules: the last moment, the last count and the one case beside them."""

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from functions.core import devices, frequency
from functions.core.campaign import OutcomeNames, Published
from functions.core.compiled import Campaign, Campaigns
from functions.core.compiling import check_settings, compile_all, recorder
from functions.core.conditions import PropertyCondition
from functions.core.decision import fold
from functions.core.eligibility import rollout_salt
from functions.core.errors import CampaignError, spell
from functions.core.experiment import share
from functions.core.explain import Check, Explanation, explain
from functions.core.history import Need, Tally, advance, tallies
from functions.core.known import Known, adopt, lacks_room
from functions.core.model import (
    DAY,
    HOUR,
    MINUTE,
    Cohort,
    Fact,
    FactKind,
    Offer,
    Outcome,
    Progress,
    PushStatus,
    Seen,
    Snapshot,
    User,
)
from functions.core.offers import Grant
from functions.core.reason import Reason
from functions.core.testing import skip_waits
from functions.core.verdict import Verdict
from tests.unit.core.scene import (
    CAMPAIGN,
    NEVER_ASKED,
    START,
    USER,
    VALUE,
    Scene,
    campaigns_of,
    settings_with,
    shipped_file,
)

COPY: dict[str, Any] = {"title": "T", "body": "B", "approve": "Y"}
ONE_COPY: dict[str, Any] = {"en": COPY}
ONCE: dict[str, Any] = {"attempts": [{"content": "first"}]}
ALWAYS: dict[str, Any] = {
    "attempts": None,
    "repeat": {},
    "content": {"default": ONE_COPY},
    "audience": None,
}


def scene_of(
    settings: Mapping[str, Any] | None = None, user: User | None = None, **changes: Any
) -> Scene:
    """A user before the shipped campaign with those changes."""
    return Scene(
        campaigns_of(shipped_file(**changes), settings=settings), user or User("user", "u1")
    )


def ask(scene: Scene, event: str = VALUE, **fields: Any) -> Explanation:
    message = scene.message(event=event, **fields)
    return explain(scene.profile, CAMPAIGN, message, scene.campaigns, scene.now)


def check(told: Explanation, name: str) -> Check:
    [found] = [each for each in told.checks if each.name == name]
    return found


# --- trigger ---


def test_of_several_events_that_call_off_the_last_to_pass_counts() -> None:
    unless = [{"event": "Crash", "within": "10m"}, {"event": "Refund", "within": "5m"}]
    scene = scene_of(trigger={"any": [{"event": VALUE}], "unless": unless})
    scene.track("Crash")
    scene.track("Refund")

    scene.wait(10 * MINUTE - 1)
    assert scene.value().reason is Reason.CALLED_OFF
    scene.wait(1)
    assert scene.value().reason is Reason.OFFER_GRANTED


def test_an_event_of_the_session_before_is_no_occurrence_in_this_one() -> None:
    scene = scene_of(trigger={"any": [{"event": VALUE, "every": 2, "per": "session"}]})
    scene.track("SessionStarted")

    assert scene.value(at=START - 1).reason is Reason.TRIGGER_NOT_MET
    assert scene.value().reason is Reason.TRIGGER_NOT_MET
    assert scene.value().reason is Reason.OFFER_GRANTED


def test_an_event_that_is_not_counted_is_told_with_the_occurrences_before_it() -> None:
    lesson = {"event": "Lesson", "where": {"property": "stars", "gte": 3}, "every": 2}
    scene = scene_of(trigger={"any": [{**lesson, "per": "session"}]})

    def occurrences() -> tuple[Any, bool]:
        told = check(ask(scene, "Lesson", properties={"stars": 1}), "trigger").parts[1]
        return told.value, told.passes

    assert occurrences() == (0, False)
    scene.track("Lesson", properties={"stars": 3})
    assert occurrences() == (1, False)
    scene.wait(1)
    scene.track("SessionStarted")
    assert occurrences() == (0, False)


def test_occurrences_of_no_event_yet_are_none() -> None:
    lesson = {"event": "Lesson", "where": {"property": "stars", "gte": 3}, "on": [1]}
    scene = scene_of(trigger={"any": [lesson]})

    told = check(ask(scene, "Lesson", properties={"stars": 1}), "trigger").parts[1]

    assert (told.value, told.passes) == (0, False)


# --- history ---


def test_needs_are_told_apart_by_what_they_keep_and_from_anything_else() -> None:
    one = Need("E", PropertyCondition(property="a", is_=1))
    others: list[object] = [
        Need("E", PropertyCondition(property="a", is_=True)),
        Need("E", one.where, times=True),
        Need("E", one.where, session=True),
        Need("F", one.where),
        "E",
    ]

    assert one not in others
    assert one in [*others, Need("E", PropertyCondition(property="a", is_=1))]


@pytest.mark.parametrize("turned", [False, True])
def test_a_tally_keeps_what_any_of_its_needs_asks_for(*, turned: bool) -> None:
    needs = [Need("E", times=True), Need("E", session=True), Need("E")]

    [tally] = tallies(reversed(needs) if turned else needs, lambda _: lambda _: True)["E"]

    assert (tally.times, tally.session) == (True, True)


def test_a_history_keeps_the_newest_twenty_times_and_only_where_they_are_asked_for() -> None:
    bare, timed = (Tally("E", None, times=times, session=False) for times in (False, True))
    known = kept = None
    for at in range(25):
        known = advance(known, bare, at, 0)
        kept = advance(kept, timed, at, 0)

    assert known is not None
    assert kept is not None
    assert (known.count, known.times) == (25, ())
    assert (kept.count, kept.times) == (25, tuple(range(5, 25)))


def test_a_history_counts_in_sessions_only_where_that_is_asked_for() -> None:
    bare, by_session = (Tally("E", None, times=False, session=session) for session in (False, True))

    known = advance(advance(None, bare, 8, 7), bare, 9, 7)
    counted = advance(advance(None, by_session, 8, 7), by_session, 9, 7)

    assert (known.in_session, known.session_at) == (0, 0)
    assert (counted.in_session, counted.session_at) == (2, 7)


# --- caps ---


def test_a_cap_says_its_own_span() -> None:
    caps = [{"at_most": 2, "within": "3d"}, {"at_most": 9, "per": "week"}]

    told = check(ask(scene_of(caps=caps)), "caps")

    assert told.says == "at most 2 in the last 3d, at most 9 per week"


# --- eligibility ---


@pytest.mark.parametrize("age", [None, 0])
def test_where_no_age_is_allowed_an_event_of_no_age_is_fresh(age: int | None) -> None:
    scene = scene_of(trigger={"any": [{"event": VALUE}], "max_age": "0s"})

    assert scene.value(age=1).reason is Reason.STALE_TRIGGER
    assert scene.value(age=age).reason is Reason.OFFER_GRANTED


def point_of(user: User) -> float:
    """Where the user stands in the shipped campaign's rollout, from 0 to below 100."""
    return share(rollout_salt(campaigns_of(shipped_file()).by_id[CAMPAIGN]), user)


def test_the_last_percent_of_a_rollout_is_left_out_as_any_other() -> None:
    users = (User("user", f"u{number}") for number in range(10_000))
    last = next(user for user in users if point_of(user) >= 99)

    assert scene_of(user=last, rollout=99).value().reason is Reason.NOT_IN_ROLLOUT
    assert scene_of(user=last, rollout=100).value().reason is Reason.OFFER_GRANTED


def test_a_rollout_ends_below_its_percentage() -> None:
    user = User("user", "u1")
    point = point_of(user)

    assert scene_of(user=user, rollout=point).value().reason is Reason.NOT_IN_ROLLOUT
    assert scene_of(user=user, rollout=point + 1e-9).value().reason is Reason.OFFER_GRANTED


def test_a_test_user_is_in_every_rollout() -> None:
    scene = scene_of({"test_users": ["u1"]}, rollout=0)

    assert scene.value().reason is Reason.OFFER_GRANTED


SWIPED = Snapshot(status="notDetermined", ever_asked=True, last_asked_at=START - HOUR)
ANDROID: dict[str, Any] = {"platform": "android", "api_level": 34}


def test_only_a_swiped_prompt_of_a_known_time_cools_down() -> None:
    undated = replace(SWIPED, last_asked_at=None)

    assert scene_of(**ALWAYS).value(push=SWIPED, **ANDROID).reason is Reason.COOLING_DOWN
    assert scene_of(**ALWAYS).value(push=undated, **ANDROID).reason is Reason.OFFER_GRANTED
    assert scene_of(**ALWAYS).value(push=SWIPED, platform="ios").reason is Reason.OFFER_GRANTED


def test_a_popup_that_asks_for_no_permission_does_not_cool_down() -> None:
    scene = scene_of(kind="popup", **ONCE)

    assert scene.value(push=SWIPED, **ANDROID).reason is Reason.OFFER_GRANTED
    assert check(ask(Scene()), "cool_down").value is None


def test_a_cap_counts_a_show_until_its_span_is_over() -> None:
    scene = scene_of(kind="popup", caps=[{"at_most": 1, "per": "day"}], **ALWAYS)
    scene.report(Outcome.DISMISSED, scene.offered())

    scene.wait(DAY - 1)
    assert scene.value().reason is Reason.FREQUENCY_CAP
    scene.wait(1)
    assert scene.value().reason is Reason.OFFER_GRANTED


def test_the_last_ask_of_the_system_before_counts_in_the_caps_over_all_campaigns() -> None:
    scene = scene_of({"caps": [{"at_most": 1, "per": "week"}]}, kind="popup", **ALWAYS)
    scene.profile = replace(scene.profile, asked_at=START)

    told = ask(scene)
    assert (told.reason, told.next_eligible_at) == ("global_cap", START + 7 * DAY)
    assert check(told, "global_caps").parts[0].value == 1
    assert check(told, "caps").passes

    scene.wait(7 * DAY)
    assert scene.value().reason is Reason.OFFER_GRANTED


def test_a_cap_over_all_campaigns_frees_with_the_oldest_show_whoever_had_it() -> None:
    scene = scene_of({"caps": [{"at_most": 2, "per": "week"}]}, kind="popup", **ALWAYS)
    scene.report(Outcome.DISMISSED, scene.offered())
    scene.wait(HOUR)
    scene.profile = replace(scene.profile, asked_at=scene.now)

    assert check(ask(scene), "global_caps").passes_at == START + 7 * DAY


# --- frequency ---


FORGIVING: dict[str, Any] = {"dismissed": {"wait": "3d", "at_most": 1}}
DENIABLE: dict[str, Any] = {
    "attempts": [
        {"content": "first"},
        {"content": "retry", "wait": {"declined": "14d", "denied": "2d"}},
    ]
}


def campaign_of(**changes: Any) -> Campaign:
    return campaigns_of(shipped_file(**changes)).by_id[CAMPAIGN]


def grant(serial: int) -> Grant:
    return Grant(serial, 1, 0, USER)


def granted(progress: Progress, serial: int) -> Progress:
    offer = Offer(
        id=f"of_{serial}",
        serial=serial,
        device="phone",
        attempt=1,
        version=0,
        arm="soft_ask",
        granted_at=START,
        lease_until=START + 10 * MINUTE,
    )
    return frequency.grant(progress, offer)


def told(
    progress: Progress, outcome: Outcome, at: int = START, serial: int = 1, **changes: Any
) -> Progress:
    return frequency.report(progress, campaign_of(**changes), grant(serial), outcome, at)


@pytest.mark.parametrize("first", [Outcome.APPROVED, Outcome.DISMISSED])
def test_row_06_an_approval_outweighs_a_dismissal_whichever_comes_first(first: Outcome) -> None:
    second = Outcome.DISMISSED if first is Outcome.APPROVED else Outcome.APPROVED

    progress = told(told(granted(Progress(), 1), first), second)

    assert progress.outcome is Outcome.APPROVED


def test_row_08_of_an_older_offer_only_a_decline_declines() -> None:
    progress = told(granted(granted(Progress(), 1), 2), Outcome.DISMISSED, START, 2)

    seen = told(progress, Outcome.SHOWN, START + 1)
    declined = told(progress, Outcome.DECLINED, START + 1)

    assert (seen.attempts, seen.declined_at, seen.outcome_of) == (2, None, 2)
    assert (declined.attempts, declined.declined_at, declined.outcome_of) == (2, START + 1, 2)


def test_row_10_a_decline_reported_late_never_moves_a_told_one_back() -> None:
    progress = frequency.decline(granted(Progress(), 1), campaign_of(), START + 5 * DAY)

    late = told(progress, Outcome.DECLINED, START + DAY)

    assert (late.declined_at, late.retry_at) == (START + 5 * DAY, START + 19 * DAY)


def test_values_of_two_kinds_are_counted_side_by_side() -> None:
    progress = told(granted(Progress(), 1), Outcome.DECLINED)

    for key in ("E", "F", "E"):
        progress = frequency.count(progress, key, START + 1)

    assert progress.since == {"E": 2, "F": 1}


def test_a_full_list_tells_of_the_offers_between_its_own_that_they_were_not_seen() -> None:
    progress = Progress(seen=tuple(Seen(2 * each, START) for each in range(1, 21)))

    assert [frequency.is_seen(progress, serial) for serial in (1, 2, 3)] == [True, True, False]


def test_only_the_latest_answer_dates_what_the_os_said() -> None:
    approved = told(granted(Progress(), 1), Outcome.APPROVED, START + HOUR, **DENIABLE)
    denied = frequency.settle(
        approved, campaign_of(**DENIABLE), "phone", PushStatus.DENIED, START + 2 * HOUR
    )
    assert (denied.answered_at, denied.retry_at, denied.window) == (
        START + 2 * HOUR,
        START + 2 * HOUR + 2 * DAY,
        True,
    )

    again = told(denied, Outcome.APPROVED, START, **DENIABLE)
    assert (again.answered_at, again.retry_at) == (denied.answered_at, denied.retry_at)
    declined = told(denied, Outcome.DECLINED, START + 3 * HOUR, **DENIABLE)
    assert (declined.answered, declined.answered_at) == (None, 0)
    assert declined.retry_at == START + 3 * HOUR + 14 * DAY


def test_an_approval_that_was_not_answered_waits_as_a_decline_does() -> None:
    progress = told(granted(Progress(), 1), Outcome.APPROVED, **DENIABLE)

    assert progress.retry_at == START + 14 * DAY


def test_a_denial_with_a_wait_of_its_own_is_not_awaited_any_more() -> None:
    short = [
        {"content": "first"},
        {"content": "retry", "wait": {"declined": "14d", "denied": "1h"}},
    ]
    scene = scene_of(attempts=short, permission={"fallback_to_settings": True}, audience=None)
    scene.report(Outcome.APPROVED, scene.offered())
    denied = Snapshot(status="denied")
    scene.track("PushPermissionChanged", push=denied)

    assert scene.value(push=denied).reason is Reason.IN_RETRY_WINDOW
    scene.wait(HOUR)
    assert scene.value(push=denied).reason is Reason.OFFER_GRANTED


def test_an_answer_settles_an_approval_whose_offer_is_not_kept() -> None:
    approved = told(Progress(), Outcome.APPROVED)
    assert approved.offer is None

    settled = frequency.settle(approved, campaign_of(), "phone", PushStatus.DENIED, START)

    assert settled.answered is PushStatus.DENIED


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.APPROVED])
def test_what_was_answered_spends_its_attempt_though_dismissals_are_forgiven(
    outcome: Outcome,
) -> None:
    progress = told(granted(Progress(), 1), outcome, **FORGIVING)

    assert (progress.spent, progress.forgiven) == (1, ())
    assert progress.retry_at == START + 14 * DAY


def test_a_show_that_may_be_forgiven_has_a_window_though_it_was_the_last() -> None:
    progress = told(granted(Progress(), 1), Outcome.SHOWN, **FORGIVING, **ONCE)
    assert (progress.spent, progress.retry_at, progress.window) == (1, START + 3 * DAY, True)

    dismissed = told(progress, Outcome.DISMISSED, START + HOUR, **FORGIVING, **ONCE)
    assert (dismissed.spent, dismissed.retry_at) == (0, START + HOUR + 3 * DAY)


def test_a_dismissal_that_was_forgiven_waits_as_others_do_once_none_is_any_more() -> None:
    forgiven = told(granted(Progress(), 1), Outcome.DISMISSED, **FORGIVING)

    told_since = frequency.decline(forgiven, campaign_of(), START - DAY)

    assert told_since.retry_at == START + 14 * DAY


def test_a_silent_show_is_forgiven_when_its_day_is_over_and_not_before() -> None:
    scene = scene_of(dismissed={"wait": "1d", "at_most": 1}, **ONCE)
    scene.report(Outcome.SHOWN, scene.offered())

    scene.wait(DAY - 1)
    assert (ask(scene).reason, ask(scene).attempt) == ("popup_open", None)
    scene.wait(1)
    assert scene.offered().attempt == 1


REPEATING: dict[str, Any] = {**ALWAYS, "repeat": {"gap": "2d"}}


def test_a_repeating_campaign_counts_from_the_show_and_from_a_decline_beside_it() -> None:
    shown = told(granted(Progress(), 1), Outcome.SHOWN, **REPEATING)
    declined = told(shown, Outcome.DECLINED, START + HOUR, **REPEATING)
    assert declined.retry_at == START + 2 * DAY

    elsewhere = frequency.decline(declined, campaign_of(**REPEATING), START + 2 * HOUR)
    assert elsewhere.retry_at == START + 2 * HOUR + 2 * DAY


def test_a_repeating_campaign_counts_from_a_decline_of_the_very_moment_of_a_dismissal() -> None:
    shown = told(granted(Progress(), 1), Outcome.SHOWN, **REPEATING)
    dismissed = told(shown, Outcome.DISMISSED, START + HOUR, **REPEATING)

    declined = frequency.decline(dismissed, campaign_of(**REPEATING), START + HOUR)

    assert declined.retry_at == START + HOUR + 2 * DAY


def test_a_denial_after_the_last_attempt_settles_too() -> None:
    approved = told(granted(Progress(), 1), Outcome.APPROVED, **ONCE)
    once = campaign_of(**ONCE)
    denied = frequency.settle(approved, once, "phone", PushStatus.DENIED, START)

    why = frequency.why_not_yet(denied, once, Snapshot(), None, START + 99 * DAY)

    assert why is Reason.PERMISSION_SETTLED


def test_value_counts_from_a_told_decline_that_is_later_than_the_last_ask() -> None:
    declined = told(granted(Progress(), 1), Outcome.DECLINED)
    later = frequency.decline(declined, campaign_of(), START + DAY)

    assert frequency.count(later, "E", START + DAY - 1) is later
    assert frequency.count(later, "E", START + DAY).since == {"E": 1}


@pytest.mark.parametrize("changes", [{}, {**ALWAYS, "repeat": {"gap": "1d"}}])
def test_who_was_never_asked_waits_for_nothing(changes: dict[str, Any]) -> None:
    assert check(ask(scene_of(**changes)), "waits").value["waitEndsAt"] is None


# --- what time alone brings ---


def test_a_campaign_is_waited_for_that_ends_and_lets_the_message_go() -> None:
    schedule = {"ends_at": "2026-09-21T14:58:20Z"}
    other = shipped_file(id="other", priority=9, schedule=schedule)
    scene = Scene(campaigns_of(shipped_file(), other))

    assert (ask(scene).reason, ask(scene).next_eligible_at) == ("offer_open", START + 45 * MINUTE)


TWO_DAYS_QUIET: dict[str, Any] = {"event": "Crash", "last": {"before": "2d", "or_never": True}}


def test_a_guard_is_waited_for() -> None:
    scene = scene_of({"guard": TWO_DAYS_QUIET})
    scene.track("Crash")

    assert ask(scene).next_eligible_at == START + 2 * DAY


def test_an_attempts_own_audience_is_waited_for() -> None:
    scene = scene_of(attempts=[{"content": "first", "audience": TWO_DAYS_QUIET}])
    scene.track("Crash")

    assert ask(scene).next_eligible_at == START + 2 * DAY


def test_silence_after_a_show_is_waited_for() -> None:
    scene = scene_of(kind="popup", **ALWAYS)
    scene.report(Outcome.SHOWN, scene.offered())

    assert (ask(scene).reason, ask(scene).next_eligible_at) == ("popup_open", START + DAY)


def test_a_told_decline_is_waited_for_though_nothing_was_ever_offered() -> None:
    scene = Scene()
    scene.identify(declined_at=START)

    assert ask(scene).next_eligible_at == START + 14 * DAY


# --- decision ---


GRANTED = Snapshot(status="authorized")


def facts_of(scene: Scene) -> tuple[Fact, ...]:
    assert scene.decision is not None
    return scene.decision.facts


def test_a_told_decline_is_the_one_reason_though_traits_came_with_it() -> None:
    decided = Scene().identify({"plan": "pro"}, declined_at=START)

    assert decided.reasons == (Verdict(Reason.DECLINE_REPORTED),)


def test_a_told_decline_holds_for_a_campaign_that_first_hears_an_outcome() -> None:
    scene = Scene()
    scene.identify(declined_at=START - DAY)
    scene.campaigns = campaigns_of(shipped_file(id="later"))

    scene.report(Outcome.SHOWN)

    assert scene.profile.progress["later"].declined_at == START - DAY


def test_whatever_changes_the_profile_is_a_sign_of_life() -> None:
    scene = Scene()
    scene.wait(HOUR)

    scene.value()

    assert scene.profile.seen_at == START + HOUR


def test_only_what_an_attempt_asks_for_is_counted_since_the_last_ask() -> None:
    scene = scene_of({"remember": ["Other"]})
    scene.report(Outcome.DECLINED, scene.offered())

    scene.track("Other")
    scene.value()

    assert scene.progress.since == {VALUE: 1}


def test_a_status_told_as_a_trait_keeps_what_the_device_told_before() -> None:
    scene = Scene()
    scene.track("PushPermissionChanged", push=Snapshot(status="denied", rationale=True))

    scene.identify({"push_permission_status": "granted"})

    told = scene.profile.devices["phone"].push
    assert (told.status, told.rationale) == ("granted", True)


def test_a_snapshot_repeated_by_a_trigger_is_as_new_as_the_trigger() -> None:
    scene = Scene()
    scene.value()
    scene.wait(HOUR)
    scene.value()

    scene.track("PushPermissionChanged", push=GRANTED, at=START + MINUTE)

    assert scene.profile.devices["phone"].push.status == "notDetermined"


def test_a_permission_is_heard_though_the_campaign_that_asked_is_gone() -> None:
    scene = Scene()
    scene.report(Outcome.APPROVED, scene.offered())
    scene.campaigns = campaigns_of(shipped_file(id="other"))

    facts = scene.track("PushPermissionChanged", push=GRANTED).facts

    assert [fact.kind for fact in facts] == ["granted", "converted", "prompted", "opted_in"]
    assert {fact.campaign for fact in facts} == {CAMPAIGN}
    assert scene.progress.answered is PushStatus.GRANTED


def test_a_permission_is_heard_though_the_offer_that_led_to_it_is_not_kept() -> None:
    scene = Scene()
    offer = scene.offered()
    scene.profile = replace(scene.profile, progress={}, recent=b"")
    scene.report(Outcome.APPROVED, offer)
    assert scene.progress.offer is None

    granted, *more = scene.track("PushPermissionChanged", push=GRANTED).facts

    assert (granted.kind, granted.campaign) == ("granted", "")
    assert [fact.kind for fact in more] == ["prompted", "opted_in"]
    assert {(fact.campaign, fact.arm, fact.cohort) for fact in more} == {(CAMPAIGN, "", None)}


def test_row_37_an_offer_ends_by_the_rules_of_the_version_that_granted_it() -> None:
    longer = [{"content": "first"}, {"content": "retry", "wait": "30d"}]
    before, after = Published(shipped_file()), Published(shipped_file(attempts=longer), 1)
    scene = Scene()
    offer = scene.offered()
    scene.campaigns = compile_all(settings_with(), [after], previous=[before])

    scene.report(Outcome.DECLINED, offer)

    assert scene.progress.retry_at == START + 14 * DAY


def test_a_campaign_of_which_only_outcomes_are_recorded_exhausts_nobody() -> None:
    scene = Scene()
    offer = scene.offered()
    scene.campaigns = Campaigns(settings_with(), [recorder(CAMPAIGN, 0, OutcomeNames())])

    scene.report(Outcome.DECLINED, offer)

    assert [fact.kind for fact in facts_of(scene)] == ["shown", "declined"]


def test_an_approval_from_a_device_that_told_nothing_is_settled_by_the_users_trait() -> None:
    scene = Scene()
    offer = scene.offered()
    scene.wait(1)
    scene.identify({"push_permission_status": "denied"}, device="tablet")
    scene.wait(MINUTE)

    scene.report(Outcome.APPROVED, offer, device="", platform="")

    assert (scene.progress.answered, scene.progress.answered_at) == ("denied", scene.now)


def test_of_two_offers_of_one_moment_an_unnamed_outcome_goes_to_one() -> None:
    scene = Scene(campaigns_of(shipped_file(id="other", priority=9), shipped_file()))
    scene.report(Outcome.DECLINED, scene.offered())
    scene.offered()

    assert len(scene.report(Outcome.SHOWN).reasons) == 1


def test_an_outcomes_fact_says_whose_offer_it_was_and_where() -> None:
    scene = Scene()
    scene.report(Outcome.DECLINED, scene.offered())
    scene.wait(14 * DAY)
    offer = scene.offered(platform="android")

    scene.report(Outcome.SHOWN, offer, platform="")

    [fact] = facts_of(scene)
    assert fact == Fact(
        id=f"{offer.offer_id}:shown",
        kind=FactKind.SHOWN,
        at=scene.now,
        campaign=CAMPAIGN,
        attempt=2,
        arm="soft_ask",
        platform="android",
        offer_id=offer.offer_id,
        cohort=Cohort(START, 0, "ios"),
    )


def test_an_offer_stays_when_what_called_off_is_over_at_that_very_moment() -> None:
    unless = [{"event": "Crash", "within": "10m"}]
    scene = scene_of(trigger={"any": [{"event": VALUE}], "unless": unless})
    scene.offered()
    scene.wait(5 * MINUTE)

    assert scene.track("Crash", at=scene.now - 10 * MINUTE).actions == ()
    assert scene.track("Crash", at=scene.now - 10 * MINUTE + 1).actions != ()


def test_who_is_held_out_is_told_of_by_two_facts() -> None:
    experiment = {"salt": "s", "arms": {"soft_ask": 0, "holdout": 1}}
    file = shipped_file(experiment=experiment)
    scene = Scene(compile_all(settings_with(), [Published(file, 3)]))

    exposed, held_out = scene.value().facts

    assert exposed == Fact(
        id=f"{CAMPAIGN}:exposed:{START}",
        kind=FactKind.EXPOSED,
        at=START,
        campaign=CAMPAIGN,
        version=3,
        arm="holdout",
        platform="ios",
        cohort=Cohort(START, 3, "ios"),
    )
    held_out_id = f"{CAMPAIGN}:held_out:{START}"
    assert held_out == replace(exposed, id=held_out_id, kind=FactKind.HELD_OUT)
    assert scene.value().facts == ()


def test_the_facts_of_an_offer_name_its_version_and_those_of_no_offer_none() -> None:
    scene = Scene(compile_all(settings_with(), [Published(shipped_file(), 3)]))

    assert [(fact.version, fact.attempt) for fact in scene.value().facts] == [(3, 1), (3, 1)]
    granted, converted = scene.track("PushPermissionChanged", push=GRANTED, device="tablet").facts
    assert granted.id.endswith(f":granted:{START}")
    assert granted == Fact(id=granted.id, kind=FactKind.GRANTED, at=START, platform="ios")
    assert (converted.version, converted.attempt, converted.offer_id) == (3, 0, "")


def test_a_trigger_that_shows_nothing_leaves_no_progress() -> None:
    scene = scene_of(audience={"attribute": "plan", "is": "pro"})

    assert scene.value().reason is Reason.NOT_IN_AUDIENCE
    assert scene.profile.progress == {}


def test_a_popup_that_asks_for_no_permission_keeps_its_window_on_a_granted_device() -> None:
    scene = scene_of(kind="popup", audience=None)
    offer = scene.offered(push=GRANTED)

    scene.report(Outcome.DECLINED, offer)

    assert (scene.progress.window, scene.progress.retry_at) == (True, START + 14 * DAY)


def test_a_replay_tells_nothing_of_an_offer_that_was_taken_back_meanwhile() -> None:
    scene = Scene()
    message = scene.message(event=VALUE)
    scene.send(message)
    scene.campaigns = campaigns_of(shipped_file(), settings={"paused": True})

    again = scene.send(message)

    assert (again.reason, again.actions) == (Reason.DUPLICATE, ())


def test_a_batch_answers_the_newest_offer_alone() -> None:
    scene = Scene()
    messages = [
        scene.message(event=VALUE),
        scene.message(event="PushSoftAskSuppressed"),
        scene.message(event=VALUE),
    ]

    folded = fold(scene.profile, messages, scene.campaigns, START)

    assert [each.reason for each in folded.decisions] == [
        Reason.OFFER_GRANTED,
        Reason.SUPPRESSED,
        Reason.OFFER_GRANTED,
    ]
    assert len(folded.actions) == 1
    assert folded.actions[-1:] == folded.decisions[-1].actions


def test_stale_campaigns_take_nothing_back_and_a_lapsed_offer_is_left_as_it_is() -> None:
    paused = campaigns_of(shipped_file(), settings={"paused": True})
    scene = Scene()
    scene.offered()
    before = scene.progress

    scene.campaigns = paused.stale()
    assert scene.value().actions == ()
    assert scene.progress == before
    scene.campaigns = paused
    scene.wait(10 * MINUTE)
    assert scene.value().actions == ()
    assert scene.progress == before


# --- explain ---


def test_what_is_silent_says_why_and_each_rule_says_what_it_asks() -> None:
    scene = scene_of({"paused": True}, rollout=50)

    explained = ask(scene, device="")

    assert explained.sentence == Reason.PAUSED.says
    assert {each.name: each.says for each in explained.checks} == {
        "campaigns": "the campaigns are up to date",
        "status": "the campaign is active",
        "trigger": VALUE,
        "freshness": "the event is at most 60 s old, and the app is in the foreground",
        "unless": "nothing calls it off",
        "rollout": "among the first 50 % of users",
        "permission": "a yes leads to the OS prompt, or to an in-app opt-in",
        "guard": "everyone",
        "audience": "all of",
        "offer": "no other popup is on offer or unanswered",
        "waits": "at most 2 attempts, each after its wait",
        "attempt": "the attempt is for everyone",
        "cool_down": "the OS prompt was not swiped away shortly before",
        "caps": "no cap",
        "global_caps": "no cap",
        "deeplink": "the settings allow the deeplink",
        "arm": "no experiment",
    }
    assert {each.name: each.value for each in explained.checks} == {
        "campaigns": True,
        "status": "everything is paused",
        "trigger": VALUE,
        "freshness": {"ageSeconds": None, "inForeground": True},
        "unless": "not called off",
        "rollout": round(point_of(scene.user), 2),
        "permission": {
            "row": 1,
            "says": "never asked on iOS",
            "route": "os_prompt",
            "status": "unknown",
            "device": None,
        },
        "guard": None,
        "audience": None,
        "offer": None,
        "waits": {
            "attemptsSpent": 0,
            "lastOutcome": None,
            "lastOutcomeAt": None,
            "waitEndsAt": None,
        },
        "attempt": None,
        "cool_down": None,
        "caps": [],
        "global_caps": [],
        "deeplink": "yourapp://popup/push-softask",
        "arm": "soft_ask",
    }
    assert {each.name: each.passes_at for each in explained.checks if each.passes_at} == {}
    assert check(ask(scene, device="phone"), "permission").value["device"] == "phone"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({}, "E"),
        ({"every": 3}, "E, every 3 per user"),
        ({"on": [3, 5]}, "E, occurrence 3, 5 per user"),
        ({"every": 2, "per": "session"}, "E, every 2 per session"),
        ({"where": {"property": "a", "is": 1}}, "E where a is 1"),
    ],
)
def test_a_trigger_says_what_it_counts(rule: dict[str, Any], says: str) -> None:
    told = check(ask(scene_of(trigger={"any": [{"event": "E", **rule}]})), "trigger")

    assert told.says == says


def test_a_retry_says_what_it_asks_for_meanwhile() -> None:
    scene = Scene()
    scene.report(Outcome.DECLINED, scene.offered())

    told = check(ask(scene), "waits")

    assert told.says == (f"at most 2 attempts, each after its wait and at least 1 {VALUE} since")


def test_a_campaign_that_ended_never_begins_again() -> None:
    scene = scene_of(status="ended", schedule={"starts_at": "2026-09-01"})

    assert check(ask(scene), "status").passes_at is None


def test_a_condition_that_holds_waits_for_nothing() -> None:
    scene = scene_of(audience={"days_since": "first_seen", "between": [0, 5]})

    audience = check(ask(scene), "audience")

    assert (audience.value, audience.passes, audience.passes_at) == (0, True, None)


def test_caps_count_no_show_before_their_span() -> None:
    scene = scene_of(kind="popup", caps=[{"at_most": 2, "per": "day"}], **ALWAYS)
    scene.report(Outcome.DISMISSED, scene.offered())
    scene.wait(DAY)
    scene.report(Outcome.DISMISSED, scene.offered())

    caps = check(ask(scene), "caps")

    assert (caps.value, caps.passes) == ([1], True)


def test_who_skips_waits_is_told_so_and_waits_for_no_cap() -> None:
    caps = [{"at_most": 1, "per": "day"}]
    scene = scene_of({"test_users": ["u1"]}, caps=caps)
    scene.report(Outcome.DECLINED, scene.offered())
    scene.profile = skip_waits(scene.profile, CAMPAIGN, scene.campaigns)

    told = ask(scene)

    assert (told.would_show, check(told, "waits").value["skipsWaits"]) == (True, True)
    assert (check(told, "caps").passes, check(told, "caps").passes_at) == (True, None)
    assert "skipsWaits" not in check(ask(Scene()), "waits").value


def test_caps_say_when_the_last_of_them_frees_and_never_where_one_waits_for_a_session() -> None:
    day, week = {"at_most": 1, "per": "day"}, {"at_most": 1, "per": "week"}
    session = {"at_most": 1, "per": "session"}

    def frees(*caps: Mapping[str, Any]) -> int | None:
        scene = scene_of(kind="popup", caps=caps, **ALWAYS)
        scene.report(Outcome.DISMISSED, scene.offered())
        scene.wait(DAY - 1)
        assert check(ask(scene), "caps").value == [1] * len(caps)
        return check(ask(scene), "caps").passes_at

    assert frees(day) == START + DAY
    assert frees(day, week) == frees(week, day) == START + 7 * DAY
    assert frees(day, session) is None


def test_caps_free_with_the_oldest_show_in_whichever_order_shows_were_told() -> None:
    scene = scene_of(kind="popup", caps=[{"at_most": 2, "per": "day"}], **ALWAYS)
    shown = Progress(attempts=2, granted=2, seen=(Seen(1, START + HOUR), Seen(2, START)))
    scene.profile = replace(scene.profile, progress={CAMPAIGN: shown})
    scene.wait(2 * HOUR)

    assert check(ask(scene), "caps").passes_at == START + DAY


def test_only_a_wait_passes_by_time_and_not_what_else_is_asked_before_an_attempt() -> None:
    scene = Scene()
    scene.report(Outcome.DECLINED, scene.offered())
    scene.wait(14 * DAY)

    waits = check(ask(scene, "Other"), "waits")
    assert (waits.passes, waits.passes_at) == (False, None)

    scene.report(Outcome.DECLINED, scene.offered())
    waits = check(ask(scene), "waits")
    assert (waits.passes, waits.passes_at) == (False, None)


def test_an_experiment_and_a_longer_age_are_told() -> None:
    experiment = {"salt": "s", "arms": {"soft_ask": 1}}
    scene = scene_of(experiment=experiment, trigger={"any": [{"event": VALUE}], "max_age": "1h"})

    assert check(ask(scene), "arm").says == "not in the experiment's holdout"
    assert check(ask(scene), "freshness").says.startswith("the event is at most 3600 s old")


# --- compiling ---


def test_each_campaign_deals_its_percentages_anew() -> None:
    def share_in(name: str) -> Any:
        scene = Scene(campaigns_of(shipped_file(id=name, audience={"percent": 50})))
        message = scene.message(event=VALUE)
        told = explain(scene.profile, name, message, scene.campaigns, scene.now)
        return check(told, "audience").value

    assert share_in("one") != share_in("other")
    assert share_in("one") == share("one", User("user", "u1"))


def test_an_attempts_audience_deals_by_the_campaign_too() -> None:
    scene = scene_of(attempts=[{"content": "first", "audience": {"percent": 100}}])

    assert check(ask(scene), "attempt").value == share(CAMPAIGN, scene.user)


NO_OPERATOR: dict[str, Any] = {"property": "a"}
NO_TEST: dict[str, Any] = {"attribute": "a"}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        (
            {"trigger": {"any": [{"event": "E"}, {"event": "E", "where": NO_OPERATOR}]}},
            "trigger.any[1].where",
        ),
        (
            {
                "trigger": {
                    "any": [{"event": "E"}],
                    "unless": [{"event": "E", "within": "1d", "where": NO_OPERATOR}],
                }
            },
            "trigger.unless[0].where",
        ),
        (
            {
                "attempts": [
                    {"content": "first"},
                    {
                        "content": "retry",
                        "wait": "1d",
                        "since": {"event": "E", "where": NO_OPERATOR},
                    },
                ]
            },
            "attempts[1].since.where",
        ),
        ({"attempts": [{"content": "first", "audience": NO_TEST}]}, "attempts[0].audience"),
        ({"attempts": [{"content": "first", "wait": "1d"}]}, "attempts[0]"),
        ({"attempts": [{"content": "first", "after": "declined"}]}, "attempts[0]"),
        ({"attempts": [{"content": "first", "since": {"event": "E"}}]}, "attempts[0]"),
        ({"attempts": [{"content": "first"}, {"content": "retry"}]}, "attempts[1]"),
        ({"attempts": [{"content": "frist"}]}, "attempts[0].content"),
        ({"audience": NO_TEST}, "audience"),
        ({"dismissed": {"as": "declined", "wait": "1d", "at_most": 1}}, "dismissed"),
        ({"dismissed": {"wait": "1d"}}, "dismissed"),
        ({"dismissed": {"at_most": 1}}, "dismissed"),
        ({"dismissed": {}}, "dismissed"),
        ({"action": {"deeplink": "other://x"}}, "action.deeplink"),
        (
            {"action": {"deeplink": {"default": "yourapp://x", "ios": "other://x"}}},
            "action.deeplink.ios",
        ),
        ({"schedule": {"starts_at": "2026-10-01", "ends_at": "2026-10-01"}}, "schedule.ends_at"),
        ({"schedule": {"starts_at": "2026-02-30"}}, "schedule.starts_at"),
        ({"schedule": {"ends_at": "2026-02-30"}}, "schedule.ends_at"),
        ({"experiment": {"salt": "s", "arms": {"soft_ask": 0}}}, "experiment.arms"),
        ({"outcomes": {"shown": "PushSoftAskDeclined"}}, "outcomes.declined"),
        ({"outcomes": {"suppressed": "PushPermissionChanged"}}, "outcomes.suppressed"),
        ({"content": {"first": {"de": COPY}, "retry": ONE_COPY}}, "content.first"),
        (
            {"content": {"first": {"en": {**COPY, "body": "{{ x }}"}}, "retry": ONE_COPY}},
            "content.first.en.body",
        ),
        (
            {"content": {"first": {"en": {**COPY, "decline": "{{ x }}"}}, "retry": ONE_COPY}},
            "content.first.en.decline",
        ),
    ],
)
def test_what_is_refused_is_refused_at_its_place(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(CampaignError) as refused:
        campaigns_of(shipped_file(**changes))

    assert spell(refused.value.place) == place


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"guard": NO_TEST}, "guard"),
        ({"caps": [{"at_most": 1, "per": "day"}, {"at_most": 1}]}, "caps[1]"),
        ({"remember": ["E", {"event": "F", "where": NO_OPERATOR}]}, "remember[1].where"),
    ],
)
def test_settings_are_refused_at_their_place_before_any_campaign(
    changes: dict[str, Any], place: str
) -> None:
    with pytest.raises(CampaignError) as refused:
        check_settings(settings_with(**changes))

    assert spell(refused.value.place) == place


def test_a_platform_without_a_deeplink_of_its_own_gets_the_default() -> None:
    links = {"default": "yourapp://any", "android": "yourapp://android"}

    campaign = campaign_of(action={"deeplink": links})

    assert campaign.link_for("android") == "yourapp://android"
    assert campaign.link_for("ios") == campaign.link_for("") == "yourapp://any"


def test_a_bare_trigger_needs_the_events_history_and_not_that_of_its_condition() -> None:
    where = {"property": "stars", "gte": 3}
    bare = {"event": "Lesson", "where": where}

    def needed(rule: Mapping[str, Any]) -> set[tuple[bool, bool]]:
        campaign = campaign_of(trigger={"any": [rule]}, audience=None, **ONCE)
        return {(need.where is not None, need.session) for need in campaign.needs}

    assert needed(bare) == {(False, False)}
    assert needed({**bare, "every": 2}) == {(False, False), (True, False)}
    assert needed({**bare, "on": [1], "per": "session"}) == {(False, False), (True, True)}


# --- compiled ---


def test_a_floor_is_measured_with_the_longest_wait_of_any_answer() -> None:
    waits = {"declined": "7d", "dismissed": "20d"}
    retry = {"content": "retry", "wait": waits}

    assert campaign_of(attempts=[{"content": "first"}, retry]).longest_wait == 20 * DAY
    waits |= {"declined": "30d"}
    assert campaign_of(attempts=[{"content": "first"}, retry]).longest_wait == 30 * DAY


def test_a_campaign_of_which_only_outcomes_are_recorded_waits_for_nothing() -> None:
    recorded = recorder(CAMPAIGN, 7, OutcomeNames())

    assert (recorded.longest_wait, recorded.longest_life, recorded.attempt(1)) == (0, 0, None)


def test_the_version_that_granted_is_found_among_drafts_and_while_campaigns_are_stale() -> None:
    first, second = (Published(shipped_file(), version) for version in (1, 2))
    draft = Published(shipped_file(status="draft"), 3)
    settings = settings_with(test_users=["u1"])
    campaigns = compile_all(settings, [second], drafts=[draft], previous=[first])

    for each in (campaigns, campaigns.stale()):
        seen = each.seen_by(User("user", "u1"))
        versions = [seen.granted(CAMPAIGN, version) for version in (1, 2, 3, 4)]
        assert [found and found.version for found in versions] == [1, 2, 3, 3]


# --- devices ---


def test_the_first_snapshot_of_a_device_is_not_undone_by_an_older_one() -> None:
    scene = Scene()
    scene.track("PushPermissionChanged", push=GRANTED, platform="")

    scene.track("PushPermissionChanged", push=NEVER_ASKED, platform="", at=START - 1)

    assert scene.profile.devices["phone"].push.status == "authorized"


def test_the_first_status_of_a_device_counts_whenever_it_was_so() -> None:
    scene = Scene()
    scene.track("PushPermissionChanged", push=Snapshot(prompts_used=1), platform="")

    scene.track("PushPermissionChanged", push=GRANTED, platform="", at=START - 1)

    assert scene.profile.devices["phone"].push.status == "authorized"


def test_a_time_that_a_phone_keeps_is_taken_up_to_this_very_moment() -> None:
    assert devices.not_ahead(START, START - DAY, START) == START
    assert devices.not_ahead(START + 1, START - DAY, START) == START - DAY
    assert devices.not_ahead(START + 1, None, START) == START


def test_the_usual_device_is_the_one_that_was_offered_a_popup_last() -> None:
    scene = Scene(campaigns_of(shipped_file(id="other", priority=9), shipped_file()))
    scene.report(Outcome.DECLINED, scene.offered(device="tablet"), device="tablet")
    scene.wait(1)
    scene.offered(device="phone")
    scene.track("PushPermissionChanged", device="watch", push=NEVER_ASKED)

    assert devices.usual(scene.profile) == "phone"


@pytest.mark.parametrize(
    "told",
    [
        {"platform": "android"},
        {"os_version": "18.1"},
        {"api_level": 34},
        {"app_version": "4.2"},
        {"locale": "en-GB"},
        {"country": "GB"},
        {"time_zone": "Europe/London"},
        {"installed_at": START - DAY},
    ],
)
def test_what_a_trigger_tells_of_its_device_is_kept_until_told_otherwise(
    told: dict[str, Any],
) -> None:
    scene = Scene()

    scene.value(**told)
    scene.value(platform="")

    [(name, value)] = told.items()
    assert getattr(scene.profile.devices["phone"], name) == value


# --- testing ---


def test_skipping_a_campaigns_waits_leaves_other_campaigns_alone() -> None:
    files = (shipped_file(id="other", priority=9), shipped_file())
    scene = Scene(campaigns_of(*files, settings={"test_users": ["u1"]}))
    scene.report(Outcome.DECLINED, scene.offered())
    other = scene.profile.progress["other"]

    scene.profile = skip_waits(scene.profile, CAMPAIGN, scene.campaigns)

    assert scene.profile.progress == {"other": other, CAMPAIGN: Progress(skip_waits=True)}


# --- known ---


def test_a_row_without_a_status_needs_no_room() -> None:
    scene = Scene()

    assert not lacks_room(scene.profile, Known(user=scene.user, declined_at=START))
    assert lacks_room(scene.profile, Known(user=scene.user, push_status=PushStatus.DENIED))


def test_an_imported_decline_opens_no_row_where_the_phone_that_was_asked_is_granted() -> None:
    scene = Scene()
    scene.offered()
    scene.track("PushPermissionChanged", push=GRANTED)

    known = Known(user=scene.user, declined_at=START)
    [progress] = adopt(scene.profile, known, scene.campaigns, START).progress.values()

    assert (progress.retry_at, progress.window) == (START + 14 * DAY, False)


@pytest.mark.parametrize("order", list(permutations(PushStatus)))
def test_of_rows_of_one_date_the_answer_that_closes_more_holds(
    order: tuple[PushStatus, ...],
) -> None:
    scene = Scene()
    profile = scene.profile
    for count, status in enumerate(order, start=1):
        row = Known(user=scene.user, push_status=status, at=START)
        profile = adopt(profile, row, scene.campaigns, START)
        strongest = max(order[:count], key=["unknown", "denied", "granted"].index)
        assert profile.attributes["push_permission_status"].value == strongest


def test_a_repeated_row_changes_nothing_for_a_campaign_that_began_meanwhile_either() -> None:
    scene = Scene()
    row = Known(user=scene.user, declined_at=START)
    adopted = adopt(scene.profile, row, scene.campaigns, START)
    later = campaigns_of(shipped_file(), shipped_file(id="later"))

    assert adopt(adopted, row, later, START) is adopted
