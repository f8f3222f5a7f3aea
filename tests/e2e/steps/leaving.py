"""Nothing is left behind by a stage that keeps no data, but what is said to outlive it."""

from collections.abc import Callable, Iterable

import boto3

from tests.e2e.seen import same
from tests.e2e.steps.authentication import PARAMETERS
from tests.e2e.world import World

OUTLIVES = {
    "stacks": "CDKToolkit: the account's bootstrap, for all CDK apps",
    "buckets": "cdk-hnb659fds-assets-…: the same; it keeps what was deployed",
    "keys": "the key of the alarms' topic: KMS deletes it 30 days later",
    "parameters": f"{PARAMETERS}…: what the admin function wrote; to be deleted by hand",
}


def destroy(world: World) -> str:
    """`cdk destroy`, and then every service is asked what it still has."""
    world.deployment.destroy()
    for service, left in _LEFT.items():
        same(f"{service} left", sorted(left()), [])
    return f"nothing left of {len(_LEFT)} kinds, but {'; '.join(OUTLIVES.values())}"


def _tables() -> Iterable[str]:
    return boto3.client("dynamodb").list_tables()["TableNames"]


def _functions() -> Iterable[str]:
    return [each["FunctionName"] for each in boto3.client("lambda").list_functions()["Functions"]]


def _mappings() -> Iterable[str]:
    found = boto3.client("lambda").list_event_source_mappings()
    return [each["EventSourceArn"] for each in found["EventSourceMappings"]]


def _apis() -> Iterable[str]:
    return [each["Name"] for each in boto3.client("apigatewayv2").get_apis()["Items"]]


def _schedules() -> Iterable[str]:
    return [each["Name"] for each in boto3.client("scheduler").list_schedules()["Schedules"]]


def _buses() -> Iterable[str]:
    found = boto3.client("events").list_event_buses()["EventBuses"]
    return [each["Name"] for each in found if each["Name"] != "default"]


def _queues() -> Iterable[str]:
    urls: list[str] = boto3.client("sqs").list_queues().get("QueueUrls", [])
    return urls


def _topics() -> Iterable[str]:
    return [each["TopicArn"] for each in boto3.client("sns").list_topics()["Topics"]]


def _buckets() -> Iterable[str]:
    found = boto3.client("s3").list_buckets()["Buckets"]
    return [each["Name"] for each in found if not each["Name"].startswith("cdk-")]


def _roles() -> Iterable[str]:
    found = boto3.client("iam").list_roles()["Roles"]
    return [each["RoleName"] for each in found if not each["RoleName"].startswith("cdk-")]


def _log_groups() -> Iterable[str]:
    found = boto3.client("logs").describe_log_groups()["logGroups"]
    return [each["logGroupName"] for each in found]


def _alarms() -> Iterable[str]:
    found = boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return [each["AlarmName"] for each in found]


def _dashboards() -> Iterable[str]:
    found = boto3.client("cloudwatch").list_dashboards()["DashboardEntries"]
    return [each["DashboardName"] for each in found]


def _keys() -> Iterable[str]:
    kms = boto3.client("kms")
    ids = [each["KeyId"] for each in kms.list_keys()["Keys"]]
    states = [kms.describe_key(KeyId=id_)["KeyMetadata"]["KeyState"] for id_ in ids]
    return [id_ for id_, state in zip(ids, states, strict=True) if state != "PendingDeletion"]


def _parameters() -> Iterable[str]:
    found = boto3.client("ssm").describe_parameters()["Parameters"]
    names = [each["Name"] for each in found]
    return [name for name in names if not name.startswith(("/cdk-bootstrap/", PARAMETERS))]


def _stacks() -> Iterable[str]:
    found = boto3.client("cloudformation").describe_stacks()["Stacks"]
    return [each["StackName"] for each in found if each["StackName"] != "CDKToolkit"]


_LEFT: dict[str, Callable[[], Iterable[str]]] = {
    "stacks": _stacks,
    "tables": _tables,
    "functions": _functions,
    "stream mappings": _mappings,
    "APIs": _apis,
    "schedules": _schedules,
    "buses": _buses,
    "queues": _queues,
    "topics": _topics,
    "buckets": _buckets,
    "roles": _roles,
    "log groups": _log_groups,
    "alarms": _alarms,
    "dashboards": _dashboards,
    "keys": _keys,
    "parameters": _parameters,
}
