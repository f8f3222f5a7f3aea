"""The public routes: answers, authentication, and what is refused before the database is asked."""

import base64
import gzip
import json
import threading
from typing import Any

import pytest

from tests.integration.conftest import (
    DAY,
    MINUTE,
    START,
    WRITE_KEY,
    App,
    Database,
    Json,
    message,
)


def test_a_value_moment_brings_the_offer_of_the_contract(app: App) -> None:
    body = message("ValueMomentReached", messageId="m1", timestamp="2026-11-21T10:00:00Z")
    answer = app.post("/v1/track", body)

    [action] = answer["actions"]
    offer_id = action.pop("offerId")
    assert answer | {"actions": []} == {"success": True, "messageId": "m1", "actions": []}
    assert action == {
        "type": "open_deeplink",
        "campaign": "push-softask",
        "campaignVersion": 0,
        "attempt": 1,
        "arm": "soft_ask",
        "userId": "u1",
        "deeplink": f"yourapp://popup/push-softask?offerId={offer_id}&attempt=1",
        "content": {
            "locale": "en",
            "title": "Get daily streak reminders?",
            "body": "We remind you once a day, before your streak ends. Nothing else.",
            "approve": "Yes, notify me",
            "decline": "Not now",
        },
        "onApprove": "os_prompt",
        "showAfterSeconds": 0,
        "expiresAt": "2026-11-21T10:10:00Z",
        "expiresInSeconds": 600,
    }


def test_the_retry_comes_two_weeks_later_with_other_copy_and_then_no_more(app: App) -> None:
    first = app.value_moment()
    assert first
    app.outcome("Shown", first)
    app.outcome("Declined", first)
    app.now += 14 * DAY - 1000
    assert app.value_moment() is None
    app.now += 1000
    second = app.value_moment()
    assert second
    assert second["attempt"] == 2
    assert second["content"]["title"] == "Keep your streak going?"
    app.outcome("Declined", second)
    app.now += 400 * DAY
    assert app.value_moment() is None


def test_identify_as_in_the_recipe_ends_the_campaign_on_that_device(app: App) -> None:
    offer = app.value_moment()
    assert offer
    app.outcome("Approved", offer)
    context = {"device": {"id": "d1"}}
    traits = {"push_permission_status": "granted"}
    app.post("/v1/identify", {"userId": "u1", "context": context, "traits": traits})
    app.now += 400 * DAY
    body = {"userId": "u1", "event": "ValueMomentReached", "context": context}
    assert app.post("/v1/track", body)["actions"] == []


def test_a_batch_answers_a_result_a_message_and_only_what_still_stands(app: App) -> None:
    items = [
        message("ValueMomentReached", messageId="m1"),
        message("ValueMomentReached", messageId="m1"),
        {"type": "track", "userId": "u1", "messageId": "m2"},
        {"type": "group", "userId": "u1", "messageId": "m3"},
        message("AppOpened", messageId="m4"),
        {"type": "identify", "userId": "u1", "messageId": "m5", "traits": {"plan": "pro"}},
        "nonsense",
    ]
    answer = app.post("/v1/batch", {"batch": items, "sentAt": "2026-11-21T10:00:00Z"})

    rows = [(row["messageId"], row["status"]) for row in answer["results"]]
    assert rows == [
        ("m1", "accepted"),
        ("m1", "duplicate"),
        ("m2", "rejected"),
        ("m3", "rejected"),
        ("m4", "accepted"),
        ("m5", "accepted"),
        (None, "rejected"),
    ]
    assert answer["results"][2]["error"]["field"] == "batch[2].event"
    assert answer["results"][3]["error"]["field"] == "batch[3].groupId"
    assert answer["results"][6]["error"]["field"] == "batch[6]"
    assert [action["type"] for action in answer["actions"]] == ["open_deeplink"]
    assert app.profile().attributes["plan"].value == "pro"


def test_an_offer_that_was_shown_later_in_the_batch_is_not_answered(app: App) -> None:
    shown = message("PushSoftAskShown", messageId="m2")
    answer = app.post("/v1/batch", {"batch": [message("ValueMomentReached"), shown]})
    assert answer["actions"] == []


