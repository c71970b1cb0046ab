"""Uploads: files of rows that become events, and their pieces until then."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "chassis_0006"
down_revision = "chassis_0005"
branch_labels = None
depends_on = None

_OPEN = "state IN ('received', 'checking', 'sending')"


def upgrade() -> None:
    op.create_table(
        "upload",
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sub", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("rows_refused", sa.Integer(), nullable=False),
        sa.Column("rows_sent", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Text(), nullable=False),
        sa.Column("errors_total", sa.Integer(), nullable=False),
        sa.Column("lease_by", sa.String(), nullable=True),
        sa.Column("lease_until", UtcTime(), nullable=True),
        sa.CheckConstraint("mode IN ('check', 'all', 'valid')", name="upload_mode"),
        sa.CheckConstraint(
            "state IN ('received', 'checking', 'sending', 'checked', 'refused', 'sent')", name="upload_state"
        ),
        sa.PrimaryKeyConstraint("upload_id"),
    )
    op.create_index("upload_page", "upload", ["district", "at"], unique=False)
    op.create_index(
        "upload_open", "upload", ["at"], unique=False, postgresql_where=sa.text(_OPEN), sqlite_where=sa.text(_OPEN)
    )
    op.create_table(
        "upload_part",
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.upload_id"]),
        sa.PrimaryKeyConstraint("upload_id", "number"),
    )


def downgrade() -> None:
    op.drop_table("upload_part")
    op.drop_index("upload_open", table_name="upload")
    op.drop_index("upload_page", table_name="upload")
    op.drop_table("upload")
