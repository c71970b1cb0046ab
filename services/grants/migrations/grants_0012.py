"""How often the things of a grant were told of."""

import sqlalchemy as sa
from alembic import op

revision = "grants_0012"
down_revision = "grants_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "asset_news",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grant_id"),
    )


def downgrade() -> None:
    op.drop_table("asset_news")
