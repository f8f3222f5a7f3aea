"""The one address that a dev server listens on."""

import socket

HOST = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes a free one. `OSError` where it is in use."""
    # asyncio sends small answers at once only where the socket itself says TCP; else after 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


def url_of(listening: socket.socket) -> str:
    """Where the socket is reached."""
    return f"http://{HOST}:{listening.getsockname()[1]}"
