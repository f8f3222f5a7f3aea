"""What a message makes of a profile while it is decided: the one value here that changes."""

from collections.abc import Mapping

from msgspec.structs import replace

from functions.core import devices, frequency, permission
from functions.core.compiled import Campaigns
from functions.core.eligibility import Situation
from functions.core.facts import Scope
from functions.core.model import (
    Action,
    Device,
    Fact,
    Message,
    Offer,
    OfferState,
    Profile,
    Progress,
    PushStatus,
    Withdraw,
)
from functions.core.reason import Reason
from functions.core.verdict import Verdict


class Draft:
    """The profile as it becomes, and what else the message leads to. Lives within one `decide`.

    given: the profile as it was handed in. before: as it was when the message itself began to
    count, which is another one where it merged an anonymous profile.
    prompted_by: the campaign that led to the OS prompt that the message tells of; empty where the
    app asked by itself, None where it tells of none, or of one that was counted already.
    situations: what the rules of each triggered campaign looked at.
    """

    def __init__(self, profile: Profile, message: Message, campaigns: Campaigns, now: int) -> None:
        self.given = profile
        self.before = profile
        self.profile = profile
        self.message = message
        self.campaigns = campaigns
        self.now = now
        self.prompted_by: str | None = None
        self.actions: list[Action] = []
        self.facts: list[Fact] = []
        self.reasons: list[Verdict] = []
        self.situations: dict[str, Situation] = {}

    # --- how it stands ---

    @property
    def is_test(self) -> bool:
        """Whether it is a test user's, and so kept out of every figure and window."""
        return self.campaigns.is_test(self.profile.user)

    @property
    def device(self) -> Device | None:
        """The acting device, if anything is known of it by now."""
        return self.profile.devices.get(self.message.device)

    @property
    def status(self) -> PushStatus:
        """The acting device's permission."""
        return permission.status_on(self.profile, self.message.device)

    @property
    def platform(self) -> str:
        """The acting device's; empty where none was ever told."""
        known = self.device
        return self.message.platform or (known.platform if known else "")

    def progress(self, campaign_id: str) -> Progress:
        """The user's way through the campaign; the beginning of one where there was none."""
        return self.profile.progress.get(campaign_id) or Progress()

    def scope(self, campaign_id: str) -> Scope:
        """Where a fact counts that holds from here on."""
        return Scope(campaign_id, self.progress(campaign_id), self.platform)

    # --- what changes it ---

    def advance(
        self, campaign_id: str, progress: Progress, reason: Reason = Reason.WITHDRAWN
    ) -> None:
        """Stores the progress, and tells the phone of an offer that it took back."""
        before = self.progress(campaign_id)
        if progress.window and (self.is_test or self._is_closed(campaign_id, progress)):
            progress = replace(progress, window=False)
        if progress == before:
            return
        offer = frequency.open_offer(before, self.now)
        if offer is not None and _is_withdrawn(progress, offer):
            self.actions.append(Withdraw(offer_id=offer.id, reason=reason.word))
        self.profile = replace(
            self.profile, progress={**self.profile.progress, campaign_id: progress}
        )

    def keep(self, device: Device) -> None:
        """The acting device as it is now; beyond the most that are kept, another makes room."""
        kept: Mapping[str, Device] = {**self.profile.devices, self.message.device: device}
        if len(kept) > devices.MAX_DEVICES:
            offered = {offer.device for offer in frequency.open_offers(self.profile, self.now)}
            kept = devices.capped(kept, {self.message.device, *offered})
        self.profile = replace(self.profile, devices=kept)

    def because(self, reason: Reason, campaign: str = "") -> None:
        """campaign: empty where the message itself is judged."""
        self.reasons.append(Verdict(reason, campaign))

    def tell(self, fact: Fact) -> None:
        """What a test user does is no fact."""
        if not self.is_test:
            self.facts.append(fact)

    def _is_closed(self, campaign_id: str, progress: Progress) -> bool:
        """Whether the device that was asked, or else the one that acts, is granted already."""
        campaign = self.campaigns.by_id.get(campaign_id)
        if campaign is not None and campaign.kind == "popup":
            return False
        return permission.is_granted_where_asked(self.profile, progress, self.message.device)


def _is_withdrawn(progress: Progress, offer: Offer) -> bool:
    newest = progress.offer
    return newest is not None and newest.id == offer.id and newest.state is OfferState.WITHDRAWN
