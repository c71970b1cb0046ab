"""Pairs of records that are one person, and what the registry said of each beside what is counted."""

import sqlalchemy as sa
from alembic import op

revision = "reporting_0006"
down_revision = "reporting_0005"
branch_labels = None
depends_on = None

_SAME = sa.text("same")


def upgrade() -> None:
    op.create_table(
        "pair",
        sa.Column("duplicate_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("second_id", sa.Uuid(), nullable=False),
        sa.Column("same", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("duplicate_id"),
    )
    for column in ("first", "second"):
        op.create_index(
            f"pair_{column}", "pair", [f"{column}_id"], unique=False, sqlite_where=_SAME, postgresql_where=_SAME
        )
    op.add_column("person", sa.Column("said_status", sa.String(), server_default="", nullable=False))
    op.execute("UPDATE person SET said_status = status")


def downgrade() -> None:
    """The views are to be rebuilt: who was an alias counts again."""
    op.execute("UPDATE person SET status = said_status")
    with op.batch_alter_table("person") as table:
        table.drop_column("said_status")
    op.drop_table("pair")
