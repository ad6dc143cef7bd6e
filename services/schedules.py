"""Schedules: an export with every refresh of the source, or when its time has come; paused, resumed, and all at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog
from sqlalchemy import or_, select

from services import access, audit
from services.access import Actor, Standing
from services.binding import SCHEDULE as SCHEDULE
from services.destinations import Destinations
from services.errors import NotFound, PostinoError
from services.runs import AlreadyExporting, Order, Runs
from services.sources import ProfileSource
from services.timetable import crontab
from services.watching import Watching, endless_since
from storage.database import Database
from storage.models import FINAL, Destination, Run

SHOWN = 3
"""How many of the next times people are shown."""

NextTime = Callable[[str, str, datetime], datetime | None]
"""From a crontab line, a time zone and a moment: the next time after it. The engine brings the arithmetic."""

Due = TypeVar("Due")

log = structlog.get_logger()


@dataclass
class Schedules:
    """The ``schedules`` duty, and what people do to schedules."""

    database: Database
    source: ProfileSource
    destinations: Destinations
    runs: Runs
    next_time: NextTime

    # The duty

    def __call__(self) -> bool:
        """Ask for every run whose refresh or time has come; always says that nothing more is to be done at once.

        What was missed while Postino was down is asked for once. Trouble with one destination keeps none of the others, and
        a source that cannot be read none of those that go by the clock: their exports say so themselves.
        """
        with self.database.read() as session:
            touched = or_(
                Destination.schedule != "manual",
                Destination.unreadable_since.is_not(None),
                Destination.refreshing_since.is_not(None),
            )
            found = list(session.scalars(select(Destination).where(touched).order_by(Destination.id)))
            now = self.database.now(session)
        for destination in found:
            if destination.schedule not in ("manual", "refresh"):
                self._each(destination, self._by_time, now)
        following = [one for one in found if one.schedule == "refresh"]
        waiting = [one for one in following if one.paused_at is None]
        self._watching.forget(one for one in found if one not in waiting)
        refresh = self._watching.look(waiting, now) if following else None
        if refresh is not None:
            for destination in following:
                self._each(destination, self._after_refresh, refresh)
        return False

    @property
    def _watching(self) -> Watching:
        return Watching(self.database, self.source)

    def _each(self, destination: Destination, act: Callable[[Destination, Due], None], due: Due) -> None:
        try:
            act(destination, due)
        except Exception:
            log.exception("schedules.failed", destination=destination.id)

    def _refresh(self) -> str | None:
        """The refresh the source shows; None while one is being written, and while the source cannot be read."""
        try:
            return self.source.refresh_marker().id[:200]
        except PostinoError as error:
            log.info("schedules.source_not_ready", kind=type(error).__name__)
            return None

    def _after_refresh(self, destination: Destination, refresh: str) -> None:
        if destination.refresh_seen == refresh:
            return
        if destination.refresh_seen is not None and destination.paused_at is None:
            digest = hashlib.sha256(refresh.encode()).hexdigest()[:32]
            try:
                self._ask(destination, f"refresh-{destination.id}-{digest}")
            except AlreadyExporting:
                # The refresh is not lost: it is exported when the export that goes on has ended.
                return
        self._note(destination, refresh_seen=refresh)

    def _by_time(self, destination: Destination, now: datetime) -> None:
        due = destination.next_run_at
        if due is not None and due > now:
            return
        if due is not None and destination.paused_at is None:
            key = f"time-{destination.id}-{due:%Y%m%d%H%M}"
            try:
                self._ask(destination, key)
            except AlreadyExporting as error:
                self.runs.skip(_schedule(destination), destination, error, Order(trigger=SCHEDULE), key=key)
        self._note(destination, next_run_at=self._next(destination, now))

    def _ask(self, destination: Destination, key: str) -> None:
        """Ask for a run; one that may not start is skipped and says why. Raises AlreadyExporting."""
        actor, order = _schedule(destination), Order(trigger=SCHEDULE)
        try:
            self.runs.request(actor, destination, order, key=key)
        except (AlreadyExporting, NotFound):
            raise
        except PostinoError as error:
            self.runs.skip(actor, destination, error, order, key=key)

    def _note(self, destination: Destination, **values: object) -> None:
        with self.database.write() as session:
            row = session.get(Destination, destination.id)
            # Whoever edited the schedule meanwhile has begun it anew.
            if row is not None and row.schedule == destination.schedule and row.time_zone == destination.time_zone:
                for name, value in values.items():
                    setattr(row, name, value)

    def _next(self, destination: Destination, after: datetime) -> datetime | None:
        line = crontab(destination.schedule)
        return self.next_time(line, destination.time_zone, after) if line is not None else None

    # What people do

    def next_times(self, destination: Destination, count: int = SHOWN) -> list[datetime]:
        """When the destination is exported next; nothing while it is paused, and for ``refresh`` and ``manual``."""
        return (
            []
            if destination.paused_at is not None
            else self.upcoming(destination.schedule, destination.time_zone, count)
        )

    def upcoming(self, schedule: str, time_zone: str, count: int = SHOWN) -> list[datetime]:
        """The next times of a schedule that need not be saved; none for ``refresh`` and ``manual``. Raises InvalidInput."""
        line = crontab(schedule)
        with self.database.read() as session:
            after: datetime | None = self.database.now(session)
        times: list[datetime] = []
        while line is not None and after is not None and len(times) < count:
            after = self.next_time(line, time_zone, after)
            times += [after] if after is not None else []
        return times

    def endless_since(self, destination: Destination) -> datetime | None:
        """Since when the destination waits for a refresh of the source that does not end; None while it may."""
        with self.database.read() as session:
            return endless_since(destination, self.database.now(session))

    def pause(self, actor: Actor, destination_id: int) -> Destination:
        """Export by schedule no more until it is resumed. Pausing twice does nothing more."""
        return self._set_paused(actor, destination_id, paused=True)

    def resume(self, actor: Actor, destination_id: int) -> Destination:
        """Export by schedule again, from the next refresh or time on: what was missed meanwhile is not made up for."""
        return self._set_paused(actor, destination_id, paused=False)

    def _set_paused(self, actor: Actor, destination_id: int, *, paused: bool) -> Destination:
        destination = self.destinations.get(actor, destination_id)
        access.require_manage(actor, destination)
        if (destination.paused_at is not None) == paused:
            return destination
        refresh = None if paused else self._refresh()
        with self.database.write() as session:
            row, now = session.get_one(Destination, destination_id), self.database.now(session)
            row.paused_by, row.paused_at = (actor.person, now) if paused else (None, None)
            if not paused:
                row.next_run_at = self._next(row, now)
                row.refresh_seen = refresh or row.refresh_seen
            audit.record(session, actor, now, "schedule.paused" if paused else "schedule.resumed", row.name)
        return self.destinations.get(actor, destination_id)

    def run_all(self, actor: Actor, *, once: str) -> Sequence[tuple[Destination, Run | PostinoError]]:
        """Export now every destination with an active schedule that the person may run; each with its run or why not.

        The same ``once`` again launches nothing new, unless what it launched has ended.
        """
        outcomes: list[tuple[Destination, Run | PostinoError]] = []
        for destination in self.destinations.visible(actor):
            active = destination.schedule != "manual" and destination.paused_at is None
            if not active or not access.may_manage(actor, destination):
                continue
            try:
                key = f"{once}-{destination.id}"[-100:]
                run = self.runs.request(actor, destination, key=key)
                if run.status in FINAL:
                    run = self.runs.request(actor, destination, key=f"{run.id}-{key}"[:100])
                outcomes.append((destination, run))
            except PostinoError as error:
                outcomes.append((destination, error))
        return outcomes


def _schedule(destination: Destination) -> Actor:
    return Actor(destination.workspace_id, SCHEDULE, Standing.ADMINISTRATOR)
