"""What a merge does with each part of two profiles; `tests/cases/merges.json` tells stories."""

from typing import Any

import pytest
from msgspec.structs import replace

from functions.core import attributes, devices, frequency, history, recent, standing
from functions.core.attributes import MAX_ATTRIBUTES, MAX_BYTES
from functions.core.compiled import Campaigns
from functions.core.decision import decide, fold, ignored, matters
from functions.core.devices import MAX_DEVICES
from functions.core.frequency import ELSEWHERE_KEPT, SEEN_KEPT
from functions.core.merge import ALIASES_KEPT, merge
from functions.core.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Attribute,
    Device,
    History,
    OpenDeeplink,
    Outcome,
    Profile,
    Progress,
    PushStatus,
    Snapshot,
    User,
    Withdraw,
)
from functions.core.reason import Reason
from functions.core.verdict import Decision
from tests.unit.core.lives import ANONYMOUS, Life
from tests.unit.core.scene import (
    CAMPAIGN,
    START,
    USER,
    campaigns_of,
    offer_of,
    shipped,
    shipped_file,
)

A1 = ANONYMOUS[0]
THRICE = [{"content": "first"}, *[{"content": "retry", "wait": "14d"}] * 2]


def lives(campaigns: Campaigns | None = None) -> tuple[Life, Life]:
    """The user's own, and that of an anonymous id."""
    return Life(campaigns or shipped(), USER), Life(campaigns or shipped(), A1)


def logged_in(own: Life, theirs: Life, **fields: Any) -> Decision:
    """The login: the anonymous profile becomes the user's."""
    own.now = theirs.now = max(own.now, theirs.now)
    message = own.message(kind="identify", merges=theirs.user.id, **fields)
    own.decision = decide(own.profile, message, own.campaigns, own.now, theirs.profile)
    own.profile = own.decision.profile
    return own.decision


def profile(user: User = USER, **fields: Any) -> Profile:
    return Profile(**{"user": user, "first_seen_at": START, "seen_at": START, **fields})


def merged(own: dict[str, Any], theirs: dict[str, Any]) -> Profile:
    return merge(profile(**own), profile(A1, **theirs), shipped(), START)


# --- the message that merges ---


def test_row_40_a_login_merges_and_is_remembered_with_its_traits() -> None:
    own, theirs = lives()
    theirs.report(Outcome.DECLINED, theirs.offered())

    decision = logged_in(own, theirs, traits={"plan": "pro"})

    assert decision.reason is Reason.MERGED
    assert decision.facts == ()
    assert own.profile.attributes == {"plan": Attribute("pro", START)}
    assert own.progress.attempts == 1
    [*_, last] = recent.entries(own.profile.recent)
    assert last.reason is Reason.MERGED


def test_row_40_a_login_of_an_alias_merges_nothing() -> None:
    own, theirs = lives()
    theirs.value()
    logged_in(own, theirs)
    before = own.profile

    assert logged_in(own, theirs).reason is Reason.UNCHANGED
    assert own.profile is before


def test_row_40_a_login_that_is_known_by_its_id_merges_nothing() -> None:
    own, theirs = lives()
    message = own.message(kind="identify", traits={"plan": "pro"}, merges="a1")
    own.send(message)
    theirs.value()

    decision = decide(own.profile, message, own.campaigns, own.now, theirs.profile)

    assert (decision.reason, decision.profile) == (Reason.DUPLICATE, own.profile)


def test_traits_that_are_refused_do_not_take_the_merge_with_them() -> None:
    own, theirs = lives()
    theirs.report(Outcome.DECLINED, theirs.offered())

    decision = logged_in(own, theirs, traits={"long": "x" * MAX_BYTES})

    assert decision.reason is Reason.ATTRIBUTES_FULL
    assert [each.reason for each in decision.reasons] == [Reason.ATTRIBUTES_FULL, Reason.MERGED]
    assert own.progress.attempts == 1


def test_a_permission_that_the_anonymous_id_reported_is_no_news_of_the_login() -> None:
    own, theirs = lives()
    theirs.track("PushPermissionChanged", push=Snapshot(status="denied"))

    decision = logged_in(own, theirs, traits={"push_permission_status": "denied"})

    assert decision.facts == ()


