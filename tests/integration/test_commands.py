"""The operator's commands, against a server whose answers each test writes down."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import yaml
from typer.testing import CliRunner

from cli import remote
from cli.campaigns import read_campaign, read_settings
from cli.canonical import canonical, to_yaml
from cli.commands import consent
from cli.main import app
from cli.remote import Remote

Json = dict[str, Any]

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
SETTINGS = CAMPAIGNS / "settings.yaml"
SOFTASK = CAMPAIGNS / "push-softask.yaml"

ONE = "/v1/admin/campaigns/push-softask"
AT = "at http://127.0.0.1:8080"
NOT_FOUND = (
    404,
    {"code": "not_found", "message": "There is no campaign 'push-softask'.", "field": "id"},
)


class Server:
    """Answers each route as it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Json]] = {}
        self.asked: list[tuple[str, Json]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        route = f"{request.method} {request.url.raw_path.decode()}"
        self.asked.append((route, json.loads(request.content or "{}")))
        status, body = self.answers.get(route, (404, {"message": f"Not Found: {route}"}))
        return httpx.Response(status, json=body)

    def says(self, route: str, http: int = 200, /, **body: Any) -> None:
        self.answers[route] = (http, body)

    def changes(self) -> list[tuple[str, Json]]:
        return [(route, body) for route, body in self.asked if not route.startswith("GET")]


def file_of(path: Path = SOFTASK) -> Json:
    """A campaign as the server stores it: with every default said."""
    campaign = read_campaign(path, read_settings(SETTINGS))
    stored: Json = msgspec.json.decode(msgspec.json.encode(campaign))
    return stored


def stored(version: int, **more: Any) -> Json:
    """What the server says of one version."""
    return {
        "success": True,
        "id": "push-softask",
        "version": version,
        "status": "active",
        "isLive": True,
        "draft": None,
        "publishedAt": "2026-11-20T09:30:00Z",
        "publishedBy": "arn:aws:sts::123456789012:assumed-role/Growth/anna",
        "reason": "warmer copy",
        "campaign": file_of(),
        **more,
    }


def listed(version: int, **more: Any) -> Json:
    """What the server says of one version among others."""
    about = stored(version, isDraft=False, **more)
    return {key: about[key] for key in about if key not in ("success", "id", "draft", "campaign")}


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server on which version 3 of the shipped campaign is live."""
    server = Server()
    monkeypatch.setattr(remote, "Remote", partial(Remote, transport=httpx.MockTransport(server)))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("SOFTASK_URL", raising=False)
    settings = msgspec.json.decode(msgspec.json.encode(read_settings(SETTINGS)))
    server.says(
        "GET /v1/admin/settings",
        revision=7,
        settings=settings,
        changedAt=None,
        changedBy=None,
        reason=None,
    )
    server.says(f"GET {ONE}", **stored(3))
    server.says(f"GET {ONE}/versions", versions=[listed(3)])
    return server


@pytest.fixture
def warmer(tmp_path: Path) -> Path:
    """The shipped campaign with another title."""
    path = tmp_path / "warmer.yaml"
    path.write_text(SOFTASK.read_text().replace("Get daily", "Want your daily"))
    return path


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    path = tmp_path / "draft.yaml"
    path.write_text(SOFTASK.read_text().replace("status: active", "status: draft"))
    return path


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at a terminal."""
    monkeypatch.setattr(consent, "is_terminal", lambda: True)


def softask(*arguments: str | Path, typed: str = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


# --- campaigns list, show, versions ---


def test_the_list_says_what_holds_of_each_campaign(server: Server) -> None:
    about = {**listed(3), "kind": "push", "priority": 0, "rollout": 100.0, "draft": 4}
    shipped = {"publishedAt": None, "publishedBy": None, "reason": None}
    server.says(
        "GET /v1/admin/campaigns",
        revision=7,
        paused=True,
        campaigns=[
            {**about, **shipped, "id": "a", "version": 0, "draft": None, "status": "paused"},
            {**about, "id": "push-softask"},
        ],
    )
    code, out, _ = softask("campaigns", "list")

    assert code == 0
    assert out.splitlines() == [
        "Everything is paused: softask campaigns resume --all",
        "campaign      version  status  draft  rollout  published",
        "a             0        paused  -      100 %    shipped with the deploy",
        "push-softask  3        active  4      100 %    2026-11-20 09:30 UTC by anna:",
        "                                               warmer copy",
    ]


def test_a_campaign_is_shown_as_the_file_that_would_publish_it(
    server: Server, tmp_path: Path
) -> None:
    _, out, _ = softask("campaigns", "show", "push-softask")
    path = tmp_path / "shown.yaml"
    path.write_text(out)

    assert out.startswith(
        "# version 3, active, live\n# published 2026-11-20 09:30 UTC by anna: warmer copy\nid:"
    )
    assert file_of(path) == file_of()
    assert softask("campaigns", "publish", path) == (
        0,
        f"push-softask: unchanged (version 3, active) {AT}\n",
        "",
    )
    assert server.changes() == []


def test_the_file_alone_has_no_defaults_and_no_comments() -> None:
    _, out, _ = softask("campaigns", "show", "push-softask", "--yaml")

    assert out.startswith("id: push-softask\nstatus: active\ntrigger:\n")
    assert "priority" not in out
    assert "null" not in out


def test_a_version_of_another_release_is_shown_as_it_stands(server: Server) -> None:
    server.says(f"GET {ONE}?version=9", **stored(9, isLive=False, campaign={"new": [1]}))

    assert softask("campaigns", "show", "push-softask", "--version", "9", "--yaml")[1] == (
        "new:\n- 1\n"
    )


def test_a_reason_cannot_leave_its_comment_or_steer_the_terminal(server: Server) -> None:
    server.says(f"GET {ONE}", **stored(3, reason="x\nid: other\x1b[2J"))
    _, out, _ = softask("campaigns", "show", "push-softask")

    assert r"anna: x\nid: other\x1b[2J" in out.splitlines()[1]


def test_the_versions_say_which_is_live_and_which_a_draft(server: Server) -> None:
    drafted = {**listed(4, isLive=False, status="draft"), "isDraft": True}
    server.says(f"GET {ONE}/versions?before=5", versions=[drafted, listed(3)])
    _, out, _ = softask("campaigns", "versions", "push-softask", "--before", "5")

    assert [line.split()[:3] for line in out.splitlines()[1:]] == [
        ["4", "draft", "draft"],
        ["3", "live", "active"],
    ]


@pytest.mark.parametrize(
    ("route", "command"),
    [
        (f"GET {ONE}", ("campaigns", "show", "push-softask")),
        (f"GET {ONE}/versions", ("campaigns", "versions", "push-softask")),
        ("GET /v1/admin/settings", ("settings", "show")),
    ],
)
def test_json_is_the_server_s_own_answer(
    server: Server, route: str, command: tuple[str, ...]
) -> None:
    _, out, _ = softask(*command, "--json")

    assert json.loads(out) == server.answers[route][1]


def test_json_of_a_user_is_the_server_s_own_answer(server: Server) -> None:
    server.says(f"POST {ONE}/explain", **explained())
    server.says(f"POST {ONE}/test", **explained(), skipsWaits=False)
    server.says("GET /v1/admin/users/-/decisions?kind=user&id=u1", decisions=[])
    server.says("GET /v1/admin/campaigns", revision=7, paused=False, campaigns=[])

    assert json.loads(softask("explain", "u1", "push-softask", "--json")[1]) == explained()
    assert json.loads(softask("test", "u1", "push-softask", "--json")[1])["skipsWaits"] is False
    assert json.loads(softask("user", "decisions", "u1", "--json")[1]) == {"decisions": []}
    assert json.loads(softask("campaigns", "list", "--json")[1])["revision"] == 7


def test_a_profile_beside_a_server_on_this_machine_is_said_to_be_unused(server: Server) -> None:
    server.says("GET /v1/admin/campaigns", revision=7, paused=False, campaigns=[])
    code, _, err = softask("campaigns", "list", "--profile", "work")

    assert code == 0
    assert err == "--profile is not used: a server on this machine takes no signature.\n"


def test_what_is_not_there_exits_with_1(server: Server) -> None:
    server.answers[f"GET {ONE}"] = NOT_FOUND

    assert softask("campaigns", "show", "push-softask") == (
        1,
        "",
        "There is no campaign 'push-softask'.\n",
    )


# --- campaigns diff ---


def test_a_file_is_compared_with_what_is_live(warmer: Path) -> None:
    code, out, _ = softask("campaigns", "diff", "push-softask", warmer)

    assert code == 0
    assert out.splitlines()[:2] == ["--- push-softask version 3 (live)", f"+++ {warmer}"]
    changed = [line for line in out.splitlines()[2:] if line[0] in "+-"]
    assert changed == [
        "-      title: Get daily streak reminders?",
        "+      title: Want your daily streak reminders?",
    ]


def test_an_old_version_is_compared_with_what_is_live(server: Server, warmer: Path) -> None:
    server.says(f"GET {ONE}?version=2", **stored(2, isLive=False, campaign=file_of(warmer)))
    _, out, _ = softask("campaigns", "diff", "push-softask", "2")

    assert out.splitlines()[:2] == [
        "--- push-softask version 2 (not live)",
        "+++ push-softask version 3 (live)",
    ]
    assert "+      title: Get daily streak reminders?" in out


def test_two_versions_are_compared_in_their_order(server: Server) -> None:
    for version in (1, 2):
        server.says(f"GET {ONE}?version={version}", **stored(version, isLive=False))

    assert softask("campaigns", "diff", "push-softask", "2", "1")[1] == (
        "No difference between push-softask version 2 (not live) and"
        " push-softask version 1 (not live).\n"
    )


def test_a_draft_is_what_one_wants_compared(server: Server, warmer: Path) -> None:
    server.says(f"GET {ONE}", **stored(3, draft=4))
    server.says(
        f"GET {ONE}?version=4", **stored(4, isLive=False, draft=4, campaign=file_of(warmer))
    )
    _, out, _ = softask("campaigns", "diff", "push-softask")

    assert out.splitlines()[:2] == [
        "--- push-softask version 3 (live)",
        "+++ push-softask version 4 (draft)",
    ]


def test_without_a_draft_it_is_the_last_change(server: Server, warmer: Path) -> None:
    abandoned = {**listed(2, isLive=False, status="draft"), "isDraft": True}
    server.says(f"GET {ONE}/versions?before=3", versions=[abandoned, listed(1, isLive=False)])
    server.says(f"GET {ONE}?version=1", **stored(1, isLive=False, campaign=file_of(warmer)))
    _, out, _ = softask("campaigns", "diff", "push-softask")

    assert out.startswith(
        "--- push-softask version 1 (not live)\n+++ push-softask version 3 (live)"
    )


def test_a_first_version_has_nothing_before_it(server: Server) -> None:
    server.says(f"GET {ONE}/versions?before=3", versions=[])
    code, _, err = softask("campaigns", "diff", "push-softask")

    assert code == 1
    assert err.startswith("push-softask has one version only")


def test_a_file_that_cannot_be_read_is_not_compared(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"

    assert softask("campaigns", "diff", "push-softask", missing) == (
        1,
        "",
        f"{missing}: No such file or directory\n",
    )


def test_a_diff_is_coloured_only_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, warmer: Path
) -> None:
    assert "\x1b" not in softask("campaigns", "diff", "push-softask", warmer)[1]

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[32m+" in softask("campaigns", "diff", "push-softask", warmer)[1]

    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in softask("campaigns", "diff", "push-softask", warmer)[1]


# --- campaigns publish ---


def test_a_changed_file_becomes_the_next_version(server: Server, warmer: Path) -> None:
    server.says(f"PUT {ONE}", version=4, status="active", warnings=[])
    code, out, err = softask("campaigns", "publish", warmer, "--reason", "warmer copy")

    assert (code, out, err) == (0, f"push-softask: version 3 → 4 (active) {AT}\n", "")
    [(_, body)] = server.changes()
    assert body == {
        "campaign": yaml.safe_load(to_yaml(body["campaign"])),
        "expectedVersion": 3,
        "reason": "warmer copy",
    }
    assert body["campaign"]["content"]["first"]["en"]["title"].startswith("Want your daily")


def test_the_newest_version_is_expected_though_an_older_one_is_live(
    server: Server, warmer: Path
) -> None:
    server.says(f"GET {ONE}/versions", versions=[listed(6, isLive=False), listed(3)])
    server.says(f"PUT {ONE}", version=7, status="active", warnings=[])
    softask("campaigns", "publish", warmer)

    assert server.changes()[0][1]["expectedVersion"] == 6


def test_what_one_expects_oneself_is_sent_instead(server: Server, warmer: Path) -> None:
    server.says(
        f"PUT {ONE}",
        409,
        code="version_conflict",
        message="the newest is 3, published by anna at 2026-11-20T09:30:00Z",
        field="expectedVersion",
    )
    code, out, err = softask("campaigns", "publish", warmer, "--expect", "2")

    assert server.changes()[0][1]["expectedVersion"] == 2
    assert (code, out) == (1, "")
    assert err == "the newest is 3, published by anna at 2026-11-20T09:30:00Z\n"


def test_a_new_campaign_expects_none(server: Server, warmer: Path) -> None:
    server.answers[f"GET {ONE}"] = NOT_FOUND
    server.says(f"PUT {ONE}", version=1, status="active", warnings=[])
    _, out, _ = softask("campaigns", "publish", warmer)

    assert out == f"push-softask: new → 1 (active) {AT}\n"
    assert server.changes()[0][1]["expectedVersion"] is None


def test_a_wrong_url_is_not_taken_for_a_new_campaign(server: Server, warmer: Path) -> None:
    del server.answers[f"GET {ONE}"]
    code, _, err = softask("campaigns", "publish", warmer)

    assert code == 1
    assert "has no such route" in err
    assert server.changes() == []


def test_a_check_stores_nothing_and_says_so(server: Server, warmer: Path) -> None:
    warning = "history of SessionStarted begins now"
    server.says(f"PUT {ONE}", version=4, status="active", warnings=[warning])
    code, out, err = softask("campaigns", "publish", warmer, "--check")

    assert server.changes()[0][1]["check"] is True
    assert code == 0
    told = f"version 3 → 4 (active) {AT}; checked only, nothing was stored"
    assert out == f"push-softask: {told}\n"
    assert err == f"push-softask: warning: {warning}\n"


def test_a_draft_is_compared_with_the_draft(server: Server, draft: Path) -> None:
    server.says(f"GET {ONE}", **stored(3, draft=4))
    server.says(
        f"GET {ONE}?version=4",
        **stored(4, isLive=False, draft=4, status="draft", campaign=file_of(draft)),
    )

    assert softask("campaigns", "publish", draft)[1] == (
        f"push-softask: unchanged (version 4, draft) {AT}\n"
    )


def test_a_draft_like_the_live_version_is_published_all_the_same(
    server: Server, draft: Path
) -> None:
    server.says(f"PUT {ONE}", version=4, status="draft", warnings=[])

    said = softask("campaigns", "publish", draft)[1]
    assert said == f"push-softask: version 3 → 4 (draft) {AT}\n"


def test_every_file_is_checked_before_the_first_is_sent(
    server: Server, warmer: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(SOFTASK.read_text().replace("trigger:", "triger:"))
    code, out, err = softask("campaigns", "publish", warmer, broken)

    assert (code, out) == (1, "")
    line = broken.read_text().splitlines().index("triger:") + 1
    assert err.startswith(f"{broken}:{line}: triger: unknown key; did you mean 'trigger'?")
    assert err.endswith("Nothing was published.\n")
    assert server.changes() == []


def test_files_are_checked_against_the_settings_of_the_server(server: Server, warmer: Path) -> None:
    settings = server.answers["GET /v1/admin/settings"][1]["settings"]
    settings["deeplinks"]["schemes"] = ["otherapp"]
    code, _, err = softask("campaigns", "publish", warmer)

    assert code == 1
    assert f"{warmer}:" in err
    assert "action.deeplink" in err


@pytest.mark.parametrize(
    ("field", "text", "place"),
    [
        ("campaign.trigger.any[0].event", "- event: ValueMoment", "trigger.any[0].event: "),
        ("campaign.content.retry.en.title", "title: Keep", "content.retry.en.title: "),
        ("campaign", "# yaml-language-server", ""),
    ],
)
def test_the_server_s_refusal_names_file_and_line(
    server: Server, warmer: Path, field: str, text: str, place: str
) -> None:
    server.says(f"PUT {ONE}", 400, code="invalid_campaign", message="no such", field=field)
    code, _, err = softask("campaigns", "publish", warmer)

    lines = warmer.read_text().splitlines()
    line = next(number for number, said in enumerate(lines, 1) if text in said)
    assert (code, err) == (1, f"{warmer}:{line}: {place}no such\n")


def test_a_refusal_of_what_is_not_in_the_file_keeps_its_own_place(
    server: Server, warmer: Path
) -> None:
    server.says(f"PUT {ONE}", 400, code="invalid_request", message="too long", field="reason")

    assert softask("campaigns", "publish", warmer)[2] == "reason: too long\n"


def test_the_first_refusal_stops_the_rest_and_says_what_was_done(
    server: Server, warmer: Path, tmp_path: Path
) -> None:
    paths = []
    for name in ("a", "b", "c"):
        paths.append(tmp_path / f"{name}.yaml")
        paths[-1].write_text(warmer.read_text().replace("id: push-softask", f"id: {name}"))
        server.answers[f"GET /v1/admin/campaigns/{name}"] = NOT_FOUND
        server.says(f"PUT /v1/admin/campaigns/{name}", version=1, status="active", warnings=[])
    server.says("PUT /v1/admin/campaigns/b", 409, code="version_conflict", message="it exists")
    code, out, err = softask("campaigns", "publish", *paths)

    assert (code, out) == (1, f"a: new → 1 (active) {AT}\n")
    assert err == f"it exists\nStopped: 1 of 3 files done, not {paths[1]}, {paths[2]}.\n"
    assert [route for route, _ in server.changes()] == [
        "PUT /v1/admin/campaigns/a",
        "PUT /v1/admin/campaigns/b",
    ]


def test_expecting_a_version_of_two_files_is_wrong_usage(server: Server, warmer: Path) -> None:
    assert softask("campaigns", "publish", warmer, SOFTASK, "--expect", "3")[0] == 2
    assert server.asked == []


def test_settings_of_a_newer_server_are_shown_but_check_no_file(
    server: Server, warmer: Path
) -> None:
    server.answers["GET /v1/admin/settings"][1]["settings"] = {"newer": 1}

    assert softask("settings", "show")[1].endswith("\nnewer: 1\n")
    code, _, err = softask("campaigns", "publish", warmer)
    assert code == 1
    assert err.startswith("The server's settings are not of this version of softask: newer:")


# --- campaigns publish, on a terminal ---


@pytest.mark.usefixtures("ask")
@pytest.mark.parametrize(("typed", "code", "sent"), [("y\n", 0, 1), ("n\n", 1, 0), ("\n", 1, 0)])
def test_people_see_the_difference_and_are_asked(
    server: Server, warmer: Path, typed: str, code: int, sent: int
) -> None:
    server.says(f"PUT {ONE}", version=4, status="active", warnings=[])
    ended, out, err = softask("campaigns", "publish", warmer, typed=typed)

    assert "+      title: Want your daily streak reminders?" in out
    assert "Publish push-softask? [y/N]" in out
    assert (ended, len(server.changes())) == (code, sent)
    assert ("push-softask: not published." in err) == (code == 1)


@pytest.mark.usefixtures("ask")
@pytest.mark.parametrize("option", ["--yes", "--check"])
def test_people_who_know_are_not_asked(server: Server, warmer: Path, option: str) -> None:
    server.says(f"PUT {ONE}", version=4, status="active", warnings=[])
    code, out, _ = softask("campaigns", "publish", warmer, option)

    assert code == 0
    assert "Publish" not in out


@pytest.mark.usefixtures("ask")
def test_a_draft_replaces_nothing_live_and_asks_nothing(server: Server, draft: Path) -> None:
    server.says(f"PUT {ONE}", version=4, status="draft", warnings=[])

    assert softask("campaigns", "publish", draft)[0] == 0


# --- pause, resume, rollback ---


@pytest.mark.parametrize(("command", "status"), [("pause", "paused"), ("resume", "active")])
def test_a_campaign_is_turned_off_and_on(server: Server, command: str, status: str) -> None:
    server.says(f"POST {ONE}/{command}", version=3, status=status, revision=8)
    code, out, _ = softask("campaigns", command, "push-softask", "--reason", "a crash")

    assert code == 0
    assert out.splitlines() == [
        f"push-softask: {status} (version 3) {AT}",
        "Every function knows it within 30 seconds.",
    ]
    assert server.changes() == [(f"POST {ONE}/{command}", {"reason": "a crash"})]


def test_everything_is_paused_by_the_settings(server: Server) -> None:
    server.says("PUT /v1/admin/settings", revision=8, warnings=[])
    code, out, _ = softask("campaigns", "pause", "--all", "--reason", "a crash")

    [(_, body)] = server.changes()
    assert (code, out.splitlines()[0]) == (0, f"settings: paused (revision 7 → 8) {AT}")
    assert body["settings"]["paused"] is True
    assert body["settings"]["retention"] == "760d"
    assert (body["expectedRevision"], body["reason"]) == (7, "a crash")


def test_what_is_not_paused_needs_no_resume(server: Server) -> None:
    _, out, _ = softask("campaigns", "resume", "--all")

    assert out.splitlines()[0] == f"settings: not paused already (revision 7) {AT}"
    assert server.changes() == []


def test_what_has_ended_is_not_resumed(server: Server) -> None:
    server.says(f"POST {ONE}/resume", 409, code="not_paused", message="The campaign has ended.")

    assert softask("campaigns", "resume", "push-softask") == (1, "", "The campaign has ended.\n")


@pytest.mark.parametrize("arguments", [(), ("push-softask", "--all")])
@pytest.mark.parametrize("command", ["pause", "resume"])
def test_it_is_one_campaign_or_all(
    server: Server, command: str, arguments: tuple[str, ...]
) -> None:
    assert softask("campaigns", command, *arguments)[0] == 2
    assert server.asked == []


def test_a_rollback_of_what_was_never_live_expects_no_version(server: Server) -> None:
    server.says(f"GET {ONE}", **stored(2, isLive=False, draft=2, status="draft"))
    server.says(f"POST {ONE}/rollback", version=1, status="active", revision=8)
    _, out, _ = softask("campaigns", "rollback", "push-softask", "1")

    assert out.splitlines()[0] == f"push-softask: none live → 1 (active) {AT}"
    assert server.changes()[0][1]["expectedVersion"] is None


def test_a_rollback_expects_the_live_version(server: Server) -> None:
    server.says(f"POST {ONE}/rollback", version=0, status="active", revision=8)
    code, out, _ = softask("campaigns", "rollback", "push-softask", "0")

    assert (code, out.splitlines()[0]) == (0, f"push-softask: version 3 → 0 (active) {AT}")
    assert server.changes() == [(f"POST {ONE}/rollback", {"version": 0, "expectedVersion": 3})]


def test_a_rollback_to_what_is_live_says_so_and_sends_nothing(server: Server) -> None:
    code, out, _ = softask("campaigns", "rollback", "push-softask", "3")

    assert (code, out) == (0, f"push-softask: version 3 is live already {AT}\n")
    assert server.changes() == []


# --- settings ---


def test_the_settings_are_shown_as_a_file(server: Server) -> None:
    about = server.answers["GET /v1/admin/settings"][1]
    about |= {"changedAt": "2026-11-20T09:30:00Z", "changedBy": "dev", "reason": "launch"}
    _, out, _ = softask("settings", "show")

    assert out.startswith("# revision 7, changed 2026-11-20 09:30 UTC by dev\n# launch\n")
    assert yaml.safe_load(out) == canonical(read_settings(SETTINGS))


def test_settings_that_ship_say_so() -> None:
    assert softask("settings", "show")[1].startswith("# revision 7, shipped with the deploy\nd")


def test_unchanged_settings_are_not_sent(server: Server) -> None:
    said = softask("settings", "publish", SETTINGS)[1]
    assert said == f"settings: unchanged (revision 7) {AT}\n"
    assert server.changes() == []


@pytest.fixture
def shorter(tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(SETTINGS.read_text().replace("760d", "30d"))
    return path


def test_settings_are_published_over_the_revision_that_was_read(
    server: Server, shorter: Path
) -> None:
    server.says("PUT /v1/admin/settings", revision=8, warnings=["30 days are short"])
    code, out, err = softask("settings", "publish", shorter)

    assert (code, out) == (0, f"settings: revision 7 → 8 {AT}\n")
    assert err == "settings: warning: 30 days are short\n"
    assert server.changes()[0][1]["expectedRevision"] == 7


@pytest.mark.parametrize(
    ("field", "begins"),
    [
        ("settings.retention", "{path}:5: retention: too short"),
        ("campaigns.push-softask.action.deeplink", "campaigns.push-softask.action.deeplink: too"),
    ],
)
def test_refused_settings_name_their_place(
    server: Server, shorter: Path, field: str, begins: str
) -> None:
    server.says(
        "PUT /v1/admin/settings", 400, code="invalid_settings", message="too short", field=field
    )
    code, _, err = softask("settings", "publish", shorter)

    assert code == 1
    assert err.startswith(begins.format(path=shorter))


def test_broken_settings_are_not_sent(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("paused: perhaps\n")
    code, _, err = softask("settings", "publish", path)

    assert code == 1
    assert err.startswith(f"{path}:1: paused:")
    assert server.asked == []


@pytest.mark.usefixtures("ask")
def test_people_are_asked_about_settings_too(server: Server, shorter: Path) -> None:
    code, out, err = softask("settings", "publish", shorter, typed="n\n")

    assert "-retention: 760d" not in out, "a default is not said"
    assert "+retention: 30d" in out
    assert (code, err) == (1, "settings: not published.\n")
    assert server.changes() == []


# --- explain, test ---


def explained(**more: Any) -> Json:
    return {
        "success": True,
        "campaign": "push-softask",
        "version": 3,
        "userId": "u1",
        "at": "2026-11-21T11:00:00Z",
        "wouldShow": False,
        "reason": "in_retry_window",
        "sentence": "The wait since the last ask is not over.",
        "attempt": 2,
        "nextEligibleAt": "2026-12-05T10:00:00Z",
        "checks": [
            {"name": "status", "says": "the campaign is active", "value": "active", "passes": True},
            {
                "name": "audience",
                "says": "all of",
                "value": None,
                "passes": True,
                "parts": [
                    {
                        "name": "condition",
                        "says": "session_count is at least 3",
                        "value": 5,
                        "passes": True,
                    }
                ],
            },
            {
                "name": "waits",
                "says": "at most 2 attempts, each after its wait",
                "value": {
                    "attemptsSpent": 1,
                    "lastOutcomeAt": "2026-11-21T10:00:00Z",
                    "skipsWaits": None,
                },
                "passes": False,
                "passesAt": "2026-12-05T10:00:00Z",
            },
        ],
        **more,
    }


def test_an_explanation_begins_with_the_verdict(server: Server) -> None:
    server.says(f"POST {ONE}/explain", **explained())
    code, out, _ = softask("explain", "u1", "push-softask")

    assert code == 0
    assert out.splitlines() == [
        "u1 would not see push-softask now: the wait since the last ask is not over; the",
        "same event would show it from 2026-12-05 10:00 UTC (in 13 d 23 h).",
        "",
        "✓  status    the campaign is active           active",
        "✓  audience  all of",
        "✓              session_count is at least 3    5",
        "✗  waits     at most 2 attempts, each after   attempts spent: 1",
        "             its wait                         last outcome at: 2026-11-21 10:00",
        "             from 2026-12-05 10:00 UTC (in    UTC (1 h ago)",
        "             13 d 23 h) on",
    ]


def test_an_explanation_of_what_would_show_names_the_attempt(server: Server) -> None:
    server.says(f"POST {ONE}/explain", **explained(wouldShow=True, nextEligibleAt=None, checks=[]))

    assert softask("explain", "u1", "push-softask", "--at", "2026-11-21T12:00+01:00")[1] == (
        "u1 would see push-softask at 2026-11-21 11:00 UTC: attempt 2.\n\n"
    )
    assert server.changes()[0][1]["at"] == "2026-11-21T11:00:00Z"


def test_an_offer_that_stands_already_is_said_to(server: Server) -> None:
    told = explained(wouldShow=True, reason="offer_repeated", nextEligibleAt=None, checks=[])
    server.says(f"POST {ONE}/explain", **told)

    assert softask("explain", "u1", "push-softask")[1] == (
        "u1 would see push-softask now: attempt 2, which is on offer already.\n\n"
    )


def test_a_question_that_triggers_nothing_says_what_would(server: Server) -> None:
    check = {"name": "trigger", "says": "OrderCompleted where rating is at least 4"}
    sentence = "The event, its properties or its count are not what triggers."
    told = {"reason": "trigger_not_met", "sentence": sentence, "nextEligibleAt": None}
    server.says(f"POST {ONE}/explain", **explained(**told, checks=[{**check, "passes": False}]))

    assert softask("explain", "u1", "push-softask")[1].splitlines()[:5] == [
        "u1 would not see push-softask now: the event, its properties or its count are",
        "not what triggers.",
        "It takes OrderCompleted where rating is at least 4: ask with --event and",
        "--properties.",
        "",
    ]


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (
            ["at most 1 per session"],
            ["✓ caps at most 1 per session 0"],
        ),
        (
            ["at most 1 per session", "at most 2 in the last 90d"],
            [
                "✓ caps at most 1 per session, at most 2 in the last 90d",
                "✓ at most 1 per session 0",
                "✓ at most 2 in the last 90d 1",
            ],
        ),
    ],
)
def test_each_cap_is_said_once_with_its_count(
    server: Server, says: list[str], told: list[str]
) -> None:
    parts = [
        {"name": "caps", "says": cap, "value": shown, "passes": True}
        for shown, cap in enumerate(says)
    ]
    check = {"name": "caps", "says": ", ".join(says), "value": [*range(len(says))], "parts": parts}
    server.says(f"POST {ONE}/explain", **explained(checks=[{**check, "passes": True}]))

    lines = softask("explain", "u1", "push-softask")[1].splitlines()[3:]
    assert [" ".join(line.split()) for line in lines] == told


def test_what_must_not_hold_is_marked_by_whether_that_is_so(server: Server) -> None:
    recent = {"name": "condition", "says": "the last show was in the last 7 days"}
    parts = [
        {**recent, "value": None, "passes": False, "passesAt": "2026-12-01T00:00:00Z"},
        {"name": "condition", "says": "plan is free", "value": "free", "passes": True},
    ]
    check = {"name": "audience", "says": "none of", "value": None, "passes": False}
    server.says(f"POST {ONE}/explain", **explained(checks=[{**check, "parts": parts}]))

    lines = softask("explain", "u1", "push-softask")[1].splitlines()[3:]
    assert [" ".join(line.split()) for line in lines] == [
        "✗ audience none of",
        "✓ not: the last show was in the last 7 days -",
        "✗ not: plan is free free",
    ]


def test_a_list_that_a_user_set_is_shown(server: Server) -> None:
    check = {"name": "audience", "says": "interests has running", "value": ["art", "tea"]}
    server.says(f"POST {ONE}/explain", **explained(checks=[{**check, "passes": False}]))

    assert '["art","tea"]' in softask("explain", "u1", "push-softask")[1]


def test_a_question_is_sent_as_it_was_asked(server: Server) -> None:
    server.says(f"POST {ONE}/explain", **explained())
    asked = ["--event", "ValueMomentReached", "--properties", '{"streak": 3}', "--anonymous"]
    phone = ["--device", "d1", "--platform", "ios", "--push-status", "notDetermined"]
    softask("explain", "a1", "push-softask", *asked, *phone)

    assert server.changes()[0][1] == {
        "anonymousId": "a1",
        "event": "ValueMomentReached",
        "properties": {"streak": 3},
        "context": {
            "device": {"id": "d1"},
            "os": {"name": "iOS"},
            "push": {"status": "notDetermined"},
        },
    }


@pytest.mark.parametrize(
    "option",
    [
        ("--properties", "streak=3"),
        ("--properties", "[3]"),
        ("--at", "soon"),
        ("--platform", "tv"),
        ("--push-status", "authorised"),
    ],
)
def test_a_question_that_cannot_be_asked_is_wrong_usage(
    server: Server, option: tuple[str, str]
) -> None:
    assert softask("explain", "u1", "push-softask", *option)[0] == 2
    assert server.asked == []


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_an_explanation_fits_its_terminal_without_colour(
    server: Server, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    server.says(f"POST {ONE}/explain", **explained())
    _, out, _ = softask("explain", "u1", "push-softask")

    assert max(map(len, out.splitlines())) <= int(columns)
    assert "\x1b" not in out


def test_what_a_user_set_cannot_steer_the_terminal(server: Server) -> None:
    check = {"name": "audience", "says": "name is 'x'", "value": "\x1b[2J[red]", "passes": False}
    server.says(f"POST {ONE}/explain", **explained(checks=[check]))

    assert r"\x1b[2J[red]" in softask("explain", "u1", "push-softask")[1]


def test_a_test_says_what_the_next_trigger_does(server: Server) -> None:
    server.says(
        f"POST {ONE}/test", **explained(wouldShow=True, nextEligibleAt=None), skipsWaits=True
    )
    code, out, _ = softask("test", "u1", "push-softask", "--skip-waits")

    assert code == 0
    told = " ".join(out.split())
    assert told.startswith("u1 would see push-softask now: attempt 2.")
    assert "The next trigger skips every wait, once, and shows version 3, attempt 2" in told
    assert 'its action carries "test": true.' in told
    assert server.changes() == [(f"POST {ONE}/test", {"userId": "u1", "skipWaits": True})]


def test_a_test_of_an_open_offer_names_no_version_but_its_own(server: Server) -> None:
    told = explained(wouldShow=True, reason="offer_repeated", nextEligibleAt=None)
    server.says(f"POST {ONE}/test", **told, skipsWaits=False)

    out = " ".join(softask("test", "u1", "push-softask")[1].split())
    assert "The next trigger brings the same offer again, of the version that granted it." in out


def test_a_test_that_shows_nothing_says_so(server: Server) -> None:
    server.says(f"POST {ONE}/test", **explained(), skipsWaits=False)

    assert "The next trigger shows nothing." in softask("test", "u1", "push-softask")[1]


def test_others_than_test_users_are_refused(server: Server) -> None:
    message = "u1 is no test user: add it to settings.test_users."
    server.says(f"POST {ONE}/test", 403, code="not_a_test_user", message=message)

    assert softask("test", "u1", "push-softask") == (1, "", f"{message}\n")


# --- user decisions ---


def test_decisions_are_listed_with_what_they_mean(server: Server) -> None:
    decision = {"at": "2026-11-21T10:00:05Z", "reason": "shown", "says": "The popup was shown."}
    server.says("GET /v1/admin/users/-/decisions?kind=anonymous&id=a%2Fb", decisions=[decision])
    _, out, _ = softask("user", "decisions", "a/b", "--anonymous")

    assert out.splitlines() == [
        "at                       reason  which means",
        "2026-11-21 10:00:05 UTC  shown   The popup was shown.",
    ]


def test_an_unknown_user_has_no_decisions(server: Server) -> None:
    server.says("GET /v1/admin/users/-/decisions?kind=user&id=u9", decisions=[])

    assert softask("user", "decisions", "u9")[1].startswith("No decision is known of that user")


# --- the target, and help ---


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("campaigns", "list"),
    ("campaigns", "show"),
    ("campaigns", "versions"),
    ("campaigns", "diff"),
    ("campaigns", "publish"),
    ("campaigns", "pause"),
    ("campaigns", "resume"),
    ("campaigns", "rollback"),
    ("settings", "show"),
    ("settings", "publish"),
    ("user", "decisions"),
    ("explain",),
    ("test",),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_takes_a_target_and_has_an_example_in_one_line(
    command: tuple[str, ...],
) -> None:
    code, out, _ = softask(*command, "--help")

    assert code == 0
    assert all(option in out for option in ("--url", "SOFTASK_URL", "--profile", "--region"))
    [example] = [line for line in out.splitlines() if "Example: softask" in line]
    assert example.strip().startswith(f"Example: softask {' '.join(command)}")
    assert out.splitlines()[out.splitlines().index(example) + 1] == ""


@pytest.mark.parametrize("group", ["", "campaigns", "settings", "user", "import"])
def test_every_command_is_summed_up_in_one_line(group: str) -> None:
    code, out, _ = softask(*group.split(), "--help")

    assert code == 0
    assert "..." not in out.partition("Commands:")[2]


def test_help_waits_for_nothing_slow() -> None:
    slow = "httpx rich botocore boto3 starlette moto"
    asks = f"import sys, cli.main; print([m for m in '{slow}'.split() if m in sys.modules])"
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", asks], cwd=CAMPAIGNS.parent, capture_output=True, check=True
    )

    assert ended.stdout.strip() == b"[]"


def test_plain_http_to_another_machine_is_wrong_usage(server: Server) -> None:
    code, _, err = softask("settings", "show", "--url", "http://10.0.0.1")

    assert code == 2
    assert "http is only for a server on this machine" in err
    assert server.asked == []


def test_the_environment_names_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTASK_URL", "http://10.0.0.1")

    assert softask("settings", "show")[2].startswith("http://10.0.0.1: ")
    assert softask("settings", "show", "--url", "http://127.0.0.1:1")[0] == 0


def test_without_a_server_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused")

    nobody: Callable[..., Remote] = partial(Remote, transport=httpx.MockTransport(refuse))
    monkeypatch.setattr(remote, "Remote", nobody)
    code, out, err = softask("campaigns", "list")

    assert (code, out) == (1, "")
    [line] = err.splitlines()
    assert "Start `softask dev`" in line


# --- validate ---


def test_files_are_checked_against_the_settings_that_are_named_with_them(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("deeplinks: {schemes: [otherapp]}")
    campaign = tmp_path / "other.yaml"
    campaign.write_text(SOFTASK.read_text().replace("yourapp:", "otherapp:"))

    assert softask("validate", campaign)[0] == 1
    assert softask("validate", campaign, settings)[0] == 0


@pytest.mark.parametrize(
    ("right", "wrong", "hint"),
    [
        ("  any:", "\tany:", "indent with spaces"),
        ("title: Get", "title: Reminders: get", "quote a text that has a colon"),
        ("title: Get", "title: {{ name }}, get", "quote a text that begins with { or ["),
        ("dismissed:", "---\ndismissed:", "a file holds one campaign"),
    ],
)
def test_a_slip_of_yaml_is_told_with_its_mend(
    tmp_path: Path, right: str, wrong: str, hint: str
) -> None:
    path = tmp_path / "slip.yaml"
    path.write_text(SOFTASK.read_text().replace(right, wrong))

    code, _, err = softask("validate", path)

    assert code == 1
    assert err.startswith(f"{path}:")
    assert hint in err
