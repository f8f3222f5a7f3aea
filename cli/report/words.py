"""How the report's figures are written, and what each of them means, for people in a hurry."""

from collections.abc import Iterator

from cli.report.figures import Compared, Share, Span, Statistics
from functions.core.experiment import DIRECT_PROMPT
from functions.wire.report import ReportAnswer

NOTHING = "-"

MEANS = {
    "exposed": "Users who met the campaign for the first time in these days: an eligible user at "
    "an eligible moment, in every arm alike. Shares of users are shares of them.",
    "net opt-in": "Exposed users who said yes to the soft ask and whom the OS then granted the "
    "permission; in the arm direct_prompt, whom the OS granted it when asked.",
    "any grant": "Exposed users with any OS grant within the attribution window, by whatever way "
    "they came to it. A holdout approves nothing, so it is compared by this.",
    "shown to": "Exposed users who were shown the popup at least once.",
    "first show": "How long after a user was first heard of the popup was first shown; half of "
    "them had seen it by the end of this span. Too early, and the gain vanishes.",
    "retry": "Popups shown as second or later attempts, and the share of them that was approved. "
    "If it is above 0, the retry is worth keeping.",
    "goals": "Goal events of exposed users since their exposure: what push is good for.",
    "goal users": "Exposed users with at least one goal event.",
    "prompts": "OS prompts that were spent. iOS grants one a device, Android two.",
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
    "lapsed": "Popups that were granted and never seen; those of the last minutes may still be.",
    "range": "Where the true share lies, 95 times of 100 (Wilson).",
    "difference": "The treatment's share less the control's, in points of a hundred.",
    "interval": "True 95 times of 100, for one look at a day that was fixed before.",
    "sequential": "True 95 times of 100 however often you look: stop on this one.",
    "lift": "The difference relative to the control.",
    "needed": "Users of both arms to find a difference of {detectable} four times of five.",
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
    return "net opt-in"


def verdict(each: Compared, statistics: Statistics) -> str:
    """What may be said of two arms, and by what."""
    return f"By {metric(statistics, each.metric)}: {each.sentence}"


def planned(statistics: Statistics) -> str:
    """What the number of users still needed is for."""
    return (
        "Users are planned to find a difference of "
        f"{statistics.detectable * 100:g} points four times of five (--detect)."
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
            yield f"--control {arm.name} compares net opt-in with asking at once."


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
        f"{days(statistics.window_days)}: grants of theirs may still come, in every arm alike."
    )
