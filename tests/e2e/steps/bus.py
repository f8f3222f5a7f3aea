"""A team's own rule on the bus, with a queue behind it: what they hear of what happens."""

import boto3
import msgspec

from tests.e2e.deployment import ACCOUNT, STACK
from tests.e2e.safety import REGION
from tests.e2e.seen import within
from tests.e2e.world import World

_NAME = "heard"
_WITHIN = 30


class _Told(msgspec.Struct, rename={"kind": "detail-type"}):
    kind: str


def listen(world: World) -> str:
    """As docs/events.md has it, made by API."""
    boto3.client("sqs").create_queue(QueueName=_NAME)
    events = boto3.client("events")
    pattern = msgspec.json.encode({"source": ["softask"]}).decode()
    events.put_rule(Name=_NAME, EventBusName=STACK, EventPattern=pattern)
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{_NAME}"
    events.put_targets(Rule=_NAME, EventBusName=STACK, Targets=[{"Id": _NAME, "Arn": arn}])
    return f"a rule on {world.deployment.outputs['EventBus']}"


def hears(_world: World) -> str:
    """Everything that was done so far was told, the end of the window last."""
    heard: set[str] = set()

    def is_told() -> bool:
        heard.update(_received())
        return "UserReEligible" in heard

    took = within(_WITHIN, "UserReEligible on the bus", is_told)
    return f"{', '.join(sorted(heard))} after {took:.0f} s"


def hang_up(world: World) -> str:
    """The rule and its queue are not the stack's, and go first."""
    events, sqs = boto3.client("events"), boto3.client("sqs")
    bus = world.deployment.outputs["EventBus"]
    events.remove_targets(Rule=_NAME, EventBusName=bus, Ids=[_NAME])
    events.delete_rule(Name=_NAME, EventBusName=bus)
    sqs.delete_queue(QueueUrl=_url())
    return "the rule and its queue are gone"


def _received() -> set[str]:
    sqs = boto3.client("sqs")
    messages = sqs.receive_message(QueueUrl=_url(), MaxNumberOfMessages=10).get("Messages", [])
    for each in messages:
        sqs.delete_message(QueueUrl=_url(), ReceiptHandle=each["ReceiptHandle"])
    return {msgspec.json.decode(each["Body"], type=_Told).kind for each in messages}


def _url() -> str:
    url: str = boto3.client("sqs").get_queue_url(QueueName=_NAME)["QueueUrl"]
    return url
