"""gather a destination's scheduled successes once a day"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("destinations", sa.Column("digest_hour", sa.SmallInteger(), nullable=True))
    op.add_column("destinations", sa.Column("digested_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("digested_until", "digest_hour"):
        op.drop_column("destinations", name)
