"""What `softask doctor` and the runbook look for in a stack is in the synthesised template."""

import re

import jmespath  # type: ignore[import-untyped] # comes with botocore, without types
import pytest

from cli.doctor import checks
from cli.doctor import stack as reading
from functions.metrics import NAMESPACE, STAGE
from infra.stages import ROOT
from tests.infra.conftest import Stack
from tests.infra.test_monitoring import ALARM, metrics_of

pytestmark = pytest.mark.xdist_group("template")


def test_the_outputs_are_there(stack: Stack) -> None:
    assert {"ApiUrl", "FailedRecords", "DeadLetters", *reading._TABLES} <= set(stack.outputs)


def test_the_tables_and_functions_are_as_many_as_the_doctor_counts(stack: Stack) -> None:
    assert len(reading._TABLES) == checks._TABLES
    aliases = [each.properties["Name"] for each in stack.of(reading._ALIAS).values()]
    assert [f":{name}" for name in aliases] == [reading._LIVE] * checks._FUNCTIONS


def test_the_stage_is_read_off_the_alarms(stack: Stack) -> None:
    names = [each.properties["AlarmName"] for each in stack.of(ALARM).values()]
    assert reading._stage(names) == stack.stage


def test_the_metrics_are_asked_for_as_alarms_ask_for_them(prod: Stack) -> None:
    asked = {
        (metric["Namespace"], metric["MetricName"])
        for alarm in prod.of(ALARM).values()
        for metric in metrics_of(alarm.properties)
        if [each["Name"] for each in metric["Dimensions"]] == [STAGE]
    }
    own = {(NAMESPACE, metric.value) for metric in reading._STATISTICS}
    assert {name for _, name in own - asked} == {"LedgerLag"}


PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("output", reading._TABLES)
def test_the_runbook_knows_each_table_by_its_output(output: str) -> None:
    assert f"$(output {output})" in PAGE


@pytest.mark.parametrize("name", ["Track", "Admin", "Sweep", "Ledger"])
def test_the_runbook_finds_each_function_among_the_resources(stack: Stack, name: str) -> None:
    query = re.search(r'function_of\(\) .*?--query "(.*?)"', PAGE, re.DOTALL)[1]  # type: ignore[index] # else it fails
    listed = [
        {"LogicalResourceId": id_, "ResourceType": each.type, "PhysicalResourceId": each.name}
        for id_, each in stack.resources.items()
    ]
    asked = query.replace("\\\n", "").replace("$1", name)
    assert jmespath.search(asked, {"StackResourceSummaries": listed}) == [f"{name}/Function"]
