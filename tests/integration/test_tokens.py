"""Tokens over HTTP: what is refused, merged and told, and what a lost key fetch means."""

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws
from msgspec.structs import replace

from functions.core.campaign import Copy, Package
from functions.environment import Auth, read_environment
from functions.store.access import AccessKey, KeyUse
from functions.store.campaigns import LIVE, CampaignItem
from functions.store.connection import Unavailable
from functions.store.device_keys import NotHeld, Parameters
from tests.integration.access import KEYS, SERVER_KEY, call, make_live, opened, proving
from tests.integration.conftest import (
    DAY,
    MINUTE,
    SECOND,
    WRITE_KEY,
    App,
    Database,
    Json,
    items,
    message,
)
from tests.signing import AUDIENCE, DEVICE, NOW, STRANGER, USER, Signer, decoded

Opens = Callable[[Auth], App]


@pytest.fixture
def opens(package: Package, database: Database) -> Opens:
    return lambda auth: opened(package, database, auth)


@pytest.fixture
def enforcing(opens: Opens) -> App:
    return opens("enforce")


def lines(app: App) -> list[Json]:
    return [json.loads(line) for line in app.log.getvalue().splitlines()]


def unreachable(_: str) -> None:
    raise ReadTimeoutError(endpoint_url="http://localhost")


# --- refusals ---


def test_row_42_a_forged_event_is_refused_and_writes_nothing(
    enforcing: App, database: Database
) -> None:
    decline = message("PushSoftAskDeclined")
    for token, expected in [
        (None, (401, "unauthorized")),
        (STRANGER.token("u1"), (401, "unauthorized")),
        (USER.token("u2"), (403, "forbidden")),
    ]:
        status, answer = call(enforcing, "/v1/track", decline, token=token)
        assert (status, answer["code"]) == expected
        assert answer["field"] == "context.softask.token"
        assert enforcing.headers["Cache-Control"] == "no-store"
    assert database.calls == []
    assert items("SOFTASK_PROFILES_TABLE") == []


def test_row_50_a_refused_request_costs_no_database_call(
    enforcing: App, database: Database
) -> None:
    for path, body in [
        ("/v1/track", message("ValueMomentReached")),
        ("/v1/identify", {"userId": "u1", "traits": {"plan": "pro"}}),
        ("/v1/batch", {"batch": [message("ValueMomentReached", user=f"u{n}") for n in range(50)]}),
        ("/v1/actions", {"userId": "u1"}),
        ("/v1/devices", {"anonymousId": "a1"}),
    ]:
        for key in (WRITE_KEY, "wrong"):
            call(enforcing, path, body, key)
            call(enforcing, path, body, key, "x" * 30_000)
    assert database.calls == []


def test_row_44_a_captured_request_is_answered_again_and_counted_once_until_its_token_expires(
    enforcing: App,
) -> None:
    captured = message("ValueMomentReached", messageId="m1")
    token = USER.token("u1")
    first = call(enforcing, "/v1/track", captured, token=token)
    assert call(enforcing, "/v1/track", captured, token=token) == first
    assert enforcing.profile().events["ValueMomentReached"].count == 1
    enforcing.now += 16 * MINUTE
    assert call(enforcing, "/v1/track", captured, token=token)[0] == 401


def test_row_41_an_answer_tells_nothing_of_who_exists(enforcing: App) -> None:
    call(enforcing, "/v1/track", message("ValueMomentReached"), token=USER.token("u1"))
    told = [
        call(enforcing, "/v1/actions", {"userId": user}, token=USER.token("another"))
        for user in ("u1", "nobody")
    ]
    assert told[0] == told[1]


def test_in_a_batch_each_message_is_judged_by_its_own_token(enforcing: App) -> None:
    rows = [
        message("ValueMomentReached", user="u1", messageId="m1"),
        message("ValueMomentReached", user="u2", messageId="m2"),
        message("ValueMomentReached", user="u3", messageId="m3") | proving(token=USER.token("u3")),
        {"type": "nonsense", "messageId": "m4"},
        {"type": "track", "event": "ValueMomentReached", "anonymousId": "a1", "messageId": "m5"}
        | proving(token=DEVICE.token("a1")),
        {"type": "track", "event": "ValueMomentReached", "anonymousId": "a1", "messageId": "m6"},
    ]
    status, answer = call(enforcing, "/v1/batch", {"batch": rows}, token=USER.token("u1"))
    assert status == 200
    assert [(row["messageId"], row["status"]) for row in answer["results"]] == [
        ("m1", "accepted"),
        ("m2", "rejected"),
        ("m3", "accepted"),
        ("m4", "rejected"),
        ("m5", "accepted"),
        ("m6", "rejected"),
    ]
    error = answer["results"][1]["error"]
    assert (error["code"], error["field"]) == ("forbidden", "batch[1].context.softask.token")
    assert {action["userId"] for action in answer["actions"]} == {"u1", "u3", "a1"}
    assert len(items("SOFTASK_PROFILES_TABLE")) == 3


