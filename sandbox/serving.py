"""Runs one ASGI application on a loopback port, in a thread of this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


def listen(port: int = 0) -> socket.socket:
    """A listening TCP socket on 127.0.0.1; port 0 takes a free one. Raises OSError if the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


@contextmanager
def serve(app: ASGIApp, listener: socket.socket | None = None) -> Iterator[str]:
    """Serve ``app`` while the context lasts and yield its base address, ``http://127.0.0.1:PORT``."""
    listener = listener or listen()
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started.set()

    server = Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="on",
            ws="websockets-sansio",
            timeout_graceful_shutdown=1,
            date_header=False,  # the local Mailchimp tells the time of its own clock
        )
    )
    thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
    thread.start()
    if not started.wait(20):
        raise RuntimeError("The local server did not start within 20 seconds.")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
