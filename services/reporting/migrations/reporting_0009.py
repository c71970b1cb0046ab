"""When somebody withdrew consent, as the registry tells it."""

import sqlalchemy as sa
from alembic import op

revision = "reporting_0009"
down_revision = "reporting_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("withdrawn_us", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("person", "withdrawn_us")
