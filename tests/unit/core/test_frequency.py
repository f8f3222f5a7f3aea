"""Progress through a campaign: what a report of any offer does to it."""

import pytest
from msgspec.structs import replace

from functions.core import frequency
from functions.core.model import (
    DAY,
    Offer,
    OfferState,
    Outcome,
    Progress,
    PushStatus,
    Seen,
    Snapshot,
)
from functions.core.offers import Grant
from functions.core.reason import Reason
from tests.unit.core.scene import CAMPAIGN, START, USER, campaigns_of, shipped, shipped_file

SOFTASK = shipped().by_id[CAMPAIGN]
TEN_TIMES = campaigns_of(
    shipped_file(attempts=[{"content": "first"}, *[{"content": "retry", "wait": "1d"}] * 49])
).by_id[CAMPAIGN]


def grant(serial: int, attempt: int = 1) -> Grant:
    return Grant(serial, attempt, 0, USER)


def offer(serial: int, device: str = "phone") -> Offer:
    return Offer(
        id=f"of_{serial}",
        serial=serial,
        device=device,
        attempt=1,
        version=0,
        arm="soft_ask",
        granted_at=START,
        lease_until=START + 600_000,
    )


def shown(progress: Progress, serial: int, at: int = START) -> Progress:
    return frequency.report(progress, TEN_TIMES, grant(serial), Outcome.SHOWN, at)


def why_not_yet(progress: Progress, snapshot: Snapshot, at: int) -> Reason | None:
    return frequency.why_not_yet(progress, SOFTASK, snapshot, None, at)


def test_an_offer_counts_as_seen_once() -> None:
    progress = frequency.grant(Progress(), offer(1))

    once = shown(progress, 1)

    assert once.attempts == 1
    assert shown(once, 1) is once
    assert shown(once, 1, START + 5) is not None
    assert shown(once, 1, START + 5).attempts == 1


def test_row_60_seen_offers_count_once_though_only_the_newest_twenty_are_listed() -> None:
    progress = Progress()
    for serial in range(1, 25):
        progress = shown(frequency.grant(progress, offer(serial)), serial)

    assert progress.attempts == 24
    assert progress.seen == tuple(Seen(serial, START) for serial in range(5, 25))
    assert shown(progress, 1).attempts == 24
    assert frequency.is_seen(progress, 4)


def test_a_told_decline_is_no_ask_beside_two_popups_that_were_seen() -> None:
    told = frequency.decline(Progress(), TEN_TIMES, START - 30 * DAY)
    progress = frequency.grant(frequency.grant(told, offer(1)), offer(2))

    for serial in (1, 2):
        progress = frequency.report(
            progress, TEN_TIMES, grant(serial, attempt=2), Outcome.SHOWN, START
        )

    assert progress.attempts == 2


def test_attempts_never_fall_whatever_is_listed() -> None:
    assert shown(Progress(attempts=3), 1).attempts == 3


def test_an_offer_older_than_the_list_counts_while_the_list_has_room() -> None:
    progress = shown(frequency.grant(Progress(), offer(9)), 9)

    assert not frequency.is_seen(progress, 3)
    assert shown(progress, 3).attempts == 2


def test_a_told_first_attempt_makes_the_shown_one_the_second() -> None:
    told = frequency.decline(Progress(), SOFTASK, START)

    progress = frequency.report(told, SOFTASK, grant(1, attempt=2), Outcome.SHOWN, START + 14 * DAY)

    assert (told.attempts, told.spent) == (0, 1)
    assert progress.attempts == 2


def test_the_offers_of_other_devices_are_remembered_by_id() -> None:
    progress = Progress()
    for serial in range(1, 12):
        progress = frequency.grant(progress, offer(serial, device=f"d{serial}"))

    assert progress.elsewhere == {f"d{each}": f"of_{each}" for each in range(3, 11)}

    back = frequency.grant(progress, offer(12, device="d5"))
    assert "d5" not in back.elsewhere
    assert list(back.elsewhere)[-1] == "d11"


def test_one_device_needs_no_memory_of_others() -> None:
    progress = frequency.grant(frequency.grant(Progress(), offer(1)), offer(2))

    assert progress.elsewhere == {}


def test_an_open_offer_is_open_until_its_lease_is_over() -> None:
    progress = frequency.grant(Progress(), offer(1))

    assert frequency.open_offer(progress, START + 599_999) == progress.offer
    assert frequency.open_offer(progress, START + 600_000) is None
    assert frequency.open_offer(Progress(), START) is None
    assert frequency.open_offer(frequency.withdraw(progress), START) is None


def test_nothing_is_withdrawn_where_nothing_waits() -> None:
    assert frequency.withdraw(Progress()) == Progress()
    progress = shown(frequency.grant(Progress(), offer(1)), 1)
    assert frequency.withdraw(progress) is progress


@pytest.mark.parametrize("state", [OfferState.SHOWN, OfferState.WITHDRAWN, OfferState.RELEASED])
def test_row_06_only_an_open_offer_is_released(state: OfferState) -> None:
    progress = Progress(offer=replace(offer(1), state=state), granted=1)

    after = frequency.report(progress, SOFTASK, grant(1), Outcome.SUPPRESSED, START)

    assert after is progress


