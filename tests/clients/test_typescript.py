"""The TypeScript client: compiled, its own tests run, alone and against a dev server.

SOFTASK_CLIENTS names the folder that holds its development packages (see `make clients`).
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.demo.process import dev_server
from tests.clients.install import NODE, NPM, ROOT, SOURCES

# Read before any test could clear it.
FOLDER = os.environ.get("SOFTASK_CLIENTS")
GUIDE = ROOT / "docs" / "clients" / "typescript.md"
CAMPAIGNS = (
    ROOT / "campaigns" / "push-softask.yaml",
    ROOT / "campaigns" / "examples" / "session-time.yaml",
    ROOT / "tests" / "clients" / "direct-prompt.yaml",
)
EXAMPLE = re.compile(r"^```ts\n// (?P<file>\S+\.ts)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)

needs_npm = pytest.mark.skipif(
    FOLDER is None, reason="SOFTASK_CLIENTS names no development packages (see `make clients`)"
)
pytestmark = pytest.mark.xdist_group("typescript")


def node(*arguments: str, cwd: Path, **variables: str) -> str:
    """What Node prints; it must end well."""
    ended = subprocess.run(  # noqa: S603 - our own command, no shell
        [NODE, *arguments],
        cwd=cwd,
        env={**os.environ, "npm_config_loglevel": "error", **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def compile_in(package: Path, project: str = ".") -> None:
    """`tsc`, which stops at any error of its strict settings."""
    node("node_modules/typescript/bin/tsc", "--project", project, cwd=package)


def outcome_of_tests(package: Path, pattern: str, **variables: str) -> dict[str, int]:
    """How many of the package's own tests passed, failed and were skipped."""
    arguments = ("--test", "--test-reporter=tap", f"test/{pattern}.test.ts")
    said = node(*arguments, cwd=package, **variables)
    counts = re.findall(r"^# (pass|fail|skipped) (\d+)$", said, re.MULTILINE)
    return {what: int(count) for what, count in counts}


def read_json(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((SOURCES / name).read_text(encoding="utf-8"))
    return read


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled copy: nothing is written beside the sources."""
    copy = tmp_path_factory.mktemp("client") / "typescript"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (copy / "node_modules").symlink_to(Path(str(FOLDER)) / "node_modules")
    compile_in(copy)
    return copy


@pytest.fixture
def enforcing() -> Iterator[str]:
    """The URL of a dev server that takes nothing without a token."""
    with dev_server(auth="enforce") as url:
        yield url


# --- what ships ---


def test_the_client_depends_on_nothing() -> None:
    said = read_json("package.json")
    assert not [key for key in said if key.endswith("ependencies") and key != "devDependencies"]
    assert said["private"] is False
    assert said["license"] == "MIT"


def test_its_lock_has_hashes_and_no_address_of_a_registry() -> None:
    packages = read_json("package-lock.json")["packages"]
    own = packages.pop("")
    assert own["devDependencies"] == read_json("package.json")["devDependencies"]
    assert packages
    assert all("integrity" in each and "resolved" not in each for each in packages.values())


def test_its_licence_is_the_repositorys() -> None:
    assert (SOURCES / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


@needs_npm
def test_the_package_holds_the_compiled_files_and_their_types(package: Path) -> None:
    packed = node(NPM, "pack", "--dry-run", "--json", "--ignore-scripts", cwd=package)
    names = {file["path"] for file in json.loads(packed)[0]["files"]}
    sources = [path.stem for path in (SOURCES / "src").iterdir()]
    compiled = {f"dist/{stem}{end}" for stem in sources for end in (".js", ".d.ts")}
    assert names == {"LICENSE", "README.md", "package.json", *compiled}


# --- what it does ---


@needs_npm
def test_its_tests_are_as_strictly_typed_as_itself(package: Path) -> None:
    compile_in(package, "test")


@needs_npm
def test_its_own_tests_pass(package: Path) -> None:
    counts = outcome_of_tests(package, "*")
    assert counts["fail"] == 0
    assert counts["pass"] > 100


@needs_npm
def test_it_plays_the_recipe_against_a_dev_server(package: Path) -> None:
    with dev_server(CAMPAIGNS) as url:
        counts = outcome_of_tests(package, "server", SOFTASK_URL=url)
    assert counts["skipped"] == counts["fail"] == 0
    assert counts["pass"] > 10


@needs_npm
def test_it_proves_who_speaks_to_a_dev_server_that_enforces_tokens(
    package: Path, enforcing: str
) -> None:
    variables = {"SOFTASK_URL": enforcing, "SOFTASK_AUTH": "enforce"}
    counts = outcome_of_tests(package, "enforced", **variables)
    assert counts["skipped"] == counts["fail"] == 0
    assert counts["pass"] > 5


# --- its guide ---


@needs_npm
def test_the_examples_of_the_guide_compile(package: Path) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    examples = {found["file"]: found["code"] for found in EXAMPLE.finditer(guide)}
    assert len(examples) == guide.count("```ts\n")
    for file, code in examples.items():
        (package / "guide" / file).write_text(code, encoding="utf-8")
    compile_in(package, "guide")
