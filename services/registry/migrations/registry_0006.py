"""Which aid people were given, and who looked at whom."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "registry_0006"
down_revision = "registry_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "aid",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("beneficiary_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('given', 'in_progress', 'none')", name="aid_state"),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_index(op.f("ix_aid_beneficiary_id"), "aid", ["beneficiary_id"], unique=False)
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "access_trail",
        sa.Column("access_id", number, sa.Identity(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("sub", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("district", sa.String(), nullable=True),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.CheckConstraint("what IN ('lookup', 'export')", name="access_what"),
        sa.PrimaryKeyConstraint("access_id"),
    )
    op.create_index("access_of", "access_trail", ["sub", "what", "at"], unique=False)


def downgrade() -> None:
    op.drop_table("access_trail")
    op.drop_table("aid")
