"""Devices: what is known of the one that acts, and which are kept."""

import pytest
from msgspec.structs import replace

from functions.core.devices import MAX_DEVICES, acting, capped, usual
from functions.core.model import DAY, Device, Outcome, Snapshot
from functions.core.reason import Reason
from tests.unit.core.scene import NEVER_ASKED, START, Scene


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

    assert scene.profile.devices == {"phone": Device(platform="ios", seen_at=START)}


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
        seen_at=scene.now,
        prompts=1,
        platform="ios",
        app_version="4.2",
    )


def silent(number: int) -> str:
    return f"silent-{number:02}"


def crowded(scene: Scene) -> Scene:
    """As many devices as are kept, none with a snapshot, heard of one after the other."""
    for number in range(MAX_DEVICES):
        scene.track("PushSoftAskShown", device=silent(number))
        scene.wait(DAY)
    return scene


def test_a_device_that_never_sent_a_snapshot_is_not_the_first_to_be_replaced() -> None:
    scene = Scene()
    scene.track("PushPermissionChanged", device="first", push=NEVER_ASKED)
    scene.wait(DAY)
    crowded(scene)

    assert "first" not in scene.profile.devices
    assert len(scene.profile.devices) == MAX_DEVICES
    scene.track("PushSoftAskShown", device="another")
    assert silent(0) not in scene.profile.devices
    assert len(scene.profile.devices) == MAX_DEVICES


def test_a_sign_of_life_keeps_a_device_though_it_tells_nothing_new() -> None:
    scene = crowded(Scene())
    scene.track("ValueMomentReached", device=silent(0))

    scene.track("PushSoftAskShown", device="another")

    assert silent(0) in scene.profile.devices
    assert silent(1) not in scene.profile.devices


def test_the_device_of_an_open_offer_is_not_replaced_while_others_can_be() -> None:
    scene = crowded(Scene())
    offer = scene.offered(device=silent(0))
    devices = {**scene.profile.devices, silent(0): Device(seen_at=1)}
    scene.profile = replace(scene.profile, devices=devices)

    scene.track("PushSoftAskSuppressed", offer_id="of_unknown", device="another")

    assert silent(0) in scene.profile.devices
    assert scene.report(Outcome.SHOWN, offer, device=silent(0)).reason is Reason.SHOWN


def test_the_acting_device_is_not_replaced_by_itself() -> None:
    scene = crowded(Scene())
    devices = {id_: Device(seen_at=scene.now + DAY) for id_ in scene.profile.devices}
    scene.profile = replace(scene.profile, devices=devices)

    scene.track("PushSoftAskShown", device="new")

    assert "new" in scene.profile.devices
    assert len(scene.profile.devices) == MAX_DEVICES


def test_a_sign_of_life_is_kept_to_the_day_of_each_device() -> None:
    scene = Scene()
    for device in ("phone", "tablet"):
        scene.track("PushPermissionChanged", device=device, push=NEVER_ASKED)
    scene.wait(DAY - 1)
    scene.track("PushPermissionChanged", push=NEVER_ASKED)
    assert scene.profile.devices["phone"].seen_at == START

    scene.wait(1)
    scene.track("PushPermissionChanged", push=NEVER_ASKED)
    assert scene.profile.devices["phone"].seen_at == scene.profile.seen_at == START + DAY
    scene.track("PushPermissionChanged", device="tablet", push=NEVER_ASKED)
    assert scene.profile.devices["tablet"].seen_at == START + DAY


def test_a_device_from_before_signs_of_life_were_kept_has_its_snapshots_date() -> None:
    old = {"old": Device(push_at=START), "older": Device(push_at=START - 1)}
    many = {f"d{number}": Device(seen_at=START) for number in range(MAX_DEVICES - 1)}

    assert capped({**many, **old}, ()).keys() == {*many, "old"}
