"""Facts as domain events: what is told of each, and that EventBridge takes all of it."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import botocore.session
import msgspec
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws
from msgspec.structs import replace

from functions.core.campaign import PERMISSION_EVENT as CHANGED
from functions.core.model import Fact, FactKind, Outcome, Snapshot, User
from functions.core.offers import Grant, make_id
from functions.core.verdict import Decision
from functions.ledger.events import (
    EVENTS,
    LAST_CALL,
    MAX_ROUNDS,
    HeldOut,
    NoTime,
    NotPublished,
    OfferGranted,
    Publisher,
    PushDenied,
    PushGranted,
    SoftAskDeclined,
    event_of,
    publisher,
)
from functions.store.retry import Retry
from tests.integration.buses import queue_of_a_rule
from tests.integration.conftest import Json
from tests.unit.core.scene import Scene, campaigns_of, shipped_file

BUS = "softask-test"
KEY = "k" * 43
AT = 1_795_255_200_000  # 2026-11-21T10:00:00Z


def offer(number: int) -> str:
    """The id of one of the user's offers."""
    return make_id(Grant(AT << 16 | number, 2, 3, User("user", "u1")), "push-softask")


SHOWN = Fact(
    id=f"{offer(1)}:shown",
    kind=FactKind.SHOWN,
    at=AT,
    campaign="push-softask",
    version=3,
    attempt=2,
    arm="soft_ask",
    variant="warm",
    platform="ios",
    offer_id=offer(1),
)

LEDGER_S_OWN = {
    FactKind.EXPOSED,
    FactKind.SUPPRESSED,
    FactKind.PROMPTED,
    FactKind.OPTED_IN,
    FactKind.CONVERTED,
    FactKind.GOAL,
}
"""Kinds of which nobody is told: each further kind is to be put here, or to become an event."""

LIMIT = 256 * 1024

Entry = dict[str, str]


class Bus:
    """An `events` client that takes what it is not told to refuse, and remembers the calls.

    refusing: for each coming call, the error codes by the position of the entry.
    """

    def __init__(self, *refusing: Mapping[int, str]) -> None:
        self.calls: list[list[Entry]] = []
        self._refusing = list(refusing)

    def put_events(self, *, Entries: list[Entry]) -> Json:  # noqa: N803 (botocore's name)
        self.calls.append(Entries)
        codes = self._refusing.pop(0) if self._refusing else {}
        results = [
            {"ErrorCode": codes[place], "ErrorMessage": "no"}
            if place in codes
            else {"EventId": "e"}
            for place in range(len(Entries))
        ]
        return {"FailedEntryCount": len(codes), "Entries": results}

    @property
    def taken(self) -> list[str]:
        """The fact ids of the first call's entries, and of all that came after."""
        return [json.loads(entry["Detail"])["factId"] for call in self.calls for entry in call]


class Faulty:
    """An `events` client of a bus that cannot be reached, or that refuses the whole call."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def put_events(self, **_call: Any) -> Json:
        raise self._error


class Pauses(list[float]):
    """What was waited for, in seconds."""

    @property
    def retry(self) -> Retry:
        return Retry(self.append, lambda: 1.0)


def publish(bus: Any, *facts: Fact, retry: Retry | None = None, left: int = 60_000) -> None:
    told = [(KEY, fact) for fact in facts]
    Publisher(bus, BUS, retry or Pauses().retry).publish(told, lambda: left)


def shown(number: int) -> Fact:
    return replace(SHOWN, id=f"{offer(number)}:shown", offer_id=offer(number))


def told(fact: Fact, key: str = KEY) -> Json:
    """The event's detail, as a rule reads it."""
    detail: Json = json.loads(msgspec.json.encode(event_of(key, fact)))
    return detail


# --- which facts, and what they tell ---


def test_every_kind_of_fact_is_an_event_or_the_ledger_s_own() -> None:
    assert set(EVENTS) | LEDGER_S_OWN == set(FactKind)
    assert set(EVENTS).isdisjoint(LEDGER_S_OWN)


def test_the_events_go_by_their_promised_names() -> None:
    assert {kind.value: event.__name__ for kind, event in EVENTS.items()} == {
        "offered": "OfferGranted",
        "shown": "SoftAskShown",
        "approved": "SoftAskApproved",
        "declined": "SoftAskDeclined",
        "dismissed": "SoftAskDismissed",
        "held_out": "HeldOut",
        "granted": "PushGranted",
        "denied": "PushDenied",
        "re_eligible": "UserReEligible",
        "exhausted": "AttemptsExhausted",
    }


