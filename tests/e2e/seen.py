"""What was seen against what is right; a difference ends the run."""

import time
from collections.abc import Callable

import httpx

from tests.e2e.callers import Json
from tests.e2e.safety import Failed

_POLL = 0.5


def same(what: str, seen: object, right: object) -> None:
    """Raises `Failed` with both where they differ."""
    if seen != right:
        raise Failed(f"{what}: expected {right!r}, seen {seen!r}")


def holds(what: str, seen: object) -> None:
    """Raises `Failed` where it is nothing."""
    if not seen:
        raise Failed(f"{what}: seen {seen!r}")


def ok(answer: httpx.Response) -> Json:
    """The body of a 200."""
    what = f"{answer.request.method} {answer.request.url.path}"
    if answer.status_code != 200:
        raise Failed(f"{what}: {answer.status_code} {answer.text}")
    body: Json = answer.json()
    return body


def offered(answer: httpx.Response) -> Json:
    """The one action of an answer, which opens a popup."""
    actions = ok(answer)["actions"]
    same(f"actions {actions}", [each["type"] for each in actions], ["open_deeplink"])
    offer: Json = actions[0]
    return offer


def refused(answer: httpx.Response, status: int) -> str:
    """What a refusal says."""
    what = f"{answer.request.method} {answer.request.url.path}"
    same(f"{what} ({answer.text})", answer.status_code, status)
    return answer.text


def within(seconds: float, what: str, look: Callable[[], bool]) -> float:
    """Looks until it is so; the seconds that it took. `Failed` where it never is."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if look():
            return time.monotonic() - start
        time.sleep(_POLL)
    raise Failed(f"{what}: not within {seconds:.0f} s")
