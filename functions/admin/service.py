"""What is live: read it, plan a change, write it, and again when somebody else was faster."""

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from functions.admin import plans
from functions.admin.plans import State, Step
from functions.core import devices, explain, testing
from functions.core.advice import warnings
from functions.core.campaign import CampaignFile, Package, SettingsFile
from functions.core.compiled import Campaign, Campaigns
from functions.core.errors import CampaignError
from functions.core.explain import Explanation
from functions.core.model import Message, Profile, User
from functions.store import changes, profiles
from functions.store.campaigns import (
    Change,
    Entry,
    LiveUnusable,
    Version,
    Versions,
    check_newest,
    packaged_set,
)
from functions.store.changes import Listed, Record
from functions.store.retry import Retry
from functions.store.serving import Compiled, compile_live
from functions.wire.admin import NotATestUser, NotFound, Unusable
from functions.wire.errors import TooLarge

Plan = Callable[[State], Step]


@dataclass(frozen=True, slots=True)
class Done:
    """A change, and what was live before it."""

    before: State
    step: Step

    @property
    def changed(self) -> bool:
        """Whether there was anything to change."""
        return self.step.live != self.before.live

    @property
    def revision(self) -> int:
        """The one that holds after the change."""
        return self.before.live.revision + self.changed


@dataclass(frozen=True, slots=True)
class Explained:
    """An explanation, and the profile that it is about; whether that user was ever heard of."""

    explanation: Explanation
    profile: Profile
    is_known: bool


class Operator:
    """What people do with live campaigns.

    Every call reads what is live anew, strongly: an operator sees every change at once.
    `Unavailable` means that the same call may be sent again.
    """

    def __init__(self, package: Package, write_keys: tuple[str, ...], retry: Retry) -> None:
        self._package = package
        self._write_keys = write_keys
        self._retry = retry
        self._versions = Versions()

    def state(self) -> State:
        """What is live now; the package, while nothing was ever published.

        Raises `Unusable`, also where a `LIVE` is gone or an older one was put back: by that, what
        was made since would not be there, and what was revoked would.
        """
        with _usable():
            stored = changes.read_live()
            check_newest(stored.live.revision if stored else 0)
        if stored is not None:
            return State(stored.live, self._versions, surplus=stored.surplus)
        packaged = plans.packaged_versions(self._package)
        live = packaged_set(self._package, self._write_keys)
        return State(live, Versions(packaged), packaged)

    # --- changes ---

    def publish(self, file: CampaignFile, expected: int | None, change: Change) -> Done:
        """Raises `WireError` for a file or an expectation that does not hold."""
        return self.change(lambda state: _published(state, file, expected, change.at), change)

    def check(self, file: CampaignFile, expected: int | None, now: int) -> Step:
        """What `publish` would do; stores nothing."""
        return _published(self.state(), file, expected, now)

    def pause(self, campaign: str, change: Change) -> Done:
        """Raises `WireError` where there is no such campaign."""
        return self.change(lambda state: plans.pause(state, campaign, change), change)

    def resume(self, campaign: str, change: Change) -> Done:
        """Raises `WireError` where there is nothing to resume."""
        return self.change(lambda state: plans.resume(state, campaign, change), change)

    def rollback(self, campaign: str, version: int, expected: int | None, change: Change) -> Done:
        """Raises `WireError` for a version that cannot be live."""
        return self.change(
            lambda state: plans.rollback(state, campaign, version, expected, change.at), change
        )

    def change_settings(self, settings: SettingsFile, expected: int, change: Change) -> Done:
        """Raises `WireError` where a campaign could not be used under them."""
        return self.change(
            lambda state: plans.change_settings(state, settings, expected, change), change
        )

    def change(self, plan: Plan, change: Change) -> Done:
        """Plans, writes all of it or nothing, and again where somebody else was faster."""
        return self._retry.until_written(lambda: self._try(plan, change))

    def _try(self, plan: Plan, change: Change) -> Done:
        state = self.state()
        done = Done(state, plan(state))
        if done.changed:
            _write(done, change)
        return done

    # --- reading ---

    def versions(self, campaign: str, before: int | None) -> tuple[Entry, list[Listed]]:
        """The campaign's entry, and its versions, newest first."""
        state = self.state()
        entry = state.entry(campaign)
        if state.packaged:
            file = state.version(campaign, 0).file
            packaged = [Listed(number=0, status=file.status, change=None)]
            return entry, packaged if before is None or before > 0 else []
        return entry, changes.versions(campaign, before)

    def campaigns(self, now: int) -> Campaigns:
        """What serves now; what cannot be compiled is left out."""
        return self._compiled(now).campaigns

    def _compiled(self, now: int) -> Compiled:
        state = self.state()
        with _usable():
            return compile_live(state.live, state.versions, now)

    def explain(
        self, campaign: str, user: User, question: Callable[[str], Message], now: int
    ) -> Explained:
        """question(event): the message that is asked about, by that event if it names none.

        Where it names no device, the user's usual one is meant. Raises `NotFound` for a campaign
        that the user could never see.
        """
        compiled = self._compiled(now)
        seen = _seen(campaign, user, compiled)
        asked = question(explain.question_event(seen))
        stored = profiles.load(user, now)
        profile = stored.profile
        if stored.is_deleted:
            explanation = explain.of_deleted(seen, stored.refused_until, now)
            return Explained(explanation, profile, is_known=False)
        # An anonymous id stands for the device where none is told.
        if asked.device in ("", user.id):
            asked = replace(asked, device=devices.usual(profile))
        explanation = explain.explain(profile, campaign, asked, compiled.campaigns, now)
        return Explained(explanation, profile, stored.is_known)

    def skip_waits(self, campaign: str, user: User, now: int) -> bool:
        """The test user's next ask waits for nothing; False of a deleted one. Raises `NotFound`."""
        compiled = self._compiled(now)
        _seen(campaign, user, compiled)
        campaigns = compiled.campaigns

        def mark() -> bool:
            stored = profiles.load(user, now)
            if stored.is_deleted:
                return False
            profile = testing.skip_waits(stored.profile, campaign, campaigns)
            if profile != stored.profile:
                profiles.save(stored, profile, (), campaigns.retention)
            return True

        return self._retry.until_written(mark)

    def check_test_user(self, user: User) -> None:
        """Raises `NotATestUser`."""
        if user.id not in self.state().live.settings.test_users:
            problem = "Only test users may: add the id to settings.test_users."
            raise NotATestUser(problem, "userId" if user.kind == "user" else "anonymousId")


