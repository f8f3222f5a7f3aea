"""A relay between an SDK and the dev server: it keeps what passes, and can lose answers."""

import gzip
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from cli.dev import loopback

Json = dict[str, Any]

_HOP_BY_HOP = frozenset({"host", "connection", "content-length", "accept-encoding"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as the SDK sent it (header names in lower case), and how it was answered.

    `status` is what the SDK saw, `answer` what the server said.
    """

    path: str
    headers: Mapping[str, str]
    body: Json
    status: int
    answer: Json

    @property
    def rows(self) -> list[Json]:
        """What became of each message of a batch."""
        return list(self.answer.get("results", ()))


class _Server(ThreadingHTTPServer):
    request_queue_size = 512  # of 5, the system drops what SDKs send side by side


@contextmanager
def relay(target: str, lost: Sequence[int] = ()) -> Iterator[tuple[str, list[Exchange]]]:
    """Its URL, and what passed so far.

    lost: as many answers are kept from the SDK, which sees these statuses instead; what it asked
    for was done all the same. A crash of the server is told as 400, which no SDK tries again.
    """
    passed: list[Exchange] = []
    with httpx.Client(base_url=target, trust_env=False, timeout=30) as client:
        handler = _handler(client, passed, iter(lost))
        server = _Server((loopback.HOST, 0), handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield loopback.url_of(server.socket), passed
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _handler(
    client: httpx.Client, passed: list[Exchange], lost: Iterator[int]
) -> type[BaseHTTPRequestHandler]:
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept = {name: value for name, value in headers.items() if name not in _HOP_BY_HOP}
            answer = client.post(self.path, content=sent, headers=kept)
            with one_at_a_time:
                status = next(lost, 400 if answer.status_code == 500 else answer.status_code)
                passed.append(Exchange(self.path, headers, _decoded(sent), status, answer.json()))
            self._answer(status, answer)

        def _answer(self, status: int, answer: httpx.Response) -> None:
            hidden = b'{"code": "try_again", "message": "Send the same call again."}'
            content = answer.content if status == answer.status_code else hidden
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            if status in (429, 503):
                self.send_header("retry-after", "1")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Says nothing on the terminal."""

    return Handler


def _decoded(sent: bytes) -> Json:
    content = gzip.decompress(sent) if sent.startswith(b"\x1f\x8b") else sent
    decoded: Json = json.loads(content)
    return decoded
