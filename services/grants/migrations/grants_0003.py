"""Programmes: the criteria of a fiscal year as data, by versions. An assessment is already marked with version 1."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "grants_0003"
down_revision = "grants_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "programmes",
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("criteria", sa.Text(), nullable=False),
        sa.Column("sub", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint("version > 1", name="programmes_version"),
        sa.PrimaryKeyConstraint("fiscal_year", "version"),
    )


def downgrade() -> None:
    op.drop_table("programmes")
