"""Since when a pair of records has been under suspicion, and the things that handovers name.

Of pairs told of before only the first fact is known to be a suspicion: those are open, since a day nobody kept.
"""

import sqlalchemy as sa
from alembic import op

revision = "reporting_0011"
down_revision = "reporting_0010"
branch_labels = None
depends_on = None

_OPEN = sa.text("open_since_us IS NOT NULL")


def upgrade() -> None:
    op.add_column("pair", sa.Column("open_since_us", sa.BigInteger(), nullable=True))
    op.execute("UPDATE pair SET open_since_us = 0 WHERE version = 1 AND NOT same")
    op.create_index("pair_open", "pair", ["open_since_us"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_table(
        "asset_list",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_table(
        "asset",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("on", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("asset_id"),
    )
    op.create_index("ix_asset_grant_id", "asset", ["grant_id"])
    op.create_index("ix_asset_holder_id", "asset", ["holder_id"])


def downgrade() -> None:
    op.drop_table("asset")
    op.drop_table("asset_list")
    op.drop_index("pair_open", "pair")
    op.drop_column("pair", "open_since_us")
