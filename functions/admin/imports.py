"""Users who move in: load, adopt, save, and again when somebody else was faster."""

from collections.abc import Callable, Sequence
from functools import partial

from functions.core import known
from functions.core.compiled import Campaigns
from functions.core.known import Known
from functions.core.model import Profile, User
from functions.store import profiles
from functions.store.retry import Retry, side_by_side
from functions.wire.errors import TooLarge
from functions.wire.imports import ImportResult, Row, rejected, user_deleted

DEADLINE = 20.0
"""Seconds for all rows of a body; what was not answered by then may be sent again."""

_Numbered = tuple[int, Known]


class Importer:
    """pause(seconds): waits between two tries on one user; jitter(): a number from 0 to 1."""

    def __init__(self, pause: Callable[[float], None], jitter: Callable[[], float]) -> None:
        self._retry = Retry(pause, jitter)

    def import_users(
        self, rows: Sequence[Row], campaigns: Campaigns, now: int
    ) -> tuple[ImportResult, ...]:
        """Adopts the rows, all of one user's in one read and one write; counts nothing.

        Raises `Unavailable`; every row may then be sent again.
        """
        results = {
            index: rejected(index, row)
            for index, row in enumerate(rows)
            if not isinstance(row, Known)
        }
        work = partial(self._import_user, campaigns=campaigns, now=now)
        for each in side_by_side(work, _by_user(rows), DEADLINE):
            results |= {result.row: result for result in each}
        return tuple(results[index] for index in range(len(rows)))

    def _import_user(
        self, rows: Sequence[_Numbered], campaigns: Campaigns, now: int
    ) -> list[ImportResult]:
        return self._retry.until_written(partial(_adopt_and_save, rows, campaigns, now))


def _adopt_and_save(
    rows: Sequence[_Numbered], campaigns: Campaigns, now: int
) -> list[ImportResult]:
    stored = profiles.load(rows[0][1].user, now)
    if stored.is_deleted:
        refusal = user_deleted(stored.refused_until)
        return [rejected(index, refusal) for index, _ in rows]
    profile, results = stored.profile, []
    for index, row in rows:
        adopted = known.adopt(profile, row, campaigns, now)
        results.append(_result(index, row, profile, adopted))
        profile = adopted
    if profile is not stored.profile:
        profiles.save(stored, profile, (), campaigns.retention)
    return results


def _result(index: int, row: Known, before: Profile, after: Profile) -> ImportResult:
    if known.lacks_room(after, row):
        problem = "The user's attributes leave no room for the status; its dates were taken."
        return rejected(index, TooLarge(problem, "pushPermissionStatus"))
    return ImportResult(row=index, status="unchanged" if after is before else "imported")


def _by_user(rows: Sequence[Row]) -> list[list[_Numbered]]:
    grouped: dict[User, list[_Numbered]] = {}
    for index, row in enumerate(rows):
        if isinstance(row, Known):
            grouped.setdefault(row.user, []).append((index, row))
    return list(grouped.values())