def _published(state: State, file: CampaignFile, expected: int | None, now: int) -> Step:
    """Advised before it is written: a change that was made is never answered by a fault."""
    step = plans.publish(state, file, expected, now)
    return dataclasses.replace(step, warnings=_advice(file, state, now))


def _advice(file: CampaignFile, state: State, now: int) -> tuple[str, ...]:
    live = compile_live(state.live, state.versions, now).campaigns
    advised = warnings(file, state.live.settings, live)
    entry = state.live.campaigns.get(file.id)
    if entry is not None and entry.status == "paused" and file.status == "active":
        return (*advised, "the campaign is paused, and stays so until you resume it")
    return advised


def _seen(campaign: str, user: User, compiled: Compiled) -> Campaign:
    found = compiled.campaigns.seen_by(user).by_id.get(campaign)
    if found is not None and found.triggers:
        return found
    left_out = next((each for each in compiled.problems if each.startswith(f"{campaign} ")), None)
    problem = f"No campaign {campaign!r} is live; a draft is seen by test users alone."
    raise NotFound(left_out or problem, "id")


def _write(done: Done, change: Change) -> None:
    """All of the change, or nothing; with the first one, the packaged versions too."""
    step = done.step
    live = replace(step.live, revision=done.revision)
    if len(msgspec.json.encode(live)) > changes.MAX_BODY:
        problem = f"All that is live, settings included, has at most {changes.MAX_BODY} bytes."
        raise TooLarge(problem, "settings")
    new = [*done.before.packaged]
    if step.file is not None:
        new.append(Version(number=step.version, file=step.file, change=change))
    record = Record(
        id=uuid.uuid4().hex,
        what=step.what,
        campaign=step.campaign,
        version=step.version if step.campaign else None,
        key=step.key,
        change=change,
    )
    with _usable():
        changes.write(record, live, new, done.before.surplus)


@contextmanager
def _usable() -> Iterator[None]:
    """Nothing that is sent again mends what is stored: the operator must know."""
    try:
        yield
    except (LiveUnusable, CampaignError) as error:
        raise Unusable(str(error)) from None
