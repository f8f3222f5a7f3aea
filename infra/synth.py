"""`python -m infra.synth`: synthesises the stacks and lists what a deployment would create."""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from infra.stack import compose
from infra.stages import ROOT, StageError, project_context

# `infra` comes first: it chooses the Node that `aws_cdk` starts when it is imported.
import aws_cdk as cdk  # isort: skip

Properties = dict[str, Any]


class Resource(msgspec.Struct, frozen=True, rename="pascal"):
    """One resource of a CloudFormation template, as far as the listing needs it."""

    type: str
    properties: Properties = {}
    metadata: dict[str, Any] = {}
    deletion_policy: str = "Delete"
    update_policy: dict[str, Any] = {}
    depends_on: list[str] | str = []

    @property
    def name(self) -> str:
        """The construct's path below the stack's own construct: `Tables/Profiles`."""
        parts = str(self.metadata.get("aws:cdk:path", self.type)).split("/")[2:]
        return "/".join(part for part in parts if part != "Resource")


class Template(msgspec.Struct, frozen=True, rename="pascal"):
    """A CloudFormation template, as far as the listing needs it."""

    resources: dict[str, Resource]
    outputs: dict[str, Any] = {}


class Synthesis(msgspec.Struct, frozen=True):
    """What one stage became: its template, where that lies, and CDK's remarks."""

    path: Path
    template: Template
    remarks: tuple[str, ...]


def synthesise(stage: str, out: Path, **overrides: object) -> Synthesis:
    """Builds one stage's asset and template into the folder `out`; raises StageError.

    `overrides` are added to the context of `cdk.json`, as `-c` would.
    """
    paths = {"aws:cdk:enable-path-metadata": True}
    context = {**project_context(), "stage": stage, **paths, **overrides}
    app = cdk.App(context=context, outdir=str(out), analytics_reporting=False)
    stack = compose(app)
    artifact = app.synth().get_stack_by_name(stack.stack_name)
    path = Path(artifact.template_full_path)
    return Synthesis(
        path=path,
        template=msgspec.json.decode(path.read_bytes(), type=Template),
        remarks=tuple(str(message.entry.data) for message in artifact.messages),
    )


def _table(resource: Resource) -> Iterator[str]:
    properties = resource.properties
    replica = properties["Replicas"][0]
    yield "key " + _keys(properties["KeySchema"])
    for index in properties.get("GlobalSecondaryIndexes", ()):
        yield f"index {index['IndexName']} by {_keys(index['KeySchema'])}"
    if time_to_live := properties.get("TimeToLiveSpecification"):
        yield f"TTL {time_to_live['AttributeName']}"
    if stream := properties.get("StreamSpecification"):
        yield f"stream {stream['StreamViewType']}"
    yield "on demand" if properties["BillingMode"] == "PAY_PER_REQUEST" else "provisioned"
    if replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]:
        yield "point-in-time recovery"
    if replica["DeletionProtectionEnabled"]:
        yield "deletion protection"
    yield _fate(resource)


def _keys(schema: Iterable[Properties]) -> str:
    return " + ".join(key["AttributeName"] for key in schema)


def _fate(resource: Resource) -> str:
    return f"on removal: {resource.deletion_policy.lower()}"


def _function(resource: Resource) -> Iterator[str]:
    properties = resource.properties
    yield properties["Handler"]
    yield f"{properties['Runtime']} {properties['Architectures'][0]}"
    yield f"{properties['MemorySize']} MB, {properties['Timeout']} s"
    yield f"tracing {properties['TracingConfig']['Mode'].lower()}"
    if "SnapStart" in properties:
        yield "SnapStart"
    if limit := properties.get("ReservedConcurrentExecutions"):
        yield f"{limit} at once, at most"


def _stream(resource: Resource) -> Iterator[str]:
    properties = resource.properties
    yield from (rule["Pattern"] for rule in properties["FilterCriteria"]["Filters"])
    yield f"from {properties['StartingPosition']}"
    yield f"{properties['MaximumRetryAttempts']} retries"
    yield f"{properties['MaximumRecordAgeInSeconds'] // 3600} h at most"
    if properties["BisectBatchOnFunctionError"]:
        yield "bisects"
    yield from properties["FunctionResponseTypes"]
    yield f"failures to {_reference(properties['DestinationConfig']['OnFailure'])}"


def _reference(node: object) -> str:
    """The first logical id that a template value refers to."""
    match node:
        case {"Fn::GetAtt": [str(target), *_]} | {"Ref": str(target)}:
            return target
        case dict():
            return next((found for value in node.values() if (found := _reference(value))), "")
        case list():
            return next((found for value in node if (found := _reference(value))), "")
    return ""


def _schedule(resource: Resource) -> Iterator[str]:
    target = resource.properties["Target"]
    yield resource.properties["ScheduleExpression"]
    yield f"{target['RetryPolicy']['MaximumRetryAttempts']} retries"
    yield f"dead letters to {_reference(target['DeadLetterConfig'])}"


