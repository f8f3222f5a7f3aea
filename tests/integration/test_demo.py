"""`softask demo` plays the recipe over HTTP, and notices when a step differs."""

import re
from pathlib import Path

import pytest

from cli.demo import play

SHIPPED = Path(__file__).parents[2] / "campaigns" / "push-softask.yaml"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is looked for stands in one line."""
    monkeypatch.setenv("COLUMNS", "200")


def test_every_step_is_as_the_recipe_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert play() == 0
    told = capsys.readouterr().out
    assert "19 steps, all as the recipe says." in told
    assert "DIFFERS" not in told
    assert "\x1b" not in told, "colour in a pipe"
    for recipe_step in range(1, 7):
        assert re.search(rf"\(recipe [^)]*{recipe_step}", told), recipe_step


def test_it_fits_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "36")
    assert play() == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 36
    assert lines == [line.rstrip() for line in lines]


def test_a_longer_wait_differs_from_the_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = tmp_path / "later.yaml"
    later.write_text(SHIPPED.read_text().replace("wait: 14d", "wait: 15d"))
    assert play([later]) == 1
    told = capsys.readouterr().out
    assert "retry_at: the recipe says '2026-12-05T10:00:00Z', seen '2026-12-06T10:00:00Z'" in told
    assert re.search(r"\d+ of 19 steps differ from the recipe: 12, 14, 16", told)


def test_another_copy_on_the_retry_differs_from_the_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = tmp_path / "same.yaml"
    same.write_text(SHIPPED.read_text().replace("content: retry", "content: first"))
    assert play([same]) == 1
    assert "1 of 19 steps differ from the recipe: 16" in capsys.readouterr().out


def test_a_server_that_does_not_start_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.yaml"
    assert play([missing]) == 1
    assert f"{missing}: No such file or directory" in capsys.readouterr().err
