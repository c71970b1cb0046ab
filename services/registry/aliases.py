"""Which records stand for one person, because officers decided so."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.tables import DUPLICATE
from shared.aliases import first_of, groups


async def aliases_of(session: AsyncSession, people: Collection[UUID]) -> Mapping[UUID, UUID]:
    """For whom of these another record stands, that one."""
    found = {who: first_of(group) for who, group in (await same_as(session, people)).items()}
    return {who: first for who, first in found.items() if first != who}


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
