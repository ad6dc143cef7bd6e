"""Streams a segment of files in batches: from its own columns, or joined to the profile table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import duckdb

from services.sources import PROFILE_KEY, Membership, Unreadable, scanning, tables

BATCH = 5_000
"""Rows per batch."""


class OwnColumns:
    """A ``SegmentReader`` for a table that has all attributes asked for."""

    def __init__(
        self, engine: scanning.Engine, layout: tables.Layout, facts: tables.Facts, attributes: Sequence[str]
    ) -> None:
        self.broken = facts.broken
        self.unreadable_profiles: Unreadable | None = None
        self._engine = engine
        self._layout = layout
        self._facts = facts
        self._attributes = attributes

    def __iter__(self) -> Iterator[Sequence[Membership]]:
        """Batches of rows. Raises ``Unavailable`` at the end if the files are no longer those that were counted."""
        values = columns(1, len(self._attributes))
        emitted = 0
        with self._engine.cursor(self._layout.table.name) as cursor:
            for parts in scanning.chunks(self._facts.parts):
                rows = scanning.rows_of(parts, [PROFILE_KEY, *self._attributes])
                cursor.execute(f"FROM ({rows}) SELECT c0, true{values} WHERE {scanning.HAS_ID}")
                for batch in batches(cursor):
                    emitted += len(batch)
                    yield batch
        if emitted != self._facts.rows:
            raise scanning.changed(self._layout.table.name)
        ensure_unchanged(self._layout)


class Joined:
    """A ``SegmentReader`` for a table that lacks attributes: they come from the profile table.

    The segment's profile ids are held as hashes (with what it has of its own), and the profile table is streamed past
    them; a second pass finds those that the profile table does not hold.
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
        lost = self._profile_facts.broken
        self.unreadable_profiles = Unreadable(self._profile_layout.table.name, lost) if lost else None

    def __iter__(self) -> Iterator[Sequence[Membership]]:
        """Batches of rows. Raises ``Unavailable`` at the end if files are no longer those that were counted."""
        name = self._layout.table.name
        # Values of profiles may be held for this join only where they cannot be written to disk.
        opened = self._engine.cursor_without_spill(name) if self._own else self._engine.cursor(name)
        with opened as cursor:
            self._hold(cursor, "members", self._facts.parts, self._own)
            for parts in scanning.chunks(self._profile_facts.parts):
                cursor.execute(self._matching(parts))
                yield from batches(cursor)
            cursor.execute("DROP TABLE members")
            self._hold(cursor, "profiles", self._profile_facts.parts, [])
            for parts in scanning.chunks(self._facts.parts):
                cursor.execute(self._missing(parts))
                yield from batches(cursor)
        ensure_unchanged(self._layout)
        ensure_unchanged(self._profile_layout)

    @staticmethod
    def _hold(
        cursor: duckdb.DuckDBPyConnection, table: str, parts: Sequence[scanning.Part], values: Sequence[str]
    ) -> None:
        """Fill a temporary table with the hash of each row's profile id and, as c1, c2, …, its ``values``."""
        declared = "".join(f", c{position} VARCHAR" for position in range(1, len(values) + 1))
        cursor.execute(f"CREATE TEMP TABLE {table} (hash UHUGEINT{declared})")
        for chunk in scanning.chunks(parts):
            rows = scanning.rows_of(chunk, [PROFILE_KEY, *values])
            selected = f"md5_number(c0){columns(1, len(values))}"
            cursor.execute(f"INSERT INTO {table} FROM ({rows}) SELECT {selected} WHERE {scanning.HAS_ID}")

    def _matching(self, parts: Sequence[scanning.Part]) -> str:
        joined = [name for name in self._attributes if name not in self._own]
        outputs = "".join(
            f", members.c{self._own.index(name) + 1}" if name in self._own else f", profile.c{joined.index(name) + 1}"
            for name in self._attributes
        )
        rows = scanning.rows_of(parts, [PROFILE_KEY, *joined])
        return (
            f"FROM (FROM ({rows}) WHERE {scanning.HAS_ID}) AS profile"
            f" JOIN members ON md5_number(profile.c0) = members.hash SELECT profile.c0, true{outputs}"
        )

    def _missing(self, parts: Sequence[scanning.Part]) -> str:
        outputs = "".join(
            f", c{self._own.index(name) + 1}" if name in self._own else ", NULL::VARCHAR" for name in self._attributes
        )
        rows = scanning.rows_of(parts, [PROFILE_KEY, *self._own])
        return (
            f"FROM (FROM ({rows}) WHERE {scanning.HAS_ID}) AS member"
            f" ANTI JOIN profiles ON md5_number(member.c0) = profiles.hash SELECT c0, false{outputs}"
        )


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
