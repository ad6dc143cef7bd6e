"""Removing destinations and connections: at once where nothing is being sent, else as soon as it has stopped.

What was asked for stands in the destination's row, so that it is done even if Postino is restarted meanwhile. Nobody sees or
runs a destination that is being removed.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from services import access, audit, ending, tagging
from services.access import Actor, Standing
from services.connections import Connections
from services.destinations import Destinations
from services.errors import NotFound, PostinoError, Refused, Unavailable
from services.mailing import Status
from storage import ledger, outbox, runs
from storage.database import Database
from storage.models import Connection, Destination, LedgerTag, OutboxMessage, Run, RunStatus

TRIED_FOR = timedelta(hours=24)
"""How long Mailchimp is asked to delete tags before they are left where they are."""
TOLD_WITHIN = timedelta(minutes=10)
"""How long a destination is kept so that the message of a canceled run can show it."""

TAGS_KEPT = "tags_kept"
"""The kind of message that tells of tags which Mailchimp did not delete."""

log = structlog.get_logger()


class Tags(enum.StrEnum):
    """What becomes of a removed destination's tags in Mailchimp. The values are stored: never rename one."""

    KEEP = "keep"
    DELETE = "delete"


class Users(enum.StrEnum):
    """What becomes of the destinations that use a removed connection."""

    REFUSE = "refuse"
    DETACH = "detach"
    REMOVE = "remove"


class Ending(enum.StrEnum):
    """How far a removal has come: gone, gone but for tags that Mailchimp kept, or to be finished later."""

    GONE = "gone"
    TAGS_KEPT = "tags_kept"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Kept:
    """Tags that Mailchimp did not delete for good, by name, and why."""

    names: tuple[str, ...]
    reason: PostinoError


