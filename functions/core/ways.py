"""Two ways through one campaign, of an anonymous id and the user whom it became, as one.

Nothing here looks at which of the two is which, or which was merged first: every order ends alike.
"""

from collections.abc import Mapping

from functions.core import frequency, offers
from functions.core.compiled import Campaign
from functions.core.model import Offer, Outcome, Progress, PushStatus, Seen
from functions.core.moments import later


def united(one: Progress, other: Progress, campaign: Campaign | None) -> Progress:
    """An ask is an ask, whoever was asked; the latest decline holds, and a last word stays one.

    Where both were asked, the window is that of the campaign's rules for what they say together;
    of a campaign that is gone, or cannot be read for now, the later end holds. `window` is left to
    the caller.
    """
    first = _first(one, other)
    last = max(one, other, key=lambda each: _finality(each, campaign))
    forgiven = _forgiven(one, other, campaign)
    newest = max(_offers(one, other), key=_serial, default=None)
    both = Progress(
        exposed_at=first.exposed_at,
        exposed_version=first.exposed_version,
        exposed_platform=first.exposed_platform,
        arm=first.arm,
        variant=first.variant,
        goals=first.goals,
        opted_in=one.opted_in or other.opted_in,
        converted=one.converted or other.converted,
        granted=max(one.granted, other.granted),
        attempts=_attempts(one, other, forgiven),
        offer=newest,
        seen=_seen(one, other),
        forgiven=forgiven,
        elsewhere=_elsewhere(one, other, newest),
        outcome=last.outcome,
        outcome_at=last.outcome_at,
        outcome_of=last.outcome_of,
        declined_at=later(one.declined_at, other.declined_at),
        retry_at=later(one.retry_at, other.retry_at),
        answered=last.answered,
        answered_at=last.answered_at,
        since=_since(one, other),
        skip_waits=one.skip_waits or other.skip_waits,
    )
    if campaign is None or not campaign.attempts or not (was_asked(one) and was_asked(other)):
        return both
    return frequency.open_window(both, campaign)


def was_asked(progress: Progress) -> bool:
    """Whether a popup was seen, or a decline told."""
    return progress.attempts > 0 or progress.declined_at is not None


def _finality(progress: Progress, campaign: Campaign | None) -> tuple[int, int]:
    """Which conclusion stands: a denial after all, then a yes that nothing is left of to ask."""
    if progress.outcome is not Outcome.APPROVED:
        return 0, progress.outcome_of
    if progress.answered is PushStatus.DENIED:
        return 2, progress.outcome_of
    is_popup = campaign is not None and campaign.kind == "popup"
    is_settled = is_popup or progress.answered is PushStatus.GRANTED
    return int(is_settled), progress.outcome_of


def _first(one: Progress, other: Progress) -> Progress:
    """Who was exposed first; at the same time, who was not held out.

    The goals of the other one were counted where that one was exposed.
    """

    def exposure(each: Progress) -> tuple[bool, int, str, str, int, str, int]:
        return (
            each.exposed_at is None,
            each.exposed_at or 0,
            each.arm,
            each.variant,
            each.exposed_version,
            each.exposed_platform,
            each.goals,
        )

    return min(one, other, key=exposure)


def _attempts(one: Progress, other: Progress, forgiven: tuple[int, ...]) -> int:
    """Distinct asks. A told decline stands for the first only where nothing else was seen."""
    asks = frequency.asks(one) + frequency.asks(other)
    used = max(each.attempts - len(each.forgiven) for each in (one, other))
    return max(asks, used + len(forgiven), one.attempts, other.attempts)


def _forgiven(one: Progress, other: Progress, campaign: Campaign | None) -> tuple[int, ...]:
    """Of both, but no more than one user is forgiven."""
    both = tuple(sorted((*one.forgiven, *other.forgiven)))
    rule = campaign.forgiveness if campaign else None
    return both if rule is None else both[max(0, len(both) - rule.at_most) :]


def _seen(one: Progress, other: Progress) -> tuple[Seen, ...]:
    both = sorted((*one.seen, *other.seen), key=lambda seen: seen.serial)
    return tuple(both)[-frequency.SEEN_KEPT :]


def _offers(one: Progress, other: Progress) -> list[Offer]:
    return [each.offer for each in (one, other) if each.offer is not None]


def _serial(offer: Offer) -> int:
    return offer.serial


def _elsewhere(one: Progress, other: Progress, newest: Offer | None) -> Mapping[str, str]:
    """The newest offer of each other device, the oldest first."""
    ids = [*one.elsewhere.items(), *other.elsewhere.items()]
    ids += [(offer.device, offer.id) for offer in _offers(one, other)]
    by_device = dict(sorted(ids, key=lambda each: offers.serial_of(each[1])))
    if newest is not None:
        by_device.pop(newest.device)
    ordered = sorted(by_device.items(), key=lambda each: offers.serial_of(each[1]))
    return dict(ordered[-frequency.ELSEWHERE_KEPT :])


def _since(one: Progress, other: Progress) -> Mapping[str, int]:
    """What was counted since the last ask or decline of either; since the same one, together."""
    last = max(_asked_at(one), _asked_at(other))
    counts: dict[str, int] = {}
    for each in (one, other):
        for key, count in each.since.items() if _asked_at(each) == last else ():
            counts[key] = counts.get(key, 0) + count
    return counts


def _asked_at(progress: Progress) -> int:
    return max([progress.declined_at or 0, *(seen.at for seen in progress.seen)])
