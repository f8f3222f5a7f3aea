"""`softask ledger replay`: what Lambda kept of failed batches, fed to the real handler again."""

import io
import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)
from moto.s3.models import s3_backends
from typer.testing import CliRunner, Result

from cli.commands import consent
from cli.main import app as softask
from functions.ledger import handler as entry
from tests.engine.local import why_not
from tests.integration.conftest import Database, Json
from tests.integration.privacy import CONTEXT
from tests.integration.streams import Bus, counted, deliver, expected, life, many, tables, told

pytestmark = pytest.mark.skipif(why_not() is None, reason="keeps its bucket in moto")

BUCKET, FUNCTION = "softask-failed", "softask-ledger:live"
FOLDER = "aws/lambda/4e5e-11ab/shardId-0001/2026/11/21"


class Killed(BaseException):
    """The command is gone, whatever it was doing."""


class Lambda:
    """Invokes the ledger as Lambda does: JSON in, JSON out; `wrong` stands for its answer."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.called: list[str] = []
        self.payloads: list[bytes] = []
        self.wrong: Json | None = None
        self.after: Callable[[], None] = lambda: None

    @property
    def invoked(self) -> list[Json]:
        return [json.loads(payload) for payload in self.payloads]

    def invoke(self, **call: Any) -> Json:
        assert call["InvocationType"] == "RequestResponse"
        self.called.append(call["FunctionName"])
        self.payloads.append(call["Payload"])
        answer = self.wrong or _answer(self.invoked[-1])
        self.after()
        return answer


def _answer(event: Json) -> Json:
    return {"StatusCode": 200, "Payload": _body(entry.handler(event, CONTEXT))}


def _body(answer: Any) -> io.BytesIO:
    return io.BytesIO(json.dumps(answer).encode())


@pytest.fixture(autouse=True)
def function(database: Database, monkeypatch: pytest.MonkeyPatch) -> Lambda:
    """The ledger, with an empty bucket for what it fails at."""
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    stand_in = Lambda()
    monkeypatch.setattr(entry, "_publish", stand_in.bus)
    opened = boto3.Session.client

    def open_client(session: boto3.Session, service: Any, **more: Any) -> Any:
        return stand_in if service == "lambda" else opened(session, service, **more)

    monkeypatch.setattr(boto3.Session, "client", open_client)
    monkeypatch.setenv("COLUMNS", "200")
    database.calls.clear()
    return stand_in


ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def keep(name: str, payload: Any, minute: int = 0, function: str = FUNCTION) -> str:
    """An object as Lambda writes it; the invocation's own fields stand beside the payload."""
    body = {
        "requestContext": {
            "requestId": "c9b8fa9f",
            "functionArn": f"{ARN}{function}",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 11,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "1"},
        "version": "1.0",
        "timestamp": "2026-11-21T10:00:00.000Z",
        "DDBStreamBatchInfo": {"shardId": "shardId-0001", "batchSize": 1},
        "payload": payload,
    }
    return put(name, json.dumps(body).encode(), minute)


def put(name: str, body: bytes, minute: int = 0) -> str:
    key = f"{FOLDER}/{name}"
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
    stored = s3_backends["123456789012"]["aws"].get_object(BUCKET, key)
    assert stored is not None
    stored.last_modified = stored.last_modified.replace(minute=minute)
    return key


def left() -> list[str]:
    found = boto3.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return [each["Key"] for each in found]


def run(*options: str, answer: str | None = None, function: str = FUNCTION) -> Result:
    arguments = ["ledger", "replay", "--bucket", BUCKET, "--function", function, *options]
    return CliRunner().invoke(softask, arguments, input=answer)


def said(*options: str, exit_code: int = 0) -> str:
    result = run(*options)
    assert result.exit_code == exit_code, result.output
    return str(result.output)


RECORDS = [told("u1", facts) for facts in life("u1", 1)]
FACTS = [each for facts in life("u1", 1) for each in facts]
POISON = told("u2", many(1))
POISON["dynamodb"]["NewImage"]["outbox"]["B"] = "ew=="


def test_row_49_what_was_kept_is_counted_and_deleted(function: Lambda) -> None:
    keep("b", {"Records": RECORDS[:2]})
    keep("a", {"Records": RECORDS[2:]}, minute=1)
    assert f"Replayed 2 objects with {len(RECORDS)} records; 0 left." in said("--yes")
    assert counted() == expected(FACTS)
    assert left() == []
    assert [len(event["Records"]) for event in function.invoked] == [2, len(RECORDS) - 2]


def test_a_payload_may_be_a_text_that_holds_json(function: Lambda) -> None:
    keep("a", json.dumps({"Records": RECORDS}))
    said("--yes")
    assert function.invoked == [{"Records": RECORDS}]
    assert counted() == expected(FACTS)


