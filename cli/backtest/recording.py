"""What a recording holds: who was seen when, and which of its messages can matter.

Of every line only the few keys below are decoded. Most events of an app are referred to by no
campaign, and cost nothing more.
"""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from cli.backtest.chronicle import Chronicle
from cli.backtest.lines import MAX_LINE
from functions.core.model import Message, User
from functions.core.moments import parse_time
from functions.wire.calls import CALLS, LooseId, MessageKind
from functions.wire.errors import InvalidRequest
from functions.wire.messages import Json, read_message, read_user

EXAMPLE = (
    '{"type":"track","userId":"u1","event":"ValueMomentReached",'
    '"timestamp":"2026-11-21T10:00:00Z","messageId":"m1"}'
)
"""A line as it should be, for those whose file has none."""

NAMED = 5
"""How many bad lines are named."""

HOPELESS = 1_000
"""So many lines without one event among them: this is no recording."""

_OF_USERS = ("identify", "alias")
"""Calls that say who a user is; all others count as an event."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

T = TypeVar("T")


class Unusable(Exception):
    """A recording that no backtest can be made of, and why."""


class BadLine(Exception):
    """A line, or an item of its batch, that production would have refused, and why."""


class Head(msgspec.Struct, rename="camel", gc=False):
    """What is decoded of every event. The same keys of a batch hold for all its items."""

    type: str = ""
    event: str | None = None
    name: Any = None
    user_id: LooseId | None = None
    anonymous_id: LooseId | None = None
    timestamp: str | None = None
    original_timestamp: str | None = None
    sent_at: str | None = None
    received_at: str | None = None
    batch: list[msgspec.Raw] | None = None


@dataclass(slots=True)
class Problems:
    """Bad lines: how many, and the first few by their numbers."""

    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, problem: str) -> None:
        """One more."""
        self.count += 1
        insort(self.first, (line, problem))
        del self.first[NAMED:]


class Lives:
    """When each person was first and last seen, by the file's times.

    Whoever logged in is one person with the anonymous id of before, from the login's `join` on.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[int]] = {}
        self._anonymous: dict[str, list[int]] = {}
        self._became: dict[str, User] = {}
        self.late = 0

    def __len__(self) -> int:
        return len(self._known) + len(self._anonymous)

    def see(self, user_id: LooseId | None, anonymous_id: LooseId | None, at: int) -> None:
        """Notes an event; one that is older than an earlier line of its user is late."""
        if user_id and isinstance(user_id, str):
            # Nearly every line's: asking `read_user` would make its reading a third slower.
            lives, name = self._known, user_id
        else:
            user = _whose(user_id, anonymous_id)
            lives, name = self._of(user), user.id
        life = lives.get(name)
        if life is None:
            lives[name] = [at, at]
        elif at >= life[1]:
            life[1] = at
        else:
            self.late += 1
            life[0] = min(life[0], at)

    def join(self, anonymous_id: str, user: User) -> None:
        """Somebody logged in. The first who does so with an anonymous id keeps it."""
        if anonymous_id in self._became:
            return
        self._became[anonymous_id] = user
        before = self._anonymous.pop(anonymous_id, None)
        if before is not None:
            life = self._known[user.id]
            life[:] = min(life[0], before[0]), max(life[1], before[1])

    def person(self, user: User) -> User:
        """The user, or whom that anonymous id became."""
        return self._became.get(user.id, user) if user.kind == "anonymous" else user

    def first_seen(self, user: User) -> int:
        """When the person's first event arrived."""
        person = self.person(user)
        return self._of(person)[person.id][0]

    def span(self) -> tuple[int, int]:
        """The first and the last event of all."""
        lives = [*self._known.values(), *self._anonymous.values()]
        return min(life[0] for life in lives), max(life[1] for life in lives)

    def _of(self, user: User) -> dict[str, list[int]]:
        return self._known if user.kind == "user" else self._anonymous


