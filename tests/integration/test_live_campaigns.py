"""The campaigns' cache: what is live, how old it may be, and what a failure means."""

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ReadTimeoutError

from functions.core.campaign import ActionRule, OfferRule, Package
from functions.core.compiled import Campaigns
from functions.core.model import HOUR, MINUTE
from functions.store.access import AccessKey, KeyUse, id_of
from functions.store.campaigns import CHANGES, LIVE, CampaignItem, Entry, LiveSet, Version
from functions.store.live import KEYS_HOLD, LiveCampaigns
from tests.integration.conftest import (
    DAY,
    HASHES,
    SECOND,
    WRITE_KEY,
    Admin,
    App,
    Database,
    message,
)


def store(*versions: Version, write_keys: tuple[str, ...] = HASHES, **live: Any) -> None:
    """The versions, and a `LiveSet` of which the newest serve unless `campaigns` says otherwise."""
    for version in versions:
        body = msgspec.json.encode(version.file)
        CampaignItem(version.file.id, version.number, body=body).save()
    entries = {each.file.id: Entry(version=each.number, newest=each.number) for each in versions}
    fields = {"revision": 1, "campaigns": entries, "write_keys": write_keys, **live}
    CampaignItem(LIVE, 0, body=msgspec.json.encode(LiveSet(**fields)), revision=1).save()


def version(package: Package, number: int, **changes: Any) -> Version:
    [campaign] = package.campaigns
    return Version(number=number, file=msgspec.structs.replace(campaign, **changes))


def publish(package: Package, number: int = 3, *, paused: bool = False, **changes: Any) -> None:
    settings = msgspec.structs.replace(package.settings, paused=paused)
    store(version(package, number, **changes), settings=settings)


def unreachable(_: str) -> None:
    raise ReadTimeoutError(endpoint_url="http://localhost")


def test_without_a_live_item_the_packaged_campaigns_serve_as_version_0(app: App) -> None:
    offer = app.value_moment()
    assert offer
    assert offer["campaignVersion"] == 0


def test_what_was_published_serves_after_the_next_refresh(app: App, package: Package) -> None:
    publish(package)
    app.now += 20 * SECOND
    offer = app.value_moment()
    assert offer
    assert offer["campaignVersion"] == 3


def test_the_live_item_is_read_once_per_20_seconds_and_a_version_once(
    app: App, database: Database, package: Package
) -> None:
    publish(package)
    app.now += 20 * SECOND
    database.calls.clear()
    app.track("AppOpened")
    # LIVE, whether a newer one was made, and the version.
    assert database.calls == ["GetItem", "GetItem", "GetItem"]
    app.now += 20 * SECOND - 1
    app.track("AppOpened")
    assert len(database.calls) == 3
    app.now += 1
    app.track("AppOpened")
    assert len(database.calls) == 4


@pytest.mark.parametrize("how", [{"status": "paused"}, {"paused": True}])
def test_row_38_a_pause_stops_grants_within_30_s_and_outcomes_are_recorded(
    app: App, package: Package, how: dict[str, Any]
) -> None:
    offer = app.value_moment()
    assert offer
    publish(package, **how)
    app.now += 30 * SECOND
    assert app.value_moment(user="u2") is None
    app.outcome("Declined", offer)
    assert app.profile().progress["push-softask"].declined_at == app.now


def test_row_66_without_a_refresh_for_30_s_nothing_is_granted_and_outcomes_are_recorded(
    app: App,
) -> None:
    offer = app.value_moment()
    assert offer

    app.now += 29 * SECOND
    app.live._tried_at = app.now  # the refresh was just tried, and failed
    assert app.value_moment(user="u2")
    app.now += SECOND
    app.live._tried_at = app.now
    assert app.value_moment(user="u3") is None
    app.outcome("Declined", offer)
    assert app.profile().progress["push-softask"].declined_at == app.now
    app.now += SECOND
    assert app.value_moment(user="u3")


