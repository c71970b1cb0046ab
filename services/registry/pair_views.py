"""What may be seen of suspected pairs, and of the crowds that nobody compares two by two."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.keys import NikKeys
from services.registry.likeness import THRESHOLD
from services.registry.pairs import CROWD, Because, State
from services.registry.tables import DUPLICATE, DUPLICATE_STEP, PERSON, person_of
from services.registry.views import Beneficiary, View, read_people, view_of
from shared.events.district import Sex


class DuplicateStep(View):
    """What an officer did about a pair."""

    step: Literal["same", "different", "undone"]
    by: str
    at: datetime
    reason: str


class Duplicate(View):
    """Two records that may be one person."""

    duplicate_id: UUID
    because: Because = Field(description="Only same_nik keeps both from equipment and cash until it is decided.")
    score: int | None = Field(description=f"Of 100, for similar; suspected from {THRESHOLD}.", examples=[94])
    reasons: list[str] = Field(
        description="What the score is for; `nik_of_many`: a NIK of a crowd.",
        examples=[["name_alike", "birth_date_same", "sex_same"]],
    )
    state: State = Field(description="withdrawn: a correction took the ground of the suspicion away.")
    people: tuple[Beneficiary, Beneficiary]
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    history: list[DuplicateStep] = Field(description="Every decision, and every one that was undone.")


class Crowd(View):
    """More people than anybody could compare two by two: a placeholder, or a common name."""

    code: Literal["nik_of_many", "birth_date_of_many", "name_of_many"]
    people: int
    nik_last_four: str | None = None
    birth_date: date | None = None
    sex: Sex | None = None
    name: str | None = Field(default=None, description="As one of them is written.")
    birth_year: int | None = None


class Crowds(View):
    items: list[Crowd]
    limit: int = Field(description="A crowd is more than these.")


class DuplicatePage(View):
    items: list[Duplicate]
    next: UUID | None = Field(description="Give it as `after` to read on; null at the end.")


async def read_duplicates(
    session: AsyncSession, keys: NikKeys, *, state: State, because: Because | None, after: UUID | None, limit: int
) -> DuplicatePage:
    """Up to `limit` suspicions in the order of their ids."""
    query = select(DUPLICATE).where(DUPLICATE.c.state == state).order_by(DUPLICATE.c.duplicate_id).limit(limit + 1)
    if because is not None:
        query = query.where(DUPLICATE.c.because == because)
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
    people = await read_people(session, keys, {who for row in rows for who in (row.first_id, row.second_id)})
    history = await _decisions(session, [row.duplicate_id for row in rows])
    return [
        Duplicate(
            duplicate_id=row.duplicate_id,
            because=row.because,
            score=row.score,
            reasons=row.reasons.split(),
            state=row.state,
            people=(people[row.first_id], people[row.second_id]),
            decided_by=row.decided_by,
            decided_at=row.decided_at,
            reason=row.reason,
            history=history[row.duplicate_id],
        )
        for row in rows
    ]


async def _decisions(session: AsyncSession, pairs: Sequence[UUID]) -> Mapping[UUID, list[DuplicateStep]]:
    found: dict[UUID, list[DuplicateStep]] = defaultdict(list)
    steps = DUPLICATE_STEP
    for row in await session.execute(
        select(steps).where(steps.c.duplicate_id.in_(pairs)).order_by(steps.c.duplicate_id, steps.c.version)
    ):
        found[row.duplicate_id].append(DuplicateStep(step=row.step, by=row.by, at=row.at, reason=row.reason))
    return found


async def read_crowds(session: AsyncSession, keys: NikKeys) -> Crowds:
    """Whom nobody compares two by two, the largest first."""
    items: list[Crowd] = []
    for column in (PERSON.c.nik_token, PERSON.c.born_block, PERSON.c.name_block):
        one = func.min(PERSON.c.district_ref)
        groups = await session.execute(
            select(column, func.count(), one).where(column.is_not(None)).group_by(column).having(func.count() > CROWD)
        )
        for value, size, ref in groups.all():
            found = await session.execute(select(PERSON).where(column == value, PERSON.c.district_ref == ref).limit(1))
            items.append(_crowd(column.key, size, view_of(person_of(found.one()), keys)))
    return Crowds(items=sorted(items, key=lambda item: -item.people), limit=CROWD)


def _crowd(column: str, size: int, one: Beneficiary) -> Crowd:
    if column == "nik_token":
        return Crowd(code="nik_of_many", people=size, nik_last_four=one.nik_last_four)
    if column == "born_block":
        return Crowd(code="birth_date_of_many", people=size, birth_date=one.birth_date, sex=one.sex)
    assert one.birth_date is not None, "who withdrew consent shares a block with nobody"
    return Crowd(code="name_of_many", people=size, name=one.name, birth_year=one.birth_date.year)
