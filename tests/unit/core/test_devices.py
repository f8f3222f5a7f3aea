"""Devices: what is known of the one that acts."""

import pytest

from functions.core.devices import acting, usual
from functions.core.model import Device, Snapshot
from tests.unit.core.scene import NEVER_ASKED, Scene


@pytest.mark.parametrize(
    ("locale", "country"),
    [
        ("en-GB", "GB"),
        ("en_GB", "GB"),
        ("EN-gb", "GB"),
        ("zh-Hant-TW", "TW"),
        ("zh-Hans_CN", "CN"),
        ("zh-yue-Hant-HK", "HK"),
        ("zh_TW_#Hant", "TW"),
        ("de-DE-u-co-phonebk", "DE"),
        ("en_US@currency=EUR", "US"),
        ("en_US.UTF-8", "US"),
        ("es-419", ""),
        ("en", ""),
        ("en-u-gb", ""),
        ("zh-Hant", ""),
        ("en-GBR", ""),
        ("en-G1", ""),
        ("x-GB", ""),
        ("-GB", ""),
        ("GB", ""),
    ],
)
def test_the_country_is_the_region_of_the_locale(locale: str, country: str) -> None:
    scene = Scene()

    assert acting(scene.profile, scene.message(locale=locale)).country == country


def test_where_the_phone_is_beats_the_region_of_its_locale() -> None:
    scene = Scene()

    assert acting(scene.profile, scene.message(locale="en-GB", country="FR")).country == "FR"


def test_what_a_trigger_tells_of_its_device_is_kept_for_the_next_that_tells_less() -> None:
    scene = Scene()
    scene.value(app_version="4.2", time_zone="Europe/London", locale="en-GB")
    scene.value(app_version="4.3")

    device = acting(scene.profile, scene.message())
    assert (device.app_version, device.time_zone, device.country) == ("4.3", "Europe/London", "GB")
    assert device.push == NEVER_ASKED


def test_a_device_that_tells_nothing_is_not_kept() -> None:
    scene = Scene()
    scene.value(push=None, platform="")

    assert scene.profile.devices == {}


def test_a_platform_alone_is_kept() -> None:
    scene = Scene()
    scene.value(push=None)

    assert scene.profile.devices == {"phone": Device(platform="ios")}


def test_the_usual_device_is_that_of_the_newest_offer_else_the_last_heard_of() -> None:
    scene = Scene()
    assert usual(scene.profile) == ""
    scene.track("PushPermissionChanged", push=NEVER_ASKED, device="tablet")
    scene.wait(1)
    scene.track("PushPermissionChanged", push=NEVER_ASKED, device="phone")
    assert usual(scene.profile) == "phone"

    scene.offered(device="tablet")
    assert usual(scene.profile) == "tablet"


def test_an_older_snapshot_does_not_undo_the_platform() -> None:
    scene = Scene()
    scene.value(app_version="4.2")
    scene.track("PushPermissionChanged", push=Snapshot(status="denied"), platform="")

    assert scene.profile.devices["phone"] == Device(
        push=Snapshot(status="denied"),
        push_at=scene.now,
        platform="ios",
        app_version="4.2",
    )