def test_row_66_a_function_that_never_could_read_grants_nothing(
    database: Database, package: Package
) -> None:
    live = LiveCampaigns(package, ())
    database.before = unreachable
    first = live.at(0)
    assert not first.campaigns.fresh
    assert first.problem
    assert "Unavailable" in first.problem


def test_a_failing_refresh_is_tried_once_a_second_and_told_once(
    database: Database, package: Package
) -> None:
    live = LiveCampaigns(package, ())
    database.before = unreachable
    live.at(1_000)
    tried = len(database.calls)
    assert live.at(1_999).problem is None
    assert len(database.calls) == tried
    assert live.at(2_000).problem


NEWER = b'{"revision":2,"campaigns":{},"settings":{"newer":1},"write_keys":[]}'
NO_KEYS = b'{"revision":2,"campaigns":{},"settings":{},"write_keys":[],"keys":[]}'
NO_TEXT = b'{"revision":2,"campaigns":{},"settings":{},"write_keys":["\xff"]}'
DEEP = b'{"revision":2,"campaigns":' + b"[" * 100_000
BODIES = [b"{", b"{}", b"", b"[]", b"\xff", NEWER, NO_KEYS, NO_TEXT, DEEP]


@pytest.mark.parametrize("body", BODIES)
def test_row_36_a_live_item_that_cannot_be_used_leaves_the_last_good_one(
    app: App, package: Package, body: bytes
) -> None:
    publish(package)
    app.now += 20 * SECOND
    app.track("AppOpened")
    CampaignItem(LIVE, 0, body=body).save()
    app.now += 20 * SECOND
    live = app.live.at(app.now)
    assert live.problem
    assert live.campaigns.by_id["push-softask"].version == 3


UNREADABLE: list[dict[str, Any]] = [
    {},
    {"body": {"NULL": True}},
    {"body": {"S": "{}"}},
    {"revision": {"S": "two"}},
]


@pytest.mark.parametrize("attributes", UNREADABLE)
def test_row_36_a_live_item_without_a_body_that_can_be_read_leaves_the_last_good_one(
    app: App, package: Package, attributes: dict[str, Any]
) -> None:
    publish(package)
    app.now += 20 * SECOND
    app.track("AppOpened")
    put_back(**attributes)
    app.now += 20 * SECOND
    live = app.live.at(app.now)
    assert "docs/operations.md" in str(live.problem)
    assert live.campaigns.by_id["push-softask"].version == 3
    assert app.live.at(app.now).keys
    app.track("AppOpened")


@pytest.mark.parametrize("attributes", UNREADABLE)
def test_row_51_a_function_that_starts_with_a_live_item_that_it_cannot_read_lets_nobody_in(
    app: App, attributes: dict[str, Any]
) -> None:
    put_back(**attributes)
    app.live.forget()
    status, answer = app.send("/v1/track", json.dumps(message("ValueMomentReached")))
    assert (status, answer["code"]) == (503, "try_again")


# --- an older one that somebody put back ---


def put_back(**attributes: Any) -> None:
    """A `LIVE` of these attributes as they are stored, by hand."""
    key = {"campaign": {"S": LIVE}, "version": {"N": "0"}}
    table = CampaignItem.Meta.table_name
    boto3.client("dynamodb").put_item(TableName=table, Item={**key, **attributes})


def is_let_in(app: App, key: str) -> bool:
    """Whether the app may call with it, once the function has looked again."""
    app.now += 20 * SECOND
    basic = b64encode(f"{key}:".encode()).decode()
    body = json.dumps({"userId": "u1", "event": "Looked"})
    status, _ = app.send("/v1/track", body, headers={"authorization": f"Basic {basic}"})
    return status == 200


def current() -> dict[str, Any]:
    """`LIVE` as it is stored."""
    table = CampaignItem.Meta.table_name
    key = {"campaign": {"S": LIVE}, "version": {"N": "0"}}
    item = boto3.client("dynamodb").get_item(TableName=table, Key=key)["Item"]
    return {name: item[name] for name in ("body", "revision")}


