"""Whether Mailchimp still lets a connection in, and who hears when that has changed: once, in the transaction of the change.

The channels of all destinations that use the connection hear of it, and whoever made the connection: they can connect it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.access import COMMAND_LINE
from storage import outbox
from storage.database import changed_one
from storage.models import Connection, Destination, Json

REVOKED, ACCEPTED = "connection_revoked", "connection_accepted"
"""The kinds of messages that tell of it."""


def note(
    session: Session,
    connection_id: int,
    now: datetime,
    *,
    needed: bool,
    by: str | None = None,
    heard_in: str | None = None,
) -> bool:
    """Note whether a connection must be connected again; whether that is news, of which everybody concerned is told.

    ``by`` is who has just connected it and ``heard_in`` the channel that is told anyway: neither hears of it again.
    """
    changed = update(Connection).where(Connection.id == connection_id, Connection.reconnect_needed.is_not(needed))
    if not changed_one(session, changed.values(reconnect_needed=needed)):
        return False
    connection = session.get_one(Connection, connection_id)
    kind = REVOKED if needed else ACCEPTED
    for values in _told(session, connection, by, heard_in):
        outbox.add(session, connection.workspace_id, kind, values, now)
    return True


def is_true(session: Session, kind: str, connection_id: int) -> bool:
    """Whether what a message of this kind tells is still so: while Slack was away it may have changed again."""
    needed = session.scalar(select(Connection.reconnect_needed).where(Connection.id == connection_id))
    return needed is (kind == REVOKED)


def _told(session: Session, connection: Connection, by: str | None, heard_in: str | None) -> Iterator[Json]:
    """What each channel, and then each person, is told."""
    using = select(Destination).where(Destination.connection_id == connection.id, Destination.removal.is_(None))
    destinations = list(session.scalars(using.order_by(Destination.name)))
    about: Json = {"connection": connection.id, "name": connection.name, "account": connection.account_name}
    for channel in dict.fromkeys(one.channel for one in destinations if one.channel):
        here = [one for one in destinations if one.channel == channel]
        if channel != heard_in:
            yield about | {
                "channel": channel,
                "language": here[0].language,
                "people": list(dict.fromkeys(one.created_by for one in here)),
                "mentions": list(dict.fromkeys(person for one in here for person in one.mentions)),
                "destinations": [one.name for one in here],
            }
    for person in _people(connection, destinations):
        if person != by:
            yield about | {"people": [person], "destinations": [one.name for one in destinations]}


def _people(connection: Connection, destinations: Sequence[Destination]) -> list[str]:
    """Who made the connection, or, where nobody in Slack did, the destinations; and who made one without a channel."""
    makers = [one.created_by for one in destinations if one.channel is None or connection.created_by == COMMAND_LINE]
    return [one for one in dict.fromkeys([connection.created_by, *makers]) if one != COMMAND_LINE]
