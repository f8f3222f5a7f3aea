"""What is logged: a line a message that mattered, and nothing personal."""

import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.core.model import User
from functions.store.keys import user_key
from tests.integration.conftest import App, Database, message


def lines(app: App) -> list[dict[str, Any]]:
    return [json.loads(line) for line in app.log.getvalue().splitlines()]


def test_a_message_that_mattered_is_one_line_with_its_reasons(app: App) -> None:
    app.value_moment()
    [line] = lines(app)
    assert (line["message"], line["reasons"]) == ("decided", ["offer_granted"])
    assert line["campaigns"] == ["push-softask"]
    assert line["user_key"] == user_key("test-salt", User("user", "u1"))


def test_ignored_unchanged_and_replayed_messages_are_no_line(app: App) -> None:
    app.value_moment(messageId="m1")
    before = len(lines(app))
    app.track("AppOpened")
    app.value_moment(messageId="m1")
    app.post("/v1/identify", {"userId": "u1"})
    assert len(lines(app)) == before


def test_a_call_is_a_hundred_lines_and_one_for_the_rest_of_each_campaign(app: App) -> None:
    moments = [message("ValueMomentReached", user=f"u{n}") for n in range(130)]
    traits = [{"type": "identify", "userId": f"v{n}", "traits": {"x": 1}} for n in range(20)]
    app.post("/v1/batch", {"batch": [*moments, *traits, *moments[:1]]})
    *single, campaign, stage = lines(app)
    assert [line["message"] for line in single] == ["decided"] * 100
    assert {line["reasons"][0] for line in single} == {"offer_granted"}
    assert (campaign["message"], campaign["campaign"]) == ("also_decided", "push-softask")
    assert campaign["counts"] == {"offer_granted": 30, "offer_repeated": 1}
    assert (stage["message"], stage["campaign"]) == ("also_decided", "")
    assert stage["counts"] == {"attributes_updated": 20}


def test_a_full_batch_of_the_smallest_messages_is_a_short_log(app: App) -> None:
    batch = [{"type": "track", "userId": "u1", "event": "ValueMomentReached"}] * 2500
    app.post("/v1/batch", {"batch": batch})
    assert len(lines(app)) == 101
    assert len(app.log.getvalue()) < 100_000


def fail(_: str) -> None:
    raise ReadTimeoutError(endpoint_url="http://localhost")


def break_(_: str) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("fault", [lambda _: None, fail, break_])
def test_row_47_no_log_line_holds_personal_data(app: App, database: Database, fault: Any) -> None:
    database.before = fault
    canary = "canary-4711"
    body = message(
        "ValueMomentReached",
        user=f"user-{canary}",
        device=f"device-{canary}",
        messageId=f"message-{canary}",
        properties={f"name-{canary}": canary},
    )
    app.send("/v1/track", json.dumps(body))
    traits = {f"trait-{canary}": canary, "email": f"{canary}@example.com"}
    app.send("/v1/identify", json.dumps({"userId": canary, "traits": traits}))
    app.send("/v1/batch", json.dumps({"batch": [body, {"type": canary}]}))
    app.send("/v1/track", json.dumps({"userId": canary, "event": 7}))
    app.send("/v1/actions", json.dumps(body))
    assert lines(app)
    assert canary not in app.log.getvalue()


def test_an_unexpected_fault_is_a_500_and_one_error_line_with_its_trace(
    app: App, database: Database
) -> None:
    database.before = break_
    status, answer = app.send("/v1/track", json.dumps(message("ValueMomentReached")))
    assert (status, answer["code"]) == (500, "internal_error")
    [line] = lines(app)
    assert (line["level"], line["exception_name"]) == ("ERROR", "ZeroDivisionError")


def test_a_failed_refresh_of_the_campaigns_is_an_error_line(app: App, database: Database) -> None:
    app.now += 20_000
    database.before = fail
    app.track("AppOpened")
    [line] = lines(app)
    assert (line["level"], line["message"]) == ("ERROR", "campaigns_not_refreshed")
