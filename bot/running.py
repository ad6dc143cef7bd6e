"""Postino as a service in one process: the bot, its HTTP server and the runner; stops cleanly when it is told to."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import structlog
from flask import Flask
from slack_bolt import App

from bot import logs, signing_in, slack_tokens
from bot.app import create_app, web_client
from bot.engines.embedded import Duty, Engine
from bot.notifier import Notifier
from bot.people import Standings
from bot.server import Listening, create_server
from bot.settings import Settings
from bot.socket_mode import Socket
from bot.wiring import Application, build
from services.errors import InvalidInput
from services.reconnecting import Reconnecting
from services.signing_in import Returned
from services.tidying import Tidying
from services.verifying import Verifying

TURN = 0.001
"""Seconds for which a thread keeps the interpreter while others wait for it. With Python's five, ten threads at work keep the
one that acknowledges waiting for up to 300 ms, with one for 40 (95th percentile, measured)."""

log = structlog.get_logger()


def run(settings: Settings, *, with_slack: bool) -> None:
    """Serve until SIGTERM or SIGINT. Raises InvalidInput naming the setting that is missing or wrong."""
    logs.configure(settings.log_level)
    if with_slack and not (settings.slack_bot_token and (settings.slack_app_token or settings.slack_signing_secret)):
        raise InvalidInput(
            "The bot needs SLACK_BOT_TOKEN, and SLACK_APP_TOKEN for Socket Mode or SLACK_SIGNING_SECRET for HTTP. "
            "postino doctor says where to find them.",
            field="SLACK_BOT_TOKEN",
        )
    sys.setswitchinterval(TURN)
    with ExitStack() as at_end:
        application = build(settings)
        at_end.callback(application.database.dispose)
        if with_slack:
            slack_tokens.workspace(web_client(settings))
        asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: asked.set())
        port = at_end.enter_context(service(application, with_slack=with_slack))
        log.info("postino.started", port=port, source=application.source.name)
        asked.wait()
        log.info("postino.stopping")


@contextmanager
def service(application: Application, *, with_slack: bool) -> Iterator[int]:
    """Everything at work while the context lasts; yields the HTTP port. At the end calls in flight are awaited."""
    with ExitStack() as stack:
        duties: dict[str, tuple[Duty, float]] = {
            "export": (application.exporting, 1),
            "schedules": (application.schedules, 30),
            "digests": (application.digests, 60),
            "verify": (Verifying(application.database, application.runs), 60),
            "segments": (application.segments, 60),
            "remove": (application.removals, 5),
            "tidy": (Tidying(application.database), 600),
        }
        slack: App | None = None
        socket: Socket | None = None
        if with_slack:
            slack = create_app(application)
            duties["notify"] = (Notifier(application, slack.client), 1)
            duties["connections"] = (Reconnecting(application.connections, application.clock), 600)
            socket = _connect(slack, application.settings, stack)
        elif application.settings.slack_bot_token:
            client = web_client(application.settings)
            application.rights.standing_of = Standings(client, application.database)

        def signed_in(returned: Returned) -> None:
            if slack is not None:
                signing_in.show(slack.client, returned, application)

        server = create_server(application, slack, signed_in, lambda: socket is None or socket.is_connected)
        listening = stack.enter_context(_listening(server, application.settings.http_port))
        engine = Engine(duties)
        engine.start()
        stack.callback(engine.stop)
        stack.callback(application.shutdown.set)
        yield listening.port


def _connect(slack: App, settings: Settings, stack: ExitStack) -> Socket | None:
    if settings.slack_app_token is None:
        return None
    handler = Socket(slack, settings.slack_app_token.get_secret_value())
    try:
        handler.connect()  # type: ignore[no-untyped-call]
    except Exception as error:
        raise slack_tokens.refusal(error, "SLACK_APP_TOKEN") from error
    stack.callback(handler.close)
    return handler


def _listening(server: Flask, port: int) -> Listening:
    try:
        return Listening(server, port)
    except OSError as error:
        raise InvalidInput(
            "The HTTP server cannot listen on port {number}: {problem}. Stop what uses it, or set POSTINO_HTTP_PORT.",
            field="POSTINO_HTTP_PORT",
            number=str(port),
            problem=error.strerror or str(error),
        ) from None
