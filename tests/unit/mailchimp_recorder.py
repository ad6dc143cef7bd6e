"""A small HTTP server on this machine that records what it is asked and answers what a test tells it to."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

DATE = "Thu, 15 Apr 2021 00:06:45 GMT"


@dataclass
class Reply:
    """One answer. ``dropped`` closes the connection instead; ``wait`` holds the answer back until it is set.

    ``stalled`` sends the head and holds the body back until it is set.
    """

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    dropped: bool = False
    wait: threading.Event | None = None
    stalled: threading.Event | None = None


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


@dataclass
class Recorder:
    base: str = ""
    seen: list[Seen] = field(default_factory=list)
    replies: deque[Reply] = field(default_factory=deque)
    answer: Callable[[Seen], Reply] = lambda _: Reply(body={})
    connections: int = 0
    open: int = 0
    most_open: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def then(self, status: int = 200, body: object = None, **more: Any) -> Recorder:
        """Answer the next request with this; those after the last one told get an empty object."""
        self.replies.append(Reply(status, body, **more))
        return self


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per answer, or the kernel waits 40 ms for the second
    recorder: Recorder

    def setup(self) -> None:
        super().setup()
        with self.recorder.lock:
            self.recorder.connections += 1

    def reply(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        parts = urlsplit(self.path)
        seen = Seen(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length).decode(),
        )
        recorder = self.recorder
        with recorder.lock:
            recorder.seen.append(seen)
            recorder.open += 1
            recorder.most_open = max(recorder.most_open, recorder.open)
            reply = recorder.replies.popleft() if recorder.replies else None
        try:
            reply = reply or recorder.answer(seen)
            if reply.wait is not None:
                reply.wait.wait(10)
        finally:
            with recorder.lock:
                recorder.open -= 1
        if reply.dropped:
            self.close_connection = True
            return
        body = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
        self.send_response_only(reply.status)
        for name, value in {"Date": DATE, "X-Request-Id": "14c40d88", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if reply.stalled is not None:
            self.wfile.flush()
            reply.stalled.wait(10)
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = reply  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that left in the middle is what some tests want


@contextmanager
def recording() -> Iterator[Recorder]:
    """A recorder that serves while the context lasts."""
    recorder = Recorder()
    handler = type("Handler", (_Handler,), {"recorder": recorder})
    server = _Server(("127.0.0.1", 0), handler)
    recorder.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
