"""Campaigns: immutable versions, and the one `LIVE` item that says which of them serve."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec
from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import AttributeDeserializationError
from pynamodb.models import Model

from functions.core.campaign import (
    CampaignFile,
    OutcomeNames,
    Package,
    Published,
    SettingsFile,
    Status,
)
from functions.core.compiled import Campaign, Campaigns
from functions.core.compiling import check_settings, compile_campaign, compile_package, recorder
from functions.core.errors import CampaignError
from functions.core.model import MINUTE, SECOND, Outcome
from functions.store import connection
from functions.store.access import Keys, deployed, known, understood

LIVE = "LIVE"
CHANGES = "CHANGES"
"""The hash key of what each revision changed; no campaign's id has capitals."""

REFRESH_EVERY = 20 * SECOND
STALE_AFTER = 30 * SECOND
RETRY_EVERY = 1 * SECOND
KEYS_HOLD = 60 * MINUTE
"""For how long the keys that were last read let anybody in, where they cannot be read anew."""

T = TypeVar("T")


class CampaignItem(Model):
    """`body`: a `CampaignFile` as JSON, or, under `LIVE` and version 0, a `LiveSet`.

    What a list of versions shows stands beside it. `revision` belongs to `LIVE`, and is the
    condition of every change; `CHANGES` holds what each revision changed, by whom and why.
    """

    class Meta(connection.Connection):
        table_name = connection.ENVIRONMENT.campaigns_table

    campaign = UnicodeAttribute(hash_key=True)
    version = NumberAttribute(range_key=True)
    body = BinaryAttribute(legacy_encoding=False)
    status = UnicodeAttribute(null=True)
    published_at = NumberAttribute(null=True)
    published_by = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    revision = NumberAttribute(null=True)


class LiveUnusable(Exception):
    """`LIVE` cannot be read, is gone, or is older than the changes that were made."""


_UNREADABLE = (connection.Unavailable, CampaignError, LiveUnusable)
"""What a refresh survives: what was read before goes on serving, until it is too old."""

_MEND = "put the newest back, as docs/operations.md says"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """When something was changed (milliseconds), by whom, and why."""

    at: int
    by: str
    reason: str | None = None


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a campaign; `change` is absent where it was packaged."""

    number: int
    file: CampaignFile
    change: Change | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign. `version` is None while there is only a draft; `newest` is the highest stored.

    status: holds instead of the file's own, after a pause or the end of one; `status_change` says
    since when, by whom and why.
    previous: versions that were replaced lately, and until when offers of theirs may be open.
    outcomes: what events meant in replaced versions that mean nothing in the live one.
    """

    version: int | None
    newest: int
    status: Status | None = None
    status_change: Change | None = None
    draft: int | None = None
    previous: Mapping[int, int] = {}
    outcomes: Mapping[str, Outcome] = {}


class LiveSet(msgspec.Struct, frozen=True, kw_only=True):
    """What is live. `changed`: when the settings were, last.

    Every change raises `revision` by one.

    keys: all that hold, and those that ended lately (see `access.known`).
    write_keys: SHA-256 of every write key that holds, as older code reads them.
    """

    revision: int
    campaigns: Mapping[str, Entry]
    settings: SettingsFile
    write_keys: tuple[str, ...]
    keys: Keys = {}
    changed: Change | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """What a function works with until the next refresh."""

    campaigns: Campaigns
    keys: Keys | None
    """None: none were read lately enough to let anybody in by them, or to refuse anybody."""
    problem: str | None = None
    """Why the read that was just tried failed, or left a campaign out; to be logged."""


class Versions:
    """Versions by campaign and number, each read once: they never change."""

    def __init__(self, known: Iterable[Version] = ()) -> None:
        self._known = {(version.file.id, version.number): version for version in known}

    def get(self, campaign: str, number: int) -> Version:
        """Raises `CampaignError` for what is not there or cannot be read."""
        found = self.find(campaign, number)
        if found is None:
            raise CampaignError((), f"version {number} of {campaign} is not stored")
        return found

    def find(self, campaign: str, number: int) -> Version | None:
        """None for what is not there; raises `CampaignError` for what cannot be read."""
        if (campaign, number) not in self._known:
            item = read_item(campaign, number)
            if item is None:
                return None
            self._known[campaign, number] = _version(item)
        return self._known[campaign, number]

    def outcomes(self, campaign: str, number: int) -> OutcomeNames:
        """How the app reports outcomes, also for a version that cannot be read otherwise."""
        item = read_item(campaign, number)
        try:
            told = msgspec.json.decode(bytes(item.body) if item else b"{}", type=_Told).outcomes
        except msgspec.DecodeError:
            told = {}
        known = {field.name for field in msgspec.structs.fields(OutcomeNames)}
        return OutcomeNames(**{key: name for key, name in told.items() if key in known})


class _Told(msgspec.Struct, frozen=True):
    outcomes: dict[str, str] = {}


