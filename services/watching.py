"""Whether the source can be read: whoever waits for its refreshes is told when it cannot be, and when it can be again.

So they are of a refresh that does not end, because no export starts before it has.

Once for each change, whoever looks and however often: what was told stands in the destinations' rows and is claimed in the
transaction that queues the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

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
REFRESHING = "source.refreshing"
"""The kind of message that says that a refresh of the source does not end."""
REFRESHED = "source.refreshed"
"""The kind of message that says that it has ended."""
PATIENCE = timedelta(minutes=1)
"""How long the source must have been unreadable before anybody is told: a folder may be put in the place of another."""
PASSING = timedelta(minutes=10)
"""The same where the trouble may pass by itself, such as a server that is started anew."""
LONGEST_REFRESH = timedelta(hours=6)
"""How long a refresh may be written before people are told that it does not end: as long as an export waits for anything."""

log = structlog.get_logger()


class Wait(NamedTuple):
    """What a destination's row says of its waiting for the source; empty if all is well.

    ``refreshing`` goes on through moments in which the source cannot be read, until people are told of those instead.
    """

    unreadable: datetime | None = None
    refreshing: datetime | None = None
    told: str | None = None


@dataclass
class Watching:
    """Looks at the source for the destinations whose schedules wait for its refreshes."""

    database: Database
    source: ProfileSource

    def look(self, waiting: Sequence[Destination], now: datetime) -> str | None:
        """The refresh the source shows; None while one is being written, and while the source cannot be read."""
        try:
            refresh = self.source.refresh_marker().id[:200]
        except BeingRefreshed as error:
            log.info("source.being_refreshed")
            self._being_refreshed(error, waiting, now)
            return None
        except PostinoError as error:
            log.info("source.unreadable", kind=type(error).__name__)
            self._unreadable(error, waiting, now)
            return None
        self._readable(waiting, now)
        return refresh

    def forget(self, others: Iterable[Destination]) -> None:
        """Nobody is told any more about destinations that wait for no refresh now."""
        touched = [one for one in others if _wait(one) != Wait()]
        if touched:
            with self.database.write() as session:
                for one in touched:
                    _note(session, one, Wait())

    def _being_refreshed(self, error: BeingRefreshed, waiting: Sequence[Destination], now: datetime) -> None:
        """Nothing is wrong, unless it lasts. What was unreadable before was part of it, if people were not told."""
        untold = [one for one in waiting if one.unreadable_told is None]
        begun = [one for one in untold if one.refreshing_since is None or one.unreadable_since is not None]
        due = [one for one in untold if one not in begun and _lasts(one, now)]
        if not begun and not due:
            return
        name = self.source.name  # asked outside of the transaction: it may look into the folder
        with self.database.write() as session:
            for one in begun:
                _note(session, one, Wait(refreshing=one.refreshing_since or now))
            telling = [one for one in due if not _told_by_a_run(session, one, one.refreshing_since, error)]
            claimed = [one for one in telling if _note(session, one, _wait(one)._replace(told=error.message[:300]))]
            _tell(session, REFRESHING, name, claimed, now)

    def _unreadable(self, error: PostinoError, waiting: Sequence[Destination], now: datetime) -> None:
        begun = [one for one in waiting if one.unreadable_since is None]
        due = [one for one in waiting if _is_due(one, error, now)]
        if not begun and not due:
            return
        name = self.source.name  # asked outside of the transaction, as above
        with self.database.write() as session:
            for one in begun:
                _note(session, one, _wait(one)._replace(unreadable=now))
            telling = [one for one in due if not _told_by_a_run(session, one, one.unreadable_since, error)]
            claimed = [
                one
                for one in telling
                if _note(session, one, Wait(unreadable=one.unreadable_since, told=error.message[:300]))
            ]
            _tell(session, UNREADABLE, name, claimed, now, as_reason(error))

    def _readable(self, waiting: Sequence[Destination], now: datetime) -> None:
        changed = [one for one in waiting if _wait(one) != Wait()]
        if not changed:
            return
        name = self.source.name
        with self.database.write() as session:
            claimed = [one for one in changed if _note(session, one, Wait())]
            told = [one for one in claimed if one.unreadable_told is not None]
            _tell(session, REFRESHED, name, [one for one in told if one.refreshing_since is not None], now)
            _tell(session, READABLE, name, [one for one in told if one.refreshing_since is None], now)


def endless_since(waiting: Destination, now: datetime) -> datetime | None:
    """Since when a destination waits for a refresh that does not end; None while it may."""
    return waiting.refreshing_since if _lasts(waiting, now) else None


def _tell(
    session: Session, kind: str, source: str, told: Iterable[Destination], now: datetime, reason: Json | None = None
) -> None:
    """Queue one message for all destinations of a workspace that are told of in one place and language."""
    together: dict[tuple[int, str, str], list[Destination]] = {}
    for one in told:
        place = one.channel or one.created_by
        together.setdefault((one.workspace_id, place, one.language), []).append(one)
    for (workspace_id, _, language), some in together.items():
        begun = [one.refreshing_since if kind in (REFRESHING, REFRESHED) else one.unreadable_since for one in some]
        values = {
            "source": source,
            "destinations": [one.name for one in some],
            "since": min(since or now for since in begun).timestamp(),
            "zone": some[0].time_zone,
            "reason": reason or {},
            "channel": some[0].channel,
            "language": language,
            "people": list(dict.fromkeys(one.created_by for one in some)),
            "mentions": list(dict.fromkeys(person for one in some for person in one.mentions)),
        }
        outbox.add(session, workspace_id, kind, values, now)


def _lasts(destination: Destination, now: datetime) -> bool:
    since = destination.refreshing_since
    return since is not None and now - since >= LONGEST_REFRESH


def _is_due(destination: Destination, error: PostinoError, now: datetime) -> bool:
    """Whether it is time to tell of this trouble, if it was not told by then; what may pass is no other trouble than before."""
    since, told, passing = destination.unreadable_since, destination.unreadable_told, isinstance(error, Unavailable)
    if since is None or told == error.message[:300] or (told is not None and passing):
        return False
    return now - since >= (PASSING if passing else PATIENCE)


def _told_by_a_run(session: Session, destination: Destination, since: datetime | None, error: PostinoError) -> bool:
    """Whether an export has failed of the same since then, and so has said it: the source may have broken while it was read."""
    statement = select(Run).where(Run.destination_id == destination.id, Run.verifies.is_(None), Run.trigger != PLAN)
    last = session.scalar(statement.order_by(Run.id.desc()).limit(1))
    if last is None or last.status != RunStatus.FAILED or last.reason.get("message") != error.message:
        return False
    ended = last.finished_at
    return since is not None and ended is not None and ended >= since - PATIENCE


def _wait(destination: Destination) -> Wait:
    return Wait(destination.unreadable_since, destination.refreshing_since, destination.unreadable_told)


def _note(session: Session, seen: Destination, wait: Wait) -> bool:
    """Whether the row was still as it was ``seen``: nobody else has told it meanwhile."""
    statement = (
        update(Destination)
        .where(
            Destination.id == seen.id,
            Destination.unreadable_since.is_not_distinct_from(seen.unreadable_since),
            Destination.refreshing_since.is_not_distinct_from(seen.refreshing_since),
            Destination.unreadable_told.is_not_distinct_from(seen.unreadable_told),
        )
        .values(unreadable_since=wait.unreadable, refreshing_since=wait.refreshing, unreadable_told=wait.told)
        .execution_options(synchronize_session=False)
    )
    return changed_one(session, statement)
