"""Shares and arms: stable, even, and never moved by a larger percentage."""

from collections import Counter

from functions.core.experiment import HOLDOUT, SOFT_ASK, arm_of, share
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
