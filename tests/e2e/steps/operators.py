"""Operators: campaigns by the command `softask`, signed; and nobody else."""

from functions.admin.routes import ROUTES
from tests.e2e.callers import Callers, Key
from tests.e2e.install import ROOT
from tests.e2e.safety import Failed
from tests.e2e.seen import holds, ok, refused, same
from tests.e2e.world import World

CAMPAIGN = ROOT / "tests" / "e2e" / "short-window.yaml"
LIST = "/v1/admin/campaigns"


def publish(world: World) -> str:
    """A campaign of this run's own goes live, beside the one that ships."""
    told = world.callers.softask(
        world.operator, "campaigns", "publish", str(CAMPAIGN), "--reason", "a first try"
    )
    holds("published", "short-window: new → 1 (active)" in told)
    live = ok(world.callers.admin("GET", LIST, world.operator))["campaigns"]
    same("live campaigns", {each["id"] for each in live}, {"push-softask", "short-window"})
    return "short-window 1 is live beside push-softask"


def strangers(world: World) -> str:
    """Whoever is unsigned, wrongly signed, or allowed nothing or less, is refused by IAM."""
    callers = world.callers
    for method, route in ROUTES:
        path = route.replace("{id}", "push-softask")
        refused(
            callers.admin(method, path, None, body={} if method in ("PUT", "POST") else None), 403
        )
    refused(callers.admin("GET", LIST, world.operator.wrong), 403)
    refused(callers.admin("GET", LIST, callers.user("stranger")), 403)
    reader = callers.user("reader", "GET")
    ok(callers.admin("GET", LIST, reader))
    refused(callers.admin("POST", f"{LIST}/push-softask/pause", reader, {}), 403)
    _command_refused(callers, world.operator.wrong)
    return f"{len(ROUTES)} routes unsigned, a wrong secret, no policy, a policy for GET alone"


def _command_refused(callers: Callers, key: Key) -> None:
    try:
        callers.softask(key, "campaigns", "list")
    except Failed as error:
        if "refused these credentials" not in str(error):
            raise
    else:
        raise Failed("softask campaigns list: a wrong secret was let through")


def explain(world: World) -> str:
    """Why the user of the recipe sees nothing now."""
    told = world.callers.told(world.operator, "explain", "u1", "push-softask")
    same("reason", told["reason"], "in_retry_window")
    holds("nextEligibleAt", told["nextEligibleAt"])
    return f"u1: in_retry_window until {told['nextEligibleAt']}"
