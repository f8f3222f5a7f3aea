"""A recording through whole campaigns: what the report says of it."""

import gzip
import io
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from cli.backtest.figures import CampaignFigures, Report
from cli.backtest.phone import Rates
from cli.backtest.run import Plan, Source, backtest, read_campaigns
from tests.unit.backtest.recordings import (
    START,
    Event,
    before_login,
    identify,
    iso,
    line,
    recording,
    track,
    write,
)

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "campaigns" / "push-softask.yaml"
SETTINGS = ROOT / "campaigns" / "settings.yaml"

EVERY_THIRD = """\
id: every-third
status: draft
trigger: {any: [{event: ValueMomentReached, every: 3}]}
audience: {all: [{attribute: push_permission_status, is: unknown, default: unknown}]}
repeat: {gap: 3d, at_most: 5}
action: {deeplink: "yourapp://popup/push-softask"}
content: {default: {en: {title: T, body: B, approve: Y, decline: N}}}
"""


def replay(
    file: Path,
    *campaigns: Path,
    source: Source | None = None,
    rates: Rates | None = None,
) -> Report:
    named = read_campaigns(campaigns or (SHIPPED,), SETTINGS)
    quiet = Console(file=io.StringIO())
    return backtest(Plan(file, named, source, rates or Rates(seed=1)), quiet)


def told(user: int, *calls: tuple[str, float]) -> list[Event]:
    """One user's events, by the day at which each happened."""
    return [
        track(user, name, START + timedelta(seconds=round(day * 86_400)), number)
        for number, (name, day) in enumerate(calls)
    ]


def only(report: Report) -> CampaignFigures:
    [campaign] = report.campaigns
    return campaign


@pytest.fixture(name="busy")
def _busy(tmp_path: Path) -> Path:
    return write(tmp_path / "events.jsonl", _events())


@cache
def _events() -> list[Event]:
    return recording(users=40, days=20)


@pytest.fixture(name="every_third")
def _every_third(tmp_path: Path) -> Path:
    path = tmp_path / "every-third.yaml"
    path.write_text(EVERY_THIRD)
    return path


# --- the same rules as in production ---


def test_the_recipe_asks_again_two_weeks_after_a_decline(tmp_path: Path) -> None:
    days = (0.0, 1.0, 13.9, 14.1, 30.0)
    file = write(tmp_path / "e", told(1, *(("ValueMomentReached", day) for day in days)))

    shown = only(replay(file, rates=Rates(approve=0, decline=1, dismiss=0)))

    assert shown.shows_per_day == {"2026-10-01": 1, "2026-10-15": 1}
    assert shown.shows_per_attempt == {"1": 1, "2": 1}
    assert (shown.counts.retries, shown.counts.declined, shown.counts.exhausted) == (1, 2, 1)
    assert {each.reason: each.triggers for each in shown.silence} == {
        "in_retry_window": 2,
        "exhausted": 1,
    }


def test_a_made_up_grant_ends_the_campaign_though_the_recording_knows_none(tmp_path: Path) -> None:
    days = (0.0, 20.0, 40.0)
    file = write(tmp_path / "e", told(1, *(("ValueMomentReached", day) for day in days)))

    shown = only(replay(file, rates=Rates(approve=1, decline=0, dismiss=0, grant=1)))

    assert (shown.counts.shows, shown.counts.approved, shown.counts.granted) == (1, 1, 1)
    assert [each.reason for each in shown.silence] == ["already_granted"]


def test_silence_is_a_dismissal_a_day_later(tmp_path: Path) -> None:
    days = (0.0, 0.5, 14.1)
    file = write(tmp_path / "e", told(1, *(("ValueMomentReached", day) for day in days)))

    shown = only(replay(file, rates=Rates(approve=0, decline=0, dismiss=0)))

    assert (shown.counts.shows, shown.counts.silent) == (2, 2)
    assert [each.reason for each in shown.silence] == ["popup_open"]


