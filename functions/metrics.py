"""Metrics for CloudWatch, inside the log lines that are written anyway (embedded metric format).

Names are closed lists, and the dimensions are the stage and, where one is concerned, the campaign:
nothing of a user is ever in a metric. A line holds one value a name and a dimension, so that what
is told of two campaigns takes two lines.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from functions.core.model import FactKind
from functions.core.reason import Reason

NAMESPACE = "Softask"
STAGE, CAMPAIGN = "Stage", "Campaign"

DECISION, SILENCE, FACT = "Decision", "Silence", "Fact"
"""What the names of a campaign's metrics begin with; the reason or the fact's kind follows."""


class Metric(StrEnum):
    """What is measured of a stage.

    DECIDED: messages that mattered, whatever was decided.
    CONFLICTS: how often a decision was made again, because somebody else wrote the user first.
    BUSY: calls that were answered 503 because of conflicts or for want of time.
    UNAVAILABLE: calls that were answered 503 because the database did not answer in time.
    CAMPAIGNS_NOT_REFRESHED: reads of the live campaigns that failed, or left a campaign out.
    TOKEN_REFUSED: messages whose sender did not prove to be the user; let through while the stage
    observes.
    NOT_MERGED: logins that did not prove whose anonymous id they bring, and are taken without it;
    merged all the same while the stage observes.
    FAILED_RECORDS: times that a stream record failed, or that a batch was not written or told to
    its end; what keeps failing counts often.
    LEDGER_CONFLICTS: how often facts were written again, because others met on their counters.
    LEDGER_LAG: how old the newest record of a batch was when its facts were written.
    SWEEP_LAG: how long ago the oldest window that a run met was due; 0 where none was.
    WINDOWS_SWEPT, WINDOWS_LEFT: what a run deleted, and what was due still at its end.
    """

    DECIDED = "Decided"
    CONFLICTS = "Conflicts"
    BUSY = "Busy"
    UNAVAILABLE = "Unavailable"
    CAMPAIGNS_NOT_REFRESHED = "CampaignsNotRefreshed"
    TOKEN_REFUSED = "TokenRefused"  # noqa: S105 - a name
    NOT_MERGED = "NotMerged"
    FAILED_RECORDS = "FailedRecords"
    LEDGER_CONFLICTS = "LedgerConflicts"
    LEDGER_LAG = "LedgerLag"
    SWEEP_LAG = "SweepLag"
    WINDOWS_SWEPT = "WindowsSwept"
    WINDOWS_LEFT = "WindowsLeft"


_IN_SECONDS = (Metric.LEDGER_LAG, Metric.SWEEP_LAG)


def of_decision(reason: Reason) -> str:
    """`Silence.paused` where a trigger granted nothing, else `Decision.shown`."""
    is_silence = Reason.CAMPAIGNS_STALE <= reason < Reason.LAPSED
    return f"{SILENCE if is_silence else DECISION}.{reason.word}"


def of_fact(kind: FactKind) -> str:
    """`Fact.exposed`."""
    return f"{FACT}.{kind.value}"


def emf(
    stage: str,
    at: int,
    figures: Mapping[str, int],
    *,
    campaign: str = "",
    of_campaign: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """What to add to a log line, at its root, so that CloudWatch counts the figures.

    `at`: milliseconds since the epoch. `of_campaign` is counted under the campaign, or, where
    there is none, under the stage alone. Nothing to count adds nothing.
    """
    own = of_campaign or {}
    if not campaign:
        figures, own = {**figures, **own}, {}
    directives = [
        *_directive(figures, STAGE),
        *_directive(own, STAGE, CAMPAIGN),
    ]
    if not directives:
        return {}
    values = {**figures, **own, STAGE: stage} | ({CAMPAIGN: campaign} if own else {})
    return {"_aws": {"Timestamp": at, "CloudWatchMetrics": directives}, **values}


def _directive(figures: Mapping[str, int], *dimensions: str) -> list[dict[str, Any]]:
    if not figures:
        return []
    metrics = [{"Name": name, "Unit": _unit(name)} for name in figures]
    return [{"Namespace": NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": metrics}]


def _unit(name: str) -> str:
    return "Seconds" if name in _IN_SECONDS else "Count"
