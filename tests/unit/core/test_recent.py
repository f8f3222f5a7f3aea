"""The ring of recent messages: what it keeps, for how long, and what it answers."""

from functions.core import recent
from functions.core.model import MINUTE, Message
from functions.core.reason import Reason
from functions.core.recent import Entry
from tests.unit.core.scene import START, USER


def message(name: str, content: bytes = b"some") -> Message:
    return Message(id=name, content=recent.fingerprint(content), kind="track", user=USER, at=START)


def ring_of(count: int, *, every: int = 0, ring: bytes = b"") -> bytes:
    for index in range(count):
        ring = recent.add(ring, message(f"m{index}"), Reason.COUNTED, START + index * every)
    return ring


def times(ring: bytes) -> list[int]:
    return [entry.at for entry in recent.entries(ring)]


def test_a_message_is_found_with_its_reason_and_time() -> None:
    ring = recent.add(b"", message("m1"), Reason.OFFER_GRANTED, START)

    found = recent.find(ring, message("m1"))

    assert isinstance(found, Entry)
    assert (found.at, found.reason) == (START, Reason.OFFER_GRANTED)
    assert found.content == recent.fingerprint(b"some")
    assert recent.find(ring, message("m2")) is None


def test_another_content_under_the_same_id_is_told_apart() -> None:
    ring = recent.add(b"", message("m1", b"this"), Reason.COUNTED, START)

    found = recent.find(ring, message("m1", b"that"))

    assert found is not None
    assert found.content != message("m1", b"that").content


def test_a_digest_that_appears_across_two_entries_is_not_found() -> None:
    wanted = recent.add(b"", message("m1"), Reason.COUNTED, START)[:6]
    across = b"\0" * 12 + wanted + b"\0" * 11 + b"\1"

    assert recent.find(across, message("m1")) is None


def test_a_digest_is_found_behind_its_own_shadow() -> None:
    entry = recent.add(b"", message("m1"), Reason.COUNTED, START)
    shadow = b"\0" * 3 + entry[:6] + b"\0" * 5 + b"\1"

    found = recent.find(shadow + entry, message("m1"))

    assert found is not None
    assert found.at == START


def test_the_newest_sixteen_stay_whatever_their_age() -> None:
    ring = ring_of(20, every=MINUTE * 60)

    assert times(ring) == [START + index * MINUTE * 60 for index in range(4, 20)]


def test_what_is_younger_than_ten_minutes_stays() -> None:
    ring = ring_of(100)

    at_last_moment = recent.add(ring, message("x"), Reason.COUNTED, START + 10 * MINUTE - 1)
    assert len(times(at_last_moment)) == 101

    too_late = recent.add(ring, message("x"), Reason.COUNTED, START + 10 * MINUTE)
    assert len(times(too_late)) == 16


def test_at_most_2500_stay() -> None:
    ring = ring_of(2_501)

    assert len(times(ring)) == 2_500
    assert recent.find(ring, message("m0")) is None
    assert recent.find(ring, message("m1")) is not None


def test_an_entry_costs_fifteen_bytes() -> None:
    assert len(ring_of(1)) == 15


def test_row_54_a_reason_that_newer_code_stored_is_read() -> None:
    ring = recent.add(b"", message("m1"), Reason.COUNTED, START)
    newer = ring[:-1] + bytes([200])

    [entry] = recent.entries(newer)

    assert entry.reason is Reason.NEWER
