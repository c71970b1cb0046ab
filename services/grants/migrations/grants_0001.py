"""People, suspicions, budgets, grants and their trail."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "grants_0001"
down_revision = None
branch_labels = ("grants",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "beneficiaries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("birth_year", sa.Integer(), nullable=False),
        sa.Column("leaves_unit_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "budgets",
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("committed", sa.BigInteger(), nullable=False),
        sa.Column("disbursed", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("committed >= 0 AND committed <= amount", name="budgets_never_exceeded"),
        sa.CheckConstraint("disbursed >= 0 AND disbursed <= committed", name="budgets_paid_only_what_is_committed"),
        sa.PrimaryKeyConstraint("fiscal_year", "district"),
    )
    op.create_table(
        "suspicions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("second_id", sa.Uuid(), nullable=False),
        sa.Column("undecided", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "suspicions_first",
        "suspicions",
        ["first_id"],
        unique=False,
        postgresql_where=sa.text("undecided"),
        sqlite_where=sa.text("undecided"),
    )
    op.create_index(
        "suspicions_second",
        "suspicions",
        ["second_id"],
        unique=False,
        postgresql_where=sa.text("undecided"),
        sqlite_where=sa.text("undecided"),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("grant_ref", sa.String(), nullable=False),
        sa.Column("beneficiary_id", sa.Uuid(), nullable=False),
        sa.Column("district_ref", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("items", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("desil", sa.Integer(), nullable=True),
        sa.Column("requested_at", UtcTime(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("failed", sa.String(), nullable=False),
        sa.Column("criteria_version", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('equipment', 'cash', 'training', 'marketing')", name="grants_kind"),
        sa.CheckConstraint(
            "status IN ('requested', 'verified', 'approved', 'rejected', 'disbursed', 'handed_over', 'cancelled')",
            name="grants_status",
        ),
        sa.CheckConstraint("amount > 0", name="grants_amount"),
        sa.ForeignKeyConstraint(
            ["beneficiary_id"],
            ["beneficiaries.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("district", "grant_ref", name="grants_ref"),
    )
    op.create_index("grants_by_budget", "grants", ["fiscal_year", "district"], unique=False)
    op.create_index("grants_by_district", "grants", ["district", "id"], unique=False)
    op.create_index("ix_grants_beneficiary_id", "grants", ["beneficiary_id"], unique=False)
    op.create_table(
        "handovers",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("received_by", sa.String(), nullable=False),
        sa.Column("evidence_sha256", sa.String(), nullable=False),
        sa.Column("assets", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["grant_id"],
            ["grants.id"],
        ),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_table(
        "steps",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("sub", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint("step IN ('verify', 'approve', 'reject', 'disburse', 'cancel')", name="steps_step"),
        sa.ForeignKeyConstraint(
            ["grant_id"],
            ["grants.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_steps_grant_id", "steps", ["grant_id"], unique=False)
    op.create_index(
        "steps_four_eyes",
        "steps",
        ["grant_id", "sub"],
        unique=True,
        postgresql_where=sa.text("step IN ('verify', 'approve', 'disburse')"),
        sqlite_where=sa.text("step IN ('verify', 'approve', 'disburse')"),
    )
    op.create_index(
        "steps_once",
        "steps",
        ["grant_id", "step"],
        unique=True,
        postgresql_where=sa.text("step <> 'approve'"),
        sqlite_where=sa.text("step <> 'approve'"),
    )


def downgrade() -> None:
    op.drop_index(
        "steps_once",
        table_name="steps",
        postgresql_where=sa.text("step <> 'approve'"),
        sqlite_where=sa.text("step <> 'approve'"),
    )
    op.drop_index(
        "steps_four_eyes",
        table_name="steps",
        postgresql_where=sa.text("step IN ('verify', 'approve', 'disburse')"),
        sqlite_where=sa.text("step IN ('verify', 'approve', 'disburse')"),
    )
    op.drop_index("ix_steps_grant_id", table_name="steps")
    op.drop_table("steps")
    op.drop_table("handovers")
    op.drop_index("ix_grants_beneficiary_id", table_name="grants")
    op.drop_index("grants_by_district", table_name="grants")
    op.drop_index("grants_by_budget", table_name="grants")
    op.drop_table("grants")
    op.drop_index(
        "suspicions_second",
        table_name="suspicions",
        postgresql_where=sa.text("undecided"),
        sqlite_where=sa.text("undecided"),
    )
    op.drop_index(
        "suspicions_first",
        table_name="suspicions",
        postgresql_where=sa.text("undecided"),
        sqlite_where=sa.text("undecided"),
    )
    op.drop_table("suspicions")
    op.drop_table("budgets")
    op.drop_table("beneficiaries")