def _retried(resource: Resource) -> Iterator[str]:
    properties = resource.properties
    yield f"{properties['MaximumRetryAttempts']} retry"
    yield f"{properties['MaximumEventAgeInSeconds']} s at most"


def _policy(resource: Resource) -> Iterator[str]:
    for statement in resource.properties["PolicyDocument"]["Statement"]:
        if statement["Effect"] == "Allow":
            actions = statement["Action"]
            yield actions if isinstance(actions, str) else ", ".join(actions)
        else:
            yield f"denied without {', '.join(_conditions(statement))}"


def _conditions(statement: Properties) -> Iterator[str]:
    for tests in statement["Condition"].values():
        yield from tests


def _throttle(resource: Resource) -> Iterator[str]:
    properties = resource.properties
    settings = properties["DefaultRouteSettings"]
    yield f"{settings['ThrottlingRateLimit']} requests/s a route"
    yield f"burst {settings['ThrottlingBurstLimit']}"
    yield f"{len(properties['RouteSettings'])} routes less"
    yield "access log"


def _route(resource: Resource) -> Iterator[str]:
    properties = resource.properties
    authorization = properties["AuthorizationType"]
    suffix = "" if authorization == "NONE" else f" ({authorization})"
    yield f"{properties['RouteKey']}{suffix}"


def _logs(resource: Resource) -> Iterator[str]:
    yield f"{resource.properties['RetentionInDays']} days"
    yield _fate(resource)


def _bucket(resource: Resource) -> Iterator[str]:
    rules = resource.properties["LifecycleConfiguration"]["Rules"]
    yield f"{rules[0]['ExpirationInDays']} days, encrypted, not public"
    if log := resource.properties.get("LoggingConfiguration"):
        yield f"accesses logged to {_reference(log)}"
    yield _fate(resource)


def _archive(resource: Resource) -> Iterator[str]:
    yield f"{resource.properties['RetentionDays']} days"


def _queue(resource: Resource) -> Iterator[str]:
    yield f"{resource.properties['MessageRetentionPeriod'] // 86_400} days, encrypted"


def _role(resource: Resource) -> Iterator[str]:
    document = resource.properties["AssumeRolePolicyDocument"]
    yield "for " + document["Statement"][0]["Principal"]["Service"]


def _alarm(resource: Resource) -> Iterator[str]:
    yield from (f"notifies {_reference(each)}" for each in resource.properties["AlarmActions"])


def _topic(resource: Resource) -> Iterator[str]:
    if "KmsMasterKeyId" in resource.properties:
        yield "encrypted"


def _key(resource: Resource) -> Iterator[str]:
    if resource.properties["EnableKeyRotation"]:
        yield "rotates"
    yield _fate(resource)


def _deployment_group(resource: Resource) -> Iterator[str]:
    properties = resource.properties
    yield properties["DeploymentConfigName"].removeprefix("CodeDeployDefault.")
    alarms = properties["AlarmConfiguration"]["Alarms"]
    yield f"back on {', '.join(_reference(alarm) for alarm in alarms)}"


def _kept(resource: Resource) -> Iterator[str]:
    yield _fate(resource)


def _plan(resource: Resource) -> Iterator[str]:
    for rule in resource.properties["BackupPlan"]["BackupPlanRule"]:
        yield rule["ScheduleExpression"]
        yield f"kept {rule['Lifecycle']['DeleteAfterDays']} days"


def _budget(resource: Resource) -> Iterator[str]:
    limit = resource.properties["Budget"]["BudgetLimit"]
    yield f"{limit['Amount']} {limit['Unit']} a month, for the whole account"


def _named(key: str) -> Callable[[Resource], Iterator[str]]:
    return lambda resource: iter([str(resource.properties[key])])


def _nothing(_resource: Resource) -> Iterator[str]:
    return iter(())


