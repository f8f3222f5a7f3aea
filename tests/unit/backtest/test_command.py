"""What the command takes, prints and exits with."""

import io
import re
from functools import cache
from pathlib import Path

import msgspec
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

from cli.backtest.charts import print_charts, shows_over_days
from cli.backtest.command import backtest
from cli.backtest.figures import Report
from cli.backtest.page import percent, print_notes, print_report
from tests.unit.backtest.recordings import Event, recording, write

ROOT = Path(__file__).parents[3]
SHIPPED = str(ROOT / "campaigns" / "push-softask.yaml")

app = typer.Typer()
app.command()(backtest)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], env={"COLUMNS": "80"})


@pytest.fixture(name="busy")
def _busy(tmp_path: Path) -> Path:
    return write(tmp_path / "events.jsonl", _events())


@cache
def _events() -> list[Event]:
    return recording(users=20, days=12)


@pytest.fixture(name="other")
def _other(tmp_path: Path) -> Path:
    path = tmp_path / "other-softask.yaml"
    path.write_text(Path(SHIPPED).read_text().replace("wait: 14d", "wait: 3d"))
    return path


def test_the_answer_stands_first(busy: Path) -> None:
    result = run(SHIPPED, busy, "--seed", "4")

    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert "users, 2026-10-01 to 2026-10-12. Outcomes are made up by rates: 40 % approve," in text
    assert "push-softask would have asked 20 of 20 users (100 %) with" in text
    assert "The wait since the last ask is not over." in text


def test_a_pipe_gets_no_colour_no_charts_no_progress_and_no_blanks(busy: Path) -> None:
    result = run(SHIPPED, busy)

    assert [line for line in result.output.splitlines() if line != line.rstrip()] == []
    assert "\x1b" not in result.output
    assert "█" not in result.output
    assert result.stderr == ""


def test_charts_are_drawn_in_a_pipe_where_that_is_asked_for(busy: Path) -> None:
    assert "█" in run(SHIPPED, busy, "--plot", "-").stdout


