"""The emulator of AWS: ministack on a free loopback port, with TLS, checking IAM."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.e2e import certificate, install
from tests.e2e.safety import REGION, Failed

_STARTS_WITHIN = 60.0
_TAIL, _WIDTH = 60, 300


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator.

    python: the version that the functions run on.
    log: what it says, and all lines of all functions.
    """

    url: str
    certificate: Path
    python: str
    log: Path

    def tail(self) -> str:
        """The last lines of its log, each in short."""
        lines = self.log.read_text("utf-8", "replace").splitlines()[-_TAIL:]
        return "\n".join(line[:_WIDTH] for line in lines)


@contextmanager
def running(scratch: Path) -> Iterator[Emulator]:
    """Ends with the block, and the functions' processes with it. It keeps nothing on disk."""
    public, private = certificate.make(scratch)
    port = _free_port()
    emulator = Emulator(
        url=f"https://{certificate.ADDRESS}:{port}",
        certificate=public,
        python=install.version(install.PYTHON),
        log=scratch / "emulator.log",
    )
    with emulator.log.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own environment
            _command(port, public, private),
            env=_environment(port, public, private, scratch),
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(emulator, process)
        yield emulator
    finally:
        _end(process)


def _command(port: int, public: Path, private: Path) -> list[str | Path]:
    """As ministack starts itself in the background; its foreground would open port 443 as well."""
    return [
        *(install.PYTHON, "-m", "hypercorn", "ministack.app:app", "--workers", "0"),
        *("--bind", f"{certificate.ADDRESS}:{port}", "--keep-alive", "75"),
        *("--certfile", public, "--keyfile", private),
    ]


def _environment(port: int, public: Path, private: Path, scratch: Path) -> dict[str, str]:
    """The functions inherit it: nothing of this machine's AWS settings, and no proxy."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "NO_PROXY": "*",
        "no_proxy": "*",
        "AUTH": "true",
        "BIND_HOST": certificate.ADDRESS,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(public),
        "MINISTACK_SSL_KEY": str(private),
        "LAMBDA_EXECUTOR": "local",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(scratch / "state"),
        "S3_DATA_DIR": str(scratch / "s3"),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((certificate.ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(emulator: Emulator, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Failed(f"the emulator ended with {process.returncode}\n{emulator.tail()}")
        if _is_ready(emulator):
            return
        time.sleep(0.2)
    raise Failed(f"the emulator was not ready within {_STARTS_WITHIN:.0f} s\n{emulator.tail()}")


def _is_ready(emulator: Emulator) -> bool:
    try:
        answer = httpx.get(
            f"{emulator.url}/_ministack/ready",
            verify=str(emulator.certificate),
            trust_env=False,
        )
    except httpx.TransportError:
        return False
    return answer.status_code == 200


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The process and those of its functions, which are the group that it alone was given.

    There is nothing to save, and it would wait for open connections.
    """
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
