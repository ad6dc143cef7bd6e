"""How many calls at a time a Mailchimp account is asked for.

Mailchimp lets an account have 10 simultaneous connections over all its users' apps and keys, and says nothing about it
before it refuses. So at most 8 are used, fewer as soon as it complains, and slowly more again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from services import mailing

MOST = 8
BESIDE_A_RUN = 1
GROW_AFTER = 10  # answers without a complaint before one more call at a time is tried

_LOOK_AT_STOP = 0.1  # seconds between looks at the stop event while waiting for a slot


class Slot:
    """The right to have one call open. Tell it how the call went."""

    def __init__(self, pacer: AccountPacer, round_: int) -> None:
        self._pacer = pacer
        self._round = round_

    def answered(self) -> None:
        """Mailchimp answered at its normal pace."""
        self._pacer.grow()

    def throttled(self) -> None:
        """Mailchimp throttled, failed or did not answer in time."""
        self._pacer.shrink(self._round)


class AccountPacer:
    """Limits the calls open at a time for one account: halves when throttled, grows by one (AIMD). Thread-safe."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._limit = most
        self._open = 0
        self._good = 0
        self._round = 0
        self._throttled_since: datetime | None = None
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """How many calls may be open at a time now."""
        return self._limit

    @property
    def throttled_since(self) -> datetime | None:
        """Since when Mailchimp has kept us below the most there may be, in UTC; None if it does not."""
        return self._throttled_since

    def start_with(self, lanes: int) -> None:
        """Begin with at most ``lanes`` calls at a time and grow from there."""
        with self._changed:
            self._limit = max(1, min(lanes, self._limit if self._throttled_since else self._most))
            self._good = 0
            self._changed.notify_all()

    @contextmanager
    def slot(self, stop: threading.Event) -> Iterator[Slot]:
        """Hold one of the calls that may be open, waiting for it if need be. Raises Stopped once ``stop`` is set."""
        with self._changed:
            while not stop.is_set() and self._open >= self._limit:
                self._changed.wait(_LOOK_AT_STOP)
            if stop.is_set():
                raise mailing.Stopped
            self._open += 1
            slot = Slot(self, self._round)
        try:
            yield slot
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def grow(self) -> None:
        """Count one good answer; after enough of them one more call at a time is tried."""
        with self._changed:
            self._good += 1
            if self._good < GROW_AFTER or self._limit >= self._most:
                return
            self._good = 0
            self._limit += 1
            if self._limit == self._most:
                self._throttled_since = None
            self._changed.notify_all()

    def shrink(self, round_: int) -> None:
        """Halve, once for all the calls that were open together: they met the same obstacle."""
        with self._changed:
            self._good = 0
            if self._throttled_since is None:
                self._throttled_since = datetime.now(UTC)
            if round_ == self._round:
                self._round += 1
                self._limit = max(1, self._limit // 2)


class Pacers:
    """The pacers of all accounts this process talks to, however many clients there are: one per account for the run that holds
    it, and one for whoever holds none.

    One run holds an account over all processes, and takes 8 of its connections; so that the bot and the command line beside it
    stay within the other two, whoever holds no run has one call open at a time.
    """

    def __init__(self) -> None:
        self._by_account: dict[tuple[str, bool], AccountPacer] = {}
        self._lock = threading.Lock()

    def of(self, account_id: str, *, holds_run: bool) -> AccountPacer:
        """The one pacer of this Mailchimp account for the run that holds it, or for everybody else."""
        with self._lock:
            return self._by_account.setdefault(
                (account_id, holds_run), AccountPacer(MOST if holds_run else BESIDE_A_RUN)
            )
