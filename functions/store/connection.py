"""How every table is reached, and what its failures mean."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError
from botocore.session import Session, get_session
from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.models import Model

from functions.environment import read_environment

ENVIRONMENT = read_environment()

MOST_AT_ONCE = 100
"""Items that DynamoDB writes in one transaction."""

_CONDITION_FAILED = {"ConditionalCheckFailedException", "ConditionalCheckFailed"}

_CONFLICTS = {
    "TransactionConflictException",
    "TransactionConflict",
    "TransactionInProgressException",
}

_PASSING = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "ThrottlingError",
    "ThrottlingException",
}


class Conflict(Exception):
    """Somebody else wrote first: reload and decide again."""


class ConditionFailed(Conflict):
    """The conflict is settled: the item is not, or not any more, as the condition has it."""


class Unavailable(Exception):
    """DynamoDB throttles, times out or cannot be reached: a passing fault."""


class Connection:
    """What each table's `Meta` shares: the Lambda must answer before API Gateway gives up.

    botocore's own time-outs are 60 s (its `Config`).
    """

    connect_timeout_seconds = 1
    read_timeout_seconds = 2
    max_retry_attempts = 2
    max_pool_connections = 16


def connect(*models: type[Model]) -> Session:
    """Builds the tables' clients anew: at init, off the first request's time, and after a restore.

    A client takes about 70 ms, and its pooled connections do not outlive a snapshot.
    A second one takes a third of that where both are of one session, which pynamodb by itself
    begins anew for every table; the session is returned for clients of other services.
    """
    session = get_session()
    for model in models:
        model._connection = None
        opened = model._get_connection().connection
        opened._local.session = session
        _ = opened.client
    return session


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turns pynamodb's errors into the ones above; a fault in the request itself passes."""
    try:
        yield
    except PynamoDBException as error:
        codes = _codes(error)
        if codes & _CONDITION_FAILED:
            raise ConditionFailed from error
        if codes & _CONFLICTS:
            raise Conflict from error
        if not codes or codes & _PASSING:
            raise Unavailable from error
        raise


def _codes(error: PynamoDBException) -> set[str]:
    """Empty where no answer came: a time-out, a connection that failed."""
    if not isinstance(error.cause, ClientError):
        return set()
    reasons = error.cancellation_reasons if isinstance(error, TransactWriteError) else []
    cancelled = {reason.code for reason in reasons if reason is not None}
    return cancelled or {error.cause.response["Error"]["Code"]}
