"""People without names, grants with their trail, budgets. What must never be true, the schema refuses."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint, false, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.grants.rules import AssetStatus, Certificate, Condition, DocumentKind, Fund, GrantStatus, Venue
from shared.database import UtcTime
from shared.events.district import Asset as SaidAsset
from shared.events.district import GrantHandedOver, GrantKind, GrantRequested, Item
from shared.events.envelope import Envelope, microseconds
from shared.revisions import Mark
from shared.tables import serial

COMMITTED = (GrantStatus.approved, GrantStatus.disbursed, GrantStatus.handed_over)
"""These bind their amount in the budget."""
PAID = (GrantStatus.disbursed, GrantStatus.handed_over)
OPEN = (GrantStatus.requested, GrantStatus.verified)
"""These are still to be decided: their assessment follows the facts."""
CLOSED = (GrantStatus.rejected, GrantStatus.cancelled)

_APBD = {"server_default": Fund.apbd_provinsi.value}
_items = msgspec.json.Decoder(tuple[Item, ...])
_assets = msgspec.json.Decoder(tuple[SaidAsset, ...])


class Grants(SQLModel, registry=registry()):
    """A base of its own: SQLModel's default metadata is global and would mix the services' tables."""


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, postgresql_where=text(where), sqlite_where=text(where))


def _one_of(column: str, values: type[StrEnum], *, table: str = "grants") -> CheckConstraint:
    listed = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{table}_{column}")


class Beneficiary(Grants, table=True):
    """A person as far as the criteria ask, by the newest fact of the registry. No name, no NIK, no birth date."""

    __tablename__ = "beneficiaries"
    id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    district: str
    status: str
    birth_year: int
    leaves_unit_on: date | None = None
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcTime)
    """When the person withdrew consent, while it is not given again."""


class Suspicion(Grants, table=True):
    """Two records that may be one person, by the newest fact about the pair."""

    __tablename__ = "suspicions"
    __table_args__ = (
        _partial("suspicions_first", "first_id", where="undecided"),
        _partial("suspicions_second", "second_id", where="undecided"),
        _partial("suspicions_first_same", "first_id", where="same"),
        _partial("suspicions_second_same", "second_id", where="same"),
        CheckConstraint("NOT (undecided AND same)", name="suspicions_same_is_decided"),
    )
    id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    first_id: UUID
    second_id: UUID
    undecided: bool
    """Keeps both from equipment and cash."""
    same: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """An officer decided that they are one person."""


class Budget(Grants, table=True):
    """The rupiah of one district, fiscal year and source of funds; what is bound and paid `reconcile` proves."""

    __tablename__ = "budgets"
    __table_args__ = (
        CheckConstraint("committed >= 0 AND committed <= amount", name="budgets_never_exceeded"),
        CheckConstraint("disbursed >= 0 AND disbursed <= committed", name="budgets_paid_only_what_is_committed"),
        _one_of("fund", Fund, table="budgets"),
    )
    fiscal_year: int = Field(primary_key=True)
    district: str = Field(primary_key=True)
    fund: str = Field(primary_key=True, default=Fund.apbd_provinsi.value, sa_column_kwargs=_APBD)
    amount: int = Field(default=0, sa_type=BigInteger)
    committed: int = Field(default=0, sa_type=BigInteger)
    disbursed: int = Field(default=0, sa_type=BigInteger)
    version: int = Field(default=0, sa_type=BigInteger)
    """Of the fact that told of the newest change. They rise over all funds of the district and year."""


class Entry(Grants, table=True):
    """One line of the budget ledger, written with the change it tells of and never altered: the sums are the budget."""

    __tablename__ = "ledger"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('set', 'raised', 'lowered', 'moved', 'reserved', 'freed', 'disbursed')", name="ledger_kind"
        ),
        CheckConstraint(
            "CASE kind WHEN 'set' THEN amount >= 0 WHEN 'moved' THEN amount <> 0 "
            "WHEN 'lowered' THEN amount < 0 WHEN 'freed' THEN amount < 0 ELSE amount > 0 END",
            name="ledger_sign",
        ),
        CheckConstraint("(grant_id IS NOT NULL) = (kind IN ('reserved', 'freed', 'disbursed'))", name="ledger_grant"),
        CheckConstraint("(other_district IS NOT NULL) = (kind = 'moved')", name="ledger_other_district"),
        ForeignKeyConstraint(
            ["fiscal_year", "district", "fund"],
            ["budgets.fiscal_year", "budgets.district", "budgets.fund"],
            name="ledger_budget",
        ),
        UniqueConstraint("cause", name="ledger_cause"),
        Index("ledger_by_budget", "fiscal_year", "district", "id"),
    )
    id: int | None = serial()
    fiscal_year: int
    district: str
    fund: str = Field(default=Fund.apbd_provinsi.value, sa_column_kwargs=_APBD)
    kind: str
    """`set`, `raised`, `lowered` and `moved` add up to the budget, `reserved` and `freed` to what is committed."""
    amount: int = Field(sa_type=BigInteger)
    """Rupiah, signed."""
    cause: str
    """What made this entry, e.g. `grant/<id>/reserved`: nothing makes two."""
    grant_id: UUID | None = Field(default=None, foreign_key="grants.id", index=True)
    other_district: str | None = None
    sub: str
    """Empty for what was there before the ledger."""
    at: datetime = Field(sa_type=UtcTime)
    note: str = ""


class ProgrammeVersion(Grants, table=True):
    """What the criteria of a fiscal year are from this version on. Version 1 is the default and has no row."""

    __tablename__ = "programmes"
    __table_args__ = (CheckConstraint("version > 1", name="programmes_version"),)
    fiscal_year: int = Field(primary_key=True)
    version: int = Field(primary_key=True)
    criteria: str = Field(sa_type=Text)
    """A programme as JSON."""
    sub: str
    at: datetime = Field(sa_type=UtcTime)
    reason: str


class Grant(Grants, table=True):
    """One grant: the request in force, where it stands, and which criteria it fails."""

    __tablename__ = "grants"
    __table_args__ = (
        UniqueConstraint("district", "grant_ref", name="grants_ref"),
        CheckConstraint("amount > 0", name="grants_amount"),
        _one_of("status", GrantStatus),
        _one_of("kind", GrantKind),
        _one_of("fund", Fund),
        Index("grants_by_district", "district", "id"),
        Index("grants_by_budget", "fiscal_year", "district"),
    )
    id: UUID = Field(primary_key=True)
    district: str
    grant_ref: str
    beneficiary_id: UUID = Field(foreign_key="beneficiaries.id", index=True)
    district_ref: str
    kind: str
    items: str = Field(sa_type=Text)
    """A JSON list of the contract's items."""
    amount: int = Field(sa_type=BigInteger)
    fiscal_year: int
    purpose: str
    desil: int | None = None
    requested_at: datetime = Field(sa_type=UtcTime)
    """With `event_id` and `source`: the rank of the request in force. The latest such event wins, or its like."""
    event_id: str
    source: str
    status: str = GrantStatus.requested.value
    failed: str = ""
    """Codes of the failed criteria, joined by blanks."""
    criteria_version: int = 0
    """Of the programme of its fiscal year that made the assessment."""
    version: int = Field(default=0, sa_type=BigInteger)
    """Of the newest fact about this grant."""
    fund: str = Field(default=Fund.apbd_provinsi.value, sa_column_kwargs=_APBD)
    """Which it is committed to, from the first approval on; before that nobody has chosen."""

    @property
    def mark(self) -> Mark:
        return _mark(self.requested_at, self.event_id, self.source)

    @property
    def item_list(self) -> tuple[Item, ...]:
        return _items.decode(self.items)

    def asks_like(self, data: GrantRequested) -> bool:
        """Is it the content in force?"""
        return data == GrantRequested(
            grant_ref=self.grant_ref,
            district_ref=self.district_ref,
            kind=GrantKind(self.kind),
            items=self.item_list,
            amount=self.amount,
            fiscal_year=self.fiscal_year,
            purpose=self.purpose,
            desil=self.desil,
        )


