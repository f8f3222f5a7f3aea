"""What stands for a device right now, and how it is answered. Reads only."""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

from functions.core import frequency, offers, permission
from functions.core.campaign import Campaign, Campaigns
from functions.core.model import (
    Action,
    Content,
    Message,
    Offer,
    OfferState,
    OpenDeeplink,
    Profile,
    Progress,
    PushStatus,
    Withdraw,
)
from functions.core.reason import Reason


def open_actions(
    profile: Profile, message: Message, campaigns: Campaigns, now: int
) -> tuple[OpenDeeplink, ...]:
    """The open offer of the asking user and device: one or none. `message` carries the asker."""
    for campaign_id, progress in profile.progress.items():
        offer = frequency.open_offer(progress, now)
        if offer is None or offer.device != message.device:
            continue
        if _why_withdrawn(profile, message, campaign_id, campaigns) is None:
            return (
                open_deeplink(campaigns.by_id[campaign_id], offer, message, profile, campaigns),
            )
    return ()


def check_offer(
    profile: Profile, offer_id: str, message: Message, campaigns: Campaigns, now: int
) -> Action:
    """The offer once more if it still stands for the asking device, or why it does not."""
    for action in open_actions(profile, message, campaigns, now):
        if action.offer_id == offer_id:
            return action
    reason = _why_not_standing(profile, offer_id, message, campaigns, now)
    return Withdraw(offer_id=offer_id, reason=reason.word)


def route_for(profile: Profile, message: Message) -> permission.Route | None:
    """Where an explicit ask (a preference centre) leads on the device, past caps and windows."""
    known = profile.devices.get(message.device)
    snapshot = message.push or (known.push if known else None)
    platform = message.platform or (known.platform if known else "")
    return permission.route(_asking_status(profile, message), snapshot, platform)


def why_answered(status: PushStatus) -> Reason | None:
    """Why a device is not asked whose permission was answered already."""
    if status is PushStatus.GRANTED:
        return Reason.ALREADY_GRANTED
    return Reason.PERMISSION_DENIED if status is PushStatus.DENIED else None


def open_deeplink(
    campaign: Campaign, offer: Offer, message: Message, profile: Profile, campaigns: Campaigns
) -> OpenDeeplink:
    """The offer as the asking device receives it, in its locale."""
    attempt = campaign.attempts[min(offer.attempt, len(campaign.attempts)) - 1]
    locales = campaign.content[attempt.content]
    route = route_for(profile, message) or permission.Route.OS_PROMPT
    return OpenDeeplink(
        campaign=campaign.id,
        campaign_version=offer.version,
        offer_id=offer.id,
        attempt=offer.attempt,
        arm=offer.arm,
        user_id=profile.user.id,
        deeplink=_deeplink(campaign.deeplink, offer),
        content=_in_locale(locales, message.locale, campaigns.default_locale),
        on_approve=route.value,
        expires_at=offer.lease_until,
    )


def _why_withdrawn(
    profile: Profile, message: Message, campaign_id: str, campaigns: Campaigns
) -> Reason | None:
    if not campaigns.fresh:
        return Reason.CAMPAIGNS_STALE
    campaign = campaigns.by_id.get(campaign_id)
    if campaign is None or campaigns.paused or not campaign.active:
        return Reason.PAUSED
    return why_answered(_asking_status(profile, message))


def _why_not_standing(
    profile: Profile, offer_id: str, message: Message, campaigns: Campaigns, now: int
) -> Reason:
    for campaign_id in campaigns.by_id:
        meant = offers.read_id(offer_id, profile.user, campaign_id)
        if meant is None:
            continue
        progress = profile.progress.get(campaign_id) or Progress()
        if frequency.is_seen(progress, meant.serial):
            return Reason.SHOWN
        newest = progress.offer
        if newest is None or newest.serial != meant.serial:
            return Reason.LAPSED
        withdrawn = _why_withdrawn(profile, message, campaign_id, campaigns)
        return _why_not_open(newest, now) or withdrawn or Reason.OFFER_OPEN
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


def _deeplink(link: str, offer: Offer) -> str:
    """The offer's id and attempt in the query; never the user's id: any app may claim a scheme."""
    parts = urlsplit(link)
    query = urlencode({"offerId": offer.id, "attempt": offer.attempt})
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query))


def _in_locale(locales: Mapping[str, Content], wanted: str | None, default: str) -> Content:
    """zh-Hant-TW, else zh-Hant, else zh, else the default (RFC 4647, lookup)."""
    tag = (wanted or "").lower().replace("_", "-")
    while tag:
        if tag in locales:
            return locales[tag]
        tag = tag.rpartition("-")[0]
    return locales[default.lower()]
