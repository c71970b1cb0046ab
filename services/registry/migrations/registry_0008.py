"""When a district said that somebody withdrew consent. Of those from before, facts tell it with their next record."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "registry_0008"
down_revision = "registry_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("withdrawn_at", UtcTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("person", "withdrawn_at")
