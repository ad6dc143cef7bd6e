"""Finds the tables of a source folder: which files hold which table, as of which refresh."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from services import errors
from services.sources import BeingRefreshed, Hidden, cdm

SETTLE_SECONDS = 5.0
"""Files changed less than this long ago count as still being written."""

UNNAMED_QUIET_SECONDS = 600.0
"""How long a time folder that model.json does not name must be quiet before it replaces the one that it names."""

_PLAIN = cdm.Format()
_SUFFIXES = (".csv", ".csv.gz", ".parquet")
_OTHER_SUFFIXES = (".xlsx", ".xls", ".ods", ".tsv", ".jsonl", ".avro", ".orc", ".zip")
_OTHER_FORMAT = "This file is neither CSV nor Parquet. Save it as one of them."
_LEVELS = (r"\d{4}", r"\d{2}", r"\d{2}", r"\d{4}")


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a table; ``modified`` in nanoseconds since 1970."""

    path: Path
    size: int
    modified: int
    format: cdm.Format = _PLAIN

    @property
    def is_parquet(self) -> bool:
        return self.path.name.lower().endswith(".parquet")


@dataclass(frozen=True, slots=True)
class Table:
    """The files that hold one table now."""

    name: str
    files: tuple[DataFile, ...]
    refreshed: datetime | None
    entity: cdm.Entity | None = None

    @property
    def signature(self) -> str:
        """Changes whenever a file of the table does."""
        marks = "\0".join(f"{file.path}\0{file.size}\0{file.modified}" for file in self.files)
        return _digest(f"{self.name}\0{marks}")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One look at a folder. ``settled`` is False while files of its newest refresh are being written."""

    name: str
    tables: dict[str, Table]
    hidden: tuple[Hidden, ...]
    settled: bool

    @property
    def signature(self) -> str:
        """Identifies the refresh: it changes if any file of any table does."""
        return _digest("\0".join(table.signature for _, table in sorted(self.tables.items())))

    @property
    def refreshed(self) -> datetime | None:
        """When the newest table was refreshed."""
        return max((table.refreshed for table in self.tables.values() if table.refreshed), default=None)


Look = Callable[[Path], Sequence[DataFile]]


def look(folder: Path) -> list[DataFile]:
    """The data files directly in ``folder``, by name, with size and time of change."""
    found = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if _table_name(entry.name) and entry.is_file():
                status = entry.stat()
                found.append(DataFile(Path(entry.path), status.st_size, status.st_mtime_ns))
    return found


def catalogue(
    folder: Path, *, now: float, settle: float = SETTLE_SECONDS, look: Look = look, hold: float = UNNAMED_QUIET_SECONDS
) -> Catalogue:
    """Find every table below ``folder``; ``now`` in seconds since 1970.

    Raises ``InvalidInput(field="source")`` if the folder is missing, is none, may not be read or holds several exports.
    """
    try:
        return _Finder(_data_root(folder), now, settle, look, hold).catalogue()
    except NotADirectoryError:
        raise errors.InvalidInput(
            "The source {path} is a file, not a folder.", field="source", path=str(folder)
        ) from None
    except FileNotFoundError as missing:
        if folder.exists():
            raise BeingRefreshed("The source folder {path} changed while it was read.", path=str(folder)) from missing
        raise errors.InvalidInput(
            "The source folder {path} does not exist; check POSTINO_SOURCE_URL.", field="source", path=str(folder)
        ) from None
    except PermissionError:
        raise errors.InvalidInput(
            "The source folder {path} may not be read by this account; give it the right to read.",
            field="source",
            path=str(folder),
        ) from None
    except OSError as broken:
        raise errors.Unavailable("The source folder {path} does not answer.", path=str(folder)) from broken


class _Finder:
    def __init__(self, root: Path, now: float, settle: float, look: Look, hold: float) -> None:
        self.root = root
        self.inside = root.resolve()
        self.now = now
        self.settle = settle
        self.look = look
        self.hold = hold
        self.settled = True
        self.hidden: dict[str, Hidden] = {}
        self.tables: dict[str, Table] = {}
        self.outside: dict[Path, bool] = {}

    def catalogue(self) -> Catalogue:
        model = self._model()
        entities = model.entities if model else {}
        for file in self.look(self.root):
            name = _table_name(file.path.name) or file.path.name
            self._add(name, [file], None, entities.get(name))
        for name, path in _folders(self.root):
            entity = entities.get(name)
            if not (entity and entity.partitions):
                self._add_folder(name, path, entity)
        for name, entity in entities.items():
            if entity.partitions:
                self._add_named(name, entity)
        self._hide_other_formats()
        return Catalogue(
            (model.name if model else "") or self.root.name, self.tables, tuple(self.hidden.values()), self.settled
        )

    def _model(self) -> cdm.Model | None:
        path = self.root / cdm.FILE_NAME
        young = path.exists() and self._is_young(path.stat().st_mtime_ns)
        self.settled = not young
        try:
            return cdm.read(self.root)
        except errors.InvalidInput as unreadable:
            if young:
                raise BeingRefreshed(
                    "The source folder {path} is being refreshed.", after=self.settle, path=str(self.root)
                ) from unreadable
            raise

    def _add(
        self,
        name: str,
        files: Sequence[DataFile],
        refreshed: datetime | None,
        entity: cdm.Entity | None,
        named: bool = False,
    ) -> None:
        if any(self._leads_outside(file.path) for file in files):
            self._hide(name, "A file of this table is a link that leads outside the source folder.")
            return
        if name in self.tables:
            self._hide(name, "There are two tables of this name; keep one of them.")
            return
        if name in self.hidden:
            return
        if not named and any(self._is_young(file.modified) for file in files):
            self.settled = False
        shape = entity.format if entity else _PLAIN
        formatted = tuple(file if file.format != _PLAIN else replace(file, format=shape) for file in files)
        newest = max((file.modified for file in files), default=0)
        self.tables[name] = Table(name, formatted, refreshed or _moment(newest), entity)

    def _add_folder(self, name: str, path: Path, entity: cdm.Entity | None) -> None:
        choice = self._newest(path, self.settle)
        if choice:
            self._add(name, choice[1], choice[0], entity)
        elif files := self.look(path):
            self._add(name, files, None, entity)

    def _add_named(self, name: str, entity: cdm.Entity) -> None:
        """The files that model.json names, unless a newer time folder has been quiet for long."""
        files = []
        try:
            for partition in entity.partitions:
                path = cdm.locate(partition.location, self.root)
                if path:
                    status = path.stat()
                    files.append(DataFile(path, status.st_size, status.st_mtime_ns, partition.format))
        except errors.InvalidInput:
            self._hide(name, "model.json names a file of this table outside the source folder.")
            return
        folder = self.root / name
        if not files and folder.is_dir():
            self._add_folder(name, folder, entity)
            return
        if name in self.tables and {file.path for file in files} == {file.path for file in self.tables[name].files}:
            del self.tables[name]
        named_times = [moment for file in files if (moment := _folder_time(file.path.parent))]
        newer = self._newest(folder, self.hold) if folder.is_dir() and named_times else None
        if newer and newer[0] > max(named_times):
            self._add(name, newer[1], newer[0], entity)
        elif len(files) < len(entity.partitions):
            self._hide(name, "model.json names files of this table that are not there.")
        else:
            times = [partition.refreshed for partition in entity.partitions if partition.refreshed]
            self._add(name, files, max(times or named_times, default=None), entity, named=True)

    def _newest(self, folder: Path, quiet: float) -> tuple[datetime, Sequence[DataFile]] | None:
        """The newest time folder whose files have been quiet that long; without any such the newest with files."""
        fallback = None
        for path in _time_folders(folder):
            files = self.look(path)
            moment = _folder_time(path)
            if not files or moment is None:
                continue
            if any(self._is_young(file.modified) for file in files):
                self.settled = False
            if not any(self._is_young(file.modified, quiet) for file in files):
                return moment, files
            fallback = fallback or (moment, files)
        return fallback

    def _leads_outside(self, path: Path) -> bool:
        """Whether a link leads out of the folder. Of thousands of files only those that are links are followed."""
        if path.is_symlink():
            return not path.resolve().is_relative_to(self.inside)
        if path.parent not in self.outside:
            self.outside[path.parent] = not path.parent.resolve().is_relative_to(self.inside)
        return self.outside[path.parent]

    def _is_young(self, modified: int, quiet: float | None = None) -> bool:
        # A clock of the file server that runs ahead must not keep a table young for ever.
        return abs(self.now - modified / 1e9) < (self.settle if quiet is None else quiet)

    def _hide_other_formats(self) -> None:
        for path in sorted(self.root.iterdir()):
            if path.suffix.lower() in _OTHER_SUFFIXES and path.stem not in self.tables:
                self.hidden.setdefault(path.stem, Hidden(path.stem, _OTHER_FORMAT))

    def _hide(self, name: str, reason: str) -> None:
        self.tables.pop(name, None)
        self.hidden[name] = Hidden(name, reason)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _table_name(file_name: str) -> str | None:
    """The table a data file is named after; None for other files and hidden ones."""
    if file_name.startswith((".", "_")):
        return None
    lowered = file_name.lower()
    return next((file_name[: -len(suffix)] for suffix in _SUFFIXES[::-1] if lowered.endswith(suffix)), None) or None


def _folders(folder: Path) -> list[tuple[str, Path]]:
    with os.scandir(folder) as entries:
        return sorted(
            (entry.name, Path(entry.path)) for entry in entries if entry.is_dir() and entry.name[0] not in "._"
        )


def _time_folders(folder: Path, depth: int = 0) -> Iterator[Path]:
    """The ``yyyy/MM/dd/HHmm`` folders below, newest first, looked up only as far as they are asked for."""
    if depth == len(_LEVELS):
        yield folder
        return
    for name, path in reversed(_folders(folder)):
        if re.fullmatch(_LEVELS[depth], name):
            yield from _time_folders(path, depth + 1)


def _folder_time(folder: Path) -> datetime | None:
    try:
        return datetime.strptime("/".join(folder.parts[-len(_LEVELS) :]), "%Y/%m/%d/%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None


def _moment(modified: int) -> datetime | None:
    return datetime.fromtimestamp(modified / 1e9, UTC) if modified else None


def _data_root(folder: Path) -> Path:
    """The folder that holds the tables: this one, or the only export below it (container/instance/export)."""
    _folders(folder)
    if (folder / cdm.FILE_NAME).exists():
        return folder
    for depth in range(1, 4):
        exports = sorted(path.parent for path in folder.glob("*/" * depth + cdm.FILE_NAME))
        if len(exports) > 1:
            raise errors.InvalidInput(
                "The source folder {path} holds several exports ({names}); name one of them in POSTINO_SOURCE_URL.",
                field="source",
                path=str(folder),
                names=", ".join(export.name for export in exports),
            )
        if exports:
            return exports[0]
    return folder