def test_a_picture_is_drawn_where_a_file_is_named(busy: Path, tmp_path: Path, other: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "charts.png"

    result = run(SHIPPED, busy, "--against", other, "--plot", picture)

    assert result.exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert str(picture) in result.stderr.replace("\n", "")


def test_a_picture_needs_matplotlib_and_says_so_before_the_work(
    busy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.backtest.command.find_spec", lambda _: None)

    result = run(SHIPPED, busy, "--plot", tmp_path / "charts.png")

    assert result.exit_code == 2
    assert "pip install 'softask[plots]'" in result.stderr
    assert result.stdout == ""


def test_a_picture_that_cannot_be_written_exits_with_2(busy: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")

    result = run(SHIPPED, busy, "--plot", tmp_path)

    assert result.exit_code == 2
    assert result.stderr == f"{tmp_path}: Is a directory\n"


def test_two_campaigns_fit_into_80_columns(busy: Path, other: Path) -> None:
    result = run(SHIPPED, busy, "--against", other, "--plot", "-")

    tables = result.stdout.partition("\n\n")[2]
    assert max(len(row) for row in tables.splitlines() if "would have" not in row) <= 80
    assert "change" in result.stdout
    assert "Upper bars: " in result.stdout


def test_json_says_all_of_it(busy: Path, other: Path) -> None:
    result = run(SHIPPED, busy, "--against", other, "--json")

    report = msgspec.json.decode(result.stdout)
    assert report["outcomes"]["source"] == "rates"
    assert report["difference"]["retries"] > 0
    assert [each["campaign"] for each in report["campaigns"]] == ["push-softask"] * 2
    assert msgspec.json.decode(result.stdout, type=Report).recording.users == 20


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--rates", "yes=1"], "'yes' is none of approve, decline, dismiss, silent"),
        (["--rates", "approve=much"], "'much' is no share"),
        (["--rates", "approve=2"], "2 is no share"),
        (["--rates", "approve=nan"], "nan is no share"),
        (["--rates", "approve=0.7,decline=0.7"], "shares add up to 1.4"),
        (["--rates", "approve=0.1,silent=0.1"], "shares add up to 0.2, not 1"),
        (["--rates", "approve=1", "--outcomes", "events"], "Say either --rates or"),
        (["--plot", "/nowhere/charts.png"], "its folder does not exist"),
        (["--settings", "nowhere.yaml"], "nowhere.yaml: No such file"),
        (["--against", "nowhere.yaml"], "nowhere.yaml: No such file"),
        (["--grant", "1.5"], "--grant"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(
    busy: Path, arguments: list[str], problem: str
) -> None:
    result = run(SHIPPED, busy, *arguments)

    assert result.exit_code == 2
    assert problem in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "The file holds no events"),
        (b"\n\n", "The file holds no events"),
        (b"user_id,event\nu1,Opened\n", "No line is an event. Line 1: not JSON"),
        (
            b'[\n  {"type": "track"}\n]\n',
            "No line is an event. Line 1: Expected `object`, got `array`",
        ),
        (b"\x1f\x8b\x08\x00cut", "No line is an event. Line 1: the gzip stream"),
        (b"\x89PNG\r\n\x1a\n\x00\x01", "No line is an event. Line 1: not JSON"),
    ],
    ids=["empty", "blank", "csv", "array", "damaged", "binary"],
)
def test_a_wrong_file_exits_with_2_and_shows_a_line_as_it_should_be(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(content)

    result = run(SHIPPED, file)

    assert result.exit_code == 2
    assert f"{file}: {problem}" in result.stderr
    assert '{"type":"track","userId":"u1","event":"ValueMomentReached"' in result.stderr


@pytest.mark.parametrize("file", ["nowhere.jsonl", "."])
def test_a_file_that_cannot_be_opened_exits_with_2(file: str) -> None:
    result = run(SHIPPED, file)

    assert result.exit_code == 2
    assert re.match(rf"{re.escape(file)}: (No such file|Is a directory)", result.stderr)


def test_settings_that_cannot_be_used_are_named(busy: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("deeplinks: {schemes: [yourapp]}\ncaps: [{at_most: 1}]\n")

    result = run(SHIPPED, busy, "--settings", settings)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"{settings}: caps[0]")


def test_rates_may_leave_silence_to_the_rest(busy: Path) -> None:
    result = run(SHIPPED, busy, "--rates", "approve=0.25, decline=0.5", "--json")

    outcomes = msgspec.json.decode(result.stdout)["outcomes"]
    assert (outcomes["dismiss"], outcomes["silent"]) == (0, 0.25)


def test_tenths_that_add_up_to_one_are_accepted(busy: Path) -> None:
    rates = "approve=0.1,decline=0.2,dismiss=0.3,silent=0.4"

    assert run(SHIPPED, busy, "--rates", rates).exit_code == 0


def test_what_a_file_says_cannot_steer_the_terminal(busy: Path) -> None:
    with busy.open("ab") as file:
        file.write(b'{"type":"track","userId":"u","event":"E","timestamp":"\\u001b[2J[red]"}\n')

    result = run(SHIPPED, busy)

    assert "\x1b" not in result.stdout
    assert "[red]" in result.stdout
    assert "1 line or batch item left out:" in result.stdout


# --- the page ---


def report_of(busy: Path, *arguments: str) -> Report:
    return msgspec.json.decode(run(SHIPPED, busy, "--json", *arguments).stdout, type=Report)


def printed(report: Report, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    print_report(report, console)
    print_charts(report, console)
    print_notes(report.recording, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_is_not_as_it_should_be_is_said(busy: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft.yaml"
    draft.write_text(Path(SHIPPED).read_text().replace("status: active", "status: draft"))
    shuffled = tmp_path / "shuffled.jsonl"
    shuffled.write_bytes(b"".join(reversed(busy.read_bytes().splitlines(keepends=True))))

    text = run(draft, shuffled).stdout

    assert "Its file says draft; it was replayed as active." in text
    assert "events stood after a newer one of the same user; sorted." in text


def test_recorded_outcomes_are_said_to_be_recorded(busy: Path) -> None:
    text = " ".join(run(SHIPPED, busy, "--outcomes", "events").stdout.split())

    assert "Outcomes are those in the recording." in text
    assert "Offers never shown" in text


def test_more_bad_lines_than_are_named_are_counted(busy: Path) -> None:
    with busy.open("ab") as file:
        file.write(b"oops\n" * 6)

    text = run(SHIPPED, busy).stdout

    assert "6 lines or batch items left out; the first 5:" in text
    assert text.count("not JSON") == 5


def test_a_long_recording_is_drawn_by_the_week(busy: Path) -> None:
    report = report_of(busy)
    [campaign] = report.campaigns
    days = {"2026-01-01": 3, "2026-03-15": 4}
    long = msgspec.structs.replace(
        report, campaigns=(msgspec.structs.replace(campaign, shows_per_day=days),)
    )

    text = printed(long, 80)

    assert len(shows_over_days(long)) == 74
    assert "Popups a week" in text
    assert "2026-01-08    0" in text


def test_nothing_shown_draws_no_charts(tmp_path: Path) -> None:
    empty = write(tmp_path / "none.jsonl", recording(users=2, days=1, referred=0))

    assert "█" not in run(SHIPPED, empty, "--plot", "-").stdout
    assert "Why triggers" not in run(SHIPPED, empty).stdout


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 10, "0 %"), (1, 3, "33 %"), (1, 200, "0.5 %"), (0, 0, ""), (3, 3, "100 %")],
)
def test_shares_are_said_as_people_read_them(part: int, whole: int, said: str) -> None:
    assert percent(part, whole) == said
