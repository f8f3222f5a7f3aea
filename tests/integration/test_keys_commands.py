"""`softask keys`, against a server whose answers each test writes down, and against a real one."""

import json
import re
import stat
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from joserfc.jwk import ECKey

from cli import remote, render
from cli.commands import consent
from cli.commands import keys as commands
from cli.demo.process import dev_server
from cli.dev.environment import WRITE_KEY
from cli.remote import Remote
from tests.integration.test_commands import Server, softask

Json = dict[str, Any]

pytestmark = pytest.mark.xdist_group("keys_commands")

KEYS = "/v1/admin/keys"
PLACE = "stage prod at http://127.0.0.1:8080"
SERVER_KEY = {
    "id": "sk-60303ae22b99",
    "use": "server",
    "name": "billing",
    "madeAt": "2026-11-21T10:00:00Z",
    "madeBy": "arn:aws:sts::123456789012:assumed-role/Growth/anna",
}
SOON = "Every function knows within 20 seconds."
OF_A_DEPLOY = {"id": "wk-1b4f0e985197", "use": "write", "name": ""}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server that makes every key it is asked for."""
    server = Server()
    monkeypatch.setattr(remote, "Remote", partial(Remote, transport=httpx.MockTransport(server)))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("SOFTASK_URL", raising=False)
    made = {"revision": 1, "stage": "prod", "key": SERVER_KEY, "secret": "sk_s3cret"}
    server.says(f"POST {KEYS}", **made)
    return server


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at a terminal."""
    monkeypatch.setattr(consent, "is_terminal", lambda: True)


# --- list ---


def test_the_list_says_what_each_key_is_for_and_what_is_done_about_tokens(server: Server) -> None:
    replaced = {**SERVER_KEY, "id": "sk-9f86d081884c", "endsAt": "2026-11-22T10:00:00Z"}
    user = {**SERVER_KEY, "id": "uk-1", "use": "user", "name": "", "issuer": "backend"}
    keys = [SERVER_KEY, replaced, user, OF_A_DEPLOY]
    server.says(f"GET {KEYS}", revision=3, stage="prod", auth="observe", keys=keys)

    code, out, _ = softask("keys", "list")

    assert code == 0
    made = "2026-11-21 10:00 anna"
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        f"{PLACE}: tokens observe, 4 keys",
        "id use made (UTC) by ends (UTC) issuer name",
        f"sk-60303ae22b99 server {made} - - billing",
        f"sk-9f86d081884c server {made} 2026-11-22 10:00 - billing",
        f"uk-1 user {made} - backend -",
        "wk-1b4f0e985197 write with the deploy - - - -",
    ]


def test_a_stage_without_keys_is_told_of_in_one_line(server: Server) -> None:
    server.says(f"GET {KEYS}", revision=3, stage="prod", auth="off", keys=[])

    assert softask("keys", "list") == (0, f"{PLACE}: tokens off, 0 keys\n", "")


def test_a_server_of_older_code_does_not_say_its_stage(server: Server) -> None:
    server.says(f"GET {KEYS}", revision=3, auth="off", keys=[OF_A_DEPLOY])

    _, out, _ = softask("keys", "list")

    assert out.splitlines()[0] == "http://127.0.0.1:8080: tokens off, 1 key"


LONG = {
    **SERVER_KEY,
    "issuer": "an-issuer-of-many-words/accounts.example.com",
    "name": "billing, invoices and whatever else somebody wrote here",
    "endsAt": "2026-11-22T10:00:00Z",
}


def test_a_list_that_is_piped_has_a_line_a_key_with_all_of_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    server.says(f"GET {KEYS}", revision=3, stage="prod", auth="observe", keys=[LONG])

    _, out, _ = softask("keys", "list")

    [line] = [line for line in out.splitlines() if LONG["id"] in line]
    for part in ("server", "2026-11-22 10:00", "anna", LONG["issuer"], LONG["name"]):
        assert part in line


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_no_id_is_broken_on_a_terminal_and_nothing_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("FORCE_COLOR", "1")

    render.put_whole(commands.HEADINGS, [commands._row(LONG)], commands.YIELDING)

    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= columns
    assert any(line.startswith(f"{LONG['id']} ") for line in lines)
    shown = Counter("".join(lines[1:]))
    cells = Counter("".join(map(str, commands._row(LONG))).replace(" ", ""))
    assert cells <= shown
    if columns >= 80:
        assert any("2026-11-21 10:00  " in line and "2026-11-22 10:00  " in line for line in lines)


