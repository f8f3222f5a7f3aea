"""What conditions compile to: words, readings, turns and needs (verdicts: the golden cases)."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.audience import (
    PropertyRule,
    Rule,
    Subject,
    compile_audience,
    compile_properties,
    in_percent,
)
from functions.core.conditions import Condition, PropertyCondition
from functions.core.errors import CampaignError, spell
from functions.core.history import Need, tally_key
from functions.core.model import (
    DAY,
    HOUR,
    SECOND,
    Attribute,
    Device,
    History,
    Progress,
    PushStatus,
    Seen,
    User,
)
from functions.core.moments import format_time, parse_time
from functions.core.parsing import parse
from functions.core.rules import DEEPEST

NOW = parse_time("2026-11-21T10:00:00Z")
IT = {"attribute": "it", "is": 1}


def someone(**changes: Any) -> Subject:
    known: dict[str, Any] = {
        "user": User("user", "u1"),
        "attributes": {},
        "push_status": PushStatus.UNKNOWN,
        "device": Device(),
        "events": {},
        "progress": {},
        "first_seen_at": NOW - 30 * DAY,
        "now": NOW,
    }
    return Subject(**{**known, **changes})


def compiled(condition: Mapping[str, Any], **knobs: Any) -> Rule:
    return compile_audience(parse(condition, Condition), {}, **knobs)


def where(condition: Mapping[str, Any]) -> PropertyRule:
    return compile_properties(parse(condition, PropertyCondition))


def happened(*ago: int) -> History:
    times = tuple(sorted(NOW - each for each in ago))
    return History(len(times), times[0], times[-1], times)


def shown(*ago: int) -> Progress:
    times = sorted(NOW - each for each in ago)
    seen = tuple(Seen(serial, at) for serial, at in enumerate(times, start=1))
    return Progress(attempts=len(times), seen=seen)


def test_everyone_is_in_an_absent_audience() -> None:
    rule = compile_audience(None, {})

    assert rule.holds(someone())
    assert rule.says == "everyone"
    assert rule.read(someone()) is None
    assert rule.turns(someone()) == ()


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ({"attribute": "it", "is": "pro"}, 'it is "pro"'),
        ({"attribute": "it", "is": True}, "it is true"),
        ({"attribute": "it", "is_not": 3}, "it is not 3"),
        ({"attribute": "it", "in": ["a", 1]}, 'it is one of "a", 1'),
        ({"attribute": "it", "not_in": ["a"]}, 'it is none of "a"'),
        ({"attribute": "it", "gt": 3}, "it is greater than 3"),
        ({"attribute": "session_count", "gte": 3}, "session_count is at least 3"),
        ({"attribute": "it", "lt": 2.5}, "it is less than 2.5"),
        ({"attribute": "it", "lte": 3}, "it is at most 3"),
        ({"attribute": "it", "between": [1, 5]}, "it is from 1 to 5"),
        ({"attribute": "it", "contains": "é"}, 'it contains "é"'),
        ({"attribute": "it", "starts_with": "a"}, 'it starts with "a"'),
        ({"attribute": "it", "ends_with": "a"}, 'it ends with "a"'),
        ({"attribute": "it", "exists": True}, "it is set"),
        ({"attribute": "it", "exists": False}, "it is not set"),
        ({"attribute": "it", "version_is": "4.2"}, "it is version 4.2"),
        ({"attribute": "it", "version_gt": "4.2"}, "it is later than version 4.2"),
        ({"attribute": "it", "version_gte": "4.2"}, "it is version 4.2 or later"),
        ({"attribute": "it", "version_lt": "4.2"}, "it is earlier than version 4.2"),
        ({"attribute": "it", "version_lte": "4.2"}, "it is version 4.2 or earlier"),
        ({"attribute": "it", "before": "14d"}, "it is at least 14 days ago"),
        ({"attribute": "it", "before": "2026-11-21"}, "it is before 2026-11-21"),
        ({"attribute": "it", "after": "2026-11-21"}, "it is after 2026-11-21"),
        ({"attribute": "it", "within": "1h"}, "it is in the last 1 hour"),
        ({"attribute": "it", "within_next": "90s"}, "it is in the next 90 seconds"),
        (
            {"attribute": "push_permission_status", "is": "unknown"},
            'push_permission_status is "unknown"',
        ),
        ({"device": "platform", "is": "iOS"}, 'platform is "ios"'),
        ({"days_since": "first_seen", "gte": 7}, "days since first seen is at least 7"),
        ({"percent": 12.5}, "in 12.5 % of users"),
        ({"event": "E", "count": 3}, "E happened 3 times"),
        ({"event": "E", "count": {"gt": 1}}, "E happened more than 1 time"),
        ({"event": "E", "count": {"lt": 3}}, "E happened fewer than 3 times"),
        ({"event": "E", "count": {"lte": 3}}, "E happened at most 3 times"),
        ({"event": "E", "count": {"between": [1, 3]}}, "E happened 1 to 3 times"),
        (
            {"event": "E", "within": "7d", "count": {"gte": 3}},
            "E happened at least 3 times in the last 7 days",
        ),
        (
            {"event": "E", "since": "F", "count": {"gte": 1}, "or_never": True},
            "E happened at least 1 time since the last F, or that never happened",
        ),
        ({"event": "E", "last": {"before": "14d"}}, "the last E was at least 14 days ago"),
        (
            {"event": "E", "first": {"within": "1d", "or_never": True}},
            "the first E was in the last 1 day, or never",
        ),
        ({"event": "E", "last": {"before": "2026-11-21"}}, "the last E was before 2026-11-21"),
        (
            {"event": "E", "where": {"property": "a", "is": 1}, "count": 1},
            "E (a is 1) happened 1 time",
        ),
        (
            {"event": "E", "where": {"none": [{"property": "a", "is": 1}]}, "count": 1},
            "E (none of (a is 1)) happened 1 time",
        ),
        ({"campaign": "c", "count": {"lt": 2}}, "c was shown fewer than 2 times"),
        (
            {"campaign": "c", "last": {"before": "14d"}},
            "the last show of c was at least 14 days ago",
        ),
        ({"all": [IT]}, "all of"),
        ({"any": [IT]}, "any of"),
        ({"none": [IT]}, "none of"),
        ({"event": "E", "count": 1, "last": {"before": "1d"}}, "all of"),
    ],
)
def test_a_rule_says_in_words_what_it_asks(condition: Mapping[str, Any], says: str) -> None:
    assert compiled(condition).says == says


def test_a_group_has_its_conditions_as_parts() -> None:
    rule = compiled({"any": [IT, {"all": [IT, {"attribute": "other", "is": 2}]}]})

    assert [part.says for part in rule.parts] == ["it is 1", "all of"]
    assert [part.says for part in rule.parts[1].parts] == ["it is 1", "other is 2"]
    assert rule.read(someone()) is None


def test_a_group_of_properties_has_its_conditions_as_parts() -> None:
    rule = where({"any": [{"property": "a", "is": 1}, {"property": "b", "is": 2}]})

    assert [part.says for part in rule.parts] == ["a is 1", "b is 2"]
    assert [part.read({"a": 5}) for part in rule.parts] == [5, None]
    assert rule.read({"a": 5}) is None


def test_several_tests_of_one_event_are_parts() -> None:
    rule = compiled({"event": "E", "count": 1, "first": {"before": "1d"}, "last": {"within": "3d"}})

    assert [part.says for part in rule.parts] == [
        "E happened 1 time",
        "the first E was at least 1 day ago",
        "the last E was in the last 3 days",
    ]


@pytest.mark.parametrize(
    ("condition", "value", "absent"),
    [
        ({"attribute": "it", "gte": 3}, 5, None),
        ({"attribute": "it", "gte": 3, "default": 1}, 5, 1),
        ({"attribute": "it", "within": "1d", "default": 0}, 5, 0),
        ({"attribute": "push_permission_status", "is": "denied"}, "granted", "unknown"),
        ({"device": "language", "is": "en"}, "en", None),
        ({"device": "language", "is": "en", "default": "DE"}, "en", "de"),
        ({"days_since": "installed", "gte": 3}, 2, None),
        ({"days_since": "installed", "gte": 3, "default": 9}, 2, 9),
        ({"event": "E", "count": 1}, 3, 0),
        ({"event": "E", "within": "3d", "count": 1}, 2, 0),
        ({"event": "E", "since": "F", "count": 1}, 1, None),
        ({"event": "E", "first": {"within": "1d"}}, "2026-11-16T10:00:00Z", None),
        ({"event": "E", "last": {"within": "1d"}}, "2026-11-20T10:00:00Z", None),
        ({"campaign": "c", "count": 1}, 2, 0),
        ({"campaign": "c", "within": "3d", "count": 1}, 1, 0),
        ({"campaign": "c", "last": {"within": "1d"}}, "2026-11-20T10:00:00Z", None),
    ],
)
def test_a_rule_reads_the_value_that_it_judges(
    condition: Mapping[str, Any], value: Any, absent: Any
) -> None:
    rule = compiled(condition)
    known = someone(
        attributes={"it": Attribute(5, 0)},
        push_status=PushStatus.GRANTED,
        device=Device(locale="en_GB", installed_at=NOW - 2 * DAY - 1),
        events={"E": happened(5 * DAY, 2 * DAY, DAY), "F": happened(DAY)},
        progress={"c": shown(5 * DAY, DAY)},
    )

    assert rule.read(known) == value
    assert rule.read(someone()) == absent


def test_the_last_show_is_the_latest_whichever_offer_it_was() -> None:
    """An offer that lapsed unseen may be shown offline, after a newer one."""
    progress = Progress(attempts=2, seen=(Seen(1, NOW - DAY), Seen(2, NOW - 3 * DAY)))
    subject = someone(progress={"c": progress})

    assert compiled({"campaign": "c", "last": {"within": "2d"}}).holds(subject)
    assert compiled({"campaign": "c", "within": "2d", "count": 1}).holds(subject)


def test_shows_that_are_counted_but_not_dated_are_no_last_show() -> None:
    subject = someone(progress={"c": Progress(attempts=3)})

    assert compiled({"campaign": "c", "count": 3}).holds(subject)
    assert compiled({"campaign": "c", "last": {"before": "1d"}}).read(subject) is None


PUSHED = {"property": "source", "is": "push"}
WHERE = parse(PUSHED, PropertyCondition)


@pytest.mark.parametrize(
    ("condition", "needs"),
    [
        (IT, set()),
        ({"campaign": "c", "within": "1d", "count": 1}, set()),
        ({"event": "E", "count": 1}, {Need("E")}),
        ({"event": "E", "last": {"before": "1d"}}, {Need("E")}),
        ({"event": "E", "within": "1d", "count": 1}, {Need("E", times=True)}),
        ({"event": "E", "since": "F", "count": 1}, {Need("E", times=True), Need("F")}),
        ({"event": "E", "where": PUSHED, "count": 1}, {Need("E", WHERE)}),
        (
            {"event": "E", "where": PUSHED, "since": "E", "count": 1},
            {Need("E", WHERE, times=True), Need("E")},
        ),
        (
            {"all": [IT, {"none": [{"event": "E", "count": 1}]}, {"event": "F", "count": 1}]},
            {Need("E"), Need("F")},
        ),
        ({"event": "E", "count": 1, "last": {"before": "1d"}}, {Need("E")}),
    ],
)
def test_a_rule_names_the_histories_that_it_reads(
    condition: Mapping[str, Any], needs: set[Need]
) -> None:
    assert compiled(condition).needs == needs


def test_needs_that_python_takes_for_equal_are_two() -> None:
    counts = [
        {"event": "E", "where": {"property": "a", "is": wanted}, "count": 1} for wanted in (1, True)
    ]

    needs = compiled({"all": counts}).needs

    assert len({need.key for need in needs}) == 2
    assert Need("E") != "E"


def test_what_an_event_is_narrowed_to_is_found_under_its_own_key() -> None:
    rule = compiled({"event": "E", "where": PUSHED, "count": 2})
    events = {"E": happened(1), tally_key("E", WHERE): happened(1, 2)}

    assert rule.holds(someone(events=events))


def test_conditions_nest_twenty_levels_deep_and_no_deeper() -> None:
    deepest: dict[str, Any] = IT
    for _ in range(DEEPEST - 1):
        deepest = {"all": [deepest]}
    compiled(deepest)

    with pytest.raises(CampaignError) as refused:
        compiled({"any": [{"all": [{"all": [deepest]}]}]})

    assert "nest conditions at most 20 levels deep" in refused.value.problem


def test_properties_nest_no_deeper() -> None:
    deepest: dict[str, Any] = {"property": "a", "is": 1}
    for _ in range(DEEPEST + 2):
        deepest = {"none": [deepest]}

    with pytest.raises(CampaignError, match="at most 20 levels"):
        where(deepest)


@pytest.mark.parametrize("wanted", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize(
    ("condition", "place"),
    [
        (lambda wanted: {"attribute": "it", "gte": wanted}, "audience.gte"),
        (lambda wanted: {"attribute": "it", "is": wanted}, "audience.is"),
        (lambda wanted: {"attribute": "it", "in": [1, wanted]}, "audience.in"),
        (lambda wanted: {"attribute": "it", "between": [wanted, wanted]}, "audience.between"),
        (lambda wanted: {"attribute": "it", "gte": 1, "default": wanted}, "audience.default"),
    ],
)
def test_numbers_are_finite(condition: Any, place: str, wanted: float) -> None:
    with pytest.raises(CampaignError) as refused:
        compiled(condition(wanted))

    assert (spell(refused.value.place), refused.value.problem) == (place, "write a finite number")


@pytest.mark.parametrize("share", [float("nan"), float("inf"), -0.1, 100.1])
def test_a_share_lies_between_nothing_and_all(share: float) -> None:
    with pytest.raises(CampaignError, match="percent: write a number"):
        compiled({"percent": share})


def test_a_condition_of_an_attempt_names_the_attempt() -> None:
    with pytest.raises(CampaignError) as refused:
        compiled({"all": [{"attribute": "it"}]}, place=("attempts", 1, "audience"))

    assert spell(refused.value.place) == "attempts[1].audience.all[0]"


USERS = [User("user", f"u{number}") for number in range(2_000)]


def test_raising_a_percentage_keeps_those_already_in() -> None:
    few = {user.id for user in USERS if in_percent("s", user, 10)}
    more = {user.id for user in USERS if in_percent("s", user, 25)}

    assert few < more
    assert 150 < len(few) < 250
    assert 430 < len(more) < 570


def test_conditions_with_one_salt_pick_the_same_users() -> None:
    own = compiled({"percent": 20}, salt="c")
    same = compiled({"percent": 20, "salt": "c"}, salt="other")
    other = compiled({"percent": 20, "salt": "d"}, salt="c")
    picked = [
        {user.id for user in USERS if rule.holds(someone(user=user))} for rule in (own, same, other)
    ]

    assert picked[0] == picked[1]
    assert 30 < len(picked[0] & picked[2]) < 140


def test_an_anonymous_id_is_dealt_apart_from_the_same_user_id() -> None:
    rule = compiled({"percent": 50}, salt="c")
    alike = [
        rule.read(someone(user=user)) == rule.read(someone(user=User("anonymous", user.id)))
        for user in USERS[:50]
    ]

    assert not any(alike)


@pytest.mark.parametrize(
    ("condition", "turns"),
    [
        (IT, ()),
        ({"attribute": "at", "before": "14d"}, (NOW + 13 * DAY,)),
        ({"attribute": "at", "before": "2026-12-01"}, ()),
        ({"attribute": "at", "within": "2d"}, (NOW + DAY,)),
        ({"attribute": "soon", "within": "2d"}, (NOW + DAY, NOW + 3 * DAY)),
        ({"attribute": "soon", "within_next": "2h"}, (NOW + 22 * HOUR + 1, NOW + DAY + 1)),
        ({"attribute": "never_set", "within": "2d"}, ()),
        ({"attribute": "no_time", "within": "2d"}, ()),
        ({"attribute": "far", "before": "999999d"}, ()),
        ({"days_since": "first_seen", "gte": 40}, (NOW + 10 * DAY, NOW + 11 * DAY)),
        ({"days_since": "installed", "gte": 40}, ()),
        ({"days_since": "first_seen", "exists": True}, ()),
        ({"event": "E", "count": 1}, ()),
        ({"event": "E", "within": "7d", "count": 1}, (NOW + 2 * DAY, NOW + 6 * DAY)),
        ({"event": "E", "last": {"before": "14d"}}, (NOW + 13 * DAY,)),
        ({"event": "E", "first": {"within": "14d"}}, (NOW + 9 * DAY,)),
        ({"event": "E", "last": {"before": "1h"}}, ()),
        ({"event": "E", "last": {"before": "2026-12-01"}}, ()),
        ({"event": "E", "since": "E2", "count": 1}, ()),
        ({"event": "Unheard", "within": "7d", "count": 1}, ()),
        ({"event": "Unheard", "last": {"within": "7d"}}, ()),
        ({"campaign": "c", "last": {"before": "14d"}}, (NOW + 11 * DAY,)),
        ({"percent": 10}, ()),
        (
            {
                "none": [
                    {"event": "E", "last": {"before": "14d"}},
                    {"attribute": "at", "within": "2d"},
                ]
            },
            (NOW + DAY, NOW + 13 * DAY),
        ),
    ],
)
def test_the_moments_at_which_a_verdict_may_change(
    condition: Mapping[str, Any], turns: tuple[int, ...]
) -> None:
    subject = someone(
        attributes={
            "at": Attribute(format_time(NOW - DAY), 0),
            "soon": Attribute(NOW + DAY, 0),
            "far": Attribute("9999-12-31", 0),
            "no_time": Attribute("soon", 0),
        },
        events={"E": happened(5 * DAY, DAY)},
        progress={"c": shown(3 * DAY)},
    )

    assert tuple(sorted(compiled(condition).turns(subject))) == turns


SPANS = ("1s", "2s", "3s", "1d", "3d")
spans = st.sampled_from(SPANS)
offsets = st.builds(
    lambda step, few: step + few,
    st.sampled_from([0, *(sign * each for sign in (1, -1) for each in (SECOND, 2 * SECOND, DAY))]),
    st.integers(-2, 2),
)
moments = st.builds(lambda offset: NOW + offset, offsets)
past = st.builds(lambda offset: NOW - abs(offset), offsets)
histories = st.builds(
    lambda times: History(len(times), min(times), max(times), tuple(sorted(times))),
    st.lists(past, min_size=1, max_size=4),
)
time_tests = st.builds(
    lambda word, span, or_never: {word: span, "or_never": or_never},
    st.sampled_from(["before", "within"]),
    spans,
    st.booleans(),
)
counts = st.builds(
    lambda operator, number: {operator: number},
    st.sampled_from(["is", "gt", "gte", "lt", "lte"]),
    st.integers(0, 4),
)
conditions = st.recursive(
    st.one_of(
        st.builds(
            lambda word, span: {"attribute": "at", word: span},
            st.sampled_from(["before", "within", "within_next"]),
            spans,
        ),
        st.builds(
            lambda start, operator, days: {"days_since": start, operator: days},
            st.sampled_from(["first_seen", "installed"]),
            st.sampled_from(["is", "is_not", "gt", "gte", "lt", "lte"]),
            st.sampled_from([0, 1, 2, 0.5, 1.5]),
        ),
        st.builds(
            lambda span, count: {"event": "E", "within": span, "count": count}, spans, counts
        ),
        st.builds(
            lambda word, test: {"event": "E", word: test},
            st.sampled_from(["first", "last"]),
            time_tests,
        ),
        st.builds(
            lambda span, count: {"campaign": "c", "within": span, "count": count}, spans, counts
        ),
        st.builds(lambda test: {"campaign": "c", "last": test}, time_tests),
    ),
    lambda parts: st.builds(
        lambda group, several: {group: several},
        st.sampled_from(["all", "any", "none"]),
        st.lists(parts, min_size=1, max_size=3),
    ),
    max_leaves=4,
)
subjects = st.builds(
    lambda at, seen, installed, history, shows: someone(
        attributes={} if at is None else {"at": Attribute(at, 0)},
        first_seen_at=seen,
        device=Device(installed_at=installed),
        events={} if history is None else {"E": history},
        progress={} if shows is None else {"c": shown(*(NOW - each for each in shows.times))},
    ),
    st.none() | moments,
    past,
    st.none() | moments,
    st.none() | histories,
    st.none() | histories,
)


@given(condition=conditions, subject=subjects, data=st.data())
def test_a_verdict_stands_until_the_next_turn(
    condition: Mapping[str, Any], subject: Subject, data: st.DataObject
) -> None:
    rule = compiled(condition)
    until = min(rule.turns(subject), default=NOW + 10 * DAY)
    later = data.draw(st.integers(NOW, until - 1) | st.just(until - 1))

    assert rule.holds(msgspec.structs.replace(subject, now=later)) is rule.holds(subject)
