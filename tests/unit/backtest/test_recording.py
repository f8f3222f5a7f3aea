"""What is read of each line, and which lines are refused."""

from typing import Any

import pytest

from cli.backtest.chronicle import Chronicle
from cli.backtest.lines import MAX_LINE
from cli.backtest.recording import BadLine, Recording, Unusable, read_recorded
from functions.core.model import MINUTE, User
from functions.core.moments import parse_time
from tests.unit.backtest.recordings import Event, line

NOON = "2026-10-01T12:00:00Z"
LATER = "2026-10-01T12:05:00Z"
VALUE: Event = {
    "type": "track",
    "userId": "u1",
    "event": "ValueMomentReached",
    "timestamp": NOON,
    "messageId": "m1",
}


def read(
    *lines: bytes, referred: str = "ValueMomentReached"
) -> tuple[Recording, list[tuple[int, int, bytes]]]:
    with Chronicle() as chronicle:
        recording = Recording(frozenset({referred}), chronicle)
        recording.take(lines)
        return recording, list(chronicle)


def test_only_events_that_some_campaign_refers_to_are_kept() -> None:
    recording, kept = read(
        line(VALUE),
        line({**VALUE, "event": "AdSeen"}),
        line({**VALUE, "type": "page", "event": None, "name": "Home"}),
        line({**VALUE, "type": "identify", "traits": {"a": 1}}),
        line({"type": "alias", "userId": "u1", "previousId": "a1", "timestamp": NOON}),
        line({"type": "group", "userId": "u1", "groupId": 7, "timestamp": NOON}),
    )

    assert recording.events == 6
    assert [entry[1] for entry in kept] == [1, 4, 5]


@pytest.mark.parametrize("kind", ["page", "screen"])
@pytest.mark.parametrize("key", ["name", "event"])
def test_what_was_looked_at_counts_by_its_name(kind: str, key: str) -> None:
    viewed = {"type": kind, "userId": "u1", key: "ValueMomentReached", "timestamp": NOON}

    recording, [(at, _, content)] = read(line(viewed))

    assert recording.names == {"ValueMomentReached"}
    assert read_recorded(content, at).event == "ValueMomentReached"


@pytest.mark.parametrize("kind", ["page", "screen", "group"])
def test_what_has_no_name_counts_by_its_kind(kind: str) -> None:
    nameless = {"type": kind, "userId": "u1", "groupId": "g1", "timestamp": NOON}

    _, [(at, _, content)] = read(line(nameless), referred=kind)

    assert read_recorded(content, at).event == kind


@pytest.mark.parametrize("name", [7, ["ValueMomentReached"], {}])
def test_a_name_that_is_no_text_is_refused_where_it_is_read(name: Any) -> None:
    viewed = line({**VALUE, "type": "screen", "name": name})

    recording, kept = read(line({**VALUE, "name": name}), viewed)

    assert (recording.problems.count, len(kept)) == (0, 2)
    with pytest.raises(BadLine, match="name must be a string"):
        read_recorded(viewed, parse_time(NOON))


def test_users_are_seen_on_every_event_and_kinds_are_kept_apart() -> None:
    recording, _ = read(
        line({**VALUE, "event": "AdSeen", "userId": "u2"}),
        line(VALUE),
        line({**VALUE, "userId": None, "anonymousId": "u1", "timestamp": LATER}),
    )

    assert len(recording.lives) == 3
    assert recording.lives.first_seen(User("anonymous", "u1")) == parse_time(LATER)
    assert recording.lives.span() == (parse_time(NOON), parse_time(LATER))


def test_numbers_read_as_their_digits_and_an_empty_id_as_none() -> None:
    recording, kept = read(
        line({**VALUE, "userId": 7}),
        line({**VALUE, "userId": "7"}),
        line({**VALUE, "userId": 0}),
        line({**VALUE, "userId": "", "anonymousId": 7}),
    )
    users = [read_recorded(content, at).user for at, _, content in kept]

    assert users == [
        User("user", "7"),
        User("user", "7"),
        User("user", "0"),
        User("anonymous", "7"),
    ]
    assert len(recording.lives) == len(set(users))


