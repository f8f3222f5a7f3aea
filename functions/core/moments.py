"""Times as people and clients write them, as milliseconds since the epoch, and back."""

from datetime import UTC, datetime
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SECONDS_UNTIL = 10**11
"""A number below is epoch seconds (the year 5138), from it on milliseconds (1973)."""


def parse_time(text: str) -> int:
    """ISO 8601 as milliseconds since the epoch; UTC where no offset is said. Else ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def parse_moment(value: Any) -> int:
    """ISO 8601, or epoch seconds or milliseconds. Else ValueError."""
    if isinstance(value, str):
        return parse_time(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("neither text nor a number")  # noqa: TRY004 - callers name one error
    return int(value * 1000 if abs(value) < _SECONDS_UNTIL else value)


def format_time(at: int) -> str:
    """Milliseconds since the epoch as ISO 8601 in UTC; fractions only where there are any."""
    moment = datetime.fromtimestamp(at // 1000, UTC).replace(microsecond=at % 1000 * 1000)
    spec = "milliseconds" if at % 1000 else "seconds"
    return moment.isoformat(timespec=spec).replace("+00:00", "Z")


def later(one: int | None, other: int | None) -> int | None:
    """The later of two times, of which either may be none."""
    return max((at for at in (one, other) if at is not None), default=None)
