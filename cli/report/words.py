"""How the report's figures are written, and what each of them means, for people in a hurry."""

from collections.abc import Iterator

from cli.report.figures import Compared, Share, Span, Statistics
from functions.core.experiment import DIRECT_PROMPT
from functions.wire.report import ReportAnswer

NOTHING = "-"

MEANS = {
    "soft_ask": "The arm that is shown the popup before the OS prompt.",
    "direct_prompt": "The arm that gets the OS prompt at once, without a popup.",
    "holdout": "The arm that is shown nothing, to compare with.",
    "exposed": "Users who met the campaign for the first time in these days: an eligible user at "
    "an eligible moment, in every arm alike. Shares of users are shares of them.",
    "net opt-in": "Exposed users who said yes to the soft ask and whom the OS then granted the "
    "permission, however much later; in the arm direct_prompt, whom the OS granted it within a day "
    "of being asked. As these differ, only soft asks are compared by it with each other.",
    "any grant": "Exposed users with any OS grant within the attribution window, by whatever way "
    "they came to it. Holdout and direct_prompt are compared by this.",
    "shown to": "Exposed users who were shown the popup at least once.",
    "first show": "How long after a user was first heard of the popup was first shown (in "
    "direct_prompt the OS prompt); half of those who saw it had by the end of this span. Too "
    "early, and the gain vanishes.",
    "retry": "Popups shown as second or later attempts, and the share of them that was approved. "
    "If it is above 0, the retry is worth keeping.",
    "goals": "Goal events of exposed users since their exposure: what push is good for.",
    "goal users": "Exposed users with at least one goal event.",
    "prompts": "OS prompts that were spent. iOS grants one a device, Android two. They stand with "
    "the popup that the phone saw last: a held-out user's prompts are app-wide, under no campaign.",
    "unasked": "OS prompts that the app spent by itself, without an approval before them.",
    "offered": "Popups that were granted to a phone; each is one attempt, not one user.",
    "shown": "Popups that were seen.",
    "approved": 'Popups answered with "Yes".',
    "granted": "Permissions that the OS granted after an approval or a direct prompt.",
    "denied": "Permissions that the OS refused after an approval or a direct prompt.",
    "declined": 'Popups answered with "Not now".',
    "dismissed": "Popups that were closed without an answer.",
    "silent": "Popups that were seen and never answered.",
    "awaited": "Popups of today and yesterday without an answer so far.",
    "suppressed": "Popups that were held back, since another dialog was open.",
    "lapsed": "Popups that were granted and never seen; those of the last minutes may still be. "
    "An offer that was given back and shown after all counts as suppressed and as shown.",
    "range": "Where the true share lies, 95 times of 100 (Wilson).",
    "difference": "The treatment's share less the control's, in points of a hundred.",
    "interval": "True 95 times of 100, for one look at a day that was fixed before.",
    "sequential": "True 95 times of 100 however often you look: stop on this one.",
    "lift": "The difference relative to the control.",
    "needed": "Users of both arms to find a difference of {detectable} four times of five, by the "
    "sequential interval.",
    "needed once": "The same by one look at the 95 % interval, on a day that was fixed before.",
}
"""By the short name that a figure goes by."""


def number(value: int) -> str:
    """`12,345`."""
    return f"{value:,}"


def percent(rate: float | None) -> str:
    """`31.2 %`."""
    return NOTHING if rate is None else f"{rate * 100:.1f} %"


def share(of: Share) -> str:
    """`31.2 %`, of something."""
    return percent(of.rate)


def span(interval: Span | None) -> str:
    """`30.1 to 32.3 %`."""
    if interval is None:
        return NOTHING
    return f"{interval.low * 100:.1f} to {interval.high * 100:.1f} %"


def points(difference: float) -> str:
    """`+2.1`, of points."""
    return f"{difference * 100:+.1f}"


def points_span(interval: Span) -> str:
    """`-0.3 to +4.5`, of points."""
    return f"{points(interval.low)} to {points(interval.high)}"


def change(lift: float | None) -> str:
    """`+12.0 %`, relative to the control."""
    return NOTHING if lift is None else f"{lift * 100:+.1f} %"


def change_span(interval: Span | None) -> str:
    """`-1.0 to +25.0 %`."""
    if interval is None:
        return NOTHING
    return f"{interval.low * 100:+.1f} to {interval.high * 100:+.1f} %"


def per_user(mean: float | None) -> str:
    """`1.23`."""
    return NOTHING if mean is None else f"{mean:.2f}"


def more_per_user(difference: float) -> str:
    """`+0.12`."""
    return f"{difference:+.2f}"


def more_per_user_span(interval: Span) -> str:
    """`-0.02 to +0.25`."""
    return f"{more_per_user(interval.low)} to {more_per_user(interval.high)}"


def days(count: int) -> str:
    """`7 days`."""
    return f"{count} day" if count == 1 else f"{count} days"


