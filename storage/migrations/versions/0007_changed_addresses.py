"""know people again who left an audience under another address, and remember what was decided about the new one"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whose addresses were whose is noted by each audience's next run."""
    empty = sa.text("x''" if op.get_bind().dialect.name == "sqlite" else "''")
    op.add_column("ledger_members", sa.Column("profiles", sa.LargeBinary(), nullable=False, server_default=empty))
    op.add_column("run_rejects", sa.Column("key", sa.LargeBinary(16), nullable=True))
    op.create_table(
        "address_decisions",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("exported", sa.Boolean(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id"], ["ledgers.id"], name=op.f("fk_address_decisions_ledger_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ledger_id", "key", name=op.f("pk_address_decisions")),
    )


def downgrade() -> None:
    op.drop_table("address_decisions")
    op.drop_column("run_rejects", "key")
    op.drop_column("ledger_members", "profiles")
