"""The runbook: its alarms, commands, links and drills are what the code and the stack have."""

import base64
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore import xform_name
from typer.testing import CliRunner

from cli.commands import consent
from cli.demo.process import dev_server
from cli.doctor.checks import CHECKS
from cli.local_tables import NAMES, create_tables
from cli.main import app as softask
from infra.stages import read_stage
from tests.infra.test_monitoring import NAMES as ALARMS
from tests.integration.conftest import ROOT, Admin, App, Json, items
from tests.integration.test_client_guides import anchors, fenced

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
FLUSH = re.sub("^ {3}", "", PAGE, flags=re.MULTILINE)
"""Blocks of commands within steps stand at the margin, too."""

LINK = re.compile(r"\](?:\(|: )(?!https?:)(?P<path>[^)#\s]*)(?P<anchor>#[^)\s]+)?(?:\)|$)", re.M)
INLINE = re.compile(r"`((?:softask|aws|python -m) [^`]+)`", re.DOTALL)
GLOBAL = ("query", "output", "max-items", "region", "profile")
"""Options that the AWS CLI has everywhere, or makes of a paginator."""

CAMPAIGNS = NAMES["SOFTASK_CAMPAIGNS_TABLE"]
RESTORED = "restored-campaigns"


def commands(program: str) -> list[list[str]]:
    """Every command of the page that names more than its program, in words."""
    lines = [
        line for block in fenced(FLUSH, "sh") for line in block.replace("\\\n", " ").split("\n")
    ]
    lines += [" ".join(found.split()) for found in INLINE.findall(PAGE)]
    called = [re.sub(r"^(?:export )?\w+(?:\(\) \{ |=\$\()", "", line.strip()) for line in lines]
    wanted = [line for line in called if line.startswith(f"{program} ")]
    return [shlex.split(line.removesuffix("; }")) for line in wanted]


