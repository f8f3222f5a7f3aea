"""Facts and the figures that they add to: each exactly once, whatever happens on the way."""

import random
import threading
from contextlib import suppress
from functools import partial
from itertools import pairwise, product
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from msgspec.structs import replace

from functions.core.figures import Cell
from functions.core.model import DAY, Cohort, Fact, FactKind, Profile, Progress, User
from functions.store import connection, counters, ledger, windows
from functions.store.connection import Unavailable
from functions.store.keys import shard_of
from functions.store.ledger import Deletion, Recorded
from functions.store.retry import PATIENT_ROUNDS, Busy, Retry
from tests.integration import streams
from tests.integration.conftest import START, Admin, Database, Json, items
from tests.integration.scheduler import Scheduler
from tests.integration.streams import (
    PATIENT,
    closed,
    counted,
    deliver,
    expected,
    fact,
    key,
    known,
    life,
    many,
    tables,
    told,
    tombstone,
)

pytestmark = pytest.mark.usefixtures("database")

USERS = [f"u{number}" for number in range(6)]
TODAY = START // DAY


class Killed(BaseException):
    """The function is gone, whatever it was doing."""


def lives(seed: int, users: list[str] = USERS) -> tuple[list[Fact], list[Json]]:
    """All facts, and the records that tell them, a user's own in order."""
    writes = [(user, facts) for user in users for facts in life(user, seed)]
    records = [told(user, facts) for user, facts in writes]
    return [each for _, facts in writes for each in facts], records


def side_mates(count: int) -> list[str]:
    """Users of one shard."""
    everybody = (f"m{number}" for number in range(10_000))
    shard = shard_of(key("m0"))
    return [user for user in everybody if shard_of(key(user)) == shard][:count]


def mark(user: str, at: int, until: int) -> None:
    ledger.mark(key(user), Deletion(at, until)).save()


# --- what is counted ---


@pytest.mark.parametrize("seed", range(5))
def test_the_counters_hold_what_the_facts_add_up_to(seed: int) -> None:
    facts, records = lives(seed)
    assert deliver(records) == facts
    assert counted() == expected(facts)
    assert len(known(*USERS)) == len(facts)


@pytest.mark.parametrize("seed", range(10))
def test_every_record_delivered_twice_more_in_any_order_changes_no_figure(seed: int) -> None:
    _, records = lives(seed)
    deliver(records)
    once = tables()
    again = [*records, *records]
    random.Random(seed).shuffle(again)
    assert deliver(again) == []
    assert tables() == once


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_users_and_writes_changes_no_figure(seed: int) -> None:
    facts, records = lives(seed)
    random.Random(seed).shuffle(records)
    deliver(records)
    assert counted() == expected(facts)


def test_facts_of_one_record_that_add_to_one_cell_update_it_once(database: Database) -> None:
    facts = [fact(f"goal:{n}", FactKind.GOAL, ordinal=n, **OF_COHORT) for n in range(1, 40)]
    deliver([told("u1", facts)])
    assert database.calls == ["TransactWriteItems"]
    [cell] = items("SOFTASK_COUNTERS_TABLE")
    assert (cell["goals"]["N"], cell["goal_squares"]["N"]) == ("39", str(39 * 39))


OF_COHORT: Json = {"campaign": "push", "cohort": Cohort(START, 1, "ios")}


def test_an_id_that_comes_twice_in_one_record_counts_once() -> None:
    one = fact("of_1:shown", campaign="push")
    assert deliver([told("u1", [one, one])]) == [one]
    assert counted() == expected([one])


def test_only_figures_that_are_not_0_are_stored() -> None:
    deliver([told("u1", [fact("of_1:shown", campaign="push", attempt=1, platform="ios")])])
    [item] = items("SOFTASK_COUNTERS_TABLE")
    assert set(item) == {"campaign_shard", "cell", "shown"}
    assert item["campaign_shard"]["S"] == f"push#{shard_of(key('u1'))}"
    assert item["cell"]["S"].startswith("2026-11-21")


