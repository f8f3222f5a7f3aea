"""What holds whatever the campaigns say: no two popups, exact caps, explain as decide."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.core import frequency
from functions.core.compiled import Campaigns
from functions.core.decision import decide
from functions.core.explain import Explanation, explain
from functions.core.model import Message, Profile
from functions.core.reason import Reason
from tests.unit.core.random_campaigns import DEVICES, EVENTS, campaign_sets, live, steps
from tests.unit.core.scene import Scene, offered_in

SHOWS = (Reason.OFFER_GRANTED, Reason.OFFER_REPEATED)

lives = st.lists(steps, max_size=12)
questions = st.tuples(st.sampled_from(EVENTS), st.integers(0, 4), st.sampled_from(DEVICES))


def played(campaigns: Campaigns, life: list[tuple[Any, ...]]) -> Scene:
    scene = Scene(campaigns)
    for step in life:
        live(scene, step)
    return scene


def asked(scene: Scene, question: tuple[str, int, str]) -> Message:
    event, number, device = question
    return scene.message(event=event, properties={"n": number}, device=device)


def verdict(scene: Scene, message: Message, campaign: str, now: int) -> Reason:
    decision = decide(scene.profile, replace(message, at=now), scene.campaigns, now)
    said = (each.reason for each in decision.reasons if each.campaign == campaign)
    return next(said, Reason.TRIGGER_NOT_MET)


@given(campaigns=campaign_sets(), life=lives, question=questions)
def test_explains_verdict_is_decides(
    campaigns: Campaigns, life: list[tuple[Any, ...]], question: tuple[str, int, str]
) -> None:
    scene = played(campaigns, life)
    message = asked(scene, question)
    before = msgspec.json.encode(scene.profile)

    for campaign in ("a", "b"):
        told = explain(scene.profile, campaign, message, campaigns, scene.now)

        reason = verdict(scene, message, campaign, scene.now)
        assert told.reason == reason.word
        assert told.would_show is (reason in SHOWS)
        assert_the_checks_say_so(told)
    assert msgspec.json.encode(scene.profile) == before


def assert_the_checks_say_so(told: Explanation) -> None:
    """It shows when every check passes."""
    assert told.would_show is all(check.passes for check in told.checks)


@given(campaigns=campaign_sets(), life=lives, question=questions, part=st.floats(0, 1))
def test_the_next_eligible_moment_is_the_first_at_which_the_same_event_shows(
    campaigns: Campaigns,
    life: list[tuple[Any, ...]],
    question: tuple[str, int, str],
    part: float,
) -> None:
    scene = played(campaigns, life)
    message = asked(scene, question)

    for campaign in ("a", "b"):
        told = explain(scene.profile, campaign, message, campaigns, scene.now)
        moment = told.next_eligible_at
        if moment is None:
            later = scene.now + int(part * 400 * 86_400_000)
            assert verdict(scene, message, campaign, later) not in SHOWS
            continue
        assert verdict(scene, message, campaign, moment) in SHOWS
        if moment > scene.now:
            before = scene.now + int(part * (moment - 1 - scene.now))
            for at in (scene.now, before, moment - 1):
                assert verdict(scene, message, campaign, at) not in SHOWS


@given(campaigns=campaign_sets(), life=lives)
def test_one_message_brings_at_most_one_popup_and_no_cap_is_passed(
    campaigns: Campaigns, life: list[tuple[Any, ...]]
) -> None:
    scene = Scene(campaigns)
    for step in life:
        before = scene.profile
        live(scene, step)
        if step[0] == "wait" or scene.decision is None:
            continue
        offered = offered_in(scene.decision)
        assert len(offered) <= 1
        if scene.decision.reason is Reason.OFFER_GRANTED:
            assert_caps_hold(campaigns, before, scene)
        assert len([p for p in scene.profile.progress.values() if _is_live(p, scene.now)]) <= 1


def _is_live(progress: Any, now: int) -> bool:
    return frequency.open_offer(progress, now) is not None or frequency.is_on_screen(progress, now)


def assert_caps_hold(campaigns: Campaigns, before: Profile, scene: Scene) -> None:
    """Counted here from the shows that were reported before the grant, by another account."""
    assert scene.decision is not None
    [offer] = offered_in(scene.decision)
    shows = [
        (campaign, seen.at)
        for campaign, progress in before.progress.items()
        for seen in progress.seen
    ]
    own = campaigns.seen_by(before.user).by_id[offer.campaign]
    for cap in campaigns.settings.caps:
        assert _shown(shows, cap, scene) < cap.at_most
    for cap in own.file.caps:
        assert _shown([each for each in shows if each[0] == own.id], cap, scene) < cap.at_most


def _shown(shows: list[tuple[str, int]], cap: Any, scene: Scene) -> int:
    spans = {"day": 86_400_000, "week": 7 * 86_400_000}
    if cap.per == "session":
        since = scene.profile.session_at - 1
    else:
        units = {"s": 1_000, "h": 3_600_000, "d": 86_400_000}
        within = spans.get(cap.per) or int(cap.within[:-1]) * units[cap.within[-1]]
        since = scene.now - within
    return sum(1 for _, at in shows if at > since)
