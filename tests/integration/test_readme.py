"""The README's requests, sent as they stand there, bring the answers that stand there."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.demo.process import dev_server

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^ {4}\.venv/bin/(?P<command>softask .*)$", re.MULTILINE)
CALL = re.compile(
    r"curl -s http://127\.0\.0\.1:8080(?P<path>\S+).*?-d '(?P<body>\{.*?\})'", re.DOTALL
)
ANSWER = re.compile(r"^ {4}(?P<answer>\{\"success\".*?\]\})$", re.DOTALL | re.MULTILINE)

VARYING = ("offerId", "deeplink", "expiresAt")


def steady(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer without what differs from run to run."""
    actions = [
        {key: value for key, value in action.items() if key not in VARYING}
        for action in answer["actions"]
    ]
    return {**answer, "actions": actions}


def calls() -> list[tuple[str, dict[str, Any]]]:
    return [(found["path"], json.loads(found["body"])) for found in CALL.finditer(README)]


def test_the_requests_of_the_readme_play_the_recipe() -> None:
    first, declined, advance = calls()
    told = ANSWER.search(README)
    assert told
    with (
        dev_server() as url,
        httpx.Client(
            base_url=url, auth=("dev-write-key", ""), trust_env=False, timeout=30
        ) as client,
    ):
        answer = client.post(first[0], json=first[1]).json()
        assert steady(answer) == steady(json.loads(told["answer"]))
        assert client.post(declined[0], json=declined[1]).json()["actions"] == []
        assert client.post(advance[0], json=advance[1]).json()["moved"]
        again = client.post(first[0], json={**first[1], "messageId": "m2"}).json()
        assert again["actions"][0]["attempt"] == 2


def test_the_commands_of_the_readme_publish_explain_pause_and_make_a_key() -> None:
    told = []
    with dev_server() as url:
        for command in COMMAND.findall(README):
            ran = subprocess.run(  # noqa: S603 - the README's own lines
                [sys.executable, "-m", "cli.main", *shlex.split(command)[1:]],
                capture_output=True,
                text=True,
                check=False,
                cwd=ROOT,
                env={**os.environ, "SOFTASK_URL": url},
            )
            assert ran.returncode == 0, ran.stderr
            told.append(" ".join(ran.stdout.split()))
    published, explained, paused, made = told
    assert published.startswith("rate-the-app: new → 1 (active)")
    assert explained.startswith("u1, of whom nothing was ever heard, would ")
    assert "✓ trigger" in explained
    assert paused.startswith("rate-the-app: paused (version 1)")
    assert made.startswith("id: wk-")


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_what_the_readme_links_to_is_there(link: str) -> None:
    assert (ROOT / link).exists()
