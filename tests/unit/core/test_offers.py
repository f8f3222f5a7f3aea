"""Offer ids: what they carry, and whose they are."""

import pytest
from msgspec.structs import replace

from functions.core.decision import new_profile
from functions.core.model import Profile, User
from functions.core.offers import Grant, make_id, next_serial, read_id, serial_of

NOW = 1_790_000_000_123
ANN = User("user", "ann")
GRANT = Grant(next_serial(ANN, 0, NOW), 2, 41, ANN)


def profile_of(user: User, *aliases: str) -> Profile:
    return replace(new_profile(user, NOW), aliases=dict.fromkeys(aliases, NOW))


def test_an_id_says_what_its_grant_said() -> None:
    offer_id = make_id(GRANT, "push-softask")

    assert read_id(offer_id, profile_of(ANN), "push-softask") == GRANT
    assert offer_id == make_id(GRANT, "push-softask")
    assert (len(offer_id), GRANT.granted_at) == (35, NOW)
    assert serial_of(offer_id) == GRANT.serial


def test_row_46_an_id_names_no_user() -> None:
    user = User("user", "ann@example.com")

    assert "ann" not in make_id(Grant(1, 1, 0, user), "push-softask")


@pytest.mark.parametrize(
    ("user", "campaign"),
    [
        (User("user", "bob"), "push-softask"),
        (User("anonymous", "ann"), "push-softask"),
        (ANN, "other"),
    ],
)
def test_an_id_is_unknown_to_another_user_and_campaign(user: User, campaign: str) -> None:
    assert read_id(make_id(GRANT, "push-softask"), profile_of(user), campaign) is None


def test_row_40_an_id_of_an_anonymous_user_is_known_to_the_user_whom_it_became() -> None:
    anonymous = User("anonymous", "a1")
    granted = Grant(GRANT.serial, 1, 0, anonymous)
    offer_id = make_id(granted, "push-softask")

    assert read_id(offer_id, profile_of(ANN, "a0", "a1"), "push-softask") == granted
    assert read_id(offer_id, profile_of(ANN, "a0", "a2"), "push-softask") is None
    assert read_id(make_id(granted, "push-softask"), profile_of(anonymous), "other") is None


def test_an_id_of_a_user_is_not_known_by_an_alias_of_that_name() -> None:
    offer_id = make_id(GRANT, "push-softask")

    assert read_id(offer_id, profile_of(User("user", "bob"), "ann"), "push-softask") is None


@pytest.mark.parametrize("position", range(3, 35))
def test_a_tampered_id_is_unknown(position: int) -> None:
    offer_id = make_id(GRANT, "push-softask")
    other = "a" if offer_id[position] != "a" else "b"

    tampered = offer_id[:position] + other + offer_id[position + 1 :]

    assert read_id(tampered, profile_of(ANN), "push-softask") is None


@pytest.mark.parametrize(
    "offer_id", ["", "of_", "of_unknown", "of_1111", "of_é", "of_aaaaaaaa", "m1", "of_" + "a" * 40]
)
def test_what_is_no_id_is_unknown(offer_id: str) -> None:
    assert read_id(offer_id, profile_of(ANN), "push-softask") is None


def test_an_id_without_its_prefix_is_unknown() -> None:
    offer_id = make_id(GRANT, "push-softask")

    assert read_id(offer_id.replace("of_", "id_"), profile_of(ANN), "push-softask") is None
    assert read_id(offer_id.removeprefix("of_"), profile_of(ANN), "push-softask") is None


def test_row_56_an_id_carries_times_after_2038() -> None:
    year_5000 = 95_617_584_000_000
    late = Grant(next_serial(ANN, 0, year_5000), 1, 0, ANN)

    assert late.granted_at == year_5000
    assert read_id(make_id(late, "c"), profile_of(ANN), "c") == late


def test_serials_are_ordered_by_time_whoever_is_offered_something() -> None:
    users = [ANN, User("anonymous", "ann"), User("user", "bob"), User("anonymous", "a1")]

    now, later = (sorted(next_serial(user, 0, at) for user in users) for at in (NOW, NOW + 1))

    assert len({*now, *later}) == 8
    assert now[-1] < later[0]


@pytest.mark.parametrize("back", [0, 1, 86_400_000])
def test_a_serial_follows_the_last_though_the_clock_stands_or_goes_back(back: int) -> None:
    assert next_serial(ANN, GRANT.serial, NOW - back) == GRANT.serial + 1
    assert Grant(GRANT.serial + 1, 1, 0, ANN).granted_at == NOW
