"""Operators at once, against each other and against the app; a seed says whose turn it is."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from functions.core.campaign import Package
from functions.store.campaigns import CHANGES, LIVE, CampaignItem, LiveSet, Versions
from functions.store.serving import compile_live
from tests.integration.conftest import DAY, MINUTE, SECOND, Admin, App, Database, items
from tests.integration.scheduler import Scheduler

Json = dict[str, Any]
Answer = tuple[int, Json]

SEEDS = range(15)
CAMPAIGN = "/v1/admin/campaigns/{id}"
ID = "push-softask"


@pytest.fixture
def file(package: Package) -> Json:
    [campaign] = package.campaigns
    built: Json = msgspec.to_builtins(campaign)
    return built


@pytest.fixture
def operators(database: Database, package: Package) -> list[Admin]:
    """Each on a function of their own, as Lambda gives them."""
    database.calls.clear()
    return [Admin(package) for _ in range(4)]


@pytest.fixture
def race(database: Database) -> Callable[..., list[Any]]:
    """race(seed, call, …): the calls' results, interleaved at their database calls."""

    def run(seed: int, *calls: Callable[[], Any]) -> list[Any]:
        scheduler = Scheduler(seed)
        database.before = scheduler.turn
        try:
            return scheduler.run(*calls)
        finally:
            database.before = lambda _: None

    return run


def put(admin: Admin, file: Json, expected: int | None) -> Answer:
    body = {"campaign": file, "expectedVersion": expected}
    return admin.send("PUT", CAMPAIGN, json.dumps(body), id=file["id"])


def act(admin: Admin, action: str, campaign: str = ID, **body: Any) -> Answer:
    return admin.send("POST", f"{CAMPAIGN}/{action}", json.dumps(body), id=campaign)


def rollback(admin: Admin, version: int, expected: int | None) -> Answer:
    return act(admin, "rollback", version=version, expectedVersion=expected)


def settle(admin: Admin, settings: Json, expected: int) -> Answer:
    body = {"settings": settings, "expectedRevision": expected}
    return admin.send("PUT", "/v1/admin/settings", json.dumps(body))


def live() -> LiveSet:
    return msgspec.json.decode(bytes(CampaignItem.get(LIVE, 0).body), type=LiveSet)


def stored(campaign: str = ID) -> dict[int, Json]:
    """The files of a campaign's versions."""
    return {
        int(item["version"]["N"]): json.loads(item["body"]["B"])
        for item in items("SOFTASK_CAMPAIGNS_TABLE")
        if item["campaign"]["S"] == campaign
    }


def records() -> dict[int, Json]:
    """What each revision changed."""
    return stored(CHANGES)


def check_sound() -> None:
    """Every revision has its record, and whatever is named is stored and compiles."""
    now = live()
    assert sorted(records()) == list(range(1, now.revision + 1))
    assert compile_live(now, Versions(), 0).problems == ()
    for campaign, entry in now.campaigns.items():
        assert entry.newest == max(stored(campaign))
    published = [
        (each["campaign"], each["version"])
        for each in records().values()
        if each["what"] in ("publish", "draft")
    ]
    assert len(set(published)) == len(published)


# --- changes against changes ---


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_publications_one_is_made_and_the_other_is_told_whose(
    operators: list[Admin], race: Callable[..., list[Answer]], file: Json, seed: int, is_first: bool
) -> None:
    ada, bob, *_ = operators
    if not is_first:
        put(ada, file, 0)
    newest = 0 if is_first else 1
    ours, theirs = race(
        seed,
        lambda: put(ada, {**file, "priority": 1}, newest),
        lambda: put(bob, {**file, "priority": 2}, newest),
    )
    assert sorted([ours[0], theirs[0]]) == [200, 409]
    winner = 1 if ours[0] == 200 else 2
    assert stored()[newest + 1]["priority"] == winner
    assert len(stored()) == newest + 2
    check_sound()


@pytest.mark.parametrize("seed", SEEDS)
def test_of_two_who_create_one_campaign_one_does(
    operators: list[Admin], race: Callable[..., list[Answer]], file: Json, seed: int
) -> None:
    ada, bob, *_ = operators
    new = {**file, "id": "new"}
    answers = race(seed, lambda: put(ada, new, None), lambda: put(bob, new, None))
    assert sorted(status for status, _ in answers) == [200, 409]
    assert list(stored("new")) == [1]
    check_sound()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("is_first", [True, False])