def test_the_payload_goes_byte_for_byte(function: Lambda) -> None:
    context = f'"requestContext": {{"functionArn": "{ARN}{FUNCTION}"}}'
    payload = '{"Records": [], "big": 1.00000000000000000001e0, "text": "\\u00e4"}'
    put("a", f'{{{context}, "payload": {payload}}}'.encode())
    function.wrong = {"StatusCode": 200, "Payload": _body({"batchItemFailures": []})}
    said("--yes")
    assert function.payloads == [payload.encode()]


@pytest.mark.parametrize(
    "named", ["softask-ledger", "softask-ledger:live", f"{ARN}softask-ledger", f"{ARN}{FUNCTION}"]
)
@pytest.mark.parametrize("failed", ["softask-ledger", FUNCTION, "softask-ledger:$LATEST"])
def test_the_function_that_failed_goes_by_any_of_its_names(
    function: Lambda, named: str, failed: str
) -> None:
    keep("a", {"Records": RECORDS}, function=failed)
    assert run("--yes", function=named).exit_code == 0
    assert (function.called, left()) == ([named], [])


@pytest.mark.parametrize("named", ["softask-prod-ledger:live", f"{ARN}softask-prod-ledger"])
def test_another_stage_s_records_are_never_fed_to_this_one(function: Lambda, named: str) -> None:
    stays = keep("a", {"Records": RECORDS})
    result = run("--yes", function=named)
    assert result.exit_code == 1
    assert f"left: {stays}: it is of softask-ledger, which is another function." in result.output
    assert (function.invoked, left()) == ([], [stays])


def test_events_that_were_not_published_are_published_then(function: Lambda) -> None:
    keep("a", {"Records": RECORDS})
    said("--yes")
    assert [id_ for _, id_ in function.bus.heard] == [each.id for each in FACTS]


def test_row_49_records_that_fail_again_stay_and_the_rest_proceeds() -> None:
    stays = keep("a", {"Records": [POISON, RECORDS[0]]})
    keep("b", {"Records": RECORDS[1:]}, minute=1)
    output = said("--yes", exit_code=1)
    assert f"left: {stays}: 1 of its 2 records failed again; the log says why." in output
    assert "Replayed 1 object with" in output
    assert "; 1 left." in output
    assert left() == [stays]
    assert counted() == expected(FACTS)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            {"errorMessage": "Task timed out", "errorType": "Sandbox.Timedout"},
            "the function failed: Sandbox.Timedout: Task timed out",
        ),
        ({}, "the function failed"),
    ],
)
def test_a_function_that_fails_leaves_the_object(function: Lambda, answer: Json, why: str) -> None:
    stays = keep("a", {"Records": RECORDS})
    function.wrong = {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": _body(answer)}
    assert f"left: {stays}: {why}." in said("--yes", exit_code=1)
    assert left() == [stays]


@pytest.mark.parametrize("answer", [None, {"deleted": 3}, "done"])
def test_another_function_s_answer_deletes_nothing(function: Lambda, answer: Any) -> None:
    stays = keep("a", {"Records": RECORDS})
    function.wrong = {"StatusCode": 200, "Payload": _body(answer)}
    assert "that function is not the ledger" in said("--yes", exit_code=1)
    assert left() == [stays]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b'{"payload": ',
        b'{"requestContext": {}}',
        b'{"payload": {"records": []}}',
        b'{"payload": "{"}',
        b'{"payload": []}',
        b'{"payload": {"Records": []}}',
        b'{"requestContext": {}, "payload": {"Records": []}}',
        b'{"requestContext": {"functionArn": null}, "payload": {"Records": []}}',
    ],
)
def test_what_is_no_failed_invocation_is_left_and_never_invoked(
    function: Lambda, body: bytes
) -> None:
    stays = put("a", body)
    output = said("--yes", exit_code=1)
    assert f"left: {stays}: it is not what Lambda keeps of a failed invocation." in output
    assert (function.invoked, left()) == ([], [stays])


def test_killed_at_any_call_and_run_again_it_ends_alike(database: Database) -> None:
    _keep_all()
    database.calls.clear()
    said("--yes")
    calls, whole = len(database.calls), tables()
    assert calls == 10  # a list; of each object a read, a transaction and a deletion
    for call, moment in [(call, moment) for call in range(calls) for moment in MOMENTS]:
        _empty()
        _keep_all()
        database.calls.clear()
        setattr(database, moment, _killer(database, call))
        with pytest.raises(Killed):
            run("--yes")
        database.before = database.after = lambda _: None
        said("--yes")
        assert (tables(), left()) == (whole, [])


MOMENTS = ("before", "after")


def _keep_all() -> None:
    for minute, record in enumerate(RECORDS[:3]):
        keep(f"{minute}", {"Records": [record]}, minute)


def _killer(database: Database, call: int) -> Callable[[str], None]:
    def kill(_: str) -> None:
        if len(database.calls) > call:
            raise Killed

    return kill


