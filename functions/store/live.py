"""The cache of what is live: how old it may be, and what a read that fails means."""

from dataclasses import dataclass, replace

from functions.core.campaign import Package
from functions.core.compiled import Campaigns
from functions.core.compiling import compile_package
from functions.core.errors import CampaignError
from functions.core.model import MINUTE, SECOND
from functions.store.access import Keys, deployed, known, understood
from functions.store.campaigns import (
    LiveUnusable,
    Versions,
    check_follows,
    check_newest,
    decode_access,
    decode_live,
    read_live,
)
from functions.store.connection import Unavailable
from functions.store.serving import Compiled, compile_live

REFRESH_EVERY = 20 * SECOND
STALE_AFTER = 30 * SECOND
RETRY_EVERY = 1 * SECOND
KEYS_HOLD = 60 * MINUTE
"""For how long the keys that were last read let anybody in, where they cannot be read anew."""

_UNREADABLE = (Unavailable, CampaignError, LiveUnusable)
"""What a refresh survives: what was read before goes on serving, until it is too old."""


@dataclass(frozen=True, slots=True)
class Live:
    """What a function works with until the next refresh."""

    campaigns: Campaigns
    keys: Keys | None
    """None: none were read lately enough to let anybody in by them, or to refuse anybody."""
    problem: str | None = None
    """Why the read that was just tried failed, or left a campaign out; to be logged."""


@dataclass(frozen=True, slots=True)
class _Callers:
    """Who may call, of which revision, and when it was read; nothing was before the first read."""

    keys: Keys | None = None
    revision: int | None = None
    read_at: int | None = None


@dataclass(frozen=True, slots=True)
class _Serving:
    """What serves, and the body of the `LIVE` that it came from: None for the packaged ones."""

    compiled: Compiled
    body: bytes | None = None

    def is_of(self, body: bytes, now: int) -> bool:
        """Whether that body need not be compiled; what was left out may be mended meanwhile."""
        is_whole = not self.compiled.problems
        return is_whole and body == self.body and now < self.compiled.ends_at


class LiveCampaigns:
    """The live campaigns, read once per 20 s of wall time; the packaged ones where none are.

    After 30 s without a successful read the campaigns are stale: they grant nothing. The access
    keys go an hour without one, and there are none before the first. They are read by themselves:
    a campaign or a setting that cannot be used keeps no revoked key alive.
    """

    def __init__(self, package: Package, write_keys: tuple[str, ...]) -> None:
        self._packaged = _Serving(Compiled(compile_package(package)))
        self._deployed = deployed(write_keys)
        self._versions = Versions()
        self.forget()

    def forget(self) -> None:
        """Drops what was read: after a snapshot was restored, nobody knows how old it is."""
        self._callers = _Callers()
        self._serving = self._packaged
        self._read_at: int | None = None
        self._tried_at: int | None = None

    def at(self, now: int) -> Live:
        """What is live at `now` (milliseconds of wall time)."""
        problem = self._refresh(now) if self._is_due(now) else None
        live = Live(self._serving.compiled.campaigns, self._callers.keys, problem)
        if _within(STALE_AFTER, self._read_at, now):
            return live
        keys = live.keys if _within(KEYS_HOLD, self._callers.read_at, now) else None
        return replace(live, campaigns=live.campaigns.stale(), keys=keys)

    def _is_due(self, now: int) -> bool:
        if _within(REFRESH_EVERY, self._read_at, now):
            return False
        return not _within(RETRY_EVERY, self._tried_at, now)

    def _refresh(self, now: int) -> str | None:
        try:
            self._read(now)
        except _UNREADABLE as error:
            return f"{type(error).__name__}: {error}"
        else:
            self._read_at = now
            return "; ".join(self._serving.compiled.problems) or None
        finally:
            # Only now: who asks while another is reading must not take what is too old.
            self._tried_at = now

    def _read(self, now: int) -> None:
        body = read_live()
        if body is None:
            self._read_packaged(now)
            return
        access = decode_access(body)
        check_follows(access.revision, self._callers.revision)
        keys = known(understood(access.keys), access.write_keys)
        self._callers = _Callers(keys, access.revision, now)
        if not self._serving.is_of(body, now):
            compiled = compile_live(decode_live(body).live, self._versions, now)
            self._serving = _Serving(compiled, body)

    def _read_packaged(self, now: int) -> None:
        """Only where there never was a `LIVE`: one that is gone named keys, and what is paused."""
        if self._serving.body is not None or not _within(STALE_AFTER, self._read_at, now):
            check_newest(0)
        self._callers = _Callers(self._deployed, 0, now)
        self._serving = self._packaged


def _within(limit: int, at: int | None, now: int) -> bool:
    """Whether `at` is less than `limit` ago; a clock that went back means: no."""
    return at is not None and 0 <= now - at < limit
