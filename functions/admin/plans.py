"""What each change makes of the live set; pure, so that it can be planned anew after a conflict."""

import dataclasses
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from functions.core.campaign import CampaignFile, Package, Published, SettingsFile, Status
from functions.core.compiling import check_settings, compile_campaign, compile_outcomes
from functions.core.errors import CampaignError, spell
from functions.core.moments import format_time
from functions.store.campaigns import Change, Entry, LiveSet, Version, Versions
from functions.store.changes import MAX_BODY, What
from functions.store.codec import Surplus
from functions.store.live import STALE_AFTER
from functions.wire.admin import (
    InvalidSettings,
    NotFound,
    NotPaused,
    VersionConflict,
    campaign_refused,
    settings_refused,
)
from functions.wire.errors import InvalidRequest, TooLarge


@dataclass(frozen=True, slots=True)
class State:
    """What is live, and every version's file.

    packaged: to be stored with the first change. surplus: what newer code stored beside `live`.
    """

    live: LiveSet
    versions: Versions
    packaged: tuple[Version, ...] = ()
    surplus: Surplus = dataclasses.field(default_factory=dict)

    def entry(self, campaign: str) -> Entry:
        """Raises `NotFound`."""
        found = self.live.campaigns.get(campaign)
        if found is None:
            raise NotFound(f"There is no campaign {campaign!r}.", "id")
        return found

    def version(self, campaign: str, number: int) -> Version:
        """Raises `NotFound`, or `InvalidCampaign` where this code cannot read it."""
        try:
            found = self.versions.find(campaign, number)
        except CampaignError as error:
            raise campaign_refused(error) from None
        if found is None:
            raise NotFound(f"{campaign} has no version {number}.", "version")
        return found

    def known(self, campaign: str, number: int) -> Version | None:
        """None where it is not stored, or this code cannot read it."""
        try:
            return self.versions.find(campaign, number)
        except CampaignError:
            return None

    def status(self, campaign: str) -> Status:
        """What holds now, a pause included; `draft` where there is nothing else."""
        return self.entry(campaign).status or self.own_status(campaign)

    def own_status(self, campaign: str) -> Status:
        """What the live file says, whatever was said since; `active` where it cannot be read."""
        entry = self.entry(campaign)
        if entry.version is None:
            return "draft"
        version = self.known(campaign, entry.version)
        return version.file.status if version else "active"


def shown_version(entry: Entry) -> int:
    """The live one, else the draft."""
    if entry.version is not None:
        return entry.version
    return entry.newest if entry.draft is None else entry.draft


def packaged_versions(package: Package) -> tuple[Version, ...]:
    """The package's campaigns, as version 0."""
    return tuple(Version(number=0, file=file) for file in package.campaigns)


@dataclass(frozen=True, slots=True)
class Step:
    """One change: what it makes live, under the old revision still, and the file that is new.

    Where there is nothing to change, `live` is as it was. version, status: of the campaign that
    is changed; settings and keys have neither. key: the id of the one that is made or revoked.
    warnings: what whoever makes the change should know.
    """

    what: What
    live: LiveSet
    campaign: str | None = None
    version: int = 0
    status: Status = "active"
    file: CampaignFile | None = None
    key: str | None = None
    warnings: tuple[str, ...] = ()


def publish(state: State, file: CampaignFile, expected: int | None, now: int) -> Step:
    """The file as the campaign's next version: a draft beside the live one, or live."""
    before = state.live.campaigns.get(file.id)
    _check_newest(state, file.id, before, expected)
    number = before.newest + 1 if before else 1
    _check_file(state, file, number)
    if file.status == "draft":
        entry = before or Entry(version=None, newest=0)
        after = replace(entry, newest=number, draft=number)
        step = _step("draft", state, file.id, after, "draft")
    else:
        is_paused = before is not None and before.status == "paused"
        after = replace(_live(state, file, number, is_paused, now), newest=number, draft=None)
        step = _step("publish", state, file.id, after, after.status or file.status)
    return dataclasses.replace(step, version=number, file=file)


def pause(state: State, campaign: str, change: Change) -> Step:
    """Pauses what is active, and leaves alone what shows nothing anyway."""
    entry, status = state.entry(campaign), state.status(campaign)
    if status != "active":
        return _step("pause", state, campaign, entry, status)
    paused = replace(entry, status="paused", status_change=change)
    return _step("pause", state, campaign, paused, "paused")


def resume(state: State, campaign: str, change: Change) -> Step:
    """Ends a pause, also one that the file says."""
    entry, status = state.entry(campaign), state.status(campaign)
    if status == "active":
        return _step("resume", state, campaign, entry, status)
    if status != "paused":
        raise NotPaused(f"{campaign} is not paused; its status is {status}.", "id")
    own = state.own_status(campaign)
    said: Status | None = "active" if own == "paused" else None
    resumed = replace(entry, status=said, status_change=change)
    return _step("resume", state, campaign, resumed, said or own)