def test_a_message_that_was_sent_twice_counts_once(tmp_path: Path) -> None:
    [event] = told(1, ("ValueMomentReached", 0))
    file = write(tmp_path / "e", [event, event])

    counts = only(replay(file)).counts

    assert (counts.triggers, counts.shows, counts.duplicates) == (1, 1, 1)


def test_every_trigger_is_an_offer_or_has_a_reason(busy: Path) -> None:
    report = replay(busy)
    shown = only(report)

    silent = sum(each.triggers for each in shown.silence)
    assert shown.counts.offers + silent == shown.counts.triggers
    assert sum(shown.shows_per_user.values()) == report.recording.users == 40
    assert sum(shown.shows_per_day.values()) == shown.counts.shows
    assert sum(shown.shows_per_attempt.values()) == shown.counts.shows
    assert shown.first_show is not None
    assert sum(shown.first_show.histogram.values()) == shown.counts.users_asked
    answers = (shown.counts.approved, shown.counts.declined, shown.counts.dismissed)
    assert sum(answers) + shown.counts.silent == shown.counts.shows


def test_the_first_popup_is_dated_from_the_users_first_event_of_any_kind(tmp_path: Path) -> None:
    file = write(tmp_path / "e", told(1, ("AdSeen", 0), ("ValueMomentReached", 2)))

    first = only(replay(file)).first_show

    assert first is not None
    assert first.quantiles["p50"] == 48.0
    assert first.histogram["3 d"] == 1


@pytest.mark.parametrize(("later", "bar"), [(0, "1 d"), (1, "3 d")])
def test_a_popup_just_a_day_later_is_within_a_day(tmp_path: Path, later: int, bar: str) -> None:
    seconds = 86_400 - 2 + later
    calls = (("AdSeen", 0), ("ValueMomentReached", seconds / 86_400))

    first = only(replay(write(tmp_path / "e", told(1, *calls)))).first_show

    assert first is not None
    assert [label for label, users in first.histogram.items() if users] == [bar]


def test_a_user_who_reaches_no_trigger_is_seen_and_not_asked(tmp_path: Path) -> None:
    file = write(tmp_path / "e", told(1, ("AdSeen", 0)))

    report = replay(file)

    assert report.recording.users == 1
    assert only(report).shows_per_user == {"0": 1, "1": 0, "2": 0, "3+": 0}
    assert only(report).first_show is None


# --- the recording's own outcomes ---


def recorded(decline_day: float = 0.01) -> list[Event]:
    return told(
        1,
        ("ValueMomentReached", 0),
        ("PushSoftAskShown", 0.005),
        ("PushSoftAskDeclined", decline_day),
        ("ValueMomentReached", 5),
        ("ValueMomentReached", 14.02),
    )


def test_recorded_outcomes_are_taken_where_there_are_any(tmp_path: Path) -> None:
    report = replay(write(tmp_path / "e", recorded()))

    assert report.outcomes.source == "events"
    counts = only(report).counts
    assert (counts.offers, counts.shows, counts.declined) == (2, 1, 1)
    assert [each.reason for each in only(report).silence] == ["in_retry_window"]


def test_an_outcome_under_another_systems_offer_id_means_the_newest_offer(tmp_path: Path) -> None:
    events = recorded()
    for event in events[1:3]:
        event["properties"] = {"offerId": "of_another_systems"}

    assert replay(write(tmp_path / "e", events)).campaigns == (
        replay(write(tmp_path / "f", recorded())).campaigns
    )


def test_outcomes_are_made_up_where_that_is_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path / "e", recorded())

    report = replay(file, source="rates", rates=Rates(approve=0, decline=0, dismiss=1))

    assert report.outcomes.source == "rates"
    assert (only(report).counts.declined, only(report).counts.dismissed) == (0, 2)


# --- one person under several ids ---


def at(day: float) -> datetime:
    return START + timedelta(seconds=round(day * 86_400))


def value_moment(day: float, user: int = 1) -> Event:
    return track(user, "ValueMomentReached", at(day), round(day * 86_400))


def anonymous(day: float, id_: str = "a1", name: str = "ValueMomentReached") -> Event:
    return before_login(track(1, name, at(day), round(day * 86_400)), id_)


