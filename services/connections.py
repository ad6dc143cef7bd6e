"""Authorised Mailchimp accounts: connected by API key or by signing in, sealed, shared, removed."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services import access, audit
from services.access import Actor, Sharing
from services.errors import InvalidInput, NotFound, ReconnectNeeded, Refused
from services.mailchimp import EXPORT, INTERACTIVE, Mailchimp, Pacers, Patience, oauth
from services.mailing import Account, Audience, MailingService, MergeField, Meter, Tag
from storage.database import Database
from storage.models import Connection, SignIn
from storage.vault import SealBrokenError, Vault

Answer = TypeVar("Answer")

SIGN_IN_LASTS = timedelta(minutes=15)
LATELY = 300.0
"""Seconds for which audiences are remembered for a person who searches them: one answer for all letters typed."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A sign-in that came back: what it connected, for whom, and the wizard it was begun from."""

    connection: Connection
    workspace_id: int
    person: str
    draft_id: str | None


class Connections:
    """All connections of all workspaces. ``app`` is None where no Mailchimp app is registered: then only API keys work."""

    def __init__(
        self, database: Database, vault: Vault, app: oauth.App | None, api_url: str | None, login_url: str | None
    ) -> None:
        self._database = database
        self._vault = vault
        self._app = app
        self._api_url = api_url
        self._login_url = login_url
        self._pacers = Pacers()
        self._audiences: dict[int, tuple[float, tuple[Audience, ...]]] = {}

    @property
    def can_sign_in(self) -> bool:
        """Whether people can sign in to Mailchimp, rather than type an API key."""
        return self._app is not None

    def add_with_key(self, actor: Actor, name: str | None, api_key: str) -> Connection:
        """Connect the account an API key belongs to; without a name it is called like the account.

        Raises InvalidInput, NotAllowed, ReconnectNeeded, Refused for a role that cannot write, and Unavailable.
        """
        access.require_administrator(actor)
        data_centre = oauth.data_centre_of(api_key, self._login_url)
        return self._connect(actor, name, "api_key", api_key.strip(), data_centre)

    def reconnect(self, actor: Actor, connection_id: int, api_key: str) -> Connection:
        """Give a connection a new API key of the same account.

        Raises Refused for another account's key: destinations would go to other audiences.
        """
        access.require_administrator(actor)
        known = self.get(actor, connection_id)
        data_centre = oauth.data_centre_of(api_key, self._login_url)
        return self._connect(actor, None, "api_key", api_key.strip(), data_centre, only=known)

    def begin_sign_in(self, actor: Actor, draft_id: str | None) -> str:
        """The address where the person signs in to Mailchimp; valid for 15 minutes, once."""
        access.require_administrator(actor)
        if self._app is None:
            raise Refused(
                "Signing in to Mailchimp is not set up here. Paste an API key, or set MAILCHIMP_CLIENT_ID, "
                "MAILCHIMP_CLIENT_SECRET and POSTINO_PUBLIC_URL."
            )
        state = secrets.token_urlsafe(32)
        with self._database.write() as session:
            now = self._database.now(session)
            session.execute(delete(SignIn).where(SignIn.expires_at < now))
            session.add(
                SignIn(
                    state=state,
                    workspace_id=actor.workspace_id,
                    person=actor.person,
                    draft_id=draft_id,
                    expires_at=now + SIGN_IN_LASTS,
                )
            )
        return oauth.authorize_url(self._app, state)

    def finish_sign_in(
        self, state: str, code: str, standing_of: Callable[[int, str], access.Standing | None]
    ) -> Finished:
        """Turn Mailchimp's answer into a connection.

        Raises Refused for a state that is unknown, used or too old, and NotAllowed for whoever is no administrator any more
        by ``standing_of`` (workspace id, person); where that cannot tell, what they were at the click counts.
        """
        with self._database.write() as session:
            begun = session.get(SignIn, state)
            if begun is None or begun.expires_at < self._database.now(session):
                raise Refused("This sign-in has expired or was used already. Go back to Slack and start it again.")
            session.delete(begun)
        if self._app is None:
            raise Refused("Signing in to Mailchimp is not set up here.")
        standing = standing_of(begun.workspace_id, begun.person) or access.Standing.ADMINISTRATOR
        actor = Actor(begun.workspace_id, begun.person, standing)
        access.require_administrator(actor)
        grant = oauth.authorise(self._app, code)
        connection = self._connect(actor, None, "oauth", grant.token, grant.data_centre)
        return Finished(connection, begun.workspace_id, begun.person, begun.draft_id)

    def visible(self, actor: Actor) -> list[Connection]:
        """The connections somebody may use, by name."""
        access.require_member(actor)
        with self._database.read() as session:
            statement = (
                select(Connection).where(Connection.workspace_id == actor.workspace_id).order_by(Connection.name)
            )
            return [one for one in session.scalars(statement) if access.may_use(actor, one)]

    def named(self, actor: Actor, name: str) -> Connection:
        """One connection by name, without case. Raises NotFound."""
        for one in self.visible(actor):
            if one.name.casefold() == name.strip().casefold():
                return one
        raise NotFound("There is no connection called {name}. See them with: postino connections list", name=name)

    def get(self, actor: Actor, connection_id: int) -> Connection:
        """One connection that the person may use. Raises NotFound and NotAllowed."""
        with self._database.read() as session:
            connection = session.get(Connection, connection_id)
        if connection is None or connection.workspace_id != actor.workspace_id:
            raise NotFound("This connection does not exist any more.")
        access.require_use(actor, connection)
        return connection

    def share(self, actor: Actor, connection_id: int, sharing: Sharing, people: Sequence[str] = ()) -> None:
        """Say who besides administrators may use a connection."""
        access.require_administrator(actor)
        with self._database.write() as session:
            connection = self._own(session, actor, connection_id)
            connection.shared_with, connection.shared_people = sharing.value, list(people)
            details = {"shared_with": sharing.value, "people": list(people)}
            audit.record(session, actor, self._database.now(session), "connection.shared", connection.name, details)

    def set_ceiling(self, actor: Actor, connection_id: int, contacts: int | None) -> None:
        """Say how many contacts exports may lift the account to; None for no such limit. Administrators only."""
        access.require_administrator(actor)
        if contacts is not None and contacts < 1:
            raise InvalidInput("A contact ceiling is a number above 0.", field="ceiling")
        with self._database.write() as session:
            connection = self._own(session, actor, connection_id)
            connection.contact_ceiling = contacts
            now = self._database.now(session)
            audit.record(session, actor, now, "connection.ceiling", connection.name, {"contacts": contacts})

    def open(self, connection: Connection, meter: Meter, stop: threading.Event) -> MailingService:
        """The account for an export: patient, counted, at the account's one pace."""
        return self._mailchimp(connection, EXPORT, meter, stop)

    def account(self, connection: Connection) -> Account:
        """The account as it is now; also proves that the credential still works."""
        return self._ask(connection, lambda service: service.account())

    def audiences(self, connection: Connection, *, lately: bool = False) -> tuple[Audience, ...]:
        """The account's audiences, for somebody who waits; ``lately`` those of the last minutes, if they are known."""
        told, known = self._audiences.get(connection.id, (float("-inf"), ()))
        if lately and time.monotonic() - told < LATELY:
            return known
        found = self._ask(connection, lambda service: service.audiences())
        self._audiences[connection.id] = (time.monotonic(), found)
        return found

    def audience(self, connection: Connection, audience_id: str) -> Audience:
        """One audience. Raises NotFound."""
        return self._ask(connection, lambda service: service.audience(audience_id))

    def merge_fields(self, connection: Connection, audience_id: str) -> tuple[MergeField, ...]:
        """The audience's merge fields without the address."""
        return self._ask(connection, lambda service: service.merge_fields(audience_id))

    def tags(self, connection: Connection, audience_id: str) -> tuple[Tag, ...]:
        """The audience's tags."""
        return self._ask(connection, lambda service: service.tags(audience_id))

    def delete_tag(self, connection: Connection, audience_id: str, tag_id: int) -> None:
        """Take one of the audience's tags off everybody by deleting it."""
        self._ask(connection, lambda service: service.delete_tag(audience_id, tag_id))

    def of_all_workspaces(self) -> list[Connection]:
        """Every connection there is, for the daily check."""
        with self._database.read() as session:
            return list(session.scalars(select(Connection).order_by(Connection.id)))

    def mark_reconnect_needed(self, connection_id: int, *, needed: bool) -> bool:
        """Note that the credential was revoked, or works again; whether that is news."""
        with self._database.write() as session:
            connection = session.get(Connection, connection_id)
            if connection is None or connection.reconnect_needed == needed:
                return False
            connection.reconnect_needed = needed
            return True

    def _ask(self, connection: Connection, question: Callable[[MailingService], Answer]) -> Answer:
        return question(self._mailchimp(connection, INTERACTIVE, Meter(), threading.Event()))

    def _mailchimp(self, connection: Connection, patience: Patience, meter: Meter, stop: threading.Event) -> Mailchimp:
        try:
            token = self._vault.open(connection.sealed_credential)
        except SealBrokenError:
            raise Refused(
                "The credential of {connection} cannot be opened with POSTINO_SECRET_KEY. "
                "Put the former key back as a second one, or connect the account again.",
                connection=connection.name,
            ) from None
        return Mailchimp(
            token,
            connection.data_centre,
            api_url=self._api_url,
            pacer=self._pacers.of(connection.account_id),
            meter=meter,
            stop=stop,
            patience=patience,
        )

    def _own(self, session: Session, actor: Actor, connection_id: int) -> Connection:
        connection = session.get(Connection, connection_id)
        if connection is None or connection.workspace_id != actor.workspace_id:
            raise NotFound("This connection does not exist any more.")
        return connection

    def _connect(
        self,
        actor: Actor,
        name: str | None,
        kind: str,
        token: str,
        data_centre: str,
        only: Connection | None = None,
    ) -> Connection:
        """Store an account under a name; the same account again replaces its credential. ``only`` takes no other account."""
        with Mailchimp(token, data_centre, api_url=self._api_url, patience=INTERACTIVE) as service:
            try:
                account = service.account()
            except ReconnectNeeded:
                if kind != "api_key":
                    raise
                raise InvalidInput(
                    "Mailchimp does not accept this API key, so nothing was connected. Copy all of it from Account & billing, "
                    "Extras, API keys, or make a new one there.",
                    field="api_key",
                ) from None
        if not account.can_write:
            raise Refused(
                "The Mailchimp role {role} cannot add contacts. Connect as somebody with the role Manager, Admin or Owner.",
                role=account.role,
            )
        if only is not None and account.id != only.account_id:
            raise Refused(
                "This belongs to the Mailchimp account {account}, not to {expected}. Nothing was changed. "
                "Connect it as a new connection with /postino-connect.",
                account=account.name,
                expected=only.account_name,
            )
        if name is not None:
            name = " ".join(name.split())[:200]
            if not name:
                raise InvalidInput("Give the connection a name.", field="name")
        try:
            with self._database.write() as session:
                return self._store(session, actor, name, kind, token, data_centre, account)
        except IntegrityError:
            raise InvalidInput(
                "There is a connection called {name} already. Choose another name.", field="name", name=name or ""
            ) from None

    def _store(
        self,
        session: Session,
        actor: Actor,
        name: str | None,
        kind: str,
        token: str,
        data_centre: str,
        account: Account,
    ) -> Connection:
        now = self._database.now(session)
        connection = session.scalar(
            select(Connection).where(Connection.workspace_id == actor.workspace_id, Connection.account_id == account.id)
        )
        if connection is None:
            connection = Connection(
                workspace_id=actor.workspace_id,
                name=name or _free_name(session, actor.workspace_id, account.name),
                account_id=account.id,
                shared_with=Sharing.ADMINS.value,
                shared_people=[],
                created_by=actor.person,
                created_at=now,
            )
            session.add(connection)
        connection.account_name = account.name[:200]
        connection.data_centre = data_centre
        connection.kind = kind
        connection.sealed_credential = self._vault.seal(token)
        connection.reconnect_needed = False
        session.flush()
        audit.record(
            session, actor, now, "connection.connected", connection.name, {"account": account.name, "kind": kind}
        )
        return connection


def _free_name(session: Session, workspace_id: int, account_name: str) -> str:
    """The account's name, with a number if another connection of the workspace is called so."""
    name = " ".join(account_name.split())[:190] or "Mailchimp"
    taken = set(session.scalars(select(Connection.name).where(Connection.workspace_id == workspace_id)))
    return next(one for one in (name, *(f"{name} {number}" for number in range(2, len(taken) + 3))) if one not in taken)
