"""The rules of an export, as pure functions.

``reconcile`` says what is true of a member now, from what the ledger knew and what was just observed; ``Rules.decide`` says what
to do about a person. Everything else in the exporter carries out what these two say.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.hashing import EMPTY, VALUE_BYTES
from services.mailing import Status
from services.observing import ABSENT
from services.snapshot import SEPARATOR, Person
from storage import ledger, refusals

TRUSTED_SECONDS = 3600
"""How long an acknowledged write beats a page that disagrees: Mailchimp's pages were seen to lag for an hour."""

_PAIR = 2 * VALUE_BYTES


class Class(enum.IntEnum):
    """What became of a profile. Every distinct profile of a run ends in exactly one. The numbers are stored."""

    NEW = 1
    UPDATED = 2
    TAGS_ONLY = 3
    UNCHANGED = 4
    SUPPRESSED = 5
    NO_CONSENT = 6
    DUPLICATES = 7
    REJECTED = 8
    NOT_ATTEMPTED = 9

    @property
    def word(self) -> str:
        """The name in counters and in ``--json``."""
        return self.name.lower()


class Seen(NamedTuple):
    """A member as observed in this run. ``held`` is given only by a lookup, which settles the tags too."""

    status: int
    changed: int
    got: bytes
    held: int | None


