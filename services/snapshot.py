"""Step 1: the chosen segments' profiles, normalised and validated, on scratch paper in the order of their keys.

Always rebuilt and never kept. Profiles that share an address become one person: any refusal of consent wins, their segments
are added up, the values come from the lowest profile id, and the others count as duplicates.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from services import addresses, fields
from services.errors import NotFound
from services.hashing import Hasher
from services.mailing import MergeField, Stopped
from services.rejects import Problem
from services.scratch import Scratch
from services.sources import Membership, ProfileSource, RefreshMarker

SEPARATOR = "\x1f"
"""Between the values of a person's fields on scratch paper; cleaning removes control characters, so no value holds it."""


@dataclass(frozen=True, slots=True)
class MappedField:
    """A merge field of the audience and the attribute that fills it."""

    merge_field: MergeField
    attribute: str


@dataclass(frozen=True, slots=True)
class Consent:
    """Which attribute tells whether a profile may be mailed, and the values that allow it, compared without case."""

    attribute: str
    allowing: frozenset[str]


@dataclass(frozen=True, slots=True)
class SegmentRead:
    """How the reading of one segment went. Only a complete one may take its tag off people."""

    name: str
    profiles: int
    broken: int
    complete: bool
    vanished: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Everyone who shares one address: what Postino wants the audience to show. ``segments`` is a bit set by position."""

    key: bytes
    profile: str
    address: str
    fields: str
    hashes: bytes
    segments: int
    consents: bool
    others: int


@dataclass(slots=True)
class Snapshot:
    """What was read. ``profiles`` counts distinct profile ids and the rows that could not be read."""

    profiles: int
    segments: list[SegmentRead]
    marker: RefreshMarker
    dropped_values: dict[str, int] = field(default_factory=dict)


def take(
    scratch: Scratch,
    source: ProfileSource,
    segments: Sequence[str],
    email_attribute: str,
    mapped: Sequence[MappedField],
    consent: Consent | None,
    hasher: Hasher,
    stop: threading.Event,
    touch: Callable[[], None],
) -> Snapshot:
    """Read all segments into ``scratch``, calling ``touch`` after each batch.

    Raises what the source raises, ``Stopped``, and Refused for a full disk.
    """
    before = source.refresh_marker()
    counts = {segment.name: segment.profile_count for segment in source.segments()}
    attributes = [email_attribute, *(one.attribute for one in mapped), *([consent.attribute] if consent else [])]
    writing = _Writing(scratch, mapped, consent, hasher)
    broken = dict.fromkeys(segments, 0)
    vanished = set()
    for position, name in enumerate(segments):
        try:
            reader = source.read(name, attributes)
            for batch in reader:
                if stop.is_set():
                    raise Stopped
                touch()
                writing.add(position, batch)
            broken[name] = reader.broken
        except NotFound:
            vanished.add(name)
    distinct, by_segment = _settle_profiles(scratch)
    scratch.index("rows")
    same_refresh = source.refresh_marker().id == before.id
    reads = [
        SegmentRead(
            name=name,
            profiles=by_segment.get(position, 0),
            broken=broken[name],
            complete=same_refresh
            and name not in vanished
            and broken[name] == 0
            and by_segment.get(position, 0) == counts.get(name),
            vanished=name in vanished,
        )
        for position, name in enumerate(segments)
    ]
    return Snapshot(distinct + sum(broken.values()), reads, before, writing.dropped)


class _Writing:
    """Turns rows of the source into rows of the snapshot."""

    def __init__(
        self, scratch: Scratch, mapped: Sequence[MappedField], consent: Consent | None, hasher: Hasher
    ) -> None:
        self._scratch = scratch
        self._merge_fields = [one.merge_field for one in mapped]
        self._allowing = consent.allowing if consent else None
        self._hasher = hasher
        self.dropped: dict[str, int] = {}

    def add(self, position: int, batch: Sequence[Membership]) -> None:
        """Append a batch whose values are the address, the mapped attributes and, if asked for, the consent."""
        self._scratch.add("rows", [self._row(position, *row) for row in batch], 8)

    def _row(
        self, position: int, profile: str, in_profiles: bool, email: str | None, *values: str | None
    ) -> tuple[object, ...]:
        consents = 1
        if self._allowing is not None:
            consents = int((values[-1] or "").strip().casefold() in self._allowing)
        if not in_profiles:
            return (None, profile, position, consents, "", "", b"", Problem.UNKNOWN_PROFILE.value)
        address = addresses.normalise(email)
        if isinstance(address, addresses.Problem):
            problem = Problem.NO_ADDRESS if address is addresses.Problem.EMPTY else Problem.INVALID_ADDRESS
            return (None, profile, position, consents, email or "", "", b"", problem.value)
        cleaned = tuple(map(self._clean, self._merge_fields, values))
        return (
            self._hasher.key(address.normal),
            profile,
            position,
            consents,
            address.send,
            SEPARATOR.join(cleaned),
            self._hasher.values(cleaned),
            None,
        )

    def _clean(self, merge_field: MergeField, value: str | None) -> str:
        if not value:
            return ""
        cleaned = fields.clean(value, merge_field)
        if cleaned.problem is not None:
            self.dropped[merge_field.tag] = self.dropped.get(merge_field.tag, 0) + 1
        return cleaned.value or ""


def _settle_profiles(scratch: Scratch) -> tuple[int, dict[int, int]]:
    """Give every profile one address; how many distinct profiles there are, in all and by segment position.

    A profile can have different addresses in different segment tables: the one of the first segment counts.
    """
    scratch.query("CREATE INDEX rows_by_profile ON rows (profile, segment, key)")
    distinct, torn = scratch.query(
        "SELECT COUNT(*), TOTAL(torn) FROM (SELECT COUNT(DISTINCT IFNULL(key, x'')) > 1 AS torn FROM rows GROUP BY profile)"
    )[0]
    by_segment = dict(
        scratch.query("SELECT segment, COUNT(*) FROM (SELECT DISTINCT profile, segment FROM rows) GROUP BY segment")
    )
    if torn:
        _mend_torn_profiles(scratch)
    scratch.query("DROP INDEX rows_by_profile")
    return distinct, by_segment


def _mend_torn_profiles(scratch: Scratch) -> None:
    torn = scratch.query("SELECT profile FROM rows GROUP BY profile HAVING COUNT(DISTINCT IFNULL(key, x'')) > 1")
    for (profile,) in torn:
        chosen = scratch.query(
            "SELECT rowid, key, address, fields, hashes FROM rows WHERE profile = ? AND key IS NOT NULL "
            "ORDER BY segment, key LIMIT 1",
            (profile,),
        )[0]
        scratch.query(
            "UPDATE rows SET key = ?, address = ?, fields = ?, hashes = ?, problem = NULL WHERE profile = ?",
            (*chosen[1:], profile),
        )


def people(scratch: Scratch) -> Iterator[Person]:
    """Everyone with a usable address, in key order."""
    rows = scratch.stream(
        "SELECT key, profile, segment, consent, address, fields, hashes FROM rows INDEXED BY rows_by_key "
        "WHERE key IS NOT NULL ORDER BY key, profile, segment"
    )
    for key, group in groupby(rows, itemgetter(0)):
        yield _person(key, group)


def person(scratch: Scratch, key: bytes) -> Person | None:
    """One person by key, or None if the snapshot does not hold them."""
    rows = scratch.query(
        "SELECT key, profile, segment, consent, address, fields, hashes FROM rows WHERE key = ? ORDER BY profile, segment",
        (key,),
    )
    return _person(key, iter(rows)) if rows else None


def _person(key: bytes, rows: Iterator[tuple[object, ...]]) -> Person:
    _, profile, segment, consents, address, values, hashes = next(rows)
    bits = 1 << segment  # type: ignore[operator]
    profiles = {profile}
    for _, other, segment, agrees, *_rest in rows:
        profiles.add(other)
        bits |= 1 << segment  # type: ignore[operator]
        consents = consents and agrees
    return Person(key, profile, address, values, hashes, bits, bool(consents), len(profiles) - 1)  # type: ignore[arg-type]


def problems(scratch: Scratch) -> Iterator[tuple[str, bool, str, str, int]]:
    """Profiles without a usable address: profile id, consent, what was there instead, problem, segment bit set."""
    rows = scratch.stream(
        "SELECT profile, segment, consent, address, problem FROM rows WHERE key IS NULL ORDER BY profile, segment"
    )
    for profile, group in groupby(rows, itemgetter(0)):
        rows_of_one = list(group)
        _, _, _, address, problem = rows_of_one[0]
        bits = sum(1 << segment for segment in {row[1] for row in rows_of_one})
        yield profile, all(row[2] for row in rows_of_one), address, problem, bits


def addresses_of_people(scratch: Scratch) -> Iterator[str]:
    """Everyone's address once, for a lookup one by one."""
    rows = scratch.stream("SELECT MIN(address) FROM rows WHERE key IS NOT NULL GROUP BY key")
    return (address for (address,) in rows)
