"""The shape of `tests/cases/*.json`, strictly parsed (see `tests/cases/README.md`)."""

from collections.abc import Iterator, Mapping
from itertools import permutations, product
from pathlib import Path
from typing import Any, Literal

import msgspec

from functions.core.campaign import milliseconds


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Expect(_Strict, frozen=True, kw_only=True, rename="camel"):
    """What the answer must be. An offer or a withdrawal that is not named must not be there."""

    reason: str | None = None
    attempt: int | None = None
    action: str | None = None
    title: str | None = None
    on_approve: str | None = None
    show_after: str | None = None
    offer: str | None = None
    withdraws: str | None = None
    because: str | None = None
    attempts: int | None = None
    retry_in: str | msgspec.UnsetType | None = msgspec.UNSET
    arm: str | None = None
    attributes: Mapping[str, Any] | None = None
    facts: tuple[str, ...] | None = None


class Step(_Strict, frozen=True, kw_only=True, rename="camel"):
    """One call, or several that arrive together or in any order."""

    after: str = "0s"
    campaigns: Literal["fresh", "stale", "paused", "edited"] | None = None

    track: str | None = None
    identify: Mapping[str, Any] | None = None
    actions: bool = False
    still: str | None = None
    replay: str | None = None
    batch: "tuple[Step, ...]" = ()
    any_order: "tuple[Step, ...]" = ()

    as_: str | None = msgspec.field(name="as", default=None)
    id: str | None = None
    user: str | None = None
    anonymous: str | None = None
    merges: str | None = None
    device: str = "phone"
    locale: str | None = None
    offer: str | None = None
    age: str | None = None
    background: bool = False
    push: Mapping[str, Any] | None = None
    properties: Mapping[str, Any] = {}
    platform: str = "ios"
    api_level: int | None = None
    expect: Expect | None = None


class Case(_Strict, frozen=True, kw_only=True, rename="camel"):
    """A sentence, and the steps that show it."""

    sentence: str
    steps: tuple[Step, ...]
    rows: tuple[int, ...] = ()
    changes: Mapping[str, Any] = {}
    also: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = {}
    edited: Mapping[str, Any] = {}

    def name(self, topic: str) -> str:
        """What the test is called: the rows of the failure catalogue, then the sentence."""
        rows = [f"row_{row:02}" for row in self.rows]
        return " ".join([*rows, topic, self.sentence])

    def orders(self) -> Iterator[tuple[Step, ...]]:
        """The steps in each order that the case speaks of; usually one."""
        for chosen in product(*(list(_orders(step)) for step in self.steps)):
            yield tuple(step for steps in chosen for step in steps)


def _orders(step: Step) -> Iterator[tuple[Step, ...]]:
    if not step.any_order:
        yield (step,)
        return
    for order in permutations(step.any_order):
        first, *others = order
        yield (msgspec.structs.replace(first, after=step.after), *others)


def span(text: str) -> int:
    """`14d -1s` in milliseconds."""
    return sum(
        -milliseconds(part[1:]) if part.startswith("-") else milliseconds(part)
        for part in text.split()
    )


def read_cases(folder: Path) -> list[tuple[str, Case]]:
    """Every case with its file's name."""
    return [
        (path.stem, case)
        for path in sorted(folder.glob("*.json"))
        for case in msgspec.json.decode(path.read_bytes(), type=tuple[Case, ...])
    ]
