"""Who exists, and which two may be one. Names, birth dates and sealed NIKs are in these rows and in no other place."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, Integer, Row, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.registry.decisions import BIRTH_YEARS, Person
from services.registry.life import Standing
from services.registry.pairs import Decided, Suspicion
from shared.database import UtcTime
from shared.events.district import BeneficiaryRecorded, Consent, Disability, Ppks, Sex, Status
from shared.tables import serial


class Registry(SQLModel, registry=registry()):
    """A base of its own: SQLModel's default metadata is global and would mix the services' tables."""


def _one_of(column: str, values: type[StrEnum], table: str = "person") -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(item.value) for item in values)})", name=f"{table}_{column}")


class PersonRow(Registry, table=True):
    """One person, as the record in force has them."""

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("district", "district_ref", name="person_ref"),
        Index("person_page", "district", "beneficiary_id"),
        CheckConstraint("revision >= 1", name="person_revision"),
        CheckConstraint("version >= 1", name="person_version"),
        CheckConstraint("(nik_token IS NULL) = (nik_sealed IS NULL)", name="person_nik"),
        CheckConstraint(
            f"birth_date >= '{BIRTH_YEARS[0]}-01-01' AND birth_date <= '{BIRTH_YEARS[-1]}-12-31'", name="person_birth"
        ),
        _one_of("sex", Sex),
        _one_of("status", Status),
    )
    beneficiary_id: UUID = Field(primary_key=True)
    district: str
    district_ref: str
    revision: int
    event_time: datetime = Field(sa_type=UtcTime)
    """With `revision`, `event_id` and `source`: the rank of the record in force."""
    event_id: str
    source: str
    version: int
    """Of the newest fact about this person."""
    name: str
    sex: str
    birth_date: date
    nik_token: str | None = Field(default=None, index=True)
    """Keyed: what two NIKs are compared by."""
    nik_sealed: str | None = None
    """Encrypted, for its last four digits."""
    born_block: str | None = Field(default=None, index=True)
    """Keyed, as `name_block`: who shares one is compared with. Null only until the registry starts anew."""
    name_block: str | None = Field(default=None, index=True)
    ppks: str
    disabilities: str
    """Slugs, joined by blanks; `skills` likewise."""
    status: str
    unit: str | None = None
    skills: str
    leaves_unit_on: date | None = None
    consent_by: str
    consent_form: str
    consent_on: date
    withdrawn_on: date | None = None
    """When consent was withdrawn: name, NIK and day of birth are not kept since."""
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcTime)
    """When the district said so."""
    content: str | None = None
    """Keyed: what the record said before these went, to know it again."""


class ConsentRow(Registry, table=True):
    """What an event said of consent, where there is more than the person's row says; withdrawals also of people who
    are not known."""

    __tablename__ = "consent"
    beneficiary_id: UUID = Field(primary_key=True)
    revision: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    event_time: datetime = Field(sa_type=UtcTime)
    event_id: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    given: bool
    given_by: str
    form: str
    said_on: date


class StandingRow(Registry, table=True):
    """The status that a person had by a revision below the one in force; of nearly everybody there is none."""

    __tablename__ = "standing"
    __table_args__ = (
        CheckConstraint("revision >= 1", name="standing_revision"),
        _one_of("status", Status, "standing"),
    )
    beneficiary_id: UUID = Field(primary_key=True, foreign_key="person.beneficiary_id")
    revision: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    status: str
    event_time: datetime = Field(sa_type=UtcTime)
    event_id: str
    source: str
    content: str
    """Keyed: equal where two records say the same, and gives neither away."""


class DuplicateRow(Registry, table=True):
    """That two people may be one. Never deleted: a human's decision outlives its ground, until it is undone."""

    __tablename__ = "duplicate"
    __table_args__ = (
        UniqueConstraint("first_id", "second_id", name="duplicate_pair"),
        CheckConstraint("first_id < second_id", name="duplicate_sorted"),
        CheckConstraint("version >= 1", name="duplicate_version"),
        CheckConstraint("state IN ('open', 'same', 'different', 'withdrawn')", name="duplicate_state"),
        CheckConstraint(
            "(state IN ('same', 'different')) = (decided_by IS NOT NULL)"
            " AND (decided_by IS NULL) = (decided_at IS NULL) AND (decided_by IS NULL) = (reason IS NULL)",
            name="duplicate_decision",
        ),
        CheckConstraint(
            "because IN ('same_nik', 'similar') AND (because = 'similar') = (score IS NOT NULL)"
            " AND (score IS NULL OR score BETWEEN 0 AND 100)",
            name="duplicate_because",
        ),
        Index("duplicate_page", "state", "duplicate_id"),
    )
    duplicate_id: UUID = Field(primary_key=True)
    first_id: UUID = Field(foreign_key="person.beneficiary_id")
    second_id: UUID = Field(foreign_key="person.beneficiary_id", index=True)
    state: str
    version: int
    """Of the newest fact about this pair."""
    because: str
    score: int | None = None
    """Of 100, for those who are similar."""
    reasons: str
    """Codes, joined by blanks."""
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_type=UtcTime)
    reason: str | None = None