def test_a_batch_s_own_context_brings_a_token_for_all(enforcing: App) -> None:
    rows = [message("ValueMomentReached"), message("AppOpened")]
    body = {"batch": rows, **proving(token=USER.token("u1"))}
    _, answer = call(enforcing, "/v1/batch", body)
    assert [row["status"] for row in answer["results"]] == ["accepted"] * 2


def test_a_batch_with_too_many_tokens_is_refused_whole(opens: Opens, database: Database) -> None:
    rows = [
        message("ValueMomentReached", user=f"u{n}") | proving(token=USER.token(f"u{n}"))
        for n in range(21)
    ]
    app = opens("enforce")
    status, answer = call(app, "/v1/batch", {"batch": rows})
    assert (status, answer["code"], answer["field"]) == (413, "too_large", "batch")
    assert database.calls == []
    assert call(app, "/v1/batch", {"batch": rows[:20]})[0] == 200


# --- merging ---


def login(**more: Any) -> Json:
    return {"userId": "u1", "anonymousId": "a1", "messageId": "m1", **more}


def merged(app: App) -> bool:
    return "a1" in app.profile().aliases


@pytest.fixture
def installed(enforcing: App) -> App:
    """An install that was active before anybody logged in."""
    told = {"anonymousId": "a1", "event": "ValueMomentReached"}
    assert call(enforcing, "/v1/track", told, token=DEVICE.token("a1"))[0] == 200
    return enforcing


def test_an_identify_merges_an_anonymous_id_that_is_proven(installed: App) -> None:
    body = login(**proving(deviceToken=DEVICE.token("a1")))
    status, answer = call(installed, "/v1/identify", body, token=USER.token("u1"))
    assert (status, answer) == (200, {"success": True, "messageId": "m1", "actions": []})
    assert merged(installed)


@pytest.mark.parametrize(
    "device", [None, DEVICE.token("a2"), STRANGER.token("a1"), USER.token("a1"), 7, "x"]
)
def test_an_identify_without_that_proof_is_taken_and_merges_nothing(
    installed: App, device: Any
) -> None:
    body = login(traits={"plan": "pro"}, **proving(deviceToken=device))
    status, answer = call(installed, "/v1/identify", body, token=USER.token("u1"))
    assert status == 200
    [warning] = answer["warnings"]
    assert warning.startswith("The anonymous id was not merged.")
    assert not merged(installed)
    assert installed.profile().attributes["plan"].value == "pro"


def test_in_a_batch_the_row_is_warned(installed: App) -> None:
    rows = [{"type": "identify", **login()}, message("AppOpened", messageId="m2")]
    _, answer = call(installed, "/v1/batch", {"batch": rows}, token=USER.token("u1"))
    one, other = answer["results"]
    assert one["status"] == "accepted"
    assert len(one["warnings"]) == 1
    assert other == {"messageId": "m2", "status": "accepted"}
    assert not merged(installed)


@pytest.mark.parametrize(("device", "status"), [(None, 403), (DEVICE.token("a2"), 403), ("x", 401)])
def test_an_alias_without_that_proof_is_refused(
    installed: App, database: Database, device: Any, status: int
) -> None:
    database.calls.clear()
    body = {"userId": "u1", "previousId": "a1", **proving(deviceToken=device)}
    found, answer = call(installed, "/v1/alias", body, token=USER.token("u1"))
    assert (found, answer["field"]) == (status, "context.softask.deviceToken")
    assert database.calls == []


@pytest.mark.parametrize("auth", ["off", "observe", "enforce"])
def test_a_server_key_merges_without_a_token(opens: Opens, auth: Auth) -> None:
    app = opens(auth)
    call(app, "/v1/track", {"anonymousId": "a1", "event": "ValueMomentReached"}, SERVER_KEY)
    status, answer = call(app, "/v1/alias", {"userId": "u1", "previousId": "a1"}, SERVER_KEY)
    assert (status, "warnings" in answer) == (200, False)
    assert merged(app)


