"""A report knows the source of its event: ids are unique per source only."""

import sqlalchemy as sa
from alembic import op

revision = "reporting_0003"
down_revision = "reporting_0002"
branch_labels = None
depends_on = "chassis_0001"


def upgrade() -> None:
    """The source is that of the event's receipt; were there two of one id, nobody can tell any more which it was."""
    op.add_column("report", sa.Column("source", sa.String(), nullable=False, server_default=""))
    op.execute(
        """UPDATE report SET source = (
               SELECT coalesce(max(i.source), '') FROM inbox i JOIN person p ON p.district = i.district
               WHERE p.no = report.person_no AND i.event_id = report.event_id
                 AND i.type = 'berdaya.district.income-reported.v1')"""
    )
    if op.get_context().dialect.name != "sqlite":  # there the default stays; every row names its source anyway
        op.alter_column("report", "source", server_default=None)


def downgrade() -> None:
    op.drop_column("report", "source")
