"""The admin API over HTTP: signed with AWS credentials, or plain to a server on this machine."""

import re
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from cli.account import told
from cli.dev.environment import EndpointRefused, check_endpoint

Json = dict[str, Any]

SERVICE = "execute-api"
TIMEOUT = 30.0
"""Seconds; API Gateway gives up on a function after as many."""

_GATEWAY = re.compile(r"^[a-z0-9-]+\.execute-api\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$")

_NOT_A_PLACE = ("id", "version", "expectedVersion", "expectedRevision", "userId", "anonymousId")
"""What a command fills in itself: a refusal of it says enough without."""

_QUESTIONS = ("/explain", "/test")
"""How the paths end whose POST changes nothing."""


class RemoteError(Exception):
    """A call that came to nothing; the message is one line that says what to do."""

    exit_code = 1


class BadTarget(RemoteError):
    """A URL, a profile or a region that no call can be made with."""

    exit_code = 2


class Unreachable(RemoteError):
    """No answer; whether a change was made is not known."""


class Refused(RemoteError):
    """An answer other than 200.

    retry_after: seconds after which the same call may be sent again; None where that is no use.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        field: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message if field in (None, *_NOT_A_PLACE) else f"{field}: {message}")
        self.status = status
        self.message = message
        self.code = code
        self.field = field
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Target:
    """Where the admin API is, and with whose AWS credentials."""

    url: str
    profile: str | None = None
    region: str | None = None


class Remote(AbstractContextManager["Remote"]):
    """One server's admin API. Every call answers the body of a 200, or raises `RemoteError`."""

    def __init__(self, target: Target, transport: httpx.BaseTransport | None = None) -> None:
        self.url = checked(target.url)
        signature = _signature(target) if self.url.startswith("https:") else None
        self._http = httpx.Client(
            auth=signature,
            timeout=TIMEOUT,
            transport=transport,
            # What stays on this machine goes through no proxy.
            trust_env=signature is not None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: str | int | None) -> Json:
        """Reads; what of the query is None is left out."""
        return self._send("GET", path + _tail(query))

    def delete(self, path: str, **query: str | int | None) -> Json:
        """Deletes; the query as for `get`."""
        return self._send("DELETE", path + _tail(query))

    def put(self, path: str, body: Json) -> Json:
        """Replaces."""
        return self._send("PUT", path, **_encoded(body))

    def post(self, path: str, body: Json) -> Json:
        """Does."""
        return self._send("POST", path, **_encoded(body))

    def _send(self, method: str, path: str, **content: Any) -> Json:
        try:
            response = self._http.request(method, self.url + path, **content)
        except httpx.ConnectError as error:
            raise Unreachable(_nobody(self.url, error)) from None
        except httpx.TimeoutException:
            problem = f"{self.url} did not answer within {TIMEOUT:.0f} s."
            raise Unreachable(problem + _doubt(method, path)) from None
        except httpx.HTTPError as error:
            raise Unreachable(
                f"{self.url} did not answer: {error}.{_doubt(method, path)}"
            ) from None
        return _read(response, self.url, _doubt(method, path))


def path_of(*steps: str | int) -> str:
    """`/v1/admin/…` with each step encoded, so that a user's id may hold any character."""
    return "/v1/admin/" + "/".join(quote(str(step), safe="") for step in steps)


def _tail(query: Mapping[str, str | int | None]) -> str:
    said = {name: value for name, value in query.items() if value is not None}
    # A space is `%20` in what is signed, never `+`.
    return f"?{urlencode(said, quote_via=quote, safe='')}" if said else ""


def _encoded(body: Json) -> Json:
    return {
        "content": msgspec.json.encode(body),
        "headers": {"Content-Type": "application/json"},
    }


# --- where to ---


