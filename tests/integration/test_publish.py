"""Publishing over HTTP: versions, drafts, pauses, rollbacks, and what a lost race may not do."""

import json
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ReadTimeoutError

from cli.local_tables import NAMES
from functions.core.campaign import Package
from functions.store.campaigns import CHANGES, LIVE, CampaignItem
from functions.store.changes import MAX_BODY, MOST_LISTED
from functions.store.retry import MAX_ROUNDS
from tests.integration.conftest import SECOND, Admin, App, Database, items

Json = dict[str, Any]

CAMPAIGN = "/campaigns/{id}"
ID = "push-softask"
START = "2026-11-21T10:00:00Z"


@pytest.fixture
def file(package: Package) -> Json:
    [campaign] = package.campaigns
    built: Json = msgspec.to_builtins(campaign)
    return built


def put(
    admin: Admin, file: Json, expected: int | None, reason: str | None = None, **more: Any
) -> Json:
    body = {"campaign": file, "expectedVersion": expected, "reason": reason, **more}
    return admin.call("PUT", CAMPAIGN, body, id=file["id"])


def refused(admin: Admin, file: Json, expected: int | None, **more: Any) -> Json:
    body = {"campaign": file, "expectedVersion": expected, **more}
    return admin.refused("PUT", CAMPAIGN, body, id=ID)


def act(admin: Admin, action: str, campaign: str = ID, **body: Any) -> Json:
    return admin.call("POST", f"{CAMPAIGN}/{action}", body, id=campaign)


def rollback(admin: Admin, version: int, expected: int | None) -> Json:
    return act(admin, "rollback", version=version, expectedVersion=expected)


def show(admin: Admin, campaign: str = ID, **query: str) -> Json:
    return admin.call("GET", CAMPAIGN, query=query, id=campaign)


def row(admin: Admin, campaign: str = ID) -> Json:
    listed = admin.call("GET", "/campaigns")["campaigns"]
    [found] = [each for each in listed if each["id"] == campaign]
    return dict(found)


def live_version(app: App) -> int | None:
    """What an app is served once the refresh is due."""
    app.now += 20 * SECOND
    offer = app.value_moment(user=f"u{app.now}")
    return int(offer["campaignVersion"]) if offer else None


def changes() -> list[Json]:
    found = [item for item in items("SOFTASK_CAMPAIGNS_TABLE") if item["campaign"]["S"] == CHANGES]
    return [json.loads(item["body"]["B"]) for item in found]


# --- what is there before anything was published ---


def test_the_packaged_campaigns_are_listed_as_version_0_of_revision_0(admin: Admin) -> None:
    assert admin.call("GET", "/campaigns") == {
        "success": True,
        "revision": 0,
        "paused": False,
        "campaigns": [
            {
                "id": ID,
                "kind": "push",
                "version": 0,
                "status": "active",
                "priority": 0,
                "rollout": 100.0,
                "draft": None,
                "publishedAt": None,
                "publishedBy": None,
                "reason": None,
                "statusChangedAt": None,
                "statusChangedBy": None,
                "statusReason": None,
            }
        ],
    }


def test_a_packaged_campaign_is_shown_with_its_file(admin: Admin, file: Json) -> None:
    shown = show(admin)
    assert shown["campaign"] == json.loads(json.dumps(file))
    assert (shown["version"], shown["isLive"], shown["publishedBy"]) == (0, True, None)


def test_a_packaged_campaign_has_one_version(admin: Admin) -> None:
    versions = admin.call("GET", f"{CAMPAIGN}/versions", id=ID)["versions"]
    assert [(each["version"], each["isLive"]) for each in versions] == [(0, True)]
    query = {"before": "0"}
    assert admin.call("GET", f"{CAMPAIGN}/versions", query=query, id=ID)["versions"] == []


def test_looking_stores_nothing(admin: Admin) -> None:
    show(admin)
    row(admin)
    assert items("SOFTASK_CAMPAIGNS_TABLE") == []