def test_an_identify_matters_that_merges() -> None:
    own, _ = lives()

    assert matters(own.message(kind="identify", merges="a1"), own.campaigns)
    assert not matters(own.message(kind="identify"), own.campaigns)


def test_a_fold_merges_whom_its_messages_name_and_no_one_else() -> None:
    own, theirs = lives()
    theirs.value()
    messages = [
        own.message(kind="identify", merges="a1"),
        own.message(kind="identify", merges="a2", traits={"plan": "pro"}),
    ]

    folded = fold(own.profile, messages, own.campaigns, own.now, {"a1": theirs.profile})

    assert [each.reason for each in folded.decisions] == [Reason.MERGED, Reason.ATTRIBUTES_UPDATED]
    assert folded.profile.aliases.keys() == {"a1"}


def test_a_fold_answers_no_offer_that_a_login_in_it_took_back() -> None:
    own, theirs = lives()
    theirs.report(Outcome.DECLINED, theirs.offered())
    messages = [own.message(event="ValueMomentReached"), own.message(kind="identify", merges="a1")]

    folded = fold(own.profile, messages, own.campaigns, own.now, {"a1": theirs.profile})

    offer = offer_of(folded.decisions[0])
    assert folded.actions == (Withdraw(offer_id=offer.offer_id, reason="withdrawn"),)


def test_row_39_of_a_deleted_user_every_message_is_answered_and_none_kept() -> None:
    own, _ = lives()
    messages = [own.message(event="ValueMomentReached"), own.message(kind="identify")]

    folded = ignored(own.profile, messages)

    assert folded.profile is own.profile
    assert [each.reason for each in folded.decisions] == [Reason.USER_DELETED] * 2
    assert all(each.profile is own.profile for each in folded.decisions)
    assert (folded.actions, folded.facts) == ((), ())


# --- offers ---


@pytest.mark.parametrize("named", [True, False])
def test_row_40_a_popup_of_the_anonymous_id_is_answered_by_the_user(named: bool) -> None:
    own, theirs = lives()
    offer = theirs.offered()
    logged_in(own, theirs)

    own.report(Outcome.SHOWN, offer if named else None)
    declined = own.report(Outcome.DECLINED, offer if named else None)

    assert declined.reason is Reason.DECLINED
    assert [fact.offer_id for fact in declined.facts] == [offer.offer_id]
    assert (own.progress.attempts, own.progress.retry_at) == (1, START + 14 * DAY)


def test_row_40_whether_an_anonymous_offer_still_stands_is_answered_to_the_user() -> None:
    own, theirs = lives()
    offer = theirs.offered()
    logged_in(own, theirs)
    asker = own.message()

    still = standing.check_offer(own.profile, offer.offer_id, asker, own.campaigns, own.now)
    assert isinstance(still, OpenDeeplink)
    assert (still.offer_id, still.user_id) == (offer.offer_id, "u1")

    own.report(Outcome.SHOWN, offer)
    gone = standing.check_offer(own.profile, offer.offer_id, asker, own.campaigns, own.now)
    assert gone == Withdraw(offer_id=offer.offer_id, reason="shown")


@pytest.mark.parametrize(
    "told",
    [
        {"kind": "identify", "declined_at": START - 60 * DAY},
        {"event": "PushSoftAskDeclined", "offer_id": "of_unknown", "at": START - 60 * DAY},
    ],
)
def test_an_open_offer_is_taken_back_whatever_decline_it_did_not_reckon_with(
    told: dict[str, Any],
) -> None:
    own, theirs = lives()
    offer = theirs.offered()
    own.send(own.message(**told))

    decision = logged_in(own, theirs)

    assert decision.actions == (Withdraw(offer_id=offer.offer_id, reason="withdrawn"),)
    assert own.progress.attempts == 0


