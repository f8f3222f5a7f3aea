"""The campaign file: strictly parsed, checked, compiled."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from functions.core.campaign import Package, Published, milliseconds, parse_campaign, parse_settings
from functions.core.compiled import Campaigns
from functions.core.compiling import compile_all, compile_package
from functions.core.errors import CampaignError, spell
from functions.core.model import DAY, HOUR, MINUTE, SECOND, Outcome
from functions.core.reason import Reason
from tests.unit.core.scene import (
    campaigns_of,
    settings_with,
    shipped,
    shipped_file,
    shipped_package,
)

SETTINGS = {"deeplinks": {"schemes": ["yourapp"]}}


def document(**changes: Any) -> dict[str, Any]:
    [file] = shipped_package().campaigns
    return {**msgspec.to_builtins(file), **changes}


def refusal(data: object) -> CampaignError:
    with pytest.raises(CampaignError) as refused:
        compile_all(parse_settings(SETTINGS), [Published(parse_campaign(data))])
    return refused.value


def test_the_shipped_campaign_is_the_recipe() -> None:
    campaign = shipped().by_id["push-softask"]

    assert set(campaign.triggers) == {"ValueMomentReached"}
    assert [attempt.content for attempt in campaign.attempts] == ["first", "retry"]
    assert [attempt.declined for attempt in campaign.attempts] == [0, 1_209_600 * SECOND]
    assert campaign.link_for("ios") == "yourapp://popup/push-softask"
    assert (campaign.lease, campaign.max_age) == (10 * MINUTE, MINUTE)
    assert campaign.status == "active"
    assert campaign.content["first"]["en"].title == "Get daily streak reminders?"
    assert campaign.content["first"]["en"].approve == "Yes, notify me"
    assert campaign.content["first"]["en"].decline == "Not now"
    assert campaign.content["retry"]["en"].title != campaign.content["first"]["en"].title


def test_the_package_survives_json() -> None:
    package = shipped_package()

    again = msgspec.json.decode(msgspec.json.encode(package), type=Package)

    assert again == package
    assert list(compile_package(again).by_id) == ["push-softask"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", 0), ("90s", 90 * SECOND), ("5m", 5 * MINUTE), ("2h", 2 * HOUR), ("14d", 14 * DAY)],
)
def test_durations_are_spans_of_utc(text: str, expected: int) -> None:
    assert milliseconds(text) == expected


COPY = {"title": "t", "body": "b", "approve": "y"}
THREE_ARMS = {"soft_ask": 8, "holdout": 1, "direct_prompt": 1}


def variant_with(content: dict[str, str]) -> dict[str, Any]:
    """An experiment whose variant shows these contents in place of those."""
    warm = {"weight": 1, "content": content}
    return {"salt": "s", "arms": THREE_ARMS, "variants": {"plain": 1, "warm": warm}}


@pytest.mark.parametrize(
    ("changes", "place", "problem"),
    [
        ({"triger": {}}, "triger", "unknown key; did you mean 'trigger'?"),
        ({"xyz": 1}, "xyz", "unknown key; known here: id, kind, status, priority"),
        ({"trigger": {"any": [{"evnt": "E"}]}}, "trigger.any[0].evnt", "did you mean 'event'?"),
        ({"trigger": {"any": []}}, "trigger.any", "length >= 1"),
        ({"trigger": {"any": [{"event": 5}]}}, "trigger.any[0].event", "write text"),
        (
            {"audience": {"all": [{"attribute": "a", "is": 1}, {"attribut": "a"}]}},
            "audience.all[1].attribut",
            "did you mean 'attribute'?",
        ),
        ({"audience": {"attribute": "a", "greater": 1}}, "audience.greater", "unknown key"),
        ({"audience": {"attribute": "a", "gt": "1"}}, "audience.gt", "write a number"),
        ({"status": "activ"}, "status", "invalid enum value 'activ'; did you mean 'active'?"),
        ({"status": "on"}, "status", "'on'; known here: draft, active, paused, ended"),
        ({"id": "Push"}, "id", "write it as in 'push-softask'"),
        ({"id": "push\n"}, "id", "write it as in"),
        ({"offer": {"lease": "10x"}}, "offer.lease", "write it as in '14d'"),
        ({"offer": {"lease": "10m\n"}}, "offer.lease", "write it as in"),
        ({"offer": {"lease": "0s"}}, "offer.lease", "a longer span"),
        (
            {"trigger": {"any": [{"event": "E"}], "unless": [{"event": "E", "within": "1d"}]}},
            "trigger.unless[0].event",
            "would call itself off",
        ),
        (
            {
                "attempts": None,
                "repeat": {},
                "content": {"default": {"en": COPY}},
                "dismissed": {"wait": "1d", "at_most": 1},
            },
            "dismissed",
            "beside repeat",
        ),
        ({"offer": {"lease": 10}}, "offer.lease", "write text"),
        ({"permission": {"fallback_to_settings": "yes"}}, "permission.fallback_to_settings", ""),
        ({"repeat": {"gap": "1d"}}, "attempts", "either attempts, or repeat"),
        ({"attempts": None}, "attempts", "either attempts, or repeat"),
        ({"attempts": None, "repeat": {}}, "repeat", "no content 'default'"),
        ({"repeat": {"at_most": 10_000}}, "repeat.at_most", "<= 9999"),
        (
            {"trigger": {"any": [{"event": "E", "every": 2, "on": [1]}]}},
            "trigger.any[0].on",
            "every",
        ),
        (
            {"trigger": {"any": [{"event": "E", "per": "session"}]}},
            "trigger.any[0].per",
            "every or",
        ),
        (
            {"trigger": {"any": [{"event": "E", "where": {}}]}},
            "trigger.any[0].where",
            "exactly one",
        ),
        (
            {"trigger": {"any": [{"event": "E"}], "unless": [{"event": "F"}]}},
            "trigger.unless[0]",
            "add within, which must be said",
        ),
        ({"caps": [{"at_most": 1}]}, "caps[0]", "either per"),
        ({"caps": [{"at_most": 1, "per": "day", "within": "1d"}]}, "caps[0]", "either per"),
        ({"caps": [{"at_most": 1, "per": "dya"}]}, "caps[0].per", "did you mean 'day'?"),
        ({"caps": [{"at_most": 21, "per": "day"}]}, "caps[0].at_most", "<= 20"),
        ({"dismissed": {}}, "dismissed", "either as: declined"),
        ({"dismissed": {"as": "declined", "wait": "1d", "at_most": 1}}, "dismissed", "either as"),
        ({"dismissed": {"wait": "1d"}}, "dismissed", "wait and at_most together"),
        (
            {"schedule": {"starts_at": "2026-13-01"}},
            "schedule.starts_at",
            "no date of the calendar",
        ),
        ({"schedule": {"starts_at": "soon"}}, "schedule.starts_at", "write it as in '2026-11-21"),
        (
            {"schedule": {"starts_at": "2026-11-21", "ends_at": "2026-11-21"}},
            "schedule.ends_at",
            "after starts_at",
        ),
        ({"rollout": 101}, "rollout", "<= 100"),
        (
            {"content": {"first": {"en": {**COPY, "title": ""}}, "retry": {"en": COPY}}},
            "content.first.en.title",
            "of length >= 1",
        ),
        (
            {"experiment": {"salt": "s", "arms": {"soft_ask": 0, "holdout": 0}}},
            "experiment.arms",
            "weight above 0",
        ),
        (
            {"kind": "popup", "experiment": {"salt": "s", "arms": THREE_ARMS}},
            "experiment.arms.direct_prompt",
            "asks for no permission",
        ),
        (
            {"experiment": {"salt": "s", "arms": THREE_ARMS, "variants": {"a": 0, "b": 0}}},
            "experiment.variants",
            "at least one variant a weight above 0",
        ),
        (
            {"experiment": {"salt": "s", "arms": THREE_ARMS, "variants": {"Warm one": 1}}},
            "experiment.variants.Warm one",
            "lower case and without underscores, as in 'warm'",
        ),
        (
            {"experiment": {"salt": "s", "arms": THREE_ARMS, "variants": {"soft_ask": 1}}},
            "experiment.variants.soft_ask",
            "without underscores",
        ),
        (
            {"experiment": {"salt": "s", "arms": THREE_ARMS, "variants": {"holdout": 1}}},
            "experiment.variants.holdout",
            "give it a name that is no arm's, as in 'warm'",
        ),
        (
            {
                "permission": {"fallback_to_settings": True},
                "experiment": {"salt": "s", "arms": THREE_ARMS},
            },
            "experiment.arms.direct_prompt",
            "leave it out beside permission.fallback_to_settings, which shows the popup where",
        ),
        (
            {"goal": {"event": "PushSoftAskShown"}},
            "goal.event",
            "PushSoftAskShown tells what became of the ask; name what the permission is for",
        ),
        (
            {"goal": {"event": "PushPermissionChanged"}},
            "goal.event",
            "PushPermissionChanged tells what became of the ask",
        ),
        (
            {"experiment": {"salt": "s", "arms": THREE_ARMS, "variants": {"a": {"content": {}}}}},
            "experiment.variants.a",
            "add weight",
        ),
        (
            {"experiment": variant_with({"frist": "retry"})},
            "experiment.variants.warm.content.frist",
            "no content 'frist'; did you mean 'first'?",
        ),
        (
            {"experiment": variant_with({"first": "retyr"})},
            "experiment.variants.warm.content.first",
            "no content 'retyr'; did you mean 'retry'?",
        ),
        ({"goal": {"where": {"property": "a", "is": 1}}}, "goal", "add event"),
        ({"goal": {"event": "E", "where": {"property": "a"}}}, "goal.where", "exactly one"),
        ({"action": {"deeplink": {"ios": "yourapp://a"}}}, "action.deeplink", "add default"),
        (
            {"action": {"deeplink": {"default": "yourapp://a", "ios": "javascript:x"}}},
            "action.deeplink.ios",
            "",
        ),
        (
            {
                "content": {
                    "first": {"en": {**COPY, "title": "Hi {{ name }}"}},
                    "retry": {"en": COPY},
                }
            },
            "content.first.en.title",
            "default",
        ),
        (
            {"attempts": [{"content": "first"}, {"content": "retry", "wait": {"denied": "1d"}}]},
            "attempts[1].wait",
            "add declined, which must be said",
        ),
        (
            {
                "attempts": [
                    {"content": "first"},
                    {"content": "retry", "wait": "1d", "since": {"event": "E", "where": {}}},
                ]
            },
            "attempts[1].since.where",
            "exactly one",
        ),
        (
            {"attempts": [{"content": "first", "audience": {"attribute": "a"}}]},
            "attempts[0].audience",
            "",
        ),
        (
            {"content": {"first": {"en": {**COPY, "titel": "t"}}, "retry": {"en": COPY}}},
            "content.first.en.titel",
            "did you mean 'title'?",
        ),
        (
            {"content": {"first": {"en": COPY}, "retry": {"en": {**COPY, "body": 1}}}},
            "content.retry.en.body",
            "write text, not a whole number",
        ),
        (
            {"content": {"first": {"en": COPY, "de": {"title": "t"}}, "retry": {"en": COPY}}},
            "content.first.de",
            "add body, which must be said",
        ),
        ({"content": {"first": {"en": COPY}, "retry": 5}}, "content.retry", "write a map"),
        ({"content": {"first": {5: COPY}}}, "content.first", "write text, not a whole number"),
        (
            {"attempts": [{"content": "frist"}]},
            "attempts[0].content",
            "no content 'frist'; did you mean 'first'?",
        ),
        ({"attempts": [{"content": "first", "wait": "1d"}]}, "attempts[0]", "takes no wait"),
        ({"attempts": [{"content": "first", "after": "declined"}]}, "attempts[0]", "takes no wait"),
        ({"attempts": [{"content": "first", "since": {"event": "E"}}]}, "attempts[0]", "takes no"),
        ({"attempts": [{"content": "first"}] * 2}, "attempts[1]", "add a wait"),
        (
            {"content": {"first": {"de": COPY}, "retry": {"en": COPY}}},
            "content.first",
            "add the default locale 'en'",
        ),
        ({"action": {"deeplink": "yourapp://a b"}}, "action.deeplink", "remove the white space"),
        ({"action": {"deeplink": "yourapp://a\x00"}}, "action.deeplink", "control characters"),
        ({"action": {"deeplink": "other://a"}}, "action.deeplink", "'other' is not allowed"),
        ({"action": {"deeplink": "a"}}, "action.deeplink", "scheme '' is not allowed"),
        ({"action": {"deeplink": "yourapp:a"}}, "action.deeplink", "scheme://host/path"),
        ({"action": {"deeplink": "yourapp://u:p@a"}}, "action.deeplink", "without user info"),
        ({"action": {"deeplink": "yourapp://[a"}}, "action.deeplink", "scheme://host/path"),
        (
            {"outcomes": {"shown": "E", "approved": "E"}},
            "outcomes.approved",
            "event 'E' already means something else",
        ),
        (
            {"outcomes": {"declined": "PushPermissionChanged"}},
            "outcomes.declined",
            "already means something else",
        ),
    ],
)
def test_a_wrong_file_is_refused_at_its_place(
    changes: Mapping[str, Any], place: str, problem: str
) -> None:
    error = refusal(document(**changes))

    assert spell(error.place) == place
    assert problem in error.problem


def test_a_file_that_is_no_map_is_refused_as_a_whole() -> None:
    error = refusal(None)

    assert error.place == ()
    assert str(error) == "write a map, not nothing"


def test_a_missing_key_is_named() -> None:
    data = document()
    del data["action"]

    assert str(refusal(data)) == "add action, which must be said"


def test_settings_are_parsed_as_strictly() -> None:
    with pytest.raises(CampaignError) as refused:
        parse_settings({**SETTINGS, "default_local": "en"})

    assert str(refused.value) == "default_local: unknown key; did you mean 'default_locale'?"


def test_outcome_names_may_differ() -> None:
    campaigns = campaigns_of(shipped_file(outcomes={"shown": "SoftAskSeen"}))

    [(campaign, outcome)] = campaigns.outcomes["SoftAskSeen"]

    assert (campaign.id, outcome) == ("push-softask", Outcome.SHOWN)
    assert "PushSoftAskShown" not in campaigns.outcomes


def test_the_highest_priority_comes_first_and_then_the_id() -> None:
    files = [shipped_file(id="b"), shipped_file(id="a"), shipped_file(id="c", priority=1)]

    campaigns = campaigns_of(*files)

    assert list(campaigns.by_id) == ["c", "a", "b"]
    triggered = campaigns.triggered["ValueMomentReached"]
    assert [campaign.id for campaign in triggered] == ["c", "a", "b"]


def test_what_is_referred_to() -> None:
    since = {"event": "LessonFinished"}
    attempts = [{"content": "first"}, {"content": "retry", "wait": "14d", "since": since}]
    settings = msgspec.structs.replace(shipped_package().settings, remember=("Purchased",))

    campaigns = compile_all(settings, [Published(shipped_file(attempts=attempts))])

    referred = ["ValueMomentReached", "LessonFinished", "Purchased"]
    referred += ["PushSoftAskShown", "PushPermissionChanged"]
    assert all(campaigns.refers_to(event) for event in referred)
    assert not campaigns.refers_to("SessionStarted")


def test_stale_campaigns_are_the_same_but_for_that() -> None:
    campaigns = shipped()

    stale = campaigns.stale()

    assert isinstance(stale, Campaigns)
    assert (campaigns.fresh, stale.fresh) == (True, False)
    assert stale.by_id == campaigns.by_id
    assert stale.retention == campaigns.retention == 760 * DAY


def test_an_attempt_past_the_last_one_does_not_exist() -> None:
    campaign = shipped().by_id["push-softask"]

    second = campaign.attempt(2)

    assert second is not None
    assert second.content == "retry"
    assert campaign.attempt(3) is None


def test_the_longest_wait_measures_floors() -> None:
    waits = [{"content": "retry", "wait": wait} for wait in ("3d", "30d", "14d")]

    campaigns = campaigns_of(shipped_file(attempts=[{"content": "first"}, *waits]))

    assert campaigns.by_id["push-softask"].longest_wait == 30 * DAY


def test_reasons_are_spelt_in_lower_case_and_never_renumbered() -> None:
    assert Reason.OFFER_GRANTED.word == "offer_granted"
    stored = {reason.name: reason.value for reason in Reason}
    assert stored == {
        "OFFER_GRANTED": 1,
        "OFFER_REPEATED": 2,
        "SHOWN": 3,
        "APPROVED": 4,
        "DECLINED": 5,
        "DISMISSED": 6,
        "SUPPRESSED": 7,
        "PERMISSION_UPDATED": 8,
        "ATTRIBUTES_UPDATED": 9,
        "DECLINE_REPORTED": 10,
        "UNKNOWN_OFFER": 11,
        "NO_TRANSITION": 12,
        "NOT_REFERRED_TO": 13,
        "UNCHANGED": 14,
        "DUPLICATE": 15,
        "MESSAGE_ID_REUSED": 16,
        "ATTRIBUTES_FULL": 17,
        "COUNTED": 18,
        "MERGED": 19,
        "USER_DELETED": 20,
        "TRAITS_WITHHELD": 21,
        "CAMPAIGNS_STALE": 32,
        "PAUSED": 33,
        "STALE_TRIGGER": 34,
        "ALREADY_GRANTED": 35,
        "PERMISSION_DENIED": 36,
        "NOT_IN_AUDIENCE": 37,
        "OFFER_OPEN": 38,
        "POPUP_OPEN": 39,
        "AWAITING_PERMISSION": 40,
        "PERMISSION_SETTLED": 41,
        "IN_RETRY_WINDOW": 42,
        "NO_VALUE_SINCE": 43,
        "EXHAUSTED": 44,
        "DRAFT": 45,
        "ENDED": 46,
        "NOT_STARTED": 47,
        "TRIGGER_NOT_MET": 48,
        "CALLED_OFF": 49,
        "NOT_IN_ROLLOUT": 50,
        "FREQUENCY_CAP": 51,
        "GLOBAL_CAP": 52,
        "COOLING_DOWN": 53,
        "NO_ROUTE": 54,
        "TOKEN_ERROR": 55,
        "HELD_OUT": 56,
        "ALREADY_APPROVED": 57,
        "DEEPLINK_REFUSED": 58,
        "ATTEMPT_NOT_FOR_USER": 59,
        "GUARDED": 60,
        "LAPSED": 64,
        "WITHDRAWN": 65,
        "NEWER": 255,
    }


# --- together ---


def test_events_may_be_remembered_before_a_campaign_refers_to_them() -> None:
    five = {"property": "stars", "is": 5}
    remember = ["Opened", {"event": "Lesson", "where": five, "times": True}]

    campaigns = campaigns_of(shipped_file(), settings={"remember": remember})

    assert campaigns.refers_to("Opened")
    assert not campaigns.refers_to("SessionStarted")
    [lesson] = campaigns.tallies["Lesson"]
    assert lesson.times
    assert lesson.matches is not None
    assert lesson.matches({"stars": 5})
    with pytest.raises(CampaignError) as caught:
        campaigns_of(settings={"remember": [{"event": "Lesson", "where": {}}]})
    assert spell(caught.value.place) == "remember[0].where"


def test_histories_are_kept_in_the_same_order_by_every_process() -> None:
    """A set's own order follows the hash seed: a profile would be encoded one way here and another
    way there."""
    counts = [
        {"event": "Lesson", "where": {"property": "stars", "is": stars}, "count": {"gte": 1}}
        for stars in range(12)
    ]

    campaigns = campaigns_of(shipped_file(audience={"all": counts}))

    keys = [tally.key for tally in campaigns.tallies["Lesson"]]
    assert len(keys) == 12
    assert keys == sorted(keys)


def test_several_needs_of_one_history_are_one_tally() -> None:
    often = {"event": "Lesson", "count": {"gte": 3}}
    lately = {**often, "within": "1d"}

    campaigns = campaigns_of(shipped_file(audience={"all": [often, lately]}))

    [lesson] = campaigns.tallies["Lesson"]
    assert (lesson.times, lesson.session, lesson.matches) == (True, False, None)


def test_a_caps_session_is_kept_where_some_campaign_counts_in_sessions() -> None:
    caps = [{"at_most": 1, "per": "session"}]

    assert campaigns_of(shipped_file(caps=caps)).refers_to("SessionStarted")
    own = {"caps": caps, "session_event": "Opened"}
    assert campaigns_of(shipped_file(), settings=own).refers_to("Opened")
    assert not campaigns_of(shipped_file()).refers_to("SessionStarted")


def test_outcomes_of_other_campaigns_before_are_no_concern() -> None:
    before = Published(shipped_file(id="other", outcomes={"shown": "OtherShown"}))
    live = Published(shipped_file(), 1)

    campaigns = compile_all(settings_with(), [live], previous=[before])

    assert "OtherShown" not in campaigns.outcomes
    assert campaigns.granted("other", 0) is not None
    assert campaigns.granted("push-softask", 7) is campaigns.by_id["push-softask"]
    assert campaigns.granted("nobody", 0) is None


def test_an_offer_lives_at_most_for_its_lease_after_the_longest_delay() -> None:
    events = [{"event": "E", "after": "5m"}, {"event": "F"}]
    [campaign] = campaigns_of(shipped_file(trigger={"any": events})).by_id.values()

    assert campaign.longest_life == 15 * MINUTE


def test_the_set_s_oldest_trigger_is_that_of_the_most_patient_campaign() -> None:
    any_value = [{"event": "ValueMomentReached"}]
    patient = shipped_file(id="patient", trigger={"any": any_value, "max_age": "5m"})

    assert campaigns_of(shipped_file(), patient).max_age == 5 * MINUTE
    assert shipped().max_age == MINUTE
    assert campaigns_of().max_age == MINUTE
