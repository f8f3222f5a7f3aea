"""The truth table: what a device in each state may still see."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from functions.core.model import DAY, Attribute, Device, Profile, PushStatus, Snapshot, User
from functions.core.permission import (
    COOL_DOWN,
    STATUS_WORDS,
    TRUTH_TABLE,
    Route,
    Standing,
    is_last_denial,
    is_status,
    look_up,
    read_status,
    status_on,
    why_not,
)
from functions.core.reason import Reason
from functions.wire.messages import read_asker

NOW = 1_795_255_200_000
USER = User("user", "u1")
FILE = Path(__file__).parents[2] / "cases" / "permission" / "truth-table.json"


class Case(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    row: int
    sentence: str
    context: Mapping[str, Any]
    trait: Literal["unknown", "granted", "denied"] = "unknown"
    reads_as: int | None = None
    route: Route | None = None
    reason: str | None = None
    cools_down: bool = False

    @property
    def device(self) -> Device:
        asker = read_asker({"userId": "u1", "context": self.context}, NOW)
        return Device(
            push=asker.push or Snapshot(), platform=asker.platform, api_level=asker.api_level
        )

    @property
    def status(self) -> PushStatus:
        return read_status(self.device.push.status or self.trait)


CASES = msgspec.json.decode(FILE.read_bytes(), type=tuple[Case, ...])


def name(case: Case) -> str:
    return f"row_{case.row:02} {case.sentence}"


@pytest.mark.parametrize("case", CASES, ids=name)
def test_an_approval_leads_where_the_truth_table_says(case: Case) -> None:
    standing = look_up(case.status, case.device)

    assert standing.row == (case.reads_as or case.row)
    assert standing.route == case.route
    assert (standing.reason and standing.reason.word) == case.reason
    assert standing.cools_down is case.cools_down


def test_every_row_has_a_case_and_every_case_its_own_sentence() -> None:
    assert {case.row for case in CASES} == set(range(1, 21))
    assert max(Counter(name(case) for case in CASES).values()) == 1


def test_every_row_of_the_table_decides_some_case() -> None:
    spoken = {id(look_up(case.status, case.device)) for case in CASES}

    assert [row.standing for row in TRUTH_TABLE if id(row.standing) not in spoken] == []


@pytest.mark.parametrize("status", PushStatus)
@pytest.mark.parametrize("platform", ["ios", "android", "web", ""])
@pytest.mark.parametrize("api_level", [None, 1, 32, 33, 99])
def test_every_device_stands_somewhere(
    status: PushStatus, platform: str, api_level: int | None
) -> None:
    standing = look_up(status, Device(platform=platform, api_level=api_level))

    assert (standing.route is None) is (standing.reason is not None)


@pytest.mark.parametrize("row", TRUTH_TABLE, ids=lambda row: row.standing.says)
def test_a_row_says_why_it_leads_nowhere_or_where_it_leads(row: Any) -> None:
    assert (row.standing.route is None) is (row.standing.reason is not None)


def test_every_row_is_said_in_words_of_its_own() -> None:
    sentences = Counter(row.standing.says for row in TRUTH_TABLE)

    assert max(sentences.values()) == 1


def test_android_12_is_the_last_that_grants_on_install() -> None:
    def route(api_level: int) -> Route | None:
        return look_up(PushStatus.UNKNOWN, Device(platform="android", api_level=api_level)).route

    assert route(32) is None
    assert route(33) is Route.OS_PROMPT


def test_an_api_level_means_nothing_on_other_platforms() -> None:
    standing = look_up(PushStatus.UNKNOWN, Device(platform="ios", api_level=17))

    assert standing.row == 1


def test_a_swiped_prompt_cools_down_for_a_day() -> None:
    assert COOL_DOWN == DAY


def test_the_settings_are_a_route_only_where_the_campaign_allows_them() -> None:
    denied = Standing(row=3, says="", route=Route.OPEN_SETTINGS)

    assert why_not(denied, fallback_to_settings=False) is Reason.PERMISSION_DENIED
    assert why_not(denied, fallback_to_settings=True) is None


@pytest.mark.parametrize("fallback", [False, True])
def test_other_routes_and_reasons_do_not_depend_on_the_settings(fallback: bool) -> None:
    prompt = Standing(row=1, says="", route=Route.OS_PROMPT)
    opt_in = Standing(row=16, says="", route=Route.IN_APP_OPT_IN)
    error = Standing(row=17, says="", reason=Reason.TOKEN_ERROR)

    assert why_not(prompt, fallback_to_settings=fallback) is None
    assert why_not(opt_in, fallback_to_settings=fallback) is None
    assert why_not(error, fallback_to_settings=fallback) is Reason.TOKEN_ERROR


@pytest.mark.parametrize("word", STATUS_WORDS)
def test_every_native_word_is_known_in_any_case(word: str) -> None:
    assert is_status(word)
    assert is_status(word.upper())
    assert read_status(word.upper()) is read_status(word)


def test_other_words_are_not_statuses() -> None:
    assert not is_status("yes")
    assert read_status("yes") is PushStatus.UNKNOWN
    assert read_status(None) is PushStatus.UNKNOWN


def profile_with(trait: str | None, snapshot: Snapshot | None) -> Profile:
    return Profile(
        user=USER,
        first_seen_at=NOW,
        seen_at=NOW,
        attributes={"push_permission_status": Attribute(trait, NOW)} if trait else {},
        devices={"phone": Device(push=snapshot, push_at=NOW)} if snapshot else {},
    )


def test_a_devices_own_snapshot_beats_the_users_trait() -> None:
    profile = profile_with("denied", Snapshot(status="authorized"))

    assert status_on(profile, "phone") is PushStatus.GRANTED
    assert status_on(profile, "tablet") is PushStatus.DENIED


def test_a_snapshot_without_a_status_leaves_the_trait_in_force() -> None:
    profile = profile_with("granted", Snapshot(prompts_used=1))

    assert status_on(profile, "phone") is PushStatus.GRANTED


def test_a_user_of_whom_nothing_is_told_was_never_asked() -> None:
    assert status_on(profile_with(None, None), "phone") is PushStatus.UNKNOWN


@pytest.mark.parametrize(
    ("known", "told", "is_last"),
    [
        (("denied", True), ("denied", False), True),
        (("denied", True), ("denied", True), False),
        (("denied", True), ("denied", None), False),
        (("denied", False), ("denied", False), False),
        (("denied", None), ("denied", False), False),
        (("denied", True), ("granted", False), False),
        (("notDetermined", True), ("denied", False), False),
    ],
)
def test_a_last_denial_is_a_rationale_that_goes_while_the_device_stays_denied(
    known: tuple[str, bool | None], told: tuple[str, bool | None], is_last: bool
) -> None:
    before, after = (
        Device(platform="android", push=Snapshot(status=status, rationale=rationale))
        for status, rationale in (known, told)
    )

    assert is_last_denial(before, after) is is_last