def checked(url: str) -> str:
    """The URL without a slash at its end; raises `BadTarget` where no call can go there."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        parts = httpx.URL("")
    if parts.scheme not in ("http", "https") or not parts.host:
        raise BadTarget(f"{url} is not a URL such as https://abc123.{SERVICE}.eu-west-1.…")
    if parts.userinfo or parts.query or parts.fragment:
        raise BadTarget("--url takes no user, query or fragment: only https://HOST[/PATH].")
    if parts.scheme == "http":
        _check_loopback(url)
    return url.rstrip("/")


def _check_loopback(url: str) -> None:
    try:
        check_endpoint(url)
    except EndpointRefused:
        raise BadTarget(
            f"{url}: http is only for a server on this machine; write https:// for any other."
        ) from None


def _nobody(url: str, error: httpx.ConnectError) -> str:
    if url.startswith("http:"):
        return (
            f"Nothing answers at {url}. Start `softask dev`, or name a server: --url (SOFTASK_URL)."
        )
    return f"Nothing answers at {url} ({error}). Is --url the output ApiUrl of the stack?"


def _doubt(method: str, path: str) -> str:
    if method == "GET" or path.endswith(_QUESTIONS):
        return ""
    return " The change may have been made all the same."


# --- the signature ---


class Signature(httpx.Auth):
    """AWS Signature Version 4, for API Gateway's IAM authorizer."""

    requires_request_body = True

    def __init__(self, credentials: Credentials, region: str) -> None:
        self._signer = SigV4Auth(credentials, SERVICE, region)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Signs what will be sent: method, URL, host and body."""
        signed = AWSRequest(request.method, str(request.url), data=request.content)
        try:
            self._signer.add_auth(signed)
        except BotoCoreError as error:
            raise BadTarget(f"The AWS credentials cannot be used: {error}") from None
        request.headers.update(dict(signed.headers.items()))
        yield request


def _signature(target: Target) -> Signature:
    session = Session(profile=target.profile)
    try:
        credentials = session.get_credentials()
        configured = session.get_config_variable("region")
    except BotoCoreError as error:
        raise BadTarget(told(error)) from None
    if credentials is None:
        raise BadTarget("There are no AWS credentials here: name a profile (--profile), or log in.")
    region = target.region or region_of(target.url) or configured
    if not region:
        raise BadTarget(f"{target.url} does not say its AWS region: name it (--region).")
    return Signature(credentials, region)


def region_of(url: str) -> str | None:
    """Of API Gateway's own names; None of any other."""
    found = _GATEWAY.match(httpx.URL(url).host)
    return found["region"] if found else None


# --- what came back ---


def _read(response: httpx.Response, url: str, doubt: str) -> Json:
    """The body of a 200. `doubt`: what to say where a fault leaves open what was done."""
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = None
    if response.status_code == 200 and isinstance(body, dict):
        return body
    doubt = doubt if response.status_code >= 500 else ""
    if response.status_code < 400 or not isinstance(body, dict):
        problem = f"{url} answered {response.status_code}, but not as Softask does. Is --url right?"
        raise Refused(response.status_code, problem + doubt)
    raise _refusal(response, body, url, doubt)


def _refusal(response: httpx.Response, body: Json, url: str, doubt: str) -> Refused:
    """Softask's own refusals have a code; API Gateway's have only a message."""
    status = response.status_code
    said = str(body.get("message") or body.get("Message") or "no reason was said")
    if body.get("code"):
        wait = _retry_after(response)
        return Refused(status, said + doubt, body["code"], body.get("field"), wait)
    if status in (401, 403):
        problem = f"{url} refused these credentials ({said}); {_RIGHT}"
    elif status == 404:
        problem = f"{url} has no such route. Is --url the output ApiUrl of the stack?"
    else:
        problem = f"{url} answered {status}: {said.rstrip('.')}.{doubt}"
    return Refused(status, problem, retry_after=_retry_after(response))


_RIGHT = f"they need the right {SERVICE}:Invoke on this API."


def _retry_after(response: httpx.Response) -> float | None:
    if response.status_code not in (429, 503):
        return None
    said = response.headers.get("Retry-After", "")
    return float(said) if said.isdigit() else 1.0
