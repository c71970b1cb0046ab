"""Worklist, overrides, and the version of the rule that gave each class."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "reporting_0002"
down_revision = "reporting_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assignment",
        sa.Column("person_no", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("about", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("due", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("set_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("person_no", "reason", "about"),
    )
    op.create_table(
        "confirmed_report",
        sa.Column("person_no", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("turnover", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("confirmed_by", sa.String(), nullable=False),
        sa.Column("confirmed_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("person_no", "month", "turnover"),
    )
    op.create_table(
        "growth_override",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("person_no", sa.BigInteger(), nullable=False),
        sa.Column("growth_class", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("until", sa.Integer(), nullable=False),
        sa.Column("placed", sa.Integer(), nullable=False),
        sa.Column("placed_by", sa.String(), nullable=False),
        sa.Column("placed_at", UtcTime(), nullable=False),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("ended_because", sa.String(), nullable=True),
        sa.CheckConstraint(
            "growth_class IN ('growing', 'ordinary', 'stagnant', 'declining', 'insufficient')", name="override_class"
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="override_ended"),
        sa.CheckConstraint("until >= placed", name="override_until"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("override_history", "growth_override", ["person_no", "id"], unique=False)
    op.create_index(
        "override_in_force",
        "growth_override",
        ["person_no"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "work_item",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("person_no", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("opened_us", sa.BigInteger(), nullable=False),
        sa.Column("closed_us", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.CheckConstraint(
            "reason IN ('declining', 'idle_asset', 'wages_exceed_turnover', 'suspicious_report')",
            name="work_item_reason",
        ),
        sa.CheckConstraint("(closed_us IS NULL) = (closed_by IS NULL)", name="work_item_closed"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("work_item_history", "work_item", ["person_no", "id"], unique=False)
    op.create_index(
        "work_item_open",
        "work_item",
        ["person_no", "reason"],
        unique=True,
        sqlite_where=sa.text("closed_us IS NULL"),
        postgresql_where=sa.text("closed_us IS NULL"),
    )
    op.create_index("grant_status", "grant_now", ["status", "beneficiary_id"], unique=False)
    op.add_column("growth_due", sa.Column("time_us", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("person", sa.Column("growth_rule", sa.Integer(), nullable=True))
    # The worklist follows from reports already there.
    op.execute(
        "INSERT INTO growth_due (person_no) SELECT DISTINCT person_no FROM report WHERE true ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    op.drop_column("person", "growth_rule")
    op.drop_column("growth_due", "time_us")
    op.drop_index("grant_status", table_name="grant_now")
    op.drop_index(
        "work_item_open",
        table_name="work_item",
        sqlite_where=sa.text("closed_us IS NULL"),
        postgresql_where=sa.text("closed_us IS NULL"),
    )
    op.drop_index("work_item_history", table_name="work_item")
    op.drop_table("work_item")
    op.drop_index(
        "override_in_force",
        table_name="growth_override",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index("override_history", table_name="growth_override")
    op.drop_table("growth_override")
    op.drop_table("confirmed_report")
    op.drop_table("assignment")
