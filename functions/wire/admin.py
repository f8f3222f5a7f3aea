"""Admin bodies and answers: camelCase, UTC, and errors that name their place."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from functions.core.campaign import CampaignFile, SettingsFile, parse_campaign, parse_settings
from functions.core.errors import CampaignError, spell
from functions.core.explain import Check, Explanation
from functions.core.model import Message, User
from functions.core.moments import format_time, parse_time
from functions.core.parsing import nearest
from functions.core.parsing import parse as parse_strictly
from functions.core.recent import Entry
from functions.wire.calls import MAX_ID
from functions.wire.errors import InvalidRequest, WireError
from functions.wire.messages import Json, read_message, read_object

MAX_BODY = 1024 * 1024
"""Bytes of an admin body, decoded."""

Reason = Annotated[str, Meta(max_length=500)]
"""Why a change is made, in the operator's own words."""


class NotFound(WireError):
    """There is no such campaign, version or key."""

    status = 404
    code = "not_found"


class InvalidCampaign(WireError):
    """A campaign file that cannot be used; what was live stays so."""

    code = "invalid_campaign"


class InvalidSettings(WireError):
    """Settings that cannot be used, or under which a live campaign could not."""

    code = "invalid_settings"


class VersionConflict(WireError):
    """Somebody else made a change that the sender does not know of."""

    status = 409
    code = "version_conflict"


class NotPaused(WireError):
    """There is nothing to resume."""

    status = 409
    code = "not_paused"


class Unusable(WireError):
    """What is stored as live cannot be read, or is older than what was made live since."""

    status = 503
    code = "live_unusable"


class NotATestUser(WireError):
    """Only the settings' test users may skip waits."""

    status = 403
    code = "not_a_test_user"


# --- bodies ---


class _Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


class PublishBody(_Body, frozen=True, kw_only=True):
    """`check`: answer what would be, and store nothing."""

    campaign: dict[str, Any]
    expected_version: int | UnsetType | None = UNSET
    reason: Reason | None = None
    check: bool = False


class ReasonBody(_Body, frozen=True, kw_only=True):
    """A pause, or the end of one."""

    reason: Reason | None = None


class RollbackBody(_Body, frozen=True, kw_only=True):
    """`expected_version`: the one that is live."""

    version: int
    expected_version: int | UnsetType | None = UNSET
    reason: Reason | None = None


class SettingsBody(_Body, frozen=True, kw_only=True):
    """`expected_revision`: the one that the sender's settings came with."""

    settings: dict[str, Any]
    expected_revision: int | UnsetType = UNSET
    reason: Reason | None = None


class ExplainBody(_Body, frozen=True, kw_only=True):
    """Whom to explain, by which event, on which device, and as of when."""

    user_id: str | None = None
    anonymous_id: str | None = None
    event: str | None = None
    properties: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    at: str | None = None


class TestBody(_Body, frozen=True, kw_only=True):
    """`skip_waits`: the test user's next ask waits for nothing."""

    user_id: str | None = None
    anonymous_id: str | None = None
    context: dict[str, Any] | None = None
    skip_waits: bool = False


B = TypeVar("B", bound=msgspec.Struct)
E = TypeVar("E", int, int | None)


def read(data: Any, kind: type[B]) -> B:
    """The body as that type; an unknown key is an error, with the word that was meant."""
    try:
        return parse_strictly(read_object(data), kind)
    except CampaignError as error:
        raise InvalidRequest(error.problem, spell(error.place) or "body") from None


def expected(value: E | UnsetType, field: str) -> E:
    """Must be said, so that nobody overwrites a change that they do not know of."""
    if isinstance(value, UnsetType):
        problem = f"Say {field}: what you take to be the newest, as GET answers it."
        raise InvalidRequest(problem, field)
    return value


