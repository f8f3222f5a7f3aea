"""Offer ids: what they carry, and whose they are."""

import pytest

from functions.core.model import User
from functions.core.offers import Grant, make_id, read_id

GRANT = Grant(serial=7, attempt=2, version=41, granted_at=1_790_000_000_123)
ANN = User("user", "ann")


def test_an_id_says_what_its_grant_said() -> None:
    offer_id = make_id(GRANT, ANN, "push-softask")

    assert read_id(offer_id, ANN, "push-softask") == GRANT
    assert offer_id == make_id(GRANT, ANN, "push-softask")
    assert len(offer_id) == 35


def test_row_46_an_id_names_no_user() -> None:
    user = User("user", "ann@example.com")

    assert "ann" not in make_id(GRANT, user, "push-softask")


@pytest.mark.parametrize(
    ("user", "campaign"),
    [
        (User("user", "bob"), "push-softask"),
        (User("anonymous", "ann"), "push-softask"),
        (ANN, "other"),
    ],
)
def test_an_id_is_unknown_to_another_user_and_campaign(user: User, campaign: str) -> None:
    assert read_id(make_id(GRANT, ANN, "push-softask"), user, campaign) is None


@pytest.mark.parametrize("position", range(3, 35))
def test_a_tampered_id_is_unknown(position: int) -> None:
    offer_id = make_id(GRANT, ANN, "push-softask")
    other = "a" if offer_id[position] != "a" else "b"

    tampered = offer_id[:position] + other + offer_id[position + 1 :]

    assert read_id(tampered, ANN, "push-softask") is None


@pytest.mark.parametrize(
    "offer_id", ["", "of_", "of_unknown", "of_1111", "of_é", "of_aaaaaaaa", "m1", "of_" + "a" * 40]
)
def test_what_is_no_id_is_unknown(offer_id: str) -> None:
    assert read_id(offer_id, ANN, "push-softask") is None


def test_an_id_without_its_prefix_is_unknown() -> None:
    offer_id = make_id(GRANT, ANN, "push-softask")

    assert read_id(offer_id.replace("of_", "id_"), ANN, "push-softask") is None
    assert read_id(offer_id.removeprefix("of_"), ANN, "push-softask") is None


def test_row_56_an_id_carries_times_after_2038() -> None:
    late = Grant(serial=1, attempt=1, version=0, granted_at=95_617_584_000_000)

    assert read_id(make_id(late, ANN, "c"), ANN, "c") == late
