"""Authorised Mailchimp accounts: connected by API key or by signing in, sealed, shared, removed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services import access, audit, revocations
from services.access import Actor, Sharing
from services.errors import InvalidInput, NotFound, ReconnectNeeded, Refused
from services.mailchimp import EXPORT, INTERACTIVE, Mailchimp, Pacers, Patience, oauth
from services.mailing import Account, Audience, MailingService, MergeField, Meter, Tag
from services.terms import Terms, terms_after, terms_of
from storage.database import Database
from storage.models import Connection
from storage.vault import SealBrokenError, Vault

Answer = TypeVar("Answer")

LATELY = 300.0
"""Seconds for which audiences are remembered for a person who searches them: one answer for all letters typed."""


class Connections:
    """All connections of all workspaces."""

    def __init__(self, database: Database, vault: Vault, api_url: str | None, login_url: str | None) -> None:
        self._database = database
        self._vault = vault
        self._api_url = api_url
        self._login_url = login_url
        self._pacers = Pacers()
        self._audiences: dict[int, tuple[float, tuple[Audience, ...]]] = {}

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

    def add_with_grant(self, actor: Actor, grant: oauth.Grant, only: Connection | None = None) -> Connection:
        """Connect the account somebody signed in to. With ``only``, connect that one again.

        Raises Refused for another account than that one's: destinations would go to other audiences.
        """
        access.require_administrator(actor)
        return self._connect(actor, None, "oauth", grant.token, grant.data_centre, only=only)

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
            self._share(session, actor, self._own(session, actor, connection_id), sharing, people)

    def change(self, actor: Actor, connection_id: int, shown: Terms, chosen: Terms) -> None:
        """Write what somebody who was shown some terms has changed of them. Administrators only.

        Raises InvalidInput for a ceiling below 1, and Refused if somebody else changed the same meanwhile; nothing is
        written then.
        """
        access.require_administrator(actor)
        with self._database.write() as session:
            connection = self._own(session, actor, connection_id)
            now = terms_of(connection)
            after = terms_after(connection, shown, chosen)
            if (after.sharing, after.people) != (now.sharing, now.people):
                self._share(session, actor, connection, after.sharing, after.people)
            if after.ceiling != now.ceiling:
                self._limit(session, actor, connection, after.ceiling)

    def _share(
        self, session: Session, actor: Actor, connection: Connection, sharing: Sharing, people: Sequence[str]
    ) -> None:
        connection.shared_with, connection.shared_people = sharing.value, list(people)
        details = {"shared_with": sharing.value, "people": list(people)}
        audit.record(session, actor, self._database.now(session), "connection.shared", connection.name, details)

    def _limit(self, session: Session, actor: Actor, connection: Connection, contacts: int | None) -> None:
        if contacts is not None and contacts < 1:
            raise InvalidInput("A contact ceiling is a number above 0.", field="ceiling")
        connection.contact_ceiling = contacts
        now = self._database.now(session)
        audit.record(session, actor, now, "connection.ceiling", connection.name, {"contacts": contacts})

    def open(self, connection: Connection, meter: Meter, stop: threading.Event) -> MailingService:
        """The account for an export: patient, counted, at the account's one pace."""
        return self._mailchimp(connection, EXPORT, meter, stop, holds_run=True)

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

    def mark_reconnect_needed(self, connection_id: int, *, needed: bool, by: str | None = None) -> bool:
        """Note that the credential was revoked, or works again; whether that is news, of which everybody but ``by`` is told."""
        with self._database.write() as session:
            return revocations.note(session, connection_id, self._database.now(session), needed=needed, by=by)

    def _ask(self, connection: Connection, question: Callable[[MailingService], Answer]) -> Answer:
        return question(self._mailchimp(connection, INTERACTIVE, Meter(), threading.Event(), holds_run=False))

    def _mailchimp(
        self, connection: Connection, patience: Patience, meter: Meter, stop: threading.Event, *, holds_run: bool
    ) -> Mailchimp:
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
            pacer=self._pacers.of(connection.account_id, holds_run=holds_run),
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
            raise _another_account(kind, account.name, only.account_name)
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
        session.flush()
        revocations.note(session, connection.id, now, needed=False, by=actor.person)
        audit.record(
            session, actor, now, "connection.connected", connection.name, {"account": account.name, "kind": kind}
        )
        return connection


def _another_account(kind: str, account: str, expected: str) -> Refused:
    if kind == "oauth":
        return Refused(
            "You signed in to the Mailchimp account {account}, but this connection belongs to {expected}. Nothing was "
            "changed. Sign out of Mailchimp, then sign in again as {expected}.",
            account=account,
            expected=expected,
        )
    return Refused(
        "This belongs to the Mailchimp account {account}, not to {expected}. Nothing was changed. "
        "Connect it as a new connection with /postino-connect.",
        account=account,
        expected=expected,
    )


def _free_name(session: Session, workspace_id: int, account_name: str) -> str:
    """The account's name, with a number if another connection of the workspace is called so."""
    name = " ".join(account_name.split())[:190] or "Mailchimp"
    taken = set(session.scalars(select(Connection.name).where(Connection.workspace_id == workspace_id)))
    return next(one for one in (name, *(f"{name} {number}" for number in range(2, len(taken) + 3))) if one not in taken)
