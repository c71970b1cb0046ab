"""Sessions of the pages become rows, which can be ended. Whoever is signed in signs in again."""

import sqlalchemy as sa
from alembic import op

revision = "reporting_0010"
down_revision = "reporting_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "session",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sub", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("district", sa.String(), nullable=True),
        sa.Column("began", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("turn", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=True),
        sa.Column("renewed", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("ending", sa.String(), nullable=True),
        sa.Column("id_token", sa.String(), nullable=True),
        sa.CheckConstraint("(ended IS NULL) = (ending IS NULL)", name="session_ending"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("session_sub", "session", ["sub"])
    op.create_index("session_ended", "session", ["ended"])


def downgrade() -> None:
    op.drop_table("session")