def metric(statistics: Statistics, name: str) -> str:
    """A metric's name in a sentence."""
    if name == "any_grant":
        return f"any OS grant within {days(statistics.window_days)}"
    return {"net_opt_in": "net opt-in", "goals": "goal events"}[name]


def verdicts(statistics: Statistics) -> Iterator[str]:
    """What may be said of two arms, and by what: of the permission, and then of the goal."""
    for each in statistics.comparisons:
        if each.is_part:
            continue
        if each.sentence:
            yield f"By {metric(statistics, each.metric)}: {each.sentence}"
        if each.goal_sentence:
            yield f"By {metric(statistics, 'goals')}: {each.goal_sentence}"


def is_off(statistics: Statistics) -> bool:
    """Whether nothing may be compared."""
    return statistics.sample_ratio is not None and statistics.sample_ratio.is_mismatch


def cautions(answer: ReportAnswer, statistics: Statistics) -> Iterator[str]:
    """How far the comparisons may be trusted."""
    if unripe_users := unripe(statistics):
        yield unripe_users
    if statistics.weights_changed:
        yield (
            "The weights changed in these days. Arms are compared within versions that dealt "
            "alike, and these differences put together; shares, charts and sums are of all."
        )
    yield from dict.fromkeys(_left_out(each) for each in statistics.comparisons if each.left_out)
    if statistics.began_before and statistics.comparisons:
        yield (
            f"The experiment began on {statistics.began_before}: read from a later day, the "
            "sequential interval holds only if that day stays the same at every look, and was "
            "chosen before any."
        )
    if wait := _late_retry(statistics):
        yield wait
    if any(arm.totals.lapsed for arm in statistics.arms) and answer.to >= answer.as_of[:10]:
        yield "Offers of the last minutes count as lapsed until they are seen."
    if any(each.difference or each.goals for each in statistics.comparisons):
        yield "Look as often as you like at the sequential interval; at the other one once."
    if len(statistics.comparisons) > 2:
        yield (
            f"{len(statistics.comparisons)} comparisons: one in 20 such intervals misses by "
            "chance; decide before which one counts."
        )
    if plan := planned(statistics):
        yield plan


def _left_out(each: Compared) -> str:
    versions = ", ".join(map(str, each.left_out_versions))
    return (
        f"{number(each.left_out)} users of version {versions} are not in the comparison of "
        f"{each.treatment} with {each.control}: one of the two got nobody there."
    )


def _late_retry(statistics: Statistics) -> str | None:
    wait = statistics.longest_wait
    grants = any(each.metric == "any_grant" for each in statistics.comparisons)
    if not grants or wait is None or wait < statistics.window_days:
        return None
    what = f"Grants of a retry after {wait:g} days are not in {days(statistics.window_days)}"
    return f"{what}: --window 30d includes them." if wait < 30 else f"{what}, nor in any window."


def planned(statistics: Statistics) -> str | None:
    """What the number of users still needed is for."""
    if all(each.users_needed is None for each in statistics.comparisons):
        return None
    return (
        "Users are planned to find a difference of "
        f"{statistics.detectable * 100:g} points four times of five by the sequential interval "
        "(--detect)."
    )


def others(statistics: Statistics) -> Iterator[str]:
    """What else could be compared."""
    parts = [arm.name for arm in statistics.arms if arm.is_part and arm.totals.exposed]
    compared = {each.control for each in statistics.comparisons}
    if len(parts) > 1 and not compared & {*parts}:
        yield f"--control {parts[0]} compares the variants with each other."
    for arm in statistics.arms:
        is_other = arm.arm == DIRECT_PROMPT and arm.name not in compared
        if is_other and compared and arm.totals.exposed:
            yield f"--control {arm.name} compares with asking at once."


def title(answer: ReportAnswer) -> str:
    """What the report is of."""
    phones = "all platforms" if answer.platform is None else answer.platform
    return f"{answer.from_} to {answer.to} (UTC), {phones}"


def means(name: str, statistics: Statistics) -> str:
    """What a figure means."""
    return MEANS[name].format(detectable=f"{statistics.detectable * 100:g} points")


def ratio(statistics: Statistics) -> str | None:
    """Whether the arms got the users that their weights say."""
    found = statistics.sample_ratio
    if found is None:
        return None
    if found.is_mismatch:
        counts = ", ".join(
            f"{name} {number(users)} (planned {found.expected.get(name, 0):,.0f})"
            for name, users in found.observed.items()
        )
        return f"The sample ratio is off (p = {found.p_value:.2g}): {counts}."
    return f"The arms got the users that their weights say (p = {found.p_value:.2f})."


def unripe(statistics: Statistics) -> str | None:
    """Why any grant may still rise."""
    if not statistics.unripe:
        return None
    users = "user was" if statistics.unripe == 1 else "users were"
    return (
        f"{number(statistics.unripe)} {users} exposed within the last "
        f"{days(statistics.window_days)}: grants of theirs may still come."
    )
