"""What happens at the same time, in every order that a seeded scheduler finds."""

import json

import pytest

from functions.core.model import OfferState
from functions.sweep.service import Sweeper
from tests.integration.conftest import DAY, App, Database, Json, items, message
from tests.integration.scheduler import Scheduler

SEEDS = range(25)


@pytest.mark.parametrize("seed", SEEDS)
def test_row_03_two_devices_get_one_offer(app: App, database: Database, seed: int) -> None:
    scheduler = Scheduler(seed)
    database.before = scheduler.turn
    offers = scheduler.run(
        lambda: app.value_moment(device="d1"), lambda: app.value_moment(device="d2")
    )
    assert len([offer for offer in offers if offer]) == 1
    assert app.profile().progress["push-softask"].elsewhere == {}


@pytest.mark.parametrize("seed", SEEDS)
def test_row_01_one_message_sent_twice_at_once_is_counted_once(
    app: App, database: Database, seed: int
) -> None:
    scheduler = Scheduler(seed)
    database.before = scheduler.turn
    send = lambda: app.value_moment(messageId="m1")  # noqa: E731 - the same call, twice
    first, second = scheduler.run(send, send)
    assert first
    assert first == second
    assert app.profile().events["ValueMomentReached"].count == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_row_09_a_decline_and_a_grant_end_alike_in_every_order(
    app: App, database: Database, seed: int
) -> None:
    offer = app.value_moment()
    assert offer
    app.outcome("Shown", offer)
    context = {"device": {"id": "d1"}, "push": {"status": "authorized"}}
    scheduler = Scheduler(seed)
    database.before = scheduler.turn
    scheduler.run(
        lambda: app.outcome("Declined", offer, context={"device": {"id": "d1"}}),
        lambda: app.track("PushPermissionChanged", context=context),
        lambda: app.outcome("Approved", offer, context={"device": {"id": "d1"}}),
    )
    progress = app.profile().progress["push-softask"]
    assert (progress.outcome, progress.declined_at, progress.attempts) == ("declined", app.now, 1)
    app.now += 400 * DAY
    body = {"userId": "u1", "event": "ValueMomentReached", "context": {"device": {"id": "d1"}}}
    assert app.post("/v1/track", body)["actions"] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_row_60_no_third_popup_however_two_phones_race(
    app: App, database: Database, seed: int
) -> None:
    shown = 0
    for round_ in range(4):
        scheduler = Scheduler(1000 * round_ + seed)
        database.before = scheduler.turn
        offers = scheduler.run(
            *(lambda device=device: app.value_moment(device=device) for device in ("d1", "d2"))
        )
        database.before = lambda _: None
        for offer in offers:
            if offer:
                shown += 1
                app.outcome("Declined", offer)
        app.now += 15 * DAY
    assert shown == 2


@pytest.mark.parametrize("seed", SEEDS)
def test_row_22_a_storm_on_one_user_loses_no_decline(
    app: App, database: Database, seed: int
) -> None:
    def send(body: Json) -> int:
        return app.send("/v1/track", json.dumps(body))[0]

    scheduler = Scheduler(seed)
    database.before = scheduler.turn
    moments = [message("ValueMomentReached", device=f"d{i}") for i in range(4)]
    bodies = [*moments, message("PushSoftAskDeclined")]
    statuses = scheduler.run(*(lambda body=body: send(body) for body in bodies))
    database.before = lambda _: None
    assert set(statuses) <= {200, 503}
    profile = app.profile()
    history = profile.events.get("ValueMomentReached")
    assert (history.count if history else 0) == statuses[:4].count(200)
    declined = profile.progress["push-softask"].declined_at if profile.progress else None
    assert (declined == app.now) == (statuses[4] == 200)


@pytest.mark.parametrize("seed", SEEDS)
def test_row_16_two_sweeps_delete_each_window_once(app: App, database: Database, seed: int) -> None:
    for user in range(6):
        app.track("PushSoftAskDeclined", user=f"u{user}")
    due = app.now + 14 * DAY
    scheduler = Scheduler(seed)
    database.before = scheduler.turn
    sweep = lambda: Sweeper(lambda: 60_000, lambda _: None).sweep(due).deleted  # noqa: E731
    assert sum(scheduler.run(sweep, sweep)) == 6
    database.before = lambda _: None
    assert items("SOFTASK_WINDOWS_TABLE") == []


def test_row_22_conflicts_without_end_are_a_503(app: App, database: Database) -> None:
    depth = 0

    def somebody_is_faster(operation: str) -> None:
        nonlocal depth
        if operation == "PutItem" and depth == 0:
            depth += 1
            app.track("ValueMomentReached", device="other")
            depth -= 1

    database.before = somebody_is_faster
    status, answer = app.send("/v1/track", json.dumps(message("ValueMomentReached")))
    assert (status, answer["code"]) == (503, "try_again")
    assert len(app.pauses) == 6
    assert all(0 <= pause <= 0.4 for pause in app.pauses)


def test_a_race_that_is_lost_is_decided_again_on_the_fresher_state(
    app: App, database: Database
) -> None:
    raced = False

    def the_other_device_was_faster(operation: str) -> None:
        nonlocal raced
        if operation == "PutItem" and not raced:
            raced = True
            assert app.value_moment(device="d2")

    database.before = the_other_device_was_faster
    assert app.value_moment(device="d1") is None
    offer = app.profile().progress["push-softask"].offer
    assert offer
    assert (offer.device, offer.state) == ("d2", OfferState.OPEN)
    assert app.profile().events["ValueMomentReached"].count == 2


def test_a_seed_always_gives_the_same_run() -> None:
    def run(seed: int) -> list[int]:
        scheduler, ran = Scheduler(seed), list[int]()

        def work(index: int) -> None:
            for _ in range(3):
                scheduler.turn("")
                ran.append(index)

        scheduler.run(*(lambda index=index: work(index) for index in range(4)))
        return ran

    assert run(5) == run(5)
    assert run(5) != run(6)
