"""The bus: who may put events on it, and the documented rule that takes some off."""

import re
from typing import Any

import aws_cdk as cdk
import boto3
import botocore.session
import pytest
from aws_cdk.assertions import Template
from moto import mock_aws

from cli.openapi.examples import OFFER_ID
from functions.core.model import Fact, FactKind
from functions.ledger.events import publisher
from functions.store.retry import Retry
from infra.stages import ROOT
from tests.infra.conftest import Deployment, Stack
from tests.integration.buses import queue_of_a_rule
from tests.integration.conftest import Json

pytestmark = pytest.mark.xdist_group("template")

BUS = "AWS::Events::EventBus"
ARCHIVE = "AWS::Events::Archive"


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_there_is_one_bus_named_after_the_stage(deployment: Deployment, stage: str) -> None:
    [(name, bus)] = deployment(stage).of(BUS).items()
    assert name == "Events/Bus"
    assert bus.properties["Name"] == f"softask-{stage}"


def test_the_output_and_the_ledger_name_the_bus(stack: Stack) -> None:
    assert stack.show(stack.outputs["EventBus"]["Value"]) == "Events/Bus"
    ledger = stack.get("AWS::Lambda::Function", "Ledger/Function")
    assert stack.show(ledger["Environment"]["Variables"]["SOFTASK_EVENT_BUS"]) == "Events/Bus"


def test_the_ledger_alone_puts_events_and_on_that_bus_alone(stack: Stack) -> None:
    rights = {
        (role, right)
        for role in stack.of("AWS::IAM::Role")
        for right in stack.allowed(role)
        if right[0].startswith("events:")
    }
    assert rights == {("Ledger/Role", ("events:PutEvents", "Events/Bus.Arn"))}


def test_nobody_else_is_let_in_and_no_rule_is_made(stack: Stack) -> None:
    assert stack.of("AWS::Events::EventBusPolicy") == {}
    assert stack.of("AWS::Events::Rule") == {}


def test_events_are_kept_for_14_days_where_the_stage_asks_for_it(
    deployment: Deployment, stack: Stack
) -> None:
    assert stack.of(ARCHIVE) == {}
    [archive] = deployment("dev", eventArchive="true").of(ARCHIVE).values()
    assert archive.properties["RetentionDays"] == 14
    assert archive.properties["EventPattern"] == {"source": ["softask"]}


# --- the rule that docs/events.md shows ---


@pytest.fixture(scope="module")
def documented() -> Template:
    """The stack of the page's snippet, synthesised."""
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(from aws_cdk.*?)```", page, re.S)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 (the page's own)
    return Template.from_stack(names["Approvals"](cdk.App(), "Approvals"))


def only(template: Template, kind: str) -> Json:
    """The properties of the one resource of that type."""
    [resource] = template.find_resources(kind).values()
    properties: Json = resource["Properties"]
    return properties


def test_the_documented_rule_hears_the_stack_s_bus(documented: Template, prod: Stack) -> None:
    rule = only(documented, "AWS::Events::Rule")
    assert rule["EventBusName"] == prod.get(BUS, "Events/Bus")["Name"]
    assert rule["State"] == "ENABLED"


def test_the_documented_rule_may_fill_its_queue_and_the_one_for_what_it_missed(
    documented: Template,
) -> None:
    [target] = only(documented, "AWS::Events::Rule")["Targets"]
    queues = documented.find_resources("AWS::SQS::Queue")
    ends = [target["Arn"], target["DeadLetterConfig"]["Arn"]]
    assert {end["Fn::GetAtt"][0] for end in ends} == set(queues)
    allowed = [
        statement["Principal"]
        for policy in documented.find_resources("AWS::SQS::QueuePolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert allowed == [{"Service": "events.amazonaws.com"}] * 2


def test_the_documented_rule_forwards_what_softask_tells_of_approvals(
    documented: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = only(documented, "AWS::Events::Rule")
    approved = Fact(
        id=f"{OFFER_ID}:approved",
        kind=FactKind.APPROVED,
        at=0,
        campaign="push-softask",
        attempt=1,
        arm="soft_ask",
        offer_id=OFFER_ID,
    )
    declined = Fact(id="x:declined", kind=FactKind.DECLINED, at=0, campaign="push-softask")
    with mock_aws():
        boto3.client("events").create_event_bus(Name=rule["EventBusName"])
        heard = queue_of_a_rule(rule["EventBusName"], rule["EventPattern"], monkeypatch)
        retry = Retry(lambda _: None, lambda: 1.0)
        tell = publisher(rule["EventBusName"], botocore.session.get_session(), retry)
        tell([("key", declined), ("key", approved)], lambda: 60_000)
        assert [event["detail"]["offerId"] for event in heard()] == [OFFER_ID]
