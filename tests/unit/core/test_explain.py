"""Explain: each rule with its value, and when time would make it pass."""

from typing import Any

import pytest

from functions.core import eligibility
from functions.core.explain import Check, Explanation, explain, of_deleted, question_event
from functions.core.model import DAY, HOUR, MINUTE, Outcome, Snapshot
from tests.unit.core.scene import CAMPAIGN, START, VALUE, Scene, campaigns_of, shipped_file

POPUP = {"default": {"en": {"title": "T", "body": "B", "approve": "Y"}}}
EVERY_TIME = {"attempts": None, "repeat": {}, "content": POPUP}


def scene_of(settings: dict[str, Any] | None = None, **changes: Any) -> Scene:
    return Scene(campaigns_of(shipped_file(**changes), settings=settings))


def ask(scene: Scene, event: str = VALUE, **fields: Any) -> Explanation:
    message = scene.message(event=event, **fields)
    return explain(scene.profile, CAMPAIGN, message, scene.campaigns, scene.now)


def check(told: Explanation, name: str) -> Check:
    [found] = [each for each in told.checks if each.name == name]
    return found


def failed(told: Explanation) -> list[str]:
    return [each.name for each in told.checks if not each.passes]


def test_every_rule_of_decide_is_told_and_none_twice() -> None:
    names = [each.name for each in ask(Scene()).checks]

    assert len(names) == len(set(names)) == len(eligibility.RULES)


def test_who_would_see_the_popup_is_told_the_attempt() -> None:
    told = ask(Scene())

    assert (told.would_show, told.reason, told.attempt) == (True, "offer_granted", 1)
    assert (told.sentence, told.next_eligible_at) == ("The popup would be shown.", START)
    assert failed(told) == []


def test_asking_changes_nothing() -> None:
    scene = Scene()
    before = scene.profile

    assert ask(scene) == ask(scene)
    assert scene.profile is before


def test_a_decline_is_waited_for_to_the_millisecond() -> None:
    scene = Scene()
    scene.report(Outcome.DECLINED, scene.offered())
    scene.wait(DAY)

    told = ask(scene)

    assert (told.would_show, told.reason, told.attempt) == (False, "in_retry_window", 2)
    assert told.next_eligible_at == START + 14 * DAY
    waits = check(told, "waits")
    assert (waits.passes, waits.passes_at) == (False, START + 14 * DAY)
    assert waits.value == {
        "attemptsSpent": 1,
        "lastOutcome": "declined",
        "lastOutcomeAt": "2026-09-21T14:13:20Z",
        "waitEndsAt": "2026-10-05T14:13:20Z",
        "deliveredSince": 1,
    }
    assert failed(told) == ["waits"]


def test_an_approval_is_waited_for_until_the_window_of_a_decline_ends() -> None:
    scene = Scene()
    scene.report(Outcome.APPROVED, scene.offered())

    told = ask(scene)

    assert told.reason == "awaiting_permission"
    assert check(told, "waits").passes_at == told.next_eligible_at == START + 14 * DAY


def test_time_does_not_help_who_is_exhausted() -> None:
    scene = scene_of(attempts=[{"content": "first"}])
    scene.report(Outcome.DECLINED, scene.offered())

    told = ask(scene)

    assert (told.reason, told.attempt, told.next_eligible_at) == ("exhausted", None, None)


def test_nor_who_was_denied() -> None:
    told = ask(Scene(), push=Snapshot(status="denied"))

    assert (told.reason, told.next_eligible_at) == ("permission_denied", None)
    permission = check(told, "permission")
    assert permission.value["row"] == 3
    assert (permission.value["route"], permission.value["status"]) == ("open_settings", "denied")
    assert "settings" not in permission.says


def test_with_the_fallback_the_settings_are_a_way() -> None:
    scene = scene_of(permission={"fallback_to_settings": True}, audience=None)

    told = ask(scene, push=Snapshot(status="denied"))

    assert told.would_show
    assert "to the settings" in check(told, "permission").says


def test_an_event_that_triggers_nothing_is_told_with_all_other_checks() -> None:
    told = ask(Scene(), event="Nothing")

    assert (told.reason, failed(told)) == ("trigger_not_met", ["trigger"])
    assert check(told, "trigger").value == "Nothing"
    assert len(told.checks) == len(eligibility.RULES)


def test_a_trigger_tells_its_properties_and_its_occurrence() -> None:
    lesson = {"event": "Lesson", "where": {"property": "stars", "gte": 3}, "every": 2}
    scene = scene_of(trigger={"any": [lesson, {"event": "Order", "on": [1, 2], "per": "session"}]})
    scene.track("Lesson", properties={"stars": 3})

    told = ask(scene, event="Lesson", properties={"stars": 4})
    assert told.would_show
    trigger = check(told, "trigger")
    assert trigger.says.startswith("any of: Lesson where ")
    assert trigger.says.endswith("Order, occurrence 1, 2 per session")
    assert [(part.name, part.value, part.passes) for part in trigger.parts] == [
        ("where", 4, True),
        ("occurrence", 2, True),
    ]

    told = ask(scene, event="Lesson", properties={"stars": 1})
    assert [part.passes for part in check(told, "trigger").parts] == [False, False]
    told = ask(scene, event="Order")
    assert [(part.value, part.passes) for part in check(told, "trigger").parts] == [(1, True)]


