"""What CloudWatch is told, in the log lines that are written anyway."""

import io
import json
import re
from collections import Counter
from typing import Annotated, Any, Literal

import msgspec
import pytest
from botocore.exceptions import ReadTimeoutError
from msgspec import Meta

from cli.dev import terminal
from functions.core.campaign import Package
from functions.core.model import FactKind
from functions.core.reason import Reason
from functions.ledger import handler as ledger
from functions.ledger.events import NotPublished
from functions.metrics import Metric, emf, of_decision, of_fact
from functions.store.retry import MAX_ROUNDS, Retry
from functions.sweep import handler as sweep
from functions.sweep.service import RESERVE
from tests.integration.access import make_live, proving
from tests.integration.conftest import DAY, MINUTE, SECOND, START, App, Database, Json, message
from tests.integration.privacy import CONTEXT, known, written
from tests.signing import USER

CAMPAIGN = "push-softask"
OF_CAMPAIGN = (("Stage", "dev"), ("Campaign", CAMPAIGN))
OF_STAGE = (("Stage", "dev"),)
DUE = START + 14 * DAY

Name = Annotated[str, Meta(min_length=1, max_length=255)]
Counted = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Definition(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    """The specification's MetricDefinition, with the units that are used here."""

    name: Name
    unit: Literal["Count", "Seconds"]


class Directive(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    """The specification's MetricDirective; each set of dimensions is a metric of its own."""

    namespace: Literal["Softask"]
    dimensions: Annotated[list[Annotated[list[Name], Meta(max_length=30)]], Meta(min_length=1)]
    metrics: Annotated[list[Definition], Meta(min_length=1, max_length=100)]


class Metadata(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    """What lies under `_aws`."""

    timestamp: int
    cloud_watch_metrics: Annotated[list[Directive], Meta(min_length=1)]


def counted(line: Json) -> Counted:
    """What CloudWatch makes of a line, read as strictly as it does; nothing without `_aws`."""
    if "_aws" not in line:
        return {}
    found: Counted = {}
    for directive in msgspec.convert(line["_aws"], Metadata).cloud_watch_metrics:
        for keys in directive.dimensions:
            dimensions = tuple((key, _dimension(line[key])) for key in keys)
            for metric in directive.metrics:
                value = line[metric.name]
                assert type(value) in {int, float}
                assert (metric.name, dimensions) not in found
                found[metric.name, dimensions] = value
    return found


def _dimension(value: Any) -> str:
    assert isinstance(value, str)
    assert 1 <= len(value) <= 1024
    assert value.isascii()
    return value


def lines(stream: io.StringIO) -> list[Json]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def last(app: App) -> Json:
    return lines(app.log)[-1]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The lines of the ledger and the sweep, whose clocks stand at the end of the window."""
    stream = io.StringIO()
    for module in (ledger, sweep):
        monkeypatch.setattr(module._logger.registered_handler, "stream", stream)
        monkeypatch.setattr(module, "wall_clock", lambda: DUE)
    monkeypatch.setattr(ledger, "_retry", Retry(lambda _: None, lambda: 0.0))
    return stream


def fail(_: str) -> None:
    raise ReadTimeoutError(endpoint_url="http://localhost")


# --- track ---


def test_a_decision_counts_under_its_reason_and_campaign(app: App) -> None:
    app.value_moment()
    assert counted(last(app)) == {
        ("Decided", OF_STAGE): 1,
        ("Decision.offer_granted", OF_CAMPAIGN): 1,
    }
    assert last(app)["_aws"]["Timestamp"] == app.now


def test_a_trigger_that_grants_nothing_counts_as_silence(app: App) -> None:
    app.track("PushSoftAskDeclined")
    app.value_moment()
    assert counted(last(app))["Silence.in_retry_window", OF_CAMPAIGN] == 1


def test_what_no_campaign_has_to_do_with_counts_under_the_stage(app: App) -> None:
    app.post("/v1/identify", {"userId": "u1", "traits": {"plan": "gold"}})
    assert counted(last(app)) == {
        ("Decided", OF_STAGE): 1,
        ("Decision.attributes_updated", OF_STAGE): 1,
    }


def test_each_message_of_a_batch_counts_in_a_line_of_its_own(app: App) -> None:
    users = [f"u{number}" for number in range(3)]
    batch = [message("ValueMomentReached", user=user) for user in users]
    app.post("/v1/batch", {"batch": batch})
    assert [counted(line)["Decision.offer_granted", OF_CAMPAIGN] for line in lines(app.log)] == [
        1,
        1,
        1,
    ]


def test_what_has_no_line_of_its_own_counts_all_the_same(app: App) -> None:
    moments = [message("ValueMomentReached", user=f"u{number}") for number in range(130)]
    traits = [{"type": "identify", "userId": f"v{n}", "traits": {"x": 1}} for n in range(20)]
    app.post("/v1/batch", {"batch": [*moments, *traits, *moments[:1]]})
    found: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
    for line in lines(app.log):
        found.update(counted(line))
    assert found == {
        ("Decided", OF_STAGE): 151,
        ("Decision.offer_granted", OF_CAMPAIGN): 130,
        ("Decision.offer_repeated", OF_CAMPAIGN): 1,
        ("Decision.attributes_updated", OF_STAGE): 20,
    }


def test_lost_rounds_go_with_the_line_that_was_written_at_last(
    app: App, database: Database
) -> None:
    database.refuse("PutItem", "ConditionalCheckFailedException")
    app.value_moment()
    assert counted(last(app))["Conflicts", OF_STAGE] == 3
    app.now += SECOND
    app.track("PushSoftAskDeclined")
    assert ("Conflicts", OF_STAGE) not in counted(last(app))


def test_lost_rounds_of_a_call_without_a_line_go_with_the_next(
    app: App, database: Database
) -> None:
    app.track("PushSoftAskDeclined", messageId="m1")
    written = len(lines(app.log))

    def replayed(operation: str) -> None:
        if operation == "TransactWriteItems":
            database.before = lambda _: None
            app.track("PushSoftAskDeclined", user="u2", messageId="m2")

    database.before = replayed
    app.track("PushSoftAskDeclined", user="u2", messageId="m2")
    assert len(lines(app.log)) == written + 1
    app.value_moment(user="u3")
    assert counted(last(app))["Conflicts", OF_STAGE] == 1


def test_row_22_a_call_that_is_given_up_counts_as_busy_with_its_rounds(
    app: App, database: Database
) -> None:
    database.before = lambda _: database.refuse("PutItem", "ConditionalCheckFailedException")
    status, _ = app.send("/v1/track", json.dumps(message("ValueMomentReached")))
    assert status == 503
    [line] = lines(app.log)
    assert line["message"] == "try_again"
    assert counted(line) == {("Busy", OF_STAGE): 1, ("Conflicts", OF_STAGE): MAX_ROUNDS}


def test_row_21_a_call_that_the_database_did_not_answer_counts_as_unavailable(
    app: App, database: Database
) -> None:
    database.before = fail
    status, _ = app.send("/v1/track", json.dumps(message("ValueMomentReached")))
    assert status == 503
    [line] = lines(app.log)
    assert counted(line) == {("Unavailable", OF_STAGE): 1}


def test_what_was_written_of_a_batch_counts_though_another_user_s_write_failed(
    app: App, database: Database
) -> None:
    batch = [message("ValueMomentReached", user=user, messageId=user) for user in ("u1", "u2")]
    writes: list[str] = []

    def fail_second(operation: str) -> None:
        if operation == "PutItem":
            writes.append(operation)
            if len(writes) > 1:
                fail(operation)

    database.before = fail_second
    status, _ = app.send("/v1/batch", json.dumps({"batch": batch}))
    assert status == 503
    decided, failed = lines(app.log)
    assert counted(decided)["Decision.offer_granted", OF_CAMPAIGN] == 1
    assert counted(failed) == {("Unavailable", OF_STAGE): 1}
    database.before = lambda _: None
    app.post("/v1/batch", {"batch": batch})
    assert [counted(line).get(("Decided", OF_STAGE)) for line in lines(app.log)] == [1, None, 1]


def test_row_66_campaigns_that_could_not_be_refreshed_count(app: App, database: Database) -> None:
    app.now += 20_000
    database.before = fail
    app.track("AppOpened")
    [line] = lines(app.log)
    assert counted(line) == {("CampaignsNotRefreshed", OF_STAGE): 1}
    assert line["_aws"]["Timestamp"] == app.now


# --- ledger ---


def deliver(*records: Json, age: int = 0) -> None:
    for each in records:
        each["dynamodb"]["ApproximateCreationDateTime"] = (DUE - age) // 1000
    ledger.handler({"Records": [*records]}, CONTEXT)


def test_new_facts_count_by_kind_and_campaign_in_one_line_an_invocation(
    app: App, logged: io.StringIO
) -> None:
    records: list[Json] = []
    for user in ("u1", "u2"):
        app.value_moment(user=user)
        records += written(known(user))
    deliver(*records)
    [line] = lines(logged)
    assert line["message"] == "recorded"
    assert counted(line) == {
        ("Fact.exposed", OF_CAMPAIGN): 2,
        ("Fact.offered", OF_CAMPAIGN): 2,
        ("LedgerLag", OF_STAGE): 0,
    }
    assert line["_aws"]["Timestamp"] == DUE


def test_the_lag_is_the_age_of_the_newest_record(app: App, logged: io.StringIO) -> None:
    app.value_moment()
    deliver(*written(known("u1")), age=7 * MINUTE)
    [line] = lines(logged)
    assert counted(line)["LedgerLag", OF_STAGE] == 7 * 60


def test_a_record_without_a_time_counts_without_a_lag(app: App, logged: io.StringIO) -> None:
    app.value_moment()
    [timeless] = written(known("u1"))
    del timeless["dynamodb"]["ApproximateCreationDateTime"]
    assert ledger.handler({"Records": [timeless]}, CONTEXT) == {"batchItemFailures": []}
    [line] = lines(logged)
    assert set(counted(line)) == {("Fact.exposed", OF_CAMPAIGN), ("Fact.offered", OF_CAMPAIGN)}


def test_a_record_that_comes_again_is_no_line(app: App, logged: io.StringIO) -> None:
    app.value_moment()
    deliver(*written(known("u1")))
    before = len(lines(logged))
    deliver(*written(known("u1")))
    assert len(lines(logged)) == before


def test_facts_of_two_campaigns_take_two_lines(app: App, logged: io.StringIO) -> None:
    app.value_moment()
    records = written(known("u1"))
    context = {"device": {"id": "d9"}, "push": {"status": "authorized"}}
    app.track("PushPermissionChanged", user="u9", context=context)
    records += written(known("u9"))
    deliver(*records)
    of_none, of_campaign = lines(logged)
    assert counted(of_none)["Fact.granted", OF_STAGE] == 1
    assert counted(of_none)["LedgerLag", OF_STAGE] == 0
    assert set(counted(of_campaign)) == {
        ("Fact.exposed", OF_CAMPAIGN),
        ("Fact.offered", OF_CAMPAIGN),
    }


def test_row_49_a_record_that_fails_counts_in_its_error_line(
    app: App, database: Database, logged: io.StringIO
) -> None:
    app.value_moment()
    delivered = written(known("u1"))
    database.before = fail
    deliver(*delivered)
    [line] = lines(logged)
    assert (line["level"], line["message"]) == ("ERROR", "record_failed")
    assert counted(line) == {("FailedRecords", OF_STAGE): 1}


def test_facts_count_once_though_nobody_could_be_told_of_them(
    app: App, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise NotPublished(0)

    monkeypatch.setattr(ledger, "_publish", refuse)
    app.value_moment()
    delivered = written(known("u1"))
    for _ in range(2):
        deliver(*delivered)
    recorded, *failed = lines(logged)
    assert counted(recorded)["Fact.offered", OF_CAMPAIGN] == 1
    assert [(line["level"], line["message"], line["left"]) for line in failed] == [
        ("ERROR", "not_published", 1)
    ] * 2
    assert [counted(line) for line in failed] == [{("FailedRecords", OF_STAGE): 1}] * 2


def test_a_batch_that_runs_out_of_time_is_one_line(app: App, logged: io.StringIO) -> None:
    app.value_moment()
    invocation: Any = Invocation(left=ledger.RESERVE)
    ledger.handler({"Records": written(known("u1")) * 3}, invocation)
    [line] = lines(logged)
    assert (line["level"], line["message"], line["left"]) == ("ERROR", "out_of_time", 3)
    assert "exception" not in line
    assert counted(line) == {("FailedRecords", OF_STAGE): 1}


def test_the_ledger_s_lost_rounds_have_a_metric_of_their_own(
    app: App, database: Database, logged: io.StringIO
) -> None:
    app.value_moment()
    delivered = written(known("u1"))
    reasons = ["None", "None", "None", "TransactionConflict"]
    database.refuse("TransactWriteItems", "TransactionCanceledException", reasons, times=2)
    deliver(*delivered)
    of_stage, of_campaign = lines(logged)
    assert counted(of_stage) == {("LedgerConflicts", OF_STAGE): 2, ("LedgerLag", OF_STAGE): 0}
    assert counted(of_campaign)["Fact.offered", OF_CAMPAIGN] == 1


def test_the_dev_server_says_nothing_of_what_only_counts(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    app.value_moment()
    with terminal.taken_over("ledger"):
        deliver(*written(known("u1")))
    assert capsys.readouterr().err == ""


# --- sweep ---


class Invocation:
    """One with `left` milliseconds until it is stopped, however often it asks."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"

    def __init__(self, left: int = 5 * MINUTE) -> None:
        self._left = left

    def get_remaining_time_in_millis(self) -> int:
        return self._left


def swept(logged: io.StringIO, invocation: Any) -> Json:
    sweep.handler({}, invocation)
    return lines(logged)[-1]


@pytest.mark.usefixtures("app")
def test_a_sweep_with_nothing_to_do_has_no_lag(logged: io.StringIO) -> None:
    assert counted(swept(logged, Invocation())) == {
        ("WindowsSwept", OF_STAGE): 0,
        ("WindowsLeft", OF_STAGE): 0,
        ("SweepLag", OF_STAGE): 0,
    }


def test_a_sweep_tells_how_overdue_the_oldest_window_was(app: App, logged: io.StringIO) -> None:
    app.now -= 3 * MINUTE
    app.track("PushSoftAskDeclined", user="older")
    app.now += MINUTE
    app.track("PushSoftAskDeclined", user="younger")
    line = swept(logged, Invocation())
    assert counted(line) == {
        ("WindowsSwept", OF_STAGE): 2,
        ("WindowsLeft", OF_STAGE): 0,
        ("SweepLag", OF_STAGE): 3 * 60,
    }
    assert line["_aws"]["Timestamp"] == DUE


def test_row_18_what_is_left_is_met_too(app: App, logged: io.StringIO) -> None:
    for user in range(5):
        app.now = START - user * MINUTE
        app.track("PushSoftAskDeclined", user=f"u{user}")
    line = swept(logged, Invocation(left=RESERVE))
    assert counted(line) == {
        ("WindowsSwept", OF_STAGE): 0,
        ("WindowsLeft", OF_STAGE): 5,
        ("SweepLag", OF_STAGE): 4 * 60,
    }


def test_row_19_a_sweep_that_could_not_see_everything_tells_no_lag(
    app: App, database: Database, logged: io.StringIO
) -> None:
    app.track("PushSoftAskDeclined")
    database.before = fail
    measured = counted(swept(logged, Invocation(left=RESERVE)))
    assert ("SweepLag", OF_STAGE) not in measured
    assert ("WindowsSwept", OF_STAGE) in measured


# --- all of them ---


def test_every_metric_of_the_stage_is_emitted_by_some_function(
    app: App, database: Database, package: Package, logged: io.StringIO
) -> None:
    make_live(package)
    app.value_moment()
    enforcing = App(package, "enforce")
    enforcing.send("/v1/track", json.dumps(message("ValueMomentReached")))
    observing = App(package, "observe")
    login = {"userId": "u9", "anonymousId": "a9"} | proving(token=USER.token("u9"))
    observing.send("/v1/identify", json.dumps(login))
    reasons = ["None", "TransactionConflict"]
    database.refuse("TransactWriteItems", "TransactionCanceledException", reasons, times=1)
    deliver(*written(known("u1")))
    swept(logged, Invocation())
    database.before = lambda _: database.refuse("PutItem", "ConditionalCheckFailedException")
    app.send("/v1/track", json.dumps(message("ValueMomentReached", user="u2")))
    database.before = fail
    app.now += 20_000
    app.send("/v1/track", json.dumps(message("ValueMomentReached", user="u3")))
    deliver({**POISON})
    names = {
        name
        for line in (
            *lines(app.log),
            *lines(enforcing.log),
            *lines(observing.log),
            *lines(logged),
        )
        for name, _ in counted(line)
    }
    assert {metric.value for metric in Metric} <= names
    assert names <= {
        *(metric.value for metric in Metric),
        *(of_decision(reason) for reason in Reason),
        *(of_fact(kind) for kind in FactKind),
    }


POISON: Json = {
    "eventName": "MODIFY",
    "eventSource": "aws:dynamodb",
    "eventID": "e1",
    "dynamodb": {
        "Keys": {"user_key": {"S": "k"}},
        "NewImage": {"outbox": {"B": "ew=="}},
        "SequenceNumber": "1",
    },
}


def test_a_line_of_every_kind_of_fact_is_within_the_limits() -> None:
    kinds = {of_fact(kind): 1 for kind in FactKind}
    stage: dict[str, int] = dict.fromkeys(Metric, 1)
    line = emf("dev", START, stage, campaign="c" * 64, of_campaign=kinds)
    assert len(counted(line)) == len(FactKind) + len(Metric)


def test_nothing_to_count_adds_nothing_to_a_line() -> None:
    assert emf("dev", START, {}, campaign=CAMPAIGN) == {}


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_either_silence_or_a_decision(reason: Reason) -> None:
    kind, _, word = of_decision(reason).partition(".")
    assert kind == ("Silence" if 32 <= reason < 64 else "Decision")
    assert word == reason.word


def test_lines_are_dated_as_lambda_wants_it(app: App, logged: io.StringIO) -> None:
    """Lambda takes a line whose time is not RFC 3339 for one of level INFO."""
    app.value_moment()
    deliver(*written(known("u1")))
    swept(logged, Invocation())
    for line in lines(logged):
        assert RFC_3339.fullmatch(line["timestamp"])


RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d")
