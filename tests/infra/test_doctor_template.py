"""What `softask doctor` and the runbook look for in a stack is in the synthesised template."""

import pytest

from cli.doctor import stack as reading
from functions.metrics import NAMESPACE, STAGE
from infra.stages import ROOT
from tests.infra.conftest import Stack
from tests.infra.test_monitoring import ALARM, metrics_of

pytestmark = pytest.mark.xdist_group("template")


def test_the_outputs_are_there(stack: Stack) -> None:
    assert {"ApiUrl", "FailedRecords", *reading._TABLES} <= set(stack.outputs)


def test_the_only_queue_is_the_one_of_dead_letters(stack: Stack) -> None:
    assert list(stack.of("AWS::SQS::Queue")) == ["Sweep/DeadLetters"]


def test_the_stage_is_read_off_the_alarms(stack: Stack) -> None:
    names = [each.properties["AlarmName"] for each in stack.of(ALARM).values()]
    assert reading._stage(names) == stack.stage


def test_the_metrics_are_asked_for_as_alarms_ask_for_them(stack: Stack) -> None:
    asked = {
        (metric["Namespace"], metric["MetricName"])
        for alarm in stack.of(ALARM).values()
        for metric in metrics_of(alarm.properties)
        if [each["Name"] for each in metric["Dimensions"]] == [STAGE]
    }
    own = {(NAMESPACE, metric.value) for metric in reading._STATISTICS}
    assert {name for _, name in own - asked} == {"TokenRefused", "LedgerLag"}


@pytest.mark.parametrize("output", reading._TABLES)
def test_the_runbook_knows_each_table_by_its_output(output: str) -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert f"$(output {output})" in page
