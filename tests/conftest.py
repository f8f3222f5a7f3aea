"""What every test stands on: no AWS call can leave the machine."""

import os

from hypothesis import HealthCheck, settings

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

_any_time = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "quick", _any_time, max_examples=300, stateful_step_count=40, derandomize=True
)
settings.register_profile("prove", _any_time, max_examples=10_000, stateful_step_count=60)
settings.load_profile("quick")
