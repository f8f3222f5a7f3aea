"""Test users: drafts, skipped waits, and no trace in any figure."""

from typing import Any

import pytest
from msgspec.structs import replace

from functions.core.campaign import Published
from functions.core.compiled import Campaigns
from functions.core.compiling import compile_all
from functions.core.model import DAY, Outcome, Progress
from functions.core.reason import Reason
from functions.core.testing import skip_waits
from tests.unit.core.scene import (
    CAMPAIGN,
    Scene,
    campaigns_of,
    settings_with,
    shipped,
    shipped_file,
)

TESTER = {"test_users": ["u1"]}


def the_tester(**changes: Any) -> Scene:
    return Scene(campaigns_of(shipped_file(**changes), settings=TESTER))


def skipping(scene: Scene) -> Scene:
    scene.profile = skip_waits(scene.profile, CAMPAIGN, scene.campaigns)
    return scene


def test_the_answer_says_that_it_is_a_test_and_nothing_is_counted() -> None:
    scene = the_tester()

    offer = scene.offered()
    assert offer.test
    for outcome in (Outcome.SHOWN, Outcome.APPROVED):
        assert scene.report(outcome, offer).facts == ()
    assert scene.track("PushPermissionChanged").facts == ()
    assert not scene.progress.window


def test_other_users_answers_are_none() -> None:
    assert not Scene().offered().test


def test_a_test_users_retry_window_is_obeyed_without_a_row_in_the_table() -> None:
    scene = the_tester()
    scene.report(Outcome.DECLINED, scene.offered())

    assert (scene.progress.retry_at, scene.progress.window) == (scene.now + 14 * DAY, False)
    assert scene.value().reason is Reason.IN_RETRY_WINDOW


def test_skipping_waits_brings_the_next_attempt_once() -> None:
    scene = the_tester()
    scene.report(Outcome.DECLINED, scene.offered())

    retry = skipping(scene).offered()

    assert retry.attempt == 2
    assert not scene.progress.skip_waits


def test_skipping_waits_passes_caps() -> None:
    caps = [{"at_most": 1, "per": "week"}]
    scene = Scene(campaigns_of(shipped_file(caps=caps), settings={**TESTER, "caps": caps}))
    scene.report(Outcome.DECLINED, scene.offered())

    assert skipping(scene).offered().attempt == 2


def test_after_the_last_attempt_the_first_comes_again() -> None:
    scene = the_tester()
    for _ in range(2):
        scene.report(Outcome.DECLINED, skipping(scene).offered())
    assert scene.value().reason is Reason.EXHAUSTED
    last = scene.progress.granted

    first = skipping(scene).offered()

    assert (first.attempt, scene.progress.granted) == (1, last + 1)


def test_the_mark_is_set_before_the_first_ask_too() -> None:
    scene = skipping(the_tester())

    assert scene.progress == Progress(skip_waits=True)
    assert scene.offered().attempt == 1


def test_a_campaign_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        skip_waits(Scene().profile, "nope", shipped())


# --- drafts ---


def with_draft() -> Campaigns:
    """Version 3 is live; its draft, version 4, is on another event and has other words."""
    draft = shipped_file(
        status="draft",
        trigger={"any": [{"event": "DraftEvent"}]},
        attempts=[{"content": "first"}],
    )
    live = Published(shipped_file(), 3)
    return compile_all(settings_with(**TESTER), [live], drafts=[Published(draft, 4)])


def test_a_test_user_sees_the_draft_in_place_of_the_live_campaign() -> None:
    scene = Scene(with_draft())

    assert scene.value().reason is Reason.NOT_REFERRED_TO or scene.value().actions == ()
    decision = scene.track("DraftEvent")
    assert [(each.campaign_version, each.test) for each in decision.actions] == [(4, True)]  # type: ignore[union-attr]


def test_everybody_else_sees_the_live_one() -> None:
    scene = Scene(with_draft())
    scene.profile = replace(scene.profile, user=replace(scene.user, id="u2"))
    scene.user = scene.profile.user

    assert scene.track("DraftEvent").actions == ()
    assert scene.offered().campaign_version == 3


def test_an_offer_of_the_live_version_stays_one_when_its_user_begins_to_test() -> None:
    scene = Scene(compile_all(settings_with(), [Published(shipped_file(), 3)]))
    offer = scene.offered()
    scene.campaigns = with_draft()

    [again] = scene.track("DraftEvent").actions

    assert (again.offer_id, again.campaign_version) == (offer.offer_id, 3)  # type: ignore[union-attr]


def test_a_draft_is_seen_even_before_anything_is_live() -> None:
    draft = Published(shipped_file(status="draft"), 1)
    scene = Scene(compile_all(settings_with(**TESTER), [], drafts=[draft]))

    assert scene.offered().campaign_version == 1


def test_drafts_stay_drafts_while_the_campaigns_are_stale() -> None:
    scene = Scene(with_draft().stale())

    assert scene.track("DraftEvent").reason is Reason.CAMPAIGNS_STALE
