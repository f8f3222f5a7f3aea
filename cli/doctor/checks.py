"""The checks: what was read, into a verdict and the next thing to do. A new one joins `CHECKS`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any

from cli.doctor.readings import (
    Alarm,
    Answer,
    Campaigns,
    Json,
    Prompts,
    Readings,
    Series,
    Stack,
    Table,
    Unread,
    WriteKey,
)
from functions.admin import routes as admin
from functions.core.model import DAY, HOUR, MINUTE, SECOND
from functions.core.moments import format_time, parse_time
from functions.metrics import Metric
from functions.track import routes as public

ROUTES = frozenset(f"{method} {path}" for method, path in (*public.ROUTES, *admin.ROUTES))

SLOW = 2 * SECOND
"""Apps wait no longer."""

RENEWED = 30 * DAY
"""AWS renews certificates before; later, something keeps it from doing so."""

URGENT = 7 * DAY
SKEW = 1 * MINUTE
SIGNABLE = 5 * MINUTE
"""Beyond this, AWS refuses a signature."""

SWEEP_EVERY = 15 * MINUTE
LATE = 15 * MINUTE
VERY_LATE = 1 * HOUR

_MOST_REFUSED = 0.01
_MANY_UNASKED = 0.2

RUNBOOK = "docs/operations.md"
MONITORING = "docs/monitoring.md"


class Verdict(StrEnum):
    """What a check comes to. Only `fail` fails the command."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was seen, and what to do about it."""

    verdict: Verdict
    seen: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Finding(Judgement):
    """A judgement, and the check that it is of."""

    check: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """`judge` gets what `of` picks of the readings, and all of them; never something unread."""

    name: str
    of: Callable[[Readings], Any]
    judge: Callable[[Any, Readings], Judgement]


def examine(readings: Readings) -> tuple[Finding, ...]:
    """Each check's finding, in their order."""
    return tuple(_find(check, readings) for check in CHECKS)


def _find(check: Check, readings: Readings) -> Finding:
    value = check.of(readings)
    if isinstance(value, Unread):
        return Finding(Verdict.NOT_CHECKED, value.why, check=check.name)
    made = check.judge(value, readings)
    return Finding(made.verdict, made.seen, made.todo, check.name)


def _ok(seen: str) -> Judgement:
    return Judgement(Verdict.OK, seen)


def _warn(seen: str, todo: str) -> Judgement:
    return Judgement(Verdict.WARN, seen, todo)


def _fail(seen: str, todo: str) -> Judgement:
    return Judgement(Verdict.FAIL, seen, todo)


# --- the server ---


def _reachable(readings: Readings, _: Readings) -> Judgement:
    answer = readings.answer
    if isinstance(answer, Unread):
        return _fail(answer.why, "Is --url the stack's ApiUrl, and is the stack deployed?")
    took = f"answered {answer.status} within {answer.took} ms"
    if answer.status != 200:
        return _fail(took, f"See the alarm api-errors in {MONITORING}.")
    if answer.took > SLOW:
        todo = f"Run it again: a first start is slow. Else see api-latency in {MONITORING}."
        return _warn(f"{took}; apps wait for {SLOW // SECOND} s", todo)
    return _ok(took)


def _certificate(answer: Answer, readings: Readings) -> Judgement:
    if answer.certificate_ends is None:
        return _ok("plain HTTP, on this machine alone")
    left = answer.certificate_ends - readings.now
    seen = f"ends {_day(answer.certificate_ends)}, in {left // DAY} days"
    todo = "Renew it in ACM: mend its DNS record of validation, or import the new one."
    if left < URGENT:
        return _fail(seen, todo)
    return _warn(seen, todo) if left < RENEWED else _ok(seen)


def _clock(answer: Answer, _: Readings) -> Judgement:
    if answer.date is None:
        return _warn("the server tells no date", "Does a proxy stand between? Name the API itself.")
    # The header has whole seconds.
    apart = answer.date + SECOND // 2 - answer.at
    seen = f"this machine is {_span(abs(apart))} {'behind' if apart > 0 else 'ahead'}"
    todo = "Set this machine's clock: AWS refuses signatures that are 5 minutes off."
    if abs(apart) > SIGNABLE:
        return _fail(seen, todo)
    return _warn(seen, todo) if abs(apart) > SKEW else _ok("this machine and the server agree")


