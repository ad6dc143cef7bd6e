"""Reads tables of files by DuckDB: what to ask it, with which limits, and what its errors mean.

Every value is read as text, so that leading zeros and telephone numbers survive. Columns go by position (c0, c1, …):
no name that somebody chose ever stands in SQL.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import duckdb

from services import errors
from services.sources import folder, lines

NOT_BLANK = r"'[^\s\x{A0}]'"
"""SQL for the regular expression of a value with more than blanks; ``trim`` with a set takes five times as long."""

BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
"""SQL for the characters to trim."""

HAS_ID = f"(regexp_matches(c0, {NOT_BLANK}) AND NOT contains(c0, chr(0)))"
"""SQL for rows that name a profile, the profile key being c0."""

_CDM_TYPES = {
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DECIMAL": "decimal",
    "DOUBLE": "double",
    "FLOAT": "double",
    "TIME": "time",
    "UUID": "guid",
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), "int64"),
}
_BUFFER_BYTES = 2 * lines.MAX_RECORD_BYTES
_MEMORY = "64MB"
_STREAM_BUFFER = "1MB"
_CHUNK_BYTES = 64_000_000
_CHUNK_SHAPES = 8
_SPILL = "duckdb-"


class NamelessFile:
    """A file that has no name any more, so that nothing can be left behind whatever ends this process."""

    def __init__(self, folder: Path, table: str) -> None:
        with meaning(table), tempfile.TemporaryFile(dir=folder) as file:
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)

    @property
    def path(self) -> str:
        """How this process can open it all the same."""
        return f"/dev/fd/{self._descriptor}"

    def open(self) -> IO[bytes]:
        """The file for writing, at its beginning."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return os.fdopen(os.dup(self._descriptor), "wb")


@dataclass(frozen=True, slots=True)
class Part:
    """One file with what is known of its columns: a CSV's shape, or the types of a Parquet file's columns."""

    path: str
    size: int
    columns: tuple[str, ...]
    types: tuple[str, ...] = ()
    layout: lines.Shape | None = None
    compressed: bool = False
    mended: NamelessFile | None = field(default=None, compare=False)


