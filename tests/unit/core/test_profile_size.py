"""A typical profile stays within one write unit of 1 KB."""

import random
import uuid

import msgspec
import pytest

from functions.core.campaign import Published
from functions.core.compiled import Campaigns
from functions.core.compiling import compile_all
from functions.core.decision import decide
from functions.core.model import DAY, HOUR, SECOND, Outcome, Snapshot, User
from functions.store import codec
from tests.unit.core.scene import START, Scene, settings_with, shipped_file

WRITE_UNIT = 1_024
OTHER_ATTRIBUTES = 120
"""The key (a digest), versions, `retain_until`, and the names of all."""

TRAITS = {
    "push_permission_status": "unknown",
    "plan": "premium",
    "language": "en-GB",
    "signup_source": "instagram",
}


CONTEXT = {
    "platform": "android",
    "os_version": "15",
    "api_level": 35,
    "app_version": "4.12.1",
    "locale": "en-GB",
    "country": "GB",
    "time_zone": "Europe/London",
    "installed_at": START,
}


def a_typical_year(dice: random.Random, device: str, campaigns: Campaigns | None = None) -> Scene:
    """Ten value moments a week, with the full context and traits; both asks declined."""
    scene = Scene(campaigns, User("user", some_uuid(dice)))
    push = Snapshot(
        status="notDetermined",
        prompts_used=0,
        can_request=True,
        ever_asked=False,
        rationale=False,
        opted_out=False,
        notification_types=0,
        target_sdk=35,
    )
    for session in range(52 * 10):
        scene.now = START + session * 7 * DAY // 10 + dice.randrange(HOUR)
        scene.identify({**TRAITS, "session_count": session}, id=some_uuid(dice), device=device)
        decided = scene.value(id=some_uuid(dice), device=device, push=push, **CONTEXT)
        for outcome in (Outcome.SHOWN, Outcome.DECLINED) if decided.actions else ():
            scene.wait(5 * SECOND)
            scene.report(outcome, id=some_uuid(dice), device=device, push=push)
            push = msgspec.structs.replace(
                push, last_asked_at=push.last_asked_at or scene.now, last_declined_at=scene.now
            )
        if decided.actions:
            scene.identify(id=some_uuid(dice), device=device, declined_at=scene.now)
    return scene


def some_uuid(dice: random.Random) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


def test_a_typical_profile_after_a_year_stays_within_a_write_unit() -> None:
    dice = random.Random(2026)
    scene = a_typical_year(dice, some_uuid(dice))
    assert scene.progress.attempts == 2

    stored = codec.encode(scene.profile, {})

    assert len(stored) + OTHER_ATTRIBUTES <= WRITE_UNIT


def test_an_experiment_and_a_goal_stay_within_a_write_unit_too() -> None:
    variants = {name: {"weight": 1, "content": {"first": "retry"}} for name in ("warm", "short")}
    experiment = {"salt": "s", "arms": {"soft_ask": 1}, "variants": variants}
    goal = {"event": "SessionStarted"}
    file = shipped_file(experiment=experiment, goal=goal)
    campaigns = compile_all(settings_with(), [Published(file, 27)])
    dice = random.Random(2026)
    scene = a_typical_year(dice, some_uuid(dice), campaigns)
    for _ in range(300):
        scene.track("SessionStarted", id=some_uuid(dice))
        scene.wait(DAY)
    push = Snapshot(status="authorized", prompts_used=1)
    scene.track("PushPermissionChanged", push=push, device=next(iter(scene.profile.devices)))
    assert (scene.progress.goals, scene.progress.converted) == (300, True)

    assert len(codec.encode(scene.profile, {})) + OTHER_ATTRIBUTES <= WRITE_UNIT


@pytest.mark.parametrize("logins", [1, 2, 3])
def test_a_typical_profile_stays_within_a_write_unit_after_its_user_logged_in(logins: int) -> None:
    """Each time after a while as an anonymous user on the same phone, a popup declined."""
    dice = random.Random(2026)
    device = some_uuid(dice)
    own = a_typical_year(dice, device)
    for _ in range(logins):
        theirs = Scene(user=User("anonymous", some_uuid(dice)))
        theirs.now = own.now + DAY
        theirs.identify(TRAITS, id=some_uuid(dice), device=device)
        offer = theirs.offered(id=some_uuid(dice), device=device, **CONTEXT)
        theirs.report(Outcome.DECLINED, offer, id=some_uuid(dice), device=device)
        login = own.message(kind="identify", merges=theirs.user.id, id=some_uuid(dice))
        own.now = theirs.now
        own.profile = decide(own.profile, login, own.campaigns, own.now, theirs.profile).profile

    assert len(own.profile.aliases) == logins
    assert own.progress.attempts == 2 + logins
    assert len(codec.encode(own.profile, {})) + OTHER_ATTRIBUTES <= WRITE_UNIT
