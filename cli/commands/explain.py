"""`softask explain` and `softask test`: what one user would see, and why."""

from typing import Annotated, Any, Literal

import msgspec
import typer

from cli.commands.target import (
    DEV_SERVER,
    Anonymous,
    AsJson,
    Profile,
    Region,
    Url,
    User,
    fail,
    remote_at,
    user_of,
)
from functions.core.moments import format_time, parse_time
from functions.core.permission import STATUS_WORDS, is_status
from functions.core.reason import Reason

Json = dict[str, Any]

Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's id.")]

_OS = {"ios": "iOS", "android": "Android"}


def explain(
    user: User,
    campaign: Campaign,
    event: Annotated[
        str | None, typer.Option(metavar="NAME", help="The event; else the campaign's first.")
    ] = None,
    properties: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="The event's properties, such as '{\"rating\": 5}'."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="ISO 8601, such as 2026-12-05T10:00:00Z.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="ID", help="The device that would ask.")
    ] = None,
    platform: Annotated[
        Literal["ios", "android"] | None, typer.Option(help="That device's platform.")
    ] = None,
    push_status: Annotated[
        str | None, typer.Option(metavar="WORD", help="What its OS says: notDetermined, denied, …")
    ] = None,
    anonymous: Anonymous = False,
    as_json: AsJson = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Say whether a user would see a campaign, or why not.

    Every condition is listed with its value. Changes nothing.

    Example: softask explain u1 push-softask --platform ios
    """
    question = user_of(user, anonymous) | _said(
        event=event,
        properties=_object(properties),
        at=_time(at),
        context=_context(device, platform, _word(push_status)),
    )
    with remote_at(url, profile, region) as remote:
        from cli import render  # noqa: PLC0415 - rich
        from cli.remote import path_of  # noqa: PLC0415

        answer = remote.post(path_of("campaigns", campaign, "explain"), question)
        if as_json:
            render.put_json(answer)
            return
        render.put(*render.answered(user, answer, at is None), "", render.checks(answer))


def rehearse(
    user: User,
    campaign: Campaign,
    skip_waits: Annotated[
        bool, typer.Option("--skip-waits", help="The next trigger waits for nothing, once.")
    ] = False,
    anonymous: Anonymous = False,
    as_json: AsJson = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Say what the next trigger of a test user will do.

    Test users stand in the settings.

    Example: softask test u1 push-softask --skip-waits
    """
    with remote_at(url, profile, region) as remote:
        from cli import render  # noqa: PLC0415 - rich
        from cli.remote import path_of  # noqa: PLC0415

        body = {**user_of(user, anonymous), "skipWaits": skip_waits}
        answer = remote.post(path_of("campaigns", campaign, "test"), body)
        if as_json:
            render.put_json(answer)
            return
        render.put(*render.answered(user, answer, is_now=True), _next_trigger(answer), "")
        render.put(render.checks(answer))


def _next_trigger(answer: Json) -> str:
    waits = "skips every wait, once, and " if answer["skipsWaits"] else ""
    if not answer["wouldShow"]:
        return f"The next trigger {waits}shows nothing."
    if answer["reason"] == Reason.OFFER_REPEATED.word:
        return "The next trigger brings the same offer again, of the version that granted it."
    attempt = f"attempt {answer['attempt']}" if answer["attempt"] else "the popup"
    return (
        f"The next trigger {waits}shows version {answer['version']}, {attempt}; "
        'its action carries "test": true.'
    )


# --- the question ---


def _said(**parts: Any) -> Json:
    return {name: part for name, part in parts.items() if part}


def _context(device: str | None, platform: str | None, push_status: str | None) -> Json:
    return _said(
        device=_said(id=device),
        os=_said(name=_OS.get(platform or "")),
        push=_said(status=push_status),
    )


def _word(push_status: str | None) -> str | None:
    if push_status is not None and not is_status(push_status):
        fail(f"--push-status is one of {', '.join(STATUS_WORDS)}, not {push_status}", 2)
    return push_status


def _object(text: str | None) -> Json | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Json)
    except msgspec.MsgspecError:
        fail(f"--properties is a JSON object such as '{{\"streak\": 3}}', not {text}", 2)


def _time(text: str | None) -> str | None:
    try:
        return None if text is None else format_time(parse_time(text))
    except ValueError:
        fail(f"--at is a time such as 2026-12-05T10:00:00Z, not {text}", 2)
