"""Stages: read strictly, each mistake named with its place."""

from hashlib import sha256

import pytest

from infra.stages import StageError, project_context, read_stage

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
        (context(stages={"dev": {}}), r"stages\.dev: Object missing required field `keepData`"),
    ],
)
def test_a_mistake_is_named_with_its_place(broken: dict[str, object], message: str) -> None:
    with pytest.raises(StageError, match=message):
        read_stage(broken)
