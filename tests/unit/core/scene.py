"""One user's phone calls against the pure core: who plays a test's story, step by step.

Everything stands on a clock of its own, which starts at `START` and moves only when told.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from cli.campaigns import read_package
from functions.core.campaign import (
    CampaignFile,
    Package,
    Published,
    SettingsFile,
    parse_campaign,
    parse_settings,
)
from functions.core.compiled import Campaigns
from functions.core.compiling import compile_all, compile_package
from functions.core.decision import decide, new_profile
from functions.core.model import (
    Message,
    OpenDeeplink,
    Outcome,
    Profile,
    Progress,
    RequestOsPermission,
    Snapshot,
    User,
    Withdraw,
)
from functions.core.recent import fingerprint
from functions.core.verdict import Decision

ROOT = Path(__file__).parents[3]

START = 1_790_000_000_000
"""A day in September 2026."""

CAMPAIGN = "push-softask"
VALUE = "ValueMomentReached"
USER = User("user", "u1")
NEVER_ASKED = Snapshot(status="notDetermined", prompts_used=0)

Offered = OpenDeeplink | RequestOsPermission

OUTCOMES = {outcome: f"PushSoftAsk{outcome.capitalize()}" for outcome in Outcome}


@cache
def shipped_package() -> Package:
    """The campaigns that ship, read as the build reads them."""
    return read_package(ROOT / "campaigns")


@cache
def shipped() -> Campaigns:
    """The campaigns that ship, compiled as the functions compile them."""
    return compile_package(shipped_package())


def shipped_file(**changes: Any) -> CampaignFile:
    """The shipped campaign's file, with other values under some of its top keys."""
    [file] = shipped_package().campaigns
    return parse_campaign({**msgspec.to_builtins(file), **changes})


def settings_with(**changes: Any) -> SettingsFile:
    """The shipped settings, with other values under some keys."""
    return parse_settings({**msgspec.to_builtins(shipped_package().settings), **changes})


def campaigns_of(*files: CampaignFile, settings: Mapping[str, Any] | None = None) -> Campaigns:
    """Those campaign files, under the shipped settings with some changes."""
    return compile_all(settings_with(**(settings or {})), [Published(file) for file in files])


class Scene:
    """A user's profile, the clock, and the messages that reach the core."""

    def __init__(self, campaigns: Campaigns | None = None, user: User = USER) -> None:
        self.campaigns = campaigns or shipped()
        self.now = START
        self.user = user
        self.profile = new_profile(user, START)
        self.decision: Decision | None = None
        self._sent = 0

    def wait(self, span: int) -> None:
        """Moves the clock."""
        self.now += span

    def message(self, **fields: Any) -> Message:
        """A message that happens now, on the phone, unless `fields` say otherwise."""
        self._sent += 1
        usual = {
            "id": f"m{self._sent}",
            "content": fingerprint(repr(sorted(fields.items(), key=str)).encode()),
            "kind": "track",
            "user": self.user,
            "at": self.now,
            "device": "phone",
            "platform": "ios",
        }
        return Message(**{**usual, **fields})

    def send(self, message: Message) -> Decision:
        """Decides, and keeps the profile."""
        self.decision = decide(self.profile, message, self.campaigns, self.now)
        self.profile = self.decision.profile
        return self.decision

    def track(self, event: str, **fields: Any) -> Decision:
        """A tracked event."""
        return self.send(self.message(event=event, **fields))

    def value(self, **fields: Any) -> Decision:
        """A value moment, with the snapshot of a phone that was never asked."""
        return self.track(VALUE, **{"push": NEVER_ASKED, **fields})

    def report(self, outcome: Outcome, offer: Offered | None = None, **fields: Any) -> Decision:
        """An outcome of that offer; without one, of none by name."""
        named = {} if offer is None else {"offer_id": offer.offer_id}
        return self.track(OUTCOMES[outcome], **{**named, **fields})

    def identify(self, traits: Mapping[str, Any] | None = None, **fields: Any) -> Decision:
        """Traits, or a told decline (`declined_at`)."""
        return self.send(self.message(kind="identify", traits=traits or {}, **fields))

    def offered(self, **fields: Any) -> OpenDeeplink:
        """The offer that a value moment must bring."""
        return offer_of(self.value(**fields))

    @property
    def progress(self) -> Progress:
        """The user's way through the shipped campaign."""
        return self.profile.progress[CAMPAIGN]


def offered_in(decision: Decision) -> list[Offered]:
    """What the decision offers, popup or direct prompt: one or none."""
    return [action for action in decision.actions if not isinstance(action, Withdraw)]


def offer_of(decision: Decision) -> OpenDeeplink:
    """The one offer among a decision's actions."""
    [offer] = [action for action in decision.actions if isinstance(action, OpenDeeplink)]
    return offer


def settled_state(profile: Profile) -> Profile:
    """The profile without what depends on how many messages told it, and when they came."""
    known = profile.devices.items()
    devices = {id_: replace(device, seen_at=0, prompts=0) for id_, device in known}
    progress = {id_: replace(each, opted_in=False) for id_, each in profile.progress.items()}
    return replace(profile, recent=b"", seen_at=0, devices=devices, progress=progress)
