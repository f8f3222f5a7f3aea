"""A record of the file as a row of the import's body."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cli.moving_in.columns import (
    ANONYMOUS_ID,
    DECLINED_AT,
    DEVICE_TYPE,
    LAST_SHOWN_AT,
    NOTIFICATION_TYPES,
    STATUS,
    USER_ID,
    Columns,
)
from cli.moving_in.files import FileProblem
from functions.core.model import DAY, PushStatus
from functions.core.moments import format_time, parse_moment
from functions.core.permission import is_status, read_status

Json = dict[str, Any]

PHONES = ("0", "1", "2", "13")
"""OneSignal's `device_type` of iOS, Android, Amazon and Huawei; others are browsers, mail, SMS."""

_OPTED_OUT = -2
_TYPES = {0: PushStatus.DENIED, -18: PushStatus.UNKNOWN, -19: PushStatus.UNKNOWN}

_LONGEST_TYPES = 10

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_WHOLE = re.compile(r"-?[0-9]+")
_DAY_DIGITS = 8
_EARLIEST_EPOCH = 10**9
"""Seconds, in 2001: a smaller number is no date that a push system kept."""

_DATE_EXAMPLE = "2026-11-21T10:00:00Z"


class RowRefused(Exception):
    """A record that cannot be a row: `field` says where."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field
        self.problem = problem


def read_row(
    cells: Mapping[str, Any], columns: Columns, words: Mapping[str, PushStatus], now: int
) -> Json:
    """The row; empty where the record says nothing that is imported. Else `RowRefused`.

    words: what the file's own words for the status mean.
    """
    said = {
        field: value
        for column, value in cells.items()
        for field in columns.fields_of(column)
        if not _is_blank(value)
    }
    status = _status(said, words)
    row = {
        STATUS: None if status is None else status.value,
        DECLINED_AT: _date(said, DECLINED_AT, now),
        LAST_SHOWN_AT: _date(said, LAST_SHOWN_AT, now),
    }
    told = {field: value for field, value in row.items() if value is not None}
    return {**_whose(said), **told} if told else {}


def is_a_phones(cells: Mapping[str, Any], columns: Columns) -> bool:
    """Whether the record is of a phone, as far as it says: exports mix in browsers and mail."""
    for column, value in cells.items():
        if DEVICE_TYPE in columns.fields_of(column) and _WHOLE.fullmatch(str(value)):
            return str(value) in PHONES
    return True


def read_words(texts: Iterable[str]) -> dict[str, PushStatus]:
    """`opted_in=granted` for each; else `FileProblem`."""
    words = {}
    for text in texts:
        word, _, status = text.rpartition("=")
        if not word or status not in tuple(PushStatus):
            raise FileProblem(f"--status {text}: write WORD=STATUS, of {', '.join(PushStatus)}.")
        words[word.casefold()] = PushStatus(status)
    return words


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _whose(said: Mapping[str, Any]) -> Json:
    for field in (USER_ID, ANONYMOUS_ID):
        if field in said:
            return {field: _id(said[field], field)}
    raise RowRefused(USER_ID, "names no user")


def _id(value: Any, field: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RowRefused(field, "an id is text")
    return str(value)


# --- the status ---


def _status(said: Mapping[str, Any], words: Mapping[str, PushStatus]) -> PushStatus | None:
    if STATUS in said:
        return _status_of_word(said[STATUS], words)
    if NOTIFICATION_TYPES in said:
        return _status_of_types(said[NOTIFICATION_TYPES])
    return None


def _status_of_word(value: Any, words: Mapping[str, PushStatus]) -> PushStatus:
    word = str(value).strip().casefold()
    if word in words:
        return words[word]
    if is_status(word):
        return read_status(word)
    problem = f"{value!r} is not {', '.join(PushStatus)}; if it means one: --status {value}=granted"
    raise RowRefused(STATUS, problem)


def _status_of_types(value: Any) -> PushStatus:
    """OneSignal's `notification_types`, as its SDKs set them.

    0 is a denial on iOS; on Android also a phone that was never asked, until the app tells. -2 is
    granted, and opted out in the app; below it the push token is in error, not the permission
    (rows 16 and 17 of `tests/cases/permission/README.md`), except -18 and -19: the OS prompt was
    never answered.
    """
    text = str(value).strip()
    types = int(text) if _WHOLE.fullmatch(text) and len(text) < _LONGEST_TYPES else None
    if types in _TYPES:
        return _TYPES[types]
    if types is None or _OPTED_OUT < types < 0:
        raise RowRefused(NOTIFICATION_TYPES, f"{value!r} is no number such as 1, 0 or -2")
    return PushStatus.GRANTED


# --- dates ---


def _date(said: Mapping[str, Any], field: str, now: int) -> str | None:
    value = said.get(field)
    if value is None or value in (0, "0"):
        return None
    at = _read_date(value)
    if at is None or at < 0:
        raise RowRefused(field, f"{value!r} is no date such as {_DATE_EXAMPLE}, or epoch seconds")
    if at > now + DAY:
        raise RowRefused(field, f"{value!r} lies ahead")
    return format_time(at)


def _read_date(value: Any) -> int | None:
    """Milliseconds; None where it is no date. `20261121` is a day and no number."""
    try:
        if isinstance(value, str):
            return _read_date_text(value.strip())
        return parse_moment(value) if abs(value) >= _EARLIEST_EPOCH else None
    except (ValueError, TypeError, OverflowError):
        return None


def _read_date_text(text: str) -> int | None:
    if _NUMBER.fullmatch(text) and len(text) != _DAY_DIGITS:
        return _read_date(float(text))
    return parse_moment(text.removesuffix(" UTC").removesuffix(" utc"))
