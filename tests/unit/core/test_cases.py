"""The golden cases of `tests/cases`, played over `decide`, `fold` and `standing`."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from functions.core import standing
from functions.core.campaign import Published
from functions.core.compiled import Campaigns
from functions.core.compiling import compile_all, compile_outcomes
from functions.core.decision import Fold, decide, fold, new_profile
from functions.core.experiment import SOFT_ASK
from functions.core.model import (
    Action,
    Fact,
    Message,
    OpenDeeplink,
    Profile,
    Progress,
    RequestOsPermission,
    Snapshot,
    User,
    Withdraw,
)
from functions.core.recent import fingerprint
from functions.core.verdict import Decision
from tests.unit.core.case_file import Case, Expect, Step, read_cases, span
from tests.unit.core.scene import (
    CAMPAIGN,
    ROOT,
    START,
    campaigns_of,
    settings_with,
    settled_state,
    shipped_file,
)

CASES = read_cases(ROOT / "tests" / "cases")

UNKNOWN_OFFER = "of_unknown"
DECLINED_AT = "push_softask_declined_at"
NAMES = {
    "status": "status",
    "promptsUsed": "prompts_used",
    "everAsked": "ever_asked",
    "optedOut": "opted_out",
    "rationale": "rationale",
    "lastAskedAt": "last_asked_at",
    "lastDeclinedAt": "last_declined_at",
}

TIMES = ("lastAskedAt", "lastDeclinedAt")

Answer = Decision | Fold | tuple[Action, ...]


@pytest.mark.parametrize(("topic", "case"), CASES, ids=[case.name(topic) for topic, case in CASES])
def test_case(topic: str, case: Case) -> None:
    ends = []
    for steps in case.orders():
        player = Player(case)
        for number, step in enumerate(steps, start=1):
            player.play(step, f"{topic}: {case.sentence} Step {number}: {step}")
        ends.append({user: settled_state(each) for user, each in player.profiles.items()})
    assert all(end == ends[0] for end in ends), "every order ends alike"


def test_every_case_says_one_sentence() -> None:
    sentences = [case.sentence for _, case in CASES]

    assert len(set(sentences)) == len(sentences)
    assert all(each.endswith(".") and each[0].isupper() for each in sentences)


def _campaigns(case: Case) -> Campaigns:
    files = [shipped_file(**case.changes)]
    if case.also is not None:
        files.append(shipped_file(**case.also))
    return campaigns_of(*files, settings=case.settings)


def _edited(case: Case) -> Campaigns:
    """Version 1 of the campaign, which replaced version 0 a moment ago."""
    before = Published(shipped_file(**case.changes))
    earlier = compile_outcomes(before.file.outcomes)
    after = Published(shipped_file(**{**case.changes, **case.edited}), 1, earlier=earlier)
    return compile_all(settings_with(**case.settings), [after], previous=[before])


class Player:
    """Plays the steps of one case and holds each answer against what is expected of it."""

    def __init__(self, case: Case) -> None:
        campaigns = _campaigns(case)
        paused = campaigns_of(shipped_file(), settings={"paused": True})
        self._states = {
            "fresh": campaigns,
            "stale": campaigns.stale(),
            "paused": paused,
            "edited": _edited(case),
        }
        self._campaigns = campaigns
        self._now = START
        self._sent = 0
        self._offers: dict[str, str] = {}
        self._messages: dict[str, Message] = {}
        self._became: dict[User, User] = {}
        self.profiles: dict[User, Profile] = {}

    def play(self, step: Step, where: str) -> None:
        self._now += span(step.after)
        if step.campaigns is not None:
            self._campaigns = self._states[step.campaigns]
        caller = _user(step)
        user = self._became.get(caller, caller)
        before = self._profile(user)
        frozen = msgspec.json.encode(before)
        answer = self._answer(step, before)
        assert msgspec.json.encode(before) == frozen, f"{where}: the profile was changed in place"
        after = before if isinstance(answer, tuple) else answer.profile
        assert msgspec.json.decode(msgspec.json.encode(after), type=Profile) == after, where
        self.profiles[user] = after
        for alias in after.aliases.keys() - before.aliases.keys():
            # Its own profile is no more: its late messages are the user's.
            self._became[User("anonymous", alias)] = user
            self.profiles.pop(User("anonymous", alias), None)
        offered = _offered(answer)
        if step.as_ is not None and offered:
            self._offers.setdefault(step.as_, offered[0].offer_id)
        if step.expect is not None:
            self._check(step.expect, answer, after, where)

    def _answer(self, step: Step, profile: Profile) -> Answer:
        if step.batch:
            messages = [self._message(each) for each in step.batch]
            found = {each.merges: self._joining(each.merges) for each in messages}
            several = {id_: each for id_, each in found.items() if each is not None}
            return fold(profile, messages, self._campaigns, self._now, several)
        message = self._message(step)
        if step.still is not None:
            offer_id = self._offers[step.still]
            return (standing.check_offer(profile, offer_id, message, self._campaigns, self._now),)
        if step.actions:
            return standing.open_actions(profile, message, self._campaigns, self._now)
        joining = self._joining(message.merges)
        return decide(profile, message, self._campaigns, self._now, joining)

    def _profile(self, user: User) -> Profile:
        return self.profiles.get(user) or new_profile(user, self._now)

    def _joining(self, merges: str) -> Profile | None:
        """What may be merged: an anonymous id that became nobody yet."""
        anonymous = User("anonymous", merges)
        return None if not merges or anonymous in self._became else self._profile(anonymous)

    def _message(self, step: Step) -> Message:
        if step.replay is not None:
            return self._messages[step.replay]
        self._sent += 1
        age = None if step.age is None else span(step.age)
        traits = dict(step.identify or {})
        told = traits.pop(DECLINED_AT, None)
        message = Message(
            id=step.id or f"m{self._sent}",
            content=_content(step),
            kind="track" if step.identify is None else "identify",
            user=_user(step),
            at=self._now - (age or 0),
            age=age,
            event=step.track or "",
            offer_id=self._offers.get(step.offer, UNKNOWN_OFFER) if step.offer else None,
            traits=traits,
            merges=step.merges or "",
            declined_at=None if told is None else self._ago(told),
            device=step.device,
            properties=step.properties,
            platform=step.platform,
            api_level=step.api_level,
            locale=step.locale,
            in_foreground=not step.background,
            push=self._snapshot(step.push),
        )
        if step.as_ is not None:
            self._messages.setdefault(step.as_, message)
        return message

    def _snapshot(self, push: Mapping[str, Any] | None) -> Snapshot | None:
        if push is None:
            return None
        said = {
            NAMES[key]: self._ago(value) if key in TIMES else value for key, value in push.items()
        }
        return msgspec.convert(said, Snapshot)

    def _ago(self, text: str) -> int:
        return self._now - span(text.removesuffix(" ago"))

    def _check(self, expect: Expect, answer: Answer, profile: Profile, where: str) -> None:
        if expect.reason is not None:
            assert isinstance(answer, Decision), where
            assert answer.reason.word == expect.reason, where
        self._check_offer(expect, answer, where)
        withdrawn = [each for each in _actions(answer) if isinstance(each, Withdraw)]
        wanted = [] if expect.withdraws is None else [self._offers[expect.withdraws]]
        assert [each.offer_id for each in withdrawn] == wanted, where
        if expect.because is not None:
            assert [each.reason for each in withdrawn] == [expect.because], where
        if expect.facts is not None:
            assert tuple(fact.kind for fact in _facts(answer)) == expect.facts, where
        for name, value in (expect.attributes or {}).items():
            assert profile.attributes[name].value == value, where
        self._check_progress(expect, profile.progress.get(CAMPAIGN) or Progress(), where)

    def _check_offer(self, expect: Expect, answer: Answer, where: str) -> None:
        offered = _offered(answer)
        none_wanted = expect.attempt is None and expect.offer is None
        assert len(offered) == (0 if none_wanted else 1), where
        for offer in offered:
            assert expect.attempt in (None, offer.attempt), where
            _check_action(expect, offer, where)
            if expect.show_after is not None:
                assert offer.show_after == span(expect.show_after), where
            known = self._offers.get(expect.offer or "")
            assert expect.offer is None or known == offer.offer_id, where

    def _check_progress(self, expect: Expect, progress: Progress, where: str) -> None:
        assert expect.attempts in (None, progress.attempts), where
        assert expect.arm in (None, progress.arm or SOFT_ASK), where
        if isinstance(expect.retry_in, msgspec.UnsetType):
            return
        wanted = None if expect.retry_in is None else self._now + span(expect.retry_in)
        assert progress.retry_at == wanted, where
        assert progress.window is (wanted is not None), where


def _user(step: Step) -> User:
    if step.anonymous is not None:
        return User("anonymous", step.anonymous)
    return User("user", step.user or "u1")


def _content(step: Step) -> bytes:
    """Of what a message id stands for: not the context, nor the time of sending."""
    said = [step.track, step.identify, step.offer, step.merges]
    return fingerprint(msgspec.json.encode(said, order="deterministic"))


def _offered(answer: Answer) -> list[OpenDeeplink | RequestOsPermission]:
    return [each for each in _actions(answer) if not isinstance(each, Withdraw)]


def _check_action(expect: Expect, offer: OpenDeeplink | RequestOsPermission, where: str) -> None:
    if isinstance(offer, RequestOsPermission):
        assert expect.action == "request_os_permission", where
        assert (expect.title, expect.on_approve) == (None, None), where
        return
    assert expect.action in (None, "open_deeplink"), where
    assert expect.title in (None, offer.content.title), where
    assert expect.on_approve in (None, offer.on_approve), where


def _actions(answer: Answer) -> tuple[Action, ...]:
    return answer if isinstance(answer, tuple) else answer.actions


def _facts(answer: Answer) -> tuple[Fact, ...]:
    return () if isinstance(answer, tuple) else answer.facts
