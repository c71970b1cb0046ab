"""The numbers that letters of grants are given."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "grants_0007"
down_revision = "grants_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("sub", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.CheckConstraint("place >= 1", name="documents_place"),
        sa.CheckConstraint("kind IN ('request', 'approval', 'handover')", name="documents_kind"),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"]),
        sa.UniqueConstraint("grant_id", "kind", name="documents_once"),
        sa.UniqueConstraint("district", "fiscal_year", "kind", "place", name="documents_number"),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("documents")