def test_conditions_of_a_trigger_are_told_one_by_one() -> None:
    where = {"all": [{"property": "a", "is": 1}, {"property": "b", "is": 2}]}
    scene = scene_of(trigger={"any": [{"event": "E", "where": where}]})

    [told] = check(ask(scene, event="E", properties={"a": 1, "b": 3}), "trigger").parts

    assert (told.passes, [part.passes for part in told.parts]) == (False, [True, False])
    assert [part.value for part in told.parts] == [1, 3]


def test_a_stale_trigger_tells_its_age() -> None:
    told = ask(Scene(), age=61_000, in_foreground=False)

    assert told.reason == "stale_trigger"
    assert check(told, "freshness").value == {"ageSeconds": 61, "inForeground": False}


def test_a_called_off_trigger_tells_until_when() -> None:
    unless = [{"event": "Crash", "within": "10m"}]
    scene = scene_of(trigger={"any": [{"event": VALUE}], "unless": unless})
    scene.track("Crash")

    told = ask(scene)

    assert told.reason == "called_off"
    assert check(told, "unless").passes_at == told.next_eligible_at == START + 10 * MINUTE
    assert check(told, "unless").says == "none of Crash shortly before"


def test_an_audience_is_told_condition_by_condition_and_when_time_alone_helps() -> None:
    audience = {
        "all": [
            {"attribute": "streak", "gte": 3, "default": 0},
            {"event": "Crash", "last": {"before": "1d", "or_never": True}},
        ]
    }
    scene = scene_of(audience=audience)
    scene.track("Crash")
    scene.wait(HOUR)

    told = check(ask(scene), "audience")
    assert not told.passes
    [streak, crash] = told.parts
    assert (streak.value, streak.passes, streak.passes_at) == (0, False, None)
    assert (crash.passes, crash.passes_at) == (False, START + DAY)

    scene.identify({"streak": 3})
    assert ask(scene).next_eligible_at == START + DAY


def test_an_attempts_own_audience_is_told() -> None:
    retry = {"content": "retry", "wait": "1d", "audience": {"attribute": "streak", "gte": 3}}
    scene = scene_of(attempts=[{"content": "first"}, retry])
    assert check(ask(scene), "attempt").says == "the attempt is for everyone"
    scene.report(Outcome.DECLINED, scene.offered())
    scene.wait(DAY)

    told = ask(scene)

    assert (told.reason, failed(told)) == ("attempt_not_for_user", ["attempt"])
    assert "streak" in check(told, "attempt").says


def test_caps_tell_how_many_shows_they_count_and_when_one_falls_out() -> None:
    caps = [{"at_most": 2, "per": "day"}, {"at_most": 9, "per": "session"}]
    scene = scene_of(kind="popup", audience=None, caps=caps, **EVERY_TIME)
    for _ in range(2):
        scene.report(Outcome.DISMISSED, scene.offered())
        scene.wait(HOUR)

    told = ask(scene)

    assert told.reason == "frequency_cap"
    cap = check(told, "caps")
    assert cap.says == "at most 2 per day, at most 9 per session"
    assert [(part.value, part.passes) for part in cap.parts] == [(2, False), (2, True)]
    assert cap.passes_at == told.next_eligible_at == START + DAY


def test_no_time_ends_a_session() -> None:
    caps = [{"at_most": 1, "per": "session"}]
    scene = scene_of({"caps": caps}, kind="popup", audience=None, **EVERY_TIME)
    scene.report(Outcome.DISMISSED, scene.offered())

    told = ask(scene)

    assert (told.reason, told.next_eligible_at) == ("global_cap", None)
    assert check(told, "global_caps").passes_at is None
    assert check(told, "permission").says == "the popup asks for no permission"


def test_an_open_offer_is_told_with_its_end() -> None:
    scene = Scene()
    scene.offered(device="tablet")

    told = ask(scene)
    offer = check(told, "offer")
    assert (told.reason, offer.passes_at) == ("offer_open", START + 10 * MINUTE)
    assert offer.value == f"{CAMPAIGN} is on offer until 2026-09-21T14:23:20Z"
    assert told.next_eligible_at == START + 10 * MINUTE

    scene.track("PushSoftAskShown", device="tablet")
    told = ask(scene)
    assert (told.reason, check(told, "offer").passes_at) == ("popup_open", START + DAY)


def test_the_same_offer_again_is_a_show() -> None:
    scene = Scene()
    scene.offered()

    told = ask(scene)

    assert (told.would_show, told.reason) == (True, "offer_repeated")
    assert failed(told) == []


