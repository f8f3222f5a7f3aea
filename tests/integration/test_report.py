"""`GET /v1/admin/campaigns/{id}/report`: exact sums of what is stored, and what is derived."""

from typing import Any

import msgspec
import pytest
from pynamodb.expressions.operand import Path

from functions.admin import report as summing
from functions.core.campaign import Package
from functions.core.figures import FIRST_SHOWS, Cell
from functions.core.model import Cohort, Fact, FactKind
from functions.store import counters, ledger
from functions.store.counters import CounterItem
from functions.wire.errors import TooLarge
from functions.wire.report import Question, ReportAnswer
from tests.integration.conftest import DAY, START, Admin, Database, Json
from tests.integration.report_answers import ID, TODAY, cell_and_figures

ROUTE = "/campaigns/{id}/report"
YESTERDAY = TODAY - 1


def put(shard: int = 0, /, **said: Any) -> None:
    """Adds to one stored cell (see `cell_and_figures`)."""
    cell, figures = cell_and_figures(**said)
    item = CounterItem(counters._hash_key(cell.campaign, shard), counters._range_key(cell))
    item.update(actions=[Path(name).add(amount) for name, amount in figures.items()])


def asked(admin: Admin, campaign: str = ID, **query: str) -> Json:
    return admin.call("GET", ROUTE, id=campaign, query=query)


def only_arm(answer: Json) -> Json:
    [arm] = answer["arms"]
    return arm  # type: ignore[no-any-return]


# --- what is asked for ---


def test_the_last_thirty_days_are_reported_unless_others_are_asked_for(admin: Admin) -> None:
    answer = asked(admin)

    assert (answer["from"], answer["to"]) == ("2026-10-23", "2026-11-21")
    assert answer["asOf"] == "2026-11-21T10:00:00Z"
    assert (answer["arms"], answer["rows"], answer["versions"]) == ([], [], [])
    assert answer["kind"] == "push"


def test_the_first_day_follows_the_last_one_where_it_is_not_said(admin: Admin) -> None:
    assert asked(admin, to="2026-03-01")["from"] == "2026-01-31"
    assert asked(admin, to="1970-01-02")["from"] == "1970-01-01"


def test_both_days_are_included_and_no_others(admin: Admin) -> None:
    for day in range(TODAY - 3, TODAY + 2):
        put(day=day, shown=10 ** (day - TODAY + 3))

    answer = asked(admin, **{"from": "2026-11-19", "to": "2026-11-20"})

    assert only_arm(answer)["shown"] == 110
    assert [row["day"] for row in answer["rows"]] == ["2026-11-19", "2026-11-20"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"form": "2026-11-20"}, "form"),
        ({"from": "20261120"}, "from"),
        ({"from": "2026-11-31"}, "from"),
        ({"from": "1969-12-31"}, "from"),
        ({"to": "yesterday"}, "to"),
        ({"to": "2026-11-20T00:00:00Z"}, "to"),
        ({"from": "2026-11-21", "to": "2026-11-20"}, "from"),
        ({"from": "2026-11-30"}, "from"),
        ({"to": "2026-11-22"}, "to"),
        ({"from": "2025-10-17", "to": "2026-11-21"}, "from"),
        ({"platform": "symbian"}, "platform"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(admin: Admin, query: Json, field: str) -> None:
    refused = admin.refused("GET", ROUTE, id=ID, query=query)

    assert (refused["status"], refused["code"]) == (400, "invalid_request")
    assert refused["field"] == field


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            {"from": "2026-11-21", "to": "2026-11-20"},
            "'from' 2026-11-21 lies after 'to' 2026-11-20.",
        ),
        ({"to": "2026-12-01"}, "'to' 2026-12-01 lies after today, which is 2026-11-21 (UTC)."),
        ({"from": "2023-01-01"}, "A report is of at most 400 days, not 1,421."),
    ],
)
def test_days_that_cannot_be_asked_for_are_named(admin: Admin, query: Json, message: str) -> None:
    assert admin.refused("GET", ROUTE, id=ID, query=query)["message"] == message


def test_an_unknown_parameter_is_refused_with_the_word_that_was_meant(admin: Admin) -> None:
    assert "from" in admin.refused("GET", ROUTE, id=ID, query={"form": "x"})["message"]


def test_four_hundred_days_are_not_too_many(admin: Admin) -> None:
    answer = asked(admin, **{"from": "2025-10-18", "to": "2026-11-21"})

    assert answer["from"] == "2025-10-18"


def test_an_unknown_campaign_is_not_found(admin: Admin) -> None:
    assert admin.refused("GET", ROUTE, id="no-such")["status"] == 404


