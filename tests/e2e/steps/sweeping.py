"""A retry window's end: EventBridge Scheduler, the sweep, the stream, the ledger, the bus."""

import boto3

from tests.e2e.seen import holds, offered, ok, same, within
from tests.e2e.steps.recipe import figures, message, windows
from tests.e2e.world import World

AS_DEPLOYED = "rate(15 minutes)"
_EVERY = 60
_TICK = 10  # the emulator looks that often what is due
_HEARD_WITHIN = 30


def schedule(_world: World) -> str:
    """The deployed schedule invokes the sweep; only its rate is moved, to a minute."""
    scheduler = boto3.client("scheduler")
    name = scheduler.list_schedules()["Schedules"][0]["Name"]
    deployed = scheduler.get_schedule(Name=name)
    same("expression", deployed["ScheduleExpression"], AS_DEPLOYED)
    same("state", deployed["State"], "ENABLED")
    holds("its target is the sweep", "SoftaskSweep" in deployed["Target"]["Arn"])
    kept = ("Name", "GroupName", "FlexibleTimeWindow", "Target", "Description", "State")
    scheduler.update_schedule(
        **{key: deployed[key] for key in kept}, ScheduleExpression="rate(1 minute)"
    )
    return f"{AS_DEPLOYED} as deployed; a minute from here on"


def decline(world: World) -> str:
    """A user says "Not now" to the campaign whose window is short."""
    app = world.callers.app
    offer = offered(app("/v1/track", message("u2", "LessonFinished")))
    same("attempt", offer["attempt"], 1)
    ok(app("/v1/track", message("u2", "PushSoftAskShown")))
    ok(app("/v1/track", message("u2", "PushSoftAskDeclined")))
    holds("a window", "short-window" in windows(world))
    same("actions", ok(app("/v1/track", message("u2", "LessonFinished")))["actions"], [])
    return "its window is open; another moment of value brings nothing"


def swept(world: World) -> str:
    """The window goes, by nobody's call; it is counted, and the user is asked once more."""
    took = within(_EVERY + 3 * _TICK, "the sweep", lambda: "short-window" not in windows(world))
    holds("the other window stays", "push-softask" in windows(world))
    within(
        _HEARD_WITHIN,
        "reEligible in the report",
        lambda: figures(world, "short-window", "reEligible") == {"reEligible": 1},
    )
    offer = offered(world.callers.app("/v1/track", message("u2", "LessonFinished")))
    same("attempt", offer["attempt"], 2)
    return f"after {took:.0f} s; counted, and the next moment of value asks anew"
