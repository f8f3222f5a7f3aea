"""The phone that makes outcomes up, and the one that knows them from the recording."""

from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from cli.backtest.phone import Rates, RecordedPhone, SimulatedPhone
from cli.backtest.recording import Lives
from cli.backtest.run import read_campaigns
from functions.core.compiled import Campaigns
from functions.core.model import (
    Content,
    Message,
    OpenDeeplink,
    Outcome,
    Snapshot,
    User,
    Withdraw,
)

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "campaigns"

NOW = 1_790_000_000_000
ANN = User("user", "ann")
TRIGGER = Message(
    id="m1",
    content=b"",
    kind="track",
    user=ANN,
    at=NOW,
    event="ValueMomentReached",
    device="d1",
    platform="ios",
    push=Snapshot(status="notDetermined", prompts_used=0),
)
OFFER = OpenDeeplink(
    campaign="push-softask",
    campaign_version=0,
    offer_id="of_1",
    attempt=1,
    arm="soft_ask",
    user_id="ann",
    deeplink="",
    content=Content(locale="en", title="", body="", approve=""),
    on_approve="os_prompt",
    show_after=0,
    expires_at=NOW + 600_000,
)


@cache
def shipped() -> Campaigns:
    [(_, campaigns)] = read_campaigns([FOLDER / "push-softask.yaml"], FOLDER / "settings.yaml")
    return campaigns


def phone(**rates: float) -> SimulatedPhone:
    lives = Lives()
    lives.see("ann", None, NOW - 1_000)
    said = {"approve": 0.0, "decline": 0.0, "dismiss": 0.0, "grant": 0.0, **rates}
    return SimulatedPhone(shipped(), Rates(**said), lives)  # type: ignore[arg-type]


def reported(simulated: SimulatedPhone, until: int = NOW + 60_000) -> list[str]:
    return [message.event for _, message in simulated.due(ANN, until)]


# --- rates ---


def test_users_answer_at_the_stated_rates() -> None:
    rates = Rates(approve=0.5, decline=0.3, dismiss=0.1, seed=3)
    answers = [rates.answer(User("user", str(number)), 1) for number in range(20_000)]

    for outcome, rate in (
        (Outcome.APPROVED, 0.5),
        (Outcome.DECLINED, 0.3),
        (Outcome.DISMISSED, 0.1),
        (None, 0.1),
    ):
        assert answers.count(outcome) / len(answers) == pytest.approx(rate, abs=0.01)


def test_a_users_answer_depends_on_the_user_the_popup_and_the_seed_alone() -> None:
    rates = Rates()

    assert len({rates.answer(ANN, ordinal) for ordinal in range(30)}) == 4
    assert len({Rates(seed=seed).answer(ANN, 1) for seed in range(30)}) == 4
    assert [rates.answer(ANN, 1) for _ in range(3)] == [Rates().answer(ANN, 1)] * 3


# --- the simulated phone ---


@pytest.mark.parametrize(
    ("rates", "events"),
    [
        ({}, ["PushSoftAskShown"]),
        ({"decline": 1.0}, ["PushSoftAskShown", "PushSoftAskDeclined"]),
        ({"dismiss": 1.0}, ["PushSoftAskShown", "PushSoftAskDismissed"]),
        (
            {"approve": 1.0},
            ["PushSoftAskShown", "PushSoftAskApproved", "PushPermissionChanged"],
        ),
    ],
)
def test_an_offer_is_shown_and_then_answered(rates: dict[str, float], events: list[str]) -> None:
    simulated = phone(**rates)
    simulated.receive(OFFER, TRIGGER, NOW)

    assert reported(simulated, NOW + 1_999) == []
    assert reported(simulated, NOW + 2_000) == ["PushSoftAskShown"]
    assert reported(simulated) == events[1:]
    assert reported(simulated) == []


def test_a_popup_waits_as_long_as_the_offer_says() -> None:
    simulated = phone()
    simulated.receive(replace(OFFER, show_after=300_000), TRIGGER, NOW)

    assert reported(simulated, NOW + 300_000) == []
    assert reported(simulated, NOW + 302_000) == ["PushSoftAskShown"]


def test_an_offer_that_is_repeated_is_shown_once() -> None:
    simulated = phone()
    simulated.receive(OFFER, TRIGGER, NOW)
    simulated.receive(OFFER, TRIGGER, NOW + 1_000)

    assert reported(simulated, NOW + 2_000) == ["PushSoftAskShown"]
    assert reported(simulated) == []


def test_an_offer_that_was_withdrawn_is_not_shown() -> None:
    simulated = phone(approve=1.0)
    simulated.receive(OFFER, TRIGGER, NOW)
    simulated.receive(Withdraw(offer_id="of_1", reason="withdrawn"), TRIGGER, NOW + 1_000)

    assert reported(simulated) == []


def test_what_is_due_after_the_recordings_end_is_not_lost() -> None:
    simulated = phone(decline=1.0)
    simulated.receive(OFFER, TRIGGER, NOW)
    assert reported(simulated, NOW + 2_000) == ["PushSoftAskShown"]

    assert [message.event for _, message in simulated.rest()] == ["PushSoftAskDeclined"]


@pytest.mark.parametrize("route", [None, "open_settings", "in_app_opt_in"])
def test_the_os_prompt_is_answered_only_where_it_is_shown(route: str | None) -> None:
    simulated = phone(approve=1.0)
    simulated.receive(replace(OFFER, on_approve=route), TRIGGER, NOW)

    assert reported(simulated) == ["PushSoftAskShown", "PushSoftAskApproved"]