def _server_clock(at: int, readings: Readings) -> Judgement:
    apart = at - readings.now
    if abs(apart) <= SKEW:
        return _ok(f"decisions are made as of {format_time(at // SECOND * SECOND)}")
    seen = f"decisions are made {_span(abs(apart))} {'ahead' if apart > 0 else 'behind'}"
    if readings.is_local:
        return _warn(seen, "Somebody moved it: POST /_dev/reset sets it back, and forgets all.")
    return _fail(seen, "Compare this machine's clock first, then redeploy the functions.")


def _routes(answer: Answer, _: Readings) -> Judgement:
    if answer.routes is None:
        return _fail("there is no API document at /openapi.json", "Is --url the stack's ApiUrl?")
    missing, unknown = sorted(ROUTES - answer.routes), sorted(answer.routes - ROUTES)
    if missing:
        return _warn(f"it lacks {_some(missing)}", "It runs older code than this: deploy.")
    if unknown:
        return _warn(f"it also has {_some(unknown)}", "It runs newer code: update this command.")
    return _ok(f"all {len(ROUTES)} are served")


def _write_key(key: WriteKey, _: Readings) -> Judgement:
    if key.status == 200:
        return _ok("accepted")
    if key.status == 503:
        todo = f"See the alarm campaigns-not-refreshed in {MONITORING}."
        return _fail("503: no keys could be read lately", todo)
    todo = "softask keys list shows what holds; softask keys create write makes one."
    return _fail(f"{key.status}: {key.message}", todo)


# --- who may call ---


def _auth(told: Json, readings: Readings) -> Judgement:
    mode = told["auth"]
    if mode == "enforce":
        return _ok("enforce: nobody speaks for a user without a token")
    if readings.is_local:
        return _ok(f"{mode}, as a dev server may")
    seen = f"{mode}: whoever has the write key may speak for every user"
    if mode == "observe":
        return _warn(seen, "When few tokens are refused: cdk deploy -c auth=enforce.")
    return _warn(seen, "docs/authentication.md, From off to enforce.")


def _keys(told: Json, readings: Readings) -> Judgement:
    holding = [key for key in told["keys"] if _end(key) > readings.now]
    lasting = {key["use"] for key in holding if "endsAt" not in key}
    uses = {key["use"] for key in holding}
    seen = f"{_count(holding, 'holds', 'hold')}: {', '.join(sorted(uses)) or 'none'}"
    if "write" not in uses:
        return _fail("no write key holds: every app is refused", "softask keys create write")
    enforces = told["auth"] == "enforce"
    if enforces and uses == {"write"}:
        todo = "softask keys create user, and device; docs/authentication.md"
        return _fail("tokens are asked for, and no key verifies one: every call is 401", todo)
    if ending := sorted(uses - lasting):
        soonest = min((key for key in holding if key["use"] in ending), key=_end)
        todo = f"softask keys create {soonest['use']}, then give it out."
        seen = f"every {soonest['use']} key ends, {soonest['id']} at {soonest['endsAt']}"
        return _fail(seen, todo) if _end(soonest) - readings.now < URGENT else _warn(seen, todo)
    if enforces and (lacking := sorted({"user", "device"} - uses)):
        whom = "logged-in users" if "user" in lacking else "anonymous installs"
        return _warn(f"{seen}; {whom} are refused", f"softask keys create {lacking[-1]}")
    soon = [key["id"] for key in holding if _end(key) - readings.now < URGENT]
    if soon:
        todo = "Does nobody use them any more? softask keys rotate --overlap gives longer next time"
        return _warn(f"{_some(soon)} end within 7 days", todo)
    return _ok(seen)


def _tokens(series: Series, readings: Readings) -> Judgement:
    refused = int(_sum(series, Metric.TOKEN_REFUSED, readings.now - DAY))
    of = int(_sum(series, Metric.DECIDED, readings.now - DAY))
    seen = f"{refused:,} refused in a day, {of:,} messages mattered"
    if refused == 0 or refused <= _MOST_REFUSED * of:
        return _ok(seen)
    return _warn(seen, "In track's log, count the lines token_refused by their cause.")


# --- what is asked ---


