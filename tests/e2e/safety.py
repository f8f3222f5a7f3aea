"""The guard: with which variables this run's programs are started, and that none reach an account.

Everything that speaks to AWS here is started by `run` or made by `adopt`, and both check first.
"""

import os
import subprocess
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from cli.dev.environment import EndpointRefused, check_endpoint

REGION = "eu-central-1"
DUMMY = "test"
"""Key and secret of the emulator's root; they mean nothing to AWS."""

_ALLOWED = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_EC2_METADATA_DISABLED",
}
_FIXED = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_LONGEST = 300
_CLOSED = "http://127.0.0.1:9"
_NO_PROXY = ("NO_PROXY", "no_proxy")
# Of the machine: whatever else is set there may name an account, an endpoint or a proxy.
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "PYENV_ROOT")


Ran = subprocess.CompletedProcess[str]


class Unsafe(Exception):
    """Something could lead out of this machine; the message names it."""


class Failed(Exception):
    """A program of this run failed; the message is what it said."""


def variables(endpoint: str, certificate: Path, home: Path) -> dict[str, str]:
    """What a program is started with that speaks to the emulator, as its root."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        **_FIXED,
        **dict.fromkeys(_ENDPOINTS, endpoint),
        **dict.fromkeys(_NO_PROXY, "*"),
        "AWS_ACCESS_KEY_ID": DUMMY,
        "AWS_SECRET_ACCESS_KEY": DUMMY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CA_BUNDLE": str(certificate),
        "SSL_CERT_FILE": str(certificate),
        "NODE_EXTRA_CA_CERTS": str(certificate),
        "HOME": str(home),
        "CDK_HOME": str(home),
    }


def check(environment: Mapping[str, str], made: Collection[str] = ()) -> None:
    """Raises `Unsafe` where a program that is started with it could reach a real account.

    made: the ids of the access keys that the emulator made in this run.
    """
    for name in environment:
        if name.startswith("AWS_") and name not in _ALLOWED:
            raise Unsafe(f"{name} is set: it could lead to a real account")
        if name.upper().endswith("_PROXY") and name not in _NO_PROXY:
            raise Unsafe(f"{name} is set: a call could leave the machine through it")
    for name, value in _FIXED.items():
        if environment.get(name) != value:
            raise Unsafe(f"{name} must be {value}")
    for name in _ENDPOINTS:
        _check_loopback(name, environment.get(name, ""))
    _check_keys(environment, made)


def _check_loopback(name: str, url: str) -> None:
    try:
        check_endpoint(url)
    except EndpointRefused as error:
        raise Unsafe(f"{name}: {error}") from None
    if urlsplit(url).scheme != "https":
        raise Unsafe(f"{name} must be https, as it is at AWS: {url}")


def _check_keys(environment: Mapping[str, str], made: Collection[str]) -> None:
    key = environment.get("AWS_ACCESS_KEY_ID", "")
    if key in made:
        return
    if key != DUMMY or environment.get("AWS_SECRET_ACCESS_KEY") != DUMMY:
        raise Unsafe("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are no dummies")


def adopt(own: MutableMapping[str, str], environment: Mapping[str, str]) -> None:
    """Makes a checked environment this process's own; nothing else of AWS's stays in it."""
    check(environment)
    own.clear()
    own.update(environment)


def offline(environment: Mapping[str, str]) -> dict[str, str]:
    """For a program that calls nothing of AWS, yet needs what the machine has for the internet."""
    own = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    return {
        **own,
        **_FIXED,
        **dict.fromkeys(_ENDPOINTS, _CLOSED),
        "AWS_ACCESS_KEY_ID": DUMMY,
        "AWS_SECRET_ACCESS_KEY": DUMMY,
        "AWS_DEFAULT_REGION": REGION,
    }


def run(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    *,
    cwd: Path,
    made: Collection[str] = (),
) -> str:
    """What the program printed. Raises `Failed` where it ends otherwise than with 0."""
    check(environment, made)
    return _well(command, _run(command, environment, cwd))


def ran(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    *,
    cwd: Path,
    made: Collection[str] = (),
) -> Ran:
    """The same for a program that also says by its end what it found."""
    check(environment, made)
    return _run(command, environment, cwd)


def run_offline(command: Sequence[str | Path], environment: Mapping[str, str], *, cwd: Path) -> str:
    """The same as `run` for a program that calls nothing of AWS: its endpoint is a closed port."""
    for name in _ENDPOINTS:
        if environment.get(name) != _CLOSED:
            raise Unsafe(f"{name} must be {_CLOSED}")
    return _well(command, _run(command, environment, cwd))


def _run(command: Sequence[str | Path], environment: Mapping[str, str], cwd: Path) -> Ran:
    try:
        return subprocess.run(  # noqa: S603 - commands of this package only
            [str(part) for part in command],
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=_LONGEST,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{_line(command)}\nwas not done within {_LONGEST} s") from None


def _well(command: Sequence[str | Path], ran: Ran) -> str:
    if ran.returncode != 0:
        raise Failed(f"{_line(command)}\n{ran.stdout}{ran.stderr}".strip())
    return ran.stdout


def _line(command: Sequence[str | Path]) -> str:
    return " ".join(str(part) for part in command)
