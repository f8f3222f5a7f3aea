"""A pause reaches every function within 30 seconds."""

from itertools import count

from tests.e2e.seen import ok, same, within
from tests.e2e.steps.recipe import message
from tests.e2e.world import World

_WITHIN = 30


def pause(world: World) -> str:
    """Fresh users are asked until it is known, and none after it; then it is taken back."""
    world.callers.softask(
        world.operator, "campaigns", "pause", "push-softask", "--reason", "a drill"
    )
    users = (f"fresh-{number}" for number in count())

    def is_silent() -> bool:
        call = message(next(users), "ValueMomentReached")
        return not ok(world.callers.app("/v1/track", call))["actions"]

    took = within(_WITHIN, "nobody is asked", is_silent)
    told = world.callers.told(world.operator, "explain", "nobody", "push-softask")
    same("reason", told["reason"], "paused")
    world.callers.softask(world.operator, "campaigns", "resume", "push-softask")
    return f"known after {took:.0f} s"
