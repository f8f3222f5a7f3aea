"""Bootstrap, deploy and destroy, by the CDK CLI on the packaged Node."""

import platform
import shutil
import sys
from pathlib import Path

import msgspec

from tests.e2e import safety
from tests.e2e.gaps import SWITCHES
from tests.e2e.install import ROOT
from tests.e2e.safety import REGION

ACCOUNT = "000000000000"
STAGE = "dev"
STACK = f"softask-{STAGE}"

_ARCHITECTURE = "x86_64" if platform.machine() in {"x86_64", "AMD64"} else "arm64"
_NOT_COPIED = (".git", ".venv", "build", "cdk.out", "node_modules", "__pycache__", ".*_cache")


class Deployment:
    """The stack of the stage `dev` in the emulator.

    variables: the emulator's root. offline: of a program that calls nothing of AWS.
    outputs: the stack's, as deployed last.
    """

    def __init__(
        self,
        scratch: Path,
        *,
        python: str,
        variables: dict[str, str],
        offline: dict[str, str],
    ) -> None:
        self._scratch = scratch
        self._python = python
        self._variables = variables
        self._offline = offline
        self._synthesised: list[Path] = []
        self.outputs: dict[str, str] = {}

    def bootstrap(self) -> None:
        """What an account's owner does once."""
        self._cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", cwd=ROOT)

    def deploy(self, project: Path = ROOT, *settings: str) -> None:
        """Synthesises a project, and deploys that.

        Two programs, since the first may need the machine's proxies for the package index, and
        the second must have none.
        """
        out = self._scratch / f"cdk.out-{len(self._synthesised)}"
        switches = [f"{each.setting}={each.value}" for each in SWITCHES]
        safety.run_offline(
            [
                *(sys.executable, "-m", "tests.e2e.app", out, self._python),
                *(f"stage={STAGE}", f"architecture={_ARCHITECTURE}", *switches, *settings),
            ],
            self._offline,
            cwd=project,
        )
        self._synthesised.append(out)
        told = self._scratch / "outputs.json"
        self._cdk(
            *("deploy", "--app", out, "--require-approval", "never", "--outputs-file", told),
            cwd=project,
        )
        self.outputs = msgspec.json.decode(told.read_bytes(), type=dict[str, dict[str, str]])[STACK]

    def destroy(self) -> None:
        """Takes down what was deployed."""
        self._cdk("destroy", "--app", self._synthesised[-1], "--force", cwd=ROOT)

    def copy_of_the_project(self) -> Path:
        """Its files, to be changed."""
        copy = self._scratch / "project"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*_NOT_COPIED))
        return copy

    def _cdk(self, *arguments: str | Path, cwd: Path) -> None:
        safety.run(
            [sys.executable, "-m", "infra.cdk", *arguments, "--ci"], self._variables, cwd=cwd
        )