def test_a_stage_that_observes_merges_as_before(opens: Opens) -> None:
    app = opens("observe")
    call(app, "/v1/track", {"anonymousId": "a1", "event": "ValueMomentReached"})
    status, answer = call(app, "/v1/identify", login())
    assert (status, "warnings" in answer) == (200, False)
    assert merged(app)


# --- what an answer carries ---


@pytest.fixture
def greets(package: Package) -> Package:
    """The packaged campaign, which greets by name."""
    [file] = package.campaigns
    texts = {"en": Copy(title='Hi {{ name | default: "there" }}', body="B", approve="Y")}
    content = dict.fromkeys(file.content, texts)
    return replace(package, campaigns=(replace(file, content=content),))


def title(answer: tuple[int, Json]) -> str:
    return str(answer[1]["actions"][0]["content"]["title"])


@pytest.mark.parametrize("auth", ["off", "observe", "enforce"])
def test_only_who_proves_to_be_the_user_is_told_stored_attributes(
    greets: Package, database: Database, auth: Auth
) -> None:
    app = opened(greets, database, auth)
    call(app, "/v1/identify", {"userId": "u1", "traits": {"name": "Ada"}}, SERVER_KEY)
    asked = message("ValueMomentReached")
    assert title(call(app, "/v1/track", asked, SERVER_KEY)) == "Hi Ada"
    # Until tokens are enforced, whoever asks gets an install's, and may merge it.
    expected = "Hi Ada" if auth == "enforce" else "Hi there"
    assert title(call(app, "/v1/track", asked, token=USER.token("u1"))) == expected
    ask = {"userId": "u1", "context": asked["context"]}
    assert title(call(app, "/v1/actions", ask, token=USER.token("u1"))) == expected
    if auth != "enforce":
        assert title(call(app, "/v1/track", asked)) == "Hi there"
        assert title(call(app, "/v1/actions", ask, token=USER.token("u2"))) == "Hi there"


def test_the_token_of_an_install_tells_nothing_of_the_user_that_it_became(
    greets: Package, database: Database
) -> None:
    app = opened(greets, database, "enforce")
    proof = proving(token=USER.token("u1"), deviceToken=DEVICE.token("a1"))
    told = {"anonymousId": "a1", "event": "ValueMomentReached", **proving()}
    call(app, "/v1/track", told, SERVER_KEY)
    assert call(app, "/v1/identify", login(traits={"name": "Ada"}, **proof))[0] == 200
    assert merged(app)
    asked = {"anonymousId": "a1", **proving(token=DEVICE.token("a1"))}
    offered = call(app, "/v1/track", {**asked, "event": "ValueMomentReached"})
    assert title(offered) == "Hi there"
    assert title(call(app, "/v1/actions", asked)) == "Hi there"
    offer_id = offered[1]["actions"][0]["offerId"]
    assert title(call(app, "/v1/actions", {**asked, "offerId": offer_id})) == "Hi there"


# --- what an install may still change of the user that it became ---


@pytest.fixture
def known(enforcing: App) -> App:
    """The install `a1` became a user with a name; somebody else may hold the phone since."""
    proof = proving(token=USER.token("u1"), deviceToken=DEVICE.token("a1"))
    told = {"anonymousId": "a1", "event": "ValueMomentReached"}
    call(enforcing, "/v1/track", told, token=DEVICE.token("a1"))
    call(enforcing, "/v1/identify", login(traits={"name": "Ada"}, **proof))
    assert merged(enforcing)
    return enforcing


def by_install(app: App, path: str, body: Json, key: str = WRITE_KEY) -> Json:
    body = {"anonymousId": "a1", **proving(), **body}
    status, answer = call(app, path, body, key, DEVICE.token("a1"))
    assert status == 200, answer
    return answer


def traits(app: App) -> Json:
    return {name: each.value for name, each in app.profile().attributes.items()}


WITHHELD = "The traits were not stored: the anonymous id became a user's."


def test_its_token_sets_none_of_the_user_s_traits_and_writes_nothing(
    known: App, database: Database
) -> None:
    before, said = known.profile(), {"traits": {"name": "Eve", "plan": "pro"}}
    database.calls.clear()
    answer = by_install(known, "/v1/identify", said)
    assert answer["warnings"][0].startswith(WITHHELD)
    assert known.profile() == before
    row = {"type": "identify", "anonymousId": "a1", **said, **proving()}
    told = {"batch": [row, {**row, "traits": {}}, {**row, "anonymousId": "a2"}]}
    first, second, third = by_install(known, "/v1/batch", told)["results"]
    assert first["warnings"][0].startswith(WITHHELD)
    assert (second["status"], "warnings" in second) == ("accepted", False)
    assert third["status"] == "rejected"
    assert known.profile() == before
    assert not {"PutItem", "TransactWriteItems"} & set(database.calls)


