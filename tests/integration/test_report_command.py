"""`softask report`: what it asks the server for, what it prints, and what it writes."""

import csv
import json
import re
from datetime import date
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

    assert re.findall(r"^By any OS grant within 7 days: (\S+): ", out, re.MULTILINE) == ["soft_ask"]
    assert re.search(r"^  warm +1,000 ", out, re.MULTILINE)
    assert re.search(r"^soft_ask/warm +\+25\.0 ", out, re.MULTILINE)
    assert "--control soft_ask/plain compares the variants" in " ".join(out.split())


def footnotes(server: Server, counted: Counted, *arguments: str) -> str:
    server.answer = counted.told()
    _, out, _ = softask(*arguments)
    return " ".join(out.split())


def test_weights_that_changed_and_users_left_out_are_said(server: Server) -> None:
    arms = {"soft_ask": 1, "holdout": 1}
    counted = Counted({}, {"experiment": {"salt": "one", "arms": arms}})
    counted.users("soft_ask", 1000)
    counted.users("soft_ask", 500, version=1)
    counted.users("holdout", 500, version=1)

    out = footnotes(server, counted)

    assert "The weights changed in these days." in out
    assert "1,000 users of version 0 are not in the comparison of soft_ask with holdout" in out


def test_many_comparisons_are_said_to_miss_by_chance(server: Server) -> None:
    variants = dict.fromkeys(("a", "b", "c", "d"), 1)
    dealt = {"salt": "one", "arms": {"soft_ask": 1}, "variants": variants}
    counted = Counted({"experiment": dealt})
    for variant in variants:
        counted.users("soft_ask", 100, variant=variant)

    assert "3 comparisons: one in 20 such intervals misses by chance" in footnotes(server, counted)
    assert "comparisons: one in 20" not in footnotes(server, example())


@pytest.mark.parametrize(("window", "is_said"), [("7d", True), ("14d", True), ("15d", False)])
def test_a_retry_after_the_window_is_said_to_be_beyond_it(
    server: Server, window: str, is_said: bool
) -> None:
    out = footnotes(server, example(), "--window", window)

    assert ("Grants of a retry after 14 days are not in" in out) == is_said


def test_offers_of_the_last_minutes_are_said_to_count_as_lapsed(server: Server) -> None:
    note = "Offers of the last minutes count as lapsed until they are seen."
    counted = Counted()
    counted.add(offered=5, shown=5, seen=5)

    assert note in footnotes(server, example())
    assert note not in footnotes(server, counted)


def test_a_ratio_that_is_off_stands_above_all_verdicts(server: Server) -> None:
    arms = {"soft_ask": 1, "holdout": 1}
    counted = Counted({"experiment": {"salt": "one", "arms": arms}})
    counted.users("soft_ask", 5000, converted_0=1000)
    counted.users("holdout", 4000, converted_0=400)

    out = footnotes(server, counted)

    assert out.index("The sample ratio is off") < out.index("Do not compare")
    assert out.count("The sample ratio is off") == 1
    assert "Against holdout" not in out


def test_a_holdout_has_no_prompts_of_its_own() -> None:
    _, out, _ = softask()

    assert re.search(r"^holdout +- +-$", out, re.MULTILINE)


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

    url = server.asked[0]
    assert url.path == "/v1/admin/campaigns/push-softask/report"
    assert dict(url.params) == {"from": "2026-11-01", "to": "2026-11-20", "platform": "ios"}


def test_what_is_not_said_is_left_to_the_server(server: Server) -> None:
    softask()

    assert dict(server.asked[0].params) == {}


class Store(Server):
    """A server that reports the days that are asked for."""

    def __init__(self, counted: Counted) -> None:
        super().__init__()
        self._counted = counted
        self.most = 400

    def __call__(self, request: httpx.Request) -> httpx.Response:
        first, last = (request.url.params.get(name) for name in ("from", "to"))
        until = day_of(last) if last else TODAY
        since = day_of(first) if first else until - 29
        self.status = 200 if until - since < self.most else 413
        self.answer = self._counted.told(since, until)
        if self.status == 413:
            self.answer = {"code": "too_large", "message": "Ask for fewer days."}
        return super().__call__(request)


def day_of(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """Three weights in turn: the newest ones since 50 days ago, once with other words."""
    arms = ({"soft_ask": 9, "holdout": 1}, {"soft_ask": 1, "holdout": 1})
    told = [{"experiment": {"salt": "one", "arms": each}} for each in (*arms, arms[1])]
    counted = Counted(*told)
    for version, days_ago in ((0, 90), (1, 50), (2, 10)):
        for arm in ("soft_ask", "holdout"):
            counted.users(arm, 1000, version=version, day=TODAY - days_ago, converted_0=100)
    store = Store(counted)
    monkeypatch.setattr(remote, "Remote", partial(Remote, transport=httpx.MockTransport(store)))
    return store


def test_the_report_begins_with_the_newest_weights(store: Store) -> None:
    _, out, err = softask()

    assert out.startswith("push-softask, 2026-10-02 to 2026-11-21")
    assert re.search(r"^holdout +2,000 ", out, re.MULTILINE)
    assert [dict(url.params) for url in store.asked] == [
        {},
        {"from": "2025-10-18", "to": "2026-11-21"},
        {"from": "2026-10-02", "to": "2026-11-21"},
    ]
    assert err == ""


@pytest.mark.usefixtures("store")
def test_a_start_that_is_named_stays_and_says_what_it_costs() -> None:
    _, out, _ = softask("--from", "2026-11-01")

    assert out.startswith("push-softask, 2026-11-01 to")
    assert "The experiment began on 2026-10-02" in out
    _, out, _ = softask("--from", "2026-08-01")
    assert "The experiment began" not in out


def test_an_experiment_too_long_for_one_answer_is_said_to_be(store: Store) -> None:
    store.most = 100

    code, out, err = softask()

    assert code == 0
    assert out.startswith("push-softask, 2026-10-23 to")
    assert err.startswith("The whole experiment is too much for one answer")


def test_without_an_experiment_the_server_is_asked_once(store: Store) -> None:
    counted = Counted()
    counted.users("soft_ask", 10)
    store._counted = counted

    softask()

    assert len(store.asked) == 1


def test_the_window_decides_which_grants_count() -> None:
    _, out, _ = softask("--window", "1d")

    assert "By any OS grant within 1 day: soft_ask: " in out
    assert "any in 1 d" in out


def test_the_control_may_be_named() -> None:
    _, out, _ = softask("--control", "direct_prompt")

    assert "By any OS grant within 7 days: soft_ask: " in out
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
        (["--detect", "0"], "--detect is a number of points from 0.01 to 50, not 0"),
        (["--detect", "nan"], "--detect is a number of points from 0.01 to 50, not nan"),
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
        "first_show_1_to_5_min": "4",
        "converted_day_3": "3",
    }