def test_row_38_no_publication_lifts_a_pause_that_was_answered(
    operators: list[Admin],
    race: Callable[..., list[Answer]],
    package: Package,
    file: Json,
    seed: int,
    is_first: bool,
) -> None:
    ada, bob, *_ = operators
    if not is_first:
        put(ada, {**file, "id": "another", "status": "ended"}, None)
    answers = race(seed, lambda: put(ada, file, 0), lambda: act(bob, "pause"))
    assert [status for status, _ in answers] == [200, 200]
    assert answers[1][1]["status"] == "paused"
    entry = live().campaigns[ID]
    assert (entry.version, entry.status) == (1, "paused")
    assert App(package).value_moment() is None
    check_sound()


@pytest.mark.parametrize("seed", SEEDS)
def test_settings_and_a_file_that_exclude_each_other_are_never_both_live(
    operators: list[Admin],
    race: Callable[..., list[Answer]],
    package: Package,
    file: Json,
    seed: int,
) -> None:
    ada, bob, *_ = operators
    settings = msgspec.to_builtins(package.settings)
    both = {**settings, "deeplinks": {"schemes": ["yourapp", "newapp"]}}
    assert settle(ada, both, 0)[0] == 200
    published, changed = race(
        seed,
        lambda: put(ada, {**file, "action": {"deeplink": "newapp://popup"}}, 0),
        lambda: settle(bob, settings, 1),
    )
    assert (published[0], changed[0]) in [(200, 409), (400, 200)]
    if published[0] == 400:
        assert published[1]["code"] == "invalid_campaign"
    check_sound()


@pytest.mark.parametrize("seed", SEEDS)
def test_first_changes_at_once_are_all_kept(
    operators: list[Admin],
    race: Callable[..., list[Answer]],
    package: Package,
    file: Json,
    seed: int,
) -> None:
    ada, bob, cyd, _ = operators
    answers = race(
        seed,
        lambda: put(ada, {**file, "id": "one"}, None),
        lambda: put(bob, {**file, "id": "two"}, None),
        lambda: act(cyd, "pause"),
    )
    assert [status for status, _ in answers] == [200, 200, 200]
    assert set(live().campaigns) == {"one", "two", ID}
    assert live().settings == package.settings
    assert stored()[0] == json.loads(msgspec.json.encode(package.campaigns[0]))
    check_sound()


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_races_every_answer_that_says_done_is_done(
    operators: list[Admin], race: Callable[..., list[Answer]], file: Json, seed: int
) -> None:
    ada, bob, cyd, dan = operators
    put(ada, file, 0)
    put(ada, {**file, "priority": 2}, 1)
    answers = race(
        seed,
        lambda: put(ada, {**file, "priority": 3}, 2),
        lambda: rollback(bob, 1, 2),
        lambda: act(cyd, "pause"),
        lambda: put(dan, {**file, "status": "draft"}, 2),
    )
    for status, answer in answers:
        assert status == 200 or answer["code"] in ("version_conflict", "try_again"), answer
    done = [status for status, _ in answers].count(200)
    assert live().revision == 2 + done
    assert live().campaigns[ID].status == ("paused" if answers[2][0] == 200 else None)
    check_sound()


@pytest.mark.parametrize("seed", SEEDS)
def test_row_22_a_storm_of_operators_loses_no_change_that_was_answered(
    race: Callable[..., list[Answer]], package: Package, file: Json, seed: int
) -> None:
    def create(admin: Admin, number: int) -> Answer:
        return put(admin, {**file, "id": f"c{number}"}, None)

    operators = [Admin(package) for _ in range(8)]
    answers = race(
        seed, *(lambda each=each: create(each[1], each[0]) for each in enumerate(operators))
    )
    done = {f"c{number}" for number, (status, _) in enumerate(answers) if status == 200}
    assert {status for status, _ in answers} <= {200, 503}
    assert len(done) >= 6  # in each round one is made, and everybody has six
    assert set(live().campaigns) == {ID, *done}
    check_sound()


def test_a_version_number_is_never_used_twice(operators: list[Admin], file: Json) -> None:
    ada, *_ = operators
    for newest in (0, 1, 2):
        put(ada, {**file, "priority": newest}, newest)
        rollback(ada, 0, newest + 1)
    status, answer = put(ada, {**file, "status": "draft"}, 3)
    assert (status, answer["version"]) == (200, 4)
    assert put(ada, file, 0)[0] == 409  # what is live is not what is newest
    assert put(ada, file, 4)[1]["version"] == 5
    assert [stored()[number]["priority"] for number in (1, 2, 3)] == [0, 1, 2]
    check_sound()


