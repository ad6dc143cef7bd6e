"""What an export would do, in numbers, and whom it cannot export. Drawn up by ``services.planning``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from services.rules import SETS, Class


@dataclass(frozen=True, slots=True)
class Rejected:
    """A profile that cannot be exported, as it is listed: the address is masked before it is kept.

    ``key`` is given where a person is to decide about the address; ``person`` is the key of whom it is about, where they have
    an address that can be forgotten.
    """

    profile: str
    segments: int
    address: str
    reason: str
    detail: str = ""
    key: bytes = b""
    person: bytes = b""


OnReject = Callable[[Rejected], None]


@dataclass(slots=True)
class Plan:
    """What an export would do: people by class, why people are skipped, and tag changes per segment position.

    ``done`` are those whom an earlier attempt of the same run has written to already; they are in no other class.
    ``unsure`` says that somebody new was a member under an address at which nobody has looked. ``unseen`` are addresses that
    must be looked up before anybody is taken for new: another workspace's forgetting may have taken the ledger's word.
    """

    profiles: int = 0
    classes: dict[Class, int] = field(default_factory=lambda: dict.fromkeys(Class, 0))
    done: dict[Class, int] = field(default_factory=lambda: dict.fromkeys(Class, 0))
    suppressed: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    tags_added: dict[int, int] = field(default_factory=dict)
    tags_removed: dict[int, int] = field(default_factory=dict)
    members: Counter[tuple[int, int]] = field(default_factory=Counter)  # by status and ledger bits
    holders: Counter[int] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    last_acknowledged: int = 0
    disputed: list[str] = field(default_factory=list)
    unsure: bool = False
    unseen: list[str] = field(default_factory=list)

    def count(self, outcome: Class, number: int = 1) -> None:
        """Put profiles into a class."""
        self.classes[outcome] += number

    @property
    def counted(self) -> int:
        """How many profiles are in a class so far."""
        return sum(self.classes.values()) + sum(self.done.values())


def tally(counts: dict[int, int], bits: int) -> None:
    """Count one more for every position in a bit set."""
    for position in positions(bits):
        counts[position] = counts.get(position, 0) + 1


@lru_cache(SETS)
def positions(bits: int) -> tuple[int, ...]:
    """The positions in a bit set, lowest first."""
    return tuple(position for position in range(bits.bit_length()) if bits >> position & 1)
