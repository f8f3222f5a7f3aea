"""What every test stands on: no AWS call can leave the machine."""

import os

from cli.local_tables import NAMES

# Before any module of `functions` reads its environment.
os.environ |= {
    **NAMES,
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "SOFTASK_SALT": "test-salt",
    "POWERTOOLS_DEV": "false",
}
for leaked in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
    os.environ.pop(leaked, None)