@pytest.mark.usefixtures("database")
def test_a_packaged_draft_is_a_draft(package: Package) -> None:
    [campaign] = package.campaigns
    drafted = msgspec.structs.replace(campaign, status="draft")
    other = Admin(msgspec.structs.replace(package, campaigns=(drafted,)))
    assert (row(other)["status"], row(other)["draft"], row(other)["version"]) == ("draft", 0, 0)
    assert show(other)["isLive"] is False


# --- publishing ---


def test_a_published_file_is_live_with_the_next_refresh(admin: Admin, app: App, file: Json) -> None:
    answer = put(admin, file, 0, "first")
    assert answer == {
        "success": True,
        "id": ID,
        "version": 1,
        "status": "active",
        "warnings": answer["warnings"],
    }
    assert live_version(app) == 1


def test_who_published_when_and_why_is_kept(admin: Admin, file: Json) -> None:
    put(admin, {**file, "priority": 7, "rollout": 12.5}, 0, "a try")
    told = {"publishedAt": START, "publishedBy": admin.by, "reason": "a try"}
    listed = row(admin)
    assert listed | told == listed
    assert (listed["version"], listed["priority"], listed["rollout"]) == (1, 7, 12.5)
    shown = show(admin)
    assert shown | told == shown
    [record] = changes()
    change = {"at": admin.now, "by": admin.by, "reason": "a try"}
    assert {**record, "id": ""} == {
        "id": "",
        "what": "publish",
        "campaign": ID,
        "version": 1,
        "change": change,
    }


def test_the_first_change_keeps_the_other_packaged_campaigns_settings_and_keys(
    admin: Admin, app: App, package: Package, file: Json
) -> None:
    put(admin, {**file, "id": "another", "priority": -1}, None)
    assert [each["id"] for each in admin.call("GET", "/campaigns")["campaigns"]] == ["another", ID]
    assert show(admin, version="0")["campaign"] == json.loads(json.dumps(file))
    assert live_version(app) == 0  # the keys too are as they were
    settings = admin.call("GET", "/settings")["settings"]
    assert settings == json.loads(msgspec.json.encode(package.settings))


def test_a_deploy_never_overrides_what_was_published(
    admin: Admin, package: Package, file: Json
) -> None:
    put(admin, file, 0)
    [campaign] = package.campaigns
    deployed = msgspec.structs.replace(package, campaigns=(msgspec.structs.replace(campaign),))
    assert row(Admin(deployed))["version"] == 1
    assert live_version(App(deployed)) == 1


def test_row_37_attempts_survive_an_edit_and_an_offer_keeps_its_version(
    admin: Admin, app: App, file: Json
) -> None:
    offer = app.value_moment()
    assert offer
    put(admin, file, 0)
    app.now += 20 * SECOND
    app.outcome("Declined", offer)
    progress = app.profile().progress[ID]
    assert progress.offer
    assert (progress.spent, progress.offer.version) == (1, 0)


def test_row_37_a_decline_is_heard_by_the_name_that_an_older_version_gave_it(
    admin: Admin, app: App, file: Json
) -> None:
    offer = app.value_moment()
    assert offer
    put(admin, {**file, "outcomes": {"declined": "NotNow"}}, 0)
    put(admin, {**file, "outcomes": {"declined": "Later"}}, 1)

    app.now += 30 * 86_400 * SECOND
    app.outcome("Declined", offer)

    assert app.profile().progress[ID].declined_at == app.now
    app.track("NotNow", user="u2")
    assert app.profile("u2").progress[ID].declined_at == app.now


def test_row_54_what_newer_code_keeps_beside_the_live_set_survives_a_change(
    admin: Admin, file: Json
) -> None:
    put(admin, file, 0)
    item = CampaignItem.get(LIVE, 0)
    body = json.loads(item.body)
    body["token_keys"] = ["k1"]
    body["campaigns"][ID]["ends"] = 5
    item.update(actions=[CampaignItem.body.set(json.dumps(body).encode())])

    admin.call("POST", f"{CAMPAIGN}/pause", id=ID)

    kept = json.loads(CampaignItem.get(LIVE, 0).body)
    assert (kept["token_keys"], kept["campaigns"][ID]["ends"]) == (["k1"], 5)
    assert kept["campaigns"][ID]["status"] == "paused"


