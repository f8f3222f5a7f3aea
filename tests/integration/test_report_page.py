"""The report's page: one file that stands alone, with the figures that `--json` prints."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from cli.report.figures import Wishes, analyse
from cli.report.page import page
from functions.wire.report import ReportAnswer
from tests.integration.conftest import Json
from tests.integration.report_answers import TODAY, Counted, example

VOID = {"meta"}

SVG_VOID = {"line", "rect", "circle", "polyline"}


class Reading(HTMLParser):
    """What stands in a page; an element that is closed by another's end is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.figures: dict[str, float] = {}
        self.words = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "data":
            told = dict(attrs)
            path, value = str(told["data-path"]), float(str(told["value"]))
            assert self.figures.setdefault(path, value) == value

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SVG_VOID
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def told(answer: ReportAnswer, **wishes: Any) -> tuple[str, Json]:
    """The page, and what `--json` prints of the same report."""
    statistics = analyse(answer, Wishes(**wishes))
    printed = json.loads(msgspec.json.encode(answer))
    printed["statistics"] = json.loads(msgspec.json.encode(statistics))
    return page(answer, statistics), printed


def at(printed: Any, path: str) -> Any:
    """What stands in the JSON at a place such as `statistics.arms.0.totals.shown`."""
    for step in path.split("."):
        printed = printed[int(step) if isinstance(printed, list) else step]
    return printed


def variants() -> Counted:
    arms = {"soft_ask": 80, "holdout": 20}
    weights = {"plain": 50, "warm": 50}
    counted = Counted({"experiment": {"salt": "one", "arms": arms, "variants": weights}})
    counted.users("soft_ask", 40, variant="plain", converted_0=3)
    counted.users("soft_ask", 40, variant="warm", converted_0=5)
    counted.users("holdout", 20)
    return counted


def one_arm() -> Counted:
    counted = Counted()
    counted.users("soft_ask", 3, opted_in=1)
    return counted


def popup() -> Counted:
    counted = Counted(kind="popup")
    counted.users("soft_ask", 3)
    return counted


def without_exposures() -> Counted:
    counted = Counted()
    counted.add(shown=3)
    return counted


def an_empty_control() -> Counted:
    """Weeks ago, so that every window is over; and an arm that somebody was in before."""
    counted = Counted({"experiment": {"salt": "one", "arms": {"soft_ask": 1, "holdout": 1}}})
    counted.users("soft_ask", 1000, converted_0=300, day=TODAY - 20)
    counted.users("holdout", 1000, day=TODAY - 20)
    counted.add(arm="direct_prompt", denied=1)
    return counted


every_report = pytest.mark.parametrize(
    "counted",
    [
        example(),
        variants(),
        one_arm(),
        popup(),
        without_exposures(),
        an_empty_control(),
        Counted(),
    ],
    ids=[
        "example",
        "variants",
        "one arm",
        "popup",
        "without exposures",
        "empty control",
        "empty",
    ],
)


@every_report
def test_the_page_is_well_formed_and_stands_alone(counted: Counted) -> None:
    text, _ = told(counted.answer())

    read = Reading(text)
    assert {tag for tag, _ in read.elements}.isdisjoint({"script", "link", "img", "iframe"})
    attributes = {name for _, each in read.elements for name in each}
    assert attributes.isdisjoint({"src", "href", "onclick", "onload"})
    assert not re.search(r"https?:|url\(|@import", text)
    assert "default-src 'none'" in text


@every_report
def test_its_figures_are_those_of_the_json(counted: Counted) -> None:
    text, printed = told(counted.answer())

    for path, value in Reading(text).figures.items():
        assert at(printed, path) == value, path


def test_every_figure_that_decides_is_on_it() -> None:
    text, printed = told(example().answer())

    assert set(deciding(printed)) <= Reading(text).figures.keys()


