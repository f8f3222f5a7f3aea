"""What the report derives: shares, the control, comparisons, and what is missing."""

from typing import Any

import msgspec
import pytest

from cli.report import statistics
from cli.report.figures import (
    ArmFigures,
    Beginning,
    Compared,
    Statistics,
    UnknownControl,
    Wishes,
    analyse,
    beginning,
)
from cli.report.statistics import Mean, Proportion
from tests.integration.conftest import Json
from tests.integration.report_answers import THREE_ARMS, TODAY, Counted, example

TWO_ARMS: Json = {"experiment": {"salt": "one", "arms": {"soft_ask": 50, "holdout": 50}}}
VARIANTS: Json = {
    "experiment": {
        "salt": "one",
        "arms": {"soft_ask": 80, "holdout": 20},
        "variants": {"plain": 50, "warm": {"weight": 50, "content": {"first": "retry"}}},
    }
}


def told(counted: Counted, **wishes: Any) -> Statistics:
    return analyse(counted.answer(), Wishes(**wishes))


def arm(of: Statistics, name: str) -> ArmFigures:
    [found] = [each for each in of.arms if each.name == name]
    return found


def compared(of: Statistics, name: str) -> Compared:
    [found] = [each for each in of.comparisons if each.treatment == name]
    return found


# --- the recipe's metrics ---


def test_net_opt_in_is_per_exposed_user_with_its_interval() -> None:
    counted = Counted()
    counted.users("soft_ask", 200, opted_in=50, shown_users=180)

    share = arm(told(counted), "soft_ask").net_opt_in

    assert (share.part, share.whole, share.rate) == (50, 200, 0.25)
    interval = statistics.rate_interval(Proportion(50, 200))
    assert interval
    assert share.interval
    assert (share.interval.low, share.interval.high) == (interval.low, interval.high)


@pytest.mark.parametrize(("window", "grants"), [(1, 1), (7, 3), (8, 7), (30, 15)])
def test_any_grant_counts_the_whole_days_of_the_window(window: int, grants: int) -> None:
    counted = Counted()
    counted.users("soft_ask", 100, converted_0=1, converted_6=2, converted_7=4, converted_29=8)

    share = arm(told(counted, window=window), "soft_ask").any_grant

    assert (share.part, share.whole) == (grants, 100)


def test_the_show_rate_is_of_users_and_not_of_popups() -> None:
    counted = Counted()
    counted.users("soft_ask", 100, shown_users=80)
    counted.add(shown=80)
    counted.add(attempt=2, shown=30)

    assert arm(told(counted), "soft_ask").shown_users.rate == 0.8


def test_the_retry_is_what_was_approved_of_all_later_attempts() -> None:
    counted = Counted()
    counted.add(attempt=1, shown=100, approved=40)
    counted.add(attempt=2, shown=30, approved=5)
    counted.add(attempt=3, shown=10, approved=1)
    counted.add(attempt=2, shown=99, approved=0, arm="direct_prompt")

    of = told(counted)

    assert (arm(of, "soft_ask").retry.part, arm(of, "soft_ask").retry.whole) == (6, 40)
    assert arm(of, "direct_prompt").retry.whole == 0


def test_more_approved_than_shown_is_no_share() -> None:
    """The report's first day cut the shows from their approvals."""
    counted = Counted()
    counted.add(attempt=2, shown=3, approved=5)

    retry = arm(told(counted), "soft_ask").retry

    assert (retry.part, retry.whole, retry.rate, retry.interval) == (5, 3, None, None)


def test_the_time_to_the_first_show_is_told_in_buckets_and_by_the_middle_one() -> None:
    counted = Counted()
    counted.users("soft_ask", 100, shown_users=10, first_show_0=1, first_show_4=4, first_show_9=5)

    of = arm(told(counted), "soft_ask")

    assert [(bucket.label, bucket.users) for bucket in of.first_show] == [
        ("under 1 min", 1),
        ("1 to 5 min", 0),
        ("5 to 30 min", 0),
        ("30 min to 1 h", 0),
        ("1 to 6 h", 4),
        ("6 h to 1 d", 0),
        ("1 to 3 d", 0),
        ("3 to 7 d", 0),
        ("7 to 30 d", 0),
        ("30 d or more", 5),
    ]
    assert of.median_first_show == "1 to 6 h"