def test_a_suppression_without_any_offer_changes_nothing() -> None:
    after = frequency.report(Progress(), SOFTASK, grant(1), Outcome.SUPPRESSED, START)

    assert after == Progress()


def test_value_before_the_first_ask_or_before_the_last_is_not_counted_since() -> None:
    assert frequency.count(Progress(), "E", START) == Progress()
    progress = shown(frequency.grant(Progress(), offer(1)), 1)

    assert frequency.count(progress, "E", START - 1) is progress
    assert frequency.count(progress, "E", START).since == {"E": 1}


def test_counts_begin_anew_when_the_last_ask_moves_forward() -> None:
    progress = shown(frequency.grant(Progress(), offer(1)), 1)
    counted = frequency.count(progress, "E", START + 5)

    declined = frequency.report(counted, SOFTASK, grant(1), Outcome.DECLINED, START + 9)

    assert declined.since == {}
    recounted = frequency.count(declined, "E", START + 10)
    earlier = frequency.report(recounted, SOFTASK, grant(1), Outcome.DECLINED, START + 8)
    assert earlier.since == {"E": 1}


def approved(at: int = START, device: str = "phone") -> Progress:
    progress = frequency.grant(Progress(), offer(1, device=device))
    return frequency.report(progress, SOFTASK, grant(1), Outcome.APPROVED, at)


def settle(progress: Progress, status: PushStatus, device: str = "phone") -> Progress:
    return frequency.settle(progress, SOFTASK, device, status, START)


ANSWERS = [PushStatus.GRANTED, PushStatus.DENIED]


@pytest.mark.parametrize("status", ANSWERS)
def test_an_answer_settles_an_approval_once_and_nothing_else(status: PushStatus) -> None:
    progress = frequency.grant(Progress(), offer(1))
    assert settle(progress, status) is progress
    assert approved().retry_at == START + 14 * DAY

    settled = settle(approved(), status)

    assert (settled.answered, settled.retry_at, settled.window) == (status, None, False)
    assert settle(settled, status) is settled
    assert settle(approved(), status, device="tablet") == approved()


def test_the_unnamed_device_may_be_any() -> None:
    assert settle(approved(device=""), PushStatus.DENIED).answered is PushStatus.DENIED


def test_an_answer_whose_campaign_is_gone_ends_its_window() -> None:
    settled = frequency.settle(approved(), None, "phone", PushStatus.DENIED, START)

    assert (settled.answered, settled.retry_at, settled.window) == (PushStatus.DENIED, None, False)


def test_an_approval_told_again_stays_settled() -> None:
    settled = settle(approved(START + 9), PushStatus.DENIED)

    earlier = frequency.report(settled, SOFTASK, grant(1), Outcome.APPROVED, START + 5)

    assert earlier.outcome_at == START + 5
    assert (earlier.answered, earlier.retry_at) == (PushStatus.DENIED, None)


def test_a_decline_of_the_same_popup_unsettles_its_approval() -> None:
    settled = settle(approved(), PushStatus.DENIED)

    declined = frequency.report(settled, SOFTASK, grant(1), Outcome.DECLINED, START + 5)

    assert (declined.answered, declined.retry_at) == (None, START + 5 + 14 * DAY)


def test_the_window_counts_from_the_last_ask_though_an_earlier_one_was_declined() -> None:
    progress = frequency.grant(Progress(), offer(1))
    declined = frequency.report(progress, TEN_TIMES, grant(1), Outcome.DECLINED, START)
    again = frequency.grant(declined, offer(2))

    dismissed = frequency.report(
        again, TEN_TIMES, grant(2, attempt=2), Outcome.DISMISSED, START + 3 * DAY
    )

    assert (dismissed.declined_at, dismissed.retry_at) == (START, START + 4 * DAY)


def test_a_denied_approval_opens_no_window_when_a_decline_is_told() -> None:
    told = frequency.decline(settle(approved(), PushStatus.DENIED), SOFTASK, START + DAY)

    assert (told.declined_at, told.retry_at, told.window) == (START + DAY, None, False)
    assert why_not_yet(told, Snapshot(), START + 99 * DAY) is Reason.PERMISSION_SETTLED


@pytest.mark.parametrize(
    "snapshot", [Snapshot(last_asked_at=START), Snapshot(last_declined_at=START)]
)
def test_row_63_a_floor_holds_for_the_longest_wait(snapshot: Snapshot) -> None:
    wait = 14 * DAY

    inside = why_not_yet(Progress(), snapshot, START + wait - 1)
    after = why_not_yet(Progress(), snapshot, START + wait)

    assert inside is Reason.IN_RETRY_WINDOW
    assert after is None


def test_of_a_window_and_two_floors_the_last_to_end_counts() -> None:
    declined = frequency.decline(Progress(), SOFTASK, START + 2 * DAY)
    snapshot = Snapshot(last_asked_at=START, last_declined_at=START + DAY)
    declined = frequency.count(declined, "ValueMomentReached", START + 3 * DAY)

    inside = why_not_yet(declined, snapshot, START + 16 * DAY - 1)
    after = why_not_yet(declined, snapshot, START + 16 * DAY)

    assert (inside, after) == (Reason.IN_RETRY_WINDOW, None)