def test_a_batch_is_folded_in_the_order_in_which_things_happened(app: App) -> None:
    sent_at = "2026-11-21T10:00:00Z"
    late = message("ValueMomentReached", timestamp="2026-11-21T09:59:58Z")
    early = message("PushSoftAskDeclined", timestamp="2026-11-21T09:59:57Z")
    answer = app.post("/v1/batch", {"batch": [late, early], "sentAt": sent_at})
    assert answer["actions"] == []


def test_a_batchs_context_lies_under_each_items_own(app: App) -> None:
    context = {"device": {"id": "shared", "type": "ios"}, "push": {"status": "notDetermined"}}
    item = {"type": "track", "userId": "u1", "event": "ValueMomentReached"}
    own = {**item, "context": {"device": {"id": "own"}}}
    app.post("/v1/batch", {"batch": [own], "context": context})
    assert app.profile().devices["own"].platform == "ios"


def test_row_04_an_offer_is_found_again_through_actions(app: App) -> None:
    offer = app.value_moment()
    asker = {"userId": "u1", "context": {"device": {"id": "d1"}}}
    assert app.post("/v1/actions", asker)["actions"] == [offer]
    other = {"userId": "u1", "context": {"device": {"id": "d2"}}}
    assert app.post("/v1/actions", other)["actions"] == []


def test_actions_tells_whether_an_offer_still_stands(app: App) -> None:
    offer = app.value_moment()
    assert offer
    asker = {"userId": "u1", "context": {"device": {"id": "d1"}}, "offerId": offer["offerId"]}
    assert app.post("/v1/actions", asker)["actions"] == [offer]
    app.now += 10 * MINUTE
    withdrawn = {"type": "withdraw", "offerId": offer["offerId"], "reason": "lapsed"}
    assert app.post("/v1/actions", asker)["actions"] == [withdrawn]


def test_an_explicit_ask_is_told_its_route_past_all_caps(app: App) -> None:
    offer = app.value_moment()
    assert offer
    app.outcome("Declined", offer)
    asker: Json = {"userId": "u1", "context": {"device": {"id": "d1"}}, "intent": "explicit"}
    answer = app.post("/v1/actions", asker)
    assert answer == {"success": True, "actions": [], "onApprove": "os_prompt"}
    asker["context"]["push"] = {"status": "denied"}
    assert app.post("/v1/actions", asker)["onApprove"] == "open_settings"
    asker["context"]["push"] = {"status": "authorized"}
    assert app.post("/v1/actions", asker)["onApprove"] is None


def test_an_unknown_intent_is_refused(app: App) -> None:
    status, answer = app.send("/v1/actions", json.dumps({"userId": "u1", "intent": "nag"}))
    assert (status, answer["field"]) == (400, "intent")


def test_row_02_a_known_message_id_with_other_content_is_a_409_without_change(app: App) -> None:
    app.value_moment(messageId="m1")
    before = app.profile()
    for change in (
        {"properties": {"streak": 3}},
        {"event": "PushSoftAskDeclined"},
        {"anonymousId": "a1"},
    ):
        body = json.dumps(message("ValueMomentReached", messageId="m1") | change)
        status, answer = app.send("/v1/track", body)
        assert (status, answer["code"]) == (409, "message_id_reused")
        assert answer["field"] == "messageId"
    assert app.profile() == before


def test_row_02_what_is_not_content_may_differ(app: App) -> None:
    offer = app.value_moment(messageId="m1", sentAt="2026-11-21T10:00:00Z")
    context = {"device": {"id": "d1"}, "locale": "de"}
    assert app.value_moment(messageId="m1", context=context) == offer


def test_row_35_a_message_that_is_refused_is_a_row_and_the_rest_count(app: App) -> None:
    app.value_moment(messageId="m1")
    reused = message("ValueMomentReached", messageId="m1", properties={"streak": 3})
    traits = {"large": "y" * 17_000}
    full = {"type": "identify", "userId": "u1", "messageId": "m2", "traits": traits}
    fine = message("ValueMomentReached", messageId="m3")
    answer = app.post("/v1/batch", {"batch": [reused, full, fine]})
    rows = [(row["status"], row.get("error", {}).get("code")) for row in answer["results"]]
    assert rows == [
        ("rejected", "message_id_reused"),
        ("rejected", "too_large"),
        ("accepted", None),
    ]
    assert app.profile().events["ValueMomentReached"].count == 2


