"""``/postino forget EMAIL``: administrators remove every trace of a person, after a question.

The address is in what the administrator typed and in the modal's field, which only they see; nothing stores or logs it.
"""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import modals, texts
from bot.asked import Asked
from bot.people import People, acting
from bot.views import forgetting as views
from bot.views.blocks import Block
from bot.why import address_in
from bot.wiring import Application
from services import access
from services.errors import InvalidInput, PostinoError
from services.individuals import require_address


def ask(asked: Asked) -> None:
    """Open the question for the address typed, or for one that is still to be typed."""
    view_id = modals.opened(asked.client, asked.trigger, asked.opening(views.CALLBACK))
    modals.Update(asked.client, view_id)(_question(asked))


def _question(asked: Asked) -> Block:
    try:
        access.require_administrator(asked.actor)
    except PostinoError as error:
        # Nobody looks beside a modal that is open.
        return views.problem(asked.t, asked.t.error(error))
    return views.form(asked.t, address_in(asked.text))


def register(app: App, application: Application, people: People) -> None:
    """The modal's submission. Who may is asked again, by the service."""

    @app.view(views.CALLBACK)
    def forget(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        view = body["view"]
        t = texts.of(views.Metadata.model_validate_json(view["private_metadata"]).language)
        email = views.entered(view)
        try:
            require_address(email)
        except InvalidInput as error:
            ack(response_action="errors", errors={views.EMAIL: t.error(error)})
            return
        with modals.Submission(ack, client, view["id"], views.working(t)) as reply:
            person = acting(people, client, context)
            try:
                receipt = application.individuals.forget(person.actor, email)
            except PostinoError as error:
                reply(views.problem(t, t.error(error)))
                return
            if not reply(views.told(t, receipt)):
                message = views.said(t, receipt)
                client.chat_postMessage(channel=person.actor.person, text=message.text, blocks=message.blocks)
