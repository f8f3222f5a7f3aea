"""Reads a stack as its account knows it, with the operator's own AWS credentials.

It reads alone: cloudformation:DescribeStacks and ListStackResources, cloudwatch:DescribeAlarms and
GetMetricData, lambda:GetFunctionConcurrency, sqs:GetQueueAttributes, s3:ListBucket, and of the
tables dynamodb:Query (campaigns), DescribeTable and DescribeContinuousBackups. What is refused is
unread, and the rest goes on.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cli.account import MISUSED, told
from cli.doctor.readings import (
    Alarm,
    Behind,
    Function,
    Series,
    Stack,
    Table,
    Unread,
    nothing_behind,
)
from functions.core.model import DAY, SECOND
from functions.metrics import NAMESPACE, STAGE, Metric
from functions.store.campaigns import CHANGES

T = TypeVar("T")

QUARTER = 900
"""Seconds of a point; as old as this, a metric costs no more to read."""

_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2})

_STATISTICS = {
    Metric.DECIDED: "Sum",
    Metric.TOKEN_REFUSED: "Sum",
    Metric.CAMPAIGNS_NOT_REFRESHED: "Sum",
    Metric.FAILED_RECORDS: "Sum",
    Metric.LEDGER_LAG: "Maximum",
    Metric.SWEEP_LAG: "Maximum",
}

_FIRST, _LAST = "softask-", "-track-errors"
_ALARM, _ALIAS = "AWS::CloudWatch::Alarm", "AWS::Lambda::Alias"
_LIVE = ":live"
_TABLES = (
    "ProfilesTable",
    "RetryWindowsTable",
    "CampaignsTable",
    "LedgerTable",
    "CountersTable",
)


def read_stack(session: boto3.Session, name: str, now: int) -> Behind:
    """Each part by itself; where the stack cannot be read, nothing of it can."""
    account = _Account(session)
    found = _unless_refused(lambda: account.stack(name))
    if isinstance(found, Unread):
        return nothing_behind(found)
    stack, outputs, resources = found
    return Behind(
        stack=stack,
        alarms=_unless_refused(lambda: account.alarms(_own(resources[_ALARM], stack.stage))),
        functions=_unless_refused(lambda: account.functions(resources[_ALIAS])),
        series=_series(account, stack.stage, now),
        dead_letters=_of_output(outputs, "DeadLetters", account.waiting),
        kept=_of_output(outputs, "FailedRecords", account.kept),
        changed=_of_output(outputs, "CampaignsTable", account.changed),
        tables=_unless_refused(lambda: tuple(account.tables(outputs))),
    )


def _series(account: "_Account", stage: str, now: int) -> Series | Unread:
    if not stage:
        return Unread("no alarm of the stack says its stage")
    return _unless_refused(lambda: account.series(stage, now))


def _of_output(outputs: Mapping[str, str], name: str, read: Callable[[str], int]) -> int | Unread:
    if name not in outputs:
        return Unread(f"the stack has no output {name}: deploy it again")
    return _unless_refused(lambda: read(outputs[name]))


def _unless_refused(read: Callable[[], T]) -> T | Unread:
    try:
        return read()
    except (BotoCoreError, ClientError) as error:
        return Unread(told(error).removesuffix("."), says_how=isinstance(error, MISUSED))


class _Account:
    """Raises what boto3 raises."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session

    def _client(self, service: Any) -> Any:
        return self._session.client(service, config=_CONFIG)

    def stack(self, name: str) -> tuple[Stack, dict[str, str], dict[str, list[str]]]:
        """The stack, its outputs, and the physical ids of what it holds, by their type."""
        client = self._client("cloudformation")
        [about] = client.describe_stacks(StackName=name)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in about.get("Outputs", ())}
        resources: dict[str, list[str]] = {_ALARM: [], _ALIAS: []}
        for page in client.get_paginator("list_stack_resources").paginate(StackName=name):
            for each in page["StackResourceSummaries"]:
                own = resources.setdefault(each["ResourceType"], [])
                own.append(each.get("PhysicalResourceId", ""))
        stage = _stage(resources[_ALARM])
        stack = Stack(name, about["StackStatus"], outputs.get("ApiUrl", ""), stage)
        return stack, outputs, resources

    def alarms(self, names: list[str]) -> tuple[Alarm, ...]:
        """The named ones, at most a hundred a call."""
        client = self._client("cloudwatch")
        found: list[Alarm] = []
        for start in range(0, len(names), 100):
            some = names[start : start + 100]
            answered = client.describe_alarms(AlarmNames=some, MaxRecords=100)["MetricAlarms"]
            found += [_alarm(each) for each in answered]
        return tuple(found)

    def functions(self, aliases: list[str]) -> tuple[Function, ...]:
        """Those that callers reach by an alias `live`, as all of Softask's are."""
        client = self._client("lambda")
        names = [
            alias.removesuffix(_LIVE).rpartition(":")[2]
            for alias in aliases
            if alias.endswith(_LIVE)
        ]
        left = "ReservedConcurrentExecutions"
        return tuple(
            Function(name, client.get_function_concurrency(FunctionName=name).get(left) == 0)
            for name in names
        )

    def series(self, stage: str, now: int) -> Series:
        """The last day, in quarters of an hour."""
        queries = [
            {
                "Id": f"m{place}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": NAMESPACE,
                        "MetricName": metric.value,
                        "Dimensions": [{"Name": STAGE, "Value": stage}],
                    },
                    "Period": QUARTER,
                    "Stat": statistic,
                },
            }
            for place, (metric, statistic) in enumerate(_STATISTICS.items())
        ]
        begin, end = (datetime.fromtimestamp(at // SECOND, UTC) for at in (now - DAY, now))
        answered = self._client("cloudwatch").get_metric_data(
            MetricDataQueries=queries, StartTime=begin, EndTime=end
        )
        metrics = {f"m{place}": metric for place, metric in enumerate(_STATISTICS)}
        return {
            metrics[each["Id"]]: tuple(
                (int(at.timestamp()) * SECOND, value)
                for at, value in zip(each["Timestamps"], each["Values"], strict=True)
            )
            for each in answered["MetricDataResults"]
        }

    def waiting(self, queue: str) -> int:
        """Messages in the queue of that URL."""
        name = "ApproximateNumberOfMessages"
        answered = self._client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=[name])
        return int(answered["Attributes"][name])

    def kept(self, bucket: str) -> int:
        """Objects of the bucket, at most 1,000."""
        return int(self._client("s3").list_objects_v2(Bucket=bucket)["KeyCount"])

    def changed(self, table: str) -> int:
        """The newest revision that a change was recorded under."""
        found = self._client("dynamodb").query(
            TableName=table,
            KeyConditionExpression="campaign = :changes",
            ExpressionAttributeValues={":changes": {"S": CHANGES}},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
            ProjectionExpression="version",
        )["Items"]
        return int(found[0]["version"]["N"]) if found else 0

    def tables(self, outputs: Mapping[str, str]) -> Iterator[Table]:
        """Those that the outputs name."""
        client = self._client("dynamodb")
        for name in (outputs[each] for each in _TABLES if each in outputs):
            about = client.describe_table(TableName=name)["Table"]
            backups = client.describe_continuous_backups(TableName=name)
            recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
            yield Table(
                name,
                recovery["PointInTimeRecoveryStatus"] == "ENABLED",
                bool(about.get("DeletionProtectionEnabled")),
            )


def _stage(alarms: list[str]) -> str:
    """Alarms are called `softask-<stage>-track-errors` and so on."""
    ours = (name for name in alarms if name.startswith(_FIRST) and name.endswith(_LAST))
    found = next(ours, "")
    return found.removeprefix(_FIRST).removesuffix(_LAST)


def _own(alarms: list[str], stage: str) -> list[str]:
    """Not those of the app that Softask may be a part of."""
    return [name for name in alarms if stage and name.startswith(f"{_FIRST}{stage}-")]


def _alarm(about: dict[str, Any]) -> Alarm:
    tells = about["ActionsEnabled"] and bool(about["AlarmActions"])
    return Alarm(about["AlarmName"], about["StateValue"], tells)
