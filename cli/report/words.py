"""How the report's figures are written, and what each of them means, for people in a hurry."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cli.report.figures import ArmFigures, Bucket, Compared, Difference, Share, Span, Statistics
from cli.report.statistics import MISMATCH, decimals
from functions.core.experiment import DIRECT_PROMPT, SOFT_ASK
from functions.wire.report import MOST_DAYS, ReportAnswer

NOTHING = "-"

MEANS = {
    "soft_ask": "The arm that is shown the popup before the OS prompt.",
    "direct_prompt": "The arm that gets the OS prompt at once, without a popup.",
    "holdout": "The arm that is shown nothing, to compare with.",
    "exposed": "Users who met the campaign for the first time in these days: an eligible user at "
    "an eligible moment, in every arm alike. Shares of users are shares of them.",
    "net opt-in": "Exposed users who said yes to the soft ask and whom the OS then granted the "
    "permission, however much later. In the arm direct_prompt: who answered the OS prompt within a "
    "day, and whose permission became granted by that, or later in the settings. As these differ, "
    "only soft asks are compared by it with each other.",
    "any grant": "Exposed users with any OS grant within the attribution window, by whatever way "
    "they came to it. Holdout and direct_prompt are compared by this.",
    "shown to": "Exposed users who were shown the popup at least once.",
    "half within": "How long after a user was first heard of the popup was first shown (in "
    "direct_prompt the OS prompt); half of those who saw it had by the end of this span.",
    "retries shown": "Popups shown as second or later attempts.",
    "of them approved": "The share of the retries that was approved: at most what a retry adds, as "
    "some of these users would have come by another way.",
    "goal events": "Goal events of exposed users since their exposure: what push is good for.",
    "users with any": "Exposed users with at least one goal event.",
    "spent": "OS prompts that were spent. iOS grants one a device, Android two. They stand with "
    "the popup that the phone saw last: a held-out user's prompts are app-wide, under no campaign.",
    "without an approval": "OS prompts that the app spent by itself, without an approval before "
    "them.",
    "offered": "Popups that were granted to a phone; each is one attempt, not one user.",
    "shown": "Popups that were seen.",
    "approved": 'Popups answered with "Yes".',
    "granted": "Times that the permission became granted on a phone whose last popup was this "
    "campaign's, by the OS prompt or in the settings.",
    "denied": "Times that the permission became denied on a phone whose last popup was this "
    "campaign's, by the OS prompt or in the settings.",
    "declined": 'Popups answered with "Not now".',
    "dismissed": "Popups that were closed without an answer.",
    "silent": "Popups that were seen and never answered.",
    "awaited": "Popups of today and yesterday without an answer so far.",
    "suppressed": "Popups that were held back, since another dialog was open.",
    "lapsed": "Popups that were granted and never seen; those of the last minutes may still be. "
    "An offer that was given back and shown after all counts as suppressed and as shown.",
    "95 % of a share": "Where the true share lies, 95 times of 100 (Wilson).",
    "points": "The treatment's share less the control's, in points of a hundred.",
    "more a user": "The treatment's goal events a user less the control's.",
    "95 %": "True 95 times of 100, for one look at a day that was fixed before.",
    "sequential 95 %": "True 95 times of 100 however often you look: stop on this one.",
    "lift": "The difference relative to the control.",
    "users needed": "Users of both arms to find a difference of {detectable} four times of five, "
    "by the sequential interval.",
    "for one look": "The same by one look at the 95 % interval, on a day that was fixed before.",
}
"""By the words that stand above its column."""

NOT_AS_PLANNED = (
    "Do not compare the arms: the users did not fall into them as planned, and chance does that "
    f"less than once in {1 / MISMATCH:,.0f} times. Find out why first."
)

Kind = Literal["good", "bad", "plain"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be said; good or bad for the soft ask, plain where it says neither."""

    says: str
    kind: Kind = "plain"


@dataclass(frozen=True, slots=True)
class Lift:
    """Relative to the control, with its intervals for one look, and for any number."""

    value: float
    interval: Span
    sequential: Span


def spoken(prose: str) -> str:
    """For a terminal, where a command is known as one."""
    return prose.replace("`", "")


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
    hundredfold = difference * 100
    return f"{hundredfold:+.{decimals(hundredfold)}f}"


def points_span(interval: Span) -> str:
    """`-0.3 to +4.5`, of points."""
    return f"{points(interval.low)} to {points(interval.high)}"


def change(relative: float) -> str:
    """`+12.0 %`, relative to the control."""
    return f"{points(relative)} %"


