"""Streams a segment of files in batches: from its own columns, or joined to the profile table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import duckdb

from services.sources import PROFILE_KEY, Membership, scanning, tables

BATCH = 10_000
"""Rows per batch."""


class OwnColumns:
    """A ``SegmentReader`` for a table that has all attributes asked for."""

    def __init__(
        self, engine: scanning.Engine, layout: tables.Layout, facts: tables.Facts, attributes: Sequence[str]
    ) -> None:
        self.broken = facts.broken
        self._engine = engine
        self._layout = layout
        self._facts = facts
        self._attributes = attributes

    def __iter__(self) -> Iterator[Sequence[Membership]]:
        """Batches of rows. Raises ``Unavailable`` at the end if the files are no longer those that were counted."""
        if not self._facts.parts:
            return
        rows = scanning.rows_of(self._facts.parts, [PROFILE_KEY, *self._attributes])
        values = columns(1, len(self._attributes))
        emitted = 0
        with self._engine.cursor(self._layout.table.name) as cursor:
            cursor.execute(f"FROM ({rows}) SELECT c0, true{values} WHERE {scanning.HAS_ID}")
            for batch in batches(cursor):
                emitted += len(batch)
                yield batch
        if emitted != self._facts.rows:
            raise scanning.changed(self._layout.table.name)
        ensure_unchanged(self._layout)


class Joined:
    """A ``SegmentReader`` for a table that lacks attributes: they come from the profile table.

    The join holds hashes of the segment's profile ids (and what the segment has of its own), and streams the profile
    table past them; a second pass finds those that the profile table does not hold.
    """

    def __init__(
        self,
        engine: scanning.Engine,
        segment: tuple[tables.Layout, tables.Facts],
        profiles: tuple[tables.Layout, tables.Facts],
        attributes: Sequence[str],
    ) -> None:
        self._engine = engine
        self._layout, self._facts = segment
        self._profile_layout, self._profile_facts = profiles
        self._attributes = attributes
        self._own = [name for name in attributes if scanning.find(self._layout.columns, name) is not None]
        self.broken = self._facts.broken

    def __iter__(self) -> Iterator[Sequence[Membership]]:
        """Batches of rows. Raises ``Unavailable`` at the end if files are no longer those that were counted."""
        if not self._facts.parts:
            return
        name = self._layout.table.name
        # Values of profiles may be held for this join only where they cannot be written to disk.
        opened = self._engine.cursor_without_spill(name) if self._own else self._engine.cursor(name)
        with opened as cursor:
            cursor.execute(self._matching())
            yield from batches(cursor)
            cursor.execute(self._missing())
            yield from batches(cursor)
        ensure_unchanged(self._layout)
        ensure_unchanged(self._profile_layout)

    def _matching(self) -> str:
        joined = [name for name in self._attributes if name not in self._own]
        outputs = "".join(
            f", segment.c{self._own.index(name) + 1}" if name in self._own else f", profile.c{joined.index(name) + 1}"
            for name in self._attributes
        )
        profiles = scanning.rows_of(self._profile_facts.parts, [PROFILE_KEY, *joined])
        return (
            f"FROM (FROM ({profiles}) WHERE {scanning.HAS_ID}) AS profile JOIN ({self._segment()}) AS segment"
            f" ON md5_number(profile.c0) = segment.hash SELECT profile.c0, true{outputs}"
        )

    def _missing(self) -> str:
        profiles = scanning.rows_of(self._profile_facts.parts, [PROFILE_KEY])
        own = columns(1, len(self._own))
        outputs = "".join(
            f", c{self._own.index(name) + 1}" if name in self._own else ", NULL::VARCHAR" for name in self._attributes
        )
        segment = scanning.rows_of(self._facts.parts, [PROFILE_KEY, *self._own])
        return (
            f"FROM (FROM ({segment}) SELECT c0{own} WHERE {scanning.HAS_ID}) AS segment"
            f" ANTI JOIN (FROM ({profiles}) SELECT md5_number(c0) AS hash WHERE {scanning.HAS_ID}) AS profile"
            f" ON md5_number(segment.c0) = profile.hash SELECT c0, false{outputs}"
        )

    def _segment(self) -> str:
        rows = scanning.rows_of(self._facts.parts, [PROFILE_KEY, *self._own])
        return f"FROM ({rows}) SELECT md5_number(c0) AS hash{columns(1, len(self._own))} WHERE {scanning.HAS_ID}"


def columns(start: int, count: int) -> str:
    """``, c1, c2, …``: the columns to add to a selection."""
    return "".join(f", c{position}" for position in range(start, start + count))


def batches(cursor: duckdb.DuckDBPyConnection) -> Iterator[Sequence[Membership]]:
    """The cursor's result, batch by batch."""
    while batch := cursor.fetchmany(BATCH):
        yield cast("list[Membership]", batch)


def ensure_unchanged(layout: tables.Layout) -> None:
    """Raise ``Unavailable`` if a file of the table has another size or time than when it was found."""
    for file in layout.table.files:
        with scanning.meaning(layout.table.name):
            status = file.path.stat()
        if (status.st_size, status.st_mtime_ns) != (file.size, file.modified):
            raise scanning.changed(layout.table.name)
