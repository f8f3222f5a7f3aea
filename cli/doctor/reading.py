"""Reads all that checks want; what could not be read is no reason to read no more."""

from dataclasses import dataclass, replace
from typing import Any

import boto3

from cli.doctor import server, stack
from cli.doctor.readings import Behind, Readings, Unread, nothing_behind
from cli.remote import Remote, RemoteError, Target, checked
from functions.clock import wall_clock


@dataclass(frozen=True, slots=True)
class Asked:
    """What to check: a server, a stack, or both. Without a URL, the stack tells it."""

    url: str | None
    stack: str | None
    write_key: str | None = None
    profile: str | None = None
    region: str | None = None


_FOR_ALL = ("answer", "write_key", "zipped")
_FOR_OPERATORS = ("keys", "campaigns", "server_at", "prompts")
"""What needs a signature, but on this machine."""


def read(asked: Asked, account: boto3.Session) -> Readings:
    """Raises `BadTarget` where the URL is none."""
    now = wall_clock()
    behind = _behind(asked, account, now)
    told = asked.url or ("" if isinstance(behind.stack, Unread) else behind.stack.url)
    url = checked(told) if told else ""
    unread: Any = dict.fromkeys((*_FOR_ALL, *_FOR_OPERATORS), _nowhere(behind))
    blank = Readings(now=now, named=asked.stack or "", url=url, behind=behind, **unread)
    return _of_server(blank, asked) if url else blank


def _nowhere(behind: Behind) -> Unread:
    if isinstance(behind.stack, Unread):
        return Unread("the stack, which would say where the API is, cannot be read")
    return Unread("nothing says where the API is")


def _of_server(blank: Readings, asked: Asked) -> Readings:
    """An account still tells what it knows, where the server does not."""
    url = blank.url
    with server.open_http(blank.is_local) as http:
        answer = server.first_call(http, url, wall_clock)
        if isinstance(answer, Unread):
            return _without(blank, (*_FOR_ALL, *_FOR_OPERATORS), answer)
        tried = server.try_write_key(http, url, asked.write_key)
        zipped = server.try_gzip(http, url)
    answered = replace(blank, answer=answer, write_key=tried, zipped=zipped)
    try:
        remote = Remote(Target(url, asked.profile, asked.region))
    except RemoteError as error:
        return _without(answered, _FOR_OPERATORS, Unread(str(error).removesuffix(".")))
    with remote:
        return _of_operator(answered, remote)


def _of_operator(answered: Readings, remote: Remote) -> Readings:
    campaigns = server.read_campaigns(remote)
    reported = server.read_prompts(remote, campaigns)
    server_at, prompts = (reported, reported) if isinstance(reported, Unread) else reported
    return replace(
        answered,
        keys=server.read_keys(remote),
        campaigns=campaigns,
        server_at=server_at,
        prompts=prompts,
    )


def _without(readings: Readings, parts: tuple[str, ...], why: Unread) -> Readings:
    unread: Any = dict.fromkeys(parts, why)
    return replace(readings, **unread)


def _behind(asked: Asked, account: boto3.Session, now: int) -> Behind:
    if asked.stack is not None:
        return stack.read_stack(account, asked.stack, now)
    if asked.url is not None and asked.url.startswith("http:"):
        return nothing_behind(Unread("a dev server has no stack"))
    return nothing_behind(Unread("no stack was named: --stack softask-prod"))