def deciding(printed: Json) -> Iterator[str]:
    for place, _ in enumerate(printed["statistics"]["arms"]):
        arm = f"statistics.arms.{place}"
        for share in ("netOptIn", "anyGrant", "shownUsers", "goals.users"):
            yield from (f"{arm}.{share}.{end}" for end in ("rate", "interval.low", "interval.high"))
        counts = ("exposed", "offered", "shown", "approved", "granted", "denied", "declined")
        others = ("dismissed", "silent", "awaited", "suppressed", "lapsed", "prompted", "unasked")
        is_held_out = printed["statistics"]["arms"][place]["arm"] == "holdout"
        told = (*counts, *others[: -2 if is_held_out else None])
        yield from (f"{arm}.totals.{name}" for name in told)
    for place, _ in enumerate(printed["statistics"]["comparisons"]):
        each = f"statistics.comparisons.{place}"
        yield from (f"{each}.{name}" for name in ("usersNeeded", "usersNeededOnce"))
        for of in ("difference", "goals"):
            yield from (f"{each}.{of}.{name}" for name in ("difference", "sequential.low"))
        yield f"{each}.difference.lift"
    yield from (f"appWide.{name}" for name in ("prompted", "unasked"))


def test_what_the_figures_mean_is_told_on_hover_and_below() -> None:
    text, _ = told(example().answer())

    read = Reading(text)
    above = [each for tag, each in read.elements if (tag, each.get("scope")) == ("th", "col")]
    assert above
    assert all(each["title"] for each in above)
    assert "Exposed users who said yes to the soft ask" in read.words
    bars = text.count('<div title="')
    assert bars == text.count('<i style="')


def test_names_are_words_and_never_markup() -> None:
    counted = Counted()
    counted.users("soft_ask", 10, variant="<script>\x07", shown_users=5, first_show_0=5)

    text, _ = told(counted.answer())

    assert "<script" not in text
    assert "&lt;script&gt;\\x07" in text


def test_the_verdict_warns_where_the_sample_ratio_is_off() -> None:
    counted = Counted({"experiment": {"salt": "one", "arms": {"soft_ask": 1, "holdout": 1}}})
    counted.users("soft_ask", 10_000)
    counted.users("holdout", 9_000)

    text, _ = told(counted.answer())

    assert '<p class="box bad">The sample ratio is off' in text
    assert text.count("The sample ratio is off") == 1
    assert "Differences from the control" not in text
    assert "Nothing can be compared so far." in text


@pytest.mark.parametrize(
    ("asked", "control", "kind"),
    [
        (300, None, "good"),
        (100, None, "bad"),
        (205, None, "plain"),
        (300, "soft_ask", "good"),
        (100, "soft_ask", "bad"),
    ],
)
def test_a_claim_is_good_or_bad_for_the_soft_ask_and_none_is_neither(
    asked: int, control: str | None, kind: str
) -> None:
    counted = Counted({"experiment": {"salt": "one", "arms": {"soft_ask": 1, "holdout": 1}}})
    counted.users("soft_ask", 1000, converted_0=asked)
    counted.users("holdout", 1000, converted_0=200)

    text, _ = told(counted.answer(), control=control)

    assert re.findall(r'<p class="box (\w+)">By', text) == [kind]


def test_what_says_neither_of_the_soft_ask_is_plain() -> None:
    dealt = {"salt": "one", "arms": {"soft_ask": 0, "direct_prompt": 1, "holdout": 1}}
    counted = Counted({"experiment": dealt})
    counted.users("direct_prompt", 1000, converted_0=400)
    counted.users("holdout", 1000, converted_0=200)

    text, _ = told(counted.answer())

    assert re.findall(r'<p class="box (\w+)">By', text) == ["plain"]


def test_commands_are_whole_and_marked_as_such() -> None:
    text, _ = told(example().answer())

    commands = re.findall("<code>(.*?)</code>", text)
    assert "softask report push-softask --window 30d" in commands
    assert "softask report push-softask --control direct_prompt" in commands
    assert "`" not in text
    assert not re.search(r"--\w", re.sub("<(style|code)>.*?</\\1>", "", text, flags=re.DOTALL))


