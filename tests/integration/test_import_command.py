"""`softask import users`: files as they come out of other systems, and runs that break off."""

import csv
import gzip
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from cli.moving_in import files, run
from cli.moving_in.columns import Columns
from cli.moving_in.command import app
from cli.moving_in.files import Record
from cli.moving_in.run import BATCH, Reader, Run, Sender
from cli.moving_in.state import RefusedFile, Settings, State
from cli.remote import Refused, Unreachable

Json = dict[str, Any]

URL = "http://127.0.0.1:8080"
EXPORTED = "2026-11-20T10:00:00Z"
EXPORTED_SECONDS = 1_795_168_800


class Server:
    """The admin API, as far as the import needs it: remembers bodies, answers as it is told."""

    def __init__(self) -> None:
        self.bodies: list[Json] = []
        self.answer: Callable[[Json], httpx.Response] = self.take

    @property
    def rows(self) -> list[Json]:
        """By user, since batches overtake each other on their way."""
        sent = [row for body in self.bodies for row in body["users"]]
        return sorted(sent, key=lambda row: row.get("userId") or row["anonymousId"])

    def take(self, body: Json) -> httpx.Response:
        """Imports every row."""
        self.bodies.append(body)
        results = [{"row": row, "status": "imported"} for row in range(len(body["users"]))]
        return httpx.Response(200, json={"success": True, "results": results})

    def handle(self, request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("POST", "/v1/admin/users/import")
        return self.answer(json.loads(request.content))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """What the command's HTTP client speaks to."""
    server, client = Server(), httpx.Client
    monkeypatch.setattr(
        httpx,
        "Client",
        lambda **options: client(**{**options, "transport": httpx.MockTransport(server.handle)}),
    )
    return server


@pytest.fixture
def users(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file to import."""

    def write(*lines: str, name: str = "users.csv") -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        os.utime(path, (EXPORTED_SECONDS, EXPORTED_SECONDS))
        return path

    return write


def command(path: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["users", str(path), "--url", URL, *options])


def refused(path: Path) -> list[list[str]]:
    with path.with_name(f"{path.name}.refused.csv").open(newline="") as table:
        return list(csv.reader(table))


def state(path: Path) -> Json:
    content: Json = json.loads(path.with_name(f"{path.name}.softask-import.json").read_bytes())
    return content


def many(count: int) -> list[str]:
    return ["user_id,push_permission_status", *(f"u{i:05},granted" for i in range(count))]


# --- what a file may look like ---


def test_a_csv_is_sent_row_by_row(server: Server, users: Callable[..., Path]) -> None:
    path = users(
        "User ID,Push-Permission Status,declined_at,LastShownAt",
        "u1,granted,,",
        "u2,DENIED,2026-03-01,1772323200",
        'u3,,2026-03-01 10:00:00 UTC,"1772323200000"',
    )

    result = command(path)

    assert result.exit_code == 0, result.output
    assert server.rows == [
        {"userId": "u1", "pushPermissionStatus": "granted"},
        {
            "userId": "u2",
            "pushPermissionStatus": "denied",
            "declinedAt": "2026-03-01T00:00:00Z",
            "lastShownAt": "2026-03-01T00:00:00Z",
        },
        {
            "userId": "u3",
            "declinedAt": "2026-03-01T10:00:00Z",
            "lastShownAt": "2026-03-01T00:00:00Z",
        },
    ]
    assert server.bodies[0]["asOf"] == EXPORTED


def test_json_lines_are_sent_alike(server: Server, users: Callable[..., Path]) -> None:
    path = users(
        '{"userId": 7, "declined_at": 1772323200, "tags": {"a": 1}}',
        "",
        '{"anonymous_id": "a1", "pushPermissionStatus": "denied", "declinedAt": null}',
        name="users.jsonl",
    )

    result = command(path)

    assert result.exit_code == 0, result.output
    assert "Ignored columns: tags" in result.output
    assert server.rows == [
        {"userId": "7", "declinedAt": "2026-03-01T00:00:00Z"},
        {"anonymousId": "a1", "pushPermissionStatus": "denied"},
    ]


@pytest.mark.parametrize("name", ["users.csv.gz", "users.CSV.GZ"])
def test_a_gzipped_file_is_read_as_it_lies(server: Server, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress("\ufeffuser_id;declined_at\nu1;20260301\n".encode()))

    assert command(path).exit_code == 0
    assert server.rows == [{"userId": "u1", "declinedAt": "2026-03-01T00:00:00Z"}]


def test_a_onesignal_export_is_read_by_its_own_names(
    server: Server, users: Callable[..., Path]
) -> None:
    path = users(
        "id,identifier,device_type,last_active,invalid_identifier,notification_types,external_user_id",
        "s1,t,0,2026-11-01 10:00:00 UTC,f,1,u1",
        "s2,t,1,2026-11-01 10:00:00 UTC,f,0,u2",
        "s3,t,0,2026-11-01 10:00:00 UTC,f,-2,u3",
        "s4,t,0,2026-11-01 10:00:00 UTC,f,-18,u4",
        "s5,t,1,2026-11-01 10:00:00 UTC,t,-7,u5",
        "s6,me@example.com,11,2026-11-01 10:00:00 UTC,f,1,u6",
    )

    result = command(path, "--map", "userId=external_user_id")

    assert result.exit_code == 0, result.output
    assert [row["pushPermissionStatus"] for row in server.rows] == [
        "granted",
        "denied",
        "granted",
        "unknown",
        "granted",
    ]
    assert "Ignored columns: id, identifier, last_active, invalid_identifier" in result.output
    assert "1  are no phone's" in result.output


def test_a_braze_export_says_what_its_words_mean(
    server: Server, users: Callable[..., Path]
) -> None:
    path = users(
        '{"external_id": "u1", "push_subscribe": "opted_in"}',
        '{"external_id": "u2", "push_subscribe": "subscribed"}',
        '{"external_id": "u3", "push_subscribe": "unsubscribed"}',
        name="export.json",
    )
    mapped = ("--map", "userId=external_id", "--map", "pushPermissionStatus=push_subscribe")
    words = ("opted_in=granted", "subscribed=unknown", "unsubscribed=denied")

    result = command(path, *mapped, *(each for word in words for each in ("--status", word)))

    assert result.exit_code == 0, result.output
    assert [row["pushPermissionStatus"] for row in server.rows] == ["granted", "unknown", "denied"]


def test_a_record_that_says_nothing_is_not_sent(server: Server, users: Callable[..., Path]) -> None:
    result = command(users("user_id,declined_at", "u1,", "u2, ", "u3,0"))

    assert (result.exit_code, server.bodies) == (0, [])
    assert "3  say nothing" in result.output


def test_when_it_was_exported_can_be_said(server: Server, users: Callable[..., Path]) -> None:
    command(users(*many(1)), "--as-of", "2026-11-01")

    assert server.bodies[0]["asOf"] == "2026-11-01T00:00:00Z"


# --- what cannot be read ---


@pytest.mark.parametrize(
    ("name", "lines", "options", "says"),
    [
        ("users.txt", [""], [], "name it .csv or .jsonl"),
        ("users.csv", [], [], "empty"),
        (
            "users.csv",
            ["uid,declined_at"],
            [],
            "names the user. Say which does: --map user_id=COLUMN, COLUMN of uid, declined_at.",
        ),
        ("users.csv", ["user_id,declined"], [], "no column says anything"),
        ("users.csv", ["user_id,userId,declined_at"], [], "more than one column says user_id"),
        (
            "users.csv",
            ["external_user_id,declined_at"],
            ["--map", "userId=externl_user_id"],
            "there is no column 'externl_user_id'; did you mean 'external_user_id'?",
        ),
        ("users.csv", ["user_id"], ["--map", "user=uid"], "write FIELD=COLUMN, FIELD of user_id, "),
        ("users.csv", ["user_id"], ["--status", "yes=yes"], "write WORD=STATUS"),
        ("users.csv", ["user_id"], ["--as-of", "yesterday"], "2026-11-21T10:00:00Z"),
        ("users.csv", ["user_id,declined_at", '"u1,'], [], "users.csv:2: not CSV"),
        ("users.jsonl", ["user_id,declined_at"], [], "a record such as {"),
        ("users.jsonl", ["[1]"], [], "not a JSON object"),
        ("users.csv.gz", ["user_id"], [], "not a whole gzip file"),
        ("users.jsonl", [f'"{"x" * files.LONGEST_LINE}"'], [], "longer than"),
    ],
)
def test_a_file_that_cannot_be_imported_is_told_why(
    server: Server,
    users: Callable[..., Path],
    name: str,
    lines: list[str],
    options: list[str],
    says: str,
) -> None:
    result = command(users(*lines, name=name), *options)

    assert (result.exit_code, server.bodies) == (2, [])
    assert says in result.output


def test_a_file_that_is_not_there_is_told_so(server: Server, tmp_path: Path) -> None:
    result = command(tmp_path / "none.csv")

    assert result.exit_code == 2
    assert "none.csv: No such file" in result.output
    assert server.bodies == []


def test_a_table_that_is_no_utf_8_is_told_so(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("user_id,declined_at\nu1,2026-03-01\n", encoding="utf-16")

    assert command(path).output == f"{path}: not UTF-8. Save it as CSV in UTF-8.\n"
    assert server.bodies == []


def test_a_table_may_be_named_for_its_tabs(server: Server, users: Callable[..., Path]) -> None:
    path = users("user_id\tdeclined_at", "u1\t2026-03-01", name="users.tsv")

    assert command(path).exit_code == 0
    assert [row["userId"] for row in server.rows] == ["u1"]


def test_a_gzip_file_that_is_cut_short_is_told_so(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "users.csv.gz"
    path.write_bytes(gzip.compress("\n".join(many(9)).encode())[:-9])

    assert "not a whole gzip file" in command(path).output
    assert server.rows == []


@pytest.mark.parametrize(
    ("cells", "column", "problem"),
    [
        (",granted,,", "user_id", "names no user"),
        ("u1,yes,,", "push_permission_status", "--status yes=granted"),
        ("u1,,01/03/2026,", "declined_at", "'01/03/2026' is no date"),
        ("u1,,,86400", "last_shown_at", "is no date"),
        ("u1,,9999999999,", "declined_at", "lies ahead"),
        ("u1,,1950-01-01,", "declined_at", "is no date"),
        ("u1,granted,", "", "has 3 cells where the header has 4"),
    ],
)
def test_a_record_that_is_wrong_is_refused_and_no_other(
    server: Server, users: Callable[..., Path], cells: str, column: str, problem: str
) -> None:
    path = users("user_id,push_permission_status,declined_at,last_shown_at", cells, "u2,granted,,")

    result = command(path)

    assert result.exit_code == 1
    assert server.rows == [{"userId": "u2", "pushPermissionStatus": "granted"}]
    header, row = refused(path)
    assert header[:3] == ["line", "column", "problem"]
    assert row[:2] == ["2", column]
    assert problem in row[2]
    assert row[3:] == cells.split(",")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"userId": true, "declinedAt": 1772323200}', "an id is text"),
        ('{"userId": "u1", "declinedAt": [1]}', "is no date"),
        ('{"userId": "u1", "declinedAt": 12}', "is no date"),
        ('{"userId": "u1", "notification_types": -1}', "is no number such as"),
        ('{"userId": "u1", "notification_types": "many"}', "is no number such as"),
        ('{"userId": "u1"', "not JSON"),
        ("[" * 9_999, "not JSON"),
    ],
)
def test_a_json_line_that_is_wrong_is_refused_and_no_other(
    server: Server, users: Callable[..., Path], line: str, problem: str
) -> None:
    path = users('{"userId": "u0", "declinedAt": 1772323200}', line, name="users.jsonl")

    assert command(path).exit_code == 1
    assert len(server.rows) == 1
    [_, row] = refused(path)
    assert row[0] == "2"
    assert problem in row[2]
    assert row[3] == line


def test_bytes_that_are_no_text_cost_their_record_alone(server: Server, tmp_path: Path) -> None:
    table, lines = tmp_path / "users.csv", tmp_path / "users.jsonl"
    table.write_bytes(b"user_id,declined_at\nu\xff,2026-03-01\n\nu2,2026-03-01\n")
    lines.write_bytes(b'{"user_id":"u3","declined_at":1772323200}\n{"user_id":"\xff"}\n')

    for path in (table, lines):
        assert command(path).exit_code == 1
        assert refused(path)[1][:3] == ["2", "", "not UTF-8"]
    assert [row["userId"] for row in server.rows] == ["u2", "u3"]


def test_what_the_server_refuses_is_refused(server: Server, users: Callable[..., Path]) -> None:
    def refuse_the_second(_: Json) -> httpx.Response:
        error = {"code": "invalid_request", "message": "too long", "field": "users[1].userId"}
        results = [
            {"row": 0, "status": "unchanged"},
            {"row": 1, "status": "rejected", "error": error},
        ]
        return httpx.Response(200, json={"success": True, "results": results})

    server.answer = refuse_the_second
    path = users("uid,declined_at", "u1,2026-03-01", "u2,2026-03-01")

    result = command(path, "--map", "userId=uid")

    assert result.exit_code == 1
    assert refused(path)[1] == ["3", "uid", "too long", "u2", "2026-03-01"]
    assert "1  known already" in result.output
    assert "1  refused" in result.output


def test_the_table_of_refused_records_can_be_mended_and_imported(
    server: Server, users: Callable[..., Path]
) -> None:
    path = users("user_id,declined_at", "u1,someday")
    command(path)
    table = path.with_name("users.csv.refused.csv")
    table.write_text(table.read_text().replace("u1,someday", "u1,2026-03-01"))

    result = command(table)

    assert result.exit_code == 0
    assert "Ignored" not in result.output
    assert [row["userId"] for row in server.rows] == ["u1"]


# --- runs ---


def test_a_dry_run_sends_nothing(server: Server, users: Callable[..., Path]) -> None:
    path = users(*many(3), "u9,perhaps")

    result = command(path, "--dry-run")

    assert (result.exit_code, server.bodies) == (1, [])
    assert "3  would be imported" in result.output
    assert len(refused(path)) == 2
    assert not path.with_name("users.csv.softask-import.json").exists()


def test_a_run_that_is_done_leaves_nothing_but_the_refused(
    server: Server, users: Callable[..., Path]
) -> None:
    path = users(*many(BATCH * 2 + 1))

    assert command(path).exit_code == 0
    assert len(server.bodies) == 3
    assert list(path.parent.iterdir()) == [path]


def breaking(server: Server, after: int, error: Callable[[], httpx.Response]) -> None:
    """The server takes so many bodies and then fails."""

    def answer(body: Json) -> httpx.Response:
        if len(server.bodies) >= after:
            return error()
        return server.take(body)

    server.answer = answer


def forbidden() -> httpx.Response:
    return httpx.Response(403, json={"message": "Forbidden"})


def interrupted() -> httpx.Response:
    raise KeyboardInterrupt


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request at a time: what was sent before a break is then certain."""
    monkeypatch.setattr(run, "IN_FLIGHT", 1)


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize(("error", "code"), [(forbidden, 1), (interrupted, 130)])
def test_a_run_that_broke_off_goes_on_from_there(
    server: Server,
    users: Callable[..., Path],
    error: Callable[[], httpx.Response],
    code: int,
) -> None:
    lines = many(BATCH * 3)
    lines[5] = "u00004,perhaps"
    lines[BATCH + 5] = f"u{BATCH + 4:05},perhaps"
    path = users(*lines)
    breaking(server, 2, error)

    broken = command(path)

    assert broken.exit_code == code
    assert "goes on from there" in broken.output
    assert state(path)["counts"]["records"] == BATCH * 2

    server.answer = server.take
    result = command(path)

    assert result.exit_code == 1
    assert f"Going on after {BATCH * 2} records" in result.output
    assert len(server.bodies) == 3
    assert len({row["userId"] for row in server.rows}) == len(server.rows) == BATCH * 3 - 2
    assert f"{BATCH * 3 - 2}  imported" in result.output
    assert [row[0] for row in refused(path)[1:]] == ["6", str(BATCH + 6)]
    assert not path.with_name("users.csv.softask-import.json").exists()


@pytest.mark.usefixtures("one_by_one")
def test_refusals_that_were_written_but_not_noted_stand_once(
    server: Server, users: Callable[..., Path]
) -> None:
    path = users("user_id,declined_at", "u1,someday", *(f"v{i},2026-03-01" for i in range(BATCH)))
    breaking(server, 1, forbidden)
    command(path)
    with path.with_name("users.csv.refused.csv").open("a") as table:
        table.write("half a li")

    server.answer = server.take
    command(path)

    assert [row[0] for row in refused(path)] == ["line", "2"]


@pytest.mark.usefixtures("one_by_one")
def test_a_restart_begins_anew(server: Server, users: Callable[..., Path]) -> None:
    path = users(*many(BATCH + 1))
    breaking(server, 1, forbidden)
    command(path)
    server.answer = server.take

    assert command(path, "--restart").exit_code == 0
    assert len(server.rows) == BATCH + BATCH + 1


@pytest.mark.usefixtures("one_by_one")
def test_a_restart_that_came_nowhere_forgets_the_run_before(
    server: Server, users: Callable[..., Path]
) -> None:
    path = users(*many(BATCH + 1))
    breaking(server, 1, forbidden)
    command(path)

    assert "goes on from there" not in command(path, "--restart").output
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--url", "http://127.0.0.1:9"], "another --url"),
        (["--as-of", "2026-01-01"], "another --as-of"),
        (["--map", "lastShownAt=seen"], "another --map"),
        (["--status", "yes=granted"], "another --status"),
        (["--dry-run"], "a run is unfinished"),
    ],
)
def test_a_run_is_not_continued_as_another(
    server: Server, users: Callable[..., Path], options: list[str], says: str
) -> None:
    rows = (f"u{i},granted," for i in range(BATCH + 1))
    path = users("user_id,push_permission_status,seen", *rows)
    breaking(server, 1, forbidden)
    command(path)

    result = command(path, *options)

    assert (result.exit_code, len(server.bodies)) == (2, 1)
    assert says in result.output


