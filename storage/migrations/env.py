"""Alembic's entry: runs the revisions on the connection that ``Database.migrate`` hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from storage.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, transactional_ddl=True)
with context.begin_transaction():
    if connection.dialect.name == "postgresql":
        # Two processes that start at once: the second waits here and then finds everything done.
        connection.execute(text("SELECT pg_advisory_xact_lock(7305171)"))
    context.run_migrations()
connection.commit()
