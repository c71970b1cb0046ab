"""When the log took a record: kept with what waits or is in quarantine, and with how far a partition is applied."""

import sqlalchemy as sa
from alembic import op

revision = "chassis_0002"
down_revision = "chassis_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("log_offset", sa.Column("last_taken_us", sa.BigInteger(), nullable=True))
    op.add_column("quarantine", sa.Column("taken_us", sa.BigInteger(), nullable=True))
    op.add_column("waiting", sa.Column("taken_us", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("waiting", "taken_us")
    op.drop_column("quarantine", "taken_us")
    op.drop_column("log_offset", "last_taken_us")
