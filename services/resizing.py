"""Segments that a refresh of the source has made unusually larger or smaller: told where their destinations report.

Once for each refresh, in the transaction that notes its counts, before anything of it is exported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.sources import Segment
from storage import outbox
from storage.models import Destination

RESIZED = "segments.resized"
"""The kind of message that tells of it."""
SHARE, PROFILES = 0.5, 25
"""A change is unusual from this share of the larger size on, if it is at least so many profiles."""


def is_unusual(before: int, now: int) -> bool:
    """Whether a segment has grown or shrunk by so much that people should look."""
    return abs(now - before) >= max(PROFILES, SHARE * max(before, now))


def tell(
    session: Session,
    workspace_id: int,
    refresh: str,
    before: Mapping[str, int],
    segments: Sequence[Segment],
    now: datetime,
) -> None:
    """Queue one message for all destinations of a workspace that are told of in one place and language."""
    unusual = {
        one.name: one for one in segments if one.name in before and is_unusual(before[one.name], one.profile_count)
    }
    if not unusual:
        return
    statement = select(Destination).where(Destination.workspace_id == workspace_id, Destination.removal.is_(None))
    together: dict[tuple[str, str], list[Destination]] = {}
    for destination in session.scalars(statement.order_by(Destination.name)):
        if any(chosen.segment in unusual for chosen in destination.segments):
            place = destination.channel or destination.created_by
            together.setdefault((place, destination.language), []).append(destination)
    for (place, language), some in together.items():
        used = {chosen.segment for one in some for chosen in one.segments}
        values = {
            "destinations": [one.name for one in some],
            "segments": [
                {"segment": one.display_name, "before": before[name], "now": one.profile_count}
                for name, one in unusual.items()
                if name in used
            ],
            "channel": some[0].channel,
            "language": language,
            "people": list(dict.fromkeys(one.created_by for one in some)),
        }
        told = hashlib.sha256("\n".join((str(workspace_id), refresh, place, language)).encode()).hexdigest()[:32]
        outbox.add(session, workspace_id, RESIZED, values, now, once=f"{RESIZED}-{told}")