def read_campaign(data: Json, campaign_id: str) -> CampaignFile:
    """The file of that campaign; else `InvalidCampaign`."""
    try:
        file = parse_campaign(data)
    except CampaignError as error:
        raise campaign_refused(error) from None
    if file.id != campaign_id:
        raise InvalidCampaign(f"the path says {campaign_id!r}: they must agree", "campaign.id")
    return file


def read_settings(data: Json) -> SettingsFile:
    """The settings; else `InvalidSettings`."""
    try:
        return parse_settings(data)
    except CampaignError as error:
        raise settings_refused(error) from None


def campaign_refused(error: CampaignError) -> InvalidCampaign:
    """The error of a file, at its place within the body."""
    return InvalidCampaign(error.problem, spell(("campaign", *error.place)))


def settings_refused(error: CampaignError) -> InvalidSettings:
    """The error of the settings, at its place within the body."""
    return InvalidSettings(error.problem, spell(("settings", *error.place)))


def read_at(text: str | None, now: int) -> int:
    """The moment that is asked about, from 1970 on; now, if none is."""
    if text is None:
        return now
    try:
        return max(0, parse_time(text))
    except (ValueError, OverflowError):
        problem = "at must be a time such as 2026-11-21T10:00:00Z."
        raise InvalidRequest(problem, "at") from None


def read_question(data: Json, usual_event: str, at: int) -> Message:
    """The message that is asked about, sent at that moment."""
    said = {key: data[key] for key in _ASKED if data.get(key) is not None}
    return read_message("track", {"event": usual_event, **said}, at)


_ASKED = ("userId", "anonymousId", "event", "properties", "context")


def read_number(query: Mapping[str, str], field: str) -> int | None:
    """A whole number of the query string, or None where it is left out."""
    text = query.get(field)
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise InvalidRequest(f"{field} must be a whole number.", field)
    return int(text)


def read_path_user(user_id: str, query: Mapping[str, str]) -> User:
    """The user that a path names; `kind` tells a known one (the default) from an anonymous one.

    `id` in the query says it instead where the path cannot: API Gateway decodes paths before it
    matches them, so that ids with a slash or a question mark do not arrive.
    """
    for name in query:
        if name not in _OF_USERS:
            hint = nearest(name, _OF_USERS)
            raise InvalidRequest(f"There is no parameter {name!r}{hint}", name)
    kind, id_ = query.get("kind", "user"), query.get("id", user_id)
    if not 1 <= len(id_) <= MAX_ID:
        raise InvalidRequest(f"A user id has 1 to {MAX_ID} characters.", "id")
    if kind == "user":
        return User("user", id_)
    if kind == "anonymous":
        return User("anonymous", id_)
    raise InvalidRequest("kind is user or anonymous.", "kind")


_OF_USERS = ("kind", "id", "after")
"""An unknown one is refused: `anonymous=true` would name another person."""


# --- answers ---


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class CampaignRow(_Answer, frozen=True, kw_only=True):
    """A campaign in a list. Null: the stored file cannot be read by this code, or was packaged."""

    id: str
    kind: str | None
    version: int
    status: str
    priority: int | None
    rollout: float | None
    draft: int | None
    published_at: str | None = None
    published_by: str | None = None
    reason: str | None = None
    status_changed_at: str | None = None
    status_changed_by: str | None = None
    status_reason: str | None = None


class CampaignsAnswer(_Answer, frozen=True, kw_only=True):
    """Every campaign, by id."""

    success: Literal[True] = True
    revision: int
    paused: bool
    campaigns: tuple[CampaignRow, ...]


class CampaignAnswer(_Answer, frozen=True, kw_only=True):
    """One version of a campaign, with its file."""

    success: Literal[True] = True
    id: str
    version: int
    status: str
    is_live: bool
    draft: int | None
    published_at: str | None = None
    published_by: str | None = None
    reason: str | None = None
    status_changed_at: str | None = None
    status_changed_by: str | None = None
    status_reason: str | None = None
    campaign: CampaignFile


