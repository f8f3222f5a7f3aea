"""What a tool found, what was answered, and what is left open."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Finding:
    """`place`: the construct's path, and what exactly the tool minds of it, if it says so.

    reason: why it may stay, where that stands beside the finding itself.
    """

    check: str
    target: str
    rule: str
    place: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Findings of one rule that may stay. `place`: `*` stands for anything, `[*]` for itself, and
    `target:` before it names one target."""

    rule: str
    place: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether this is the answer to it."""
        return self.rule == finding.rule and (
            fnmatchcase(finding.place, self.place)
            or fnmatchcase(f"{finding.target}:{finding.place}", self.place)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One check of one target. skipped: why nothing was checked; empty where it was."""

    check: str
    target: str
    findings: tuple[Finding, ...] = ()
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Open findings, and answers to which there is no question (any more)."""

    open: tuple[Finding, ...]
    unneeded: tuple[Acknowledged, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.open or self.unneeded)


def judge(ran: Iterable[Ran], answers: Sequence[Acknowledged]) -> Verdict:
    """Compares what was found with what was answered."""
    found = sorted(finding for each in ran for finding in each.findings)
    return Verdict(
        open=tuple(finding for finding in found if not _answered(finding, answers)),
        unneeded=tuple(answer for answer in answers if not any(map(answer.covers, found))),
    )


def rows(
    ran: Iterable[Ran], answers: Sequence[Acknowledged]
) -> Iterator[tuple[str, str, str, str, str]]:
    """The table: check, target, findings, acknowledged, open."""
    for each in ran:
        if each.skipped:
            yield each.check, each.target, "skipped", "", f"skipped: {each.skipped}"
            continue
        left = [finding for finding in each.findings if not _answered(finding, answers)]
        found = len(each.findings)
        yield each.check, each.target, str(found), str(found - len(left)), str(len(left))


def _answered(finding: Finding, answers: Iterable[Acknowledged]) -> bool:
    return bool(finding.reason) or any(answer.covers(finding) for answer in answers)