def test_row_64_a_batch_that_is_replayed_whole_counts_nothing_twice(app: App) -> None:
    batch = [message("ValueMomentReached", messageId=f"m{i}") for i in range(100)]
    first = app.post("/v1/batch", {"batch": batch})
    before = app.profile()
    again = app.post("/v1/batch", {"batch": batch})
    assert {row["status"] for row in first["results"]} == {"accepted"}
    assert {row["status"] for row in again["results"]} == {"duplicate"}
    assert again["actions"] == first["actions"]
    assert app.profile() == before


def test_users_that_take_too_long_are_a_503(
    app: App, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.track.service.DEADLINE", 0.5)
    answered = threading.Event()

    def hang(operation: str) -> None:
        if operation == "PutItem":
            answered.wait(60)

    database.before = hang
    batch = [message("ValueMomentReached", user=f"u{i}") for i in range(3)]
    status, answer = app.send("/v1/batch", json.dumps({"batch": batch}))
    answered.set()
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(60)
    assert (status, answer["code"]) == (503, "try_again")


# --- authentication ---


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch", "/v1/actions"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic d3Jvbmc6"},
        {"authorization": "Basic !"},
        {"authorization": "Bearer x"},
        {"authorization": "Basic Og=="},
    ],
)
def test_row_42_without_our_write_key_nothing_is_read(
    app: App, database: Database, path: str, headers: dict[str, str]
) -> None:
    body = json.dumps({**message("ValueMomentReached"), "batch": []})
    status, answer = app.send(path, body, headers=headers)
    assert (status, answer["code"], answer["field"]) == (401, "unauthorized", "writeKey")
    assert database.calls == []


def test_the_write_key_may_travel_in_the_body(app: App) -> None:
    body = json.dumps({**message("ValueMomentReached"), "writeKey": WRITE_KEY})
    status, answer = app.send("/v1/track", body, headers={})
    assert status == 200
    assert answer["actions"]


# --- what is refused, without a database call ---

DEEP = "[" * 15_000
NUMBERS = ["NaN", "-Infinity", "1e999", "1e-400", "1e121", "1" * 39, "0.1234567890123456789", "01"]


def corpus() -> list[Any]:
    traits = '{"userId":"u1","traits":{"x":%s}}'
    ids = '{"userId":%s,"event":"ValueMomentReached"}'
    return [
        *(pytest.param(traits % n, "body", id=f"row_29_30_31 {n[:12]}") for n in NUMBERS),
        pytest.param(DEEP, "body", id="row_28 deep"),
        pytest.param(traits % (DEEP + "]" * 15_000), "body", id="row_28 deep value"),
        pytest.param(traits % ("[" * 40 + "]" * 40), "body", id="row_28 40 levels"),
        pytest.param(traits % '"\\ud800"', "body", id="row_33 lone surrogate"),
        pytest.param(traits % '"\ud800"', "body", id="row_33 unencodable"),
        pytest.param('\ufeff{"userId":"u1"}', "body", id="row_33 byte order mark"),
        pytest.param("", "body", id="empty"),
        pytest.param("[]", "body", id="not an object"),
        pytest.param('{"userId":"u1"', "body", id="cut short"),
        pytest.param(ids % '""', "userId", id="row_34 empty id"),
        pytest.param(ids % "7.5", "userId", id="row_34 id with a fraction"),
        pytest.param(ids % "true", "userId", id="row_34 id that is no text"),
        pytest.param(ids % f'"{"x" * 257}"', "userId", id="row_34 long id"),
        pytest.param('{"event":"ValueMomentReached"}', "userId", id="missing user"),
        pytest.param('{"anonymousId":""}', "anonymousId", id="row_34 empty anonymous id"),
    ]


