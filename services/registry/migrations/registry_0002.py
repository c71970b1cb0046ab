"""The fingerprint of the NIK key."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0002"
down_revision = "registry_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nik_key",
        sa.Column("one", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.CheckConstraint("one = 1", name="nik_key_one"),
        sa.PrimaryKeyConstraint("one"),
    )


def downgrade() -> None:
    op.drop_table("nik_key")
