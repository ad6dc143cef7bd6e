"""Step 6, later: at least ten minutes after a run its tags are read in full, repaired once, and what was repaired is reported.

The repair is an ordinary run that is allowed nothing but putting back tags the verified run had put on.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, func, or_, select, update

from services.access import Actor, Standing
from services.errors import PostinoError
from services.runs import AlreadyExporting, Order, Runs
from storage.database import Database
from storage.models import Run, RunStatus

AFTER = timedelta(minutes=10)
NOT_AFTER = timedelta(hours=24)
VERIFY = "verify"


@dataclass
class Verifying:
    """The ``verify`` duty."""

    database: Database
    runs: Runs

    def __call__(self) -> bool:
        """Ask for the verification of one run that has settled; whether there was one."""
        with self.database.read() as session:
            due = list(session.scalars(_due(self.database.now(session))))
        return any(self._ask(run) for run in due)

    def _ask(self, run: Run) -> bool:
        """Whether the run is verified now. While its destination is exported it is put off; else it is tried once."""
        actor = Actor(run.workspace_id, VERIFY, Standing.ADMINISTRATOR)
        asked = False
        with suppress(PostinoError):
            try:
                self.runs.request(
                    actor, run.destination, Order(trigger=VERIFY, verifies=run.id), key=f"verify-{run.id}"
                )
                asked = True
            except AlreadyExporting:
                return False
        with self.database.write() as session:
            session.execute(update(Run).where(Run.id == run.id).values(verified=True))
        return asked


def _due(now: datetime) -> Select[Run]:
    """Of each destination the last run that sent something and ended well, if it has settled and was not verified yet."""
    ended_well = Run.status.in_((RunStatus.SUCCESSFUL, RunStatus.REJECTS))
    sent = or_(*(Run.counters[name].as_integer() > 0 for name in ("new", "updated", "tags_only")))
    exports = ended_well, sent, Run.verifies.is_(None), Run.preview.is_(False)
    latest = select(func.max(Run.id)).where(*exports).group_by(Run.destination_id)
    settled = and_(Run.finished_at < now - AFTER, Run.finished_at > now - NOT_AFTER)
    return select(Run).where(Run.id.in_(latest), Run.verified.is_(False), settled).order_by(Run.id)