def log_in(day: float, user: int = 1, id_: str = "a1", **more: Any) -> Event:
    told = {**identify(user, at(day)), "messageId": f"login-{user}-{day}", "traits": {}}
    return {**told, "anonymousId": id_, **more}


def alias(day: float, user: int = 1, id_: str = "a1") -> Event:
    return log_in(day, user, type="alias", previousId=id_)


def declined(tmp_path: Path, *events: Event, settings: Path = SETTINGS) -> Report:
    """The report where every popup is declined."""
    named = read_campaigns([SHIPPED], settings)
    plan = Plan(
        write(tmp_path / "e", events), named, "rates", Rates(approve=0, decline=1, dismiss=0)
    )
    return backtest(plan, Console(file=io.StringIO()))


@pytest.mark.parametrize("merging", [log_in, alias])
def test_row_40_who_declined_before_the_login_is_not_asked_right_after_it(
    tmp_path: Path, merging: Callable[[float], Event]
) -> None:
    report = declined(
        tmp_path,
        anonymous(0, name="AdSeen"),
        anonymous(1),
        merging(2),
        value_moment(3),
        value_moment(15.1),
        value_moment(40),
    )
    shown = only(report)

    assert report.recording.users == 1
    assert shown.shows_per_day == {"2026-10-02": 1, "2026-10-16": 1}
    assert shown.shows_per_attempt == {"1": 1, "2": 1}
    assert shown.shows_per_user == {"0": 0, "1": 0, "2": 1, "3+": 0}
    assert (shown.counts.users_with_trigger, shown.counts.users_asked) == (1, 1)
    assert shown.counts.exhausted == 1
    assert {each.reason: each.triggers for each in shown.silence} == {
        "in_retry_window": 1,
        "exhausted": 1,
    }


def test_without_a_login_the_two_ids_are_two_people(tmp_path: Path) -> None:
    report = declined(tmp_path, anonymous(1), value_moment(3))

    assert report.recording.users == only(report).counts.users_asked == 2


def test_who_was_asked_under_both_ids_counts_once_from_the_first_event_on(tmp_path: Path) -> None:
    report = declined(
        tmp_path, anonymous(0, name="AdSeen"), value_moment(1), anonymous(2), log_in(3)
    )
    shown = only(report)

    assert report.recording.users == 1
    assert (shown.counts.shows, shown.counts.users_asked) == (2, 1)
    assert shown.counts.users_with_trigger == 1
    assert shown.shows_per_user == {"0": 0, "1": 0, "2": 1, "3+": 0}
    assert shown.first_show is not None
    assert shown.first_show.quantiles["p90"] == 24.0
    assert sum(shown.first_show.histogram.values()) == 1


def test_late_messages_of_the_anonymous_id_are_the_users(tmp_path: Path) -> None:
    report = declined(tmp_path, log_in(0), anonymous(1), value_moment(2), anonymous(3))

    assert report.recording.users == 1
    assert only(report).counts.users_asked == only(report).counts.shows == 1
    assert [(each.reason, each.triggers) for each in only(report).silence] == [
        ("in_retry_window", 2)
    ]


def test_an_anonymous_id_stays_with_the_first_who_logged_in_with_it(tmp_path: Path) -> None:
    report = declined(
        tmp_path,
        anonymous(0),
        log_in(1, user=1),
        log_in(2, user=2),
        value_moment(3, user=1),
        value_moment(3, user=2),
    )

    assert report.recording.users == 2
    assert only(report).shows_per_user == {"0": 0, "1": 2, "2": 0, "3+": 0}
    assert only(report).shows_per_day == {"2026-10-01": 1, "2026-10-04": 1}


def test_the_first_to_log_in_is_the_first_by_time_and_not_by_line(tmp_path: Path) -> None:
    told = [anonymous(0), log_in(1, user=1), log_in(2, user=2), value_moment(3, user=1)]

    assert declined(tmp_path, *reversed(told)).campaigns == declined(tmp_path, *told).campaigns


