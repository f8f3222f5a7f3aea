"""What a phone tells of its permission: whether the OS asked, what it was answered, what led there.

A snapshot says only how things stand. That there was a prompt, and whose it was, is worked out
from how it differs from the last one, and from the approvals and direct prompts before it.
"""

from collections.abc import Container, Iterator

from msgspec.structs import replace

from functions.core import devices, facts, frequency, outcomes, permission
from functions.core.audience import PUSH_STATUS
from functions.core.campaign import PERMISSION_EVENT
from functions.core.draft import Draft
from functions.core.model import (
    Device,
    OfferState,
    Outcome,
    Profile,
    Progress,
    PushStatus,
    Snapshot,
)
from functions.core.offers import Grant
from functions.core.reason import Reason

_ANSWERED = {
    PushStatus.GRANTED: Reason.ALREADY_GRANTED,
    PushStatus.DENIED: Reason.PERMISSION_DENIED,
}


def take_context(draft: Draft) -> None:
    """What the message tells of its device; a snapshot perhaps among it."""
    message, known = draft.message, draft.device
    device = devices.with_context(known, message)
    if device is not None and device is not known:
        draft.keep(device)
    if message.push is not None:
        _take_snapshot(draft, message.push)


def take_trait(draft: Draft) -> None:
    """Told in words of its own, it was answered: a snapshot's "never asked" is over."""
    status = draft.message.traits.get(PUSH_STATUS)
    if status is None or permission.read_status(status) is PushStatus.UNKNOWN:
        return
    known = draft.device
    push = known.push if known else Snapshot()
    _take_snapshot(draft, replace(push, status=status, ever_asked=True))


def tell_of_prompt(draft: Draft) -> None:
    """After the report that the message may be: an approval that comes with the answer."""
    if draft.prompted_by is None:
        return
    message = draft.message
    prompts = draft.profile.devices[message.device].prompts
    scope = draft.scope(draft.prompted_by or _last_campaign_here(draft))
    unasked = not draft.prompted_by
    draft.tell(facts.prompted(scope, message.at, message.device, prompts, unasked=unasked))


def tell_of_opt_ins(draft: Draft) -> None:
    """Whichever of the approval and the grant was heard first."""
    for campaign_id, progress in draft.profile.progress.items():
        if not progress.opted_in and frequency.is_opted_in(progress):
            draft.advance(campaign_id, replace(progress, opted_in=True))
            draft.tell(facts.opted_in(draft.scope(campaign_id)))


def tell_of_grants_since(draft: Draft, part: Profile) -> None:
    """What one of two merged lives was asked, and the other was granted later on its phone."""
    for device_id, device in draft.profile.devices.items():
        is_granted = permission.status_on(draft.profile, device_id) is PushStatus.GRANTED
        if not is_granted or device_id not in part.devices:
            continue
        was = permission.status_on(part, device_id)
        if was is PushStatus.GRANTED or not _is_new_grant(device, was):
            continue
        exposed = {
            campaign_id
            for campaign_id, progress in part.progress.items()
            if progress.exposed_at == draft.progress(campaign_id).exposed_at
        }
        _tell_of_conversions(draft, device.push_at, exposed)
        _settle_since(draft, device_id, device.push_at)


# --- snapshots ---


def _take_snapshot(draft: Draft, push: Snapshot) -> None:
    """The device's newest snapshot replaces the last one; of an older one the floors hold."""
    message, known = draft.message, draft.device
    device = devices.with_snapshot(known, push, message, draft.now)
    is_report = message.kind == "identify" or message.event == PERMISSION_EVENT
    if is_report and known is not None and device == replace(known, push_at=device.push_at):
        return
    draft.keep(device)
    _hear_of_answer(draft, known or Device(), device)


def _hear_of_answer(draft: Draft, known: Device, device: Device) -> None:
    """Works out what happened on the device since it was known as it was."""
    before, message = draft.before, draft.message
    was, status = permission.status_on(before, message.device), draft.status
    is_answer = (was is PushStatus.UNKNOWN and status is not was) or (
        permission.is_last_denial(known, device)
    )
    is_told = _is_told_unnamed(draft, known, status)
    led_by = _leader(draft)
    spent = permission.prompts_spent(known, device)
    if spent == known.prompts and is_answer and led_by and permission.may_ask(device):
        # What no earlier snapshot tells, an approval does: that the answer was one to a prompt.
        spent += 1
    if spent != known.prompts:
        draft.keep(replace(device, prompts=spent))
        is_counted = is_told and is_answer and before.devices[""].prompts > 0
        draft.prompted_by = None if is_counted else led_by
    is_prompted = draft.prompted_by is not None
    if status is PushStatus.UNKNOWN:
        if is_prompted:
            # Swiped away: it was on screen, and nobody answered.
            _conclude_direct_prompt(draft, led_by, Outcome.SHOWN)
        return
    if is_answer or is_prompted or _is_asked_anew(known, device):
        _conclude_direct_prompt(draft, led_by, Outcome.APPROVED)
    elif status is not was:
        _conclude_direct_prompt(draft, led_by, Outcome.APPROVED, OfferState.WITHDRAWN)
    if status is not was:
        _answered(draft, status, was, is_told=is_told)
    elif is_prompted or message.event == PERMISSION_EVENT:
        # Denied once more: Android's second prompt leaves the status as it was.
        _settle(draft, status)


