"""When somebody withdrew consent, as the registry tells it."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "grants_0011"
down_revision = "grants_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("beneficiaries", sa.Column("withdrawn_at", UtcTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("beneficiaries", "withdrawn_at")
