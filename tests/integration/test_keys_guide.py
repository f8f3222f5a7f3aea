"""What `docs/authentication.md` shows is run, and proves a user to the code that verifies."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from joserfc.jwk import ECKey
from typer.testing import CliRunner

from cli.demo.process import dev_server
from cli.main import app
from functions.admin.key_plans import OVERLAPS
from functions.clock import wall_clock
from functions.core.model import DAY, User
from functions.environment import Auth
from functions.store.access import AccessKey, KeyUse
from functions.track.authority import token_keys
from functions.wire.tokens import Verifier, audience
from tests.integration.test_client_guides import ROOT, anchors, fenced

SECTION = re.compile(r"^## From off to enforce$(?P<text>.+?)^## ", re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"^(?P<indent> *)```sh\n(?P<code>.+?)^ *```$", re.DOTALL | re.MULTILINE)

PAGE = (ROOT / "docs" / "authentication.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#]*)(?P<anchor>#[^)]+)?\)")
COMMAND = re.compile(r"softask (?P<words>(?:keys|token|user)\b[^`\n)]*)")


def proven(token: str, public: dict[str, str]) -> User:
    """Whom the token proves to the stage prod."""
    now = wall_clock()
    keys = {"uk-1": AccessKey(use=KeyUse.USER, public=public, issuer="my-backend")}
    return Verifier(audience("prod")).verify(token, token_keys(keys, "prod", now), now)


def test_the_python_of_the_page_signs_a_token_that_holds() -> None:
    [code] = fenced(PAGE, "python")
    key = ECKey.generate_key("P-256")
    pem = key.as_pem(private=True).decode()

    ran = subprocess.run(  # noqa: S603 - the page's own code
        [sys.executable, "-c", f"{code}\nprint(softask_token('u1'))"],
        env={**os.environ, "SOFTASK_PRIVATE_KEY": pem, "SOFTASK_KID": "uk-1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    public = {str(name): str(value) for name, value in key.as_dict(private=False).items()}
    assert proven(ran.stdout.strip(), public) == User("user", "u1")


def test_each_language_signs_for_the_same_issuer_and_stage() -> None:
    for language in ("python", "js", "go"):
        [code] = fenced(PAGE, language)
        assert ('"my-backend"' in code, '"softask-prod"' in code) == (True, True), language
        assert len([line for line in code.splitlines() if line.strip()]) <= 35, language


@pytest.mark.parametrize("command", [each["words"] for each in COMMAND.finditer(PAGE)])
def test_every_command_of_the_page_has_the_options_that_it_shows(command: str) -> None:
    words = command.split()
    steps = words[: 1 if words[0] == "token" else 2]

    shown = CliRunner().invoke(app, [*steps, "--help"])

    assert shown.exit_code == 0, steps
    options = {word for word in words if word.startswith("--")}
    assert {option for option in options if option not in shown.stdout} == set()


def test_the_page_tells_the_overlap_of_each_kind_of_key() -> None:
    for use, overlap in OVERLAPS.items():
        days = overlap // DAY
        assert f"| {use} | {days} day{'s' if days > 1 else ''} |" in PAGE


def test_every_link_of_the_page_leads_somewhere() -> None:
    for link in LINK.finditer(PAGE):
        target = (ROOT / "docs" / (link["path"] or "authentication.md")).resolve()
        assert target.exists(), link[0]
        if link["anchor"]:
            assert link["anchor"] in anchors(target.read_text(encoding="utf-8")), link[0]


def pasted(url: str) -> str:
    """The section's commands in their order, with what a reader puts in: the server, and what the
    command before has printed."""
    section = SECTION.search(PAGE)
    assert section
    blocks = [textwrap.dedent(each["code"]) for each in SHELL.finditer(section["text"])]
    code = re.sub(r"(?m)^(softask keys create .+)$", r"\1 | tee said", "".join(blocks))
    code = re.sub(r"SOFTASK_URL=\S+", f"SOFTASK_URL={url}", code)
    code = code.replace("wk_…", "$(sed -n 's/^secret (shown only now): //p' said)")
    code = code.replace("uk-…", "$(sed -n 's/^id: //p' said)")
    assert "…" not in code
    softask = f'softask() {{ {shlex.quote(sys.executable)} -m cli.main "$@"; }}'
    return f"set -euo pipefail\n{softask}\n{code}"


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on the path")
@pytest.mark.parametrize(("auth", "of_another"), [("observe", 200), ("enforce", 403)])
def test_the_way_to_enforce_can_be_pasted(tmp_path: Path, auth: Auth, of_another: int) -> None:
    with dev_server(auth=auth) as url:
        code = pasted(url)
        another = code[code.rindex("curl -s") :].replace('"u1"', '"u2"').strip()
        ran = subprocess.run(  # noqa: S603 - the page's own commands
            [
                "/usr/bin/env",
                "bash",
                "-c",
                f"{code}\necho\n{another} -o /dev/null -w '%{{http_code}}'",
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OLD_WRITE_KEY": "segments-key"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert ran.returncode == 0, ran.stderr
    *_, answer, status = ran.stdout.splitlines()
    assert json.loads(answer)["success"]
    assert int(status) == of_another