@pytest.mark.parametrize(
    ("platform", "used", "rationale"),
    [("ios", 0, None), ("android", 0, True), ("android", 1, False)],
)
def test_a_denial_spends_a_prompt_as_the_platform_reports_it(
    platform: str, used: int, rationale: bool | None
) -> None:
    simulated = phone(approve=1.0)
    push = Snapshot(status="notDetermined", prompts_used=used)
    simulated.receive(OFFER, replace(TRIGGER, platform=platform, push=push), NOW)

    _, message = simulated.due(ANN, NOW + 60_000)[-1]

    assert message.push == Snapshot(
        status="denied", prompts_used=used + 1, ever_asked=True, rationale=rationale
    )


def test_the_simulated_answer_holds_against_the_recorded_permission() -> None:
    simulated = phone(approve=1.0, grant=1.0)
    simulated.receive(OFFER, TRIGGER, NOW)
    simulated.due(ANN, NOW + 60_000)
    traits = {"push_permission_status": "denied", "plan": "free"}

    heard = simulated.hear(replace(TRIGGER, traits=traits))
    elsewhere = simulated.hear(replace(TRIGGER, device="d2"))

    assert heard is not None
    assert heard.push is not None
    assert heard.push.status == "authorized"
    assert heard.traits == {"plan": "free"}
    assert elsewhere == replace(TRIGGER, device="d2")


def test_a_message_without_a_snapshot_is_given_none() -> None:
    simulated = phone(approve=1.0)
    simulated.receive(OFFER, TRIGGER, NOW)
    simulated.due(ANN, NOW + 60_000)

    assert simulated.hear(replace(TRIGGER, push=None)) == replace(TRIGGER, push=None)


def test_recorded_outcomes_are_left_out_where_outcomes_are_made_up() -> None:
    assert phone().hear(replace(TRIGGER, event="PushSoftAskDeclined")) is None


def test_asks_within_the_recording_are_not_told_and_earlier_ones_are() -> None:
    push = Snapshot(last_asked_at=NOW, last_declined_at=NOW - 2_000)
    told = replace(TRIGGER, push=push, declined_at=NOW)

    heard = phone().hear(told)

    assert heard == replace(
        TRIGGER, push=Snapshot(last_asked_at=None, last_declined_at=NOW - 2_000), declined_at=None
    )


# --- a login ---

BEFORE = User("anonymous", "a1")
OTHER = replace(OFFER, offer_id="of_2")


def test_what_an_anonymous_id_still_has_to_report_is_the_users() -> None:
    simulated = phone(decline=1.0)
    simulated.receive(OFFER, replace(TRIGGER, user=BEFORE), NOW + 1_000)
    simulated.receive(OTHER, TRIGGER, NOW)

    simulated.join(BEFORE, ANN)

    assert simulated.due(BEFORE, NOW + 60_000) == []
    due = simulated.due(ANN, NOW + 60_000)
    assert [(at - NOW, message.user, message.id) for at, message in due] == [
        (2_000, ANN, "of_2:shown"),
        (3_000, ANN, "of_1:shown"),
        (8_000, ANN, "of_2:declined"),
        (9_000, ANN, "of_1:declined"),
    ]


def test_a_login_withdraws_one_of_two_offers() -> None:
    simulated = phone()
    simulated.receive(OFFER, replace(TRIGGER, user=BEFORE), NOW)
    simulated.receive(OTHER, TRIGGER, NOW)
    simulated.join(BEFORE, ANN)

    simulated.receive(Withdraw(offer_id="of_1", reason="withdrawn"), TRIGGER, NOW)

    assert [message.id for _, message in simulated.rest()] == ["of_2:shown"]


def test_an_offer_from_before_the_login_is_not_shown_once_more() -> None:
    simulated = phone()
    simulated.receive(OFFER, replace(TRIGGER, user=BEFORE), NOW)
    simulated.due(BEFORE, NOW + 60_000)
    simulated.join(BEFORE, ANN)

    simulated.receive(OFFER, TRIGGER, NOW + 60_000)

    assert simulated.rest() == []


def test_popups_are_counted_through_the_login() -> None:
    simulated = phone(decline=0.4, approve=0.4, dismiss=0.1)
    rates = Rates(decline=0.4, approve=0.4, dismiss=0.1, grant=0)
    third = next(n for n in range(100) if rates.answer(User("user", f"u{n}"), 3) is None)
    user = User("user", f"u{third}")
    for number, whose in enumerate((BEFORE, user), start=1):
        offer = replace(OFFER, offer_id=f"of_{number}")
        simulated.receive(offer, replace(TRIGGER, user=whose), NOW)
        simulated.due(whose, NOW + 60_000)
    simulated.join(BEFORE, user)

    simulated.receive(replace(OFFER, offer_id="of_3"), replace(TRIGGER, user=user), NOW)

    assert [message.id for _, message in simulated.rest()] == ["of_3:shown"]


def test_what_the_os_prompt_was_answered_before_the_login_holds_after_it() -> None:
    simulated = phone(approve=1.0, grant=1.0)
    simulated.receive(OFFER, replace(TRIGGER, user=BEFORE), NOW)
    simulated.due(BEFORE, NOW + 60_000)

    simulated.join(BEFORE, ANN)
    heard = simulated.hear(TRIGGER)

    assert heard is not None
    assert heard.push is not None
    assert heard.push.status == "authorized"


# --- the recorded phone ---


def test_a_recorded_outcome_means_the_newest_offer() -> None:
    outcome = replace(TRIGGER, event="PushSoftAskShown", offer_id="of_of_another_system")

    recorded = RecordedPhone(shipped())

    assert recorded.hear(outcome) == replace(outcome, offer_id=None)
    assert recorded.hear(TRIGGER) is TRIGGER
