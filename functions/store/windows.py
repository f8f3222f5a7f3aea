"""RetryWindows: one item a user and campaign, whose end makes the user re-eligible.

No decision reads them: eligibility follows from the profile and the clock. They exist so that the
sweep, or TTL, removes them when they are due, and the stream tells the ledger.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from pynamodb.attributes import NumberAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from functions.core import experiment
from functions.core.model import Profile, Progress
from functions.store import connection
from functions.store.keys import shard_of

PAGE = 100


class DueIndex(GlobalSecondaryIndex["WindowItem"]):  # type: ignore[no-untyped-call] # pynamodb's
    """The windows by shard and due time."""

    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due_shard = NumberAttribute(hash_key=True)
    due_at = NumberAttribute(range_key=True)


class WindowItem(Model):
    """`due_at`: whole seconds since the epoch, rounded up. `expires_at` (TTL) is equal to it.

    `window` is the id under which its end is counted: campaign, attempt and `due_at`.
    `version`, `arm` and `variant`: of the ask that it follows, where one is known here.

    `TTLAttribute` takes times, not numbers: milliseconds can never be written by mistake.
    """

    class Meta(connection.Connection):
        table_name = connection.ENVIRONMENT.windows_table

    user_key = UnicodeAttribute(hash_key=True)
    campaign = UnicodeAttribute(range_key=True)
    due_shard = NumberAttribute()
    due_at = NumberAttribute()
    expires_at = TTLAttribute()
    window = UnicodeAttribute()
    version = NumberAttribute(null=True)
    arm = UnicodeAttribute(null=True)
    variant = UnicodeAttribute(null=True)
    due = DueIndex()


def changes(key: str, before: Profile, after: Profile) -> Iterator[tuple[str, WindowItem]]:
    """What must be written with the profile: ("save" or "delete", item), for each moved window."""
    for campaign in {**before.progress, **after.progress}:
        progress = after.progress.get(campaign) or Progress()
        known = before.progress.get(campaign) or Progress()
        if (progress.window, progress.retry_at) == (known.window, known.retry_at):
            continue
        if progress.window and progress.retry_at is not None:
            yield "save", _item(key, campaign, progress, progress.retry_at)
        elif known.window:
            yield "delete", WindowItem(key, campaign)


def due(shard: int, now: int) -> Iterator[WindowItem]:
    """The windows of a shard that ended by `now` (milliseconds), oldest first, a page at a time.

    What an index returns is a hint: the items hold their keys alone, and may be gone or moved.
    """
    ended = WindowItem.due_at <= now // 1000
    with connection.translated_errors():
        yield from WindowItem.due.query(shard, ended, page_size=PAGE)


def count_due(shard: int, now: int) -> int:
    """How many windows of a shard ended by `now`."""
    with connection.translated_errors():
        return WindowItem.due.count(shard, WindowItem.due_at <= now // 1000)


def remove_due(window: WindowItem, now: int) -> bool:
    """Deletes the window if it still is due; True if this call deleted it."""
    still_due = WindowItem.due_at <= now // 1000
    try:
        with connection.translated_errors():
            WindowItem(window.user_key, window.campaign).delete(condition=still_due)
    except connection.ConditionFailed:
        return False
    return True


def of(key: str) -> list[WindowItem]:
    """The user's windows, by one strong query."""
    with connection.translated_errors():
        return list(WindowItem.query(key, consistent_read=True))


def remove_all(key: str) -> int:
    """Deletes the user's windows, whether they ended or not; how many there were."""
    found = of(key)
    with connection.translated_errors():
        for window in found:
            window.delete()
    return len(found)


def _item(key: str, campaign: str, progress: Progress, retry_at: int) -> WindowItem:
    due_at = -(-retry_at // 1000)
    asked = progress.offer
    return WindowItem(
        key,
        campaign,
        due_shard=shard_of(key),
        due_at=due_at,
        expires_at=datetime.fromtimestamp(due_at, UTC),
        window=f"{campaign}:{progress.spent}:{due_at}",
        version=asked.version if asked else None,
        arm=experiment.dealt(progress) or None,
        variant=progress.variant or None,
    )
