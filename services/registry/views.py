"""What may be seen of the registry. Of a NIK that is its last four digits, and nothing else ever."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.aliases import aliases_of
from services.registry.consents import history, of_person, statements_of
from services.registry.decisions import Person
from services.registry.keys import NikKeys
from services.registry.life import Standing, steps
from services.registry.lives import past_of
from services.registry.rules import PPKS_GROUPS
from services.registry.tables import PERSON, person_of
from shared.events.district import Disability, Ppks, PpksGroup, Sex, Status
from shared.shapes import STORABLE


class View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ConsentGiven(View):
    by: Literal["self", "guardian"]
    form: Literal["written", "recorded", "braille", "sign_language", "easy_read"]
    on: date


class Beneficiary(View):
    """A person as the record in force has them."""

    beneficiary_id: UUID
    alias_of: UUID | None = Field(
        description="The record that stands for all those an officer decided to be the same person; null if it is this."
    )
    district: str = Field(examples=["3522"])
    district_ref: str = Field(description="The district's own number for the person.", examples=["W-0001"])
    revision: int = Field(description="Of the record in force.", examples=[3])
    recorded_at: datetime = Field(description="The time of the event that brought the record in force.")
    name: str | None = Field(
        description="Null since consent was withdrawn, as `birth_date` and the NIK.", examples=["Siti Contoh"]
    )
    sex: Sex
    birth_date: date | None
    nik_last_four: str | None = Field(description="Null when no NIK is on record.", examples=["0001"])
    ppks: Ppks
    ppks_group: PpksGroup = Field(description="All that other services learn of the category.")
    disabilities: tuple[Disability, ...]
    status: Status
    unit: str | None = Field(description="The UPT.")
    skills: tuple[str, ...] = Field(examples=[["sewing", "handicraft"]])
    leaves_unit_on: date | None
    consent: ConsentGiven = Field(description="Of the record in force.")
    consent_withdrawn_on: date | None


class ConsentStep(View):
    """What a record said of consent. `given` false is a withdrawal, or a refusal from the start."""

    given: bool
    by: Literal["self", "guardian"]
    form: Literal["written", "recorded", "braille", "sign_language", "easy_read"]
    on: date
    revision: int
    event_id: str
    source: str = Field(examples=["/district/3522/office"])


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
    """A person with the steps of their life, and what was said of their consent, by revision."""

    history: list[Transition]
    consents: list[ConsentStep]


class Wanted(BaseModel):
    """Whom a list is to show: all that is given must hold. `name`: each of its words is in the name, in any case."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    district: str | None = Field(default=None, pattern=r"^[0-9]{4}$", examples=["3522"])
    status: Status | None = None
    skill: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["sewing"])
    ppks_group: PpksGroup | None = None
    unit: str | None = Field(
        default=None, max_length=200, pattern=STORABLE, description="The UPT, as written in the record."
    )
    name: str | None = Field(default=None, min_length=2, max_length=200, pattern=STORABLE, examples=["siti"])


Sort = Literal["id", "name", "-name", "birth_date", "-birth_date", "recorded_at", "-recorded_at"]


class BeneficiaryPage(View):
    items: list[Beneficiary]
    total: int = Field(description="Of all pages, as they are now.")
    next: UUID | None = Field(description="Give it as `after` to read on; null at the end.")


async def read_beneficiaries(
    session: AsyncSession, keys: NikKeys, wanted: Wanted, *, sort: Sort = "id", after: UUID | None, limit: int
) -> BeneficiaryPage:
    """Up to `limit` people from the one after `after`, who may have moved in the order meanwhile."""
    total = await count_beneficiaries(session, wanted)
    items, following = await read_some(session, keys, wanted, sort=sort, after=after, limit=limit)
    return BeneficiaryPage(items=items, total=total, next=following)


async def count_beneficiaries(session: AsyncSession, wanted: Wanted) -> int:
    return await session.scalar(select(func.count()).select_from(PERSON).where(*_which(wanted))) or 0


async def read_some(
    session: AsyncSession, keys: NikKeys, wanted: Wanted, *, sort: Sort, after: UUID | None, limit: int
) -> tuple[list[Beneficiary], UUID | None]:
    """A page without its total, and what to give as `after` to read on."""
    beyond = _beyond(sort, after, wanted.district)
    query = select(PERSON).where(*_which(wanted), *beyond).order_by(*_order(sort)).limit(limit + 1)
    rows = (await session.execute(query)).all()
    items = await _views(session, keys, map(person_of, rows[:limit]))
    return items, items[-1].beneficiary_id if len(rows) > limit else None


