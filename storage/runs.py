"""The run row: claimed by one UPDATE, written only by the attempt that holds it.

A partial unique index allows one processing run per Mailchimp account over all workspaces; losing that race is not an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Row, and_, delete, func, not_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from storage.database import changed_one, insert_for
from storage.models import FINAL, PLAN, Destination, Json, Run, RunReject, RunStatus

STREAMED = 1000

UNSENT = and_(Run.preview.is_(True), Run.status.in_(FINAL))
"""Previews that have ended: canceled, failed, or with nothing to send. Once one is approved it is an export."""
HELD = and_(Run.status.in_(FINAL), Run.reason["waiting"].as_string() == "removals")
"""Runs that ended with removals which the brake held."""


def claim_next(session: Session, worker: str, now: datetime, lease: timedelta) -> Run | None:
    """Take the oldest queued run that is due and whose account is free, with a new attempt number. None if there is none."""
    busy = select(Run.account_id).where(Run.status == RunStatus.PROCESSING)
    due = or_(Run.not_before.is_(None), Run.not_before <= now)
    candidates = session.scalars(
        select(Run.id)
        .where(Run.status == RunStatus.QUEUED, due, Run.account_id.not_in(busy))
        .order_by(Run.requested_at, Run.id)
        .limit(5)
    ).all()
    for run_id in candidates:
        if claim(session, run_id, worker, now, lease):
            return session.get(Run, run_id, populate_existing=True)
    return None


def claim(session: Session, run_id: int, worker: str, now: datetime, lease: timedelta) -> bool:
    """Take this queued run. False if somebody was faster or another run holds the account."""
    statement = (
        update(Run)
        .where(Run.id == run_id, Run.status == RunStatus.QUEUED)
        .values(
            status=RunStatus.PROCESSING,
            attempt=Run.attempt + 1,
            worker=worker,
            lease_until=now + lease,
            progressed_at=now,
            started_at=select(Run.started_at).where(Run.id == run_id).scalar_subquery(),
            not_before=None,
        )
    )
    try:
        with session.begin_nested():
            taken = changed_one(session, statement)
    except IntegrityError:
        return False
    if taken:
        session.execute(update(Run).where(Run.id == run_id, Run.started_at.is_(None)).values(started_at=now))
    return taken


def processing(session: Session) -> Sequence[Run]:
    """Every run that some worker holds, or held when it died."""
    return session.scalars(select(Run).where(Run.status == RunStatus.PROCESSING)).all()


def requeue_abandoned(session: Session, run: Run) -> bool:
    """Put a run whose worker died back into the queue; False if it moved on meanwhile."""
    statement = (
        update(Run)
        .where(Run.id == run.id, Run.attempt == run.attempt, Run.status == RunStatus.PROCESSING)
        .values(status=RunStatus.QUEUED, crashes=Run.crashes + 1, worker=None, lease_until=None)
    )
    return changed_one(session, statement)


def write(session: Session, run_id: int, attempt: int, **values: object) -> bool:
    """Change a run as the holder of ``attempt``; False if another worker took it over or it has ended."""
    statement = update(Run).where(Run.id == run_id, Run.attempt == attempt, Run.status == RunStatus.PROCESSING)
    return changed_one(session, statement.values(**values))


def drop_rejects(session: Session, run_id: int) -> None:
    """Drop a run's list of rejects: a new attempt has listed them again, or it has served its time."""
    session.execute(RunReject.__table__.delete().where(RunReject.run_id == run_id))  # type: ignore[attr-defined]


def add_rejects(session: Session, rows: Sequence[Json]) -> None:
    """List rejects; a profile listed already keeps its first reason."""
    if rows:
        statement = insert_for(session, RunReject).on_conflict_do_nothing()
        session.execute(statement, list(rows))


class Listed(NamedTuple):
    """A run that has ended, as the owner of a list of rejects. ``exported`` is not so of previews that were never sent."""

    run_id: int
    destination_id: int
    ended: datetime
    exported: bool


