"""A database server that lets nobody in."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def refusing_server(message: str) -> Iterator[int]:
    """A PostgreSQL server that answers every start-up with an error (protocol 3.0, ErrorResponse, SQLSTATE 28P01)."""
    fields = b"SFATAL\0VFATAL\0C28P01\0M" + message.encode() + b"\0\0"

    class Refuse(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while self.request.recv(1024)[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):
                self.request.sendall(b"N")  # neither TLS nor GSSAPI
            self.request.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refuse) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()