def test_goals_are_told_a_user_and_by_users_with_any() -> None:
    counted = Counted({"goal": {"event": "SessionStarted"}})
    counted.users("soft_ask", 200, goals=300, goal_squares=900, goal_users=120)

    goals = arm(told(counted), "soft_ask").goals

    assert (goals.events, goals.per_user, goals.users.rate) == (300, 1.5, 0.6)


def test_shares_are_cumulated_over_the_days_of_exposure() -> None:
    counted = Counted()
    counted.users("soft_ask", 10, day=TODAY - 5, opted_in=1)
    counted.users("soft_ask", 20, day=TODAY - 5, platform="android", opted_in=2)
    counted.users("soft_ask", 70, day=TODAY - 3, opted_in=7)
    counted.add(day=TODAY, shown=5)

    points = arm(told(counted), "soft_ask").cumulative

    assert [(point.day, point.part, point.exposed) for point in points] == [
        ("2026-11-16", 3, 30),
        ("2026-11-17", 3, 30),
        ("2026-11-18", 10, 100),
    ]


def test_users_whose_window_is_not_over_are_counted() -> None:
    counted = Counted()
    for days_ago in range(12):
        counted.users("soft_ask", 1, day=TODAY - days_ago)

    assert told(counted, window=7).unripe == 8
    assert told(counted, window=1).unripe == 2


# --- arms and variants ---


def test_variants_stand_below_their_arm_s_sum() -> None:
    counted = Counted(VARIANTS)
    counted.users("soft_ask", 100, variant="plain", opted_in=20, converted_3=1, first_show_1=4)
    counted.users("soft_ask", 110, variant="warm", opted_in=30, converted_3=2, first_show_1=5)
    counted.users("holdout", 50)

    of = told(counted)

    assert [(each.name, each.is_part) for each in of.arms] == [
        ("soft_ask", False),
        ("soft_ask/plain", True),
        ("soft_ask/warm", True),
        ("holdout", False),
    ]
    whole = arm(of, "soft_ask")
    assert (whole.net_opt_in.part, whole.net_opt_in.whole) == (50, 210)
    assert (whole.any_grant.part, whole.totals.first_show[1]) == (3, 9)
    assert whole.cumulative[-1].exposed == 210


def test_what_has_no_arm_is_no_arm() -> None:
    counted = Counted()
    counted.users("soft_ask", 10)
    counted.add(arm="", declined=3)

    assert [each.name for each in told(counted).arms] == ["soft_ask"]


# --- the control ---


@pytest.mark.parametrize(
    ("arms", "control"),
    [
        (["soft_ask", "direct_prompt", "holdout"], "holdout"),
        (["soft_ask", "direct_prompt"], "direct_prompt"),
        (["soft_ask"], None),
        (["holdout"], None),
        ([], None),
    ],
)
def test_the_control_is_the_holdout_else_the_direct_prompt(
    arms: list[str], control: str | None
) -> None:
    counted = Counted()
    for name in arms:
        counted.users(name, 10)

    assert told(counted).control == control


def test_among_variants_alone_the_first_is_the_control() -> None:
    counted = Counted(VARIANTS)
    counted.users("soft_ask", 100, variant="plain")
    counted.users("soft_ask", 100, variant="warm")

    of = told(counted)

    assert of.control == "soft_ask/plain"
    assert [each.treatment for each in of.comparisons] == ["soft_ask/warm"]


def test_an_arm_that_nobody_was_dealt_into_is_no_control() -> None:
    counted = Counted()
    counted.users("soft_ask", 10)
    counted.users("direct_prompt", 10)
    counted.add(arm="holdout", declined=1)

    assert told(counted).control == "direct_prompt"


def test_a_variant_goes_by_its_whole_name() -> None:
    dealt = {"salt": "one", "arms": {"soft_ask": 1}, "variants": {"a/b": 1, "c/b": 1}}
    counted = Counted({"experiment": dealt})
    counted.users("soft_ask", 100, variant="a/b")
    counted.users("soft_ask", 100, variant="c/b")

    assert told(counted, control="c/b").control == "soft_ask/c/b"
    with pytest.raises(UnknownControl):
        told(counted, control="b")


@pytest.mark.parametrize("wished", ["soft_ask/warm", "warm"])
def test_a_control_may_be_named(wished: str) -> None:
    counted = Counted(VARIANTS)
    counted.users("soft_ask", 100, variant="plain")
    counted.users("soft_ask", 100, variant="warm")
    counted.users("holdout", 100)

    of = told(counted, control=wished)

    assert [(each.treatment, each.metric) for each in of.comparisons] == [
        ("soft_ask/plain", "net_opt_in"),
        ("holdout", "any_grant"),
    ]


