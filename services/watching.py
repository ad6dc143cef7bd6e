"""Whether the source can be read: whoever waits for its refreshes is told when it cannot be, and when it can be again.

Once for each change, whoever looks and however often: what was told stands in the destinations' rows and is claimed in the
transaction that queues the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.errors import PostinoError, Unavailable
from services.runs import as_reason
from services.sources import BeingRefreshed, ProfileSource
from storage import outbox
from storage.database import Database, changed_one
from storage.models import PLAN, Destination, Json, Run, RunStatus

UNREADABLE = "source.unreadable"
"""The kind of message that says that the source cannot be read."""
READABLE = "source.readable"
"""The kind of message that says that it can be read again."""
PATIENCE = timedelta(minutes=1)
"""How long the source must have been unreadable before anybody is told: a folder may be put in the place of another."""
PASSING = timedelta(minutes=10)
"""The same where the trouble may pass by itself, such as a server that is started anew."""

log = structlog.get_logger()


@dataclass
class Watching:
    """Looks at the source for the destinations whose schedules wait for its refreshes."""

    database: Database
    source: ProfileSource

    def look(self, waiting: Sequence[Destination], now: datetime) -> str | None:
        """The refresh the source shows; None while one is being written, and while the source cannot be read."""
        try:
            refresh = self.source.refresh_marker().id[:200]
        except BeingRefreshed:
            log.info("source.being_refreshed")
            # What came before was part of it, unless people were told.
            self.forget(one for one in waiting if one.unreadable_told is None)
            return None
        except PostinoError as error:
            log.info("source.unreadable", kind=type(error).__name__)
            self._unreadable(error, waiting, now)
            return None
        self._readable(waiting, now)
        return refresh

    def forget(self, others: Iterable[Destination]) -> None:
        """Nobody is told any more about destinations that wait for no refresh now."""
        touched = [one for one in others if one.unreadable_since is not None]
        if touched:
            with self.database.write() as session:
                for one in touched:
                    _note(session, one, since=None, told=None)

    def _unreadable(self, error: PostinoError, waiting: Sequence[Destination], now: datetime) -> None:
        begun = [one for one in waiting if one.unreadable_since is None]
        due = [one for one in waiting if _is_due(one, error, now)]
        if not begun and not due:
            return
        name = self.source.name  # asked outside of the transaction: it may look into the folder
        with self.database.write() as session:
            for one in begun:
                _note(session, one, since=now, told=None)
            telling = [one for one in due if not _told_by_a_run(session, one, error)]
            claimed = [
                one for one in telling if _note(session, one, since=one.unreadable_since, told=error.message[:300])
            ]
            _tell(session, UNREADABLE, name, claimed, now, as_reason(error))

    def _readable(self, waiting: Sequence[Destination], now: datetime) -> None:
        changed = [one for one in waiting if one.unreadable_since is not None]
        if not changed:
            return
        name = self.source.name
        with self.database.write() as session:
            claimed = [one for one in changed if _note(session, one, since=None, told=None)]
            _tell(session, READABLE, name, [one for one in claimed if one.unreadable_told is not None], now, {})


def _tell(session: Session, kind: str, source: str, told: Iterable[Destination], now: datetime, reason: Json) -> None:
    """Queue one message for all destinations of a workspace that are told of in one place and language."""
    together: dict[tuple[int, str, str], list[Destination]] = {}
    for one in told:
        place = one.channel or one.created_by
        together.setdefault((one.workspace_id, place, one.language), []).append(one)
    for (workspace_id, _, language), some in together.items():
        values = {
            "source": source,
            "destinations": [one.name for one in some],
            "since": min(one.unreadable_since or now for one in some).timestamp(),
            "zone": some[0].time_zone,
            "reason": reason,
            "channel": some[0].channel,
            "language": language,
            "people": list(dict.fromkeys(one.created_by for one in some)),
            "mentions": list(dict.fromkeys(person for one in some for person in one.mentions)),
        }
        outbox.add(session, workspace_id, kind, values, now)


def _is_due(destination: Destination, error: PostinoError, now: datetime) -> bool:
    """Whether it is time to tell of this trouble, if it was not told by then; what may pass is no other trouble than before."""
    since, told, passing = destination.unreadable_since, destination.unreadable_told, isinstance(error, Unavailable)
    if since is None or told == error.message[:300] or (told is not None and passing):
        return False
    return now - since >= (PASSING if passing else PATIENCE)


def _told_by_a_run(session: Session, destination: Destination, error: PostinoError) -> bool:
    """Whether an export has failed of the same since then, and so has said it: the source may have broken while it was read."""
    statement = select(Run).where(Run.destination_id == destination.id, Run.verifies.is_(None), Run.trigger != PLAN)
    last = session.scalar(statement.order_by(Run.id.desc()).limit(1))
    if last is None or last.status != RunStatus.FAILED or last.reason.get("message") != error.message:
        return False
    since, ended = destination.unreadable_since, last.finished_at
    return since is not None and ended is not None and ended >= since - PATIENCE


def _note(session: Session, seen: Destination, *, since: datetime | None, told: str | None) -> bool:
    """Whether the row was still as it was ``seen``: nobody else has told it meanwhile."""
    statement = (
        update(Destination)
        .where(
            Destination.id == seen.id,
            Destination.unreadable_since.is_not_distinct_from(seen.unreadable_since),
            Destination.unreadable_told.is_not_distinct_from(seen.unreadable_told),
        )
        .values(unreadable_since=since, unreadable_told=told)
        .execution_options(synchronize_session=False)
    )
    return changed_one(session, statement)
