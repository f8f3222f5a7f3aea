"""Campaigns: immutable versions, and the one `LIVE` item that says which of them serve."""

from dataclasses import dataclass, replace

import msgspec
from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from functions.core.campaign import (
    CampaignFile,
    Campaigns,
    Package,
    Published,
    SettingsFile,
    compile_all,
    compile_package,
)
from functions.core.errors import CampaignError
from functions.core.model import SECOND
from functions.store import connection

LIVE = "LIVE"
REFRESH_EVERY = 20 * SECOND
STALE_AFTER = 30 * SECOND
RETRY_EVERY = 1 * SECOND


class CampaignItem(Model):
    """`body`: a `CampaignFile` as JSON, or, under `LIVE` and version 0, a `LiveSet`."""

    class Meta(connection.Connection):
        table_name = connection.ENVIRONMENT.campaigns_table

    campaign = UnicodeAttribute(hash_key=True)
    version = NumberAttribute(range_key=True)
    body = BinaryAttribute(legacy_encoding=False)


_UNREADABLE = (
    connection.Unavailable,
    CampaignItem.DoesNotExist,
    CampaignError,
    msgspec.DecodeError,
)
"""What a refresh survives: what was read before goes on serving, until it is too old."""


class LiveSet(msgspec.Struct, frozen=True, kw_only=True):
    """What is live: versions by campaign id, the settings, SHA-256 of the write keys."""

    versions: dict[str, int]
    settings: SettingsFile
    write_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Live:
    """What a function works with until the next refresh."""

    campaigns: Campaigns
    write_keys: tuple[str, ...]
    problem: str | None = None
    """Why the read that was just tried failed, to be logged."""


class LiveCampaigns:
    """The live campaigns, read once per 20 s of wall time; the packaged ones where none are.

    After 30 s without a successful read the campaigns are stale: they grant nothing.
    """

    def __init__(self, package: Package, write_keys: tuple[str, ...]) -> None:
        self._packaged = Live(compile_package(package), write_keys)
        self._files: dict[tuple[str, int], CampaignFile] = {}
        self.forget()

    def forget(self) -> None:
        """Drops what was read: after a snapshot was restored, nobody knows how old it is."""
        self._live = self._packaged
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
        return replace(self._live, campaigns=self._live.campaigns.stale(), problem=problem)

    def _refresh(self, now: int) -> str | None:
        self._tried_at = now
        try:
            self._live = self._read()
        except _UNREADABLE as error:
            return f"{type(error).__name__}: {error}"
        self._read_at = now
        return None

    def _read(self) -> Live:
        with connection.translated_errors():
            try:
                item = CampaignItem.get(LIVE, 0)
            except CampaignItem.DoesNotExist:
                return self._packaged
            live = msgspec.json.decode(item.body, type=LiveSet)
            published = [
                Published(self._file(campaign, version), version)
                for campaign, version in live.versions.items()
            ]
        return Live(compile_all(live.settings, published), live.write_keys)

    def _file(self, campaign: str, version: int) -> CampaignFile:
        """A version never changes, so it is read once."""
        if (campaign, version) not in self._files:
            item = CampaignItem.get(campaign, version)
            self._files[campaign, version] = msgspec.json.decode(item.body, type=CampaignFile)
        return self._files[campaign, version]


def _within(limit: int, at: int | None, now: int) -> bool:
    """Whether `at` is less than `limit` ago; a clock that went back means: no."""
    return at is not None and 0 <= now - at < limit
