"""Reads all that checks want; what could not be read is no reason to read no more."""

import boto3

from cli.doctor import server, stack
from cli.doctor.readings import Answer, Behind, Readings, Unread, WriteKey, nothing_behind
from cli.remote import Remote
from functions.clock import wall_clock


def read(
    remote: Remote, session: boto3.Session | None, name: str | None, write_key: str | None
) -> Readings:
    """Of the server, and of the stack of that name, if one is named."""
    now = wall_clock()
    is_local = remote.url.startswith("http:")
    with server.open_http(is_local) as http:
        answer = server.first_call(http, remote.url, wall_clock)
        behind = _behind(session, name, now, is_local)
        if isinstance(answer, Unread):
            return _unanswered(remote, answer, behind, now)
        tried = server.try_write_key(http, remote.url, write_key)
    return _answered(remote, answer, tried, behind, now)


_NO_ANSWER = Unread("the server does not answer")


def _answered(
    remote: Remote, answer: Answer, tried: WriteKey | Unread, behind: Behind, now: int
) -> Readings:
    campaigns = server.read_campaigns(remote)
    told = server.read_prompts(remote, campaigns)
    return Readings(
        now=now,
        url=remote.url,
        answer=answer,
        write_key=tried,
        keys=server.read_keys(remote),
        campaigns=campaigns,
        server_at=told if isinstance(told, Unread) else told[0],
        prompts=told if isinstance(told, Unread) else told[1],
        behind=behind,
    )


def _unanswered(remote: Remote, answer: Unread, behind: Behind, now: int) -> Readings:
    """An account still tells what it knows, where the server does not."""
    return Readings(
        now=now,
        url=remote.url,
        answer=answer,
        write_key=_NO_ANSWER,
        keys=_NO_ANSWER,
        campaigns=_NO_ANSWER,
        server_at=_NO_ANSWER,
        prompts=_NO_ANSWER,
        behind=behind,
    )


def _behind(session: boto3.Session | None, name: str | None, now: int, is_local: bool) -> Behind:
    if session is not None and name is not None:
        return stack.read_stack(session, name, now)
    if is_local:
        return nothing_behind("a dev server has no stack")
    return nothing_behind("no stack was named: --stack softask-prod")
