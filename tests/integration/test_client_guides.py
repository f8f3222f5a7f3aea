"""What `docs/clients` shows is run: requests bring their answers, messages are taken."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cli.campaigns import read_campaign, read_settings, read_yaml
from cli.demo.process import dev_server
from functions.track.routes import ROUTES
from tests.integration.conftest import App

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs" / "clients").glob("*.md"))
LANGUAGES = {"swift": "swift", "kotlin": "kotlin", "flutter": "dart"}

FENCED = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
CALL = re.compile(
    r"^curl -s https://YOUR-API(?P<path>/\S+).*?-d '(?P<body>\{.*?\})'", re.DOTALL | re.MULTILINE
)
LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#]*)(?P<anchor>#[^)]+)?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

VARYING = (
    (re.compile(r"of_[a-z2-7]{32}"), "of_…"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "made by the server"),
    (re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z"), "a time"),
    (re.compile(r'"expiresInSeconds": \d+'), '"expiresInSeconds": 600'),
    (re.compile(r"127\.0\.0\.1:\d+"), "host"),
    (re.compile(r"dk-[0-9a-f]{12}"), "dk-…"),
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"), "a token"),
)
"""What differs from run to run, and what stands for it."""

END = "\x1e"
"""Printed after each of the page's blocks."""

WORDS = (
    *("Shown", "Approved", "Declined", "Dismissed", "Suppressed", "PushPermissionChanged"),
    *("open_deeplink", "request_os_permission", "withdraw", "open_settings"),
    *("onApprove", "decline"),
    *("showAfterSeconds", "expiresInSeconds", "lastAskedAt", "lastDeclinedAt", "inForeground"),
    *("408, 410, 429, 460", "v1/batch", "v1/actions"),
    *("X-Softask-Token", "v1/devices", "deviceToken", "unauthorized", "forbidden"),
)
"""What a client must say or understand."""


def page(name: str) -> str:
    return (ROOT / "docs" / "clients" / f"{name}.md").read_text(encoding="utf-8")


def fenced(text: str, language: str) -> list[str]:
    return [found["code"] for found in FENCED.finditer(text) if found["language"] == language]


def shown(language: str) -> list[Any]:
    """Every block of that language in any guide, each named after its page."""
    return [
        pytest.param(code, id=f"{guide.stem}-{number}")
        for guide in GUIDES
        for number, code in enumerate(fenced(guide.read_text(encoding="utf-8"), language))
    ]


def steady(answer: Any) -> Any:
    text = json.dumps(answer)
    for varying, instead in VARYING:
        text = varying.sub(instead, text)
    return json.loads(text)


def values(text: str) -> list[Any]:
    """The JSON values that stand in it one after the other."""
    found, rest = [], text.strip()
    while rest:
        value, length = json.JSONDecoder().raw_decode(rest)
        found.append(steady(value))
        rest = rest[length:].strip()
    return found


def steps(text: str) -> list[tuple[str, list[Any]]]:
    """The page's commands, each with the answers that stand below it."""
    found: list[tuple[str, list[Any]]] = []
    for block in FENCED.finditer(text):
        if block["language"] == "sh":
            found.append((block["code"], []))
        elif block["language"] == "json":
            found[-1][1].append(steady(json.loads(block["code"])))
    return found


def pasted(commands: list[str], url: str) -> list[str]:
    """What a shell prints for each, pasted one after the other."""
    script = "".join(f"{command}\nprintf '\\036'\n" for command in commands)
    ran = subprocess.run(  # noqa: S603 - the page's own commands
        [shutil.which("sh") or "sh", "-e"],
        input=script.replace("http://127.0.0.1:8080", url),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_PROXY": "*", "no_proxy": "*"},
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split(END)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on the path")
def test_every_command_of_the_curl_page_brings_the_answers_below_it() -> None:
    told = steps(page("curl"))
    with dev_server() as url:
        printed = pasted([command for command, _ in told], url)
    assert len(printed) == len(told) + 1
    for (command, answers), said in zip(told, printed, strict=False):
        assert values(said) == answers, command


def test_the_curl_page_shows_every_path_of_the_public_api() -> None:
    text = page("curl")
    told = [path.format(writeKey="dev-write-key") for _, path in ROUTES]
    long_names = [path for path in told if len(path.rpartition("/")[2]) > 1]
    assert [path for path in long_names if f"$HOST{path}" not in text] == []


def send(app: App, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    status, answer = app.send(path, json.dumps(body))
    assert status == 200, answer
    return answer


@pytest.mark.parametrize("code", shown("json"))
def test_every_message_of_a_guide_is_taken(app: App, code: str) -> None:
    body = json.loads(code)
    if "batch" in body:
        results = send(app, "/v1/batch", body)["results"]
        assert [each["status"] for each in results] == ["accepted"] * len(body["batch"])
    elif "type" in body:
        assert send(app, f"/v1/{body['type']}", body)["success"]
    else:
        assert {"success", "code", "now"} & set(body), "neither a message nor an answer"


@pytest.mark.parametrize("guide", [guide.stem for guide in GUIDES])
def test_every_call_of_a_guide_is_taken(app: App, guide: str) -> None:
    for call in CALL.finditer(page(guide)):
        assert send(app, call["path"], json.loads(call["body"]))["success"]


def merged(under: Any, over: Any) -> Any:
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return under | {key: merged(under.get(key), value) for key, value in over.items()}


@pytest.mark.parametrize("code", shown("yaml"))
def test_every_piece_of_a_campaign_fits_into_the_shipped_one(code: str, tmp_path: Path) -> None:
    shipped = ROOT / "campaigns"
    whole = read_yaml((shipped / "push-softask.yaml").read_text(encoding="utf-8"))
    changed = tmp_path / "changed.yaml"
    changed.write_text(json.dumps(merged(whole, read_yaml(code))), encoding="utf-8")
    assert read_campaign(changed, read_settings(shipped / "settings.yaml")).id == "push-softask"


@pytest.mark.parametrize("code", shown("python"))
def test_every_example_in_python_compiles(code: str) -> None:
    compile(code, "example", "exec")


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_client_knows_the_words_of_the_contract(name: str) -> None:
    [client] = [code for code in fenced(page(name), LANGUAGES[name]) if "v1/batch" in code]
    assert [word for word in WORDS if not re.search(rf"\b{word}\b", client)] == []


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {f"#{heading.strip().replace(' ', '-')}" for heading in plain}


@pytest.mark.parametrize("guide", [guide.stem for guide in GUIDES])
def test_every_link_of_a_guide_leads_somewhere(guide: str) -> None:
    source = ROOT / "docs" / "clients" / f"{guide}.md"
    for link in LINK.finditer(page(guide)):
        target = (source.parent / link["path"]).resolve() if link["path"] else source
        assert target.exists(), link[0]
        if link["anchor"]:
            assert link["anchor"] in anchors(target.read_text(encoding="utf-8")), link[0]