def test_whoever_logs_in_first_is_one_person_with_the_anonymous_id() -> None:
    recording, _ = read(
        line({**VALUE, "userId": None, "anonymousId": "a1"}),
        line({**VALUE, "userId": "u1", "timestamp": LATER}),
        line({**VALUE, "userId": "u2", "timestamp": LATER}),
    )
    lives, before = recording.lives, User("anonymous", "a1")
    assert (len(lives), lives.person(before)) == (3, before)

    for user in ("u1", "u2", "u1"):
        lives.join("a1", User("user", user))

    assert (len(lives), lives.person(before)) == (2, User("user", "u1"))
    assert lives.first_seen(before) == lives.first_seen(User("user", "u1")) == parse_time(NOON)
    assert lives.first_seen(User("user", "u2")) == parse_time(LATER)
    assert lives.span() == (parse_time(NOON), parse_time(LATER))


def test_a_login_keeps_the_later_of_both_last_events() -> None:
    recording, _ = read(
        line({**VALUE, "userId": None, "anonymousId": "a1", "timestamp": LATER}), line(VALUE)
    )

    recording.lives.join("a1", User("user", "u1"))

    assert recording.lives.span() == (parse_time(NOON), parse_time(LATER))


def test_an_id_that_only_its_login_names_is_nobody_of_its_own() -> None:
    recording, _ = read(line(VALUE))

    recording.lives.join("a1", User("user", "u1"))

    assert len(recording.lives) == 1
    assert recording.lives.first_seen(User("anonymous", "a1")) == parse_time(NOON)


def test_an_event_older_than_an_earlier_line_of_its_user_is_late() -> None:
    recording, _ = read(
        line({**VALUE, "timestamp": LATER}),
        line({**VALUE, "userId": "u2"}),
        line(VALUE),
        line({**VALUE, "timestamp": LATER}),
    )

    assert recording.lives.late == 1
    assert recording.lives.first_seen(User("user", "u1")) == parse_time(NOON)