def test_who_paused_and_resumed_when_and_why_is_told(admin: Admin, file: Json) -> None:
    told = ("status", "statusChangedBy", "statusReason")
    admin.call("POST", f"{CAMPAIGN}/pause", {"reason": "holiday"}, id=ID)
    paused = admin.call("GET", CAMPAIGN, id=ID)
    assert tuple(paused[key] for key in told) == ("paused", admin.by, "holiday")

    admin.call("POST", f"{CAMPAIGN}/resume", {"reason": "back"}, id=ID)
    [row] = admin.call("GET", "/campaigns")["campaigns"]
    assert tuple(row[key] for key in told) == ("active", admin.by, "back")

    put(admin, file, 0)
    live = admin.call("GET", CAMPAIGN, id=ID)
    assert (live["version"], live["statusChangedAt"], live["statusReason"]) == (1, None, None)


def test_every_change_raises_the_revision_by_one(admin: Admin, file: Json) -> None:
    put(admin, file, 0)
    assert act(admin, "pause")["revision"] == 2
    assert act(admin, "resume")["revision"] == 3
    assert rollback(admin, 0, 1)["revision"] == 4
    assert admin.call("GET", "/campaigns")["revision"] == 4
    assert {each["what"] for each in changes()} == {"publish", "pause", "resume", "rollback"}


@pytest.mark.parametrize("expected", [0, None, 2])
def test_an_expectation_that_does_not_hold_is_a_conflict_that_names_the_newest(
    admin: Admin, file: Json, expected: int | None
) -> None:
    put(admin, file, 0)
    error = refused(admin, file, expected)
    assert (error["status"], error["code"]) == (409, "version_conflict")
    assert error["field"] == "expectedVersion"
    assert f"the newest is 1, published by {admin.by} at {START}" in error["message"]
    assert row(admin)["version"] == 1


def test_a_new_campaign_expects_null(admin: Admin, file: Json) -> None:
    body = {"campaign": {**file, "id": "new"}, "expectedVersion": 0}
    error = admin.refused("PUT", CAMPAIGN, body, id="new")
    assert error["code"] == "version_conflict"
    assert "say null" in error["message"]


def test_the_expectation_must_be_said(admin: Admin, file: Json) -> None:
    error = admin.refused("PUT", CAMPAIGN, {"campaign": file}, id=ID)
    assert (error["status"], error["field"]) == (400, "expectedVersion")


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        (
            {"trigger": {"any": [{"evnt": "X"}]}},
            "campaign.trigger.any[0].evnt",
            "unknown key; did you mean 'event'?",
        ),
        ({"id": "other"}, "campaign.id", "the path says 'push-softask': they must agree"),
        ({"action": {"deeplink": "javascript:alert(1)"}}, "campaign.action.deeplink", ""),
        ({"status": "activ"}, "campaign.status", "did you mean 'active'?"),
    ],
)
def test_row_36_an_invalid_file_is_refused_with_its_place_and_the_live_one_stays(
    admin: Admin, file: Json, change: Json, field: str, problem: str
) -> None:
    error = refused(admin, {**file, **change}, 0)
    assert (error["status"], error["code"], error["field"]) == (400, "invalid_campaign", field)
    assert problem in error["message"]
    assert items("SOFTASK_CAMPAIGNS_TABLE") == []


def test_a_check_answers_what_would_be_and_stores_nothing(admin: Admin, file: Json) -> None:
    assert put(admin, file, 0, check=True)["version"] == 1
    assert items("SOFTASK_CAMPAIGNS_TABLE") == []
    assert refused(admin, file, 3, check=True)["code"] == "version_conflict"
    assert refused(admin, {**file, "status": 7}, 0, check=True)["code"] == "invalid_campaign"


