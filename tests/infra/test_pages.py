"""docs/deploying.md and docs/monitoring.md: links lead somewhere, commands are there."""

import re
import shlex
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from typer.testing import CliRunner

from cli.main import app
from infra.stages import ROOT
from tests.integration.test_client_guides import anchors

DOCS = ROOT / "docs"
PAGES = {
    name: (DOCS / name).read_text(encoding="utf-8") for name in ("deploying.md", "monitoring.md")
}
LINKS = [
    (page, *found)
    for page, text in PAGES.items()
    for found in re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]+)?\)", text)
]
OF_THE_CLI = ("region", "query", "output")
"""Options that the AWS CLI has everywhere."""


def commands(program: str) -> list[str]:
    """What is called by that name, in blocks and within lines, without line breaks."""
    whole = " ".join(PAGES.values()).replace("\\\n", " ")
    return sorted({" ".join(each.split()) for each in re.findall(rf"\b{program} [^`|]+", whole)})


@pytest.mark.parametrize(("page", "path", "anchor"), LINKS, ids=" ".join)
def test_every_link_leads_somewhere(page: str, path: str, anchor: str) -> None:
    target = (DOCS / path).resolve() if path else DOCS / page
    assert target.exists()
    assert not anchor or anchor in anchors(target.read_text(encoding="utf-8"))


def test_no_line_of_prose_is_longer_than_a_screen() -> None:
    for text in PAGES.values():
        lines = [each for each in text.splitlines() if not each.startswith(("#", "["))]
        assert max(map(len, lines)) <= 110


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


@pytest.mark.parametrize("command", commands("aws"))
def test_every_call_of_aws_is_one_that_it_has(command: str) -> None:
    _, service, name, *rest = shlex.split(command)
    [operation] = [each for each in model(service).operation_names if xform_name(each, "-") == name]
    shape = model(service).operation_model(operation).input_shape
    known = {xform_name(member, "-") for member in shape.members}
    said = {word.removeprefix("--") for word in rest if word.startswith("--")}
    assert said - known <= set(OF_THE_CLI)
    assert {xform_name(member, "-") for member in shape.required_members} <= said


@pytest.mark.parametrize("command", commands("softask"))
def test_every_command_of_softask_is_one_that_it_has(command: str) -> None:
    words = command.split()[1:]
    steps = [word for word in words[:2] if re.fullmatch("[a-z]+", word)]
    shown = CliRunner().invoke(app, [*steps, "--help"])
    assert shown.exit_code == 0
    assert {word for word in words if word.startswith("--") and word not in shown.stdout} == set()


def test_cdk_s_command_is_called_in_one_way() -> None:
    """`python -m infra.cdk` is there wherever Softask is; a `cdk` of one's own may not be."""
    shown = [*PAGES.values(), *(each.read_text() for each in (ROOT / "infra").rglob("*.py"))]
    verbs = "bootstrap|deploy|destroy|diff|synth"
    assert not [
        found for text in shown for found in re.findall(rf"(?<!\.)\bcdk (?:{verbs})\b", text)
    ]
