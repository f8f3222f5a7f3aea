"""`softask report`: what it asks the server for, what it prints, and what it writes."""

import csv
import json
import re
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest
from typer.testing import CliRunner

from cli import remote
from cli.main import app
from cli.remote import Remote
from cli.report.figures import Wishes, analyse
from cli.report.page import page
from tests.integration.report_answers import TODAY, Counted, Json, example

PAGE = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")


class Server:
    """Answers with a report, whatever is asked, and keeps the questions."""

    def __init__(self) -> None:
        self.answer: Json = example().told()
        self.status = 200
        self.asked: list[httpx.URL] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        return httpx.Response(self.status, json=self.answer)


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(remote, "Remote", partial(Remote, transport=httpx.MockTransport(server)))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("SOFTASK_URL", raising=False)
    return server


def softask(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["report", "push-softask", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


# --- the terminal ---


def test_the_page_about_the_report_shows_what_it_prints() -> None:
    shown = re.search(r"^```text\n(?P<report>.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert shown

    assert softask() == (0, shown["report"], "")


def test_every_line_fits_into_eighty_columns() -> None:
    _, out, _ = softask()

    assert max(len(line) for line in out.splitlines()) <= 80
    assert "  \n" not in out


def test_the_recipe_s_four_metrics_come_first_and_in_its_order() -> None:
    _, out, _ = softask()

    places = [
        out.index(title)
        for title in ("net opt-in", "shown to", "First shown", "a user", "OS prompts", "Funnel")
    ]
    assert places == sorted(places)


def test_variants_are_told_apart_and_not_judged_twice(server: Server) -> None:
    arms = {"soft_ask": 80, "holdout": 20}
    variants = {"plain": 50, "warm": 50}
    counted = Counted({"experiment": {"salt": "one", "arms": arms, "variants": variants}})
    counted.users("soft_ask", 1000, variant="plain", converted_0=300)
    counted.users("soft_ask", 1000, variant="warm", converted_0=350)
    counted.users("holdout", 500, converted_0=50)
    server.answer = counted.told()

    _, out, _ = softask()

    assert re.findall(r"^By any OS grant within 7 days: (\S+) has", out, re.MULTILINE) == [
        "soft_ask"
    ]
    assert re.search(r"^  warm +1,000 ", out, re.MULTILINE)
    assert re.search(r"^soft_ask/warm +\+25\.0 ", out, re.MULTILINE)
    assert "--control soft_ask/plain compares the variants" in " ".join(out.split())


def test_names_cannot_steer_the_terminal(server: Server) -> None:
    counted = Counted()
    counted.users("soft_ask", 10, variant="\x1b[31mred")
    server.answer = counted.told()

    _, out, _ = softask()

    assert "\x1b" not in out
    assert "\\x1b[31mred" in out


def test_a_popup_without_permission_has_no_opt_in(server: Server) -> None:
    counted = Counted(kind="popup")
    counted.users("soft_ask", 10)
    server.answer = counted.told()

    _, out, _ = softask()

    assert "net opt-in" not in out
    assert "asks for no permission" in out


def test_an_empty_report_says_what_to_do(server: Server) -> None:
    server.answer = Counted().told()

    code, out, _ = softask()

    assert code == 0
    assert "Nothing happened between 2026-10-23 and 2026-11-21." in " ".join(out.split())


def test_its_help_takes_a_target_and_has_an_example_in_one_line() -> None:
    code, out, _ = softask("--help")

    assert code == 0
    assert all(option in out for option in ("--url", "SOFTASK_URL", "--profile", "--region"))
    [example] = [line for line in out.splitlines() if "Example: softask" in line]
    assert example.strip().startswith("Example: softask report push-softask")
    assert out.splitlines()[out.splitlines().index(example) + 1] == ""


# --- the question ---


def test_days_and_platform_are_asked_for(server: Server) -> None:
    softask("--from", "2026-11-01", "--to", "2026-11-20", "--platform", "ios")

    [url] = server.asked
    assert url.path == "/v1/admin/campaigns/push-softask/report"
    assert dict(url.params) == {"from": "2026-11-01", "to": "2026-11-20", "platform": "ios"}


def test_what_is_not_said_is_left_to_the_server(server: Server) -> None:
    softask()

    assert dict(server.asked[0].params) == {}


def test_the_window_decides_which_grants_count() -> None:
    _, out, _ = softask("--window", "1d")

    assert "By any OS grant within 1 day: soft_ask has" in out
    assert "any in 1 d" in out


def test_the_control_may_be_named() -> None:
    _, out, _ = softask("--control", "direct_prompt")

    assert "By net opt-in: soft_ask has" in out
    assert "Against direct_prompt, by net opt-in" in out
    assert "Against direct_prompt, by any OS grant within 7 days" in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--from", "yesterday"], "--from is a day such as 2026-11-21, not yesterday"),
        (["--to", "2026-02-30"], "--to is a day such as 2026-11-21, not 2026-02-30"),
        (["--window", "7"], "--window is a number of whole days from 1d to 30d, not 7"),
        (["--window", "0d"], "--window is a number of whole days from 1d to 30d, not 0d"),
        (["--window", "31d"], "--window is a number of whole days from 1d to 30d, not 31d"),
        (
            ["--control", "nobody"],
            "--control: There is no arm nobody; there is soft_ask, direct_prompt, holdout.",
        ),
        (["--csv", "/no/such/folder/x.csv"], "/no/such/folder/x.csv: No such file or directory"),
        (["--html", "/no/such/folder/x.html"], "/no/such/folder/x.html: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line(arguments: list[str], problem: str) -> None:
    assert softask(*arguments) == (2, "", f"{problem}\n")


def test_the_server_s_refusal_is_told(server: Server) -> None:
    server.status = 413
    server.answer = {"code": "too_large", "message": "Ask for fewer days.", "field": "from"}

    assert softask() == (1, "", "from: Ask for fewer days.\n")


# --- what it writes ---


def test_the_page_is_written_as_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "report.html"

    code, out, err = softask("--html", path)

    answer = example().answer()
    assert path.read_text(encoding="utf-8") == page(answer, analyse(answer, Wishes()))
    assert (code, err) == (0, f"The page is {path}.\n")
    assert out.startswith("push-softask, ")


def test_json_is_the_server_s_answer_with_the_statistics(server: Server) -> None:
    server.answer["of newer code"] = 1

    _, out, _ = softask("--json", "--window", "3d")

    told = json.loads(out)
    statistics = analyse(example().answer(), Wishes(window=3))
    assert told.pop("statistics") == json.loads(msgspec.json.encode(statistics))
    assert told == server.answer


def test_csv_has_a_line_for_every_row_and_every_figure(server: Server, tmp_path: Path) -> None:
    counted = Counted()
    counted.users("soft_ask", 5, converted_2=3, first_show_1=4, shown_users=4)
    counted.add(attempt=2, day=TODAY - 1, shown=7, platform="")
    server.answer = counted.told()
    path = tmp_path / "rows.csv"

    _, _, err = softask("--csv", path)

    assert err == f"The rows are in {path}.\n"
    with path.open(encoding="utf-8", newline="") as file:
        older, newer = csv.DictReader(file)
    assert {name: value for name, value in older.items() if value != "0"} == {
        "campaign": "push-softask",
        "day": "2026-11-20",
        "arm": "soft_ask",
        "variant": "",
        "attempt": "2",
        "platform": "unknown",
        "shown": "7",
    }
    assert {name: value for name, value in newer.items() if value not in ("0", "")} == {
        "campaign": "push-softask",
        "day": "2026-11-21",
        "arm": "soft_ask",
        "platform": "ios",
        "exposed": "5",
        "shown_users": "4",
        "first_show 1 to 5 min": "4",
        "converted day 3": "3",
    }
