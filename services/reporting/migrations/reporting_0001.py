"""Facts and views of reporting."""

import sqlalchemy as sa
from alembic import op

revision = "reporting_0001"
down_revision = None
branch_labels = ("reporting",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "budget",
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("district", "fiscal_year"),
    )
    op.create_table(
        "district_month",
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("turnover", sa.BigInteger(), nullable=False),
        sa.Column("net_profit", sa.BigInteger(), nullable=False),
        sa.Column("employees", sa.BigInteger(), nullable=False),
        sa.Column("idle_assets", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("district", "month"),
    )
    op.create_table(
        "district_people",
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("client", sa.Integer(), nullable=False),
        sa.Column("ex_client", sa.Integer(), nullable=False),
        sa.Column("graduated", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False),
        sa.Column("moved", sa.Integer(), nullable=False),
        sa.Column("deceased", sa.Integer(), nullable=False),
        sa.Column("growing", sa.Integer(), nullable=False),
        sa.Column("ordinary", sa.Integer(), nullable=False),
        sa.Column("stagnant", sa.Integer(), nullable=False),
        sa.Column("declining", sa.Integer(), nullable=False),
        sa.Column("insufficient", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("district"),
    )
    op.create_table(
        "district_year",
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("requested", sa.Integer(), nullable=False),
        sa.Column("verified", sa.Integer(), nullable=False),
        sa.Column("approved", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("disbursed", sa.Integer(), nullable=False),
        sa.Column("handed_over", sa.Integer(), nullable=False),
        sa.Column("cancelled", sa.Integer(), nullable=False),
        sa.Column("rupiah_budget", sa.BigInteger(), nullable=False),
        sa.Column("rupiah_committed", sa.BigInteger(), nullable=False),
        sa.Column("rupiah_disbursed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("district", "fiscal_year"),
    )
    op.create_table(
        "grant_now",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("beneficiary_id", sa.Uuid(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("on", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_index(op.f("ix_grant_now_beneficiary_id"), "grant_now", ["beneficiary_id"], unique=False)
    op.create_table(
        "growth_due", sa.Column("person_no", sa.BigInteger(), nullable=False), sa.PrimaryKeyConstraint("person_no")
    )
    op.create_table(
        "person",
        sa.Column(
            "no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("beneficiary_id", sa.Uuid(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("district_ref", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("ppks_group", sa.String(), nullable=False),
        sa.Column("sex", sa.String(), nullable=False),
        sa.Column("birth_year", sa.Integer(), nullable=False),
        sa.Column("disabilities", sa.String(), nullable=False),
        sa.Column("skills", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("growth_class", sa.String(), nullable=False),
        sa.Column("growth_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("beneficiary_id"),
        sa.UniqueConstraint("district", "district_ref", name="person_ref"),
    )
    op.create_table(
        "report",
        sa.Column("person_no", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("turnover", sa.BigInteger(), nullable=False),
        sa.Column("materials", sa.BigInteger(), nullable=False),
        sa.Column("production", sa.BigInteger(), nullable=False),
        sa.Column("wages", sa.BigInteger(), nullable=False),
        sa.Column("net_profit", sa.BigInteger(), nullable=False),
        sa.Column("employees", sa.Integer(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("asset_use", sa.String(), nullable=False),
        sa.CheckConstraint("net_profit = turnover - materials - production - wages", name="report_net"),
        sa.PrimaryKeyConstraint("person_no", "month"),
    )
    op.create_index("report_month", "report", ["month"], unique=False)
    op.create_table(
        "used_ticket",
        sa.Column("ticket_sha256", sa.String(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ticket_sha256"),
    )
    op.create_table(
        "view_state",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("one"),
    )
    op.execute("INSERT INTO view_state (one, version, content_sha256) VALUES (1, 0, '')")


def downgrade() -> None:
    op.drop_table("view_state")
    op.drop_table("used_ticket")
    op.drop_index("report_month", table_name="report")
    op.drop_table("report")
    op.drop_table("person")
    op.drop_table("growth_due")
    op.drop_index(op.f("ix_grant_now_beneficiary_id"), table_name="grant_now")
    op.drop_table("grant_now")
    op.drop_table("district_year")
    op.drop_table("district_people")
    op.drop_table("district_month")
    op.drop_table("budget")
