"""The ``tidy`` duty: what has served its time is removed, and approvals that nobody gave expire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete

from services import ending, rejects
from storage import runs
from storage.database import Database
from storage.models import Draft, OutboxMessage, RunStatus, SignIn

KEEP_DELIVERED = timedelta(days=30)
KEEP_DRAFTS = timedelta(days=7)
KEEP_PLANS = timedelta(days=1)
EXPIRED = "Expired"
"""The kind of reason of a run that nobody approved in time."""


@dataclass
class Tidying:
    """Small removals; cheap when there is nothing to do."""

    database: Database

    def __call__(self) -> bool:
        """Tidy once; always says that nothing more is to be done at once."""
        with self.database.write() as session:
            now = self.database.now(session)
            for run in runs.expired_approvals(session, now):
                reason = {"message": "Nobody approved this export within 24 hours.", "values": {}, "kind": EXPIRED}
                ending.end(session, run, RunStatus.CANCELED, now, reason)
            session.execute(delete(OutboxMessage).where(OutboxMessage.delivered_at < now - KEEP_DELIVERED))
            session.execute(delete(Draft).where(Draft.updated_at < now - KEEP_DRAFTS))
            runs.drop_plans(session, now - KEEP_PLANS)
            session.execute(delete(SignIn).where(SignIn.expires_at < now))
        self._drop_lists(now)
        return False

    def _drop_lists(self, now: datetime) -> None:
        """Each in a transaction of its own: a long list takes its time."""
        with self.database.read() as session:
            gone = rejects.served(runs.with_rejects(session), now)
        for run_id in gone:
            with self.database.write() as session:
                runs.drop_rejects(session, run_id)
