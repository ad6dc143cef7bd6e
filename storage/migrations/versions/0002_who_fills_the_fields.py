"""Remember which destination's values a member's fields show, so that two on one audience do not undo each other.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whatever is known so far belongs to nobody in particular."""
    op.add_column("ledger_members", sa.Column("owner", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """The column goes; what it held is worked out again."""
    op.drop_column("ledger_members", "owner")