@dataclass
class Removals:
    """Removes on demand; called as a duty it finishes what had to wait."""

    database: Database
    connections: Connections
    destinations: Destinations

    def destination(self, actor: Actor, destination_id: int, tags: Tags = Tags.KEEP) -> Ending:
        """Remove a destination: its schedule stops, its runs are canceled, its ledger is forgotten.

        Who has left the audience stays known by keyed hashes, so that nobody is added again if it is exported to once more.
        What must wait, for its run to stop or Mailchimp to answer, is finished by the duty. Raises NotFound, NotAllowed.
        """
        access.require_manage(actor, self.destinations.get(actor, destination_id))
        with self.database.write() as session:
            destination = session.get(Destination, destination_id)
            if destination is None:
                raise NotFound("This destination does not exist any more.")
            access.require_manage(actor, destination)
            self._begin(session, actor, destination, tags)
        return self._finish(destination_id)

    def connection(self, actor: Actor, connection_id: int, users: Users = Users.REFUSE) -> list[Destination]:
        """Remove a connection, and say which destinations used it: they are detached (kept, not runnable) or removed, too.

        Their tags stay in Mailchimp. Raises NotFound, NotAllowed, and Refused if it is in use and nothing was said about that.
        """
        access.require_administrator(actor)
        with self.database.write() as session:
            connection = session.get(Connection, connection_id)
            if connection is None or connection.workspace_id != actor.workspace_id:
                raise NotFound("This connection does not exist any more.")
            using = list(session.scalars(_using(connection_id)))
            if using and users is Users.REFUSE:
                raise Refused(
                    "{connection} is used by {destinations}. Remove these first, or detach them: they are kept and cannot run.",
                    connection=connection.name,
                    destinations=", ".join(one.name for one in using),
                )
            for destination in using:
                if users is Users.REMOVE:
                    self._begin(session, actor, destination, Tags.KEEP)
                else:
                    self._stop_runs(session, actor, destination)
                destination.connection = None
            for leaving in session.scalars(select(Destination).where(Destination.connection_id == connection_id)):
                leaving.connection = None
            details = {"destinations": [one.name for one in using], "users": users.value}
            audit.record(session, actor, self.database.now(session), "connection.removed", connection.name, details)
            session.delete(connection)
        for destination in using:
            if users is Users.REMOVE:
                self._finish(destination.id)
        return using

    def uses(self, actor: Actor, connection_id: int) -> list[Destination]:
        """The destinations that use a connection, by name."""
        access.require_administrator(actor)
        with self.database.read() as session:
            using = _using(connection_id).where(Destination.workspace_id == actor.workspace_id)
            return list(session.scalars(using.order_by(Destination.name)))

    def __call__(self) -> bool:
        """The ``remove`` duty: finish what can be finished now; never anything more to do at once."""
        with self.database.read() as session:
            waiting = list(session.scalars(select(Destination.id).where(Destination.removal.is_not(None))))
        for destination_id in waiting:
            self._finish(destination_id)
        return False

    def _begin(self, session: Session, actor: Actor, destination: Destination, tags: Tags) -> None:
        """Stop everything about a destination and note that it is to go. Asked again, the first wish stands."""
        if destination.removal is not None:
            return
        now = self.database.now(session)
        destination.removal, destination.removal_by, destination.removal_at = tags.value, actor.person, now
        destination.schedule, destination.next_run_at = "manual", None
        self._stop_runs(session, actor, destination)
        audit.record(session, actor, now, "destination.removed", destination.name, {"tags": tags.value})

    def _stop_runs(self, session: Session, actor: Actor, destination: Destination) -> None:
        for run in runs.unfinished(session, destination.id):
            run.cancel_requested_by = actor.person
            if run.status != RunStatus.PROCESSING:
                ending.end(session, run, RunStatus.CANCELED, self.database.now(session), {})

    def _finish(self, destination_id: int) -> Ending:
        """Remove the destination's row if nothing holds it any more."""
        with self.database.read() as session:
            destination = session.get(Destination, destination_id)
            if destination is None:
                return Ending.GONE
            if self._held(session, destination):
                return Ending.LATER
        kept = None
        if destination.removal == Tags.DELETE:
            try:
                kept = self._delete_tags(destination)
            except Unavailable as error:
                log.info("removal.tags_later", destination=destination.id, error=str(error))
                return Ending.LATER
        with self.database.write() as session:
            row = session.get(Destination, destination_id)
            if row is not None:
                if kept is not None:
                    self._tell(session, row, kept)
                _forget(session, row)
        return Ending.TAGS_KEPT if kept is not None else Ending.GONE

    def _held(self, session: Session, destination: Destination) -> bool:
        """Whether a run is still sending, or its message does not show yet that it was canceled."""
        if runs.unfinished(session, destination.id):
            return True
        assert destination.removal_at is not None
        if self.database.now(session) - destination.removal_at > TOLD_WITHIN:
            return False
        untold = exists().where(OutboxMessage.run_id == Run.id, OutboxMessage.delivered_at.is_(None))
        shown = select(Run.id).where(Run.destination_id == destination.id, Run.message_ts.is_not(None), untold)
        return session.scalar(shown.limit(1)) is not None

    def _delete_tags(self, destination: Destination) -> Kept | None:
        """Delete in Mailchimp the tags the destination made, those it left behind, too. What it took over is others' and stays.

        What Mailchimp refuses for good is given back. Raises Unavailable if it must be tried again.
        """
        taken_over = {one.segment for one in destination.segments if one.take_over}
        with self.database.read() as session:
            own = select(LedgerTag).where(LedgerTag.destination_id == destination.id, LedgerTag.tag_id.is_not(None))
            named = own.where(LedgerTag.folded_name.is_not(None))
            tags = [tag for tag in session.scalars(named) if tag.segment not in taken_over]
            tags += tagging.left_behind(session, destination)
            now = self.database.now(session)
        assert destination.removal_at is not None
        kept, reason = [], None
        for tag in tags:
            try:
                delete_tag(self.connections, destination, tag)
            except PostinoError as error:
                if isinstance(error, Unavailable) and now - destination.removal_at < TRIED_FOR:
                    raise
                kept.append(tag.name)
                reason = error
        return Kept(tuple(kept), reason) if reason is not None else None

    def _tell(self, session: Session, destination: Destination, kept: Kept) -> None:
        """Tell people, and the audit trail, which tags stay in Mailchimp although they were to be deleted."""
        now, reason = self.database.now(session), ending.as_reason(kept.reason)
        actor = Actor(destination.workspace_id, destination.removal_by or "", Standing.ADMINISTRATOR)
        details = {"reason": kept.reason.message, "tags": list(kept.names)}
        audit.record(session, actor, now, "destination.tags_kept", destination.name, details)
        values = {
            "destination": destination.name,
            "channel": destination.channel,
            "language": destination.language,
            "people": [actor.person, destination.created_by],
            "tags": list(kept.names),
            "reason": reason,
        }
        outbox.add(session, actor.workspace_id, TAGS_KEPT, values, now, once=f"{TAGS_KEPT}-{destination.id}")


def delete_tag(connections: Connections, destination: Destination, tag: LedgerTag) -> None:
    """Delete one of the destination's tags in Mailchimp. Raises Refused, ReconnectNeeded, Unavailable."""
    if destination.connection is None:
        raise Refused("{destination} has no connection to Mailchimp.", destination=destination.name)
    assert tag.tag_id is not None
    connections.delete_tag(destination.connection, destination.audience_id, tag.tag_id)


def _using(connection_id: int) -> Select[Destination]:
    return select(Destination).where(Destination.connection_id == connection_id, Destination.removal.is_(None))


def _forget(session: Session, destination: Destination) -> None:
    """Delete the destination with its runs; of ledgers that no other destination has a tag in, who has left stays known."""
    tags = list(session.scalars(select(LedgerTag).where(LedgerTag.destination_id == destination.id)))
    books = {tag.ledger_id for tag in tags}
    for tag in tags:
        ledger.release_tag(session, tag)
    for book in books:
        owned = select(LedgerTag.id).where(LedgerTag.ledger_id == book, LedgerTag.destination_id.is_not(None))
        if session.scalar(owned.limit(1)) is None:
            ledger.keep_who_left(session, book, Status.SUBSCRIBED)
    session.delete(destination)
