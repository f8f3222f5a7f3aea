"""One message's way into one profile: counted, heard, reported, and judged by every campaign."""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from functions.core import (
    attributes,
    devices,
    eligibility,
    frequency,
    history,
    offers,
    permission,
    recent,
    standing,
    trigger,
)
from functions.core.audience import PUSH_STATUS
from functions.core.campaign import PERMISSION_EVENT
from functions.core.compiled import Campaign, Campaigns
from functions.core.eligibility import Situation
from functions.core.experiment import HOLDOUT, SOFT_ASK
from functions.core.merge import merge
from functions.core.model import (
    DAY,
    Action,
    Device,
    Fact,
    FactKind,
    Message,
    Offer,
    OfferState,
    Outcome,
    Profile,
    Progress,
    PushStatus,
    Snapshot,
    Withdraw,
)
from functions.core.offers import Grant
from functions.core.reason import Reason
from functions.core.verdict import Decision, Verdict

_REPORTED = {
    Outcome.SHOWN: Reason.SHOWN,
    Outcome.APPROVED: Reason.APPROVED,
    Outcome.DECLINED: Reason.DECLINED,
    Outcome.DISMISSED: Reason.DISMISSED,
    Outcome.SUPPRESSED: Reason.SUPPRESSED,
}

_ANSWERED = {
    PushStatus.GRANTED: Reason.ALREADY_GRANTED,
    PushStatus.DENIED: Reason.PERMISSION_DENIED,
}


