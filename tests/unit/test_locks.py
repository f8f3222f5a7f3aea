"""The lock files: a hash for everything, and no address that a mirror could not serve."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = sorted((ROOT / "requirements").rglob("*.txt"))
NODE = [
    path
    for folder in ("requirements", "clients", "tests")
    for path in sorted((ROOT / folder).rglob("package-lock.json"))
    if "node_modules" not in path.parts
]


@pytest.mark.parametrize("lock", [*PYTHON, *NODE], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_file_names_no_address(lock: Path) -> None:
    """npm writes where a package asks for money (`funding`): delete that, `npm ci` reads it not."""
    assert "://" not in lock.read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", PYTHON, ids=lambda path: path.name)
def test_every_python_package_has_its_hashes(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()
    packages = [place for place, line in enumerate(lines) if "==" in line]
    assert packages
    assert all(lines[place + 1].strip().startswith("--hash=sha256:") for place in packages)


@pytest.mark.parametrize("lock", NODE, ids=lambda path: path.parent.name)
def test_every_node_package_has_its_hash(lock: Path) -> None:
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    packages.pop("")
    assert packages
    assert all("integrity" in package for package in packages.values())
