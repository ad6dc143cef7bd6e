"""The rules of an export, as pure functions.

``reconcile`` says what is true of a member now, from what the ledger knew and what was just observed; ``Rules.decide`` says what
to do about a person. Everything else in the exporter carries out what these two say.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import NamedTuple

from services.hashing import EMPTY, VALUE_BYTES
from services.mailing import Reason, Status
from services.observing import ABSENT
from services.snapshot import SEPARATOR, Person
from storage import ledger, refusals

TRUSTED_SECONDS = 3600
"""How long an acknowledged write beats a page that disagrees: Mailchimp's pages were seen to lag for an hour."""

_PAIR = 2 * VALUE_BYTES
SETS = 1_000  # sets of tags whose bits are remembered: most people share a few
_NOTHING: frozenset[int] = frozenset()
_KEPT_OUT = (Status.FORGOTTEN, Status.GONE)
ABOUT_ADDRESS = frozenset(reason.value for reason in Reason if reason.about_address)
KEPT_OUT = "kept_out"
"""Why somebody is suppressed whom a person decided to keep out."""


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


@dataclass(frozen=True)
class TagMap:
    """How the destination's segments, by position, relate to the ledger's tag bits.

    ``bits[position]`` is the ledger's bit; ``ids`` are Mailchimp's ids of the tags that exist and whose holders are known.
    """

    bits: tuple[int, ...]
    ids: Mapping[int, int]

    @cached_property
    def read_mask(self) -> int:
        """The ledger bits that the tag pages speak of."""
        return sum(1 << bit for position, bit in enumerate(self.bits) if position in self.ids)

    @cached_property
    def to_ledger(self) -> Callable[[int], int]:
        """Gives a set of positions as ledger bits."""
        return lru_cache(SETS)(lambda positions: sum([there for here, there in self._masks if positions & here]))

    def of_ids(self, ids: str) -> int:
        """Mailchimp's ids of tags, with spaces between, as ledger bits; tags that are not ours are dropped."""
        shown = frozenset(map(int, ids.split()))
        return self.to_ledger(sum(1 << position for position, tag_id in self.ids.items() if tag_id in shown))

    @cached_property
    def to_positions(self) -> Callable[[int], int]:
        """Gives ledger bits as positions; bits of other destinations' tags are dropped."""
        return lru_cache(SETS)(lambda bits: sum([here for here, there in self._masks if bits & there]))

    @cached_property
    def _masks(self) -> list[tuple[int, int]]:
        return [(1 << position, 1 << bit) for position, bit in enumerate(self.bits)]


class Decision(NamedTuple):
    """What to do about one key: ``fields`` are the values to update by mapping order, "" for those in sync."""

    outcome: Class | None
    add: int = 0
    remove: int = 0
    fields: tuple[str, ...] = ()
    reason: str = ""


_UNCHANGED = Decision(Class.UNCHANGED)


@lru_cache(SETS)
def _new(segments: int) -> Decision:
    return Decision(Class.NEW, add=segments)


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
    if row is not None and row.status in _KEPT_OUT and not held and (seen is None or seen.status == ABSENT):
        return row, False
    if (seen is not None and seen.held is not None) or (seen is not None and seen.status == ABSENT):
        return _looked_up(row, seen, key, read_mask), False
    if seen is None and row is None:
        return (None, False) if not held else (ledger.Row(key, Status.UNKNOWN, 0, held, b"", 0, 0, 0), True)
    if seen is None and row is not None and in_full and not held:
        return (row, True) if fresh else (_gone(row), False)
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
    fields = merge_got(row.fields, seen.got)
    if fields is row.fields and seen.status == row.status and seen.changed == row.changed:
        return row
    return row._replace(status=seen.status, changed=seen.changed, fields=fields)


def _looked_up(row: ledger.Row | None, seen: Seen, key: bytes, read_mask: int) -> ledger.Row | None:
    if seen.status == ABSENT:
        return None if row is None or row.status == Status.UNKNOWN else _gone(row)
    observed = _observed(row, seen, key)
    return observed._replace(tags=observed.tags & ~read_mask | (seen.held or 0))


def _gone(row: ledger.Row) -> ledger.Row:
    """Somebody who was a member and is none any more was deleted or changed the address: an insert would undo that."""
    return row if row.status in _KEPT_OUT else row._replace(status=Status.GONE, tags=0)


def fields_of_new(got: bytes, want: Sequence[bytes]) -> bytes:
    """Packed hashes of a member just inserted: by slot what the answer showed, and what was sent."""
    return b"".join(
        [part for slot, sent in enumerate(want) for part in (got[slot * VALUE_BYTES : (slot + 1) * VALUE_BYTES], sent)]
    )


def pack(got: bytes) -> bytes:
    """Packed hashes of a member seen for the first time: ``got`` as shown, ``want`` nothing."""
    return b"".join(got[at : at + VALUE_BYTES] + EMPTY for at in range(0, len(got), VALUE_BYTES))


