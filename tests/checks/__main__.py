"""`make checks`: every static check of every template, lock and source, in one table.

Exits with 1 for a finding that nobody answered, and for an answer that nothing needs.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from infra.synth import WIDTH
from tests.checks import tools
from tests.checks.acknowledged import EVERY
from tests.checks.findings import Ran, Verdict, judge, rows
from tests.checks.templates import deployables, nag, templates


def run(out: Path) -> Iterator[Ran]:
    """All checks, one after the other; templates are written to the folder `out`."""
    targets: dict[Path, str] = {}
    for name, deployable in deployables().items():
        folder = out / name
        yield nag(name, deployable, folder)
        targets |= dict.fromkeys(templates(folder), name)
    yield from tools.cfn_lint(targets)
    yield from tools.checkov(targets)
    yield from map(tools.pip_audit, sorted((tools.ROOT / "requirements").glob("*.txt")))
    yield tools.ruff_security()


def table(ran: Iterable[Ran]) -> Table:
    """What was found, what was answered, and what is left."""
    shown = Table(title="Static checks", title_justify="left")
    for heading in ("Check", "Of", "Findings", "Acknowledged", "Open"):
        shown.add_column(heading, overflow="fold")
    for row in rows(ran, EVERY):
        shown.add_row(*row)
    return shown


def tell(console: Console, verdict: Verdict) -> None:
    """What is to be done."""
    for finding in verdict.open:
        console.print(f"open: {finding.check}, {finding.target}: {finding.rule} {finding.place}")
    for answer in verdict.unneeded:
        console.print(f"no finding needs: {answer.rule} {answer.place}")


def main() -> int:
    """Whether anything is open: 0 or 1."""
    console = Console(
        width=None if sys.stdout.isatty() else WIDTH, markup=False, highlight=False, soft_wrap=True
    )
    with TemporaryDirectory() as out:
        ran = list(run(Path(out)))
    console.print(table(ran))
    verdict = judge(ran, EVERY)
    tell(console, verdict)
    for each in ran:
        if each.skipped:
            console.print(f"SKIPPED: {each.check} of {each.target}: nothing was checked.")
    return 0 if verdict.passed else 1


if __name__ == "__main__":
    sys.exit(main())
