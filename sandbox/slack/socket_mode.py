"""Socket Mode: one WebSocket per connection, requests in envelopes, acknowledgements by envelope id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from sandbox.slack.delivery import EVENTS
from sandbox.slack.values import Delivery, Json

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

MOST_SOCKETS = 10  # Slack: at most ten connections per app
GRACE_SECONDS = 10.0  # Slack: a socket that is to be refreshed is closed about ten seconds after the warning
Answer = Callable[[Json | None], None]


class Connection:
    """One open socket of the app."""

    def __init__(self, workspace: Workspace, socket: WebSocket) -> None:
        self._workspace = workspace
        self._socket = socket
        self._waiting: dict[str, Answer] = {}
        self.ready = True
        self.draining = False

    async def hello(self) -> None:
        """The first frame; from then on the socket takes requests."""
        await self._send(
            {
                "type": "hello",
                "num_connections": len(self._workspace.connections),
                "connection_info": {"app_id": self._workspace.app_id},
                "debug_info": {"host": "applink-local", "approximate_connection_time": 18060},
            }
        )

    async def send_request(self, delivery: Delivery, on_ack: Answer) -> None:
        """Send one envelope; ``on_ack`` is called with the answer's payload whenever it comes."""
        envelope: Json = {
            "envelope_id": delivery.id,
            "type": delivery.kind,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.kind != EVENTS,
        }
        if delivery.kind == EVENTS:
            envelope |= {"retry_attempt": delivery.attempt, "retry_reason": "timeout" if delivery.attempt else ""}
        self._waiting[delivery.id] = on_ack
        await self._send(envelope)

    async def refresh(self, grace: float = GRACE_SECONDS) -> None:
        """Announce the end of this socket (``refresh_requested``) and close it after ``grace`` seconds."""
        self.draining = True
        await self._send({"type": "disconnect", "reason": "refresh_requested", "debug_info": {"host": "applink-local"}})
        self._workspace.in_background(self._close_later(grace))

    async def _close_later(self, grace: float) -> None:
        await asyncio.sleep(grace)
        await self.close()

    async def close(self) -> None:
        """Close the socket without a word."""
        self.ready = False
        if self._socket.application_state is WebSocketState.CONNECTED:
            with suppress(WebSocketDisconnect, RuntimeError):  # the app was faster
                await self._socket.close()

    async def listen(self) -> None:
        """Read acknowledgements until the app goes away."""
        while True:
            frame = await self._socket.receive_text()
            try:
                answer = json.loads(frame)
            except ValueError:
                continue
            on_ack = self._waiting.pop(str(answer.get("envelope_id")), None) if isinstance(answer, dict) else None
            if on_ack:
                on_ack(answer.get("payload"))

    async def _send(self, frame: Json) -> None:
        if self._socket.application_state is WebSocketState.CONNECTED:
            try:
                await self._socket.send_text(json.dumps(frame))
            except (WebSocketDisconnect, RuntimeError):
                self.ready = False


async def serve_socket(workspace: Workspace, socket: WebSocket) -> None:
    """The whole life of one socket: its one-time ticket, hello, requests and acknowledgements, the end."""
    ticket = socket.query_params.get("ticket", "")
    if ticket not in workspace.tickets or workspace.now() < workspace.faults.down_until:
        await socket.close(code=1008)
        return
    workspace.tickets.discard(ticket)
    workspace.serve_here()
    await socket.accept()
    connection = Connection(workspace, socket)
    if len(workspace.connections) >= MOST_SOCKETS:
        await socket.send_text(json.dumps({"type": "disconnect", "reason": "too_many_websockets"}))
        await socket.close()
        return
    workspace.connections.append(connection)
    await connection.hello()
    try:
        await connection.listen()
    except WebSocketDisconnect:
        pass
    finally:
        connection.ready = False
        workspace.connections.remove(connection)