def test_a_date_is_told_to_the_minute(server: Server) -> None:
    key = {**SERVER_KEY, "madeAt": "2026-11-21T10:00:12.345Z", "endsAt": "2026-11-22T10:00:59Z"}
    server.says(f"GET {KEYS}", revision=3, stage="prod", auth="off", keys=[key])

    _, out, _ = softask("keys", "list")

    assert re.findall(r"\d{4}-\S+ \S+", out) == ["2026-11-21 10:00", "2026-11-22 10:00"]


# --- create ---


def test_a_secret_is_printed_once_with_what_to_do_next(server: Server) -> None:
    said = softask("keys", "create", "server", "--name", "billing", "--reason", "invoices")

    assert said == (
        0,
        f"id: sk-60303ae22b99\nin: {PLACE}\nsecret (shown only now): sk_s3cret\n"
        "Next: put the secret where your servers keep theirs; it may act for every user.\n",
        "",
    )
    assert server.changes() == [
        (f"POST {KEYS}", {"use": "server", "name": "billing", "reason": "invoices"})
    ]


@pytest.mark.parametrize(
    ("use", "next_"),
    [
        ("write", "nothing: apps that have that write key may call now."),
        ("user", "--issuer me --stage prod"),
        ("device", "POST /v1/devices"),
    ],
)
def test_each_kind_of_key_says_what_comes_next(
    server: Server, tmp_path: Path, use: str, next_: str
) -> None:
    key = {**SERVER_KEY, "use": use, "issuer": "me"}
    server.says(f"POST {KEYS}", revision=1, stage="prod", key=key, secret=None)

    pair = ("--new-key-file", tmp_path / "private.pem") if use == "user" else ()
    _, out, _ = softask("keys", "create", use, *pair)

    assert next_ in out.splitlines()[-1]
    assert "secret (" not in out


@pytest.mark.usefixtures("server")
def test_the_answer_comes_as_json_where_that_is_wanted() -> None:
    _, out, _ = softask("keys", "create", "server", "--json")

    made = {"revision": 1, "stage": "prod", "key": SERVER_KEY, "secret": "sk_s3cret"}
    assert json.loads(out) == made


