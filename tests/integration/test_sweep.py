"""The sweep: what it deletes, what it leaves, and how it ends when it is interrupted."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from cli.local_tables import NAMES
from functions.store.keys import SHARDS
from functions.sweep import handler as entry
from functions.sweep.service import RESERVE, Sweeper, Swept
from tests.integration.conftest import DAY, START, App, Database, items

DUE = START + 14 * DAY


def decline(app: App, users: int) -> None:
    for user in range(users):
        app.track("PushSoftAskDeclined", user=f"u{user}")


def sweeper(time_left: int = 60_000, pauses: list[float] | None = None) -> Sweeper:
    return Sweeper(lambda: time_left, (pauses if pauses is not None else []).append)


def test_due_windows_are_deleted_and_others_stay(app: App) -> None:
    decline(app, 10)
    app.now += 1000
    app.track("PushSoftAskDeclined", user="later")
    assert sweeper().sweep(DUE - 1) == Swept(deleted=0, left=0)
    assert sweeper().sweep(DUE) == Swept(deleted=10, left=0)
    assert len(items("SOFTASK_WINDOWS_TABLE")) == 1
    assert sweeper().sweep(DUE) == Swept(deleted=0, left=0)


def test_row_59_a_window_that_ended_asks_nobody_before_new_value(app: App) -> None:
    offer = app.value_moment("u0")
    assert offer
    app.outcome("Shown", offer, user="u0")
    app.outcome("Declined", offer, user="u0")
    app.now = DUE + DAY
    assert sweeper().sweep(app.now) == Swept(deleted=1, left=0)

    asker = {"userId": "u0", "context": {"device": {"id": "d1"}}}
    assert app.track("SessionStarted", user="u0")["actions"] == []
    assert app.post("/v1/actions", asker)["actions"] == []
    again = app.value_moment("u0", messageId="new")
    assert again
    assert again["attempt"] == 2


def test_the_profile_is_not_touched(app: App) -> None:
    decline(app, 1)
    before = items("SOFTASK_PROFILES_TABLE")
    sweeper().sweep(DUE)
    assert items("SOFTASK_PROFILES_TABLE") == before


def test_it_queries_the_shards_and_never_scans(database: Database) -> None:
    database.calls.clear()
    sweeper().sweep(DUE)
    assert database.calls == ["Query"] * SHARDS


def test_more_than_a_page_of_a_shard_is_paged_through(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.store.windows.PAGE", 2)
    decline(app, 40)
    assert sweeper().sweep(DUE) == Swept(deleted=40, left=0)


def test_row_57_an_index_hit_that_moved_meanwhile_stays(app: App, database: Database) -> None:
    decline(app, 1)

    def declined_again(operation: str) -> None:
        if operation == "DeleteItem":
            database.before = lambda _: None
            app.now = START + DAY
            app.track("PushSoftAskDeclined", user="u0")

    database.before = declined_again
    assert sweeper().sweep(DUE) == Swept(deleted=0, left=0)
    [window] = items("SOFTASK_WINDOWS_TABLE")
    assert int(window["due_at"]["N"]) == (DUE + DAY) // 1000


@pytest.mark.parametrize("looks", [1, 2, 3, 5, 8, 13])
def test_row_18_it_stops_before_its_time_is_up_and_says_how_much_is_left(
    app: App, looks: int
) -> None:
    decline(app, 20)
    left = iter([RESERVE + 60_000] * looks)
    swept = Sweeper(lambda: next(left, RESERVE), lambda _: None).sweep(DUE)
    assert swept.left_is_exact
    assert swept.deleted < looks
    assert swept.deleted + swept.left == 20
    assert len(items("SOFTASK_WINDOWS_TABLE")) == swept.left


def test_without_time_to_count_what_is_left_is_a_lower_bound(app: App) -> None:
    decline(app, 3)
    assert sweeper(time_left=0).sweep(DUE) == Swept(deleted=0, left=0, left_is_exact=False)


def test_row_18_throttled_it_backs_off_and_resumes(app: App, database: Database) -> None:
    decline(app, 5)
    failures = iter(range(7))

    def throttled(_: str) -> None:
        if next(failures, None) is not None:
            raise ReadTimeoutError(endpoint_url="http://localhost")

    database.before = throttled
    pauses: list[float] = []
    assert sweeper(pauses=pauses).sweep(DUE) == Swept(deleted=5, left=0)
    assert pauses == [0.1, 0.2]


def test_row_18_throttled_without_end_it_gives_up_in_time(app: App, database: Database) -> None:
    decline(app, 5)

    def throttled(_: str) -> None:
        raise ReadTimeoutError(endpoint_url="http://localhost")

    database.before = throttled
    clock = [60_000]

    def pause(seconds: float) -> None:
        clock[0] -= int(seconds * 1000)

    swept = Sweeper(lambda: clock[0], pause).sweep(DUE)
    assert swept == Swept(deleted=0, left=0, left_is_exact=False)
    assert clock[0] >= RESERVE


@pytest.mark.parametrize("kill_at", range(0, 24, 3))
def test_row_17_killed_at_any_call_a_rerun_ends_in_the_same_table(
    app: App, database: Database, kill_at: int
) -> None:
    class Killed(BaseException):
        pass

    decline(app, 8)
    count = 0

    def kill(_: str) -> None:
        nonlocal count
        count += 1
        if count > kill_at:
            raise Killed

    database.after = kill
    with pytest.raises(Killed):
        sweeper().sweep(DUE)
    database.after = lambda _: None
    sweeper().sweep(DUE)
    assert items("SOFTASK_WINDOWS_TABLE") == []


def test_row_13_a_row_that_ttl_has_not_deleted_yet_changes_no_decision(app: App) -> None:
    decline(app, 1)
    app.now = DUE
    assert items("SOFTASK_WINDOWS_TABLE")
    assert app.value_moment(user="u0")


def test_row_14_a_row_that_is_gone_early_forgets_no_decline(app: App) -> None:
    decline(app, 1)
    [window] = items("SOFTASK_WINDOWS_TABLE")
    key = {name: window[name] for name in ("user_key", "campaign")}
    boto3.client("dynamodb").delete_item(TableName=NAMES["SOFTASK_WINDOWS_TABLE"], Key=key)
    app.now = DUE - 1000
    assert app.value_moment(user="u0") is None


def test_row_19_users_become_eligible_without_any_sweep(app: App) -> None:
    decline(app, 1)
    app.now = DUE + 300 * DAY
    assert app.value_moment(user="u0")


def test_the_handler_answers_what_it_did(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    class Context:
        function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"

        def get_remaining_time_in_millis(self) -> int:
            return 300_000

    decline(app, 2)
    monkeypatch.setattr(entry, "wall_clock", lambda: DUE)
    context: Any = Context()
    assert entry.handler({}, context) == {"deleted": 2, "left": 0, "leftIsExact": True}