def merge_got(packed: bytes, got: bytes) -> bytes:
    """Take over what Mailchimp shows now; where it differs from before, ``want`` is cleared."""
    if _shows(packed, got):
        return packed
    slots = max(len(got) // VALUE_BYTES, len(packed) // _PAIR)
    result = bytearray(packed.ljust(slots * _PAIR, b"\0"))
    for slot in range(len(got) // VALUE_BYTES):
        shown = got[slot * VALUE_BYTES : (slot + 1) * VALUE_BYTES]
        at = slot * _PAIR
        if result[at : at + VALUE_BYTES] != shown:
            result[at : at + VALUE_BYTES] = shown
            result[at + VALUE_BYTES : at + _PAIR] = EMPTY
    return bytes(result)


def _shows(packed: bytes, got: bytes) -> bool:
    for at in range(0, len(got), VALUE_BYTES):  # noqa: SIM110 - a generator takes twice as long, a million times
        if packed[2 * at : 2 * at + VALUE_BYTES] != got[at : at + VALUE_BYTES]:
            return False
    return True


def acknowledge_fields(packed: bytes, hashes: Mapping[int, bytes]) -> bytes:
    """Note, by slot, the hashes of values whose sending was acknowledged."""
    slots = max(len(packed) // _PAIR, max(hashes, default=-1) + 1)
    result = bytearray(packed.ljust(slots * _PAIR, b"\0"))
    for slot, value in hashes.items():
        result[slot * _PAIR + VALUE_BYTES : (slot + 1) * _PAIR] = value
    return bytes(result)


class Rules:
    """``decide`` for one destination: its tags, its fields' slots, whom Mailchimp refused and whom a person asked to forget.

    With ``verifies``, only tags that the run of this number put on, as the ledger knows, and that are missing since are put on
    again.
    ``elders`` are older destinations on the audience with the slots they fill: where one shows its values, they stay.
    ``decided`` tells of new addresses of people who left under another one whether a person wants them exported.
    """

    def __init__(
        self,
        tags: TagMap,
        slots: Sequence[int],
        refusal_hash: Callable[[bytes], bytes],
        forgotten: frozenset[bytes] = frozenset(),
        verifies: int | None = None,
        elders: Mapping[int, frozenset[int]] = MappingProxyType({}),
        decided: Mapping[bytes, bool] = MappingProxyType({}),
    ) -> None:
        self.decided = decided
        self._elders = elders
        self._tags = tags
        self._verifies = verifies
        self.forgotten = forgotten
        self._places = [_Place.of(index, slot) for index, slot in enumerate(slots)]
        self._refusal_hash = refusal_hash

    def with_tags(self, tags: TagMap) -> Rules:
        """The same rules for other tags."""
        rules = copy(self)
        rules._tags = tags
        return rules

    @property
    def verifying(self) -> bool:
        """Whether nothing may be done but putting back what is missing."""
        return self._verifies is not None

    def decide(
        self, person: Person | None, row: ledger.Row | None, refusal: refusals.Row | None, *, had: int = 0
    ) -> Decision:
        """What to do about one key. Only ``subscribed`` is ever written to; others can only lose our tags.

        ``had`` are the ledger bits from before the tags were read, which tell a verification what may be missing.
        """
        decision = self._decide(person, row, refusal)
        if self._verifies is None:
            return decision
        if decision.outcome not in (Class.NEW, Class.UPDATED, Class.TAGS_ONLY):
            return decision._replace(add=0, remove=0)
        missing = decision.add & self._tags.to_positions(had)
        if row is None or row.run_id != self._verifies or not missing:
            return Decision(Class.NOT_ATTEMPTED)
        return Decision(Class.TAGS_ONLY, add=missing)

    def _decide(self, person: Person | None, row: ledger.Row | None, refusal: refusals.Row | None) -> Decision:
        held = self._tags.to_positions(row.tags) if row is not None and row.tags else 0
        if person is None:
            return Decision(None, remove=held)
        if not person.consents:
            return Decision(Class.NO_CONSENT, remove=held)
        if person.key in self.forgotten:
            return Decision(Class.SUPPRESSED, reason="forgotten")
        refused = refusal is not None and self._refusal_hash(person.hashes) in refusal.values()
        if row is None:
            if refusal is not None and (refused or refusal.reason in ABOUT_ADDRESS):
                return Decision(Class.REJECTED, reason=refusal.reason)
            if self.decided.get(person.key) is False:
                return Decision(Class.SUPPRESSED, reason=KEPT_OUT)
            return _new(person.segments)
        remove = held & ~person.segments
        if row.status != Status.SUBSCRIBED:
            return Decision(Class.SUPPRESSED, remove=remove, reason=Status(row.status).name.lower())
        add = person.segments & ~held
        stale = self._stale(person, row.fields, self._elders.get(row.owner, _NOTHING) if row.owner else _NOTHING)
        if stale and refused and refusal is not None:
            return Decision(Class.REJECTED, add, remove, reason=refusal.reason)
        if stale:
            return Decision(Class.UPDATED, add, remove, stale)
        return Decision(Class.TAGS_ONLY, add, remove) if add or remove else _UNCHANGED

    def _stale(self, person: Person, packed: bytes, taken: frozenset[int]) -> tuple[str, ...]:
        hashes = person.hashes
        stale = [
            (want := hashes[wanted]) != packed[got]
            and want != packed[acknowledged]
            and want != EMPTY
            and slot not in taken
            for wanted, got, acknowledged, slot in self._places
        ]
        if True not in stale:
            return ()
        values = person.fields.split(SEPARATOR)
        return tuple(value if differs else "" for value, differs in zip(values, stale, strict=True))


class _Place(NamedTuple):
    """Where the hash of a mapped field stands: what the source wants among a person's, the two others in the ledger."""

    wanted: slice
    got: slice
    acknowledged: slice
    slot: int

    @classmethod
    def of(cls, index: int, slot: int) -> _Place:
        """The field that is mapped in this order and kept in this slot."""
        middle = slot * _PAIR + VALUE_BYTES
        return cls(
            slice(index * VALUE_BYTES, (index + 1) * VALUE_BYTES),
            slice(slot * _PAIR, middle),
            slice(middle, (slot + 1) * _PAIR),
            slot,
        )