def change_span(interval: Span) -> str:
    """`-1.0 to +25.0 %`."""
    return f"{points_span(interval)} %"


def lift(found: Difference) -> Lift | None:
    """None without one, and where the sentence leaves it out since its interval says otherwise."""
    value, interval, always = found.lift, found.lift_interval, found.lift_sequential
    if value is None or interval is None or always is None:
        return None
    is_clear = not always.low <= 0 <= always.high
    return Lift(value, interval, always) if is_clear == is_claimed(found) else None


def lift_cells(told: Lift | None) -> tuple[str, str, str]:
    """Its value and both intervals, or that there is none."""
    if told is None:
        return NOTHING, NOTHING, NOTHING
    return change(told.value), change_span(told.interval), change_span(told.sequential)


def per_user(mean: float | None) -> str:
    """`1.23`."""
    return NOTHING if mean is None else f"{mean:.2f}"


def more_per_user(difference: float) -> str:
    """`+0.123`: as precise as the sentence, which is of 100 users."""
    return f"{difference:+.{decimals(difference * 100) + 2}f}"


def more_per_user_span(interval: Span) -> str:
    """`-0.020 to +0.250`."""
    return f"{more_per_user(interval.low)} to {more_per_user(interval.high)}"


def days(count: int) -> str:
    """`7 days`."""
    return f"{count} day" if count == 1 else f"{count} days"


def metric(statistics: Statistics, name: str) -> str:
    """A metric's name in a sentence."""
    if name == "any_grant":
        return f"any OS grant within {days(statistics.window_days)}"
    return {"net_opt_in": "net opt-in", "goals": "goal events"}[name]


def verdicts(statistics: Statistics) -> Iterator[Verdict]:
    """What may be said of two arms, and by what: of the permission, and then of the goal."""
    whole = [each for each in statistics.comparisons if not each.is_part]
    if is_off(statistics):
        if whole:
            yield Verdict(NOT_AS_PLANNED, "bad")
        return
    for each in whole:
        for by, found, says in _claims(each):
            if found is not None:
                told = f"By {metric(statistics, by)}: {says}"
                yield Verdict(told, _kind(each, found, statistics))
    yield from _too_little(whole, statistics)


def _claims(each: Compared) -> Iterator[tuple[str, Difference | None, str]]:
    if each.sentence:
        yield each.metric, each.difference, each.sentence
    if each.goal_sentence:
        yield "goals", each.goals, each.goal_sentence


def _kind(each: Compared, found: Difference, statistics: Statistics) -> Kind:
    """Of a claim between the soft ask and another arm."""
    arms = {arm.name: arm.arm for arm in statistics.arms}
    is_treatment = arms[each.treatment] == SOFT_ASK
    if is_treatment == (arms[each.control] == SOFT_ASK) or not is_claimed(found):
        return "plain"
    return "good" if is_treatment == (found.difference > 0) else "bad"


def is_claimed(found: Difference) -> bool:
    """Whether the sequential interval leaves out 0."""
    return not found.sequential.low <= 0 <= found.sequential.high


def _too_little(compared: Sequence[Compared], statistics: Statistics) -> Iterator[Verdict]:
    """One sentence for all arms of which as little can be said."""
    silent: dict[tuple[str, ...], list[Compared]] = {}
    for each in compared:
        if by := tuple(name for name, found, _ in _claims(each) if found is None):
            silent.setdefault(by, []).append(each)
    for by, alike in silent.items():
        names = " and by ".join(metric(statistics, name) for name in by)
        arms = " or ".join(each.treatment for each in alike)
        plan = "" if by == ("goals",) else _still_needed(alike)
        yield Verdict(
            f"By {names}: Too little has happened yet to compare {arms} with "
            f"{alike[0].control}.{plan}"
        )


def _still_needed(compared: Sequence[Compared]) -> str:
    missing = [(each.treatment, each.users_missing) for each in compared if each.users_missing]
    if not missing:
        return " Too few yet to plan."
    told = ", ".join(f"{number(users)} for {treatment}" for treatment, users in missing)
    return f" Users still needed: {told}."


def is_off(statistics: Statistics) -> bool:
    """Whether nothing may be compared."""
    return statistics.sample_ratio is not None and statistics.sample_ratio.is_mismatch


