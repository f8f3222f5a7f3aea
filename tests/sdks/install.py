"""Installs every SDK of the catalogue from its lock file, by name; says where it cannot."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import uv

from tests.sdks.catalogue import NODE, NODE_HOME, SDKS, Sdk

# npm's own launcher in the wheel is broken, so Node runs npm's script.
NPM = NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

_QUIET = {"UV_SYSTEM_CERTS": "1", "npm_config_loglevel": "error"}


def main() -> None:
    """One line for each SDK."""
    for sdk in SDKS:
        sys.stdout.write(f"{sdk.name}: {made_ready(sdk)}\n")


def made_ready(sdk: Sdk) -> str:
    """`ready`, or why it is skipped."""
    if sdk.is_installed:
        return "ready"
    shutil.rmtree(sdk.home, ignore_errors=True)
    sdk.home.mkdir(parents=True)
    try:
        _install_python(sdk) if sdk.is_python else _install_node(sdk)
    except subprocess.CalledProcessError as error:
        return f"skipped: {_in_short(error.stderr)}"
    sdk.installed.write_text(sdk.wanted, "utf-8")
    return "ready"


def _install_python(sdk: Sdk) -> None:
    binary, home = uv.find_uv_bin(), sdk.home
    _run(binary, "venv", "--quiet", "--allow-existing", "--python", sys.executable, home)
    _run(
        *(binary, "pip", "sync", "--quiet", "--python", home / "bin" / "python"),
        *("--require-hashes", sdk.lock),
    )


def _install_node(sdk: Sdk) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(sdk.lock.with_name(name), sdk.home / name)
    _run(NODE, NPM, "ci", "--ignore-scripts", "--prefix", sdk.home)


def _run(*command: str | Path) -> None:
    environment: Mapping[str, str] = {**os.environ, **_QUIET}
    subprocess.run(  # noqa: S603 - our own command, no shell
        [str(part) for part in command],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )


def _in_short(said: str) -> str:
    return " ".join(said.split())[:200] or "the installer failed, and did not say why"


if __name__ == "__main__":
    main()
