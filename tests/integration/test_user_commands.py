"""`softask user export` and `delete`, over the admin function as it answers."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli import remote
from cli.commands import consent
from cli.commands import users as command
from cli.main import app as softask
from cli.remote import Remote
from functions.admin import users
from functions.store.profiles import ProfileItem
from tests.integration.conftest import Admin, App, Database
from tests.integration.privacy import (
    decline,
    delete,
    everything,
    export,
    install,
    join,
    known,
    live,
)

ROUTE = "/v1/admin/users/{id}"


class Bridge:
    """From HTTP to the admin function; `before` may do something before a request."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == ROUTE.format(id="-")
        self.asked.append(request.method)
        self.before(len(self.asked))
        query = dict(request.url.params)
        status, body = self._admin.send(request.method, ROUTE, query=query, id="-")
        return httpx.Response(status, json=body, headers=self._admin.headers)

    def before(self, request: int) -> None:
        """Nothing, unless a test replaces it."""


@pytest.fixture(autouse=True)
def bridge(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> Bridge:
    bridge = Bridge(admin)
    monkeypatch.setattr(remote, "Remote", partial(Remote, transport=httpx.MockTransport(bridge)))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("SOFTASK_URL", raising=False)
    return bridge


@pytest.fixture
def lived(app: App) -> App:
    live(app)
    return app


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(softask, ["user", *arguments], input=answer)


def said(*arguments: str, exit_code: int = 0, **more: Any) -> str:
    result = run(*arguments, **more)
    assert result.exit_code == exit_code, result.output
    return str(result.output)


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent, "is_terminal", lambda: True)


# --- export ---


@pytest.mark.usefixtures("lived")
def test_an_export_is_read_in_tables() -> None:
    shown = said("export", "u1")
    assert shown.startswith("u1\n")
    assert f"The tables and the logs know the user as {known()}." in shown
    assert "first seen 2026-11-21 10:00 UTC" in shown
    for title in ("attributes", "anonymous ids", "devices", "events", "campaigns",
                  "last decisions", "retry windows", "facts"):  # fmt: skip
        assert f"\n{title}\n" in shown
    assert "plan  2026-11-21 10:00 UTC  pro" in shown
    assert "2026-12-05 10:00 UTC  push-softask" in shown
    assert shown.count("offered") == 3


def test_what_a_user_has_none_of_is_no_table(app: App) -> None:
    app.post("/v1/identify", {"userId": "u1", "traits": {"level": 3, "tags": ["a"]}})
    shown = said("export", "u1")
    assert "level  2026-11-21 10:00 UTC  3\n" in shown
    assert '["a"]' in shown
    for title in ("anonymous ids", "events", "campaigns", "retry windows", "facts"):
        assert f"\n{title}\n" not in shown


@pytest.mark.usefixtures("lived")
def test_an_anonymous_id_says_whom_it_became() -> None:
    assert said("export", "a1", "--anonymous").startswith("a1 became u1\n")


def test_of_an_unknown_user_nothing_is_held() -> None:
    spelling = "An id has its exact spelling; an anonymous id needs --anonymous."
    nothing = f"Nothing is held of that user. {spelling}\n"
    assert said("export", "nobody") == nothing


@pytest.mark.usefixtures("lived")
def test_the_whole_of_it_is_written_to_a_file(admin: Admin, tmp_path: Path) -> None:
    file = tmp_path / "u1.json"
    told = said("export", "u1", "--json", str(file))
    assert told.endswith("u1.json: 1 profile, 2 anonymous ids, 1 retry window, 8 facts\n")
    assert json.loads(file.read_text()) == export(admin)
    assert json.loads(said("export", "u1", "--json", "-")) == export(admin)


@pytest.mark.usefixtures("lived")
def test_of_a_deleted_user_the_file_holds_the_dates_alone(admin: Admin, tmp_path: Path) -> None:
    delete(admin)
    file = tmp_path / "u1.json"
    assert "u1 was deleted at 2026-11-21 10:00 UTC" in said("export", "u1", "--json", str(file))
    assert json.loads(file.read_text()) == export(admin)


@pytest.mark.usefixtures("lived")
def test_facts_without_a_profile_are_shown() -> None:
    ProfileItem(known()).delete(add_version_condition=False)
    shown = said("export", "u1")
    assert "\nfacts\n" in shown
    assert "Profile:" not in shown


@pytest.mark.usefixtures("lived")
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    told = said("export", "u1", "--json", str(tmp_path / "no" / "u1.json"), exit_code=2)
    assert "u1.json: No such file or directory" in told