def test_one_day_alone_is_told_and_not_drawn() -> None:
    text, _ = told(one_arm().answer())

    assert "All were exposed on one day, 2026-11-21: no course yet." in text
    assert "<polyline" not in text


def test_long_names_end_early_in_charts_and_are_whole_on_hover() -> None:
    long = "friendly-and-rather-long"
    variants = {long: 1, "plain": 1}
    dealt = {"salt": "one", "arms": {"soft_ask": 1, "holdout": 1}, "variants": variants}
    counted = Counted({"experiment": dealt})
    for day in (TODAY - 1, TODAY):
        for variant in variants:
            counted.users("soft_ask", 500, variant=variant, day=day, converted_0=100)
        counted.users("holdout", 1000, day=day, converted_0=100)

    text, _ = told(counted.answer())

    drawn = re.findall("<text[^>]*>([^<]+)", text)
    assert "friendly-and…" in drawn
    assert not [name for name in drawn if long in name or "soft_ask/" in name]
    assert f"<title>{long}</title>" in text
    assert f'<span class="name part" title="soft_ask/{long}">{long}</span>' in text


def test_spans_behind_the_last_first_show_are_left_out() -> None:
    counted = Counted()
    counted.users("soft_ask", 10, shown_users=9, first_show_1=4, first_show_3=5)

    text, _ = told(counted.answer())

    assert "30 min to 1 h</span>" in text
    assert "1 to 6 h</span>" not in text


def test_the_goal_is_named() -> None:
    text, _ = told(example().answer())

    assert "<h3>Goal: SessionStarted</h3>" in text


def test_a_lift_that_says_otherwise_than_the_difference_is_left_out() -> None:
    text, printed = told(an_unsure_lift().answer())

    assert printed["statistics"]["comparisons"][0]["difference"]["lift"] > 0
    assert "comparisons.0.difference.lift" not in text
    assert "No lift is told of soft_ask" in text


def an_unsure_lift() -> Counted:
    """A sure difference, to a small control of which little is known."""
    counted = Counted({"experiment": {"salt": "one", "arms": {"soft_ask": 95, "holdout": 5}}})
    counted.users("soft_ask", 9500, converted_0=1050)
    counted.users("holdout", 500, converted_0=30)
    return counted


def test_where_the_control_has_none_there_is_no_lift() -> None:
    text, _ = told(an_empty_control().answer())

    assert "comparisons.0.difference.difference" in text
    assert "comparisons.0.difference.lift" not in text
    assert "may still come" not in text


def test_one_arm_alone_is_told_what_may_still_come() -> None:
    text, _ = told(one_arm().answer())

    assert text.count("3 users were exposed within the last 7 days") == 1


def test_a_control_that_nobody_is_in_is_shown_without_a_number() -> None:
    text, printed = told(an_empty_control().answer(), control="direct_prompt")

    assert printed["statistics"]["comparisons"][0]["usersNeeded"] is None
    assert "Too little has happened yet" in text
    assert "usersNeeded" not in text


def test_the_lines_run_over_days_from_left_to_right() -> None:
    text, _ = told(example().answer())

    drawn = re.findall(r'<polyline points="([^"]+)"', text)
    assert len(drawn) == 3
    for points in drawn:
        places = [float(point.split(",")[0]) for point in points.split()]
        assert len(places) == 10
        assert all(one < other for one, other in pairwise(places))


@pytest.mark.parametrize("rates", [(0, 0), (1000, 1000), (1, 0)])
def test_extreme_shares_are_drawn_within_the_picture(rates: tuple[int, int]) -> None:
    counted = Counted({"experiment": {"salt": "one", "arms": {"soft_ask": 1, "holdout": 1}}})
    counted.users("soft_ask", 1000, opted_in=rates[0], converted_0=rates[0])
    counted.users("holdout", 1000, converted_0=rates[1])

    text, _ = told(counted.answer())

    across = [float(x) for x in re.findall(r'\b(?:x1|x2|cx)="([^"]+)"', text)]
    assert across
    assert min(across) >= 0
    assert max(across) <= 720