def test_row_51_an_older_live_item_brings_no_revoked_key_back(app: App, admin: Admin) -> None:
    made = admin.call("POST", "/keys", {"use": "server"})
    older = current()
    assert is_let_in(app, made["secret"])
    admin.call("DELETE", "/keys/{id}", id=made["key"]["id"])
    assert not is_let_in(app, made["secret"])

    put_back(**older)

    assert not is_let_in(app, made["secret"])
    assert is_let_in(app, WRITE_KEY)


def test_row_66_an_older_live_item_is_a_refresh_that_failed(app: App, admin: Admin) -> None:
    admin.call("POST", "/campaigns/{id}/pause", id="push-softask")
    paused = current()
    admin.call("POST", "/campaigns/{id}/resume", id="push-softask")
    app.now += 20 * SECOND
    assert app.value_moment()

    put_back(**paused)

    app.now += 20 * SECOND
    app.track("AppOpened")
    [line] = [json.loads(each) for each in app.log.getvalue().splitlines() if "refreshed" in each]
    assert "LIVE is of revision 1, and was of a later one" in line["cause"]
    assert line["CampaignsNotRefreshed"] == 1
    assert app.live.at(app.now).campaigns.fresh
    app.now += 30 * SECOND
    assert not app.live.at(app.now).campaigns.fresh


def test_a_newer_live_item_serves_again_after_an_older_one(app: App, admin: Admin) -> None:
    admin.call("POST", "/campaigns/{id}/pause", id="push-softask")
    older = current()
    admin.call("POST", "/campaigns/{id}/resume", id="push-softask")
    newest = current()
    app.now += 20 * SECOND
    app.live.at(app.now)
    put_back(**older)
    app.now += 60 * SECOND
    assert app.live.at(app.now).problem

    put_back(**newest)

    app.now += SECOND
    assert app.live.at(app.now).problem is None
    assert app.value_moment()


def test_an_older_live_item_is_refused_by_who_read_the_newer_though_its_record_is_gone_too(
    app: App, admin: Admin
) -> None:
    made = admin.call("POST", "/keys", {"use": "server"})
    older = current()
    admin.call("DELETE", "/keys/{id}", id=made["key"]["id"])
    assert not is_let_in(app, made["secret"])

    put_back(**older)
    CampaignItem(CHANGES, 2).delete()

    assert not is_let_in(app, made["secret"])
    assert "LIVE is of revision 1" in str(app.live.at(app.now + SECOND).problem)


def test_row_51_a_function_that_starts_with_an_older_live_item_knows_it_by_the_record(
    app: App, admin: Admin
) -> None:
    made = admin.call("POST", "/keys", {"use": "server"})
    older = current()
    admin.call("DELETE", "/keys/{id}", id=made["key"]["id"])
    put_back(**older)
    app.live.forget()

    live = app.live.at(app.now)
    assert "was of a later one" in str(live.problem)
    assert live.keys is None
    assert not is_let_in(app, made["secret"])


def test_row_51_a_function_that_nobody_called_meanwhile_knows_it_by_the_record(
    app: App, admin: Admin
) -> None:
    admin.call("POST", "/campaigns/{id}/pause", id="push-softask")
    assert is_let_in(app, WRITE_KEY)
    made = admin.call("POST", "/keys", {"use": "server"})
    older = current()
    admin.call("DELETE", "/keys/{id}", id=made["key"]["id"])

    put_back(**older)

    # Newer than what it read, and older than what was made.
    app.now += 10 * MINUTE
    assert not is_let_in(app, made["secret"])
    assert "was of a later one" in str(app.live.at(app.now + SECOND).problem)