@dataclass(frozen=True, slots=True)
class TagMap:
    """How the destination's segments, by position, relate to the ledger's tag bits.

    ``bits[position]`` is the ledger's bit; ``ids`` are Mailchimp's ids of the tags that exist and whose holders are known.
    """

    bits: tuple[int, ...]
    ids: Mapping[int, int]

    @property
    def read_mask(self) -> int:
        """The ledger bits that the tag pages speak of."""
        return sum(1 << bit for position, bit in enumerate(self.bits) if position in self.ids)

    def to_ledger(self, positions: int) -> int:
        """A set of positions as ledger bits."""
        return sum(1 << bit for position, bit in enumerate(self.bits) if positions >> position & 1)

    def to_positions(self, bits: int) -> int:
        """Ledger bits as positions; bits of other destinations' tags are dropped."""
        return sum(1 << position for position, bit in enumerate(self.bits) if bits >> bit & 1)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about one key: ``fields`` are the values to send by mapping order, "" for those in sync."""

    outcome: Class | None
    add: int = 0
    remove: int = 0
    fields: tuple[str, ...] = ()
    reason: str = ""


def reconcile(
    row: ledger.Row | None,
    seen: Seen | None,
    held: int,
    read_mask: int,
    *,
    key: bytes,
    in_full: bool,
    trusted_since: int,
) -> tuple[ledger.Row | None, bool]:
    """What is true of a member now, and whether a fresh acknowledgement and a page disagree (then it must be looked up).

    ``held`` are the ledger bits the tag pages showed, meaningful within ``read_mask``. An acknowledgement later than
    ``trusted_since`` beats a page. None means: not in the audience.
    """
    fresh = row is not None and row.acknowledged > trusted_since
    if row is not None and row.status == Status.FORGOTTEN and (seen is None or seen.status == ABSENT):
        return row, False
    if (seen is not None and seen.held is not None) or (seen is not None and seen.status == ABSENT):
        return _looked_up(row, seen, key, read_mask), False
    if seen is None and row is None:
        return (None, False) if not held else (ledger.Row(key, Status.UNKNOWN, 0, held, b"", 0, 0, 0), True)
    if seen is None and row is not None and in_full and not held:
        return (row, True) if fresh else (None, False)
    if seen is not None and (row is None or seen.changed >= row.changed):
        row = _observed(row, seen, key)
    assert row is not None
    bits = row.tags & ~read_mask | held
    if bits == row.tags:
        return row, False
    return (row, True) if fresh else (row._replace(tags=bits), False)


def _observed(row: ledger.Row | None, seen: Seen, key: bytes) -> ledger.Row:
    if row is None:
        return ledger.Row(key, seen.status, seen.changed, 0, pack(seen.got), 0, 0, 0)
    return row._replace(status=seen.status, changed=seen.changed, fields=merge_got(row.fields, seen.got))


def _looked_up(row: ledger.Row | None, seen: Seen, key: bytes, read_mask: int) -> ledger.Row | None:
    if seen.status == ABSENT:
        return None
    observed = _observed(row, seen, key)
    return observed._replace(tags=observed.tags & ~read_mask | (seen.held or 0))


def pack(got: bytes) -> bytes:
    """Packed hashes of a member seen for the first time: ``got`` as shown, ``want`` nothing."""
    return b"".join(got[at : at + VALUE_BYTES] + EMPTY for at in range(0, len(got), VALUE_BYTES))


def merge_got(packed: bytes, got: bytes) -> bytes:
    """Take over what Mailchimp shows now; where it differs from before, ``want`` is cleared."""
    slots = max(len(got) // VALUE_BYTES, len(packed) // _PAIR)
    result = bytearray(packed.ljust(slots * _PAIR, b"\0"))
    for slot in range(len(got) // VALUE_BYTES):
        shown = got[slot * VALUE_BYTES : (slot + 1) * VALUE_BYTES]
        at = slot * _PAIR
        if result[at : at + VALUE_BYTES] != shown:
            result[at : at + VALUE_BYTES] = shown
            result[at + VALUE_BYTES : at + _PAIR] = EMPTY
    return bytes(result)


def acknowledge_fields(packed: bytes, hashes: Mapping[int, bytes]) -> bytes:
    """Note, by slot, the hashes of values whose sending was acknowledged."""
    slots = max(len(packed) // _PAIR, max(hashes, default=-1) + 1)
    result = bytearray(packed.ljust(slots * _PAIR, b"\0"))
    for slot, value in hashes.items():
        result[slot * _PAIR + VALUE_BYTES : (slot + 1) * _PAIR] = value
    return bytes(result)


class Rules:
    """``decide`` for one destination: its tags, its fields' slots, whom Mailchimp refused and whom a person asked to forget.

    With ``verifies``, only tags that the run of this number put on and that are missing since are put on again.
    """

    def __init__(
        self,
        tags: TagMap,
        slots: Sequence[int],
        refusal_hash: Callable[[bytes], bytes],
        forgotten: frozenset[bytes] = frozenset(),
        verifies: int | None = None,
    ) -> None:
        self._tags = tags
        self._verifies = verifies
        self.forgotten = forgotten
        self._slots = slots
        self._refusal_hash = refusal_hash

    def decide(self, person: Person | None, row: ledger.Row | None, refusal: refusals.Row | None) -> Decision:
        """What to do about one key. Only ``subscribed`` is ever written to; others can only lose our tags."""
        decision = self._decide(person, row, refusal)
        if self._verifies is None:
            return decision
        if decision.outcome not in (Class.NEW, Class.UPDATED, Class.TAGS_ONLY):
            return replace(decision, add=0, remove=0)
        if row is None or row.run_id != self._verifies or not decision.add:
            return Decision(Class.NOT_ATTEMPTED)
        return Decision(Class.TAGS_ONLY, add=decision.add)

    def _decide(self, person: Person | None, row: ledger.Row | None, refusal: refusals.Row | None) -> Decision:
        held = self._tags.to_positions(row.tags) if row is not None and row.tags else 0
        if person is None:
            return Decision(None, remove=held)
        if not person.consents:
            return Decision(Class.NO_CONSENT, remove=held)
        if person.key in self.forgotten:
            return Decision(Class.SUPPRESSED, reason="forgotten")
        refused = refusal is not None and refusal.value_hash == self._refusal_hash(person.hashes)
        if row is None:
            if refused and refusal is not None:
                return Decision(Class.REJECTED, reason=refusal.reason)
            return Decision(Class.NEW, add=person.segments, fields=tuple(person.fields.split(SEPARATOR)))
        remove = held & ~person.segments
        if row.status != Status.SUBSCRIBED:
            return Decision(Class.SUPPRESSED, remove=remove, reason=Status(row.status).name.lower())
        add = person.segments & ~held
        stale = self._stale(person, row.fields)
        if stale and refused and refusal is not None:
            return Decision(Class.REJECTED, add, remove, reason=refusal.reason)
        if stale:
            return Decision(Class.UPDATED, add, remove, stale)
        return Decision(Class.TAGS_ONLY if add or remove else Class.UNCHANGED, add, remove)

    def _stale(self, person: Person, packed: bytes) -> tuple[str, ...]:
        hashes = person.hashes
        stale = False
        send = []
        for index, slot in enumerate(self._slots):
            want = hashes[index * VALUE_BYTES : (index + 1) * VALUE_BYTES]
            pair = packed[slot * _PAIR : (slot + 1) * _PAIR]
            differs = want != EMPTY and want not in (pair[:VALUE_BYTES], pair[VALUE_BYTES:])
            stale = stale or differs
            send.append(differs)
        if not stale:
            return ()
        values = person.fields.split(SEPARATOR)
        return tuple(value if differs else "" for value, differs in zip(values, send, strict=True))
