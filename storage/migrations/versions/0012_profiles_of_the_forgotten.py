"""know somebody who was forgotten under another address, too"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of those forgotten before, only the address is known."""
    empty = sa.text("x''" if op.get_bind().dialect.name == "sqlite" else "''")
    op.add_column("tombstones", sa.Column("profiles", sa.LargeBinary(), nullable=False, server_default=empty))


def downgrade() -> None:
    op.drop_column("tombstones", "profiles")
