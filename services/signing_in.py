"""Signing in to Mailchimp in a browser: begun in a modal, and come back to it with a connection, or with why there is none."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, update

from services import access
from services.access import Actor
from services.connections import Connections
from services.errors import PostinoError, Refused
from services.mailchimp import oauth
from storage.database import Database
from storage.models import Connection, SignIn

LASTS = timedelta(minutes=15)
KEPT = timedelta(days=1)
"""How long it is remembered where a sign-in that came back too late was begun, so that it can be said there."""
DENIED = "access_denied"
"""What Mailchimp comes back with when the person has refused."""

StandingOf = Callable[[int, str], access.Standing | None]


@dataclass(frozen=True, slots=True)
class Origin:
    """The modal a sign-in is begun from: a wizard by its draft, or the one in which a connection is connected again."""

    draft_id: str | None = None
    connection_id: int | None = None
    view_id: str | None = None
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Returned:
    """A sign-in that came back: whose it was, from where, and what it connected or why it did not."""

    actor: Actor
    origin: Origin
    connection: Connection | None = None
    problem: PostinoError | None = None


@dataclass
class SignIns:
    """All sign-ins that were begun. ``app`` is None where no Mailchimp app is registered: then only API keys work."""

    database: Database
    connections: Connections
    app: oauth.App | None

    @property
    def possible(self) -> bool:
        """Whether people can sign in to Mailchimp, rather than type an API key."""
        return self.app is not None

    def begin(self, actor: Actor, origin: Origin) -> str:
        """The address where the person signs in to Mailchimp; it works once, for 15 minutes. Raises NotAllowed, Refused."""
        access.require_administrator(actor)
        if self.app is None:
            raise Refused(
                "Signing in to Mailchimp is not set up here. Paste an API key, or set MAILCHIMP_CLIENT_ID, "
                "MAILCHIMP_CLIENT_SECRET and POSTINO_PUBLIC_URL."
            )
        state = secrets.token_urlsafe(32)
        with self.database.write() as session:
            now = self.database.now(session)
            session.execute(delete(SignIn).where(SignIn.expires_at < now - KEPT))
            session.add(
                SignIn(
                    state=state,
                    workspace_id=actor.workspace_id,
                    person=actor.person,
                    draft_id=origin.draft_id,
                    connection_id=origin.connection_id,
                    view_id=origin.view_id,
                    language=origin.language,
                    expires_at=now + LASTS,
                )
            )
        return oauth.authorize_url(self.app, state)

    def set_out(self, person: str, *, draft_id: str | None = None, view_id: str | None = None) -> None:
        """Somebody leaves a modal for Mailchimp: their 15 minutes begin now, however long the modal has been open."""
        begun = update(SignIn).where(SignIn.person == person, SignIn.draft_id == draft_id, SignIn.view_id == view_id)
        with self.database.write() as session:
            session.execute(begun.values(expires_at=self.database.now(session) + LASTS))

    def finish(self, state: str, code: str, standing_of: StandingOf, *, error: str | None = None) -> Returned:
        """Turn Mailchimp's answer into a connection; whatever keeps it from becoming one is told in what is returned.

        ``error`` is what Mailchimp sent instead of a code. Whoever began it must still be an administrator by
        ``standing_of`` (workspace id, person); where that cannot tell, what they were at the click counts. Raises Refused for
        a state that is unknown or used: nobody knows where that began.
        """
        with self.database.write() as session:
            begun = session.get(SignIn, state, with_for_update=True)
            if begun is None:
                raise Refused("This sign-in has expired or was used already. Go back to Slack and start it again.")
            late = begun.expires_at < self.database.now(session)
            session.delete(begun)
        standing = standing_of(begun.workspace_id, begun.person) or access.Standing.ADMINISTRATOR
        actor = Actor(begun.workspace_id, begun.person, standing)
        origin = Origin(begun.draft_id, begun.connection_id, begun.view_id, begun.language)
        try:
            if error is not None:
                raise _ended(error)
            if late:
                raise Refused(
                    "This sign-in took longer than 15 minutes and has expired, so nothing was connected. The button in "
                    "Slack leads to Mailchimp again."
                )
            return Returned(actor, origin, connection=self._connect(actor, code, origin.connection_id))
        except PostinoError as problem:
            return Returned(actor, origin, problem=problem)

    def _connect(self, actor: Actor, code: str, connection_id: int | None) -> Connection:
        access.require_administrator(actor)
        if self.app is None:
            raise Refused("Signing in to Mailchimp is not set up here.")
        only = self.connections.get(actor, connection_id) if connection_id is not None else None
        return self.connections.add_with_grant(actor, oauth.authorise(self.app, code), only)


def _ended(error: str) -> Refused:
    """Why Mailchimp's page gave no code."""
    if error == DENIED:
        return Refused(
            "Access was denied on Mailchimp's page, so nothing was connected. The button in Slack leads there again."
        )
    return Refused(
        "Mailchimp ended the sign-in with an error, so nothing was connected. The button in Slack leads there again."
    )
