"""The one way to the database: SQLite in WAL mode by default, PostgreSQL by its URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, CursorResult, DateTime, Engine, Update, create_engine, event, exc, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from sqlalchemy.sql import TableClause

Clock = Callable[[], datetime]

OUT_OF_REACH = (exc.OperationalError, exc.InternalError, exc.InterfaceError, exc.TimeoutError)
"""Raised when the database cannot be used for now: it is away, locked, full or read-only, it has ended our session, or no
connection is free. Nothing is wrong with what was asked."""


def utc_now() -> datetime:
    """The computer's clock, with its zone."""
    return datetime.now(UTC)


class Database:
    """An engine and its two kinds of transactions."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self.url = make_url(url)
        self.on_sqlite = self.url.get_backend_name() == "sqlite"
        self._clock = clock
        if self.on_sqlite and self.url.database and self.url.database != ":memory:":
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.engine = _sqlite_engine(url) if self.on_sqlite else _postgresql_engine(url)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads; what it loaded stays usable afterwards."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is committed at the end, or rolled back if anything is raised."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    @property
    def _writing(self) -> Engine:
        return self.engine.execution_options(postino_writes=True)

    def now(self, session: Session) -> datetime:
        """The time that counts for leases: an injected clock, else the database server's, else this computer's."""
        if self._clock is not None:
            return self._clock()
        if self.on_sqlite:
            return utc_now()
        return session.scalars(select(func.clock_timestamp(type_=DateTime(timezone=True)))).one()

    def migrate(self, revision: str = "head") -> None:
        """Bring the tables to a revision, by default the newest (Alembic).

        Safe at every start and from several processes at once. Leaves no connection open if it fails.
        """
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        # A writer from the beginning, so that a second process waits for the first instead of failing.
        try:
            with self._writing.connect() as connection, _tables_made_anew(connection):
                config.attributes["connection"] = connection
                command.upgrade(config, revision)
        except BaseException:
            self.dispose()
            raise

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


@contextmanager
def _tables_made_anew(connection: Connection) -> Iterator[None]:
    """Let SQLite drop a table that is made anew without deleting the rows of others that refer to it.

    It heeds that between transactions only, so that a revision cannot say it by itself.
    """
    driver = connection.connection.driver_connection
    if not isinstance(driver, SqliteConnection):
        yield
        return
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        connection.rollback()
        driver.execute("PRAGMA foreign_keys = ON")


def insert_for(session: Session, table: type[Any] | TableClause) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, for the database at hand."""
    return sqlite.insert(table) if session.get_bind().dialect.name == "sqlite" else postgresql.insert(table)


def changed_one(session: Session, statement: Update) -> bool:
    """Run an UPDATE that tells by its row count whether it hit."""
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return bool(result.rowcount == 1)


def _postgresql_engine(url: str) -> Engine:
    # A worker that is frozen in a transaction must not keep its heir waiting for the rows it has locked.
    engine = create_engine(url, pool_pre_ping=True, pool_size=10)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION idle_in_transaction_session_timeout = '60s'")
        connection.commit()

    return engine


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False, "isolation_level": None})

    @event.listens_for(engine, "connect")
    def _configure(connection: SqliteConnection, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail at the upgrade instead of waiting: writers say so at once.
        writes = connection.get_execution_options().get("postino_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
