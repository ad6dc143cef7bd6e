"""The audit trail: every action of a person, with who, when and what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.access import Actor
from storage.models import AuditEntry, Json


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


def entries(session: Session, workspace_id: int, limit: int = 100) -> Sequence[AuditEntry]:
    """The latest entries of a workspace, newest first."""
    return session.scalars(
        select(AuditEntry).where(AuditEntry.workspace_id == workspace_id).order_by(AuditEntry.id.desc()).limit(limit)
    ).all()