def test_an_open_offer_is_taken_back_where_the_system_in_use_before_had_asked() -> None:
    own, theirs = lives()
    offer = theirs.offered()
    own.profile = replace(own.profile, asked_at=START - 60 * DAY)

    assert logged_in(own, theirs).actions == (
        Withdraw(offer_id=offer.offer_id, reason="withdrawn"),
    )


def test_an_offer_that_lapsed_unseen_takes_nothing_back() -> None:
    own, theirs = lives()
    own.offered()
    theirs.wait(HOUR)
    offer = theirs.offered()

    assert logged_in(own, theirs).actions == ()
    assert [each.id for each in frequency.open_offers(own.profile, own.now)] == [offer.offer_id]


def test_an_open_offer_gives_way_to_a_newer_one_that_was_suppressed() -> None:
    own, theirs = lives()
    older = own.offered(device="tablet")
    theirs.wait(SECOND)
    theirs.report(Outcome.SUPPRESSED, theirs.offered())

    decision = logged_in(own, theirs)

    assert decision.actions == (Withdraw(offer_id=older.offer_id, reason="withdrawn"),)
    assert own.progress.elsewhere == {"tablet": older.offer_id}


def test_the_newest_offer_of_each_other_device_is_remembered_the_oldest_first() -> None:
    own, theirs = lives()
    for number in range(12):
        life = (own, theirs)[number % 2]
        life.offered(device=f"d{number}")
        own.now += 11 * MINUTE
        theirs.now = own.now

    logged_in(own, theirs)

    assert own.progress.offer is not None
    assert own.progress.offer.device == "d11"
    assert list(own.progress.elsewhere) == [f"d{each}" for each in range(3, 11)]
    assert len(own.progress.elsewhere) == ELSEWHERE_KEPT


def test_a_device_of_both_is_remembered_by_its_newest_offer() -> None:
    own, theirs = lives()
    own.offered(device="tablet")
    theirs.wait(HOUR)
    newer = theirs.offered(device="tablet")
    theirs.wait(HOUR)
    theirs.offered(device="phone")

    logged_in(own, theirs)

    assert own.progress.elsewhere == {"tablet": newer.offer_id}


# --- asks and windows ---


def test_row_60_a_told_decline_stands_for_no_ask_beside_one_that_was_seen() -> None:
    campaigns = campaigns_of(shipped_file(attempts=THRICE))
    own, theirs = lives(campaigns)
    own.report(Outcome.DECLINED, own.offered())
    theirs.identify(declined_at=START - 30 * DAY)
    theirs.report(Outcome.DECLINED, theirs.offered())
    assert (own.progress.attempts, theirs.progress.attempts) == (1, 2)

    logged_in(own, theirs)

    assert own.progress.attempts == 2


def test_of_the_popups_that_were_seen_the_newest_are_listed_and_all_counted() -> None:
    copy = {"title": "T", "body": "B", "approve": "Y"}
    repeat = campaigns_of(
        shipped_file(attempts=None, repeat={"gap": "1d"}, content={"default": {"en": copy}})
    )
    own, theirs = lives(repeat)
    for number in range(2 * 15):
        life = (own, theirs)[number % 2]
        life.report(Outcome.DECLINED, life.offered())
        own.now += DAY
        theirs.now = own.now

    logged_in(own, theirs)

    assert own.progress.attempts == 30
    assert len(own.progress.seen) == SEEN_KEPT
    assert own.progress.seen[-1].at == own.now - DAY


def test_no_more_dismissals_are_forgiven_than_one_user_is_forgiven() -> None:
    forgiving = campaigns_of(shipped_file(dismissed={"wait": "3d", "at_most": 1}))
    own, theirs = lives(forgiving)
    for life in (own, theirs):
        life.report(Outcome.DISMISSED, life.offered(device=life.user.id))
        assert life.progress.spent == 0
        theirs.wait(SECOND)

    logged_in(own, theirs)

    assert (own.progress.attempts, own.progress.spent) == (2, 1)
    assert own.progress.forgiven == (theirs.progress.outcome_of,)


