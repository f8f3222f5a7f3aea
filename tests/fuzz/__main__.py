"""`make fuzz`: dev servers of its own, and Schemathesis from an environment of its own.

Arguments go on to Schemathesis (`--max-examples 500`). Exits with 1 if any of the runs fails.
"""

import subprocess
import sys
from pathlib import Path

from cli.demo.process import dev_server

_ROOT = Path(__file__).parents[2]
_SCHEMATHESIS = _ROOT / "build" / "fuzz" / "bin" / "schemathesis"
_CONFIG = Path(__file__).with_name("schemathesis.toml")

_RUNS = (
    ("--phases=examples,coverage,fuzzing",),
    ("--phases=stateful",),
    # Schemathesis begins with calls that need nothing from others. An app's calls name a user,
    # whom no call creates: among all routes they would never be a beginning.
    (
        "--phases=stateful",
        "--include-operation-id-regex=^(track|batch|actions|explainCampaign)$",
        "--max-examples=400",
    ),
)
"""Each with an empty server: a campaign that another one paused would offer nothing."""


def main(arguments: list[str]) -> int:
    """Runs it; each server ends with its run."""
    passed = [_passes(run, arguments) for run in _RUNS]
    return 0 if all(passed) else 1


def _passes(run: tuple[str, ...], arguments: list[str]) -> bool:
    with dev_server() as url:
        document = f"{url}/openapi.json"
        command: list[str | Path] = [
            _SCHEMATHESIS,
            "--config-file",
            _CONFIG,
            "run",
            document,
            *run,
            *arguments,
        ]
        ran = subprocess.run(command, cwd=_ROOT, check=False)  # noqa: S603 - our own environment
    return ran.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
