"""The Lambda entry point of the schedule."""

import time
from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.clock import wall_clock
from functions.environment import read_environment
from functions.metrics import Metric, emf
from functions.sweep.service import Sweeper, Swept

_stage = read_environment().stage
_logger = Logger(service="sweep", serialize_stacktrace=False, use_rfc3339=True)


@_logger.inject_lambda_context
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Any event in; `{"deleted": …, "left": …, "leftIsExact": …}` out."""
    now = wall_clock()
    sweeper = Sweeper(context.get_remaining_time_in_millis, time.sleep)
    swept = sweeper.sweep(now)
    told: dict[str, Any] = msgspec.to_builtins(swept)
    log = _logger.warning if swept.left or not swept.left_is_exact else _logger.info
    log("swept", extra={**told, **emf(_stage, now, _figures(swept, sweeper.lag(now)))})
    return told


def _figures(swept: Swept, lag: int) -> dict[str, int]:
    """A run that did not see all of what is due tells no lag: a missing one raises the alarm."""
    figures: dict[str, int] = {
        Metric.WINDOWS_SWEPT: swept.deleted,
        Metric.WINDOWS_LEFT: swept.left,
    }
    return figures | ({Metric.SWEEP_LAG: lag} if swept.left_is_exact else {})