def read_item(campaign: str, version: int) -> CampaignItem | None:
    """One strong read: `LIVE` never names a version that is not seen yet."""
    with connection.translated_errors():
        try:
            return CampaignItem.get(campaign, version, consistent_read=True)
        except CampaignItem.DoesNotExist:
            return None


def read_live() -> bytes | None:
    """The body of `LIVE`, or None where there is none. Raises `LiveUnusable`."""
    try:
        item = read_item(LIVE, 0)
    except AttributeDeserializationError as error:
        raise LiveUnusable(f"LIVE cannot be read ({error}): {_MEND}") from None
    if item is None:
        return None
    if item.body is None:
        raise LiveUnusable(f"LIVE has no body: {_MEND}")
    return bytes(item.body)


@dataclass(frozen=True, slots=True)
class Decoded:
    """strangers: keys that newer code made, as they are stored. `live` does without them."""

    live: LiveSet
    strangers: Mapping[str, Any]


def decode_live(body: bytes) -> Decoded:
    """Raises `LiveUnusable`."""
    stored = _decoded(body, dict[str, Any])
    entries = _decoded(body, _Access).keys
    keys = understood(entries)
    with _told_as_unusable():
        live = msgspec.convert({**stored, "keys": {}}, LiveSet, str_keys=True)
    strangers = {id_: entry for id_, entry in entries.items() if id_ not in keys}
    return Decoded(msgspec.structs.replace(live, keys=keys), strangers)


def _decoded(body: bytes, kind: type[T]) -> T:
    with _told_as_unusable():
        return msgspec.json.decode(body, type=kind)


@contextmanager
def _told_as_unusable() -> Iterator[None]:
    try:
        yield
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LiveUnusable(f"LIVE cannot be read ({error}): {_MEND}") from None


def check_newest(revision: int) -> None:
    """Raises `LiveUnusable` if a later revision was made, and `LIVE` does not have it.

    Somebody deleted `LIVE` then, or put an older one back, which names keys that were revoked and
    campaigns that were not paused yet.
    """
    if read_item(CHANGES, revision + 1) is None:
        return
    # It may have been made after `LIVE` was read.
    body = read_live()
    if body is None:
        raise LiveUnusable(f"LIVE is gone: {_MEND}")
    if _decoded(body, _Access).revision <= revision:
        raise _older(revision)


def _older(revision: int) -> LiveUnusable:
    return LiveUnusable(f"LIVE is of revision {revision}, and was of a later one: {_MEND}")


def packaged_set(package: Package, write_keys: tuple[str, ...]) -> LiveSet:
    """What is live before anything was published: the package, as version 0."""
    return LiveSet(
        revision=0,
        campaigns={file.id: _packaged(file) for file in package.campaigns},
        settings=package.settings,
        write_keys=write_keys,
    )


def _packaged(file: CampaignFile) -> Entry:
    is_draft = file.status == "draft"
    return Entry(version=None if is_draft else 0, newest=0, draft=0 if is_draft else None)


@dataclass(frozen=True, slots=True)
class Compiled:
    """What serves of a live set at a moment, and what is wrong with what was left out."""

    campaigns: Campaigns
    problems: tuple[str, ...]


def compile_live(live: LiveSet, versions: Versions, now: int) -> Compiled:
    """A campaign or draft that cannot be compiled is left out; the others serve.

    Outcomes of a campaign that is left out are still recorded: no decline is ever lost.

    A replaced version that today's settings refuse is left out silently: offers of it are shown
    as the live version would show them. Raises `CampaignError` for the settings themselves.
    """
    check_settings(live.settings)
    problems: list[str] = []
    entries = live.campaigns.items()
    compiling = _Compiling(live, versions)
    serving = compiling.all(((id_, each.version, each.status) for id_, each in entries), problems)
    campaigns = Campaigns(
        live.settings,
        [*serving, *compiling.recorders({campaign.id for campaign in serving})],
        drafts=compiling.all(((id_, each.draft, None) for id_, each in entries), problems),
        previous=compiling.all(_previous(live, now), []),
    )
    return Compiled(campaigns, tuple(problems))


_Wanted = tuple[str, int | None, Status | None]


def _previous(live: LiveSet, now: int) -> Iterator[_Wanted]:
    for campaign, entry in live.campaigns.items():
        for version, until in entry.previous.items():
            if until > now:
                yield campaign, version, entry.status


@dataclass(frozen=True, slots=True)
class _Compiling:
    live: LiveSet
    versions: Versions

    def all(self, wanted: Iterable[_Wanted], problems: list[str]) -> list[Campaign]:
        compiled = []
        for campaign, number, status in wanted:
            if number is None:
                continue
            try:
                file = self.versions.get(campaign, number).file
                earlier = self.live.campaigns[campaign].outcomes
                published = Published(file, number, status, earlier)
                compiled.append(compile_campaign(published, self.live.settings))
            except CampaignError as error:
                problems.append(f"{campaign} (version {number}) is left out: {error}")
        return compiled

    def recorders(self, serving: set[str]) -> Iterator[Campaign]:
        for campaign, entry in self.live.campaigns.items():
            if entry.version is not None and campaign not in serving:
                outcomes = self.versions.outcomes(campaign, entry.version)
                yield recorder(campaign, entry.version, outcomes)


