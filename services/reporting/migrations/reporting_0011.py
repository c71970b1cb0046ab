"""Since when a pair of records has been under suspicion.

Of pairs told of before only the first fact is known to be a suspicion: those are open, since a day nobody kept.
"""

import sqlalchemy as sa
from alembic import op

revision = "reporting_0011"
down_revision = "reporting_0010"
branch_labels = None
depends_on = None

_OPEN = sa.text("open_since_us IS NOT NULL")


def upgrade() -> None:
    op.add_column("pair", sa.Column("open_since_us", sa.BigInteger(), nullable=True))
    op.execute("UPDATE pair SET open_since_us = 0 WHERE version = 1 AND NOT same")
    op.create_index("pair_open", "pair", ["open_since_us"], sqlite_where=_OPEN, postgresql_where=_OPEN)


def downgrade() -> None:
    op.drop_index("pair_open", "pair")
    op.drop_column("pair", "open_since_us")