@pytest.mark.parametrize("first", ["a1", "u1"])
def test_in_one_batch_the_user_s_own_traits_are_taken_beside_them(known: App, first: str) -> None:
    def row(value: str, token: str, **whom: str) -> Json:
        return {"type": "identify", "traits": {"name": value}, **whom, **proving(token=token)}

    rows = [
        row("Eve", DEVICE.token("a1"), anonymousId="a1"),
        row("Grace", USER.token("u1"), userId="u1"),
    ]
    known.now += SECOND
    status, answer = call(known, "/v1/batch", {"batch": rows if first == "a1" else rows[::-1]})
    assert status == 200
    warned = ["warnings" in result for result in answer["results"]]
    assert warned == [first == "a1", first == "u1"]
    assert traits(known) == {"name": "Grace"}


def test_that_they_were_left_out_is_logged(known: App) -> None:
    by_install(known, "/v1/identify", {"traits": {"name": "Eve"}})
    assert lines(known)[-1]["reasons"] == ["traits_withheld"]


def test_its_old_queue_loses_no_outcome_and_no_count(known: App) -> None:
    by_install(known, "/v1/track", {"event": "ValueMomentReached"})
    assert known.profile().events["ValueMomentReached"].count == 2
    by_install(known, "/v1/track", {"event": "PushSoftAskDeclined"})
    assert known.profile().progress["push-softask"].declined_at == known.now
    told = {"push_softask_declined_at": "2026-11-20T10:00:00Z", "name": "Eve"}
    answer = by_install(known, "/v1/identify", {"traits": told})
    assert answer["warnings"][0].startswith(WITHHELD)
    assert known.profile().declined_at == known.now - DAY
    assert traits(known) == {"name": "Ada"}


def test_the_permission_is_an_outcome_and_no_trait_like_others(known: App) -> None:
    answer = by_install(known, "/v1/identify", {"traits": {"push_permission_status": "granted"}})
    assert "warnings" not in answer
    assert traits(known) == {"name": "Ada", "push_permission_status": "granted"}


def test_before_the_login_an_install_sets_its_own_traits(enforcing: App) -> None:
    answer = by_install(enforcing, "/v1/identify", {"traits": {"plan": "pro"}})
    assert "warnings" not in answer
    proof = proving(token=USER.token("u1"), deviceToken=DEVICE.token("a1"))
    call(enforcing, "/v1/identify", login(**proof))
    assert traits(enforcing) == {"plan": "pro"}


def test_who_raced_the_login_sets_none_either(enforcing: App, database: Database) -> None:
    proof = proving(token=USER.token("u1"), deviceToken=DEVICE.token("a1"))
    by_install(enforcing, "/v1/track", {"event": "ValueMomentReached"})

    def log_in(operation: str) -> None:
        if operation == "PutItem":
            database.before = lambda _: None
            assert call(enforcing, "/v1/identify", login(**proof))[0] == 200

    database.before = log_in
    answer = by_install(enforcing, "/v1/identify", {"traits": {"name": "Eve"}})
    assert answer["warnings"][0].startswith(WITHHELD)
    assert merged(enforcing)
    assert traits(enforcing) == {}


def test_the_user_s_own_token_and_a_server_s_key_set_them(known: App) -> None:
    body = {"userId": "u1", "traits": {"name": "Grace"}}
    assert "warnings" not in call(known, "/v1/identify", body, token=USER.token("u1"))[1]
    assert traits(known) == {"name": "Grace"}
    known.now += SECOND
    answer = by_install(known, "/v1/identify", {"traits": {"name": "Joan"}}, SERVER_KEY)
    assert "warnings" not in answer
    assert traits(known) == {"name": "Joan"}


@pytest.mark.parametrize("auth", ["off", "observe"])
def test_until_tokens_are_enforced_late_traits_are_the_user_s_as_before(
    opens: Opens, auth: Auth
) -> None:
    app = opens(auth)
    call(app, "/v1/track", {"anonymousId": "a1", "event": "ValueMomentReached"})
    call(app, "/v1/identify", login())
    assert "warnings" not in by_install(app, "/v1/identify", {"traits": {"plan": "pro"}})
    assert traits(app) == {"plan": "pro"}