def test_every_alarm_of_the_stack_is_in_the_runbook_once_and_nothing_else_is() -> None:
    listed = re.findall(r"^\| \[`([a-z-]+)`\](?:\[\w+\]|\(monitoring\.md#)", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(ALARMS)


def test_every_reference_has_its_link() -> None:
    named = set(re.findall(r"\]\[(\w+)\]", PAGE))
    assert named == set(re.findall(r"^\[(\w+)\]: ", PAGE, re.MULTILINE))


def test_every_alarm_leads_to_three_things_to_do() -> None:
    monitoring = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    for section in monitoring.split("## The alarms", 1)[1].split("\n### ")[1:]:
        heading, text = section.split("\n", 1)
        assert set(re.findall(r"`([a-z-]+)`", heading)) <= ALARMS
        assert re.findall(r"^(\d)\. ", text, re.MULTILINE) == ["1", "2", "3"], heading


def test_every_check_of_the_doctor_is_told_of() -> None:
    rows = re.findall(r"^\| ([a-zOS', ]+) \|", PAGE, re.MULTILINE)
    told = {name.strip() for row in rows for name in row.split(", ")}
    assert {check.name for check in CHECKS} <= told


@pytest.mark.parametrize("link", [found[0] for found in LINK.finditer(PAGE)])
def test_every_link_leads_somewhere(link: str) -> None:
    found = LINK.match(link)
    assert found
    target = (ROOT / "docs" / found["path"]).resolve() if found["path"] else Path(__file__)
    assert target.exists()
    text = target.read_text(encoding="utf-8") if found["path"] else PAGE
    assert found["anchor"] is None or found["anchor"] in anchors(text)


# --- commands ---


@pytest.mark.parametrize("words", commands("softask"), ids=" ".join)
def test_every_command_has_the_options_that_are_shown(words: list[str]) -> None:
    steps = [word for word in words[1:3] if re.fullmatch("[a-z]+", word)]
    grouped = {"campaigns", "keys", "tables", "user", "ledger", "settings"}
    steps = steps if steps[0] in grouped else steps[:1]
    shown = CliRunner().invoke(softask, [*steps, "--help"])
    assert shown.exit_code == 0
    assert {word for word in words if word.startswith("--") and word not in shown.stdout} == set()


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def options(words: list[str]) -> list[str]:
    """Without their dashes, and without those of the CLI itself."""
    found = [word.removeprefix("--") for word in words if word.startswith("--")]
    return [name for name in found if name not in GLOBAL]


def is_said(member: str, shape: Any, said: list[str]) -> bool:
    name = xform_name(member, "-")
    return name in said or (shape.type_name == "boolean" and f"no-{name}" in said)


@pytest.mark.parametrize("words", commands("aws"), ids=" ".join)
def test_every_call_of_aws_is_one_that_it_has(words: list[str]) -> None:
    _, service, name, *rest = words
    if name == "wait":
        waiters = json.loads(_data(service, "waiters-2"))["waiters"]
        assert rest[0] in [xform_name(waiter, "-") for waiter in waiters]
        return
    [operation] = [each for each in model(service).operation_names if xform_name(each, "-") == name]
    shape = model(service).operation_model(operation).input_shape
    said = options(rest)
    known = {xform_name(member, "-") for member in shape.members}
    assert {each for each in said if each.removeprefix("no-") not in known} == set()
    if said:
        missing = [
            member
            for member in shape.required_members
            if not is_said(member, shape.members[member], said)
        ]
        assert missing == []


def _data(service: str, kind: str) -> str:
    loader = botocore.session.get_session().get_component("data_loader")
    return json.dumps(loader.load_service_model(service, kind))


def test_there_are_commands_to_check() -> None:
    assert len(commands("aws")) >= 20
    assert len(commands("softask")) >= 20


def test_the_command_that_stops_popups_names_its_server() -> None:
    first = fenced(PAGE, "sh")[0]
    assert "pause --all" in first
    assert " --url https://" in first


SHELL = [line.strip() for block in fenced(FLUSH, "sh") for line in block.split("\n")]
SET = re.compile(r"(?:^| )([A-Z_]+)=")


def test_every_variable_is_set_before_it_is_used() -> None:
    known = {"SOFTASK_URL", "WRITE_KEY"}
    for line in SHELL:
        values = re.sub(r"^(?:export )?(?:[A-Z_]+=\S* ?)+$", "", line)
        assert set(re.findall(r"\$([A-Z_]{2,})", values)) <= known, line
        known |= set(SET.findall(line))


@pytest.mark.parametrize("block", fenced(FLUSH, "sh"))
def test_every_block_can_be_pasted_into_a_shell(block: str) -> None:
    ran = subprocess.run(
        ["/bin/sh", "-n"], input=block, text=True, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def deployments() -> list[list[str]]:
    return [words[3:] for words in commands("python")]


@pytest.mark.parametrize("words", deployments(), ids=" ".join)
def test_every_deployment_has_settings_that_a_stage_takes(words: list[str]) -> None:
    name, *options = words
    assert name in {"bootstrap", "deploy", "diff", "destroy"}
    said = dict(each.split("=", 1) for each in options if each != "-c")
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    stage = read_stage({**context, "stage": "prod", **said})
    assert stage.name == "prod"
    if "canary" in said:
        assert not stage.canary
    if "domainName" in said:
        assert (stage.domain_name, stage.default_endpoint) == ("", True)
    if "logLevel" in said:
        # Without any change, CloudFormation would start no function anew.
        assert stage.log_level != read_stage({**context, "stage": "prod"}).log_level


def test_there_are_deployments_to_check() -> None:
    assert len(deployments()) >= 8


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(consent, "is_terminal", lambda: False)
    monkeypatch.chdir(ROOT)
    with dev_server() as url:
        monkeypatch.setenv("SOFTASK_URL", url)
        yield url


@pytest.mark.usefixtures("url")
def test_a_bad_campaign_is_taken_back_as_the_page_says() -> None:
    publish = ["campaigns", "publish", "campaigns/push-softask.yaml"]
    assert CliRunner().invoke(softask, publish).exit_code == 0
    [block] = [block for block in fenced(FLUSH, "sh") if "campaigns rollback" in block]
    for line in block.strip().split("\n"):
        ran = CliRunner().invoke(softask, shlex.split(line)[1:])
        assert ran.exit_code == 0, ran.output
    listed = CliRunner().invoke(softask, ["campaigns", "list", "--json"])
    [campaign] = json.loads(listed.stdout)["campaigns"]
    assert (campaign["version"], campaign["status"]) == (0, "active")


@pytest.mark.usefixtures("url")
def test_what_reviewers_are_told_is_published_as_the_page_says() -> None:
    [block] = [block for block in fenced(FLUSH, "sh") if "App Review" in block]
    for line in block.strip().split("\n"):
        ran = CliRunner().invoke(softask, shlex.split(line)[1:])
        assert ran.exit_code == 0, ran.output


# --- LIVE is gone ---

LIVE = {"campaign": {"S": "LIVE"}, "version": {"N": "0"}}


def pause(admin: Admin, way: str = "pause") -> int:
    status, _ = admin.send("POST", f"/v1/admin/campaigns/{{id}}/{way}", "{}", id="push-softask")
    return status


@pytest.fixture
def lost(admin: Admin) -> Admin:
    """A published, paused campaign, a table restored from then, and no LIVE any more."""
    assert pause(admin) == 200
    client = boto3.client("dynamodb")
    create_tables(client, {**NAMES, "SOFTASK_CAMPAIGNS_TABLE": RESTORED})
    for item in items("SOFTASK_CAMPAIGNS_TABLE"):
        client.put_item(TableName=RESTORED, Item=item)
    client.delete_item(TableName=CAMPAIGNS, Key=LIVE)
    return admin


def copy() -> None:
    ran = CliRunner().invoke(softask, ["tables", "copy", RESTORED, CAMPAIGNS, "--yes"])
    assert ran.exit_code == 0, ran.output
    assert ran.output.startswith("1 written")


def status_of(admin: Admin) -> Json:
    [campaign] = admin.call("GET", "/campaigns")["campaigns"]
    return dict(campaign)


def test_without_live_operators_are_told_so_and_nothing_is_changed(lost: Admin) -> None:
    before = items("SOFTASK_CAMPAIGNS_TABLE")
    # What the package says would be wrong: there the campaign was never paused.
    assert pause(lost) == pause(lost, "resume") == 503
    # Where `softask doctor` fails at `campaigns`.
    status, error = lost.send("GET", "/v1/admin/campaigns")
    assert (status, error["code"]) == (503, "live_unusable")
    assert items("SOFTASK_CAMPAIGNS_TABLE") == before


def test_live_is_copied_back_from_a_restored_table(lost: Admin) -> None:
    copy()
    assert status_of(lost)["status"] == "paused"
    assert pause(lost, "resume") == 200


def test_an_older_live_goes_first(lost: Admin) -> None:
    copy()
    client = boto3.client("dynamodb")
    older = client.get_item(TableName=CAMPAIGNS, Key=LIVE)["Item"]
    assert pause(lost, "resume") == 200
    client.put_item(TableName=CAMPAIGNS, Item=older)
    assert pause(lost, "resume") == 503
    # As of a second after that change.
    client.put_item(TableName=RESTORED, Item=newest(older))
    client.delete_item(TableName=CAMPAIGNS, Key=LIVE)
    copy()
    assert status_of(lost)["status"] == "active"
    assert pause(lost) == 200


def newest(older: Any) -> Any:
    """LIVE as the second change left it."""
    body = json.loads(older["body"]["B"])
    body["revision"] = 2
    body["campaigns"]["push-softask"].pop("status")
    return {**older, "revision": {"N": "2"}, "body": {"B": json.dumps(body).encode()}}


def test_live_is_written_anew_by_the_code_of_the_page(
    lost: Admin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [code] = fenced(PAGE, "python")
    monkeypatch.chdir(tmp_path)
    changed = code.replace('"revision": 12', '"revision": 1')
    changed = changed.replace('{"version": 3, "newest": 3}', '{"version": 0, "newest": 0}')
    exec(changed, {})  # noqa: S102 - the page's own code
    item = json.loads((tmp_path / "live.json").read_text())
    item["body"]["B"] = base64.b64decode(item["body"]["B"])
    boto3.client("dynamodb").put_item(
        TableName=CAMPAIGNS, Item=item, ConditionExpression="attribute_not_exists(campaign)"
    )
    assert status_of(lost)["version"] == 0
    assert pause(lost) == 200
    assert [key["use"] for key in lost.call("GET", "/keys")["keys"]] == ["write"]


# --- a whole table is gone ---

OLD = {variable: f"old-{name}" for variable, name in NAMES.items()}
SHORT = {
    "PROFILES": "SOFTASK_PROFILES_TABLE",
    "WINDOWS": "SOFTASK_WINDOWS_TABLE",
    "CAMPAIGNS": "SOFTASK_CAMPAIGNS_TABLE",
    "LEDGER": "SOFTASK_LEDGER_TABLE",
    "COUNTERS": "SOFTASK_COUNTERS_TABLE",
}


def copies() -> list[list[str]]:
    """The page's commands, with what the shell makes of its variables."""
    [block] = [block for block in fenced(FLUSH, "sh") if '"$OLD_LEDGER"' in block]
    named = {f"${short}": NAMES[variable] for short, variable in SHORT.items()}
    named |= {f"$OLD_{short}": OLD[variable] for short, variable in SHORT.items()}
    lines = [shlex.split(line) for line in block.strip().split("\n")]
    return [[named.get(word, word) for word in words[1:]] for words in lines]


def test_all_tables_come_back_in_their_order(app: App, admin: Admin) -> None:
    offer = app.value_moment("u1")
    assert offer
    app.outcome("Shown", offer)
    assert pause(admin) == 200
    client = boto3.client("dynamodb")
    create_tables(client, OLD)
    whole = {variable: items(variable) for variable in NAMES}
    for variable, found in whole.items():
        for item in found:
            client.put_item(TableName=OLD[variable], Item=item)
        empty(variable)
    assert [command[2] for command in copies()] == [
        OLD[SHORT[short]] for short in ("LEDGER", "COUNTERS", "PROFILES", "WINDOWS", "CAMPAIGNS")
    ]

    for command in copies():
        ran = CliRunner().invoke(softask, [*command, "--yes"])
        assert ran.exit_code == 0, ran.output

    assert {variable: items(variable) for variable in NAMES} == whole
    assert app.profile("u1").progress
    assert status_of(admin)["status"] == "paused"


def empty(variable: str) -> None:
    client = boto3.client("dynamodb")
    keys = client.describe_table(TableName=NAMES[variable])["Table"]["KeySchema"]
    for item in items(variable):
        key = {each["AttributeName"]: item[each["AttributeName"]] for each in keys}
        client.delete_item(TableName=NAMES[variable], Key=key)