def with_rejects(session: Session) -> list[Listed]:
    """Every run that has ended and whose list of rejects is still there, newest first."""
    exported = and_(Run.preview.is_(False), Run.verifies.is_(None))
    statement = select(Run.id, Run.destination_id, Run.finished_at, exported).where(
        Run.status.in_(FINAL),
        Run.finished_at.is_not(None),
        select(1).where(RunReject.run_id == Run.id).exists(),
    )
    found = session.execute(statement.order_by(Run.id.desc()))
    return [
        Listed(run_id, destination_id, ended, sent)
        for run_id, destination_id, ended, sent in found
        if ended is not None
    ]


def has_rejects(session: Session, run_id: int) -> bool:
    """Whether anybody is in a run's list of rejects."""
    return session.scalar(select(1).where(RunReject.run_id == run_id).limit(1)) is not None


def rejects(session: Session, run_id: int) -> Iterator[RunReject]:
    """A run's rejects by reason and profile, a thousand in memory at a time: there may be a million."""
    statement = select(RunReject).where(RunReject.run_id == run_id).order_by(RunReject.reason, RunReject.profile_id)
    yield from session.scalars(statement.execution_options(yield_per=STREAMED))


def those_rejected(session: Session, run_id: int, profiles: Sequence[str]) -> set[str]:
    """Which of these profiles, by their ids as they are listed, a run has rejected."""
    found: set[str] = set()
    for start in range(0, len(profiles), 500):
        some = RunReject.profile_id.in_(profiles[start : start + 500])
        found.update(session.scalars(select(RunReject.profile_id).where(RunReject.run_id == run_id, some)))
    return found


def unfinished(session: Session, destination_id: int) -> Sequence[Run]:
    """The destination's runs that have not ended: waiting, queued or processing, oldest first."""
    return session.scalars(
        select(Run).where(Run.destination_id == destination_id, Run.status.not_in(FINAL)).order_by(Run.id)
    ).all()


def unfinished_in(session: Session, workspace_id: int) -> Sequence[Run]:
    """A workspace's runs that have not ended, oldest first; verifications and plans left out."""
    asked_for = Run.status.not_in(FINAL), Run.verifies.is_(None), Run.trigger != PLAN
    return session.scalars(select(Run).where(Run.workspace_id == workspace_id, *asked_for).order_by(Run.id)).all()


def telling_before(session: Session, run: Run, untold: str) -> Run | None:
    """The destination's last run before this one that ended well, failed or was skipped; None if there was none.

    Left out are those skipped for a reason of the kind ``untold``, verifications, plans, and previews with nothing to send.
    """
    done = and_(Run.status.in_((RunStatus.SUCCESSFUL, RunStatus.REJECTS)), Run.preview.is_(False))
    skipped = and_(Run.status == RunStatus.SKIPPED, func.coalesce(Run.reason["kind"].as_string(), "") != untold)
    telling = or_(done, Run.status == RunStatus.FAILED, skipped), Run.verifies.is_(None), Run.trigger != PLAN
    statement = select(Run).where(Run.destination_id == run.destination_id, Run.id < run.id, *telling)
    return session.scalar(statement.order_by(Run.id.desc()).limit(1))


def history(
    session: Session,
    workspace_id: int,
    destination_id: int | None = None,
    limit: int = 20,
    *,
    plans: bool = False,
    verifications: bool = True,
) -> Sequence[Run]:
    """The latest runs of a workspace, or of one destination, newest first; plans of the command line only if wanted."""
    statement = select(Run).where(Run.workspace_id == workspace_id)
    if not verifications:
        statement = statement.where(Run.verifies.is_(None))
    if not plans:
        statement = statement.where(Run.trigger != PLAN)
    if destination_id is not None:
        statement = statement.where(Run.destination_id == destination_id)
    return session.scalars(statement.order_by(Run.id.desc()).limit(limit)).all()


def latest(session: Session, workspace_id: int) -> Sequence[Row[int, int, RunStatus, datetime, bool | None]]:
    """Destination, id, status, time and whether the brake holds removals (``holds``) of the newest run of each of a
    workspace's destinations. Verifications and plans are left out, and previews that ended unless they hold removals."""
    holds = and_(HELD, not_(_released())).label("holds")
    newest = (
        select(func.max(Run.id))
        .where(Run.workspace_id == workspace_id, Run.verifies.is_(None), Run.trigger != PLAN)
        .where(or_(not_(UNSENT), holds))
        .group_by(Run.destination_id)
    )
    told = select(Run.destination_id, Run.id, Run.status, Run.requested_at, holds)
    return session.execute(told.where(Run.id.in_(newest))).all()