def test_of_two_approvals_the_denied_one_is_the_last_word_then_the_granted_one() -> None:
    own, theirs = lives(campaigns_of(shipped_file(attempts=THRICE, audience=None)))
    for life, status in ((own, "denied"), (theirs, "authorized")):
        device = life.user.id
        life.report(Outcome.APPROVED, life.offered(device=device), device=device)
        life.track("PushPermissionChanged", push=Snapshot(status=status), device=device)
        theirs.wait(MINUTE)

    logged_in(own, theirs)

    assert (own.progress.outcome, own.progress.answered) == (Outcome.APPROVED, PushStatus.DENIED)
    assert own.progress.retry_at is None


def test_a_granted_approval_is_the_last_word_over_a_newer_dismissal() -> None:
    own, theirs = lives(campaigns_of(shipped_file(attempts=THRICE, audience=None)))
    own.report(Outcome.APPROVED, own.offered())
    own.track("PushPermissionChanged", push=Snapshot(status="authorized"))
    theirs.wait(DAY)
    theirs.report(Outcome.DISMISSED, theirs.offered(device="tablet"), device="tablet")

    logged_in(own, theirs)

    assert (own.progress.outcome, own.progress.answered) == (Outcome.APPROVED, PushStatus.GRANTED)
    assert own.progress.answered_at == START


def test_a_popup_that_was_approved_is_approved_though_it_was_dismissed_later() -> None:
    own, theirs = lives(campaigns_of(shipped_file(kind="popup", audience=None)))
    own.report(Outcome.APPROVED, own.offered())
    theirs.wait(DAY)
    theirs.report(Outcome.DISMISSED, theirs.offered(device="tablet"), device="tablet")

    logged_in(own, theirs)

    assert own.progress.outcome is Outcome.APPROVED


def test_an_approval_that_is_not_settled_gives_way_to_a_newer_outcome() -> None:
    own, theirs = lives(campaigns_of(shipped_file(attempts=THRICE)))
    own.report(Outcome.APPROVED, own.offered())
    theirs.wait(DAY)
    theirs.report(Outcome.DISMISSED, theirs.offered(device="tablet"), device="tablet")

    logged_in(own, theirs)

    assert own.progress.outcome is Outcome.DISMISSED


def test_value_counts_since_the_later_of_two_declines() -> None:
    own, theirs = lives()
    own.identify(declined_at=START - 5 * DAY)
    theirs.identify(declined_at=START - DAY)
    for life in (own, own, theirs):
        life.value(push=None)

    logged_in(own, theirs)

    assert own.progress.since == {"ValueMomentReached": 1}


@pytest.mark.parametrize("arms", [("", "holdout"), ("holdout", "")])
def test_of_two_exposures_at_one_time_that_of_the_shown_popup_stands(arms: tuple[str, str]) -> None:
    own, theirs = ({CAMPAIGN: Progress(exposed_at=START, arm=arm)} for arm in arms)

    both = merged({"progress": own}, {"progress": theirs}).progress[CAMPAIGN]

    assert (both.exposed_at, both.arm) == (START, "")


def test_a_skipped_wait_is_skipped_whichever_of_the_two_was_marked() -> None:
    theirs = {CAMPAIGN: Progress(skip_waits=True)}

    both = merged({"progress": {CAMPAIGN: Progress()}}, {"progress": theirs})

    assert both.progress[CAMPAIGN].skip_waits


@pytest.mark.parametrize("gone", ["ended", "unreadable"])
def test_of_a_campaign_without_rules_the_later_window_holds(gone: str) -> None:
    own, theirs = lives()
    own.report(Outcome.DECLINED, own.offered())
    theirs.wait(DAY)
    theirs.report(Outcome.DECLINED, theirs.offered())
    if gone == "ended":
        own.campaigns = Campaigns(own.campaigns.settings, [])
    else:
        unreadable = replace(own.campaigns.by_id[CAMPAIGN], attempts=(), at_most=0)
        own.campaigns = Campaigns(own.campaigns.settings, [unreadable])

    logged_in(own, theirs)

    assert (own.progress.retry_at, own.progress.window) == (START + 15 * DAY, True)


