"""Cohorts, so that totals can be cut by all that people differ in; and the record of the nightly proof."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "reporting_0004"
down_revision = "reporting_0003"
branch_labels = None
depends_on = None

_ATTRIBUTES = ("district", "status", "sex", "ppks_group", "unit", "skills", "disabilities", "kinds")
_NAMES = ", ".join(_ATTRIBUTES)
_KINDS = " || ".join(
    f"coalesce(max(CASE WHEN g.kind = '{kind}' THEN '{kind} ' END), '')"
    for kind in ("cash", "equipment", "marketing", "training")
)
_PEOPLE = f"""SELECT p.no, p.district, p.status, p.sex, p.ppks_group, coalesce(p.unit, '') AS unit, p.skills,
    p.disabilities, (SELECT trim({_KINDS}) FROM grant_now g
                     WHERE g.beneficiary_id = p.beneficiary_id AND g.status = 'handed_over') AS kinds FROM person p"""
_SAME = " AND ".join(f"c.{name} = w.{name}" for name in _ATTRIBUTES)


def upgrade() -> None:
    op.create_table(
        "cohort",
        sa.Column(
            "no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        *(sa.Column(name, sa.String(), nullable=False) for name in _ATTRIBUTES),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint(*_ATTRIBUTES, name="cohort_attributes"),
    )
    op.create_table(
        "cohort_people",
        sa.Column("cohort", sa.BigInteger(), nullable=False),
        sa.Column("growth_class", sa.String(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("cohort", "growth_class"),
    )
    op.create_table(
        "cohort_month",
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("cohort", sa.BigInteger(), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("turnover", sa.BigInteger(), nullable=False),
        sa.Column("net_profit", sa.BigInteger(), nullable=False),
        sa.Column("employees", sa.BigInteger(), nullable=False),
        sa.Column("idle_assets", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("month", "cohort"),
    )
    op.create_table(
        "proof",
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.Column("lines", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )
    op.add_column("person", sa.Column("cohort", sa.BigInteger(), nullable=False, server_default="0"))
    _count_what_is_there()


def _count_what_is_there() -> None:
    """People, aid and reports of before, in the statements of today's views: those may change, a migration must not."""
    op.execute(f"INSERT INTO cohort ({_NAMES}) SELECT DISTINCT {_NAMES} FROM ({_PEOPLE}) w")
    op.execute(
        f"""UPDATE person SET cohort = found.cohort FROM (
                SELECT w.no, c.no AS cohort FROM ({_PEOPLE}) w JOIN cohort c ON {_SAME}
            ) found WHERE person.no = found.no"""
    )
    op.execute(
        "INSERT INTO cohort_people (cohort, growth_class, people) "
        "SELECT cohort, growth_class, count(*) FROM person GROUP BY cohort, growth_class"
    )
    op.execute(
        """INSERT INTO cohort_month (month, cohort, reports, turnover, net_profit, employees, idle_assets)
           SELECT t.month, p.cohort, count(*), sum(t.turnover), sum(t.net_profit), sum(t.employees),
                  count(CASE WHEN t.asset_use IN ('idle', 'broken') THEN 1 END)
           FROM report t JOIN person p ON p.no = t.person_no GROUP BY t.month, p.cohort"""
    )


def downgrade() -> None:
    op.drop_column("person", "cohort")
    op.drop_table("proof")
    op.drop_table("cohort_month")
    op.drop_table("cohort_people")
    op.drop_table("cohort")
