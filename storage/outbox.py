"""The transactional outbox: what Slack must hear of is written with the change it tells, and delivered at least once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session, aliased

from storage.database import changed_one, insert_for
from storage.models import PLAN, Json, OutboxMessage, Run


def add(
    session: Session,
    workspace_id: int,
    kind: str,
    values: Json,
    now: datetime,
    *,
    run_id: int | None = None,
    once: str | None = None,
) -> None:
    """Queue a message. With ``once``, a second message of the same key is dropped: one per change of state."""
    statement = insert_for(session, OutboxMessage).values(
        workspace_id=workspace_id,
        kind=kind,
        values=values,
        run_id=run_id,
        once=once,
        created_at=now,
        due_at=now,
        attempts=0,
        failure="",
    )
    session.execute(statement.on_conflict_do_nothing())


def due(session: Session, now: datetime, limit: int = 20) -> Sequence[OutboxMessage]:
    """Undelivered messages whose time has come, oldest first; of each run only the first, so that none overtakes another."""
    earlier = aliased(OutboxMessage)
    overtaking = exists().where(
        earlier.run_id == OutboxMessage.run_id, earlier.delivered_at.is_(None), earlier.id < OutboxMessage.id
    )
    statement = (
        select(OutboxMessage)
        .where(OutboxMessage.delivered_at.is_(None), OutboxMessage.due_at <= now, ~overtaking)
        .order_by(OutboxMessage.id)
        .limit(limit)
    )
    return session.scalars(statement).all()


def moved(session: Session, destination_id: int) -> Json | None:
    """What was queued to tell that the destination's newest run could not be told in its channel; None if it could."""
    newest = select(Run.id).where(Run.destination_id == destination_id, Run.verifies.is_(None), Run.trigger != PLAN)
    told = newest.order_by(Run.id.desc()).limit(1).scalar_subquery()
    return session.scalar(
        select(OutboxMessage.values).where(OutboxMessage.kind == "moved", OutboxMessage.run_id == told).limit(1)
    )


def take(session: Session, message: OutboxMessage, now: datetime, hold: timedelta) -> bool:
    """Reserve a message for this notifier for ``hold``; False if another one has it."""
    statement = (
        update(OutboxMessage)
        .where(
            OutboxMessage.id == message.id,
            OutboxMessage.delivered_at.is_(None),
            OutboxMessage.attempts == message.attempts,
        )
        .values(attempts=message.attempts + 1, due_at=now + hold)
    )
    return changed_one(session, statement)


def delivered(session: Session, message_id: int, now: datetime, values: Json | None = None) -> None:
    """Slack answered: the message will not be sent again. ``values`` replace its own: where it stands."""
    noted = {"values": values} if values is not None else {}
    session.execute(update(OutboxMessage).where(OutboxMessage.id == message_id).values(delivered_at=now, **noted))


def delivered_of(session: Session, run_id: int, kind: str) -> Sequence[OutboxMessage]:
    """What Slack was told of a run, as far as it is kept."""
    statement = select(OutboxMessage).where(
        OutboxMessage.run_id == run_id, OutboxMessage.kind == kind, OutboxMessage.delivered_at.is_not(None)
    )
    return session.scalars(statement.order_by(OutboxMessage.id)).all()


def postpone(session: Session, message_id: int, until: datetime, failure: str) -> None:
    """Slack did not take it now: try again at ``until``."""
    session.execute(
        update(OutboxMessage).where(OutboxMessage.id == message_id).values(due_at=until, failure=failure[:500])
    )


def give_up(session: Session, message_id: int, now: datetime, failure: str) -> None:
    """Nobody can be told: the message is not tried again."""
    session.execute(
        update(OutboxMessage).where(OutboxMessage.id == message_id).values(delivered_at=now, failure=failure[:500])
    )
