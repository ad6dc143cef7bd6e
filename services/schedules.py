"""The ``schedules`` duty: an export with every refresh of the source, or when its time has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import select

from services.access import Actor, Standing
from services.errors import PostinoError
from services.runs import Order, Runs
from services.sources import ProfileSource
from services.timetable import crontab
from storage.database import Database
from storage.models import Destination

SCHEDULE = "schedule"
"""The person recorded for what a schedule started."""

NextTime = Callable[[str, str, datetime], datetime | None]
"""From a crontab line, a time zone and a moment: the next time after it. The engine brings the arithmetic."""

log = structlog.get_logger()


@dataclass
class Schedules:
    """Asks for the runs that are due."""

    database: Database
    source: ProfileSource
    runs: Runs
    next_time: NextTime

    def __call__(self) -> bool:
        """Ask for every run whose refresh or time has come; whether there was one."""
        with self.database.read() as session:
            scheduled = list(session.scalars(select(Destination).where(Destination.schedule != "manual")))
            now = self.database.now(session)
        refresh = self._refresh() if any(one.schedule == "refresh" for one in scheduled) else None
        asked = False
        for destination in scheduled:
            if destination.schedule == "refresh":
                asked |= refresh is not None and self._after_refresh(destination, refresh)
            else:
                asked |= self._by_time(destination, now)
        return asked

    def _refresh(self) -> str | None:
        try:
            return self.source.refresh_marker().id[:200]
        except PostinoError as error:
            log.info("schedules.source_not_ready", kind=type(error).__name__)
            return None

    def _after_refresh(self, destination: Destination, refresh: str) -> bool:
        if destination.refresh_seen == refresh:
            return False
        with self.database.write() as session:
            session.get_one(Destination, destination.id).refresh_seen = refresh
        return destination.refresh_seen is not None and self._ask(
            destination, f"refresh-{destination.id}-{refresh}"[:100]
        )

    def _by_time(self, destination: Destination, now: datetime) -> bool:
        line = crontab(destination.schedule)
        if line is None:
            return False
        due = destination.next_run_at is not None and destination.next_run_at <= now
        if due or destination.next_run_at is None:
            with self.database.write() as session:
                row = session.get_one(Destination, destination.id)
                row.next_run_at = self.next_time(line, destination.time_zone, now)
        return due and self._ask(destination, f"time-{destination.id}-{destination.next_run_at:%Y%m%d%H%M}")

    def _ask(self, destination: Destination, key: str) -> bool:
        actor = Actor(destination.workspace_id, SCHEDULE, Standing.ADMINISTRATOR)
        try:
            self.runs.request(actor, destination, Order(trigger=SCHEDULE), key=key)
        except PostinoError as error:
            log.info("schedules.skipped", destination=destination.id, kind=type(error).__name__)
            return False
        return True
