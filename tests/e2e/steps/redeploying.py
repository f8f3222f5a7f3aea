"""A second deployment: other code, another setting, the same data."""

import boto3

from tests.e2e.safety import Failed
from tests.e2e.seen import ok, refused, same
from tests.e2e.steps.authentication import ENFORCED
from tests.e2e.steps.operators import LIST
from tests.e2e.steps.recipe import figures, windows
from tests.e2e.world import World

SOURCE = "functions/wire/write_keys.py"
WORD, OTHER = "Send the write key", "Please send the write key"
"""A word of a refusal, and another one: the one line in which the second deployment differs."""


def redeploy(world: World) -> str:
    """A copy of the project with one line changed is deployed over it, and asks for tokens."""
    before, kept = _answer(world), _kept(world)
    project = world.deployment.copy_of_the_project()
    source = project / SOURCE
    text = source.read_text("utf-8")
    if text.count(WORD) != 1:
        raise Failed(f"{SOURCE} has no {WORD!r}: name another line that a refusal shows")
    source.write_text(text.replace(WORD, OTHER), "utf-8")
    outputs = world.deployment.outputs
    world.deployment.deploy(project, ENFORCED)
    same("outputs", world.deployment.outputs, outputs)
    same("the refusal's words", _answer(world), before.replace(WORD, OTHER))
    same("what was kept", _kept(world), kept)
    return f"{_versions()}; {len(kept)} kinds of data as they were"


def _answer(world: World) -> str:
    return refused(world.callers.app("/v1/track", {}, None), 401)


def _kept(world: World) -> dict[str, object]:
    """What must outlast a deployment: the live campaigns, users' decisions, windows, counts."""
    admin, operator = world.callers.admin, world.operator
    return {
        "live": ok(admin("GET", LIST, operator)),
        "decisions": ok(admin("GET", "/v1/admin/users/u1/decisions", operator)),
        "user": ok(admin("GET", "/v1/admin/users/u1", operator)),
        "windows": windows(world),
        "counts": figures(world, "push-softask", "exposed", "shown", "declined"),
    }


def _versions() -> str:
    functions = boto3.client("lambda")
    names = [each["FunctionName"] for each in functions.list_functions()["Functions"]]
    live = {
        functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
        for name in names
        if "Softask" in name
    }
    same("the versions behind the alias `live`", live, {"2"})
    return "all functions at version 2"
