"""What must keep happening, whoever rings: export, schedules, verify, tidy. (``notify`` is Slack's business: ``bot.notifier``.)

Each duty is a plain function that does a bounded piece of work and returns; engines call them again and again.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from services import ending, revocations
from services import runs as running
from services.attempts import LEASE, Attempt, StopReason
from services.errors import LimitExceeded, LostLease, PostinoError, ReconnectNeeded, Refused, Unavailable
from services.exporting import Export, Outcome, Tools
from services.mailing import Meter, Stopped
from services.rights import Rights
from services.rules import Class
from services.workers import OwnerLocks
from storage import runs
from storage.database import OUT_OF_REACH
from storage.models import FINAL, PLAN, Json, Run, RunStatus

MOST_CRASHES = 3
LONGEST_SILENCE = timedelta(hours=6)
"""How long a run is tried again without anything acknowledged, from the first failure on."""

log = structlog.get_logger()


@dataclass
class Exporting:
    """The ``export`` duty: one run at a time from the queue, resumed or released as need be."""

    tools: Tools
    locks: OwnerLocks
    shutdown: threading.Event = field(default_factory=threading.Event)
    rights: Rights = field(default_factory=Rights)
    lease: timedelta = LEASE
    worker: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")

    def __call__(self) -> bool:
        """Take and carry out the next due run; whether there was one."""
        self.recover()
        with ExitStack() as held:
            with self.tools.database.write() as session:
                run = runs.claim_next(session, self.worker, self.tools.database.now(session), self.lease)
                if run is None:
                    return False
                held.enter_context(self._lock(run.id))
                running.announce(session, run, self.tools.database.now(session))
            self._carry_out(run)
        return True

    def carry_out(self, run_id: int) -> Run | None:
        """Take and carry out this very run, as the command line does; None if another run holds the account.

        Raises one of ``OUT_OF_REACH`` when the database cannot be used any more; the run is then taken over by the next call.
        """
        self.recover()
        database = self.tools.database
        with ExitStack() as held:
            with database.write() as session:
                if not runs.claim(session, run_id, self.worker, database.now(session), self.lease):
                    return None
                held.enter_context(self._lock(run_id))
                run = session.get_one(Run, run_id, populate_existing=True)
            self._carry_out(run)
        with database.read() as session:
            return session.get_one(Run, run_id)

    def recover(self) -> None:
        """Put runs whose worker died back into the queue: at once where its lock is free, else when the lease has run out."""
        database = self.tools.database
        with database.write() as session:
            now = database.now(session)
            for run in runs.processing(session):
                dead = (
                    self.locks.owner_died(run.id)
                    if database.on_sqlite
                    else bool(run.lease_until and run.lease_until < now)
                )
                if dead and runs.requeue_abandoned(session, run):
                    session.refresh(run)
                    if run.crashes >= MOST_CRASHES:
                        ending.end(session, run, RunStatus.FAILED, now, _given_up(run))

    def _lock(self, run_id: int) -> AbstractContextManager[None]:
        """The run's file lock where it tells that its owner died; elsewhere the lease does, and a frozen owner would block us."""
        return self.locks.take(run_id) if self.tools.database.on_sqlite else nullcontext()

    def _carry_out(self, run: Run) -> None:
        meter = Meter()
        database = self.tools.database
        with Attempt(database, run, meter, self.shutdown, lease=self.lease) as attempt:
            export: Export | None = None
            try:
                if attempt.stop.is_set():
                    raise Stopped
                self.rights.require(run)
                export = Export(self.tools, run, attempt, meter)
                outcome = export.carry_out()
                self._finish(attempt, run, outcome)
            except LostLease:
                log.info("run.taken_over", run=run.id)
            except Stopped:
                self._stopped(attempt, export)
            except Unavailable as error:
                self._release(attempt, export, error)
            except PostinoError as error:
                self._fail(attempt, export, error)
            except OUT_OF_REACH as error:
                # Nothing can be written down, so whoever called is told, and the run is taken over later.
                log.warning("run.database_failed", run=run.id, kind=type(error).__name__)
                raise
            except Exception:
                log.exception("run.crashed", run=run.id)
                self._fail(
                    attempt,
                    export,
                    Refused(
                        "Something went wrong inside Postino (reference {reference}). The log tells more.",
                        reference=f"run-{run.id}-{run.attempt}",
                    ),
                )

    def _finish(self, attempt: Attempt, run: Run, outcome: Outcome) -> None:
        counters = outcome.counters
        if outcome.waiting == "approval":
            self._end(
                attempt, RunStatus.WAITING, outcome.counters.as_json(), {"waiting": "approval"}, plan=outcome.plan
            )
            return
        # Only a canary, a verification and the brake are meant to leave people for another run.
        meant = run.canary or run.verifies is not None or outcome.held
        left = 0 if meant else counters.classes[Class.NOT_ATTEMPTED]
        status = RunStatus.REJECTS if counters.classes[Class.REJECTED] or left else RunStatus.SUCCESSFUL
        reason: Json = {"waiting": outcome.waiting} if outcome.waiting else {}
        self._end(attempt, status, counters.as_json(), reason, plan=outcome.plan)

    def _stopped(self, attempt: Attempt, export: Export | None) -> None:
        if attempt.stop_reason is StopReason.CANCELED:
            self._end(attempt, RunStatus.CANCELED, _counted(export), {})
        elif attempt.stop_reason is StopReason.SHUTDOWN:
            self._end(attempt, RunStatus.QUEUED, None, {})

    def _release(self, attempt: Attempt, export: Export | None, error: Unavailable) -> None:
        """Mailchimp or the source does not answer: let others have the account, and try again later."""
        database = self.tools.database
        with database.read() as session:
            run, now = session.get_one(Run, attempt.run_id), database.now(session)
        if run.cancel_requested_by is not None:
            self._end(attempt, RunStatus.CANCELED, _counted(export), {})
            return
        # The row has the reason of an earlier release for as long as nothing was acknowledged, or approved, after it.
        since = run.reason.get("since", now.timestamp())
        if now.timestamp() - since > LONGEST_SILENCE.total_seconds() or run.trigger in ("command-line", PLAN):
            self._fail(attempt, export, error)
            return
        with suppress(LostLease), database.write() as session:
            wait = timedelta(seconds=error.after or 300)
            reason = running.as_reason(error) | {"since": since}
            attempt.write(
                session, status=RunStatus.QUEUED, not_before=database.now(session) + wait, reason=reason, worker=None
            )

    def _fail(self, attempt: Attempt, export: Export | None, error: PostinoError) -> None:
        if isinstance(error, ReconnectNeeded):
            self._mark_reconnect(attempt.run_id)
        reason = running.as_reason(error)
        if isinstance(error, LimitExceeded):
            reason |= {"kind": "LimitExceeded", "count": error.count, "limit": error.limit}
        self._end(attempt, RunStatus.FAILED, _counted(export), reason)

    def _mark_reconnect(self, run_id: int) -> None:
        with self.tools.database.write() as session:
            run = session.get_one(Run, run_id)
            connection_id, now = run.destination.connection_id, self.tools.database.now(session)
            if connection_id is not None:
                # The run's own channel hears of its failure; of a plan's nobody does.
                heard_in = run.channel if run.trigger != PLAN else None
                revocations.note(session, connection_id, now, needed=True, heard_in=heard_in)

    def _end(
        self, attempt: Attempt, status: RunStatus, counters: Json | None, reason: Json, plan: Json | None = None
    ) -> None:
        database = self.tools.database
        with suppress(LostLease), database.write() as session:
            now = database.now(session)
            values: dict[str, object] = {"status": status, "reason": reason, "worker": None, "step": ""}
            if counters is None:
                # Nothing was counted by this attempt: what the ones before it did stays.
                counters = session.get_one(Run, attempt.run_id).counters
            values["counters"] = ending.closed(counters) if status in FINAL else counters
            if plan is not None:
                values["plan"] = plan
            if status == RunStatus.WAITING:
                values["expires_at"] = now + running.APPROVAL_LASTS
            elif status != RunStatus.QUEUED:
                values["finished_at"] = now
            attempt.write(session, **values)
            run = session.get_one(Run, attempt.run_id, populate_existing=True)
            if status != RunStatus.QUEUED:
                running.announce(session, run, now)


def _given_up(run: Run) -> Json:
    return running.as_reason(
        Refused(
            "The export was interrupted {count} times and was given up. "
            "Look at the log, then export again: it goes on where it was.",
            count=run.crashes,
        )
    )


def _counted(export: Export | None) -> Json | None:
    return export.reckoning.final().as_json() if export is not None else None
