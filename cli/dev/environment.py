"""What the functions find in their environment on this machine.

It must be set before `functions.store` is imported, which reads it then.
"""

import ipaddress
import os
from collections.abc import MutableMapping
from hashlib import sha256
from urllib.parse import urlsplit

from cli.local_tables import NAMES
from functions.environment import Auth

REGION = "us-east-1"
STAGE = "dev"
WRITE_KEY = "dev-write-key"
WRITE_KEY_HASH = sha256(WRITE_KEY.encode()).hexdigest()


class EndpointRefused(ValueError):
    """An endpoint that is not on this machine; the message says so and names a right one."""


def prepare(
    variables: MutableMapping[str, str], endpoint: str | None = None, auth: Auth = "off"
) -> None:
    """Sets what the functions need, and removes whatever could lead a call to a real account.

    endpoint: of a DynamoDB on loopback, as `check_endpoint` lets it pass; else moto in process.
    auth: what is made of tokens.
    """
    for name in [name for name in variables if name.startswith(("AWS_", "SOFTASK_"))]:
        del variables[name]
    variables.update(
        {
            **NAMES,
            "SOFTASK_SALT": "dev",
            "SOFTASK_AUTH": auth,
            "AWS_ACCESS_KEY_ID": "dev",
            "AWS_SECRET_ACCESS_KEY": "dev",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            # No file, whatever it says, may name keys or an endpoint.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            # Nothing here leaves the machine, so nothing goes through a proxy.
            "NO_PROXY": "*",
            "no_proxy": "*",
        }
    )
    if endpoint is not None:
        # pynamodb leaves the endpoint to botocore, which reads it here.
        variables.update({"AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_DYNAMODB": endpoint})


def check_endpoint(url: str) -> str:
    """The URL again if it is on loopback; else `EndpointRefused`."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_complete = parts.scheme in ("http", "https") and host != "" and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete:
        raise EndpointRefused(f"{url} is not a URL such as http://127.0.0.1:8000.")
    if not _is_loopback(host):
        raise EndpointRefused(
            f"{url} is not on this machine. The dev server only speaks to a DynamoDB on loopback,"
            " such as http://127.0.0.1:8000, so that it can never reach a real account."
        )
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
