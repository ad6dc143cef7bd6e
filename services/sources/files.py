"""The source that is a folder of CSV and Parquet files, such as Customer Insights' own export leaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from services import errors
from services.sources import (
    PROFILE_KEY,
    Attribute,
    BeingRefreshed,
    Hidden,
    RefreshMarker,
    Segment,
    SegmentReader,
    choosing,
    counts,
    folder,
    reading,
    scanning,
    tables,
    vocabulary,
)

PROFILE_TABLE = "Customer"

_COUNTING_THREADS = 2
_BATCH, _BATCH_BYTES = 200, 4_000_000
"""How many tables, and bytes of them, are counted in one DuckDB."""
_Value = TypeVar("_Value")


class FolderSource:
    """A ``ProfileSource`` over a folder. Thread-safe; remembers counts per refresh, never a value of a profile.

    ``segments_pattern`` names tables to include and, after ``!``, to exclude, by commas, with ``*`` and ``?``.
    ``settle``: seconds files must have been left alone to be complete. ``clock``: seconds since 1970. ``look``: lists
    the data files of one folder.
    """

    def __init__(
        self,
        path: Path,
        *,
        scratch_folder: Path,
        segments_pattern: str | None = None,
        settle: float = folder.SETTLE_SECONDS,
        clock: Callable[[], float] = time.time,
        look: folder.Look = folder.look,
    ) -> None:
        self._path = path
        self._scratch_folder = scratch_folder
        self._pattern = segments_pattern
        self._settle = settle
        self._clock = clock
        self._look = look
        self._engine = scanning.Engine(scratch_folder)
        self._layouts: _Cache[tables.Layout] = _Cache()
        self._counted: _Cache[tables.Facts] = _Cache()
        self._filled: _Cache[list[Attribute]] = _Cache()
        self._together: _Cache[int] = _Cache()
        self._counts = counts.Counts(scratch_folder)
        self._name = ""
        self._last_look: tuple[float, str] | None = None

    @property
    def name(self) -> str:
        """The name its model.json gave when it was last looked at, else the folder's."""
        if not self._name:
            with suppress(errors.PostinoError):
                self._catalogue()
        return self._name or self._path.name or str(self._path)

    def segments(self) -> list[Segment]:
        """All segments with exact counts of distinct profiles, by display name."""
        return self._survey()[0]

    def hidden(self) -> list[Hidden]:
        """Tables that are no segments, by name."""
        return self._survey()[1]

    def attributes(self) -> list[Attribute]:
        """The columns of ``Customer`` but its key, with the share of profiles that have a value."""
        layout, facts = self._profiles(self._catalogue())
        return self._filled.get(PROFILE_TABLE, layout.table.signature, lambda: self._fill(layout, facts))

    def sample(self, attributes: Sequence[str], limit: int) -> list[tuple[str | None, ...]]:
        """The first ``limit`` profiles' values of ``attributes``."""
        layout, facts = self._profiles(self._catalogue())
        _require(attributes, layout)
        values = reading.columns(1, len(attributes)).removeprefix(", ") or "1"
        found: list[tuple[str | None, ...]] = []
        with self._engine.cursor(layout.table.name) as cursor:
            for parts in scanning.chunks(facts.parts):
                rows = scanning.rows_of(parts, [PROFILE_KEY, *attributes])
                query = f"FROM ({rows}) SELECT {values} WHERE {scanning.HAS_ID} LIMIT ?"
                found += cursor.execute(query, [limit - len(found)]).fetchall()
                if len(found) == limit:
                    break
        return found

    def count_distinct(self, segments: Sequence[str]) -> int:
        """How many distinct profile ids the segments hold together."""
        catalogue = self._catalogue()
        layouts = [self._segment(catalogue, name) for name in sorted(set(segments))]
        facts = [self._facts(layout) for layout in layouts]
        if len(facts) == 1 and facts[0].distinct is not None:
            return facts[0].distinct
        names = "\0".join(layout.table.name for layout in layouts)
        signature = "\0".join(layout.table.signature for layout in layouts)
        return self._together.get(
            names,
            signature,
            lambda: tables.count_distinct(self._engine, self.name, [part for one in facts for part in one.parts]),
        )

    def read(self, segment: str, attributes: Sequence[str]) -> SegmentReader:
        """Open one segment for streaming; attributes it lacks come from ``Customer``."""
        catalogue = self._catalogue()
        layout = self._segment(catalogue, segment)
        facts = self._facts(layout)
        if all(scanning.find(layout.columns, name) is not None for name in attributes):
            return reading.OwnColumns(self._engine, layout, facts, attributes)
        profiles = self._profiles(catalogue)
        _require(attributes, profiles[0], layout)
        return reading.Joined(self._engine, (layout, facts), profiles, attributes)

    def find(self, attribute: str, value: str, segments: Collection[str] | None = None) -> list[tuple[str, list[str]]]:
        """Profiles whose ``attribute`` is ``value``, in ``Customer`` or in a segment, and the segments holding them."""
        catalogue = self._catalogue()
        profiles = self._profiles(catalogue)
        _require([attribute], profiles[0])
        found: dict[str, list[str]] = {one: [] for one in self._matching(*profiles, attribute, value, [])}
        with self._engine.keeping():
            for layout in self._segment_layouts(catalogue, segments):
                for profile_id in self._matching(layout, self._facts(layout), attribute, value, list(found)):
                    found.setdefault(profile_id, []).append(layout.table.name)
        return sorted(found.items())

    def values(self, attribute: str, members: Mapping[str, Collection[str]]) -> list[str | None]:
        """What stands in ``attribute`` of a few members of segments: in the segment's own column, else in ``Customer``."""
        catalogue = self._catalogue()
        layouts = self._segment_layouts(catalogue, members)
        asked = [(one, members[one.table.name]) for one in layouts if scanning.find(one.columns, attribute) is not None]
        lacking = [one for one in layouts if scanning.find(one.columns, attribute) is None]
        if lacking:
            profiles = self._profile_layout(catalogue)
            _require([attribute], profiles)
            asked.append((profiles, {member for one in lacking for member in members[one.table.name]}))
        found: list[str | None] = []
        for layout, wanted in asked:
            with self._engine.cursor(layout.table.name) as cursor:
                for parts in scanning.chunks(self._facts(layout).parts):
                    rows = scanning.rows_of(parts, [PROFILE_KEY, attribute])
                    query = f"FROM ({rows}) SELECT c1 WHERE list_contains(?::VARCHAR[], c0)"
                    found += [row[0] for row in cursor.execute(query, [list(wanted)]).fetchall()]
        return found

    def refresh_marker(self) -> RefreshMarker:
        """The refresh shown now. Raises ``BeingRefreshed`` while its files are young or change between two looks."""
        catalogue = self._catalogue()
        now = self._clock()
        earlier, self._last_look = self._last_look, (now, catalogue.signature)
        changing = earlier is not None and now - earlier[0] < self._settle and earlier[1] != catalogue.signature
        if changing or not catalogue.settled:
            raise BeingRefreshed(
                "The source “{source}” is being refreshed; it is complete when no file changes any more.",
                after=self._settle,
                source=catalogue.name,
            )
        return RefreshMarker(catalogue.signature, catalogue.refreshed)

    def _catalogue(self) -> folder.Catalogue:
        found = folder.catalogue(self._path, now=self._clock(), settle=self._settle, look=self._look)
        self._name = found.name
        return found

    def _layout(self, table: folder.Table) -> tables.Layout:
        return self._layouts.get(table.name, table.signature, lambda: tables.lay_out(self._engine, table))

    def _facts(self, layout: tables.Layout, *, distinct: bool = False) -> tables.Facts:
        return self._counted.get(
            layout.table.name,
            layout.table.signature,
            lambda: tables.count(self._engine, layout, self._scratch_folder, distinct=distinct),
        )

    def _count(self, layout: tables.Layout) -> int:
        facts = self._facts(layout, distinct=True)
        return facts.distinct if facts.distinct is not None else self.count_distinct([layout.table.name])

    def _profiles(self, catalogue: folder.Catalogue) -> tuple[tables.Layout, tables.Facts]:
        """The profile table. Raises ``InvalidInput(field="source")`` without one, without its key, or without rows."""
        layout = self._profile_layout(catalogue)
        return layout, self._facts(layout)

    def _profile_layout(self, catalogue: folder.Catalogue) -> tables.Layout:
        """The profile table, known to hold profiles."""
        table = next((one for name, one in catalogue.tables.items() if _is_profile_table(name)), None)
        if table is None:
            reason = next((one.reason for one in catalogue.hidden if _is_profile_table(one.table)), "")
            if reason:
                raise errors.InvalidInput(
                    "The source folder {path} has no table Customer, which holds the profiles. {reason}",
                    field="source",
                    path=str(self._path),
                    reason=reason,
                )
            raise errors.InvalidInput(
                "The source folder {path} has no table Customer, which holds the profiles.",
                field="source",
                path=str(self._path),
            )
        layout = self._layout(table)
        if layout.columns and scanning.find(layout.columns, PROFILE_KEY) is None:
            raise errors.InvalidInput("The table Customer has no column CustomerId.", field="source")
        if not self._counts.of(f"rows-{table.signature}", lambda: self._facts(layout).rows):
            raise errors.InvalidInput("The table Customer is empty: it holds no profile.", field="source")
        return layout

    def _segment(self, catalogue: folder.Catalogue, name: str) -> tables.Layout:
        table = catalogue.tables.get(name)
        if table is not None and not self._excluded(name):
            layout = self._layout(table)
            if not _unfit(layout):
                return layout
        raise errors.NotFound("The segment {segment} is no longer in the source.", segment=name)

    def _segment_layouts(self, catalogue: folder.Catalogue, names: Collection[str] | None) -> list[tables.Layout]:
        wanted = [table for name, table in sorted(catalogue.tables.items()) if names is None or name in names]
        shown = [table for table in wanted if not self._excluded(table.name)]
        return [layout for table in shown if not _unfit(layout := self._layout(table))]

    def _excluded(self, name: str) -> bool:
        return _is_profile_table(name) or not choosing.is_chosen(name, self._pattern)

    def _survey(self) -> tuple[list[Segment], list[Hidden]]:
        catalogue = self._catalogue()
        largest_first = sorted(catalogue.tables.values(), key=lambda table: -sum(file.size for file in table.files))
        with ThreadPoolExecutor(_COUNTING_THREADS) as pool:
            profiles = pool.submit(self._profile_layout, catalogue)
            looked = [one for some in pool.map(self._describe_all, _batches(largest_first)) for one in some]
            profiles.result()
        self._counts.keep({table.signature for table in catalogue.tables.values()})
        segments = [one for one in looked if isinstance(one, Segment)]
        hidden = [one for one in looked if isinstance(one, Hidden)]
        return (
            sorted(segments, key=lambda one: (one.display_name.casefold(), one.name)),
            sorted([*catalogue.hidden, *hidden], key=lambda one: one.table),
        )

    def _describe_all(self, some: Sequence[folder.Table]) -> list[Segment | Hidden | None]:
        with self._engine.keeping():
            return [self._describe(table) for table in some]

    def _describe(self, table: folder.Table) -> Segment | Hidden | None:
        if _is_profile_table(table.name):
            return None
        if self._excluded(table.name):
            return Hidden(table.name, choosing.LEFT_OUT)
        try:
            layout = self._layout(table)
            if reason := _unfit(layout):
                return Hidden(table.name, reason)
            count = self._counts.of(table.signature, lambda: self._count(layout))
        except errors.InvalidInput as error:
            return Hidden(table.name, error.message, error.values)
        entity = table.entity
        return Segment(
            name=table.name,
            display_name=entity.display_name if entity else table.name,
            profile_count=count,
            description=entity.description if entity else "",
            state=entity.state if entity else "Active",
            last_refreshed=table.refreshed,
        )

    def _fill(self, layout: tables.Layout, facts: tables.Facts) -> list[Attribute]:
        key = scanning.find(layout.columns, PROFILE_KEY)
        names = [name for position, name in enumerate(layout.columns) if position != key]
        counts = ", ".join(
            f"count(*) FILTER (regexp_matches(c{position}, {scanning.NOT_BLANK}))"
            for position in range(1, len(names) + 1)
        )
        filled = [0] * len(names)
        with self._engine.cursor(layout.table.name) as cursor:
            for parts in scanning.chunks(facts.parts):
                rows = scanning.rows_of(parts, [PROFILE_KEY, *names])
                (found,) = cursor.execute(f"FROM ({rows}) SELECT {counts or '1'} WHERE {scanning.HAS_ID}").fetchall()
                filled = [known + more for known, more in zip(filled, found, strict=False)]
        declared = {column.name: column for column in layout.table.entity.columns} if layout.table.entity else {}
        attributes = []
        for name, count in zip(names, filled, strict=True):
            column = declared.get(name)
            data_type = column.data_type if column else scanning.data_type(layout.parts, name)
            semantic = vocabulary.semantic(name, column.meaning if column else None)
            attributes.append(Attribute(name, data_type, count / facts.rows, semantic))
        return attributes

    def _matching(
        self, layout: tables.Layout, facts: tables.Facts, attribute: str, value: str, profile_ids: Sequence[str]
    ) -> list[str]:
        same = f"lower(trim(c1, {scanning.BLANKS})) = lower(?)"
        found: list[str] = []
        with self._engine.cursor(layout.table.name) as cursor:
            for parts in scanning.chunks(facts.parts):
                rows = scanning.rows_of(parts, [PROFILE_KEY, attribute])
                matching = f"{scanning.HAS_ID} AND ({same} OR list_contains(?::VARCHAR[], c0))"
                query = f"FROM ({rows}) SELECT DISTINCT c0 WHERE {matching}"
                found += [row[0] for row in cursor.execute(query, [value.strip(), list(profile_ids)]).fetchall()]
        return list(dict.fromkeys(found))


