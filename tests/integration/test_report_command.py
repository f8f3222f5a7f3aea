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
from tests.integration.conftest import Json
from tests.integration.report_answers import THREE_ARMS, TODAY, Counted, example

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

    said = re.findall(r"^- By any OS grant within 7 days: (\S+): ", out, re.MULTILINE)
    assert said == ["soft_ask"]
    assert re.search(r"^  warm +1,000 ", out, re.MULTILINE)
    assert re.search(r"^  warm +\+25\.0 ", out, re.MULTILINE)
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
    assert (
        "1,000 users of version 0 are not in the comparison of soft_ask with holdout: one of the "
        "two got fewer than two users there."
    ) in out


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
    arms = {"soft_ask": 1, "direct_prompt": 1, "holdout": 1}
    counted = Counted({"experiment": {"salt": "one", "arms": arms}})
    counted.users("soft_ask", 5000, converted_0=1000)
    counted.users("direct_prompt", 5000, converted_0=1000)
    counted.users("holdout", 4000, converted_0=400)

    out = footnotes(server, counted)

    assert out.index("The sample ratio is off") < out.index("Do not compare")
    assert out.count("The sample ratio is off") == 1
    assert out.count("Find out why first.") == 1
    assert "--control" not in out
    assert "Against holdout" not in out


def test_arms_of_which_too_little_can_be_said_share_a_sentence(server: Server) -> None:
    counted = Counted({"experiment": THREE_ARMS})
    for arm in THREE_ARMS["arms"]:
        counted.users(arm, 3)

    out = footnotes(server, counted)

    assert out.count("Too little has happened yet") == 1
    assert (
        "- By any OS grant within 7 days: Too little has happened yet to compare soft_ask or "
        "direct_prompt with holdout. Too few yet to plan."
    ) in out


def test_users_still_needed_are_told_of_each_arm(server: Server) -> None:
    """The control can be planned with; of one arm there is too little, and nothing of the goal."""
    counted = Counted({"experiment": THREE_ARMS, "goal": {"event": "SessionStarted"}})
    counted.users("soft_ask", 8, converted_0=1)
    counted.users("direct_prompt", 8)
    counted.users("holdout", 40, converted_0=20)

    assert re.search(
        "By any OS grant within 7 days and by goal events: Too little has happened yet to compare "
        r"soft_ask or direct_prompt with holdout. Users still needed: [\d,]+ for soft_ask, [\d,]+ "
        "for direct_prompt.",
        footnotes(server, counted, "--detect", "50"),
    )


def test_a_lift_is_told_where_its_interval_agrees_with_the_claim(server: Server) -> None:
    counted = Counted({"experiment": {"salt": "one", "arms": {"soft_ask": 95, "holdout": 5}}})
    counted.users("soft_ask", 9500, converted_0=1050)
    counted.users("holdout", 500, converted_0=30)

    out = footnotes(server, counted)

    assert "% more" not in out
    assert "soft_ask - - -" in out
    assert "No lift is told of soft_ask: its interval" in out


