"""One batch of 2,500 messages of 500 users, beside the same sent one by one: `-m benchmarks.batch`.

Both on moto in this process and in one run, so that the ratio says the same on every machine; the
number of database calls is what it costs on AWS.
"""

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any
from unittest.mock import patch

from cli.dev import environment

environment.prepare(os.environ)

from aws_lambda_powertools import Logger  # noqa: E402 - the functions read their environment
from moto.core.botocore_stubber import BotocoreStubber  # noqa: E402

from cli.dev import engines  # noqa: E402
from cli.dev.device_keys import KeysInMemory  # noqa: E402
from cli.dev.packages import read  # noqa: E402
from functions.clock import wall_clock  # noqa: E402
from functions.store import connection  # noqa: E402
from functions.store.campaigns import CampaignItem  # noqa: E402
from functions.store.live import LiveCampaigns  # noqa: E402
from functions.store.profiles import ProfileItem  # noqa: E402
from functions.track.api import PublicApi  # noqa: E402
from functions.track.authority import Authority  # noqa: E402
from functions.track.installs import Installs  # noqa: E402
from functions.track.service import Tracker  # noqa: E402

USERS, MESSAGES = 500, 2_500


@contextmanager
def fresh_api() -> Iterator[PublicApi]:
    """The public API over empty tables."""
    engine = engines.InMemory()
    engine.start()
    try:
        engines.create(engine)
        connection.connect(ProfileItem, CampaignItem)
        yield PublicApi(
            tracker=Tracker(time.sleep, random.random, time.monotonic),
            live=LiveCampaigns(read(()), (environment.WRITE_KEY_HASH,)),
            authority=Authority(environment.STAGE, "off"),
            installs=Installs(environment.STAGE, KeysInMemory()),
            clock=wall_clock,
            logger=Logger(service="benchmark", level="ERROR"),
            salt="benchmark",
        )
    finally:
        engine.close()


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """The database calls, by operation."""
    calls: Counter[str] = Counter()
    answer = BotocoreStubber.__call__

    def count(self: BotocoreStubber, event_name: str, request: Any, **more: Any) -> Any:
        calls[str(request.headers["X-Amz-Target"]).rpartition(".")[2].rstrip("'")] += 1
        return answer(self, event_name, request, **more)

    with patch.object(BotocoreStubber, "__call__", count):
        yield calls


def feed() -> list[dict[str, Any]]:
    """Value moments of many users, mixed."""
    context = {"device": {"id": "d1"}, "os": {"name": "iOS", "version": "18.1"}}
    return [
        {
            "type": "track",
            "userId": f"u{i % USERS}",
            "event": "ValueMomentReached",
            "messageId": f"m{i}",
            "context": context,
        }
        for i in range(MESSAGES)
    ]


def send(api: PublicApi, path: str, body: dict[str, Any]) -> None:
    """One call, which must succeed."""
    event = {
        "version": "2.0",
        "routeKey": f"POST {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {},
        "requestContext": {"stage": "$default", "http": {"method": "POST", "path": path}},
        "body": json.dumps({**body, "writeKey": environment.WRITE_KEY}),
        "isBase64Encoded": False,
    }
    answer = api.resolve(event, None)  # type: ignore[arg-type] # not a Lambda
    if answer["statusCode"] != 200:
        raise SystemExit(f"{path} answered {answer['body']}")


def measure(name: str, work: Callable[[PublicApi], None]) -> float:
    """Seconds, told with the database calls."""
    with fresh_api() as api, counted() as calls:
        began = perf_counter()
        work(api)
        seconds = perf_counter() - began
    told = ", ".join(f"{count:,} {call}" for call, count in sorted(calls.items()))
    sys.stdout.write(f"{name}: {seconds:.2f} s; {calls.total():,} database calls ({told})\n")
    return seconds


def one_by_one(api: PublicApi) -> None:
    """A request a message."""
    for message in feed():
        send(api, "/v1/track", message)


def one_batch(api: PublicApi) -> None:
    """A request for all."""
    send(api, "/v1/batch", {"batch": feed()})


if __name__ == "__main__":
    batch = measure(f"{MESSAGES:,} messages of {USERS} users in one batch", one_batch)
    single = measure("the same one by one", one_by_one)
    sys.stdout.write(f"one by one takes {single / batch:.1f} times as long\n")
