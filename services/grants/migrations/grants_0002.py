"""The ledger of the budgets, opened with what they hold and what their grants have reserved, freed and paid."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "grants_0002"
down_revision = "grants_0001"
branch_labels = None
depends_on = None

_TWO_APPROVERS_FROM = 50_000_000


def upgrade() -> None:
    ledger = op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=True),
        sa.Column("other_district", sa.String(), nullable=True),
        sa.Column("sub", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('set', 'raised', 'lowered', 'moved', 'reserved', 'freed', 'disbursed')", name="ledger_kind"
        ),
        sa.CheckConstraint(
            "CASE kind WHEN 'set' THEN amount >= 0 WHEN 'moved' THEN amount <> 0 "
            "WHEN 'lowered' THEN amount < 0 WHEN 'freed' THEN amount < 0 ELSE amount > 0 END",
            name="ledger_sign",
        ),
        sa.CheckConstraint(
            "(grant_id IS NOT NULL) = (kind IN ('reserved', 'freed', 'disbursed'))", name="ledger_grant"
        ),
        sa.CheckConstraint("(other_district IS NOT NULL) = (kind = 'moved')", name="ledger_other_district"),
        sa.ForeignKeyConstraint(
            ["fiscal_year", "district"], ["budgets.fiscal_year", "budgets.district"], name="ledger_budget"
        ),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("cause", name="ledger_cause"),
    )
    op.create_index("ledger_by_budget", "ledger", ["fiscal_year", "district", "id"], unique=False)
    op.create_index("ix_ledger_grant_id", "ledger", ["grant_id"], unique=False)
    _open(ledger)


def _open(ledger: sa.Table) -> None:
    """One entry for each budget as it was found, then those that the trail of the grants tells of."""
    connection, moment = op.get_bind(), datetime.now(UTC)
    entries = [
        {
            "fiscal_year": row.fiscal_year,
            "district": row.district,
            "kind": "set",
            "amount": row.amount,
            "cause": f"budget/{row.fiscal_year}/{row.district}/{row.version}",
            "grant_id": None,
            "sub": "",
            "at": moment,
            "note": "as found when the ledger was opened",
        }
        for row in connection.execute(sa.text("SELECT * FROM budgets ORDER BY fiscal_year, district"))
    ]
    grants = sa.table(
        "grants", *map(sa.column, ("fiscal_year", "district", "amount", "status")), sa.column("id", sa.Uuid())
    )
    steps = sa.table(
        "steps",
        sa.column("id"),
        sa.column("grant_id", sa.Uuid()),
        sa.column("step"),
        sa.column("sub"),
        sa.column("at", UtcTime()),
    )
    found = connection.execute(
        sa.select(grants, steps.c.step, steps.c.sub, steps.c.at)
        .join(steps, steps.c.grant_id == grants.c.id)
        .where(steps.c.step.in_(("approve", "disburse", "cancel")))
        .order_by(steps.c.id)
    )
    approvals: dict[object, int] = {}
    kinds = {"approve": ("reserved", 1), "disburse": ("disbursed", 1), "cancel": ("freed", -1)}
    for row in found:
        needed = 2 if row.amount >= _TWO_APPROVERS_FROM else 1
        approvals[row.id] = approvals.get(row.id, 0) + (row.step == "approve")
        if approvals[row.id] < needed:
            continue
        kind, sign = kinds[row.step]
        entries.append(
            {
                "fiscal_year": row.fiscal_year,
                "district": row.district,
                "kind": kind,
                "amount": sign * row.amount,
                "cause": f"grant/{row.id}/{kind}",
                "grant_id": row.id,
                "sub": row.sub,
                "at": row.at,
                "note": "",
            }
        )
    if entries:
        connection.execute(sa.insert(ledger), entries)


def downgrade() -> None:
    op.drop_index("ix_ledger_grant_id", table_name="ledger")
    op.drop_index("ledger_by_budget", table_name="ledger")
    op.drop_table("ledger")
