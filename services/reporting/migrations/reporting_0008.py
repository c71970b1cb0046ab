"""What an event of the far future said of a district is forgotten: it was noted before such events were left out."""

from alembic import op

revision = "reporting_0008"
down_revision = "reporting_0007"
branch_labels = None
depends_on = None

_HEARD = """FROM inbox i WHERE i.district = district_heard.district AND i.type = district_heard.type
    AND i.time_us IS NOT NULL AND i.reason <> 'time_in_future'"""


def upgrade() -> None:
    op.execute(f"DELETE FROM district_heard WHERE NOT EXISTS (SELECT 1 {_HEARD})")
    op.execute(f"UPDATE district_heard SET time_us = (SELECT max(i.time_us) {_HEARD})")


def downgrade() -> None:
    """A view: what it says of the inbox is right before and after."""
