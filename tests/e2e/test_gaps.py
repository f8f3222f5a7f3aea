"""Every gap of the emulator names what covers it, and that is there."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.stack import compose
from infra.stages import project_context, read_stage
from tests.e2e.app import leave_out
from tests.e2e.deployment import STAGE
from tests.e2e.gaps import GAPS, LEFT_OUT, SWITCHES, Asserted, Gap, Played
from tests.e2e.steps import redeploying

# `infra` comes first: it chooses the Node that `aws_cdk` starts when it is imported.
import aws_cdk as cdk  # isort: skip

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("gap", GAPS, ids=lambda gap: gap.name)
def test_a_gap_is_covered_by_what_is_there(gap: Gap) -> None:
    assert any(isinstance(cover, Asserted | Played) for cover in gap.covered)
    for cover in gap.covered:
        match cover:
            case Asserted(file, name):
                text = (ROOT / "tests" / file).read_text("utf-8")
                assert re.search(rf"^ *def {name}\(", text, re.MULTILINE), str(cover)
            case Played(module, name):
                steps = importlib.import_module(f"tests.e2e.steps.{module}")
                assert callable(getattr(steps, name)), str(cover)


def test_every_switch_is_a_setting_of_the_stage() -> None:
    switches = {each.setting: each.value for each in SWITCHES}
    assert read_stage({**project_context(), "stage": STAGE, **switches}).name == STAGE


def test_nothing_is_left_out_but_what_a_gap_names() -> None:
    app = cdk.App(context={**project_context(), "aws:cdk:bundling-stacks": []})
    stack = compose(app)
    before = dict(_resources(stack))
    gone = leave_out(stack)
    assert gone
    assert before.keys() - dict(_resources(stack)).keys() == set(gone)
    assert {before[path] for path in gone} == {each.kind for each in LEFT_OUT}


def _resources(stack: cdk.Stack) -> Iterator[tuple[str, str]]:
    """Every resource's path, and its type."""
    for node in stack.node.find_all():
        if isinstance(node, cdk.CfnResource):
            yield node.node.path, node.cfn_resource_type


def test_the_line_that_the_second_deployment_changes_is_there_once() -> None:
    assert (ROOT / redeploying.SOURCE).read_text("utf-8").count(redeploying.WORD) == 1
