"""Where segments and profiles are read from: the seam between Postino and a customer data platform.

A source is read in one direction, as a stream of batches, so that a million profiles never sit in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from services import errors

PROFILE_KEY = "CustomerId"
"""The attribute that identifies a profile, as Customer Insights names it in every table it exports."""


class BeingRefreshed(errors.Unavailable):
    """A refresh is being written: it can be read when it is complete. Nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A named set of profiles. ``profile_count`` is the exact number of distinct profile ids."""

    name: str
    display_name: str
    profile_count: int
    description: str = ""
    state: str = "Active"
    last_refreshed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hidden:
    """A table that is no segment, with the reason as a gettext message id and its values."""

    table: str
    reason: str
    values: Mapping[str, errors.Value] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column of the profile table. ``fill_rate`` is the share of profiles with a non-blank value, 0 to 1.

    ``semantic`` is what the attribute means, where name or metadata tell: ``email``, ``first_name``, ``last_name``,
    ``phone``, ``birthday``, ``postal_code``, ``consent`` (true allows mailing), ``refusal`` (true forbids it) or None.
    """

    name: str
    data_type: str
    fill_rate: float
    semantic: str | None = None


@dataclass(frozen=True, slots=True)
class RefreshMarker:
    """Identifies one refresh of the source: two equal ids mean that nothing was refreshed in between."""

    id: str
    finished_at: datetime | None


Membership = tuple[str, bool, *tuple[str | None, ...]]
"""One row read from a segment: profile id, in_profiles, then one value per attribute asked for, in that order.

None is an absent value. ``in_profiles`` is False if the values had to come from the profile table and it does not hold
this profile. A plain tuple, because a million objects cost more than reading the million rows.
"""


class Unreadable(NamedTuple):
    """A table and how many of its rows could not be read."""

    table: str
    rows: int


class SegmentReader(Protocol):
    """One pass over one segment. Iterate once; ``broken`` is complete when the iteration has ended."""

    @property
    def broken(self) -> int:
        """How many rows of the segment could not be read as profiles (broken lines, NULs, no profile id)."""
        ...

    @property
    def unreadable_profiles(self) -> Unreadable | None:
        """The profile table, if the values come from it and rows of it could not be read; known from the start.

        A profile of the segment that it does not hold may stand in one of these.
        """
        ...

    def __iter__(self) -> Iterator[Sequence[Membership]]:
        """Batches of at most 5,000 rows, in no particular order; a profile listed twice comes twice."""
        ...


class ProfileSource(Protocol):
    """What the rest of Postino knows of a source. Every method may raise ``errors.PostinoError``.

    ``Unavailable`` is passing (a server that does not answer; ``BeingRefreshed`` is one), ``InvalidInput(field="source")`` and
    ``Refused`` stay.
    """

    @property
    def name(self) -> str:
        """What people call this source, for "Reading …"."""
        ...

    def segments(self) -> list[Segment]:
        """All segments with exact counts, by display name. Counts are cached per refresh marker."""
        ...

    def hidden(self) -> list[Hidden]:
        """Tables that are no segments, each with the reason."""
        ...

    def attributes(self) -> list[Attribute]:
        """The profile table's attributes in its own order, without the profile key. Cached per refresh marker."""
        ...

    def sample(self, attributes: Sequence[str], limit: int) -> list[tuple[str | None, ...]]:
        """Up to ``limit`` profiles' values of ``attributes``, the same ones each time within one refresh."""
        ...

    def count_distinct(self, segments: Sequence[str]) -> int:
        """How many distinct profiles the segments hold together."""
        ...

    def read(self, segment: str, attributes: Sequence[str]) -> SegmentReader:
        """Open one segment for streaming.

        Raises ``NotFound`` if it vanished, ``InvalidInput(field="attributes")`` for an absent attribute.
        """
        ...

    def find(self, attribute: str, value: str, segments: Collection[str] | None = None) -> list[tuple[str, list[str]]]:
        """Profiles whose ``attribute`` equals ``value`` (trimmed, without case): profile id and its segments' names.

        Looks in the profile table and in the ``segments`` that there are; in all of them, which may be thousands, for None.
        """
        ...

    def values(self, attribute: str, members: Mapping[str, Collection[str]]) -> list[str | None]:
        """What ``read`` would give as ``attribute`` of a few ``members``: profile ids by the segment that holds them.

        Raises ``InvalidInput(field="attributes")`` like ``read``; segments that there are no more are left out.
        """
        ...

    def refresh_marker(self) -> RefreshMarker:
        """Which refresh the source shows now. Raises ``BeingRefreshed`` while one is being written."""
        ...
