"""Sequences that are rare, and that broke the core or might: late reports, edits, two campaigns."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.core import frequency, known, testing
from functions.core.advice import warnings
from functions.core.campaign import CampaignFile, OutcomeNames, parse_campaign
from functions.core.compiled import Campaigns
from functions.core.compiling import recorder
from functions.core.decision import decide
from functions.core.errors import CampaignError
from functions.core.explain import explain
from functions.core.known import Known
from functions.core.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    FactKind,
    Message,
    OpenDeeplink,
    Outcome,
    Profile,
    Progress,
    Snapshot,
    User,
    Withdraw,
)
from functions.core.reason import Reason
from functions.core.verdict import Decision
from functions.store import codec
from tests.unit.core.lives import any_sets
from tests.unit.core.random_campaigns import COPY, DEVICES, EVENTS, live, steps
from tests.unit.core.scene import (
    NEVER_ASKED,
    OUTCOMES,
    START,
    USER,
    Offered,
    Scene,
    campaigns_of,
    offer_of,
    offered_in,
    settings_with,
)
from tests.unit.core.told import Ledger, assert_offers_dealt

TEST = {"test_users": [USER.id]}
TWICE = [{"content": "default"}, {"content": "default", "wait": "14d"}]
FORGIVING = {"wait": "3d", "at_most": 2}
LONG = 20 * DAY


def campaign(campaign_id: str = "a", **said: Any) -> CampaignFile:
    """Triggered by `V`; once, where nothing is said of how often."""
    once = {} if {"attempts", "repeat"} & said.keys() else {"attempts": [{"content": "default"}]}
    usual = {
        "id": campaign_id,
        "status": "active",
        "trigger": {"any": [{"event": "V"}]},
        "action": {"deeplink": "yourapp://popup/x"},
        "content": {"default": {"en": COPY}},
    }
    return parse_campaign({**usual, **once, **said})


def by(event: str) -> dict[str, Any]:
    return {"any": [{"event": event}]}


def moment(scene: Scene, event: str = "V", **fields: Any) -> Decision:
    return scene.track(event, **{"push": NEVER_ASKED, **fields})


def offered(scene: Scene, event: str = "V", **fields: Any) -> OpenDeeplink:
    return offer_of(moment(scene, event, **fields))


def answered(scene: Scene, outcome: Outcome, event: str = "V") -> OpenDeeplink:
    """A popup that was offered, shown and answered."""
    offer = offered(scene, event)
    scene.report(Outcome.SHOWN, offer)
    scene.report(outcome, offer)
    return offer


def progress(scene: Scene, campaign_id: str = "a") -> Progress:
    return scene.profile.progress[campaign_id]


# --- forgiven dismissals ---


@pytest.mark.parametrize("answer", [Outcome.DECLINED, Outcome.APPROVED])
@pytest.mark.parametrize("late", [False, True])
def test_a_late_answer_spends_the_attempt_of_a_dismissal_that_was_forgiven(
    late: bool, answer: Outcome
) -> None:
    scene = Scene(campaigns_of(campaign(attempts=TWICE, dismissed=FORGIVING)))
    first = answered(scene, Outcome.DISMISSED)
    tapped = scene.message(event=OUTCOMES[answer], offer_id=first.offer_id, at=scene.now)
    if not late:
        scene.send(tapped)
    scene.wait(LONG)
    answered(scene, Outcome.DECLINED)
    scene.send(tapped)
    scene.wait(LONG)

    assert (progress(scene).spent, progress(scene).forgiven) == (2, ())
    assert moment(scene).reason is Reason.EXHAUSTED


@pytest.mark.parametrize("told", ["app", "unknown offer"])
def test_row_60_a_forgiven_dismissal_and_a_told_decline_make_no_third_attempt(told: str) -> None:
    scene = Scene(campaigns_of(campaign(attempts=TWICE, dismissed=FORGIVING)))
    answered(scene, Outcome.DISMISSED)
    scene.wait(MINUTE)
    if told == "app":
        scene.identify(declined_at=scene.now)
    else:
        scene.track(OUTCOMES[Outcome.DECLINED], offer_id="of_unknown")
    scene.wait(LONG)

    assert answered(scene, Outcome.DECLINED).attempt == 2
    scene.wait(LONG)
    assert moment(scene).reason is Reason.EXHAUSTED


# --- what is on the screen ---


def test_row_65_a_popup_seen_after_all_takes_back_what_another_campaign_offered() -> None:
    capped = {"caps": [{"at_most": 1, "per": "day"}]}
    files = campaign("a", repeat={}), campaign("b", repeat={}, trigger=by("W"))
    scene = Scene(campaigns_of(*files, settings=capped))
    first = offered(scene)
    scene.wait(11 * MINUTE)
    second = offered(scene, "W")

    late = scene.report(Outcome.SHOWN, first, at=scene.now - 5 * MINUTE)

    assert late.actions == (Withdraw(offer_id=second.offer_id, reason="withdrawn"),)
    assert moment(scene, "W").reason is Reason.POPUP_OPEN
    scene.report(Outcome.DISMISSED, first)
    assert moment(scene, "W").reason is Reason.GLOBAL_CAP


def test_an_answer_to_a_popup_that_was_seen_before_leaves_the_other_campaigns_offer() -> None:
    files = campaign("a", repeat={}), campaign("b", repeat={}, trigger=by("W"))
    scene = Scene(campaigns_of(*files))
    first = offered(scene)
    scene.report(Outcome.SHOWN, first)
    scene.wait(DAY)
    offered(scene, "W")

    assert scene.report(Outcome.DECLINED, first).actions == ()
    assert frequency.open_offer(progress(scene, "b"), scene.now)


def test_row_62_a_popup_that_seemed_lapsed_is_on_the_screen_once_it_is_shown() -> None:
    files = campaign("a", repeat={}), campaign("b", repeat={}, trigger=by("W"))
    scene = Scene(campaigns_of(*files))
    first = offered(scene)
    scene.wait(11 * MINUTE)
    offered(scene)

    scene.report(Outcome.SHOWN, first)

    assert moment(scene).reason is Reason.POPUP_OPEN
    assert moment(scene, "W").reason is Reason.POPUP_OPEN
    scene.report(Outcome.DISMISSED, first)
    assert moment(scene).reason is Reason.OFFER_GRANTED


def test_campaigns_that_share_their_outcomes_names_are_told_apart_by_the_offer() -> None:
    files = campaign("a", repeat={}), campaign("b", repeat={}, trigger=by("W"))
    scene = Scene(campaigns_of(*files))
    first = offered(scene)
    scene.wait(11 * MINUTE)
    offered(scene, "W")

    told = scene.report(Outcome.DECLINED, first)

    assert [(fact.campaign, fact.kind) for fact in told.facts] == [
        ("a", FactKind.SHOWN),
        ("a", FactKind.DECLINED),
    ]
    assert progress(scene, "b").declined_at is None


# --- permission ---


def test_a_permission_that_was_granted_and_revoked_leaves_the_attempts_that_are_left() -> None:
    file = campaign(attempts=TWICE, permission={"fallback_to_settings": True})
    scene = Scene(campaigns_of(file))
    answered(scene, Outcome.APPROVED)
    scene.track("PushPermissionChanged", push=Snapshot(status="authorized"))
    scene.wait(14 * DAY)
    revoked = Snapshot(status="denied")

    assert moment(scene, push=revoked, at=scene.now - 1).reason is Reason.IN_RETRY_WINDOW
    offer = offered(scene, push=revoked)
    assert (offer.attempt, offer.on_approve) == (2, "open_settings")


def test_a_popup_that_asks_for_something_else_is_not_settled_by_the_permission() -> None:
    scene = Scene(campaigns_of(campaign(kind="popup", repeat={"gap": "14d"})))
    offer = offered(scene, push=Snapshot(status="authorized"))
    scene.report(Outcome.SHOWN, offer)
    scene.report(Outcome.APPROVED, offer)

    assert progress(scene).answered is None
    assert (progress(scene).retry_at, progress(scene).window) == (START + 14 * DAY, True)


# --- test users ---


def test_a_mark_that_skips_waits_ends_with_the_test() -> None:
    file = campaign(attempts=TWICE)
    scene = Scene(campaigns_of(file, settings=TEST))
    answered(scene, Outcome.DECLINED)
    scene.profile = testing.skip_waits(scene.profile, "a", scene.campaigns)

    scene.campaigns = campaigns_of(file)

    assert moment(scene).reason is Reason.IN_RETRY_WINDOW
    scene.wait(14 * DAY)
    assert moment(scene).reason is Reason.OFFER_GRANTED
    assert not progress(scene).skip_waits


def test_skipping_waits_skips_the_wait_for_an_answer() -> None:
    scene = Scene(campaigns_of(campaign(attempts=TWICE), settings=TEST))
    scene.report(Outcome.SHOWN, offered(scene))
    assert moment(scene).reason is Reason.POPUP_OPEN

    scene.profile = testing.skip_waits(scene.profile, "a", scene.campaigns)

    assert offered(scene).attempt == 2


def test_skipping_waits_skips_the_cool_down() -> None:
    swiped = Snapshot(status="notDetermined", ever_asked=True, last_asked_at=START - HOUR)
    scene = Scene(campaigns_of(campaign(attempts=None, repeat={}), settings=TEST))
    assert moment(scene, platform="android", push=swiped).reason is Reason.COOLING_DOWN

    scene.profile = testing.skip_waits(scene.profile, "a", scene.campaigns)

    assert moment(scene, platform="android", push=swiped).reason is Reason.OFFER_GRANTED


def test_the_first_attempt_comes_again_though_the_app_told_of_its_declines() -> None:
    scene = Scene(campaigns_of(campaign(attempts=TWICE), settings=TEST))
    for _ in TWICE:
        answered(scene, Outcome.DECLINED)
        scene.identify(declined_at=scene.now)
        scene.wait(LONG)

    scene.profile = testing.skip_waits(scene.profile, "a", scene.campaigns)

    assert offered(scene).attempt == 1


def test_an_imported_decline_of_a_test_user_opens_no_row() -> None:
    row = Known(user=USER, declined_at=START)
    campaigns = campaigns_of(campaign(attempts=TWICE), settings=TEST)

    adopted = known.adopt(Scene().profile, row, campaigns, START)

    assert adopted.progress["a"].retry_at == START + 14 * DAY
    assert not adopted.progress["a"].window
    assert known.adopt(adopted, row, campaigns, START) is adopted


# --- conditions ---

DECLINED_AT = "push_softask_declined_at"


@pytest.mark.parametrize("told", ["app", "popup", "another campaign's popup"])
def test_the_reserved_trait_reads_as_the_latest_decline_that_is_known(told: str) -> None:
    audience = {
        "any": [
            {"attribute": DECLINED_AT, "exists": False},
            {"attribute": DECLINED_AT, "before": "30d"},
        ]
    }
    asked = campaign("a", repeat={}, audience=audience)
    scene = Scene(campaigns_of(asked, campaign("b", trigger=by("W"))))
    if told == "app":
        scene.identify(declined_at=scene.now)
    else:
        answered(scene, Outcome.DECLINED, "V" if told == "popup" else "W")

    scene.wait(30 * DAY - 1)
    assert moment(scene).reason is Reason.NOT_IN_AUDIENCE
    scene.wait(1)
    assert moment(scene).reason is Reason.OFFER_GRANTED


def test_the_reserved_trait_knows_nothing_of_other_popups_and_may_have_a_default() -> None:
    condition = {"attribute": DECLINED_AT, "after": "2026-01-01", "default": "2025-01-01"}
    files = (
        campaign("a", repeat={}, audience=condition),
        campaign("b", kind="popup", trigger=by("W")),
    )
    scene = Scene(campaigns_of(*files))
    answered(scene, Outcome.DECLINED, "W")

    assert moment(scene).reason is Reason.NOT_IN_AUDIENCE
    scene.identify(declined_at=scene.now)
    assert moment(scene).reason is Reason.OFFER_GRANTED


@pytest.mark.parametrize("said", [{"gte": 3}, {"is": "2026-01-01"}, {"contains": "2026"}])
def test_the_reserved_trait_is_a_time_and_nothing_else(said: dict[str, Any]) -> None:
    file = campaign(audience={"attribute": DECLINED_AT, **said})

    with pytest.raises(CampaignError, match="known here: exists, before, after, within"):
        campaigns_of(file)


def test_a_told_decline_is_no_show_of_the_campaign() -> None:
    shown_once = campaign(
        "b", kind="popup", trigger=by("W"), audience={"campaign": "a", "count": 1}
    )
    scene = Scene(campaigns_of(campaign("a", attempts=TWICE), shown_once))
    scene.identify(declined_at=scene.now - LONG)

    answered(scene, Outcome.DECLINED)

    assert progress(scene).attempts == 2
    assert moment(scene, "W").reason is Reason.OFFER_GRANTED


def test_a_condition_on_a_triggers_own_event_draws_the_warning_that_its_history_is_new() -> None:
    trigger = {
        **by("Order"),
        "unless": [{"event": "Order", "where": {"property": "total", "gt": 9}, "within": "1d"}],
    }

    told = warnings(campaign(trigger=trigger), settings_with(), campaigns_of(campaign()))

    assert [each.split(":")[0] for each in told] == ["event Order"]


# --- explain ---


def test_the_next_moment_is_found_behind_rules_that_recede_with_the_event() -> None:
    """The event calls a campaign off that it does not trigger itself, by its properties."""
    plain = {"property": "stars", "lt": 5}
    trigger = {"any": [{"event": "V", "where": plain}], "unless": [{"event": "V", "within": "1s"}]}
    files = campaign("a", trigger=trigger), campaign("b", attempts=TWICE)
    scene = Scene(campaigns_of(*files))
    answered(scene, Outcome.DECLINED)

    asked = scene.message(event="V", properties={"stars": 1})
    told = explain(scene.profile, "b", asked, scene.campaigns, scene.now)
    vain = explain(scene.profile, "a", asked, scene.campaigns, scene.now)

    assert told.next_eligible_at == START + 14 * DAY
    assert vain.next_eligible_at is None


def test_the_next_moment_may_be_the_very_next() -> None:
    """A session that begins in this millisecond is this one; a millisecond on, it is another."""
    trigger = {"any": [{"event": "SessionStarted", "on": [1], "per": "session"}]}
    scene = Scene(campaigns_of(campaign(trigger=trigger)))
    scene.track("SessionStarted", in_foreground=False)

    question = scene.message(event="SessionStarted")
    told = explain(scene.profile, "a", question, scene.campaigns, scene.now)

    assert (told.reason, told.next_eligible_at) == ("trigger_not_met", START + 1)


def test_a_search_that_tries_too_many_moments_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.core.explain.MOST_MOMENTS", 1)
    scene = Scene(campaigns_of(campaign(attempts=TWICE)))
    answered(scene, Outcome.DECLINED)

    told = explain(scene.profile, "a", scene.message(event="V"), scene.campaigns, scene.now)

    assert (told.reason, told.next_eligible_at) == ("in_retry_window", None)


def test_an_explanation_says_that_a_test_user_skips_waits_as_long_as_it_is_one() -> None:
    file = campaign(attempts=TWICE)
    scene = Scene(campaigns_of(file, settings=TEST))
    scene.profile = testing.skip_waits(scene.profile, "a", scene.campaigns)
    question = scene.message(event="V", push=NEVER_ASKED)

    def waits(campaigns: Campaigns) -> Any:
        told = explain(scene.profile, "a", question, campaigns, scene.now)
        return next(check.value for check in told.checks if check.name == "waits")

    assert waits(scene.campaigns)["skipsWaits"] is True
    assert "skipsWaits" not in waits(campaigns_of(file))


# --- edits of live campaigns ---


@pytest.mark.parametrize(
    "edited",
    [
        {"attempts": [{"content": "default"}]},
        {"attempts": TWICE, "kind": "popup"},
        {"repeat": {"gap": "1d"}},
        {"attempts": TWICE, "content": {"default": {"en": {**COPY, "title": "New"}}}},
    ],
)
def test_row_37_whatever_the_edit_an_open_offer_is_answered_and_its_outcome_counts(
    edited: dict[str, Any],
) -> None:
    scene = Scene(campaigns_of(campaign(repeat={"gap": "0s"})))
    for _ in range(3):
        answered(scene, Outcome.DECLINED)
        scene.wait(SECOND)
    offer = offered(scene)
    scene.campaigns = campaigns_of(campaign(**edited))

    scene.report(Outcome.SHOWN, offer)
    declined = scene.report(Outcome.DECLINED, offer)

    assert declined.reason is Reason.DECLINED
    assert progress(scene).attempts == 4
    assert progress(scene).declined_at == scene.now
    assert moment(scene).reason in (Reason.EXHAUSTED, Reason.IN_RETRY_WINDOW)


def test_a_popup_that_cannot_be_compiled_for_a_while_knows_no_told_declines_either() -> None:
    popup = campaigns_of(campaign(kind="popup", attempts=TWICE))
    scene = Scene(popup)
    scene.identify(declined_at=scene.now - HOUR)
    scene.campaigns = Campaigns(popup.settings, [recorder("a", 0, OutcomeNames())])
    scene.report(Outcome.SHOWN)

    scene.campaigns = popup

    assert offered(scene).attempt == 1


def test_an_offer_of_the_highest_attempt_has_an_id() -> None:
    scene = Scene(campaigns_of(campaign(repeat={"at_most": 9999})))
    many = Progress(granted=2**64 - 3, attempts=9998)
    scene.profile = replace(scene.profile, progress={"a": many})

    offer = answered(scene, Outcome.DECLINED)

    assert offer.attempt == 9999
    assert moment(scene).reason is Reason.EXHAUSTED


# --- what always holds ---

reports = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([each for each in Outcome if each is not Outcome.SUPPRESSED]),
        st.integers(0, 60),
    ),
    min_size=2,
    max_size=4,
)

rules = st.sampled_from(
    [
        {"attempts": TWICE},
        {
            "attempts": [
                *TWICE,
                {"content": "default", "wait": {"declined": "9d", "dismissed": "1d"}},
            ]
        },
        {"repeat": {"gap": "3d", "at_most": 3}},
        {"repeat": {}, "kind": "popup"},
        {"attempts": TWICE, "kind": "popup"},
    ]
)


@given(said=rules, told=reports)
def test_row_06_late_reports_of_several_offers_end_alike_in_every_order(
    said: dict[str, Any], told: list[tuple[int, Outcome, int]]
) -> None:
    scene = Scene(campaigns_of(campaign(**said)))
    offers = []
    for device in ("phone", "tablet", "phone"):
        offers.append(offered(scene, device=device))
        scene.wait(11 * MINUTE)
    messages = [
        scene.message(
            event=OUTCOMES[outcome], offer_id=offers[which].offer_id, at=scene.now + second * SECOND
        )
        for which, outcome, second in told
    ]
    scene.wait(HOUR)

    ends = []
    for order in itertools.permutations(messages):
        profile = scene.profile
        for message in order:
            profile = decide(profile, message, scene.campaigns, scene.now).profile
        ends.append(profile.progress["a"])

    assert all(end == ends[0] for end in ends)


more_steps = st.one_of(
    steps,
    st.tuples(
        st.just("late"), st.sampled_from(list(Outcome)), st.integers(0, 9), st.sampled_from(DEVICES)
    ),
    st.tuples(st.just("told"), st.sampled_from([0, HOUR, LONG]), st.just(0), st.just("phone")),
    st.tuples(st.just("edit"), st.just(""), st.just(0), st.just("")),
)


USERS = (USER, User("user", "u4"), User("user", "u7"))
"""Whom the random experiments deal other arms and variants."""


class Checked(Scene):
    """Every message's decision is checked against what must hold whatever the files say."""

    def __init__(self, campaigns: Campaigns, user: User) -> None:
        super().__init__(campaigns, user)
        self.offers: list[Offered] = []
        self.ledger = Ledger()
        self.edited_at = 0

    def send(self, message: Message) -> Decision:
        before = self.profile
        decision = super().send(message)
        assert_stored_as_it_is(self.profile)
        assert_only_one_popup(self.profile, self.now)
        assert_nothing_is_forgotten(before, self.profile)
        assert_no_ask_too_many(decision, before, self.campaigns)
        assert_counted_once(decision, before, self.campaigns)
        assert_offers_dealt(self.profile, self.campaigns, self.now, since=self.edited_at)
        self.ledger.take(decision)
        self.offers += offered_in(decision)
        return decision

    def live(self, step: tuple[Any, ...], others: Campaigns) -> None:
        kind, what, number, device = step
        if kind == "late" and self.offers:
            named = self.offers[-1 - number % len(self.offers)].offer_id
            at = self.now - number * HOUR
            self.track(OUTCOMES[what], offer_id=named, at=at, device=device)
        elif kind == "told":
            self.identify(declined_at=self.now - what)
        elif kind == "edit":
            self.wait(1)
            self.campaigns, self.edited_at = others, self.now
        elif kind not in ("late", "told", "edit"):
            live(self, step)


