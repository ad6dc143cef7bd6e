"""give no run and no destination the number of one that is gone: audit entries, the ledger and old messages name them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_HIGHEST_RUN = "SELECT max(CAST(json_extract(details, '$.run') AS INTEGER)) FROM audit"


def upgrade() -> None:
    """Only SQLite gives a number twice, and only a table that is made anew learns not to."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    # The old table is dropped, which would delete every row that refers to it.
    if connection.scalar(sa.text("PRAGMA foreign_keys")) != 0:
        raise RuntimeError("Foreign keys must be off while tables are made anew.")
    for table in ("destinations", "runs"):
        with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": True}):
            pass
    highest = connection.scalar(sa.text(_HIGHEST_RUN)) or 0  # of runs that are gone, too
    known = connection.scalar(sa.text("SELECT coalesce(max(id), 0) FROM runs"))
    connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = 'runs'"))
    connection.execute(
        sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES ('runs', :last)"), {"last": max(highest, known)}
    )


def downgrade() -> None:
    """The tables stay as they are: what they know does no harm."""
