"""Tells at once whether the worker of a run on this machine has died: its file lock is free again."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that is held."""

    handle: int

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)


class OwnerLocks:
    """One lock file per run in ``folder``; the operating system frees it with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def take(self, run_id: int) -> Lock:
        """Hold a run's lock until it is closed. Take it in the transaction that claims the run, so that none sees it free."""
        handle = os.open(self._path(run_id), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        return Lock(handle)

    def owner_died(self, run_id: int) -> bool:
        """Whether nobody on this machine holds the run."""
        handle = os.open(self._path(run_id), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(handle)
        return True

    def _path(self, run_id: int) -> Path:
        return self._folder / f"run-{run_id}.lock"
