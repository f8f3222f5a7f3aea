"""The checks of who may call: keys, and what is done about tokens."""

from collections.abc import Iterable, Sequence

from cli.doctor.readings import Key, Keys, Readings, Series
from cli.doctor.verdicts import MONITORING, URGENT, Judgement, count, fail, ok, some, total, warn
from functions.core.model import DAY
from functions.core.moments import format_time
from functions.metrics import Metric

_MOST_REFUSED = 0.01

_NEXT = {
    "write": "softask keys create write; release the app with it.",
    "server": "softask keys create server; give it to your servers.",
    "user": "softask keys create user --new-key-file FILE --issuer NAME; give it to your backend.",
    "device": "softask keys create device; nothing else is to be done.",
}
_VERIFYING = {"user": "logged-in users", "device": "anonymous installs"}
"""Whose tokens a key of each use verifies. A server's key lets no app in."""

_REFUSING = ("write", "server")
"""Without these somebody is refused, whatever is done about tokens."""


def tokens(told: Keys, readings: Readings) -> Judgement:
    """What the stage does about them."""
    mode = told.auth
    if mode == "enforce":
        return ok("enforce: nobody speaks for a user without a token")
    if readings.is_local:
        return ok(f"{mode}, as a dev server may")
    seen = f"{mode}: whoever has the write key may speak for every user"
    if mode == "observe":
        stage = readings.stage or "STAGE"
        todo = f"When few are refused: enforce, by stages.{stage}.auth in cdk.json, then"
        return warn(seen, f"{todo} cdk deploy -c stage={stage}.")
    return warn(seen, "docs/authentication.md, From off to enforce.")


def keys(told: Keys, readings: Readings) -> Judgement:
    """Whether each use has a key that holds, and goes on holding."""
    known = [key for key in told.keys if key.use in _NEXT]
    holding = [key for key in known if _end(key) > readings.now]
    uses = {key.use for key in holding}
    enforces = told.auth == "enforce"
    if "write" not in uses:
        return fail("no write key holds: every app is refused", _NEXT["write"])
    if enforces and uses.isdisjoint(_VERIFYING):
        seen = "tokens are asked for, and no key verifies an app's: every call of one is 401"
        return fail(seen, f"{_NEXT['user']} For anonymous installs: {_NEXT['device']}")
    if ending := sorted(uses - {key.use for key in holding if key.ends_at is None}):
        return _all_end(ending, holding, readings.now, enforces)
    seen = f"{count(holding, 'holds', 'hold')}: {', '.join(sorted(uses))}"
    if enforces and (lacking := [use for use in _VERIFYING if use not in uses]):
        return warn(f"{seen}; {_VERIFYING[lacking[0]]} are refused", _NEXT[lacking[0]])
    soon = [key.id for key in holding if _end(key) - readings.now < URGENT]
    return _beside(seen, soon, len(told.keys) - len(known))


def _all_end(uses: Iterable[str], holding: Sequence[Key], now: int, enforces: bool) -> Judgement:
    """Whoever needs the last key of a use is refused then."""
    lasts = [max((key for key in holding if key.use == use), key=_end) for use in uses]
    last = min(lasts, key=_end)
    use = last.use
    seen = f"every {use} key ends, {last.id} at {format_time(last.ends_at or 0)}"
    urgent = _end(last) - now < URGENT and (enforces or use in _REFUSING)
    return fail(seen, _NEXT[use]) if urgent else warn(seen, _NEXT[use])


def _beside(seen: str, soon: Sequence[str], strange: int) -> Judgement:
    """Where every use has a key that lasts; strange: how many keys newer code made."""
    if strange:
        told = f"{seen}; {strange} of newer code let nobody in"
        return warn(told, "Deploy the newer code again.")
    if soon:
        todo = "Nothing, if its overlap was meant: see who still comes with it."
        return warn(f"{some(soon)} {'ends' if len(soon) == 1 else 'end'} within 7 days", todo)
    return ok(seen)


def refused_tokens(series: Series, readings: Readings) -> Judgement:
    """As a share of what mattered, for a day."""
    refused = int(total(series, Metric.TOKEN_REFUSED, readings.now - DAY))
    of = int(total(series, Metric.DECIDED, readings.now - DAY))
    seen = f"{refused:,} refused in a day, {of:,} messages mattered"
    if refused == 0 or refused <= _MOST_REFUSED * of:
        return ok(seen)
    return warn(seen, f"Count their causes in track's log: see tokens-refused in {MONITORING}.")


def _end(key: Key) -> float:
    return float("inf") if key.ends_at is None else key.ends_at