def cautions(answer: ReportAnswer, statistics: Statistics) -> Iterator[str]:
    """How far the comparisons may be trusted. Commands and their options are within ``."""
    if unripe_users := unripe(statistics):
        yield unripe_users
    yield from _of_its_first_day(answer, statistics)
    if statistics.weights_changed:
        yield (
            "The weights changed in these days. Arms are compared within versions that dealt "
            "alike, and these differences put together; shares, charts and sums are of all."
        )
    yield from dict.fromkeys(_left_out(each) for each in statistics.comparisons if each.left_out)
    if unsure := ", ".join(_without_lift(statistics)):
        yield (
            f"No lift is told of {unsure}: its interval is too wide to say the same as that of the "
            "difference, which decides."
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


def _of_its_first_day(answer: ReportAnswer, statistics: Statistics) -> Iterator[str]:
    if statistics.exposed_before:
        yield (
            f"The weights changed on {answer.from_}, and this begins there; "
            f"`--from {statistics.exposed_before}` shows all days."
        )
    if statistics.is_sliding:
        yield (
            f"The newest weights are {MOST_DAYS} days old or older, and no report is longer: it "
            "begins a day later every day. Read daily, the sequential interval holds only if it "
            "begins on the same day at every look: name one (`--from DAY`)."
        )
    if statistics.began_before and statistics.comparisons:
        yield (
            f"The experiment began on {statistics.began_before}: read from a later day, the "
            "sequential interval holds only if that day stays the same at every look, and was "
            "chosen before any."
        )


def _without_lift(statistics: Statistics) -> Iterator[str]:
    for each in statistics.comparisons:
        if each.difference and each.difference.lift is not None and lift(each.difference) is None:
            yield each.treatment


def _left_out(each: Compared) -> str:
    versions = ", ".join(map(str, each.left_out_versions))
    return (
        f"{number(each.left_out)} users of version {versions} are not in the comparison of "
        f"{each.treatment} with {each.control}: one of the two got fewer than two users there."
    )


def _late_retry(statistics: Statistics) -> str | None:
    wait = statistics.longest_wait
    grants = any(each.metric == "any_grant" for each in statistics.comparisons)
    if not grants or wait is None or wait < statistics.window_days:
        return None
    what = f"Grants of a retry after {wait:g} days are not in {days(statistics.window_days)}"
    return f"{what}: `--window 30d` includes them." if wait < 30 else f"{what}, nor in any window."


def planned(statistics: Statistics) -> str | None:
    """What the number of users still needed is for."""
    if all(each.users_needed is None for each in statistics.comparisons):
        return None
    return (
        "Users are planned to find a difference of "
        f"{statistics.detectable * 100:g} points four times of five by the sequential interval "
        "(`--detect POINTS`)."
    )


def others(statistics: Statistics) -> Iterator[str]:
    """What else could be compared; nothing where nothing may be."""
    if is_off(statistics):
        return
    parts = [arm.name for arm in statistics.arms if arm.is_part and arm.totals.exposed]
    compared = {each.control for each in statistics.comparisons}
    if len(parts) > 1 and not compared & {*parts}:
        yield f"`--control {parts[0]}` compares the variants with each other."
    for arm in statistics.arms:
        is_other = arm.arm == DIRECT_PROMPT and arm.name not in compared
        if is_other and compared and arm.totals.exposed:
            yield f"`--control {arm.name}` compares with asking at once."


def short(arm: ArmFigures) -> str:
    """A variant's name without its arm's, below which it stands."""
    return arm.name.removeprefix(f"{arm.arm}/") if arm.is_part else arm.name


def treatment(each: Compared) -> str:
    """The same of a treatment, below its whole arm."""
    return each.treatment.partition("/")[2] if each.is_part else each.treatment


def first_shows(arm: ArmFigures) -> Sequence[Bucket]:
    """Up to the last bucket that anybody is in."""
    filled = [place for place, bucket in enumerate(arm.first_show) if bucket.users]
    return arm.first_show[: filled[-1] + 1] if filled else ()


def goal(statistics: Statistics) -> str:
    """`Goal: SessionStarted`."""
    return f"Goal: {', '.join(statistics.goals)}" if statistics.goals else "Goal"


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
        chance = f"= {found.p_value:.2g}" if found.p_value >= 1e-6 else "below 0.000001"
        return f"The sample ratio is off (p {chance}): {counts}."
    return f"The arms got the users that their weights say (p = {found.p_value:.2f})."


def unripe(statistics: Statistics) -> str | None:
    """Why any grant may still rise."""
    if not statistics.unripe:
        return None
    users = "user was" if statistics.unripe == 1 else "users were"
    window = statistics.window_days
    within = "day" if window == 1 else days(window)
    return (
        f"{number(statistics.unripe)} {users} exposed within the last {within}: grants of theirs "
        "may still come."
    )
