"""The local Mailchimp called in process: no socket, no waiting, every call in turn, and every call looked at."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from starlette.types import Message, Scope

from sandbox.mailchimp.app import create_app
from sandbox.mailchimp.journal import Entry
from sandbox.mailchimp.state import World

URL = "http://127.0.0.1:9"
"""Where Postino is told Mailchimp is. Nothing listens there."""


class Exchange:
    """Answers requests out of the world's application. ``before`` and ``after`` surround each call."""

    def __init__(self, world: World, before: Callable[[], None], after: Callable[[Entry], None]) -> None:
        self._world = world
        self._app = create_app(world)
        self._before = before
        self._after = after
        self._turn = threading.RLock()

    def send(self, _adapter: object, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        """In place of ``HTTPAdapter.send``."""
        with self._turn:
            self._before()
            line = _Line(request)
            _run(self._app(line.scope, line.receive, line.send))
            self._after(self._world.log.entries[-1])
        return line.response()


class _Line:
    """One call: the ASGI scope, what is received and what is sent. ``transport`` is how the application cuts it."""

    def __init__(self, request: requests.PreparedRequest) -> None:
        self._request = request
        url = urlsplit(str(request.url))
        body = request.body or b""
        self._body = body.encode() if isinstance(body, str) else body
        self._received = self._cut = False
        self._status, self._sent = 0, b""
        self._headers: list[tuple[bytes, bytes]] = []
        self.transport = SimpleNamespace(abort=self._abort, close=self._abort)
        self.scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": url.path,
            "raw_path": url.path.encode(),
            "query_string": url.query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.items()],
            "server": ("127.0.0.1", 9),
            "client": ("127.0.0.1", 1),
        }

    def _abort(self) -> None:
        self._cut = True

    async def receive(self) -> Message:
        if self._received:
            return {"type": "http.disconnect"}
        self._received = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], message["headers"]
        else:
            self._sent += message.get("body", b"")

    def response(self) -> requests.Response:
        """What the client gets. Raises ConnectionError where the application cut the line."""
        if self._cut:
            raise requests.ConnectionError("The line was cut.", request=self._request)
        response = requests.Response()
        response.status_code = self._status
        response.headers.update({name.decode(): value.decode() for name, value in self._headers})
        response.raw = urllib3.HTTPResponse(io.BytesIO(self._sent), preload_content=False)
        response.url, response.request = str(self._request.url), self._request
        return response


def _run(coroutine: Any) -> None:
    """Run to the end what never waits for anything outside."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise AssertionError("The local Mailchimp waited for something; in this world nothing does.")
