"""Stages: read strictly, each mistake named with its place."""

import re
from hashlib import sha256

import msgspec
import pytest

from infra.stages import ROOT, Stage, StageError, checked, project_context, read_stage

HASH = sha256(b"key").hexdigest()


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
    with pytest.raises(StageError, match=r"-c: Expected `str` matching .*allowOrigins\[0\]"):
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


@pytest.mark.parametrize("made", [Stage(name="Shop"), Stage(name="shop", throttle_rate=0)])
def test_a_stage_made_in_python_is_checked_too(made: Stage) -> None:
    with pytest.raises(StageError, match=r"^Stage: "):
        checked(made)


def test_the_document_tells_of_every_setting() -> None:
    text = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert told == {field.encode_name for field in msgspec.structs.fields(Stage)} - {"name"}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (context(stage="qa"), r"-c stage=qa: unknown stage; .* has: dev, prod"),
        (context(stages=None), r"unknown stage; .* has: none"),
        (context(snapstart="true"), r"context key 'snapstart' .*: unknown; use: .*snapStart"),
        (context(snapStart="perhaps"), r"-c: Expected `bool`, got `str` - at `\$\.snapStart`"),
        (context(writeKeyHashes="secret"), r"-c: Expected `str` matching .*writeKeyHashes\[0\]"),
        (with_setting("colour", "red"), r"cdk\.json: context\.stages\.dev: .* `colour`"),
        (with_setting("throttleRate", 0), r"stages\.dev: Expected `int` >= 1 .*throttleRate"),
        (with_setting("logRetention", "A_DAY"), r"stages\.dev: Invalid enum value 'A_DAY'"),
        (with_setting("name", "other"), r"stages\.dev: expected settings, without a name"),
        (context(stages={"dev": "small"}), r"stages\.dev: expected settings"),
        (with_setting("monthlyBudget", 50), r"stages\.dev: monthlyBudget needs alarmEmail"),
        (context(domainName="push.example.com"), "domainName and certificateArn go together"),
        (context(certificateArn="arn:aws:acm:x"), "domainName and certificateArn go together"),
        (context(hostedZoneId="Z1"), "hostedZoneId needs domainName"),
        (context(defaultEndpoint="false"), "defaultEndpoint=false needs domainName"),
        (context(domainName="https://push.example.com"), r"-c: .*domainName"),
        (context(certificateArn="push"), r"-c: .*certificateArn"),
        (context(auth="on"), r"-c: Invalid enum value 'on' - at `\$\.auth`"),
        (context(monthlyBudget="0"), r"-c: Expected `int` >= 1 .*monthlyBudget"),
        (context(reservedConcurrency="0"), r"-c: Expected `int` >= 1 .*reservedConcurrency"),
    ],
)
def test_a_mistake_is_named_with_its_place(broken: dict[str, object], message: str) -> None:
    with pytest.raises(StageError, match=message):
        read_stage(broken)
