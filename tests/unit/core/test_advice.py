"""Advice: what may stand in a campaign file, and is probably not meant."""

from typing import Any

import pytest

from functions.core.advice import warnings
from functions.core.errors import CampaignError
from tests.unit.core.scene import campaigns_of, settings_with, shipped, shipped_file

SETTINGS = settings_with()


def advice(**changes: Any) -> tuple[str, ...]:
    return warnings(shipped_file(**changes), SETTINGS, shipped())


def test_the_shipped_campaign_needs_none() -> None:
    assert advice() == ()
    assert (
        warnings(shipped_file(), SETTINGS, None)
        == (
            "event ValueMomentReached: its history is not recorded yet and begins when this is "
            "published; what happened before reads as never",
        )
        or warnings(shipped_file(), SETTINGS, None) == ()
    )


@pytest.mark.parametrize(
    "event", ["SessionStarted", "Application Installed", "application-opened", "first_open"]
)
def test_a_push_campaign_that_asks_at_install_or_session_start_is_warned_of(event: str) -> None:
    [warning] = advice(trigger={"any": [{"event": event}]})

    assert warning.startswith(f"trigger {event}: ")
    assert "before the user has seen any value" in warning


def test_a_delay_or_a_later_occurrence_is_no_install() -> None:
    assert advice(trigger={"any": [{"event": "SessionStarted", "after": "5m"}]}) == ()
    assert advice(trigger={"any": [{"event": "AppOpened"}]}, kind="popup") == ()


def test_history_that_is_not_recorded_yet_is_named_once() -> None:
    audience = {
        "all": [
            {"event": "Crash", "count": 0},
            {"event": "Crash", "within": "1d", "count": 0},
            {"event": "ValueMomentReached", "count": {"gte": 3}},
        ]
    }

    [warning] = advice(audience=audience)

    assert warning.startswith("event Crash: its history is not recorded yet")


def test_a_window_needs_the_times_that_a_count_does_not_keep() -> None:
    audience = {"event": "ValueMomentReached", "within": "1d", "count": 0}

    [warning] = advice(audience=audience)

    assert warning.startswith("event ValueMomentReached: ")
    live = campaigns_of(shipped_file(audience=audience))
    assert warnings(shipped_file(audience=audience), SETTINGS, live) == ()


def test_what_is_remembered_is_recorded() -> None:
    remembered = campaigns_of(
        shipped_file(),
        settings={"remember": ["Opened", {"event": "Crash", "times": True}]},
    )
    audience = {"event": "Crash", "within": "1d", "count": 0}

    assert warnings(shipped_file(audience=audience), SETTINGS, remembered) == ()


def test_a_counted_trigger_looks_back() -> None:
    [warning] = advice(trigger={"any": [{"event": "Lesson", "every": 3}]})

    assert warning.startswith("event Lesson: ")


def test_an_attempts_audience_looks_back_too() -> None:
    retry = {"content": "retry", "wait": "1d", "audience": {"event": "Crash", "count": 0}}

    [warning] = advice(attempts=[{"content": "first"}, retry])

    assert warning.startswith("event Crash: ")


def test_a_campaign_that_nobody_knows_is_named_wherever_it_stands() -> None:
    unknown = {"campaign": "nosuch", "last": {"before": "7d", "or_never": True}}
    own = {"campaign": "push-softask", "count": {"lt": 3}}
    retry = {"content": "retry", "wait": "1d", "audience": {"none": [{"any": [unknown, own]}]}}

    [warning] = advice(attempts=[{"content": "first"}, retry])

    assert warning == "campaign nosuch: there is none of that id, so it reads as never shown"


def experiment(**changes: Any) -> dict[str, Any]:
    return {"experiment": {"salt": "s", "arms": {"soft_ask": 8, "holdout": 2}, **changes}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"variants": {"plain": 1}}, ["there is one alone, so there is nothing to compare it"]),
        (
            {"variants": {"plain": 1, "same": {"weight": 1, "content": {"first": "first"}}}},
            ["plain and same show the same contents"],
        ),
        (
            {
                "arms": {"soft_ask": 0, "holdout": 1},
                "variants": {"plain": 1, "warm": {"weight": 1, "content": {"first": "retry"}}},
            },
            ["nobody sees them, since the weight of soft_ask is 0"],
        ),
        ({"variants": {"plain": 1, "warm": {"weight": 1, "content": {"first": "retry"}}}}, []),
    ],
)
def test_variants_that_compare_nothing_are_named(changes: dict[str, Any], told: list[str]) -> None:
    advised = advice(**experiment(**changes))

    assert len(advised) == len(told)
    assert all(part in warning for part, warning in zip(told, advised, strict=True))


PROMPTED = {"salt": "s", "arms": {"soft_ask": 8, "direct_prompt": 2}}
UNASKED = {"attribute": "push_permission_status", "is": "unknown"}
ADULT = {"attribute": "age", "gte": 18, "default": 0}


@pytest.mark.parametrize(
    ("changes", "guard", "are_alike"),
    [
        ({"audience": None}, None, False),
        ({"audience": {"all": [ADULT]}}, ADULT, False),
        ({"audience": UNASKED}, None, True),
        ({"audience": {"all": [ADULT, {"none": [{**UNASKED, "is": "granted"}]}]}}, None, True),
        ({"audience": {"any": [UNASKED]}}, None, True),
        ({"audience": None}, {"all": [UNASKED]}, True),
        ({"audience": None, **experiment()}, None, True),
        (
            {"audience": None, **experiment(arms={"soft_ask": 0, "direct_prompt": 1})},
            None,
            True,
        ),
    ],
)
def test_arms_that_ask_other_devices_than_the_direct_prompt_are_named(
    changes: dict[str, Any], guard: dict[str, Any] | None, are_alike: bool
) -> None:
    file = shipped_file(**{"experiment": PROMPTED, **changes})
    told = [
        each
        for each in warnings(file, settings_with(guard=guard), shipped())
        if each.startswith("experiment arms: direct_prompt asks only where the OS prompt is left")
    ]

    assert bool(told) is not are_alike


def test_campaigns_of_one_salt_deal_alike() -> None:
    trigger = {"any": [{"event": "Other"}]}
    live = campaigns_of(shipped_file(id="other", trigger=trigger, **experiment()))

    [salt] = warnings(shipped_file(**experiment()), SETTINGS, live)[-1:]

    assert salt == (
        "experiment salt 's': campaign other has it too, so both deal alike; give this one another"
    )
    assert not any("salt" in each for each in warnings(shipped_file(), SETTINGS, live))


@pytest.mark.parametrize(
    ("changes", "is_first"),
    [
        ({}, True),
        ({"priority": 1}, True),
        ({"priority": -1}, False),
        ({"status": "paused"}, False),
        ({"kind": "popup"}, False),
        ({"trigger": {"any": [{"event": "ValueMomentReached", "every": 3}]}}, False),
    ],
)
def test_a_live_campaign_that_takes_the_trigger_first_is_named(
    changes: dict[str, Any], is_first: bool
) -> None:
    told = warnings(shipped_file(id="zero"), SETTINGS, campaigns_of(shipped_file(**changes)))

    taken = (
        "trigger ValueMomentReached: campaign push-softask takes it first; pause that one, or give "
        "this one a higher priority"
    )
    assert (taken in told) is is_first


def test_a_file_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(CampaignError):
        advice(action={"deeplink": "other://x"})