class DuplicateStepRow(Registry, table=True):
    """What humans decided of a pair, and undid."""

    __tablename__ = "duplicate_step"
    __table_args__ = (
        CheckConstraint("version >= 2", name="duplicate_step_version"),
        CheckConstraint("step IN ('same', 'different', 'undone')", name="duplicate_step_step"),
    )
    duplicate_id: UUID = Field(primary_key=True, foreign_key="duplicate.duplicate_id")
    version: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    """That the pair came to by this."""
    step: str
    by: str
    at: datetime = Field(sa_type=UtcTime)
    reason: str


class AidRow(Registry, table=True):
    """View: what became of a grant, as the facts of the grants service say; also of people not known here yet."""

    __tablename__ = "aid"
    __table_args__ = (CheckConstraint("state IN ('given', 'in_progress', 'none')", name="aid_state"),)
    grant_id: UUID = Field(primary_key=True)
    beneficiary_id: UUID = Field(index=True)
    kind: str
    fiscal_year: int
    state: str
    version: int
    """Of the newest fact about this grant."""


class AccessRow(Registry, table=True):
    """Who looked at whom. Written once, never changed."""

    __tablename__ = "access_trail"
    __table_args__ = (
        CheckConstraint("what IN ('lookup', 'export')", name="access_what"),
        Index("access_of", "sub", "what", "at"),
    )
    access_id: int | None = serial()
    at: datetime = Field(sa_type=UtcTime)
    sub: str
    role: str
    district: str | None = None
    what: str
    about: str
    """Of a lookup the keyed token of the NIK; of an export its filters."""
    result: str


class NikKeyRow(Registry, table=True):
    """Which key the NIKs here were stored with. The key itself is a file, never a row."""

    __tablename__ = "nik_key"
    __table_args__ = (CheckConstraint("one = 1", name="nik_key_one"),)
    one: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    fingerprint: str


METADATA = Registry.metadata
PERSON = METADATA.tables["person"]
CONSENT = METADATA.tables["consent"]
STANDING = METADATA.tables["standing"]
DUPLICATE = METADATA.tables["duplicate"]
DUPLICATE_STEP = METADATA.tables["duplicate_step"]
AID = METADATA.tables["aid"]
ACCESS = METADATA.tables["access_trail"]

PERSON_COLUMNS = {
    "beneficiary_id": "uuid",
    "district": "text",
    "district_ref": "text",
    "revision": "int",
    "event_time": "timestamptz",
    "event_id": "text",
    "source": "text",
    "version": "int",
    "name": "text",
    "sex": "text",
    "birth_date": "date",
    "nik_token": "text",
    "nik_sealed": "text",
    "born_block": "text",
    "name_block": "text",
    "ppks": "text",
    "disabilities": "text",
    "status": "text",
    "unit": "text",
    "skills": "text",
    "leaves_unit_on": "date",
    "consent_by": "text",
    "consent_form": "text",
    "consent_on": "date",
    "withdrawn_on": "date",
    "withdrawn_at": "timestamptz",
    "content": "text",
}
"""Their PostgreSQL types, in the order of `person_values`."""


def person_values(person: Person) -> tuple[Any, ...]:
    record = person.record
    return (
        person.beneficiary_id,
        person.district,
        record.district_ref,
        record.revision,
        person.event_time,
        person.event_id,
        person.source,
        person.version,
        record.name,
        record.sex.value,
        record.birth_date,
        person.nik_token,
        person.nik_sealed,
        person.born_block,
        person.name_block,
        record.ppks.value,
        " ".join(record.disabilities),
        record.status.value,
        record.unit,
        " ".join(record.skills),
        record.leaves_unit_on,
        record.consent.by,
        record.consent.form,
        record.consent.on,
        person.withdrawn_on,
        person.withdrawn_at,
        person.content,
    )


def person_of(row: Row[Any]) -> Person:
    """The person of a row of `PERSON`; inverse of `person_values`."""
    record = BeneficiaryRecorded(
        district_ref=row.district_ref,
        revision=row.revision,
        name=row.name,
        sex=Sex(row.sex),
        birth_date=row.birth_date,
        nik=None,
        ppks=Ppks(row.ppks),
        disabilities=tuple(map(Disability, row.disabilities.split())),
        status=Status(row.status),
        unit=row.unit,
        skills=tuple(row.skills.split()),
        consent=Consent(given=True, by=row.consent_by, form=row.consent_form, on=row.consent_on),
        leaves_unit_on=row.leaves_unit_on,
    )
    return Person(
        beneficiary_id=row.beneficiary_id,
        district=row.district,
        record=record,
        nik_token=row.nik_token,
        nik_sealed=row.nik_sealed,
        born_block=row.born_block,
        name_block=row.name_block,
        event_time=row.event_time,
        event_id=row.event_id,
        source=row.source,
        version=row.version,
        withdrawn_on=row.withdrawn_on,
        withdrawn_at=row.withdrawn_at,
        content=row.content,
    )


def standing_of(row: Row[Any]) -> Standing:
    return Standing(row.revision, Status(row.status), row.event_time, row.event_id, row.source, row.content)


def suspicion_of(row: Row[Any], different: Decided | None = None) -> Suspicion:
    """`different`: where a human called the pair so and did not take it back."""
    return Suspicion(
        duplicate_id=row.duplicate_id,
        people=(row.first_id, row.second_id),
        state=row.state,
        version=row.version,
        because=row.because,
        score=row.score,
        reasons=tuple(row.reasons.split()),
        different=different,
    )
