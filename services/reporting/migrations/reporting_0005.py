"""Of the reports in force the time and the rupiah are known: no district is called silent because of an upgrade."""

from alembic import op

revision = "reporting_0005"
down_revision = "reporting_0003"
branch_labels = None
depends_on = "chassis_0005"


def upgrade() -> None:
    op.execute(
        """UPDATE inbox SET time_us = t.time_us, rupiah = t.turnover FROM report t JOIN person p ON p.no = t.person_no
           WHERE inbox.district = p.district AND inbox.event_id = t.event_id AND inbox.source = t.source
             AND inbox.type = 'berdaya.district.income-reported.v1'"""
    )
    op.execute(
        """INSERT INTO district_heard (district, type, time_us)
           SELECT district, type, max(time_us) FROM inbox WHERE district <> '' AND time_us IS NOT NULL
           GROUP BY district, type ON CONFLICT (district, type) DO UPDATE SET time_us = excluded.time_us"""
    )


def downgrade() -> None:
    """What was learned stays: it is true."""
