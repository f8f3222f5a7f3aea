"""`python -m infra.synth`: synthesises the stages, and shows what they are and how they differ."""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from functions.store.access import deployed
from infra.stack import compose
from infra.stages import ROOT, Stage, StageError, project_context, read_stage

# `infra` comes first: it chooses the Node that `aws_cdk` starts when it is imported.
import aws_cdk as cdk  # isort: skip

WIDTH = 100
"""Columns, where no terminal says how many it has."""

NOTHING = "none"

Properties = dict[str, Any]


class Resource(msgspec.Struct, frozen=True, rename="pascal"):
    """One resource of a CloudFormation template."""

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
    """A CloudFormation template."""

    resources: dict[str, Resource]
    outputs: dict[str, Any] = {}


class Synthesis(msgspec.Struct, frozen=True):
    """What one stage became: its template, where that lies, and CDK's remarks."""

    stage: Stage
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
        stage=read_stage(context),
        path=path,
        template=msgspec.json.decode(path.read_bytes(), type=Template),
        remarks=tuple(str(message.entry.data) for message in artifact.messages),
    )


def listing(stages: Sequence[Synthesis]) -> Iterator[Table]:
    """What differs between the stages, where there are several, and what is the same in all."""
    settings = _by_name(_settings(each.stage) for each in stages)
    resources = _by_name(_resources(each.template) for each in stages)
    together = {**settings, **resources}
    differing = {name: told for name, told in together.items() if len(set(told)) > 1}
    if differing:
        names = [each.stage.name for each in stages]
        yield _table("What differs", names, differing.items())
    same = {name: told[0] for name, told in together.items() if name not in differing}
    title = "The same in all" if len(stages) > 1 else f"softask-{stages[0].stage.name}"
    yield _table(title, [""], _gathered(same, settings))


def _by_name(told: Iterable[Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    """What each stage says, by what it says it of."""
    each = list(told)
    names = dict.fromkeys(name for one in each for name in one)
    return {name: tuple(one.get(name, NOTHING) for one in each) for name in names}


def _gathered(
    told: Mapping[str, str], settings: Iterable[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Settings in one row, and in another one all types that have nothing but a number."""
    yield "settings", (_joined(told, settings),)
    plain = [name for name in told if told[name].isdecimal() and name not in settings]
    yield from ((name, (told[name],)) for name in told if name not in (*settings, *plain))
    yield "and", (_joined(told, plain),)


def _joined(told: Mapping[str, str], names: Iterable[str]) -> str:
    return ", ".join(f"{name}={told[name]}" for name in names if name in told)


def _table(title: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> Table:
    table = Table(title=title, title_justify="left", expand=True, show_header=any(columns))
    for heading in ("", *columns):
        table.add_column(heading, overflow="fold", ratio=None if heading == "" else 1)
    for name, cells in rows:
        table.add_row(name, *cells)
    return table


def _settings(stage: Stage) -> dict[str, str]:
    fields = [field for field in msgspec.structs.fields(Stage) if field.name != "name"]
    told = {field.encode_name: _shown(getattr(stage, field.name)) for field in fields}
    # By their ids, as `softask keys list` has them.
    return {**told, "writeKeyHashes": _shown(tuple(deployed(stage.write_key_hashes)))}


def _shown(value: object) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case tuple():
            return ", ".join(str(each) for each in value) or NOTHING
    return str(value or NOTHING)


def _resources(template: Template) -> dict[str, str]:
    """By type, in the order of `_SAYS`: how many there are, and what is worth saying of them."""
    members = defaultdict(list)
    for each in sorted(template.resources.values(), key=lambda each: (each.type, each.name)):
        members[each.type].append(each)
    told = {kind: _of_kind(kind, members[kind]) for kind in (*_SAYS, *members) if kind in members}
    return {kind.removeprefix("AWS::"): words for kind, words in told.items()}


def _of_kind(kind: str, members: Sequence[Resource]) -> str:
    says = _SAYS.get(kind, _nothing)
    facts = dict.fromkeys(fact for each in members for fact in says(each))
    return " · ".join([str(len(members)), *facts])


def _nothing(_resource: Resource) -> Iterator[str]:
    return iter(())


def _fate(resource: Resource) -> str:
    return "outlive the stack" if resource.deletion_policy == "Retain" else "go with the stack"


def _route(resource: Resource) -> Iterator[str]:
    if resource.properties["AuthorizationType"] != "NONE":
        yield "those of /v1/admin by IAM"


def _limits(resource: Resource) -> Iterator[str]:
    yield f"{len(resource.properties['RouteSettings'])} routes have less than throttleRate"


def _function(resource: Resource) -> Iterator[str]:
    properties = resource.properties
    yield f"{properties['Runtime']} {properties['Architectures'][0]}, {properties['MemorySize']} MB"
    yield f"{properties['Handler'].split('.')[1]} {properties['Timeout']} s"


def _of_table(resource: Resource) -> Iterator[str]:
    properties = resource.properties
    [replica] = properties["Replicas"]
    if properties["BillingMode"] == "PAY_PER_REQUEST":
        yield "on demand"
    if replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]:
        yield "point-in-time recovery"
    if replica["DeletionProtectionEnabled"]:
        yield "resist deletion"
    yield _fate(resource)


def _stream(resource: Resource) -> Iterator[str]:
    properties = resource.properties
    yield f"{properties['MaximumRetryAttempts']} retries"
    yield f"{properties['MaximumRecordAgeInSeconds'] // 3600} h at most"


def _schedule(resource: Resource) -> Iterator[str]:
    yield resource.properties["ScheduleExpression"]


def _bucket(resource: Resource) -> Iterator[str]:
    rules = resource.properties["LifecycleConfiguration"]["Rules"]
    yield f"{resource.name.rpartition('/')[2]} {rules[0]['ExpirationInDays']} days"
    yield _fate(resource)


def _logs(resource: Resource) -> Iterator[str]:
    yield f"{resource.properties['RetentionInDays']} days"
    yield _fate(resource)


def _group(resource: Resource) -> Iterator[str]:
    yield str(resource.properties["DeploymentConfigName"]).removeprefix("CodeDeployDefault.")


_SAYS: Mapping[str, Callable[[Resource], Iterator[str]]] = {
    "AWS::ApiGatewayV2::Route": _route,
    "AWS::ApiGatewayV2::Stage": _limits,
    "AWS::Lambda::Function": _function,
    "AWS::CodeDeploy::DeploymentGroup": _group,
    "AWS::DynamoDB::GlobalTable": _of_table,
    "AWS::Lambda::EventSourceMapping": _stream,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::S3::Bucket": _bucket,
    "AWS::Logs::LogGroup": _logs,
}


def main() -> None:
    """Shows one stage, or all that `cdk.json` has; exits with 1 where one cannot be built."""
    declared = msgspec.convert(project_context()["stages"], dict[str, Any])
    parser = argparse.ArgumentParser(prog="python -m infra.synth", description=__doc__)
    parser.add_argument("--stage", help="one of the stages in cdk.json; all by default")
    parser.add_argument("--out", type=Path, default=ROOT / "cdk.out", help="folder to write to")
    arguments = parser.parse_args()
    names = [arguments.stage] if arguments.stage else declared
    try:
        stages = [synthesise(name, arguments.out / name) for name in names]
    except StageError as error:
        sys.exit(f"softask: {error}")
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(*listing(stages))
    for each in stages:
        for remark in each.remarks:
            console.print(f"warning: {remark}", style="yellow", highlight=False)
        console.print(f"template: {each.path}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
