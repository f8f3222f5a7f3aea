"""The shape of `tests/cases/conditions/*.json`, strictly parsed (see the README there)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from functions.core.audience import Rule, Subject, compile_properties
from functions.core.history import advance, tallies
from functions.core.model import Attribute, Device, History, Progress, PushStatus, Seen, User
from functions.core.moments import parse_time
from tests.unit.core.case_file import span

NOW = parse_time("2026-11-21T10:00:00Z")

About = Literal["match", "absent", "default", "wrong type", "refused"]


class _Strict(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    pass


class Event(_Strict, frozen=True, kw_only=True):
    ago: str
    properties: Mapping[str, Any] = {}


class Told(_Strict, frozen=True, kw_only=True):
    """What a device told; the names are the ones of `Device`."""

    platform: str = ""
    os_version: str = ""
    app_version: str = ""
    locale: str = ""
    country: str = ""
    time_zone: str = ""


class Someone(_Strict, frozen=True, kw_only=True):
    """Whom a condition is judged for."""

    user: str = "u1"
    anonymous: str | None = None
    attributes: Mapping[str, Any] = {}
    push: str = "unknown"
    device: Told = Told()
    first_seen: str = "0s"
    installed: str | None = None
    events: Mapping[str, tuple[str | Event, ...]] = {}
    shows: Mapping[str, tuple[str, ...]] = {}
    properties: Mapping[str, Any] = {}

    def subject(self, rule: Rule) -> Subject:
        """As the rule finds them: histories are kept as far as it needs them."""
        installed_at = None if self.installed is None else NOW - span(self.installed)
        return Subject(
            user=User("user", self.user)
            if self.anonymous is None
            else User("anonymous", self.anonymous),
            attributes={name: Attribute(value, 0) for name, value in self.attributes.items()},
            push_status=PushStatus(self.push),
            device=Device(**msgspec.structs.asdict(self.device), installed_at=installed_at),
            events=self._histories(rule),
            progress={name: _progress(shows) for name, shows in self.shows.items()},
            first_seen_at=NOW - span(self.first_seen),
            now=NOW,
        )

    def _histories(self, rule: Rule) -> dict[str, History]:
        kept: dict[str, History] = {}
        tallied = tallies(rule.needs, lambda where: compile_properties(where).holds)
        for name, at, properties in self._happened():
            for tally in tallied.get(name, ()):
                if tally.matches is None or tally.matches(properties):
                    kept[tally.key] = advance(kept.get(tally.key), tally, at, 0)
        return kept

    def _happened(self) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
        for name, events in self.events.items():
            for each in events:
                event = Event(ago=each) if isinstance(each, str) else each
                yield name, NOW - span(event.ago), event.properties


def _progress(shows: tuple[str, ...]) -> Progress:
    times = sorted(NOW - span(ago) for ago in shows)
    seen = tuple(Seen(serial, at) for serial, at in enumerate(times, start=1))
    return Progress(attempts=len(seen), seen=seen[-20:])


class Refused(_Strict, frozen=True, kw_only=True):
    place: str
    problem: str


class ConditionCase(_Strict, frozen=True, kw_only=True):
    """A sentence, a condition, and for whom it holds; or why it is refused."""

    sentence: str
    about: About
    condition: Mapping[str, Any] | None = None
    where: Mapping[str, Any] | None = None
    defaults: Mapping[str, str | int | float | bool] = {}
    holds: tuple[Someone, ...] = ()
    does_not_hold: tuple[Someone, ...] = ()
    refused: Refused | None = None

    def people(self) -> Iterator[tuple[Someone, bool]]:
        """Each with the verdict that is expected."""
        yield from ((someone, True) for someone in self.holds)
        yield from ((someone, False) for someone in self.does_not_hold)


def read_condition_cases(folder: Path) -> list[tuple[str, ConditionCase]]:
    """Every case with its file's name."""
    return [
        (path.stem, case)
        for path in sorted(folder.glob("*.json"))
        for case in msgspec.json.decode(path.read_bytes(), type=tuple[ConditionCase, ...])
    ]