def test_a_window_keeps_its_end_where_only_one_was_asked_though_the_wait_was_edited() -> None:
    own, theirs = lives()
    own.report(Outcome.DECLINED, own.offered())
    theirs.value()
    own.campaigns = campaigns_of(
        shipped_file(attempts=[{"content": "first"}, {"content": "retry", "wait": "1d"}])
    )

    logged_in(own, theirs)

    assert (own.progress.retry_at, own.progress.window) == (START + 14 * DAY, True)


def test_a_window_that_ended_before_the_login_gets_no_row_of_the_users() -> None:
    own, theirs = lives()
    theirs.report(Outcome.DECLINED, theirs.offered())
    theirs.wait(14 * DAY)

    logged_in(own, theirs)

    assert (own.progress.retry_at, own.progress.window) == (theirs.now, False)


def test_a_due_row_of_the_users_own_stays_for_the_sweep_until_its_end_moves() -> None:
    own, theirs = lives(campaigns_of(shipped_file(attempts=THRICE)))
    own.report(Outcome.DECLINED, own.offered())
    own.wait(15 * DAY)
    theirs.now = own.now
    theirs.value(in_foreground=False)
    logged_in(own, theirs)
    assert (own.progress.retry_at, own.progress.window) == (START + 14 * DAY, True)

    other = Life(own.campaigns, ANONYMOUS[1])
    other.wait(2 * DAY)
    other.report(Outcome.DECLINED, other.offered())
    other.now = own.now
    logged_in(own, other)
    assert (own.progress.retry_at, own.progress.window) == (START + 16 * DAY, True)


def test_a_row_that_was_due_already_is_not_taken_over_for_a_later_window() -> None:
    own, theirs = lives()
    own.track("PushPermissionChanged", push=Snapshot(status="authorized"))
    own.identify(declined_at=START)
    theirs.identify(declined_at=START - 20 * DAY)
    assert (own.progress.window, theirs.progress.window) == (False, True)

    logged_in(own, theirs)

    assert (own.progress.retry_at, own.progress.window) == (START + 14 * DAY, False)


def test_a_grant_on_the_device_that_was_asked_ends_the_row_of_its_window() -> None:
    own, theirs = lives()
    own.report(Outcome.DECLINED, own.offered())
    theirs.track("PushPermissionChanged", push=Snapshot(status="authorized"), at=START + 1)

    logged_in(own, theirs)

    assert (own.progress.retry_at, own.progress.window) == (START + 14 * DAY, False)


def test_a_popup_that_asks_for_no_permission_keeps_its_window_beside_a_grant() -> None:
    own, theirs = lives(campaigns_of(shipped_file(kind="popup", audience=None)))
    own.report(Outcome.DECLINED, own.offered())
    theirs.track("PushPermissionChanged", push=Snapshot(status="authorized"), at=START + 1)

    logged_in(own, theirs)

    assert own.progress.window


def test_a_test_user_takes_over_no_row() -> None:
    own, theirs = lives(campaigns_of(shipped_file(), settings={"test_users": ["u1"]}))
    theirs.report(Outcome.DECLINED, theirs.offered())
    assert theirs.progress.window

    logged_in(own, theirs)

    assert (own.progress.retry_at, own.progress.window) == (START + 14 * DAY, False)


# --- counts, dates and devices ---


def test_the_longest_unheard_aliases_are_forgotten_beyond_a_hundred() -> None:
    aliases = {f"a{number:03}": START + number for number in range(ALIASES_KEPT)}

    own = merge(profile(aliases=aliases), profile(User("anonymous", "z")), shipped(), START)
    late = profile(User("anonymous", "z"), seen_at=START + DAY)

    assert own.aliases == {**dict(list(aliases.items())[1:]), "z": START}
    assert list(merge(profile(aliases=aliases), late, shipped(), START).aliases)[-1] == "z"


def test_dates_are_the_later_and_the_first_sign_of_life_the_earlier() -> None:
    own = {"first_seen_at": 5, "seen_at": 9, "session_at": 3, "declined_at": 1}
    theirs = {"first_seen_at": 4, "seen_at": 8, "session_at": 7, "declined_at": 2, "asked_at": 6}

    both = merged(own, theirs)

    assert (both.first_seen_at, both.seen_at, both.session_at) == (4, 9, 7)
    assert (both.declined_at, both.asked_at) == (2, 6)
    assert both.user == USER


