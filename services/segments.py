"""Segments as people see them: counts, how they changed over the last refreshes, and which destinations use each."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from services import access, resizing
from services.access import Actor
from services.errors import NotFound, PostinoError
from services.sources import ProfileSource, RefreshMarker, Segment
from storage.database import Database, insert_for
from storage.models import Destination, SegmentCount, Workspace

TREND = 8
"""Over how many refreshes the small trend goes."""
KEPT = timedelta(days=400)
"""How long counts are kept: a year, and something to compare its beginning with."""

DATED = func.coalesce(SegmentCount.refreshed_at, SegmentCount.seen_at)
"""When a count was true first."""
ACTIVE = "active"

log = structlog.get_logger()


class Order(enum.StrEnum):
    """How the list is sorted: by name; the largest, what changed most, what is not active or what was refreshed last first."""

    NAME = "name"
    SIZE = "size"
    CHANGE = "change"
    STATE = "state"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Overview:
    """A segment with its counts over the last refreshes, the present one last, and the names of its destinations."""

    segment: Segment
    trend: tuple[int, ...]
    used_by: tuple[str, ...]

    @property
    def change(self) -> int | None:
        """How much it grew since the refresh before; None if there was none."""
        return self.trend[-1] - self.trend[-2] if len(self.trend) > 1 else None


@dataclass(frozen=True, slots=True)
class Size:
    """A segment's profile count, and when the source was refreshed; when it was first seen where the source does not tell."""

    at: datetime
    profiles: int


@dataclass(frozen=True, slots=True)
class Kept:
    """The counts of the last refresh that was seen, by what people call the segments, and when that was."""

    at: datetime
    counts: list[tuple[str, int]]


class Segments:
    """The source's segments, as one workspace sees them. Called as a duty it notes the counts of every refresh."""

    def __init__(self, database: Database, source: ProfileSource) -> None:
        self._database = database
        self._source = source
        self._noted = ""
        self._called: dict[str, str] = {}

    def __call__(self) -> bool:
        """The ``segments`` duty: note the counts of a new refresh for every workspace; never more to do at once."""
        try:
            refresh = self._source.refresh_marker()
            if refresh.id == self._noted:
                return False
            segments = self._read()
        except PostinoError as error:
            log.info("segments.not_counted", error=str(error))
            return False
        with self._database.write() as session:
            workspaces = session.scalars(select(Workspace.id)).all()
            for workspace_id in workspaces:
                self._note(session, workspace_id, refresh, segments)
            session.execute(delete(SegmentCount).where(SegmentCount.seen_at < self._database.now(session) - KEPT))
        self._noted = refresh.id if workspaces else ""
        return False

    def overview(self, actor: Actor, search: str = "", order: Order = Order.NAME) -> list[Overview]:
        """All segments whose names contain every word of ``search``; also notes their counts."""
        access.require_member(actor)
        refresh = self._source.refresh_marker()
        segments = self._read()
        with self._database.write() as session:
            self._note(session, actor.workspace_id, refresh, segments)
            trends = _trends(session, actor.workspace_id)
        used = self._users(actor.workspace_id)
        words = search.casefold().split()
        found = [
            Overview(
                segment,
                tuple(trends.get(segment.name, ())[-TREND:]) or (segment.profile_count,),
                tuple(used.get(segment.name, ())),
            )
            for segment in segments
            if all(word in f"{segment.name} {segment.display_name}".casefold() for word in words)
        ]
        if order is Order.SIZE:
            found.sort(key=lambda one: -one.segment.profile_count)
        if order is Order.CHANGE:
            found.sort(key=lambda one: -abs(one.change or 0))
        if order is Order.STATE:
            found.sort(key=lambda one: (one.segment.state.casefold() == ACTIVE, one.segment.state.casefold()))
        if order is Order.REFRESH:
            found.sort(key=lambda one: -one.segment.last_refreshed.timestamp() if one.segment.last_refreshed else 0.0)
        return found

    def kept(self, actor: Actor, search: str = "") -> Kept | None:
        """What was counted in the last refresh that was seen, of the segments whose names contain every word of ``search``.

        They are called as people called them when the source was read last. None if none was seen. It asks the source nothing.
        """
        access.require_member(actor)
        own = SegmentCount.workspace_id == actor.workspace_id
        with self._database.read() as session:
            last = session.execute(
                select(SegmentCount.refresh, DATED).where(own).order_by(DATED.desc()).limit(1)
            ).one_or_none()
            if last is None:
                return None
            refresh, at = last
            rows = session.execute(
                select(SegmentCount.segment, SegmentCount.profiles).where(own, SegmentCount.refresh == refresh)
            )
            words, called = search.casefold().split(), self._called
            found = [
                (called.get(name, name), count)
                for name, count in rows
                if all(word in f"{name} {called.get(name, '')}".casefold() for word in words)
            ]
        return Kept(at, sorted(found, key=lambda one: one[0].casefold()))

    def sizes(self, actor: Actor, name: str) -> tuple[Segment, list[Size]]:
        """A segment and its profile counts over time, oldest first. Raises NotFound."""
        access.require_member(actor)
        segment = next((one for one in self._read() if one.name == name), None)
        if segment is None:
            raise NotFound("The source has no segment {name} any more.", name=name)
        with self._database.read() as session:
            statement = select(DATED, SegmentCount.profiles).where(
                SegmentCount.workspace_id == actor.workspace_id, SegmentCount.segment == name
            )
            return segment, [Size(*row) for row in session.execute(statement.order_by(DATED))]

    def display_names(self) -> dict[str, str]:
        """What people call each segment, by name; as it was read last while the source cannot be read."""
        try:
            self._read()
        except PostinoError as error:
            log.info("segments.not_named", error=str(error))
        return self._called

    def _read(self) -> Sequence[Segment]:
        """The segments as the source has them now. Raises what the source raises."""
        segments = self._source.segments()
        self._called = {segment.name: segment.display_name for segment in segments}
        return segments

    def _note(self, session: Session, workspace_id: int, refresh: RefreshMarker, segments: Sequence[Segment]) -> None:
        """Keep this refresh's counts, if they are not kept already, and tell of those that have changed unusually."""
        key = refresh.id[:200]
        of_refresh = (SegmentCount.workspace_id == workspace_id, SegmentCount.refresh == key)
        known = session.scalar(select(func.count()).select_from(SegmentCount).where(*of_refresh)) or 0
        if known >= len(segments):
            return
        now = self._database.now(session)
        if not known:
            resizing.tell(session, workspace_id, key, _last_counts(session, workspace_id, key), segments, now)
        others = (SegmentCount.workspace_id == workspace_id, SegmentCount.refresh != key)
        last = session.scalar(select(func.max(DATED)).where(*others))
        rows = [
            {
                "workspace_id": workspace_id,
                "segment": one.name,
                "refresh": key,
                "profiles": one.profile_count,
                "seen_at": now,
                "refreshed_at": _when(refresh, last, now),
            }
            for one in segments
        ]
        session.execute(insert_for(session, SegmentCount).on_conflict_do_nothing(), rows)

    def _users(self, workspace_id: int) -> dict[str, list[str]]:
        used: dict[str, list[str]] = {}
        with self._database.read() as session:
            statement = select(Destination).where(
                Destination.workspace_id == workspace_id, Destination.removal.is_(None)
            )
            for destination in session.scalars(statement.order_by(Destination.name)):
                for chosen in destination.segments:
                    used.setdefault(chosen.segment, []).append(destination.name)
        return used