def test_an_event_says_what_its_fact_says() -> None:
    detail = told(SHOWN)
    assert detail.pop("factId")
    assert detail == {
        "schemaVersion": 1,
        "userKey": KEY,
        "at": "2026-11-21T10:00:00Z",
        "campaign": "push-softask",
        "campaignVersion": 3,
        "attempt": 2,
        "arm": "soft_ask",
        "variant": "warm",
        "platform": "ios",
        "offerId": offer(1),
    }


def test_what_is_not_known_is_null_and_never_left_out() -> None:
    detail = told(Fact(id="d1:granted:1", kind=FactKind.GRANTED, at=AT))
    nulls = {"campaign", "campaignVersion", "attempt", "arm", "variant", "platform", "offerId"}
    assert {name for name, value in detail.items() if value is None} == nulls


def test_the_packaged_version_is_0_and_an_unknown_one_null() -> None:
    assert told(replace(SHOWN, version=0))["campaignVersion"] == 0
    of_old = Fact(id="c:1:re_eligible", kind=FactKind.RE_ELIGIBLE, at=AT, campaign="c", attempt=1)
    assert told(of_old)["campaignVersion"] is None


@pytest.mark.parametrize("kind", sorted(LEDGER_S_OWN))
def test_the_ledger_s_own_facts_make_no_call(kind: FactKind) -> None:
    bus = Bus()
    publish(bus, replace(SHOWN, kind=kind))
    assert bus.calls == []


def test_the_entry_names_bus_source_and_event() -> None:
    bus = Bus()
    publish(bus, SHOWN)
    [[entry]] = bus.calls
    assert json.loads(entry.pop("Detail")) == told(SHOWN)
    assert entry == {
        "EventBusName": BUS,
        "Source": "softask",
        "DetailType": "SoftAskShown",
    }


# --- what consumers deduplicate by ---


def test_a_repeat_is_the_same_to_the_byte() -> None:
    bus = Bus()
    publish(bus, SHOWN)
    publish(bus, SHOWN)
    first, again = bus.calls
    assert first == again


def test_the_same_fact_of_two_users_has_two_ids() -> None:
    exhausted = Fact(id="c:exhausted", kind=FactKind.EXHAUSTED, at=AT, campaign="c")
    assert told(exhausted, "one")["factId"] != told(exhausted, "other")["factId"]


def test_two_facts_of_a_user_have_two_ids() -> None:
    assert told(SHOWN)["factId"] != told(shown(2))["factId"]


def test_row_47_no_event_holds_anything_that_the_phone_or_the_app_said_of_a_user() -> None:
    canary = "canary4711"
    scene = Scene(campaigns_of(shipped_file()))
    facts: list[Fact] = []
    steps: list[Callable[[], Decision]] = [
        lambda: scene.value(device=canary, properties={canary: canary}, locale=canary),
        lambda: scene.report(Outcome.DECLINED, device=canary, traits={canary: canary}),
        lambda: scene.track(CHANGED, device=canary, push=Snapshot(status="authorized")),
        lambda: scene.track(CHANGED, device=canary, push=Snapshot(status="denied")),
    ]
    for step in steps:
        scene.wait(1000)
        facts += step().facts
    assert not any(canary in fact.id for fact in facts)
    events = [event for fact in facts if (event := event_of(KEY, fact))]
    assert {type(event) for event in events} >= {
        OfferGranted,
        SoftAskDeclined,
        PushGranted,
        PushDenied,
    }
    assert canary not in msgspec.json.encode(events).decode()


def test_the_holdout_s_user_is_told_of_with_the_arm() -> None:
    file = shipped_file(experiment={"salt": "winter", "arms": {"soft_ask": 0, "holdout": 1}})
    events = [event_of(KEY, fact) for fact in Scene(campaigns_of(file)).value().facts]
    [held_out] = [event for event in events if event]
    assert isinstance(held_out, HeldOut)
    assert (held_out.arm, held_out.attempt, held_out.offer_id) == ("holdout", None, None)


# --- every event is taken ---


def test_ten_entries_go_in_a_call_in_their_order() -> None:
    bus, facts = Bus(), [shown(number) for number in range(23)]
    publish(bus, *facts)
    assert [len(call) for call in bus.calls] == [10, 10, 3]
    assert bus.taken == [told(fact)["factId"] for fact in facts]


def test_ten_of_the_longest_entries_fit_in_a_call() -> None:
    bus, escaped = Bus(), "\0"
    longest = replace(
        SHOWN,
        id="d" * 2000,
        campaign="c" * 64,
        version=2**32 - 1,
        attempt=2**16 - 1,
        arm="direct_prompt",
        variant=escaped * 64,
        platform=escaped * 32,
        offer_id="of_" + "o" * 32,
        kind=FactKind.DISMISSED,
    )
    publish(bus, *(replace(longest, id=f"{longest.id}{number}") for number in range(10)))
    [entries] = bus.calls
    parts = ("Source", "DetailType", "Detail")
    assert sum(len(entry[part].encode()) for entry in entries for part in parts) < LIMIT / 20