def test_counts_are_added_and_a_session_that_is_over_is_not() -> None:
    one = History(3, 10, 30, (10, 20, 30), in_session=2, session_at=15)
    other = History(2, 5, 25, (5, 25), in_session=1, session_at=15)

    assert history.united(one, other) == History(5, 5, 30, (5, 10, 20, 25, 30), 3, 15)
    later = replace(other, session_at=24)
    assert history.united(one, later) == History(5, 5, 30, (5, 10, 20, 25, 30), 1, 24)


def test_of_the_times_of_both_the_newest_twenty_are_kept() -> None:
    one = History(15, 0, 14, tuple(range(15)))
    other = History(15, 100, 114, tuple(range(100, 115)))

    assert history.united(one, other).times == (*range(10, 15), *range(100, 115))


def test_events_and_attributes_of_one_alone_are_kept() -> None:
    own = {"events": {"E": History(1, 1, 1)}, "attributes": {"n": Attribute(1, 1)}}
    theirs = {"events": {"F": History(2, 2, 2)}, "attributes": {"m": Attribute(2, 2)}}

    both = merged(own, theirs)

    assert both.events == {"E": History(1, 1, 1), "F": History(2, 2, 2)}
    assert both.attributes == {"n": Attribute(1, 1), "m": Attribute(2, 2)}


def test_values_of_one_time_are_told_apart_by_their_text_in_either_order() -> None:
    one, other = {"n": Attribute("b", 5)}, {"n": Attribute("a", 5)}

    assert attributes.united(one, other) == attributes.united(other, one) == one


def test_beyond_the_most_attributes_the_longest_unset_stay_out_the_permission_last() -> None:
    one = {f"o{n:03}": Attribute(n, 1000 + n) for n in range(60)}
    other = {f"t{n:03}": Attribute(n, n) for n in range(59)}
    other["push_permission_status"] = Attribute("denied", -5)

    both = attributes.united(one, other)

    assert len(both) == MAX_ATTRIBUTES
    assert both.keys() == {*one, *(f"t{n:03}" for n in range(20, 59)), "push_permission_status"}
    assert both == attributes.united(other, one)


def test_beyond_the_most_bytes_the_longest_unset_stay_out() -> None:
    one = {"old": Attribute("x" * 9_000, 1), "new": Attribute("y", 3)}
    other = {"middle": Attribute("z" * 9_000, 2)}

    assert attributes.united(one, other).keys() == {"middle", "new"}


def test_the_rings_are_united_by_time_and_equal_entries_kept_once() -> None:
    own, theirs = lives()
    for number in range(4):
        life = (own, theirs)[number % 2]
        life.now = START + number * SECOND
        life.value()
    shared = own.profile.recent

    ring = recent.united(own.profile.recent + b"", theirs.profile.recent + shared, START + MINUTE)

    times = [entry.at for entry in recent.entries(ring)]
    assert times == [START + number * SECOND for number in range(4)]


def test_the_united_ring_forgets_as_a_ring_does() -> None:
    own, theirs = lives()
    for number in range(2 * 12):
        life = (own, theirs)[number % 2]
        life.now = START + number * SECOND
        life.value()

    ring = recent.united(own.profile.recent, theirs.profile.recent, START + HOUR)

    assert len(list(recent.entries(ring))) == recent.KEPT_ALWAYS
    whole = recent.united(own.profile.recent, theirs.profile.recent, START + MINUTE)
    assert len(list(recent.entries(whole))) == 24


def test_of_one_device_the_newest_snapshot_the_floors_of_both_and_all_context_are_kept() -> None:
    one = Device(
        push=Snapshot(status="denied", last_asked_at=START),
        push_at=START + 5,
        seen_at=START + 5,
        platform="ios",
        app_version="4.1",
        locale="en-GB",
    )
    other = Device(
        push=Snapshot(status="notDetermined", prompts_used=0, last_declined_at=START + 1),
        push_at=START,
        seen_at=START + 9,
        platform="ios",
        app_version="4.2",
    )

    both = devices.united(one, other)

    assert both == devices.united(other, one)
    floors = Snapshot(status="denied", last_asked_at=START, last_declined_at=START + 1)
    assert (both.push, both.push_at) == (floors, START + 5)
    assert (both.seen_at, both.app_version, both.locale) == (START + 9, "4.2", "en-GB")