def test_a_history_that_begins_with_the_publication_is_a_warning(admin: Admin, file: Json) -> None:
    condition = {"event": "CrashReported", "within": "1d", "count": 0}
    [warning] = put(admin, {**file, "audience": condition}, 0)["warnings"]
    assert "CrashReported" in warning


def test_a_file_that_no_item_holds_is_refused(admin: Admin, file: Json) -> None:
    many = {f"l{index}": {"en": file["content"]["first"]["en"]} for index in range(2_500)}
    error = refused(admin, {**file, "content": {**file["content"], **many}}, 0)
    assert (error["status"], error["code"]) == (413, "too_large")
    assert str(MAX_BODY) in error["message"]


def test_an_unknown_key_of_a_body_is_an_error_with_the_word_that_was_meant(
    admin: Admin, file: Json
) -> None:
    error = refused(admin, file, 0, chekc=True)
    assert (error["status"], error["field"]) == (400, "chekc")
    assert "'check'" in error["message"]


# --- drafts ---


def test_a_draft_stands_beside_the_live_version_until_it_is_published(
    admin: Admin, app: App, file: Json
) -> None:
    assert put(admin, {**file, "status": "draft"}, 0)["status"] == "draft"
    assert (row(admin)["version"], row(admin)["status"], row(admin)["draft"]) == (0, "active", 1)
    assert live_version(app) == 0
    put(admin, file, 1)
    assert (row(admin)["version"], row(admin)["draft"]) == (2, None)
    assert live_version(app) == 2


def test_a_campaign_of_which_there_is_only_a_draft(admin: Admin, file: Json) -> None:
    put(admin, {**file, "id": "new", "status": "draft"}, None)
    listed = row(admin, "new")
    assert (listed["version"], listed["status"], listed["draft"]) == (1, "draft", 1)
    shown = show(admin, "new")
    assert (shown["version"], shown["isLive"], shown["status"]) == (1, False, "draft")


# --- versions ---


def test_versions_are_listed_newest_first_with_what_is_live_and_what_is_a_draft(
    admin: Admin, file: Json
) -> None:
    put(admin, file, 0, "one")
    put(admin, {**file, "status": "draft"}, 1, "two")
    versions = admin.call("GET", f"{CAMPAIGN}/versions", id=ID)["versions"]
    assert [
        (each["version"], each["status"], each["reason"], each["isLive"], each["isDraft"])
        for each in versions
    ] == [(2, "draft", "two", False, True), (1, "active", "one", True, False), *PACKAGED]
    query = {"before": "1"}
    older = admin.call("GET", f"{CAMPAIGN}/versions", query=query, id=ID)["versions"]
    assert [each["version"] for each in older] == [0]


PACKAGED = [(0, "active", None, False, False)]


def test_at_most_100_versions_are_listed(admin: Admin, file: Json) -> None:
    put(admin, file, 0)
    for number in range(2, MOST_LISTED + 2):
        CampaignItem(ID, number, body=b"{}", status="active", published_at=1).save()
    versions = admin.call("GET", f"{CAMPAIGN}/versions", id=ID)["versions"]
    assert [each["version"] for each in versions] == list(range(MOST_LISTED + 1, 1, -1))


def test_any_version_can_be_shown(admin: Admin, file: Json) -> None:
    put(admin, {**file, "priority": 5}, 0)
    put(admin, file, 1)
    shown = show(admin, version="1")
    assert (shown["campaign"]["priority"], shown["isLive"], shown["version"]) == (5, False, 1)


def test_what_is_not_there_is_not_found(admin: Admin, file: Json) -> None:
    put(admin, file, 0)
    for route in (CAMPAIGN, f"{CAMPAIGN}/versions"):
        error = admin.refused("GET", route, id="nowhere")
        assert (error["status"], error["code"]) == (404, "not_found")
    error = admin.refused("GET", CAMPAIGN, query={"version": "7"}, id=ID)
    assert (error["status"], error["field"]) == (404, "version")
    error = admin.refused("POST", f"{CAMPAIGN}/pause", {}, id="nowhere")
    assert error["code"] == "not_found"


