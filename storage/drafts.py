"""Wizards nobody has finished: one row each, found by a random id that only its person's views carry."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.models import Draft, Json


def add(session: Session, draft_id: str, workspace_id: int, person: str, values: Json, now: datetime) -> None:
    """Keep a new draft."""
    session.add(Draft(id=draft_id, workspace_id=workspace_id, person=person, values=values, updated_at=now))


def find(session: Session, draft_id: str, *, for_update: bool = False) -> Draft | None:
    """The draft, locked until the transaction ends if it is to be changed (SQLite locks as a whole)."""
    statement = select(Draft).where(Draft.id == draft_id)
    return session.scalar(statement.with_for_update() if for_update else statement)


def remove(session: Session, draft_id: str) -> None:
    """Forget a draft; one that is gone already is no matter."""
    session.execute(delete(Draft).where(Draft.id == draft_id))


def remove_older(session: Session, moment: datetime) -> None:
    """Forget the drafts nobody has touched since ``moment``."""
    session.execute(delete(Draft).where(Draft.updated_at < moment))
