"""The process: one loopback socket, one HTTP server, ended by Ctrl-C or SIGTERM."""

import signal
import socket
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from cli.dev import loopback, terminal
from cli.dev.app import App
from cli.dev.backend import Backend
from cli.dev.clock import DevClock
from cli.dev.engines import Engine, InMemory, OverHttp
from functions.core.campaign import Package
from functions.track.routes import CORS_EXPOSED, CORS_HEADERS, CORS_MAX_AGE, CORS_METHODS

_FIRST_KEYS = """\
No key verifies tokens yet, so every call is refused. For installs, and for users:
  softask keys create device --url {url}
  softask keys create user --issuer my-backend --new-key-file private.pem --url {url}"""


class Server(uvicorn.Server):
    """Calls `on_ready` once requests are answered."""

    def __init__(self, app: ASGIApp, on_ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


def serve(
    listening: socket.socket,
    package: Package,
    endpoint: str | None,
    origins: Sequence[str],
    on_ready: Callable[[], None],
) -> None:
    """Serves until a signal ends it. Raises botocore's errors where the endpoint is dead.

    origins: whose pages may call from a browser.
    """
    engine: Engine = InMemory() if endpoint is None else OverHttp(endpoint)
    backend = Backend(package, engine, DevClock())
    backend.start()
    if backend.refuses_all:
        terminal.say(_FIRST_KEYS.format(url=loopback.url_of(listening)))
    # uvicorn raises the signal that ended it once more; by then there is nothing left to end.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _ignore)
    try:
        Server(with_cors(App(backend), origins), on_ready).run(sockets=[listening])
    finally:
        backend.close()


def with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """As the deployed API answers those pages; without any, as it is."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=CORS_METHODS,
        allow_headers=CORS_HEADERS,
        expose_headers=CORS_EXPOSED,
        max_age=CORS_MAX_AGE,
    )


def _ignore(_signal: int, _frame: FrameType | None) -> None:
    pass
