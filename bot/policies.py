"""Policies of destinations in Slack: a modal that administrators open and save."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import modals, texts
from bot.asked import Asked, asked, on_click
from bot.destinations import QUOTES
from bot.people import People, acting
from bot.views import policies as views
from bot.views.blocks import Block
from bot.wiring import Application
from services import access
from services.destinations import policies_of
from services.errors import PostinoError, Refused
from services.nearest import NoSuchDestination


class PolicyDesk:
    """Opens the modal, from a command that names the destination or a button that holds its id."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def open(self, asked: Asked) -> None:
        """Show the policies of the destination, to an administrator; of a name that none has, the nearest one's button."""
        view_id = modals.opened(asked.client, asked.trigger, asked.opening(views.CALLBACK))
        modals.Update(asked.client, view_id)(self.form(asked))

    def form(self, asked: Asked) -> Block:
        """The policies of the destination named or meant by its id, or why they cannot be shown."""
        destinations = self._application.destinations
        try:
            access.require_administrator(asked.actor)
            by_id = asked.text.isdecimal()
            found = (
                destinations.get(asked.actor, int(asked.text))
                if by_id
                else destinations.named(asked.actor, asked.text.strip(QUOTES))
            )
        except NoSuchDestination as error:
            return views.not_called(asked.t, error)
        except PostinoError as error:
            # Nobody looks beside a modal that is open.
            return views.problem(asked.t, asked.t.error(error))
        metadata = views.Metadata(language=asked.t.language, destination=found.id, shown=policies_of(found))
        return views.form(asked.t, found.name, found.time_zone, metadata)


def register(app: App, application: Application, people: People) -> None:
    """The button that opens the modal, and its submission."""
    desk = PolicyDesk(application)
    on_click(app, people, views.OPEN, desk.open)

    @app.action(views.NEAREST)
    def nearest(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        ack()
        wanted = asked(people, client, context, body)
        access.require_administrator(wanted.actor)
        modals.Update(client, body["view"]["id"])(desk.form(wanted))

    @app.view(views.CALLBACK)
    def save(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        view = body["view"]
        metadata = views.Metadata.model_validate_json(view["private_metadata"])
        waiting = views.working(texts.of(metadata.language))
        with modals.Submission(ack, client, view["id"], waiting) as reply:
            person = acting(people, client, context)
            access.require_administrator(person.actor)
            chosen = views.entered(view, metadata.shown)
            if chosen == metadata.shown:
                found = application.destinations.get(person.actor, metadata.destination)
                reply(views.unchanged(person.texts, found.name))
                return
            try:
                found = application.destinations.set_policies(
                    person.actor, metadata.destination, chosen, shown=metadata.shown
                )
            except Refused as error:
                found = application.destinations.get(person.actor, metadata.destination)
                again = metadata.model_copy(update={"shown": policies_of(found), "look": metadata.look + 1})
                reply(views.form(person.texts, found.name, found.time_zone, again, person.texts.error(error)))
            else:
                reply(views.saved(person.texts, found.name))
