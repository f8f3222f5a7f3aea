"""The truth table: what a device in each state may still see."""

import pytest

from functions.core.decision import new_profile
from functions.core.model import Attribute, Device, PushStatus, Snapshot
from functions.core.permission import STATUS_WORDS, is_status, read_status, route, status_on
from functions.core.standing import route_for
from tests.unit.core.scene import START, USER, Scene

ROUTES = [
    (1, "ios", Snapshot(status="notDetermined", prompts_used=0), "os_prompt"),
    (1, "ios", Snapshot(), "os_prompt"),
    (2, "ios", Snapshot(status="provisional"), "os_prompt"),
    (3, "ios", Snapshot(status="denied", prompts_used=0), "open_settings"),
    (3, "ios", Snapshot(status="denied", prompts_used=1), "open_settings"),
    (4, "ios", Snapshot(status="authorized"), None),
    (5, "ios", Snapshot(status="ephemeral"), None),
    (7, "android", Snapshot(status="granted"), None),
    (8, "android", Snapshot(status="denied"), "open_settings"),
    (9, "android", Snapshot(status="notDetermined", prompts_used=0), "os_prompt"),
    (11, "android", Snapshot(status="denied", prompts_used=1, rationale=True), "os_prompt"),
    (
        12,
        "android",
        Snapshot(status="denied", prompts_used=2, rationale=False, ever_asked=True),
        "open_settings",
    ),
    (13, "android", Snapshot(status="denied", rationale=True, target_sdk=32), "open_settings"),
    (13, "android", Snapshot(status="denied", rationale=True, target_sdk=33), "os_prompt"),
    (14, "android", Snapshot(status="authorized", prompts_used=1), None),
    (15, "android", Snapshot(status="denied", rationale=True, prompts_used=2), "os_prompt"),
    (16, "ios", Snapshot(status="authorized", opted_out=True), "in_app_opt_in"),
    (16, "android", Snapshot(status="granted", notification_types=-2), "in_app_opt_in"),
    (17, "ios", Snapshot(status="authorized", notification_types=-3), None),
    (18, "web", Snapshot(status="default"), "os_prompt"),
    (19, "web", Snapshot(status="denied", rationale=True), None),
]


@pytest.mark.parametrize(("line", "platform", "snapshot", "expected"), ROUTES)
def test_the_route_is_that_of_the_truth_table(
    line: int, platform: str, snapshot: Snapshot, expected: str | None
) -> None:
    found = route(read_status(snapshot.status), snapshot, platform)

    assert (found and found.value) == expected, f"line {line}"


@pytest.mark.parametrize(
    ("status", "expected"),
    [(PushStatus.UNKNOWN, "os_prompt"), (PushStatus.GRANTED, None), (PushStatus.DENIED, None)],
)
def test_an_unknown_platform_without_a_device_is_asked_only_if_unknown(
    status: PushStatus, expected: str | None
) -> None:
    found = route(status, None, "")

    assert (found and found.value) == expected


@pytest.mark.parametrize("word", STATUS_WORDS)
def test_every_native_word_is_known_in_any_case(word: str) -> None:
    assert is_status(word)
    assert is_status(word.upper())
    assert read_status(word.upper()) is read_status(word)


def test_other_words_are_not_statuses() -> None:
    assert not is_status("yes")
    assert read_status("yes") is PushStatus.UNKNOWN
    assert read_status(None) is PushStatus.UNKNOWN


def test_a_snapshot_without_a_status_leaves_the_trait_in_force() -> None:
    profile = new_profile(USER, START)
    told = Snapshot(prompts_used=1)
    profile = type(profile)(
        user=USER,
        first_seen_at=START,
        seen_at=START,
        attributes={"push_permission_status": Attribute("granted", START)},
        devices={"phone": Device(push=told, push_at=START)},
    )

    assert status_on(profile, "phone") is PushStatus.GRANTED
    assert status_on(new_profile(USER, START), "phone") is PushStatus.UNKNOWN


def test_an_explicit_ask_is_routed_by_what_the_asker_sends_else_by_what_is_known() -> None:
    scene = Scene()
    asker = scene.message(device="phone", platform="")
    assert route_for(scene.profile, asker) == "os_prompt"

    scene.track("PushPermissionChanged", push=Snapshot(status="denied", rationale=False))
    assert route_for(scene.profile, asker) == "open_settings"

    asker = scene.message(device="phone", push=Snapshot(prompts_used=1))
    assert route_for(scene.profile, asker) == "open_settings"

    asker = scene.message(device="phone", push=Snapshot(status="authorized", opted_out=True))
    assert route_for(scene.profile, asker) == "in_app_opt_in"


def test_an_explicit_ask_passes_caps_and_windows() -> None:
    scene = Scene()
    scene.identify(declined_at=scene.now)

    assert route_for(scene.profile, scene.message()) == "os_prompt"