def test_blank_lines_and_windows_line_ends_are_no_problem() -> None:
    recording, kept = read(b"", b"\r", b"   ", line(VALUE) + b"\r")

    assert recording.problems.count == 0
    assert [entry[1] for entry in kept] == [4]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b"a,b", "not JSON: "),
        (line({**VALUE, "userId": 7.5}), "Expected `int | str | null`, got `float` - at `$.userId"),
        (line({**VALUE, "userId": "u" * 257}), "Expected `str` of length <= 256 - at `$.userId`"),
        (b"[1]", "Expected `object`, got `array`"),
        (line({**VALUE, "userId": None}), "Add userId or anonymousId: whose message is it?"),
        (line({**VALUE, "userId": ""}), "userId must have 1 to 256 characters."),
        (line({**VALUE, "event": None}), "add event: which one was tracked?"),
        (line({**VALUE, "timestamp": None}), "add timestamp: when did it happen?"),
        (
            line({**VALUE, "timestamp": "yesterday"}),
            "'yesterday' is no time such as 2026-11-21T10:00:00Z",
        ),
        (
            line({**VALUE, "type": "tracking"}),
            "type must be one of track, identify, alias, page, screen, group",
        ),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"x" * (MAX_LINE + 1), "longer than 5 MB"),
        (b'{"type":"\xff"}', "not JSON: 'utf-8' codec can't decode byte 0xff"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_bad_line_is_named_and_counts_nobody(bad: bytes, problem: str) -> None:
    recording, kept = read(line(VALUE), bad)

    [(number, said)] = recording.problems.first
    assert (number, said[: len(problem)]) == (2, problem)
    assert recording.events == 1
    assert len(recording.lives) == 1
    assert len(kept) == 1


def test_the_first_five_bad_lines_are_named_and_all_are_counted() -> None:
    recording, _ = read(line(VALUE), *[b"{"] * 7)
    recording.problems.add(1, "found while replaying")

    assert recording.problems.count == 8
    assert [number for number, _ in recording.problems.first] == [1, 2, 3, 4, 5]


def test_a_file_of_a_thousand_bad_lines_is_no_recording() -> None:
    recording, _ = read(*[b"a,b"] * 1_000)

    with pytest.raises(Unusable, match=r"No line is an event\. Line 1: not JSON"):
        recording.check()


def test_bad_lines_after_an_event_never_end_the_reading() -> None:
    recording, _ = read(line(VALUE), *[b"a,b"] * 2_000)

    recording.check()


# --- times ---


@pytest.mark.parametrize(
    ("times", "arrived", "age"),
    [
        ({"timestamp": NOON}, NOON, None),
        ({"originalTimestamp": NOON}, NOON, None),
        ({"timestamp": NOON, "sentAt": LATER}, LATER, 5 * MINUTE),
        ({"timestamp": NOON, "receivedAt": LATER}, LATER, 5 * MINUTE),
        # Beside `originalTimestamp`, `timestamp` is a server's.
        (
            {"timestamp": NOON, "originalTimestamp": "2000-01-01T00:00:00Z", "receivedAt": LATER},
            LATER,
            5 * MINUTE,
        ),
        (
            {
                "timestamp": NOON,
                "originalTimestamp": "2000-01-01T00:04:00Z",
                "sentAt": "2000-01-01T00:05:00Z",
                "receivedAt": LATER,
            },
            LATER,
            5 * MINUTE,
        ),
        (
            {"timestamp": NOON, "sentAt": "2000-01-01T00:00:00Z", "receivedAt": LATER},
            LATER,
            5 * MINUTE,
        ),
        (
            {
                "originalTimestamp": "2000-01-01T00:00:00Z",
                "sentAt": "2000-01-01T00:05:00Z",
                "receivedAt": LATER,
            },
            LATER,
            5 * MINUTE,
        ),
    ],
)
def test_a_message_arrives_when_received_and_is_as_old_as_its_times_say(
    times: dict[str, Any], arrived: str, age: int | None
) -> None:
    _, [(at, _, content)] = read(line({**VALUE, "timestamp": None, **times}))

    message = read_recorded(content, at)

    assert at == parse_time(arrived)
    assert message.age == age
    assert message.at == at - (age or 0)


# --- batches ---


def test_a_batchs_times_and_context_hold_for_its_items() -> None:
    item = {**VALUE, "context": {"app": {"version": "4"}}}
    batch = {
        "batch": [item, {**item, "messageId": "m2"}],
        "receivedAt": LATER,
        "context": {"device": {"id": "d1"}},
    }

    recording, kept = read(line(batch))
    messages = [read_recorded(content, at) for at, _, content in kept]

    assert recording.events == 2
    assert [message.id for message in messages] == ["m1", "m2"]
    assert {message.device for message in messages} == {"d1"}
    assert {message.app_version for message in messages} == {"4"}
    assert {message.age for message in messages} == {5 * MINUTE}


def test_a_bad_item_of_a_batch_is_named_and_the_others_are_read() -> None:
    recording, kept = read(line({"batch": [VALUE, {"type": "track"}, VALUE], "sentAt": NOON}))

    assert recording.problems.first == [(1, "batch[1]: add event: which one was tracked?")]
    assert len(kept) == 2


def test_an_identify_is_read_as_production_reads_it() -> None:
    traits = {"plan": "free", "level": 1}
    told = {"userId": 7, "anonymousId": 8, "context": {"traits": traits}, "traits": {"level": 2}}

    _, [(at, _, content)] = read(line({"type": "identify", "timestamp": NOON, **told}))
    message = read_recorded(content, at)

    assert message.traits == {"plan": "free", "level": 2}
    assert (message.user, message.merges) == (User("user", "7"), "8")


def test_an_alias_without_a_user_is_refused_as_in_production() -> None:
    _, [(at, _, content)] = read(
        line({"type": "alias", "anonymousId": "a1", "previousId": "a2", "timestamp": NOON})
    )

    with pytest.raises(BadLine, match="Add userId"):
        read_recorded(content, at)


def test_what_production_refuses_is_refused_here() -> None:
    _, [(at, _, content)] = read(line({**VALUE, "messageId": "m" * 101}))

    with pytest.raises(BadLine, match="messageId must have 1 to 100 characters"):
        read_recorded(content, at)