# --- sums ---


def test_the_shards_of_a_cell_are_summed(admin: Admin) -> None:
    for shard in range(16):
        put(shard, attempt=0, exposed=shard + 1, opted_in=1)

    answer = asked(admin)

    assert only_arm(answer)["exposed"] == 136
    [row] = answer["rows"]
    assert row == {
        "arm": "soft_ask",
        "variant": "",
        "version": 0,
        "attempt": 0,
        "platform": "ios",
        "day": "2026-11-21",
        "exposed": 136,
        "optedIn": 16,
    }


def test_totals_are_over_versions_attempts_platforms_and_days(admin: Admin) -> None:
    put(shown=1)
    put(shown=2, version=1)
    put(shown=4, attempt=2)
    put(shown=8, platform="android")
    put(shown=16, day=YESTERDAY)

    answer = asked(admin)

    assert only_arm(answer)["shown"] == 31
    assert [row["shown"] for row in answer["rows"]] == [16, 8, 1, 4, 2]


def test_arms_and_variants_stand_side_by_side(admin: Admin) -> None:
    for arm, variant, users in (
        ("holdout", "", 1),
        ("soft_ask", "warm", 2),
        ("soft_ask", "plain", 3),
    ):
        put(arm=arm, variant=variant, attempt=0, exposed=users)

    arms = asked(admin)["arms"]

    assert [(each["arm"], each["variant"], each["exposed"]) for each in arms] == [
        ("holdout", "", 1),
        ("soft_ask", "plain", 3),
        ("soft_ask", "warm", 2),
    ]


