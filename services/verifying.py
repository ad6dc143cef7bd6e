"""Step 6, later: at least ten minutes after a run its tags are read in full, repaired once, and what was repaired is reported.

The repair is an ordinary run that is allowed nothing but putting back tags the verified run had put on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, not_, select

from services.access import Actor, Standing
from services.errors import PostinoError
from services.runs import Order, Runs
from storage import runs
from storage.database import Database
from storage.models import PLAN, Run, RunStatus

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
        with self.database.write() as session:
            now = self.database.now(session)
            latest = select(func.max(Run.id)).where(Run.trigger != PLAN, not_(runs.UNSENT)).group_by(Run.destination_id)
            run = session.scalar(
                select(Run)
                .where(
                    Run.id.in_(latest),
                    Run.status.in_((RunStatus.SUCCESSFUL, RunStatus.REJECTS)),
                    Run.verifies.is_(None),
                    Run.verified.is_(False),
                    Run.finished_at < now - AFTER,
                    Run.finished_at > now - NOT_AFTER,
                )
                .order_by(Run.id)
                .limit(1)
            )
            if run is None:
                return False
            run.verified = True
        if not any(run.counters.get(name, 0) for name in ("new", "updated", "tags_only")):
            return False
        actor = Actor(run.workspace_id, VERIFY, Standing.ADMINISTRATOR)
        try:
            self.runs.request(actor, run.destination, Order(trigger=VERIFY, verifies=run.id), key=f"verify-{run.id}")
        except PostinoError:
            return False
        return True
