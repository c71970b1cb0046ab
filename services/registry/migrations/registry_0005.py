"""Likeness: what people are compared by, why a pair is suspected, and what humans decided and undid of it.

The blocks need the registry's key, which no migration has: the registry fills them in when it starts.
"""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "registry_0005"
down_revision = "registry_0004"
branch_labels = None
depends_on = None

_BECAUSE = (
    "because IN ('same_nik', 'similar') AND (because = 'similar') = (score IS NOT NULL)"
    " AND (score IS NULL OR score BETWEEN 0 AND 100)"
)


def upgrade() -> None:
    for name in ("born_block", "name_block"):
        op.add_column("person", sa.Column(name, sa.String(), nullable=True))
        op.create_index(op.f(f"ix_person_{name}"), "person", [name], unique=False)
    with op.batch_alter_table("duplicate") as table:
        table.add_column(sa.Column("because", sa.String(), nullable=False, server_default="same_nik"))
        table.add_column(sa.Column("score", sa.Integer(), nullable=True))
        table.add_column(sa.Column("reasons", sa.String(), nullable=False, server_default="nik_same"))
        table.create_check_constraint("duplicate_because", _BECAUSE)
    if op.get_context().dialect.name != "sqlite":  # there the defaults stay; every row names its own anyway
        op.alter_column("duplicate", "because", server_default=None)
        op.alter_column("duplicate", "reasons", server_default=None)
    op.create_table(
        "duplicate_step",
        sa.Column("duplicate_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint("version >= 2", name="duplicate_step_version"),
        sa.CheckConstraint("step IN ('same', 'different', 'undone')", name="duplicate_step_step"),
        sa.ForeignKeyConstraint(["duplicate_id"], ["duplicate.duplicate_id"]),
        sa.PrimaryKeyConstraint("duplicate_id", "version"),
    )
    op.execute(
        """INSERT INTO duplicate_step (duplicate_id, version, step, "by", at, reason)
           SELECT duplicate_id, version, state, decided_by, decided_at, reason FROM duplicate
           WHERE state IN ('same', 'different')"""
    )


def downgrade() -> None:
    """What was suspected for a likeness was unknown before."""
    op.drop_table("duplicate_step")
    op.execute("DELETE FROM duplicate WHERE because = 'similar'")
    with op.batch_alter_table("duplicate") as table:
        table.drop_constraint("duplicate_because", type_="check")
        table.drop_column("reasons")
        table.drop_column("score")
        table.drop_column("because")
    for name in ("name_block", "born_block"):
        op.drop_index(op.f(f"ix_person_{name}"), table_name="person")
        op.drop_column("person", name)
