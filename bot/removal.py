"""Removing destinations and connections from Slack. Who may is checked when the modal opens and again when it is submitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import home, modals, texts
from bot.asked import Asked, on_click
from bot.people import People, Person, acting
from bot.views import removal as views
from bot.views.blocks import Block, escape
from bot.views.home import REMOVE
from bot.views.run_facts import refusal
from bot.wiring import Application
from services import access
from services.errors import PostinoError
from services.removing import Tags, Users


class Removal:
    """The modals, from the button to the end."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def ask_about_destination(self, asked: Asked) -> None:
        """Open the modal for the destination that a button names."""
        self._ask(asked, self._destination)

    def ask_about_connection(self, asked: Asked) -> None:
        """Open the modal for the connection that a button names."""
        self._ask(asked, self._connection)

    def remove_destination(self, person: Person, destination_id: int, choice: str | None) -> str:
        """Remove it; the sentence that says what happened."""
        t = person.texts
        name = self._application.destinations.get(person.actor, destination_id).name
        tags = Tags(choice or Tags.KEEP)
        return views.ended(t, name, self._application.removals.destination(person.actor, destination_id, tags), tags)

    def remove_connection(self, person: Person, connection_id: int, choice: str | None) -> str:
        """Remove it; the sentence that says what happened."""
        t = person.texts
        name = self._application.connections.get(person.actor, connection_id).name
        users = Users(choice or Users.REFUSE)
        used = self._application.removals.connection(person.actor, connection_id, users)
        names = ", ".join(one.name for one in used)
        if not used:
            return t("The connection {name} was removed.", name=name)
        if users is Users.REMOVE:
            return t("The connection {name} was removed, and with it {destinations}.", name=name, destinations=names)
        return t(
            "The connection {name} was removed. {destinations} cannot run until they get another one: edit them.",
            name=name,
            destinations=names,
        )

    def _ask(self, asked: Asked, question: Callable[[Asked, int], Block]) -> None:
        view_id = modals.opened(asked.client, asked.trigger, asked.opening(views.TOLD))
        try:
            view = question(asked, int(asked.text))
        except PostinoError as error:
            view = views.told(asked.t, refusal(asked.t, error))
        modals.Update(asked.client, view_id)(view)

    def _destination(self, asked: Asked, destination_id: int) -> Block:
        found = self._application.destinations.get(asked.actor, destination_id)
        access.require_manage(asked.actor, found)
        left = [one.name for one in self._application.dropped_tags.of(asked.actor, destination_id)]
        return views.destination(asked.t, found.id, found.name, [one.tag_name for one in found.segments] + left)

    def _connection(self, asked: Asked, connection_id: int) -> Block:
        access.require_administrator(asked.actor)
        found = self._application.connections.get(asked.actor, connection_id)
        users = [one.name for one in self._application.removals.uses(asked.actor, connection_id)]
        return views.connection(asked.t, found.id, found.name, found.account_name, users)


def register(app: App, application: Application, people: People) -> None:
    """The buttons that ask, and the modals that remove."""
    removal = Removal(application)
    on_click(app, people, REMOVE, removal.ask_about_destination)
    on_click(app, people, views.DESTINATION, removal.ask_about_destination)
    on_click(app, people, views.CONNECTION, removal.ask_about_connection)
    acts = {views.DESTINATION: removal.remove_destination, views.CONNECTION: removal.remove_connection}
    for callback, act in acts.items():
        _on_submit(app, application, people, callback, act)


def _on_submit(
    app: App,
    application: Application,
    people: People,
    callback: str,
    act: Callable[[Person, int, str | None], str],
) -> None:
    @app.view(callback)
    def submitted(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        view = body["view"]
        metadata = views.Metadata.model_validate_json(view["private_metadata"])
        with modals.Submission(ack, client, view["id"], _waiting(metadata.language)) as reply:
            person = acting(people, client, context)
            try:
                told = escape(act(person, metadata.id, views.choice(view)))
            except PostinoError as error:
                told = refusal(person.texts, error)
            reply(views.told(person.texts, told))
        home.publish(client, person, application)


def _waiting(language: str) -> Block:
    t = texts.of(language)
    return views.told(t, t("One moment…"))
