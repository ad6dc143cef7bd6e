"""A database to read from: its connections, its tables, and what its errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, FromClause, column, create_engine, event, exc, inspect, select, table, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.pool import NullPool

from services import errors


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view or query as something to select from, with its columns and their declared types by name."""

    name: str
    clause: FromClause
    types: Mapping[str, Any] = field(hash=False)

    def find(self, name: str) -> str | None:
        """The column of that name, exactly or else without case."""
        if name in self.types:
            return name
        return next((one for one in self.types if one.casefold() == name.casefold()), None)


class Database:
    """Read-only access by SQLAlchemy, a connection for each use: none stands idle at somebody else's server.

    No error it raises holds the password, the address or a value.
    """

    def __init__(self, url: str) -> None:
        try:
            self._url = _with_driver(make_url(url))
            self._engine = _engine(self._url)
        except exc.NoSuchModuleError:
            raise errors.InvalidInput(
                "POSTINO_SOURCE_URL names a kind of source that is not known here. It is a folder, as "
                "file:///path/to/folder, or a database, such as postgresql://user:password@host/name.",
                field="source",
            ) from None
        except ModuleNotFoundError as missing:
            raise errors.InvalidInput(
                "Reading this database needs the Python package {package}; install it beside Postino.",
                field="source",
                package=missing.name or "",
            ) from None
        except (exc.ArgumentError, ValueError):
            raise errors.InvalidInput(
                "POSTINO_SOURCE_URL is no address. It is a folder, as file:///path/to/folder, or a database, such as "
                "postgresql://user:password@host/name.",
                field="source",
            ) from None

    @property
    def name(self) -> str:
        """The database's name, without the directory of a file."""
        return Path(self._url.database or self._url.host or self._url.get_backend_name()).name

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A read-only transaction that sees one state throughout, where the database can (PostgreSQL, SQLite).

        Raises ``Unavailable`` for a server that does not answer, ``InvalidInput(field="source")`` for a wrong password,
        a missing database or right, ``Refused`` for SQL that the database does not accept.
        """
        file = self._url.database
        if self._url.get_backend_name() == "sqlite" and file and not Path(file).is_file():
            raise errors.InvalidInput(
                "The database file {path} does not exist; check POSTINO_SOURCE_URL.", field="source", path=file
            )
        with self._meaning(), self._engine.connect() as connection, connection.begin():
            yield connection

    def relations(self, connection: Connection, schema: str | None) -> dict[tuple[str | None, str], Relation]:
        """Every table and view of ``schema`` (None is the default one), by schema and name."""
        found = inspect(connection).get_multi_columns(schema=schema, kind=ObjectKind.ANY)
        return {
            key: Relation(
                key[1],
                table(key[1], *(column(one["name"]) for one in columns), schema=key[0]),
                {one["name"]: one["type"] for one in columns},
            )
            for key, columns in found.items()
        }

    def relation_of_query(self, connection: Connection, name: str, query: str) -> Relation:
        """The query of the segment ``name`` as a relation; the database tells its columns."""
        stripped = literally(query)
        probe = select(text("*")).select_from(text(f"({stripped}) AS probe")).limit(0)
        try:
            names = list(connection.execute(probe).keys())
        except exc.DBAPIError as error:
            meant = self._meant(error)
            if isinstance(meant, errors.Refused):
                meant = errors.Refused(
                    "The database “{source}” does not accept the query of the segment {segment}: a table or column in it is "
                    "missing or misspelt.",
                    source=self.name,
                    segment=name,
                )
            raise meant from None
        return Relation(
            name, text(stripped).columns(*(column(one) for one in names)).subquery("members"), dict.fromkeys(names)
        )

    def refreshed_at(self, connection: Connection, query: str) -> Any:
        """The answer to the mapping's query of that name."""
        try:
            return connection.execute(text(literally(query))).scalar()
        except exc.DBAPIError as error:
            meant = self._meant(error)
            if isinstance(meant, errors.Refused):
                meant = errors.Refused(
                    "The database “{source}” does not accept the query refreshed_at of the mapping file.",
                    source=self.name,
                )
            raise meant from None

    @contextmanager
    def _meaning(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            raise self._meant(error) from None
        except exc.SQLAlchemyError:
            raise errors.Refused("The database “{source}” could not be read.", source=self.name) from None

    def _meant(self, error: exc.DBAPIError) -> errors.PostinoError:
        # SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
        state = str(getattr(error.orig, "sqlstate", None) or "")
        words = str(error.orig).casefold()
        # A connection that fails has no SQLSTATE, only words.
        unknown_role = "role" in words and "does not exist" in words
        if state.startswith("28") or "password" in words or unknown_role or "access denied" in words:
            return errors.InvalidInput(
                "The database “{source}” refuses the user name or the password in POSTINO_SOURCE_URL.",
                field="source",
                source=self.name,
            )
        if state == "3D000" or ("database" in words and "does not exist" in words):
            return errors.InvalidInput(
                "There is no database “{source}” on that server.", field="source", source=self.name
            )
        if state == "42501" or "permission denied" in words:
            return errors.InvalidInput(
                "The account in POSTINO_SOURCE_URL may not read a table of {source}; grant it SELECT.",
                field="source",
                source=self.name,
            )
        if "not a database" in words or "malformed" in words:
            return errors.InvalidInput(
                "The file “{source}” is not a sound SQLite database.", field="source", source=self.name
            )
        if state.startswith("53") or "disk is full" in words or "no space left" in words:
            return errors.Unavailable("The database “{source}” has no space or memory left.", source=self.name)
        if state.startswith("42") or "no such table" in words or "no such column" in words or "syntax error" in words:
            return errors.Refused(
                "The database “{source}” does not accept a query: a table or column in it is missing or misspelt.",
                source=self.name,
            )
        return errors.Unavailable("The database “{source}” does not answer.", source=self.name)


def literally(query: str) -> str:
    """A query somebody wrote, for ``sqlalchemy.text``: without its last semicolon, no colon in it meaning a value."""
    return query.strip().rstrip(";").replace(":", "\\:")


def _with_driver(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return create_engine(
            url,
            poolclass=NullPool,
            hide_parameters=True,
            isolation_level="REPEATABLE READ",
            connect_args={"connect_timeout": 10},
            execution_options={"postgresql_readonly": True},
        )
    if url.get_backend_name() != "sqlite":
        return create_engine(url, poolclass=NullPool, hide_parameters=True)
    engine = create_engine(
        url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": 10, "isolation_level": None}
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA query_only=ON")
        connection.text_factory = _text_or_bytes

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _text_or_bytes(stored: bytes) -> str | bytes:
    """SQLite keeps whatever it was given as text; what is no UTF-8 stays bytes, which no value is."""
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return stored
