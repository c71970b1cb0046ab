"""Which records stand for one person, because officers decided so: also over several pairs."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.tables import DUPLICATE


async def aliases_of(session: AsyncSession, people: Collection[UUID]) -> Mapping[UUID, UUID]:
    """For whom of these another record stands, that one: the first by its id's text of all who are the same."""
    same: dict[UUID, set[UUID]] = defaultdict(set)
    new = set(people)
    while new:
        found = await session.execute(
            select(DUPLICATE.c.first_id, DUPLICATE.c.second_id).where(
                DUPLICATE.c.state == "same", or_(DUPLICATE.c.first_id.in_(new), DUPLICATE.c.second_id.in_(new))
            )
        )
        known = set(same)
        for first, second in found:
            same[first].add(second)
            same[second].add(first)
        new = set(same) - known - set(people)
    firsts = {who: min(_all_of(who, same), key=str) for who in people if who in same}
    return {who: first for who, first in firsts.items() if first != who}


def _all_of(who: UUID, same: Mapping[UUID, Collection[UUID]]) -> set[UUID]:
    found, left = {who}, [who]
    while left:
        others = set(same[left.pop()]) - found
        found |= others
        left += others
    return found