def test_every_figure_has_its_place(admin: Admin) -> None:
    plain = {
        "exposed": "exposed",
        "held_out": "heldOut",
        "offered": "offered",
        "shown": "shown",
        "approved": "approved",
        "declined": "declined",
        "dismissed": "dismissed",
        "suppressed": "suppressed",
        "granted": "granted",
        "denied": "denied",
        "prompted": "prompted",
        "unasked": "unasked",
        "re_eligible": "reEligible",
        "exhausted": "exhausted",
        "shown_users": "shownUsers",
        "opted_in": "optedIn",
        "goal_users": "goalUsers",
        "goals": "goals",
        "goal_squares": "goalSquares",
    }
    figures = {name: number for number, name in enumerate(plain, 1000)}
    first_show = {f"first_show_{bucket}": bucket + 1 for bucket in range(10)}
    converted = {f"converted_{day}": day + 1 for day in range(30)}
    put(attempt=0, **figures, **first_show, **converted)

    answer = asked(admin)

    arm, [row] = only_arm(answer), answer["rows"]
    for told in (arm, row):
        assert {name: told[plain[name]] for name in plain} == figures
        assert told["firstShow"] == [*range(1, 11)]
        assert told["converted"] == [*range(1, 31)]
    assert answer["firstShowBounds"] == [bound // 1000 for bound in FIRST_SHOWS]


def test_a_platform_is_asked_for_alone(admin: Admin) -> None:
    for number, platform in enumerate(("ios", "android", "web", "other", "")):
        put(platform=platform, shown=10**number)
        put(platform=platform, prompted=10**number, campaign="", arm="")

    told = {
        name: asked(admin, platform=name) for name in ("ios", "android", "web", "other", "unknown")
    }

    assert [only_arm(each)["shown"] for each in told.values()] == [1, 10, 100, 1000, 10_000]
    assert [each["appWide"]["prompted"] for each in told.values()] == [1, 10, 100, 1000, 10_000]
    assert told["unknown"]["rows"][0]["platform"] == told["unknown"]["platform"] == "unknown"


def test_prompts_of_no_campaign_stand_apart(admin: Admin) -> None:
    put(prompted=3, unasked=1)
    put(1, campaign="", arm="", prompted=20, unasked=10)
    put(2, campaign="", arm="", platform="android", prompted=2)

    answer = asked(admin)

    assert answer["appWide"] == {"prompted": 22, "unasked": 10}
    assert (only_arm(answer)["prompted"], only_arm(answer)["unasked"]) == (3, 1)


# --- what became of offers ---


def test_offers_that_were_neither_seen_nor_released_have_lapsed(admin: Admin) -> None:
    put(offered=10, seen=5, released=2)

    answer = asked(admin)

    assert only_arm(answer)["lapsed"] == answer["rows"][0]["lapsed"] == 3


def test_an_offer_of_a_day_before_the_report_makes_no_lapse_negative(admin: Admin) -> None:
    put(day=TODAY, offered=1, seen=0)
    put(day=YESTERDAY, seen=5)

    assert only_arm(asked(admin))["lapsed"] == 1


def test_a_platform_that_was_told_late_makes_no_lapse(admin: Admin) -> None:
    put(platform="", offered=1)
    put(platform="ios", seen=1)

    assert only_arm(asked(admin))["lapsed"] == 0


@pytest.mark.parametrize(
    ("days_ago", "silent", "awaited"), [(0, 0, 3), (1, 0, 3), (2, 3, 0), (9, 3, 0)]
)
def test_silence_is_awaited_for_a_day(
    admin: Admin, days_ago: int, silent: int, awaited: int
) -> None:
    put(day=TODAY - days_ago, offered=7, seen=7, answered=4)

    arm = only_arm(asked(admin))

    assert (arm["silent"], arm["awaited"]) == (silent, awaited)


def test_a_direct_prompt_is_never_silent(admin: Admin) -> None:
    put(day=TODAY - 9, arm="direct_prompt", offered=7, seen=7)

    arm = only_arm(asked(admin))

    assert (arm["silent"], arm["awaited"], arm["lapsed"]) == (0, 0, 0)


# --- versions ---


def test_each_version_says_how_it_dealt_its_users(admin: Admin, package: Package) -> None:
    file = msgspec.to_builtins(package.campaigns[0])
    dealing = {"salt": "one", "arms": {"soft_ask": 80, "holdout": 20}}
    admin.call(
        "PUT",
        "/campaigns/{id}",
        {"campaign": {**file, "experiment": dealing}, "expectedVersion": 0},
        id=ID,
    )
    for version in (0, 1, 7):
        put(version=version, attempt=0, exposed=1)

    first, second, lost = asked(admin)["versions"]

    assert first == {
        "version": 0,
        "arms": {},
        "variants": {},
        "hasGoal": False,
        "goal": None,
        "longestWaitDays": 14,
    }
    assert (second["version"], second["variants"]) == (1, {})
    assert second["arms"].items() >= dealing["arms"].items()  # type: ignore[attr-defined]
    assert lost == {
        "version": 7,
        "arms": None,
        "variants": None,
        "hasGoal": None,
        "goal": None,
        "longestWaitDays": None,
    }


# --- from facts ---


def test_recorded_facts_are_what_is_reported(admin: Admin) -> None:
    cohort = Cohort(at=START - DAY, version=0, platform="ios")
    about: Json = {"campaign": ID, "arm": "soft_ask", "platform": "ios", "cohort": cohort}
    for number in range(40):
        ledger.record(
            f"user-{number}",
            [
                Fact(id="exposed", kind=FactKind.EXPOSED, at=START - DAY, **about),
                Fact(id="shown", kind=FactKind.SHOWN, at=START, attempt=1, after=90_000, **about),
                Fact(id="converted", kind=FactKind.CONVERTED, at=START, after=DAY, **about),
            ],
        )

    arm = only_arm(asked(admin))

    assert (arm["exposed"], arm["shown"], arm["shownUsers"]) == (40, 40, 40)
    assert arm["firstShow"] == [0, 40, *[0] * 8]
    assert arm["converted"] == [0, 40, *[0] * 28]


# --- bounds ---


def test_a_report_that_would_not_fit_says_to_ask_for_fewer_days(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(TODAY - 9, TODAY + 1):
        put(day=day, shown=1)
    size = len(msgspec.json.encode(asked(admin)))
    monkeypatch.setattr(summing, "MAX_ANSWER", size - 1)

    refused = admin.refused("GET", ROUTE, id=ID)

    assert (refused["status"], refused["code"]) == (413, "too_large")
    assert "fewer days" in refused["message"]
    monkeypatch.setattr(summing, "MAX_ANSWER", size)
    assert asked(admin)


def test_cells_without_end_are_not_read_to_their_end() -> None:
    def endless() -> Any:
        version = 0
        while True:
            version += 1
            yield Cell(ID, TODAY, version, "soft_ask", "", 1, "ios"), {"shown": 1}

    with pytest.raises(TooLarge, match="fewer days"):
        summing._summed(ID, Question(TODAY, TODAY, None), lambda *_: endless())


def test_the_report_is_read_strongly_and_scans_nothing(admin: Admin, database: Database) -> None:
    database.calls.clear()

    asked(admin)

    assert set(database.calls) == {"GetItem", "Query"}
    assert database.calls.count("Query") == 32


def test_the_answer_is_that_of_its_type(admin: Admin) -> None:
    put(attempt=0, exposed=1)

    assert msgspec.convert(asked(admin), ReportAnswer).arms[0].exposed == 1