@pytest.mark.parametrize("number", ["one", "-1", "1.0", "٣", "1" * 40])
def test_a_version_that_is_no_number_is_refused(admin: Admin, number: str) -> None:
    error = admin.refused("GET", CAMPAIGN, query={"version": number}, id=ID)
    assert (error["status"], error["field"]) == (400, "version")


# --- pauses ---


def test_row_38_a_pause_reaches_every_function_within_30_s(admin: Admin, app: App) -> None:
    offer = app.value_moment()
    assert offer
    assert act(admin, "pause", reason="too many asks") == {
        "success": True,
        "id": ID,
        "version": 0,
        "status": "paused",
        "revision": 1,
    }
    app.now += 30 * SECOND
    assert app.value_moment(user="u2") is None
    app.outcome("Declined", offer)
    assert app.profile().progress[ID].declined_at == app.now


def test_a_resumed_campaign_serves_again(admin: Admin, app: App) -> None:
    act(admin, "pause")
    assert live_version(app) is None
    assert act(admin, "resume")["status"] == "active"
    assert live_version(app) == 0


def test_a_pause_and_a_resumption_may_be_said_twice(admin: Admin) -> None:
    assert act(admin, "pause") == act(admin, "pause")
    assert act(admin, "resume") == act(admin, "resume")
    assert len(changes()) == 2


def test_a_pause_needs_no_body(admin: Admin) -> None:
    assert admin.call("POST", f"{CAMPAIGN}/pause", id=ID)["status"] == "paused"


def test_a_campaign_whose_file_says_paused_can_be_resumed_and_paused_again(
    admin: Admin, app: App, file: Json
) -> None:
    assert put(admin, {**file, "status": "paused"}, 0)["status"] == "paused"
    assert act(admin, "resume")["status"] == "active"
    assert live_version(app) == 1
    assert act(admin, "pause")["status"] == "paused"
    assert live_version(app) is None


def test_an_ended_campaign_cannot_be_resumed(admin: Admin, file: Json) -> None:
    put(admin, {**file, "status": "ended"}, 0)
    assert act(admin, "pause")["status"] == "ended"
    error = admin.refused("POST", f"{CAMPAIGN}/resume", {}, id=ID)
    assert (error["status"], error["code"]) == (409, "not_paused")


def test_publishing_does_not_lift_a_pause_and_says_so(admin: Admin, app: App, file: Json) -> None:
    act(admin, "pause")
    answer = put(admin, file, 0)
    assert answer["status"] == "paused"
    assert "the campaign is paused, and stays so until you resume it" in answer["warnings"]
    assert live_version(app) is None
    act(admin, "resume")
    assert live_version(app) == 1


# --- rollbacks ---


def test_a_rollback_makes_an_older_version_live_and_copies_nothing(
    admin: Admin, app: App, file: Json
) -> None:
    put(admin, file, 0)
    put(admin, file, 1)
    answer = rollback(admin, 1, 2)
    assert (answer["version"], answer["status"], answer["revision"]) == (1, "active", 3)
    assert live_version(app) == 1
    assert put(admin, file, 2)["version"] == 3


def test_a_rollback_keeps_a_pause_and_a_draft(admin: Admin, file: Json) -> None:
    put(admin, file, 0)
    put(admin, {**file, "status": "draft"}, 1)
    act(admin, "pause")
    assert rollback(admin, 0, 1)["status"] == "paused"
    assert row(admin)["draft"] == 2


def test_a_rollback_from_a_file_that_says_paused_stays_paused(admin: Admin, file: Json) -> None:
    put(admin, {**file, "status": "paused"}, 0)
    assert rollback(admin, 0, 1)["status"] == "paused"
    assert act(admin, "resume")["status"] == "active"


