"""Every shape in which Softask is deployed, synthesised under cdk-nag."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from infra.examples import behind_cloudfront, own_app
from infra.stack import compose
from infra.stages import project_context
from tests.checks.findings import Finding, Ran

# `infra` comes first: it chooses the Node that `aws_cdk` starts when it is imported.
import aws_cdk as cdk  # isort: skip
from cdk_nag import AwsSolutionsChecks, ServerlessChecks  # isort: skip

CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/00000000"

EVERY_OPTION: Mapping[str, object] = {
    "stage": "prod",
    "backups": True,
    "customerKey": True,
    "salt": "prod/000000000000/us-east-1",
    "reservedConcurrency": 100,
    "writeKeyHashes": "0" * 64,
    "allowOrigins": "https://app.example.com",
    "domainName": "push.example.com",
    "certificateArn": CERTIFICATE,
    "hostedZoneId": "Z0000000000000",
    "defaultEndpoint": False,
    "publicHost": "edge.example.com",
    "tracing": True,
    "eventArchive": True,
    "alarmEmail": "ops@example.com",
    "monthlyBudget": 50,
}

_ORIGIN = {"origin": "push-origin.example.com"}
_NAMED = {**_ORIGIN, "domainName": "push.example.com", "certificateArn": CERTIFICATE}


@dataclass(frozen=True, slots=True)
class Deployable:
    """An app, and the context in which it is synthesised."""

    compose: Callable[[cdk.App], object]
    context: Mapping[str, object]


def deployables() -> dict[str, Deployable]:
    """By the name that the table shows."""
    own = project_context()
    return {
        "dev": Deployable(compose, {**own, "stage": "dev"}),
        "prod": Deployable(compose, {**own, "stage": "prod"}),
        "every-option": Deployable(compose, {**own, **EVERY_OPTION}),
        "own-app": Deployable(own_app.compose, {}),
        "edge": Deployable(behind_cloudfront.compose, _ORIGIN),
        "named-edge": Deployable(behind_cloudfront.compose, _NAMED),
    }


def nag(name: str, deployable: Deployable, out: Path) -> Ran:
    """Synthesises into the folder `out`; what cdk-nag says of it, its warnings too."""
    context = {
        **deployable.context,
        "aws:cdk:enable-path-metadata": True,
        "aws:cdk:bundling-stacks": [],
        # The report is read here; CDK would print it, and end the synthesis at an error.
        "@aws-cdk/core:failSynthOnValidationErrors": False,
    }
    app = cdk.App(context=context, outdir=str(out), analytics_reporting=False)
    deployable.compose(app)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    app.synth()
    return Ran(check="cdk-nag", target=name, findings=tuple(_read(name, out)))


class _Construct(msgspec.Struct, rename="camel"):
    construct_path: str


class _Violation(msgspec.Struct, rename="camel"):
    rule_name: str
    violating_constructs: list[_Construct]


class _Plugin(msgspec.Struct):
    violations: list[_Violation]


class _Report(msgspec.Struct, rename="camel"):
    plugin_reports: list[_Plugin]


def _read(name: str, out: Path) -> Iterator[Finding]:
    report = msgspec.json.decode((out / "validation-report.json").read_bytes(), type=_Report)
    for plugin in report.plugin_reports:
        for violation in plugin.violations:
            rule, _, detail = violation.rule_name.partition("[")
            for construct in violation.violating_constructs:
                where = place(construct.construct_path, detail.removesuffix("]"))
                yield Finding(check="cdk-nag", target=name, rule=rule, place=where)


def place(path: str, detail: str = "") -> str:
    """`softask-prod/Softask/Track/Function`, and what a rule minds of it."""
    return f"{path.removesuffix('/Resource')} {detail}".rstrip()


def templates(out: Path) -> Iterator[Path]:
    """Of all stacks that were synthesised into the folder."""
    return iter(sorted(out.glob("*.template.json")))


def paths(template: Path) -> dict[str, str]:
    """The places of a template's resources, by their logical ids."""
    resources: dict[str, Any] = msgspec.json.decode(template.read_bytes())["Resources"]
    return {
        logical_id: place(each.get("Metadata", {}).get("aws:cdk:path", logical_id))
        for logical_id, each in resources.items()
    }
