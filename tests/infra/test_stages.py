"""Stages: read strictly, each mistake named with its place."""

import re
from hashlib import sha256

import msgspec
import pytest

from infra.stages import ROOT, Stage, StageError, checked, project_context, read_stage

HASH = sha256(b"key").hexdigest()
SETTINGS = sorted({field.encode_name for field in msgspec.structs.fields(Stage)} - {"name"})


def context(**changes: object) -> dict[str, object]:
    return {**project_context(), **changes}


def with_setting(key: str, value: object) -> dict[str, object]:
    """The project's context with one setting of dev replaced in the file."""
    stages = project_context()["stages"]
    assert isinstance(stages, dict)
    return context(stages={**stages, "dev": {**stages["dev"], key: value}})


def test_dev_is_the_default_and_prod_is_asked_for() -> None:
    assert read_stage(context()).name == "dev"
    assert read_stage(context(stage="prod")).name == "prod"


def test_prod_protects_what_dev_throws_away() -> None:
    assert not read_stage(context()).keep_data
    assert read_stage(context(stage="prod")).keep_data


def test_the_command_line_replaces_a_setting_for_one_run() -> None:
    stage = read_stage(context(stage="prod", snapStart="false", throttleRate="7"))
    assert (stage.snap_start, stage.throttle_rate) == (False, 7)


def test_a_stage_may_be_deployed_without_its_name_for_one_run() -> None:
    named = {"domainName": "push.example.com", "certificateArn": "arn:aws:acm:x"}
    stages = {"prod": {**named, "hostedZoneId": "Z1", "defaultEndpoint": False}}
    unnamed = {
        "domainName": "",
        "certificateArn": "",
        "hostedZoneId": "",
        "defaultEndpoint": "true",
    }
    stage = read_stage(context(stage="prod", stages=stages, **unnamed))
    assert (stage.domain_name, stage.default_endpoint) == ("", True)


@pytest.mark.parametrize(
    ("given", "read"),
    [("", ()), (HASH, (HASH,)), (f"{HASH}, {HASH[::-1]}", (HASH, HASH[::-1]))],
)
def test_write_key_hashes_come_as_a_list_separated_by_commas(
    given: str, read: tuple[str, ...]
) -> None:
    assert read_stage(context(writeKeyHashes=given)).write_key_hashes == read


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("", ()),
        ("*", ("*",)),
        (
            "https://a.example, http://localhost:3000",
            ("https://a.example", "http://localhost:3000"),
        ),
        (["https://a.example"], ("https://a.example",)),
    ],
)
def test_origins_come_as_a_list_or_as_text_separated_by_commas(
    given: object, read: tuple[str, ...]
) -> None:
    assert read_stage(context(allowOrigins=given)).allow_origins == read


