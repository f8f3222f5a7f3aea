"""The Lambda entry point of the admin routes."""

import random
import time
from pathlib import Path
from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.admin.api import AdminApi
from functions.admin.imports import Importer
from functions.admin.service import Operator
from functions.admin.users import Eraser
from functions.clock import wall_clock
from functions.core.campaign import Package
from functions.environment import read_environment
from functions.store import connection
from functions.store.campaigns import CampaignItem
from functions.store.device_keys import Parameters
from functions.store.profiles import ProfileItem
from functions.store.retry import Retry

PACKAGED = Path(__file__).parents[1] / "campaigns.json"

_environment = read_environment()
_logger = Logger(service="admin", serialize_stacktrace=False, use_rfc3339=True)
_retry = Retry(time.sleep, random.random)
_api = AdminApi(
    operator=Operator(
        msgspec.json.decode(PACKAGED.read_bytes(), type=Package),
        _environment.write_key_hashes,
        _retry,
    ),
    importer=Importer(time.sleep, random.random),
    eraser=Eraser(_retry),
    clock=wall_clock,
    logger=_logger,
    salt=_environment.salt,
    auth=_environment.auth,
    device_keys=Parameters(_environment.device_keys),
    stage=_environment.stage,
)

connection.connect(ProfileItem, CampaignItem)


@_logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """An API Gateway HTTP API event (payload 2.0) in, its response out."""
    return _api.resolve(event, context)
