"""Amazon's DynamoDB Local on a free loopback port.

SOFTASK_DYNAMODB_LOCAL names the folder that holds DynamoDBLocal.jar; its licence forbids shipping
it, so `make engine` fetches it.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.config import Config

from cli.dev import loopback

# Read before any test could clear it.
FOLDER = os.environ.get("SOFTASK_DYNAMODB_LOCAL")
JAVA = shutil.which("java")


def why_not() -> str | None:
    """Why it cannot be started here, if it cannot."""
    if not FOLDER:
        return "SOFTASK_DYNAMODB_LOCAL names no DynamoDB Local (see `make engine`)"
    return None if JAVA else "DynamoDB Local needs Java 17; there is none"


@contextmanager
def dynamodb_local() -> Iterator[str]:
    """Its URL. Accounts (access keys) and regions are kept apart, each with tables of its own."""
    with loopback.listen(0) as free:
        url, port = loopback.url_of(free), free.getsockname()[1]
    command = [str(JAVA), "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    process = subprocess.Popen(  # noqa: S603 - the command above
        [*command, "-inMemory", "-port", str(port)],
        cwd=Path(str(FOLDER)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        patient = Config(retries={"total_max_attempts": 12, "mode": "standard"})
        client = boto3.client("dynamodb", region_name="us-east-1", endpoint_url=url, config=patient)
        client.list_tables()
        yield url
    finally:
        process.kill()
        process.wait()
