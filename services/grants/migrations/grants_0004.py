"""Batches: lists of grants approved as one envelope."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "grants_0004"
down_revision = "grants_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("sub", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint("total > 0", name="batches_total"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "batch_grants",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"]),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_index("ix_batch_grants_batch_id", "batch_grants", ["batch_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_batch_grants_batch_id", table_name="batch_grants")
    op.drop_table("batch_grants")
    op.drop_table("batches")
