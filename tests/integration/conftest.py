"""The public API on moto, with a hand-moved clock and a hook around every database call.

With SOFTASK_DYNAMODB_LOCAL set (`make engine`), the same tests run on Amazon's own engine.
"""

import io
import json
import random
import threading
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import botocore.endpoint
import botocore.session
import moto.core.responses
import pytest
from aws_lambda_powertools import Logger
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session
from botocore.loaders import create_loader
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.core.utils import method_names_from_class

from cli.campaigns import read_package
from cli.dev.device_keys import KeysInMemory
from cli.local_tables import NAMES, create_tables
from functions.admin.api import AdminApi
from functions.admin.imports import Importer
from functions.admin.service import Operator
from functions.admin.users import Eraser
from functions.core.campaign import Package
from functions.core.model import Profile, User
from functions.environment import Auth
from functions.store import profiles
from functions.store.device_keys import Parameters
from functions.store.live import LiveCampaigns
from functions.store.retry import Retry
from functions.track.api import PublicApi
from functions.track.authority import Authority
from functions.track.installs import Installs
from functions.track.service import Tracker
from tests import rights
from tests.engine.local import dynamodb_local, why_not
from tests.integration.in_memory import MODELS, shared

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).parents[2]
START = 1_795_255_200_000  # 2026-11-21T10:00:00Z
SECOND, MINUTE, DAY = 1_000, 60_000, 86_400_000
SDK_ATTEMPTS = 3
WRITE_KEY = "test-write-key"
HASHES = (sha256(WRITE_KEY.encode()).hexdigest(),)

Json = dict[str, Any]

watch = rights.watch
"""Around every test: no function asks AWS for more than its role allows."""


class Database:
    """Sees every call: `calls` are the operations; hooks may run code or raise around one."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None
        self._refusals: dict[str, list[bytes]] = {}

    def refuse(
        self, operation: str, code: str, reasons: list[str] | None = None, times: int = SDK_ATTEMPTS
    ) -> None:
        """The engine answers the operation with an error; by default, as often as the SDK asks."""
        body: Json = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no"}
        if reasons:
            body["CancellationReasons"] = [{"Code": reason} for reason in reasons]
        self._refusals[operation] = [json.dumps(body).encode()] * times

    def lose_answer(self, operation: str) -> list[str]:
        """The first such call is applied and its answer lost; what was lost, as it happens."""
        lost: list[str] = []

        def lose(done: str) -> None:
            if done == operation and not lost:
                lost.append(done)
                raise ReadTimeoutError(endpoint_url="http://localhost")

        self.after = lose
        return lost

    def observe(self, request: Any, send: Callable[[], Any]) -> Any:
        """One request and its answer, with what the test wants around them."""
        target = request.headers.get("X-Amz-Target", b"")
        name = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        self.calls.append(name)
        self.before(name)
        refusals = self._refusals.get(name)
        response = _refusal(request, refusals.pop()) if refusals else send()
        self.after(name)
        return response


def _refusal(request: Any, body: bytes) -> AWSResponse:
    headers: Any = HeadersDict()
    return AWSResponse(request.url, 400, headers, MockRawResponse(body))


@pytest.fixture(scope="session")
def package() -> Package:
    return read_package(ROOT / "campaigns")


@pytest.fixture(scope="session")
def engine() -> Iterator[str | None]:
    """The URL of a DynamoDB Local; None means moto."""
    if why_not():
        # Before a test could change what it is made of.
        shared()
        yield None
        return
    with dynamodb_local() as url:
        yield url


@pytest.fixture
def _ssm(engine: str | None) -> None:
    """What a test asks for that has device keys."""
    if engine is not None:
        pytest.skip("DynamoDB Local has no parameters")


@pytest.fixture(scope="session", autouse=True)
def _models_read_once() -> Iterator[None]:
    """What botocore and moto would find out anew for every client, or for every call."""
    loader = create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda _paths: loader)
        patch.setattr(
            moto.core.responses, "method_names_from_class", cache(method_names_from_class)
        )
        yield


@pytest.fixture
def database(engine: str | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Empty tables, and a look at every call to them."""
    seen = Database()
    with tables(engine, seen, monkeypatch):
        yield seen


