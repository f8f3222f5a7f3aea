"""What one step leaves to those after it."""

from dataclasses import dataclass
from pathlib import Path

from tests.e2e.callers import Callers, Key
from tests.e2e.deployment import Deployment


@dataclass(slots=True, kw_only=True)
class World:
    """A deployment, its callers, and the one of them who may call the whole admin API.

    private_key: the file of the app's backend. user_key, server_secret: as they were made.
    """

    deployment: Deployment
    callers: Callers
    operator: Key
    private_key: Path
    user_key: str = ""
    server_secret: str = ""

    def table(self, name: str) -> str:
        """A deployed table, by its output: `RetryWindows`."""
        return self.deployment.outputs[f"{name}Table"]
