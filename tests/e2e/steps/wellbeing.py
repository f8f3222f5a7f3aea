"""`softask doctor` on what was deployed, by somebody who may read and do nothing else."""

import json
from collections import Counter

import boto3

from cli.dev.environment import WRITE_KEY
from tests.e2e.deployment import STACK
from tests.e2e.gaps import UNWELL
from tests.e2e.seen import same
from tests.e2e.world import World

READS = (
    "cloudformation:DescribeStacks",
    "cloudformation:ListStackResources",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "dynamodb:DescribeContinuousBackups",
    "dynamodb:DescribeTable",
    "dynamodb:Query",
    "lambda:GetFunctionConcurrency",
    "s3:ListBucket",
    "sqs:GetQueueAttributes",
)
"""What the doctor asks of the account, as its page says."""

MISTAKEN = "lambda:PutFunctionConcurrency"
"""What the emulator wants of whoever reads a function's concurrency."""

_NAME = "doctor"


def examine(world: World) -> str:
    """Everything is well but what the emulator lacks, and of that it is told what is wrong."""
    key = world.callers.user(_NAME, "GET")
    statement = {"Effect": "Allow", "Action": [*READS, MISTAKEN], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    boto3.client("iam").put_user_policy(UserName=_NAME, PolicyName=_NAME, PolicyDocument=policy)
    named = ("--stack", STACK, "--write-key", WRITE_KEY)
    code, told = world.callers.found(key, "doctor", *named)
    unwell = {each["check"]: each for each in told["checks"] if each["verdict"] != "ok"}
    seen = "; ".join(f"{check}: {each['seen']}" for check, each in unwell.items())
    verdicts = {check: each["verdict"] for check, each in unwell.items()}
    same(f"what the doctor finds ({seen})", verdicts, UNWELL)
    same("how it ends", code, int("fail" in verdicts.values()))
    counts = Counter(each["verdict"] for each in told["checks"])
    return ", ".join(f"{number} {verdict}" for verdict, number in counts.most_common())