class Step(Grants, table=True):
    """What an officer did to a grant. Maker is never checker: the index says so too."""

    __tablename__ = "steps"
    __table_args__ = (
        _partial("steps_four_eyes", "grant_id", "sub", where="step IN ('verify', 'approve', 'disburse')", unique=True),
        _partial("steps_once", "grant_id", "step", where="step <> 'approve'", unique=True),
        CheckConstraint("step IN ('verify', 'approve', 'reject', 'disburse', 'cancel')", name="steps_step"),
    )
    id: int | None = serial()
    grant_id: UUID = Field(foreign_key="grants.id", index=True)
    step: str
    sub: str
    at: datetime = Field(sa_type=UtcTime)
    day: date
    """The day the step counts for: of a disbursement the one the treasurer names."""
    note: str
    """The officer's note or reason; of a disbursement its reference."""


class Batch(Grants, table=True):
    """A list of grants that was approved as one envelope."""

    __tablename__ = "batches"
    __table_args__ = (CheckConstraint("total > 0", name="batches_total"),)
    id: UUID = Field(primary_key=True)
    fiscal_year: int
    district: str
    total: int = Field(sa_type=BigInteger)
    sub: str
    at: datetime = Field(sa_type=UtcTime)
    note: str


class BatchGrant(Grants, table=True):
    """A line of a batch. A grant is approved once, so it is in one batch at most."""

    __tablename__ = "batch_grants"
    grant_id: UUID = Field(primary_key=True, foreign_key="grants.id")
    batch_id: UUID = Field(foreign_key="batches.id", index=True)
    place: int


