"""What came of training and marketing."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "grants_0009"
down_revision = "grants_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outcomes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("sub", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=True),
        sa.Column("attended", sa.Integer(), nullable=True),
        sa.Column("certificate", sa.String(), nullable=True),
        sa.Column("venue", sa.String(), nullable=True),
        sa.Column("sales", sa.BigInteger(), nullable=True),
        sa.Column("orders", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(planned IS NULL) = (attended IS NULL) AND (planned IS NULL) = (certificate IS NULL)",
            name="outcomes_training",
        ),
        sa.CheckConstraint(
            "(venue IS NULL) = (sales IS NULL) AND (venue IS NULL) = (orders IS NULL)", name="outcomes_marketing"
        ),
        sa.CheckConstraint("(planned IS NULL) <> (venue IS NULL)", name="outcomes_one_kind"),
        sa.CheckConstraint("attended >= 0 AND attended <= planned AND planned > 0", name="outcomes_sessions"),
        sa.CheckConstraint("sales >= 0 AND orders >= 0", name="outcomes_sales"),
        sa.CheckConstraint("certificate IN ('none', 'attendance', 'competence')", name="outcomes_certificate"),
        sa.CheckConstraint("venue IN ('stand', 'online', 'shop', 'order')", name="outcomes_venue"),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_outcomes_grant_id", "outcomes", ["grant_id"], unique=False)


def downgrade() -> None:
    op.drop_table("outcomes")
