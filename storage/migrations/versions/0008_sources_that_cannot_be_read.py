"""tell once that the source of a schedule cannot be read"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("destinations", sa.Column("unreadable_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("destinations", sa.Column("unreadable_told", sa.String(300), nullable=True))


def downgrade() -> None:
    for name in ("unreadable_told", "unreadable_since"):
        op.drop_column("destinations", name)
