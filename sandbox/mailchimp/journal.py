"""The log of every call, for tests and benchmarks to read. Bounded; without bodies unless asked for."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any

KEPT = 100_000


@dataclass(slots=True)
class Entry:
    """One call. Times are ``time.monotonic`` seconds; ``path`` is the template, with {member} for a hash.

    ``outcome`` tells what the client saw: answered, dropped, gone (it left before the answer) or open.
    ``applied`` is whether the call changed anything or was read: an unknown outcome is dropped and applied.
    """

    sequence: int
    started: float
    method: str
    path: str
    query: dict[str, str]
    account: str = ""
    ended: float = 0.0
    status: int = 0
    outcome: str = "open"
    applied: bool = False
    fault: str = ""
    simultaneous: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    raw_path: str = ""
    request: Any = None
    response: Any = None


class Journal:
    """The last 100,000 calls and totals of all."""

    def __init__(self, *, record_bodies: bool = False) -> None:
        self.record_bodies = record_bodies
        self.open = 0
        self.clear()

    def clear(self) -> None:
        """Forget all calls; the next one has sequence 1."""
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self.totals: Counter[tuple[str, str, int]] = Counter()
        self.highest = self.open
        self._sequence = 0

    def begin(self, method: str, path: str, raw_path: str, query: dict[str, str]) -> Entry:
        """Note that a call has arrived. ``raw_path``, which may hold an address, is kept with bodies only."""
        self._sequence += 1
        self.open += 1
        self.highest = max(self.highest, self.open)
        entry = Entry(self._sequence, time.monotonic(), method, path, query, simultaneous=self.open)
        if self.record_bodies:
            entry.raw_path = raw_path
        self.entries.append(entry)
        return entry

    def end(self, entry: Entry) -> None:
        """Note that a call is over; the first time counts."""
        if entry.ended:
            return
        entry.ended = time.monotonic()
        self.open = max(0, self.open - 1)
        self.totals[entry.method, entry.path, entry.status] += 1

    def calls(self, method: str | None = None, path: str | None = None) -> list[Entry]:
        """The kept calls of a method and a path template (without /3.0), oldest first."""
        return [each for each in list(self.entries) if method in (None, each.method) and path in (None, each.path)]

    def as_json(self, after: int = 0, limit: int = 1000) -> dict[str, Any]:
        """Calls after a sequence number, and the totals."""
        entries = [each for each in list(self.entries) if each.sequence > after][:limit]
        return {
            "entries": [asdict(each) for each in entries],
            "total": self._sequence,
            "highest_simultaneous": self.highest,
            "totals": [
                {"method": method, "path": path, "status": status, "calls": calls}
                for (method, path, status), calls in sorted(self.totals.items())
            ],
        }
