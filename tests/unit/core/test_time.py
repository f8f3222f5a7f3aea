"""Windows are spans of UTC: no calendar, no zone, no end of time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from functions.core.model import SECOND, Outcome
from functions.core.reason import Reason
from tests.unit.core.scene import Scene

TWO_WEEKS = 1_209_600 * SECOND


def at(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND


def declined_at(moment: int) -> Scene:
    scene = Scene()
    scene.now = moment
    scene.report(Outcome.DECLINED, scene.offered())
    return scene


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(datetime(2026, 10, 20, 9, tzinfo=ZoneInfo("Europe/London")), id="dst ends"),
        pytest.param(datetime(2027, 3, 20, 9, tzinfo=ZoneInfo("Europe/London")), id="dst begins"),
        pytest.param(datetime(2027, 3, 10, 2, tzinfo=ZoneInfo("America/New_York")), id="new york"),
        pytest.param(datetime(2028, 2, 20, tzinfo=UTC), id="leap day"),
        pytest.param(datetime(2027, 2, 20, tzinfo=UTC), id="no leap day"),
        pytest.param(datetime(2026, 12, 25, tzinfo=UTC), id="new year"),
    ],
)
def test_row_55_two_weeks_are_1209600_seconds_whatever_the_calendar_does(moment: datetime) -> None:
    scene = declined_at(at(moment))
    assert scene.progress.retry_at == at(moment) + TWO_WEEKS

    scene.wait(TWO_WEEKS - 1)
    assert scene.value().reason is Reason.IN_RETRY_WINDOW

    scene.wait(1)
    assert scene.value().reason is Reason.OFFER_GRANTED


@pytest.mark.parametrize("year", [2038, 2039, 2106, 2107, 5000])
def test_row_56_windows_hold_in_2038_and_after(year: int) -> None:
    moment = at(datetime(year, 1, 10, tzinfo=UTC))
    scene = declined_at(moment)

    scene.wait(TWO_WEEKS - 1)
    assert scene.value().reason is Reason.IN_RETRY_WINDOW

    scene.wait(1)
    offer = scene.offered()
    assert offer.attempt == 2
    assert scene.report(Outcome.SHOWN, offer).reason is Reason.SHOWN


def test_row_11_a_phone_that_is_fifty_years_behind_shortens_no_window() -> None:
    scene = Scene()
    offer = scene.offered()
    scene.wait(SECOND)

    scene.report(Outcome.DECLINED, offer, at=0, age=scene.now)

    assert scene.progress.declined_at == scene.now - SECOND


def test_row_12_a_phone_that_is_fifty_years_ahead_lengthens_no_window() -> None:
    scene = Scene()
    offer = scene.offered()
    scene.wait(SECOND)

    scene.report(Outcome.DECLINED, offer, at=scene.now * 2, age=-scene.now)

    assert scene.progress.retry_at == scene.now + TWO_WEEKS