def test_row_51_a_function_that_idled_brings_no_deployed_key_back_that_was_revoked(
    app: App, admin: Admin
) -> None:
    assert is_let_in(app, WRITE_KEY)
    admin.call("POST", "/keys", {"use": "write"})
    admin.call("DELETE", "/keys/{id}", id=id_of(KeyUse.WRITE, HASHES[0]))
    CampaignItem(LIVE, 0).delete()

    app.now += 2 * HOUR
    assert not is_let_in(app, WRITE_KEY)
    assert app.live.at(app.now).keys is None


def test_a_change_that_is_made_while_a_function_starts_is_no_older_live_item(
    app: App, admin: Admin, database: Database
) -> None:
    admin.call("POST", "/campaigns/{id}/pause", id="push-softask")
    app.live.forget()
    database.calls.clear()

    def resume(_: str) -> None:
        if len(database.calls) == 1:
            database.after = lambda _: None
            admin.call("POST", "/campaigns/{id}/resume", id="push-softask")

    database.after = resume
    assert app.live.at(app.now).problem is None
    app.now += 20 * SECOND
    assert app.value_moment()


def test_every_change_that_rolls_something_back_raises_the_revision(
    app: App, admin: Admin, package: Package
) -> None:
    file = msgspec.to_builtins(package.campaigns[0])
    route = "/campaigns/{id}"
    admin.call("PUT", route, {"campaign": file, "expectedVersion": 0}, id="push-softask")
    app.now += 20 * SECOND
    assert app.live.at(app.now).campaigns.by_id["push-softask"].version == 1

    admin.call("POST", f"{route}/rollback", {"version": 0, "expectedVersion": 1}, id="push-softask")

    app.now += 20 * SECOND
    live = app.live.at(app.now)
    assert (live.problem, live.campaigns.by_id["push-softask"].version) == (None, 0)


# --- what newer code wrote ---


def test_row_54_keys_that_only_newer_code_knows_let_nobody_in_and_leave_the_others(
    app: App, package: Package
) -> None:
    own = AccessKey(use=KeyUse.SERVER, sha256=sha256(b"sk_own").hexdigest())
    digest = sha256(b"xk_new").hexdigest()
    publish(package)
    stored = json.loads(CampaignItem.get(LIVE, 0).body)
    stored["keys"] = {
        "sk-own": msgspec.to_builtins(own),
        "xk-new": {"use": "partner", "sha256": digest},
        "xk-odd": {"use": "server", "sha256": [digest]},
        "xk-no": {"sha256": digest},
        "xk-list": [digest],
    }
    CampaignItem(LIVE, 0, body=json.dumps(stored).encode(), revision=1).save()

    assert is_let_in(app, "sk_own")
    assert not is_let_in(app, "xk_new")
    live = app.live.at(app.now)
    assert (live.problem, live.campaigns.by_id["push-softask"].version) == (None, 3)
    assert live.keys
    assert set(live.keys) == {"sk-own", f"wk-{HASHES[0][:12]}"}


def serving(campaigns: Campaigns) -> set[str]:
    """The campaigns that may show something."""
    return {campaign.id for campaign in campaigns.by_id.values() if campaign.triggers}


BROKEN = [
    ({"action": ActionRule(deeplink="javascript:alert(1)")}, "action.deeplink"),
    ({"action": ActionRule(deeplink="intent://x")}, "action.deeplink"),
    ({"action": ActionRule(deeplink="yourapp://u:p@x/y")}, "action.deeplink"),
    ({"attempts": None}, "attempts"),
]


@pytest.mark.parametrize(("changes", "place"), BROKEN)
def test_row_45_a_campaign_that_cannot_be_compiled_is_left_out_and_the_others_serve(
    app: App, package: Package, changes: dict[str, Any], place: str
) -> None:
    broken, sound = version(package, 3, id="broken", **changes), version(package, 4)
    store(broken, sound, settings=package.settings)
    app.now += 20 * SECOND
    live = app.live.at(app.now)
    assert live.problem
    assert f"broken (version 3) is left out: {place}" in live.problem
    assert serving(live.campaigns) == {"push-softask"}
    assert live.campaigns.fresh