def test_a_control_before_anybody_was_exposed_is_told_that() -> None:
    with pytest.raises(UnknownControl, match="nope: nobody was exposed yet"):
        told(Counted(), control="nope")


def test_an_unknown_control_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UnknownControl, match="soft_ask, direct_prompt, holdout"):
        told(example(), control="nobody")


# --- comparisons ---


def test_against_a_holdout_any_grant_decides() -> None:
    counted = Counted(TWO_ARMS)
    counted.users("soft_ask", 1000, opted_in=290, converted_0=300)
    counted.users("holdout", 1000, converted_0=150)

    of = told(counted)

    found = statistics.compare_proportions([(Proportion(150, 1000), Proportion(300, 1000))])
    assert found
    [each] = of.comparisons
    assert (each.metric, of.metric) == ("any_grant", "any_grant")
    assert each.difference
    assert each.difference.difference == found.difference == pytest.approx(0.15)
    assert each.difference.sequential.low == found.sequential.low
    assert each.difference.p_value == found.p_value


def test_against_a_direct_prompt_any_grant_decides_too() -> None:
    """Its grants count for a day, those of an approval ever: net opt-in would flatter."""
    counted = Counted({"experiment": {"salt": "one", "arms": {"soft_ask": 1, "direct_prompt": 1}}})
    counted.users("soft_ask", 1000, opted_in=300, converted_0=300)
    counted.users("direct_prompt", 1000, opted_in=0, converted_0=200)

    [each] = told(counted).comparisons

    assert each.metric == "any_grant"
    assert each.difference
    assert each.difference.difference == pytest.approx(0.1)
    assert each.difference.lift == pytest.approx(0.5)


def test_the_goal_s_event_is_named() -> None:
    assert told(example()).goals == ("SessionStarted",)
    assert told(_without_goal()).goals == ()


def test_goals_are_compared_where_some_version_counts_any() -> None:
    experiment = TWO_ARMS["experiment"]
    counted = Counted({"experiment": experiment, "goal": {"event": "SessionStarted"}})
    counted.users("soft_ask", 1000, goals=1500, goal_squares=4000, goal_users=700)
    counted.users("holdout", 1000, goals=1000, goal_squares=3000, goal_users=500)

    [each] = told(counted).comparisons

    found = statistics.compare_means([(Mean(1000, 3000, 1000), Mean(1500, 4000, 1000))])
    assert found
    assert each.goals
    assert each.goals.difference == found.difference == 0.5
    assert [each.goals for each in told(_without_goal()).comparisons] == [None]


def _without_goal() -> Counted:
    counted = Counted(TWO_ARMS)
    counted.users("soft_ask", 1000)
    counted.users("holdout", 1000)
    return counted


def test_users_are_planned_for_the_difference_that_matters() -> None:
    counted = Counted(TWO_ARMS)
    counted.users("soft_ask", 3000, converted_0=300)
    counted.users("holdout", 1000, converted_0=100)

    [each] = told(counted, detectable=0.05).comparisons

    needed = statistics.users_needed_always(0.1, 0.05, share=0.75)
    assert (each.users_needed, each.users_missing) == (needed, max(0, needed - 4000))
    assert each.users_needed_once == statistics.users_needed(0.1, 0.05, share=0.75) < needed
    [each] = told(counted, detectable=0.01).comparisons
    assert each.users_missing == statistics.users_needed_always(0.1, 0.01, share=0.75) - 4000


def test_few_users_compare_to_nothing_and_are_told_so() -> None:
    counted = Counted(TWO_ARMS)
    counted.users("soft_ask", 3, converted_0=1)
    counted.users("holdout", 3)

    [each] = told(counted).comparisons

    assert each.difference is None
    assert each.sentence
    assert each.sentence.startswith("Too little has happened yet")
    assert each.sentence.endswith("Too few yet to plan.")
    assert each.users_needed is None


def test_a_control_with_more_successes_than_users_plans_nothing() -> None:
    """Exposures that wait for their replay."""
    counted = Counted(TWO_ARMS)
    counted.users("soft_ask", 20, converted_0=2)
    counted.users("holdout", 20, converted_0=24)

    [each] = told(counted).comparisons

    assert (each.difference, each.users_needed) == (None, None)