@pytest.mark.parametrize(("body", "field"), corpus())
@pytest.mark.parametrize("path", ["/v1/track", "/v1/identify", "/v1/actions"])
def test_malformed_bodies_are_refused(
    app: App, database: Database, path: str, body: str, field: str
) -> None:
    status, answer = app.send(path, body)
    assert (status, answer["code"], answer["field"]) == (400, "invalid_request", field)
    assert answer["message"]
    assert database.calls == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event": None}, "event"),
        ({"event": ""}, "event"),
        ({"event": 7}, "event"),
        ({"event": "x" * 201}, "event"),
        ({"messageId": ""}, "messageId"),
        ({"messageId": "x" * 101}, "messageId"),
        ({"properties": []}, "properties"),
        ({"context": "x"}, "context"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"sentAt": 7}, "sentAt"),
    ],
)
def test_a_bad_field_is_named(app: App, database: Database, change: Json, field: str) -> None:
    status, answer = app.send("/v1/track", json.dumps(message("ValueMomentReached") | change))
    assert (status, answer["code"], answer["field"]) == (400, "invalid_request", field)
    assert database.calls == []


@pytest.mark.parametrize(
    ("traits", "field"),
    [
        ({"push_permission_status": "maybe"}, "traits.push_permission_status"),
        ({"push_permission_status": 1}, "traits.push_permission_status"),
        ({"push_softask_declined_at": "yesterday"}, "traits.push_softask_declined_at"),
        ({"push_softask_declined_at": True}, "traits.push_softask_declined_at"),
        ({"x" * 129: 1}, "traits"),
        ([], "traits"),
    ],
)
def test_a_bad_trait_is_named(app: App, database: Database, traits: Any, field: str) -> None:
    status, answer = app.send("/v1/identify", json.dumps({"userId": "u1", "traits": traits}))
    assert (status, answer["field"]) == (400, field)
    assert database.calls == []


def test_row_23_a_full_profile_names_the_cap_and_stays_as_it_is(app: App) -> None:
    app.post("/v1/identify", {"userId": "u1", "traits": {"plan": "pro"}})
    before = app.profile()
    many = {f"t{i}": 1 for i in range(100)}
    large = {"x": "y" * 16_384}
    for traits in (many, large):
        body = json.dumps({"userId": "u1", "traits": traits})
        status, answer = app.send("/v1/identify", body)
        assert (status, answer["code"], answer["field"]) == (413, "too_large", "traits")
    assert app.profile() == before


@pytest.mark.parametrize("value", [0.1, 1e120, -1.5e-120, 10**37, -(10**18), 0, 0.0, 2**53 + 1])
def test_row_31_numbers_come_back_as_they_were_sent(app: App, value: float) -> None:
    app.post("/v1/identify", {"userId": "u1", "traits": {"x": value}})
    stored = app.profile().attributes["x"].value
    assert (stored, type(stored)) == (value, type(value))


def test_row_32_of_doubled_keys_the_last_counts_everywhere(app: App) -> None:
    app.send("/v1/identify", '{"userId":"u1","traits":{"x":1},"traits":{"x":2,"x":3}}')
    item = '{"type":"identify","userId":"u2","traits":{"x":1},"traits":{"x":2,"x":3}}'
    app.send("/v1/batch", f'{{"batch":[],"batch":[{item}]}}')
    assert app.profile("u1").attributes["x"].value == 3
    assert app.profile("u2").attributes["x"].value == 3


@pytest.mark.parametrize(("path", "limit"), [("/v1/track", 32 * 1024), ("/v1/batch", 4 << 20)])
def test_row_27_an_oversized_body_is_refused_unparsed(
    app: App, database: Database, path: str, limit: int
) -> None:
    plain = "[" * (limit + 1)
    zeros = base64.b64encode(gzip.compress(b"0" * (50 << 20))).decode()
    encoded = base64.b64encode(plain.encode()).decode()
    for body, is_base64 in ((plain, False), (encoded, True), (zeros, True)):
        status, answer = app.send(path, body, is_base64=is_base64)
        assert (status, answer["code"], answer["field"]) == (413, "too_large", "body")
    assert database.calls == []


@pytest.mark.parametrize("body", ["[" * 100_000, '{"batch":[' + "[" * 100_000])
def test_row_28_a_hundred_thousand_levels_are_refused(app: App, body: str) -> None:
    status, answer = app.send("/v1/batch", body)
    assert (status, answer["code"]) == (400, "invalid_request")


def test_an_oversized_message_of_a_batch_is_rejected_alone(app: App) -> None:
    large = message("ValueMomentReached", properties={"x": "y" * 32 * 1024})
    answer = app.post("/v1/batch", {"batch": [large, message("ValueMomentReached")]})
    assert [row["status"] for row in answer["results"]] == ["rejected", "accepted"]
    assert answer["results"][0]["error"]["code"] == "too_large"