def test_row_54_a_version_of_newer_code_is_left_out_and_the_others_serve(
    app: App, package: Package
) -> None:
    store(version(package, 1, id="newer"), version(package, 1), settings=package.settings)
    CampaignItem("newer", 1, body=b'{"id":"newer","colour":"red"}').save()
    app.now += 20 * SECOND
    live = app.live.at(app.now)
    assert "newer (version 1) is left out" in str(live.problem)
    assert serving(live.campaigns) == {"push-softask"}


@pytest.mark.parametrize(
    ("body", "event"),
    [
        (b'{"colour":"red"}', "PushSoftAskDeclined"),
        (b'{"colour":"red","outcomes":{"declined":"NotNow","newer":"X"}}', "NotNow"),
        (b"{", "PushSoftAskDeclined"),
    ],
)
def test_row_54_a_decline_is_recorded_though_its_campaign_is_left_out(
    app: App, package: Package, body: bytes, event: str
) -> None:
    offer = app.value_moment()
    assert offer
    store(version(package, 5), settings=package.settings)
    CampaignItem("push-softask", 5, body=body).save()
    app.now += 20 * SECOND
    assert app.value_moment(user="u2") is None
    app.track(event, properties={"offerId": offer["offerId"]})

    progress = app.profile().progress["push-softask"]
    assert (progress.declined_at, progress.retry_at) == (app.now, None)
    publish(package, 6)
    app.now += 14 * DAY - 1
    assert app.value_moment() is None
    app.now += 1
    retry = app.value_moment()
    assert retry
    assert retry["attempt"] == 2


def test_a_version_that_is_not_there_is_left_out(app: App, package: Package) -> None:
    store(settings=package.settings, campaigns={"gone": Entry(version=9, newest=9)})
    app.now += 20 * SECOND
    assert "version 9 of gone is not stored" in str(app.live.at(app.now).problem)


def test_what_was_left_out_is_told_with_each_refresh_and_not_with_each_request(
    app: App, package: Package
) -> None:
    store(settings=package.settings, campaigns={"gone": Entry(version=9, newest=9)})
    app.now += 20 * SECOND
    assert app.live.at(app.now).problem
    assert app.live.at(app.now).problem is None
    app.now += 20 * SECOND
    assert app.live.at(app.now).problem
    app.track("AppOpened")
    assert "campaigns_not_refreshed" not in app.log.getvalue()


def test_a_campaign_that_is_mended_serves_again(app: App, package: Package) -> None:
    store(settings=package.settings, campaigns={"push-softask": Entry(version=9, newest=9)})
    app.now += 20 * SECOND
    assert not serving(app.live.at(app.now).campaigns)
    publish(package, 9)
    app.now += 20 * SECOND
    assert app.live.at(app.now).problem is None
    assert app.value_moment()


def test_a_version_that_cannot_be_reached_keeps_the_last_good_ones(
    app: App, database: Database, package: Package
) -> None:
    publish(package)
    app.now += 20 * SECOND
    database.calls.clear()
    database.before = lambda _: unreachable(_) if len(database.calls) > 1 else None
    live = app.live.at(app.now)
    assert "Unavailable" in str(live.problem)
    assert live.campaigns.by_id["push-softask"].version == 0


def test_what_did_not_change_is_not_compiled_again(app: App, package: Package) -> None:
    publish(package)
    app.now += 20 * SECOND
    first = app.live.at(app.now).campaigns
    app.now += 20 * SECOND
    assert app.live.at(app.now).campaigns is first


def test_a_replaced_version_serves_its_open_offers_until_it_is_done_with(
    app: App, package: Package
) -> None:
    until = app.now + 60 * SECOND
    entry = Entry(version=4, newest=4, previous={3: until})
    versions = version(package, 3, offer=OfferRule(lease="1m")), version(package, 4)
    store(*versions, settings=package.settings, campaigns={"push-softask": entry})
    app.now += 20 * SECOND
    granted = app.live.at(app.now).campaigns.granted("push-softask", 3)
    assert granted
    assert granted.version == 3
    app.now = until
    granted = app.live.at(app.now).campaigns.granted("push-softask", 3)
    assert granted
    assert granted.version == 4


