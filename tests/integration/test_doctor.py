"""`softask doctor`, as an operator runs it: on a dev server, and on an account in moto."""

import base64
import gzip
import io
import json
import os
import ssl
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto import mock_aws
from typer.testing import CliRunner, Result

from cli.demo.process import dev_server
from cli.dev.environment import WRITE_KEY
from cli.doctor import server
from cli.doctor.readings import Answer, Function, Key, Keys, Prompts, Unread, WriteKey, Zipped
from cli.doctor.stack import read_stack
from cli.main import app as softask
from cli.remote import Remote, Target
from functions.core.model import DAY, SECOND
from functions.metrics import NAMESPACE, STAGE, Metric
from tests.engine.local import why_not
from tests.integration.conftest import START, App, Json

URL = "http://127.0.0.1:8080"
STACK = "softask-prod"


def run(*options: str) -> Result:
    result = CliRunner().invoke(softask, ["doctor", *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def verdicts(result: Result) -> dict[str, str]:
    return {each["check"]: each["verdict"] for each in json.loads(result.stdout)["checks"]}


# --- on a dev server ---


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with dev_server() as url:
        yield url


pytestmark = pytest.mark.xdist_group("doctor")


def test_a_dev_server_is_well_as_far_as_it_can_be_checked(url: str) -> None:
    result = run("--url", url, "--write-key", WRITE_KEY, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["healthy"] is True
    found = verdicts(result)
    answered = ("reachable", "routes", "write key", "gzip", "keys")
    assert {found[each] for each in answered} == {"ok"}
    assert {found[each] for each in ("alarms", "sweep", "dead letters")} == {"not checked"}


def test_it_says_what_is_wrong_and_what_to_do_next(url: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = run("--url", url, "--write-key", "wk_of_another_app")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    [place] = [number for number, line in enumerate(lines) if " write key " in line]
    assert lines[place].startswith("fail")
    assert lines[place + 1].strip().startswith("Next: softask keys list")


def test_a_pause_is_warned_of_and_fails_nothing(url: str) -> None:
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as http:
        http.post("/v1/admin/campaigns/push-softask/pause", json={}).raise_for_status()
        paused = run("--url", url, "--json")
        http.post("/v1/admin/campaigns/push-softask/resume", json={}).raise_for_status()
    assert (paused.exit_code, verdicts(paused)["campaigns"]) == (0, "warn")
    assert verdicts(run("--url", url, "--json"))["campaigns"] == "ok"


def test_a_server_that_is_not_there_fails_and_leaves_the_rest_unchecked() -> None:
    result = run("--url", "http://127.0.0.1:9", "--json")
    assert result.exit_code == 1
    found = verdicts(result)
    assert found.pop("reachable") == "fail"
    assert set(found.values()) == {"not checked"}


def test_a_dev_server_that_is_not_there_is_told_in_words() -> None:
    result = run("--url", "http://127.0.0.1:9", "--json")
    [reachable] = [each for each in json.loads(result.stdout)["checks"] if each["next"]]
    assert reachable["seen"] == "nothing answers at http://127.0.0.1:9"
    assert reachable["next"].startswith("Start `softask dev`, or name a server")


def test_it_says_first_whom_it_looked_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    told = json.loads(run("--url", url, "--json").stdout)
    assert told["url"] == url
    assert told["stage"]
    assert run("--url", url).stdout.splitlines()[0] == f"stage {told['stage']} at {url}"
    nowhere = "http://127.0.0.1:9"
    assert run("--url", nowhere).stdout.splitlines()[0] == nowhere
    assert json.loads(run("--url", nowhere, "--json").stdout)["stage"] is None


def test_an_empty_write_key_is_a_variable_that_is_not_set(url: str) -> None:
    result = run("--url", url, "--write-key", "")
    assert result.exit_code == 2
    assert result.output == "--write-key is empty: is the shell's variable set?\n"


@pytest.mark.parametrize("options", [["--url", "ftp://x"], ["--nonsense"]])
def test_wrong_use_is_told_from_a_stack_that_is_not_well(options: list[str]) -> None:
    assert run(*options).exit_code == 2


def test_a_profile_that_does_not_exist_is_wrong_use_and_told_in_its_own_words(url: str) -> None:
    result = run("--url", url, "--stack", STACK, "--profile", "nobody-has-this")
    assert result.exit_code == 2
    assert result.output.startswith("There is no AWS profile nobody-has-this here")


def test_a_reason_that_several_checks_share_is_said_once(url: str) -> None:
    lines = run("--url", url).stdout.splitlines()
    [place] = [number for number, line in enumerate(lines) if "a dev server has no stack" in line]
    assert lines[place - 2].startswith("not checked: refused tokens, revision, refresh,")
    assert lines[-1].endswith(" ok")


@pytest.mark.parametrize("columns", ["80", "200"])
def test_a_line_keeps_to_the_terminal(
    url: str, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert max(map(len, run("--url", url).stdout.splitlines())) <= int(columns)


# --- what is read of a server ---


class Server:
    """Answers each path as it is told to."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.headers = {"Date": "Sat, 21 Nov 2026 10:00:00 GMT"}
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        self.asked.append(path)
        status, body = self.answers.get(path, (404, {"message": "Not Found"}))
        if body is None:
            raise httpx.ReadTimeout("too late")
        if isinstance(body, bytes):
            return httpx.Response(status, content=body, headers=self.headers)
        return httpx.Response(status, json=body, headers=self.headers)

    def http(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self))

    def remote(self) -> Remote:
        return Remote(Target(URL), httpx.MockTransport(self))


CAMPAIGN = "/v1/admin/campaigns/push-softask"


@pytest.fixture
def told() -> Server:
    server = Server()
    rows = [
        {"id": "push-softask", "kind": "push", "version": 3, "status": "active"},
        {"id": "old", "kind": "push", "version": 1, "status": "ended"},
        {"id": "broken", "kind": None, "version": 2, "status": "active"},
    ]
    listed = {"revision": 7, "paused": False, "campaigns": rows}
    file = {"schedule": {"starts_at": None, "ends_at": "2026-12-01T00:00:00Z"}}
    apart = {"prompted": 10, "unasked": 4}
    report = {
        "asOf": "2026-11-21T10:00:00Z",
        "arms": [{"prompted": 5, "unasked": 1}, {"prompted": 2, "unasked": 0}],
        "appWide": apart,
    }
    server.answers = {
        "/openapi.json": (200, {"paths": {"/v1/track": {"post": {}, "parameters": []}}}),
        "/v1/admin/campaigns": (200, listed),
        CAMPAIGN: (200, {"campaign": file}),
        f"{CAMPAIGN}/report": (200, {**report, "appWide": {"prompted": 99, "unasked": 99}}),
        f"{CAMPAIGN}/report?from=2026-11-15&to=2026-11-21": (200, report),
    }
    return server


def times(*moments: int) -> Any:
    return iter(moments).__next__


def test_the_first_call_is_timed_and_its_middle_compared_with_the_date(told: Server) -> None:
    found = server.first_call(told.http(), URL, times(START, START + 300))
    routes = frozenset({"POST /v1/track"})
    assert found == Answer(200, 300, START + 150, START, None, routes)


def test_no_answer_no_date_and_no_document_are_told_apart(told: Server) -> None:
    told.headers = {}
    told.answers["/openapi.json"] = (200, ["not it"])
    found = server.first_call(told.http(), URL, times(START, START))
    assert isinstance(found, Answer)
    assert (found.date, found.routes) == (None, None)
    told.answers["/openapi.json"] = (200, None)
    late = server.first_call(told.http(), URL, times(START, START))
    assert late == Unread(f"{URL} did not answer: too late")


def test_a_write_key_is_tried_where_it_changes_nothing(told: Server) -> None:
    told.answers["/v1/projects/a%2Fb/settings"] = (401, {"message": "no"})
    assert server.try_write_key(told.http(), URL, "a/b") == WriteKey(401, "no")
    assert isinstance(server.try_write_key(told.http(), URL, None), Unread)
    told.answers["/v1/projects/k/settings"] = (200, ["not it"])
    assert isinstance(server.try_write_key(told.http(), URL, "k"), Unread)
    told.answers["/v1/projects/k/settings"] = (500, ["not it"])
    assert server.try_write_key(told.http(), URL, "k") == WriteKey(500, "not as Softask answers")
    told.answers["/v1/projects/k/settings"] = (200, None)
    assert server.try_write_key(told.http(), URL, "k") == Unread("no answer: too late")


def test_a_gzipped_body_is_sent_that_is_refused_before_anything_is_written(told: Server) -> None:
    told.answers["/v1/track"] = (400, {"message": "not JSON", "field": "body"})
    assert server.try_gzip(told.http(), URL) == Zipped(400, "body")
    told.answers["/v1/track"] = (415, ["not it"])
    assert server.try_gzip(told.http(), URL) == Zipped(415, "")
    told.answers["/v1/track"] = (200, None)
    assert server.try_gzip(told.http(), URL) == Unread("no answer: too late")


def test_a_gzipped_body_that_a_gateway_made_text_of_is_told_from_one_that_arrived(
    app: App,
) -> None:
    sent = gzip.compress(b"{}")
    arrived = app.send("/v1/track", base64.b64encode(sent).decode(), headers={}, is_base64=True)
    broken = app.send("/v1/track", sent.decode(errors="replace"), headers={})
    found = [Zipped(status, body["field"]) for status, body in (arrived, broken)]
    assert found == [Zipped(401, "writeKey"), Zipped(400, "body")]


def test_campaigns_are_read_with_the_end_of_what_runs(told: Server) -> None:
    found = server.read_campaigns(told.remote())
    assert not isinstance(found, Unread)
    ends = 1_796_083_200_000  # 2026-12-01
    assert [(row.id, row.is_readable, row.ends_at) for row in found.rows] == [
        ("push-softask", True, ends),
        ("old", True, None),
        ("broken", False, None),
    ]


def test_prompts_are_of_seven_days_by_the_server_s_clock_the_app_s_own_once(
    told: Server,
) -> None:
    campaigns = server.read_campaigns(told.remote())
    assert server.read_prompts(told.remote(), campaigns) == (START, Prompts(17, 5))


def test_what_the_server_refuses_is_unread_with_its_reason(told: Server) -> None:
    told.answers["/v1/admin/keys"] = (403, {"message": "Forbidden"})
    found = server.read_keys(told.remote())
    assert isinstance(found, Unread)
    assert "execute-api:Invoke" in found.why
    assert not found.is_fault
    told.answers["/v1/admin/keys"] = (503, {"code": "try_again", "message": "no"})
    assert server.read_keys(told.remote()) == Unread("no", is_fault=True)
    told.answers["/v1/admin/keys"] = (200, None)
    silent = server.read_keys(told.remote())
    assert isinstance(silent, Unread)
    assert not silent.is_fault
    told.answers["/v1/admin/campaigns"] = (200, {"revision": 0, "paused": False, "campaigns": []})
    empty = server.read_campaigns(told.remote())
    assert isinstance(server.read_prompts(told.remote(), empty), Unread)
    assert server.read_prompts(told.remote(), found) == found


def test_keys_are_read_with_their_ends_and_the_stage(told: Server) -> None:
    keys = [{"id": "wk-1", "use": "write", "endsAt": "1970-01-01T00:00:01Z", "name": "app"}]
    told.answers["/v1/admin/keys"] = (200, {"stage": "prod", "auth": "off", "keys": keys})
    expected = Keys("off", (Key("wk-1", "write", 1_000),), "prod")
    assert server.read_keys(told.remote()) == expected
    told.answers["/v1/admin/keys"] = (200, {"auth": "off", "keys": []})
    assert server.read_keys(told.remote()) == Keys("off", ())


NESTED = b'{"a":' + b"[" * 100_000
STRANGE: list[Any] = [
    {},
    {"auth": 1, "keys": 2, "campaigns": 3, "revision": "x", "paused": None},
    {"auth": "off", "keys": [{}], "revision": 1, "paused": False, "campaigns": [{}]},
    {"auth": "off", "keys": [{"id": "k", "use": "write", "endsAt": "soon"}]},
]


@pytest.mark.parametrize("body", STRANGE)
def test_json_that_is_not_softask_s_is_unread(told: Server, body: Any) -> None:
    for path in ("keys", "campaigns"):
        told.answers[f"/v1/admin/{path}"] = (200, body)
    strange = Unread("not as Softask answers")
    assert server.read_keys(told.remote()) == strange
    assert server.read_campaigns(told.remote()) == strange


@pytest.mark.parametrize("body", [NESTED, b'{"a":"\xff"}'], ids=["nested", "no UTF-8"])
def test_what_cannot_be_decoded_is_unread_wherever_it_comes(told: Server, body: bytes) -> None:
    for path in ("/v1/admin/keys", "/v1/projects/k/settings", "/v1/track", "/openapi.json"):
        told.answers[path] = (200, body)
    assert isinstance(server.read_keys(told.remote()), Unread)
    assert isinstance(server.try_write_key(told.http(), URL, "k"), Unread)
    assert server.try_gzip(told.http(), URL) == Zipped(200, "")
    found = server.first_call(told.http(), URL, times(START, START))
    assert isinstance(found, Answer)
    assert found.routes is None


def test_a_report_that_is_not_softask_s_is_unread(told: Server) -> None:
    campaigns = server.read_campaigns(told.remote())
    told.answers[f"{CAMPAIGN}/report"] = (200, {"asOf": "now"})
    assert server.read_prompts(told.remote(), campaigns) == Unread("not as Softask answers")


def test_a_file_that_is_not_softask_s_is_unread(told: Server) -> None:
    told.answers[CAMPAIGN] = (200, {"campaign": {}})
    assert server.read_campaigns(told.remote()) == Unread("not as Softask answers")


# --- what is read of an account ---

TEMPLATE = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Resources": {
        "DeadLetters": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "dead"}},
        "Orders": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "orders"}},
        "Failed": {"Type": "AWS::S3::Bucket", "Properties": {}},
        "Campaigns": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": "campaign", "AttributeType": "S"},
                    {"AttributeName": "version", "AttributeType": "N"},
                ],
                "KeySchema": [
                    {"AttributeName": "campaign", "KeyType": "HASH"},
                    {"AttributeName": "version", "KeyType": "RANGE"},
                ],
            },
        },
    },
    "Outputs": {
        "ApiUrl": {"Value": "https://push.example.com/"},
        "FailedRecords": {"Value": {"Ref": "Failed"}},
        "CampaignsTable": {"Value": {"Ref": "Campaigns"}},
        "DeadLetters": {"Value": {"Ref": "DeadLetters"}},
    },
}


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """An account with the stack, in which all is well; its outputs."""
    if why_not() is None:
        pytest.skip("its account is in moto")
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        monkeypatch.delenv(name)
    with mock_aws():
        client = boto3.client("cloudformation")
        client.create_stack(StackName=STACK, TemplateBody=json.dumps(TEMPLATE))
        [stack] = client.describe_stacks(StackName=STACK)["Stacks"]
        yield {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


ALARM = "softask-prod-track-errors"
FUNCTIONS = ("Track", "Admin")
MADE = {
    "AWS::CloudWatch::Alarm": ["shop-track-errors", "shop-orders", ALARM],
    "AWS::Lambda::Alias": [f"arn:aws:lambda:us-east-1:1:function:{each}:live" for each in FUNCTIONS]
    + ["arn:aws:lambda:us-east-1:1:function:Orders:newest"],
}


def session() -> boto3.Session:
    """Of an account whose CloudFormation also makes what moto's does not, for an app around it."""

    def add(parsed: Json, **_: Any) -> None:
        parsed["StackResourceSummaries"] += [
            {"ResourceType": kind, "PhysicalResourceId": name}
            for kind, names in MADE.items()
            for name in names
        ]

    for name in MADE["AWS::CloudWatch::Alarm"]:
        boto3.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace=NAMESPACE,
            MetricName=Metric.SWEEP_LAG.value,
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Period=900,
            Statistic="Maximum",
            Threshold=3600,
            AlarmActions=["arn:aws:sns:us-east-1:123456789012:topic"],
        )
    make_functions()
    made = boto3.Session()
    made.events.register("after-call.cloudformation.ListStackResources", add)
    return made


def make_functions() -> None:
    role = boto3.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")
    zipped = io.BytesIO()
    zipfile.ZipFile(zipped, "w").close()
    for name in FUNCTIONS:
        boto3.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="any.handler",
            Role=role["Role"]["Arn"],
            Code={"ZipFile": zipped.getvalue()},
        )


def measure(metric: Metric, value: float, at: int) -> None:
    boto3.client("cloudwatch").put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": metric.value,
                "Dimensions": [{"Name": STAGE, "Value": "prod"}],
                "Timestamp": datetime.fromtimestamp(at // SECOND, UTC),
                "Value": value,
            }
        ],
    )


def test_an_account_is_read_as_the_stack_names_its_parts(outputs: dict[str, str]) -> None:
    measure(Metric.SWEEP_LAG, 42.0, START - 600 * SECOND)
    measure(Metric.TOKEN_REFUSED, 3.0, START - 2 * DAY)
    sqs = boto3.client("sqs")
    for queue in (outputs["DeadLetters"], sqs.get_queue_url(QueueName="orders")["QueueUrl"]):
        sqs.send_message(QueueUrl=queue, MessageBody="{}")
    boto3.client("s3").put_object(Bucket=outputs["FailedRecords"], Key="one", Body=b"{}")
    table = boto3.resource("dynamodb").Table(outputs["CampaignsTable"])
    for revision in (1, 12, 9):
        table.put_item(Item={"campaign": "CHANGES", "version": revision})

    account = session()
    boto3.client("lambda").put_function_concurrency(
        FunctionName="Track", ReservedConcurrentExecutions=0
    )

    found = read_stack(account, STACK, START)

    assert found.functions == (Function("Track", True), Function("Admin", False))
    assert not isinstance(found.stack, Unread)
    assert (found.stack.stage, found.stack.url) == ("prod", "https://push.example.com/")
    assert not isinstance(found.alarms, Unread)
    assert [(alarm.name, alarm.tells) for alarm in found.alarms] == [(ALARM, True)]
    assert not isinstance(found.series, Unread)
    assert [value for _, value in found.series[Metric.SWEEP_LAG]] == [42.0]
    assert found.series[Metric.TOKEN_REFUSED] == ()
    assert (found.dead_letters, found.kept, found.changed) == (1, 1, 12)
    assert not isinstance(found.tables, Unread)
    assert [(each.restorable, each.protected) for each in found.tables] == [(False, False)]


@pytest.mark.usefixtures("outputs")
def test_nothing_changed_is_revision_0() -> None:
    assert read_stack(boto3.Session(), STACK, START).changed == 0


def test_a_part_that_is_gone_is_unread_and_the_others_are_not(outputs: dict[str, str]) -> None:
    boto3.client("s3").delete_bucket(Bucket=outputs["FailedRecords"])
    found = read_stack(session(), STACK, START)
    assert isinstance(found.kept, Unread)
    assert "ListObjectsV2" in found.kept.why
    assert found.dead_letters == 0


@pytest.mark.usefixtures("outputs")
def test_a_stack_of_older_code_lacks_an_output_and_is_not_taken_for_well() -> None:
    older = {**TEMPLATE, "Outputs": {"ApiUrl": {"Value": "https://push.example.com/"}}}
    boto3.client("cloudformation").update_stack(StackName=STACK, TemplateBody=json.dumps(older))
    found = read_stack(session(), STACK, START)
    assert found.dead_letters == Unread("the stack has no output DeadLetters: deploy it again")
    assert found.tables == ()


@pytest.mark.usefixtures("outputs")
def test_a_stack_that_is_not_there_leaves_everything_unread() -> None:
    found = read_stack(boto3.Session(), "softask-other", START)
    values: Json = {name: getattr(found, name) for name in found.__slots__}
    assert {type(value) for value in values.values()} == {Unread}


@pytest.mark.usefixtures("outputs")
def test_a_stack_that_was_named_and_is_not_there_is_never_healthy(url: str) -> None:
    result = run("--url", url, "--stack", "softask-other", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["healthy"]) == (1, False)
    [deployment] = [each for each in told["checks"] if each["check"] == "deployment"]
    assert deployment["verdict"] == "fail"
    assert "softask-other cannot be read: AWS refused DescribeStacks" in deployment["seen"]


def test_a_stack_alone_says_where_its_api_is(
    url: str, outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    template = json.dumps(TEMPLATE).replace(outputs["ApiUrl"], f"{url}/")
    boto3.client("cloudformation").update_stack(StackName=STACK, TemplateBody=template)
    monkeypatch.delenv("SOFTASK_URL", raising=False)
    result = run("--stack", STACK, "--json")
    assert json.loads(result.stdout)["url"] == url
    assert verdicts(result)["reachable"] == "ok"


@pytest.mark.usefixtures("outputs")
def test_a_stack_that_is_not_there_leaves_nothing_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOFTASK_URL", raising=False)
    result = run("--stack", "softask-other", "--json")
    found = verdicts(result)
    # The first fail is the cause.
    assert found.pop("deployment") == "fail"
    assert set(found.values()) == {"not checked"}
    assert result.exit_code == 1


def test_without_credentials_a_stack_s_first_fail_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("SOFTASK_URL", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    told = json.loads(run("--stack", STACK, "--json").stdout)
    [failed] = [each for each in told["checks"] if each["verdict"] == "fail"]
    assert (failed["check"], failed["next"]) == ("deployment", "")
    assert failed["seen"].endswith("name a profile (--profile), or log in")


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ("AWS_DEFAULT_REGION", "name it (--region)"),
        ("AWS_ACCESS_KEY_ID", "name a profile (--profile)"),
    ],
)
def test_what_needs_no_credentials_is_checked_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str, told: str
) -> None:
    monkeypatch.delenv(gone)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    with serving(certificate(tmp_path, datetime(2037, 1, 1, tzinfo=UTC))) as (url, trusted):
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        result = run("--url", url, "--write-key", "any", "--json")
    seen = {each["check"]: each for each in json.loads(result.stdout)["checks"]}
    assert seen["certificate"]["verdict"] == "ok"
    assert seen["write key"]["verdict"] == "fail"  # it is no Softask's
    assert told in seen["keys"]["seen"]
    assert seen["keys"]["verdict"] == "not checked"


@pytest.mark.usefixtures("outputs")
def test_a_stack_is_checked_with_the_dev_server_s_answers(url: str) -> None:
    result = run("--url", url, "--stack", STACK, "--json")
    found = verdicts(result)
    assert (found["dead letters"], found["revision"], found["alarms"]) == ("ok", "ok", "fail")
    assert result.exit_code == 1


# --- over TLS ---


@contextmanager
def serving(file: Path) -> Iterator[tuple[str, Path]]:
    """A server that speaks TLS, and whom to trust for it."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    listening = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    thread = Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listening.server_port}", file
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def test_the_end_of_the_certificate_is_read_from_the_connection(tmp_path: Path) -> None:
    ends = datetime(2037, 1, 1, tzinfo=UTC)
    with serving(certificate(tmp_path, ends)) as (url, trusted):
        trusting = ssl.create_default_context(cafile=trusted)
        with httpx.Client(verify=trusting, trust_env=False, timeout=10) as http:
            found = server.first_call(http, url, times(START, START))
    assert isinstance(found, Answer)
    assert found.certificate_ends == int(ends.timestamp()) * SECOND


def certificate(folder: Path, ends: datetime) -> Path:
    """A self-signed one of 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(ends)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "certificate.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file
