"""The engine that needs nothing else: APScheduler rings the duties in threads of this process.

Its memory job store holds only the rings; what is to be done is in the database. (Its SQLAlchemy job store loses a job whose
process is killed, and fires twice with two processes.)
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from bot import database_errors
from storage.database import OUT_OF_REACH

log = structlog.get_logger()

Duty = Callable[[], bool]
LONGEST_CHANGE = timedelta(hours=2)
"""No zone puts its clocks forward by more at once."""


def next_time(line: str, zone: str, after: datetime) -> datetime | None:
    """The next time of a crontab line with named weekdays, after a moment, on the clocks of a time zone; in UTC.

    A time that the clocks leave out in spring comes as much later as they are put forward; one that they show twice in autumn
    counts the first time. CronTrigger is asked on a clock without changes: in a zone with them, APScheduler 3.11 gives
    the repeated hour again and again.
    """
    minute, hour, day, month, weekday = line.split()
    trigger = CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, timezone=UTC)
    local = ZoneInfo(zone)
    look: datetime = after.astimezone(local).replace(tzinfo=UTC, fold=0) - LONGEST_CHANGE
    while (shown := trigger.get_next_fire_time(None, look)) is not None:
        moment: datetime = shown.replace(tzinfo=local).astimezone(UTC)
        if moment > after:
            return moment
        look = shown + timedelta(minutes=1)
    return None


class Engine:
    """Rings each duty every so many seconds, and again at once as long as it says that there was something to do."""

    def __init__(self, duties: dict[str, tuple[Duty, float]], *, exports_at_once: int = 4) -> None:
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = BackgroundScheduler(
            timezone=ZoneInfo("UTC"), executors={"default": ThreadPoolExecutor(exports_at_once + len(duties))}
        )
        for name, (duty, seconds) in duties.items():
            self._scheduler.add_job(
                _ring,
                "interval",
                (name, duty),
                seconds=seconds,
                id=name,
                max_instances=exports_at_once if name == "export" else 1,
                coalesce=True,
                misfire_grace_time=None,
                next_run_time=datetime.now(ZoneInfo("UTC")),
            )

    def start(self) -> None:
        """Begin to ring."""
        self._scheduler.start()

    def stop(self) -> None:
        """Ring no more, and wait for the duties that are at work."""
        self._scheduler.shutdown(wait=True)


def _ring(name: str, duty: Duty) -> None:
    try:
        while duty():
            pass
    except OUT_OF_REACH as error:
        log.error("duty.without_database", duty=name, problem=str(database_errors.meaning(error)))
    except Exception:
        log.exception("duty.failed", duty=name)
