"""Campaigns: immutable versions, and the one `LIVE` item that says which of them serve."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import AttributeDeserializationError
from pynamodb.models import Model

from functions.core.campaign import CampaignFile, OutcomeNames, Package, SettingsFile, Status
from functions.core.errors import CampaignError
from functions.core.model import Outcome
from functions.store import connection
from functions.store.access import Keys, understood

LIVE = "LIVE"
CHANGES = "CHANGES"
"""The hash key of what each revision changed; no campaign's id has capitals."""

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


class Access(msgspec.Struct, frozen=True):
    """Of a stored `LiveSet`, who may call. The keys are as they are stored, each by itself: newer
    code may have made some that this code does not know."""

    revision: int
    write_keys: tuple[str, ...]
    keys: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Decoded:
    """strangers: keys that newer code made, as they are stored. `live` does without them."""

    live: LiveSet
    strangers: Mapping[str, Any]


def decode_access(body: bytes) -> Access:
    """Raises `LiveUnusable`."""
    return _decoded(body, Access)


def decode_live(body: bytes) -> Decoded:
    """Raises `LiveUnusable`."""
    stored = _decoded(body, dict[str, Any])
    entries = decode_access(body).keys
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


def check_follows(revision: int, before: int | None) -> None:
    """Raises `LiveUnusable` if a later revision was made than what is read now.

    before: the revision that was read before; None where none was, and the records alone tell.
    """
    if before is not None and revision < before:
        raise _older(revision)
    if revision != before:
        check_newest(revision)


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
    if decode_access(body).revision <= revision:
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
