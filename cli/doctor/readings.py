"""What was read of a server and its stack, as plain values: what checks judge.

Times are milliseconds since the epoch. Whatever could not be read is `Unread`, and never good.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.metrics import Metric


@dataclass(frozen=True, slots=True)
class Unread:
    """What could not be read; `why` is for people.

    is_fault: the server is to blame, and no right that is missing.
    says_how: `why` says already what to do.
    """

    why: str
    is_fault: bool = False
    says_how: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The first call's: the document of the API.

    took: milliseconds. date: what the server's `Date` says. at: this machine's time in the middle
    of the call. certificate_ends: of TLS; None over plain HTTP.
    routes: `POST /v1/track`; None where the answer was no such document.
    """

    status: int
    took: int
    at: int
    date: int | None
    certificate_ends: int | None
    routes: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class WriteKey:
    """How a write key was answered."""

    status: int
    message: str


@dataclass(frozen=True, slots=True)
class Zipped:
    """How a gzipped body was answered that has no key; `field` is whom the answer blames."""

    status: int
    field: str


@dataclass(frozen=True, slots=True)
class Key:
    """One that may hold. ends_at: None where it goes on; use: newer code may know others."""

    id: str
    use: str
    ends_at: int | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """All of them, and what the stage does about tokens. stage: empty where older code answers."""

    auth: str
    keys: tuple[Key, ...]
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A row of the list, and of what serves the end of its schedule."""

    id: str
    status: str
    version: int
    is_readable: bool
    ends_at: int | None


@dataclass(frozen=True, slots=True)
class Campaigns:
    """All of them, and the revision of what is live."""

    revision: int
    paused: bool
    rows: tuple[Campaign, ...]


@dataclass(frozen=True, slots=True)
class Prompts:
    """OS prompts of the last seven days; unasked: those that no approval led to."""

    spent: int
    unasked: int


@dataclass(frozen=True, slots=True)
class Stack:
    """What CloudFormation says. stage: as metrics are told; empty where no alarm names it."""

    name: str
    status: str
    url: str
    stage: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """`tells`: whether it does anything when it rings."""

    name: str
    state: str
    tells: bool


@dataclass(frozen=True, slots=True)
class Function:
    """`is_stopped`: whether somebody left it no run at all."""

    name: str
    is_stopped: bool


@dataclass(frozen=True, slots=True)
class Table:
    """`restorable`: whether point-in-time recovery is on."""

    name: str
    restorable: bool
    protected: bool


Series = Mapping[Metric, tuple[tuple[int, float], ...]]
"""The last day's points of a metric, each with the beginning of its quarter of an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What a stack's account tells.

    changed: the newest revision that the table of campaigns has a record of; 0 where it has none.
    kept: failed records in their bucket, at most 1,000.
    """

    stack: Stack | Unread
    alarms: tuple[Alarm, ...] | Unread
    functions: tuple[Function, ...] | Unread
    series: Series | Unread
    dead_letters: int | Unread
    kept: int | Unread
    changed: int | Unread
    tables: tuple[Table, ...] | Unread


def nothing_behind(why: Unread) -> Behind:
    """Of no stack anything."""
    return Behind(**dict.fromkeys(Behind.__slots__, why))


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Everything that was read at `now`, by this machine's clock; server_at: by the server's.

    named: the stack that was asked for, and url: where its API is; empty where neither is known.
    """

    now: int
    named: str
    url: str
    answer: Answer | Unread
    write_key: WriteKey | Unread
    zipped: Zipped | Unread
    keys: Keys | Unread
    campaigns: Campaigns | Unread
    server_at: int | Unread
    prompts: Prompts | Unread
    behind: Behind

    @property
    def is_local(self) -> bool:
        """A dev server, on this machine."""
        return self.url.startswith("http:")

    @property
    def stage(self) -> str:
        """As the server tells it, or its stack; empty where neither does."""
        of_keys = "" if isinstance(self.keys, Unread) else self.keys.stage
        stack = self.behind.stack
        return of_keys or ("" if isinstance(stack, Unread) else stack.stage)
