"""What a call's context tells of the device, and what reads as absent."""

from typing import Any

import pytest

from functions.core.model import DAY, SECOND, Message, Snapshot
from functions.core.moments import format_time
from functions.wire.context import android_api_level
from functions.wire.messages import read_asker, read_message

NOW = 1_795_255_200_000


def asker(context: Any = None, **body: Any) -> Message:
    return read_asker({"userId": "u1", "context": context} | body, NOW)


def tracked(context: Any = None, **body: Any) -> Message:
    return read_message("track", {"userId": "u1", "event": "E", "context": context} | body, NOW)


FULL = {
    "device": {"id": "d1"},
    "os": {"name": "Android", "version": "14", "apiLevel": 34},
    "app": {"version": "4.2", "inForeground": False, "installedAt": "2026-11-01T00:00:00Z"},
    "locale": "en-GB",
    "timezone": "Europe/London",
    "location": {"country": "de"},
    "push": {"status": "denied", "rationale": True},
}


@pytest.mark.parametrize("read", [asker, tracked])
def test_all_that_the_context_tells_is_in_the_message(read: Any) -> None:
    message = read(FULL)

    assert message.device == "d1"
    assert message.platform == "android"
    assert message.os_version == "14"
    assert message.api_level == 34
    assert message.app_version == "4.2"
    assert message.locale == "en-GB"
    assert message.country == "DE"
    assert message.time_zone == "Europe/London"
    assert message.installed_at == 1_793_491_200_000
    assert message.in_foreground is False
    assert message.push == Snapshot(status="denied", rationale=True)


NOTHING: dict[str, Any] = {
    "platform": "",
    "os_version": "",
    "api_level": None,
    "app_version": "",
    "locale": None,
    "country": "",
    "time_zone": "",
    "installed_at": None,
    "in_foreground": True,
    "push": None,
}


def told(message: Message) -> dict[str, Any]:
    return {name: getattr(message, name) for name in NOTHING}


WRONG = [7, True, None, [], {}, ["en-GB"], {"id": 1}, 1.5]


@pytest.mark.parametrize("read", [asker, tracked])
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_whatever_is_of_another_type_reads_as_absent(read: Any, wrong: Any) -> None:
    contexts = [
        {"device": wrong, "os": wrong, "app": wrong, "location": wrong, "push": wrong},
        {"locale": wrong, "timezone": wrong, "location": {"country": wrong}},
        {"os": {"name": wrong, "version": wrong}, "app": {"version": wrong}},
        {"push": {"status": wrong, "lastAskedAt": [wrong], "optedOut": [wrong]}},
    ]

    assert [told(read(context)) for context in contexts] == [NOTHING] * len(contexts)


def test_a_missing_context_tells_nothing() -> None:
    assert told(asker()) == NOTHING
    assert told(asker({})) == NOTHING


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (("os", "version"), "os_version"),
        (("app", "version"), "app_version"),
        (("timezone",), "time_zone"),
        (("locale",), "locale"),
    ],
)
def test_a_text_of_more_than_64_characters_is_none(path: tuple[str, ...], field: str) -> None:
    def read(text: str) -> Any:
        context: Any = text
        for step in reversed(path):
            context = {step: context}
        return getattr(asker(context), field)

    assert read("x" * 64) == "x" * 64
    assert read("x" * 65) == NOTHING[field]
    assert read("") == NOTHING[field]


def test_a_batchs_context_lies_under_each_items_own() -> None:
    item = {"userId": "u1", "event": "E", "context": {"os": {"version": "17"}, "locale": None}}
    shared = {"context": {"os": {"name": "iOS", "version": "18"}, "timezone": "Asia/Tokyo"}}

    message = read_message("track", item, NOW, shared)

    assert (message.platform, message.os_version) == ("ios", "17")
    assert message.time_zone == "Asia/Tokyo"


# --- properties ---


def test_the_properties_of_an_event_are_as_they_were_sent() -> None:
    properties = {"streak": 3, "tags": ["a"], "nested": {"x": None}, "offerId": "of_1"}

    message = tracked(properties=properties)

    assert message.properties == properties
    assert message.offer_id == "of_1"


