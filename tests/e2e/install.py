"""`python -m tests.e2e.install`: the emulator, from its lock file, on the functions' own Python.

The emulator runs the functions on the Python that it runs on itself: Lambda's own version where
this machine has it, else the one of this project's environment.
"""

import os
import subprocess
import sys
from pathlib import Path

import uv

from infra.asset import LAMBDA_PYTHON, find_python

ROOT = Path(__file__).parents[2]
HOME = ROOT / "build" / "e2e"
PYTHON = HOME / "bin" / "python"
LOCK = ROOT / "requirements" / "e2e.txt"


def main() -> None:
    """Brings `build/e2e` up to the lock file."""
    base = find_python(LAMBDA_PYTHON) or Path(sys.executable)
    if not PYTHON.exists() or version(PYTHON) != version(base):
        _uv("venv", "--quiet", "--clear", "--no-python-downloads", "--python", base, HOME)
    _uv("pip", "sync", "--quiet", "--require-hashes", "--python", PYTHON, LOCK)


def version(python: Path) -> str:
    """Of an interpreter: `3.13`."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    ran = subprocess.run(  # noqa: S603 - an interpreter of this machine
        [python, "-c", code], capture_output=True, check=True, text=True
    )
    return ran.stdout.strip()


def _uv(*arguments: str | Path) -> None:
    environment = {**os.environ, "UV_SYSTEM_CERTS": "1"}
    subprocess.run([uv.find_uv_bin(), *arguments], check=True, env=environment)  # noqa: S603 - our own uv


if __name__ == "__main__":
    main()