@pytest.mark.usefixtures("one_by_one")
def test_a_file_that_changed_is_not_continued(server: Server, users: Callable[..., Path]) -> None:
    breaking(server, 1, forbidden)
    command(users(*many(BATCH + 1)))

    assert "another content of the file" in command(users(*many(BATCH + 2))).output


@pytest.mark.parametrize(("error", "code"), [(forbidden, 1), (interrupted, 130)])
def test_a_run_that_came_nowhere_leaves_nothing_to_continue(
    server: Server, users: Callable[..., Path], error: Callable[[], httpx.Response], code: int
) -> None:
    path = users(*many(2))
    breaking(server, 0, error)

    broken = command(path)

    assert broken.exit_code == code
    assert "goes on from there" not in broken.output
    assert list(path.parent.iterdir()) == [path]

    server.answer = server.take
    assert command(path, "--url", "http://127.0.0.1:9").exit_code == 0
    assert len(server.rows) == 2


def test_a_state_that_cannot_be_read_is_told_so(server: Server, users: Callable[..., Path]) -> None:
    path = users(*many(2))
    path.with_name("users.csv.softask-import.json").write_text("{")

    result = command(path)

    assert (result.exit_code, server.bodies) == (2, [])
    assert "--restart begins anew" in result.output


def test_a_file_is_read_no_further_ahead_than_its_answers_came(tmp_path: Path) -> None:
    saved: list[State] = []
    ahead: list[int] = []

    def records() -> Iterator[Record]:
        for number in range(BATCH * 20):
            ahead.append(number // BATCH - len(saved))
            yield Record(number, {"userId": f"u{number}", "declinedAt": 1772323200}, ())

    settings = Settings(file="", url=URL, as_of=0, mapped={}, words={})
    reader = Reader(Columns({}), {}, now=EXPORTED_SECONDS * 1000)
    sender = Sender(lambda _path, _body: {"results": []})
    going = Run(reader, sender, RefusedFile(tmp_path / "users.csv", ()), saved.append)

    assert going.go(records(), State(settings=settings)).counts.records == BATCH * 20
    assert max(ahead) == run.IN_FLIGHT - 1


# --- patience ---


def test_a_busy_server_is_asked_again_more_and_more_slowly() -> None:
    answers: list[Json | Refused] = [
        Refused(503, "later", retry_after=1.0),
        Refused(503, "later", retry_after=0.1),
        Refused(503, "later", retry_after=0.1),
        {"results": []},
    ]
    pauses: list[float] = []

    def post(_path: str, _body: Json) -> Json:
        answer = answers.pop(0)
        if isinstance(answer, Refused):
            raise answer
        return answer

    assert Sender(post, pauses.append).send({}) == {"results": []}
    assert pauses == [1.0, 1.0, 2.0]


def test_a_server_that_stays_busy_ends_the_run() -> None:
    pauses: list[float] = []

    def post(_path: str, _body: Json) -> Json:
        raise Refused(503, "later", retry_after=1.0)

    with pytest.raises(Refused):
        Sender(post, pauses.append).send({})
    assert len(pauses) == 5


def test_a_run_that_stops_waits_for_nothing() -> None:
    calls: list[str] = []

    def post(path: str, _body: Json) -> Json:
        calls.append(path)
        raise Refused(503, "later", retry_after=1.0)

    sender = Sender(post)
    sender.stop()
    with pytest.raises(Refused):
        sender.send({})
    assert len(calls) == 1


def test_what_cannot_be_reached_is_not_asked_again() -> None:
    def post(_path: str, _body: Json) -> Json:
        raise Unreachable("nobody")

    with pytest.raises(Unreachable):
        Sender(post, lambda _: pytest.fail("waited")).send({})


def test_the_bar_measures_the_file_by_its_bytes(
    server: Server, users: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = users(*many(BATCH))
    monkeypatch.setattr("cli.moving_in.command._is_terminal", lambda: True)

    result = command(path)

    assert result.exit_code == 0, result.output
    assert len(server.rows) == BATCH


# --- the guide ---

GUIDE = Path(__file__).parents[2] / "docs" / "moving-in.md"


def test_the_guides_file_is_imported_as_it_stands(
    server: Server, users: Callable[..., Path]
) -> None:
    [lines] = re.findall(r"<<'CSV'\n(.*?)\nCSV\n", GUIDE.read_text(), re.DOTALL)

    assert command(users(*lines.split("\n"))).exit_code == 0
    assert len(server.rows) == 3


def test_the_guides_options_are_the_commands_own() -> None:
    said = set(re.findall(r"--[a-z][a-z-]*", GUIDE.read_text()))
    known = {option for each in _parameters() for option in each.opts}

    assert said <= known


def _parameters() -> list[Any]:
    group: Any = get_command(app)
    return list(group.commands["users"].params)
