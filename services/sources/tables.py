"""One table of files, looked at and counted: its columns, its exact number of profiles, and what of it is broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from services import errors
from services.sources import PROFILE_KEY, folder, lines, scanning


@dataclass(frozen=True, slots=True)
class Layout:
    """A table's files with their columns, before any row is counted."""

    table: folder.Table
    parts: tuple[scanning.Part, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a full pass over a table has told; ``parts`` are mended where they were broken.

    ``rows`` name a profile, ``distinct`` of them different ones (None if they were not counted); ``broken`` rows or
    lines cannot be used.
    """

    parts: tuple[scanning.Part, ...]
    rows: int
    distinct: int | None
    broken: int


@dataclass(frozen=True, slots=True)
class _Tally:
    everything: int
    rows: int
    distinct: int | None
    without_id: int


def lay_out(engine: scanning.Engine, table: folder.Table) -> Layout:
    """Look at the head of every file of ``table``. Raises ``InvalidInput(field="source")`` if one cannot be read."""
    names = [column.name for column in table.entity.columns] if table.entity else []
    with scanning.meaning(table.name):
        parts = [part for file in table.files if (part := scanning.part(file, names, engine, table.name))]
    columns = dict.fromkeys(column for part in parts for column in part.columns) or dict.fromkeys(names)
    return Layout(table, tuple(parts), tuple(columns))


def count(engine: scanning.Engine, layout: Layout, scratch_folder: Path, *, distinct: bool) -> Facts:
    """Read the whole table once. Where DuckDB meets a broken line, or fewer rows than lines, the file is mended.

    ``distinct`` counts the different profiles as well, which takes about 70 bytes of memory for each.

    Raises ``InvalidInput(field="source")`` if nothing of the table can be read.
    """
    name = layout.table.name
    if not layout.parts:
        return Facts((), 0, 0, 0)
    groups = list(scanning.chunks(layout.parts))
    parts: list[scanning.Part] = []
    tallies: list[_Tally] = []
    broken = 0
    for group in groups:
        tally = _tally(engine, layout, group, distinct=distinct and len(groups) == 1)
        if tally is None:
            mended = [_mended(engine, layout, part, scratch_folder) for part in group]
            group = [part for part, _ in mended]
            broken += sum(lost for _, lost in mended)
            tally = _tally(engine, layout, group, distinct=distinct and len(groups) == 1, trusted=True)
        if tally is None:
            raise scanning.changed(name)
        parts += group
        tallies.append(tally)
    rows = sum(tally.rows for tally in tallies)
    different = tallies[0].distinct if len(groups) == 1 else count_distinct(engine, name, parts) if distinct else None
    # A table of nothing but ids reads a blank line as a row: that one is no loss.
    blank = sum(tally.without_id for tally in tallies) if len(layout.columns) == 1 else 0
    broken += sum(tally.everything for tally in tallies) - rows - blank
    if broken and not rows:
        raise errors.InvalidInput(
            "No line of the table {table} can be read; export it again as CSV (UTF-8) or Parquet.",
            field="source",
            table=name,
        )
    return Facts(tuple(parts), rows, different, broken)


def count_distinct(engine: scanning.Engine, name: str, parts: Sequence[scanning.Part]) -> int:
    """How many different profile ids ``parts`` hold, of one table or of several. ``name`` is for errors.

    Hashes of 128 bits are counted: as exact as the ids themselves, in a third of the memory.
    """
    with engine.cursor(name) as cursor:
        cursor.execute("CREATE TEMP TABLE seen (hash UHUGEINT)")
        for group in scanning.chunks(parts):
            hashes = (
                f"FROM ({scanning.rows_of(group, [PROFILE_KEY])}) SELECT md5_number(c0) AS hash WHERE {scanning.HAS_ID}"
            )
            cursor.execute(f"INSERT INTO seen FROM ({hashes}) ANTI JOIN seen USING (hash) SELECT DISTINCT hash")
        ((count,),) = cursor.execute("FROM seen SELECT count(*)").fetchall()
    return int(count)


def _tally(
    engine: scanning.Engine,
    layout: Layout,
    parts: Sequence[scanning.Part],
    *,
    distinct: bool = False,
    trusted: bool = False,
) -> _Tally | None:
    """Count ``parts``; None if lines of them are broken or missing. Mended ones are ``trusted``.

    All columns are read, because DuckDB checks the encoding of none that it is not asked for.
    """
    expected = inside = 0
    if not trusted:
        for part in parts:
            if part.layout is not None:
                with scanning.meaning(layout.table.name):
                    found = lines.count(Path(part.path), part.layout)
                if found.has_nul:
                    return None
                expected += found.count
                inside += found.inside
    others = [column for column in layout.columns if column != PROFILE_KEY]
    columns = [PROFILE_KEY, *others]
    rows = scanning.rows_of(parts, columns, checking=not trusted)
    every = ", ".join(f"count(c{position})" for position in range(len(columns)))
    different = f"count(DISTINCT CASE WHEN {scanning.HAS_ID} THEN md5_number(c0) END)" if distinct else "NULL"
    counts = f"count(*), count(*) FILTER ({scanning.HAS_ID}), {different}, count(*) - count(c0)"
    tally = f"FROM ({rows}) SELECT {counts}, {every}"
    with engine.cursor(layout.table.name) as cursor:
        try:
            # All of the result must be fetched: DuckDB notes the rejects when the query ends.
            (result,) = cursor.execute(tally).fetchall()
        except duckdb.InvalidInputException:
            return None
        csv_parts = [part for part in parts if part.layout is not None]
        if not trusted and csv_parts:
            rejects = cursor.execute("FROM reject_errors SELECT count(*)").fetchone()
            if rejects and rejects[0]:
                return None
            counted = result[0] if len(csv_parts) == len(parts) else _rows(cursor, csv_parts)
            in_order = counted in (expected, expected - inside)
            if not in_order and counted + _inner_lines(cursor, csv_parts, columns) != expected:
                return None
    return _Tally(*result[:4])


def _rows(cursor: duckdb.DuckDBPyConnection, parts: Sequence[scanning.Part]) -> int:
    result = cursor.execute(f"FROM ({scanning.rows_of(parts, [PROFILE_KEY])}) SELECT count(*)").fetchone()
    return int(result[0]) if result else 0


def _inner_lines(cursor: duckdb.DuckDBPyConnection, parts: Sequence[scanning.Part], columns: Sequence[str]) -> int:
    """How many line ends stand inside cells."""
    inner = " + ".join(
        f"coalesce(length(c{position}) - length(replace(c{position}, chr(10), '')), 0)"
        for position in range(len(columns))
    )
    result = cursor.execute(f"FROM ({scanning.rows_of(parts, columns)}) SELECT sum({inner})").fetchone()
    return int(result[0] or 0) if result else 0


def _mended(
    engine: scanning.Engine, layout: Layout, part: scanning.Part, scratch_folder: Path
) -> tuple[scanning.Part, int]:
    """``part`` itself if it is in order, else its readable records in a file without a name, and the lines lost."""
    if part.layout is None or _tally(engine, layout, [part]) is not None:
        return part, 0
    copy = scanning.NamelessFile(scratch_folder, layout.table.name)
    with scanning.meaning(layout.table.name), copy.open() as target:
        broken = lines.mend(Path(part.path), part.layout, target)
    shape = lines.Shape(part.columns, header=False, delimiter=",", quote='"')
    return replace(part, path=copy.path, layout=shape, compressed=False, mended=copy), broken