def rollback(state: State, campaign: str, number: int, expected: int | None, now: int) -> Step:
    """The live pointer goes to another version; what is paused stays so."""
    entry = state.entry(campaign)
    if expected != entry.version:
        problem = f"The live version of {campaign} is {_spelled(entry.version)}."
        raise VersionConflict(problem, "expectedVersion")
    file = state.version(campaign, number).file
    if file.status == "draft":
        problem = f"Version {number} is a draft: publish it with another status."
        raise InvalidRequest(problem, "version")
    _check_file(state, file, number)
    status = state.status(campaign)
    if number == entry.version:
        return _step("rollback", state, campaign, entry, status)
    after = _live(state, file, number, status == "paused", now)
    return _step("rollback", state, campaign, after, after.status or file.status)


def _check_file(state: State, file: CampaignFile, number: int) -> None:
    """Raises `WireError` for a file that cannot be used under today's settings, or be stored."""
    try:
        compile_campaign(Published(file, number), state.live.settings)
    except CampaignError as error:
        raise campaign_refused(error) from None
    if len(msgspec.json.encode(file)) > MAX_BODY:
        raise TooLarge(f"A campaign has at most {MAX_BODY} bytes.", "campaign")


def change_settings(state: State, settings: SettingsFile, expected: int, change: Change) -> Step:
    """Other settings, under which every live campaign and draft still compiles."""
    if expected != state.live.revision:
        problem = f"The revision is {state.live.revision} by now; read the settings again."
        raise VersionConflict(problem, "expectedRevision")
    try:
        check_settings(settings)
    except CampaignError as error:
        raise settings_refused(error) from None
    for campaign, entry in state.live.campaigns.items():
        for number in (entry.version, entry.draft):
            if number is not None:
                _check_under(settings, state, campaign, number)
    if settings == state.live.settings:
        return Step("settings", state.live)
    return Step("settings", replace(state.live, settings=settings, changed=change))


def _check_under(settings: SettingsFile, state: State, campaign: str, number: int) -> None:
    """What cannot be compiled as it is, these settings do not break."""
    version = state.known(campaign, number)
    if version is None or _life(version, state.live.settings) is None:
        return
    try:
        compile_campaign(Published(version.file, number), settings)
    except CampaignError as error:
        place = f"{spell(error.place)}: " if error.place else ""
        problem = f"{campaign} (version {number}) could not be used under them: {place}"
        raise InvalidSettings(problem + error.problem, "settings") from None


def _check_newest(state: State, campaign: str, entry: Entry | None, expected: int | None) -> None:
    newest = entry.newest if entry else None
    if expected == newest:
        return
    if newest is None:
        problem = f"There is no campaign {campaign} yet: say null to create it."
        raise VersionConflict(problem, "expectedVersion")
    version = state.known(campaign, newest)
    by = _by(version.change) if version and version.change else ""
    problem = (
        f"You expected version {_spelled(expected)} of {campaign}; the newest is {newest}{by}."
    )
    raise VersionConflict(problem, "expectedVersion")


def _by(change: Change) -> str:
    return f", published by {change.by} at {format_time(change.at)}"


def _spelled(version: int | None) -> str:
    return "null" if version is None else str(version)


def _live(state: State, file: CampaignFile, number: int, is_paused: bool, now: int) -> Entry:
    """The entry with that version live. A pause is not lifted by a file that says active."""
    entry = state.live.campaigns.get(file.id) or Entry(version=None, newest=0)
    open_still = {version: end for version, end in entry.previous.items() if end > now}
    open_still.pop(number, None)
    outcomes = dict(entry.outcomes)
    if entry.version is not None and entry.version != number:
        replaced = state.known(file.id, entry.version)
        outcomes |= compile_outcomes(replaced.file.outcomes) if replaced else {}
        life = _life(replaced, state.live.settings) if replaced else None
        if life is not None:
            # Until they refresh, functions grant offers of it.
            open_still[entry.version] = now + STALE_AFTER + life
    stays_paused = is_paused and file.status == "active"
    meant = compile_outcomes(file.outcomes)
    return replace(
        entry,
        version=number,
        status="paused" if stays_paused else None,
        status_change=entry.status_change if stays_paused else None,
        previous=open_still,
        # A phone may report weeks later, by the names that its app was built with.
        outcomes={event: outcome for event, outcome in outcomes.items() if event not in meant},
    )


def _life(version: Version, settings: SettingsFile) -> int | None:
    """How long an offer of it may be open; None where it cannot be compiled."""
    try:
        return compile_campaign(Published(version.file, version.number), settings).longest_life
    except CampaignError:
        return None


def _step(what: What, state: State, campaign: str, entry: Entry, status: Status) -> Step:
    live = replace(state.live, campaigns={**state.live.campaigns, campaign: entry})
    return Step(what, live, campaign, shown_version(entry), status)
