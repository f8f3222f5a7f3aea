"""`make e2e`: deploys the stack for real, uses it over HTTPS, deploys anew, and takes it down."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from tests.e2e import emulator, safety
from tests.e2e.callers import Callers
from tests.e2e.deployment import Deployment
from tests.e2e.emulator import Emulator
from tests.e2e.gaps import GAPS
from tests.e2e.safety import Failed, Unsafe
from tests.e2e.steps import (
    authentication,
    bus,
    leaving,
    operators,
    pausing,
    recipe,
    redeploying,
    sweeping,
    wellbeing,
)
from tests.e2e.world import World

STEPS: tuple[tuple[str, Callable[[World], str]], ...] = (
    ("a minute's rate", sweeping.schedule),
    ("a rule on the bus", bus.listen),
    ("publish, signed", operators.publish),
    ("strangers refused", operators.strangers),
    ("a decline, short", sweeping.decline),
    ("the README's ask", recipe.ask),
    ("Not now: a window", recipe.decline),
    ("a batch, bad keys", recipe.feed),
    ("explain", operators.explain),
    ("stream to report", recipe.ledger),
    ("a pause", pausing.pause),
    ("the sweep, by time", sweeping.swept),
    ("told on the bus", bus.hears),
    ("keys", authentication.make_keys),
    ("a second deploy", redeploying.redeploy),
    ("tokens enforced", authentication.tokens),
    ("an install's token", authentication.devices),
    ("the doctor", wellbeing.examine),
    ("the rule goes", bus.hang_up),
    ("destroy", leaving.destroy),
)

_EXPECTED = (Failed, Unsafe, httpx.HTTPError, BotoCoreError, ClientError)


@dataclass(frozen=True, slots=True)
class Done:
    """A step that went well."""

    name: str
    seen: str
    seconds: float


class Run:
    """Prints each step, and names the one that fails."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.done: list[Done] = []
        self.at = "start"

    def step(self, name: str, act: Callable[[], str]) -> None:
        """Runs one; whatever it raises goes on, with `at` naming the step."""
        self.at, start = name, time.monotonic()
        seen = act()
        step = Done(name, seen, time.monotonic() - start)
        self.done.append(step)
        self.tell(f"{step.seconds:6.1f} s  {name}", seen)

    def tell(self, name: str, seen: str) -> None:
        """One line, or what a program said."""
        self._console.print(f"{name}: {seen}", highlight=False, markup=False, soft_wrap=True)


def main() -> int:
    """0 where every step went well. Stopped from outside, it ends the emulator as well."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console(width=None if sys.stdout.isatty() else 160)
    run = Run(console)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="softask-e2e-") as folder:
        try:
            _play(run, Path(folder).resolve())
        except _EXPECTED as error:
            run.tell(type(error).__name__, str(error))
            return 1
    console.print(_summary(run.done, time.monotonic() - start))
    console.print(_gaps())
    return 0


def _play(run: Run, scratch: Path) -> None:
    offline = safety.offline(os.environ)
    with emulator.running(scratch) as emulated:
        variables = safety.variables(emulated.url, emulated.certificate, scratch)
        safety.adopt(os.environ, variables)
        deployment = Deployment(
            scratch, python=emulated.python, variables=variables, offline=offline
        )
        try:
            _deploy(run, deployment, emulated)
            with closing(_callers(deployment, emulated, variables)) as callers:
                operator = callers.user("operator", "GET", "PUT", "POST", "DELETE")
                world = World(
                    deployment=deployment,
                    callers=callers,
                    operator=operator,
                    private_key=scratch / "backend.pem",
                )
                for name, act in STEPS:
                    run.step(name, partial(act, world))
        except BaseException:
            run.tell("the emulator's last lines", emulated.tail())
            run.tell("failed at", run.at)
            raise


def _deploy(run: Run, deployment: Deployment, emulated: Emulator) -> None:
    def bootstrap() -> str:
        deployment.bootstrap()
        return f"functions run on Python {emulated.python}"

    def deploy() -> str:
        deployment.deploy()
        return f"{len(deployment.outputs)} outputs"

    run.step("bootstrap", bootstrap)
    run.step("deploy", deploy)


def _callers(deployment: Deployment, emulated: Emulator, variables: dict[str, str]) -> Callers:
    api = urlsplit(deployment.outputs["ApiUrl"]).netloc.split(".")[0]
    return Callers(emulated.url, variables, api)


def _summary(done: Sequence[Done], seconds: float) -> Table:
    table = Table(title=f"make e2e: {len(done)} steps, {seconds:.0f} s", title_justify="left")
    table.add_column("Step")
    table.add_column("Seconds", justify="right")
    table.add_column("Seen", overflow="fold")
    for step in done:
        table.add_row(step.name, f"{step.seconds:.1f}", step.seen)
    return table


def _gaps() -> Table:
    table = Table(title="What the emulator leaves open", title_justify="left")
    for heading in ("What", "Why", "Covered by"):
        table.add_column(heading, overflow="fold")
    for gap in GAPS:
        table.add_row(gap.name, gap.what, "\n".join(str(each) for each in gap.covered))
    return table


if __name__ == "__main__":
    sys.exit(main())
