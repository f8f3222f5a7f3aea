"""A rule on a bus in moto, and the queue that it fills."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from moto.events.utils import EventTemplateParser

from tests.integration.conftest import Json


def queue_of_a_rule(
    bus: str, pattern: Json, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[Json]]:
    """Puts the rule on that bus; what is returned reads up to ten of the events it forwarded."""
    # moto takes every event apart by jsonpath_ng, for rules that rewrite what they forward.
    monkeypatch.setattr(EventTemplateParser, "parse", staticmethod(_as_it_is))
    events: Any = boto3.client("events")
    sqs: Any = boto3.client("sqs")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    events.put_rule(Name="rule", EventBusName=bus, EventPattern=json.dumps(pattern))
    targets = [{"Id": "queue", "Arn": queue["QueueArn"]}]
    events.put_targets(Rule="rule", EventBusName=bus, Targets=targets)

    def heard() -> list[Json]:
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in received.get("Messages", ())]

    return heard


def _as_it_is(*, event: Json, **_rewriting: Any) -> Json:
    return event
