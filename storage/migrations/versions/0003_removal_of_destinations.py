"""removal of destinations"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("destinations", sa.Column("removal", sa.String(length=16), nullable=True))
    op.add_column("destinations", sa.Column("removal_by", sa.String(length=64), nullable=True))
    op.add_column("destinations", sa.Column("removal_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("removal_at", "removal_by", "removal"):
        op.drop_column("destinations", name)