def test_a_replaced_version_that_the_settings_refuse_now_is_no_problem(
    app: App, package: Package
) -> None:
    entry = Entry(version=4, newest=4, previous={3: app.now + 60 * SECOND})
    foreign = version(package, 3, action=ActionRule(deeplink="otherapp://x"))
    store(
        foreign, version(package, 4), settings=package.settings, campaigns={"push-softask": entry}
    )
    app.now += 20 * SECOND
    live = app.live.at(app.now)
    assert live.problem is None
    assert live.campaigns.by_id["push-softask"].version == 4


def test_a_draft_is_seen_by_test_users_alone(app: App, package: Package) -> None:
    settings = msgspec.structs.replace(package.settings, test_users=("tess",))
    entry = Entry(version=3, newest=4, draft=4)
    versions = version(package, 3), version(package, 4, status="draft")
    store(*versions, settings=settings, campaigns={"push-softask": entry})
    app.now += 20 * SECOND
    offers = [app.value_moment(user=user) for user in ("tess", "u1")]
    assert [offer and offer["campaignVersion"] for offer in offers] == [4, 3]


def test_row_67_after_a_restore_nothing_of_the_snapshot_is_trusted(
    app: App, database: Database
) -> None:
    app.live.forget()
    app.live.at(app.now)
    # LIVE, and as there is none, whether there ever was one.
    assert database.calls == ["GetItem", "GetItem"]


def test_a_clock_that_went_back_reads_anew(app: App, database: Database) -> None:
    app.live.at(app.now - 1)
    # By that clock nobody knows when it was read before: as by a function that starts.
    assert database.calls == ["GetItem", "GetItem"]


def test_where_nothing_was_changed_a_live_item_may_go_and_the_packaged_campaigns_serve(
    app: App, package: Package
) -> None:
    publish(package)
    app.now += 20 * SECOND
    assert app.live.at(app.now).campaigns.by_id["push-softask"].version == 3
    CampaignItem(LIVE, 0).delete()
    app.now += 20 * SECOND
    assert app.live.at(app.now).campaigns.by_id["push-softask"].version == 0


def lose_live() -> None:
    """As somebody does by hand: what was changed is known still."""
    CampaignItem(CHANGES, 1, body=b"{}").save()
    CampaignItem(LIVE, 0).delete()


def test_row_51_a_live_item_that_somebody_deleted_brings_back_no_packaged_campaign_or_key(
    app: App, package: Package
) -> None:
    publish(package)
    app.now += 20 * SECOND
    app.live.at(app.now)
    lose_live()

    app.now += 20 * SECOND
    live = app.live.at(app.now)
    assert "LIVE is gone" in (live.problem or "")
    assert live.campaigns.by_id["push-softask"].version == 3
    app.now += 30 * SECOND
    assert not app.live.at(app.now).campaigns.fresh
    app.now += KEYS_HOLD
    assert app.live.at(app.now).keys is None


def test_row_51_a_function_that_starts_without_a_live_item_that_was_there_lets_nobody_in(
    app: App, package: Package
) -> None:
    publish(package)
    lose_live()
    app.live.forget()

    assert app.live.at(app.now).keys is None
    status, answer = app.send("/v1/track", json.dumps(message("ValueMomentReached")))
    assert (status, answer["code"]) == (503, "try_again")


def test_the_write_keys_of_the_live_item_replace_the_packaged_ones(
    app: App, package: Package
) -> None:
    store(settings=package.settings, write_keys=())
    app.now += 20 * SECOND
    status, _ = app.send("/v1/track", json.dumps(message("ValueMomentReached")))
    assert status == 401
