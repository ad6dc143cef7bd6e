"""Segments as people see them: counts, change since the last refresh, and which destinations use each."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from services import access
from services.access import Actor
from services.sources import ProfileSource, Segment
from storage.database import Database, insert_for
from storage.models import Destination, SegmentCount


@dataclass(frozen=True, slots=True)
class Overview:
    """A segment with its change since the refresh before, None if there was none, and the names of its destinations."""

    segment: Segment
    change: int | None
    used_by: tuple[str, ...]


class Segments:
    """The source's segments, as one workspace sees them."""

    def __init__(self, database: Database, source: ProfileSource) -> None:
        self._database = database
        self._source = source

    def overview(self, actor: Actor, search: str = "") -> list[Overview]:
        """All segments whose names contain every word of ``search``, by display name; also notes their counts."""
        access.require_member(actor)
        refresh = self._source.refresh_marker()
        segments = self._source.segments()
        before = self._note(actor.workspace_id, refresh.id, segments)
        used = self._users(actor.workspace_id)
        words = search.casefold().split()
        return [
            Overview(
                segment,
                segment.profile_count - before[segment.name] if segment.name in before else None,
                tuple(used.get(segment.name, ())),
            )
            for segment in segments
            if all(word in f"{segment.name} {segment.display_name}".casefold() for word in words)
        ]

    def _note(self, workspace_id: int, refresh: str, segments: list[Segment]) -> dict[str, int]:
        """Keep this refresh's counts; the counts of the refresh before."""
        if not segments:
            return {}
        with self._database.write() as session:
            statement = insert_for(session, SegmentCount).on_conflict_do_nothing()
            now = self._database.now(session)
            rows = [
                {
                    "workspace_id": workspace_id,
                    "segment": one.name,
                    "refresh": refresh[:200],
                    "profiles": one.profile_count,
                    "seen_at": now,
                }
                for one in segments
            ]
            session.execute(statement, rows)
            earlier = session.execute(
                select(SegmentCount.segment, SegmentCount.profiles)
                .where(SegmentCount.workspace_id == workspace_id, SegmentCount.refresh != refresh[:200])
                .order_by(SegmentCount.seen_at)
            )
            return dict(earlier.all())

    def _users(self, workspace_id: int) -> dict[str, list[str]]:
        used: dict[str, list[str]] = {}
        with self._database.read() as session:
            statement = select(Destination).where(Destination.workspace_id == workspace_id).order_by(Destination.name)
            for destination in session.scalars(statement):
                for chosen in destination.segments:
                    used.setdefault(chosen.segment, []).append(destination.name)
        return used
