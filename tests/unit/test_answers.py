"""Actions as the wire has them."""

import json

import msgspec
import pytest

from functions.core.model import Content, OpenDeeplink, RequestOsPermission, Withdraw
from functions.wire.answers import BatchAnswer, Result, encode, write_actions, write_batch
from functions.wire.errors import ErrorBody

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


# --- a batch's answer ---

LAMBDA_TAKES = 6_291_556
"""Bytes that Lambda hands over: the answer's text within JSON, and the headers."""


def handed_over(answer: BatchAnswer) -> int:
    response = {"statusCode": 200, "headers": {"Cache-Control": "no-store"}, "body": encode(answer)}
    return len(json.dumps(response, ensure_ascii=False).encode())


def popup(number: int, body: str, user: str = "u1") -> OpenDeeplink:
    return OpenDeeplink(
        campaign="push-softask",
        campaign_version=3,
        offer_id=f"of_{number}",
        attempt=1,
        arm="soft_ask",
        user_id=user,
        show_after=0,
        expires_at=NOW,
        deeplink="yourapp://popup/push-softask",
        content=Content(locale="en", title="T", body=body, approve="Y"),
        on_approve="os_prompt",
    )


ACCEPTED = tuple(Result(message_id=f"m{n}", status="accepted") for n in range(2500))
LONGEST = ErrorBody(code="message_id_reused", message="m" * 250, field="f" * 60)
REJECTED = (Result(message_id="\x01" * 100, status="rejected", error=LONGEST),) * 2500


def test_a_full_batch_of_ordinary_popups_is_answered_whole() -> None:
    answer = write_batch(ACCEPTED, [popup(n, "b" * 1000) for n in range(2500)], NOW)
    assert len(answer.actions) == 2500
    assert b"actionsLeft" not in msgspec.json.encode(answer)


@pytest.mark.parametrize("results", [ACCEPTED, REJECTED], ids=["accepted", "rejected"])
@pytest.mark.parametrize("letter", ["b", '"', "\\", "\x01", "\u20ac"])
def test_of_more_than_an_answer_holds_it_tells_how_much_is_left(
    results: tuple[Result, ...], letter: str
) -> None:
    popups = [popup(number, letter * 3000, letter * 256) for number in range(2500)]
    answer = write_batch(results, popups, NOW)
    assert handed_over(answer) < LAMBDA_TAKES
    assert 0 < len(answer.actions) < 2500
    assert msgspec.to_builtins(answer)["actionsLeft"] == 2500 - len(answer.actions)


def test_what_is_too_large_by_itself_keeps_nothing_else_out() -> None:
    withdrawal = Withdraw(offer_id="of_1", reason="paused")
    answer = write_batch((), [popup(1, "b" * 7_000_000), withdrawal], NOW)
    assert answer.actions == write_actions([withdrawal], NOW)
    assert answer.actions_left == 1