def _live(campaigns: Campaigns, readings: Readings) -> Judgement:
    if unreadable := [row.id for row in campaigns.rows if not row.is_readable]:
        todo = f"softask campaigns rollback {unreadable[0]} VERSION, or publish a mended file."
        return _fail(f"left out, since its file cannot be read: {_some(unreadable)}", todo)
    if campaigns.paused:
        return _warn("everything is paused", "softask campaigns resume --all")
    active = [row for row in campaigns.rows if row.status == "active"]
    at = readings.now if isinstance(readings.server_at, Unread) else readings.server_at
    running = [row for row in active if row.ends_at is None or row.ends_at > at]
    paused = [f"{row.id} is paused" for row in campaigns.rows if row.status == "paused"]
    if paused:
        return _warn(_some(paused), "softask campaigns resume ID, if it was meant to be short.")
    if not running:
        states = ", ".join(f"{row.id} is {row.status}" for row in campaigns.rows) or "there is none"
        if active:
            states = f"the schedule of {_some([row.id for row in active])} is over"
        return _fail(f"nobody is asked: {states}", "softask campaigns publish, or resume")
    soon = [row for row in running if row.ends_at is not None and row.ends_at - at < URGENT]
    if soon:
        first = min(soon, key=lambda row: row.ends_at or 0)
        todo = f"softask campaigns show {first.id} --yaml; publish it with a later ends_at."
        return _warn(f"{first.id} ends {_day(first.ends_at or 0)}", todo)
    return _ok(f"{_count(running, 'runs', 'run')}: {_some([row.id for row in running])}")


def _revision(changed: int, readings: Readings) -> Judgement:
    campaigns = readings.campaigns
    if isinstance(campaigns, Unread):
        return Judgement(Verdict.NOT_CHECKED, campaigns.why)
    live = campaigns.revision
    if live < changed:
        seen = f"revision {live} is live, and {changed} was made: LIVE was deleted, or is older"
        return _fail(seen, f"{RUNBOOK}, LIVE is gone. No change succeeds until then.")
    return _ok(f"revision {live} is live, and the newest")


def _refresh(series: Series, readings: Readings) -> Judgement:
    failed = int(_sum(series, Metric.CAMPAIGNS_NOT_REFRESHED, readings.now - VERY_LATE))
    if failed:
        todo = f"See the alarm campaigns-not-refreshed in {MONITORING}."
        return _fail(f"{failed:,} reads of the campaigns failed within the hour", todo)
    return _ok("no read of the campaigns failed within the hour")


def _prompts(prompts: Prompts, _: Readings) -> Judgement:
    if prompts.spent == 0:
        return _ok("no OS prompt was spent in 7 days")
    share = prompts.unasked / prompts.spent
    seen = f"{prompts.unasked:,} of {prompts.spent:,} OS prompts in 7 days were the app's own"
    if prompts.unasked == 0:
        return _ok(seen)
    todo = (
        "An app prompts by itself: remove requestAuthorization, requestPermissions and their kin"
        " (README, Integrate the app). Old versions of the app go on until they are updated."
    )
    told = f"{seen} ({share:.0%})"
    return _fail(told, todo) if share > _MANY_UNASKED else _warn(told, todo)


# --- what goes on behind it ---


def _deployment(stack: Stack, readings: Readings) -> Judgement:
    if stack.url and stack.url.rstrip("/") != readings.url:
        todo = "Are --url and --stack of the same stage? A name of your own in front is fine."
        return _warn(f"{stack.name} answers at {stack.url}", todo)
    if "FAILED" in stack.status:
        todo = f"CloudFormation's events of the stack say why; {RUNBOOK}, Roll back."
        return _fail(f"{stack.name} is {stack.status}", todo)
    if "ROLLBACK" in stack.status:
        todo = f"The last deployment was taken back: {RUNBOOK}, Roll back."
        return _warn(f"{stack.name} is {stack.status}", todo)
    return _ok(f"{stack.name} is {stack.status}")


def _alarms(alarms: Sequence[Alarm], _: Readings) -> Judgement:
    if ringing := sorted(each.name for each in alarms if each.state == "ALARM"):
        return _fail(f"ringing: {', '.join(ringing)}", f"{MONITORING} has each by its name.")
    if not alarms:
        return _fail("the stack has none", "Is --stack the one of Softask? Else deploy again.")
    if muted := sorted(each.name for each in alarms if not each.tells):
        return _warn(f"tell nobody: {_some(muted)}", "aws cloudwatch enable-alarm-actions")
    return _ok(f"none of {len(alarms)} rings")