def still_holds(session: Session, run_id: int) -> bool:
    """Whether the brake held removals in a run and nothing that was planned later has found that it holds none any more."""
    return session.scalar(select(Run.id).where(Run.id == run_id, HELD, not_(_released()))) is not None


def _released() -> ColumnElement[bool]:
    """Whether a later run of the destination was planned and holds nothing.

    One that was to take off what was held says so only if it did: until it ends well, it may not have come to it.
    """
    later = aliased(Run)
    return (
        select(later.id)
        .where(
            later.destination_id == Run.destination_id,
            later.id > Run.id,
            later.verifies.is_(None),
            later.plan["profiles"].as_integer().is_not(None),
            later.plan[("held", 0, "segment")].as_string().is_(None),
            or_(later.accept_removals.is_(False), later.status.in_((RunStatus.SUCCESSFUL, RunStatus.REJECTS))),
        )
        .exists()
    )


def last_planned(session: Session, destination_id: int, *, but: int = 0) -> Run | None:
    """The destination's newest run that has a plan to show, ``but`` this one and verifications; None if there is none."""
    statement = select(Run).where(
        Run.destination_id == destination_id,
        Run.id != but,
        Run.verifies.is_(None),
        Run.plan["profiles"].as_integer().is_not(None),
    )
    return session.scalar(statement.order_by(Run.id.desc()).limit(1))


def ended_well(session: Session, run: Run, limit: int = 20) -> Sequence[Row[Json, datetime | None]]:
    """Plan and end of the last whole exports to the run's audience, newest first."""
    statement = (
        select(Run.plan, Run.finished_at)
        .join(Destination, Destination.id == Run.destination_id)
        .where(
            Run.workspace_id == run.workspace_id,
            Run.account_id == run.account_id,
            Destination.audience_id == run.destination.audience_id,
            Run.status.in_((RunStatus.SUCCESSFUL, RunStatus.REJECTS)),
            Run.canary == 0,
            Run.preview.is_(False),
            Run.verifies.is_(None),
        )
    )
    return session.execute(statement.order_by(Run.id.desc()).limit(limit)).all()


def added_since(session: Session, account_id: str, since: datetime) -> int:
    """How many contacts those runs have added in all that got on with an account since then: some of it may be older."""
    statement = select(Run.counters).where(Run.account_id == account_id, Run.progressed_at > since)
    return sum(counters.get("new", 0) for counters in session.scalars(statement))


def newest(session: Session, destination_id: int) -> Run | None:
    """The destination's newest run of all, plans of the command line left out; None if there is none."""
    statement = select(Run).where(Run.destination_id == destination_id, Run.trigger != PLAN)
    return session.scalar(statement.order_by(Run.id.desc()).limit(1))


def going_on(session: Session, destination_id: int) -> Run | None:
    """The destination's newest run that has not ended, verifications and plans left out; None if there is none."""
    asked_for = Run.status.not_in(FINAL), Run.verifies.is_(None), Run.trigger != PLAN
    statement = select(Run).where(Run.destination_id == destination_id, *asked_for)
    return session.scalar(statement.order_by(Run.id.desc()).limit(1))


def last_export(
    session: Session, destination_id: int, statuses: Collection[RunStatus] = FINAL, before: int | None = None
) -> Run | None:
    """The destination's newest export in one of these states, before a run if one is given; None if there is none.

    Verifications are left out, and so are previews that were never sent.
    """
    exported = Run.status.in_(statuses), Run.preview.is_(False), Run.verifies.is_(None)
    statement = select(Run).where(Run.destination_id == destination_id, *exported)
    if before is not None:
        statement = statement.where(Run.id < before)
    return session.scalar(statement.order_by(Run.id.desc()).limit(1))


def drop_plans(session: Session, before: datetime) -> None:
    """Delete the command line's plans from before then, with those whose process died before it was their turn."""
    asked_for = Run.trigger == PLAN, Run.status != RunStatus.PROCESSING, Run.requested_at < before
    session.execute(delete(Run).where(*asked_for))


def expired_approvals(session: Session, now: datetime) -> Sequence[Run]:
    """Runs that waited too long for a person."""
    return session.scalars(select(Run).where(and_(Run.status == RunStatus.WAITING, Run.expires_at < now))).all()
