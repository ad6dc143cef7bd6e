"""What the local Mailchimp's own request log says about a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

BULK = "/lists/{list_id}"


class Entry(NamedTuple):
    """One call as the server saw it; times are ``time.monotonic`` seconds, the same clock in every process."""

    method: str
    path: str
    started: float
    ended: float
    status: int
    members: int

    @property
    def reads(self) -> bool:
        """Whether the call changes nothing."""
        return self.method == "GET"


class Traffic:
    """The calls of one run."""

    def __init__(self, logged: Iterable[dict[str, Any]]) -> None:
        self.calls = [
            Entry(
                each["method"],
                each["path"],
                each["started"],
                each["ended"],
                each["status"],
                int(each["counts"].get("members", 0)),
            )
            for each in logged
        ]

    @property
    def reads(self) -> list[Entry]:
        """Calls that change nothing."""
        return [call for call in self.calls if call.reads]

    @property
    def writes(self) -> list[Entry]:
        """All other calls."""
        return [call for call in self.calls if not call.reads]

    @property
    def bulk_calls(self) -> list[Entry]:
        """Calls that insert many."""
        return [call for call in self.writes if (call.method, call.path) == ("POST", BULK)]

    @property
    def members_sent(self) -> int:
        """Contacts in the bulk calls that were carried out."""
        return sum(call.members for call in self.bulk_calls)

    @property
    def sending(self) -> float:
        """Seconds from the first bulk call's arrival to the last one's end."""
        bulk = self.bulk_calls
        return max(call.ended for call in bulk) - min(call.started for call in bulk) if bulk else 0.0

    @property
    def reading(self) -> float:
        """Seconds in which at least one reading call was in flight."""
        return covered([(call.started, call.ended) for call in self.reads])

    def kinds(self) -> dict[str, int]:
        """How many calls of each kind there were, most frequent first."""
        return dict(Counter(f"{call.method} {call.path}" for call in self.calls).most_common())


def covered(intervals: Sequence[tuple[float, float]]) -> float:
    """The length of the union of intervals."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        if end > reached:
            total += end - max(start, reached)
            reached = end
    return total
