"""The app: the README's requests through the deployed API, and what they leave behind."""

import json
import time
from typing import Any

import boto3

from tests.e2e.callers import Json
from tests.e2e.seen import offered, ok, refused, same, within
from tests.e2e.world import World
from tests.integration.test_readme import ANSWER, README, calls, steady

TWO_WEEKS = 14 * 24 * 60 * 60
_COUNTED_WITHIN = 30


def ask(world: World) -> str:
    """The first request brings the answer that stands beside it; again, the same offer."""
    first, _declined, _advance = calls()
    told = ANSWER.search(README)
    assert told
    answer = world.callers.app(*first)
    same("the README's answer", steady(ok(answer)), steady(json.loads(told["answer"])))
    offer = offered(answer)["offerId"]
    again = offered(world.callers.app(*first))["offerId"]
    same("the same message again", again, offer)
    ok(world.callers.app("/v1/track", message("u1", "PushSoftAskShown")))
    return f"{offer}, and the same for a replay"


def decline(world: World) -> str:
    """ "Not now" opens a window of two weeks, which lies in its table."""
    _first, declined, _advance = calls()
    before = int(time.time())
    same("actions", ok(world.callers.app(*declined))["actions"], [])
    window = windows(world)["push-softask"]
    due = int(window["due_at"]["N"])
    same("due in two weeks", before <= due - TWO_WEEKS <= time.time() + 1, True)
    same("expires_at, for TTL", int(window["expires_at"]["N"]), due)
    return f"due_at {due}"


def feed(world: World) -> str:
    """A zipped batch, and whoever has no key of this app."""
    first = {"type": "track", **message("u3", "ValueMomentReached", messageId="b1")}
    both = {"batch": [first, {**first, "messageId": "b2"}]}
    batch = ok(world.callers.zipped("/v1/batch", both))
    same("statuses", [each["status"] for each in batch["results"]], ["accepted", "accepted"])
    same("offers", len(batch["actions"]), 1)
    track = message("u4", "ValueMomentReached")
    for key in (None, "another-key"):
        refused(world.callers.app("/v1/track", track, key), 401)
    return "2 messages of one batch accepted; no key and another key: 401"


def ledger(world: World) -> str:
    """The profiles' stream reaches the report: one user asked and declined, one asked."""
    right = {"exposed": 2, "offered": 2, "shown": 1, "declined": 1}

    def is_counted() -> bool:
        return figures(world, "push-softask", *right) == right

    took = within(_COUNTED_WITHIN, f"the report's {right}", is_counted)
    return f"{right} after {took:.0f} s"


def figures(world: World, campaign: str, *names: str) -> dict[str, int]:
    """The report's sums over all of a campaign's rows."""
    rows = ok(world.callers.admin("GET", f"/v1/admin/campaigns/{campaign}/report", world.operator))[
        "rows"
    ]
    return {name: sum(row.get(name, 0) for row in rows) for name in names}


def windows(world: World) -> dict[str, dict[str, Any]]:
    """The rows of RetryWindows, by campaign: each has one user in this run."""
    rows = boto3.client("dynamodb").scan(TableName=world.table("RetryWindows"))["Items"]
    return {row["campaign"]["S"]: row for row in rows}


def message(user: str, event: str, **more: str) -> Json:
    """A tracked event from the user's phone."""
    return {"userId": user, "event": event, "context": {"device": {"id": f"{user}-phone"}}, **more}