@contextmanager
def tables(engine: str | None, seen: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Empty ones, until the block ends; `seen` sees every call to them."""
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    with _in_memory(seen, monkeypatch) if engine is None else _local(engine, seen, monkeypatch):
        yield


@contextmanager
def _in_memory(seen: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    answer = BotocoreStubber.__call__
    # Threads find moto's tables half changed, unless they take turns.
    turn = threading.RLock()

    def observed(self: BotocoreStubber, event_name: str, request: Any, **kwargs: Any) -> Any:
        def answer_in_turn() -> Any:
            with turn:
                return answer(self, event_name, request, **kwargs)

        return seen.observe(request, answer_in_turn)

    monkeypatch.setattr(BotocoreStubber, "__call__", observed)
    with shared().fresh(monkeypatch):
        yield


@contextmanager
def _local(engine: str, seen: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """DynamoDB Local keeps access keys apart: every test has tables of its own."""
    send = URLLib3Session.send

    def observed(self: URLLib3Session, request: Any) -> Any:
        assert request.url.startswith(engine), f"{request.url} is none of the engine's"
        return seen.observe(request, lambda: send(self, request))

    monkeypatch.setattr(URLLib3Session, "send", observed)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", engine)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", uuid.uuid4().hex)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for model in MODELS:
        monkeypatch.setattr(model, "_connection", None)
    create_tables(boto3.client("dynamodb"))
    seen.calls.clear()
    yield


def own_logger(stream: io.StringIO) -> Logger:
    """One of a name that no other test has: Powertools keeps the first stream of each name."""
    return Logger(service=f"test-{uuid.uuid4()}", stream=stream)


class App:
    """An app that speaks HTTP to the functions: API Gateway events in, JSON out."""

    def __init__(self, package: Package, auth: Auth = "off", public_host: str = "") -> None:
        self.now = START
        self.pauses: list[float] = []
        self.seconds = 0.0
        self.log = io.StringIO()
        self.live = LiveCampaigns(package, HASHES)
        self.device_keys = KeysInMemory()
        self.api = PublicApi(
            tracker=Tracker(self.pauses.append, random.Random(1).random, lambda: self.seconds),
            live=self.live,
            authority=Authority("test", auth),
            installs=Installs("test", self.device_keys),
            clock=lambda: self.now,
            logger=own_logger(self.log),
            salt="test-salt",
            public_host=public_host,
        )

    def send(
        self,
        path: str,
        body: str | None,
        *,
        headers: dict[str, str] | None = None,
        is_base64: bool = False,
    ) -> tuple[int, Json]:
        key = b64encode(f"{WRITE_KEY}:".encode()).decode()
        event = {
            "version": "2.0",
            "routeKey": f"POST {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"authorization": f"Basic {key}"} if headers is None else headers,
            "requestContext": {"stage": "$default", "http": {"method": "POST", "path": path}},
            "body": body,
            "isBase64Encoded": is_base64,
        }
        response = self.api.resolve(event, None)  # type: ignore[arg-type] # not a Lambda
        self.headers: dict[str, str] = response["headers"]
        return response["statusCode"], json.loads(response["body"])

    def post(self, path: str, body: Json) -> Json:
        """A call that must succeed."""
        status, answer = self.send(path, json.dumps(body))
        assert status == 200, answer
        return answer

    def track(self, event: str, user: str = "u1", device: str = "d1", **more: Any) -> Json:
        return self.post("/v1/track", message(event, user, device, **more))

    def value_moment(self, user: str = "u1", device: str = "d1", **more: Any) -> Json | None:
        """The offer that a value moment brings, if it brings one."""
        actions = self.track("ValueMomentReached", user, device, **more)["actions"]
        return actions[0] if actions else None

    def outcome(self, outcome: str, offer: Json, **more: Any) -> Json:
        return self.track(f"PushSoftAsk{outcome}", properties={"offerId": offer["offerId"]}, **more)

    def profile(self, user: str = "u1") -> Profile:
        return profiles.load(User("user", user), self.now).profile


class Admin:
    """An operator who speaks HTTP to the admin function, signed as `by`."""

    by = "arn:aws:iam::000000000000:user/ada"

    def __init__(self, package: Package) -> None:
        self.now = START
        self.pauses: list[float] = []
        self.log = io.StringIO()
        pause, jitter = self.pauses.append, random.Random(1).random
        self.api = AdminApi(
            operator=Operator(package, HASHES, Retry(pause, jitter)),
            importer=Importer(pause, jitter),
            eraser=Eraser(Retry(pause, jitter)),
            clock=lambda: self.now,
            logger=own_logger(self.log),
            salt="test-salt",
            auth="observe",
            device_keys=Parameters("/softask/test/device-keys/"),
            stage="test",
        )

    def send(
        self,
        method: str,
        route: str,
        body: str | None = None,
        *,
        query: dict[str, str] | None = None,
        signer: Json | None = None,
        **path: str,
    ) -> tuple[int, Json]:
        """`route` as API Gateway names it, with the decoded ids beside it, as it sends them."""
        raw_path = route.format(**path)
        event: Json = {
            "version": "2.0",
            "routeKey": f"{method} {route}",
            "rawPath": raw_path,
            "rawQueryString": "",
            "headers": {},
            "requestContext": {
                "stage": "$default",
                "http": {"method": method, "path": raw_path},
                "authorizer": {"iam": {"userArn": self.by}} if signer is None else signer,
            },
            "isBase64Encoded": False,
        }
        optional = {"body": body, "pathParameters": path, "queryStringParameters": query}
        event |= {name: value for name, value in optional.items() if value}
        response = self.api.resolve(event, None)  # type: ignore[arg-type] # not a Lambda
        self.headers: dict[str, str] = response["headers"]
        return response["statusCode"], json.loads(response["body"])

    def call(self, method: str, route: str, body: Json | None = None, **more: Any) -> Json:
        """A call that must succeed. `route` is what follows `/v1/admin`."""
        text = None if body is None else json.dumps(body)
        status, answer = self.send(method, f"/v1/admin{route}", text, **more)
        assert status == 200, answer
        return answer

    def refused(self, method: str, route: str, body: Json | None = None, **more: Any) -> Json:
        """A call that must not succeed; its error, with the status."""
        text = None if body is None else json.dumps(body)
        status, answer = self.send(method, f"/v1/admin{route}", text, **more)
        assert status >= 400, answer
        return {"status": status, **answer}


def message(event: str, user: str = "u1", device: str = "d1", **more: Any) -> Json:
    context = {"device": {"id": device}, "os": {"name": "iOS"}, "push": {"status": "notDetermined"}}
    return {"type": "track", "userId": user, "event": event, "context": context, **more}


@pytest.fixture
def admin(database: Database, package: Package) -> Admin:
    """Of tables in which nothing was ever published."""
    database.calls.clear()
    return Admin(package)


@pytest.fixture
def app(database: Database, package: Package) -> App:
    """Its campaigns are read: what is counted after is the messages' own."""
    app = App(package)
    app.live.at(app.now)
    database.calls.clear()
    return app


def items(variable: str) -> list[Json]:
    """Everything in the table that the environment variable names."""
    return _client(boto3.DEFAULT_SESSION).scan(TableName=NAMES[variable])["Items"]


@lru_cache(maxsize=1)
def _client(session: boto3.Session) -> "DynamoDBClient":
    return session.client("dynamodb")