def test_a_variant_that_is_named_like_an_arm_hides_no_arm() -> None:
    variants = {"plain": 1, "holdout": 1}
    counted = Counted({"experiment": {**TWO_ARMS["experiment"], "variants": variants}})
    for variant in variants:
        counted.users("soft_ask", 10, variant=variant)
    counted.users("holdout", 20)

    assert told(counted, control="holdout").control == "holdout"
    assert told(counted, control="plain").control == "soft_ask/plain"


def test_a_popup_is_judged_by_its_goal_alone() -> None:
    experiment = TWO_ARMS["experiment"]
    counted = Counted({"experiment": experiment, "goal": {"event": "Rated"}}, kind="popup")
    counted.users("soft_ask", 1000, goals=1500, goal_squares=4000, goal_users=700)
    counted.users("holdout", 1000, goals=1000, goal_squares=3000, goal_users=500)

    of = told(counted)

    [each] = of.comparisons
    assert (each.metric, of.metric, of.unripe) == ("goals", "goals", 0)
    assert (each.difference, each.sentence, each.users_needed) == (None, None, None)
    assert each.goal_sentence
    assert each.goal_sentence.startswith(
        "soft_ask: 50.0 more goal events per 100 users than holdout"
    )
    assert arm(of, "soft_ask").cumulative[-1].rate == 0.7


def test_without_users_in_the_control_nothing_is_planned() -> None:
    counted = Counted(TWO_ARMS)
    counted.users("soft_ask", 100)
    counted.add(arm="holdout", declined=1)

    [each] = told(counted, control="holdout").comparisons

    assert (each.difference, each.users_needed, each.users_missing) == (None, None, None)


def test_a_control_without_any_has_no_lift() -> None:
    counted = Counted(TWO_ARMS)
    counted.users("soft_ask", 1000, converted_0=300)
    counted.users("holdout", 1000)

    [each] = told(counted).comparisons

    assert each.difference
    assert each.difference.difference == 0.3
    assert (each.difference.lift, each.difference.lift_interval) == (None, None)


# --- weights that change ---


def dealt(soft_ask: int, holdout: int) -> Json:
    arms = {"soft_ask": soft_ask, "holdout": holdout}
    return {"experiment": {"salt": "one", "arms": arms}, "goal": {"event": "SessionStarted"}}


NO_EXPERIMENT: Json = {"goal": {"event": "SessionStarted"}}


def of_goals(users: int, each: int) -> dict[str, int]:
    """Half of the users have `each` goals, half of them one less."""
    half = users // 2
    squares = half * (each**2 + (each - 1) ** 2)
    return {"goals": half * (2 * each - 1), "goal_squares": squares, "goal_users": half}


def changed_weights() -> Counted:
    """A tenth of everybody grants first, and a fifth later."""
    counted = Counted(dealt(95, 5), dealt(50, 50))
    counted.users("soft_ask", 9500, converted_0=950, **of_goals(9500, 4))
    counted.users("holdout", 500, converted_0=50, **of_goals(500, 4))
    counted.users("soft_ask", 5000, version=1, converted_0=1000, **of_goals(5000, 1))
    counted.users("holdout", 5000, version=1, converted_0=1000, **of_goals(5000, 1))
    return counted


def added_experiment() -> Counted:
    counted = Counted(NO_EXPERIMENT, dealt(50, 50))
    counted.users("soft_ask", 10_000, converted_0=1000, **of_goals(10_000, 4))
    counted.users("soft_ask", 2000, version=1, converted_0=400, **of_goals(2000, 1))
    counted.users("holdout", 2000, version=1, converted_0=400, **of_goals(2000, 1))
    return counted


def ended_experiment() -> Counted:
    counted = Counted(dealt(50, 50), NO_EXPERIMENT)
    counted.users("soft_ask", 2000, converted_0=400, **of_goals(2000, 1))
    counted.users("holdout", 2000, converted_0=400, **of_goals(2000, 1))
    counted.users("soft_ask", 10_000, version=1, converted_0=1000, **of_goals(10_000, 4))
    return counted


def changed_and_back() -> Counted:
    counted = Counted(dealt(1, 1), dealt(9, 1), dealt(2, 2))
    for version, (users, held_out, rate) in enumerate(
        ((1000, 1000, 0.1), (9000, 1000, 0.5), (1000, 1000, 0.2))
    ):
        for arm, count in (("soft_ask", users), ("holdout", held_out)):
            grants, goals = round(count * rate), of_goals(count, version + 1)
            counted.users(arm, count, version=version, converted_0=grants, **goals)
    return counted