def test_a_rollback_expects_the_live_version(admin: Admin, file: Json) -> None:
    put(admin, file, 0)
    body = {"version": 0, "expectedVersion": 0}
    error = admin.refused("POST", f"{CAMPAIGN}/rollback", body, id=ID)
    assert (error["status"], error["code"]) == (409, "version_conflict")
    assert "is 1" in error["message"]


def test_a_rollback_to_what_is_live_changes_nothing(admin: Admin, file: Json) -> None:
    put(admin, file, 0)
    assert rollback(admin, 1, 1)["revision"] == 1


def test_a_draft_is_nothing_to_roll_back_to(admin: Admin, file: Json) -> None:
    put(admin, {**file, "status": "draft"}, 0)
    body = {"version": 1, "expectedVersion": 0}
    error = admin.refused("POST", f"{CAMPAIGN}/rollback", body, id=ID)
    assert (error["status"], error["field"]) == (400, "version")


def test_a_version_that_the_settings_refuse_now_is_nothing_to_roll_back_to(
    admin: Admin, package: Package, file: Json
) -> None:
    settings = msgspec.to_builtins(package.settings)
    both = {**settings, "deeplinks": {"schemes": ["yourapp", "newapp"]}}
    new = {**settings, "deeplinks": {"schemes": ["newapp"]}}
    change_settings(admin, both, 0)
    put(admin, {**file, "action": {"deeplink": "newapp://popup"}}, 0)
    change_settings(admin, new, 2)
    body = {"version": 0, "expectedVersion": 1}
    error = admin.refused("POST", f"{CAMPAIGN}/rollback", body, id=ID)
    assert (error["status"], error["code"]) == (400, "invalid_campaign")
    assert error["field"] == "campaign.action.deeplink"


def test_row_37_the_replaced_version_is_kept_while_an_offer_of_it_may_be_open(
    admin: Admin, app: App, file: Json
) -> None:
    put(admin, {**file, "offer": {"lease": "2m"}}, 0)
    admin.now = app.now
    put(admin, file, 1)
    # 30 s until every function refreshed, and the lease.
    for age, version in ((149, 1), (150, 2)):
        campaigns = campaigns_at(app, admin.now + age * SECOND)
        granted = campaigns.granted(ID, 1)
        assert granted
        assert granted.version == version


def campaigns_at(app: App, now: int) -> Any:
    app.live.forget()
    return app.live.at(now).campaigns


# --- settings ---


def change_settings(admin: Admin, settings: Json, expected: int, **more: Any) -> Json:
    body = {"settings": settings, "expectedRevision": expected, **more}
    return admin.call("PUT", "/settings", body)


@pytest.fixture
def settings(package: Package) -> Json:
    built: Json = msgspec.to_builtins(package.settings)
    return built


def test_settings_are_read_and_changed(admin: Admin, app: App, settings: Json) -> None:
    before = admin.call("GET", "/settings")
    assert (before["revision"], before["changedBy"]) == (0, None)
    answer = change_settings(admin, {**settings, "paused": True}, 0, reason="stop")
    assert answer == {"success": True, "revision": 1, "warnings": []}
    after = admin.call("GET", "/settings")
    assert (after["changedAt"], after["changedBy"], after["reason"]) == (START, admin.by, "stop")
    assert after["settings"]["paused"] is True
    assert admin.call("GET", "/campaigns")["paused"] is True
    assert live_version(app) is None


def test_settings_that_another_change_preceded_are_refused(admin: Admin, settings: Json) -> None:
    act(admin, "pause")
    body = {"settings": settings, "expectedRevision": 0}
    error = admin.refused("PUT", "/settings", body)
    assert (error["status"], error["code"]) == (409, "version_conflict")
    assert error["field"] == "expectedRevision"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"pause": True}, "settings.pause"),
        ({"guard": {"all": "x"}}, "settings.guard"),
        ({"caps": [{"at_most": 1}]}, "settings.caps[0]"),
    ],
)
def test_invalid_settings_are_refused_with_their_place(
    admin: Admin, settings: Json, change: Json, field: str
) -> None:
    body = {"settings": {**settings, **change}, "expectedRevision": 0}
    error = admin.refused("PUT", "/settings", body)
    assert (error["status"], error["code"]) == (400, "invalid_settings")
    assert error["field"].startswith(field)