def test_a_pause_and_its_end_may_follow_each_other_whatever_the_file_says(
    operators: list[Admin], app: App, file: Json
) -> None:
    ada, *_ = operators
    put(ada, {**file, "status": "paused"}, 0)
    for user in ("u1", "u2"):
        assert act(ada, "resume")[1]["status"] == "active"
        app.now += 20 * SECOND
        assert app.value_moment(user)
        assert act(ada, "pause")[1]["status"] == "paused"
        app.now += 20 * SECOND
        assert app.value_moment(f"{user}-later") is None


def test_the_end_of_a_pause_revives_no_campaign_whose_file_says_ended(
    operators: list[Admin], file: Json
) -> None:
    """Paused while this function's code could not read it, and so not see that it had ended."""
    ada, bob, *_ = operators
    put(ada, {**file, "status": "ended"}, 0)
    readable = bytes(CampaignItem.get(ID, 1).body)
    CampaignItem(ID, 1, body=b'{"newer":1}').save()
    assert act(bob, "pause")[1]["status"] == "paused"
    CampaignItem(ID, 1, body=readable).save()
    assert act(bob, "resume")[1]["status"] == "ended"
    assert live().campaigns[ID].status is None


# --- changes against what the app sends ---


PHASES = [0, 1, 7 * SECOND, 10 * SECOND, 19 * SECOND, 20 * SECOND - 1]


@pytest.mark.parametrize("everything", [True, False])
@pytest.mark.parametrize("phase", PHASES)
def test_row_38_a_pause_is_obeyed_within_30_s_whenever_a_function_last_looked(
    admin: Admin, app: App, package: Package, phase: int, everything: bool
) -> None:
    offer = app.value_moment()
    assert offer
    app.now += MINUTE
    app.live.at(app.now)  # this is when it looked
    admin.now = app.now + phase
    if everything:
        settings = {**msgspec.to_builtins(package.settings), "paused": True}
        assert settle(admin, settings, 0)[0] == 200
    else:
        assert act(admin, "pause")[0] == 200

    app.now = admin.now + 20 * SECOND
    assert app.value_moment("u2") is None
    asker = {"userId": "u1", "context": {"device": {"id": "d1"}, "os": {"name": "iOS"}}}
    [action] = app.post("/v1/actions", asker)["actions"]
    told = {"type": "withdraw", "offerId": offer["offerId"], "reason": "paused"}
    assert action == told
    [checked] = app.post("/v1/actions", {**asker, "offerId": offer["offerId"]})["actions"]
    assert checked == told
    app.outcome("Declined", offer)
    assert app.profile().progress[ID].declined_at == app.now


@pytest.mark.parametrize("seed", SEEDS)
def test_row_37_an_offer_that_was_granted_while_its_version_was_replaced_stays_as_it_was(
    admin: Admin,
    app: App,
    race: Callable[..., list[Any]],
    file: Json,
    seed: int,
) -> None:
    """The function looked just before; until it looks again, it grants the old version."""
    new = json.loads(json.dumps(file).replace("Not now", "Later"))
    _, first = race(seed, lambda: put(admin, new, 0), lambda: app.value_moment("u1"))
    app.now += 20 * SECOND - 1
    last = app.value_moment("u2")
    assert last
    assert {first["campaignVersion"], last["campaignVersion"]} == {0}
    app.now += 9 * MINUTE
    for offer in (first, last):
        asker = {"userId": offer["userId"], "context": {"device": {"id": "d1"}}}
        [again] = app.post("/v1/actions", asker)["actions"]
        assert (again["campaignVersion"], again["content"]["decline"]) == (0, "Not now")
    after = app.value_moment("u3")
    assert after
    assert (after["campaignVersion"], after["content"]["decline"]) == (1, "Later")
    app.outcome("Declined", last, user="u2")
    assert app.profile("u2").progress[ID].declined_at == app.now


