"""Connections in Slack: listed, shared, connected again. Who may is checked at the click and again at the submission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import modals, texts
from bot.asked import Asked, on_click
from bot.people import People, Person, acting
from bot.views import connections as views
from bot.views.blocks import Block
from bot.wiring import Application
from services import access
from services.access import Actor
from services.errors import PostinoError
from storage.models import Connection

Json = dict[str, Any]


class Accounts:
    """The list and its modals."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def show(self, asked: Asked) -> None:
        """The connections that the asker may use, to them alone."""
        found = self._application.connections.visible(asked.actor)
        rows = [self._row(asked.actor, one) for one in found]
        asked.answer(views.listing(asked.t, rows, administrator=asked.actor.is_administrator))

    def ask_sharing(self, asked: Asked) -> None:
        """Open the modal that says who may use a connection."""
        self._ask(asked, views.sharing)

    def ask_reconnecting(self, asked: Asked) -> None:
        """Open the modal in which an account is connected again."""
        connections = self._application.connections

        def modal(t: texts.Texts, row: views.Row) -> Block:
            sign_in = connections.begin_sign_in(asked.actor, None) if connections.can_sign_in else None
            return views.reconnecting(t, row, sign_in)

        self._ask(asked, modal)

    def share(self, person: Person, connection_id: int, view: Json) -> str:
        """Save who may use a connection; the sentence that says so."""
        sharing, people = views.shared(view)
        self._application.connections.share(person.actor, connection_id, sharing, people)
        return person.texts(
            "Saved. It counts from now on. Destinations for which somebody agreed who may not use it any more stay, "
            "but are not exported before somebody who may agrees for them."
        )

    def reconnect(self, person: Person, connection_id: int, view: Json) -> str:
        """Connect the account again with the key that was typed; the sentence that says so."""
        key = views.key(view)
        if not key:
            return person.texts("Nothing was changed. If you signed in to Mailchimp, the connection works again.")
        again = self._application.connections.reconnect(person.actor, connection_id, key)
        return person.texts("Connected to Mailchimp as {account}.", account=again.account_name)

    def _ask(self, asked: Asked, modal: Callable[[texts.Texts, views.Row], Block]) -> None:
        view_id = modals.opened(asked.client, asked.trigger_id, asked.opening(views.TOLD))
        try:
            access.require_administrator(asked.actor)
            found = self._application.connections.get(asked.actor, int(asked.text))
            view = modal(asked.t, self._row(asked.actor, found))
        except PostinoError as error:
            view = views.told(asked.t, asked.t.error(error))
        modals.Update(asked.client, view_id)(view)

    def _row(self, actor: Actor, one: Connection) -> views.Row:
        manageable = actor.is_administrator
        users = self._application.removals.uses(actor, one.id) if manageable else []
        return views.Row(
            id=one.id,
            name=one.name,
            account=one.account_name,
            kind=one.kind,
            shared_with=one.shared_with,
            people=tuple(one.shared_people),
            reconnect_needed=one.reconnect_needed,
            created_by=one.created_by,
            created_at=one.created_at,
            users=tuple(user.name for user in users),
            manageable=manageable,
        )


def register(app: App, application: Application, people: People) -> None:
    """The list's buttons and the modals they open."""
    accounts = Accounts(application)
    on_click(app, people, views.SHARE, accounts.ask_sharing)
    on_click(app, people, views.RECONNECT, accounts.ask_reconnecting)
    on_click(app, people, "connections.show", accounts.show)
    _on_submit(app, people, views.SHARE, accounts.share)
    _on_submit(app, people, views.RECONNECT, accounts.reconnect)

    @app.action(views.SIGN_IN)
    def signing_in(ack: Ack) -> None:
        """The button is a link: Mailchimp's page opens by itself."""
        ack()


def _on_submit(app: App, people: People, callback: str, act: Callable[[Person, int, Json], str]) -> None:
    @app.view(callback)
    def submitted(ack: Ack, body: Json, client: WebClient, context: BoltContext) -> None:
        view = body["view"]
        metadata = views.Metadata.model_validate_json(view["private_metadata"])
        with modals.Submission(ack, client, view["id"], _waiting(metadata.language)) as reply:
            person = acting(people, client, context)
            try:
                told = act(person, metadata.id, view)
            except PostinoError as error:
                told = person.texts.error(error)
            reply(views.told(person.texts, told))


def _waiting(language: str) -> Block:
    t = texts.of(language)
    return views.told(t, t("One moment…"))