# --- observing ---


def test_what_would_be_refused_is_logged_and_measured_and_let_through(opens: Opens) -> None:
    app = opens("observe")
    rows = [message("ValueMomentReached", user=f"u{n}", messageId=f"m{n}") for n in range(3)]
    _, answer = call(app, "/v1/batch", {"batch": rows}, token=USER.token("u1"))
    assert [row["status"] for row in answer["results"]] == ["accepted"] * 3
    [line] = [line for line in lines(app) if line["message"] == "token_refused"]
    assert (line["TokenRefused"], line["enforced"]) == (2, False)
    assert line["cause"] == "The token is not this user's."
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [
        {"Name": "TokenRefused", "Unit": "Count"}
    ]


def test_a_cause_is_the_same_whenever_it_is_logged(opens: Opens) -> None:
    app = opens("observe")
    for _ in range(2):
        app.now += 7 * SECOND
        expired = USER.token("u1", now=app.now - DAY)
        call(app, "/v1/track", message("AppOpened"), token=expired)
    assert [line["cause"] for line in lines(app)] == ["The token is expired."] * 2


@pytest.mark.parametrize(
    ("token", "cause"),
    [
        (None, "Send a token that proves who speaks."),
        (DEVICE.token("a1", iss="another"), "The token's iss is not its key's."),
        (DEVICE.token("a1", aud="another"), f"The token's aud must be {AUDIENCE}."),
        (DEVICE.token("a2"), "The token is not this user's."),
    ],
)
def test_an_install_that_cannot_prove_its_id_is_told_that_it_may_have_a_new_one(
    enforcing: App, token: str | None, cause: str
) -> None:
    _, answer = call(enforcing, "/v1/devices", {"anonymousId": "a1"}, token=token)
    assert answer["message"].endswith("or leave out anonymousId for a new one.")
    assert [line["cause"] for line in lines(enforcing)] == [cause]
    assert call(enforcing, "/v1/devices", {})[0] == 200


def test_what_is_refused_is_measured_too(enforcing: App) -> None:
    call(enforcing, "/v1/track", message("ValueMomentReached"))
    call(enforcing, "/v1/devices", {"anonymousId": "a1"})
    assert [(line["TokenRefused"], line["enforced"]) for line in lines(enforcing)] == [
        (1, True),
        (1, True),
    ]


@pytest.mark.parametrize("auth", ["off", "observe", "enforce"])
def test_who_sends_no_odd_token_is_not_told_of(opens: Opens, auth: Auth) -> None:
    app = opens(auth)
    proof = proving(token=USER.token("u1"), deviceToken=DEVICE.token("a1"))
    call(app, "/v1/identify", login(**proof))
    if auth == "off":
        call(app, "/v1/identify", login(), token="x")  # noqa: S106 - no secret
    assert not any("enforced" in line for line in lines(app))


@pytest.mark.parametrize("auth", ["observe", "enforce"])
def test_a_login_that_enforcing_takes_without_its_merge_is_told_apart_from_refusals(
    opens: Opens, auth: Auth
) -> None:
    app = opens(auth)
    logins = [
        {"type": "identify", **login(), "messageId": "m1"},
        {"type": "identify", **login(), "messageId": "m2"},
        {"type": "identify", **login(), "messageId": "m3", **proving(token=USER.token("u2"))},
    ]
    call(app, "/v1/batch", {"batch": logins}, token=USER.token("u1"))
    refused, unmerged = [line for line in lines(app) if "enforced" in line]
    assert (refused["message"], refused["TokenRefused"]) == ("token_refused", 1)
    assert (unmerged["message"], unmerged["NotMerged"]) == ("not_merged", 2)
    assert unmerged["cause"].startswith("Send context.softask.deviceToken")
    assert {refused["enforced"], unmerged["enforced"]} == {auth == "enforce"}
    assert "TokenRefused" not in unmerged


def test_row_47_no_token_and_no_key_is_ever_logged(enforcing: App) -> None:
    secrets = [SERVER_KEY, WRITE_KEY]
    for token in (USER.token("u2"), STRANGER.token("u1"), USER.token("u1", lives=1) + "x"):
        secrets += [token, *token.split(".")]
        call(enforcing, "/v1/track", message("ValueMomentReached"), token=token)
    call(enforcing, "/v1/devices", {})
    secrets.append(DEVICE.private["d"])
    assert not any(secret in enforcing.log.getvalue() for secret in secrets)


# --- installs ---


