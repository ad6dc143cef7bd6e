"""How runs end that no worker holds, and how every change of a run's state is told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from services.errors import PostinoError
from services.rules import Class
from storage import outbox
from storage.models import PLAN, Json, Run, RunStatus


def end(session: Session, run: Run, status: RunStatus, now: datetime, reason: Json) -> None:
    """End a run that no worker holds, and tell it."""
    run.status, run.finished_at, run.reason = status, now, reason
    run.counters = closed(run.counters)
    announce(session, run, now)


def closed(counters: Json) -> Json:
    """The counters of a run that ends: whoever of its profiles is in no other class was not attempted."""
    if "profiles" not in counters:
        return counters
    counted = sum(counters.get(outcome.word, 0) for outcome in Class if outcome is not Class.NOT_ATTEMPTED)
    return counters | {Class.NOT_ATTEMPTED.word: max(0, counters["profiles"] - counted)}


def announce(session: Session, run: Run, now: datetime) -> None:
    """Tell the run's channel of the state it is in now: once per state and attempt.

    A verification is quiet unless it had something to repair, and a plan is told nowhere.
    """
    if run.trigger == PLAN or (run.verifies and not run.counters.get("tags_added")):
        return
    outbox.add(
        session,
        run.workspace_id,
        "run",
        {"status": run.status},
        now,
        run_id=run.id,
        once=f"run-{run.id}-{run.status}-{run.attempt}",
    )


def announce_stopping(session: Session, run: Run, now: datetime) -> None:
    """Show at once that a run which is sending was asked to stop: the calls in flight may take a while."""
    if run.trigger == PLAN:
        return
    outbox.add(
        session, run.workspace_id, "run", {"status": run.status}, now, run_id=run.id, once=f"run-{run.id}-stopping"
    )


def as_reason(error: PostinoError) -> Json:
    """An error as the run row keeps it: message id, values and kind; ``bot`` turns it into text."""
    return {"message": error.message, "values": error.values, "kind": type(error).__name__}
