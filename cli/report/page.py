"""The report as one page: no script, no network, light and dark by the reader's own setting.

Every figure carries its place in what `--json` prints.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cli.render import moment, printable
from cli.report import words
from cli.report.drawing import COLOURS, Line, Whisker, lines, whiskers
from cli.report.figures import ArmFigures, Compared, Difference, Share, Statistics
from cli.report.markup import Bar, bars, ends, figure, named, number, prose, rate, table, text
from cli.report.style import STYLE
from functions.core.experiment import HOLDOUT
from functions.wire.report import ReportAnswer

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_STEPS = ("exposed", "offered", "shown", "approved", "granted")
_OTHERS = ("declined", "dismissed", "silent", "awaited", "suppressed", "lapsed")
_INTERVALS = ("95 %", "sequential 95 %")

Row = tuple[str, Sequence[str]]
"""A row's name, and its cells as HTML."""


def page(answer: ReportAnswer, statistics: Statistics) -> str:
    """The whole document."""
    name = text(answer.campaign)
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{name}: does the soft ask earn its place?</title>",
            f"<style>{STYLE}</style></head><body><main>",
            *_Page(answer, statistics).blocks(),
            "</main></body></html>",
            "",
        )
    )


@dataclass(frozen=True, slots=True)
class _Page:
    answer: ReportAnswer
    statistics: Statistics

    def blocks(self) -> Iterator[str]:
        """The verdict first, then the recipe's metrics, then all that there is."""
        statistics = self.statistics
        yield from self._head()
        if any(arm.totals.exposed for arm in statistics.arms):
            if statistics.asks_permission:
                yield from self._section("Who opted in", self._opt_in())
            if statistics.comparisons:
                yield from self._section("Against the control", self._comparisons())
            if statistics.metric != "goals" or statistics.has_goal:
                yield from self._section("How it came to that", self._over_time())
            yield from self._section("When the popup is shown", self._shows())
            if statistics.has_goal:
                yield from self._section("What it is good for", self._goals())
        if statistics.arms:
            yield from self._section("The funnel", self._funnel())
            yield from self._section("OS prompts", self._prompts())
            yield from self._foot()

    def _section(self, title: str, parts: Iterator[str]) -> Iterator[str]:
        yield f"<section><h2>{title}</h2>"
        yield from parts
        yield "</section>"

    # --- the verdict ---

    def _head(self) -> Iterator[str]:
        answer, statistics = self.answer, self.statistics
        yield f"<header><h1>{text(answer.campaign)}</h1>"
        yield f"<p>{words.title(answer)}; as of {moment(answer.as_of)}</p></header>"
        ratio = words.ratio(statistics)
        if ratio and words.is_off(statistics):
            yield f'<p class="box bad">{text(ratio)}</p>'
        for verdict in words.verdicts(statistics):
            yield f'<p class="box {verdict.kind}">{text(verdict.says)}</p>'
        for note in statistics.notes:
            yield f'<p class="box note">{self._prose(note)}</p>'

    def _prose(self, of: str) -> str:
        return prose(of, f"softask report {self.answer.campaign}")

    def _why(self, of: str) -> str:
        """What stands beneath a chart."""
        return f'<p class="why">{self._prose(of)}</p>'

    def _means(self, name: str) -> str:
        """Of which column, and what."""
        return self._why(f"{name.capitalize()}: {words.means(name, self.statistics)}")

    # --- the recipe's metrics ---

    def _opt_in(self) -> Iterator[str]:
        within = words.days(self.statistics.window_days)
        yield f"<h3>Any OS grant within {within}</h3>"
        yield self._rates(lambda arm: arm.any_grant)
        yield self._by_arm(
            (("exposed", "exposed"), ("any grant", "any grant"), ("95 %", "95 % of a share")),
            lambda path, arm: (
                number(f"{path}.totals.exposed", arm.totals.exposed),
                *_with_range(f"{path}.anyGrant", arm.any_grant),
            ),
        )
        yield self._why(words.means("any grant", self.statistics))
        yield "<h3>Net opt-in</h3>"
        yield self._rates(lambda arm: arm.net_opt_in)
        yield self._by_arm(
            (("net opt-in", "net opt-in"), ("95 %", "95 % of a share")),
            lambda path, arm: _with_range(f"{path}.netOptIn", arm.net_opt_in),
        )
        yield self._why(words.means("net opt-in", self.statistics))

    def _rates(self, share: Callable[[ArmFigures], Share]) -> str:
        rows = []
        for place, arm in enumerate(self.statistics.arms):
            of = share(arm)
            if of.rate is None or of.interval is None:
                continue
            span = (of.interval.low, of.interval.high)
            tells = (
                f"{arm.name}: {words.number(of.part)} of {words.number(of.whole)} users, "
                f"{words.share(of)}; true share {words.span(of.interval)}, 95 times of 100"
            )
            says = words.share(of)
            rows.append(
                Whisker(
                    printable(words.short(arm)),
                    of.rate,
                    span,
                    span,
                    says,
                    tells,
                    place % COLOURS,
                    arm.is_part,
                )
            )
        return whiskers(rows, "Shares of exposed users, with intervals", " %") if rows else ""

    def _comparisons(self) -> Iterator[str]:
        statistics = self.statistics
        compared = list(enumerate(statistics.comparisons))
        by_rate = [(place, each) for place, each in compared if each.metric != "goals"]
        for metric in dict.fromkeys(each.metric for _, each in by_rate):
            alike = [(place, each) for place, each in by_rate if each.metric == metric]
            yield f"<h3>By {text(words.metric(statistics, metric))}</h3>"
            yield from self._drawn(alike)
            if any(each.users_needed for _, each in alike):
                yield self._needed_table(alike)
        if any(each.goals for _, each in compared):
            yield "<h3>Goal events a user</h3>"
            yield self._goals_table(compared)
        ratio = words.ratio(statistics)
        if ratio and not words.is_off(statistics):
            yield self._why(ratio)
        yield from map(self._why, words.cautions(self.answer, statistics))
        yield from map(self._why, words.others(statistics))

    def _drawn(self, alike: Sequence[tuple[int, Compared]]) -> Iterator[str]:
        if not any(each.difference for _, each in alike):
            yield self._why("Nothing can be compared so far.")
            return
        yield self._differences([each for _, each in alike])
        yield self._why(
            f"Each arm less {self.statistics.control}, in points of a hundred exposed users. "
            "Thick: true 95 times of 100 for one look. Thin: the same however often you "
            "look; where the thin line is clear of 0, a difference may be claimed."
        )
        yield self._compared_table(alike)
        yield self._lift_table(alike)

    def _differences(self, compared: Sequence[Compared]) -> str:
        colours = {arm.name: place for place, arm in enumerate(self.statistics.arms)}
        rows = []
        for each in compared:
            found = each.difference
            if found is None:
                continue
            tells = (
                f"{each.treatment} less {each.control}: {words.points(found.difference)} points; "
                f"{words.points_span(found.interval)} for one look, "
                f"{words.points_span(found.sequential)} for any number of looks"
            )
            rows.append(
                Whisker(
                    printable(words.treatment(each)),
                    found.difference,
                    (found.interval.low, found.interval.high),
                    (found.sequential.low, found.sequential.high),
                    words.points(found.difference),
                    tells,
                    colours[each.treatment] % COLOURS,
                    each.is_part,
                )
            )
        return whiskers(rows, "Differences from the control, with intervals", "") if rows else ""

    def _compared_table(self, compared: Sequence[tuple[int, Compared]]) -> str:
        rows = [
            (_treatment(each), _compared_cells(place, each.difference))
            for place, each in compared
            if each.difference
        ]
        return self._table(("points", *_INTERVALS), rows)

    def _needed_table(self, compared: Sequence[tuple[int, Compared]]) -> str:
        rows = [
            (_treatment(each), _needed_cells(place, each))
            for place, each in compared
            if each.users_needed
        ]
        return self._table(("users needed", "for one look"), rows)

    def _lift_table(self, compared: Sequence[tuple[int, Compared]]) -> str:
        rows = [
            (_treatment(each), _lift_cells(place, each.difference))
            for place, each in compared
            if each.difference
        ]
        return self._table(("lift", *_INTERVALS), rows) if rows else ""

    def _goals_table(self, compared: Sequence[tuple[int, Compared]]) -> str:
        rows = [
            (_treatment(each), _goal_cells(place, each.goals))
            for place, each in compared
            if each.goals
        ]
        return self._table(("more a user", *_INTERVALS), rows)

    def _over_time(self) -> Iterator[str]:
        statistics = self.statistics
        of = "with any" if statistics.metric == "goals" else "by"
        arms = statistics.arms
        days = sorted({point.day for arm in arms for point in arm.cumulative})
        if len(days) < 2:
            yield self._why(f"All were exposed on one day, {''.join(days)}: no course yet.")
            return
        places = {day: place for place, day in enumerate(days)}
        rows = []
        for colour, arm in enumerate(arms):
            points = [
                (
                    places[point.day],
                    point.rate,
                    f"{arm.name}, exposed up to {point.day}: {words.number(point.part)} of "
                    f"{words.number(point.exposed)}, {words.percent(point.rate)}",
                )
                for point in arm.cumulative
                if point.rate is not None
            ]
            rows.append(Line(printable(words.short(arm)), points, colour % COLOURS))
        yield lines(rows, days, "Shares of all exposed so far, by day of exposure")
        yield self._why(
            f"Of all users exposed from the first day up to each day, the share {of} "
            f"{words.metric(statistics, statistics.metric)}. Lines settle as users come in; a late "
            "jump asks for a cause."
        )

    def _shows(self) -> Iterator[str]:
        yield self._by_arm(
            (
                ("shown to", "shown to"),
                ("95 %", "95 % of a share"),
                ("half within", "half within"),
            ),
            lambda path, arm: (
                *_with_range(f"{path}.shownUsers", arm.shown_users),
                text(arm.median_first_show or words.NOTHING),
            ),
        )
        for place, arm in enumerate(self.statistics.arms):
            yield from self._first_shows(place, arm)
        yield self._means("half within")
        yield "<h3>Retries</h3>"
        yield self._by_arm(
            (
                ("retries shown", "retries shown"),
                ("of them approved", "of them approved"),
                ("95 %", "95 % of a share"),
            ),
            lambda path, arm: (
                number(f"{path}.retry.whole", arm.retry.whole),
                *_with_range(f"{path}.retry", arm.retry),
            ),
        )
        yield self._means("of them approved")

    def _first_shows(self, place: int, arm: ArmFigures) -> Iterator[str]:
        buckets = words.first_shows(arm)
        if arm.is_part or not buckets:
            return
        yield f"<h3>First shown, after first heard of: {text(arm.name)}</h3>"
        path = f"statistics.arms.{place}.firstShow"
        whose = f"users of {printable(arm.name)}"
        yield bars(
            (
                Bar(
                    bucket.label,
                    f"{words.number(bucket.users)} {whose}",
                    bucket.users,
                    number(f"{path}.{index}.users", bucket.users),
                )
                for index, bucket in enumerate(buckets)
            ),
            place % COLOURS,
        )

    def _goals(self) -> Iterator[str]:
        yield f"<h3>{text(words.goal(self.statistics))}</h3>"
        yield self._by_arm(
            (
                ("goal events", "goal events"),
                ("a user", "goal events"),
                ("users with any", "users with any"),
                ("95 %", "95 % of a share"),
            ),
            lambda path, arm: (
                number(f"{path}.goals.events", arm.goals.events),
                figure(
                    f"{path}.goals.perUser", arm.goals.per_user, words.per_user(arm.goals.per_user)
                ),
                *_with_range(f"{path}.goals.users", arm.goals.users),
            ),
        )
        yield self._means("goal events")

    # --- what happened ---

    def _funnel(self) -> Iterator[str]:
        for place, arm in enumerate(self.statistics.arms):
            if arm.is_part:
                continue
            yield f"<h3>{text(arm.name)}</h3>"
            yield bars(self._steps(place, arm), place % COLOURS)
        yield self._why(
            "Exposed are users, once each; offered, shown and approved are popups, of which a "
            "user may see more than one; granted are permissions. Popups and permissions of these "
            "days are also those of users who were exposed before."
        )
        yield self._counts((*_STEPS, "denied"))
        yield "<h3>Other ends</h3>"
        yield self._counts(_OTHERS)

    def _steps(self, place: int, arm: ArmFigures) -> Iterator[Bar]:
        for name in _STEPS:
            users = getattr(arm.totals, name)
            path = f"statistics.arms.{place}.totals.{name}"
            yield Bar(name, words.means(name, self.statistics), users, number(path, users))

    def _prompts(self) -> Iterator[str]:
        rows = [
            (self._name(arm), _spent(place, arm)) for place, arm in enumerate(self.statistics.arms)
        ]
        apart = self.answer.app_wide
        told = (
            number("appWide.prompted", apart.prompted),
            number("appWide.unasked", apart.unasked),
        )
        columns = ("spent", "without an approval")
        yield self._table(columns, [*rows, ("no campaign", told)])
        yield from map(self._means, columns)

    def _foot(self) -> Iterator[str]:
        yield "<footer>"
        if not self.statistics.comparisons:
            yield from map(self._why, words.cautions(self.answer, self.statistics))
        yield "<h2>What the figures mean</h2><dl>"
        for name in words.MEANS:
            yield f"<dt>{text(name)}</dt><dd>{text(words.means(name, self.statistics))}</dd>"
        yield "</dl></footer>"

    # --- tables ---

    def _table(self, names: Sequence[str], rows: Sequence[Row]) -> str:
        """names: of the columns, as the glossary has them."""
        return table([self._heading(name, name) for name in names], rows)

    def _by_arm(
        self,
        headings: Sequence[tuple[str, str]],
        cells: Callable[[str, ArmFigures], Sequence[str]],
    ) -> str:
        rows = (
            (self._name(arm), cells(f"statistics.arms.{place}", arm))
            for place, arm in enumerate(self.statistics.arms)
        )
        return table([self._heading(*heading) for heading in headings], rows)

    def _counts(self, names: Sequence[str]) -> str:
        return self._by_arm(
            [(name, name) for name in names],
            lambda path, arm: [
                number(f"{path}.totals.{name}", getattr(arm.totals, name)) for name in names
            ],
        )

    def _heading(self, heading: str, means: str) -> tuple[str, str]:
        return heading, words.means(means, self.statistics)

    def _name(self, arm: ArmFigures) -> str:
        return named(arm.name, words.short(arm), is_part=arm.is_part)


