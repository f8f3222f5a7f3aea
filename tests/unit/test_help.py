"""`softask --help` reads as one product: every command in its group, one whole line each."""

import re

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli import panels
from cli.main import app

PAGE = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).stdout
COMMANDS = get_command(app).commands  # type: ignore[attr-defined] # it is a group

VERBS = (
    "Serve", "Play", "Check", "Report", "Replay", "List", "Show", "Say", "Look", "Move", "Sign",
    "Make", "Compare", "Print",
)  # fmt: skip


def section(panel: str) -> dict[str, str]:
    text = PAGE.split(f"\n{panel}:\n", 1)[1].split("\n\n", 1)[0]
    return dict(re.findall(r"^  ([a-z]+) {2,}(.+)$", text, re.MULTILINE))


def test_every_command_is_in_one_group_and_no_group_is_empty() -> None:
    listed = [section(panel) for panel in panels._ORDER]
    assert all(listed)
    assert sorted(name for names in listed for name in names) == sorted(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_says_in_a_line_what_it_does(name: str) -> None:
    [told] = [names[name] for names in map(section, panels._ORDER) if name in names]
    assert told.startswith(VERBS)
    assert told.endswith(".")
    assert not told.endswith("...")