@given(
    campaigns=any_sets,
    others=any_sets,
    life=st.lists(more_steps, max_size=25),
    event=st.sampled_from(EVENTS),
    user=st.sampled_from(USERS),
)
def test_late_reports_told_declines_and_edits_break_nothing(
    campaigns: Campaigns, others: Campaigns, life: list[tuple[Any, ...]], event: str, user: User
) -> None:
    scene = Checked(campaigns, user)
    for step in life:
        scene.live(step, others)
    for _ in range(3):
        for each in (event, "Order"):
            scene.track(each, push=NEVER_ASKED, properties={"n": 4})
        scene.wait(LONG)


def assert_stored_as_it_is(profile: Profile) -> None:
    assert codec.decode(codec.encode(profile, {})) == (profile, {})


def assert_only_one_popup(profile: Profile, now: int) -> None:
    offers = [each for each in profile.progress.values() if frequency.open_offer(each, now)]
    screens = [each for each in profile.progress.values() if frequency.is_on_screen(each, now)]
    assert len(offers) <= 1
    assert not (offers and screens)


def assert_nothing_is_forgotten(before: Profile, after: Profile) -> None:
    for campaign_id, was in before.progress.items():
        now = after.progress[campaign_id]
        assert now.attempts >= was.attempts
        assert (now.declined_at or 0) >= (was.declined_at or 0)
        assert now.spent >= was.spent or len(now.forgiven) > len(was.forgiven)
        assert {each.serial for each in now.seen} >= {each.serial for each in was.seen}


def assert_no_ask_too_many(decision: Decision, before: Profile, campaigns: Campaigns) -> None:
    if decision.reason is not Reason.OFFER_GRANTED:
        return
    [offer] = offered_in(decision)
    rules = campaigns.seen_by(before.user).by_id[offer.campaign]
    known = before.progress.get(offer.campaign, Progress())
    assert offer.attempt <= rules.at_most
    assert len(known.seen) < rules.at_most + 2, "two dismissals at most are forgiven"
    answered = known.outcome in (Outcome.APPROVED, Outcome.DECLINED)
    assert not (answered and known.outcome_of in known.forgiven)


def assert_counted_once(decision: Decision, before: Profile, campaigns: Campaigns) -> None:
    ids = [fact.id for fact in decision.facts]
    assert len(ids) == len(set(ids))
    if campaigns.is_test(decision.profile.user):
        assert not ids
        assert windows(decision.profile) <= windows(before)


def windows(profile: Profile) -> set[tuple[str, int | None]]:
    """The rows that stand for windows."""
    ways = profile.progress.items()
    return {(campaign, each.retry_at) for campaign, each in ways if each.window}
