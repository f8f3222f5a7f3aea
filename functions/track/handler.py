"""The Lambda entry point: builds the API once, at init, off the first request's time."""

import random
import time
from pathlib import Path
from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.clock import wall_clock
from functions.core.campaign import Package
from functions.environment import read_environment
from functions.snapstart import after_restore
from functions.store import connection
from functions.store.campaigns import CampaignItem
from functions.store.connection import Unavailable
from functions.store.device_keys import Parameters
from functions.store.live import LiveCampaigns
from functions.store.profiles import ProfileItem
from functions.track.api import PublicApi
from functions.track.authority import Authority
from functions.track.installs import Installs
from functions.track.service import Tracker

PACKAGED = Path(__file__).parents[1] / "campaigns.json"

_environment = read_environment()
_logger = Logger(service="track", serialize_stacktrace=False, use_rfc3339=True)
_live = LiveCampaigns(
    msgspec.json.decode(PACKAGED.read_bytes(), type=Package), _environment.write_key_hashes
)


def _tell(key_id: str, error: Unavailable) -> None:
    cause = repr(error.__cause__ or error)
    _logger.error("device_key_unread", extra={"key": key_id, "cause": cause})


_api = PublicApi(
    tracker=Tracker(time.sleep, random.random, time.monotonic),
    live=_live,
    authority=Authority(_environment.stage, _environment.auth),
    installs=Installs(_environment.stage, Parameters(_environment.device_keys, _tell)),
    clock=wall_clock,
    logger=_logger,
    salt=_environment.salt,
    stage=_environment.stage,
    public_host=_environment.public_host,
)


def connect() -> None:
    """Opens the tables; after a restore also drops what the snapshot holds of its own time."""
    random.seed()
    _live.forget()
    connection.connect(ProfileItem, CampaignItem)


connect()
after_restore(connect)


@_logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """An API Gateway HTTP API event (payload 2.0) in, its response out."""
    return _api.resolve(event, context)
