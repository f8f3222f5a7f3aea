"""One message's way into one profile: counted, heard, reported, and judged by every campaign."""

from collections.abc import Container, Iterator, Mapping
from hashlib import blake2b
from typing import Any

from msgspec.structs import replace

from functions.core import (
    attributes,
    devices,
    eligibility,
    experiment,
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
from functions.core.compiled import Campaign, Campaigns, GoalRule
from functions.core.eligibility import Situation
from functions.core.experiment import HOLDOUT
from functions.core.merge import merge
from functions.core.model import (
    DAY,
    Action,
    Cohort,
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
        self._is_prompted = False
        self._led_to_prompt = ""
        self.situations: dict[str, Situation] = {}

    def join(self, anonymous: Profile) -> None:
        """Merges an anonymous profile before the message itself is heard.

        The phone is told of open offers that do not stand after it.
        """
        own, theirs = (self._with_device_heard(each) for each in (self._given, anonymous))
        self._before = self._profile = merge(own, theirs, self._campaigns, self._now)
        self._because(Reason.MERGED)
        for part in (own, theirs):
            self._hear_of_grants_since(part)
        self._profile = replace(self._profile, progress=self._as_dealt())
        still_open = set(frequency.open_offers(self._profile, self._now))
        for part in (own, theirs):
            for offer in frequency.open_offers(part, self._now):
                if offer not in still_open:
                    taken = Withdraw(offer_id=offer.id, reason=Reason.WITHDRAWN.word)
                    self._actions.append(taken)

    def _as_dealt(self) -> dict[str, Progress]:
        """Without open offers of another arm or variant than the one that stands after it."""
        user, progress = self._profile.user, dict(self._profile.progress)
        for campaign_id, each in self._profile.progress.items():
            campaign = self._campaigns.by_id.get(campaign_id)
            if campaign is None or each.offer is None:
                continue
            is_test = self._is_test
            arm = eligibility.arm_now(campaign, each, user, is_test=is_test)
            variant = eligibility.variant_now(campaign, each, user, is_test=is_test)
            if (arm, variant) != (each.offer.arm, each.offer.variant):
                progress[campaign_id] = frequency.withdraw(each)
        return progress

    def _hear_of_grants_since(self, part: Profile) -> None:
        """What one life was exposed to, and the other was granted later on the same phone."""
        for device_id, device in self._profile.devices.items():
            is_granted = permission.status_on(self._profile, device_id) is PushStatus.GRANTED
            if not is_granted or device_id not in part.devices:
                continue
            was = permission.status_on(part, device_id)
            if was is PushStatus.GRANTED or not _is_new_grant(device, was):
                continue
            exposed = {
                campaign_id
                for campaign_id, progress in part.progress.items()
                if progress.exposed_at == self._progress(campaign_id).exposed_at
            }
            self._tell_of_conversions(device.push_at, exposed)

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
        self._tell_of_prompt()
        self._tell_of_opt_ins()
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
        # What was never shown is given back before the snapshot beside it can answer for it.
        gives_back = any(outcome is Outcome.SUPPRESSED for _, outcome in reporting)
        if gives_back:
            self._report(reporting)
        if triggered or reporting or message.event == PERMISSION_EVENT:
            self._take_context()
        if reporting and not gives_back:
            self._report(reporting)
        self._tell_of_prompt()
        self._tell_of_opt_ins()
        for campaign, goal in campaigns.goals.get(message.event, ()):
            self._reach_goal(campaign, goal)
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
        is_answer = was is PushStatus.UNKNOWN and status is not was
        is_told = self._is_told_unnamed(known, status)
        is_counted = is_told and is_answer and before.devices[""].prompts > 0
        self._hear_of_prompt(known or Device(), device, is_answer=is_answer, is_told=is_counted)
        if status is PushStatus.UNKNOWN:
            return
        if is_answer or self._is_prompted or _is_asked_anew(known, device):
            self._conclude_direct_prompt()
        elif status is not was:
            self._conclude_direct_prompt(OfferState.WITHDRAWN)
        if status is not was:
            self._answered(status, was, is_told=is_told)
        elif self._is_prompted or message.event == PERMISSION_EVENT:
            # Denied once more: Android's second prompt leaves the status as it was.
            self._settle(status)

    def _is_told_unnamed(self, known: Device | None, status: PushStatus) -> bool:
        """Whether a call that named no device told of the answer, and this device nothing since."""
        unnamed = self._before.devices.get("")
        if unnamed is None or known is None or self._message.device == "":
            return False
        if permission.status_on(self._before, "") is not status:
            return False
        return known.push.status is not None and unnamed.push_at >= known.push_at

    def _hear_of_prompt(
        self, known: Device, device: Device, *, is_answer: bool, is_told: bool
    ) -> None:
        """What no earlier snapshot tells, an approval does: that the answer was one to a prompt."""
        led = self._leader()
        spent = permission.prompts_spent(known, device)
        if spent == known.prompts and is_answer and led and permission.may_ask(device):
            spent += 1
        if spent == known.prompts:
            return
        self._keep(replace(device, prompts=spent))
        if not is_told:
            self._is_prompted, self._led_to_prompt = True, led

    def _leader(self) -> str:
        """The campaign that led to an OS prompt on this device, by the newest approval."""
        device, at = self._message.device, self._message.at
        led = [
            (since, campaign_id)
            for campaign_id, progress in self._asking_for_push()
            if (since := frequency.led_to_prompt_at(progress, device, at)) is not None
        ]
        return max(led)[1] if led else ""

    def _conclude_direct_prompt(self, but: OfferState | None = None) -> None:
        """What the OS was answered is the outcome of a direct prompt, which it implies was seen.

        One answer is the outcome of one: the leader's. but: where no offer in that state is meant.
        """
        device, at = self._message.device, min(self._message.at, self._now)
        campaign_id = self._leader()
        progress = self._progress(campaign_id)
        offer = progress.offer
        if offer is None or offer.state is but or not frequency.awaits_os(progress, device, at):
            return
        campaign = self._campaigns.granted(campaign_id, offer.version)
        if campaign is None:
            return
        meant = Grant(offer.serial, offer.attempt, offer.version, self._profile.user)
        self._advance(
            campaign_id, frequency.report(progress, campaign, meant, Outcome.APPROVED, at)
        )
        if not frequency.is_seen(progress, offer.serial):
            self._make_way(campaign_id)
            self._tell_of_show(campaign_id, offer.id, meant, at, progress)

    def _answered(self, status: PushStatus, was: PushStatus, *, is_told: bool) -> None:
        """The OS prompt was answered on this device, or its settings were changed."""
        is_granted = status is PushStatus.GRANTED
        if not is_told:
            self._permission_fact(FactKind.GRANTED if is_granted else FactKind.DENIED)
        if is_granted and _is_new_grant(self._profile.devices[self._message.device], was):
            self._tell_of_conversions(self._message.at, self._profile.progress)
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
        message, campaign_id = self._message, self._last_campaign_here()
        fact_id = f"{_short(message.device)}:{kind.value}:{message.at}"
        self._tell(kind, fact_id, message.at, campaign_id, self._progress(campaign_id).offer)

    def _last_campaign_here(self) -> str:
        asked = [
            (progress.outcome_at, campaign_id)
            for campaign_id, progress in self._profile.progress.items()
            if progress.outcome is not None
            and progress.offer is not None
            and progress.offer.device == self._message.device
        ]
        return max(asked)[1] if asked else ""

    def _tell_of_prompt(self) -> None:
        """After the report that the message may be: an approval that comes with the answer."""
        if not self._is_prompted:
            return
        message = self._message
        prompts = self._profile.devices[message.device].prompts
        campaign_id = self._led_to_prompt or self._last_campaign_here()
        self._tell(
            FactKind.PROMPTED,
            f"{_short(message.device)}:prompted:{prompts}:{message.at}",
            message.at,
            campaign_id,
            self._progress(campaign_id).offer,
            unasked=not self._led_to_prompt,
        )

    def _tell_of_conversions(self, at: int, exposed: Container[str]) -> None:
        """A grant from before the exposure is none: it was there already."""
        for campaign_id, progress in self._asking_for_push():
            exposed_at = progress.exposed_at if campaign_id in exposed else None
            if exposed_at is None or progress.converted or at < exposed_at:
                continue
            self._advance(campaign_id, replace(progress, converted=True))
            fact_id = f"{campaign_id}:converted"
            self._tell(FactKind.CONVERTED, fact_id, at, campaign_id, after=at - exposed_at)

    def _tell_of_opt_ins(self) -> None:
        """Whichever of the approval and the grant was heard first."""
        for campaign_id, progress in list(self._profile.progress.items()):
            if progress.opted_in or not frequency.is_opted_in(progress):
                continue
            self._advance(campaign_id, replace(progress, opted_in=True))
            kind, at = FactKind.OPTED_IN, progress.answered_at
            self._tell(kind, f"{campaign_id}:opted_in", at, campaign_id, progress.offer)

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
        if asks_for_push and self._is_prompted:
            self._led_to_prompt = self._led_to_prompt or campaign.id
        if asks_for_push and self._is_answered(meant):
            device = self._message.device
            told_at = max(at, permission.told_at(self._profile, device))
            after = frequency.settle(after, campaign, device, self._status(), told_at)
        self._advance(campaign.id, after)
        if after == before:
            self._because(Reason.NO_TRANSITION, campaign.id)
            return
        self._because(_REPORTED[outcome], campaign.id)
        offer_id = offers.make_id(meant, campaign.id)
        if outcome is not Outcome.SUPPRESSED and not frequency.is_seen(before, meant.serial):
            self._make_way(campaign.id)
            self._tell_of_show(campaign.id, offer_id, meant, at, before)
        if outcome is not Outcome.SHOWN:
            self._tell_of_answer(campaign.id, offer_id, meant, outcome, at, before)
        was_over = frequency.is_refused_for_good(before, campaign)
        if frequency.is_refused_for_good(after, campaign) and not was_over:
            kind = FactKind.EXHAUSTED
            self._tell(kind, f"{campaign.id}:exhausted", at, campaign.id, after.offer)

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

    def _tell_of_show(
        self, campaign_id: str, offer_id: str, meant: Grant, at: int, before: Progress
    ) -> None:
        """Of a user's first one, also how long after the user was first heard of."""
        is_first = not before.seen and not before.attempts
        after = max(0, at - self._profile.first_seen_at) if is_first else None
        kind = FactKind.SHOWN
        self._tell_of_offer(kind, campaign_id, offer_id, meant, at, after=after)

    def _tell_of_answer(
        self,
        campaign_id: str,
        offer_id: str,
        meant: Grant,
        outcome: Outcome,
        at: int,
        before: Progress,
    ) -> None:
        """Of an offer that is not the newest seen one no answer is known: each is the first."""
        known = frequency.answer_of(before, meant.serial)
        if known is outcome or frequency.is_weaker(outcome, known):
            return
        first = known is None and outcome is not Outcome.SUPPRESSED
        kind = FactKind(outcome.value)
        self._tell_of_offer(kind, campaign_id, offer_id, meant, at, first=first)

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

    # --- goals ---

    def _reach_goal(self, campaign: Campaign, goal: GoalRule) -> None:
        """From the exposure on. What leads to the exposure is not what came of it."""
        message, progress = self._message, self._progress(campaign.id)
        if progress.exposed_at is None or message.at < progress.exposed_at:
            return
        if goal.where is not None and not goal.where.holds(message.properties):
            return
        ordinal = progress.goals + 1
        self._advance(campaign.id, replace(progress, goals=ordinal))
        fact_id = f"{campaign.id}:goal:{_short(message.id)}"
        self._tell(FactKind.GOAL, fact_id, message.at, campaign.id, ordinal=ordinal)

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
        campaign = situation.campaign
        self._advance(campaign.id, self._exposed(situation, HOLDOUT))
        for kind in (FactKind.EXPOSED, FactKind.HELD_OUT):
            self._tell(kind, f"{campaign.id}:{kind.value}", self._now, campaign.id)

    def _exposed(self, situation: Situation, arm: str, variant: str = "") -> Progress:
        progress = situation.progress
        if self._is_test or progress.seen or progress.attempts:
            return progress
        cohort = Cohort(self._now, situation.campaign.version, self._platform())
        return experiment.exposed(progress, cohort, arm, variant)

    def _grant(self, situation: Situation) -> None:
        campaign = situation.campaign
        arm, variant = eligibility.arm(situation), eligibility.variant(situation)
        progress = self._exposed(situation, arm, variant)
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
            arm=arm,
            variant=variant,
            granted_at=self._now,
            lease_until=self._now + show_after + campaign.lease,
            show_after=show_after,
        )
        self._advance(campaign.id, frequency.grant(progress, offer))
        if situation.progress.exposed_at != progress.exposed_at:
            kind = FactKind.EXPOSED
            self._tell(kind, f"{campaign.id}:{kind.value}", self._now, campaign.id, offer)
        kind = FactKind.OFFERED
        self._tell(kind, f"{offer.id}:{kind.value}", self._now, campaign.id, offer)
        self._because(Reason.OFFER_GRANTED, campaign.id)
        self._offer(campaign, offer)

    def _offer(self, campaign: Campaign, offer: Offer) -> None:
        self._actions.append(
            standing.action_of(
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

    # --- facts ---

    def _tell_of_offer(
        self, kind: FactKind, campaign_id: str, offer_id: str, meant: Grant, at: int, **told: Any
    ) -> None:
        self._tell(
            kind,
            f"{offer_id}:{kind.value}",
            at,
            campaign_id,
            version=meant.version,
            attempt=meant.attempt,
            offer_id=offer_id,
            **told,
        )

    def _tell(
        self,
        kind: FactKind,
        fact_id: str,
        at: int,
        campaign_id: str,
        offer: Offer | None = None,
        **told: Any,
    ) -> None:
        """told: more keys of the fact, and what is to be said instead of the usual."""
        progress = self._progress(campaign_id)
        usual: dict[str, Any] = {
            "version": offer.version if offer else progress.exposed_version,
            "attempt": offer.attempt if offer else 0,
            "offer_id": offer.id if offer else "",
            "arm": experiment.dealt(progress),
            "variant": progress.variant,
            "cohort": experiment.cohort_of(progress),
            "platform": self._platform(),
        }
        fact = Fact(id=fact_id, kind=kind, at=at, campaign=campaign_id, **{**usual, **told})
        self._facts.append(fact)


def _is_withdrawn(progress: Progress, offer: Offer) -> bool:
    newest = progress.offer
    return newest is not None and newest.id == offer.id and newest.state is OfferState.WITHDRAWN


def _is_asked_anew(known: Device | None, device: Device) -> bool:
    """Whether the device tells of a later ask than it did before."""
    before = known.push.last_asked_at if known else None
    return (device.push.last_asked_at or 0) > (before or 0)


def _is_new_grant(device: Device, was: PushStatus) -> bool:
    """Where the OS has no prompt, what was never denied was granted from the beginning."""
    return permission.may_ask(device) or was is PushStatus.DENIED


def _short(told: str) -> str:
    """What a phone names may be longer than a key, and a device's id is no figure's business."""
    return blake2b(told.encode(), digest_size=8).hexdigest()


def _recorded(message: Message) -> Reason:
    return Reason.PERMISSION_UPDATED if message.event == PERMISSION_EVENT else Reason.COUNTED
