"""Which records stand for one person, because officers decided so."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.tables import DUPLICATE, PERSON
from shared.aliases import groups, stands_for


async def aliases_of(session: AsyncSession, people: Collection[UUID]) -> Mapping[UUID, UUID]:
    """For whom of these another record stands, that one."""
    same = await same_as(session, people)
    records = {record for group in same.values() for record in group}
    found = await session.execute(
        select(PERSON.c.beneficiary_id, PERSON.c.status).where(PERSON.c.beneficiary_id.in_(records))
    )
    statuses = {row.beneficiary_id: row.status for row in found}
    standing = {who: stands_for({record: statuses[record] for record in group}) for who, group in same.items()}
    return {who: other for who, other in standing.items() if other != who}


async def same_as(session: AsyncSession, people: Collection[UUID]) -> Mapping[UUID, frozenset[UUID]]:
    """Of each of these people all records that are the same person; who is on record once is left out."""

    async def pairs_of(some: Collection[UUID]) -> Iterable[tuple[UUID, UUID]]:
        found = await session.execute(
            select(DUPLICATE.c.first_id, DUPLICATE.c.second_id).where(
                DUPLICATE.c.state == "same", or_(DUPLICATE.c.first_id.in_(some), DUPLICATE.c.second_id.in_(some))
            )
        )
        return [(first, second) for first, second in found]

    return await groups(people, pairs_of)
