"""What a condition may say: the types of the `audience`, `guard` and `where` of the YAML files.

A condition says exactly one subject (`attribute`, `event`, …) with its operators, or combines
others by `all`, `any` or `none`. What a type cannot say is checked by `functions.core.audience`.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Scalar = str | int | float | bool
Number = int | float

Duration = Annotated[str, Meta(pattern=r"^[0-9]{1,6}[smhd]$(?!\n)", examples=["14d"])]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]

DeviceField = Literal[
    "platform",
    "os_version",
    "app_version",
    "locale",
    "language",
    "country",
    "time_zone",
]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Operators(_Strict, frozen=True, kw_only=True, omit_defaults=True):
    """What a value is compared with: exactly one of these."""

    default: Annotated[
        Scalar | None, Meta(description="What the value reads as where it was never set.")
    ] = None
    is_: Annotated[Scalar | None, Meta(description="Equal to.")] = msgspec.field(
        name="is", default=None
    )
    is_not: Annotated[Scalar | None, Meta(description="Set, and not equal to.")] = None
    in_: Annotated[tuple[Scalar, ...] | None, Meta(description="Equal to one of.")] = msgspec.field(
        name="in", default=None
    )
    not_in: Annotated[tuple[Scalar, ...] | None, Meta(description="Set, and equal to none of.")] = (
        None
    )
    gt: Annotated[Number | None, Meta(description="Greater than.")] = None
    gte: Annotated[Number | None, Meta(description="At least.")] = None
    lt: Annotated[Number | None, Meta(description="Less than.")] = None
    lte: Annotated[Number | None, Meta(description="At most.")] = None
    between: Annotated[
        tuple[Number, Number] | None,
        Meta(description="From the first to the second, both included."),
    ] = None
    contains: Annotated[
        Scalar | None, Meta(description="A text that has it within, or a list that has it.")
    ] = None
    starts_with: Annotated[str | None, Meta(description="A text that begins so.")] = None
    ends_with: Annotated[str | None, Meta(description="A text that ends so.")] = None
    exists: Annotated[bool | None, Meta(description="`true`: was set; `false`: was never set.")] = (
        None
    )
    version_is: Annotated[str | None, Meta(description="The same version (4.2 is 4.2.0).")] = None
    version_gt: Annotated[str | None, Meta(description="A later version than.")] = None
    version_gte: Annotated[str | None, Meta(description="That version or a later one.")] = None
    version_lt: Annotated[str | None, Meta(description="An earlier version than.")] = None
    version_lte: Annotated[str | None, Meta(description="That version or an earlier one.")] = None
    before: Annotated[
        str | None,
        Meta(description="A time before this one (`2026-11-21`), or longer ago than this (`14d`)."),
    ] = None
    after: Annotated[str | None, Meta(description="A time after this one (`2026-11-21`).")] = None
    within: Annotated[
        Duration | None, Meta(description="A time in the past that is no longer ago than this.")
    ] = None
    within_next: Annotated[
        Duration | None, Meta(description="A time in the future that is no further off than this.")
    ] = None


class PropertyCondition(Operators, frozen=True, kw_only=True, omit_defaults=True):
    """A condition on the event's own properties."""

    all: Annotated[
        "tuple[PropertyCondition, ...] | None", Meta(description="Every one of them holds.")
    ] = None
    any: Annotated[
        "tuple[PropertyCondition, ...] | None", Meta(description="At least one of them holds.")
    ] = None
    none: Annotated[
        "tuple[PropertyCondition, ...] | None", Meta(description="Not one of them holds.")
    ] = None
    property: Annotated[Name | None, Meta(description="A property of the event.")] = None


class CountTest(_Strict, frozen=True, kw_only=True, omit_defaults=True):
    """How often: exactly one of these."""

    is_: Annotated[Count | None, Meta(description="Exactly so often.")] = msgspec.field(
        name="is", default=None
    )
    gt: Annotated[Count | None, Meta(description="More often.")] = None
    gte: Annotated[Count | None, Meta(description="At least so often.")] = None
    lt: Annotated[Count | None, Meta(description="Less often.")] = None
    lte: Annotated[Count | None, Meta(description="At most so often.")] = None
    between: Annotated[
        tuple[Count, Count] | None, Meta(description="From the first to the second, both included.")
    ] = None


class TimeTest(_Strict, frozen=True, kw_only=True, omit_defaults=True):
    """When: `before` or `within`."""

    before: Annotated[
        str | None,
        Meta(description="Longer ago than this (`14d`), or before this time (`2026-11-21`)."),
    ] = None
    within: Annotated[Duration | None, Meta(description="No longer ago than this.")] = None
    or_never: Annotated[
        bool, Meta(description="Whether it also holds where it never happened.")
    ] = False


class Condition(Operators, frozen=True, kw_only=True, omit_defaults=True):
    """A condition on the user, on the device that acts, and on what happened."""

    all: Annotated["tuple[Condition, ...] | None", Meta(description="Every one of them holds.")] = (
        None
    )
    any: Annotated[
        "tuple[Condition, ...] | None", Meta(description="At least one of them holds.")
    ] = None
    none: Annotated["tuple[Condition, ...] | None", Meta(description="Not one of them holds.")] = (
        None
    )
    attribute: Annotated[
        Name | None,
        Meta(
            description="A trait that the app set. `push_permission_status` (unknown, granted or "
            "denied) is the acting device's."
        ),
    ] = None
    device: Annotated[
        DeviceField | None, Meta(description="What the acting device tells of itself.")
    ] = None
    days_since: Annotated[
        Literal["first_seen", "installed"] | None,
        Meta(
            description="Whole days since the user was first seen, or since `context.app."
            "installedAt` of the acting device."
        ),
    ] = None
    event: Annotated[
        Name | None, Meta(description="An event's history, with `count`, `first` or `last`.")
    ] = None
    where: Annotated[
        PropertyCondition | None, Meta(description="Only events with such properties count.")
    ] = None
    since: Annotated[
        Name | None,
        Meta(description="Count only what happened after the newest event of this name."),
    ] = None
    campaign: Annotated[
        str | None, Meta(description="A campaign's shows to this user, with `count` or `last`.")
    ] = None
    count: Annotated[
        Count | CountTest | None, Meta(description="How often; within `within`, if that is said.")
    ] = None
    first: Annotated[TimeTest | None, Meta(description="When it happened first.")] = None
    last: Annotated[TimeTest | None, Meta(description="When it happened last.")] = None
    or_never: Annotated[
        bool | None,
        Meta(description="With `since`: whether it also holds where that event never happened."),
    ] = None
    percent: Annotated[
        Annotated[float, Meta(ge=0, le=100)] | None,
        Meta(description="This share of all users, by a stable hash of `salt` and the user."),
    ] = None
    salt: Annotated[
        Name | None, Meta(description="Two conditions with one salt pick the same users.")
    ] = None
