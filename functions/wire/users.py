"""`GET|DELETE /v1/admin/users/{id}`: all that is held of one user, as people read it."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from functions.core import recent
from functions.core.model import Profile
from functions.core.moments import format_time
from functions.wire.errors import InvalidRequest


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class WindowRow(_Answer, frozen=True, kw_only=True, omit_defaults=True):
    """A retry window. `anonymousId`: the alias that it belongs to, if it is not the user's own.

    version, arm, variant: of the ask that it follows; absent where none is known.
    """

    campaign: str
    due_at: str
    window: str
    version: int | None = None
    arm: str | None = None
    variant: str | None = None
    anonymous_id: str | None = None


class CohortRow(_Answer, frozen=True, kw_only=True, omit_defaults=True):
    """When and as what the user was first met by a campaign: where those are counted."""

    at: str
    version: int
    platform: str | None = None


class FactRow(_Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Something that was counted. `anonymousId`: the alias that it happened to, if it was one.

    variant: the content that was shown. afterMilliseconds: of the first show, since the user was
    first heard of; of a conversion, since the exposure. ordinal: of a goal event, the how-manyth.
    first: of an answer, that the offer had none before. unasked: of a prompt, that no approval
    led to it.
    """

    id: str
    kind: str
    at: str
    campaign: str | None = None
    version: int | None = None
    attempt: int | None = None
    arm: str | None = None
    variant: str | None = None
    platform: str | None = None
    offer_id: str | None = None
    cohort: CohortRow | None = None
    after_milliseconds: int | None = None
    ordinal: int | None = None
    first: bool = False
    unasked: bool = False
    anonymous_id: str | None = None


class DeletedBody(_Answer, frozen=True, kw_only=True):
    """Since when a user is deleted, and until when late events bring nothing back."""

    at: str
    late_events_refused_until: str


class UserAnswer(_Answer, frozen=True, kw_only=True):
    """All that is held of the id that was asked for.

    becameUserId: the user that an anonymous id became; what follows is theirs then.
    userKey: under which the tables and the logs know the user.
    isKnown: whether anything is held at all. deleted: of a deleted user, and then nothing else.
    retainUntil: when the profile will expire, unless the user is heard of before; null for never.
    facts: at most a thousand, oldest first. next: what to ask for as `after`, for those beyond.
    """

    success: Literal[True] = True
    id: str
    kind: Literal["user", "anonymous"]
    became_user_id: str | None = None
    user_key: str
    is_known: bool = False
    deleted: DeletedBody | None = None
    retain_until: str | None = None
    profile: dict[str, Any] | None = None
    windows: tuple[WindowRow, ...] = ()
    facts: tuple[FactRow, ...] = ()
    next: str | None = None


class DeletedCounts(_Answer, frozen=True, kw_only=True):
    """What this call deleted; anonymousIds: those that had become the user."""

    profiles: int
    anonymous_ids: int
    windows: int
    facts: int


class UserDeletedAnswer(_Answer, frozen=True, kw_only=True):
    """The user is deleted. Sent again, the call finishes what was left, and renews nothing.

    becameUserId: the user that an anonymous id had become, and who was deleted with it; null also
    where nothing is left that tells.
    """

    success: Literal[True] = True
    id: str
    kind: Literal["user", "anonymous"]
    became_user_id: str | None
    user_key: str
    deleted_at: str
    late_events_refused_until: str
    deleted: DeletedCounts


class Place(msgspec.Struct, frozen=True):
    """Behind which fact to go on: the key of its user, and its own id."""

    user_key: str
    fact_id: str


def read_place(query: Mapping[str, str]) -> Place | None:
    """What `next` said, of the query string; None for the beginning."""
    text = query.get("after")
    if text is None:
        return None
    key, _, fact_id = text.partition(":")
    if not key or not fact_id:
        raise InvalidRequest("after must be what next said.", "after")
    return Place(key, fact_id)


def write_place(place: Place) -> str:
    """As `read_place` takes it."""
    return f"{place.user_key}:{place.fact_id}"


def write_profile(profile: Profile, surplus: Mapping[str, Any]) -> dict[str, Any]:
    """Every stored field in camelCase, times in ISO 8601; absent ones are left out.

    recent: the last decisions, newest first, as `DecisionsAnswer` has them. What newer code stored
    is added as it is, under `unread`.
    """
    decisions = [
        {"at": format_time(entry.at), "reason": entry.reason.word}
        for entry in reversed(list(recent.entries(profile.recent)))
    ]
    aliases = {alias: format_time(at) for alias, at in profile.aliases.items()}
    written = {**_view(profile), "aliases": aliases, "recent": decisions}
    return {**written, "unread": surplus} if surplus else written


def _view(value: Any) -> Any:
    """Structs by their fields; what is the app's own stays as it is."""
    if isinstance(value, msgspec.Struct):
        told = {name: getattr(value, name) for name in value.__struct_fields__}
        return {_camel(name): _field(name, of) for name, of in told.items() if _is_told(name, of)}
    if isinstance(value, dict):
        return {key: _view(child) for key, child in value.items()}
    if isinstance(value, tuple):
        return [_view(child) for child in value]
    return value


def _field(name: str, value: Any) -> Any:
    if name == "times":
        return [format_time(at) for at in value]
    return format_time(value) if _is_time(name, value) else _view(value)


def _is_told(name: str, value: Any) -> bool:
    """A time that is 0 was never told."""
    return value is not None and not (value == 0 and _is_time(name, value))


def _is_time(name: str, value: Any) -> bool:
    return isinstance(value, int) and (name == "at" or name.endswith(("_at", "_until")))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
