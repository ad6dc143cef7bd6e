"""Socket Mode without a pause: a new session is open before the old one is left.

Slack renews an app's socket about once an hour. The SDK's client (slack_sdk 3.47) closes the old session first and reads the
new one half a second later, one time in eight ten seconds later (measured): whoever clicks meanwhile is told that the app did
not respond. Here the old session goes on reading until Slack closes it, and each request is answered where it came in.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from typing import Any

from slack_bolt import App
from slack_bolt.adapter.socket_mode.base_handler import BaseSocketModeHandler
from slack_bolt.adapter.socket_mode.internals import run_bolt_app, send_response
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.socket_mode.websocket_client import SocketModeClient
from websocket import ABNF, WebSocketApp, WebSocketException

from bot.acknowledging import AT_ONCE, needs_no_answer

LOOK_SECONDS = 10.0
"""Between two looks whether a session is open."""
PING_SECONDS = 10.0
PONG_SECONDS = 5.0
"""How long the other side may take to answer a ping before the session counts as lost."""
OPENING_SECONDS = 20.0
GOODBYE_SECONDS = 3.0
RENEWED = frozenset({"warning", "refresh_requested"})
"""Why Slack announces the end of a session that another is to follow."""


class Socket(BaseSocketModeHandler):
    """Socket Mode for an app whose requests are acknowledged by the thread that reads them."""

    def __init__(self, app: App, app_token: str) -> None:
        self.app = app
        self.client = Sessions(app, app_token)
        self.client.socket_mode_request_listeners.append(self._act)

    @property
    def is_connected(self) -> bool:
        """Whether Slack can reach the app now."""
        return bool(self.client.is_connected())

    def _act(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        begun = time.time()
        answer = run_bolt_app(self.app, request)
        if not needs_no_answer(request.payload):
            send_response(client, request, answer, begun)


class Sessions(SocketModeClient):
    """The SDK's client with a reader for each session: one at work, and those that Slack has not closed yet."""

    def __init__(self, app: App, app_token: str) -> None:
        self._readers: dict[WebSocketApp, threading.Thread] = {}
        self._asked: dict[str, WebSocketApp] = {}
        self._renewed: WebSocketApp | None = None
        super().__init__(app_token, app.logger, app.client, ping_interval=LOOK_SECONDS, concurrency=AT_ONCE)

    def connect(self) -> None:
        """Open a session and let it be the current one; where it cannot be opened, that is tried again at the next look.

        Raises SlackApiError where Slack does not say which address to open.
        """
        opened = threading.Event()
        session = WebSocketApp(
            self.wss_uri or self.issue_new_wss_url(),
            on_open=lambda _: opened.set(),
            on_message=self._hear,
            on_error=self._fail,
            on_close=self._end,
        )
        reader = threading.Thread(target=self._read, args=(session, opened), name="socket", daemon=True)
        self._readers[session] = reader
        reader.start()
        if opened.wait(OPENING_SECONDS) and session in self._readers:
            self.current_session = session
        if not self.current_app_monitor_started:
            self.current_app_monitor_started = True
            self.current_app_monitor.start()

    def close(self) -> None:
        """Say goodbye on every session, and wait until what came in is answered."""
        self.closed, self.auto_reconnect_enabled = True, False
        readers = dict(self._readers)
        for session in readers:
            session.keep_running = False
            with suppress(OSError, WebSocketException):  # it may be gone by now
                session.send("", ABNF.OPCODE_PING)  # the answer wakes the reader, which then closes the session
        for reader in readers.values():
            reader.join(GOODBYE_SECONDS)
        self.enqueue_message("{}")  # wakes the queue's reader, which sleeps a second else
        super().close()

    def send_socket_mode_response(self, response: dict[str, Any] | SocketModeResponse) -> None:
        """Answer on the session that asked, or on the current one where that is closed."""
        answer = response if isinstance(response, dict) else response.to_dict()
        try:
            self._asked.pop(answer["envelope_id"]).send(json.dumps(answer))
        except (KeyError, WebSocketException):
            super().send_socket_mode_response(answer)

    def _run_current_session(self) -> None:
        """The SDK's reader has nothing to do: each session has its own."""

    def _read(self, session: WebSocketApp, opened: threading.Event) -> None:
        try:
            session.run_forever(ping_interval=PING_SECONDS, ping_timeout=PONG_SECONDS)
        finally:
            self._readers.pop(session, None)
            opened.set()

    def _hear(self, session: WebSocketApp, message: str) -> None:
        envelope = json.loads(message) if message.startswith("{") else {}
        if envelope.get("type") == "disconnect":
            if envelope.get("reason") in RENEWED and session is self.current_session is not self._renewed:
                self._renewed = session  # which stays the current one until the next is open, and may be told again
                self.message_workers.submit(self.connect_to_new_endpoint, force=True)
            return
        if "envelope_id" in envelope:
            if needs_no_answer(envelope.get("payload") or {}):
                session.send(json.dumps({"envelope_id": envelope["envelope_id"]}))
            else:
                self._asked[envelope["envelope_id"]] = session
        self.enqueue_message(message)

    def _fail(self, session: WebSocketApp, error: Exception) -> None:
        if session.sock and not session.sock.connected:
            session.sock.shutdown()  # type: ignore[no-untyped-call] # which websocket-client leaves open when the handshake fails
        if session is self.current_session and not self.closed:
            self.logger.warning("The connection to Slack ended (%s); a new one is opened.", error)

    def _end(self, session: WebSocketApp, *_: object) -> None:
        if session is self.current_session and self.auto_reconnect_enabled:
            self.connect_to_new_endpoint()
