"""A backtest grants what the deployed functions grant, message by message."""

import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.backtest.phone import Rates, RecordedPhone
from cli.backtest.run import Plan, backtest, read_campaigns
from functions.core.model import HOUR, MINUTE, Action, Message, OpenDeeplink
from functions.core.moments import format_time
from tests.integration import conftest as integration
from tests.integration.conftest import START, App
from tests.unit.backtest.recordings import Event, line

engine, package = integration.engine, integration.package
database, app = integration.database, integration.app

FOLDER = Path(__file__).parents[3] / "campaigns"
SEEDS = range(12)
MESSAGES = 60

Answers = dict[int, set[tuple[str, str]]]
"""By the time at which a message arrived: what it was answered, and about which offer."""

_USERS: list[Event] = [{"userId": "u1"}, {"userId": 2}, {"userId": "u3"}]
_INSTALLS: list[Event] = [{"anonymousId": "a1"}, {"userId": "", "anonymousId": 2}]
_INSTALLS += [{"anonymousId": "a3"}, {"anonymousId": "a4"}]
_SENDERS = [*_USERS, *_INSTALLS, {**_INSTALLS[0], **_USERS[0]}]
_LOGINS = [{**install, **user} for user in _USERS for install in _INSTALLS]
_STATUS = {"push_permission_status": "unknown"}
_SAID: list[tuple[int, Event]] = [
    (10, {"type": "track", "event": "ValueMomentReached"}),
    (4, {"type": "screen", "name": "ValueMomentReached"}),
    (3, {"type": "page", "event": "ValueMomentReached"}),
    (1, {"type": "screen", "name": "Home"}),
    (1, {"type": "group", "groupId": 7}),
    (2, {"type": "track", "event": "PushSoftAskShown"}),
    (1, {"type": "track", "event": "PushSoftAskDeclined"}),
    (1, {"type": "track", "event": "PushSoftAskDismissed"}),
    (1, {"type": "track", "event": "PushSoftAskSuppressed"}),
    (2, {"type": "identify", "traits": {"plan": "free"}, "context": {"traits": _STATUS}}),
]
_WEIGHTS = [weight for weight, _ in _SAID]


def story(seed: int) -> Iterator[tuple[int, Event]]:
    """A few users and installs that know each other in every way, and when each call arrives."""
    dice, now = random.Random(seed), START
    sent: list[Event] = []
    for number in range(MESSAGES):
        now += dice.choice((1, 3_000, MINUTE, 30 * MINUTE, 9 * HOUR, 80 * HOUR))
        if sent and dice.random() < 0.05:
            # The SDK did not hear the answer.
            body = {**dice.choice(sent[-3:]), "receivedAt": format_time(now)}
        else:
            body = call(dice, number, now)
            sent.append(body)
        yield now, body


def call(dice: random.Random, number: int, now: int) -> Event:
    """One call that was sent a moment ago, by a phone whose clock may be wrong."""
    sent_at = now + dice.choice((0, HOUR))
    said = whose(dice)
    context = {
        "device": {"id": dice.choice(("d1", "d2"))},
        "os": {"name": "iOS"},
        "push": {"status": "notDetermined"},
        **said.pop("context", {}),
    }
    return {
        **said,
        "messageId": f"m{number}",
        "originalTimestamp": format_time(sent_at - dice.choice((0, 100, 2_000, 10 * MINUTE))),
        "sentAt": format_time(sent_at),
        "receivedAt": format_time(now),
        "context": context,
    }


def whose(dice: random.Random) -> Event:
    [said] = dice.choices([said for _, said in _SAID], _WEIGHTS)
    if dice.random() < 0.1:
        login = dice.choice(_LOGINS)
        alias = {"userId": login["userId"], "previousId": login["anonymousId"], "type": "alias"}
        return dice.choice((alias, {**login, "type": "identify"}))
    return {**said, **dice.choice(_SENDERS)}


def answered(app: App, told: list[tuple[int, Event]]) -> Answers:
    """What the functions answer."""
    answers: Answers = {}
    for now, body in told:
        app.now = now
        actions = app.post(f"/v1/{body['type']}", body)["actions"]
        if actions:
            answers[now] = {(action["type"], action["offerId"]) for action in actions}
    return answers


def replayed(file: Path, patch: pytest.MonkeyPatch) -> Answers:
    """What the backtest's phones receive."""
    answers: Answers = {}

    def receive(_: Any, action: Action, _message: Message, now: int) -> None:
        kind = "open_deeplink" if isinstance(action, OpenDeeplink) else "withdraw"
        answers.setdefault(now, set()).add((kind, action.offer_id))

    patch.setattr(RecordedPhone, "receive", receive)
    named = read_campaigns([FOLDER / "push-softask.yaml"], FOLDER / "settings.yaml")
    backtest(Plan(file, named, "events", Rates()), Console(file=io.StringIO()))
    return answers


@pytest.mark.parametrize("seed", SEEDS)
def test_a_backtest_grants_what_production_grants(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    told = list(story(seed))
    lines = [line(body) + b"\n" for _, body in told]
    random.Random(seed).shuffle(lines)
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"".join(lines))

    expected = answered(app, told)

    assert len(expected) > 5
    assert replayed(file, monkeypatch) == expected
