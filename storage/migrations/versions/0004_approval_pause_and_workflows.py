"""policies of destinations (approval, workflows, whom and what to tell), and paused schedules"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("destinations", sa.Column("approval", sa.String(length=16), nullable=False, server_default="never"))
    op.add_column("destinations", sa.Column("approval_above", sa.Integer(), nullable=True))
    op.add_column("destinations", sa.Column("paused_by", sa.String(length=64), nullable=True))
    op.add_column("destinations", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("destinations", sa.Column("in_workflows", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("destinations", sa.Column("mentions", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("destinations", sa.Column("quiet", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for name in ("quiet", "mentions", "in_workflows", "paused_at", "paused_by", "approval_above", "approval"):
        op.drop_column("destinations", name)
