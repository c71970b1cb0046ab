"""What the public is told, frozen by day."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "reporting_0007"
down_revision = "reporting_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "public_release",
        sa.Column("day", sa.String(), primary_key=True),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("released_at", UtcTime(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("public_release")
