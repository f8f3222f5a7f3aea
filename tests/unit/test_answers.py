"""Actions as the wire has them."""

import msgspec
import pytest

from functions.core.model import RequestOsPermission, Withdraw
from functions.wire.answers import write_actions

NOW = 1_790_000_000_000

PROMPT = RequestOsPermission(
    campaign="push-softask",
    campaign_version=3,
    offer_id="of_1",
    attempt=1,
    arm="direct_prompt",
    user_id="u1",
    show_after=1_001,
    expires_at=NOW + 600_999,
)


def test_a_direct_prompt_is_an_action_of_its_own() -> None:
    [action] = write_actions([PROMPT], NOW)

    assert msgspec.to_builtins(action) == {
        "type": "request_os_permission",
        "campaign": "push-softask",
        "campaignVersion": 3,
        "offerId": "of_1",
        "attempt": 1,
        "arm": "direct_prompt",
        "userId": "u1",
        "showAfterSeconds": 2,
        "expiresAt": "2026-09-21T14:23:20.999Z",
        "expiresInSeconds": 600,
    }


@pytest.mark.parametrize(("late", "left"), [(600_999, 0), (700_000, 0), (0, 600)])
def test_an_offer_never_has_less_than_no_time_left(late: int, left: int) -> None:
    [action] = write_actions([PROMPT], NOW + late)

    assert msgspec.to_builtins(action)["expiresInSeconds"] == left


def test_a_test_user_is_told_so() -> None:
    [action] = write_actions([msgspec.structs.replace(PROMPT, test=True)], NOW)

    assert msgspec.to_builtins(action)["test"] is True


def test_a_withdrawal_names_its_reason() -> None:
    [action] = write_actions([Withdraw(offer_id="of_1", reason="paused")], NOW)

    assert msgspec.to_builtins(action) == {
        "type": "withdraw",
        "offerId": "of_1",
        "reason": "paused",
    }