@pytest.mark.parametrize("status", ["active", "draft"])
def test_settings_under_which_a_campaign_could_not_be_used_are_refused(
    admin: Admin, file: Json, settings: Json, status: str
) -> None:
    put(admin, {**file, "status": status}, 0)
    body = {"settings": {**settings, "default_locale": "fr"}, "expectedRevision": 1}
    error = admin.refused("PUT", "/settings", body)
    assert (error["status"], error["code"]) == (400, "invalid_settings")
    assert ID in error["message"]
    assert "content.first" in error["message"]


def test_a_campaign_that_cannot_be_used_anyway_holds_no_settings_back(
    admin: Admin, file: Json, settings: Json
) -> None:
    """Such as one whose deeplink was refused only by a later edit of the table."""
    put(admin, {**file, "id": "broken"}, None)
    foreign = {**file, "id": "broken", "action": {"deeplink": "otherapp://x"}}
    CampaignItem("broken", 1, body=json.dumps(foreign).encode(), status="active").save()
    other = {**settings, "paused": True}
    assert change_settings(Admin(app_package(file, settings)), other, 1)["revision"] == 2
    assert put(Admin(app_package(file, settings)), {**file, "id": "broken"}, 1)["version"] == 2


def app_package(file: Json, settings: Json) -> Package:
    """Of another function, which has read no version yet."""
    return msgspec.convert({"settings": settings, "campaigns": [file]}, Package)


def test_settings_that_no_item_holds_are_refused(admin: Admin, settings: Json) -> None:
    users = [f"user-{number:050}" for number in range(8_000)]
    body = {"settings": {**settings, "test_users": users}, "expectedRevision": 0}
    error = admin.refused("PUT", "/settings", body)
    assert (error["status"], error["code"]) == (413, "too_large")
    assert items("SOFTASK_CAMPAIGNS_TABLE") == []


def test_settings_that_say_nothing_new_are_no_change(admin: Admin, settings: Json) -> None:
    assert change_settings(admin, settings, 0)["revision"] == 0
    assert changes() == []


# --- races and faults ---


def test_of_two_publications_at_once_one_is_a_conflict(
    admin: Admin, database: Database, package: Package, file: Json
) -> None:
    put(admin, file, 0)
    other = Admin(package)

    def race(operation: str) -> None:
        if operation == "TransactWriteItems":
            database.before = lambda _: None
            put(other, {**file, "priority": 1}, 1)

    database.before = race
    error = refused(admin, {**file, "priority": 2}, 1)
    assert (error["status"], error["code"]) == (409, "version_conflict")
    assert row(admin)["priority"] == 1
    assert len(changes()) == 2


def test_the_revision_decides_even_where_the_record_of_a_change_is_gone(
    admin: Admin, database: Database, package: Package, file: Json
) -> None:
    put(admin, file, 0)
    other = Admin(package)

    def race(operation: str) -> None:
        if operation == "TransactWriteItems":
            database.before = lambda _: None
            put(other, {**file, "priority": 1}, 1)
            CampaignItem(CHANGES, 2).delete()

    database.before = race
    assert refused(admin, {**file, "status": "ended"}, 1)["code"] == "version_conflict"
    assert row(admin)["priority"] == 1


def test_a_change_of_another_campaign_meanwhile_costs_a_second_try_only(
    admin: Admin, database: Database, package: Package, file: Json
) -> None:
    put(admin, file, 0)
    other = Admin(package)

    def race(operation: str) -> None:
        if operation == "TransactWriteItems":
            database.before = lambda _: None
            put(other, {**file, "id": "another"}, None)

    database.before = race
    assert put(admin, file, 1)["version"] == 2
    assert [each["version"] for each in admin.call("GET", "/campaigns")["campaigns"]] == [1, 2]
    assert admin.call("GET", "/campaigns")["revision"] == 3


