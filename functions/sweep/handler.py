"""The Lambda entry point of the schedule."""

import time
from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.clock import wall_clock
from functions.sweep.service import Sweeper

_logger = Logger(service="sweep", serialize_stacktrace=False)


@_logger.inject_lambda_context
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Any event in; `{"deleted": …, "left": …, "leftIsExact": …}` out."""
    sweeper = Sweeper(context.get_remaining_time_in_millis, time.sleep)
    swept: dict[str, Any] = msgspec.to_builtins(sweeper.sweep(wall_clock()))
    log = _logger.warning if swept["left"] or not swept["leftIsExact"] else _logger.info
    log("swept", extra=swept)
    return swept
