"""What serves of a live set: its campaigns compiled, and what is wrong with those left out."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from functions.core.campaign import Published, Status
from functions.core.compiled import Campaign, Campaigns
from functions.core.compiling import check_settings, compile_campaign, recorder
from functions.core.errors import CampaignError
from functions.store.campaigns import LiveSet, Versions


@dataclass(frozen=True, slots=True)
class Compiled:
    """What serves of a live set at a moment, and what is wrong with what was left out.

    ends_at: when the next replaced version is done with; then it has to be compiled anew.
    """

    campaigns: Campaigns
    problems: tuple[str, ...] = ()
    ends_at: float = math.inf


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
    return Compiled(campaigns, tuple(problems), _next_end(live, now))


_Wanted = tuple[str, int | None, Status | None]


def _previous(live: LiveSet, now: int) -> Iterator[_Wanted]:
    for campaign, entry in live.campaigns.items():
        for version, until in entry.previous.items():
            if until > now:
                yield campaign, version, entry.status


def _next_end(live: LiveSet, now: int) -> float:
    """When the next replaced version is done with."""
    ends = [end for entry in live.campaigns.values() for end in entry.previous.values()]
    return min((end for end in ends if end > now), default=math.inf)


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
