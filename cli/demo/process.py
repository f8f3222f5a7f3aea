"""A dev server in a process of its own, ended with the block that started it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import IO

from functions.environment import Auth

READY = "Softask is ready on "

_ROOT = Path(__file__).parents[2]
_STARTS_WITHIN, _ENDS_WITHIN = 30.0, 10.0


class ServerFailed(Exception):
    """The dev server did not start; the message is what it said."""


@contextmanager
def dev_server(
    campaigns: Sequence[Path] = (), endpoint: str | None = None, auth: Auth = "off"
) -> Iterator[str]:
    """Its URL, on a free port. Raises `ServerFailed`."""
    options = [f"--auth={auth}", *(f"--campaign={path.absolute()}" for path in campaigns)]
    if endpoint is not None:
        options.append(f"--dynamodb-endpoint={endpoint}")
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "cli.main", "dev", "--port", "0", *options],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        try:
            yield _url(process, said)
        finally:
            _end(process)


def _url(process: "subprocess.Popen[str]", said: IO[str]) -> str:
    too_late = Timer(_STARTS_WITHIN, process.kill)
    too_late.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        too_late.cancel()
    if line.startswith(READY):
        return line.removeprefix(READY).strip()
    process.wait(_ENDS_WITHIN)
    said.seek(0)
    raise ServerFailed(said.read().strip() or "softask: the dev server did not start.")


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