class Recording:
    """Takes lines; keeps those that may matter, in the chronicle.

    referred: the events that some campaign of this backtest refers to.
    """

    def __init__(self, referred: frozenset[str], chronicle: Chronicle) -> None:
        self._referred = referred
        self._chronicle = chronicle
        self.lines = 0
        self.events = 0
        self.names: set[str] = set()
        self.lives = Lives()
        self.problems = Problems()

    def take(self, lines: Iterable[bytes]) -> None:
        """The next lines of the file."""
        for line in lines:
            self.lines += 1
            if not line or line.isspace():
                continue
            try:
                self._take_line(line)
            except BadLine as bad:
                self.problems.add(self.lines, str(bad))

    def check(self) -> None:
        """Raises `Unusable` once it is plain that the file is no recording."""
        if not self.events and self.problems.count >= HOPELESS:
            raise self.unusable()

    def unusable(self) -> Unusable:
        """Why a file without a single event cannot be used, with a line as it should be."""
        if not self.problems.first:
            return Unusable(f"The file holds no events. Write one a line:\n{EXAMPLE}")
        line, problem = self.problems.first[0]
        return Unusable(
            f"No line is an event. Line {line}: {problem}.\n"
            "Write one JSON object a line (jq -c '.[]' makes lines of an array), such as:\n"
            f"{EXAMPLE}"
        )

    def _take_line(self, line: bytes) -> None:
        head = _decode(line, _HEAD)
        if head.batch is None:
            self._take_event(head, head, line)
            return
        shared = _decode(line, _SHARED)
        for index, item in enumerate(head.batch):
            single = msgspec.json.encode({**shared, "batch": [item]})
            try:
                self._take_event(_decode(item, _HEAD), head, single)
            except BadLine as bad:
                self.problems.add(self.lines, f"batch[{index}]: {bad}")

    def _take_event(self, head: Head, shared: Head, content: bytes) -> None:
        at = _arrival(head, shared)
        may_matter = self._may_matter(head)
        self.lives.see(head.user_id, head.anonymous_id, at)
        self.events += 1
        if may_matter:
            self._chronicle.add(at, self.lines, content)

    def _may_matter(self, head: Head) -> bool:
        if head.type == "track":
            if not head.event:
                raise BadLine("add event: which one was tracked?")
            return self._is_referred_to(head.event)
        if head.type in _OF_USERS:
            return True
        if head.type not in CALLS:
            raise BadLine(f"type must be one of {', '.join(CALLS)}")
        # It counts by one of these; by which, `read_message` decides.
        told = (head.name, head.event, head.type)
        return any(self._is_referred_to(each) for each in told if isinstance(each, str))

    def _is_referred_to(self, event: str) -> bool:
        if event not in self._referred:
            return False
        self.names.add(event)
        return True


def read_recorded(content: bytes, now: int) -> Message:
    """A chronicle's entry as production reads it; else `BadLine`."""
    body: Json = _decode(content, _ANY)
    shared: Json = {}
    if body.get("batch") is not None:
        shared, body = body, body["batch"][0]
    kind: MessageKind = body["type"]
    try:
        return read_message(kind, _as_sent(body, shared), now, shared)
    except InvalidRequest as refused:
        raise BadLine(refused.message) from None


def _whose(user_id: LooseId | None, anonymous_id: LooseId | None) -> User:
    try:
        return read_user({"userId": user_id, "anonymousId": anonymous_id})
    except InvalidRequest as refused:
        raise BadLine(refused.message) from None


def _as_sent(body: Json, shared: Json) -> Json:
    """The body with the times that a phone's clock told.

    An archive's `timestamp` is by the server's clock already: then the message counts as sent
    when it was received. Where the phone's own two times were kept, they are corrected once more.
    """
    received = body.get("receivedAt") or shared.get("receivedAt")
    sent = body.get("sentAt") or shared.get("sentAt")
    original = body.get("originalTimestamp")
    if not received or (original and sent):
        return body
    return {**body, "originalTimestamp": body.get("timestamp") or original, "sentAt": received}


def _arrival(head: Head, shared: Head) -> int:
    """The time that is the clock's: when it was received; where nobody kept that, when sent."""
    said = (
        head.received_at
        or shared.received_at
        or head.sent_at
        or shared.sent_at
        or head.timestamp
        or head.original_timestamp
    )
    if said is None:
        raise BadLine("add timestamp: when did it happen?")
    try:
        return parse_time(said)
    except ValueError:
        raise BadLine(f"{said[:40]!r} is no time such as 2026-11-21T10:00:00Z") from None


def _decode(content: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        raise BadLine(str(error)) from None
    except _UNREADABLE as error:
        raise BadLine(_why_unreadable(content, error)) from None


def _why_unreadable(content: bytes | msgspec.Raw, error: Exception) -> str:
    if len(content) > MAX_LINE:
        return f"longer than {MAX_LINE >> 20} MB"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return f"not JSON: {str(error).removeprefix('JSON is malformed: ')}"


_HEAD = msgspec.json.Decoder(Head)
_SHARED = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY = msgspec.json.Decoder()
