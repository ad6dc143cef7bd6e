"""Digests: what a destination's scheduled exports did, told together once a day instead of one by one.

Whatever is not a success is told at once, as always. What was told until when stands in the destination's row and is written
with the message, so that every success is in one digest, whatever happens in between.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.schedules import NextTime
from storage import outbox
from storage.database import Database, changed_one
from storage.models import Destination, Json, Run, RunStatus

DIGEST = "digest"
"""The kind of message that is a digest."""
SETTLED = timedelta(minutes=1)
"""How long ago an export must have ended, so that what tells of its end has surely been written."""


@dataclass
class Digests:
    """The ``digests`` duty."""

    database: Database
    next_time: NextTime

    def __call__(self) -> bool:
        """Queue every digest whose hour has come; always says that nothing more is to be done at once.

        What was missed while Postino was down is told once.
        """
        with self.database.read() as session:
            statement = select(Destination).where(Destination.digest_hour.is_not(None), Destination.removal.is_(None))
            destinations = list(session.scalars(statement))
            until = self.database.now(session) - SETTLED
        for destination in destinations:
            since = destination.digested_until
            if since is None:
                continue
            due = self.next_time(f"0 {destination.digest_hour} * * *", destination.time_zone, since)
            if due is not None and due <= until:
                self._gather(destination, since, until)
        return False

    def _gather(self, destination: Destination, since: datetime, until: datetime) -> None:
        """Queue one digest, unless another worker has done it or there was nothing to tell."""
        with self.database.write() as session:
            claimed = (
                update(Destination)
                .where(Destination.id == destination.id, Destination.digested_until == since)
                .values(digested_until=until)
            )
            if not changed_one(session, claimed):
                return
            ended = _successes(session, destination.id, since, until)
            if ended:
                once = f"{DIGEST}-{destination.id}-{since:%Y%m%d%H%M%S}"
                values = _told(destination, ended, since)
                outbox.add(session, destination.workspace_id, DIGEST, values, self.database.now(session), once=once)


def _successes(session: Session, destination_id: int, since: datetime, until: datetime) -> list[Run]:
    """The exports that nobody asked for and that ended well in this time."""
    statement = select(Run).where(
        Run.destination_id == destination_id,
        Run.trigger != "person",
        Run.preview.is_(False),
        Run.verifies.is_(None),
        Run.status.in_((RunStatus.SUCCESSFUL, RunStatus.REJECTS)),
        Run.finished_at > since,
        Run.finished_at <= until,
    )
    return list(session.scalars(statement))


def _told(destination: Destination, ended: list[Run], since: datetime) -> Json:
    counts: Counter[str] = Counter()
    for run in ended:
        counts.update({name: count for name, count in run.counters.items() if isinstance(count, int)})
    return {
        "destination": destination.id,
        "name": destination.name,
        "audience": destination.audience_name,
        "zone": destination.time_zone,
        "channel": destination.channel,
        "language": destination.language,
        "people": [destination.created_by],
        "since": since.timestamp(),
        "exports": len(ended),
        "with_rejects": sum(run.status == RunStatus.REJECTS for run in ended),
        "counts": dict(counts),
    }