def test_a_new_pair_s_private_half_stays_here_for_its_owner_alone(
    server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "private.pem"

    code, _, _ = softask("keys", "create", "user", "--issuer", "me", "--new-key-file", file)

    assert code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    private = ECKey.import_key(file.read_text())
    [(_, body)] = server.changes()
    assert body["publicKey"] == private.as_dict(private=False)
    assert (body["use"], body["issuer"]) == ("user", "me")


def test_no_key_file_is_ever_overwritten(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "private.pem"
    file.write_text("mine")

    code, _, err = softask("keys", "create", "user", "--issuer", "me", "--new-key-file", file)

    assert (code, err) == (2, f"{file} is there already, and is not overwritten.\n")
    assert file.read_text() == "mine"
    assert server.asked == []


def test_a_pair_that_was_refused_leaves_no_file(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "private.pem"
    server.says(f"POST {KEYS}", 400, code="invalid_request", message="No.", field="issuer")

    code, _, err = softask("keys", "create", "user", "--new-key-file", file)

    assert (code, err) == (1, "--issuer: No.\n")
    assert not file.exists()


@pytest.mark.parametrize("route", ["create", "rotate"])
@pytest.mark.parametrize("status", [200, 500, 502, 503, 504])
def test_a_private_half_is_kept_where_its_key_may_be_registered(
    server: Server, tmp_path: Path, route: str, status: int
) -> None:
    file = tmp_path / "private.pem"
    of = ("create", "user", "--issuer", "me") if route == "create" else ("rotate", "uk-1")
    path = KEYS if route == "create" else f"{KEYS}/uk-1/rotate"
    if status == 200:
        server.answers[f"POST {path}"] = (status, cast("Json", ["cut"]))
    else:
        server.says(f"POST {path}", status, message="Oh")

    code, _, err = softask("keys", *of, "--new-key-file", file)

    assert code == 1
    assert "PRIVATE KEY" in file.read_text()
    kept, *told = err.splitlines()
    assert kept == f"{file} is kept: softask keys list tells whether its key is."
    assert ("may have been made" in " ".join(told)) == (status >= 500)


@pytest.mark.parametrize("of", [("create", "user", "--issuer", "x"), ("rotate", "uk-1")])
def test_a_user_key_without_its_public_half_is_told_both_ways(
    server: Server, of: tuple[str, ...]
) -> None:
    code, _, err = softask("keys", *of)

    told = "--new-key-file FILE makes a pair; --public-key FILE takes yours."
    assert (code, told in err, server.asked) == (2, True, [])


@pytest.mark.parametrize(
    ("field", "message", "told"),
    [
        ("publicKey", "A user key needs one.", "--public-key: A user key needs one."),
        ("publicKey.x", "Odd.", "--public-key: Odd."),
        ("sha256", "Of nothing.", "--sha256: Of nothing."),
        ("keys", "There are at most 50 keys.", "keys: There are at most 50 keys."),
        (None, "No.", "No."),
    ],
)
def test_a_refusal_speaks_of_this_command_s_options(
    server: Server, field: str | None, message: str, told: str
) -> None:
    more = {} if field is None else {"field": field}
    server.says(f"POST {KEYS}", 400, code="invalid_request", message=message, **more)

    assert softask("keys", "create", "write") == (1, "", f"{told}\n")


@pytest.mark.parametrize(
    ("given", "told"),
    [("", "--sha256 is empty"), ("0" * 63, "64 digits"), ("g" * 64, "64 digits"), ("wk_x", "64")],
)
def test_what_is_no_hash_is_refused_here(server: Server, given: str, told: str) -> None:
    code, _, err = softask("keys", "create", "write", "--sha256", given)

    assert (code, told in err, server.asked) == (2, True, [])


def test_a_hash_may_be_written_in_capitals(server: Server) -> None:
    softask("keys", "create", "write", "--sha256", "AB" * 32)

    assert server.changes()[0][1]["sha256"] == "ab" * 32


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_an_id_that_the_shell_left_empty_is_told(server: Server, command: str) -> None:
    said = softask("keys", command, "")

    assert said == (2, "", "ID is empty: is the shell's variable set?\n")
    assert server.asked == []


@pytest.mark.parametrize("command", ["rotate", "revoke"])
@pytest.mark.parametrize(
    ("secret", "id_"),
    [
        ("sk_s3cret", "sk-d4f4e1485218"),
        ("wk_s3cret", "wk-f8a8fd7e43e7"),
        (" sk_s3cret\n", "sk-d4f4e1485218"),
    ],
)
def test_a_secret_that_is_given_for_its_id_is_never_sent(
    server: Server, command: str, secret: str, id_: str
) -> None:
    said = softask("keys", command, secret)

    assert said == (2, "", f"That is the key itself; its id is {id_}. Nothing was sent.\n")
    assert server.asked == []


@pytest.mark.parametrize("form", ["pem", "jwk"])
def test_a_public_key_is_sent_in_one_form_whatever_the_file_holds(
    server: Server, tmp_path: Path, form: str
) -> None:
    key = ECKey.generate_key("P-256")
    public = key.as_dict(private=False)
    file = tmp_path / "public"
    file.write_bytes(key.as_pem(private=False) if form == "pem" else json.dumps(public).encode())

    softask("keys", "create", "user", "--issuer", "me", "--public-key", file)

    [(_, body)] = server.changes()
    assert body["publicKey"] == public


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (ECKey.generate_key("P-256").as_pem(private=True), "holds a private key"),
        (json.dumps(ECKey.generate_key("P-256").as_dict(private=True)).encode(), "a private key"),
        (ECKey.generate_key("P-384").as_pem(private=False), "curve P-256"),
        (b"-----BEGIN PUBLIC KEY-----", "must be a PEM that begins with"),
        (b"\xff\xfe", "is no text"),
        (None, "No such file"),
    ],
)
def test_what_is_no_public_key_is_refused_here_and_nothing_is_sent(
    server: Server, tmp_path: Path, content: bytes | None, told: str
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)

    code, _, err = softask("keys", "create", "user", "--issuer", "me", "--public-key", file)

    assert code == 2
    assert err.startswith(str(file))
    assert told in err
    assert server.asked == []


def test_a_key_comes_from_one_file(server: Server, tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"

    code, _, err = softask(
        "keys", "create", "user", "--issuer", "me", "--new-key-file", new, "--public-key", old
    )

    assert (code, err) == (2, "Say --public-key or --new-key-file, not both.\n")
    assert server.asked == []


# --- rotate and revoke ---


def test_a_rotation_says_until_when_the_old_key_holds(server: Server) -> None:
    replaced = {**SERVER_KEY, "id": "sk-1", "endsAt": "2026-11-23T22:00:00Z"}
    route = f"POST {KEYS}/sk-1/rotate"
    made = {"revision": 2, "stage": "prod", "key": SERVER_KEY, "secret": "sk_s3cret"}
    server.says(route, **made, replaced=replaced)

    code, out, _ = softask("keys", "rotate", "sk-1", "--overlap", "2d12h", "--reason", "yearly")

    assert code == 0
    assert out.splitlines()[-1] == "sk-1 holds until 2026-11-23 22:00 UTC."
    assert f"in: {PLACE}" in out.splitlines()
    assert server.changes() == [(route, {"overlapSeconds": 216_000, "reason": "yearly"})]


def test_a_rotation_without_an_overlap_says_that_the_old_key_has_ended(server: Server) -> None:
    replaced = {**SERVER_KEY, "id": "sk-1", "endsAt": SERVER_KEY["madeAt"]}
    made = {"revision": 2, "stage": "prod", "key": SERVER_KEY, "secret": "sk_s3cret"}
    server.says(f"POST {KEYS}/sk-1/rotate", **made, replaced=replaced)

    _, out, _ = softask("keys", "rotate", "sk-1", "--overlap", "0s")

    assert out.splitlines()[-1] == "sk-1 has ended."


@pytest.mark.parametrize("span", ["", "1", "1w", "-1d", "d", "1d ", "1.5h", "9999999999d"])
def test_what_is_no_span_is_wrong_usage(server: Server, span: str) -> None:
    code, _, err = softask("keys", "rotate", "sk-1", "--overlap", span)

    assert code == 2
    assert "is no span such as" in err
    assert server.asked == []


@pytest.mark.usefixtures("ask")
def test_a_revocation_asks_first_and_names_the_key_the_stage_and_the_server(
    server: Server,
) -> None:
    server.says(f"GET {KEYS}", revision=3, stage="prod", auth="observe", keys=[SERVER_KEY])
    id_ = SERVER_KEY["id"]
    server.says(f"DELETE {KEYS}/{id_}?reason=leaked", id=id_, revision=4, stage="prod")

    code, out, err = softask("keys", "revoke", id_, "--reason", "leaked", typed="n\n")
    assert (code, server.changes(), "Nothing was revoked." in err) == (1, [], True)
    assert out.startswith(f"Revoke {id_} (server, billing) in {PLACE}? Whoever calls with it is")

    code, out, _ = softask("keys", "revoke", id_, "--reason", "leaked", typed="y\n")
    revoked, when = out.splitlines()[-2:]
    assert (code, when) == (0, SOON)
    assert revoked.rpartition("]: ")[2] == f"{id_}: revoked in {PLACE} (revision 4)"


@pytest.mark.usefixtures("ask")
def test_nobody_is_asked_about_a_key_that_is_not_there(server: Server) -> None:
    server.says(f"GET {KEYS}", revision=3, stage="prod", auth="observe", keys=[])

    said = softask("keys", "revoke", "sk-1", typed="y\n")

    assert said == (1, "", f"There is no key sk-1 in {PLACE}.\n")


def test_what_a_revocation_leaves_undone_is_told(server: Server) -> None:
    warnings = ["Every device key that is left ends soon."]
    answer = {"id": "dk-1", "revision": 4, "stage": "prod", "warnings": warnings}
    server.says(f"DELETE {KEYS}/dk-1", **answer)

    code, _, err = softask("keys", "revoke", "dk-1", "--yes")

    assert (code, err) == (0, f"warning: {warnings[0]}\n")


def test_a_revocation_that_nobody_can_be_asked_about_is_not_made(server: Server) -> None:
    code, _, err = softask("keys", "revoke", "sk-1")

    assert (code, err) == (2, "There is nobody to ask here: say --yes.\n")
    assert server.asked == []


def test_the_last_write_key_goes_by_force(server: Server) -> None:
    problem = "wk-1 is the last write key. Create one first, or say {}."
    server.says(
        f"DELETE {KEYS}/wk-1",
        409,
        code="last_write_key",
        message=problem.format("force=true"),
        field="id",
    )
    warning = "No write key is left, so that no app may call: softask keys create write."
    answer = {"id": "wk-1", "revision": 5, "stage": "prod", "warnings": [warning]}
    server.says(f"DELETE {KEYS}/wk-1?force=true", **answer)

    said = softask("keys", "revoke", "wk-1", "--yes")
    assert said == (1, "", f"{problem.format('--force')}\n")
    said = softask("keys", "revoke", "wk-1", "--yes", "--force")
    told = f"warning: {warning}\n"
    assert said == (0, f"wk-1: revoked in {PLACE} (revision 5)\n{SOON}\n", told)


# --- help ---


@pytest.mark.parametrize("command", ["list", "create", "rotate", "revoke"])
def test_every_command_takes_a_target_and_has_an_example_in_one_line(command: str) -> None:
    code, out, _ = softask("keys", command, "--help")

    assert code == 0
    options = ("--url", "SOFTASK_URL", "--profile", "--region", "--json")
    assert all(option in out for option in options)
    [example] = [line for line in out.splitlines() if "Example: softask" in line]
    assert example.strip().startswith(f"Example: softask keys {command}")
    assert out.splitlines()[out.splitlines().index(example) + 1] == ""


def test_every_command_is_summed_up_in_one_line() -> None:
    _, out, _ = softask("keys", "--help")

    assert "..." not in out.partition("Commands:")[2]


# --- on a dev server ---


def status(url: str, key: str) -> int:
    body = {"userId": "u1", "event": "Looked"}
    with httpx.Client(base_url=url, auth=(key, ""), trust_env=False, timeout=30) as http:
        return http.post("/v1/track", json=body).status_code


def made(*arguments: str | Path) -> Json:
    code, out, err = softask("keys", *arguments, "--json")
    assert code == 0, err
    answer: Json = json.loads(out)
    return answer


def test_keys_that_a_command_makes_and_revokes_count_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with dev_server() as url:
        monkeypatch.setenv("SOFTASK_URL", url)
        server_key, device = made("create", "server"), made("create", "device")
        pair = ("--issuer", "me", "--new-key-file", tmp_path / "private.pem")
        user = made("create", "user", *pair)
        [shipped] = [key for key in made("list")["keys"] if "madeAt" not in key]
        write = made("rotate", shipped["id"], "--overlap", "0s")

        assert [status(url, key) for key in (server_key["secret"], write["secret"])] == [200, 200]
        assert status(url, WRITE_KEY) == 401
        made("revoke", server_key["key"]["id"], "--yes")
        assert status(url, server_key["secret"]) == 401
        ids = {answer["key"]["id"] for answer in (device, user, write)}
        assert {key["id"] for key in made("list")["keys"]} == {*ids, shipped["id"]}