class _Cache(Generic[_Value]):
    """The last value per name, computed once per signature even if several threads ask."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._values: dict[str, tuple[str, _Value]] = {}

    def get(self, name: str, signature: str, compute: Callable[[], _Value]) -> _Value:
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            known = self._values.get(name)
            if known and known[0] == signature:
                return known[1]
            value = compute()
            self._values[name] = (signature, value)
            return value


def _batches(largest_first: Sequence[folder.Table]) -> Iterator[list[folder.Table]]:
    """Tables to be looked at one after the other, so that thousands of small ones do not cost as much as large ones."""
    batch: list[folder.Table] = []
    room = _BATCH_BYTES
    for table in largest_first:
        size = sum(file.size for file in table.files)
        if batch and (size > room or len(batch) == _BATCH):
            yield batch
            batch, room = [], _BATCH_BYTES
        batch.append(table)
        room -= size
    if batch:
        yield batch


def _is_profile_table(name: str) -> bool:
    return name.casefold() == PROFILE_TABLE.casefold()


def _unfit(layout: tables.Layout) -> str:
    """Why a table is no segment, as a gettext message id; empty if it is one."""
    if not layout.columns:
        return "This table is empty: it has neither rows nor column names."
    if scanning.find(layout.columns, PROFILE_KEY) is None:
        return "This table has no column CustomerId."
    return ""


def _require(attributes: Sequence[str], *layouts: tables.Layout) -> None:
    for name in attributes:
        if all(scanning.find(layout.columns, name) is None for layout in layouts):
            raise errors.InvalidInput(
                "The source has no attribute {attribute}; choose another one.", field="attributes", attribute=name
            )
