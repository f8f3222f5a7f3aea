"""What a Python sender is told on its standard input, and what it tells on its output.

Runs in an SDK's own environment: nothing but the standard library is there.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

Json = dict[str, Any]

_CAPITAL = re.compile("[A-Z]")
_ADDRESSES: set[str] = set()


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


class Report:
    """What the SDK told the app: by its error callback, or by raising."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def on_error(self, error: Exception, _batch: list[Json]) -> None:
        """The callback of both SDKs."""
        self.errors.append(str(error))


def send(sdk: Any, logger: str, host: str) -> None:
    """Makes the script's calls; `logger` and `host`: what the SDK names them."""
    with _reported(logger) as (script, report):
        sdk.write_key = script["writeKey"]
        sdk.on_error = report.on_error
        for name, value in {host: script["host"], **script["options"]}.items():
            setattr(sdk, name, value)
        for call in script["calls"]:
            _make(sdk, call)
        sdk.flush()


@contextmanager
def _reported(logger: str) -> Iterator[tuple[Json, Report]]:
    """The script to send; at the end, the report is printed as one line of JSON."""
    sys.addaudithook(_watch_connections)
    records, report = _Records(), Report()
    logging.getLogger(logger).addHandler(records)
    try:
        yield json.load(sys.stdin), report
    except Exception as error:  # an SDK that sends at once raises what went wrong
        report.errors.append(str(error))
    told = {"errors": report.errors, "log": records.said, "addresses": sorted(_ADDRESSES)}
    sys.stdout.write(json.dumps(told))


def _make(sdk: Any, call: Json) -> None:
    """A call in Segment's words, as the keyword arguments of a Python SDK."""
    arguments = {_snake(name): value for name, value in call.items() if name != "type"}
    if "timestamp" in arguments:
        arguments["timestamp"] = datetime.fromisoformat(arguments["timestamp"])
    getattr(sdk, call["type"])(**arguments)


def _snake(name: str) -> str:
    return _CAPITAL.sub(lambda found: f"_{found[0].lower()}", name)


def _watch_connections(event: str, arguments: tuple[Any, ...]) -> None:
    """Names count as well: looking one up already leaves the machine."""
    if event == "socket.connect":
        _ADDRESSES.add(str(arguments[1][0]))
    elif event == "socket.getaddrinfo":
        _ADDRESSES.add(str(arguments[0]))
