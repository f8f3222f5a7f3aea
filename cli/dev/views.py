"""What the tables hold of a user, as JSON that people read: camelCase, ISO times."""

from typing import Any

import msgspec

from functions.core import recent
from functions.core.model import SECOND, Profile, User
from functions.core.moments import format_time
from functions.store import connection, profiles
from functions.store.keys import user_key
from functions.store.ledger import FactItem
from functions.store.windows import WindowItem


def state_of(user: User, now: int) -> dict[str, Any]:
    """The profile (null where none is stored), its retry windows and its facts, oldest first."""
    stored = profiles.load(user, now)
    key = user_key(connection.ENVIRONMENT.salt, user)
    facts = sorted(FactItem.query(key, consistent_read=True), key=lambda fact: fact.at)
    return {
        "profile": None if stored.version is None else _profile(stored.profile),
        "windows": [_window(item) for item in WindowItem.query(key, consistent_read=True)],
        "facts": [_fact(item) for item in facts],
    }


def _profile(profile: Profile) -> dict[str, Any]:
    decisions = [
        {"at": format_time(entry.at), "reason": entry.reason.word}
        for entry in recent.entries(profile.recent)
    ]
    return {**_view(profile), "recent": decisions}


def _view(value: Any) -> Any:
    """Structs by their fields, absent ones left out; what is the app's own stays as it is."""
    if isinstance(value, msgspec.Struct):
        fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return {
            _camel(name): format_time(field) if _is_time(name, field) else _view(field)
            for name, field in fields
            if field is not None and not (field == 0 and _is_time(name, field))
        }
    if isinstance(value, dict):
        return {key: _view(child) for key, child in value.items()}
    return value


def _window(item: WindowItem) -> dict[str, Any]:
    due_at = int(item.due_at) * SECOND
    return {"campaign": item.campaign, "dueAt": format_time(due_at), "window": item.window}


def _fact(item: FactItem) -> dict[str, Any]:
    fields = {
        "kind": item.kind,
        "at": format_time(int(item.at)),
        "campaign": item.campaign,
        "version": item.version,
        "attempt": item.attempt,
        "arm": item.arm,
        "platform": item.platform,
        "offerId": item.offer_id,
        "id": item.fact_id,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _is_time(name: str, value: Any) -> bool:
    return name.endswith(("_at", "_until")) or (name == "at" and isinstance(value, int))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
