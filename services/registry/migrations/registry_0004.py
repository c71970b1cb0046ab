"""What a person was by earlier revisions. Of those replaced before this, nothing is on record any more."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "registry_0004"
down_revision = "registry_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "standing",
        sa.Column("beneficiary_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("event_time", UtcTime(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.CheckConstraint("revision >= 1", name="standing_revision"),
        sa.CheckConstraint(
            "status IN ('client', 'ex_client', 'graduated', 'withdrawn', 'moved', 'deceased')", name="standing_status"
        ),
        sa.ForeignKeyConstraint(["beneficiary_id"], ["person.beneficiary_id"]),
        sa.PrimaryKeyConstraint("beneficiary_id", "revision"),
    )


def downgrade() -> None:
    op.drop_table("standing")