def test_recorded_outcomes_follow_their_user_through_the_login(tmp_path: Path) -> None:
    events = [
        anonymous(0),
        log_in(0.001),
        track(1, "PushSoftAskShown", at(0.002), 1),
        anonymous(0.003, name="PushSoftAskDeclined"),
        value_moment(5),
    ]

    counts = only(replay(write(tmp_path / "e", events))).counts

    assert (counts.offers, counts.shows, counts.declined) == (1, 1, 1)


def test_a_popup_that_is_open_during_the_login_is_answered_after_it(tmp_path: Path) -> None:
    seconds = 1 / 86_400
    events = [anonymous(1), log_in(1 + 3 * seconds), value_moment(5), value_moment(14.5)]

    counts = only(declined(tmp_path, *events)).counts

    assert (counts.shows, counts.declined, counts.users_asked) == (1, 1, 1)


def test_an_offer_that_a_login_takes_back_is_not_shown(tmp_path: Path) -> None:
    seconds = 1 / 86_400
    events = [value_moment(0), anonymous(1), log_in(1 + seconds), value_moment(2)]

    counts = only(declined(tmp_path, *events)).counts

    assert (counts.offers, counts.shows, counts.declined) == (2, 1, 1)


def test_a_login_knows_what_was_answered_shortly_before_it(tmp_path: Path) -> None:
    seconds = 1 / 86_400
    events = [anonymous(0), value_moment(1), log_in(1 + seconds), value_moment(2)]

    counts = only(declined(tmp_path, *events)).counts

    assert (counts.offers, counts.shows, counts.declined) == (2, 1, 1)


def test_who_was_exhausted_under_both_ids_counts_once(tmp_path: Path) -> None:
    asked = [call(day) for day in (0, 20, 40) for call in (anonymous, value_moment)]

    counts = only(declined(tmp_path, *asked, log_in(50))).counts

    assert (counts.shows, counts.exhausted) == (4, 1)


def test_people_who_were_held_out_under_both_ids_count_once(tmp_path: Path) -> None:
    path = tmp_path / "holdout.yaml"
    path.write_text(
        f"{SHIPPED.read_text()}\nexperiment: {{salt: s, arms: {{soft_ask: 1, holdout: 3}}}}\n"
    )
    apart = [
        event for user in range(40) for event in (value_moment(0, user), anonymous(1, f"a{user}"))
    ]
    logins = [log_in(2, user, f"a{user}") for user in range(40)]

    two = only(replay(write(tmp_path / "e", apart), path)).counts
    one = only(replay(write(tmp_path / "f", [*apart, *logins]), path)).counts

    assert 45 < two.held_out < 75
    assert two.held_out + two.users_asked == 80
    assert 20 < one.held_out <= 40


