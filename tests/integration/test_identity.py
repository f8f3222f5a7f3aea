"""Who is who: anonymous users who log in, late messages of theirs, and who comes after them."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.core.model import Outcome, Profile, User
from functions.store import profiles
from functions.store.keys import user_key
from tests.integration.conftest import DAY, SECOND, App, Database, Json, items, message
from tests.integration.scheduler import Scheduler

SEEDS = range(25)
ANONYMOUS = User("anonymous", "a1")
RECIPE = "push-softask"


def anonymous(event: str, id_: str = "a1", device: str = "d1", **more: Any) -> Json:
    body = message(event, device=device, **more)
    del body["userId"]
    return {**body, "anonymousId": id_}


def offer_to(app: App, id_: str = "a1", **more: Any) -> Json:
    """What a value moment brings the anonymous id, which must bring something."""
    [action] = app.post("/v1/track", anonymous("ValueMomentReached", id_, **more))["actions"]
    return dict(action)


def tell(app: App, outcome: str, offer: Json, id_: str = "a1", **more: Any) -> Json:
    properties = {"offerId": offer["offerId"]}
    return app.post(
        "/v1/track", anonymous(f"PushSoftAsk{outcome}", id_, properties=properties, **more)
    )


def log_in(app: App, user: str = "u1", id_: str = "a1", device: str = "d1", **more: Any) -> Json:
    context = {"device": {"id": device}}
    body = {"userId": user, "anonymousId": id_, "context": context, **more}
    return app.post("/v1/identify", body)


def own(app: App, user: User = ANONYMOUS) -> profiles.Stored:
    return profiles.find(user, app.now)


def progress_of(profile: Profile) -> Any:
    return profile.progress[RECIPE]


# --- logging in ---


def test_row_40_what_an_anonymous_user_answered_holds_after_the_login(app: App) -> None:
    offer = offer_to(app)
    tell(app, "Shown", offer)
    tell(app, "Declined", offer)
    declined_at = app.now
    app.now += DAY
    log_in(app)
    merged = app.profile()
    assert merged.aliases == {"a1": declined_at}
    assert (progress_of(merged).attempts, progress_of(merged).declined_at) == (1, declined_at)
    assert merged.events["ValueMomentReached"].count == 1
    assert app.value_moment() is None
    app.now += 13 * DAY
    retry = app.value_moment()
    assert retry is not None
    assert retry["attempt"] == 2


def test_row_40_no_third_popup_because_somebody_logged_in(app: App) -> None:
    known = app.value_moment(device="d2")
    assert known
    app.outcome("Declined", known, device="d2")
    tell(app, "Declined", offer_to(app))
    log_in(app)
    for _ in range(4):
        app.now += 20 * DAY
        assert app.value_moment() is None


def test_an_offer_follows_its_user_through_the_login(app: App) -> None:
    offer = offer_to(app)
    log_in(app)
    context = {"device": {"id": "d1"}}
    [still] = app.post("/v1/actions", {"userId": "u1", "context": context})["actions"]
    assert (still["offerId"], still["userId"]) == (offer["offerId"], "u1")
    asked = {"userId": "u1", "offerId": offer["offerId"], "context": context}
    assert app.post("/v1/actions", asked)["actions"] == [still]
    app.outcome("Shown", offer)
    assert progress_of(app.profile()).outcome is Outcome.SHOWN
    app.outcome("Declined", offer)
    assert progress_of(app.profile()).attempts == 1


def test_the_retry_window_follows_its_user_through_the_login(app: App) -> None:
    tell(app, "Declined", offer_to(app))
    [before] = items("SOFTASK_WINDOWS_TABLE")
    log_in(app)
    [after] = items("SOFTASK_WINDOWS_TABLE")
    assert before["user_key"] == {"S": profiles.key_of(ANONYMOUS)}
    assert after["user_key"] == {"S": profiles.key_of(User("user", "u1"))}
    assert after["due_at"] == before["due_at"]


def test_a_login_answers_the_withdrawal_of_what_it_takes_back(app: App) -> None:
    declined = app.value_moment(device="d2")
    assert declined
    app.outcome("Declined", declined, device="d2")
    offer = offer_to(app)
    [action] = log_in(app)["actions"]
    assert action == {"type": "withdraw", "offerId": offer["offerId"], "reason": "withdrawn"}


def test_an_alias_merges_as_a_login_does(app: App) -> None:
    tell(app, "Declined", offer_to(app))
    app.post("/v1/alias", {"userId": "u1", "previousId": "a1"})
    assert progress_of(app.profile()).attempts == 1
    assert own(app).became == profiles.key_of(User("user", "u1"))


def test_traits_of_the_login_are_newer_than_those_of_the_anonymous_id(app: App) -> None:
    app.post("/v1/identify", {"anonymousId": "a1", "traits": {"plan": "free", "level": 3}})
    app.now += SECOND
    log_in(app, traits={"plan": "pro"})
    assert {name: each.value for name, each in app.profile().attributes.items()} == {
        "plan": "pro",
        "level": 3,
    }


# --- what it costs ---


def test_a_first_login_adds_a_read_and_writes_both_in_one_call(
    app: App, database: Database
) -> None:
    offer_to(app)
    database.calls.clear()
    log_in(app)
    assert database.calls == ["GetItem", "GetItem", "TransactWriteItems"]


def test_a_login_that_is_known_costs_one_read(app: App, database: Database) -> None:
    offer_to(app)
    log_in(app)
    before = app.profile()
    database.calls.clear()
    log_in(app)
    assert database.calls == ["GetItem"]
    assert app.profile() == before


def test_a_late_message_of_the_anonymous_id_costs_one_read_more(
    app: App, database: Database
) -> None:
    log_in(app)
    database.calls.clear()
    app.post("/v1/track", anonymous("ValueMomentReached"))
    assert database.calls == ["GetItem", "GetItem", "PutItem"]


# --- afterwards ---


def test_late_messages_of_the_anonymous_id_are_the_users(app: App) -> None:
    offer = offer_to(app)
    log_in(app)
    tell(app, "Shown", offer)
    tell(app, "Declined", offer)
    assert progress_of(app.profile()).outcome is Outcome.DECLINED
    assert own(app).became
    assert own(app).profile.progress == {}


def test_an_id_that_was_never_heard_of_belongs_to_whom_it_logged_in_as(app: App) -> None:
    log_in(app)
    offer_to(app)
    assert app.profile().events["ValueMomentReached"].count == 1


def test_row_41_no_answer_tells_whom_an_anonymous_id_became(app: App) -> None:
    log_in(app)
    offer = offer_to(app)
    assert offer["userId"] == "a1"
    asked = {"anonymousId": "a1", "context": {"device": {"id": "d1"}}}
    [again] = app.post("/v1/actions", asked)["actions"]
    [checked] = app.post("/v1/actions", {**asked, "offerId": offer["offerId"]})["actions"]
    assert again == checked == offer


def test_a_replay_from_before_the_login_counts_nothing_twice(app: App) -> None:
    body = anonymous("ValueMomentReached", messageId="m1")
    first = app.post("/v1/track", body)
    log_in(app)
    again = app.post("/v1/track", body)
    assert [each["offerId"] for each in again["actions"]] == [
        each["offerId"] for each in first["actions"]
    ]
    assert app.profile().events["ValueMomentReached"].count == 1


def test_an_anonymous_id_is_never_merged_into_a_second_user(app: App) -> None:
    tell(app, "Declined", offer_to(app))
    log_in(app, "u1")
    log_in(app, "u2", traits={"plan": "pro"})
    second = app.profile("u2")
    assert second.aliases == {}
    assert second.progress == {}
    assert second.attributes["plan"].value == "pro"
    assert own(app).became == profiles.key_of(User("user", "u1"))


def test_row_63_a_new_id_on_the_same_phone_is_held_back_by_what_the_phone_keeps(
    app: App,
) -> None:
    offer = offer_to(app)
    tell(app, "Shown", offer)
    tell(app, "Declined", offer)
    log_in(app, "u1")
    # Logged out: a new anonymous id; the client keeps when the install was asked and declined.
    kept = {"lastAskedAt": "2026-11-21T10:00:00Z", "lastDeclinedAt": "2026-11-21T10:00:00Z"}
    context = {"device": {"id": "d1"}, "push": {"status": "notDetermined", **kept}}
    body = anonymous("ValueMomentReached", "a2", context=context)
    assert app.post("/v1/track", body)["actions"] == []
    log_in(app, "u2", "a2")
    assert app.value_moment("u2", context=context) is None
    app.now += 14 * DAY
    assert app.value_moment("u2", context=context) is not None


def test_another_user_of_the_phone_gets_no_popup_of_the_one_before(app: App) -> None:
    offer = offer_to(app)
    log_in(app, "u1")
    asked = {"userId": "u2", "context": {"device": {"id": "d1"}}}
    assert app.post("/v1/actions", asked)["actions"] == []
    [action] = app.post("/v1/actions", {**asked, "offerId": offer["offerId"]})["actions"]
    assert (action["type"], action["reason"]) == ("withdraw", "unknown_offer")


def test_a_redirect_whose_user_is_gone_begins_anew(app: App) -> None:
    log_in(app)
    user = profiles.ProfileItem.get(profiles.key_of(User("user", "u1")))
    user.delete()
    app.post("/v1/track", anonymous("ValueMomentReached"))
    begun = own(app)
    assert begun.became == ""
    assert begun.profile.events["ValueMomentReached"].count == 1


# --- in one batch ---


def test_a_login_within_a_batch_merges_what_the_batch_told_before(app: App) -> None:
    batch = [
        {"type": "identify", "userId": "u1", "anonymousId": "a1"},
        anonymous("ValueMomentReached"),
        message("ValueMomentReached"),
    ]
    answer = app.post("/v1/batch", {"batch": batch})
    assert [row["status"] for row in answer["results"]] == ["accepted"] * 3
    assert app.profile().events["ValueMomentReached"].count == 2
    assert app.profile().aliases == {"a1": app.now}
    assert len({action["offerId"] for action in answer["actions"]}) == len(answer["actions"]) == 1


def test_a_batch_tells_of_the_user_under_both_ids_in_one_write(
    app: App, database: Database
) -> None:
    log_in(app)
    database.calls.clear()
    batch = [anonymous("ValueMomentReached"), message("ValueMomentReached")]
    app.post("/v1/batch", {"batch": batch})
    assert database.calls == ["BatchGetItem", "BatchGetItem", "PutItem"]
    assert app.profile().events["ValueMomentReached"].count == 2


def test_of_two_users_in_a_batch_the_first_to_log_in_gets_the_anonymous_id(app: App) -> None:
    sent_at = "2026-11-21T10:00:00Z"
    logins = [
        {"type": "identify", "userId": "late", "timestamp": "2026-11-21T09:59:59Z"},
        {"type": "identify", "userId": "early", "timestamp": "2026-11-21T09:59:58Z"},
    ]
    batch = [{**login, "anonymousId": "a1", "traits": {"a": 1}} for login in logins]
    app.post("/v1/batch", {"batch": batch, "sentAt": sent_at})
    assert app.profile("early").aliases.keys() == {"a1"}
    assert app.profile("late").aliases == {}


def test_many_logins_in_a_batch_read_side_by_side(app: App, database: Database) -> None:
    batch = [
        {"type": "identify", "userId": f"u{i}", "anonymousId": f"a{i}", "traits": {"n": i}}
        for i in range(10)
    ]
    app.post("/v1/batch", {"batch": batch})
    assert sorted(database.calls) == ["BatchGetItem"] * 2 + ["TransactWriteItems"] * 10
    assert all(app.profile(f"u{i}").aliases.keys() == {f"a{i}"} for i in range(10))


# --- at the same time, lost and killed ---


@pytest.mark.parametrize("seed", SEEDS)
def test_row_40_two_logins_that_race_merge_an_anonymous_id_once(
    app: App, database: Database, seed: int
) -> None:
    tell(app, "Declined", offer_to(app))
    scheduler = Scheduler(seed)
    database.before = scheduler.turn
    scheduler.run(lambda: log_in(app, "u1"), lambda: log_in(app, "u2"))
    database.before = lambda _: None
    merged = [user for user in ("u1", "u2") if app.profile(user).aliases]
    assert len(merged) == 1
    assert own(app).became == profiles.key_of(User("user", merged[0]))
    assert len(items("SOFTASK_WINDOWS_TABLE")) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_row_40_a_decline_that_races_a_login_is_never_lost(
    app: App, database: Database, seed: int
) -> None:
    offer = offer_to(app)
    scheduler = Scheduler(seed)
    database.before = scheduler.turn
    scheduler.run(
        lambda: tell(app, "Declined", offer),
        lambda: log_in(app),
        lambda: app.track("ValueMomentReached", device="d2"),
    )
    database.before = lambda _: None
    progress = progress_of(app.profile())
    assert (progress.outcome, progress.attempts) == (Outcome.DECLINED, 1)
    assert app.profile().events["ValueMomentReached"].count == 2
    assert app.value_moment() is None
    [window] = items("SOFTASK_WINDOWS_TABLE")
    assert window["user_key"] == {"S": profiles.key_of(User("user", "u1"))}


def _read_timeout(_operation: str) -> None:
    raise ReadTimeoutError(endpoint_url="http://127.0.0.1:9")


def test_row_05_a_login_whose_answer_was_lost_is_known_again(app: App, database: Database) -> None:
    tell(app, "Declined", offer_to(app))
    lost = iter([True])

    def lose(operation: str) -> None:
        if operation == "TransactWriteItems" and next(lost, False):
            _read_timeout(operation)

    database.after = lose
    log_in(app, messageId="m1", traits={"plan": "pro"})
    profile = app.profile()
    assert progress_of(profile).attempts == 1
    assert profile.aliases.keys() == {"a1"}
    assert profile.events["ValueMomentReached"].count == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(4))
def test_row_58_a_login_that_is_killed_leaves_before_or_after(
    app: App, database: Database, when: str, nth: int
) -> None:
    tell(app, "Declined", offer_to(app))
    calls = iter(range(100))

    class Killed(BaseException):
        pass

    def kill(_operation: str) -> None:
        if next(calls) == nth:
            raise Killed

    setattr(database, when, kill)
    with contextlib.suppress(Killed):
        log_in(app, messageId="m1", traits={"plan": "pro"})
    setattr(database, when, lambda _: None)
    log_in(app, messageId="m1", traits={"plan": "pro"})
    assert progress_of(app.profile()).attempts == 1
    assert app.profile().attributes["plan"].value == "pro"
    assert own(app).became
    assert len(items("SOFTASK_WINDOWS_TABLE")) == 1


def test_the_log_tells_a_login_by_hashed_key_alone(app: App) -> None:
    offer_to(app)
    log_in(app, traits={"secret": "canary"})
    assert "canary" not in app.log.getvalue()
    assert "merged" in app.log.getvalue()
    assert user_key("test-salt", User("user", "u1")) in app.log.getvalue()


UNSURE: list[tuple[str, Callable[[Json], Json]]] = [
    ("no user", lambda body: {**body, "userId": None}),
    ("no anonymous id", lambda body: {**body, "anonymousId": None}),
]


@pytest.mark.parametrize(("_case", "changed"), UNSURE, ids=[case for case, _ in UNSURE])
def test_an_identify_with_one_id_merges_nobody(
    app: App, database: Database, _case: str, changed: Callable[[Json], Json]
) -> None:
    offer_to(app)
    database.calls.clear()
    body = {"userId": "u1", "anonymousId": "a1", "traits": {"plan": "pro"}}
    app.send("/v1/identify", json.dumps(changed(body)))
    assert "TransactWriteItems" not in database.calls
    assert own(app).became == ""


# --- more than one write holds ---


def logins(count: int) -> list[Json]:
    return [{"type": "identify", "userId": "u1", "anonymousId": f"a{i}"} for i in range(count)]


def test_more_logins_than_a_transaction_holds_are_written_in_parts(
    app: App, database: Database
) -> None:
    answer = app.post("/v1/batch", {"batch": logins(120)})
    assert {row["status"] for row in answer["results"]} == {"accepted"}
    assert len(app.profile().aliases) == 120
    assert database.calls.count("TransactWriteItems") == 2
    database.calls.clear()
    app.post("/v1/batch", {"batch": logins(120)})
    assert "TransactWriteItems" not in database.calls


def test_more_windows_than_a_transaction_holds_are_carried_in_parts(app: App) -> None:
    for i in range(60):
        tell(app, "Declined", offer_to(app, f"a{i}"), f"a{i}")
    app.post("/v1/batch", {"batch": logins(60)})
    assert progress_of(app.profile()).attempts == 60
    assert items("SOFTASK_WINDOWS_TABLE") == [], "nothing is waited for after the last attempt"


def test_more_facts_than_an_item_holds_are_written_in_parts(app: App, database: Database) -> None:
    asks = ["ValueMomentReached", "PushSoftAskSuppressed"] * 1_250
    batch = [message(event, device="d" * 36, messageId=f"m{i}") for i, event in enumerate(asks)]
    answer = app.post("/v1/batch", {"batch": batch})
    assert {row["status"] for row in answer["results"]} == {"accepted"}
    assert app.profile().events["ValueMomentReached"].count == 1_250
    assert database.calls.count("PutItem") > 1
    database.calls.clear()
    again = app.post("/v1/batch", {"batch": batch})
    assert {row["status"] for row in again["results"]} == {"duplicate"}
    assert database.calls == ["GetItem"]


def test_a_batch_does_not_answer_a_popup_that_it_tells_of_itself(app: App) -> None:
    """As SDKs send it that repeat the login at every start."""
    log_in(app)
    properties = {"offerId": offer_to(app)["offerId"]}
    batch = [
        anonymous("ValueMomentReached"),
        message("PushSoftAskShown", properties=properties),
        message("PushSoftAskDeclined", properties=properties),
        {"type": "identify", "userId": "u1", "anonymousId": "a1"},
    ]
    assert app.post("/v1/batch", {"batch": batch})["actions"] == []


def test_a_redirect_has_no_end_while_its_user_lives_on(app: App) -> None:
    tell(app, "Declined", offer_to(app))
    log_in(app)
    known = profiles.ProfileItem.get(profiles.key_of(User("user", "u1")))
    redirect = profiles.ProfileItem.get(profiles.key_of(ANONYMOUS))
    assert known.retain_until is not None
    assert redirect.retain_until is None


def test_row_02_of_two_messages_under_one_id_each_is_recognised_after_the_login(
    app: App,
) -> None:
    first = anonymous("ValueMomentReached", messageId="m1", properties={"n": 1})
    second = message("ValueMomentReached", messageId="m1", properties={"n": 2})
    for body in (first, second):
        app.post("/v1/track", body)
    log_in(app)
    for body in (first, second):
        app.post("/v1/track", body)
    assert app.profile().events["ValueMomentReached"].count == 2