def test_a_batch_of_too_many_messages_is_refused(app: App, database: Database) -> None:
    body = json.dumps({"batch": [{}] * 2501})
    status, answer = app.send("/v1/batch", body)
    assert (status, answer["field"]) == (413, "batch")
    assert database.calls == []


def batch_of(beside: int, count: int, **more: Any) -> str:
    """A batch of ignored events with so many bytes beside them, most of them its context."""
    item = {"type": "track", "userId": "u1", "event": "Ignored"}
    rest = json.dumps({"context": {"x": ""}, **more})[1:-1]
    padded = rest.replace('""', json.dumps("y" * (beside - len(rest) - len('{"batch":,}'))))
    return f'{{"batch":{json.dumps([item] * count)},{padded}}}'


@pytest.mark.parametrize(("beside", "status"), [(32 << 10, 200), ((32 << 10) + 1, 413)])
def test_row_27_a_batch_is_bounded_beside_its_messages(
    app: App, database: Database, beside: int, status: int
) -> None:
    found, answer = app.send("/v1/batch", batch_of(beside, 1, anything="z" * 1000))
    assert (found, answer.get("field")) == (status, None if status == 200 else "body")
    assert database.calls == []


@pytest.mark.parametrize(("surplus", "status"), [(0, 200), (1, 413)])
def test_row_27_a_batch_s_context_counts_under_every_message(
    app: App, database: Database, surplus: int, status: int
) -> None:
    context, count = 8 << 10, 2048
    text = json.dumps({"x": "y" * (context + surplus - len('{"x": ""}'))})
    items = json.dumps([{"type": "track", "userId": "u1", "event": "Ignored"}] * count)
    found, answer = app.send("/v1/batch", f'{{"batch":{items},"context":{text}}}')
    assert (found, answer.get("field")) == (status, None if status == 200 else "context")
    assert database.calls == []


def test_row_50_of_a_stranger_s_batch_no_more_than_the_key_is_parsed(
    app: App, database: Database
) -> None:
    body = '{"batch":1e999,"context":1e999,"anything":1e999,"writeKey":"another"}'
    status, answer = app.send("/v1/batch", body, headers={})
    assert (status, answer["code"], answer["field"]) == (401, "unauthorized", "writeKey")
    assert database.calls == []


