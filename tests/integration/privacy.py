"""Users who left something in every table, and what the streams tell the ledger of them."""

import base64
from types import SimpleNamespace
from typing import Any

from msgspec.structs import replace

from functions.core.model import User
from functions.ledger.handler import handler
from functions.store import profiles
from functions.store.profiles import key_of
from tests.integration.conftest import START, Admin, App, Json, items, message

PROFILES, WINDOWS = "SOFTASK_PROFILES_TABLE", "SOFTASK_WINDOWS_TABLE"
LEDGER = "SOFTASK_LEDGER_TABLE"

USER = "/users/{id}"

CONTEXT: Any = SimpleNamespace(
    function_name="",
    memory_limit_in_mb=0,
    invoked_function_arn="",
    aws_request_id="",
    get_remaining_time_in_millis=lambda: 60_000,
)
"""What Lambda tells of an invocation."""


def export(admin: Admin, id_: str = "u1", **query: str) -> Json:
    return admin.call("GET", USER, id=id_, query=query)


def delete(admin: Admin, id_: str = "u1", **query: str) -> Json:
    return admin.call("DELETE", USER, id=id_, query=query)


def known(user: str = "u1") -> str:
    return key_of(User("user", user))


def anonymous(id_: str) -> str:
    return key_of(User("anonymous", id_))


# --- what is stored ---


def table(variable: str) -> dict[str, Json]:
    """Everything in the table by its keys."""
    names = ("user_key", "fact_id") if variable == LEDGER else ("user_key", "campaign")
    return {
        "/".join(item[name]["S"] for name in names if name in item): item
        for item in items(variable)
    }


def everything() -> dict[str, dict[str, Json]]:
    return {variable: table(variable) for variable in (PROFILES, WINDOWS, LEDGER)}


def facts() -> list[str]:
    """The kinds of all facts."""
    return sorted(item["kind"]["S"] for item in items(LEDGER) if "until" not in item)


def marks() -> dict[str, Json]:
    """The deletions in the ledger, by key."""
    return {item["user_key"]["S"]: item for item in items(LEDGER) if "until" in item}


# --- what the streams tell ---


def record(item: Json, name: str = "MODIFY", image: str = "NewImage", at: int = START) -> Json:
    """A stream record of that item as it is now; `at` stands for the write's time."""
    change = {
        "Keys": {"user_key": item["user_key"]},
        image: _as_lambda_has_it(item),
        "ApproximateCreationDateTime": at // 1000,
        "SequenceNumber": "1",
    }
    return {"eventSource": "aws:dynamodb", "eventName": name, "dynamodb": change}


def removal(window: Json, at: int) -> Json:
    return record(window, "REMOVE", "OldImage", at)


def written(*keys: str) -> list[Json]:
    """The records of the newest write of each profile, or of these."""
    stored = table(PROFILES)
    return [record(stored[key]) for key in keys or stored]


def deliver(*records: Json) -> None:
    """To the ledger, as Lambda does: those that its filters let through."""
    for each in records:
        told = {"outbox", "deleted_at"} & each["dynamodb"].get("NewImage", {}).keys()
        if told or each["eventName"] == "REMOVE":
            assert handler({"Records": [each]}, CONTEXT) == {"batchItemFailures": []}


def _as_lambda_has_it(value: Any) -> Any:
    """Binary attributes as base64."""
    if isinstance(value, dict):
        return {key: _as_lambda_has_it(child) for key, child in value.items()}
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


# --- who lived ---


def join(*ids: str, user: str = "u1") -> None:
    """What a merge stores: the anonymous ids become part of the user's profile."""
    stored = profiles.load(User("user", user), START)
    aliases = {**stored.profile.aliases, **dict.fromkeys(ids, START)}
    joined = [profiles.find(User("anonymous", id_), START) for id_ in ids]
    profiles.save(stored, replace(stored.profile, aliases=aliases), (), 0, joined)


def install(app: App, id_: str) -> None:
    """An anonymous id with a profile and facts."""
    body = message("ValueMomentReached", device=id_)
    del body["userId"]
    app.post("/v1/track", {**body, "anonymousId": id_})
    deliver(*written(anonymous(id_)))


def decline(app: App, user: str = "u1") -> None:
    """A user with a profile, a window and facts."""
    app.post("/v1/identify", {"userId": user, "traits": {"plan": "pro"}})
    offer = app.value_moment(user)
    assert offer
    deliver(*written(known(user)))
    app.outcome("Declined", offer, user=user)
    deliver(*written(known(user)))


def live(app: App) -> None:
    """u1, who was a1 and a2 before, and declined; and u2 beside them, whom nothing may touch."""
    for id_ in ("a1", "a2"):
        install(app, id_)
    decline(app)
    decline(app, "u2")
    join("a1", "a2")
