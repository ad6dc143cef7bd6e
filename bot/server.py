"""HTTP: where Mailchimp sends people back to, health and metrics for whoever runs Postino, and Slack's HTTP mode."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import structlog
import waitress
from flask import Flask, Response, request
from markupsafe import escape
from slack_bolt import App
from slack_bolt.adapter.flask import SlackRequestHandler
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from bot import texts
from bot.texts import Texts
from bot.wiring import Application
from services.errors import PostinoError
from services.signing_in import Returned
from storage.models import OutboxMessage, Run

log = structlog.get_logger()

_PAGE = """<!doctype html><html lang="{language}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Postino</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;margin:1rem;color:#1d1c1d}}
main{{max-width:30rem;text-align:center}}</style><main><h1>{title}</h1><p>{text}</p></main>"""


def create_server(
    application: Application, slack: App | None, signed_in: Callable[[Returned], None], alive: Callable[[], bool]
) -> Flask:
    """The web application. ``slack`` is served under /slack/events when requests can be checked by their signature."""
    server = Flask("postino")
    server.config["MAX_CONTENT_LENGTH"] = 1_000_000

    @server.get("/health")
    def health() -> tuple[dict[str, str], int]:
        with application.database.read() as session:
            session.execute(text("SELECT 1"))
        return ({"status": "ok"}, 200) if alive() else ({"status": "Slack is not connected"}, 503)

    @server.errorhandler(OperationalError)
    def without_database(_: OperationalError) -> tuple[dict[str, str], int]:
        return {"status": "the database does not answer"}, 503

    @server.get("/metrics")
    def metrics() -> Response:
        return Response("\n".join(_metrics(application)) + "\n", content_type="text/plain; version=0.0.4")

    @server.get("/mailchimp/callback")
    def mailchimp_callback() -> tuple[str, int]:
        t = texts.of(request.accept_languages.best_match(texts.languages()))
        try:
            returned = application.sign_ins.finish(
                request.args.get("state", ""),
                request.args.get("code", ""),
                application.rights.standing_of,
                error=request.args.get("error"),
            )
        except PostinoError as error:
            return _page(t, t("Not connected"), t.error(error)), 400
        try:
            signed_in(returned)
        except Exception:
            log.exception("sign_in.modal_not_updated")
        if returned.connection is None:
            return _page(t, t("Not connected"), t.error(returned.problem) if returned.problem else ""), 400
        account = returned.connection.account_name
        return _page(
            t, t("Connected"), t("Connected to Mailchimp as {account}. Go back to Slack.", account=account)
        ), 200

    if slack is not None and application.settings.slack_signing_secret is not None:
        handler = SlackRequestHandler(slack)

        @server.post("/slack/events")
        def slack_events() -> Response:
            response: Response = handler.handle(request)
            return response

    return server


def _page(t: Texts, title: str, sentence: str) -> str:
    return _PAGE.format(language=t.language, title=escape(title), text=escape(sentence))


def _metrics(application: Application) -> list[str]:
    with application.database.read() as session:
        by_status = session.execute(select(Run.status, func.count()).group_by(Run.status)).all()
        undelivered = session.scalar(
            select(func.count()).select_from(OutboxMessage).where(OutboxMessage.delivered_at.is_(None))
        )
    lines = ["# TYPE postino_runs gauge"]
    lines += [f'postino_runs{{status="{status}"}} {count}' for status, count in by_status]
    return [*lines, "# TYPE postino_undelivered_messages gauge", f"postino_undelivered_messages {undelivered}"]


class Listening:
    """Serves a web application from threads of this process while the context lasts."""

    def __init__(self, server: Flask, port: int, host: str = "127.0.0.1") -> None:
        listener = socket.create_server((host, port))  # waitress would leave its own open if the port is taken
        self._waitress: Any = waitress.create_server(  # type: ignore[attr-defined] # missing in its stubs
            server, sockets=[listener], threads=8
        )
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on, also where 0 was asked for."""
        return int(self._waitress.effective_port)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._waitress.close()
        self._thread.join(5)
        self._waitress.task_dispatcher.shutdown()
        for channel in list(self._waitress.active_channels.values()):
            channel.handle_close()

    def _serve(self) -> None:
        try:
            self._waitress.run()
        except OSError:
            # waitress still waits on the socket that was just closed under it.
            if not self._closing:
                raise
