"""remember from where a sign-in to Mailchimp was begun, and for which connection"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sign_ins", sa.Column("connection_id", sa.Integer(), nullable=True))
    op.add_column("sign_ins", sa.Column("view_id", sa.String(64), nullable=True))
    op.add_column("sign_ins", sa.Column("language", sa.String(16), nullable=False, server_default="en"))


def downgrade() -> None:
    for name in ("language", "view_id", "connection_id"):
        op.drop_column("sign_ins", name)
