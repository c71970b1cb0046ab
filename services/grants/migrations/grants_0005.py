"""Assets: what was handed over becomes things with a holder, those of the handovers already on record too."""

import json
from uuid import UUID, uuid5

import sqlalchemy as sa
from alembic import op

from shared.database import UtcTime

revision = "grants_0005"
down_revision = "grants_0004"
branch_labels = None
depends_on = None

_NO_SERIAL = {"0", "NA", "NONE", "NIHIL", "TANPA", "TIDAKADA", "TANPANOMOR"}
_ONE_HAND = sa.text("status = 'held' AND serial_key <> ''")


def upgrade() -> None:
    assets = op.create_table(
        "assets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("serial_key", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("status IN ('held', 'contested', 'returned', 'withdrawn')", name="assets_status"),
        sa.CheckConstraint("condition IN ('good', 'worn', 'broken', 'lost')", name="assets_condition"),
        sa.CheckConstraint("(holder_id IS NULL) = (status IN ('returned', 'withdrawn'))", name="assets_holder"),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"]),
        sa.ForeignKeyConstraint(["holder_id"], ["beneficiaries.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "assets_one_hand",
        "assets",
        ["serial_key"],
        unique=True,
        postgresql_where=_ONE_HAND,
        sqlite_where=_ONE_HAND,
    )
    op.create_index("assets_by_district", "assets", ["district", "id"], unique=False)
    op.create_index("ix_assets_grant_id", "assets", ["grant_id"], unique=False)
    op.create_index("ix_assets_holder_id", "assets", ["holder_id"], unique=False)
    op.create_index("ix_assets_serial_key", "assets", ["serial_key"], unique=False)
    op.create_table(
        "asset_steps",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("sub", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("from_id", sa.Uuid(), nullable=True),
        sa.Column("to_id", sa.Uuid(), nullable=True),
        sa.Column("evidence_sha256", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint("step IN ('condition', 'repair', 'relocate', 'return')", name="asset_steps_step"),
        sa.CheckConstraint(
            "(cost IS NOT NULL) = (step = 'repair') AND coalesce(cost, 0) >= 0", name="asset_steps_cost"
        ),
        sa.CheckConstraint("(to_id IS NOT NULL) = (step = 'relocate')", name="asset_steps_to"),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_asset_steps_asset_id", "asset_steps", ["asset_id"], unique=False)
    _fill(assets)


def _fill(assets: sa.Table) -> None:
    """By the handovers from the earliest: of one serial the first has it."""
    grants = sa.table(
        "grants",
        sa.column("id", sa.Uuid()),
        sa.column("beneficiary_id", sa.Uuid()),
        sa.column("district"),
        sa.column("items"),
    )
    handovers = sa.table(
        "handovers",
        sa.column("grant_id", sa.Uuid()),
        sa.column("assets"),
        sa.column("at", UtcTime()),
        sa.column("event_id"),
        sa.column("source"),
    )
    found = op.get_bind().execute(
        sa.select(grants, handovers.c.assets, handovers.c.at, handovers.c.event_id, handovers.c.source).join(
            handovers, handovers.c.grant_id == grants.c.id
        )
    )
    held, rows = set(), {}
    for row in sorted(found, key=lambda row: (row.at, row.event_id, row.source, str(row.id))):
        values = {item["name"].casefold(): item["unit_value"] for item in json.loads(row.items)}
        for place, said in enumerate(json.loads(row.assets)):
            key = _key(said["serial"])
            number: UUID = uuid5(row.id, key or f"#{place}")
            if number in rows:
                continue
            rows[number] = {
                "id": number,
                "grant_id": row.id,
                "district": row.district,
                "name": said["name"],
                "serial": said["serial"],
                "serial_key": key,
                "value": values.get(said["name"].casefold()),
                "status": "contested" if key in held else "held",
                "condition": "good",
                "holder_id": row.beneficiary_id,
            }
            if key:
                held.add(key)
    if rows:
        op.get_bind().execute(sa.insert(assets), list(rows.values()))


def _key(serial: str) -> str:
    key = "".join(sign for sign in serial if sign.isalnum()).upper()
    return "" if key in _NO_SERIAL else key


def downgrade() -> None:
    op.drop_table("asset_steps")
    op.drop_table("assets")
