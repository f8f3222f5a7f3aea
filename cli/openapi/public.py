"""The app's routes, in words and examples."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from cli.openapi.examples import ANONYMOUS_ID, CONTEXT, NOW, OFFER
from cli.openapi.operation import FIVE_MINUTES, Body, Json, Link, Operation, Parameter, Route
from functions.wire import answers, calls
from functions.wire.errors import (
    Forbidden,
    InvalidRequest,
    MessageIdReused,
    NoSuchRoute,
    TooLarge,
    Unauthorized,
)

_CALL = (InvalidRequest, Unauthorized, Forbidden, MessageIdReused, TooLarge)
_ASK = (InvalidRequest, Unauthorized, Forbidden, TooLarge)
_BATCH = (InvalidRequest, Unauthorized, TooLarge)

_TOKEN = Parameter(
    name="X-Softask-Token",
    place="header",
    says="Proves who speaks, where context.softask.token does not. A stage looks at it as it is "
    "set up: not at all, to tell who would be refused, or to refuse them.",
    schema={"type": "string"},
)

_OFFERED = {"userId": "$response.body#/actions/0/userId", "context": CONTEXT}
_OFFER_ID = "$response.body#/actions/0/offerId"


def _outcome(event: str, says: str) -> Link:
    body = {**_OFFERED, "event": event, "properties": {"offerId": _OFFER_ID}}
    return Link(operation="track", says=says, body=body)


_AFTER_AN_OFFER: Mapping[str, Link] = {
    "shown": _outcome("PushSoftAskShown", "The popup of the first action is shown."),
    "approved": _outcome("PushSoftAskApproved", '"Yes" was tapped.'),
    "declined": _outcome("PushSoftAskDeclined", '"Not now" was tapped.'),
    "open": Link(operation="actions", says="What is open now?", body=_OFFERED),
    "stands": Link(
        operation="actions",
        says="Does the offer still stand, just before it is shown?",
        body={**_OFFERED, "offerId": _OFFER_ID},
    ),
    "explained": Link(
        operation="explainCampaign",
        says="Why does the user see it?",
        parameters={"id": "$response.body#/actions/0/campaign"},
        body={"userId": "$response.body#/actions/0/userId"},
    ),
}


def _call(kind: type[calls.Call], summary: str, said: Json, says: str = "") -> Operation:
    name = kind.__name__.lower()
    message_id = f"{name}-1"
    return Operation(
        id=name,
        tag="App",
        security="writeKey",
        summary=summary,
        says=says,
        parameters=(_TOKEN,),
        body=Body(kind=kind, example={"userId": "u1", "messageId": message_id, **said}),
        answers=(answers.MessageAnswer(message_id=message_id, actions=()),),
        refusals=_CALL,
    )


_TRACKED = {"event": "ValueMomentReached", "messageId": "m1", "context": CONTEXT}
_CALLS = (
    replace(
        _call(
            calls.Track,
            "Tell that something happened: a value moment, an outcome of a popup",
            _TRACKED,
            "`actions` says which popup to open, or is empty. No answer within 2 seconds: show "
            "nothing. The same message again gets the same answer, and counts once.",
        ),
        answers=(answers.MessageAnswer(message_id="m1", actions=(OFFER,)),),
        links=_AFTER_AN_OFFER,
    ),
    _call(
        calls.Identify,
        "Set the user's traits",
        {"anonymousId": ANONYMOUS_ID, "traits": {"session_count": 3}},
        "With both ids, what is known of the anonymous one becomes the user's; where tokens are "
        "enforced, if `context.softask.deviceToken` proves that one too.",
    ),
    _call(
        calls.Alias,
        "Make an anonymous user a known one",
        {"previousId": ANONYMOUS_ID},
    ),
    _call(calls.Page, "Tell that a page was looked at", {"name": "Home"}),
    _call(calls.Screen, "Tell that a screen was looked at", {"name": "Home"}),
    _call(
        calls.Group,
        "Tell that the user belongs to a group",
        {"groupId": "team-7", "traits": {"plan": "pro"}},
    ),
    Operation(
        id="batch",
        tag="App",
        security="writeKey",
        summary="Send up to 2,500 messages of any number of users",
        says="A message that cannot be taken is rejected by itself; the others are counted once, "
        "however often the batch is sent. They may bring up to 20 different tokens. Beside them, "
        "the body holds 32 KB, and its context, times the messages, 16 MB.",
        parameters=(_TOKEN,),
        body=Body(
            kind=calls.Batch,
            example={
                "batch": [{"type": "track", "userId": "u1", **_TRACKED}],
                "sentAt": NOW,
            },
        ),
        answers=(
            answers.BatchAnswer(
                results=(answers.Result(message_id="m1", status="accepted"),), actions=(OFFER,)
            ),
        ),
        refusals=_BATCH,
        links=_AFTER_AN_OFFER,
    ),
)

_ACTIONS = Operation(
    id="actions",
    tag="App",
    security="writeKey",
    summary="Ask what is open, or whether an offer still stands",
    says="For apps behind an SDK that discards answers. With `intent`, the answer is where a Yes "
    "leads, past caps.",
    parameters=(_TOKEN,),
    body=Body(kind=calls.Asker, example={"userId": "u1", "context": CONTEXT}),
    answers=(
        answers.ActionsAnswer(actions=(OFFER,)),
        answers.RouteAnswer(on_approve=OFFER.on_approve),
    ),
    refusals=_ASK,
    links=_AFTER_AN_OFFER,
)


_DEVICES = Operation(
    id="devices",
    tag="App",
    security="writeKey",
    summary="Get a token for an anonymous installation",
    says="It holds for 90 days, and is renewed before they end by the same call with it. Without "
    "`anonymousId` the answer names a new one; where tokens are enforced, an own id needs its "
    "token. 404: the stage has no device key yet.",
    parameters=(_TOKEN,),
    body=Body(kind=calls.Install, example={"anonymousId": ANONYMOUS_ID}),
    answers=(
        answers.DeviceAnswer(
            anonymous_id=ANONYMOUS_ID,
            token="eyJ…",  # noqa: S106 - an example
            expires_at="2027-02-19T10:00:00Z",
            expires_in_seconds=7_776_000,
        ),
    ),
    refusals=(InvalidRequest, Unauthorized, Forbidden, NoSuchRoute, TooLarge),
)


_SETTINGS = Operation(
    id="settings",
    tag="App",
    security=None,
    summary="What is worth sending",
    says="For Segment's mobile SDKs, which ask this at start, and for clients that spare calls "
    "which no campaign refers to.",
    parameters=(
        Parameter(
            name="writeKey",
            place="path",
            says="The app's write key.",
            schema={"type": "string", "minLength": 1},
            example="dev-write-key",
        ),
    ),
    answers=(
        answers.ProjectSettingsAnswer(
            integrations=answers.Integrations(
                segment=answers.Source(api_key="dev-write-key", api_host="push.example.com/v1")
            ),
            softask=answers.Guidance(
                paused=False,
                events=("PushPermissionChanged", "SessionStarted", "ValueMomentReached"),
                max_age_seconds=60,
            ),
        ),
    ),
    cached=FIVE_MINUTES,
    refusals=(Unauthorized,),
)


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAPI 3.1."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]


_DOCUMENT = Operation(
    id="document",
    tag="App",
    security=None,
    summary="This document",
    answers=(Document(openapi="3.1.0", info={"title": "Softask"}, paths={}, components={}),),
    cached=FIVE_MINUTES,
    refusals=(NoSuchRoute,),
)


def _routes() -> dict[Route, Operation]:
    routes = {}
    for operation in _CALLS:
        long = f"/v1/{operation.id}"
        routes["POST", long] = operation
        routes["POST", f"/v1/{operation.id[0]}"] = replace(
            operation,
            id=f"{operation.id}Short",
            tag="Short names",
            summary=f"Short for {long}",
            says=f"The same as `POST {long}`, by the name that some SDKs call it.",
            links={},
        )
    return routes | {
        ("POST", "/v1/actions"): _ACTIONS,
        ("POST", "/v1/devices"): _DEVICES,
        ("GET", "/v1/projects/{writeKey}/settings"): _SETTINGS,
        ("GET", "/openapi.json"): _DOCUMENT,
    }


PUBLIC: dict[Route, Operation] = _routes()
