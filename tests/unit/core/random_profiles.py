"""Profiles of random parts, which no life need have led to; each part fits the others."""

from typing import Any

from hypothesis import strategies as st

from functions.core.model import (
    DAY,
    HOUR,
    MINUTE,
    Attribute,
    Device,
    History,
    Offer,
    OfferState,
    Outcome,
    Profile,
    Progress,
    PushStatus,
    Seen,
    Snapshot,
    User,
)
from functions.core.offers import Grant, make_id, next_serial
from tests.unit.core.scene import START

DEVICES = ("phone", "tablet", "")

times = st.integers(0, 40).map(lambda days: START - days * DAY)
seen_outcomes = st.sampled_from([each for each in Outcome if each is not Outcome.SUPPRESSED])


@st.composite
def profiles(draw: st.DrawFn, user: User) -> Profile:
    """At most one open offer, whose lease ends ten minutes after `START`."""
    opens = draw(st.sampled_from([None, None, "a", "b"]))
    return Profile(
        user=user,
        first_seen_at=draw(times) - 100 * DAY,
        seen_at=draw(times),
        attributes=draw(st.dictionaries(st.sampled_from("nm"), attributes, max_size=2)),
        devices=draw(st.dictionaries(st.sampled_from(DEVICES), devices, max_size=3)),
        events=draw(st.dictionaries(st.sampled_from("EF"), histories(), max_size=2)),
        progress={
            campaign: draw(ways(user, campaign, is_open=campaign == opens))
            for campaign in draw(st.sets(st.sampled_from("ab"), max_size=2))
        },
        session_at=draw(times),
        declined_at=draw(st.none() | times),
        asked_at=draw(st.none() | st.none() | times),
    )


attributes = st.builds(Attribute, st.integers(0, 3) | st.text(max_size=2), times)

devices = st.builds(
    Device,
    push=st.builds(
        Snapshot,
        status=st.sampled_from([None, "notDetermined", "authorized", "denied"]),
        last_asked_at=st.none() | times,
        last_declined_at=st.none() | times,
    ),
    push_at=times,
    seen_at=times,
    platform=st.just("ios"),
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    moments = sorted(draw(st.lists(times, min_size=1, max_size=6)))
    session_at = draw(times)
    in_session = sum(1 for at in moments if at >= session_at)
    kept = tuple(moments[-20:])
    return History(len(moments), moments[0], moments[-1], kept, in_session, session_at)


@st.composite
def ways(draw: st.DrawFn, user: User, campaign: str, *, is_open: bool) -> Progress:
    """One way through a campaign."""
    granted = sorted(draw(st.sets(times.map(lambda at: at - HOUR), max_size=6)))
    serials = [next_serial(user, 0, at) for at in granted]
    seen = [Seen(each, (each >> 16) + MINUTE) for each in serials if draw(st.booleans())]
    declined_at = draw(st.none() | times)
    is_told = declined_at is not None and draw(st.booleans())
    concluded = draw(st.none() | st.sampled_from(seen)) if seen else None
    fields: dict[str, Any] = {}
    if concluded is not None:
        fields |= {
            "outcome": draw(seen_outcomes),
            "outcome_at": concluded.at + draw(st.sampled_from([0, DAY])),
            "outcome_of": concluded.serial,
        }
        if fields["outcome"] is Outcome.APPROVED:
            fields["answered"] = draw(st.sampled_from([None, *PushStatus]))
    exposed_at = draw(st.none() | times)
    last = START if is_open else max(granted, default=None)
    return Progress(
        exposed_at=exposed_at,
        arm=draw(st.sampled_from(["", "holdout", "direct_prompt"])) if exposed_at else "",
        variant=draw(st.sampled_from(["", "warm"])) if exposed_at else "",
        exposed_version=draw(st.integers(0, 2)) if exposed_at else 0,
        exposed_platform=draw(st.sampled_from(["", "ios"])) if exposed_at else "",
        goals=draw(st.integers(0, 3)) if exposed_at else 0,
        opted_in=draw(st.booleans()),
        converted=draw(st.booleans()),
        granted=max([*serials, next_serial(user, 0, START) if is_open else 0]),
        attempts=len(seen) + is_told,
        seen=tuple(seen[-20:]),
        forgiven=tuple(each.serial for each in seen[-20:] if draw(st.booleans()))[:1],
        offer=None if last is None else offer(user, campaign, last, draw(st.sampled_from(DEVICES))),
        elsewhere={
            device: offer(user, campaign, at, device).id
            for device, at in zip(DEVICES, granted[:-1], strict=False)
        },
        declined_at=declined_at,
        retry_at=draw(st.none() | times.map(lambda at: at + 14 * DAY))
        if seen or declined_at
        else None,
        since=draw(st.dictionaries(st.sampled_from("EF"), st.integers(1, 3), max_size=2)),
        skip_waits=draw(st.booleans()),
        **fields,
    )


def offer(user: User, campaign: str, at: int, device: str) -> Offer:
    """An offer that was granted at that time; open only if that is `START`."""
    grant = Grant(next_serial(user, 0, at), 1, 0, user)
    return Offer(
        id=make_id(grant, campaign),
        serial=grant.serial,
        device=device,
        attempt=1,
        version=0,
        arm="soft_ask",
        granted_at=at,
        lease_until=at + 10 * MINUTE,
        state=OfferState.OPEN,
    )
