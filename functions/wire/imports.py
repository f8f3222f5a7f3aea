"""`POST /v1/admin/users/import`: what the system in use before knew, a row a user."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from functions.core.known import Known
from functions.core.model import PushStatus
from functions.core.moments import format_time, parse_moment
from functions.core.parsing import nearest
from functions.core.permission import is_status, read_status
from functions.wire.errors import ErrorBody, InvalidRequest, TooLarge, WireError
from functions.wire.messages import read_object, read_user

MAX_ROWS = 500

_BODY = ("users", "asOf")
_ROW = ("userId", "anonymousId", "pushPermissionStatus", "declinedAt", "lastShownAt")

Row = Known | WireError
"""A row as it was read, or what is wrong with it."""


class UserDeleted(WireError):
    """The user was deleted: what another system still knows of them stays out, too."""

    status = 409
    code = "user_deleted"


class ImportResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What became of a row; `unchanged`: all that it says was known, or it says nothing."""

    row: int
    status: Literal["imported", "unchanged", "rejected"]
    error: ErrorBody | None = None


class ImportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A result a row, in the body's order."""

    success: Literal[True] = True
    results: tuple[ImportResult, ...]


def read_rows(body: Any) -> tuple[Row, ...]:
    """The rows of a parsed body. One that is wrong stands as its error, and fails no other.

    Raises `WireError` where the body as a whole cannot be understood.
    """
    body = read_object(body)
    _check_keys(body, _BODY)
    at = _moment(body, "asOf")
    rows = body.get("users")
    if not isinstance(rows, list):
        raise InvalidRequest("Add users: an array of rows.", "users")
    if len(rows) > MAX_ROWS:
        raise TooLarge(f"A body has at most {MAX_ROWS} rows.", "users")
    return tuple(_read_row(row, at) for row in rows)


def rejected(row: int, error: WireError) -> ImportResult:
    """A row that was not taken, with its place in the body."""
    return ImportResult(row=row, status="rejected", error=error.within(f"users[{row}]").body)


def user_deleted(until: int) -> UserDeleted:
    """The error of a row of a user whose tombstone stands until then."""
    return UserDeleted(f"The user was deleted; rows are taken from {format_time(until)} on.")


def _read_row(row: Any, at: int | None) -> Row:
    try:
        return _row(row, at)
    except WireError as error:
        return error


def _row(row: Any, at: int | None) -> Known:
    if not isinstance(row, dict):
        raise InvalidRequest("A row is an object.")
    _check_keys(row, _ROW)
    return Known(
        user=read_user(row),
        push_status=_status(row),
        declined_at=_moment(row, "declinedAt"),
        asked_at=_moment(row, "lastShownAt"),
        at=at,
    )


def _check_keys(said: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """A key that is ignored would be a decline that is forgotten."""
    for key in said:
        if key not in known:
            raise InvalidRequest(f"Unknown key{nearest(key, known)}.", key)


def _status(row: Mapping[str, Any]) -> PushStatus | None:
    word = row.get("pushPermissionStatus")
    if word is None:
        return None
    if not isinstance(word, str) or not is_status(word):
        problem = f"pushPermissionStatus must be one of {', '.join(PushStatus)}."
        raise InvalidRequest(problem, "pushPermissionStatus")
    return read_status(word)


def _moment(said: Mapping[str, Any], field: str) -> int | None:
    value = said.get(field)
    if value is None:
        return None
    try:
        at = parse_moment(value)
    except (ValueError, OverflowError):
        at = -1
    if at < 0:
        problem = f"{field} must be a time such as 2026-11-21T10:00:00Z, or epoch seconds."
        raise InvalidRequest(problem, field)
    return at