def _spent(place: int, arm: ArmFigures) -> tuple[str, str]:
    if arm.arm == HOLDOUT:
        return words.NOTHING, words.NOTHING
    path = f"statistics.arms.{place}.totals"
    spent = number(f"{path}.prompted", arm.totals.prompted)
    return spent, number(f"{path}.unasked", arm.totals.unasked)


def _with_range(path: str, share: Share) -> tuple[str, str]:
    return rate(path, share), ends(f"{path}.interval", share.interval, words.span(share.interval))


def _compared_cells(place: int, found: Difference) -> Sequence[str]:
    path = f"statistics.comparisons.{place}.difference"
    return (
        figure(f"{path}.difference", found.difference, words.points(found.difference)),
        ends(f"{path}.interval", found.interval, words.points_span(found.interval)),
        ends(f"{path}.sequential", found.sequential, words.points_span(found.sequential)),
    )


def _needed_cells(place: int, each: Compared) -> Sequence[str]:
    path = f"statistics.comparisons.{place}"
    needed, once = each.users_needed or 0, each.users_needed_once or 0
    return number(f"{path}.usersNeeded", needed), number(f"{path}.usersNeededOnce", once)


def _treatment(each: Compared) -> str:
    return named(each.treatment, words.treatment(each), is_part=each.is_part)


def _lift_cells(place: int, found: Difference) -> Sequence[str]:
    path, told = f"statistics.comparisons.{place}.difference", words.lift(found)
    value, once, always = words.lift_cells(told)
    return (
        figure(f"{path}.lift", told.value if told else None, value),
        ends(f"{path}.liftInterval", told.interval if told else None, once),
        ends(f"{path}.liftSequential", told.sequential if told else None, always),
    )


def _goal_cells(place: int, found: Difference) -> Sequence[str]:
    path = f"statistics.comparisons.{place}.goals"
    return (
        figure(f"{path}.difference", found.difference, words.more_per_user(found.difference)),
        ends(f"{path}.interval", found.interval, words.more_per_user_span(found.interval)),
        ends(f"{path}.sequential", found.sequential, words.more_per_user_span(found.sequential)),
    )