@pytest.mark.parametrize(
    "origin",
    [
        "app.example.com",
        "https://",
        "https://a.example/",
        "https://a.example/x",
        "https://a b",
        "https://*.example",
        "https://a:port",
        "https://u@a.example",
        "null",
        "**",
    ],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(StageError, match=r"^-c: allowOrigins\[0\] takes an origin such as https:"):
        read_stage(context(allowOrigins=[origin]))


def test_cdk_s_own_context_is_left_alone() -> None:
    own = {"aws:cdk:bundling-stacks": [], "@aws-cdk/core:x": True, "cli-telemetry": False}
    assert read_stage(context(**own)) == read_stage(context())


def test_prod_asks_for_tokens_and_dev_does_not_look_at_them() -> None:
    assert read_stage(context()).auth == "off"
    assert read_stage(context(stage="prod")).auth == "enforce"


def test_what_a_stage_leaves_out_is_as_a_production_needs_it() -> None:
    stage = read_stage(context(stage="new", stages={"new": {}}))
    assert stage == Stage(name="new")
    assert (stage.keep_data, stage.auth, stage.log_level) == (True, "enforce", "INFO")


@pytest.mark.parametrize("name", [name for name in SETTINGS if name not in ("keepData",)])
def test_no_mistake_repeats_what_was_given(name: str) -> None:
    """What is given as a hash may be the key itself."""
    with pytest.raises(StageError) as caught:
        read_stage(context(**{name: "\0secret"}))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("printed", [b"", b"\n"])
def test_the_hash_of_nothing_is_no_write_key(printed: bytes) -> None:
    """What a shell makes of a variable that is not set, by `printf` or `echo`."""
    nothing = sha256(printed).hexdigest()
    with pytest.raises(StageError, match=r"writeKeyHashes.*of nothing.*set\?"):
        read_stage(context(writeKeyHashes=f"{HASH},{nothing}"))


def test_a_stage_keeps_its_salt_where_it_takes_tables_over() -> None:
    assert read_stage(context()).salt == ""
    given = "prod/000000000000/eu-west-1"
    assert read_stage(context(salt=given)).salt == given


@pytest.mark.parametrize(
    "salt",
    [
        "prod/00000000000/eu-west-1",
        "prod/000000000000",
        "prod/000000000000/",
        "prod/000000000000/eu west 1",
        "/000000000000/eu-west-1",
        "prod/000000000000/eu-west-1 ",
        "prod/000000000000/eu-west-1\n",
    ],
)
def test_a_salt_that_no_deployment_ever_had_is_refused(salt: str) -> None:
    with pytest.raises(StageError, match="salt takes"):
        read_stage(context(salt=salt))


@pytest.mark.parametrize("made", [Stage(name="Shop"), Stage(name="shop", throttle_rate=0)])
def test_a_stage_made_in_python_is_checked_too(made: Stage) -> None:
    with pytest.raises(StageError, match=r"^Stage: "):
        checked(made)


def test_the_document_tells_of_every_setting() -> None:
    text = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    table = text.split("\n## Settings\n")[1].split("\n#")[0]
    rows = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert told == set(SETTINGS)


@pytest.mark.parametrize(
    ("setting", "given", "takes"),
    [
        ("auth", "on", "off, observe or enforce"),
        ("logLevel", "TRACE", "DEBUG, INFO, WARN or ERROR"),
        ("architecture", "arm", "arm64 or x86_64"),
        ("monthlyBudget", "0", "a whole number from 1 to 1,000,000"),
        ("monthlyBudget", "9.5", "a whole number from 1 to 1,000,000"),
        ("throttleRate", "1000001", "a whole number from 1 to 1,000,000"),
        ("throttleBurst", "many", "a whole number from 1 to 1,000,000"),
        ("reservedConcurrency", "0", "a whole number from 1 to 1,000,000"),
        ("snapStart", "perhaps", "true or false"),
        ("publicHost", "https://push.example.com/", "a host name such as push.example.com, "),
        ("domainName", "https://push.example.com", "a host name such as push.example.com, "),
        ("certificateArn", "push", "the ARN of a certificate"),
        ("hostedZoneId", "push.example.com", "the id of a zone in Route 53"),
        ("salt", "prod", "the salt that the tables' keys were made with, which is stage/account/"),
        ("alarmEmail", "ops", "an address such as ops@example.com"),
        ("alarmEmail", "ops@example.com\n", "an address such as ops@example.com"),
        ("publicHost", "push.example.com\n", "a host name such as push.example.com, "),
        ("hostedZoneId", "Z1\n", "the id of a zone in Route 53"),
    ],
)
def test_a_wrong_value_is_answered_with_what_is_taken(setting: str, given: str, takes: str) -> None:
    with pytest.raises(StageError) as caught:
        read_stage(context(**{setting: given}))
    assert str(caught.value).startswith(f"-c: {setting} takes {takes}")


def test_every_setting_says_what_it_takes() -> None:
    for setting in SETTINGS:
        with pytest.raises(StageError, match=rf"^-c: {setting}(\[0\])? takes \S.+\S$"):
            read_stage(context(**{setting: ["\0"]}))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (context(stage="qa"), r"-c stage=qa: unknown stage; .* has: dev, prod"),
        (context(stages=None), r"unknown stage; .* has: none"),
        (context(snapstart="true"), r"context key 'snapstart': unknown; use: .*snapStart"),
        (
            context(writeKeyHashes="secret"),
            r"-c: writeKeyHashes\[0\] takes the SHA-256 .*sha256sum",
        ),
        (
            with_setting("colour", "red"),
            r"cdk\.json: .*stages\.dev: .*'colour': unknown; use: .*auth",
        ),
        (with_setting("throttleRate", 0), r"stages\.dev: throttleRate takes"),
        (with_setting("logRetention", "A_DAY"), r"stages\.dev: logRetention takes ONE_WEEK, "),
        (with_setting("name", "other"), r"stages\.dev: expected settings, without a name"),
        (context(stages={"dev": "small"}), r"stages\.dev: expected settings"),
        (with_setting("monthlyBudget", 50), r"stages\.dev: monthlyBudget needs alarmEmail"),
        (context(domainName="push.example.com"), "domainName and certificateArn go together"),
        (context(certificateArn="arn:aws:acm:x"), "domainName and certificateArn go together"),
        (context(hostedZoneId="Z1"), "hostedZoneId needs domainName"),
        (context(defaultEndpoint="false"), "defaultEndpoint=false needs domainName"),
    ],
)
def test_a_mistake_is_named_with_its_place(broken: dict[str, object], message: str) -> None:
    with pytest.raises(StageError, match=message):
        read_stage(broken)
