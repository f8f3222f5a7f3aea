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
    return Told(
        platform=_platform(context),
        os_version=_short(context, "os", "version") or "",
        api_level=_api_level(context),
        app_version=_short(context, "app", "version") or "",
        locale=_short(context, "locale"),
        country=_country(context),
        time_zone=_short(context, "timezone") or "",
        installed_at=_installed_at(context, clock),
        in_foreground=value_at(context, bool, "app", "inForeground") is not False,
        push=_snapshot(context, clock),
    )


def merged(under: Context, over: Context) -> Context:
    """One context over another, key by key at every depth."""
    both = dict(under)
    for key, value in over.items():
        below = both.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            both[key] = merged(below, value)
        else:
            both[key] = value
    return both


def value_at(context: Context, kind: type[T], *path: str) -> T | None:
    """The value there, if it is of that type; true and false are no integers."""
    value = _at(context, path)
    if isinstance(value, bool) and kind is not bool:
        return None
    return value if isinstance(value, kind) else None


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


def _at(context: Context, path: tuple[str, ...]) -> Any:
    value: Any = context
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _short(context: Context, *path: str) -> str | None:
    text = value_at(context, str, *path)
    return text if text and len(text) <= MAX_TEXT else None


def _platform(context: Context) -> str:
    name = value_at(context, str, "os", "name") or value_at(context, str, "device", "type") or ""
    name = name.lower()[:_PLATFORM]
    return "ios" if name in ("ipados", "iphone os") else name


def _api_level(context: Context) -> int | None:
    if _platform(context) != "android":
        return None
    told = value_at(context, int, "os", "apiLevel")
    if told is not None and 0 < told < _API_LEVELS:
        return told
    return android_api_level(_short(context, "os", "version") or "")


def _country(context: Context) -> str:
    """Of the place where the phone is; a country's name is no code."""
    code = _short(context, "location", "country") or ""
    return code.upper() if _COUNTRY.fullmatch(code) else ""


def _installed_at(context: Context, clock: PhoneClock) -> int | None:
    at = _time(context, clock, "app", "installedAt")
    return None if at is None else min(at, clock.now)


def _snapshot(context: Context, clock: PhoneClock) -> Snapshot | None:
    status = value_at(context, str, "push", "status")
    snapshot = Snapshot(
        status=status if status and is_status(status) else None,
        prompts_used=value_at(context, int, "push", "promptsUsed"),
        can_request=value_at(context, bool, "push", "canRequest"),
        ever_asked=value_at(context, bool, "push", "everAsked"),
        rationale=value_at(context, bool, "push", "rationale"),
        opted_out=value_at(context, bool, "push", "optedOut"),
        notification_types=value_at(context, int, "push", "notificationTypes"),
        target_sdk=value_at(context, int, "push", "targetSdk"),
        last_asked_at=_time(context, clock, "push", "lastAskedAt"),
        last_declined_at=_time(context, clock, "push", "lastDeclinedAt"),
    )
    return None if snapshot == Snapshot() else snapshot


def _time(context: Context, clock: PhoneClock, *path: str) -> int | None:
    value = _at(context, path)
    if value is None:
        return None
    try:
        return clock.correct(parse_moment(value))
    except (ValueError, OverflowError):
        return None
