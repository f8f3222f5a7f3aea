"""One user's export and deletion, in words and tables."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from rich.console import RenderableType
from rich.text import Text

from cli.render import Json, moment, printable, table

_SPELLING = "An id has its exact spelling; an anonymous id needs --anonymous."
_NOTHING = f"Nothing is held of that user. {_SPELLING}"


def shown(answer: Json) -> Iterator[RenderableType]:
    """Everything, a table a kind; nothing where nothing is held."""
    if answer["deleted"]:
        yield _was_deleted(answer)
        return
    if not answer["isKnown"]:
        yield _NOTHING
        return
    yield Text(_whose(answer), "bold")
    yield f"The tables and the logs know the user as {printable(answer['userKey'])}."
    profile = answer["profile"] or {}
    if profile:
        yield _kept(answer, profile)
    for title, headings, rows in _tables(answer, profile):
        listed = list(rows)
        if listed:
            yield from ("", Text(title, "bold"), table(headings, listed))


def summary(answer: Json) -> str:
    """What an export holds, in a line."""
    if answer["deleted"]:
        return _was_deleted(answer)
    return _counted(_counts(answer)) if answer["isKnown"] else _NOTHING


def at_stake(answer: Json) -> Iterator[RenderableType]:
    """What a deletion of that user will do."""
    if answer["deleted"]:
        yield _was_deleted(answer)
        yield "What may be left will go. The 30 days are not renewed."
        return
    if answer["becameUserId"]:
        yield f"{_whose(answer)}, who will be deleted."
    more = " and more" if answer["next"] else ""
    yield f"What goes, for good: {_counted(_counts(answer))}{more}."
    yield "Events of that user that come late are refused for 30 days."


def deleted(answer: Json) -> Iterator[RenderableType]:
    """What a deletion did."""
    who = printable(answer["becameUserId"] or answer["id"])
    if answer["becameUserId"]:
        yield f"{_whose(answer)}, who was deleted."
    if any(answer["deleted"].values()):
        yield f"{who} is deleted. What went: {_counted(answer['deleted'])}."
    else:
        yield f"Nothing was held of {who}. {_SPELLING}"
    yield f"Events that come late are refused until {moment(answer['lateEventsRefusedUntil'])}."


def _was_deleted(answer: Json) -> str:
    dates = answer["deleted"]
    until = moment(dates["lateEventsRefusedUntil"])
    return (
        f"{printable(answer['id'])} was deleted at {moment(dates['at'])}, and nothing is held. "
        f"Events that come late are refused until {until}."
    )


def _whose(answer: Json) -> str:
    user = printable(answer["id"])
    became = answer["becameUserId"]
    return f"{user} became {printable(became)}" if became else user


def _kept(answer: Json, profile: Json) -> str:
    until = answer["retainUntil"]
    kept = f"kept until {moment(until)} if nothing more is heard" if until else "kept for ever"
    seen = f"first seen {moment(profile['firstSeenAt'])}, last {moment(profile['seenAt'])}"
    return f"Profile: {seen}; {kept}."


_WORDS = {
    "profiles": ("profile", "profiles"),
    "anonymousIds": ("anonymous id", "anonymous ids"),
    "windows": ("retry window", "retry windows"),
    "facts": ("fact", "facts"),
}


def _counts(answer: Json) -> dict[str, int]:
    profile = answer["profile"]
    return {
        "profiles": 1 if profile else 0,
        "anonymousIds": len(profile["aliases"]) if profile else 0,
        "windows": len(answer["windows"]),
        "facts": len(answer["facts"]),
    }


def _counted(counts: dict[str, int]) -> str:
    said = [f"{count:,} {_WORDS[name][count != 1]}" for name, count in counts.items() if count]
    return ", ".join(said) or "nothing"


# --- tables ---


Rows = Iterable[tuple[Any, ...]]


def _tables(answer: Json, profile: Json) -> Iterator[tuple[str, tuple[str, ...], Rows]]:
    """Title, headings and rows of each."""
    yield (
        "attributes",
        ("name", "since", "value"),
        ((name, moment(of["at"]), _said(of["value"])) for name, of in _of(profile, "attributes")),
    )
    yield (
        "anonymous ids",
        ("last heard of", "id"),
        ((moment(at), alias) for alias, at in _of(profile, "aliases")),
    )
    yield (
        "devices",
        ("platform", "version", "push", "id"),
        (
            (of["platform"], of["osVersion"], of["push"].get("status"), id_)
            for id_, of in _of(profile, "devices")
        ),
    )
    yield (
        "events",
        ("count", "first", "last", "event"),
        (
            (of["count"], moment(of["firstAt"]), moment(of["lastAt"]), event)
            for event, of in _of(profile, "events")
        ),
    )
    yield (
        "campaigns",
        ("attempts", "outcome", "again from", "campaign"),
        (
            (of["attempts"], of.get("outcome"), _moment(of.get("retryAt")), campaign)
            for campaign, of in _of(profile, "progress")
        ),
    )
    yield (
        "last decisions",
        ("at", "reason"),
        ((moment(each["at"]), each["reason"]) for each in profile.get("recent", ())),
    )
    yield (
        "retry windows",
        ("due", "campaign"),
        ((moment(each["dueAt"]), each["campaign"]) for each in answer["windows"]),
    )
    yield (
        "facts",
        ("at", "kind", "attempt", "campaign", "anonymous id"),
        (
            (
                moment(each["at"]),
                each["kind"],
                each.get("attempt"),
                each.get("campaign"),
                each.get("anonymousId"),
            )
            for each in answer["facts"]
        ),
    )


def _of(profile: Json, name: str) -> Iterable[tuple[str, Any]]:
    of: Json = profile.get(name, {})
    return of.items()


def _said(value: Any) -> str:
    """As JSON, a text as it stands."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _moment(text: str | None) -> str | None:
    return None if text is None else moment(text)
