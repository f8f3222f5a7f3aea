"""The two sides of a comparison: stored versions of a campaign, or files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.campaigns import CampaignFileError, read_campaign
from cli.canonical import canonical, canonical_campaign
from cli.commands.publishing import live_settings
from cli.commands.target import fail
from cli.remote import Remote, path_of

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Side:
    """What is compared, and how the diff names it."""

    name: str
    file: Json


def sides(
    remote: Remote, campaign: str, before: str | None, after: str | None
) -> tuple[Side, Side]:
    """From what to what, as the command's arguments say it."""
    if before is None:
        return _usual(remote, campaign)
    if after is not None:
        return _side(remote, campaign, before), _side(remote, campaign, after)
    live = _stored(remote, campaign, None)
    if before.isdigit():
        return _side(remote, campaign, before), live
    return live, _side(remote, campaign, before)


def _usual(remote: Remote, campaign: str) -> tuple[Side, Side]:
    live = remote.get(path_of("campaigns", campaign))
    if live["draft"] is not None and live["isLive"]:
        return _named(live), _stored(remote, campaign, live["draft"])
    versions = remote.get(path_of("campaigns", campaign, "versions"), before=live["version"])
    earlier = [version["version"] for version in versions["versions"] if not version["isDraft"]]
    if not earlier:
        fail(f"{campaign} has one version only: name a file to compare it with.")
    return _stored(remote, campaign, earlier[0]), _named(live)


def _side(remote: Remote, campaign: str, word: str) -> Side:
    if word.isdigit():
        return _stored(remote, campaign, int(word))
    try:
        return Side(word, canonical(read_campaign(Path(word), live_settings(remote))))
    except CampaignFileError as error:
        fail(str(error))


def _stored(remote: Remote, campaign: str, version: int | None) -> Side:
    return _named(remote.get(path_of("campaigns", campaign), version=version))


def _named(stored: Json) -> Side:
    name = f"{stored['id']} version {stored['version']} ({_role(stored)})"
    return Side(name, canonical_campaign(stored["campaign"]))


def _role(stored: Json) -> str:
    if stored["isLive"]:
        return "live"
    return "draft" if stored["version"] == stored["draft"] else "not live"
