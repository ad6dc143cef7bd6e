"""Step 1: the chosen segments' profiles, normalised and validated, on scratch paper.

Always rebuilt and never kept. Profiles that share an address become one person: any refusal of consent wins, their segments
are added up, the values come from the lowest profile id, and the others count as duplicates.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby, repeat
from operator import itemgetter
from typing import Any, NamedTuple

from services import addresses, fields
from services.errors import NotFound
from services.hashing import EMPTY, Hasher
from services.mailing import MergeField, Stopped
from services.rejects import Problem
from services.scratch import Scratch
from services.sources import Membership, ProfileSource, RefreshMarker

SEPARATOR = "\x1f"
"""Between the values of a person's fields on scratch paper; cleaning removes control characters, so no value holds it."""
_REMEMBERED = 20_000  # values of each field whose form and hash are kept in memory


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

    def given(self, values: Iterable[str | None]) -> list[int]:
        """1 for each value that allows it, else 0."""
        allowing = self.allowing
        return [int((value or "").strip().casefold() in allowing) for value in values]


def consent(attribute: str | None, values: Iterable[str]) -> Consent | None:
    """The consent that somebody asked for; None if they named no attribute."""
    return Consent(attribute, frozenset(value.strip().casefold() for value in values)) if attribute else None


@dataclass(frozen=True, slots=True)
class SegmentRead:
    """How the reading of one segment went. Only a complete one may take its tag off people."""

    name: str
    profiles: int
    broken: int
    complete: bool
    vanished: bool = False


class Person(NamedTuple):
    """Everyone who shares one address: what Postino wants the audience to show. ``segments`` is a bit set by position.

    ``others`` are the ids of the profiles that share the address with ``profile``.
    """

    key: bytes
    profile: str
    address: str
    fields: str
    hashes: bytes
    segments: int
    consents: bool
    others: tuple[str, ...]


@dataclass(slots=True)
class Snapshot:
    """What was read. ``profiles`` counts distinct profile ids and the rows that could not be read.

    ``unreadable`` tells by profile table how many of its rows could not be read.
    """

    profiles: int
    segments: list[SegmentRead]
    marker: RefreshMarker
    dropped_values: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)


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
    unreadable: dict[str, int] = {}
    for position, name in enumerate(segments):
        try:
            reader = source.read(name, attributes)
            lost = reader.unreadable_profiles
            writing.missing = Problem.UNREADABLE_PROFILE if lost else Problem.UNKNOWN_PROFILE
            if lost is not None:
                unreadable[lost.table] = lost.rows
            for batch in reader:
                if stop.is_set():
                    raise Stopped
                touch()
                writing.add(position, batch)
            broken[name] = reader.broken
        except NotFound:
            vanished.add(name)
    same_refresh = source.refresh_marker().id == before.id
    if len(segments) == 1 and same_refresh and writing.rows == counts.get(segments[0]):
        # As many rows as the source counts different profiles: nobody is listed twice.
        distinct, by_segment = writing.rows, {0: writing.rows}
    else:
        distinct, by_segment = _settle_profiles(scratch)
    lacking = _lacking_profiles(scratch) if unreadable else set()
    reads = [
        SegmentRead(
            name=name,
            profiles=by_segment.get(position, 0),
            broken=broken[name],
            complete=same_refresh
            and name not in vanished
            and position not in lacking
            and broken[name] == 0
            and by_segment.get(position, 0) == counts.get(name),
            vanished=name in vanished,
        )
        for position, name in enumerate(segments)
    ]
    return Snapshot(distinct + sum(broken.values()), reads, before, writing.dropped, unreadable)


