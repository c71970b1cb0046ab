"""Pairs that officers decided to be one person. Of those decided before this nothing is known: decide them again."""

import sqlalchemy as sa
from alembic import op

revision = "grants_0006"
down_revision = "grants_0005"
branch_labels = None
depends_on = None

_SAME = sa.text("same")


def upgrade() -> None:
    with op.batch_alter_table("suspicions") as table:
        table.add_column(sa.Column("same", sa.Boolean(), server_default=sa.false(), nullable=False))
        table.create_check_constraint("suspicions_same_is_decided", "NOT (undecided AND same)")
    for column in ("first", "second"):
        op.create_index(
            f"suspicions_{column}_same",
            "suspicions",
            [f"{column}_id"],
            unique=False,
            postgresql_where=_SAME,
            sqlite_where=_SAME,
        )


def downgrade() -> None:
    for column in ("first", "second"):
        op.drop_index(f"suspicions_{column}_same", table_name="suspicions")
    with op.batch_alter_table("suspicions") as table:
        table.drop_constraint("suspicions_same_is_decided", type_="check")
        table.drop_column("same")
