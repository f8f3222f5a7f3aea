"""Reads a server as apps and operators do: over HTTP."""

import gzip
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from cli.doctor.readings import Answer, Campaign, Campaigns, Json, Prompts, Unread, WriteKey, Zipped
from cli.remote import Refused, Remote, RemoteError, path_of
from functions.clock import Clock
from functions.core.model import DAY, SECOND
from functions.core.moments import format_time, parse_time

T = TypeVar("T")

TIMEOUT = 10.0
"""Seconds; apps wait for two."""

_OVER = ("ended", "draft")
_METHODS = ("get", "put", "post", "delete")


def open_http(is_local: bool) -> httpx.Client:
    """What stays on this machine goes through no proxy."""
    return httpx.Client(timeout=TIMEOUT, trust_env=not is_local)


def first_call(http: httpx.Client, url: str, clock: Clock) -> Answer | Unread:
    """What the API document's answer says of the server, the way there and the clocks."""
    sent = clock()
    try:
        with http.stream("GET", f"{url}/openapi.json") as response:
            ends = _certificate_ends(response)
            response.read()
    except httpx.HTTPError as error:
        return Unread(f"{url} did not answer: {str(error) or type(error).__name__}")
    took = clock() - sent
    return Answer(
        status=response.status_code,
        took=took,
        at=sent + took // 2,
        date=_date(response),
        certificate_ends=ends,
        routes=_routes(response.content),
    )


def try_write_key(http: httpx.Client, url: str, key: str | None) -> WriteKey | Unread:
    """Fetches the app's settings by it: a read that changes nothing."""
    if key is None:
        return Unread("no --write-key was given")
    try:
        response = http.get(f"{url}/v1/projects/{quote(key, safe='')}/settings")
        told = msgspec.json.decode(response.content, type=dict[str, Any])
    except httpx.HTTPError as error:
        return Unread(f"no answer: {str(error) or type(error).__name__}")
    except msgspec.DecodeError:
        strange = "not as Softask answers"
        if response.status_code == 200:
            return Unread(f"200, but {strange}")
        return WriteKey(response.status_code, strange)
    return WriteKey(response.status_code, str(told.get("message", "")))


def try_gzip(http: httpx.Client, url: str) -> Zipped | Unread:
    """Sends what is refused for want of a key, once it was read; nothing is written.

    HTTP APIs hand on bodies of `application/json` as text, in which gzip's bytes may not survive.
    """
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    try:
        response = http.post(f"{url}/v1/track", content=gzip.compress(b"{}"), headers=headers)
        told = msgspec.json.decode(response.content, type=dict[str, Any])
    except httpx.HTTPError as error:
        return Unread(f"no answer: {str(error) or type(error).__name__}")
    except msgspec.DecodeError:
        told = {}
    return Zipped(response.status_code, str(told.get("field", "")))


def read_keys(remote: Remote) -> Json | Unread:
    """The keys' answer as it came."""
    return _unless_refused(lambda: remote.get(path_of("keys")))


def read_campaigns(remote: Remote) -> Campaigns | Unread:
    """Every campaign; of those that serve, also their schedule."""
    return _unless_refused(lambda: _campaigns(remote))


def read_prompts(remote: Remote, campaigns: Campaigns | Unread) -> tuple[int, Prompts] | Unread:
    """The server's time, and the prompts of the last seven days by it."""
    if isinstance(campaigns, Unread):
        return campaigns
    shown = [row.id for row in campaigns.rows if row.is_readable and row.status not in _OVER]
    if not shown:
        return Unread("no campaign runs, so there is no report")
    return _unless_refused(lambda: _prompts(remote, shown))


def _unless_refused(read: Callable[[], T]) -> T | Unread:
    try:
        return read()
    except Refused as error:
        return Unread(str(error), is_fault=error.status >= 500)
    except RemoteError as error:
        return Unread(str(error))


def _campaigns(remote: Remote) -> Campaigns:
    told = remote.get(path_of("campaigns"))
    rows = tuple(_row(remote, row) for row in told["campaigns"])
    return Campaigns(told["revision"], told["paused"], rows)


def _row(remote: Remote, row: Json) -> Campaign:
    is_readable = row["kind"] is not None
    ends = None
    if is_readable and row["status"] == "active":
        file = remote.get(path_of("campaigns", row["id"]))["campaign"]
        ends = file["schedule"]["ends_at"]
    return Campaign(
        row["id"],
        row["status"],
        row["version"],
        is_readable,
        None if ends is None else parse_time(ends),
    )


def _prompts(remote: Remote, shown: list[str]) -> tuple[int, Prompts]:
    at = parse_time(remote.get(path_of("campaigns", shown[0], "report"))["asOf"])
    days = {"from": format_time(at - 6 * DAY)[:10], "to": format_time(at)[:10]}
    reports = [remote.get(path_of("campaigns", id_, "report"), **days) for id_ in shown]
    # What no campaign had to do with stands in each report alike.
    counted = [reports[0]["appWide"], *_arms(reports)]
    spent, unasked = (sum(each[name] for each in counted) for name in ("prompted", "unasked"))
    return at, Prompts(spent, unasked)


def _arms(reports: list[Json]) -> Iterator[Json]:
    for report in reports:
        yield from report["arms"]


def _certificate_ends(response: httpx.Response) -> int | None:
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream else None
    if tls is None:
        return None
    return int(ssl.cert_time_to_seconds(tls.getpeercert()["notAfter"])) * SECOND


def _date(response: httpx.Response) -> int | None:
    try:
        told: datetime = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return int(told.replace(tzinfo=told.tzinfo or UTC).timestamp()) * SECOND


def _routes(content: bytes) -> frozenset[str] | None:
    try:
        paths = msgspec.json.decode(content, type=dict[str, Any])["paths"]
        return frozenset(
            f"{method.upper()} {path}"
            for path, methods in paths.items()
            for method in methods
            if method in _METHODS
        )
    except (msgspec.DecodeError, KeyError, AttributeError, TypeError):
        return None
