"""The public bodies, as they are parsed and as the OpenAPI document describes them.

Unknown keys are ignored. What a body says freely is an object of anything: of a `context`, values
that are unknown or of another type read as absent, so its keys are described and not checked.
An id may be a whole number, which reads as its digits.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

MAX_ID = 256
MAX_MESSAGE_ID = 100
MAX_EVENT = 200
MAX_MESSAGES = 2_500


def _key(description: str, *examples: Any, **keys: Any) -> dict[str, Any]:
    """A documented key of a free-form object; `keys`: those within it."""
    schema: dict[str, Any] = {"description": description}
    if examples:
        schema["examples"] = list(examples)
    if keys:
        schema["properties"] = keys
    return schema


_PUSH = _key(
    "What the device knows of its push permission.",
    status=_key(
        "The native word: notDetermined, denied, authorized, provisional, ephemeral, granted or"
        " default.",
        "notDetermined",
    ),
    promptsUsed=_key("OS prompts that this installation has spent.", 0),
    canRequest=_key("Whether the OS would show its prompt.", True),
    everAsked=_key("Whether the app ever called the OS prompt (Android).", False),
    rationale=_key("Android's shouldShowRequestPermissionRationale.", False),
    optedOut=_key("Whether the user opted out within the app.", False),
    notificationTypes=_key("The push SDK's notification_types.", 1),
    targetSdk=_key("The app's target SDK (Android).", 35),
    lastAskedAt=_key(
        "When this installation last asked, whoever was logged in: ISO 8601 or epoch.",
        "2026-11-07T10:00:00Z",
    ),
    lastDeclinedAt=_key(
        'When this installation was last told "Not now": ISO 8601 or epoch.',
        "2026-11-07T10:00:05Z",
    ),
)

_CONTEXT = {
    "device": _key(
        "The installation, with an OS-prompt budget of its own.",
        id=_key("Stays the same until the app is reinstalled.", "d1"),
        type=_key("The platform, where os.name is absent.", "ios"),
    ),
    "os": _key(
        "The operating system.",
        name=_key("iOS, iPadOS, Android or another.", "iOS"),
        version=_key("As the system spells it.", "18.1"),
        apiLevel=_key("Android's; else it is derived from the version.", 35),
    ),
    "app": _key(
        "The app.",
        version=_key("As the stores show it.", "4.2"),
        inForeground=_key("False: what happened in the background opens no popup.", True),
        installedAt=_key("ISO 8601 or epoch.", "2026-11-01T08:00:00Z"),
    ),
    "locale": _key("As the phone spells it; chooses the popup's text.", "en-GB"),
    "timezone": _key("An IANA name.", "Europe/London"),
    "location": _key("Where the phone is.", country=_key("Two letters.", "GB")),
    "push": _PUSH,
    "traits": _key(
        "On identify: traits that lie under the body's own, as RudderStack's SDKs send them.",
        {"session_count": 3},
    ),
    "softask": _key(
        "Who speaks. Of a batch's item its own goes before the batch's, and that before the header"
        " X-Softask-Token.",
        token=_key(
            "A token for the user that the message names: of a known user as the app's backend"
            " signed it, of an anonymous one as POST /v1/devices issued it."
        ),
        deviceToken=_key(
            "On identify and alias: the token of the anonymous id that becomes the user's."
        ),
    ),
}

Text = Annotated[str, Meta(max_length=MAX_EVENT)]
Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
Time = Annotated[str, Meta(examples=["2026-11-21T10:00:00Z"])]

LooseId = Annotated[str, Meta(max_length=MAX_ID)] | int
"""A whole number reads as its digits: some SDKs turn numeric ids into text, and some do not."""

GivenId = Id | int
"""As `LooseId`, where it may not be empty."""

Context = Annotated[
    dict[str, Any] | None,
    Meta(
        description="The device and the app. What is unknown or of another type reads as absent.",
        examples=[
            {
                "device": {"id": "d1"},
                "os": {"name": "iOS", "version": "18.1"},
                "push": {"status": "notDetermined", "promptsUsed": 0},
            }
        ],
        extra_json_schema={"properties": _CONTEXT},
    ),
]
SentAt = Annotated[
    Time | None,
    Meta(description="When it was sent, by the phone's clock: tells how wrong that clock is."),
]
Traits = Annotated[
    dict[str, Any] | None,
    Meta(
        description="The user's attributes. Reserved: push_permission_status (granted, denied or"
        " unknown) and push_softask_declined_at (ISO 8601 or epoch).",
        examples=[{"session_count": 3, "push_permission_status": "unknown"}],
    ),
]
Properties = Annotated[
    dict[str, Any] | None,
    Meta(
        description="Of the event. offerId: the offer that a PushSoftAsk outcome is about.",
        examples=[{"streak": 3}],
    ),
]
WriteKey = Annotated[
    Any,
    Meta(
        description="The app's write key, where no Authorization header carries it.",
        examples=["dev-write-key"],
        extra_json_schema={"type": "string"},
    ),
]
Integrations = Annotated[
    Any,
    Meta(description="Accepted and ignored.", extra_json_schema={"type": "object"}),
]


class Sender(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whose it is: the user, or before there is one the anonymous id. An empty id is none."""

    user_id: Annotated[
        LooseId | None,
        Meta(description="The known user. Without one, anonymousId is needed.", examples=["u1"]),
    ] = None
    anonymous_id: Annotated[
        LooseId | None,
        Meta(
            description="The installation's own id, from before anybody logged in.",
            examples=["0f8fad5b-d9cb-469f-a165-70867728950e"],
        ),
    ] = None