def test_two_first_changes_at_once_are_both_kept(
    admin: Admin, database: Database, package: Package, file: Json
) -> None:
    other = Admin(package)

    def race(operation: str) -> None:
        if operation == "TransactWriteItems":
            database.before = lambda _: None
            act(other, "pause")

    database.before = race
    assert put(admin, file, 0)["status"] == "paused"
    assert admin.call("GET", "/campaigns")["revision"] == 2


def test_row_05_a_publication_that_the_sdk_sends_again_is_recognised(
    admin: Admin, database: Database, file: Json
) -> None:
    put(admin, file, 0)
    lost = database.lose_answer("TransactWriteItems")
    assert put(admin, file, 1)["version"] == 2
    assert lost
    assert len(changes()) == 2


@pytest.mark.parametrize("code", ["TransactionConflict", "ConditionalCheckFailed"])
def test_a_storm_of_conflicts_is_a_503_that_may_be_sent_again(
    admin: Admin, database: Database, code: str
) -> None:
    reasons = ["None", "None", code]

    def storm(operation: str) -> None:
        if operation == "TransactWriteItems":
            database.refuse(operation, "TransactionCanceledException", reasons)

    database.before = storm
    error = admin.refused("POST", f"{CAMPAIGN}/pause", {}, id=ID)
    assert (error["status"], error["code"]) == (503, "try_again")
    assert admin.headers["Retry-After"] == "1"
    assert len(admin.pauses) == MAX_ROUNDS
    assert items("SOFTASK_CAMPAIGNS_TABLE") == []


def test_a_database_that_does_not_answer_is_a_503_and_no_change(
    admin: Admin, database: Database, file: Json
) -> None:
    def unreachable(operation: str) -> None:
        if operation == "TransactWriteItems":
            raise ReadTimeoutError(endpoint_url="http://localhost")

    database.before = unreachable
    assert refused(admin, file, 0)["status"] == 503
    assert items("SOFTASK_CAMPAIGNS_TABLE") == []


def test_a_change_is_one_transaction(admin: Admin, database: Database, file: Json) -> None:
    put(admin, file, 0)
    database.calls.clear()
    act(admin, "pause")
    writes = [call for call in database.calls if call not in ("GetItem", "Query")]
    assert writes == ["TransactWriteItems"]


def test_live_that_newer_code_wrote_stays_as_it_is(admin: Admin, file: Json) -> None:
    put(admin, file, 0)
    newer = b'{"revision":1,"campaigns":{},"settings":{"newer":1},"write_keys":[]}'
    CampaignItem(LIVE, 0, body=newer, revision=1).save()
    error = admin.refused("POST", f"{CAMPAIGN}/pause", {}, id=ID)
    assert (error["status"], error["code"]) == (503, "live_unusable")
    assert "settings" in error["message"]
    table = NAMES["SOFTASK_CAMPAIGNS_TABLE"]
    key = {"campaign": {"S": LIVE}, "version": {"N": "0"}}
    stored = boto3.client("dynamodb").get_item(TableName=table, Key=key)["Item"]
    assert stored["body"]["B"] == newer


def test_a_version_that_this_code_cannot_read_can_be_seen_paused_and_replaced(
    admin: Admin, app: App, file: Json
) -> None:
    put(admin, file, 0)
    CampaignItem(ID, 1, body=b'{"newer":1}', status="active").save()
    assert (row(admin)["version"], row(admin)["kind"], row(admin)["status"]) == (1, None, "active")
    assert admin.refused("GET", CAMPAIGN, id=ID)["code"] == "invalid_campaign"
    asked = admin.refused("POST", f"{CAMPAIGN}/explain", {"userId": "u1"}, id=ID)
    assert (asked["status"], asked["code"]) == (404, "not_found")
    assert "version 1) is left out" in asked["message"]
    assert act(admin, "pause")["status"] == "paused"
    assert rollback(admin, 0, 1)["status"] == "paused"
    act(admin, "resume")
    assert live_version(app) == 0
