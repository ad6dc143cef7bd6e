"""know how many members an audience has that its ledger does not keep"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ledgers", sa.Column("uncounted", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("ledgers", "uncounted")
