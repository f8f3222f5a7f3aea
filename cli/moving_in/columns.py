"""Which of a file's columns says what, and which are ignored."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cli.moving_in.files import FileProblem
from functions.core.parsing import nearest

USER_ID, ANONYMOUS_ID = "userId", "anonymousId"
STATUS, NOTIFICATION_TYPES = "pushPermissionStatus", "notificationTypes"
DECLINED_AT, LAST_SHOWN_AT = "declinedAt", "lastShownAt"
DEVICE_TYPE = "deviceType"

_IDS = (USER_ID, ANONYMOUS_ID)
_SAYING = (STATUS, NOTIFICATION_TYPES, DECLINED_AT, LAST_SHOWN_AT)

FIELDS = (*_IDS, *_SAYING, DEVICE_TYPE)
"""What a column may say; `notificationTypes` and `deviceType` as OneSignal exports them."""

_SEPARATORS = re.compile(r"[\s_-]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Columns:
    """A field's column is the one mapped to it, else the one of its own name.

    Names are compared without case, spaces, hyphens and underscores.
    """

    def __init__(self, mapped: Mapping[str, str]) -> None:
        own = {field: field for field in FIELDS}
        self._fields: dict[str, list[str]] = {}
        for field, column in {**own, **mapped}.items():
            self._fields.setdefault(_plain(column), []).append(field)
        self._mapped = mapped
        self._column_of: dict[str, str] = {}
        self._seen: dict[str, list[str]] = {}

    def fields_of(self, column: str) -> list[str]:
        """What a column of the file says; one that says nothing is ignored."""
        if column not in self._seen:
            self._seen[column] = self._fields.get(_plain(column), [])
            self._column_of |= dict.fromkeys(self._seen[column], column)
        return self._seen[column]

    def column_of(self, field: str) -> str:
        """What the file calls a field."""
        return self._column_of.get(field, spelled(field))

    @property
    def ignored(self) -> tuple[str, ...]:
        """The columns met so far that say nothing."""
        return tuple(column for column, fields in self._seen.items() if not fields)

    def check(self, header: Iterable[str], path: Path) -> None:
        """A CSV's header must name a user and say something of them; else `FileProblem`."""
        header = tuple(header)
        said = [field for column in header for field in self.fields_of(column)]
        for problem in self._problems(header, said):
            raise FileProblem(f"{path}: {problem}")

    def _problems(self, header: tuple[str, ...], said: list[str]) -> Iterator[str]:
        for field, column in self._mapped.items():
            if field not in said:
                yield f"there is no column {column!r}{nearest(column, header)}."
        for field in said:
            if said.count(field) > 1:
                yield f"more than one column says {spelled(field)}; rename all but one."
        if not set(said) & set(_IDS):
            yield f"no column names the user. {_advice(USER_ID, header)}"
        if not set(said) & set(_SAYING):
            yield f"no column says anything of the users. {_advice(STATUS, header)}"


def read_mapped(texts: Iterable[str]) -> dict[str, str]:
    """`user_id=external_user_id` for each; else `FileProblem`."""
    names = ", ".join(map(spelled, FIELDS))
    known = {_plain(field): field for field in FIELDS}
    mapped = {}
    for text in texts:
        field, _, column = text.partition("=")
        if not column or _plain(field) not in known:
            raise FileProblem(f"--map {text}: write FIELD=COLUMN, FIELD of {names}.")
        mapped[known[_plain(field)]] = column
    return mapped


def _advice(field: str, header: tuple[str, ...]) -> str:
    return f"Say which does: --map {spelled(field)}=COLUMN, COLUMN of {', '.join(header)}."


def spelled(field: str) -> str:
    """`userId` as files and people write it: `user_id`."""
    return _HUMP.sub("_", field).lower()


def _plain(name: str) -> str:
    return _SEPARATORS.sub("", name).casefold()
