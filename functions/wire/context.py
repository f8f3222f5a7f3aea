"""What a call's `context` tells of the device. What is unknown or of another type is absent."""

import re
from collections.abc import Mapping
from typing import Any, TypedDict, TypeVar

from functions.core.model import Snapshot
from functions.core.moments import parse_moment
from functions.core.permission import is_status
from functions.wire.times import PhoneClock

Context = Mapping[str, Any]
T = TypeVar("T", str, int, bool)

MAX_TEXT = 64
"""Characters of a version, a locale or a time zone; what is longer is none."""

_EMPTY: Context = {}
_NOTHING = Snapshot()

_PLATFORM = 32
_API_LEVELS = 1000

_ANDROID = re.compile(r"([0-9]{1,2})(?:\.([0-9]))?(?![0-9])")
_COUNTRY = re.compile(r"[a-z]{2}", re.IGNORECASE)


class Told(TypedDict):
    """What a context tells, by the names of `Message`."""

    platform: str
    os_version: str
    api_level: int | None
    app_version: str
    locale: str | None
    country: str
    time_zone: str
    installed_at: int | None
    in_foreground: bool
    push: Snapshot | None


def read_context(context: Context, clock: PhoneClock) -> Told:
    """All of it, bounded; the phone's times by the server's clock."""
    os, app = part(context, "os"), part(context, "app")
    platform = _platform(os, part(context, "device"))
    os_version = _short(os, "version") or ""
    return Told(
        platform=platform,
        os_version=os_version,
        api_level=_api_level(os, os_version) if platform == "android" else None,
        app_version=_short(app, "version") or "",
        locale=_short(context, "locale"),
        country=_country(part(context, "location")),
        time_zone=_short(context, "timezone") or "",
        installed_at=_installed_at(app, clock),
        in_foreground=value_of(app, "inForeground", bool) is not False,
        push=_snapshot(part(context, "push"), clock),
    )


def part(context: Context, name: str) -> Context:
    """What the context says under that name; empty where that is no object."""
    found = context.get(name)
    return found if isinstance(found, dict) else _EMPTY


def value_of(part: Context, name: str, kind: type[T]) -> T | None:
    """The value there, if it is of that very type; true and false are no integers."""
    value = part.get(name)
    return value if type(value) is kind else None


def android_api_level(version: str) -> int | None:
    """The highest API level that goes by an Android version: `12` and `12L` are 32."""
    found = _ANDROID.match(version)
    if found is None:
        return None
    major, minor = int(found[1]), int(found[2] or 0)
    if major >= 12:
        return 20 + major
    if major >= 9:
        return 19 + major
    if major < 8:
        return 25
    return 27 if minor else 26


def _short(part: Context, name: str) -> str | None:
    text = value_of(part, name, str)
    return text if text and len(text) <= MAX_TEXT else None


def _platform(os: Context, device: Context) -> str:
    name = value_of(os, "name", str) or value_of(device, "type", str) or ""
    name = name.lower()[:_PLATFORM]
    return "ios" if name in ("ipados", "iphone os") else name


def _api_level(os: Context, os_version: str) -> int | None:
    told = value_of(os, "apiLevel", int)
    if told is not None and 0 < told < _API_LEVELS:
        return told
    return android_api_level(os_version)


def _country(location: Context) -> str:
    """Of the place where the phone is; a country's name is no code."""
    code = _short(location, "country") or ""
    return code.upper() if _COUNTRY.fullmatch(code) else ""


def _installed_at(app: Context, clock: PhoneClock) -> int | None:
    at = _time(app, "installedAt", clock)
    return None if at is None else min(at, clock.now)


def _snapshot(push: Context, clock: PhoneClock) -> Snapshot | None:
    status = value_of(push, "status", str)
    snapshot = Snapshot(
        status=status if status and is_status(status) else None,
        prompts_used=value_of(push, "promptsUsed", int),
        can_request=value_of(push, "canRequest", bool),
        ever_asked=value_of(push, "everAsked", bool),
        rationale=value_of(push, "rationale", bool),
        opted_out=value_of(push, "optedOut", bool),
        notification_types=value_of(push, "notificationTypes", int),
        target_sdk=value_of(push, "targetSdk", int),
        last_asked_at=_time(push, "lastAskedAt", clock),
        last_declined_at=_time(push, "lastDeclinedAt", clock),
    )
    return None if snapshot == _NOTHING else snapshot


def _time(part: Context, name: str, clock: PhoneClock) -> int | None:
    value = part.get(name)
    if value is None:
        return None
    try:
        return clock.correct(parse_moment(value))
    except (ValueError, OverflowError):
        return None