class Engine:
    """An in-memory DuckDB with small limits and a spill folder of its own (0700), gone when the engine is.

    Only hashes and profile ids are ever held for a join or a count, so nothing else can spill to that folder.
    """

    def __init__(self, scratch_folder: Path) -> None:
        scratch_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(scratch_folder)
        self.spill_folder, lock = _own_folder(scratch_folder)
        self._kept = threading.local()
        weakref.finalize(self, _leave, self.spill_folder, lock)

    @contextmanager
    def cursor(self, table: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of the caller's own; DuckDB's errors come out as ours, naming ``table`` and never a value."""
        with meaning(table), self._connected() as cursor:
            yield cursor

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """For many questions about little, asked in this thread: to open a database takes longer than to answer one."""
        with ExitStack() as self._kept.stack:
            try:
                yield
            finally:
                del self._kept.stack
                self._kept.database = None

    @contextmanager
    def cursor_without_spill(self, table: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """The same for a query that must hold profiles' values: it may take more memory, but writes no file."""
        with meaning(table), _connect("") as connection:
            connection.execute("SET memory_limit = '1GB'")
            yield connection

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        # A database of its own each time: DuckDB gives memory back only when it is closed.
        stack: ExitStack | None = getattr(self._kept, "stack", None)
        if stack is None:
            with _connect(str(self.spill_folder)) as cursor:
                yield cursor
            return
        if getattr(self._kept, "database", None) is None:
            self._kept.database = stack.enter_context(_connect(str(self.spill_folder)))
        with self._kept.database.cursor() as cursor:
            _settle(cursor)
            yield cursor


def _own_folder(scratch_folder: Path) -> tuple[Path, int]:
    """A new folder, 0700, with a lock that shows as long as this process lives that it is in use."""
    unlocked = Path(tempfile.mkdtemp(prefix="new-", dir=scratch_folder))
    lock = os.open(unlocked, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return unlocked.rename(scratch_folder / f"{_SPILL}{unlocked.name}"), lock


def _leave(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def _sweep(scratch_folder: Path) -> None:
    """Remove the folders of processes that were killed."""
    for left in scratch_folder.glob(f"{_SPILL}*"):
        with suppress(OSError):
            lock = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(lock)


def _connect(spill_folder: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": _MEMORY,
            "temp_directory": spill_folder,
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    _settle(connection)
    return connection


def _settle(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"SET streaming_buffer_size = '{_STREAM_BUFFER}'")
    connection.execute("SET TimeZone = 'UTC'")
    # The smaller side of a join is known here: it must be the one without profiles' values.
    connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")


@contextmanager
def meaning(table: str) -> Iterator[None]:
    """Turn DuckDB's and the system's errors into ours. Their texts may quote values, so they are not passed on."""
    try:
        yield
    except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException):
        raise  # our own mistake, not the file's
    except (duckdb.OutOfMemoryException, MemoryError):
        raise errors.Unavailable(
            "There was not enough memory or disk space to read the table {table}; free some and try again.", table=table
        ) from None
    except (duckdb.Error, OSError, EOFError) as error:
        text = str(error)
        if "No space left" in text:
            raise errors.Unavailable(
                "The disk is full, so the table {table} could not be read; free some space and try again.", table=table
            ) from None
        if "Permission denied" in text:
            raise errors.InvalidInput(
                "A file of the table {table} may not be read by this account; give it the right to read.",
                field="source",
                table=table,
            ) from None
        if isinstance(error, (FileNotFoundError, duckdb.IOException)) and "No " in text:
            raise changed(table) from None
        raise errors.InvalidInput(
            "The table {table} cannot be read: a file of it is damaged. Export it again.", field="source", table=table
        ) from None


def changed(table: str) -> errors.Unavailable:
    """The error for files that are no longer what they were when reading began."""
    return errors.Unavailable("The table {table} was changed while it was read; try again in a minute.", table=table)


def part(file: folder.DataFile, names: Sequence[str], engine: Engine, table: str) -> Part | None:
    """Look at the head of one file. None if it is empty and nothing declares its columns."""
    if not file.is_parquet:
        layout = lines.shape(file.path, names, file.format)
        if layout is None:
            return None
        return Part(str(file.path), file.size, layout.columns, (), layout, file.path.name.lower().endswith(".gz"))
    with engine.cursor(table) as cursor:
        described = cursor.execute("DESCRIBE FROM read_parquet(?)", [_pattern(str(file.path))]).fetchall()
    return Part(str(file.path), file.size, tuple(row[0] for row in described), tuple(row[1] for row in described))


def chunks(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """``parts`` in groups for one query each: DuckDB keeps buffers of every large file and every shape it has begun."""
    chunk: list[Part] = []
    for one in parts:
        shapes = {(other.columns, other.layout) for other in [*chunk, one]}
        if chunk and (sum(other.size for other in [*chunk, one]) > _CHUNK_BYTES or len(shapes) > _CHUNK_SHAPES):
            yield chunk
            chunk = []
        chunk.append(one)
    if chunk:
        yield chunk


def rows_of(parts: Sequence[Part], columns: Sequence[str], *, checking: bool = False) -> str:
    """SQL for all rows of ``parts`` with ``columns`` as c0, c1, …, each text or NULL.

    With ``checking`` broken lines are skipped and noted in DuckDB's ``reject_errors``; without it they are an error.
    """
    groups: dict[tuple[object, ...], list[Part]] = {}
    for one in parts:
        groups.setdefault((one.columns, one.types, one.layout, one.compressed), []).append(one)
    return " UNION ALL ".join(_group(group, columns, checking) for group in groups.values())


def _group(parts: list[Part], columns: Sequence[str], checking: bool) -> str:
    first = parts[0]
    paths = "[" + ", ".join(_literal(one.path if one.mended else _pattern(one.path)) for one in parts) + "]"
    outputs = []
    for position, column in enumerate(columns):
        source = find(first.columns, column)
        value = (
            "NULL::VARCHAR" if source is None else _as_text(f"p{source}", first.types[source] if first.types else "")
        )
        outputs.append(f"{value} AS c{position}")
    selection = f"SELECT {', '.join(outputs) or '1'}"
    if first.layout is None:
        renamed = ", ".join(f"p{position}" for position in range(len(first.columns)))
        return f"{selection} FROM read_parquet({paths}) AS file({renamed})"
    layout = first.layout
    declared = ", ".join(f"'p{position}': 'VARCHAR'" for position in range(len(first.columns)))
    options = [
        "auto_detect = false",
        f"columns = {{{declared}}}",
        f"header = {str(layout.header).lower()}",
        f"delim = {_literal(layout.delimiter)}",
        f"quote = {_literal(layout.quote)}",
        f"escape = {_literal(layout.quote)}",
        f"compression = '{'gzip' if first.compressed else 'none'}'",
        f"buffer_size = {_BUFFER_BYTES}",
        f"max_line_size = {lines.MAX_RECORD_BYTES}",
        "strict_mode = true",
        "null_padding = false",
    ]
    if checking:
        options += ["store_rejects = true", "rejects_limit = 1000", "rejects_line_size_limit = 1"]
    return f"{selection} FROM read_csv({paths}, {', '.join(options)})"


def find(columns: Sequence[str], name: str) -> int | None:
    """The position of a column, by its exact name or else without case."""
    with suppress(ValueError):
        return columns.index(name)
    folded = [column.strip().casefold() for column in columns]
    return folded.index(name.strip().casefold()) if name.strip().casefold() in folded else None


def data_type(parts: Sequence[Part], name: str) -> str:
    """The CDM data type of a column that only its file declares; text where nothing does."""
    for one in parts:
        position = find(one.columns, name)
        if position is not None and one.types:
            kind = one.types[position].split("(")[0]
            return _CDM_TYPES.get(kind, "dateTime" if kind.startswith("TIMESTAMP") else "string")
    return "string"


def _as_text(value: str, data_type: str) -> str:
    if data_type == "TIMESTAMP WITH TIME ZONE":
        return f"strftime({value} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')"
    if data_type.startswith("TIMESTAMP"):
        return f"strftime({value}, '%Y-%m-%dT%H:%M:%S')"
    return value if data_type in ("", "VARCHAR") else f"CAST({value} AS VARCHAR)"


def _pattern(path: str) -> str:
    """``path`` for DuckDB, which takes * ? [ for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", path)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