@pytest.mark.parametrize(
    ("changes", "settings", "reason", "name", "value"),
    [
        ({"status": "draft"}, {}, "draft", "status", "draft"),
        ({"status": "ended"}, {}, "ended", "status", "ended"),
        ({}, {"paused": True}, "paused", "status", "everything is paused"),
        ({"rollout": 0}, {}, "not_in_rollout", "rollout", None),
        ({}, {"guard": {"attribute": "age", "gte": 16}}, "guarded", "guard", None),
        (
            {"experiment": {"salt": "s", "arms": {"soft_ask": 0, "holdout": 1}}},
            {},
            "held_out",
            "arm",
            "holdout",
        ),
    ],
)
def test_what_keeps_a_campaign_silent_is_the_check_that_fails(
    changes: dict[str, Any], settings: dict[str, Any], reason: str, name: str, value: str | None
) -> None:
    told = ask(scene_of(settings, **changes))

    assert (told.reason, failed(told)) == (reason, [name])
    assert value is None or check(told, name).value == value


def test_a_schedule_tells_its_beginning_and_its_end() -> None:
    scene = scene_of(schedule={"starts_at": "2026-10-01", "ends_at": "2026-10-02"})

    told = ask(scene)
    status = check(told, "status")
    assert (told.reason, status.value) == ("not_started", "not_started")
    assert status.says == (
        "the campaign is active from 2026-10-01T00:00:00Z until 2026-10-02T00:00:00Z"
    )
    assert status.passes_at == told.next_eligible_at == 1_790_812_800_000

    scene.wait(30 * DAY)
    told = ask(scene)
    assert (told.reason, check(told, "status").value, told.next_eligible_at) == (
        "ended",
        "ended",
        None,
    )


def test_a_swiped_prompt_cools_down() -> None:
    scene = scene_of(**EVERY_TIME)
    swiped = Snapshot(status="notDetermined", ever_asked=True, last_asked_at=START - HOUR)

    told = ask(scene, push=swiped, platform="android", api_level=34)

    assert told.reason == "cooling_down"
    assert check(told, "cool_down").passes_at == told.next_eligible_at == START + 23 * HOUR


def test_stale_campaigns_are_told() -> None:
    scene = Scene()
    scene.campaigns = scene.campaigns.stale()

    assert (ask(scene).reason, failed(ask(scene))) == ("campaigns_stale", ["campaigns"])


def test_a_campaign_of_higher_priority_takes_the_message() -> None:
    scene = Scene(campaigns_of(shipped_file(id="other", priority=9), shipped_file()))

    told = ask(scene)

    assert (told.reason, failed(told)) == ("offer_open", ["offer"])
    assert check(told, "offer").value == "other takes this event first, by its priority or its id"
    assert scene.profile.progress == {}


def test_an_offer_of_an_earlier_event_is_told_with_its_end() -> None:
    """Though the clock, as a dev server's may, stands still since it was granted."""
    other = shipped_file(id="other", trigger={"any": [{"event": "OrderCompleted"}]})
    scene = Scene(campaigns_of(other, shipped_file()))
    scene.track("OrderCompleted")

    told = ask(scene)

    assert check(told, "offer").value == "other is on offer until 2026-09-21T14:23:20Z"


def test_the_usual_question_is_about_the_first_trigger() -> None:
    assert question_event(Scene().campaigns.by_id[CAMPAIGN]) == VALUE


def test_an_unknown_campaign_is_no_question() -> None:
    scene = Scene()

    with pytest.raises(KeyError):
        explain(scene.profile, "nope", scene.message(event=VALUE), scene.campaigns, scene.now)


# --- experiments ---

DIRECT = {"salt": "s", "arms": {"soft_ask": 0, "direct_prompt": 1}}
WARM = {
    "salt": "s",
    "arms": {"soft_ask": 1},
    "variants": {"warm": {"weight": 1, "content": {"first": "retry"}}},
}


def test_the_variant_is_told_beside_the_arm() -> None:
    assert check(ask(scene_of(experiment=WARM)), "arm").value == "soft_ask, warm"


def test_a_direct_prompt_is_told_as_what_it_is() -> None:
    scene = scene_of(experiment=DIRECT)

    for told in (ask(scene), ask(scene, push=Snapshot(status="notDetermined"))):
        assert (told.would_show, check(told, "arm").value) == (True, "direct_prompt")
        assert told.sentence == "The OS prompt would be asked for, without a popup before it."
        assert check(told, "permission").says == "the OS prompt is left to ask for"


def test_an_open_direct_prompt_gives_way_to_the_popup_when_the_experiment_is_over() -> None:
    scene = scene_of(experiment=DIRECT)
    scene.value()
    scene.campaigns = campaigns_of(shipped_file())

    told = ask(scene)

    assert (told.reason, check(told, "arm").value) == ("offer_granted", "soft_ask")
    assert told.sentence == "The popup would be shown."


def test_of_a_deleted_user_it_is_told_until_when_events_are_refused() -> None:
    scene = Scene()

    told = of_deleted(scene.campaigns.by_id[CAMPAIGN], START + 30 * DAY, START)

    assert (told.campaign, told.at, told.would_show) == (CAMPAIGN, START, False)
    assert (told.reason, told.attempt, told.next_eligible_at) == ("user_deleted", None, None)
    until = "2026-10-21T14:13:20Z"
    assert told.sentence == f"The user was deleted; late events are refused until {until}."
    assert told.checks == ()
