"""The time and the rupiah of every event, manifests, and when each district was last heard of."""

import sqlalchemy as sa
from alembic import op

revision = "chassis_0005"
down_revision = "chassis_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inbox", sa.Column("time_us", sa.BigInteger(), nullable=True))
    op.add_column("inbox", sa.Column("rupiah", sa.BigInteger(), nullable=True))
    op.create_index("inbox_time", "inbox", ["time_us"], unique=False)
    op.create_table(
        "district_heard",
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("district", "type"),
    )
    op.create_table(
        "manifest",
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("rupiah", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("day", "district", "source", "stream"),
        sa.UniqueConstraint("district", "source", "event_id", name="manifest_event"),
    )


def downgrade() -> None:
    op.drop_table("manifest")
    op.drop_table("district_heard")
    op.drop_index("inbox_time", table_name="inbox")
    op.drop_column("inbox", "rupiah")
    op.drop_column("inbox", "time_us")