@pytest.mark.parametrize("key", ["context", "sentAt", "anything", "writeKey"])
def test_row_29_of_a_batch_that_is_taken_every_key_was_parsed(app: App, key: str) -> None:
    status, answer = app.send("/v1/batch", f'{{"batch":[],"{key}":1e999}}')
    assert (status, answer["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("body", ['{"batch":{}}', '{"batch":null}', '{"context":{}}', "[]", "7"])
def test_a_batch_that_is_none_is_refused(app: App, body: str) -> None:
    status, answer = app.send("/v1/batch", body)
    assert (status, answer["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "body", ["%%%", "e30", base64.b64encode(b"\x1f\x8bnonsense").decode(), "\u00e9"]
)
def test_row_34_bad_base64_and_bad_gzip_are_refused(app: App, body: str) -> None:
    status, answer = app.send("/v1/track", body, is_base64=True)
    assert (status, answer["code"], answer["field"]) == (400, "invalid_request", "body")


def test_a_cut_gzip_stream_is_refused(app: App) -> None:
    whole = gzip.compress(json.dumps(message("ValueMomentReached")).encode())
    status, answer = app.send("/v1/track", base64.b64encode(whole[:-9]).decode(), is_base64=True)
    assert (status, answer["field"]) == (400, "body")


def test_row_33_bytes_that_are_not_utf8_are_refused(app: App) -> None:
    body = b'{"userId":"u1","event":"caf\xe9"}'
    status, _ = app.send("/v1/track", base64.b64encode(body).decode(), is_base64=True)
    assert status == 400


def test_gzip_is_told_by_its_bytes_and_the_content_type_is_never_a_reason(app: App) -> None:
    body = gzip.compress(
        json.dumps(message("ValueMomentReached") | {"writeKey": WRITE_KEY}).encode()
    )
    headers = {"content-type": "application/x-nonsense", "content-encoding": "identity"}
    encoded = base64.b64encode(body).decode()
    status, answer = app.send("/v1/track", encoded, is_base64=True, headers=headers)
    assert status == 200
    assert answer["actions"]


def test_no_answer_may_be_stored_by_a_cache(app: App) -> None:
    app.value_moment()
    assert app.headers["Cache-Control"] == "no-store"
    assert app.headers["Content-Type"] == "application/json"


def test_an_unknown_route_has_a_code_too(app: App) -> None:
    status, answer = app.send("/v1/nothing", "{}")
    assert (status, answer["code"]) == (404, "not_found")


def test_unknown_context_reads_as_absent(app: App) -> None:
    push = {"status": 1, "promptsUsed": True, "canRequest": 1, "lastAskedAt": {}}
    odd = {"device": 7, "os": [], "locale": 3, "app": {"inForeground": "no"}, "push": push}
    body = {"userId": "u1", "event": "ValueMomentReached", "context": odd}
    assert app.post("/v1/track", body)["actions"]


# --- time ---


def test_row_11_a_wrong_phone_clock_is_corrected(app: App) -> None:
    offer = app.value_moment(timestamp="1976-01-01T00:00:00Z", sentAt="1976-01-01T00:00:05Z")
    assert offer
    assert app.profile().events["ValueMomentReached"].last_at == START - 5000


def test_row_12_the_future_is_now(app: App) -> None:
    app.value_moment(timestamp="2076-01-01T00:00:00Z", sentAt="2026-11-21T10:00:00Z")
    assert app.profile().events["ValueMomentReached"].last_at == START


@pytest.mark.parametrize(
    ("timestamp", "happened"),
    [
        pytest.param("2026-11-21T10:00:00Z", START - 10_000, id="by the phone's two times"),
        pytest.param("2026-11-21T09:00:00Z", START - 3_600_000, id="a feed that lags by an hour"),
    ],
)
def test_beside_an_original_timestamp_a_timestamp_is_a_server_s(
    app: App, timestamp: str, happened: int
) -> None:
    app.value_moment(
        originalTimestamp="2026-11-21T09:59:50",
        timestamp=timestamp,
        sentAt="2026-11-21T10:00:00Z",
    )
    assert app.profile().events["ValueMomentReached"].last_at == happened


def test_row_61_a_feed_that_lags_makes_no_old_message_fresh(app: App) -> None:
    """The phone's times are both from when it sent; the feed was an hour behind."""
    sent = {"originalTimestamp": "2026-11-21T08:59:58Z", "sentAt": "2026-11-21T09:00:00Z"}
    assert app.value_moment(timestamp="2026-11-21T08:59:58Z", **sent) is None


def test_row_61_a_message_of_minutes_ago_grants_nothing(app: App) -> None:
    old = {"timestamp": "2026-11-21T09:58:59Z", "sentAt": "2026-11-21T10:00:00Z"}
    assert app.value_moment(**old) is None
    assert app.profile().events["ValueMomentReached"].count == 1


@pytest.mark.parametrize("told", ["2026-11-14T10:00:00Z", 1794650400, 1794650400000])
def test_a_told_decline_may_be_text_or_epoch(app: App, told: Any) -> None:
    app.post("/v1/identify", {"userId": "u1", "traits": {"push_softask_declined_at": told}})
    assert app.profile().declined_at == START - 7 * DAY
    app.now += 7 * DAY - 1000
    assert app.value_moment() is None
    app.now += 1000
    offer = app.value_moment()
    assert offer
    assert offer["attempt"] == 2


def test_row_63_a_phones_own_record_of_asking_is_a_floor(app: App) -> None:
    def on_the_same_phone(user: str) -> Json | None:
        context = {
            "device": {"id": "d1"},
            "push": {"status": "notDetermined", "lastAskedAt": "2026-11-20T10:00:00Z"},
        }
        return app.value_moment(user, context=context)

    assert on_the_same_phone("fresh") is None
    app.now += 13 * DAY
    assert on_the_same_phone("fresh") is not None


def test_row_46_a_deeplink_names_no_user(app: App) -> None:
    offer = app.value_moment(user="someone@example.com")
    assert offer
    assert "someone" not in offer["deeplink"]