# The order of the listing: a type, its group, and what is worth saying of it.
_KINDS: dict[str, tuple[str, Callable[[Resource], Iterator[str]]]] = {
    "AWS::ApiGatewayV2::Api": ("HTTP API", _named("Name")),
    "AWS::ApiGatewayV2::Stage": ("HTTP API", _throttle),
    "AWS::ApiGatewayV2::Route": ("HTTP API", _route),
    "AWS::ApiGatewayV2::Integration": ("HTTP API", _named("IntegrationType")),
    "AWS::ApiGatewayV2::DomainName": ("HTTP API", _named("DomainName")),
    "AWS::ApiGatewayV2::ApiMapping": ("HTTP API", _nothing),
    "AWS::Route53::RecordSet": ("HTTP API", _named("Name")),
    "AWS::Lambda::Function": ("Functions", _function),
    "AWS::Lambda::Version": ("Functions", _nothing),
    "AWS::Lambda::Alias": ("Functions", _named("Name")),
    "AWS::Lambda::EventInvokeConfig": ("Functions", _retried),
    "AWS::CodeDeploy::Application": ("Functions", _named("ComputePlatform")),
    "AWS::CodeDeploy::DeploymentGroup": ("Functions", _deployment_group),
    "AWS::DynamoDB::GlobalTable": ("Tables", _table),
    "AWS::Backup::BackupVault": ("Tables", _kept),
    "AWS::Backup::BackupPlan": ("Tables", _plan),
    "AWS::Backup::BackupSelection": ("Tables", _nothing),
    "AWS::Lambda::EventSourceMapping": ("Streams", _stream),
    "AWS::S3::Bucket": ("Streams", _bucket),
    "AWS::S3::BucketPolicy": ("Streams", _policy),
    "AWS::Events::EventBus": ("Events", _named("Name")),
    "AWS::Events::Archive": ("Events", _archive),
    "AWS::Scheduler::Schedule": ("Schedule", _schedule),
    "AWS::SQS::Queue": ("Schedule", _queue),
    "AWS::SQS::QueuePolicy": ("Schedule", _policy),
    "AWS::CloudWatch::Dashboard": ("Monitoring", _named("DashboardName")),
    "AWS::CloudWatch::Alarm": ("Monitoring", _alarm),
    "AWS::SNS::Topic": ("Monitoring", _topic),
    "AWS::SNS::TopicPolicy": ("Monitoring", _policy),
    "AWS::SNS::Subscription": ("Monitoring", _named("Protocol")),
    "AWS::Budgets::Budget": ("Monitoring", _budget),
    "AWS::KMS::Key": ("Keys", _key),
    "AWS::Logs::LogGroup": ("Logs", _logs),
    "AWS::IAM::Role": ("Permissions", _role),
    "AWS::IAM::Policy": ("Permissions", _policy),
    "AWS::Lambda::Permission": ("Permissions", _named("Principal")),
}
WIDTH = 120
"""Columns, where no terminal says how many it has."""

_ORDER = {kind: position for position, kind in enumerate(_KINDS)}

_TOGETHER = ("AWS::CloudWatch::Alarm",)
"""Types of which there are many of a kind: one row for all."""

COUNTED = ("AWS::ApiGatewayV2::Route", "AWS::Lambda::Permission", "AWS::Lambda::Version")
"""The same, and their names tell nothing that the facts do not."""


def listing(stage: str, template: Template) -> Table:
    """The stage's resources, grouped by what they are for."""
    resources = sorted(
        template.resources.values(),
        key=lambda resource: (_ORDER.get(resource.type, len(_ORDER)), resource.name),
    )
    table = Table(
        title=f"softask-{stage}: {len(resources)} resources", title_justify="left", expand=True
    )
    for heading, share in (("Kind", 0), ("Type", 0), ("Name", 2), ("Facts", 3)):
        table.add_column(heading, overflow="fold", ratio=share or None)
    for group, members in groupby(resources, key=_group):
        for position, row in enumerate(_rows(members)):
            told = dict.fromkeys(fact for resource in row for fact in _facts(resource))
            facts = ("\n" if row[0].type in COUNTED else " · ").join(told)
            for logical_id, other in template.resources.items():
                facts = facts.replace(logical_id, other.name)
            kind = row[0].type.removeprefix("AWS::")
            table.add_row("" if position else group, kind, _names(row), facts)
        table.add_section()
    return table


def _rows(members: Iterable[Resource]) -> Iterator[list[Resource]]:
    for kind, same in groupby(members, key=lambda resource: resource.type):
        if kind in _TOGETHER + COUNTED:
            yield list(same)
        else:
            yield from ([resource] for resource in same)


def _names(row: Sequence[Resource]) -> str:
    if row[0].type in COUNTED:
        return f"{len(row)} of them"
    return ", ".join(resource.name for resource in row)


def _facts(resource: Resource) -> Iterator[str]:
    return _KINDS.get(resource.type, ("", _nothing))[1](resource)


def _group(resource: Resource) -> str:
    return _KINDS.get(resource.type, ("Other", _nothing))[0]


def main() -> None:
    """Lists one stage, or all that `cdk.json` has; exits with 1 where one cannot be built."""
    declared = msgspec.convert(project_context()["stages"], dict[str, Any])
    parser = argparse.ArgumentParser(prog="python -m infra.synth", description=__doc__)
    parser.add_argument("--stage", help="one of the stages in cdk.json; all by default")
    parser.add_argument("--out", type=Path, default=ROOT / "cdk.out", help="folder to write to")
    arguments = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    for stage in [arguments.stage] if arguments.stage else declared:
        try:
            synthesis = synthesise(stage, arguments.out / stage)
        except StageError as error:
            sys.exit(f"softask: {error}")
        console.print(listing(stage, synthesis.template))
        for remark in synthesis.remarks:
            console.print(f"warning: {remark}", style="yellow", highlight=False)
        console.print(f"template: {synthesis.path}\n", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