def test_only_what_was_refused_is_put_again_after_a_pause() -> None:
    bus, pauses = (
        Bus({1: "ThrottlingException", 3: "InternalFailure"}, {0: "InternalFailure"}),
        Pauses(),
    )
    facts = [shown(number) for number in range(4)]
    publish(bus, *facts, retry=pauses.retry)
    first, second, third, fourth = (told(fact)["factId"] for fact in facts)
    assert bus.taken == [first, second, third, fourth, second, fourth, second]
    assert pauses == [0.1, 0.2]


def test_what_is_refused_every_time_raises_with_the_codes_and_nothing_of_the_user() -> None:
    bus, pauses = Bus(*[{0: "ThrottlingException"}] * MAX_ROUNDS), Pauses()
    with pytest.raises(NotPublished) as raised:
        publish(bus, SHOWN, retry=pauses.retry)
    assert (str(raised.value.__cause__), raised.value.told) == ("ThrottlingException", 0)
    assert (len(bus.calls), len(pauses)) == (MAX_ROUNDS, MAX_ROUNDS - 1)


def test_behind_a_call_that_failed_none_is_tried_and_what_is_told_before_is_counted() -> None:
    bus = Bus({}, *[{0: "ThrottlingException"}] * MAX_ROUNDS)
    silent = replace(SHOWN, kind=FactKind.EXPOSED)
    with pytest.raises(NotPublished) as raised:
        publish(bus, silent, *(shown(number) for number in range(31)))
    assert raised.value.told == 11
    assert len(bus.calls) == 1 + MAX_ROUNDS
    assert told(shown(20))["factId"] not in bus.taken


def test_no_call_is_begun_that_the_function_would_not_see_the_end_of() -> None:
    bus = Bus()
    with pytest.raises(NotPublished) as raised:
        publish(bus, SHOWN, left=LAST_CALL)
    assert isinstance(raised.value.__cause__, NoTime)
    assert bus.calls == []
    publish(bus, SHOWN, left=LAST_CALL + 1)
    assert len(bus.calls) == 1


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "InternalException"}}, "PutEvents"),
        ReadTimeoutError(endpoint_url="https://events.invalid"),
    ],
    ids=["refused", "unreachable"],
)
def test_a_fault_of_the_call_is_the_cause(error: Exception) -> None:
    with pytest.raises(NotPublished) as raised:
        publish(Faulty(error), SHOWN)
    assert raised.value.__cause__ is error


# --- on a bus ---


@pytest.fixture
def approvals(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[Json]]]:
    """What a rule for one campaign's approvals, on the bus `softask-test`, puts on a queue."""
    with mock_aws():
        boto3.client("events").create_event_bus(Name=BUS)
        pattern = {"detail-type": ["SoftAskApproved"], "detail": {"campaign": ["push-softask"]}}
        yield queue_of_a_rule(BUS, pattern, monkeypatch)


def test_a_rule_hears_of_what_it_asks_for_and_nothing_else(
    approvals: Callable[[], list[Json]],
) -> None:
    approved = replace(SHOWN, id=f"{offer(1)}:approved", kind=FactKind.APPROVED)
    elsewhere = replace(approved, id=f"{offer(2)}:approved", campaign="rate-the-app")
    tell = publisher(BUS, botocore.session.get_session(), Pauses().retry)
    tell([(KEY, SHOWN), (KEY, approved), (KEY, elsewhere)], lambda: 60_000)
    [heard] = approvals()
    assert (heard["source"], heard["detail-type"]) == ("softask", "SoftAskApproved")
    assert heard["detail"] == told(approved)


def test_without_a_bus_nobody_is_told_and_no_client_opened() -> None:
    class NoSession:
        def create_client(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("a client was opened")

    session: Any = NoSession()
    publisher("", session, Pauses().retry)([(KEY, SHOWN)], lambda: 60_000)


def test_the_client_gives_up_as_early_as_the_tables_do() -> None:
    opened: list[Any] = []

    class Session:
        def create_client(self, service: str, config: Any) -> Any:
            opened.append((service, config))
            return Bus()

    session: Any = Session()
    publisher(BUS, session, Pauses().retry)
    [(service, config)] = opened
    assert service == "events"
    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert config.retries == {"total_max_attempts": 3, "mode": "standard"}