def test_an_install_gets_an_id_and_a_token_that_speaks_for_it(
    enforcing: App, database: Database
) -> None:
    status, answer = call(enforcing, "/v1/devices", {})
    assert status == 200
    assert re.fullmatch("an_[a-z2-7]{26}", answer["anonymousId"])
    assert (answer["expiresAt"], answer["expiresInSeconds"]) == ("2027-02-19T10:00:00Z", 7_776_000)
    assert call(enforcing, "/v1/devices", {})[1]["anonymousId"] != answer["anonymousId"]
    assert database.calls == []
    body = {"anonymousId": answer["anonymousId"], "event": "ValueMomentReached"}
    assert call(enforcing, "/v1/track", body, token=answer["token"])[0] == 200
    assert (
        call(enforcing, "/v1/track", body | {"anonymousId": "a2"}, token=answer["token"])[0] == 403
    )


def test_a_token_is_renewed_by_itself_until_it_expires(enforcing: App) -> None:
    answer = call(enforcing, "/v1/devices", {})[1]
    named = {"anonymousId": answer["anonymousId"]}
    enforcing.now += 89 * DAY
    status, renewed = call(enforcing, "/v1/devices", named, token=answer["token"])
    assert (status, renewed["anonymousId"]) == (200, answer["anonymousId"])
    enforcing.now += 2 * DAY
    assert call(enforcing, "/v1/devices", named, token=answer["token"])[0] == 401
    assert call(enforcing, "/v1/devices", named, token=renewed["token"])[0] == 200


@pytest.mark.parametrize("auth", ["off", "observe"])
def test_before_tokens_are_enforced_every_install_gets_one_for_the_id_it_has(
    opens: Opens, auth: Auth
) -> None:
    app = opens(auth)
    status, answer = call(app, "/v1/devices", {"anonymousId": "a1"})
    assert (status, answer["anonymousId"]) == (200, "a1")
    assert lines(app) == []


def test_without_a_device_key_no_token_is_issued(package: Package, database: Database) -> None:
    app = opened(package, database, "observe", {})
    status, answer = call(app, "/v1/devices", {})
    assert (status, answer["code"]) == (404, "not_found")
    assert answer["message"].endswith("softask keys create device")


def device_key(signer: Signer, **more: Any) -> AccessKey:
    return AccessKey(use=KeyUse.DEVICE, public=signer.public, **more)


@pytest.mark.parametrize(
    ("old", "new", "signed_by"),
    [
        ({}, {}, "dk-2"),
        ({}, {"made_at": "now"}, "dk-1"),
        ({"ends_at": "now"}, {"made_at": "now"}, "dk-2"),
    ],
)
def test_the_newest_key_that_every_function_has_read_signs(
    package: Package, database: Database, old: Json, new: Json, signed_by: str
) -> None:
    second = Signer("dk-2", 1_006, AUDIENCE)
    now = App(package).now
    made = [
        device_key(signer, **{"made_at": now - days * DAY} | dict.fromkeys(more, now))
        for signer, days, more in ((DEVICE, 9, old), (second, 1, new))
    ]
    app = opened(package, database, "enforce", {"dk-1": made[0], "dk-2": made[1]})
    app.device_keys.put(second.id, second.private)
    answer = call(app, "/v1/devices", {})[1]
    header = msgspec.json.decode(decoded(answer["token"].partition(".")[0]))
    assert header == {"alg": "ES256", "kid": signed_by, "typ": "JWT"}


def test_a_token_never_outlives_its_key(package: Package, database: Database) -> None:
    ending = device_key(DEVICE, ends_at=App(package).now + 7 * DAY)
    app = opened(package, database, "enforce", {DEVICE.id: ending})
    assert call(app, "/v1/devices", {})[1]["expiresInSeconds"] == 7 * 86_400


def test_a_private_half_that_cannot_be_read_is_a_passing_fault(
    package: Package, database: Database
) -> None:
    unread = {"dk-9": device_key(DEVICE, made_at=1)}
    app = opened(package, database, "enforce", unread)
    status, answer = call(app, "/v1/devices", {})
    assert (status, answer["code"], app.headers["Retry-After"]) == (503, "try_again", "1")


def test_where_a_private_half_is_gone_the_next_newest_key_signs(
    package: Package, database: Database
) -> None:
    now = App(package).now
    made = {
        signer.id: device_key(signer, made_at=now - days * DAY)
        for signer, days in ((DEVICE, 9), (Signer("dk-2", 1_006, AUDIENCE), 1))
    }
    app = opened(package, database, "enforce", made)
    answer = call(app, "/v1/devices", {})[1]
    header = msgspec.json.decode(decoded(answer["token"].partition(".")[0]))
    assert header["kid"] == DEVICE.id
    body = {"anonymousId": answer["anonymousId"], "event": "ValueMomentReached"}
    assert call(app, "/v1/track", body, token=answer["token"])[0] == 200


