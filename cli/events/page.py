"""The page's prose, in the order of its sections, and `page()` that joins it all."""

import inspect
import json
from collections.abc import Iterator
from typing import Any

import msgspec

from cli.events.examples import ENVELOPE, EXAMPLES
from cli.reference.words import table
from functions.ledger.events import EVENTS, Event

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_HEAD = """\
<!-- Written by `softask events > docs/events.md`; the words are in cli/events/. -->
# Events

What happens to users comes as events on an EventBridge bus of the stack's own, `softask-<stage>`
(the output `EventBus`), for rules of yours: to a CRM, a warehouse, a message to the team. The
source is `softask`, the detail type the event's name. An event is told as soon as its fact stands
in the ledger. A dev server has no bus, and tells nobody."""

_NULLS = """\
Every event has all the keys. Beside those that are named above, `variant` and `platform` may be
null in any of them."""

_ENVELOPE = """\
## As a rule receives it

`time` is when the event was told; `detail.at` is when it happened, which may be days before, where
a phone was offline."""

_DELIVERY = """\
## At least once

An event may come again: the ledger's records are delivered again as a batch, and EventBridge
repeats by itself. It then has the same `factId`, which no other event has, of no user: keep what
you have seen, and drop the rest. Repeats come within two days; `softask ledger replay` alone brings
older ones, of up to 30 days.

What EventBridge does not take is told with the next delivery: the ledger writes a batch of records,
tells of it, and gets back from the first record on that it could not tell of. Behind a record that
keeps failing, the same events may therefore come often. After 101 deliveries, or 12 hours, the
record stays with the ledger's failed ones, and that command tells it later. So no event is lost
that is replayed within 30 days, and some may be late. Count nothing by events: the report counts
every fact exactly once.

What is told late, and again after a login, may come under another `factId`: the same goal, or a
decline of an older offer at another corrected time. Before the login its `userKey` is the anonymous
id's, and afterwards the user's.

## Order

A user's events are usually told in the order in which they happened, those of two users in none.
Failures and repeats change it, and so may EventBridge: the event with the later `at` is the newer.
`UserReEligible` is told when the window is swept, or moved by the next ask: usually within 15
minutes of its `at`.

## Whose it is

`userKey` is a hash of the id that the app tracks under. A rule that must find its user keeps the
key beside the id, and makes it as Softask does; `softask user export` prints it, too:

```python
import base64
import hashlib


def user_key(salt: str, kind: str, user: str) -> str:
    digest = hashlib.sha256("\\0".join((salt, kind, user)).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


user_key("prod/123456789012/eu-central-1", "user", "u1")
```

The salt is made of stage, account and region, and never changes. The kind is `anonymous` for an
anonymous id: until the login, events come under that id's key. The salt is no secret, so whoever
knows an id can tell its events from others: `userKey` is a pseudonym.

## What is in no event

No id of a user, an install or a device, no attribute, no property of a tracked event, no text of a
popup. Test users have no events. An offer that lapsed unseen and a popup that nobody answered leave
none; the report derives both.

A deleted user's events stop. Those that were told before are yours to delete, by `userKey`; the
archive drops them after 14 days."""

_RULE = """\
## A rule of your own

A stack of yours, which puts every approval of one campaign on a queue. What the queue does not take
within a day goes to a second one:

```python
from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct


class Approvals(Stack):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        bus = events.EventBus.from_event_bus_name(self, "Softask", "softask-prod")
        approvals = sqs.Queue(self, "Queue", enforce_ssl=True)
        missed = sqs.Queue(self, "Missed", enforce_ssl=True, retention_period=Duration.days(14))
        events.Rule(
            self,
            "Approved",
            event_bus=bus,
            event_pattern=events.EventPattern(
                source=["softask"],
                detail_type=["SoftAskApproved"],
                detail={"campaign": ["push-softask"]},
            ),
            targets=[targets.SqsQueue(approvals, dead_letter_queue=missed)],
        )
```

For a rule that comes late, deploy Softask with `-c eventArchive=true` in good time: the bus keeps
its events for 14 days, and EventBridge replays them to the rules that you name."""

_CHANGES = """\
## What may change

Events and keys are added. While `schemaVersion` is 1, none goes, gets another name or another
meaning. Ignore what you do not know, as the schemas do."""

_SCHEMAS = """\
## Schemas and examples

Of `detail`, in JSON Schema 2020-12."""


def page() -> str:
    """The whole of `docs/events.md`."""
    return "\n\n".join(_sections()) + "\n"


def schema(kind: type[Event]) -> Schema:
    """JSON Schema of an event's detail, as it is always written."""
    said = msgspec.json.schema(kind)["$defs"][kind.__name__]
    properties = {name: _property(each) for name, each in said["properties"].items()}
    return {
        "$schema": DIALECT,
        "title": kind.__name__,
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def _property(said: Schema) -> Schema:
    """The type alone: what keys mean stands in the page's table."""
    if "enum" in said:
        return {"const": said["enum"][0]}
    if "anyOf" in said:
        return {"type": [each["type"] for each in said["anyOf"]]}
    return {name: said[name] for name in ("type", "format") if name in said}


def _sections() -> Iterator[str]:
    yield from (_HEAD, "## The events", _events(), _NULLS)
    yield from ("## What they say", _keys())
    yield from (_ENVELOPE, _fence(json.dumps(ENVELOPE, indent=2)))
    yield from (_DELIVERY, _RULE, _CHANGES, _SCHEMAS)
    for kind in EVENTS.values():
        yield f"### {kind.__name__}"
        yield _fence(_spell(schema(kind)))
        yield _fence(json.dumps(EXAMPLES[kind], indent=2))


def _events() -> str:
    rows = ((f"`{kind.__name__}`", _when(kind), _nullable(kind)) for kind in EVENTS.values())
    return table(("Event", "Told when", "May be null"), rows)


def _when(kind: type[Event]) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split())


def _nullable(kind: type[Event]) -> str:
    """Beside what may be null in every event."""
    properties = schema(kind)["properties"]
    names = [name for name, said in properties.items() if "null" in said.get("type", ())]
    return ", ".join(f"`{name}`" for name in names if name not in ("variant", "platform")) or "-"


def _keys() -> str:
    said = msgspec.json.schema(Event)["$defs"]["Event"]["properties"]
    rows = ((f"`{name}`", each["description"]) for name, each in said.items())
    return table(("Key", "Meaning"), rows)


def _fence(text: str) -> str:
    return f"```json\n{text}\n```"


def _spell(said: Schema) -> str:
    """JSON with a line for each property."""
    properties = ",\n".join(
        f"    {json.dumps(name)}: {json.dumps(each)}" for name, each in said["properties"].items()
    )
    lines = {name: json.dumps(each) for name, each in said.items()}
    lines["properties"] = f"{{\n{properties}\n  }}"
    lines["required"] = _wrapped(said["required"])
    return "{\n" + ",\n".join(f'  "{name}": {text}' for name, text in lines.items()) + "\n}"


def _wrapped(names: list[str]) -> str:
    half = len(names) // 2
    first, second = (json.dumps(part)[1:-1] for part in (names[:half], names[half:]))
    return f"[\n    {first},\n    {second}\n  ]"
