"""The campaigns' cache: what is live, how old it may be, and what a failure means."""

import json
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ReadTimeoutError

from functions.core.campaign import ActionRule, OfferRule, Package
from functions.core.compiled import Campaigns
from functions.store.campaigns import (
    CHANGES,
    KEYS_HOLD,
    LIVE,
    CampaignItem,
    Entry,
    LiveCampaigns,
    LiveSet,
    Version,
)
from tests.integration.conftest import DAY, HASHES, SECOND, App, Database, message


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
    assert database.calls == ["GetItem", "GetItem"]
    app.now += 20 * SECOND - 1
    app.track("AppOpened")
    assert len(database.calls) == 2
    app.now += 1
    app.track("AppOpened")
    assert len(database.calls) == 3


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


@pytest.mark.parametrize("body", [b"{", b"{}", NEWER])
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
    assert database.calls == ["GetItem"]


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
