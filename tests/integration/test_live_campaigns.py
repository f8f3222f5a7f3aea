"""The campaigns' cache: what is live, how old it may be, and what a failure means."""

import json
from hashlib import sha256

import msgspec
import pytest
from botocore.exceptions import ReadTimeoutError

from functions.core.campaign import ActionRule, CampaignFile, Package, SettingsFile
from functions.store.campaigns import LIVE, CampaignItem, LiveCampaigns, LiveSet
from tests.integration.conftest import SECOND, WRITE_KEY, App, Database, message


def publish(
    package: Package, *, version: int = 3, status: str = "active", paused: bool = False
) -> None:
    [campaign] = package.campaigns
    file: CampaignFile = msgspec.structs.replace(campaign, status=status)
    settings: SettingsFile = msgspec.structs.replace(package.settings, paused=paused)
    CampaignItem(campaign.id, version, body=msgspec.json.encode(file)).save()
    key = sha256(WRITE_KEY.encode()).hexdigest()
    live = LiveSet(versions={campaign.id: version}, settings=settings, write_keys=(key,))
    CampaignItem(LIVE, 0, body=msgspec.json.encode(live)).save()


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
    app: App, package: Package, how: dict[str, str]
) -> None:
    offer = app.value_moment()
    assert offer
    publish(package, **how)  # type: ignore[arg-type] # one keyword or the other
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


GONE = b'{"versions":{"x":9},"settings":{"deeplinks":{"schemes":["x"]}},"write_keys":[]}'


@pytest.mark.parametrize("body", [b"{", b"{}", GONE])
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


@pytest.mark.parametrize("deeplink", ["javascript:alert(1)", "intent://x", "yourapp://u:p@x/y"])
def test_row_45_a_published_deeplink_is_checked_again_before_it_is_served(
    app: App, package: Package, deeplink: str
) -> None:
    [campaign] = package.campaigns
    bad = msgspec.structs.replace(campaign, action=ActionRule(deeplink=deeplink))
    publish(msgspec.structs.replace(package, campaigns=(bad,)))
    app.now += 20 * SECOND
    live = app.live.at(app.now)
    assert live.problem
    assert "action.deeplink" in live.problem
    assert live.campaigns.by_id["push-softask"].version == 0


def test_row_67_after_a_restore_nothing_of_the_snapshot_is_trusted(
    app: App, database: Database
) -> None:
    app.live.forget()
    app.live.at(app.now)
    assert database.calls == ["GetItem"]


def test_a_clock_that_went_back_reads_anew(app: App, database: Database) -> None:
    app.live.at(app.now - 1)
    assert database.calls == ["GetItem"]


def test_the_write_keys_of_the_live_item_replace_the_packaged_ones(
    app: App, package: Package
) -> None:
    live = LiveSet(versions={}, settings=package.settings, write_keys=())
    CampaignItem(LIVE, 0, body=msgspec.json.encode(live)).save()
    app.now += 20 * SECOND
    status, _ = app.send("/v1/track", json.dumps(message("ValueMomentReached")))
    assert status == 401
