"""Decisions as JSON: camelCase, UTC, always 200 with a body."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from functions.core.compiled import Campaigns
from functions.core.model import (
    SECOND,
    Action,
    Content,
    RequestOsPermission,
    ServedOffer,
    Withdraw,
)
from functions.core.moments import format_time
from functions.wire.errors import ErrorBody

MOST_BYTES = 6_000_000
"""Of a batch's answer. Lambda hands over 6,291,556, headers included, and fails beyond."""


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class OpenDeeplinkAction(
    _Answer, frozen=True, kw_only=True, omit_defaults=True, tag="open_deeplink"
):
    """Open the app's popup, `showAfterSeconds` later by the time in the foreground.

    `onApprove` is a hint: reread the native status at the tap. It is null where the popup asks for
    no permission. `test` is there for test users alone.
    """

    campaign: str
    campaign_version: int
    offer_id: str
    attempt: int
    arm: str
    user_id: str
    deeplink: str
    content: Content
    on_approve: str | None
    show_after_seconds: int
    expires_at: str
    expires_in_seconds: int
    variant: str = ""
    test: bool = False


class RequestOsPermissionAction(
    _Answer, frozen=True, kw_only=True, omit_defaults=True, tag="request_os_permission"
):
    """Ask the OS for the permission, `showAfterSeconds` later, and show no popup before it.

    What the OS answers is the outcome: report it by `PushPermissionChanged`, or by the trait
    `push_permission_status`. Report `PushSoftAskSuppressed` where the OS was not asked, and
    `PushSoftAskShown` where its prompt was closed without an answer.
    """

    campaign: str
    campaign_version: int
    offer_id: str
    attempt: int
    arm: str
    user_id: str
    show_after_seconds: int
    expires_at: str
    expires_in_seconds: int
    test: bool = False


class WithdrawAction(_Answer, frozen=True, kw_only=True, tag="withdraw"):
    """Do not show the offer any more."""

    offer_id: str
    reason: str


ActionBody = OpenDeeplinkAction | RequestOsPermissionAction | WithdrawAction


class MessageAnswer(_Answer, frozen=True, kw_only=True):
    """The answer to one message. `warnings`, where there are some: what was left out of it."""

    success: Literal[True] = True
    message_id: str
    actions: tuple[ActionBody, ...]
    warnings: tuple[str, ...] | UnsetType = UNSET


class Result(_Answer, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one message of a batch. `warnings`: what was left out of it."""

    message_id: str | None
    status: Literal["accepted", "duplicate", "rejected"]
    error: ErrorBody | None = None
    warnings: tuple[str, ...] = ()


class BatchAnswer(_Answer, frozen=True, kw_only=True):
    """The answer to a batch: a result a message in its order, and what to do now.

    `actionsLeft`, where there are some: how many found no room in it. Ask `POST /v1/actions`.
    """

    success: Literal[True] = True
    results: tuple[Result, ...]
    actions: tuple[ActionBody, ...]
    actions_left: int | UnsetType = UNSET


class ActionsAnswer(_Answer, frozen=True, kw_only=True):
    """The answer to `POST /v1/actions`."""

    success: Literal[True] = True
    actions: tuple[ActionBody, ...]


class DeviceAnswer(_Answer, frozen=True, kw_only=True):
    """The answer to `POST /v1/devices`: the token proves to be the anonymous id until it expires.

    Ask again, with the token, while it still holds.
    """

    success: Literal[True] = True
    anonymous_id: str
    token: str
    expires_at: str
    expires_in_seconds: int


class RouteAnswer(_Answer, frozen=True, kw_only=True):
    """The answer to an explicit ask: where a "Yes" leads, or null where there is nothing to ask."""

    success: Literal[True] = True
    actions: tuple[ActionBody, ...] = ()
    on_approve: str | None


class Source(_Answer, frozen=True, kw_only=True):
    """Where Segment's mobile SDKs send to; `apiHost` is without a scheme."""

    api_key: str
    api_host: str


class Integrations(msgspec.Struct, frozen=True, kw_only=True):
    """As Segment's mobile SDKs expect it."""

    segment: Source = msgspec.field(name="Segment.io")


class Guidance(_Answer, frozen=True, kw_only=True):
    """What is worth sending now.

    paused: nothing is shown. events: the names that some campaign refers to.
    maxAgeSeconds: a trigger that is older when it arrives opens no popup.
    """

    paused: bool
    events: tuple[str, ...]
    max_age_seconds: int


class ProjectSettingsAnswer(_Answer, frozen=True, kw_only=True):
    """The answer to `GET /v1/projects/{writeKey}/settings`."""

    success: Literal[True] = True
    integrations: Integrations
    softask: Guidance


def write_settings(write_key: str, host: str, campaigns: Campaigns) -> ProjectSettingsAnswer:
    """The same for everybody: drafts, which test users see, are not in it."""
    return ProjectSettingsAnswer(
        integrations=Integrations(segment=Source(api_key=write_key, api_host=f"{host}/v1")),
        softask=Guidance(
            paused=campaigns.paused or not campaigns.fresh,
            events=tuple(sorted(campaigns.events)),
            max_age_seconds=campaigns.max_age // SECOND,
        ),
    )


def write_actions(actions: Iterable[Action], now: int) -> tuple[ActionBody, ...]:
    """The actions as the wire has them at `now`."""
    return tuple(_action(action, now) for action in actions)


def write_batch(results: tuple[Result, ...], actions: Sequence[Action], now: int) -> BatchAnswer:
    """The answer to a batch at `now`, with as many of the actions as it has room for."""
    room = MOST_BYTES - _size(results)
    told = []
    for action in actions:
        body = _action(action, now)
        size = _size(body)
        if size <= room:
            told.append(body)
            room -= size
    left = len(actions) - len(told)
    return BatchAnswer(results=results, actions=tuple(told), actions_left=left or UNSET)


def _size(part: Any) -> int:
    """In Lambda's answer, where the body is a text within JSON: quotes and backslashes double."""
    text = msgspec.json.encode(part)
    return len(text) + text.count(b'"') + text.count(b"\\") + 1


def encode(answer: msgspec.Struct | msgspec.Raw) -> str:
    """An answer as JSON text."""
    return msgspec.json.encode(answer).decode()


def _action(action: Action, now: int) -> ActionBody:
    if isinstance(action, Withdraw):
        return WithdrawAction(offer_id=action.offer_id, reason=action.reason)
    if isinstance(action, RequestOsPermission):
        return RequestOsPermissionAction(**_served(action, now))
    return OpenDeeplinkAction(
        **_served(action, now),
        deeplink=action.deeplink,
        content=action.content,
        on_approve=action.on_approve,
        variant=action.variant,
    )


def _served(offer: ServedOffer, now: int) -> dict[str, Any]:
    """What every offer says. As a base of both structs it would move keys in the JSON."""
    return {
        "campaign": offer.campaign,
        "campaign_version": offer.campaign_version,
        "offer_id": offer.offer_id,
        "attempt": offer.attempt,
        "arm": offer.arm,
        "user_id": offer.user_id,
        "show_after_seconds": _whole_seconds(offer.show_after),
        "expires_at": format_time(offer.expires_at),
        "expires_in_seconds": _seconds_left(offer.expires_at, now),
        "test": offer.test,
    }


def _whole_seconds(span: int) -> int:
    """Rounded up: a popup never comes too early."""
    return -(-span // 1000)


def _seconds_left(until: int, now: int) -> int:
    return max(0, (until - now) // 1000)
