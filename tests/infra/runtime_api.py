"""Lambda's Runtime API on loopback, as far as awslambdaric needs it to run one function."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

TIME_LEFT = 9_000
"""Milliseconds that a function is given for an event."""

_START = """
import runpy, sys
sys.path[:0] = {folders!r}
sys.argv = ["awslambdaric", {handler!r}]
runpy.run_module("awslambdaric", run_name="__main__")
"""


@dataclass(frozen=True)
class Answer:
    """What came of an event: `kind` is `response`, `error` or (the process ended) `exit`."""

    kind: str
    body: Any


class RuntimeApi(ThreadingHTTPServer):
    """Hands out the events of `events` one by one and collects the `answers`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: SimpleQueue[Any] = SimpleQueue()
        self.answers: SimpleQueue[Answer] = SimpleQueue()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A function that is ended while it waits for an event resets its connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """`/invocation/next`: waits for an event, as the real one does."""
        body = json.dumps(self.server.events.get()).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        deadline = time.time_ns() // 1_000_000 + TIME_LEFT
        self.send_header("Lambda-Runtime-Deadline-Ms", str(deadline))
        arn = "arn:aws:lambda:eu-central-1:000000000000:function:softask:live"
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", arn)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """`/invocation/{id}/response`, `/invocation/{id}/error` and `/init/error`."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.answers.put(Answer(self.path.rsplit("/", 1)[-1], body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Keeps the tests' output clean."""


@contextmanager
def running(
    handler: str,
    *,
    python: Path,
    folders: list[Path],
    environment: Mapping[str, str],
    log: Path,
) -> Iterator[RuntimeApi]:
    """Runs a handler under awslambdaric; the folders and the standard library are all it sees."""
    start = _START.format(folders=[str(folder) for folder in folders], handler=handler)
    with RuntimeApi() as api, log.open("wb") as output:
        Thread(target=api.serve_forever, daemon=True).start()
        process = subprocess.Popen(  # noqa: S603 (this machine's Python)
            [str(python), "-I", "-S", "-c", start],
            env={**environment, "AWS_LAMBDA_RUNTIME_API": api.address},
            cwd=folders[0],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        exit_watch = Thread(target=_report_exit, args=(process, api))
        exit_watch.start()
        try:
            yield api
        finally:
            process.kill()
            exit_watch.join()
            api.shutdown()


def _report_exit(process: subprocess.Popen[bytes], api: RuntimeApi) -> None:
    api.answers.put(Answer("exit", process.wait()))
