"""The tools that run beside us: cfn-lint, checkov and pip-audit of `build/checks`, and ruff."""

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.checks.findings import Finding, Ran
from tests.checks.templates import paths

ROOT = Path(__file__).parents[2]
_BIN = ROOT / "build" / "checks" / "bin"
_SERVICES = ("pypi", "osv")
"""Who knows of vulnerabilities; the second is asked where the first does not answer."""

_UNREACHABLE = re.compile("ConnectionError|Timeout|Max retries|ServiceError|HTTPError")

Report = dict[str, Any]


class ToolError(RuntimeError):
    """A tool did not do its work; the message carries what it said."""


# --- templates ---


def cfn_lint(templates: Mapping[Path, str]) -> Iterator[Ran]:
    """Errors, warnings and hints. `templates`: each with the target that the table names."""
    found = defaultdict(list)
    for each in _json([_BIN / "cfn-lint", "--include-checks", "I", "-f", "json", *templates]):
        found[Path(each["Filename"])].append((each["Rule"]["Id"], each["Location"]["Path"][1]))
    yield from _by_target("cfn-lint", templates, found)


def checkov(templates: Mapping[Path, str]) -> Iterator[Ran]:
    """Its own rules for CloudFormation; nothing is fetched and nothing is sent."""
    files = [argument for path in templates for argument in ("-f", path)]
    offline = ("--framework", "cloudformation", "--skip-download", "-o", "json")
    report = _json([_BIN / "checkov", *files, *offline])
    yield from _by_target("checkov", templates, failed(report, templates))


def failed(report: Report, templates: Mapping[Path, str]) -> dict[Path, list[tuple[str, str]]]:
    """Rules and logical ids by template; raises ToolError for a template that was not read."""
    results = report.get("results", {})
    looked = {
        Path(each["file_abs_path"])
        for kind in ("passed_checks", "failed_checks")
        for each in results.get(kind, ())
    }
    if unread := templates.keys() - looked:
        raise ToolError(f"checkov read nothing of {', '.join(map(str, sorted(unread)))}")
    found = defaultdict(list)
    for each in results["failed_checks"]:
        logical_id = each["resource"].rpartition(".")[2]
        found[Path(each["file_abs_path"])].append((each["check_id"], logical_id))
    return found


def _by_target(
    check: str,
    templates: Mapping[Path, str],
    found: Mapping[Path, Sequence[tuple[str, str]]],
) -> Iterator[Ran]:
    """One row a target, which may have several templates."""
    targets: dict[str, list[Finding]] = {target: [] for target in templates.values()}
    for path, target in templates.items():
        places = paths(path)
        targets[target] += (
            Finding(check=check, target=target, rule=rule, place=places.get(where, where))
            for rule, where in found.get(path, ())
        )
    for target, findings in targets.items():
        yield Ran(check=check, target=target, findings=tuple(findings))


# --- locks ---


def pip_audit(lock: Path) -> Ran:
    """Known vulnerabilities of what a lock file pins; skipped where nobody can be asked."""
    said = []
    for service in _SERVICES:
        command = (_BIN / "pip-audit", "-r", lock, "--disable-pip", "--progress-spinner", "off")
        done = _run([*command, "-f", "json", "-s", service])
        ran = audited(lock.name, done.stdout, done.stderr)
        if not ran.skipped:
            return ran
        said.append(f"{service}: {ran.skipped}")
    return Ran(check="pip-audit", target=lock.name, skipped="; ".join(said))


def audited(target: str, stdout: str, stderr: str) -> Ran:
    """pip-audit finds nothing wrong with packages of which its service knows nothing: a mirror
    that answers 404 would pass. What is unknown beside others that are known is a finding.

    Raises ToolError for a fault that is not the network's.
    """
    if not stdout:
        if not _UNREACHABLE.search(stderr):
            raise ToolError(f"pip-audit of {target}: {stderr}")
        return Ran(check="pip-audit", target=target, skipped="no answer")
    dependencies = msgspec.json.decode(stdout, type=Report)["dependencies"]
    unknown = [each for each in dependencies if "skip_reason" in each]
    if len(unknown) == len(dependencies):
        reason = f"knows none of {len(dependencies)} packages"
        return Ran(check="pip-audit", target=target, skipped=reason)
    findings = [("unknown", each["name"]) for each in unknown] + [
        (hole["id"], f"{each['name']} {each['version']}")
        for each in dependencies
        for hole in each.get("vulns", ())
    ]
    return Ran(
        check="pip-audit",
        target=target,
        findings=tuple(
            Finding(check="pip-audit", target=target, rule=rule, place=place)
            for rule, place in findings
        ),
    )


# --- sources ---


def ruff_security() -> Ran:
    """Every S rule over everything: a `noqa` is an answer only with its reason beside it."""
    command = (Path(sys.executable).with_name("ruff"), "check", ".", "--select", "S")
    found = _json([*command, "--ignore-noqa", "--output-format", "json"])
    return Ran(check="ruff S", target="sources", findings=tuple(map(_of_ruff, found)))


def _of_ruff(each: Report) -> Finding:
    path, row = Path(each["filename"]), each["noqa_row"]
    line = path.read_text(encoding="utf-8").splitlines()[row - 1]
    return Finding(
        check="ruff S",
        target="sources",
        rule=each["code"],
        place=f"{path.relative_to(ROOT)}:{row}",
        reason=reason_beside(line, each["code"]),
    )


def reason_beside(line: str, rule: str) -> str:
    """What a line's `noqa` of the rule says for itself: `# noqa: S603 - our own command`."""
    said = re.search(rf"# noqa: (?:[A-Z]+\d+, ?)*{rule}(?:, ?[A-Z]+\d+)* (?:- |\()(\S.*)", line)
    return said.group(1) if said else ""


# --- how they are run ---


def _json(command: Sequence[str | Path]) -> Any:
    """What a tool writes; its exit code only says whether it found something."""
    done = _run(command)
    try:
        return msgspec.json.decode(done.stdout)
    except msgspec.DecodeError as error:
        raise ToolError(f"{command[0]}: {done.stderr or done.stdout}") from error


def _run(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - tools of our own environments
        command,
        cwd=ROOT,
        env={**os.environ, "LOG_LEVEL": "ERROR", "NO_COLOR": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
