"""The restore drill: a restored table is copied back, and nobody who was deleted comes with it."""

import os
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from cli.local_tables import NAMES, create_tables
from cli.main import app as softask
from functions.core.model import User
from functions.store import profiles
from tests.integration.conftest import Admin, App, items

PROFILES = NAMES["SOFTASK_PROFILES_TABLE"]
WINDOWS = NAMES["SOFTASK_WINDOWS_TABLE"]
RESTORED = {variable: f"{name}-restored" for variable, name in NAMES.items()}
CAMPAIGNS = NAMES["SOFTASK_CAMPAIGNS_TABLE"]
OLD_CAMPAIGNS = RESTORED["SOFTASK_CAMPAIGNS_TABLE"]
OLD_PROFILES = RESTORED["SOFTASK_PROFILES_TABLE"]
OLD_WINDOWS = RESTORED["SOFTASK_WINDOWS_TABLE"]


def run(*arguments: str, code: int = 0) -> str:
    result: Result = CliRunner().invoke(softask, ["tables", *arguments])
    assert result.exit_code == code, result.output
    return str(result.output)


@pytest.fixture
def asked(app: App) -> App:
    """Three users who were shown the popup, and what a restore makes of that moment."""
    for user in ("u1", "u2", "u3"):
        offer = app.value_moment(user, device=f"d-{user}")
        assert offer
        app.outcome("Shown", offer, user=user, device=f"d-{user}")
    client = boto3.client("dynamodb")
    create_tables(client, RESTORED)
    for variable in ("SOFTASK_PROFILES_TABLE", "SOFTASK_WINDOWS_TABLE"):
        for item in items(variable):
            client.put_item(TableName=RESTORED[variable], Item=item)
    return app


def key(user: str) -> dict[str, Any]:
    return {"user_key": {"S": profiles.load(User("user", user), 0).key}}


def lose(user: str) -> None:
    boto3.client("dynamodb").delete_item(TableName=PROFILES, Key=key(user))


def test_what_is_missing_comes_back_and_what_is_there_stays(asked: App) -> None:
    lose("u1")
    asked.track("PushSoftAskDeclined", "u2", "d-u2")
    assert run("compare", OLD_PROFILES, PROFILES) == "1 the same, 1 differ, 1 missing.\n"

    told = run("copy", OLD_PROFILES, PROFILES, "--yes")

    assert told == "1 written, 2 were there, 0 of deleted users left out.\n"
    assert asked.profile("u1").progress["push-softask"].attempts
    assert run("compare", OLD_PROFILES, PROFILES) == "2 the same, 1 differ, 0 missing.\n"
    assert asked.value_moment("u1", "d-u1", messageId="again") is None
    again = run("copy", OLD_PROFILES, PROFILES, "--yes")
    assert again == "0 written, 3 were there, 0 of deleted users left out.\n"


def test_to_replace_takes_back_what_was_written_since_but_no_deletion(
    asked: App, admin: Admin
) -> None:
    before = asked.profile("u2")
    asked.track("PushSoftAskDeclined", "u2", "d-u2")
    admin.call("DELETE", "/users/{id}", id="u3")

    told = run("copy", OLD_PROFILES, PROFILES, "--replace", "--yes")

    assert told == "2 written, 1 were there, 0 of deleted users left out.\n"
    assert asked.profile("u2") == before
    assert profiles.load(User("user", "u3"), asked.now).is_deleted


def test_to_replace_never_puts_an_older_live_over_a_newer(admin: Admin) -> None:
    admin.call("POST", "/campaigns/{id}/pause", id="push-softask")
    client = boto3.client("dynamodb")
    create_tables(client, RESTORED)
    for item in items("SOFTASK_CAMPAIGNS_TABLE"):
        client.put_item(TableName=OLD_CAMPAIGNS, Item=item)
    same = run("copy", OLD_CAMPAIGNS, CAMPAIGNS, "--replace", "--yes")
    assert same.endswith("written, 0 were there, 0 of deleted users left out.\n")
    admin.call("POST", "/campaigns/{id}/resume", id="push-softask")
    now = items("SOFTASK_CAMPAIGNS_TABLE")

    told = run("copy", OLD_CAMPAIGNS, CAMPAIGNS, "--replace", "--yes")

    assert told.endswith("written, 1 were there, 0 of deleted users left out.\n")
    assert items("SOFTASK_CAMPAIGNS_TABLE") == now


@pytest.mark.usefixtures("asked")
def test_other_tables_leave_out_whom_the_live_profiles_know_as_deleted(admin: Admin) -> None:
    admin.call("DELETE", "/users/{id}", id="u3")
    client = boto3.client("dynamodb")
    for item in items("SOFTASK_WINDOWS_TABLE"):
        own = {name: item[name] for name in ("user_key", "campaign")}
        client.delete_item(TableName=WINDOWS, Key=own)

    told = run("copy", OLD_WINDOWS, WINDOWS, "--deleted-in", PROFILES, "--yes")

    assert told == "2 written, 0 were there, 1 of deleted users left out.\n"
    assert key("u3")["user_key"] not in [
        item["user_key"] for item in items("SOFTASK_WINDOWS_TABLE")
    ]


@pytest.mark.usefixtures("asked")
def test_tables_of_different_keys_are_not_mixed_up() -> None:
    assert "different keys" in run("copy", OLD_PROFILES, WINDOWS, "--yes", code=2)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((OLD_PROFILES, ""), "name is empty"),
        (("", PROFILES), "name is empty"),
        ((OLD_PROFILES, PROFILES, "--deleted-in", ""), "name is empty"),
        ((PROFILES, PROFILES), f"{PROFILES} is both"),
    ],
)
def test_a_table_without_a_name_and_one_that_is_both_are_refused(
    arguments: tuple[str, ...], told: str
) -> None:
    assert told in run("copy", *arguments, "--yes", code=2)


@pytest.mark.usefixtures("asked")
def test_nothing_is_written_unasked_and_what_aws_refuses_is_told() -> None:
    assert "say --yes" in run("copy", OLD_PROFILES, PROFILES, code=2)
    gone = run("compare", "no-such-table", PROFILES, code=1)
    assert gone.startswith("AWS refused DescribeTable (ResourceNotFoundException): ")


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ("AWS_DEFAULT_REGION", "name it (--region)"),
        ("AWS_ACCESS_KEY_ID", "name a profile (--profile)"),
    ],
)
def test_what_aws_needs_to_know_is_asked_for_by_its_option(
    monkeypatch: pytest.MonkeyPatch, gone: str, told: str
) -> None:
    monkeypatch.delenv(gone)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    assert told in run("compare", OLD_PROFILES, PROFILES, code=2)


def test_a_profile_that_is_not_there_is_told_in_its_own_words() -> None:
    told = run("compare", OLD_PROFILES, PROFILES, "--profile", "nobody", code=2)
    assert told.startswith("There is no AWS profile nobody here")
