"""The Bolt App: every feature registers itself, one error handler answers the person, nothing stays silent.

The same App serves Socket Mode and HTTP.
"""

from __future__ import annotations

import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot import (
    acknowledging,
    administrators,
    commands,
    connections,
    decisions,
    destinations,
    duplicating,
    exports,
    forgetting,
    home,
    modals,
    policies,
    removal,
    schedules,
    segments,
    texts,
    wizard,
    workflow,
)
from bot.asked import asked, in_thread
from bot.people import People, Standings, acting
from bot.settings import Settings
from bot.texts import Texts
from bot.views import answers
from bot.views.blocks import code
from bot.views.run_facts import refusal
from bot.wiring import Application
from services.errors import PostinoError

log = structlog.get_logger()


def web_client(settings: Settings) -> WebClient:
    """The client that opens views: without retries, because a trigger id lives three seconds and works once."""
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else None
    if settings.slack_api_url:
        return WebClient(token=token, base_url=settings.slack_api_url.rstrip("/") + "/")
    return WebClient(token=token)


def create_app(application: Application) -> App:
    """The App with every listener of ``manifest.yml`` and catch-alls behind them."""
    settings = application.settings
    app = App(
        client=web_client(settings),
        signing_secret=settings.slack_signing_secret.get_secret_value() if settings.slack_signing_secret else "",
        token_verification_enabled=False,
        listener_executor=ThreadPoolExecutor(acknowledging.AT_ONCE, thread_name_prefix="listener"),
    )
    acknowledging.keep(app)
    people = People(application.database)
    application.rights.standing_of = Standings(app.client, application.database)
    features = (
        *(commands, wizard, segments, exports, connections, destinations, duplicating),
        *(decisions, removal, schedules, policies, administrators, forgetting, home, workflow),
    )
    for feature in features:
        feature.register(app, application, people)
    _register_catch_alls(app, people)
    app.error(_Answering(people))
    return app


def _register_catch_alls(app: App, people: People) -> None:
    everything = re.compile(".*")

    @app.command(everything)
    def unknown_command(ack: Ack, context: BoltContext, client: WebClient, command: dict[str, Any]) -> None:
        ack()
        t = acting(people, client, context).texts
        respond = context.respond
        if respond is not None:
            respond(
                t(
                    "Postino does not know {command}. Type /postino help to see what it can do.",
                    command=code(command["command"]),
                )
            )

    @app.action(everything)
    def stale_action(ack: Ack, context: BoltContext, client: WebClient, body: dict[str, Any]) -> None:
        ack()
        one = asked(people, client, context, body)
        if context.response_url or one.view_id:
            one.answer(
                one.t(
                    "This button belongs to an older message and does nothing any more. Type /postino to start again."
                )
            )

    @app.view(everything)
    def stale_view(ack: Ack) -> None:
        ack(response_action="clear")

    @app.options(everything)
    def no_options(ack: Ack) -> None:
        ack(options=[])


class _Answering:
    """The one error handler: the person gets a sentence in their language, the log gets the rest."""

    def __init__(self, people: People) -> None:
        self._people = people

    def __call__(self, error: Exception, context: BoltContext, client: WebClient, body: dict[str, Any]) -> None:
        if isinstance(error, modals.RepeatedError):
            log.info("slack.delivered_twice")
            return
        reference = secrets.token_hex(4)
        if isinstance(error, PostinoError):
            log.info("slack.refused", reference=reference, kind=type(error).__name__)
        else:
            log.error("slack.listener_failed", reference=reference, exc_info=error)
        try:
            t = acting(self._people, client, context).texts
        except (PostinoError, SlackApiError):
            t = self._people.remembered(context.team_id or "", context.user_id or "") or texts.of(None)
        if isinstance(error, PostinoError):
            text, markup = t.error(error), refusal(t, error)
        else:
            text = markup = t(
                "Something went wrong inside Postino. Nothing was lost; try again. Reference for whoever runs it: {reference}",
                reference=reference,
            )
        self._say(t, text, markup, context, client, body)

    def _say(
        self, t: Texts, text: str, markup: str, context: BoltContext, client: WebClient, body: dict[str, Any]
    ) -> None:
        """Where the person looks: in the open view, which takes no markup, else in a modal of its own if they clicked in a
        thread, else beside the command or message, else in a direct message."""
        view = body.get("view")
        try:
            if view and view.get("type") == "modal":
                client.views_update(view_id=view["id"], view=wizard.problem_view(view, text))
                return
            if in_thread(body):
                if modals.answered(client, modals.Trigger.of(body), answers.modal(t, markup)):
                    return
            elif context.respond is not None and context.response_url:
                context.respond(markup, replace_original=False)
                return
        except modals.RepeatedError:
            log.info("slack.answer_moved_to_dm", error="exchanged_trigger_id")
        except SlackApiError as failure:
            log.info("slack.answer_moved_to_dm", error=failure.response.get("error"))
        if context.user_id:
            client.chat_postMessage(channel=context.user_id, text=markup)
