"""What was said of consent; and what is left of somebody who withdrew it."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "registry_0007"
down_revision = "registry_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("withdrawn_on", sa.Date(), nullable=True))
    op.add_column("person", sa.Column("content", sa.String(), nullable=True))
    op.create_table(
        "consent",
        sa.Column("beneficiary_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event_time", UtcTime(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("given_by", sa.String(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("said_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("beneficiary_id", "revision", "event_id", "source"),
    )


def downgrade() -> None:
    op.drop_table("consent")
    op.drop_column("person", "content")
    op.drop_column("person", "withdrawn_on")