def _empty() -> None:
    client = boto3.client("dynamodb")
    for name, keys in (
        ("softask-ledger", ("user_key", "fact_id")),
        ("softask-counters", ("campaign_shard", "cell")),
    ):
        for item in client.scan(TableName=name)["Items"]:
            client.delete_item(TableName=name, Key={key: item[key] for key in keys})


def test_killed_between_the_answer_and_the_deletion_it_counts_nothing_twice(
    function: Lambda,
) -> None:
    stays = keep("a", {"Records": RECORDS})

    def kill() -> None:
        raise KeyboardInterrupt

    function.after = kill
    assert "Replayed 0 objects with 0 records; 1 left." in run("--yes").output
    assert left() == [stays]
    function.after = lambda: None
    said("--yes")
    assert (counted(), left()) == (expected(FACTS), [])


def test_an_object_that_somebody_else_replayed_meanwhile_is_done(function: Lambda) -> None:
    keep("a", {"Records": RECORDS[:1]})
    other = keep("b", {"Records": RECORDS[1:]}, minute=1)

    def delete() -> None:
        deliver(RECORDS[1:])
        boto3.client("s3").delete_object(Bucket=BUCKET, Key=other)

    function.after = delete
    assert "Replayed 2 objects with 1 records; 0 left." in said("--yes")
    assert counted() == expected(FACTS)


def test_an_answer_that_never_comes_ends_the_command_and_leaves_the_object(
    function: Lambda,
) -> None:
    stays = keep("a", {"Records": RECORDS})

    def lose() -> None:
        raise ReadTimeoutError(endpoint_url="https://lambda")

    function.after = lose
    output = said("--yes", exit_code=1)
    assert "1 left." in output
    assert "AWS: Read timeout" in output
    assert left() == [stays]


def test_what_aws_refuses_is_one_line() -> None:
    result = CliRunner().invoke(
        softask, ["ledger", "replay", "--bucket", "gone", "--function", FUNCTION, "--yes"]
    )
    assert result.exit_code == 1
    assert result.output.startswith("AWS refused ListObjectsV2 (NoSuchBucket): ")
    assert "no AWS profile nobody here" in said("--yes", "--profile", "nobody", exit_code=2)


@pytest.mark.parametrize(
    ("error", "option"), [(NoRegionError(), "--region"), (NoCredentialsError(), "--profile")]
)
def test_what_aws_needs_to_know_is_asked_for_by_its_option(
    monkeypatch: pytest.MonkeyPatch, error: Exception, option: str
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(boto3.Session, "client", refuse)

    assert option in said("--yes", exit_code=2)


def test_a_refusal_to_read_is_no_object_that_is_gone(
    function: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays = keep("a", {"Records": RECORDS})
    refused = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")
    opened = boto3.Session.client

    def open_client(session: boto3.Session, service: Any, **more: Any) -> Any:
        client = opened(session, service, **more)
        if service == "s3":
            monkeypatch.setattr(client, "get_object", _raising(refused))
        return client

    monkeypatch.setattr(boto3.Session, "client", open_client)
    assert "AccessDenied" in said("--yes", exit_code=1)
    assert (function.invoked, left()) == ([], [stays])


def _raising(error: Exception) -> Callable[..., Any]:
    def call(**_: Any) -> Any:
        raise error

    return call


def test_a_dry_run_lists_the_oldest_first_and_does_nothing(function: Lambda) -> None:
    keys = [keep("b", {"Records": RECORDS}), keep("a", {"Records": RECORDS}, minute=59)]
    lines = said("--dry-run").splitlines()
    assert lines[0].split() == ["kept", "since", "bytes", "object"]
    assert [line.split()[-1] for line in lines[1:]] == keys
    assert (function.invoked, sorted(left())) == ([], sorted(keys))


def test_an_empty_bucket_is_said_to_be_empty() -> None:
    assert said("--yes") == "Nothing is kept in that bucket.\n"


def test_nothing_happens_where_nobody_can_be_asked(function: Lambda) -> None:
    keep("a", {"Records": RECORDS})
    assert said(exit_code=2) == "There is nobody to ask here: say --yes.\n"
    assert function.invoked == []


def test_it_asks_first_on_a_terminal(function: Lambda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent, "is_terminal", lambda: True)
    keep("a", {"Records": RECORDS})
    refused = run(answer="n\n")
    assert refused.exit_code == 1
    assert f"Feed 1 object to {FUNCTION}?" in refused.output
    assert "Nothing was replayed." in refused.output
    assert function.invoked == []
    assert run(answer="y\n").exit_code == 0
    assert left() == []


def test_the_group_shows_an_example() -> None:
    shown = CliRunner().invoke(softask, ["ledger"]).output
    assert "Example: softask ledger replay --bucket" in shown
