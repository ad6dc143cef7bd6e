"""Connections in Slack: listed, shared, connected again. Who may is checked at the click and again at the submission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import modals, texts
from bot.asked import Asked, on_click
from bot.people import People, Person, acting
from bot.texts import Texts
from bot.views import connections as views
from bot.views.blocks import Block
from bot.wiring import Application
from services import access
from services.access import Actor, Sharing
from services.errors import PostinoError, Refused
from services.signing_in import Origin, Returned
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
        self._ask(asked, lambda t, row, _: views.sharing(t, row))

    def ask_reconnecting(self, asked: Asked) -> None:
        """Open the modal in which an account is connected again."""
        self._ask(asked, lambda t, row, view_id: self._reconnecting(asked.actor, t, row, view_id))

    def signed_in(self, client: WebClient, returned: Returned, connection_id: int) -> None:
        """Show in that modal what became of the sign-in: the green check, or why not, with an address to sign in at again."""
        origin, t = returned.origin, texts.of(returned.origin.language)
        if origin.view_id is None:
            return
        if returned.connection is not None:
            view = views.connected(t, returned.connection.account_name)
        else:
            problem = t.error(returned.problem) if returned.problem is not None else None
            try:
                row = self._row(returned.actor, self._application.connections.get(returned.actor, connection_id))
                view = self._reconnecting(returned.actor, t, row, origin.view_id, problem)
            except PostinoError:
                view = views.told(t, problem or "")
        modals.Update(client, origin.view_id)(view)

    def share(self, person: Person, connection_id: int, view: Json) -> Block:
        """Save who may use a connection; what says so, or the modal with what somebody else saved meanwhile."""
        connections, t = self._application.connections, person.texts
        before, wanted = views.shared(view)
        try:
            if wanted.sharing is Sharing.PEOPLE and not wanted.people:
                raise Refused("Choose at least one person, or that administrators alone may use it. Nothing was saved.")
            connections.change(person.actor, connection_id, before, wanted)
        except Refused as error:
            row = self._row(person.actor, connections.get(person.actor, connection_id))
            look = views.Metadata.model_validate_json(view["private_metadata"]).look + 1
            return views.sharing(t, row, t.error(error), look)
        if wanted == before:
            return views.told(t, t("Nothing was changed."))
        stopped: list[str] = []
        if wanted.exclude_somebody(before):
            found = self._application.destinations.visible(person.actor)
            of_it = [one for one in found if one.connection_id == connection_id]
            stopped = [one.name for one in of_it if self._application.rights.lapse(one) is not None]
        return views.saved(t, stopped)

    def reconnect(self, person: Person, connection_id: int, view: Json) -> Block:
        """Connect the account again with the key that was typed; what says so."""
        t, key = person.texts, views.key(view)
        if not key:
            return views.told(
                t,
                t(
                    "No key was given, so nothing was changed. Press Reconnect… again, then sign in to Mailchimp or paste a key."
                ),
            )
        again = self._application.connections.reconnect(person.actor, connection_id, key)
        return views.connected(t, again.account_name)

    def _reconnecting(self, actor: Actor, t: Texts, row: views.Row, view_id: str, problem: str | None = None) -> Block:
        sign_ins, sign_in = self._application.sign_ins, None
        if sign_ins.possible:
            sign_in = sign_ins.begin(actor, Origin(connection_id=row.id, view_id=view_id, language=t.language))
        return views.reconnecting(t, row, sign_in, problem)

    def _ask(self, asked: Asked, modal: Callable[[Texts, views.Row, str], Block]) -> None:
        view_id = modals.opened(asked.client, asked.trigger, asked.opening(views.TOLD))
        try:
            access.require_administrator(asked.actor)
            found = self._application.connections.get(asked.actor, int(asked.text))
            view = modal(asked.t, self._row(asked.actor, found), view_id)
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
            ceiling=one.contact_ceiling,
            reconnect_needed=one.reconnect_needed,
            created_by=one.created_by,
            created_at=one.created_at,
            users=tuple(user.name for user in users),
            manageable=manageable,
        )


def signed_in(client: WebClient, returned: Returned, connection_id: int, application: Application) -> None:
    """Show in the modal of a connection what became of the sign-in that was begun there."""
    Accounts(application).signed_in(client, returned, connection_id)


def register(app: App, application: Application, people: People) -> None:
    """The list's buttons and the modals they open."""
    accounts = Accounts(application)
    on_click(app, people, views.SHARE, accounts.ask_sharing)
    on_click(app, people, views.RECONNECT, accounts.ask_reconnecting)
    on_click(app, people, "connections.show", accounts.show)
    _on_submit(app, people, views.SHARE, accounts.share)
    _on_submit(app, people, views.RECONNECT, accounts.reconnect)

    @app.action(views.SIGN_IN)
    def signing_in(ack: Ack, body: Json, context: BoltContext) -> None:
        """The button is a link: Mailchimp's page opens by itself."""
        ack()
        if view := body.get("view"):
            application.sign_ins.set_out(context.user_id or "", view_id=view["id"])


def _on_submit(app: App, people: People, callback: str, act: Callable[[Person, int, Json], Block]) -> None:
    @app.view(callback)
    def submitted(ack: Ack, body: Json, client: WebClient, context: BoltContext) -> None:
        view = body["view"]
        metadata = views.Metadata.model_validate_json(view["private_metadata"])
        with modals.Submission(ack, client, view["id"], _waiting(metadata.language)) as reply:
            person = acting(people, client, context)
            try:
                told = act(person, metadata.id, view)
            except PostinoError as error:
                told = views.told(person.texts, person.texts.error(error))
            reply(told)


def _waiting(language: str) -> Block:
    t = texts.of(language)
    return views.told(t, t("One moment…"))