# --- the private halves ---


def test_private_halves_are_encrypted_parameters_each_read_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    with mock_aws():
        Parameters("/softask/test/device-keys/").put("dk-1", DEVICE.private)
        reader = Parameters("/softask/test/device-keys/")
        call_api = reader._client._make_api_call

        def observed(name: str, given: Json) -> Any:
            asked.append(name)
            return call_api(name, given)

        monkeypatch.setattr(reader._client, "_make_api_call", observed)
        assert reader.get("dk-1", NOW) == reader.get("dk-1", NOW) == DEVICE.private
        found = reader._client.describe_parameters()["Parameters"]
    assert asked == ["GetParameter", "DescribeParameters"]
    assert [(each["Name"], each["Type"]) for each in found] == [
        ("/softask/test/device-keys/dk-1", "SecureString")
    ]


def test_a_parameter_store_that_does_not_answer_is_a_passing_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:9")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    with pytest.raises(Unavailable) as caught:
        Parameters("/softask/test/device-keys/").get("dk-1", NOW)
    assert not isinstance(caught.value, NotHeld)


class Store:
    """SSM as the test has it, and what was asked of it and told of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.answer: Json | Exception = {
            "Parameter": {"Value": msgspec.json.encode(DEVICE.private)}
        }
        self.keys = Parameters(
            "/softask/test/", lambda id_, error: self.told.append((id_, repr(error.__cause__)))
        )
        monkeypatch.setattr(self.keys, "_client", self)

    def get_parameter(self, **asked: Any) -> Json:
        self.asked.append(asked["Name"])
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def fail(self, code: str) -> None:
        self.answer = ClientError({"Error": {"Code": code, "Message": "no"}}, "GetParameter")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    return Store(monkeypatch)


@pytest.mark.parametrize(
    "code", ["ParameterNotFound", "AccessDeniedException", "ThrottlingException", "Unheard"]
)
def test_a_half_that_is_not_to_be_had_is_told_once_and_asked_for_again_a_little_later(
    store: Store, code: str
) -> None:
    store.fail(code)
    for later in (0, 1, 10 * SECOND - 1):
        with pytest.raises(NotHeld, match="dk-1"):
            store.keys.get("dk-1", NOW + later)
    assert store.asked == ["/softask/test/dk-1"]
    [(id_, cause)] = store.told
    assert id_ == "dk-1"
    assert code in cause
    with pytest.raises(NotHeld):
        store.keys.get("dk-2", NOW)
    store.answer = {"Parameter": {"Value": msgspec.json.encode(DEVICE.private)}}
    assert store.keys.get("dk-1", NOW + 10 * SECOND) == DEVICE.private
    assert len(store.asked) == 3


def test_a_clock_that_was_set_back_keeps_no_half_away(store: Store) -> None:
    store.fail("ParameterNotFound")
    with pytest.raises(NotHeld):
        store.keys.get("dk-1", NOW)
    store.answer = {"Parameter": {"Value": msgspec.json.encode(DEVICE.private)}}
    assert store.keys.get("dk-1", NOW - 1) == DEVICE.private


def test_a_half_that_is_spoilt_is_not_held(store: Store) -> None:
    store.answer = {"Parameter": {"Value": "spoilt"}}
    with pytest.raises(NotHeld):
        store.keys.get("dk-1", NOW)


def test_a_store_that_does_not_answer_is_not_asked_again_at_once(store: Store) -> None:
    store.answer = ReadTimeoutError(endpoint_url="http://localhost")
    for later in (0, 9 * SECOND):
        with pytest.raises(Unavailable) as caught:
            store.keys.get("dk-1", NOW + later)
        assert not isinstance(caught.value, NotHeld)
    assert len(store.asked) == len(store.told) == 1


def test_while_the_store_does_not_answer_no_other_key_is_tried(
    store: Store, package: Package, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {id_: device_key(DEVICE, made_at=1) for id_ in ("dk-1", "dk-2")}
    app = opened(package, database, "enforce", made)
    monkeypatch.setattr(app.api._installs, "_device_keys", store.keys)
    store.answer = ReadTimeoutError(endpoint_url="http://localhost")
    assert call(app, "/v1/devices", {})[0] == 503
    assert store.asked == ["/softask/test/dk-2"]
    store.fail("ParameterNotFound")
    app.now += 10 * SECOND
    status, answer = call(app, "/v1/devices", {})
    assert (status, answer["code"], app.headers["Retry-After"]) == (503, "try_again", "1")
    assert store.asked[1:] == ["/softask/test/dk-2", "/softask/test/dk-1"]


# --- keys that cannot be read ---


def revoke_all() -> None:
    item = CampaignItem.get(LIVE, 0)
    live = msgspec.json.decode(bytes(item.body))
    body = msgspec.json.encode({**live, "keys": {}, "write_keys": []})
    CampaignItem(LIVE, 0, body=body, revision=2).save()


def test_row_43_a_revoked_key_is_refused_within_20_seconds(enforcing: App) -> None:
    token = USER.token("u1")
    asked = message("AppOpened")
    assert call(enforcing, "/v1/track", asked, token=token)[0] == 200
    revoke_all()
    enforcing.now += 20 * SECOND - 1
    assert call(enforcing, "/v1/track", asked, token=token)[0] == 200
    enforcing.now += 1
    for key in (WRITE_KEY, SERVER_KEY):
        assert call(enforcing, "/v1/track", asked, key, token)[0] == 401


def test_row_51_the_last_keys_that_were_read_hold_for_an_hour(
    enforcing: App, database: Database
) -> None:
    read_at = enforcing.now
    asked = message("AppOpened")
    token = USER.token("u1", lives=86_400)
    database.before = unreachable
    enforcing.now = read_at + 60 * MINUTE - 1
    assert call(enforcing, "/v1/track", asked, token=token)[0] == 200
    enforcing.now = read_at + 60 * MINUTE
    for key, given in [(WRITE_KEY, token), (SERVER_KEY, None), ("wrong", None), (WRITE_KEY, None)]:
        status, answer = call(enforcing, "/v1/track", asked, key, given)
        assert (status, answer["code"]) == (503, "try_again")
        assert enforcing.headers["Retry-After"] == "1"
    database.before = lambda _: None
    enforcing.now += SECOND
    assert call(enforcing, "/v1/track", asked, token=token)[0] == 200
    database.before = unreachable
    enforcing.now += 59 * MINUTE
    assert call(enforcing, "/v1/track", asked, token=token)[0] == 200


@pytest.mark.parametrize("auth", ["off", "observe", "enforce"])
def test_row_51_before_the_first_read_there_are_no_keys(
    package: Package, database: Database, auth: Auth
) -> None:
    app = App(package, auth)
    database.before = unreachable
    for key in (WRITE_KEY, "wrong"):
        status, answer = call(app, "/v1/track", message("AppOpened"), key)
        assert (status, answer["code"], app.headers["Retry-After"]) == (503, "try_again", "1")
    database.before = lambda _: None
    app.now += SECOND
    assert call(app, "/v1/track", message("AppOpened"), SERVER_KEY)[0] == 401
    assert call(app, "/v1/track", message("AppOpened"), token=USER.token("u1"))[0] != 503


def test_row_51_a_restored_function_forgets_the_keys_of_its_snapshot(
    enforcing: App, database: Database
) -> None:
    enforcing.live.forget()
    database.before = unreachable
    assert call(enforcing, "/v1/track", message("AppOpened"), SERVER_KEY)[0] == 503


def test_row_51_settings_that_cannot_be_used_keep_no_revoked_key_alive(
    enforcing: App, package: Package
) -> None:
    make_live(package, {id_: key for id_, key in KEYS.items() if id_ != "sk-1"})
    item = CampaignItem.get(LIVE, 0)
    live = msgspec.json.decode(bytes(item.body))
    body = msgspec.json.encode({**live, "settings": {"newer": 1}})
    CampaignItem(LIVE, 0, body=body, revision=2).save()
    enforcing.now += 20 * SECOND
    asked = message("AppOpened")
    assert call(enforcing, "/v1/track", asked, SERVER_KEY)[0] == 401
    assert call(enforcing, "/v1/track", asked, token=USER.token("u1"))[0] == 200


# --- the environment ---


def test_a_mode_that_is_unknown_ends_the_function() -> None:
    assert read_environment({}).auth == "off"
    assert read_environment({"SOFTASK_AUTH": "enforce"}).auth == "enforce"
    for told in ("", "ENFORCE", "on"):
        with pytest.raises(msgspec.ValidationError):
            read_environment({"SOFTASK_AUTH": told})