class VersionRow(_Answer, frozen=True, kw_only=True):
    """A version in a list."""

    version: int
    status: str
    is_live: bool
    is_draft: bool
    published_at: str | None = None
    published_by: str | None = None
    reason: str | None = None


class VersionsAnswer(_Answer, frozen=True, kw_only=True):
    """Versions, newest first."""

    success: Literal[True] = True
    versions: tuple[VersionRow, ...]


class PublishAnswer(_Answer, frozen=True, kw_only=True):
    """What was published, or under `check` would be."""

    success: Literal[True] = True
    id: str
    version: int
    status: str
    warnings: tuple[str, ...]


class ChangeAnswer(_Answer, frozen=True, kw_only=True):
    """A campaign after a pause, its end, or a rollback."""

    success: Literal[True] = True
    id: str
    version: int
    status: str
    revision: int


class SettingsAnswer(_Answer, frozen=True, kw_only=True):
    """The settings, and who changed them last."""

    success: Literal[True] = True
    revision: int
    settings: SettingsFile
    changed_at: str | None = None
    changed_by: str | None = None
    reason: str | None = None


class SettingsChanged(_Answer, frozen=True, kw_only=True):
    """The settings were changed."""

    success: Literal[True] = True
    revision: int
    warnings: tuple[str, ...]


class CheckBody(_Answer, frozen=True, kw_only=True, omit_defaults=True):
    """One rule, with its verdict; `passesAt`: when time would make it pass."""

    name: str
    says: str
    value: Any
    passes: bool
    passes_at: str | None = None
    parts: "tuple[CheckBody, ...]" = ()


class ExplainAnswer(_Answer, frozen=True, kw_only=True):
    """Why a user would, or would not, see a campaign.

    isKnown: whether anything was ever heard of that id.
    """

    success: Literal[True] = True
    campaign: str
    version: int
    user_id: str
    is_known: bool
    at: str
    would_show: bool
    reason: str
    sentence: str
    attempt: int | None
    next_eligible_at: str | None
    checks: tuple[CheckBody, ...]


class TestAnswer(ExplainAnswer, frozen=True, kw_only=True):
    """As `ExplainAnswer`, and whether the next ask waits for nothing."""

    skips_waits: bool


class DecisionRow(_Answer, frozen=True, kw_only=True):
    """A message that changed something, and what came of it."""

    at: str
    reason: str
    says: str


class DecisionsAnswer(_Answer, frozen=True, kw_only=True):
    """The last decisions, newest first."""

    success: Literal[True] = True
    user_id: str
    decisions: tuple[DecisionRow, ...]


def write_time(at: int | None) -> str | None:
    """ISO 8601, or null."""
    return None if at is None else format_time(at)


def write_explanation(explanation: Explanation, user: User, *, is_known: bool) -> dict[str, Any]:
    """What `ExplainAnswer` and `TestAnswer` are made of."""
    return {
        "campaign": explanation.campaign,
        "version": explanation.version,
        "user_id": user.id,
        "is_known": is_known,
        "at": format_time(explanation.at),
        "would_show": explanation.would_show,
        "reason": explanation.reason,
        "sentence": explanation.sentence,
        "attempt": explanation.attempt,
        "next_eligible_at": write_time(explanation.next_eligible_at),
        "checks": tuple(_check(check) for check in explanation.checks),
    }


def _check(check: Check) -> CheckBody:
    return CheckBody(
        name=check.name,
        says=check.says,
        value=check.value,
        passes=check.passes,
        passes_at=write_time(check.passes_at),
        parts=tuple(_check(part) for part in check.parts),
    )


def write_decisions(entries: Iterable[Entry]) -> tuple[DecisionRow, ...]:
    """The ring's entries, given oldest first."""
    return tuple(
        DecisionRow(at=format_time(entry.at), reason=entry.reason.word, says=entry.reason.says)
        for entry in reversed(list(entries))
    )
