"""Which way imports may point: inward, to the pure core, and never out of `functions`."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "functions"

PARTS = ("core", "store", "wire", "track", "admin", "sweep", "ledger")

MAY_IMPORT = {
    "core": {"core"},
    "wire": {"core", "wire"},
    "store": {"core", "store"},
    "track": {"core", "store", "wire", "track"},
    "admin": {"core", "store", "wire", "admin"},
    "sweep": {"core", "store", "sweep"},
    "ledger": {"core", "store", "ledger"},
}

IMPURE = {
    "asyncio",
    "http",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
    "uuid",
}
"""What reads a clock, the machine or chance: no part of the core."""

IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "__import__"}

CLOCKS = {"now", "utcnow", "today"}
"""How `datetime` reads the clock; its arithmetic and formats are pure."""


def imports(source: str) -> Iterator[str]:
    """Every module that a file names, wherever in the file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import hides where it points"
            module = node.module or ""
            yield module
            yield from (f"{module}.{name.name}" for name in node.names)


def calls(source: str) -> set[str]:
    """The plain names that a file calls."""
    return {
        node.func.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def clocks(source: str) -> set[str]:
    """The calls of a method that reads the clock."""
    return {
        node.func.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
    }


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def top(module: str) -> str:
    return module.partition(".")[0]


def part(module: str) -> str:
    """`store` of `functions.store.keys`; empty for what lies beside the parts."""
    return next((step for step in module.split(".")[1:2] if step in PARTS), "")


def impure(source: str) -> set[str]:
    """What of the forbidden modules and calls a file uses."""
    named = {module for module in imports(source) if module in IMPURE or top(module) in IMPURE}
    return named | (calls(source) & IMPURE_CALLS) | clocks(source)


def foreign(source: str) -> set[str]:
    """What a core file imports beyond the standard library, msgspec and the core."""
    return {
        module
        for module in imports(source)
        if top(module) not in sys.stdlib_module_names | {"msgspec"}
        and part(module) != "core"
        and module != "functions"
    }


@pytest.mark.parametrize("path", files(FUNCTIONS / "core"), ids=name)
def test_the_core_imports_the_standard_library_msgspec_and_itself(path: Path) -> None:
    assert foreign(path.read_text()) == set()


@pytest.mark.parametrize("path", files(FUNCTIONS / "core"), ids=name)
def test_the_core_reads_no_clock_no_machine_and_no_chance(path: Path) -> None:
    assert impure(path.read_text()) == set()


@pytest.mark.parametrize("path", files(FUNCTIONS), ids=name)
def test_functions_never_import_what_runs_elsewhere(path: Path) -> None:
    outside = {"infra", "cli", "tests", "benchmarks", "app", "aws_cdk", "moto", "yaml", "typer"}

    assert {top(module) for module in imports(path.read_text())} & outside == set()


@pytest.mark.parametrize("source", PARTS)
def test_dependencies_point_inward(source: str) -> None:
    found = {
        (name(path), part(module))
        for path in files(FUNCTIONS / source)
        for module in imports(path.read_text())
        if top(module) == "functions" and part(module)
    }

    assert {target for _, target in found} <= MAY_IMPORT[source], found


def test_the_core_s_modules_import_each_other_in_no_circle() -> None:
    core = {f"functions.core.{path.stem}": path for path in files(FUNCTIONS / "core")}
    needs = {each: core.keys() & set(imports(path.read_text())) for each, path in core.items()}

    order = list(TopologicalSorter(needs).static_order())

    assert set(order) == core.keys()


def test_the_core_words_its_facts_in_one_place() -> None:
    """Their ids are keys of the ledger: no second place may spell one otherwise."""
    wording = {path.stem for path in files(FUNCTIONS / "core") if "Fact" in calls(path.read_text())}

    assert wording == {"facts"}


def test_every_part_has_its_wall() -> None:
    folders = {path.name for path in FUNCTIONS.iterdir() if (path / "__init__.py").exists()}

    assert folders == set(PARTS) == set(MAY_IMPORT)


def test_the_commands_do_not_lean_on_the_infrastructure() -> None:
    leaning = [
        name(path)
        for path in files(ROOT / "cli")
        if "infra" in {top(module) for module in imports(path.read_text())}
    ]

    assert leaning == []


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("import time", {"time"}),
        ("def f():\n    from time import time_ns", {"time", "time.time_ns"}),
        ("from datetime import datetime\ndatetime.now()", {"now"}),
        ("from datetime import datetime\ndatetime.fromisoformat('2026-11-21')", set()),
        ("import os.path", {"os.path"}),
        ("from urllib import request", {"urllib.request"}),
        ("open('x')", {"open"}),
        ("from urllib.parse import quote", set()),
    ],
)
def test_impurity_is_seen(source: str, caught: set[str]) -> None:
    assert impure(source) == caught


@pytest.mark.parametrize(
    "source",
    [
        "import boto3",
        "from pynamodb.models import Model",
        "from functions.store import keys",
        "from functions import store",
        "import functions.clock",
    ],
)
def test_a_foreign_import_is_seen(source: str) -> None:
    assert foreign(source)