def _which(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.district is not None:
        found.append(PERSON.c.district == wanted.district)
    if wanted.status is not None:
        found.append(PERSON.c.status == wanted.status.value)
    if wanted.skill is not None:
        found.append((" " + PERSON.c.skills + " ").contains(f" {wanted.skill} ", autoescape=True))
    if wanted.ppks_group is not None:
        slugs = [slug.value for slug, group in PPKS_GROUPS.items() if group is wanted.ppks_group]
        found.append(PERSON.c.ppks.in_(slugs))
    if wanted.unit is not None:
        found.append(PERSON.c.unit == wanted.unit)
    words = (wanted.name or "").lower().split()
    return [*found, *(func.lower(PERSON.c.name).contains(word, autoescape=True) for word in words)]


def _order(sort: Sort) -> list[ColumnElement[Any]]:
    column = _SORTED[sort.removeprefix("-")]
    return [column.desc() if sort.startswith("-") else column.asc(), PERSON.c.beneficiary_id.asc()]


def _beyond(sort: Sort, after: UUID | None, district: str | None) -> list[ColumnElement[bool]]:
    """What comes after this person in the order: so the cursor is an id whatever the order, and holds no name.

    Nothing comes after somebody of another district: or their name could be guessed by who does.
    """
    if after is None:
        return []
    column, who = _SORTED[sort.removeprefix("-")], PERSON.c.beneficiary_id
    if column is who:
        return [who < after if sort.startswith("-") else who > after]
    last = select(column).where(who == after, *_which(Wanted(district=district))).scalar_subquery()
    beyond = column < last if sort.startswith("-") else column > last
    return [or_(beyond, and_(column == last, who > after))]


_SORTED: Mapping[str, ColumnElement[Any]] = {
    "id": PERSON.c.beneficiary_id,
    "name": func.lower(PERSON.c.name),
    "birth_date": PERSON.c.birth_date,
    "recorded_at": PERSON.c.event_time,
}


async def read_beneficiary(session: AsyncSession, keys: NikKeys, beneficiary_id: UUID) -> WholeBeneficiary | None:
    found = await session.execute(select(PERSON).where(PERSON.c.beneficiary_id == beneficiary_id))
    if (row := found.first()) is None:
        return None
    person = person_of(row)
    past = (await past_of(session, [beneficiary_id])).get(beneficiary_id, {})
    (known,) = await _views(session, keys, [person])
    said = [*await statements_of(session, [beneficiary_id]), of_person(person)]
    return WholeBeneficiary(
        **dict(known),
        history=_history([*past.values(), person.standing("")]),
        consents=[
            ConsentStep(**{name: getattr(one, name) for name in ConsentStep.model_fields}) for one in history(said)
        ],
    )


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


async def read_people(session: AsyncSession, keys: NikKeys, ids: Iterable[UUID]) -> dict[UUID, Beneficiary]:
    found = await session.execute(select(PERSON).where(PERSON.c.beneficiary_id.in_(sorted(ids))))
    return {view.beneficiary_id: view for view in await _views(session, keys, map(person_of, found))}


async def _views(session: AsyncSession, keys: NikKeys, people: Iterable[Person]) -> list[Beneficiary]:
    """Each with whom they are an alias of, in the order given."""
    found = list(people)
    aliases = await aliases_of(session, [person.beneficiary_id for person in found])
    return [view_of(person, keys, aliases.get(person.beneficiary_id)) for person in found]


def view_of(person: Person, keys: NikKeys, alias_of: UUID | None = None) -> Beneficiary:
    record = person.record
    consent = record.consent
    return Beneficiary(
        beneficiary_id=person.beneficiary_id,
        alias_of=alias_of,
        district=person.district,
        district_ref=record.district_ref,
        revision=record.revision,
        recorded_at=person.event_time,
        name=record.name or None,
        sex=record.sex,
        birth_date=None if person.withdrawn_on else record.birth_date,
        nik_last_four=keys.last_four(person.nik_sealed, person.beneficiary_id) if person.nik_sealed else None,
        ppks=record.ppks,
        ppks_group=PPKS_GROUPS[record.ppks],
        disabilities=record.disabilities,
        status=record.status,
        unit=record.unit,
        skills=record.skills,
        leaves_unit_on=record.leaves_unit_on,
        consent=ConsentGiven(by=consent.by, form=consent.form, on=consent.on),
        consent_withdrawn_on=person.withdrawn_on,
    )
