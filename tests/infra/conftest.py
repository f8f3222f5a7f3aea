"""The synthesised stacks, read the way a person would: by the names of the constructs."""

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import pytest

from infra.synth import Resource, Synthesis, synthesise

Deployment = Callable[..., "Stack"]


class Stack:
    """One stage's template. Resources go by their construct's path (`Tables/Profiles`)."""

    def __init__(self, synthesis: Synthesis) -> None:
        self.synthesis = synthesis
        self.text = synthesis.path.read_text()
        self.remarks = synthesis.remarks
        self.outputs = synthesis.template.outputs
        self.resources = synthesis.template.resources
        self._by_name = {(each.type, each.name): each for each in self.resources.values()}

    @property
    def stage(self) -> str:
        """The stage's name, as its functions are told."""
        function = self.get("AWS::Lambda::Function", "Track/Function")
        return str(function["Environment"]["Variables"]["SOFTASK_STAGE"])

    def of(self, kind: str) -> dict[str, Resource]:
        """All resources of a CloudFormation type, by name."""
        return {name: each for (type_, name), each in self._by_name.items() if type_ == kind}

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """The properties of one resource."""
        return self._by_name[kind, name].properties

    def show(self, value: object) -> str:
        """A template value as text: references become names, pseudo parameters `${…}`."""
        match value:
            case {"Ref": str(target)} if target.startswith("AWS::"):
                return f"${{{target}}}"
            case {"Ref": str(target)}:
                return self.resources[target].name
            case {"Fn::GetAtt": [str(target), str(attribute)]}:
                return f"{self.resources[target].name}.{attribute}"
            case {"Fn::Join": [str(separator), list(parts)]}:
                return separator.join(self.show(part) for part in parts)
            case {"Fn::Select": [6 | 7, {"Fn::Split": [":", alias]}]}:  # name or alias of an ARN
                return self.show(alias)
        return str(value)

    def allowed(self, role: str) -> set[tuple[str, str]]:
        """Every (action, resource) that the policies of a role allow."""
        return {
            (action, self.show(resource))
            for policy in self.of("AWS::IAM::Policy").values()
            if role in [self.show(each) for each in policy.properties["Roles"]]
            for statement in policy.properties["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Allow"
            for action in many(statement["Action"])
            for resource in many(statement["Resource"])
        }


def many(value: object) -> list[Any]:
    """CloudFormation writes a list of one as its element."""
    return value if isinstance(value, list) else [value]


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Synthesises a stage, with overrides as by `-c`, without building the asset."""

    @cache
    def deploy(stage: str, **overrides: str) -> Stack:
        out = tmp_path_factory.mktemp(stage)
        context = msgspec.convert(overrides, dict[str, object])
        return Stack(synthesise(stage, out, **{"aws:cdk:bundling-stacks": []}, **context))

    return deploy


@pytest.fixture(scope="session")
def dev(deployment: Deployment) -> Stack:
    return deployment("dev")


@pytest.fixture(scope="session")
def prod(deployment: Deployment) -> Stack:
    return deployment("prod")


@pytest.fixture(scope="session", params=["dev", "prod"])
def stack(request: pytest.FixtureRequest, deployment: Deployment) -> Stack:
    """Each stage in turn: what is asserted on it holds in both."""
    return deployment(request.param)