def _is_told_unnamed(draft: Draft, known: Device, status: PushStatus) -> bool:
    """Whether a call that named no device told of the answer, and this device nothing since."""
    unnamed = draft.before.devices.get("")
    if unnamed is None or draft.message.device == "":
        return False
    if permission.status_on(draft.before, "") is not status:
        return False
    return known.push.status is not None and unnamed.push_at >= known.push_at


def _is_asked_anew(known: Device, device: Device) -> bool:
    """Whether the device tells of a later ask than it did before."""
    return (device.push.last_asked_at or 0) > (known.push.last_asked_at or 0)


# --- prompts ---


def _leader(draft: Draft) -> str:
    """The campaign that led to an OS prompt on this device, by the newest approval."""
    device, at = draft.message.device, draft.message.at
    led = [
        (since, campaign_id)
        for campaign_id, progress in _asking_for_push(draft)
        if (since := frequency.led_to_prompt_at(progress, device, at)) is not None
    ]
    return max(led)[1] if led else ""


def _conclude_direct_prompt(
    draft: Draft, led_by: str, outcome: Outcome, but: OfferState | None = None
) -> None:
    """What the OS was answered is the outcome of a direct prompt, which it implies was seen.

    One answer is the outcome of one: the leader's. outcome: approved where the OS was answered,
    whatever that was. but: where no offer in that state is meant.
    """
    device, at = draft.message.device, min(draft.message.at, draft.now)
    progress = draft.progress(led_by)
    offer = progress.offer
    if offer is None or offer.state is but or not frequency.awaits_os(progress, device, at):
        return
    campaign = draft.campaigns.granted(led_by, offer.version)
    if campaign is None:
        return
    meant = Grant(offer.serial, offer.attempt, offer.version, draft.profile.user)
    draft.advance(led_by, frequency.report(progress, campaign, meant, outcome, at))
    outcomes.see(draft, led_by, offer, at, progress)


# --- answers ---


def _answered(draft: Draft, status: PushStatus, was: PushStatus, *, is_told: bool) -> None:
    """The OS prompt was answered on this device, or its settings were changed."""
    message = draft.message
    if not is_told:
        scope = draft.scope(_last_campaign_here(draft))
        draft.tell(facts.permission_changed(scope, message.at, message.device, status))
    is_granted = status is PushStatus.GRANTED
    if is_granted and _is_new_grant(draft.profile.devices[message.device], was):
        _tell_of_conversions(draft, message.at, draft.profile.progress)
    _settle(draft, status)
    for campaign_id, progress in _asking_for_push(draft):
        offer = progress.offer
        if offer is not None and offer.device == message.device:
            draft.advance(campaign_id, frequency.withdraw(progress), _ANSWERED[status])


def _settle(draft: Draft, status: PushStatus) -> None:
    """What approvals that led to an OS prompt came to."""
    message = draft.message
    for campaign_id, progress in _asking_for_push(draft):
        campaign = draft.campaigns.by_id.get(campaign_id)
        settled = frequency.settle(progress, campaign, message.device, status, message.at)
        draft.advance(campaign_id, settled, _ANSWERED[status])


def _settle_since(draft: Draft, device: str, granted_at: int) -> None:
    """What approvals came to that one of two merged lives gave, and the other was granted after."""
    for campaign_id, progress in _asking_for_push(draft):
        if granted_at < progress.outcome_at:
            continue
        campaign = draft.campaigns.by_id.get(campaign_id)
        settled = frequency.settle(progress, campaign, device, PushStatus.GRANTED, granted_at)
        draft.advance(campaign_id, settled)


def _is_new_grant(device: Device, was: PushStatus) -> bool:
    """Where the OS has no prompt, what was never denied was granted from the beginning."""
    return permission.may_ask(device) or was is PushStatus.DENIED


def _tell_of_conversions(draft: Draft, at: int, exposed: Container[str]) -> None:
    """A grant from before the exposure is none: it was there already."""
    for campaign_id, progress in _asking_for_push(draft):
        exposed_at = progress.exposed_at if campaign_id in exposed else None
        if exposed_at is None or progress.converted or at < exposed_at:
            continue
        draft.advance(campaign_id, replace(progress, converted=True))
        draft.tell(facts.converted(draft.scope(campaign_id), at, at - exposed_at))


# --- whose it is ---


def _asking_for_push(draft: Draft) -> Iterator[tuple[str, Progress]]:
    """The user's way through every campaign but popups that ask for something else."""
    for campaign_id, progress in draft.profile.progress.items():
        campaign = draft.campaigns.by_id.get(campaign_id)
        if campaign is None or campaign.kind == "push":
            yield campaign_id, progress


def _last_campaign_here(draft: Draft) -> str:
    """The campaign whose offer the device saw last; empty where it saw none."""
    asked = [
        (progress.outcome_at, campaign_id)
        for campaign_id, progress in draft.profile.progress.items()
        if progress.outcome is not None
        and progress.offer is not None
        and progress.offer.device == draft.message.device
    ]
    return max(asked)[1] if asked else ""
