"""The checks: what was read, into a verdict and the next thing to do. A new one joins `CHECKS`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from cli.doctor import of_keys
from cli.doctor.readings import (
    Alarm,
    Answer,
    Campaigns,
    Function,
    Prompts,
    Readings,
    Series,
    Stack,
    Table,
    Unread,
    WriteKey,
    Zipped,
)
from cli.doctor.verdicts import (
    MONITORING,
    RUNBOOK,
    URGENT,
    Finding,
    Judgement,
    Verdict,
    count,
    day,
    fail,
    ok,
    some,
    span,
    total,
    warn,
)
from functions.admin import routes as admin
from functions.core.model import DAY, HOUR, MINUTE, SECOND
from functions.core.moments import format_time
from functions.metrics import Metric
from functions.track import routes as public

ROUTES = frozenset(f"{method} {path}" for method, path in (*public.ROUTES, *admin.ROUTES))

SLOW = 2 * SECOND
"""Apps wait no longer."""

RENEWED = 30 * DAY
"""AWS renews certificates before; later, something keeps it from doing so."""

SKEW = 1 * MINUTE
SIGNABLE = 5 * MINUTE
"""Beyond this, AWS refuses a signature."""

SWEEP_EVERY = 15 * MINUTE
LATE = 15 * MINUTE
VERY_LATE = 1 * HOUR

_FUNCTIONS = 4
_TABLES = 5
_MANY_UNASKED = 0.2


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


# --- the server ---


def _reachable(readings: Readings, _: Readings) -> Judgement:
    answer = readings.answer
    if isinstance(answer, Unread):
        return _unreachable(answer, readings)
    took = f"answered {answer.status} within {answer.took} ms"
    if answer.status != 200:
        return fail(took, f"See the alarm api-errors in {MONITORING}.")
    if answer.took > SLOW:
        todo = f"Run it again: a first start is slow. Else see api-latency in {MONITORING}."
        return warn(f"{took}; apps wait for {SLOW // SECOND} s", todo)
    return ok(took)


def _unreachable(answer: Unread, readings: Readings) -> Judgement:
    if not readings.url and isinstance(readings.behind.stack, Unread):
        return Judgement(Verdict.NOT_CHECKED, answer.why)
    if not readings.url:
        return fail(answer.why, "Name it: --url, the stack's ApiUrl.")
    if readings.is_local:
        return fail(
            answer.why, "Start `softask dev`, or name a server (--url) or a stack (--stack)."
        )
    return fail(answer.why, "Is --url the stack's ApiUrl, and is the stack deployed?")


def _certificate(answer: Answer, readings: Readings) -> Judgement:
    if answer.certificate_ends is None:
        return ok("plain HTTP, on this machine alone")
    left = answer.certificate_ends - readings.now
    seen = f"ends {day(answer.certificate_ends)}, in {left // DAY} days"
    todo = "Renew it in ACM: mend its DNS record of validation, or import the new one."
    if left < URGENT:
        return fail(seen, todo)
    return warn(seen, todo) if left < RENEWED else ok(seen)


def _clock(answer: Answer, _: Readings) -> Judgement:
    if answer.date is None:
        return warn("the server tells no date", "Does a proxy stand between? Name the API itself.")
    # The header has whole seconds.
    apart = answer.date + SECOND // 2 - answer.at
    seen = f"this machine is {span(abs(apart))} {'behind' if apart > 0 else 'ahead'}"
    todo = "Set this machine's clock: AWS refuses signatures that are 5 minutes off."
    if abs(apart) > SIGNABLE:
        return fail(seen, todo)
    return warn(seen, todo) if abs(apart) > SKEW else ok("this machine and the server agree")


def _server_clock(at: int, readings: Readings) -> Judgement:
    apart = at - readings.now
    if abs(apart) <= SKEW:
        return ok(f"decisions are made as of {format_time(at // SECOND * SECOND)}")
    seen = f"decisions are made {span(abs(apart))} {'ahead' if apart > 0 else 'behind'}"
    if readings.is_local:
        return warn(seen, "Somebody moved it: POST /_dev/reset sets it back, and forgets all.")
    return fail(seen, "Compare this machine's clock first, then redeploy the functions.")


def _routes(answer: Answer, _: Readings) -> Judgement:
    if answer.routes is None:
        return fail("there is no API document at /openapi.json", "Is --url the stack's ApiUrl?")
    missing, unknown = sorted(ROUTES - answer.routes), sorted(answer.routes - ROUTES)
    if missing:
        return warn(f"it lacks {some(missing)}", "It runs older code than this: deploy.")
    if unknown:
        return warn(f"it also has {some(unknown)}", "It runs newer code: update this command.")
    return ok(f"all {len(ROUTES)} are served")


def _write_key(key: WriteKey, _: Readings) -> Judgement:
    if key.status == 200:
        return ok("accepted")
    if key.status == 503:
        todo = f"See the alarm campaigns-not-refreshed in {MONITORING}."
        return fail("503: no keys could be read lately", todo)
    if key.status >= 500:
        return fail(f"{key.status}: {key.message}", f"See the alarm api-errors in {MONITORING}.")
    todo = "softask keys list shows what holds; softask keys create write makes one."
    return fail(f"{key.status}: {key.message}", todo)


def _zipped(told: Zipped, _: Readings) -> Judgement:
    if told.status == 401:
        return ok("a body of application/json may be gzipped")
    if told.status == 429 or told.status >= 500:
        return Judgement(Verdict.NOT_CHECKED, f"a gzipped body was answered {told.status}")
    seen = f"gzipped bodies of application/json arrive broken ({told.status})"
    todo = "Turn gzip off in SDKs that send it, or let them send application/octet-stream."
    return warn(seen, todo)


# --- what is asked ---


def _campaigns(readings: Readings, _: Readings) -> Judgement:
    campaigns = readings.campaigns
    if not isinstance(campaigns, Unread):
        return _live(campaigns, readings)
    if not campaigns.is_fault:
        return Judgement(Verdict.NOT_CHECKED, campaigns.why)
    todo = f"See the alarm campaigns-not-refreshed in {MONITORING}; {RUNBOOK}, LIVE is gone."
    return fail(f"the server cannot tell them: {campaigns.why}", todo)


def _live(campaigns: Campaigns, readings: Readings) -> Judgement:
    if unreadable := [row.id for row in campaigns.rows if not row.is_readable]:
        todo = f"softask campaigns rollback {unreadable[0]} VERSION, or publish a mended file."
        return fail(f"left out, since its file cannot be read: {some(unreadable)}", todo)
    if campaigns.paused:
        return warn("everything is paused", "softask campaigns resume --all")
    active = [row for row in campaigns.rows if row.status == "active"]
    at = readings.now if isinstance(readings.server_at, Unread) else readings.server_at
    running = [row for row in active if row.ends_at is None or row.ends_at > at]
    paused = [f"{row.id} is paused" for row in campaigns.rows if row.status == "paused"]
    if paused:
        return warn(some(paused), "softask campaigns resume ID, if it was meant to be short.")
    if not running:
        states = ", ".join(f"{row.id} is {row.status}" for row in campaigns.rows) or "there is none"
        if active:
            states = f"the schedule of {some([row.id for row in active])} is over"
        return fail(f"nobody is asked: {states}", "softask campaigns publish, or resume")
    soon = [row for row in running if row.ends_at is not None and row.ends_at - at < URGENT]
    if soon:
        first = min(soon, key=lambda row: row.ends_at or 0)
        todo = f"softask campaigns show {first.id} --yaml; publish it with a later ends_at."
        return warn(f"{first.id} ends {day(first.ends_at or 0)}", todo)
    return ok(f"{count(running, 'runs', 'run')}: {some([row.id for row in running])}")


def _revision(changed: int, readings: Readings) -> Judgement:
    campaigns = readings.campaigns
    if isinstance(campaigns, Unread):
        return Judgement(Verdict.NOT_CHECKED, campaigns.why)
    live = campaigns.revision
    if live < changed:
        seen = f"revision {live} is live, and {changed} was made: LIVE was deleted, or is older"
        return fail(seen, f"{RUNBOOK}, LIVE is gone. No change succeeds until then.")
    return ok(f"revision {live} is live, and the newest")


def _refresh(series: Series, readings: Readings) -> Judgement:
    failed = int(total(series, Metric.CAMPAIGNS_NOT_REFRESHED, readings.now - VERY_LATE))
    if failed:
        todo = f"See the alarm campaigns-not-refreshed in {MONITORING}."
        return fail(f"{failed:,} reads of the campaigns failed within the hour", todo)
    return ok("no read of the campaigns failed within the hour")


def _prompts(prompts: Prompts, _: Readings) -> Judgement:
    if prompts.spent == 0:
        return ok("no OS prompt was spent in 7 days")
    share = prompts.unasked / prompts.spent
    seen = f"{prompts.unasked:,} of {prompts.spent:,} OS prompts in 7 days were the app's own"
    if prompts.unasked == 0:
        return ok(seen)
    todo = (
        "An app prompts by itself: remove requestAuthorization, requestPermissions and their kin"
        " (README, Integrate the app). Old versions of the app go on until they are updated."
    )
    told = f"{seen} ({share:.0%})"
    return fail(told, todo) if share > _MANY_UNASKED else warn(told, todo)


# --- what goes on behind it ---


def _deployment(readings: Readings, _: Readings) -> Judgement:
    stack = readings.behind.stack
    if not isinstance(stack, Unread):
        return _stack(stack, readings)
    if not readings.named:
        return Judgement(Verdict.NOT_CHECKED, stack.why)
    seen = f"{readings.named} cannot be read: {stack.why}"
    if stack.says_how:
        return fail(seen, "")
    todo = "Are name, account and region right (--stack, --profile, --region)? May you read it?"
    return fail(seen, todo)


def _stack(stack: Stack, readings: Readings) -> Judgement:
    if stack.url and stack.url.rstrip("/") != readings.url:
        todo = "Are --url and --stack of the same stage? A name of your own in front is fine."
        return warn(f"{stack.name} answers at {stack.url}", todo)
    if "FAILED" in stack.status:
        todo = f"CloudFormation's events of the stack say why; {RUNBOOK}, Roll back."
        return fail(f"{stack.name} is {stack.status}", todo)
    if "ROLLBACK" in stack.status:
        todo = f"The last deployment was taken back: {RUNBOOK}, Roll back."
        return warn(f"{stack.name} is {stack.status}", todo)
    return ok(f"{stack.name} is {stack.status}")


def _alarms(alarms: Sequence[Alarm], _: Readings) -> Judgement:
    if ringing := sorted(each.name for each in alarms if each.state == "ALARM"):
        return fail(f"ringing: {', '.join(ringing)}", f"{MONITORING} has each by its name.")
    if not alarms:
        return fail("the stack has none", "Is --stack the one of Softask? Else deploy again.")
    if muted := sorted(each.name for each in alarms if not each.tells):
        return warn(f"tell nobody: {some(muted)}", "aws cloudwatch enable-alarm-actions")
    return ok(f"none of {len(alarms)} rings")


def _functions(functions: Sequence[Function], _: Readings) -> Judgement:
    if stopped := [each.name for each in functions if each.is_stopped]:
        todo = f"Once its cause is mended: {RUNBOOK}, Stopping everything."
        return fail(f"stopped by hand, and answer nobody: {some(stopped)}", todo)
    if len(functions) < _FUNCTIONS:
        seen = f"the stack has {len(functions)} of {_FUNCTIONS}"
        return fail(seen, "Is --stack the one of Softask? Else deploy again.")
    return ok("none is stopped")


def _sweep(series: Series, readings: Readings) -> Judgement:
    since = readings.now - VERY_LATE
    lags = [value for at, value in series.get(Metric.SWEEP_LAG, ()) if at >= since - SWEEP_EVERY]
    todo = f"See the alarm sweep-lag in {MONITORING}. Users are asked in time all the same."
    if not lags:
        return fail("no run came to its end within the hour", todo)
    late = int(max(lags)) * SECOND
    seen = f"windows were at most {span(late)} late"
    return fail(seen, todo) if late > VERY_LATE else ok(seen)


def _ledger(series: Series, readings: Readings) -> Judgement:
    since = readings.now - VERY_LATE
    lags = [value for at, value in series.get(Metric.LEDGER_LAG, ()) if at >= since]
    failing = int(total(series, Metric.FAILED_RECORDS, since))
    if failing:
        todo = f"See the alarm ledger-failing in {MONITORING}."
        return fail(f"records failed {failing:,} times within the hour", todo)
    if not lags:
        return ok("no facts were written within the hour")
    late = int(max(lags)) * SECOND
    seen = f"facts were at most {span(late)} late"
    return warn(seen, f"See the alarm ledger-lag in {MONITORING}.") if late > LATE else ok(seen)


def _dead_letters(waiting: int, _: Readings) -> Judgement:
    if waiting == 0:
        return ok("none")
    return fail(
        f"{waiting:,}: the schedule could not start the sweep", _alarm("sweep-dead-letters")
    )


def _kept(objects: int, _: Readings) -> Judgement:
    if objects == 0:
        return ok("none are put aside")
    seen = (
        f"{objects:,}{' or more' if objects >= 1_000 else ''} are put aside; they expire in 30 days"
    )
    return fail(seen, f"Mend the cause, then softask ledger replay ({_alarm('ledger-kept')})")


def _tables(tables: Sequence[Table], _: Readings) -> Judgement:
    if len(tables) < _TABLES:
        seen = f"the stack's outputs name {len(tables)} of {_TABLES}"
        return fail(seen, "Is --stack the one of Softask? Else deploy again.")
    if open_ := [each.name for each in tables if not each.restorable]:
        todo = "aws dynamodb update-continuous-backups, and see who turned it off."
        return fail(f"no point-in-time recovery: {some(open_)}", todo)
    if open_ := [each.name for each in tables if not each.protected]:
        todo = "A stage that matters has keepData, and with it protection."
        return warn(f"may be deleted by one call: {some(open_)}", todo)
    return ok(f"{len(tables)}, restorable and protected")


def _alarm(name: str) -> str:
    return f"{MONITORING}, {name}"


CHECKS: tuple[Check, ...] = (
    Check("reachable", lambda readings: readings, _reachable),
    Check("certificate", attrgetter("answer"), _certificate),
    Check("clock", attrgetter("answer"), _clock),
    Check("server's clock", attrgetter("server_at"), _server_clock),
    Check("routes", attrgetter("answer"), _routes),
    Check("write key", attrgetter("write_key"), _write_key),
    Check("gzip", attrgetter("zipped"), _zipped),
    Check("tokens", attrgetter("keys"), of_keys.tokens),
    Check("keys", attrgetter("keys"), of_keys.keys),
    Check("refused tokens", attrgetter("behind.series"), of_keys.refused_tokens),
    Check("campaigns", lambda readings: readings, _campaigns),
    Check("revision", attrgetter("behind.changed"), _revision),
    Check("refresh", attrgetter("behind.series"), _refresh),
    Check("OS prompts", attrgetter("prompts"), _prompts),
    Check("deployment", lambda readings: readings, _deployment),
    Check("alarms", attrgetter("behind.alarms"), _alarms),
    Check("functions", attrgetter("behind.functions"), _functions),
    Check("sweep", attrgetter("behind.series"), _sweep),
    Check("ledger", attrgetter("behind.series"), _ledger),
    Check("dead letters", attrgetter("behind.dead_letters"), _dead_letters),
    Check("failed records", attrgetter("behind.kept"), _kept),
    Check("tables", attrgetter("behind.tables"), _tables),
)