class Call(Sender, frozen=True, kw_only=True):
    """What every message has in common."""

    message_id: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_MESSAGE_ID)] | None,
        Meta(
            description="Makes it safe to send the message again; made by the server when absent.",
            examples=["m1"],
        ),
    ] = None
    timestamp: Annotated[
        Time | None, Meta(description="When it happened, by the phone's clock; now when absent.")
    ] = None
    original_timestamp: Annotated[
        Time | None,
        Meta(
            description="When it happened, by the phone's clock, as RudderStack's SDKs and mirrored"
            " feeds send it; timestamp beside it is then a server's, and counts if it is earlier."
        ),
    ] = None
    sent_at: SentAt = None
    context: Context = None
    integrations: Integrations = None
    write_key: WriteKey = None


class Track(Call, frozen=True, kw_only=True):
    """Something happened: a trigger, an outcome of a popup, or an event that is counted."""

    event: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_EVENT,
            description="The event's name.",
            examples=["ValueMomentReached"],
        ),
    ]
    properties: Properties = None


class Identify(Call, frozen=True, kw_only=True):
    """Who the user is. With both ids, what is known of the anonymous one becomes the user's."""

    traits: Traits = None


class Alias(Call, frozen=True, kw_only=True):
    """What is known of the anonymous `previousId` becomes the user's."""

    user_id: Annotated[GivenId, Meta(description="The known user.", examples=["u1"])]
    previous_id: Annotated[
        GivenId,
        Meta(
            description="The anonymous id until now.",
            examples=["0f8fad5b-d9cb-469f-a165-70867728950e"],
        ),
    ]


class View(Call, frozen=True, kw_only=True):
    """Something was looked at."""

    name: Annotated[
        Text | None,
        Meta(
            description="Counts and triggers as an event of that name, and is a property.",
            examples=["Home"],
        ),
    ] = None
    event: Annotated[
        Text | None,
        Meta(description="The name, where RudderStack's mobile SDKs write it.", examples=["Home"]),
    ] = None
    category: Annotated[Text | None, Meta(description="A property.", examples=["Docs"])] = None
    properties: Properties = None


class Page(View, frozen=True, kw_only=True):
    """A page was looked at. Without a name the event is `page`."""


class Screen(View, frozen=True, kw_only=True):
    """A screen was looked at. Without a name the event is `screen`."""


class Group(Call, frozen=True, kw_only=True):
    """The user belongs to a group: the event `group`, with the traits and `groupId` as its
    properties."""

    group_id: Annotated[GivenId, Meta(description="The group.", examples=["team-7"])]
    traits: Annotated[
        dict[str, Any] | None, Meta(description="The group's.", examples=[{"plan": "pro"}])
    ] = None


MessageKind = Literal["track", "identify", "alias", "page", "screen", "group"]

CALLS: Mapping[MessageKind, type[Call]] = {
    "track": Track,
    "identify": Identify,
    "alias": Alias,
    "page": Page,
    "screen": Screen,
    "group": Group,
}
"""By the `type` of a batch's item, which is also the last step of the call's own path."""


class Batch(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Messages of any number of users."""

    batch: Annotated[
        list[
            Annotated[
                msgspec.Raw,
                Meta(
                    description="The body of a call, and its type.",
                    extra_json_schema={
                        "type": "object",
                        "required": ["type"],
                        "properties": {"type": {"enum": list(CALLS)}},
                    },
                ),
            ]
        ],
        Meta(
            description="Each of at most 32 KB. One that is wrong is rejected alone.",
            # Not as max_length: too many are a 413.
            extra_json_schema={"maxItems": MAX_MESSAGES},
            examples=[[{"type": "track", "userId": "u1", "event": "ValueMomentReached"}]],
        ),
    ]
    context: Context = None
    """Lies under each message's own, and counts as often (see `MAX_SPREAD`)."""
    sent_at: SentAt = None
    integrations: Integrations = None
    write_key: WriteKey = None


class Asker(Sender, frozen=True, kw_only=True):
    """Who asks what is open, on which device."""

    context: Context = None
    sent_at: SentAt = None
    offer_id: Annotated[
        Id | None,
        Meta(description="Asks whether this offer still stands.", examples=["of_1a2b3c"]),
    ] = None
    intent: Annotated[
        Literal["explicit"] | None,
        Meta(description="The user asked for it: where a Yes leads, past caps."),
    ] = None
    write_key: WriteKey = None


class Install(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An installation that wants a token for its anonymous id, or an id with one."""

    anonymous_id: Annotated[
        LooseId | None,
        Meta(
            description="The id that it has already; made by the server when absent. A stage that"
            " enforces tokens wants one that still holds for it.",
            examples=["0f8fad5b-d9cb-469f-a165-70867728950e"],
        ),
    ] = None
    context: Context = None
    write_key: WriteKey = None
