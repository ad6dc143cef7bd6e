"""The audit trail: every action of a person, with who, when and what."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import access
from services.access import Actor
from storage.database import Database
from storage.models import AuditEntry, Json

MOST = 100_000
"""How many entries are told at once."""


def record(
    session: Session, actor: Actor, now: datetime, action: str, subject: str, details: Json | None = None
) -> None:
    """Write one entry in the transaction of what it records. ``details`` holds no address and no secret."""
    session.add(
        AuditEntry(
            workspace_id=actor.workspace_id,
            at=now,
            person=actor.person,
            action=action,
            subject=subject[:200],
            details=details or {},
        )
    )


def trail(database: Database, actor: Actor) -> list[AuditEntry]:
    """The workspace's latest entries, oldest first; that they were read is one, too. Raises NotAllowed."""
    access.require_administrator(actor)
    with database.write() as session:
        record(session, actor, database.now(session), "audit.exported", "")
        latest = (
            select(AuditEntry)
            .where(AuditEntry.workspace_id == actor.workspace_id)
            .order_by(AuditEntry.id.desc())
            .limit(MOST)
        )
        return list(session.scalars(latest))[::-1]
