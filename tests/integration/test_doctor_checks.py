"""What `softask doctor` makes of what was read: each check alone, on values."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from cli.doctor.checks import CHECKS, ROUTES, examine
from cli.doctor.readings import (
    Alarm,
    Answer,
    Behind,
    Campaign,
    Campaigns,
    Function,
    Key,
    Keys,
    Prompts,
    Readings,
    Stack,
    Table,
    Unread,
    WriteKey,
    Zipped,
)
from cli.doctor.verdicts import Finding, Verdict
from functions.core.model import DAY, HOUR, MINUTE, SECOND
from functions.metrics import Metric
from tests.infra.test_monitoring import NAMES as ALARMS
from tests.integration.conftest import ROOT

NOW = 1_795_255_200_000  # 2026-11-21T10:00:00Z
URL = "https://abc123.execute-api.eu-west-1.amazonaws.com"

ANSWER = Answer(200, 80, NOW, NOW, NOW + 200 * DAY, ROUTES)
RUNNING = Campaign("push-softask", "active", 3, True, None)
CAMPAIGNS = Campaigns(7, False, (RUNNING,))
KEYS = tuple(Key(f"{use[0]}k-1", use) for use in ("write", "user", "device"))
WELL: Mapping[Metric, tuple[tuple[int, float], ...]] = {
    Metric.DECIDED: ((NOW - HOUR, 5_000.0),),
    Metric.SWEEP_LAG: ((NOW - 15 * MINUTE, 12.0),),
    Metric.LEDGER_LAG: ((NOW - 15 * MINUTE, 3.0),),
}
FUNCTIONS = tuple(Function(name, False) for name in ("track", "admin", "sweep", "ledger"))
TABLES = tuple(
    Table(name, True, True) for name in ("profiles", "windows", "campaigns", "ledger", "counters")
)
BEHIND = Behind(
    stack=Stack("softask-prod", "UPDATE_COMPLETE", f"{URL}/", "prod"),
    alarms=(Alarm("softask-prod-sweep-lag", "OK", True),),
    functions=FUNCTIONS,
    series=WELL,
    dead_letters=0,
    kept=0,
    changed=7,
    tables=TABLES,
)
READINGS = Readings(
    now=NOW,
    named="softask-prod",
    url=URL,
    answer=ANSWER,
    write_key=WriteKey(200, ""),
    zipped=Zipped(401, "writeKey"),
    keys=Keys("enforce", KEYS),
    campaigns=CAMPAIGNS,
    server_at=NOW + SECOND,
    prompts=Prompts(40, 0),
    behind=BEHIND,
)


def finding(check: str, readings: Readings) -> Finding:
    [found] = [each for each in examine(readings) if each.check == check]
    return found


def test_a_stack_that_is_well_has_nothing_to_do() -> None:
    findings = examine(READINGS)
    assert [each.verdict for each in findings] == [Verdict.OK] * len(CHECKS)
    assert [each.todo for each in findings] == [""] * len(CHECKS)


def test_each_check_has_a_name_of_its_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_what_could_not_be_read_is_never_ok() -> None:
    nothing = Unread("AWS refused it")
    behind = Behind(**dict.fromkeys(Behind.__slots__, nothing))
    blind = Readings(
        now=NOW,
        named="",
        url=URL,
        answer=nothing,
        write_key=nothing,
        zipped=nothing,
        keys=nothing,
        campaigns=nothing,
        server_at=nothing,
        prompts=nothing,
        behind=behind,
    )
    reachable, *others = examine(blind)
    assert reachable.verdict is Verdict.FAIL
    assert {each.verdict for each in others} == {Verdict.NOT_CHECKED}
    assert {each.seen for each in others} == {"AWS refused it"}


def test_a_stack_that_was_named_and_cannot_be_read_fails() -> None:
    unread = replace(BEHIND, stack=Unread("AWS refused DescribeStacks"))
    found = finding("deployment", replace(READINGS, behind=unread))
    assert (found.verdict, found.seen) == (
        Verdict.FAIL,
        "softask-prod cannot be read: AWS refused DescribeStacks",
    )
    unnamed = finding("deployment", replace(READINGS, named="", behind=unread))
    assert unnamed.verdict is Verdict.NOT_CHECKED


def test_a_stack_that_does_not_tell_its_api_fails() -> None:
    found = finding("reachable", replace(READINGS, url="", answer=Unread("nothing says it")))
    assert (found.verdict, "--url" in found.todo) == (Verdict.FAIL, True)


def test_where_a_stack_would_say_it_the_stack_alone_fails() -> None:
    lost = replace(BEHIND, stack=Unread("There are no AWS credentials here", says_how=True))
    blind = replace(READINGS, url="", answer=Unread("nothing says it"), behind=lost)
    first = next(each for each in examine(blind) if each.verdict is Verdict.FAIL)
    assert (first.check, first.todo) == ("deployment", "")
    assert finding("reachable", blind).verdict is Verdict.NOT_CHECKED


def test_a_dev_server_that_is_not_there_is_to_be_started() -> None:
    gone = replace(READINGS, url="http://127.0.0.1:8080", answer=Unread("nothing answers"))
    assert finding("reachable", gone).todo.startswith("Start `softask dev`")


def test_a_revision_without_the_list_of_campaigns_is_not_checked() -> None:
    found = finding("revision", replace(READINGS, campaigns=Unread("403")))
    assert found.verdict is Verdict.NOT_CHECKED


OK, WARN, FAIL = Verdict.OK, Verdict.WARN, Verdict.FAIL

ANSWERS = [
    ("reachable", {"status": 503}, FAIL, "503"),
    ("reachable", {"took": 2_500}, WARN, "apps wait for 2 s"),
    ("certificate", {"certificate_ends": None}, OK, "plain HTTP"),
    ("certificate", {"certificate_ends": NOW + 29 * DAY}, WARN, "in 29 days"),
    ("certificate", {"certificate_ends": NOW + 6 * DAY}, FAIL, "in 6 days"),
    ("clock", {"date": NOW + 2 * MINUTE}, WARN, "2 min behind"),
    ("clock", {"date": NOW - 10 * MINUTE}, FAIL, "9 min ahead"),
    ("clock", {"date": None}, WARN, "no date"),
    ("routes", {"routes": None}, FAIL, "no API document"),
    ("routes", {"routes": ROUTES - {"GET /v1/admin/keys"}}, WARN, "lacks GET /v1/admin/keys"),
    ("routes", {"routes": ROUTES | {"GET /v2/new"}}, WARN, "also has GET /v2/new"),
]


@pytest.mark.parametrize(("check", "more", "verdict", "seen"), ANSWERS)
def test_the_first_answer(check: str, more: dict[str, Any], verdict: Verdict, seen: str) -> None:
    found = finding(check, replace(READINGS, answer=replace(ANSWER, **more)))
    assert (found.verdict, seen in found.seen) == (verdict, True), found


@pytest.mark.parametrize(
    ("key", "seen"),
    [
        (WriteKey(401, "The write key is not one of this app's."), "401: The write key"),
        (WriteKey(503, "Send the same call again."), "no keys could be read"),
        (WriteKey(500, "This is our fault; try again."), "500: This is our fault"),
    ],
)
def test_a_write_key_that_is_not_accepted_fails(key: WriteKey, seen: str) -> None:
    found = finding("write key", replace(READINGS, write_key=key))
    assert (found.verdict, seen in found.seen) == (FAIL, True)


@pytest.mark.parametrize(
    ("status", "field", "verdict"),
    [
        (401, "writeKey", Verdict.OK),
        (400, "body", Verdict.WARN),
        (415, "", Verdict.WARN),
        (429, "", Verdict.NOT_CHECKED),
        (503, "", Verdict.NOT_CHECKED),
    ],
)
def test_gzipped_bodies_arrive_or_break(status: int, field: str, verdict: Verdict) -> None:
    found = finding("gzip", replace(READINGS, zipped=Zipped(status, field)))
    assert (found.verdict, "application/octet-stream" in found.todo) == (
        verdict,
        verdict is Verdict.WARN,
    )


def test_a_moved_clock_is_a_fault_but_on_a_dev_server() -> None:
    ahead = replace(READINGS, server_at=NOW + 14 * DAY)
    assert finding("server's clock", ahead).verdict is FAIL
    local = replace(ahead, url="http://127.0.0.1:8080")
    assert finding("server's clock", local).verdict is WARN


@pytest.mark.parametrize("mode", ["off", "observe"])
def test_a_stage_that_asks_for_no_tokens_is_warned_of_but_on_a_dev_server(mode: str) -> None:
    lax = replace(READINGS, keys=Keys(mode, KEYS))
    assert finding("tokens", lax).verdict is WARN
    assert finding("tokens", replace(lax, url="http://127.0.0.1:8080")).verdict is OK


def key(use: str, days: int | None = None) -> Key:
    return Key(f"{use}-{days}", use, None if days is None else NOW + days * DAY)


KEY_SETS = [
    ("off", [], FAIL, "no write key"),
    ("off", [key("write", -1)], FAIL, "no write key"),
    ("off", [key("write")], OK, "1 holds: write"),
    ("enforce", [key("write")], FAIL, "every call of one is 401"),
    ("enforce", [key("write"), key("server")], FAIL, "every call of one is 401"),
    ("enforce", [key("write"), key("user")], WARN, "anonymous installs are refused"),
    ("enforce", [key("write"), key("device")], WARN, "logged-in users are refused"),
    ("off", [key("write", 3)], FAIL, "every write key ends"),
    ("off", [key("write", 20)], WARN, "every write key ends"),
    ("off", [key("write"), key("write", 20)], OK, "2 hold"),
    ("off", [key("write"), key("write", 3)], WARN, "write-3 ends within 7 days"),
    ("off", [key("write"), key("write", 3), key("write", 4)], WARN, "write-4 end within 7 days"),
    ("off", [key("write", 3), key("write", 20)], WARN, "every write key ends, write-20 at"),
    ("off", [key("write"), key("device", 3)], WARN, "every device key ends"),
    ("enforce", [key("write"), key("user"), key("device", 3)], FAIL, "every device key ends"),
    ("enforce", [key("write"), key("user"), key("device", 20)], WARN, "every device key ends"),
    ("enforce", [key("write"), key("unknown")], FAIL, "every call of one is 401"),
    ("off", [key("unknown"), key("write"), key("unknown")], WARN, "2 of newer code"),
]


@pytest.mark.parametrize(("auth", "keys", "verdict", "seen"), KEY_SETS)
def test_keys(auth: str, keys: list[Key], verdict: Verdict, seen: str) -> None:
    found = finding("keys", replace(READINGS, keys=Keys(auth, tuple(keys))))
    assert (found.verdict, seen in found.seen) == (verdict, True), found
    assert bool(found.todo) is (verdict is not OK)


@pytest.mark.parametrize("use", ["write", "server", "user", "device"])
def test_a_use_whose_keys_all_end_is_told_with_the_command_that_makes_another(use: str) -> None:
    uses = ("write", "server", "user", "device")
    keys = tuple(key(each, 20 if each == use else None) for each in uses)
    found = finding("keys", replace(READINGS, keys=Keys("enforce", keys)))
    assert (found.verdict, found.todo.startswith(f"softask keys create {use}")) == (WARN, True)


@pytest.mark.parametrize("keys", [KEYS[:1], (KEYS[0], KEYS[2]), ()])
def test_what_makes_a_user_key_is_a_command_that_runs(keys: tuple[Key, ...]) -> None:
    todo = finding("keys", replace(READINGS, keys=Keys("enforce", keys))).todo
    made = re.findall("softask keys create (user|write)([^;]*);", todo)
    assert made
    options = " --new-key-file FILE --issuer NAME"
    assert {more for use, more in made if use == "user"} <= {options}


@pytest.mark.parametrize(
    ("told", "of_stack", "named"), [("eu", "prod", "eu"), ("", "prod", "prod"), ("", "", "STAGE")]
)
def test_a_stage_that_observes_is_told_to_enforce_by_its_file(
    told: str, of_stack: str, named: str
) -> None:
    behind = replace(BEHIND, stack=Stack("s", "UPDATE_COMPLETE", f"{URL}/", of_stack))
    observing = Keys("observe", KEYS, told)
    todo = finding("tokens", replace(READINGS, keys=observing, behind=behind)).todo
    # What `-c` alone said at another deployment would be gone.
    assert f"stages.{named}.auth in cdk.json" in todo
    assert f"cdk deploy -c stage={named}." in todo


CAMPAIGN_SETS = [
    (False, (), FAIL, "there is none"),
    (False, (replace(RUNNING, status="paused"),), WARN, "push-softask is paused"),
    (False, (replace(RUNNING, status="draft"),), FAIL, "push-softask is draft"),
    (False, (replace(RUNNING, is_readable=False),), FAIL, "left out"),
    (True, (RUNNING,), WARN, "everything is paused"),
    (False, (RUNNING, Campaign("rate", "paused", 1, True, None)), WARN, "rate is paused"),
    (False, (replace(RUNNING, ends_at=NOW + 2 * DAY),), WARN, "ends 2026-11-23"),
    (False, (replace(RUNNING, ends_at=NOW - DAY),), FAIL, "schedule of push-softask is over"),
    (False, (replace(RUNNING, ends_at=NOW + 30 * DAY),), OK, "1 runs"),
]


@pytest.mark.parametrize(("paused", "rows", "verdict", "seen"), CAMPAIGN_SETS)
def test_campaigns(paused: bool, rows: tuple[Campaign, ...], verdict: Verdict, seen: str) -> None:
    found = finding("campaigns", replace(READINGS, campaigns=Campaigns(7, paused, rows)))
    assert (found.verdict, seen in found.seen) == (verdict, True), found


def test_campaigns_that_the_server_cannot_tell_are_its_fault_and_not_a_missing_right() -> None:
    forbidden = replace(READINGS, campaigns=Unread("403"))
    assert finding("campaigns", forbidden).verdict is Verdict.NOT_CHECKED
    found = finding("campaigns", replace(READINGS, campaigns=Unread("503", is_fault=True)))
    assert (found.verdict, "LIVE is gone" in found.todo) == (FAIL, True)


def test_schedules_go_by_the_server_s_clock() -> None:
    ends = Campaigns(7, False, (replace(RUNNING, ends_at=NOW + 30 * DAY),))
    later = replace(READINGS, campaigns=ends, server_at=NOW + 31 * DAY)
    assert finding("campaigns", later).verdict is FAIL
    unknown = replace(READINGS, campaigns=ends, server_at=Unread("no report"))
    assert finding("campaigns", unknown).verdict is OK


@pytest.mark.parametrize(
    ("spent", "unasked", "verdict"), [(0, 0, OK), (40, 0, OK), (40, 8, WARN), (40, 9, FAIL)]
)
def test_apps_that_prompt_by_themselves(spent: int, unasked: int, verdict: Verdict) -> None:
    found = finding("OS prompts", replace(READINGS, prompts=Prompts(spent, unasked)))
    assert found.verdict is verdict
    assert ("requestAuthorization" in found.todo) is (verdict is not OK)


def series(metric: Metric, *points: tuple[int, float]) -> dict[str, Any]:
    return {"series": {**WELL, metric: points}}


ACCOUNTS: list[tuple[str, dict[str, Any], Verdict, str]] = [
    ("deployment", {"stack": Stack("s", "UPDATE_ROLLBACK_COMPLETE", URL, "prod")}, WARN, "ROLLB"),
    ("deployment", {"stack": Stack("s", "UPDATE_ROLLBACK_FAILED", URL, "prod")}, FAIL, "FAILED"),
    ("deployment", {"stack": Stack("s", "UPDATE_COMPLETE", "https://x", "dev")}, WARN, "https://x"),
    ("alarms", {"alarms": (Alarm("softask-prod-conflicts", "ALARM", True),)}, FAIL, "conflicts"),
    ("alarms", {"alarms": (Alarm("softask-prod-conflicts", "OK", False),)}, WARN, "tell nobody"),
    ("alarms", {"alarms": ()}, FAIL, "has none"),
    ("sweep", series(Metric.SWEEP_LAG), FAIL, "no run"),
    ("sweep", series(Metric.SWEEP_LAG, (NOW - 2 * HOUR, 0)), FAIL, "no run"),
    ("sweep", series(Metric.SWEEP_LAG, (NOW - MINUTE, 3_700)), FAIL, "1 h late"),
    ("ledger", series(Metric.LEDGER_LAG), OK, "no facts"),
    ("ledger", series(Metric.LEDGER_LAG, (NOW - MINUTE, 1_200)), WARN, "20 min late"),
    ("ledger", series(Metric.FAILED_RECORDS, (NOW - MINUTE, 2)), FAIL, "failed 2 times"),
    ("ledger", series(Metric.FAILED_RECORDS, (NOW - 2 * HOUR, 2)), OK, "3 s late"),
    ("refresh", series(Metric.CAMPAIGNS_NOT_REFRESHED, (NOW - MINUTE, 2)), FAIL, "2 reads"),
    ("refused tokens", series(Metric.TOKEN_REFUSED, (NOW - HOUR, 50)), OK, "50 refused"),
    ("refused tokens", series(Metric.TOKEN_REFUSED, (NOW - HOUR, 51)), WARN, "51 refused"),
    ("dead letters", {"dead_letters": 2}, FAIL, "2: the schedule"),
    ("failed records", {"kept": 3}, FAIL, "3 are put aside"),
    ("failed records", {"kept": 1_000}, FAIL, "1,000 or more"),
    ("revision", {"changed": 8}, FAIL, "LIVE was deleted"),
    ("tables", {"tables": (*TABLES[1:], Table("p", False, True))}, FAIL, "no point-in-time"),
    ("tables", {"tables": (*TABLES[1:], Table("p", True, False))}, WARN, "may be deleted"),
    ("tables", {"tables": ()}, FAIL, "name 0 of 5"),
    ("functions", {"functions": (*FUNCTIONS[1:], Function("t", True))}, FAIL, "stopped by hand"),
    ("functions", {"functions": ()}, FAIL, "has 0 of 4"),
]


@pytest.mark.parametrize(("check", "more", "verdict", "seen"), ACCOUNTS)
def test_the_account(check: str, more: dict[str, Any], verdict: Verdict, seen: str) -> None:
    found = finding(check, replace(READINGS, behind=replace(BEHIND, **more)))
    assert (found.verdict, seen in found.seen) == (verdict, True), found
    assert bool(found.todo) is (verdict is not OK)


def test_the_alarms_that_checks_name_are_there() -> None:
    files = [ROOT / "cli" / "doctor" / name for name in ("checks.py", "of_keys.py")]
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    named = re.findall(r"See the alarm ([a-z-]+)|see ([a-z-]+) in|_alarm\(\"([a-z-]+)\"\)", source)
    names = {name for found in named for name in found if name}
    assert len(names) == 8
    assert names <= ALARMS