def test_what_is_no_event_has_no_properties() -> None:
    body = {"userId": "u1", "traits": {"a": 1}, "properties": {"streak": 3}}

    assert read_message("identify", body, NOW).properties == {}
    assert tracked().properties == {}


# --- the API level ---


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("17", 37),
        ("16", 36),
        ("15", 35),
        ("14", 34),
        ("14.0.1", 34),
        ("13", 33),
        ("12L", 32),
        ("12.1", 32),
        ("12", 32),
        ("11", 30),
        ("10", 29),
        ("9", 28),
        ("8.1", 27),
        ("8.1.0", 27),
        ("8.0.0", 26),
        ("8", 26),
        ("7.1.2", 25),
        ("4", 25),
        ("99", 119),
    ],
)
def test_an_android_version_names_its_highest_api_level(version: str, level: int) -> None:
    assert android_api_level(version) == level


@pytest.mark.parametrize("version", ["", "Tiramisu", "REL", "140", "-13", "१३", " 13"])
def test_what_is_no_android_version_names_no_api_level(version: str) -> None:
    assert android_api_level(version) is None


def api_level(**os: Any) -> int | None:
    return asker({"os": {"name": "Android"} | os}).api_level


def test_a_told_api_level_beats_the_version() -> None:
    assert api_level(version="14", apiLevel=32) == 32
    assert api_level(version="14") == 34
    assert api_level() is None


@pytest.mark.parametrize("told", [0, -1, 1000, 10**30, 33.0, "33", True, None])
def test_an_api_level_that_cannot_be_is_not_told(told: Any) -> None:
    assert api_level(version="13", apiLevel=told) == 33
    assert api_level(apiLevel=told) is None


def test_only_android_has_an_api_level() -> None:
    assert asker({"os": {"name": "iOS", "version": "18.1", "apiLevel": 33}}).api_level is None
    assert asker({"os": {"version": "13", "apiLevel": 33}}).api_level is None


def test_the_device_type_names_the_platform_where_the_os_does_not() -> None:
    message = asker({"device": {"type": "android"}, "os": {"version": "13"}})

    assert (message.platform, message.api_level) == ("android", 33)


# --- the country ---


@pytest.mark.parametrize(
    ("place", "country"),
    [("FR", "FR"), ("fr", "FR"), ("France", ""), ("", ""), ("F1", ""), ("ÄÖ", "")],
)
def test_the_country_is_where_the_phone_is_if_that_is_a_code(place: str, country: str) -> None:
    assert asker({"locale": "en-GB", "location": {"country": place}}).country == country


# --- when the app was installed ---


def installed_at(value: Any, **body: Any) -> int | None:
    return asker({"app": {"installedAt": value}}, **body).installed_at


@pytest.mark.parametrize(
    "value", [(NOW - DAY) // SECOND, NOW - DAY, format_time(NOW - DAY), (NOW - DAY) / SECOND]
)
def test_the_installation_is_told_as_iso_8601_or_as_epoch_seconds_or_milliseconds(
    value: Any,
) -> None:
    assert installed_at(value) == NOW - DAY


def test_the_installation_is_by_the_servers_clock() -> None:
    an_hour_ahead = format_time(NOW + 3_600_000)

    assert installed_at(an_hour_ahead, sentAt=an_hour_ahead) == NOW
    assert installed_at(NOW, sentAt=an_hour_ahead) == NOW - 3_600_000


def test_no_app_was_installed_in_the_future_or_before_1970() -> None:
    assert installed_at(NOW + 1) == NOW
    assert installed_at(NOW + 1, sentAt="1990-01-01T00:00:00Z") == NOW
    assert installed_at(-1) == 0


@pytest.mark.parametrize("value", ["yesterday", "", True, None, [], float("inf"), float("nan")])
def test_an_installation_that_is_no_time_is_not_told(value: Any) -> None:
    assert installed_at(value) is None


def test_the_floors_of_the_phone_may_lie_ahead_where_the_installation_may_not() -> None:
    message = asker({"push": {"lastAskedAt": NOW + DAY, "lastDeclinedAt": "soon"}})

    assert message.push == Snapshot(last_asked_at=NOW + DAY)