def _sweep(series: Series, readings: Readings) -> Judgement:
    since = readings.now - VERY_LATE
    lags = [value for at, value in series.get(Metric.SWEEP_LAG, ()) if at >= since - SWEEP_EVERY]
    todo = f"See the alarm sweep-lag in {MONITORING}. Users are asked in time all the same."
    if not lags:
        return _fail("no run came to its end within the hour", todo)
    late = int(max(lags)) * SECOND
    seen = f"windows were at most {_span(late)} late"
    return _fail(seen, todo) if late > VERY_LATE else _ok(seen)


def _ledger(series: Series, readings: Readings) -> Judgement:
    since = readings.now - VERY_LATE
    lags = [value for at, value in series.get(Metric.LEDGER_LAG, ()) if at >= since]
    failing = int(_sum(series, Metric.FAILED_RECORDS, since))
    if failing:
        todo = f"See the alarm ledger-failing in {MONITORING}."
        return _fail(f"records failed {failing:,} times within the hour", todo)
    if not lags:
        return _ok("no facts were written within the hour")
    late = int(max(lags)) * SECOND
    seen = f"facts were at most {_span(late)} late"
    return _warn(seen, f"See the alarm ledger-lag in {MONITORING}.") if late > LATE else _ok(seen)


def _dead_letters(count: int, _: Readings) -> Judgement:
    if count == 0:
        return _ok("none")
    return _fail(f"{count:,}: the schedule could not start the sweep", _alarm("sweep-dead-letters"))


def _kept(count: int, _: Readings) -> Judgement:
    if count == 0:
        return _ok("none are put aside")
    seen = f"{count:,}{' or more' if count >= 1_000 else ''} are put aside; they expire in 30 days"
    return _fail(seen, f"Mend the cause, then softask ledger replay ({_alarm('ledger-kept')})")


def _tables(tables: Sequence[Table], _: Readings) -> Judgement:
    if open_ := [each.name for each in tables if not each.restorable]:
        todo = "aws dynamodb update-continuous-backups, and see who turned it off."
        return _fail(f"no point-in-time recovery: {_some(open_)}", todo)
    if open_ := [each.name for each in tables if not each.protected]:
        todo = "A stage that matters has keepData, and with it protection."
        return _warn(f"may be deleted by one call: {_some(open_)}", todo)
    return _ok(f"{len(tables)}, restorable and protected")


CHECKS: tuple[Check, ...] = (
    Check("reachable", lambda readings: readings, _reachable),
    Check("certificate", attrgetter("answer"), _certificate),
    Check("clock", attrgetter("answer"), _clock),
    Check("server's clock", attrgetter("server_at"), _server_clock),
    Check("routes", attrgetter("answer"), _routes),
    Check("write key", attrgetter("write_key"), _write_key),
    Check("tokens", attrgetter("keys"), _auth),
    Check("keys", attrgetter("keys"), _keys),
    Check("refused tokens", attrgetter("behind.series"), _tokens),
    Check("campaigns", attrgetter("campaigns"), _live),
    Check("revision", attrgetter("behind.changed"), _revision),
    Check("refresh", attrgetter("behind.series"), _refresh),
    Check("OS prompts", attrgetter("prompts"), _prompts),
    Check("deployment", attrgetter("behind.stack"), _deployment),
    Check("alarms", attrgetter("behind.alarms"), _alarms),
    Check("sweep", attrgetter("behind.series"), _sweep),
    Check("ledger", attrgetter("behind.series"), _ledger),
    Check("dead letters", attrgetter("behind.dead_letters"), _dead_letters),
    Check("failed records", attrgetter("behind.kept"), _kept),
    Check("tables", attrgetter("behind.tables"), _tables),
)


# --- words ---


def _alarm(name: str) -> str:
    return f"{MONITORING}, {name}"


def _sum(series: Series, metric: Metric, since: int) -> float:
    return sum(value for at, value in series.get(metric, ()) if at >= since)


def _end(key: Json) -> float:
    ends = key.get("endsAt")
    return float("inf") if ends is None else parse_time(ends)


def _count(of: Sequence[Any], one: str, more: str) -> str:
    return f"{len(of)} {one if len(of) == 1 else more}"


def _some(names: Iterable[str]) -> str:
    """The first three, and how many more."""
    listed = list(names)
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return ", ".join(listed[:3]) + more


def _day(at: int) -> str:
    return format_time(at)[:10]


def _span(span: int) -> str:
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if span >= unit:
            return f"{span // unit} {name}"
    return f"{span // SECOND} s"
