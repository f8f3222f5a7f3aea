"""The functions, composed as on Lambda but with a clock that can be moved."""

import random
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from cli.dev import engines, terminal
from cli.dev.clock import DevClock, read_move
from cli.dev.device_keys import KeysInMemory
from cli.dev.engines import Engine
from cli.dev.environment import STAGE, WRITE_KEY_HASH
from cli.dev.feed import Context, Feed
from cli.dev.gate import Gate
from functions.admin.api import AdminApi
from functions.admin.imports import Importer
from functions.admin.service import Operator
from functions.admin.users import Eraser, export
from functions.core.campaign import Package
from functions.core.model import MINUTE, User
from functions.ledger import handler as ledger
from functions.store import connection
from functions.store.campaigns import CampaignItem
from functions.store.counters import CounterItem
from functions.store.ledger import FactItem
from functions.store.live import LiveCampaigns
from functions.store.profiles import ProfileItem
from functions.store.retry import Retry
from functions.store.windows import WindowItem
from functions.sweep.service import Sweeper, Swept
from functions.track.api import PublicApi
from functions.track.authority import Authority, token_keys
from functions.track.installs import Installs
from functions.track.service import Tracker

_TABLES = (ProfileItem, WindowItem, CampaignItem, FactItem, CounterItem)


class Backend:
    """The public and the admin API, the sweep and the ledger over one engine.

    As on Lambda, an execution environment serves one request at a time, and another is started
    when all are busy. Unlike there, the streams are delivered before a call returns.
    """

    def __init__(self, package: Package, engine: Engine, clock: DevClock) -> None:
        self.clock = clock
        self._package = package
        self._engine = engine
        self._gate = Gate()
        self._idle: list[PublicApi] = []
        self._idle_admins: list[AdminApi] = []
        self._feed = Feed(
            engine,
            ledger.handler,
            clock,
            profiles=ProfileItem.Meta.table_name,
            windows=WindowItem.Meta.table_name,
        )
        self._loggers = {name: Logger(service=name, level="INFO") for name in ("track", "admin")}
        self._device_keys = KeysInMemory()
        self._until_closed = ExitStack()

    @property
    def first_campaign(self) -> str:
        """The id of a packaged campaign, for examples."""
        return self._package.campaigns[0].id

    def start(self) -> None:
        """Starts the engine, creates the tables and connects to them."""
        self._until_closed.enter_context(terminal.taken_over("track", "admin", "ledger"))
        self._until_closed.callback(self._engine.close)
        self._engine.start()
        engines.create(self._engine)
        for table in _TABLES:
            connection.connect(table)

    def close(self) -> None:
        """Stops the engine."""
        self._until_closed.close()

    @property
    def refuses_all(self) -> bool:
        """Whether tokens are enforced, and no key is there that would verify one."""
        if connection.ENVIRONMENT.auth != "enforce":
            return False
        now = self.clock()
        keys = LiveCampaigns(self._package, (WRITE_KEY_HASH,)).at(now).keys or {}
        return not token_keys(keys, STAGE, now)

    def answer(self, event: Mapping[str, Any], request_id: str) -> dict[str, Any]:
        """A payload 2.0 event in, its answer out."""
        with self._gate.together():
            # One whose call raises is not used again.
            api = self._idle.pop() if self._idle else self._environment()
            answered = api.resolve(event, Context("track", request_id))
            self._idle.append(api)
            self._feed.drain()
        return answered

    def administer(self, event: Mapping[str, Any], request_id: str) -> dict[str, Any]:
        """An admin route's event in, its answer out. What it changed is seen at once."""
        if event["requestContext"]["http"]["method"] == "GET":
            with self._gate.together():
                return self._administer(event, request_id)
        with self._gate.alone():
            answered = self._administer(event, request_id)
            # What they read of the campaigns may be old now.
            self._idle.clear()
            self._feed.drain()
        return answered

    def sweep(self) -> Swept:
        """What the schedule does every 15 minutes."""
        with self._gate.together():
            swept = Sweeper(lambda: 5 * MINUTE, time.sleep).sweep(self.clock())
            self._feed.drain()
        return swept

    def state_of(self, user: User) -> dict[str, Any]:
        """What the admin route exports, without what stands around it."""
        with self._gate.together():
            held = msgspec.to_builtins(export(user, None, self.clock()))
        return {name: held[name] for name in ("profile", "windows", "facts")}

    def move_clock(self, move: Any) -> None:
        """As `cli.dev.clock.read_move` reads it, once every call that began before has ended."""
        with self._gate.alone():
            self.clock.move(read_move(move, self.clock()))

    def reset(self) -> None:
        """Empties the tables and lets the clock tell real time again."""
        with self._gate.alone():
            engines.empty(self._engine)
            self._feed.forget()
            # What they read of the campaigns is gone.
            self._idle.clear()
            self._idle_admins.clear()
            self.clock.reset()

    def _administer(self, event: Mapping[str, Any], request_id: str) -> dict[str, Any]:
        api = self._idle_admins.pop() if self._idle_admins else self._admin_environment()
        answered = api.resolve(event, Context("admin", request_id))
        self._idle_admins.append(api)
        return answered

    def _environment(self) -> PublicApi:
        return PublicApi(
            tracker=Tracker(time.sleep, random.random, time.monotonic),
            live=LiveCampaigns(self._package, (WRITE_KEY_HASH,)),
            authority=Authority(STAGE, connection.ENVIRONMENT.auth),
            installs=Installs(STAGE, self._device_keys),
            clock=self.clock,
            logger=self._loggers["track"],
            salt=connection.ENVIRONMENT.salt,
            resolver=_Resolver(),
        )

    def _admin_environment(self) -> AdminApi:
        retry = Retry(time.sleep, random.random)
        return AdminApi(
            operator=Operator(self._package, (WRITE_KEY_HASH,), retry),
            importer=Importer(retry.pause, retry.jitter),
            eraser=Eraser(retry),
            clock=self.clock,
            logger=self._loggers["admin"],
            salt=connection.ENVIRONMENT.salt,
            auth=connection.ENVIRONMENT.auth,
            device_keys=self._device_keys,
            stage=STAGE,
            resolver=_Resolver(),
        )


class _Resolver(APIGatewayHttpResolver):
    """Keeps its current event to itself: Powertools keeps one for the whole process."""

    def _to_proxy_event(self, event: dict[str, Any]) -> APIGatewayProxyEventV2:
        self._own_event = APIGatewayProxyEventV2(event)
        return self._own_event

    @property
    def current_event(self) -> APIGatewayProxyEventV2:  # type: ignore[override]
        return self._own_event


def swept_body(swept: Swept) -> dict[str, Any]:
    """The sweep's result as it is answered."""
    return {"success": True, **msgspec.to_builtins(swept)}
