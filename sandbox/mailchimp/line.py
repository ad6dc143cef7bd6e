"""The connection of one call: waiting on it, answering on it, cutting it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from email.utils import format_datetime

import orjson
from starlette.types import Receive, Scope, Send

from sandbox.mailchimp import answers, journal
from sandbox.mailchimp.answers import Answer, Problem
from sandbox.mailchimp.state import World

JSON = "application/json; charset=utf-8"
PROBLEM = "application/problem+json; charset=utf-8"
HTML = "text/html; charset=utf-8"
_PLAIN = {
    "403_bare": (403, ""),
    "429_bare": (429, ""),
    "502": (502, "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"),
    "504": (504, "<html><head><title>504 Gateway Time-out</title></head><body>504 Gateway Time-out</body></html>"),
}
_PLAIN["502_html"] = _PLAIN["502"]


class Line:
    """The connection of one call. ``left`` is when the client went away (``time.monotonic``), if it did."""

    def __init__(self, world: World, entry: journal.Entry, scope: Scope, receive: Receive, send: Send) -> None:
        self.world = world
        self.entry = entry
        self.left: float | None = None
        self._scope = scope
        self._receive = receive
        self._send = send

    async def wait(self, seconds: float) -> None:
        """Let time pass, noticing if the client leaves; the server works on all the same."""
        if seconds <= 0:
            return
        until = time.monotonic() + seconds
        watch = asyncio.ensure_future(self._gone())
        done, _ = await asyncio.wait({watch}, timeout=seconds)
        if done:
            self.left = time.monotonic()
            await asyncio.sleep(max(0.0, until - self.left))
        else:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def cut(self) -> None:
        """Cut the connection without another byte."""
        self.entry.outcome = "dropped"
        transport = self._scope.get("sandbox.transport")
        if transport is None:
            raise RuntimeError("The connection can only be cut when uvicorn serves it.")
        transport.abort()
        await self._gone()

    async def plain(self, kind: str) -> None:
        """An answer that is not JSON: bare, or HTML from the CDN."""
        status, text = _PLAIN[kind]
        await self._write(status, {"content-type": HTML}, text.encode())

    async def problem(self, problem: Problem) -> None:
        """An error; X-Request-Id equals its instance (recorded)."""
        headers = {"content-type": PROBLEM, "x-request-id": problem.instance, **problem.headers}
        await self._write(problem.status, headers, orjson.dumps(problem.document()))

    async def answer(self, answer: Answer, *, half: bool = False) -> None:
        """A success; a 204 has a content type too (recorded)."""
        headers = {"content-type": JSON, "x-request-id": answers.request_id(), **answer.headers}
        headers["link"] = '<https://us1.api.mailchimp.com/schema/3.0/Definitions/Response.json>; rel="describedBy"'
        body = b"" if answer.status == 204 else orjson.dumps(answer.body)
        await self._write(answer.status, headers, body, half=half)

    async def _write(self, status: int, headers: dict[str, str], body: bytes, *, half: bool = False) -> None:
        self.entry.status = status
        self.entry.outcome = "answered" if self.left is None else "gone"
        headers["date"] = format_datetime(self.world.clock(), usegmt=True)
        if status != 204:
            headers["content-length"] = str(len(body))
        self.world.log.end(self.entry)  # whoever has read the answer finds the call in the log
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})
        if half:
            self.entry.outcome = "dropped"
            await self._send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            self._scope["sandbox.transport"].close()
            await self._gone()
            return
        await self._send({"type": "http.response.body", "body": body})