def test_a_test_users_late_anonymous_messages_count_in_no_figure(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(SETTINGS.read_text() + "test_users: [user-1]\n")

    report = declined(tmp_path, log_in(0), anonymous(1), value_moment(2), settings=settings)

    assert (only(report).counts.triggers, only(report).counts.users_asked) == (0, 0)


def test_a_decline_that_the_login_tells_of_belongs_to_the_recording(tmp_path: Path) -> None:
    login = log_in(2, traits={"push_softask_declined_at": iso(at(1))})
    events = [anonymous(0, name="AdSeen"), login, value_moment(3)]
    file, copy = write(tmp_path / "e", events), tmp_path / "copy.yaml"
    copy.write_bytes(SHIPPED.read_bytes())

    both = replay(file, SHIPPED, copy, source="rates")

    assert [each.counts.shows for each in both.campaigns] == [1, 1]


# --- all kinds of calls ---


@pytest.mark.parametrize(
    "viewed",
    [
        {"type": "screen", "name": "ValueMomentReached", "event": None},
        {"type": "screen", "name": None, "event": "ValueMomentReached"},
        {"type": "page", "name": "ValueMomentReached", "event": None},
    ],
)
def test_a_screen_triggers_by_its_name(tmp_path: Path, viewed: Event) -> None:
    file = write(tmp_path / "e", [{**value_moment(0), **viewed}])

    counts = only(replay(file)).counts

    assert (counts.triggers, counts.shows) == (1, 1)


@pytest.mark.parametrize("kind", ["page", "screen", "group"])
def test_a_nameless_call_triggers_by_its_kind(tmp_path: Path, kind: str) -> None:
    campaign = tmp_path / "every-third.yaml"
    campaign.write_text(EVERY_THIRD.replace("ValueMomentReached", kind))
    calls = [{**value_moment(day), "type": kind, "event": None, "groupId": 7} for day in (0, 1, 2)]

    counts = only(replay(write(tmp_path / "e", calls), campaign)).counts

    assert (counts.triggers, counts.shows) == (3, 1)


def test_whole_numbers_are_the_ids_that_their_digits_are(tmp_path: Path) -> None:
    report = declined(
        tmp_path,
        {**anonymous(0), "anonymousId": 8},
        {**log_in(1), "userId": 7, "anonymousId": "8"},
        {**value_moment(2), "userId": "7"},
    )

    assert report.recording.bad == 0
    assert report.recording.users == only(report).counts.shows == 1


# --- the order of lines, and of everything else ---


def test_the_order_of_lines_does_not_matter(busy: Path, tmp_path: Path) -> None:
    lines = busy.read_bytes().splitlines(keepends=True)
    random.Random(5).shuffle(lines)
    shuffled = tmp_path / "shuffled.jsonl"
    shuffled.write_bytes(b"".join(lines))

    report = replay(shuffled)

    assert report.recording.late > 1_000
    assert report.campaigns == replay(busy).campaigns


def test_gzip_batches_and_single_lines_say_the_same(busy: Path, tmp_path: Path) -> None:
    lines = busy.read_bytes().splitlines()
    packed = tmp_path / "events.jsonl.gz"
    packed.write_bytes(gzip.compress(busy.read_bytes()))
    batches = tmp_path / "batches.jsonl"
    batches.write_bytes(b"".join(_batches(lines)))

    expected = replay(busy)

    assert replay(packed).campaigns == expected.campaigns
    assert replay(batches).campaigns == expected.campaigns
    assert replay(batches).recording.events == expected.recording.events


def _batches(lines: list[bytes]) -> Iterable[bytes]:
    for start in range(0, len(lines), 50):
        yield b'{"batch":[' + b",".join(lines[start : start + 50]) + b"]}\n"


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_two_runs_print_the_same_bytes(busy: Path, arguments: list[str]) -> None:
    def run(hash_seed: str) -> bytes:
        command = "from cli.backtest.command import backtest; import typer; typer.run(backtest)"
        return subprocess.run(  # noqa: S603 - our own command, in a process with another hash seed
            [sys.executable, "-c", command, str(SHIPPED), str(busy), *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout

    assert run("1") == run("2")


def test_another_seed_gives_other_answers(busy: Path) -> None:
    one, other = (only(replay(busy, rates=Rates(seed=seed))) for seed in (1, 2))

    assert one.counts.users_asked == other.counts.users_asked
    assert one.counts != other.counts


# --- two campaigns ---


def test_two_campaigns_are_worlds_of_their_own(busy: Path, every_third: Path) -> None:
    both = replay(busy, SHIPPED, every_third)

    assert both.campaigns[0] == only(replay(busy, SHIPPED))
    assert both.campaigns[1] == only(replay(busy, every_third))


def test_the_difference_is_the_second_less_the_first(busy: Path, every_third: Path) -> None:
    both = replay(busy, SHIPPED, every_third)

    one, other = (each.counts.shows for each in both.campaigns)
    assert both.difference is not None
    assert both.difference["shows"] == other - one != 0


def test_a_campaign_against_itself_differs_in_nothing(busy: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.yaml"
    copy.write_bytes(SHIPPED.read_bytes())

    both = replay(busy, SHIPPED, copy)

    assert both.difference is not None
    assert set(both.difference.values()) == {0}
    assert [each.name for each in both.campaigns] == [str(SHIPPED), str(copy)]


def test_a_draft_is_replayed_as_if_it_were_active(busy: Path, every_third: Path) -> None:
    shown = only(replay(busy, every_third))

    assert shown.overridden == "draft"
    assert shown.counts.shows > 0


def test_paused_settings_pause_no_backtest(busy: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(SETTINGS.read_text().replace("paused: false", "paused: true"))
    [(name, campaigns)] = read_campaigns([SHIPPED], settings)

    report = backtest(Plan(busy, [(name, campaigns)], None, Rates()), Console(file=io.StringIO()))

    assert only(report).counts.shows > 0


def test_test_users_count_in_no_figure(busy: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(SETTINGS.read_text() + "test_users: [user-1, user-2]\n")
    named = read_campaigns([SHIPPED], settings)

    report = backtest(Plan(busy, named, None, Rates()), Console(file=io.StringIO()))

    assert only(report).counts.users_asked == 38


def test_the_holdout_is_held_out_and_said_to_be(busy: Path, tmp_path: Path) -> None:
    path = tmp_path / "holdout.yaml"
    arms = "experiment: {salt: s, arms: {soft_ask: 1, holdout: 1}}"
    path.write_text(f"{SHIPPED.read_text()}\n{arms}\n")

    counts = only(replay(busy, path)).counts

    assert counts.users_asked + counts.held_out == 40
    assert 5 < counts.held_out < 35


def test_an_experiment_is_counted_by_arm(busy: Path, tmp_path: Path) -> None:
    path = tmp_path / "arms.yaml"
    arms = "experiment: {salt: s, arms: {soft_ask: 2, holdout: 1, direct_prompt: 2}}"
    goal = "goal: {event: ValueMomentReached}"
    path.write_text(f"{SHIPPED.read_text()}\n{arms}\n{goal}\n")

    said = only(replay(busy, path))

    counts, of_arms = said.counts, said.arms
    assert list(of_arms) == ["direct_prompt", "holdout", "soft_ask"]
    assert sum(each.exposed for each in of_arms.values()) == 40
    assert of_arms["holdout"].exposed == counts.held_out
    assert (of_arms["holdout"].shows, of_arms["holdout"].opted_in) == (0, 0)
    assert of_arms["soft_ask"].shows == counts.shows
    assert of_arms["direct_prompt"].shows == counts.direct_prompts > 0
    for arm in ("soft_ask", "direct_prompt"):
        assert 0 < of_arms[arm].opted_in == of_arms[arm].converted < of_arms[arm].exposed
    assert all(each.goals > 0 for each in of_arms.values())


# --- progress ---


def test_a_terminal_sees_how_fast_it_goes(busy: Path) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100)
    plan = Plan(busy, read_campaigns([SHIPPED], SETTINGS), None, Rates(seed=1))

    assert backtest(plan, terminal) == replay(busy)

    assert isinstance(terminal.file, io.StringIO)
    seen = terminal.file.getvalue()
    assert "Reading" in seen
    assert "Replaying" in seen
    assert "events/s" in seen


# --- bad lines ---


def test_bad_lines_are_left_out_and_the_rest_is_the_same(busy: Path, tmp_path: Path) -> None:
    lines = busy.read_bytes().splitlines()
    refused = line({**msgspec.json.decode(lines[0]), "type": "identify", "traits": []})
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_bytes(b"\n".join([b"{", *lines, refused, b"oops"]) + b"\n")

    report, clean = replay(mixed), replay(busy)

    assert report.campaigns == clean.campaigns
    assert report.recording.events == clean.recording.events
    assert [(each.line, each.problem) for each in report.recording.problems] == [
        (1, "not JSON: Input data was truncated"),
        (len(lines) + 2, "traits must be an object."),
        (len(lines) + 3, "not JSON: invalid character (byte 0)"),
    ]


def test_a_gzip_file_cut_short_is_used_as_far_as_it_goes(busy: Path, tmp_path: Path) -> None:
    packed = tmp_path / "cut.gz"
    packed.write_bytes(gzip.compress(busy.read_bytes())[:-2_000])

    report = replay(packed)

    assert report.recording.events > 1_000
    [problem] = report.recording.problems
    assert problem.problem.startswith("the gzip stream is damaged or cut short")
