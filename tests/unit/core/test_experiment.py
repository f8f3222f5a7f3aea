"""Shares and arms: stable, even, and never moved by a larger percentage."""

from collections import Counter

from functions.core.experiment import DIRECT_PROMPT, HOLDOUT, SOFT_ASK, arm_of, share, variant_of
from functions.core.model import User

USERS = [User("user", f"u{number}") for number in range(20_000)]
ARMS = ((SOFT_ASK, 90), (HOLDOUT, 10))


def test_shares_are_even_and_the_same_again() -> None:
    shares = [share("salt", user) for user in USERS]

    assert all(0 <= each < 100 for each in shares)
    assert shares == [share("salt", user) for user in USERS]
    tenths = Counter(int(each // 10) for each in shares)
    # Five standard deviations around 2,000.
    assert all(1_788 < count < 2_212 for count in tenths.values())


def test_another_salt_deals_anew_and_the_kind_of_user_counts() -> None:
    user = User("user", "u1")

    assert share("salt", user) != share("other", user)
    assert share("salt", user) != share("salt", User("anonymous", "u1"))


def test_arms_are_dealt_by_their_weights() -> None:
    arms = Counter(arm_of("salt", ARMS, user) for user in USERS)

    assert 1_788 < arms[HOLDOUT] < 2_212


def test_an_arm_without_weight_gets_nobody() -> None:
    assert {arm_of("s", ((SOFT_ASK, 0), (HOLDOUT, 1)), user) for user in USERS} == {HOLDOUT}
    assert {arm_of("s", ((SOFT_ASK, 1), (HOLDOUT, 0)), user) for user in USERS} == {SOFT_ASK}


def test_only_the_proportion_of_the_weights_counts() -> None:
    tenfold = tuple((arm, weight * 10) for arm, weight in ARMS)

    assert all(arm_of("s", ARMS, user) == arm_of("s", tenfold, user) for user in USERS[:500])


def test_three_arms_get_their_shares() -> None:
    weights = ((SOFT_ASK, 80), (HOLDOUT, 10), (DIRECT_PROMPT, 10))
    arms = Counter(arm_of("salt", weights, user) for user in USERS)

    # Five standard deviations around 16,000 and 2,000.
    assert 15_717 < arms[SOFT_ASK] < 16_283
    assert 1_788 < arms[HOLDOUT] < 2_212
    assert 1_788 < arms[DIRECT_PROMPT] < 2_212


def test_an_arm_that_is_added_without_weight_moves_nobody() -> None:
    more = (*ARMS, (DIRECT_PROMPT, 0))

    assert all(arm_of("s", ARMS, user) == arm_of("s", more, user) for user in USERS)


def test_variants_are_dealt_apart_from_the_arms() -> None:
    halves = (("plain", 1), ("warm", 1))
    weights = ((SOFT_ASK, 1), (HOLDOUT, 1))
    dealt = Counter((arm_of("s", weights, u), variant_of("s", halves, u)) for u in USERS)

    # Five standard deviations around 5,000.
    assert len(dealt) == 4
    assert all(4_693 < count < 5_307 for count in dealt.values())
    assert variant_of("s", (), USERS[0]) == ""


def test_arms_are_dealt_apart_from_a_percentage_and_the_variants_of_the_same_salt() -> None:
    halves = (("one", 1), ("other", 1))
    percent = [user for user in USERS if share("s", user) < 10]

    held_out = sum(arm_of("s", ARMS, user) == HOLDOUT for user in percent)
    variants = Counter(variant_of("s", halves, user) for user in percent)

    # Five standard deviations around a tenth, and a half, of some 2,000.
    assert 132 < held_out < 268
    assert all(888 < count < 1_112 for count in variants.values())


def test_who_is_in_an_arm_or_variant_never_changes() -> None:
    halves = (("one", 1), ("other", 1))
    for user in USERS[:500]:
        assert (arm_of("s", halves, user) == "one") is (share("s:arm", user) < 50)
        assert (variant_of("s", halves, user) == "one") is (share("s:variant", user) < 50)