class Turn:
    """One message's way into one profile. Lives within one call of `decide`."""

    def __init__(self, profile: Profile, message: Message, campaigns: Campaigns, now: int) -> None:
        self._given = profile
        self._before = profile
        self._profile = profile
        self._message = message
        self._campaigns = campaigns
        self._now = now
        self._actions: list[Action] = []
        self._facts: list[Fact] = []
        self._reasons: list[Verdict] = []
        self.situations: dict[str, Situation] = {}

    def join(self, anonymous: Profile) -> None:
        """Merges an anonymous profile before the message itself is heard.

        The phone is told of open offers that do not stand after it.
        """
        own, theirs = (self._with_device_heard(each) for each in (self._given, anonymous))
        self._before = self._profile = merge(own, theirs, self._campaigns, self._now)
        self._because(Reason.MERGED)
        still_open = set(frequency.open_offers(self._profile, self._now))
        for part in (own, theirs):
            for offer in frequency.open_offers(part, self._now):
                if offer not in still_open:
                    taken = Withdraw(offer_id=offer.id, reason=Reason.WITHDRAWN.word)
                    self._actions.append(taken)

    def identify(self) -> None:
        """Sets traits, each unless a later message set it already.

        Traits beyond the caps are refused together; the decline and the permission that came with
        them are heard all the same.
        """
        message = self._message
        traits = attributes.with_traits(self._profile, message)
        if attributes.exceed_caps(traits):
            # Before anything else that the message did: the sender must hear of the refusal.
            self._reasons.insert(0, Verdict(Reason.ATTRIBUTES_FULL))
        else:
            self._profile = replace(self._profile, attributes=traits)
        status = message.traits.get(PUSH_STATUS)
        if status is not None and permission.read_status(status) is not PushStatus.UNKNOWN:
            # Told in words of its own, it was answered: a snapshot's "never asked" is over.
            asked = replace(self._known_push(), status=status, ever_asked=True)
            self._take_snapshot(asked)
        self._hear_of_decline(message.declined_at)
        if not self._reasons:
            changed = self._profile != self._before
            self._because(Reason.ATTRIBUTES_UPDATED if changed else Reason.UNCHANGED)

    def track(self) -> None:
        """Counts, takes the snapshot, reports an outcome, evaluates the triggered campaigns."""
        message, campaigns = self._message, self._campaigns
        reporting = campaigns.outcomes.get(message.event, ())
        triggered = campaigns.triggered.get(message.event, ())
        for campaign in (*triggered, *(campaign for campaign, _ in reporting)):
            self._adopt_decline(campaign)
        self._count()
        if triggered or reporting or message.event == PERMISSION_EVENT:
            self._take_context()
        if reporting:
            self._report(reporting)
        self._take_back()
        for campaign in triggered:
            self._evaluate(campaign)
        if not self._reasons:
            changed = self._profile != self._before
            self._because(_recorded(message) if changed else Reason.UNCHANGED)

    def decision(self) -> Decision:
        """What it led to; a message that changed the profile is remembered in its ring."""
        given, now = self._given, self._now
        facts = () if self._is_test else tuple(self._facts)
        decided = Decision(self._profile, tuple(self._actions), facts, tuple(self._reasons))
        if decided.profile != given:
            ring = recent.add(decided.profile.recent, self._message, decided.reason, now)
            profile = self._heard(replace(decided.profile, recent=ring))
        elif now - self._last_seen_at() >= DAY:
            profile = self._heard(given)
        else:
            profile = given
        return replace(decided, profile=profile)

    def _last_seen_at(self) -> int:
        """When the user or, if that is longer ago, the acting device gave a sign of life."""
        known = self._given.devices.get(self._message.device)
        seen_at = self._given.seen_at
        return min(seen_at, devices.last_seen(known)) if known else seen_at

    def _heard(self, profile: Profile) -> Profile:
        """The user and the acting device gave a sign of life."""
        return replace(self._with_device_heard(profile), seen_at=self._now)

    def _with_device_heard(self, profile: Profile) -> Profile:
        heard = devices.heard(profile.devices, self._message.device, self._now)
        return replace(profile, devices=heard)

    # --- counting ---

    def _count(self) -> None:
        message, campaigns = self._message, self._campaigns
        event, at = message.event, message.at
        if event == campaigns.session_event:
            session_at = max(self._profile.session_at, at)
            self._profile = replace(self._profile, session_at=session_at)
        for tally in campaigns.tallies.get(event, ()):
            if tally.matches is None or tally.matches(message.properties):
                self._tally(tally, at)

    def _tally(self, tally: history.Tally, at: int) -> None:
        events, key = self._profile.events, tally.key
        counted = history.advance(events.get(key), tally, at, self._profile.session_at)
        self._profile = replace(self._profile, events={**events, key: counted})
        for campaign in self._campaigns.by_id.values():
            if campaign.counts_since(key):
                self._advance(campaign.id, frequency.count(self._progress(campaign.id), key, at))

    # --- permission ---

    def _known_push(self) -> Snapshot:
        known = self._profile.devices.get(self._message.device)
        return known.push if known else Snapshot()

    def _take_context(self) -> None:
        """What the message tells of its device; a snapshot perhaps among it."""
        message = self._message
        known = self._profile.devices.get(message.device)
        device = devices.with_context(known, message)
        if device is not None and device is not known:
            self._keep(device)
        if message.push is not None:
            self._take_snapshot(message.push)

    def _keep(self, device: Device) -> None:
        """The acting device as it is now; beyond the most that are kept, another makes room."""
        kept: Mapping[str, Device] = {**self._profile.devices, self._message.device: device}
        if len(kept) > devices.MAX_DEVICES:
            offered = {offer.device for offer in frequency.open_offers(self._profile, self._now)}
            kept = devices.capped(kept, {self._message.device, *offered})
        self._profile = replace(self._profile, devices=kept)

    def _take_snapshot(self, push: Snapshot) -> None:
        """The device's newest snapshot replaces the last one; of an older one the floors hold."""
        message, before = self._message, self._before
        known = self._profile.devices.get(message.device)
        device = devices.with_snapshot(known, push, message, self._now)
        is_report = message.kind == "identify" or message.event == PERMISSION_EVENT
        if is_report and known is not None and device == replace(known, push_at=device.push_at):
            return
        self._keep(device)
        was = permission.status_on(before, message.device)
        status = permission.status_on(self._profile, message.device)
        if status is PushStatus.UNKNOWN:
            return
        if status is not was:
            self._answered(status)
        elif message.event == PERMISSION_EVENT:
            # Denied once more: Android's second prompt leaves the status as it was.
            self._settle(status)

    def _answered(self, status: PushStatus) -> None:
        """The OS prompt was answered on this device, or its settings were changed."""
        is_granted = status is PushStatus.GRANTED
        self._permission_fact(FactKind.GRANTED if is_granted else FactKind.DENIED)
        self._settle(status)
        for campaign_id, progress in self._asking_for_push():
            offer = progress.offer
            if offer is not None and offer.device == self._message.device:
                self._advance(campaign_id, frequency.withdraw(progress), _ANSWERED[status])

    def _settle(self, status: PushStatus) -> None:
        """What approvals that led to an OS prompt came to."""
        message = self._message
        for campaign_id, progress in self._asking_for_push():
            campaign = self._campaigns.by_id.get(campaign_id)
            settled = frequency.settle(progress, campaign, message.device, status, message.at)
            self._advance(campaign_id, settled, _ANSWERED[status])

    def _asking_for_push(self) -> Iterator[tuple[str, Progress]]:
        """The user's way through every campaign but popups that ask for something else."""
        for campaign_id, progress in list(self._profile.progress.items()):
            campaign = self._campaigns.by_id.get(campaign_id)
            if campaign is None or campaign.kind == "push":
                yield campaign_id, progress

    def _permission_fact(self, kind: FactKind) -> None:
        """The fact belongs to the campaign whose offer the device saw last, if one did."""
        message = self._message
        asked = [
            (progress.outcome_at, campaign_id)
            for campaign_id, progress in self._profile.progress.items()
            if progress.outcome is not None
            and progress.offer is not None
            and progress.offer.device == message.device
        ]
        campaign_id = max(asked)[1] if asked else ""
        self._fact(
            f"{message.device}:{kind.value}:{message.at}",
            kind,
            message.at,
            campaign_id,
            self._progress(campaign_id).offer if asked else None,
        )

    # --- outcomes ---

    def _report(self, reporting: tuple[tuple[Campaign, Outcome], ...]) -> None:
        found = self._offer_meant(reporting)
        if found is None:
            self._report_unknown(reporting)
            return
        campaign, outcome, meant = found
        before = self._progress(campaign.id)
        at = min(max(self._message.at, meant.granted_at), self._now)
        campaign = self._campaigns.granted(campaign.id, meant.version) or campaign
        after = frequency.report(before, campaign, meant, outcome, at)
        asks_for_push = outcome is Outcome.APPROVED and campaign.kind == "push"
        if asks_for_push and self._is_answered(meant):
            device = self._message.device
            told_at = max(at, permission.told_at(self._profile, device))
            after = frequency.settle(after, campaign, device, self._status(), told_at)
        self._advance(campaign.id, after)
        if after == before:
            self._because(Reason.NO_TRANSITION, campaign.id)
            return
        self._because(_REPORTED[outcome], campaign.id)
        unseen = outcome is not Outcome.SUPPRESSED and not frequency.is_seen(before, meant.serial)
        if unseen:
            self._make_way(campaign.id)
        if unseen and outcome is not Outcome.SHOWN:
            self._outcome_fact(campaign, FactKind.SHOWN, meant, at)
        self._outcome_fact(campaign, FactKind(outcome.value), meant, at)
        refused = outcome in (Outcome.DECLINED, Outcome.DISMISSED)
        if refused and campaign.attempts and campaign.attempt(after.spent + 1) is None:
            self._fact(f"{campaign.id}:exhausted", FactKind.EXHAUSTED, at, campaign.id, after.offer)

    def _make_way(self, seen: str) -> None:
        """A popup that was seen after all takes back what other campaigns offered meanwhile."""
        for campaign_id, progress in self._profile.progress.items():
            if campaign_id != seen and frequency.open_offer(progress, self._now) is not None:
                self._advance(campaign_id, frequency.withdraw(progress))

    def _is_answered(self, meant: Grant) -> bool:
        """Whether the prompt that an approval leads to was answered already.

        A denial from before the offer was an earlier prompt's: the device is asked again, or led to
        its settings.
        """
        if self._status() is not PushStatus.DENIED:
            return self._status() is PushStatus.GRANTED
        device = self._message.device
        if permission.status_on(self._before, device) is not PushStatus.DENIED:
            return True
        return permission.told_at(self._before, device) > meant.granted_at

    def _offer_meant(
        self, reporting: tuple[tuple[Campaign, Outcome], ...]
    ) -> tuple[Campaign, Outcome, Grant] | None:
        """By the id in the message; without one, the newest offer of the reporting device."""
        message = self._message
        if message.offer_id is not None:
            for campaign, outcome in reporting:
                meant = offers.read_id(message.offer_id, self._profile, campaign.id)
                if meant is not None:
                    return campaign, outcome, meant
            return None
        newest = [
            (meant.granted_at, campaign, outcome, meant)
            for campaign, outcome in reporting
            if (meant := self._newest_offer(campaign.id)) is not None
        ]
        if not newest:
            return None
        _, campaign, outcome, meant = max(newest, key=lambda each: each[0])
        return campaign, outcome, meant

    def _newest_offer(self, campaign_id: str) -> Grant | None:
        """The reporting device's newest; an unnamed device means the newest of all."""
        progress, device = self._progress(campaign_id), self._message.device
        offer = progress.offer
        if offer is not None and device in ("", offer.device):
            return offers.read_id(offer.id, self._profile, campaign_id)
        return offers.read_id(progress.elsewhere.get(device, ""), self._profile, campaign_id)

    def _report_unknown(self, reporting: tuple[tuple[Campaign, Outcome], ...]) -> None:
        for campaign, outcome in reporting:
            if outcome is Outcome.DECLINED:
                at = min(self._message.at, self._now)
                declined = frequency.decline(self._progress(campaign.id), campaign, at)
                self._advance(campaign.id, declined)
            self._because(Reason.UNKNOWN_OFFER, campaign.id)

    def _outcome_fact(self, campaign: Campaign, kind: FactKind, meant: Grant, at: int) -> None:
        offer_id = offers.make_id(meant, campaign.id)
        self._facts.append(
            Fact(
                id=f"{offer_id}:{kind.value}",
                kind=kind,
                at=at,
                campaign=campaign.id,
                version=meant.version,
                attempt=meant.attempt,
                arm=self._progress(campaign.id).arm or SOFT_ASK,
                platform=self._platform(),
                offer_id=offer_id,
            )
        )

    # --- declines that the app tells of ---

    def _hear_of_decline(self, told: int | None) -> None:
        known = self._profile.declined_at
        at = devices.not_ahead(told, known, self._now)
        if at is None or (known or 0) >= at:
            return
        self._profile = replace(self._profile, declined_at=at)
        self._because(Reason.DECLINE_REPORTED)
        for campaign in self._campaigns.by_id.values():
            self._adopt_decline(campaign)

    def _adopt_decline(self, campaign: Campaign) -> None:
        """A decline that the app told of holds for every campaign, also for one begun later."""
        told = self._profile.declined_at
        if told is not None and campaign.hears_told_declines:
            declined = frequency.decline(self._progress(campaign.id), campaign, told)
            self._advance(campaign.id, declined)

    # --- triggers ---

    def _take_back(self) -> None:
        """Offers of campaigns that serve no more, or that an event called off by now."""
        if not self._campaigns.fresh:
            return
        for campaign_id, progress in self._profile.progress.items():
            if frequency.open_offer(progress, self._now) is None:
                continue
            reason = self._why_taken_back(campaign_id)
            if reason is not None:
                self._advance(campaign_id, frequency.withdraw(progress), reason)

    def _why_taken_back(self, campaign_id: str) -> Reason | None:
        campaign = self._campaigns.by_id.get(campaign_id)
        reason = eligibility.why_not_served(
            campaign, self._campaigns, self._now, is_test=self._is_test
        )
        if reason is not None or campaign is None:
            return reason
        is_off = self._now < trigger.called_off_until(campaign, self._profile)
        return Reason.CALLED_OFF if is_off else None

    def _evaluate(self, campaign: Campaign) -> None:
        situation = eligibility.situation(
            self._profile, self._message, self._campaigns, campaign, self._now
        )
        self.situations[campaign.id] = situation
        reason = eligibility.why_silent(situation)
        if reason is None:
            self._grant(situation)
            return
        self._because(reason, campaign.id)
        offer = situation.progress.offer
        if reason is Reason.OFFER_REPEATED and offer is not None:
            self._offer(self._campaigns.granted(campaign.id, offer.version) or campaign, offer)
        if reason is Reason.HELD_OUT and situation.progress.exposed_at is None:
            self._hold_out(situation)

    def _hold_out(self, situation: Situation) -> None:
        """The exposure of a user who is shown nothing, at the moment it would have shown."""
        campaign, now = situation.campaign, self._now
        held_out = replace(situation.progress, exposed_at=now, arm=HOLDOUT)
        self._advance(campaign.id, held_out)
        for kind in (FactKind.EXPOSED, FactKind.HELD_OUT):
            fact = Fact(
                id=f"{campaign.id}:{kind.value}",
                kind=kind,
                at=now,
                campaign=campaign.id,
                version=campaign.version,
                arm=HOLDOUT,
                platform=self._platform(),
            )
            self._facts.append(fact)

    def _grant(self, situation: Situation) -> None:
        campaign, progress = situation.campaign, situation.progress
        met = trigger.matching(campaign, situation.profile, self._message)
        show_after = met.after if met else 0
        user = self._profile.user
        granted = Grant(
            serial=offers.next_serial(user, progress.granted, self._now),
            attempt=progress.spent + 1,
            version=campaign.version,
            user=user,
        )
        offer = Offer(
            id=offers.make_id(granted, campaign.id),
            serial=granted.serial,
            device=self._message.device,
            attempt=granted.attempt,
            version=granted.version,
            arm=eligibility.arm(situation),
            granted_at=self._now,
            lease_until=self._now + show_after + campaign.lease,
            show_after=show_after,
        )
        if progress.exposed_at is None:
            kind = FactKind.EXPOSED
            self._fact(f"{campaign.id}:{kind.value}", kind, self._now, campaign.id, offer)
        kind = FactKind.OFFERED
        self._fact(f"{offer.id}:{kind.value}", kind, self._now, campaign.id, offer)
        self._advance(campaign.id, frequency.grant(progress, offer))
        self._because(Reason.OFFER_GRANTED, campaign.id)
        self._offer(campaign, offer)

    def _offer(self, campaign: Campaign, offer: Offer) -> None:
        self._actions.append(
            standing.open_deeplink(
                campaign, offer, self._message, self._profile, self._campaigns, self._now
            )
        )

    # --- the turn's own state ---

    def _progress(self, campaign_id: str) -> Progress:
        return self._profile.progress.get(campaign_id) or Progress()

    def _advance(
        self, campaign_id: str, progress: Progress, reason: Reason = Reason.WITHDRAWN
    ) -> None:
        """Stores the progress, and tells the phone of an offer that it took back."""
        before = self._progress(campaign_id)
        if progress.window and (self._is_test or self._is_closed(campaign_id, progress)):
            progress = replace(progress, window=False)
        if progress == before:
            return
        offer = frequency.open_offer(before, self._now)
        if offer is not None and _is_withdrawn(progress, offer):
            self._actions.append(Withdraw(offer_id=offer.id, reason=reason.word))
        self._profile = replace(
            self._profile, progress={**self._profile.progress, campaign_id: progress}
        )

    @property
    def _is_test(self) -> bool:
        return self._campaigns.is_test(self._profile.user)

    def _is_closed(self, campaign_id: str, progress: Progress) -> bool:
        """Whether the device that was asked, or else the one that acts, is granted already."""
        campaign = self._campaigns.by_id.get(campaign_id)
        if campaign is not None and campaign.kind == "popup":
            return False
        device = self._message.device
        return permission.is_granted_where_asked(self._profile, progress, device)

    def _status(self) -> PushStatus:
        return permission.status_on(self._profile, self._message.device)

    def _platform(self) -> str:
        known = self._profile.devices.get(self._message.device)
        return self._message.platform or (known.platform if known else "")

    def _because(self, reason: Reason, campaign: str = "") -> None:
        self._reasons.append(Verdict(reason, campaign))

    def _fact(
        self, fact_id: str, kind: FactKind, at: int, campaign: str, offer: Offer | None
    ) -> None:
        self._facts.append(
            Fact(
                id=fact_id,
                kind=kind,
                at=at,
                campaign=campaign,
                version=offer.version if offer else 0,
                attempt=offer.attempt if offer else 0,
                arm=offer.arm if offer else "",
                platform=self._platform(),
                offer_id=offer.id if offer else "",
            )
        )


def _is_withdrawn(progress: Progress, offer: Offer) -> bool:
    newest = progress.offer
    return newest is not None and newest.id == offer.id and newest.state is OfferState.WITHDRAWN


def _recorded(message: Message) -> Reason:
    return Reason.PERMISSION_UPDATED if message.event == PERMISSION_EVENT else Reason.COUNTED