@pytest.mark.parametrize("columns", ["20", "60"])
def test_a_narrow_terminal_cuts_no_number_and_drops_no_name(
    monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    _, wide, _ = softask()
    monkeypatch.setenv("COLUMNS", columns)

    _, narrow, _ = softask()

    rows = re.findall(r"^(?:soft_ask|direct_prompt|holdout|no campaign) .*$", wide, re.MULTILINE)
    assert len(rows) == 25
    assert set(rows) <= set(narrow.splitlines())


def test_long_names_make_room_for_the_numbers(server: Server) -> None:
    name = "friendly-and-rather-long-words"
    counted = Counted()
    for variant in (name, "plain"):
        counted.users("soft_ask", 1000, variant=variant)
    server.answer = counted.told()

    _, out, _ = softask()

    assert re.search(r"^  friendly-and-\S+… +1,000 ", out, re.MULTILINE)
    assert max(map(len, out.splitlines())) <= 80


def test_variants_keep_what_tells_them_apart(server: Server) -> None:
    counted = Counted()
    for variant in ("a/b", "c/b"):
        counted.users("soft_ask", 1000, variant=variant)
    server.answer = counted.told()

    _, out, _ = softask()

    assert re.search(r"^  a/b +1,000 ", out, re.MULTILINE)
    assert re.search(r"^  c/b +1,000 ", out, re.MULTILINE)


def test_small_differences_are_as_precise_in_the_table_as_in_the_sentence(server: Server) -> None:
    counted = Counted({"experiment": {"salt": "one", "arms": {"soft_ask": 1, "holdout": 1}}})
    counted.users("soft_ask", 5_000_000, converted_0=8000)
    counted.users("holdout", 5_000_000, converted_0=6000)

    out = footnotes(server, counted)

    assert "soft_ask: 0.040 more of 100 users got the permission" in out
    assert "soft_ask +0.040 " in out


def test_of_a_day_s_window_the_last_day_is_told(server: Server) -> None:
    counted = Counted()
    counted.users("soft_ask", 10)

    out = footnotes(server, counted, "--window", "1d")

    assert "10 users were exposed within the last day: grants" in out


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
    assert "OS prompts" not in out


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
def test_weights_that_left_days_out_say_how_to_see_them() -> None:
    said = (
        "The weights changed on 2026-10-02, and this begins there; --from 2026-08-23 shows all "
        "days."
    )
    _, out, _ = softask()
    assert said in " ".join(out.split())
    for other in ("2026-08-23", "2026-11-01"):
        _, out, _ = softask("--from", other)
        assert "and this begins there" not in " ".join(out.split())


def test_a_version_that_was_published_again_begins_where_its_weights_did(store: Store) -> None:
    store._counted.users("soft_ask", 1000, version=0, day=TODAY)

    _, out, _ = softask()

    assert out.startswith("push-softask, 2026-08-23 to 2026-11-21")


def test_an_experiment_older_than_a_report_says_that_its_start_moves(store: Store) -> None:
    store._counted.users("soft_ask", 1000, version=2, day=TODAY - 399)

    _, out, _ = softask()

    assert out.startswith("push-softask, 2025-10-18 to 2026-11-21")
    assert "The newest weights are 400 days old or older" in " ".join(out.split())
    _, out, _ = softask("--from", "2026-08-01")
    assert "400 days old" not in out


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
        (["--detect", "2%"], "--detect is a number of points from 0.01 to 50, not 2%"),
        (
            ["--platform", "IOS"],
            "--platform is one of ios, android, web, other, unknown, not IOS",
        ),
        (
            ["--csv", "-", "--json"],
            "--csv - and --json print two things at once: name a file for one of them.",
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

    assert softask() == (1, "", "--from: Ask for fewer days.\n")


@pytest.mark.parametrize(
    ("field", "message", "said"),
    [
        (
            "from",
            "'from' 2026-11-30 lies after 'to' 2026-11-22.",
            "--from 2026-11-30 lies after --to 2026-11-22.",
        ),
        (
            "to",
            "'to' 2026-12-01 lies after today, which is 2026-11-22 (UTC).",
            "--to 2026-12-01 lies after today, which is 2026-11-22 (UTC).",
        ),
        (
            "from",
            "A report is of at most 400 days, not 500.",
            "--from: A report is of at most 400 days, not 500.",
        ),
        (None, "No such campaign.", "No such campaign."),
    ],
)
def test_what_the_server_refuses_is_told_in_the_command_s_words(
    server: Server, field: str | None, message: str, said: str
) -> None:
    server.status = 400
    server.answer = {"code": "invalid_request", "message": message, "field": field}

    assert softask() == (1, "", f"{said}\n")


def test_a_campaign_without_an_id_is_refused() -> None:
    result = CliRunner().invoke(app, ["report", ""])

    assert result.exit_code == 2
    assert result.stderr.startswith("CAMPAIGN is the id of one (softask campaigns list")


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


def test_csv_is_printed_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    softask("--csv", path)

    code, out, err = softask("--csv", "-")

    assert (code, err) == (0, "")
    assert out.splitlines() == path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_name_is_a_formula_in_a_spreadsheet(server: Server, tmp_path: Path, name: str) -> None:
    counted = Counted()
    counted.users("soft_ask", 5, variant=name)
    server.answer = {**counted.told(), "campaign": name}
    path = tmp_path / "rows.csv"

    softask("--csv", path)

    with path.open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["campaign"], row["variant"]) == (f"'{name}", f"'{name}")
