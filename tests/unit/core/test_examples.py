"""The example campaigns, each played through its whole life."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cli.campaigns import read_campaign, read_package
from functions.core.advice import warnings
from functions.core.campaign import CampaignFile, Published
from functions.core.compiling import compile_all
from functions.core.eligibility import rollout_salt
from functions.core.experiment import (
    DIRECT_PROMPT,
    HOLDOUT,
    SOFT_ASK,
    arm_of,
    share,
    variant_of,
)
from functions.core.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    FactKind,
    OpenDeeplink,
    Outcome,
    RequestOsPermission,
    Snapshot,
    User,
    Withdraw,
)
from functions.core.moments import parse_time
from functions.core.reason import Reason
from functions.core.verdict import Decision
from tests.unit.core.scene import (
    NEVER_ASKED,
    ROOT,
    Scene,
    campaigns_of,
    offer_of,
    shipped_package,
)

EXAMPLES = ROOT / "campaigns" / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))

PROVISIONAL = Snapshot(status="provisional", prompts_used=0)
GRANTED = Snapshot(status="authorized")
DENIED = Snapshot(status="denied", prompts_used=1)


def example(name: str) -> CampaignFile:
    return read_campaign(EXAMPLES / f"{name}.yaml", shipped_package().settings)


def opening(file: CampaignFile, user: User | None = None) -> Scene:
    """A user who was never heard of, and that campaign alone."""
    return Scene(campaigns_of(file), user or User("user", "u1"))


def users() -> Iterator[User]:
    return (User("user", f"u{number}") for number in range(10_000))


def verdict(decision: Decision) -> Reason:
    """Why a trigger of the one campaign showed what it did."""
    [judged] = [each.reason for each in decision.reasons if each.campaign]
    return judged


def kinds(decision: Decision) -> list[FactKind]:
    return [fact.kind for fact in decision.facts]


def show(scene: Scene, decision: Decision) -> OpenDeeplink:
    """The offer that the decision must have brought, shown at once."""
    offer = offer_of(decision)
    assert verdict(scene.report(Outcome.SHOWN, offer)) is Reason.SHOWN
    return offer


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_valid_under_the_shipped_settings(path: Path) -> None:
    file = read_campaign(path, shipped_package().settings)

    assert file.status == "active"
    assert path.read_text().startswith("# yaml-language-server: $schema=../../docs/campaign.schema")


def test_the_examples_can_be_served_together() -> None:
    files = [read_campaign(path, shipped_package().settings) for path in FILES]

    served = compile_all(shipped_package().settings, [Published(file) for file in files])

    assert len(served.by_id) == len(FILES) == 7


def test_no_example_is_served_unasked() -> None:
    served = {file.id for file in read_package(ROOT / "campaigns").campaigns}

    assert served == {"push-softask"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_example_asks_at_an_install_or_a_sessions_start(path: Path) -> None:
    told = warnings(example(path.stem), shipped_package().settings, None)

    assert [text for text in told if text.startswith("trigger ")] == []


class TestTheRecipeWithAHoldout:
    """recipe-with-holdout.yaml."""

    file = example("recipe-with-holdout")

    def user_in(self, arm: str) -> User:
        weights = ((SOFT_ASK, 90), (HOLDOUT, 10))
        return next(user for user in users() if arm_of("autumn-2026", weights, user) == arm)

    def test_a_tenth_of_the_users_is_held_out(self) -> None:
        weights = campaigns_of(self.file).by_id[self.file.id].arms
        assert weights == ((SOFT_ASK, 90), (HOLDOUT, 10))
        held_out = sum(arm_of("autumn-2026", weights, user) == HOLDOUT for user in users())

        assert 900 < held_out < 1_100

    def test_the_holdout_is_exposed_once_and_shown_nothing(self) -> None:
        scene = opening(self.file, self.user_in(HOLDOUT))

        first = scene.value()
        scene.wait(DAY)
        second = scene.value()

        assert (first.actions, second.actions) == ((), ())
        assert verdict(first) is verdict(second) is Reason.HELD_OUT
        assert kinds(first) == [FactKind.EXPOSED, FactKind.HELD_OUT]
        assert {fact.arm for fact in first.facts} == {HOLDOUT}
        assert kinds(second) == []

    def test_the_holdout_is_exposed_only_where_the_others_would_be_asked(self) -> None:
        scene = opening(self.file, self.user_in(HOLDOUT))

        decision = scene.value(push=DENIED)

        assert verdict(decision) is Reason.PERMISSION_DENIED
        assert kinds(decision) == [FactKind.DENIED]

    def test_whoever_was_held_out_stays_so_when_the_holdout_ends(self) -> None:
        scene = opening(self.file, self.user_in(HOLDOUT))
        scene.value()
        assert self.file.experiment is not None
        ended = replace(self.file.experiment.arms, holdout=0)
        experiment = replace(self.file.experiment, arms=ended)

        scene.campaigns = campaigns_of(replace(self.file, experiment=experiment))

        assert verdict(scene.value()) is Reason.HELD_OUT

    def test_the_others_get_the_recipe_and_count_as_exposed(self) -> None:
        scene = opening(self.file, self.user_in(SOFT_ASK))

        first = scene.value()
        assert kinds(first) == [FactKind.EXPOSED, FactKind.OFFERED]
        assert {fact.arm for fact in first.facts} == {SOFT_ASK}
        scene.report(Outcome.DECLINED, show(scene, first))

        scene.wait(14 * DAY)
        retry = show(scene, scene.value())
        assert (retry.attempt, retry.arm) == (2, SOFT_ASK)
        assert retry.content.title == "Keep your streak going?"
        declined = scene.report(Outcome.DECLINED, retry)
        assert FactKind.EXHAUSTED in kinds(declined)
        scene.wait(365 * DAY)
        assert verdict(scene.value()) is Reason.EXHAUSTED

    def test_the_retry_waits_for_14_days_to_the_second(self) -> None:
        scene = opening(self.file, self.user_in(SOFT_ASK))
        scene.report(Outcome.DECLINED, show(scene, scene.value()))

        scene.wait(14 * DAY - SECOND)
        assert verdict(scene.value()) is Reason.IN_RETRY_WINDOW
        scene.wait(SECOND)
        assert offer_of(scene.value()).attempt == 2


class TestTheRecipeInThreeArms:
    """recipe-in-three-arms.yaml."""

    file = example("recipe-in-three-arms")
    weights = ((SOFT_ASK, 80), (HOLDOUT, 10), (DIRECT_PROMPT, 10))
    halves = (("plain", 50), ("warm", 50))

    def user_in(self, arm: str, variant: str = "plain") -> User:
        return next(
            user
            for user in users()
            if arm_of("winter-2026", self.weights, user) == arm
            and variant_of("winter-2026", self.halves, user) == variant
        )

    def pushed(self, scene: Scene) -> Decision:
        return scene.track("SessionStarted", properties={"source": "push"})

    def test_every_arm_gets_its_share(self) -> None:
        campaign = campaigns_of(self.file).by_id[self.file.id]
        assert campaign.arms == self.weights
        assert tuple((each.name, each.weight) for each in campaign.variants) == self.halves
        arms = [arm_of("winter-2026", self.weights, user) for user in users()]

        assert 7_800 < arms.count(SOFT_ASK) < 8_200
        assert 850 < arms.count(HOLDOUT) < 1_150
        assert 850 < arms.count(DIRECT_PROMPT) < 1_150

    @pytest.mark.parametrize(
        ("variant", "title"),
        [("plain", "Get daily streak reminders?"), ("warm", "Shall we look after your streak?")],
    )
    def test_the_words_of_the_first_ask_are_compared(self, variant: str, title: str) -> None:
        scene = opening(self.file, self.user_in(SOFT_ASK, variant))

        first = scene.value()
        assert {(fact.arm, fact.variant) for fact in first.facts} == {(SOFT_ASK, variant)}
        offer = show(scene, first)
        assert offer.content.title == title
        scene.report(Outcome.DECLINED, offer)
        scene.wait(14 * DAY)
        assert offer_of(scene.value()).content.title == "Keep your streak going?"

    def test_the_direct_prompt_asks_the_os_and_its_answer_is_the_outcome(self) -> None:
        scene = opening(self.file, self.user_in(DIRECT_PROMPT))

        [action] = scene.value().actions
        assert isinstance(action, RequestOsPermission)
        scene.wait(MINUTE)
        assert kinds(scene.track("PushPermissionChanged", push=GRANTED)) == [
            FactKind.SHOWN,
            FactKind.GRANTED,
            FactKind.CONVERTED,
            FactKind.PROMPTED,
            FactKind.OPTED_IN,
        ]
        scene.wait(365 * DAY)
        assert verdict(scene.value(push=GRANTED)) is Reason.ALREADY_GRANTED

    def test_what_the_os_refused_is_not_asked_again(self) -> None:
        scene = opening(self.file, self.user_in(DIRECT_PROMPT))
        scene.value()
        scene.track("PushPermissionChanged", push=DENIED)

        scene.wait(365 * DAY)

        assert verdict(scene.value(push=DENIED)) is Reason.PERMISSION_DENIED

    @pytest.mark.parametrize("arm", [SOFT_ASK, HOLDOUT, DIRECT_PROMPT])
    def test_sessions_by_a_push_count_in_every_arm_from_the_exposure_on(self, arm: str) -> None:
        scene = opening(self.file, self.user_in(arm))
        assert kinds(self.pushed(scene)) == []
        scene.wait(MINUTE)
        scene.value()
        scene.wait(HOUR)

        goals = [fact for _ in range(2) for fact in self.pushed(scene).facts]

        assert [(fact.kind, fact.ordinal, fact.arm) for fact in goals] == [
            (FactKind.GOAL, 1, arm),
            (FactKind.GOAL, 2, arm),
        ]
        assert kinds(scene.track("SessionStarted", properties={"source": "icon"})) == []


class TestAnyUnsubscribedEvery14Days:
    """any-unsubscribed-every-14-days.yaml."""

    file = example("any-unsubscribed-every-14-days")

    @pytest.mark.parametrize(
        ("push", "route"),
        [
            (NEVER_ASKED, "os_prompt"),
            (PROVISIONAL, "os_prompt"),
            (DENIED, "open_settings"),
            (Snapshot(status="authorized", opted_out=True), "in_app_opt_in"),
        ],
    )
    def test_every_device_without_push_is_asked_and_led_where_it_helps(
        self, push: Snapshot, route: str
    ) -> None:
        offer = offer_of(opening(self.file).value(push=push))

        assert offer.on_approve == route

    def test_a_device_that_gets_push_is_never_asked(self) -> None:
        assert verdict(opening(self.file).value(push=GRANTED)) is Reason.ALREADY_GRANTED

    def test_the_gap_counts_from_the_last_show_whatever_was_tapped(self) -> None:
        scene = opening(self.file)
        offer = show(scene, scene.value())
        scene.wait(HOUR)
        scene.report(Outcome.DECLINED, offer)

        scene.wait(14 * DAY - HOUR - SECOND)
        assert verdict(scene.value()) is Reason.IN_RETRY_WINDOW
        scene.wait(SECOND)
        assert offer_of(scene.value()).attempt == 2

    def test_it_comes_again_for_years(self) -> None:
        scene = opening(self.file)

        for attempt in range(1, 101):
            offer = show(scene, scene.value(push=DENIED))
            assert offer.attempt == attempt
            assert offer.content.title == "Never miss a reply"
            scene.wait(14 * DAY)

    def test_a_permission_that_was_revoked_is_asked_for_again(self) -> None:
        scene = opening(self.file)
        scene.report(Outcome.APPROVED, show(scene, scene.value()), push=GRANTED)

        scene.wait(14 * DAY)
        assert verdict(scene.value(push=GRANTED)) is Reason.ALREADY_GRANTED
        assert offer_of(scene.value(push=DENIED)).on_approve == "open_settings"


class TestTheProvisionalUpgrade:
    """provisional-upgrade.yaml."""

    file = example("provisional-upgrade")

    def opened(self, scene: Scene, authorization: str | None = "provisional") -> Decision:
        push = Snapshot(status=authorization or "notDetermined")
        properties = {} if authorization is None else {"authorization": authorization}
        return scene.track("NotificationOpened", push=push, properties=properties)

    def test_a_quiet_notification_that_was_opened_asks_for_the_unspent_prompt(self) -> None:
        offer = offer_of(self.opened(opening(self.file)))

        assert offer.on_approve == "os_prompt"
        assert offer.content.title == "Was that worth knowing?"

    @pytest.mark.parametrize("authorization", [None, "authorized", "notDetermined"])
    def test_only_a_device_that_says_provisional_is_asked(self, authorization: str | None) -> None:
        assert verdict(self.opened(opening(self.file), authorization)) is Reason.TRIGGER_NOT_MET

    def test_other_platforms_are_not_in_the_audience(self) -> None:
        decision = opening(self.file).track(
            "NotificationOpened",
            platform="android",
            push=NEVER_ASKED,
            properties={"authorization": "provisional"},
        )

        assert verdict(decision) is Reason.NOT_IN_AUDIENCE

    def test_the_retry_waits_for_30_days_and_three_opened_notifications(self) -> None:
        scene = opening(self.file)
        scene.report(Outcome.DECLINED, show(scene, self.opened(scene)))

        scene.wait(30 * DAY - SECOND)
        assert verdict(self.opened(scene)) is Reason.IN_RETRY_WINDOW
        scene.wait(SECOND)
        assert verdict(self.opened(scene)) is Reason.NO_VALUE_SINCE
        assert offer_of(self.opened(scene)).content.title == "You read these often"

    def test_an_upgrade_ends_it(self) -> None:
        scene = opening(self.file)
        scene.report(Outcome.APPROVED, show(scene, self.opened(scene)))
        granted = scene.track("PushPermissionChanged", push=GRANTED)

        assert kinds(granted) == [
            FactKind.GRANTED,
            FactKind.CONVERTED,
            FactKind.PROMPTED,
            FactKind.OPTED_IN,
        ]
        scene.wait(60 * DAY)
        decision = scene.track(
            "NotificationOpened", push=GRANTED, properties={"authorization": "provisional"}
        )
        assert verdict(decision) is Reason.ALREADY_GRANTED


class TestSessionTime:
    """session-time.yaml."""

    file = example("session-time")

    def session(self, scene: Scene) -> Decision:
        return scene.track("SessionStarted", push=NEVER_ASKED)

    def article(self, scene: Scene) -> Decision:
        return scene.track("ArticleFinished", push=NEVER_ASKED)

    def test_it_draws_no_warning(self) -> None:
        assert warnings(self.file, shipped_package().settings, None) == ()

    def test_a_session_offers_it_five_minutes_on(self) -> None:
        scene = opening(self.file)

        offer = offer_of(self.session(scene))

        assert offer.show_after == 5 * MINUTE
        assert offer.expires_at == scene.now + 15 * MINUTE

    def test_the_wait_runs_on_while_the_offer_is_repeated(self) -> None:
        scene = opening(self.file)
        offer = offer_of(self.session(scene))

        scene.wait(2 * MINUTE)
        again = offer_of(self.article(scene))

        assert again.offer_id == offer.offer_id
        assert again.show_after == 3 * MINUTE

    def test_a_short_session_spends_nothing(self) -> None:
        scene = opening(self.file)
        self.session(scene)

        scene.wait(15 * MINUTE)
        article = offer_of(self.article(scene))

        assert (article.attempt, article.show_after) == (1, 0)

    def test_once_in_a_session(self) -> None:
        scene = opening(self.file)
        scene.report(Outcome.DECLINED, show(scene, self.session(scene)))

        scene.wait(HOUR)
        assert verdict(self.article(scene)) is Reason.FREQUENCY_CAP
        scene.wait(HOUR)
        assert offer_of(self.session(scene)).attempt == 2

    def test_twice_in_30_days(self) -> None:
        scene = opening(self.file)
        scene.report(Outcome.DECLINED, show(scene, self.session(scene)))
        scene.wait(DAY)
        scene.report(Outcome.DECLINED, show(scene, self.session(scene)))

        scene.wait(29 * DAY - SECOND)
        assert verdict(self.session(scene)) is Reason.FREQUENCY_CAP
        scene.wait(SECOND)
        assert offer_of(self.session(scene)).attempt == 3

    def test_six_times_in_all(self) -> None:
        scene = opening(self.file)
        for _ in range(6):
            scene.report(Outcome.DECLINED, show(scene, self.session(scene)))
            scene.wait(30 * DAY)

        assert verdict(self.session(scene)) is Reason.EXHAUSTED


class TestRateTheApp:
    """rate-the-app.yaml."""

    file = example("rate-the-app")

    def scene(self) -> Scene:
        """In November."""
        scene = opening(self.file)
        scene.now = parse_time("2026-11-02T12:00:00Z")
        return scene

    def order(self, scene: Scene, rating: Any = 5, **fields: Any) -> Decision:
        return scene.track("OrderCompleted", properties={"rating": rating}, **fields)

    def tell(self, scene: Scene, outcome: str, offer: OpenDeeplink) -> Decision:
        return scene.track(f"RatePopup{outcome}", offer_id=offer.offer_id)

    @pytest.mark.parametrize("rating", [4, 4.5, 5])
    def test_a_pleased_buyer_is_asked_and_no_prompt_follows(self, rating: float) -> None:
        offer = offer_of(self.order(self.scene(), rating))

        assert offer.on_approve is None
        assert offer.content.extras == {
            "image": "https://static.example.com/rate/stars.png",
            "layout": "sheet",
            "stars": 5,
        }

    @pytest.mark.parametrize("push", [NEVER_ASKED, GRANTED, DENIED])
    def test_the_permission_plays_no_part(self, push: Snapshot) -> None:
        assert offer_of(self.order(self.scene(), push=push)).campaign == "rate-the-app"

    @pytest.mark.parametrize("rating", [3.9, "5", None, True])
    def test_other_orders_do_not_ask(self, rating: Any) -> None:
        assert verdict(self.order(self.scene(), rating)) is Reason.TRIGGER_NOT_MET

    def test_it_runs_from_october_to_the_end_of_the_year(self) -> None:
        scene = self.scene()

        scene.now = parse_time("2026-09-30T23:59:59Z")
        assert verdict(self.order(scene)) is Reason.NOT_STARTED
        scene.now = parse_time("2026-10-01")
        offer = offer_of(self.order(scene))
        scene.now = parse_time("2037-01-01")
        assert verdict(self.order(scene)) is Reason.ENDED
        assert offer.attempt == 1

    def test_an_open_offer_is_taken_back_with_the_end_of_the_year(self) -> None:
        scene = self.scene()
        scene.now = parse_time("2036-12-31T23:55:00Z")
        offer = offer_of(self.order(scene))

        scene.wait(5 * MINUTE)

        assert self.order(scene).actions == (Withdraw(offer_id=offer.offer_id, reason="ended"),)

    def test_a_call_for_help_calls_it_off_for_a_week(self) -> None:
        scene = self.scene()
        scene.track("SupportRequested")

        scene.wait(7 * DAY - SECOND)
        assert verdict(self.order(scene)) is Reason.CALLED_OFF
        scene.wait(SECOND)
        assert offer_of(self.order(scene)).attempt == 1

    def test_yes_is_the_end_of_it(self) -> None:
        scene = self.scene()
        offer = offer_of(self.order(scene))
        approved = self.tell(scene, "Approved", offer)

        assert kinds(approved) == [FactKind.SHOWN, FactKind.APPROVED]
        scene.wait(DAY)
        assert verdict(self.order(scene)) is Reason.ALREADY_APPROVED

    def test_who_rated_elsewhere_is_not_asked(self) -> None:
        scene = self.scene()
        scene.identify({"rated_the_app": True})

        assert verdict(self.order(scene)) is Reason.NOT_IN_AUDIENCE

    def test_later_means_60_days(self) -> None:
        scene = self.scene()
        scene.now = parse_time("2026-10-01")
        self.tell(scene, "Declined", offer_of(self.order(scene)))

        scene.wait(60 * DAY - SECOND)
        assert verdict(self.order(scene)) is Reason.IN_RETRY_WINDOW
        scene.wait(SECOND)
        assert offer_of(self.order(scene)).attempt == 2

    def test_closed_without_an_answer_the_same_attempt_comes_once_more(self) -> None:
        scene = self.scene()
        self.tell(scene, "Dismissed", offer_of(self.order(scene)))

        scene.wait(3 * DAY - SECOND)
        assert verdict(self.order(scene)) is Reason.IN_RETRY_WINDOW
        scene.wait(SECOND)
        again = offer_of(self.order(scene))
        assert again.attempt == 1
        self.tell(scene, "Dismissed", again)
        scene.wait(3 * DAY)
        assert verdict(self.order(scene)) is Reason.IN_RETRY_WINDOW

    def test_two_shows_in_90_days_are_the_most(self) -> None:
        """The 60 days after two shows are over by then, and the cap is not."""
        scene = self.scene()
        scene.now = parse_time("2026-10-01")
        self.tell(scene, "Dismissed", offer_of(self.order(scene)))
        scene.wait(3 * DAY)
        self.tell(scene, "Declined", offer_of(self.order(scene)))

        scene.wait(60 * DAY)
        assert verdict(self.order(scene)) is Reason.FREQUENCY_CAP
        scene.now = parse_time("2026-10-01") + 90 * DAY
        assert offer_of(self.order(scene)).attempt == 2

    def test_a_push_ask_of_the_same_order_goes_first(self) -> None:
        asking = replace(example("any-unsubscribed-every-14-days"), trigger=self.file.trigger)
        scene = self.scene()
        scene.campaigns = campaigns_of(self.file, asking)

        decision = self.order(scene, push=NEVER_ASKED)

        assert offer_of(decision).campaign == "any-unsubscribed"
        assert [each.reason for each in decision.reasons] == [
            Reason.OFFER_GRANTED,
            Reason.OFFER_OPEN,
        ]


class TestTheStagedRollout:
    """staged-rollout.yaml."""

    file = example("staged-rollout")
    denied_once = Snapshot(status="denied", ever_asked=True, rationale=True, prompts_used=1)
    denied_for_good = Snapshot(status="denied", ever_asked=True, rationale=False, prompts_used=2)

    salt = rollout_salt(campaigns_of(file).by_id[file.id])

    def point(self, user: User) -> float:
        return share(self.salt, user)

    def scene(self, *, low: float = 0, high: float = 10, **traits: Any) -> Scene:
        """A user between those percents of the rollout, with three sessions, on Android."""
        user = next(user for user in users() if low <= self.point(user) < high)
        scene = opening(self.file, user)
        scene.identify({"session_count": 3, **traits})
        return scene

    def order(self, scene: Scene, **fields: Any) -> Decision:
        usual = {"platform": "android", "push": NEVER_ASKED}
        return scene.track("OrderCompleted", **{**usual, **fields})

    def third(self, scene: Scene, **fields: Any) -> Decision:
        """Two orders that ask nothing, and the one that may."""
        for _ in range(2):
            assert verdict(self.order(scene, **fields)) is Reason.TRIGGER_NOT_MET
        return self.order(scene, **fields)

    def test_every_third_order_asks(self) -> None:
        scene = self.scene()

        offer = show(scene, self.third(scene))

        scene.report(Outcome.DECLINED, offer)
        assert verdict(self.third(scene)) is Reason.IN_RETRY_WINDOW

    def test_nine_of_ten_users_are_not_in_the_rollout_yet(self) -> None:
        assert verdict(self.third(self.scene(low=10, high=10.2))) is Reason.NOT_IN_ROLLOUT
        inside = sum(self.point(user) < 10 for user in users())
        assert 900 < inside < 1_100

    def test_raising_the_rollout_keeps_those_in_it_and_adds_others(self) -> None:
        for low, high in ((0, 10), (10, 20)):
            scene = self.scene(low=low, high=high)
            scene.campaigns = campaigns_of(replace(self.file, rollout=20))

            assert offer_of(self.third(scene)).attempt == 1

    def test_new_users_are_not_asked(self) -> None:
        assert verdict(self.third(self.scene(session_count=2))) is Reason.NOT_IN_AUDIENCE

    @pytest.mark.parametrize(
        ("event", "properties", "off_for"),
        [("PaymentFailed", {}, DAY), ("CrashReported", {"fatal": True}, 2 * HOUR)],
    )
    def test_what_went_wrong_calls_it_off(
        self, event: str, properties: dict[str, Any], off_for: int
    ) -> None:
        scene = self.scene()
        scene.track(event, properties=properties)

        scene.wait(off_for - SECOND)
        assert verdict(self.third(scene)) is Reason.CALLED_OFF
        scene.wait(SECOND)
        assert verdict(self.third(scene)) is Reason.OFFER_GRANTED

    def test_a_crash_that_was_not_fatal_calls_nothing_off(self) -> None:
        scene = self.scene()
        scene.track("CrashReported", properties={"fatal": False})

        assert verdict(self.third(scene)) is Reason.OFFER_GRANTED

    def test_an_offer_is_taken_back_when_something_goes_wrong_meanwhile(self) -> None:
        scene = self.scene()
        offer = offer_of(self.third(scene))

        failed = scene.track("PaymentFailed")

        assert failed.actions == (Withdraw(offer_id=offer.offer_id, reason="called_off"),)

    @pytest.mark.parametrize(
        ("platform", "style"), [("android", "card"), ("ios", "sheet"), ("web", None)]
    )
    def test_every_platform_has_its_deeplink(self, platform: str, style: str | None) -> None:
        offer = offer_of(self.third(self.scene(), platform=platform))

        link = "yourapp://popup/order-updates?" + (f"style={style}&" if style else "")
        assert offer.deeplink == f"{link}offerId={offer.offer_id}&attempt=1"

    @pytest.mark.parametrize(
        ("locale", "title"),
        [
            ("en-GB", "Shall we keep you posted, dear guest?"),
            ("de_AT", "Auf dem Laufenden bleiben, lieber Gast?"),
            ("zh-Hant-TW", "您好"),
            ("zh-Hans-CN", "Shall we keep you posted, dear guest?"),
            ("pt-BR", "Shall we keep you posted, dear guest?"),
        ],
    )
    def test_the_popup_speaks_the_phones_language(self, locale: str, title: str) -> None:
        offer = offer_of(self.third(self.scene(), locale=locale))

        assert offer.content.title.startswith(title)

    def test_a_name_is_said_only_to_a_user_who_proved_to_be_that_user(self) -> None:
        said = {}
        for verified in (True, False):
            offer = offer_of(self.third(self.scene(first_name="Ada"), verified=verified))
            said[verified] = offer.content.title

        assert said[True] == "Shall we keep you posted, Ada?"
        assert said[False] == "Shall we keep you posted, dear guest?"

    @pytest.mark.parametrize(
        ("outcome", "wait"), [(Outcome.DECLINED, 14 * DAY), (Outcome.DISMISSED, 3 * DAY)]
    )
    def test_the_second_ask_waits_by_the_answer(self, outcome: Outcome, wait: int) -> None:
        scene = self.scene()
        scene.report(outcome, show(scene, self.third(scene)))

        scene.wait(wait - SECOND)
        assert verdict(self.third(scene)) is Reason.IN_RETRY_WINDOW
        scene.wait(SECOND)
        second = offer_of(self.third(scene))
        assert (second.attempt, second.content.title) == (2, "Order updates: on its way?")

    def test_after_a_denied_prompt_the_second_ask_comes_90_days_on(self) -> None:
        scene = self.scene()
        scene.report(Outcome.APPROVED, show(scene, self.third(scene)))
        scene.track("PushPermissionChanged", push=self.denied_once, platform="android")

        scene.wait(90 * DAY - SECOND)
        assert verdict(self.third(scene, push=self.denied_once)) is Reason.IN_RETRY_WINDOW
        scene.wait(SECOND)
        second = show(scene, self.third(scene, push=self.denied_once))
        assert second.on_approve == "os_prompt"
        scene.report(Outcome.APPROVED, second)
        scene.track("PushPermissionChanged", push=self.denied_for_good, platform="android")
        scene.wait(365 * DAY)
        settled = self.third(scene, push=self.denied_for_good)
        assert verdict(settled) is Reason.PERMISSION_SETTLED

    @pytest.mark.parametrize(
        ("first", "until_second", "until_third"),
        [
            (Outcome.DISMISSED, 3 * DAY, 30 * DAY),
            (Outcome.DECLINED, 14 * DAY, (60 - 14) * DAY),
        ],
    )
    def test_the_third_ask_waits_30_days_after_a_dismissal_and_60_after_any_decline(
        self, first: Outcome, until_second: int, until_third: int
    ) -> None:
        scene = self.scene(plan="plus")
        scene.report(first, show(scene, self.third(scene)))
        scene.wait(until_second)
        scene.report(Outcome.DISMISSED, show(scene, self.third(scene)))

        scene.wait(until_third - SECOND)
        assert verdict(self.third(scene)) is Reason.IN_RETRY_WINDOW
        scene.wait(SECOND)
        assert offer_of(self.third(scene)).attempt == 3

    @pytest.mark.parametrize(
        ("plan", "reason"),
        [("pro", Reason.OFFER_GRANTED), ("free", Reason.ATTEMPT_NOT_FOR_USER)],
    )
    def test_the_third_ask_is_for_members(self, plan: str, reason: Reason) -> None:
        scene = self.scene(plan=plan)
        for wait in (14 * DAY, 60 * DAY):
            scene.report(Outcome.DECLINED, show(scene, self.third(scene)))
            scene.wait(wait)

        third = self.third(scene)

        assert verdict(third) is reason
        if plan == "pro":
            scene.report(Outcome.DECLINED, show(scene, third))
            scene.wait(365 * DAY)
            assert verdict(self.third(scene)) is Reason.EXHAUSTED

    def test_an_order_that_arrives_late_counts_and_asks_nothing(self) -> None:
        scene = self.scene()

        assert verdict(self.third(scene, age=2 * MINUTE + 1)) is Reason.STALE_TRIGGER
        assert verdict(self.third(scene, age=2 * MINUTE)) is Reason.OFFER_GRANTED