@pytest.mark.usefixtures("lived")
@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_long_export_is_put_together(
    admin: Admin, bridge: Bridge, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    whole = export(admin)
    monkeypatch.setattr(users, "MOST_FACTS", most)
    monkeypatch.setattr(command, "_is_terminal", lambda: True)
    put_together = json.loads(run("export", "u1", "--json", "-").stdout)
    by_id = lambda fact: (fact["id"], fact.get("anonymousId", ""))  # noqa: E731 - a key, twice
    assert len(bridge.asked) == -(-8 // most)
    assert sorted(put_together.pop("facts"), key=by_id) == sorted(whole.pop("facts"), key=by_id)
    assert put_together == whole


@pytest.mark.usefixtures("lived")
def test_a_user_who_is_deleted_meanwhile_is_told_as_deleted(
    admin: Admin, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "MOST_FACTS", 2)
    monkeypatch.setattr(bridge, "before", lambda request: delete(admin) if request == 2 else None)
    exported = json.loads(said("export", "u1", "--json", "-"))
    assert (exported["isKnown"], exported["facts"]) == (False, [])
    assert exported["deleted"]["at"] == "2026-11-21T10:00:00Z"


def test_an_anonymous_id_that_becomes_a_user_meanwhile_is_read_anew(
    app: App, admin: Admin, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(app, "a1")
    decline(app)
    monkeypatch.setattr(users, "MOST_FACTS", 1)
    monkeypatch.setattr(bridge, "before", lambda request: join("a1") if request == 2 else None)
    exported = json.loads(said("export", "a1", "--anonymous", "--json", "-"))
    assert (exported["becameUserId"], len(exported["facts"])) == ("u1", 6)
    assert admin.pauses == []


# --- delete ---


@pytest.mark.usefixtures("lived", "on_a_terminal")
def test_a_deletion_says_what_will_go_and_asks(admin: Admin) -> None:
    before = everything()
    told = said("delete", "u1", answer="n\n", exit_code=1)
    assert "What goes, for good: 1 profile, 2 anonymous ids, 1 retry window, 8 facts." in told
    assert "Events of that user that come late are refused for 30 days." in told
    assert "Delete u1? [y/N]" in told
    assert "Nothing was deleted." in told
    assert everything() == before
    told = said("delete", "u1", answer="y\n")
    assert "u1 is deleted. What went: 1 profile, 2 anonymous ids, 1 retry window, 8 facts." in told
    assert "Events that come late are refused until 2026-12-21 10:00 UTC." in told
    assert export(admin)["deleted"]


@pytest.mark.usefixtures("lived")
def test_without_anybody_to_ask_yes_must_be_said(bridge: Bridge) -> None:
    assert "say --yes" in said("delete", "u1", exit_code=2)
    assert bridge.asked == []
    assert "u1 is deleted." in said("delete", "u1", "--yes")
    assert bridge.asked == ["DELETE"]


@pytest.mark.usefixtures("lived", "on_a_terminal")
def test_an_anonymous_id_asks_for_the_user_whom_it_became() -> None:
    told = said("delete", "a1", "--anonymous", answer="y\n")
    assert "a1 became u1, who will be deleted." in told
    assert "a1 became u1, who was deleted." in told
    assert "u1 is deleted. What went: 1 profile" in told


@pytest.mark.usefixtures("lived", "on_a_terminal")
def test_a_deleted_user_is_said_to_be_so_and_may_be_finished(admin: Admin) -> None:
    delete(admin)
    is_gone = "u1 was deleted at 2026-11-21 10:00 UTC, and nothing is held."
    assert is_gone in said("export", "u1").replace("\n", " ")
    told = said("delete", "u1", answer="y\n").replace("\n", " ")
    assert is_gone in told
    assert "What may be left will go. The 30 days are not renewed." in told
    assert "Nothing was held of u1." in told


@pytest.mark.usefixtures("lived", "on_a_terminal")
def test_more_facts_than_a_part_holds_are_said_to_be_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(users, "MOST_FACTS", 2)
    told = said("delete", "u1", answer="n\n", exit_code=1)
    assert "1 profile, 2 anonymous ids, 1 retry window, 2 facts and more." in told


@pytest.mark.usefixtures("lived")
def test_the_server_s_answer_is_printed_as_it_came() -> None:
    answer = json.loads(said("delete", "u1", "--yes", "--json"))
    assert (answer["deletedAt"], answer["deleted"]["facts"]) == ("2026-11-21T10:00:00Z", 8)


def test_an_id_cannot_steer_the_terminal(app: App) -> None:
    decline(app, "u\x1b[31m/?")
    assert said("export", "u\x1b[31m/?").startswith("u\\x1b[31m/?\n")
    assert "u\\x1b[31m/? is deleted." in said("delete", "u\x1b[31m/?", "--yes")


@pytest.mark.usefixtures("lived")
def test_throttled_the_same_command_goes_on(database: Database) -> None:
    database.refuse("TransactWriteItems", "ThrottlingException")
    assert "Send the same call again." in said("delete", "u1", "--yes", exit_code=1)
    database._refusals.clear()
    assert "u1 is deleted." in said("delete", "u1", "--yes")
