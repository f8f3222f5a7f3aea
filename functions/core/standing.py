"""What stands for a device right now, and how it is answered. Reads only."""

from msgspec.structs import asdict, replace

from functions.core import devices, eligibility, frequency, offers, permission
from functions.core.compiled import Campaign, Campaigns
from functions.core.content import filled, in_locale
from functions.core.deeplinks import is_allowed, with_offer
from functions.core.experiment import DIRECT_PROMPT
from functions.core.model import (
    Action,
    Message,
    Offer,
    OfferState,
    OpenDeeplink,
    Profile,
    Progress,
    PushStatus,
    RequestOsPermission,
    ServedOffer,
    Withdraw,
)
from functions.core.permission import Standing
from functions.core.reason import Reason


def open_actions(
    profile: Profile, message: Message, campaigns: Campaigns, now: int
) -> tuple[Action, ...]:
    """The open offer of the asking user and device, or that it is taken back: one or none.

    `message` carries the asker.
    """
    campaigns = campaigns.seen_by(profile.user)
    for campaign_id, progress in profile.progress.items():
        offer = frequency.open_offer(progress, now)
        if offer is None or offer.device != message.device:
            continue
        refused = _why_not_served(profile, campaign_id, campaigns, now)
        if refused is not None:
            return (Withdraw(offer_id=offer.id, reason=refused.word),)
        campaign = campaigns.granted(campaign_id, offer.version)
        if campaign is None:
            return ()
        refused = _why_refused(profile, message, campaign, offer, campaigns)
        if refused is None:
            return (action_of(campaign, offer, message, profile, campaigns, now),)
    return ()


def check_offer(
    profile: Profile, offer_id: str, message: Message, campaigns: Campaigns, now: int
) -> Action:
    """The offer once more if it still stands for the asking device, or why it does not."""
    campaigns = campaigns.seen_by(profile.user)
    for action in open_actions(profile, message, campaigns, now):
        if action.offer_id == offer_id:
            return action
    reason = _why_not_standing(profile, offer_id, message, campaigns, now)
    return Withdraw(offer_id=offer_id, reason=reason.word)


def route_for(profile: Profile, message: Message) -> permission.Route | None:
    """Where an explicit ask (a preference centre) leads on the device, past caps and windows."""
    return _standing(profile, message).route


def action_of(
    campaign: Campaign,
    offer: Offer,
    message: Message,
    profile: Profile,
    campaigns: Campaigns,
    now: int,
) -> OpenDeeplink | RequestOsPermission:
    """The offer as the asking device receives it, a popup in its locale.

    `campaign` is the version under which the offer was granted.
    """
    served = ServedOffer(
        campaign=campaign.id,
        campaign_version=offer.version,
        offer_id=offer.id,
        attempt=offer.attempt,
        arm=offer.arm,
        user_id=message.user.id,
        show_after=max(0, offer.granted_at + offer.show_after - now),
        expires_at=offer.lease_until,
        test=campaigns.is_test(profile.user),
    )
    if offer.arm == DIRECT_PROMPT:
        return RequestOsPermission(**asdict(served))
    device = devices.acting(profile, message)
    locales = campaign.content_of(offer)
    content = in_locale(locales, device.locale or None, campaigns.default_locale)
    return OpenDeeplink(
        **asdict(served),
        deeplink=with_offer(campaign.link_for(device.platform), offer),
        content=filled(content, profile.attributes if message.verified else None),
        on_approve=_on_approve(campaign, profile, message),
        variant=offer.variant,
    )


def _on_approve(campaign: Campaign, profile: Profile, message: Message) -> str | None:
    if campaign.kind == "popup":
        return None
    route = _standing(profile, message).route
    return (route or permission.Route.OS_PROMPT).value


def _standing(profile: Profile, message: Message) -> Standing:
    """What the truth table says of the asking device, with what the message tells of it."""
    device = devices.acting(profile, message)
    if message.push is None:
        return permission.look_up(permission.status_on(profile, message.device), device)
    told = replace(device, push=message.push)
    return permission.look_up(_asking_status(profile, message), told)


def _why_not_served(
    profile: Profile, campaign_id: str, campaigns: Campaigns, now: int
) -> Reason | None:
    """Campaigns that could not be refreshed tell nothing, not even of a pause."""
    if not campaigns.fresh:
        return None
    return eligibility.why_not_standing(campaign_id, profile, campaigns, now)


def _why_refused(
    profile: Profile, message: Message, campaign: Campaign, offer: Offer, campaigns: Campaigns
) -> Reason | None:
    """Why an open offer is not answered to this device now."""
    if not campaigns.fresh:
        return Reason.CAMPAIGNS_STALE
    link = campaign.link_for(devices.acting(profile, message).platform)
    if not is_allowed(link, campaigns.settings.deeplinks):
        return Reason.DEEPLINK_REFUSED
    if campaign.kind == "popup":
        return None
    told = _standing(profile, message)
    if offer.arm == DIRECT_PROMPT:
        return permission.why_no_prompt(told)
    return permission.why_not(told, fallback_to_settings=campaign.fallback_to_settings)


def _why_not_standing(
    profile: Profile, offer_id: str, message: Message, campaigns: Campaigns, now: int
) -> Reason:
    for campaign_id in campaigns.by_id:
        meant = offers.read_id(offer_id, profile, campaign_id)
        if meant is None:
            continue
        progress = profile.progress.get(campaign_id) or Progress()
        if frequency.is_seen(progress, meant.serial):
            return Reason.SHOWN
        newest = progress.offer
        if newest is None or newest.serial != meant.serial:
            return Reason.LAPSED
        gone = _why_not_open(newest, now) or _why_not_served(profile, campaign_id, campaigns, now)
        campaign = campaigns.granted(campaign_id, newest.version)
        if gone is not None or campaign is None:
            return gone or Reason.PAUSED
        refused = _why_refused(profile, message, campaign, newest, campaigns)
        return refused or Reason.OFFER_OPEN
    return Reason.UNKNOWN_OFFER


def _why_not_open(offer: Offer, now: int) -> Reason | None:
    if offer.state is OfferState.RELEASED:
        return Reason.SUPPRESSED
    if offer.state is OfferState.WITHDRAWN:
        return Reason.WITHDRAWN
    return Reason.LAPSED if now >= offer.lease_until else None


def _asking_status(profile: Profile, message: Message) -> PushStatus:
    if message.push is not None and message.push.status is not None:
        return permission.read_status(message.push.status)
    return permission.status_on(profile, message.device)
