"""Postino as a service in one process: the bot, its HTTP server and the runner; stops cleanly when it is told to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import structlog
from slack_bolt import App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler

from bot import logs, wizard
from bot.app import create_app
from bot.engines.embedded import Duty, Engine, next_time
from bot.notifier import Notifier
from bot.server import Listening, create_server
from bot.settings import Settings
from bot.wiring import Application, build
from services.connections import Finished
from services.errors import InvalidInput, PostinoError
from services.schedules import Schedules
from services.tidying import Tidying
from services.verifying import Verifying

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
    application = build(settings)
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    with service(application, with_slack=with_slack) as port:
        log.info("postino.started", port=port, source=application.source.name)
        asked.wait()
        log.info("postino.stopping")


@contextmanager
def service(application: Application, *, with_slack: bool) -> Iterator[int]:
    """Everything at work while the context lasts; yields the HTTP port. At the end calls in flight are awaited."""
    with ExitStack() as stack:
        duties: dict[str, tuple[Duty, float]] = {
            "export": (application.exporting, 1),
            "schedules": (
                Schedules(application.database, application.source, application.runs, next_time),
                30,
            ),
            "verify": (Verifying(application.database, application.runs), 60),
            "tidy": (Tidying(application.database), 600),
        }
        slack: App | None = None
        socket: SocketModeHandler | None = None
        if with_slack:
            slack = create_app(application)
            duties["notify"] = (Notifier(application, slack.client), 1)
            socket = _connect(slack, application.settings, stack)

        def signed_in(finished: Finished) -> None:
            if slack is not None:
                wizard.signed_in(slack.client, finished, application)

        server = create_server(
            application, slack, signed_in, lambda: socket is None or bool(socket.client.is_connected())
        )
        listening = stack.enter_context(Listening(server, application.settings.http_port))
        engine = Engine(duties)
        engine.start()
        stack.callback(engine.stop)
        stack.callback(application.shutdown.set)
        yield listening.port


def _connect(slack: App, settings: Settings, stack: ExitStack) -> SocketModeHandler | None:
    if settings.slack_app_token is None:
        return None
    handler = SocketModeHandler(slack, settings.slack_app_token.get_secret_value())
    try:
        handler.connect()  # type: ignore[no-untyped-call]
    except Exception as error:
        raise PostinoError(
            "Slack does not accept the connection: {problem}. Check SLACK_APP_TOKEN and SLACK_BOT_TOKEN.",
            problem=str(error),
        ) from error
    stack.callback(handler.close)
    return handler