@pytest.mark.parametrize(
    "counted",
    [changed_weights(), added_experiment(), ended_experiment(), changed_and_back()],
    ids=["changed weights", "added experiment", "ended experiment", "changed and back"],
)
def test_weights_that_change_make_no_difference_where_there_is_none(counted: Counted) -> None:
    of = told(counted)

    [each] = of.comparisons
    assert each.difference
    assert each.difference.difference == pytest.approx(0, abs=1e-12)
    assert each.goals
    assert each.goals.difference == pytest.approx(0, abs=1e-12)
    assert each.sentence
    assert each.sentence.startswith("No difference between soft_ask and holdout can be claimed")
    assert each.goal_sentence
    assert each.goal_sentence.startswith("No difference")
    assert of.weights_changed


def test_users_of_versions_with_one_arm_alone_are_left_out_and_counted() -> None:
    [each] = told(added_experiment()).comparisons

    assert (each.left_out, each.left_out_versions) == (10_000, (0,))
    [each] = told(changed_weights()).comparisons
    assert (each.left_out, each.left_out_versions) == (0, ())


def test_versions_of_the_same_weights_are_one_group() -> None:
    counted = Counted(dealt(1, 1), dealt(50, 50))
    for version in (0, 1):
        counted.users("soft_ask", 500, version=version, converted_0=150)
        counted.users("holdout", 500, version=version, converted_0=100)

    of = told(counted)

    found = statistics.compare_proportions([(Proportion(200, 1000), Proportion(300, 1000))])
    [each] = of.comparisons
    assert found
    assert each.difference
    assert each.difference.sequential.low == found.sequential.low
    assert not of.weights_changed


def test_the_newest_experiment_begins_with_its_weights_first_user() -> None:
    counted = Counted(dealt(9, 1), dealt(1, 1), dealt(2, 2), NO_EXPERIMENT)
    for version, days_ago in ((0, 20), (1, 12), (2, 8), (3, 2)):
        counted.users("soft_ask", 10, version=version, day=TODAY - days_ago)

    assert beginning(counted.answer()) == Beginning("2026-11-09", "2026-11-01", is_beyond=False)
    assert beginning(Counted(NO_EXPERIMENT).answer()) is None
    assert beginning(Counted(dealt(1, 1)).answer()) is None


def test_a_version_that_was_published_again_deals_the_newest_weights() -> None:
    counted = Counted(dealt(9, 1), dealt(1, 1))
    for version, days_ago in ((0, 20), (1, 12), (0, 3)):
        counted.users("soft_ask", 10, version=version, day=TODAY - days_ago)

    assert beginning(counted.answer()) == Beginning("2026-11-01", "2026-11-01", is_beyond=False)
    counted.users("soft_ask", 10, version=1, day=TODAY - 3)
    assert beginning(counted.answer()) == Beginning("2026-11-09", "2026-11-01", is_beyond=False)


def test_an_experiment_from_the_report_s_first_day_may_be_older() -> None:
    counted = Counted(dealt(1, 1))
    counted.users("soft_ask", 10, day=TODAY - 29)

    begun = beginning(counted.answer())

    assert begun == Beginning("2026-10-23", "2026-10-23", is_beyond=True)
    assert told(counted, beginning=begun).is_sliding
    later = Beginning("2026-10-25", "2026-10-23", is_beyond=True)
    assert not told(counted, beginning=later).is_sliding


# --- the sample ratio ---


def test_the_sample_ratio_is_taken_over_changing_weights() -> None:
    first = {"experiment": {"salt": "one", "arms": {"soft_ask": 50, "holdout": 50}}}
    second = {"experiment": {"salt": "one", "arms": {"soft_ask": 90, "holdout": 10}}}
    counted = Counted(first, second)
    counted.users("soft_ask", 1000)
    counted.users("holdout", 1000)
    counted.users("soft_ask", 9000, version=1)
    counted.users("holdout", 1000, version=1)

    ratio = told(counted).sample_ratio

    assert ratio
    assert ratio.expected == {"soft_ask": pytest.approx(10_000), "holdout": pytest.approx(2000)}
    assert ratio.observed == {"soft_ask": 10_000, "holdout": 2000}
    assert not ratio.is_mismatch
    assert ratio.p_value == pytest.approx(1)