def _when(refresh: RefreshMarker, last: datetime | None, now: datetime) -> datetime | None:
    """When the refresh was, as the source tells it; None for what cannot be: in the future, or not after the ``last`` one.

    Files that are copied keep their old times, and one that is taken away leaves none.
    """
    told = refresh.finished_at
    return told if told is not None and told <= now and (last is None or told > last) else None


def _last_counts(session: Session, workspace_id: int, refresh: str) -> dict[str, int]:
    """The counts by segment of the refresh before this one; none if there was none."""
    of_others = (SegmentCount.workspace_id == workspace_id, SegmentCount.refresh != refresh)
    newest = select(SegmentCount.refresh).where(*of_others).group_by(SegmentCount.refresh)
    last = session.scalar(newest.order_by(func.max(DATED).desc(), func.max(SegmentCount.seen_at).desc()).limit(1))
    statement = select(SegmentCount.segment, SegmentCount.profiles).where(*of_others, SegmentCount.refresh == last)
    return dict(session.execute(statement).all())


def _trends(session: Session, workspace_id: int) -> dict[str, list[int]]:
    """The counts of the last refreshes by segment, oldest first."""
    latest = (
        select(SegmentCount.refresh)
        .where(SegmentCount.workspace_id == workspace_id)
        .group_by(SegmentCount.refresh)
        .order_by(func.max(DATED).desc())
        .limit(TREND)
    )
    counts = (
        select(SegmentCount.segment, SegmentCount.profiles)
        .where(SegmentCount.workspace_id == workspace_id, SegmentCount.refresh.in_(session.scalars(latest).all()))
        .order_by(DATED)
    )
    trends: dict[str, list[int]] = {}
    for segment, profiles in session.execute(counts):
        trends.setdefault(segment, []).append(profiles)
    return trends
