"""Holding a run: the lease, the fencing, the wish to stop.

Every write of a worker says ``attempt = :mine``; if none hits, another worker has taken the run over and this one falls silent.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType

import structlog
from sqlalchemy.orm import Session

from services.errors import LostLease
from services.mailing import Meter, Stopped
from storage import runs
from storage.database import Database
from storage.models import Run

LEASE = timedelta(seconds=60)
LONGEST_CALL = 130.0
"""Seconds after which a call that shows no progress is no sign of life any more: the client's own time-out."""
LONGEST_ANSWER = 3600.0
"""Seconds that the source may take for one answer, such as counting its segments, before that is no sign of life any more."""

log = structlog.get_logger()


class StopReason(enum.Enum):
    """Why sending stops before everything is sent."""

    CANCELED = "canceled"
    SHUTDOWN = "shutdown"
    LOST = "lost"


class Attempt:
    """One worker's hold on a run, renewed by a thread of its own while the context lasts."""

    def __init__(
        self,
        database: Database,
        run: Run,
        meter: Meter,
        shutdown: threading.Event,
        *,
        lease: timedelta = LEASE,
        clock: Callable[[], float] = time.monotonic,
        look_every: float = 0.5,
    ) -> None:
        self.run_id = run.id
        self.number = run.attempt
        self.stop = threading.Event()
        self.stop_reason: StopReason | None = None
        self._database = database
        self._meter = meter
        self._shutdown = shutdown
        self._lease = lease
        self._clock = clock
        self._look_every = look_every
        self._renewed = clock()
        self._progressed = clock()
        self._longest_silence: float | None = None
        self._ended = threading.Event()
        meter.gate = self._while_fresh
        self._thread = threading.Thread(target=self._keep, name=f"lease-{run.id}", daemon=True)

    def __enter__(self) -> Attempt:
        """Hold the run, having looked once: somebody may have cancelled it while nobody did, or before its worker died."""
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def fresh(self) -> bool:
        """Whether something may be sent: the lease was renewed less than a third of its length ago."""
        return self._clock() - self._renewed < self._lease.total_seconds() / 3

    def write(self, session: Session, **values: object) -> None:
        """Change the run's row as its holder, which also renews the lease. Raises ``LostLease``."""
        now = self._database.now(session)
        if not runs.write(
            session, self.run_id, self.number, progressed_at=now, lease_until=now + self._lease, **values
        ):
            self._halt(StopReason.LOST)
            raise LostLease
        self._renewed = self._progressed = self._clock()

    def touch(self) -> None:
        """Say that work goes on, where it makes no calls and writes nothing: while the source is read."""
        self._progressed = self._clock()

    @contextmanager
    def waiting_for_source(self) -> Iterator[None]:
        """Hold the run while the source is asked, which may think for long before it gives its first row."""
        self.touch()
        self._longest_silence = LONGEST_ANSWER
        try:
            yield
        finally:
            self.touch()
            self._longest_silence = None

    def _while_fresh(self) -> None:
        """Let a call go out only while the lease is fresh. Raises ``Stopped`` if the run is lost or stopped meanwhile."""
        while not self.fresh:
            if self.stop.wait(0.1):
                raise Stopped

    def _halt(self, reason: StopReason) -> None:
        if self.stop_reason is None:
            self.stop_reason = reason
        self.stop.set()

    def _keep(self) -> None:
        while not self._ended.wait(self._look_every):
            if self._shutdown.is_set():
                self._halt(StopReason.SHUTDOWN)
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - without this thread nobody would renew the lease or hear of a stop
                # The database is busy or away for a moment: without a renewal nothing is sent, and the next look may succeed.
                log.warning("lease.not_renewed", run=self.run_id, kind=type(error).__name__)

    def _look(self) -> None:
        """Renew the lease when a third of the renewal time has passed, and see whether somebody asked to cancel."""
        with self._database.read() as session:
            run = session.get(Run, self.run_id)
            if run is None or run.attempt != self.number:
                self._halt(StopReason.LOST)
                return
            if run.cancel_requested_by is not None:
                self._halt(StopReason.CANCELED)
        if self._clock() - self._renewed > self._lease.total_seconds() / 9 and self._alive():
            with self._database.write() as session:
                until = self._database.now(session) + self._lease
                if runs.write(session, self.run_id, self.number, lease_until=until):
                    self._renewed = self._clock()
                else:
                    self._halt(StopReason.LOST)

    def _alive(self) -> bool:
        last = max(self._progressed, self._meter.last_call or 0.0)
        return self._clock() - last < (self._longest_silence or LONGEST_CALL)