class Outcome(Grants, table=True):
    """What came of training or marketing, as an officer put it on record; never altered, the newest is in force."""

    __tablename__ = "outcomes"
    __table_args__ = (
        CheckConstraint(
            "(planned IS NULL) = (attended IS NULL) AND (planned IS NULL) = (certificate IS NULL)",
            name="outcomes_training",
        ),
        CheckConstraint(
            "(venue IS NULL) = (sales IS NULL) AND (venue IS NULL) = (orders IS NULL)", name="outcomes_marketing"
        ),
        CheckConstraint("(planned IS NULL) <> (venue IS NULL)", name="outcomes_one_kind"),
        CheckConstraint("attended >= 0 AND attended <= planned AND planned > 0", name="outcomes_sessions"),
        CheckConstraint("sales >= 0 AND orders >= 0", name="outcomes_sales"),
        _one_of("certificate", Certificate, table="outcomes"),
        _one_of("venue", Venue, table="outcomes"),
    )
    id: int | None = serial()
    grant_id: UUID = Field(foreign_key="grants.id", index=True)
    sub: str
    at: datetime = Field(sa_type=UtcTime)
    day: date
    note: str
    planned: int | None = None
    attended: int | None = None
    certificate: str | None = None
    venue: str | None = None
    sales: int | None = Field(default=None, sa_type=BigInteger)
    """Rupiah."""
    orders: int | None = None


class Document(Grants, table=True):
    """A number that a letter of a grant was given, once and for good. Of a district, year and kind none is missing."""

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("grant_id", "kind", name="documents_once"),
        UniqueConstraint("district", "fiscal_year", "kind", "place", name="documents_number"),
        CheckConstraint("place >= 1", name="documents_place"),
        _one_of("kind", DocumentKind, table="documents"),
    )
    id: int | None = serial()
    grant_id: UUID = Field(foreign_key="grants.id")
    kind: str
    district: str
    fiscal_year: int
    """The grant's, when the number was given."""
    place: int
    sub: str
    at: datetime = Field(sa_type=UtcTime)