def test_row_37_every_version_of_a_hasty_morning_keeps_its_offers(
    admin: Admin, app: App, file: Json
) -> None:
    offers: dict[int, Json] = {}
    for version in range(4):
        if version:
            text = json.dumps(file).replace("Not now", f"Not now {version}")
            assert put(admin, json.loads(text), version - 1)[0] == 200
        app.now += 20 * SECOND
        admin.now = app.now
        offer = app.value_moment(f"u{version}")
        assert offer
        offers[version] = offer
    rollback(admin, 1, 3)
    app.now += 20 * SECOND
    for version, offer in offers.items():
        asker = {"userId": offer["userId"], "context": {"device": {"id": "d1"}}}
        [again] = app.post("/v1/actions", asker)["actions"]
        assert again["content"] == offer["content"]
        assert again["campaignVersion"] == version
    app.now += DAY
    admin.now = app.now
    put(admin, file, 3)
    assert set(live().campaigns[ID].previous) == {1}  # the others' offers are over


def test_a_draft_is_followed_from_version_to_version_by_test_users_alone(
    admin: Admin, app: App, package: Package, file: Json
) -> None:
    settings = {**msgspec.to_builtins(package.settings), "test_users": ["t1", "t2", "t3"]}
    assert settle(admin, settings, 0)[0] == 200
    seen: list[tuple[int, int]] = []
    for step, status in enumerate(("draft", "draft", "active"), start=1):
        assert put(admin, {**file, "status": status}, step - 1)[0] == 200
        app.now += 20 * SECOND
        tester, other = app.value_moment(f"t{step}"), app.value_moment(f"u{step}")
        assert tester
        assert other
        seen.append((tester["campaignVersion"], other["campaignVersion"]))
    assert seen == [(1, 0), (2, 0), (3, 3)]


def test_a_pause_leaves_the_draft_to_test_users(
    admin: Admin, app: App, package: Package, file: Json
) -> None:
    settings = {**msgspec.to_builtins(package.settings), "test_users": ["tess"]}
    settle(admin, settings, 0)
    put(admin, {**file, "status": "draft"}, 0)
    act(admin, "pause")
    app.now += 20 * SECOND
    assert app.value_moment("u1") is None
    offer = app.value_moment("tess")
    assert offer
    assert offer["campaignVersion"] == 1


# --- moving in while the app is in use ---


@pytest.mark.parametrize("seed", SEEDS)
def test_an_import_and_the_app_s_own_messages_all_stand_in_every_order(
    admin: Admin, app: App, race: Callable[..., list[Any]], seed: int
) -> None:
    offer = app.value_moment()
    assert offer
    app.outcome("Shown", offer)
    row = {"userId": "u1", "declinedAt": "2026-11-20T10:00:00Z", "lastShownAt": "2026-11-20"}
    body = json.dumps({"users": [row, {"userId": "u1", "pushPermissionStatus": "granted"}]})
    answers = race(
        seed,
        lambda: admin.send("POST", "/v1/admin/users/import", body),
        lambda: app.outcome("Declined", offer),
        lambda: app.value_moment(device="d2"),
        lambda: app.value_moment(messageId="m1"),
    )
    status, imported = answers[0]
    taken = [each["status"] for each in imported["results"]]
    assert (status, taken) == (200, ["imported", "unchanged"])  # the app knows its permission
    profile = app.profile()
    progress = profile.progress[ID]
    assert (progress.outcome, progress.declined_at) == ("declined", app.now)
    assert progress.retry_at == app.now + 14 * DAY
    assert profile.events["ValueMomentReached"].count == 3
    assert profile.asked_at == 1_795_132_800_000
    [window] = items("SOFTASK_WINDOWS_TABLE")
    assert int(window["due_at"]["N"]) * 1000 == progress.retry_at


@pytest.mark.parametrize("seed", SEEDS)
def test_two_imports_of_one_user_end_alike_in_every_order(
    operators: list[Admin], app: App, race: Callable[..., list[Any]], seed: int
) -> None:
    def send(admin: Admin, **row: str) -> Answer:
        body = json.dumps({"users": [{"userId": "u1", **row}], "asOf": "2026-11-21T00:00:00Z"})
        return admin.send("POST", "/v1/admin/users/import", body)

    ada, bob, cyd, _ = operators
    answers = race(
        seed,
        lambda: send(ada, pushPermissionStatus="denied", declinedAt="2026-11-19"),
        lambda: send(bob, pushPermissionStatus="granted", declinedAt="2026-11-18"),
        lambda: send(cyd, lastShownAt="2026-11-20"),
    )
    assert [status for status, _ in answers] == [200, 200, 200]
    profile = app.profile()
    assert profile.attributes["push_permission_status"].value == "granted"
    assert profile.declined_at == 1_795_046_400_000
    assert profile.asked_at == 1_795_132_800_000