def test_users_are_spread_over_the_shards() -> None:
    one = fact("of_1:shown", campaign="push")
    deliver(told(f"u{number}", [one]) for number in range(60))
    shards = {item["campaign_shard"]["S"] for item in items("SOFTASK_COUNTERS_TABLE")}
    assert len(shards) > 10
    assert counted() == {Cell("push", TODAY, 0, "", "", 0, ""): {"shown": 60}}


# --- many in one record ---


@pytest.mark.parametrize("count", [49, 50, 99, 150])
def test_more_figures_than_one_transaction_holds_are_written_in_several(
    database: Database, count: int
) -> None:
    facts = many(count)
    assert deliver([told("u1", facts)]) == facts
    assert database.calls == ["TransactWriteItems"] * -(-count // 49)
    assert counted() == expected(facts)


@pytest.mark.parametrize("seed", range(20))
def test_each_transaction_is_as_full_as_it_may_be(seed: int) -> None:
    chance = random.Random(seed)
    kinds = [FactKind.SHOWN, FactKind.EXPOSED, FactKind.GOAL]
    facts = [
        fact(f"{n}:x", chance.choice(kinds), attempt=chance.randrange(60), **OF_COHORT)
        for n in range(300)
    ]
    batches = list(ledger.batches(facts))
    assert [each for batch in batches for each in batch] == facts
    for batch, following in pairwise(batches):
        assert needed(batch) <= connection.MOST_AT_ONCE < needed((*batch, following[0]))


def needed(batch: tuple[Fact, ...]) -> int:
    """Items: the mark's check, the facts, their cells."""
    return 1 + len(batch) + len(expected(batch))


# --- killed, unanswered, refused ---


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_database_call_a_rerun_reaches_the_same_table(
    database: Database, seed: int, moment: str
) -> None:
    facts, records = lives(seed, USERS[:1])
    long = many(60)
    deliver([*records, told("long", long)])
    calls, whole = len(database.calls), tables()
    for call in range(calls):
        _empty()
        _kill_at(database, call, moment)
        with pytest.raises(Killed):
            deliver([*records, told("long", long)])
        database.before = database.after = lambda _: None
        deliver([*records, told("long", long)])
        assert tables() == whole
    assert counted() == expected([*facts, *long])


def _kill_at(database: Database, call: int, moment: str) -> None:
    database.calls.clear()

    def kill(_: str) -> None:
        if len(database.calls) > call:
            raise Killed

    setattr(database, moment, kill)


def _empty() -> None:
    for model in (ledger.FactItem, counters.CounterItem):
        with model.batch_write() as batch:
            for item in model.scan():
                batch.delete(item)


@pytest.mark.parametrize("lost", [1, 3, 3 * PATIENT_ROUNDS])
def test_row_05_an_answer_that_was_lost_loses_and_doubles_nothing(
    database: Database, lost: int
) -> None:
    """The SDK sends its applied call again, and so does the ledger; at last the stream does."""
    facts, records = lives(1, ["u1"])
    left = lost

    def lose(operation: str) -> None:
        nonlocal left
        if operation == "TransactWriteItems" and left:
            left -= 1
            raise ReadTimeoutError(endpoint_url="http://localhost")

    database.after = lose
    if lost == 3 * PATIENT_ROUNDS:
        with pytest.raises(Busy):
            deliver(records)
    deliver(records)
    assert counted() == expected(facts)
    assert known("u1") == {("u1", each.id) for each in facts}


def test_row_22_a_conflict_is_tried_again_after_a_pause(database: Database) -> None:
    pauses: list[float] = []
    one = fact("of_1:shown", campaign="push")
    reasons = ["None", "None", "TransactionConflict"]
    database.refuse("TransactWriteItems", "TransactionCanceledException", reasons)
    assert deliver([told("u1", [one])], retry=Retry(pauses.append, lambda: 1.0)) == [one]
    assert len(pauses) == 3
    assert counted() == expected([one])


def test_row_21_throttling_within_a_transaction_is_waited_out(database: Database) -> None:
    """The SDK does not repeat a transaction that was cancelled."""
    pauses: list[float] = []
    one = fact("of_1:shown", campaign="push")
    reasons = ["None", "None", "ThrottlingError"]
    times = PATIENT_ROUNDS - 1
    database.refuse("TransactWriteItems", "TransactionCanceledException", reasons, times=times)
    assert deliver([told("u1", [one])], retry=Retry(pauses.append, lambda: 1.0)) == [one]
    assert pauses[:6] == [0.02, 0.04, 0.08, 0.16, 0.32, 0.4]
    assert (len(pauses), set(pauses[6:])) == (times, {0.4})
    assert counted() == expected([one])


def test_what_a_refusal_settles_is_settled_though_it_names_a_conflict_too(
    database: Database,
) -> None:
    facts = [fact("of_1:shown", campaign="push"), fact("of_2:shown", campaign="push")]
    deliver([told("u1", facts[:1])])
    reasons = ["None", "ConditionalCheckFailed", "None", "TransactionConflict"]
    database.refuse("TransactWriteItems", "TransactionCanceledException", reasons, times=1)
    assert deliver([told("u1", facts)]) == facts[1:]
    assert counted() == expected(facts)


def test_a_refusal_that_settles_nothing_is_a_conflict_and_no_endless_loop(
    database: Database,
) -> None:
    reasons = ["None", "None", "ConditionalCheckFailed"]
    one = told("u1", [fact("of_1:shown", campaign="push")])
    database.refuse("TransactWriteItems", "TransactionCanceledException", reasons, times=100)
    with pytest.raises(Busy):
        deliver([one])
    assert tables() == [[], []]


def test_a_record_with_known_and_new_facts_adds_the_new_ones(database: Database) -> None:
    facts = many(60)
    deliver([told("u1", facts[::2])])
    database.calls.clear()
    assert deliver([told("u1", facts)]) == facts[1::2]
    assert database.calls == ["TransactWriteItems"] * 4
    assert counted() == expected(facts)


# --- side by side ---


@pytest.mark.parametrize("seed", range(25))
def test_two_lambdas_on_the_same_counters_lose_nothing(database: Database, seed: int) -> None:
    users = side_mates(3)
    facts = [fact(f"of_{n}:shown", campaign="push", attempt=n % 3) for n in range(60)]
    scheduler = Scheduler(seed)
    database.before = scheduler.turn
    scheduler.run(*(partial(deliver, [told(user, facts)]) for user in users))
    assert counted() == expected(facts * 3)


@pytest.mark.parametrize("seed", range(25))
def test_two_lambdas_with_the_same_record_count_it_once(database: Database, seed: int) -> None:
    facts = many(70)
    scheduler = Scheduler(seed)
    database.before = scheduler.turn
    new = scheduler.run(*[partial(deliver, [told("u1", facts)])] * 3)
    assert sorted(each.id for part in new for each in part) == sorted(each.id for each in facts)
    assert counted() == expected(facts)


def test_row_22_threads_that_run_freely_on_one_counter_lose_nothing() -> None:
    users = side_mates(4)
    facts = [fact(f"of_{n}:shown", campaign="push", version=1) for n in range(20)]
    threads = [threading.Thread(target=_deliver_each, args=(user, facts)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert counted() == expected(facts * 4)


def _deliver_each(user: str, facts: list[Fact]) -> None:
    """As the stream does: a record that failed comes again."""
    for each in facts:
        while True:
            with suppress(Unavailable):
                deliver([told(user, [each])])
                break


# --- deletions ---


def test_row_39_a_deleted_user_s_late_record_adds_nothing_and_takes_nothing() -> None:
    facts, records = lives(1, ["u1"])
    deliver(records)
    sums = counted()
    mark("u1", START + 400 * DAY, START + 430 * DAY)
    deliver([tombstone("u1")])
    assert known("u1") == set()
    assert counted() == sums == expected(facts)
    assert deliver(records) == []
    assert (known("u1"), counted()) == (set(), sums)


def test_row_39_of_one_record_the_ended_life_s_facts_are_refused_and_the_next_one_s_count() -> None:
    facts = [
        replace(each, at=START + n * DAY, id=f"of_{n}:shown") for n, each in enumerate(many(6))
    ]
    deliver([told("u1", facts[4:5])])
    mark("u1", START, START + 3 * DAY)
    found = ledger.record(key("u1"), facts)
    assert found == (*[Recorded.DELETED] * 3, Recorded.NEW, Recorded.KNOWN, Recorded.NEW)
    assert counted() == expected(facts[3:])


def test_row_39_a_deletion_on_the_way_refuses_what_it_was_read_before(database: Database) -> None:
    """The mark is gone again, by TTL, before it could be read: the facts are tried once more."""
    one = fact("of_1:shown", campaign="push")
    mark("u1", START, START + DAY)

    def expire(operation: str) -> None:
        if operation == "GetItem":
            database.before = lambda _: None
            ledger.FactItem(key("u1"), "deleted").delete()

    database.before = expire
    assert deliver([told("u1", [one])]) == [one]
    assert counted() == expected([one])


# --- reading ---


def test_days_are_read_from_the_first_to_the_last() -> None:
    facts = [fact(f"{day}:x", at=day * DAY, campaign="push") for day in range(TODAY, TODAY + 5)]
    deliver([told("u1", facts)])
    found = counters.read("push", TODAY + 1, TODAY + 3)
    assert sorted(cell.day for cell, _ in found) == [TODAY + 1, TODAY + 2, TODAY + 3]
    assert list(counters.read("push", TODAY + 5, TODAY + 9)) == []


def test_a_campaign_s_figures_are_its_own() -> None:
    names = ["push", "push-2", "push-1", ""]
    deliver([told("u1", [fact(f"{name}:x", campaign=name) for name in names])])
    for name in names:
        assert [cell.campaign for cell, _ in counters.read(name, TODAY, TODAY)] == [name]


@pytest.mark.parametrize(
    ("arm", "variant"), list(product(["soft_ask", '","', "#~[", "ä\n/"], ["", ",", "]", '"\\']))
)
def test_no_name_breaks_a_cell(arm: str, variant: str) -> None:
    one = fact("of_1:shown", campaign="push", version=3, arm=arm, variant=variant, attempt=1)
    deliver([told("u1", [one])])
    assert counted() == expected([one])


def test_cells_whose_names_run_together_stay_apart() -> None:
    facts = [
        fact("1:x", campaign="push", arm="a", variant="bc"),
        fact("2:x", campaign="push", arm="ab", variant="c"),
        fact("3:x", campaign="push", arm="a,b", variant="c"),
        fact("4:x", campaign="push", version=1, attempt=11),
        fact("5:x", campaign="push", version=11, attempt=1),
    ]
    deliver([told("u1", facts)])
    assert counted() == expected(facts)


def test_pages_are_followed_to_the_end(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = many(7)
    deliver([told("u1", facts)])
    connection: Any = counters.CounterItem._get_connection()
    monkeypatch.setattr(connection, "query", partial(connection.query, limit=2))
    database.calls.clear()
    assert counted(["push"]) == expected(facts)
    assert database.calls == ["Query"] * (15 + 4)


# --- what is stored ---


def test_a_fact_s_fields_are_stored_and_empty_ones_left_out() -> None:
    full = fact(
        "of_1:shown",
        campaign="push",
        version=3,
        attempt=1,
        arm="soft_ask",
        variant="warm",
        platform="ios",
        cohort=Cohort(START - DAY, 2, "web"),
        after=5,
        ordinal=2,
        first=True,
        unasked=True,
    )
    bare = fact("of_2:shown", campaign="push", cohort=Cohort(START, 0, ""), after=0)
    deliver([told("u1", [full, bare])])
    first, second = sorted(items("SOFTASK_LEDGER_TABLE"), key=lambda item: item["fact_id"]["S"])
    assert without_keys(first) == {
        "campaign": {"S": "push"},
        "version": {"N": "3"},
        "attempt": {"N": "1"},
        "arm": {"S": "soft_ask"},
        "variant": {"S": "warm"},
        "platform": {"S": "ios"},
        "cohort_at": {"N": str(START - DAY)},
        "cohort_version": {"N": "2"},
        "cohort_platform": {"S": "web"},
        "after": {"N": "5"},
        "ordinal": {"N": "2"},
        "first": {"BOOL": True},
        "unasked": {"BOOL": True},
    }
    assert without_keys(second) == {
        "campaign": {"S": "push"},
        "version": {"N": "0"},
        "cohort_at": {"N": str(START)},
        "cohort_version": {"N": "0"},
        "after": {"N": "0"},
    }


def test_the_export_tells_all_of_a_fact(admin: Admin) -> None:
    full = fact(
        "of_1:shown",
        campaign="push",
        version=3,
        variant="warm",
        cohort=Cohort(START - DAY, 2, "web"),
        after=5,
        ordinal=2,
        first=True,
        unasked=True,
    )
    bare = fact("of_2:shown", cohort=Cohort(START, 0, ""), after=0)
    deliver([told("u1", [full, bare])])
    first, second = admin.call("GET", "/users/{id}", id="u1")["facts"]
    assert first == {
        "id": "of_1:shown",
        "kind": "shown",
        "at": "2026-11-21T10:00:00Z",
        "campaign": "push",
        "version": 3,
        "variant": "warm",
        "cohort": {"at": "2026-11-20T10:00:00Z", "version": 2, "platform": "web"},
        "afterMilliseconds": 5,
        "ordinal": 2,
        "first": True,
        "unasked": True,
    }
    assert (second["cohort"], second["afterMilliseconds"]) == (
        {"at": "2026-11-21T10:00:00Z", "version": 0},
        0,
    )
    assert not {"variant", "ordinal", "first", "unasked"} & set(second)


def without_keys(item: Json) -> Json:
    return {
        name: value
        for name, value in item.items()
        if name not in {"user_key", "fact_id", "kind", "at"}
    }


# --- windows ---


WINDOW: Json = {"window": {"S": f"push:1:{START // 1000}"}, "due_at": {"N": str(START // 1000)}}


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (
            {"version": {"N": "3"}, "arm": {"S": "soft_ask"}, "variant": {"S": "warm"}},
            {"version": 3, "arm": "soft_ask", "variant": "warm"},
        ),
        ({}, {}),
    ],
)
def test_a_window_s_end_is_counted_for_its_ask_where_that_is_known(image: Json, told: Json) -> None:
    [ended] = deliver([closed("u1", {**WINDOW, **image}, START // 1000)])
    assert ended == fact(
        f"push:1:{START // 1000}:re_eligible",
        FactKind.RE_ELIGIBLE,
        campaign="push",
        attempt=1,
        **told,
    )
    assert counted() == expected([ended])


def test_a_window_that_goes_before_its_time_counts_nothing() -> None:
    assert deliver([closed("u1", WINDOW, START // 1000 - 1)]) == []
    assert tables() == [[], []]


def test_a_window_knows_what_was_asked_and_whose_figures_it_counts_in() -> None:
    """As of every fact, the arm is the exposure's, also where an experiment is over."""
    shown = streams.offer(version=3, arm="soft_ask", variant="")
    progress = Progress(
        offer=shown,
        attempts=1,
        window=True,
        retry_at=START,
        exposed_at=START,
        arm="holdout",
        variant="warm",
    )
    [(_, row)] = windows.changes("key", profile({}), profile({"push": progress}))
    assert (row.version, row.arm, row.variant) == (3, "holdout", "warm")


def test_a_window_of_a_user_who_was_never_exposed_is_of_no_arm() -> None:
    progress = Progress(declined_at=START, window=True, retry_at=START)
    [(_, row)] = windows.changes("key", profile({}), profile({"push": progress}))
    assert not set(row.serialize()) & {"version", "arm", "variant"}


def profile(progress: dict[str, Progress]) -> Profile:
    return Profile(user=User("user", "u1"), first_seen_at=START, seen_at=START, progress=progress)


def test_facts_that_older_code_told_are_counted() -> None:
    """Their outboxes know nothing of cohorts and variants."""
    old: Any = [{"id": "of_1:shown", "kind": "shown", "at": START, "campaign": "push"}]
    [new] = deliver([told("u1", old)])
    assert new == fact("of_1:shown", campaign="push")
    assert ledger.record(key("u1"), [new]) == (Recorded.KNOWN,)
    assert PATIENT.until_written(partial(ledger.record, key("u2"), [new])) == (Recorded.NEW,)
