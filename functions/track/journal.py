"""What a call leaves in the log, with its metrics: hashed ids, reasons and figures, no values."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Logger

from functions.core.model import Message
from functions.core.reason import Reason
from functions.core.verdict import Decision
from functions.metrics import Metric, emf, of_decision
from functions.store.connection import Unavailable
from functions.store.keys import user_key
from functions.store.retry import Busy
from functions.wire.errors import WireError

MOST_LINES = 100
"""Messages of a call that have a line of their own."""

_QUIET = (Reason.UNCHANGED, Reason.DUPLICATE)
"""Messages that changed nothing are not worth a line."""


class Journal:
    """`salt` hashes the user ids; `stage` is a dimension of the metrics.

    take_conflicts(): how often a decision was made again, since this was last asked.
    """

    def __init__(
        self, logger: Logger, salt: str, stage: str, take_conflicts: Callable[[], int]
    ) -> None:
        self._logger = logger
        self._salt = salt
        self._stage = stage
        self._take_conflicts = take_conflicts

    def decided(
        self, messages: Sequence[Message], decisions: Sequence[Decision | None], now: int
    ) -> None:
        """One line a message that mattered, none for an ignored one.

        Whoever has a token can fill a batch: beyond a hundred, one line a campaign counts the rest.
        """
        told = [
            (message, decision)
            for message, decision in zip(messages, decisions, strict=True)
            if decision is not None and decision.reason not in _QUIET
        ]
        for message, decision in told[:MOST_LINES]:
            campaign, reason = _counted(decision)
            self._logger.info(
                "decided",
                extra={
                    "user_key": user_key(self._salt, message.user),
                    "campaigns": [verdict.campaign for verdict in decision.reasons],
                    "reasons": [verdict.reason.word for verdict in decision.reasons],
                    **self._measured(campaign, {reason: 1}, now),
                },
            )
        for campaign, reasons in _by_campaign(decision for _, decision in told[MOST_LINES:]):
            words = {reason.word: count for reason, count in reasons.items()}
            extra = {"campaign": campaign, "counts": words}
            measured = self._measured(campaign, reasons, now)
            self._logger.info("also_decided", extra={**extra, **measured})

    def refused(self, problems: Sequence[WireError], enforced: bool, now: int) -> None:
        """Messages whose senders did not prove to be the user."""
        self._unproven("token_refused", Metric.TOKEN_REFUSED, problems, enforced, now)

    def not_merged(self, problems: Sequence[WireError], enforced: bool, now: int) -> None:
        """Logins that did not prove whose anonymous id they bring."""
        self._unproven("not_merged", Metric.NOT_MERGED, problems, enforced, now)

    def not_refreshed(self, problem: str, now: int) -> None:
        """The read of the live campaigns that was just tried."""
        measured = emf(self._stage, now, {Metric.CAMPAIGNS_NOT_REFRESHED: 1})
        self._logger.error("campaigns_not_refreshed", extra={"cause": problem, **measured})

    def measured_fault(self, error: Unavailable, now: int) -> dict[str, Any]:
        """What goes with the line of a call that is answered 503."""
        kind = Metric.BUSY if isinstance(error, Busy) else Metric.UNAVAILABLE
        return emf(self._stage, now, {kind: 1, **self._conflicts()})

    def _unproven(
        self, line: str, metric: Metric, problems: Sequence[WireError], enforced: bool, now: int
    ) -> None:
        """One line a call: why, and how many."""
        if not problems:
            return
        causes = dict.fromkeys(_cause(problem) for problem in problems)
        measured = emf(self._stage, now, {metric: len(problems)})
        extra = {"enforced": enforced, "cause": " ".join(causes), **measured}
        self._logger.info(line, extra=extra)

    def _measured(self, campaign: str, reasons: Mapping[Reason, int], now: int) -> dict[str, Any]:
        """What was decided; the lost rounds of a call go with the first line after them."""
        return emf(
            self._stage,
            now,
            {Metric.DECIDED: sum(reasons.values()), **self._conflicts()},
            campaign=campaign,
            of_campaign={of_decision(reason): count for reason, count in reasons.items()},
        )

    def _conflicts(self) -> dict[str, int]:
        conflicts = self._take_conflicts()
        return {Metric.CONFLICTS: conflicts} if conflicts else {}


def _cause(problem: WireError) -> str:
    """To be counted by: what follows a colon is of one token alone, or how to mend it."""
    return f"{problem.message.partition(':')[0].rstrip('.')}."


def _counted(decision: Decision) -> tuple[str, Reason]:
    """The reason that decided, and its campaign."""
    reason = decision.reason
    return next(each.campaign for each in decision.reasons if each.reason is reason), reason


def _by_campaign(decisions: Iterable[Decision]) -> Iterable[tuple[str, Counter[Reason]]]:
    counts: dict[str, Counter[Reason]] = {}
    for decision in decisions:
        campaign, reason = _counted(decision)
        counts.setdefault(campaign, Counter())[reason] += 1
    return counts.items()
