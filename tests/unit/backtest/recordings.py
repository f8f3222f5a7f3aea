"""Recordings as an app's analytics keeps them, the same for the same seed."""

import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 10, 1, tzinfo=UTC)

_SCREENS = ("HomeViewed", "LessonOpened", "LessonFinished", "SearchUsed", "ShopOpened", "AdSeen")

Event = dict[str, Any]


def line(event: Event) -> bytes:
    """As it stands in a file, without the line's end."""
    return json.dumps(event, separators=(",", ":")).encode()


def write(path: Path, events: Iterable[Event]) -> Path:
    """The events as a file of lines."""
    path.write_bytes(b"".join(line(event) + b"\n" for event in events))
    return path


def context(user: int) -> Event:
    """What a mobile SDK sends with every event: about 700 bytes a line with the rest."""
    is_ios = user % 2 == 0
    return {
        "app": {"name": "Streaks", "version": "4.2.1", "build": "4210", "namespace": "com.ex.app"},
        "device": {
            "id": f"7E5F6F0C-{user:012d}",
            "manufacturer": "Apple" if is_ios else "Google",
            "model": "iPhone16,2" if is_ios else "Pixel 8",
            "type": "ios" if is_ios else "android",
        },
        "os": {"name": "iOS", "version": "18.1"}
        if is_ios
        else {"name": "Android", "version": "14"},
        "library": {"name": "analytics-mobile", "version": "2.4.0"},
        "locale": "en-GB",
        "timezone": "Europe/London",
        "network": {"cellular": False, "wifi": True, "carrier": "unknown"},
        "screen": {"width": 1290, "height": 2796, "density": 3},
        "push": {"status": "notDetermined", "promptsUsed": 0},
    }


def track(user: int, event: str, at: datetime, number: int) -> Event:
    """One tracked event, received a moment after it was sent."""
    return {
        "type": "track",
        "userId": f"user-{user}",
        "event": event,
        "messageId": f"m-{user}-{number}",
        "properties": {"streak": number % 7, "source": "organic"},
        "context": context(user),
        "originalTimestamp": iso(at),
        "sentAt": iso(at),
        "timestamp": iso(at),
        "receivedAt": iso(at + timedelta(milliseconds=120)),
    }


def identify(user: int, at: datetime) -> Event:
    """What the app sends once it knows its user."""
    traits = {"plan": "free", "age": 20 + user % 50, "language": "en"}
    said = {"type": "identify", "messageId": f"i-{user}", "traits": traits}
    return {**track(user, "", at, 0), **said, "event": None, "properties": None}


def before_login(event: Event, anonymous_id: str) -> Event:
    """The same from an app that does not know yet who its user is."""
    return {**event, "userId": "", "anonymousId": anonymous_id}


def days_of(user: int, days: int, dice: random.Random, referred: float) -> Iterator[Event]:
    """An `identify`, then days of 5 to 20 events each, of which a share is value moments."""
    number = 0
    yield identify(user, START)
    for day in range(days):
        moments = sorted(dice.randrange(86_400_000) for _ in range(dice.randint(5, 20)))
        for moment in moments:
            number += 1
            is_value = dice.random() < referred
            name = "ValueMomentReached" if is_value else dice.choice(_SCREENS)
            yield track(user, name, START + timedelta(days=day, milliseconds=moment), number)


def recording(*, users: int, days: int, seed: int = 1, referred: float = 0.1) -> list[Event]:
    """Everybody's events in the order of their times."""
    dice = random.Random(seed)
    events = [each for user in range(users) for each in days_of(user, days, dice, referred)]
    return sorted(events, key=lambda event: str(event["receivedAt"]))


def iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