class _Writing:
    """Turns rows of the source into rows of the snapshot."""

    def __init__(
        self, scratch: Scratch, mapped: Sequence[MappedField], consent: Consent | None, hasher: Hasher
    ) -> None:
        self._scratch = scratch
        self._mapped = [(one.merge_field.tag, self._remembering(one.merge_field)) for one in mapped]
        self._consent = consent
        self._hasher = hasher
        self.dropped: dict[str, int] = {}
        self.rows = 0
        self.missing = Problem.UNKNOWN_PROFILE

    def add(self, position: int, batch: Sequence[Membership]) -> None:
        """Append a batch whose values are the address, the mapped attributes and, if asked for, the consent.

        A batch is worked on column by column, which takes half as long as row by row.
        """
        if not batch:
            return
        self.rows += len(batch)
        profiles, in_profiles, emails, *columns = zip(*batch, strict=True)
        keys, sends, problems = zip(*map(self._address, in_profiles, emails), strict=True)
        values, hashes = self._values(keys, columns)
        rows = zip(
            keys, profiles, repeat(position), self._consents(columns), sends, values, hashes, problems, strict=False
        )
        self._scratch.add("rows", rows, 8)

    def _address(self, in_profiles: bool, email: str | None) -> tuple[bytes | None, str, str | None]:
        """The key, what to send, and what is wrong with it: one of the first and the last is None."""
        if not in_profiles:
            return None, "", self.missing.value
        address = addresses.normalise(email)
        if isinstance(address, addresses.Problem):
            problem = Problem.NO_ADDRESS if address is addresses.Problem.EMPTY else Problem.INVALID_ADDRESS
            return None, email or "", problem.value
        return self._hasher.key(address.normal), address.send, None

    def _values(
        self, keys: Sequence[bytes | None], columns: Sequence[Sequence[str | None]]
    ) -> tuple[Iterable[str], Iterable[bytes]]:
        """The values of each row with an address in their fields' forms, and the hashes of these."""
        if not self._mapped:
            return repeat(""), repeat(b"")
        cleaned = []
        for (tag, clean), column in zip(self._mapped, columns, strict=False):
            found = [("", b"", False) if key is None else clean(value) for key, value in zip(keys, column, strict=True)]
            if dropped := sum([unfit for _, _, unfit in found]):
                self.dropped[tag] = self.dropped.get(tag, 0) + dropped
            cleaned.append(found)
        rows = list(zip(*cleaned, strict=True))
        return (
            [SEPARATOR.join([text for text, _, _ in row]) if key else "" for key, row in zip(keys, rows, strict=True)],
            [b"".join([hashed for _, hashed, _ in row]) for row in rows],
        )

    def _consents(self, columns: Sequence[Sequence[str | None]]) -> Iterable[int]:
        return repeat(1) if self._consent is None else self._consent.given(columns[-1])

    def _remembering(self, merge_field: MergeField) -> Callable[[str | None], tuple[str, bytes, bool]]:
        """What gives a value in the form of the field, its hash, and whether it was dropped or cut.

        Names repeat: most are looked up, not worked out.
        """

        @lru_cache(_REMEMBERED)
        def clean(value: str | None) -> tuple[str, bytes, bool]:
            if not value:
                return "", EMPTY, False
            found = fields.clean(value, merge_field)
            text = found.value or ""
            return text, self._hasher.value(text), found.problem is not None

        return clean


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


def _lacking_profiles(scratch: Scratch) -> set[int]:
    """The positions of segments with a profile that may stand in a row of the profile table which could not be read."""
    problem = Problem.UNREADABLE_PROFILE.value
    return {
        position for (position,) in scratch.query("SELECT DISTINCT segment FROM rows WHERE problem = ?", (problem,))
    }


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


_PEOPLE = "SELECT key, profile, segment, consent, address, fields, hashes FROM rows INDEXED BY rows_by_key"
_ORDER = "ORDER BY key, profile, segment"


def people(scratch: Scratch) -> Iterator[Person]:
    """Everyone with a usable address, in key order, into which ``Scratch.index_rows`` has brought them."""
    return _people(scratch.stream(f"{_PEOPLE} WHERE key IS NOT NULL {_ORDER}"))


def _people(rows: Iterator[tuple[Any, ...]]) -> Iterator[Person]:
    """Rows that share a key are one person."""
    following = next(rows, None)
    while following is not None:
        (key, profile, segment, consents, address, values, hashes), following = following, next(rows, None)
        if following is None or following[0] != key:
            # As Person(…) does, in half the time.
            yield tuple.__new__(Person, (key, profile, address, values, hashes, 1 << segment, bool(consents), ()))
            continue
        bits, profiles = 1 << segment, {profile: None}
        while following is not None and following[0] == key:
            profiles[following[1]] = None
            bits |= 1 << following[2]
            consents = consents and following[3]
            following = next(rows, None)
        yield Person(key, profile, address, values, hashes, bits, bool(consents), tuple(profiles)[1:])


def person(scratch: Scratch, key: bytes) -> Person | None:
    """One person by key, or None if the snapshot does not hold them."""
    return next(_people(scratch.stream(f"{_PEOPLE} WHERE key = ? {_ORDER}", (key,))), None)


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


def are_fewer_than(scratch: Scratch, number: int) -> bool:
    """Whether there are fewer people, which are different addresses, than this."""
    some = scratch.query("SELECT DISTINCT key FROM rows WHERE key IS NOT NULL LIMIT ?", (number,))
    return len(some) < number


def addresses_of_people(scratch: Scratch) -> Iterator[str]:
    """Everyone's address once, for a lookup one by one."""
    rows = scratch.stream("SELECT MIN(address) FROM rows WHERE key IS NOT NULL GROUP BY key")
    return (address for (address,) in rows)
