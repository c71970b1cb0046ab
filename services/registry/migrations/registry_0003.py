"""A person knows the source of the event in force; what else was said is in the chassis' table of what was heard."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0003"
down_revision = "registry_0002"
branch_labels = None
depends_on = "chassis_0001"


def upgrade() -> None:
    """The source is that of the event's receipt; were there two of one id, nobody can tell any more which it was."""
    op.add_column("person", sa.Column("source", sa.String(), nullable=False, server_default=""))
    op.execute(
        """UPDATE person SET source = (
               SELECT coalesce(max(i.source), '') FROM inbox i
               WHERE i.district = person.district AND i.event_id = person.event_id
                 AND i.type = 'berdaya.district.beneficiary-recorded.v1')"""
    )
    if op.get_context().dialect.name != "sqlite":  # there the default stays; every row names its source anyway
        op.alter_column("person", "source", server_default=None)
    op.drop_column("person", "accepted_id")


def downgrade() -> None:
    op.add_column("person", sa.Column("accepted_id", sa.String(), nullable=False, server_default=""))
    op.execute("UPDATE person SET accepted_id = event_id")
    if op.get_context().dialect.name != "sqlite":
        op.alter_column("person", "accepted_id", server_default=None)
    op.drop_column("person", "source")
