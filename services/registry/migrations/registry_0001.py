"""People and suspected duplicates."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "registry_0001"
down_revision = None
branch_labels = ("registry",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("beneficiary_id", sa.Uuid(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("district_ref", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("event_time", UtcTime(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("accepted_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sex", sa.String(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("nik_token", sa.String(), nullable=True),
        sa.Column("nik_sealed", sa.String(), nullable=True),
        sa.Column("ppks", sa.String(), nullable=False),
        sa.Column("disabilities", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("skills", sa.String(), nullable=False),
        sa.Column("leaves_unit_on", sa.Date(), nullable=True),
        sa.Column("consent_by", sa.String(), nullable=False),
        sa.Column("consent_form", sa.String(), nullable=False),
        sa.Column("consent_on", sa.Date(), nullable=False),
        sa.CheckConstraint("birth_date >= '1900-01-01' AND birth_date <= '2100-12-31'", name="person_birth"),
        sa.CheckConstraint("sex IN ('female', 'male')", name="person_sex"),
        sa.CheckConstraint(
            "status IN ('client', 'ex_client', 'graduated', 'withdrawn', 'moved', 'deceased')",
            name="person_status",
        ),
        sa.CheckConstraint("(nik_token IS NULL) = (nik_sealed IS NULL)", name="person_nik"),
        sa.CheckConstraint("revision >= 1", name="person_revision"),
        sa.CheckConstraint("version >= 1", name="person_version"),
        sa.PrimaryKeyConstraint("beneficiary_id"),
        sa.UniqueConstraint("district", "district_ref", name="person_ref"),
    )
    op.create_index(op.f("ix_person_nik_token"), "person", ["nik_token"], unique=False)
    op.create_index("person_page", "person", ["district", "beneficiary_id"], unique=False)
    op.create_table(
        "duplicate",
        sa.Column("duplicate_id", sa.Uuid(), nullable=False),
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("second_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", UtcTime(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(state IN ('same', 'different')) = (decided_by IS NOT NULL)"
            " AND (decided_by IS NULL) = (decided_at IS NULL) AND (decided_by IS NULL) = (reason IS NULL)",
            name="duplicate_decision",
        ),
        sa.CheckConstraint("state IN ('open', 'same', 'different', 'withdrawn')", name="duplicate_state"),
        sa.CheckConstraint("first_id < second_id", name="duplicate_sorted"),
        sa.CheckConstraint("version >= 1", name="duplicate_version"),
        sa.ForeignKeyConstraint(["first_id"], ["person.beneficiary_id"]),
        sa.ForeignKeyConstraint(["second_id"], ["person.beneficiary_id"]),
        sa.PrimaryKeyConstraint("duplicate_id"),
        sa.UniqueConstraint("first_id", "second_id", name="duplicate_pair"),
    )
    op.create_index("duplicate_page", "duplicate", ["state", "duplicate_id"], unique=False)
    op.create_index(op.f("ix_duplicate_second_id"), "duplicate", ["second_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_duplicate_second_id"), table_name="duplicate")
    op.drop_index("duplicate_page", table_name="duplicate")
    op.drop_table("duplicate")
    op.drop_index("person_page", table_name="person")
    op.drop_index(op.f("ix_person_nik_token"), table_name="person")
    op.drop_table("person")