class LiveCampaigns:
    """The live campaigns, read once per 20 s of wall time; the packaged ones where none are.

    After 30 s without a successful read the campaigns are stale: they grant nothing. The access
    keys go an hour without one, and there are none before the first. They are read by themselves:
    a campaign or a setting that cannot be used keeps no revoked key alive.
    """

    def __init__(self, package: Package, write_keys: tuple[str, ...]) -> None:
        self._packaged = compile_package(package)
        self._deployed = deployed(write_keys)
        self._versions = Versions()
        self.forget()

    def forget(self) -> None:
        """Drops what was read: after a snapshot was restored, nobody knows how old it is."""
        self._live = Live(self._packaged, None)
        self._revision: int | None = None
        self._keys_read_at: int | None = None
        self._body: bytes | None = None
        self._problem: str | None = None
        self._holds_until = math.inf
        self._read_at: int | None = None
        self._tried_at: int | None = None

    def at(self, now: int) -> Live:
        """What is live at `now` (milliseconds of wall time)."""
        if _within(REFRESH_EVERY, self._read_at, now):
            return self._live
        problem = None
        if not _within(RETRY_EVERY, self._tried_at, now):
            problem = self._refresh(now)
        if _within(STALE_AFTER, self._read_at, now):
            return replace(self._live, problem=problem)
        keys = self._live.keys if _within(KEYS_HOLD, self._keys_read_at, now) else None
        stale = self._live.campaigns.stale()
        return replace(self._live, campaigns=stale, keys=keys, problem=problem)

    def _refresh(self, now: int) -> str | None:
        try:
            self._read(now)
        except _UNREADABLE as error:
            return f"{type(error).__name__}: {error}"
        else:
            self._read_at = now
            return self._problem
        finally:
            # Only now: who asks while another is reading must not take what is too old.
            self._tried_at = now

    def _read(self, now: int) -> None:
        body = read_live()
        if body is None:
            self._read_packaged(now)
            return
        told = _decoded(body, _Access)
        self._check_revision(told.revision)
        self._take_keys(known(understood(told.keys), told.write_keys), now)
        if body == self._body and now < self._holds_until and self._problem is None:
            return
        live = decode_live(body).live
        compiled = compile_live(live, self._versions, now)
        self._live = replace(self._live, campaigns=compiled.campaigns)
        self._problem = "; ".join(compiled.problems) or None
        self._body, self._holds_until = body, _next_end(live, now)

    def _check_revision(self, revision: int) -> None:
        """Against the one that was read before and, of each that is new here, what is recorded."""
        if self._revision is not None and revision < self._revision:
            raise _older(revision)
        if revision != self._revision:
            check_newest(revision)
        self._revision = revision

    def _read_packaged(self, now: int) -> None:
        """Only where there never was a `LIVE`: one that is gone named keys, and what is paused."""
        if self._body is not None or not _within(STALE_AFTER, self._read_at, now):
            check_newest(0)
        self._revision = 0
        self._take_keys(self._deployed, now)
        self._live = replace(self._live, campaigns=self._packaged)
        self._body, self._holds_until, self._problem = None, math.inf, None

    def _take_keys(self, keys: Keys, now: int) -> None:
        self._live = replace(self._live, keys=keys)
        self._keys_read_at = now


class _Access(msgspec.Struct, frozen=True):
    """Of a stored `LiveSet`, who may call. The keys are as they are stored, each by itself: newer
    code may have made some that this code does not know."""

    revision: int
    write_keys: tuple[str, ...]
    keys: Mapping[str, Any] = {}


def _next_end(live: LiveSet, now: int) -> float:
    """When the next replaced version is done with."""
    ends = [end for entry in live.campaigns.values() for end in entry.previous.values()]
    return min((end for end in ends if end > now), default=math.inf)


def _version(item: CampaignItem) -> Version:
    try:
        file = msgspec.json.decode(bytes(item.body), type=CampaignFile)
    except msgspec.DecodeError as error:
        raise CampaignError((), str(error)) from None
    return Version(number=int(item.version), file=file, change=change_of(item))


def change_of(item: CampaignItem) -> Change | None:
    """Who published a version, when and why; None for a packaged one."""
    if item.published_at is None:
        return None
    by = item.published_by or ""
    return Change(at=int(item.published_at), by=by, reason=item.reason)


def _within(limit: int, at: int | None, now: int) -> bool:
    """Whether `at` is less than `limit` ago; a clock that went back means: no."""
    return at is not None and 0 <= now - at < limit
