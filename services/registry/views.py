"""What may be seen of the registry. Of a NIK that is its last four digits, and nothing else ever."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.decisions import Person, State
from services.registry.keys import NikKeys
from services.registry.life import Standing, steps
from services.registry.lives import past_of
from services.registry.proof import prove
from services.registry.rules import PPKS_GROUPS
from services.registry.tables import DUPLICATE, PERSON, person_of
from shared.events.district import Disability, Ppks, PpksGroup, Sex, Status
from shared.security import Caller


class View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ConsentGiven(View):
    by: Literal["self", "guardian"]
    form: Literal["written", "recorded", "braille", "sign_language", "easy_read"]
    on: date


class Beneficiary(View):
    """A person as the record in force has them."""

    beneficiary_id: UUID
    district: str = Field(examples=["3522"])
    district_ref: str = Field(description="The district's own number for the person.", examples=["W-0001"])
    revision: int = Field(description="Of the record in force.", examples=[3])
    recorded_at: datetime = Field(description="The time of the event that brought the record in force.")
    name: str = Field(examples=["Siti Contoh"])
    sex: Sex
    birth_date: date
    nik_last_four: str | None = Field(description="Null when no NIK is on record.", examples=["0001"])
    ppks: Ppks
    ppks_group: PpksGroup = Field(description="All that other services learn of the category.")
    disabilities: tuple[Disability, ...]
    status: Status
    unit: str | None = Field(description="The UPT.")
    skills: tuple[str, ...] = Field(examples=[["sewing", "handicraft"]])
    leaves_unit_on: date | None
    consent: ConsentGiven


class Transition(View):
    """A change of status. `on` is the time of the event, `revision` the first that has the new status."""

    from_: Status | None = Field(
        serialization_alias="from", description="Null for the first that is known of the person."
    )
    to: Status
    on: datetime
    revision: int
    event_id: str
    source: str = Field(examples=["/district/3522/office"])
    unusual: bool = Field(description="Not a step of the usual life; its receipt warns `unusual_transition`.")


class WholeBeneficiary(Beneficiary):
    """A person with the steps of their life, by revision."""

    history: list[Transition]


class BeneficiaryPage(View):
    items: list[Beneficiary]
    next: UUID | None = Field(description="Give it as `after` to read on; null at the end.")


class Known(View):
    """Whether a NIK is on record. Whether its holder was helped, the grants service knows by `beneficiary_ids`."""

    known: bool
    districts: list[str] = Field(description="Every district that has the NIK on record.", examples=[["3522"]])
    beneficiary_ids: list[UUID] = Field(
        description="Of the own district; for the province, of all. Ask the grants service about these."
    )


class Duplicate(View):
    """Two records that may be one person."""

    duplicate_id: UUID
    because: Literal["same_nik"] = "same_nik"
    state: State = Field(description="withdrawn: a correction took the ground of the suspicion away.")
    people: tuple[Beneficiary, Beneficiary]
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


class DuplicatePage(View):
    items: list[Duplicate]
    next: UUID | None = Field(description="Give it as `after` to read on; null at the end.")


async def read_beneficiaries(
    session: AsyncSession,
    keys: NikKeys,
    *,
    district: str | None,
    status: Status | None,
    skill: str | None,
    after: UUID | None,
    limit: int,
) -> BeneficiaryPage:
    """Up to `limit` people in the order of their ids; `skill` is a slug."""
    query = select(PERSON).order_by(PERSON.c.beneficiary_id).limit(limit + 1)
    if district is not None:
        query = query.where(PERSON.c.district == district)
    if status is not None:
        query = query.where(PERSON.c.status == status.value)
    if skill is not None:
        query = query.where((" " + PERSON.c.skills + " ").contains(f" {skill} ", autoescape=True))
    if after is not None:
        query = query.where(PERSON.c.beneficiary_id > after)
    items = [_beneficiary(person_of(row), keys) for row in await session.execute(query)]
    return BeneficiaryPage(items=items[:limit], next=items[limit - 1].beneficiary_id if len(items) > limit else None)


async def read_beneficiary(session: AsyncSession, keys: NikKeys, beneficiary_id: UUID) -> WholeBeneficiary | None:
    found = await session.execute(select(PERSON).where(PERSON.c.beneficiary_id == beneficiary_id))
    if (row := found.first()) is None:
        return None
    person = person_of(row)
    past = (await past_of(session, [beneficiary_id])).get(beneficiary_id, {})
    known = _beneficiary(person, keys)
    return WholeBeneficiary(**dict(known), history=_history([*past.values(), person.standing("")]))


def _history(standings: Iterable[Standing]) -> list[Transition]:
    return [
        Transition(
            from_=before,
            to=now.status,
            on=now.event_time,
            revision=now.revision,
            event_id=now.event_id,
            source=now.source,
            unusual=unusual,
        )
        for before, now, unusual in steps(standings)
    ]


async def look_up(session: AsyncSession, keys: NikKeys, who: Caller, nik: str) -> Known:
    """Compared by token: the NIK asked for is neither stored nor logged. Raises WrongSecret before it would lie."""
    await prove(session, keys)
    found = await session.execute(
        select(PERSON.c.district, PERSON.c.beneficiary_id)
        .where(PERSON.c.nik_token == keys.token(nik))
        .order_by(PERSON.c.district, PERSON.c.beneficiary_id)
    )
    holders = found.all()
    return Known(
        known=bool(holders),
        districts=list(dict.fromkeys(row.district for row in holders)),
        beneficiary_ids=[row.beneficiary_id for row in holders if who.sees(row.district)],
    )


async def read_duplicates(
    session: AsyncSession, keys: NikKeys, *, state: State, after: UUID | None, limit: int
) -> DuplicatePage:
    """Up to `limit` suspicions in the order of their ids."""
    query = select(DUPLICATE).where(DUPLICATE.c.state == state).order_by(DUPLICATE.c.duplicate_id).limit(limit + 1)
    if after is not None:
        query = query.where(DUPLICATE.c.duplicate_id > after)
    rows = (await session.execute(query)).all()
    items = await _duplicates(session, keys, rows[:limit])
    return DuplicatePage(items=items, next=items[-1].duplicate_id if len(rows) > limit else None)


async def read_duplicate(session: AsyncSession, keys: NikKeys, duplicate_id: UUID) -> Duplicate:
    """One that is known to exist."""
    found = await session.execute(select(DUPLICATE).where(DUPLICATE.c.duplicate_id == duplicate_id))
    return (await _duplicates(session, keys, [found.one()]))[0]


async def _duplicates(session: AsyncSession, keys: NikKeys, rows: Sequence[Row[Any]]) -> list[Duplicate]:
    people = await _people(session, keys, {who for row in rows for who in (row.first_id, row.second_id)})
    return [
        Duplicate(
            duplicate_id=row.duplicate_id,
            state=row.state,
            people=(people[row.first_id], people[row.second_id]),
            decided_by=row.decided_by,
            decided_at=row.decided_at,
            reason=row.reason,
        )
        for row in rows
    ]


async def _people(session: AsyncSession, keys: NikKeys, ids: Iterable[UUID]) -> dict[UUID, Beneficiary]:
    found = await session.execute(select(PERSON).where(PERSON.c.beneficiary_id.in_(sorted(ids))))
    return {row.beneficiary_id: _beneficiary(person_of(row), keys) for row in found}


def _beneficiary(person: Person, keys: NikKeys) -> Beneficiary:
    record = person.record
    consent = record.consent
    return Beneficiary(
        beneficiary_id=person.beneficiary_id,
        district=person.district,
        district_ref=record.district_ref,
        revision=record.revision,
        recorded_at=person.event_time,
        name=record.name,
        sex=record.sex,
        birth_date=record.birth_date,
        nik_last_four=keys.last_four(person.nik_sealed, person.beneficiary_id) if person.nik_sealed else None,
        ppks=record.ppks,
        ppks_group=PPKS_GROUPS[record.ppks],
        disabilities=record.disabilities,
        status=record.status,
        unit=record.unit,
        skills=record.skills,
        leaves_unit_on=record.leaves_unit_on,
        consent=ConsentGiven(by=consent.by, form=consent.form, on=consent.on),
    )