def test_a_snapshot_without_a_status_gives_way_to_an_older_one_that_has_it() -> None:
    told = Device(push=Snapshot(status="authorized"), push_at=START)
    silent = Device(push=Snapshot(prompts_used=1), push_at=START + DAY)

    both = devices.united(told, silent)

    assert (both.push.status, both.push_at) == ("authorized", START)


def test_of_too_many_devices_the_longest_unseen_are_dropped_but_not_that_of_an_open_offer() -> None:
    own, theirs = lives()
    offer = theirs.offered(device="waiting")
    many = {f"d{number:02}": Device(seen_at=START + 1 + number) for number in range(MAX_DEVICES)}
    own.profile = replace(own.profile, devices=many)

    logged_in(own, theirs, device="laptop")

    assert own.profile.devices.keys() == {*many, "waiting"} - {"d00"}
    assert len(own.profile.devices) == MAX_DEVICES
    assert own.report(Outcome.SHOWN, offer, device="waiting").reason is Reason.SHOWN


def test_the_device_that_logs_in_is_not_dropped_however_long_it_was_unseen() -> None:
    own, theirs = lives()
    theirs.track("PushPermissionChanged", push=Snapshot(status="denied"))
    own.wait(DAY)
    many = {f"d{number:02}": Device(seen_at=own.now - number) for number in range(MAX_DEVICES)}
    own.profile = replace(own.profile, devices=many)

    logged_in(own, theirs)

    assert own.profile.devices["phone"].push.status == "denied"
    assert many.keys() - own.profile.devices.keys() == {"d19"}


def test_a_snapshot_of_the_other_life_speaks_for_its_device() -> None:
    own, theirs = lives()
    theirs.track("PushPermissionChanged", push=Snapshot(status="authorized"))

    logged_in(own, theirs)

    assert own.value(push=None).reason is Reason.ALREADY_GRANTED


# --- exposures ---


def test_row_40_the_earlier_exposure_stands_with_its_arm_words_place_and_goals() -> None:
    first = Progress(
        exposed_at=START,
        arm="direct_prompt",
        exposed_version=3,
        exposed_platform="web",
        goals=2,
    )
    later = Progress(
        exposed_at=START + 1,
        variant="warm",
        exposed_version=4,
        exposed_platform="ios",
        goals=7,
        converted=True,
    )

    for own, theirs in ((first, later), (later, first)):
        one, other = ({"progress": {CAMPAIGN: each}} for each in (own, theirs))
        both = merged(one, other).progress[CAMPAIGN]

        assert both == replace(first, converted=True)


def test_row_40_what_was_told_once_is_not_told_again_after_the_login() -> None:
    own, theirs = lives()
    own.value()
    theirs.wait(HOUR)
    theirs.report(Outcome.APPROVED, theirs.offered())
    told = theirs.track("PushPermissionChanged", push=Snapshot(status="authorized"))
    assert {"converted", "opted_in"} <= {fact.kind for fact in told.facts}
    own.wait(HOUR)
    login = logged_in(own, theirs)
    assert own.progress.exposed_at == START
    own.wait(DAY)

    after = [
        own.track("PushPermissionChanged", push=Snapshot(status=status))
        for status in ("denied", "authorized")
    ]

    facts = [fact.kind for each in (login, *after) for fact in each.facts]
    assert facts == ["denied", "granted"]


def test_row_40_an_os_prompt_that_both_know_of_is_one() -> None:
    own = {"devices": {"phone": Device(prompts=1)}}
    theirs = {"devices": {"phone": Device(prompts=2)}}

    assert merged(own, theirs).devices["phone"].prompts == 2
    assert merged(theirs, own).devices["phone"].prompts == 2
