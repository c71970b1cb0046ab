"""Budgets by source of funds. What was there before is the province's own."""

import sqlalchemy as sa
from alembic import op

revision = "grants_0008"
down_revision = "grants_0007"
branch_labels = None
depends_on = None

_FUNDS = "fund IN ('apbd_provinsi', 'apbd_kabkota', 'apbn', 'baznas', 'csr', 'other')"
_WITH = ["fiscal_year", "district", "fund"]
_WITHOUT = ["fiscal_year", "district"]


def upgrade() -> None:
    with op.batch_alter_table("ledger") as table:
        table.drop_constraint("ledger_budget", type_="foreignkey")
        table.add_column(_fund())
    with op.batch_alter_table("budgets") as table:
        table.add_column(_fund())
        table.create_check_constraint("budgets_fund", _FUNDS)
    _rekey(_WITH)
    with op.batch_alter_table("ledger") as table:
        table.create_foreign_key("ledger_budget", "budgets", _WITH, _WITH)
    # In plain SQL: a table that others refer to cannot be made anew on SQLite, and the check goes with its column.
    op.execute(
        "ALTER TABLE grants ADD COLUMN fund VARCHAR DEFAULT 'apbd_provinsi' NOT NULL "
        f"CONSTRAINT grants_fund CHECK ({_FUNDS})"
    )


def downgrade() -> None:
    """Refuses where another fund has a budget: there is no place for it."""
    op.execute("ALTER TABLE grants DROP COLUMN fund")
    with op.batch_alter_table("ledger") as table:
        table.drop_constraint("ledger_budget", type_="foreignkey")
        table.drop_column("fund")
    _rekey(_WITHOUT)
    with op.batch_alter_table("budgets") as table:
        table.drop_constraint("budgets_fund", type_="check")
        table.drop_column("fund")
    with op.batch_alter_table("ledger") as table:
        table.create_foreign_key("ledger_budget", "budgets", _WITHOUT, _WITHOUT)


def _fund() -> sa.Column[str]:
    return sa.Column("fund", sa.String(), server_default="apbd_provinsi", nullable=False)


def _rekey(columns: list[str]) -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("budgets_pkey", "budgets", type_="primary")
        op.create_primary_key("budgets_pkey", "budgets", columns)
        return
    op.create_table(
        "budgets_rekeyed",
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("committed", sa.BigInteger(), nullable=False),
        sa.Column("disbursed", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        _fund(),
        sa.CheckConstraint("committed >= 0 AND committed <= amount", name="budgets_never_exceeded"),
        sa.CheckConstraint("disbursed >= 0 AND disbursed <= committed", name="budgets_paid_only_what_is_committed"),
        sa.CheckConstraint(_FUNDS, name="budgets_fund"),
        sa.PrimaryKeyConstraint(*columns),
    )
    op.execute(
        "INSERT INTO budgets_rekeyed SELECT fiscal_year, district, amount, committed, disbursed, version, fund "
        "FROM budgets"
    )
    op.drop_table("budgets")
    op.rename_table("budgets_rekeyed", "budgets")
