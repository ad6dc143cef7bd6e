"""A run's scratch paper: a SQLite file that is unlinked as soon as it is open, so that nothing is left even after kill -9.

An export has two: what is observed can be put down on one while the snapshot is brought into order on the other.

rows         the snapshot: one row per profile and segment, as read
seen         members as Mailchimp showed them in this run
holders      who holds which of our tags, with the address a removal needs
inserts, updates, tag_changes       what the plan wants done
missing      members who have lost tags of ours, with these as the ledger's bits
former       profiles of members who are not in the segments with that address any more, and whether they have left the audience
sharing      further profiles of those who are to be inserted
reached      hashes of profiles and addresses, with what becomes of them (``services.reaching``)
rejects      who cannot be exported, as it will be listed once the plan is whole
found        what the source has of rejected profiles (``services.rereading``)
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from services.errors import Refused

_SCHEMA = """
CREATE TABLE rows (key BLOB, profile TEXT, segment INT, consent INT, address TEXT, fields TEXT, hashes BLOB, problem TEXT);
CREATE TABLE seen (key BLOB, status INT, changed INT, fields BLOB, tags TEXT);
CREATE TABLE holders (key BLOB, tag INT, address TEXT);
CREATE TABLE inserts (n INTEGER PRIMARY KEY, key BLOB, profile TEXT, address TEXT, fields TEXT, hashes BLOB, segments BLOB,
    profiles BLOB);
CREATE TABLE updates (n INTEGER PRIMARY KEY, key BLOB, profile TEXT, address TEXT, fields TEXT, hashes BLOB, segments BLOB,
    profiles BLOB);
CREATE TABLE missing (key BLOB, bits BLOB);
CREATE TABLE former (profile BLOB, has_left INT);
CREATE TABLE sharing (profile BLOB, key BLOB);
CREATE TABLE reached (profile INT, address INT, rank INT, fate TEXT, refuses INT);
CREATE TABLE rejects (profile TEXT, segments TEXT, address TEXT, reason TEXT, detail TEXT, key BLOB, person BLOB);
CREATE TABLE found (listed TEXT PRIMARY KEY ON CONFLICT REPLACE, profile TEXT, address TEXT);
CREATE TABLE tag_changes (n INTEGER PRIMARY KEY, tag INT, remove INT, key BLOB, address TEXT, profile TEXT);
CREATE INDEX tag_changes_by_tag ON tag_changes (tag, remove, n);
"""

# Only the snapshot is asked for single people; seen and holders are read in order once, which a sort does faster.
_ROWS = 16  # put down by one statement, which takes a quarter less time than one by one
_BY_KEY = "CREATE INDEX IF NOT EXISTS rows_by_key ON rows (key, profile, segment, consent, address, fields, hashes)"


class Scratch:
    """The open file. All methods may be called from any thread, one at a time; iterators belong to one thread."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite sorts in files of its own, which it unlinks at once too; they belong on the same disk.
        os.environ["SQLITE_TMPDIR"] = str(home)
        self._lock = threading.RLock()
        with _disk_full():
            self._connection = self._open(home)

    def _open(self, home: Path) -> sqlite3.Connection:
        handle, path = tempfile.mkstemp(prefix="scratch-", suffix=".sqlite", dir=home)
        os.close(handle)
        try:
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-4000", "locking_mode=EXCLUSIVE"):
                connection.execute(f"PRAGMA {pragma}")
            connection.executescript(_SCHEMA)
            connection.execute("BEGIN")
        finally:
            Path(path).unlink()
        return connection

    def add(self, table: str, rows: Iterable[tuple[Any, ...]], width: int) -> None:
        """Append rows of ``width`` values. Raises Refused when the disk is full."""
        row = f"({', '.join('?' * width)})"
        values = chain.from_iterable(rows)
        with self._lock, _disk_full():
            while some := tuple(islice(values, width * _ROWS)):
                marks = ", ".join([row] * (len(some) // width))
                self._connection.execute(f"INSERT INTO {table} VALUES {marks}", some)  # noqa: S608 - our own table names

    def query(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return all its rows."""
        with self._lock, _disk_full():
            return self._connection.execute(sql, values).fetchall()

    def stream(self, sql: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Run a query and return its rows one after the other, without holding them all."""
        with self._lock, _disk_full():
            cursor = self._connection.cursor()
            cursor.arraysize = 1000
            return iter(cursor.execute(sql, values))

    def index_rows(self) -> None:
        """Order the snapshot by key, so that a scan in key order needs nothing but the index."""
        with self._lock, _disk_full():
            self._connection.execute(_BY_KEY)

    def clear(self, *tables: str) -> None:
        """Empty tables."""
        with self._lock:
            for table in tables:
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own table names

    def close(self) -> None:
        """Give the disk space back; the file had no name any more."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _disk_full:  # noqa: N801 - reads as a phrase
    """Turns SQLite's word for a full disk into a sentence."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        full = isinstance(error, sqlite3.OperationalError) and ("full" in str(error) or "disk I/O" in str(error))
        if full or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
            raise Refused(
                "The disk is full, so the export stopped. Free some space in Postino's home folder and export again."
            ) from error