def test_surpluses_of_two_weights_do_not_hide_each_other() -> None:
    """In all, each arm has just the users that are due."""
    counted = Counted(dealt(9, 1), dealt(1, 9))
    counted.users("soft_ask", 1000)
    counted.users("soft_ask", 0, version=1)
    counted.users("holdout", 1000, version=1)

    ratio = told(counted).sample_ratio

    assert ratio
    assert ratio.expected == {"soft_ask": pytest.approx(1000), "holdout": pytest.approx(1000)}
    assert ratio.is_mismatch


def test_versions_dealt_alike_are_one_group_of_the_sample_ratio() -> None:
    counted = Counted(dealt(1, 1), dealt(2, 2))
    counted.users("soft_ask", 600)
    counted.users("holdout", 400)
    counted.users("soft_ask", 400, version=1)
    counted.users("holdout", 600, version=1)

    ratio = told(counted).sample_ratio

    assert ratio
    assert ratio.p_value == 1


def test_missing_users_are_a_mismatch_and_stop_every_verdict() -> None:
    counted = Counted(TWO_ARMS)
    counted.users("soft_ask", 10_000, converted_0=3000)
    counted.users("holdout", 9000, converted_0=1000)

    of = told(counted)

    assert of.sample_ratio
    assert of.sample_ratio.is_mismatch
    [each] = of.comparisons
    assert each.sentence
    assert each.sentence.startswith("Do not compare")
    assert (each.difference, each.goals) == (None, None)


def test_variants_have_their_share_of_the_arm_s() -> None:
    counted = Counted(VARIANTS)
    counted.users("soft_ask", 410, variant="plain")
    counted.users("soft_ask", 390, variant="warm")
    counted.users("holdout", 200)

    ratio = told(counted).sample_ratio

    assert ratio
    assert ratio.expected == {
        "soft_ask/plain": pytest.approx(400),
        "soft_ask/warm": pytest.approx(400),
        "holdout": pytest.approx(200),
    }


def test_versions_that_dealt_nobody_have_no_ratio() -> None:
    counted = Counted({})
    counted.users("soft_ask", 1000)

    assert told(counted).sample_ratio is None


# --- what is missing ---


def notes(counted: Counted) -> str:
    return " ".join(told(counted).notes)


def test_no_data_says_where_to_look() -> None:
    assert "Nothing happened between 2026-10-23 and 2026-11-21" in notes(Counted())


def test_no_exposures_say_to_begin_earlier() -> None:
    counted = Counted()
    counted.add(shown=1)

    assert "begin earlier (`--from DAY`)" in notes(counted)


def test_one_arm_says_how_to_get_another() -> None:
    counted = Counted()
    counted.users("soft_ask", 10)

    assert "add an experiment" in notes(counted)


def test_the_platform_on_which_nothing_happened_is_named() -> None:
    answer = msgspec.structs.replace(Counted().answer(), platform="android")

    [note] = analyse(answer, Wishes()).notes

    assert note.startswith(
        "Nothing happened between 2026-10-23 and 2026-11-21 on platform android. "
    )


def test_a_control_that_everybody_is_in_says_that_nothing_was_compared() -> None:
    counted = Counted()
    counted.users("soft_ask", 10)

    of = told(counted, control="soft_ask")

    assert "Nobody is in another arm than soft_ask, so nothing was compared" in of.notes[0]


def test_an_arm_that_nobody_came_to_is_named() -> None:
    counted = Counted(TWO_ARMS)
    counted.users("soft_ask", 500)

    assert "The campaign has arms that got nobody: holdout." in notes(counted)
    assert "add an experiment" not in notes(counted)
    ratio = told(counted).sample_ratio
    assert ratio
    assert ratio.is_mismatch


def test_a_holdout_alone_says_that_nobody_is_asked() -> None:
    counted = Counted(TWO_ARMS)
    counted.users("holdout", 10)

    assert "Every exposed user is in the holdout" in notes(counted)


def test_no_goal_says_what_is_not_measured() -> None:
    counted = Counted()
    counted.users("soft_ask", 10)

    assert "No version has a goal" in notes(counted)


def test_a_popup_that_asks_for_no_permission_says_so() -> None:
    counted = Counted(kind="popup")
    counted.users("soft_ask", 10)

    of = told(counted)

    assert not of.asks_permission
    assert "asks for no permission" in " ".join(of.notes)


def test_nothing_is_missing_of_a_whole_experiment() -> None:
    assert told(example()).notes == ()
    assert THREE_ARMS["arms"].keys() == {each.arm for each in told(example()).arms}
