"""The way of one API call: log, credentials, connection, hooks, faults, delay, the handler, the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from sandbox.mailchimp import access, answers, faults
from sandbox.mailchimp.answers import Answer, Call, Problem
from sandbox.mailchimp.line import Line
from sandbox.mailchimp.state import Account, World

HELD_SECONDS = 0.05
"""How often a call that is held looks whether it may go on."""


class Endpoint:
    """All methods of one path template. ``lengths`` names the lists of a bulk call's body, for its latency."""

    def __init__(
        self,
        world: World,
        template: str,
        handlers: Mapping[str, Callable[[Call], Answer]],
        lengths: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.world = world
        self.template = template
        self.handlers = handlers
        self.lengths = lengths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        request = Request(scope, receive)
        path = request.url.path.removeprefix("/3.0") or "/"
        entry = self.world.log.begin(request.method, self.template, path, dict(request.query_params))
        line = Line(self.world, entry, scope, receive, send)
        try:
            await self._admit(request, path, line)
        except Problem as problem:
            await line.problem(problem)
        except ClientDisconnect:
            entry.outcome = "gone"
        finally:
            self.world.log.end(entry)

    async def _admit(self, request: Request, path: str, line: Line) -> None:
        """Check the credentials, take one of the account's connections, and give it back whatever happens."""
        credential, account = access.identify(self.world, request)
        line.entry.account = account.id
        switches = self.world.switches
        if not account.connections.enter(switches.connection_limit):
            line.entry.fault = "connection_limit"
            if switches.over_limit_answer == "429":
                raise answers.too_many_connections(switches.connection_limit)
            await line.plain(switches.over_limit_answer)
            return
        try:
            body = await request.body()
            await self._serve(request, path, line, body, credential, account)
        finally:
            ghost = None if line.left is None else line.left + switches.ghost_seconds
            account.connections.leave(ghost_until=ghost)

    async def _serve(
        self, request: Request, path: str, line: Line, raw: bytes, credential: str, account: Account
    ) -> None:
        world, entry = self.world, line.entry
        with world.lock:
            world.faults.run_hooks(request.method, path, raw)
            striking = world.faults.striking(request.method, path, raw)
        fault = next((each for each in striking if each.kind != "slow"), None)
        entry.fault = ",".join(each.kind for each in striking)
        if fault and await self._refuse(fault, line, credential, account):
            return
        body = parsed(raw)
        delay = self._delay(request, body) + sum(each.seconds for each in striking if each.kind == "slow")
        timeout = world.switches.server_timeout
        hangs = delay >= timeout or (fault is not None and fault.kind == "timeout")
        await line.wait(timeout if hangs else delay)
        while fault is not None and fault.kind == "hold" and fault in world.faults.active:
            await line.wait(HELD_SECONDS)
        call = Call(
            world,
            account,
            request.method,
            request.path_params,
            entry.query,
            body,
            str(request.base_url).rstrip("/"),
            request.client.host if request.client else "",
        )
        if hangs and fault is not None and not fault.applied:
            await line.plain("502")
            return
        answer: Answer | Problem
        try:
            with world.lock:
                access.check(world, credential, account, request.method)
                answer = self._handler(request.method)(call)
            entry.applied = True
            entry.counts = answer.counts
        except Problem as problem:
            answer = problem
        if world.log.record_bodies:
            entry.request = body
            entry.response = answer.document() if isinstance(answer, Problem) else answer.body
        await self._reply(line, answer, "502" if hangs else fault.kind if fault else "")

    def _handler(self, method: str) -> Callable[[Call], Answer]:
        if not self.handlers:
            raise answers.not_found()
        if (found := self.handlers.get(method)) is None:
            text = (
                "The requested method and resource are not compatible. See the Allow header for this resource's "
                "available methods."
            )
            raise Problem(405, "Method Not Allowed", text, headers={"Allow": ", ".join(self.handlers)})
        return found

    async def _refuse(self, fault: faults.Fault, line: Line, credential: str, account: Account) -> bool:
        """Whether the fault decided the answer before anything was applied. Raises Problem."""
        match fault.kind:
            case "402":
                raise Problem(402, "Payment Required", "Your account has an unpaid balance.")
            case "429":
                raise answers.too_many_connections(self.world.switches.connection_limit)
            case "500":
                raise answers.internal_error()
            case "503":
                raise Problem(503, "Service Unavailable", "The service is temporarily unavailable.")
            case "compliance":
                raise Problem(503, "Compliance Related", "This method has been disabled.")
            case "refuse":
                raise Problem(400, "Invalid Resource", fault.text)
            case "429_bare" | "403_bare" | "502" | "504":
                await line.plain(fault.kind)
                return True
            case "drop_before":
                await line.cut()
                return True
            case "revoke":
                self.world.revoke(credential)
            case "disable":
                account.disabled = True
        return False

    def _delay(self, request: Request, body: Any) -> float:
        switches, query = self.world.switches, request.query_params
        if request.method == "GET":
            since = query.get("since_last_changed", "")
            if switches.epoch_since_hangs and since.startswith("1970"):
                return switches.server_timeout
            offset = query.get("offset", "")
            deep = int(offset) / 100_000 * switches.deep_offset_slowdown if offset.isdigit() else 0.0
            return switches.latency_read + deep
        if (names := self.lengths.get(request.method)) and isinstance(body, dict):
            lengths = [len(body[name]) for name in names if isinstance(body.get(name), list)]
            return switches.latency_bulk + switches.latency_member * sum(lengths)
        return switches.latency_write

    async def _reply(self, line: Line, answer: Answer | Problem, fault: str) -> None:
        if fault == "drop_after":
            await line.cut()
        elif fault == "500_after":
            await line.problem(answers.internal_error())
        elif fault == "502":
            await line.plain("502")
        elif isinstance(answer, Problem):
            await line.problem(answer)
        else:
            await line.answer(answer, half=fault == "cut")


def parsed(raw: bytes) -> Any:
    """A JSON body, None if there is none. Raises Problem (400)."""
    if not raw:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        text = "We encountered an unspecified JSON parsing error. Please check the syntax of your request."
        raise Problem(400, "JSON Parse Error", text) from None
