"""Runs a command and asks the operating system what it cost, its children included."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

Meanwhile = Callable[[subprocess.Popen[bytes]], None]

_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage tells kilobytes, but on macOS bytes


@dataclass(frozen=True)
class Cost:
    """What a process cost from its start to its exit. ``started`` and ``ended`` are ``time.monotonic`` seconds."""

    started: float
    ended: float
    processor: float
    peak: int
    code: int
    out: str
    err: str

    @property
    def wall(self) -> float:
        """Seconds from start to exit."""
        return self.ended - self.started


def measure(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    *,
    meanwhile: Meanwhile | None = None,
) -> Cost:
    """Run a command to its end. ``meanwhile`` may watch and kill it; its answer is awaited first.

    The peak is the largest resident size of any one process. Keep the process that measures small: Linux counts the
    size of the parent at the moment of the start.
    """
    with TemporaryFile() as out, TemporaryFile() as err:
        started = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=dict(environment))
        if meanwhile:
            meanwhile(process)
        _, status, usage = os.wait4(process.pid, 0)
        ended = time.monotonic()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return Cost(
            started,
            ended,
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss * _UNIT,
            process.returncode,
            out.read().decode(),
            err.read().decode(),
        )
