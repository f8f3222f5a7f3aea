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

from cli.doctor.readings import (
    Answer,
    Campaign,
    Campaigns,
    Key,
    Keys,
    Prompts,
    Unread,
    WriteKey,
    Zipped,
)
from cli.doctor.told import (
    ToldCampaign,
    ToldCampaigns,
    ToldCounts,
    ToldKeys,
    ToldReport,
    ToldRow,
)
from cli.remote import Refused, Remote, RemoteError, path_of
from functions.clock import Clock
from functions.core.model import DAY, SECOND
from functions.core.moments import format_time, parse_time

T = TypeVar("T")

TIMEOUT = 10.0
"""Seconds; apps wait for two."""

_STRANGE = "not as Softask answers"
_UNREADABLE = (ValueError, RecursionError)
"""No JSON, or not of the type; text that is no UTF-8; nested without end."""

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
    except httpx.ConnectError as error:
        return Unread(f"nothing answers at {url}{_reason(url, error)}")
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


def _reason(url: str, error: httpx.ConnectError) -> str:
    """On this machine there is but one, and its number says nothing."""
    return "" if url.startswith("http:") else f": {error}"


def try_write_key(http: httpx.Client, url: str, key: str | None) -> WriteKey | Unread:
    """Fetches the app's settings by it: a read that changes nothing."""
    if key is None:
        return Unread("no --write-key was given")
    try:
        response = http.get(f"{url}/v1/projects/{quote(key, safe='')}/settings")
        told = msgspec.json.decode(response.content, type=dict[str, Any])
    except httpx.HTTPError as error:
        return Unread(f"no answer: {str(error) or type(error).__name__}")
    except _UNREADABLE:
        if response.status_code == 200:
            return Unread(f"200, but {_STRANGE}")
        return WriteKey(response.status_code, _STRANGE)
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
    except _UNREADABLE:
        told = {}
    return Zipped(response.status_code, str(told.get("field", "")))


def read_keys(remote: Remote) -> Keys | Unread:
    """Every key that the server tells of."""
    return _unless_refused(lambda: _keys(remote))


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
    # Of another shape, or with a time that is none.
    except ValueError:
        return Unread(_STRANGE)


def _keys(remote: Remote) -> Keys:
    told = msgspec.convert(remote.get(path_of("keys")), ToldKeys)
    keys = (Key(each.id, each.use, _moment(each.ends_at)) for each in told.keys)
    return Keys(told.auth, tuple(keys), told.stage)


def _moment(text: str | None) -> int | None:
    return None if text is None else parse_time(text)


def _campaigns(remote: Remote) -> Campaigns:
    told = msgspec.convert(remote.get(path_of("campaigns")), ToldCampaigns)
    rows = tuple(_row(remote, row) for row in told.campaigns)
    return Campaigns(told.revision, told.paused, rows)


def _row(remote: Remote, row: ToldRow) -> Campaign:
    is_readable = row.kind is not None
    ends = None
    if is_readable and row.status == "active":
        told = msgspec.convert(remote.get(path_of("campaigns", row.id)), ToldCampaign)
        ends = _moment(told.campaign.schedule.ends_at)
    return Campaign(row.id, row.status, row.version, is_readable, ends)


def _prompts(remote: Remote, shown: list[str]) -> tuple[int, Prompts]:
    at = parse_time(_report(remote, shown[0]).as_of)
    days = {"from": format_time(at - 6 * DAY)[:10], "to": format_time(at)[:10]}
    reports = [_report(remote, id_, **days) for id_ in shown]
    # What no campaign had to do with stands in each report alike.
    counted = [reports[0].app_wide, *_arms(reports)]
    spent, unasked = (sum(each.prompted for each in counted), sum(each.unasked for each in counted))
    return at, Prompts(spent, unasked)


def _report(remote: Remote, campaign: str, **days: str) -> ToldReport:
    return msgspec.convert(remote.get(path_of("campaigns", campaign, "report"), **days), ToldReport)


def _arms(reports: list[ToldReport]) -> Iterator[ToldCounts]:
    for report in reports:
        yield from report.arms


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
    except (*_UNREADABLE, KeyError, AttributeError, TypeError):
        return None