class Handover(Grants, table=True):
    """The evidence that aid reached the person. The witness is named in the BAST that the hash binds, and not here."""

    __tablename__ = "handovers"
    grant_id: UUID = Field(primary_key=True, foreign_key="grants.id")
    day: date
    received_by: str
    evidence_sha256: str
    assets: str = Field(sa_type=Text)
    """A JSON list of the contract's assets."""
    at: datetime = Field(sa_type=UtcTime)
    """With `event_id` and `source`: the rank of the handover in force. The earliest such event stands, or its like."""
    event_id: str
    source: str

    @property
    def mark(self) -> Mark:
        return _mark(self.at, self.event_id, self.source)

    @property
    def asset_list(self) -> tuple[SaidAsset, ...]:
        return _assets.decode(self.assets)

    def says_like(self, data: GrantHandedOver) -> bool:
        """Is it the handover in force? Its witness is not compared: the evidence names them."""
        kept = (self.day, self.received_by, self.evidence_sha256, self.asset_list)
        return kept == (data.on, data.received_by, data.evidence_sha256, data.assets)


class Asset(Grants, table=True):
    """A thing that a handover in force names, and in whose hands it is. One serial is never in two."""

    __tablename__ = "assets"
    __table_args__ = (
        _partial("assets_one_hand", "serial_key", where="status = 'held' AND serial_key <> ''", unique=True),
        _one_of("status", AssetStatus, table="assets"),
        _one_of("condition", Condition, table="assets"),
        CheckConstraint("(holder_id IS NULL) = (status IN ('returned', 'withdrawn'))", name="assets_holder"),
        Index("assets_by_district", "district", "id"),
    )
    id: UUID = Field(primary_key=True)
    grant_id: UUID = Field(foreign_key="grants.id", index=True)
    district: str
    """Of whoever has it."""
    name: str
    serial: str
    serial_key: str = Field(index=True)
    """By which serials are compared; empty where the serial says that there is none."""
    value: int | None = Field(default=None, sa_type=BigInteger)
    """Rupiah, where the request names an item like it."""
    status: str
    condition: str = Condition.good.value
    holder_id: UUID | None = Field(default=None, foreign_key="beneficiaries.id", index=True)


class AssetStep(Grants, table=True):
    """What an officer put on record about an asset; never altered."""

    __tablename__ = "asset_steps"
    __table_args__ = (
        CheckConstraint("step IN ('condition', 'repair', 'relocate', 'return')", name="asset_steps_step"),
        CheckConstraint("(cost IS NOT NULL) = (step = 'repair') AND coalesce(cost, 0) >= 0", name="asset_steps_cost"),
        CheckConstraint("(to_id IS NOT NULL) = (step = 'relocate')", name="asset_steps_to"),
    )
    id: int | None = serial()
    asset_id: UUID = Field(foreign_key="assets.id", index=True)
    step: str
    sub: str
    at: datetime = Field(sa_type=UtcTime)
    day: date
    condition: str
    cost: int | None = Field(default=None, sa_type=BigInteger)
    from_id: UUID | None = None
    to_id: UUID | None = None
    evidence_sha256: str | None = None
    note: str


class AssetNews(Grants, table=True):
    """The version of the last fact about the things of a grant.

    Without a foreign key: whoever writes it may not hold the grant's district, and must lock no row of `grants`.
    """

    __tablename__ = "asset_news"
    grant_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)


def _mark(moment: datetime, event_id: str, source: str) -> Mark:
    """The rank of an event by the columns that keep it; requests and handovers have no revisions."""
    return Mark(1, microseconds(moment), event_id, source)


def asked(data: GrantRequested, envelope: Envelope, beneficiary: UUID) -> dict[str, Any]:
    """The columns of a grant that its request fills."""
    return {
        "beneficiary_id": beneficiary,
        "district_ref": data.district_ref,
        "kind": data.kind.value,
        "items": msgspec.json.encode(data.items).decode(),
        "amount": data.amount,
        "fiscal_year": data.fiscal_year,
        "purpose": data.purpose,
        "desil": data.desil,
        "requested_at": envelope.time,
        "event_id": envelope.id,
        "source": envelope.source,
    }


def said(data: GrantHandedOver, envelope: Envelope) -> dict[str, Any]:
    """The columns of a handover that its event fills."""
    return {
        "day": data.on,
        "received_by": data.received_by,
        "evidence_sha256": data.evidence_sha256,
        "assets": msgspec.json.encode(data.assets).decode(),
        "at": envelope.time,
        "event_id": envelope.id,
        "source": envelope.source,
    }


METADATA = Grants.metadata
