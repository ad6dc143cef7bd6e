"""Deciding in Slack about changed addresses. Who may is checked when the modal opens and again when it is submitted."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import modals, texts
from bot.asked import Asked, on_click
from bot.people import People, Person, acting
from bot.views import decisions as views
from bot.views.blocks import Block
from bot.views.run_facts import refusal
from bot.wiring import Application
from services.errors import PostinoError


class Decisions:
    """The modal, from the button to the end."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def open(self, asked: Asked) -> None:
        """Show who waits at the destination that a button names, to those who may decide."""
        view_id = modals.opened(asked.client, asked.trigger, asked.opening(views.CALLBACK))
        modals.Update(asked.client, view_id)(self._form(asked, int(asked.text)))

    def _form(self, asked: Asked, destination_id: int) -> Block:
        t, deciding = asked.t, self._application.deciding
        try:
            waiting = deciding.waiting(asked.actor, destination_id)
            kept_out = deciding.kept_out(asked.actor, destination_id)
            name = self._application.destinations.get(asked.actor, destination_id).name
        except PostinoError as error:
            # Nobody looks beside a modal that is open.
            return views.told(t, refusal(t, error))
        return views.form(t, name, waiting, kept_out, views.Metadata(language=t.language, destination=destination_id))

    def decide(self, person: Person, destination_id: int, entered: views.Entered) -> Block:
        """Do what was entered; what the modal then says."""
        deciding, actor = self._application.deciding, person.actor
        try:
            again = deciding.ask_again(actor, destination_id) if entered.ask_again else 0
            decided = deciding.decide(
                actor, destination_id, entered.keys, exported=entered.exported, agreed=entered.agreed
            )
        except PostinoError as error:
            return views.told(person.texts, refusal(person.texts, error))
        exported = decided if entered.exported else 0
        return views.saved(person.texts, exported=exported, kept_out=decided - exported, asked_again=again)


def register(app: App, application: Application, people: People) -> None:
    """The button that opens the modal, and its submission."""
    decisions = Decisions(application)
    on_click(app, people, views.OPEN, decisions.open)

    @app.view(views.CALLBACK)
    def submitted(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        view = body["view"]
        metadata = views.Metadata.model_validate_json(view["private_metadata"])
        t, entered = texts.of(metadata.language), views.entered(view)
        if entered.exported and not entered.agreed:
            problem = t("Tick this to export them, or keep them out.")
            ack(response_action="errors", errors={views.AGREED: problem})
            return
        with modals.Submission(ack, client, view["id"], views.working(t)) as reply:
            person = acting(people, client, context)
            reply(decisions.decide(person, metadata.destination, entered))
