"""Receipts of the handovers whose things were found contested when assets began warn of it, as those since do."""

from alembic import op

revision = "grants_0010"
down_revision = "grants_0009"
branch_labels = None
depends_on = "chassis_0001"


def upgrade() -> None:
    op.execute(
        """UPDATE inbox SET warnings = trim(warnings || ' serial_elsewhere')
           WHERE ' ' || warnings || ' ' NOT LIKE '% serial_elsewhere %' AND (district, event_id, source) IN (
               SELECT g.district, h.event_id, h.source FROM assets a
               JOIN handovers h ON h.grant_id = a.grant_id JOIN grants g ON g.id = a.grant_id
               WHERE a.status = 'contested')"""
    )


def downgrade() -> None:
    """What is true stays said."""
